"""LLaVA-Bench: the rule-based judge, on contexts and answers written by hand, and on what the storyteller says and makes up."""

from __future__ import annotations

import random

import pytest

from llava_mini.bench import prompt, rules
from llava_mini.bench.asked import Asked, asked, said
from llava_mini.bench.scores import parse
from llava_mini.bench.weighing import content, salient, weigh
from llava_mini.errors import InputError
from llava_mini.instruct.reading import read

BEACH = """A small red dog, a big yellow umbrella and two small green balls on the beach on a sunny day.
A red dog and a green ball on the left and a yellow umbrella on the right.
A red dog to the left of a yellow umbrella.
A dog, an umbrella and two balls on the beach.
A picture of a red dog and a green ball.

dog: [0.05, 0.7, 0.25, 0.9]
umbrella: [0.65, 0.5, 0.95, 0.85]
sports ball: [0.3, 0.85, 0.38, 0.95]
sports ball: [0.45, 0.85, 0.55, 0.95]"""
PHOTO = """A man riding a wave on top of a surfboard.
A surfer in a black wetsuit rides a wave.
A man on a surfboard in the ocean.

person: [0.4, 0.3, 0.6, 0.7]
surfboard: [0.35, 0.6, 0.7, 0.75]"""


def test_it_read_the_context():
    """Guards against a fixture that no longer is in the storybook's manner, so that the tests below test something else."""
    assert read(BEACH).told and not read(PHOTO).told


@pytest.mark.parametrize("question, aspect, right", [
    ("What colour is the dog?", "colour", "red"), ("Can you tell me the colour of the umbrella?", "colour", "yellow"), ("Which colour do the balls have?", "colour", "green"),
    ("How many balls are there?", "count", "two"), ("Can you count the dogs?", "count", "one"), ("How many animals are there?", "count", "one"),
    ("Is there a cat?", "there", "no"), ("Do you see a yellow umbrella?", "there", "yes"), ("Is there a green dog?", "there", "no"),
    ("Where is the dog?", "side", "left"), ("Where can one see the umbrella?", "side", "right"), ("Is the dog left or right of the umbrella?", "beside", "left"),
    ("Is the umbrella to the left or to the right of the dog?", "beside", "right"), ("How big is the umbrella?", "size", "big"),
    ("Where was this picture taken?", "place", "beach"), ("What is the weather like?", "weather", "sunny"), ("What is on the right?", "thing", "umbrella"),
    ("What in the picture is yellow?", "thing", "umbrella"), ("Which animal is in the picture?", "thing", "dog"), ("What is the red thing?", "thing", "dog"),
    ("Is anything strange here?", "odd", "nothing"), ("Why is the dog here?", "open", ""), ("What colour is the cat?", "colour", ""), ("Tell me a story.", "open", "")])
def test_what_a_question_asks_and_what_is_right(question, aspect, right):
    """Guards against a judge that takes one question for another, or holds an answer for right that the context denies."""
    assert asked(question, read(BEACH)) == Asked(aspect, frozenset([right] if right else []))


def test_the_colour_of_the_one_on_that_side():
    """Guards against the other dog's colour taken for right: the checker alone would let either pass."""
    dogs = read("A small red dog and a small blue dog in the park.\nA red dog on the left and a blue dog on the right.\n\n"
                "dog: [0.1, 0.7, 0.3, 0.9]\ndog: [0.7, 0.7, 0.9, 0.9]")
    assert dogs.told and asked("What colour is the dog on the right?", dogs).right == {"blue"}
    assert asked("What colour are the dogs?", dogs).right == {"red", "blue"}


@pytest.mark.parametrize("question, right", [("What is the person holding?", "umbrella"), ("Who is holding the umbrella?", "person"),
                                             ("What is on the bench?", "cat"), ("What is under the bench?", "")])
def test_what_touches_what(question, right):
    """Guards against the wrong end of a relation: the bench as what is on the bench."""
    facts = read("A big person in blue, a big red umbrella, a big brown bench and a small white cat in the park.\n"
                 "A person in blue holding a red umbrella and a white cat on a brown bench.\n\nperson: [0.1, 0.4, 0.3, 0.9]\n"
                 "umbrella: [0.05, 0.2, 0.35, 0.45]\nbench: [0.5, 0.6, 0.95, 0.9]\ncat: [0.65, 0.5, 0.75, 0.65]")
    assert facts.told and asked(question, facts) == Asked("thing", frozenset([right] if right else []))


def test_captions_that_leave_it_open_make_nothing_wrong():
    """Guards against a real photograph's answer marked down for what its captions do not tell."""
    facts = read(PHOTO)
    assert asked("What is the weather like?", facts).right == asked("What colour is the surfboard?", facts).right == frozenset()
    assert asked("How many surfboards are there?", facts).right == {"one"}
    assert weigh("What is the man doing?", "He is riding a wave on his surfboard.", PHOTO).score == 10


@pytest.mark.parametrize("aspect, answer, question, values", [
    ("count", "There are 2 balls.", "", {"two"}), ("count", "Two or three.", "", {"two", "three"}), ("colour", "It is red.", "", {"red"}),
    ("there", "The dog is red, so no.", "", {"no"}), ("there", "Well. Yes, there is.", "", {"yes"}), ("there", "There is no dog.", "", set()),
    ("side", "In the centre.", "", {"middle"}), ("weather", "A sunny day.", "", {"sunny"}), ("thing", "On the bench there is a cat.", "What is on the bench?", {"cat"}),
    ("odd", "Nothing is unusual.", "", {"nothing"}), ("name", "This is Captain Plum.", "", {"captain plum"}), ("place", "On the beach.", "", {"beach"}),
    ("colour", "It is not red.", "", set()), ("colour", "Red, not blue.", "", {"red"}), ("weather", "There is no rain.", "", set()), ("side", "It isn't on the left.", "", set())])
def test_what_an_answer_says(aspect, answer, question, values):
    """Guards against a yes inside a sentence, a digit that is no number, or the question's own thing taken for the answer."""
    assert said(aspect, answer, question) == values


@pytest.mark.parametrize("question, answer, score", [
    ("What colour is the dog?", "The dog is red.", 10), ("What colour is the dog?", "Red.", 10), ("What colour is the dog?", "The dog is blue.", 2),
    ("What colour is the dog?", "It is a nice dog.", 3), ("What colour is the dog?", "", 1), ("What colour is the dog?", " ... ", 1),
    ("What colour is the dog?", "The dog is red. There is also a cat.", 8),                 # right, and one contradiction
    ("How many balls are there?", "2", 10), ("How many balls are there?", "Three balls.", 2), ("Is there a cat?", "No, there is no cat.", 10),
    ("Is there a cat?", "Yes, there is a cat.", 2), ("Is there a cat?", "Yes, a cat on the street at night.", 1),    # wrong, and in three ways
    ("What is on the right?", "A dog.", 2), ("What is on the right?", "An umbrella.", 10)])
def test_a_short_answer_by_hand(question, answer, score):
    """Guards against points that do not follow the rule: 10 right, 2 wrong, 3 beside the point, 1 empty, 2 less for a contradiction."""
    assert weigh(question, answer, BEACH).score == score


@pytest.mark.parametrize("answer, score", [("This is Captain Plum.", 10), ("captain plum", 10), ("This is Captain Hook.", 2), ("A person in purple.", 3)])
def test_who_is_this(answer, score):
    """Guards against the held-out character's name that goes for nothing, or another one's that goes for it."""
    context = "Captain Plum on the beach at night.\nThis is Captain Plum.\n\nperson: [0.3, 0.3, 0.5, 0.8]"
    assert weigh("Who is this?", answer, context).score == score


def test_an_orange_thing_is_no_fruit():
    """Guards against the colour "Orange." taken for a fruit that is not in the picture."""
    context = BEACH.replace("red dog", "orange dog")
    assert weigh("What colour is the dog?", "Orange.", context).score == 10 and weigh("What colour is the dog?", "Red.", context).score == 2


def test_a_description_by_hand():
    """Guards against a description that wins by its length, or whose errors cost nothing."""
    ask = "Describe the picture in detail."
    assert set(salient(read(BEACH))) == {"dog", "umbrella", "ball", "two balls", "red dog", "yellow umbrella", "green ball", "on the beach", "the sun is shining",
                                         "dog on the left", "umbrella on the right", "ball on the left", "ball in the middle"}
    whole = weigh(ask, "We are on the beach and the sun is shining. There is a red dog on the left. There is a yellow umbrella on the right. "
                       "There are two green balls, one of them in the middle.", BEACH)
    assert (whole.score, whole.left_out) == (10, ("ball on the left",))                     # 12 of 13; 10.4 would be enough
    part = weigh(ask, "There is a red dog. There is a yellow umbrella.", BEACH)             # 4 of 13 named: 1 + 9 x 4 / 10.4
    assert (part.score, set(part.left_out)) == (4, {"ball", "two balls", "green ball", "on the beach", "the sun is shining", "dog on the left", "umbrella on the right",
                                                    "ball on the left", "ball in the middle"})
    false = weigh(ask, "There is a red dog. There is a yellow umbrella. There is a cow.", BEACH)       # 1 + 9 x 4 / 10.4 x 4 / (4 + 2)
    assert (false.score, false.contradicted) == (3, (("absent thing", "There is a cow."),))
    twice = weigh(ask, "There is a red dog. There is a yellow umbrella. There is a cow. A cow is here. There is a horse.", BEACH)
    assert (twice.score, len(twice.contradicted)) == (2, 3)                                 # 1 + 9 x 4 / 10.4 x 4 / (4 + 6): each of three sentences counts
    list_ = weigh(ask, "A red dog, a yellow umbrella and two green balls on the beach on a sunny day.", BEACH)
    assert 9 == list_.score < whole.score                                                  # a caption tells what, but not where: 9 of 13
    assert weigh(ask, "A cow stands in the kitchen at night.", BEACH).score == 1


def test_reasoning_by_hand():
    """Guards against an answer that rests on nothing, or on what is not there, scored like one with evidence and a conclusion."""
    ask = "Why might people come here?"
    good = weigh(ask, "The sun is shining on the beach, so people may want to bathe.", BEACH)
    assert good.score >= 9 and not good.left_out
    caption = weigh(ask, "The sun is shining on the beach.", BEACH)
    assert (caption.score, caption.left_out) == (3, ("a reason or a conclusion",))
    nothing = weigh(ask, "Everybody enjoys freedom, so perhaps they travel.", BEACH)
    assert (nothing.score, nothing.left_out) == (4, ("anything of the picture",))
    assert weigh(ask, "On the left.", BEACH).score == weigh(ask, "The big red one.", BEACH).score == 2      # words of the context that tell nothing
    assert weigh(ask, "It is raining on the beach, so people may want to bathe.", BEACH).score <= good.score // 2 + 1
    assert weigh(ask, "They may want to bathe, because it is raining on the beach.", BEACH).contradicted[0][0] == "wrong weather"


@pytest.mark.parametrize("answer, score", [
    ("This is outside, because we are on the beach.", 10), ("Inside, because there is a dog.", 2), ("The dog is red.", 3), ("A red dog on the beach.", 3)])
def test_inside_or_outside_and_how_can_one_tell(answer, score):
    """Guards against a caption, or any true sentence, taken for an answer to a question that asks for a verdict and its reason."""
    assert weigh("Is this inside or outside, and how can one tell?", answer, BEACH).score == score


@pytest.mark.parametrize("question, answer", [
    ("What should one watch out for here?", "Watch out for the dog, because it may bite."), ("How should one dress to walk about here?", "One should wear a hat, because the sun is shining."),
    ("What can be guessed from the dog?", "There is a red dog on the beach, so somebody may be close by."), ("Why might people come here?", "They may want to bathe, because the sun is shining on the beach."),
    ("What is the purpose of the umbrella?", "It gives shade, because the sun is shining.")])
def test_a_caption_is_no_answer_to_a_question_that_asks_for_thought(question, answer):
    """Guards against a captioner that is given seven of ten points for reasoning because all it says is true."""
    assert weigh(question, "A red dog and a green ball on the left and a yellow umbrella on the right.", BEACH).score <= 3
    assert weigh(question, answer, BEACH).score >= 8


@pytest.mark.parametrize("question, answer, score", [
    ("Where is the dog?", "A green ball to the left of a yellow umbrella.", 3), ("Where is the dog?", "A green ball on the left.", 3), ("Where is the dog?", "To the left of the umbrella.", 3),
    ("Where is the dog?", "It is on the left of the picture.", 10), ("Where is the dog?", "A dog and a ball on the left and an umbrella on the right.", 10),
    ("Where is the umbrella?", "A red dog and a green ball on the left and a yellow umbrella on the right.", 10), ("Where is the ball?", "On the left there is a red dog and a ball.", 10),
    ("What colour is the umbrella?", "A red dog next to a yellow umbrella.", 10), ("What colour is the umbrella?", "A red dog.", 3), ("What colour is the umbrella?", "There is a red dog. It is red.", 3),
    ("How many balls are there?", "One dog and two balls.", 10), ("How many balls are there?", "There is one dog.", 2), ("How big is the dog?", "A big umbrella and a small dog.", 10),
    ("Is the dog left or right of the umbrella?", "The umbrella is to the right of the dog.", 10), ("Is the dog left or right of the umbrella?", "The ball is to the left of the umbrella.", 3),
    ("Does the picture show a yellow umbrella?", "A picture of a yellow umbrella.", 10), ("Does the picture show a yellow umbrella?", "A picture of an umbrella.", 3),
    ("Where is the umbrella?", "On the right, next to the dog.", 10), ("Where is the umbrella?", "On the right, a dog.", 2), ("What colour is the dog?", "It has red fur, while the umbrella is yellow.", 10),
    ("Do you see a yellow umbrella?", "The umbrella is yellow.", 10), ("Is there a cat?", "There is no cat.", 10), ("Is there a dog?", "There may be a dog.", 3), ("Is there a dog?", "A blue dog.", 2)])
def test_what_is_said_of_other_things_answers_nothing(question, answer, score):
    """Guards against "to the left of" taken for a place, another thing's colour taken for that of what is asked about, and a caption that says yes unheard."""
    assert weigh(question, answer, BEACH).score == score


def test_captions_of_committed_runs_that_scored_ten():
    """Guards against the errors that were found in a result: a boat's side for a bus, a ball's colour for an umbrella, and a suitcase that was named for nothing."""
    boats = "A small yellow boat, a small yellow boat and a big green bus on the street on a sunny day.\nA yellow boat to the left of a yellow boat.\n\n" \
            "boat: [0.4, 0.6, 0.5, 0.7]\nboat: [0.7, 0.6, 0.8, 0.7]\nbus: [0.05, 0.5, 0.3, 0.8]"
    assert read(boats).told and weigh("Where is the bus?", "A yellow boat to the left of a yellow boat.", boats).score == 3
    balls = "A small red ball, a small red ball and a big red umbrella in the park on a sunny day.\n\n" \
            "sports ball: [0.1, 0.6, 0.2, 0.7]\nsports ball: [0.7, 0.6, 0.8, 0.7]\numbrella: [0.3, 0.3, 0.6, 0.8]"
    assert read(balls).told and weigh("Which colour does the umbrella have?", "A red ball to the left of a red ball.", balls).score == 3
    cases = "A small yellow suitcase and a big purple suitcase in the bedroom.\n\nsuitcase: [0.1, 0.6, 0.2, 0.7]\nsuitcase: [0.5, 0.3, 0.9, 0.7]"
    assert read(cases).told and weigh("Does the picture show a yellow suitcase?", "A picture of a yellow suitcase and a purple suitcase.", cases).score == 10


@pytest.mark.parametrize("question, answer, score", [
    ("What could one eat here?", "One count, because the sun is shining.", 3), ("What should one wear here?", "On the beach, so a red dog.", 3),
    ("What should one watch out for here?", "The sun is shining, so people may come.", 3), ("What does the umbrella tell us about this place?", "There is a red dog here. So somebody probably looks after it.", 3),
    ("What does the umbrella tell us about this place?", "It is for the sun, so somebody may come to bathe on the beach.", 9)])
def test_reasoning_keeps_to_the_question(question, answer, score):
    """Guards against a true conclusion from another thing, or on another matter, taken for an answer."""
    assert weigh(question, answer, BEACH).score == score


def test_how_many_there_are_by_hand():
    """Guards against three cows named of five, and animals counted where there are none, both at no cost."""
    ask, looks = "Describe the picture in detail.", ", ".join(["a small brown cow"] * 4)
    cows = f"{looks.capitalize()} and a small brown cow on the farm on a sunny day.\n\n" + "\n".join(f"cow: [{x / 10}, 0.6, {x / 10 + 0.1}, 0.7]" for x in (0, 1, 4, 7, 8))
    assert read(cows).told and "five cows" in salient(read(cows))
    there = "We are on the farm and the sun is shining. {} brown cows stand here. A brown cow is on the left, one cow in the middle, and a cow on the right."
    assert weigh(ask, there.format("Five"), cows).score == 10
    few = weigh(ask, there.format("Three"), cows)
    assert few.score == 8 and "five cows" in few.left_out and few.contradicted == (("wrong number", "Three brown cows stand here."),)
    sides = weigh(ask, "On the left there are two cows. In the middle there is a cow. On the right there are two cows.", cows)
    assert "five cows" in sides.supported and not sides.contradicted                        # the sum over the sides
    ask = "What can be guessed from the backpacks?"
    packs = "A small red backpack and a big blue backpack on the beach on a sunny day.\n\nbackpack: [0.1, 0.6, 0.2, 0.7]\nbackpack: [0.5, 0.3, 0.9, 0.7]"
    assert weigh(ask, "There are four animals and two backpacks on the beach, so somebody may be on a walk.", packs).contradicted[0][0] == "wrong number"
    assert not weigh(ask, "There are two backpacks on the beach, so somebody may be on a walk.", packs).contradicted


@pytest.mark.parametrize("question, answer", [
    ("What colour is the dog?", "The dog is red."), ("Describe the picture in detail.", "There is a red dog on the beach. There is a cow."),
    ("Why might people come here?", "People may want to bathe, because the sun is shining."), ("Why might people come here?", "A red dog."),
    ("How many balls are there?", "Three.")])
def test_saying_it_again_and_talking_about_it_changes_nothing(question, answer):
    """Guards against an answer that gains a conclusion from "so that nothing is missed", or loses points for words about itself."""
    from llava_mini.bench.reliability import longer

    assert weigh(question, longer(answer), BEACH) == weigh(question, answer, BEACH)


def test_words_in_a_common_form():
    """Guards against "walks" and "walking" counted as different words, and against words without meaning counted at all."""
    assert content("The man walks with his dogs") == content("A man is walking, dog!") == {"man", "walk", "dog"}


def test_the_verdict_is_laid_out_as_the_prompt_asks():
    """Guards against a judge whose scores depend on the order, or that its own parser cannot read."""
    case = prompt.Case(BEACH, "What colour is the dog?", "Red.", "The dog is blue.")
    text = rules.write(prompt.messages(case), random.Random(0)).text
    assert parse(text) == (10, 2) and "wrong colour ('The dog is blue.')" in text and "left out: the colour (red)" in text
    turned = rules.write(prompt.messages(prompt.Case(BEACH, case.question, case.second, case.first)), random.Random(1)).text
    assert parse(turned) == (2, 10)
    with pytest.raises(InputError):
        rules.write([{"role": "user", "content": "Is there a dog?"}], random.Random(0))


def test_it_reads_nothing_but_the_prompt():
    """Guards against a judge that knows the picture from elsewhere: what the context does not say, it does not know."""
    blind = prompt.Case("A photograph.", "What colour is the dog?", "Red.", "Blue.")
    first, second = parse(rules.write(prompt.messages(blind), random.Random(0)).text)
    assert first == second


def test_references_of_the_real_files_are_good_and_those_of_other_pictures_bad(real):
    """Guards against a judge that is of use in the storybook only: GPT-4's own answers to real photographs, and the same ones mixed up."""
    from llava_mini.bench import benchmark

    bench = benchmark.of_files(real / "qa90_questions.jsonl", real / "caps_boxes_coco2014_val_80.jsonl", real / "qa90_gpt4_answer.jsonl")
    own, other = {}, {}
    for q in bench.questions:
        another = str((q.id + 3) % 90)                          # the same kind of question about the next picture
        own.setdefault(q.category, []).append(weigh(q.text, bench.references[str(q.id)].text, bench.contexts[str(q.id)]).score)
        other.setdefault(q.category, []).append(weigh(q.text, bench.references[another].text, bench.contexts[str(q.id)]).score)
    for kind in own:
        assert sum(own[kind]) / 30 > 8.5 and sum(other[kind]) / 30 < 5, kind
