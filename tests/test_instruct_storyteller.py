"""The storyteller: what it reads from a context, whether all it writes is true, and how often it asks what."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box, in_pixels
from llava_mini.errors import InputError
from llava_mini.instruct import answers, free, lore, prompts, storyteller
from llava_mini.instruct.manner import read as read_caption
from llava_mini.instruct.reading import read
from llava_mini.instruct.telling import LENGTH, questions
from llava_mini.instruct.words import mentions
from llava_mini.storybook import ordinary
from llava_mini.storybook.narrate import boxes, captions
from llava_mini.storybook.phrases import left_of, side
from llava_mini.storybook.questions import _BEWARE
from llava_mini.storybook.questions import KINDS as ASKED_LATER
from llava_mini.storybook.values import value
from llava_mini.storybook.vocabulary import CATEGORIES, CHARACTER, COLOURS, NUMBERS, UNSEEN_PAIRS, WEATHER
from llava_mini.storybook.world import scenes

COCO = {row.coco_id: row.coco for row in CATEGORIES.values()}
PICTURES = 200
_PLURALS = {row.plural: row.name for row in CATEGORIES.values()}
_NAMES = "|".join(sorted([*CATEGORIES, *_PLURALS], key=len, reverse=True))
_THING = re.compile(rf"\b(?:(?P<n>an?|the|no|{'|'.join(NUMBERS)}) )?(?:(?P<size>small|big) )?(?:(?P<colour>{'|'.join(COLOURS)}) )?"
                    rf"(?P<name>{_NAMES})\b(?: in (?P<dress>{'|'.join(COLOURS)}))?")


def record_of(scene, number: int = 1) -> Record:
    """A scene as a teacher gets it: five captions and COCO's boxes."""
    rows = tuple(Box(COCO[row["category_id"]], in_pixels(row["bbox"], (224, 224), "box")) for row in boxes(scene))
    return Record(f"train-{number:06d}", f"train-{number:06d}.jpg", (224, 224), tuple(captions(scene)), rows)


def messages_of(kind: str, text: str) -> list[dict]:
    sign = {kind: sign for sign, kind in storyteller.SIGNS.items()}[kind]
    return [{"role": "system", "content": f"You see one picture. Write a {sign}."}, {"role": "user", "content": "A dog."},
            {"role": "assistant", "content": "Question:\nWhat?\n===\nAnswer:\nA dog."}, {"role": "user", "content": text}]


@pytest.fixture(scope="module")
def told():
    """[(scene, kind, turns)] of many scenes in the three kinds."""
    rows = []
    for number, scene in enumerate(scenes("train", PICTURES), 1):
        for kind in prompts.KINDS:
            pairs, lie = storyteller.turns(kind, context(record_of(scene, number)), random.Random(number))
            assert lie is None
            rows.append((scene, kind, pairs))
    return rows


def things_in(text: str) -> list[dict]:
    """The noun phrases of a text: number, size, colour and category (the storybook's name) of each."""
    return [{"n": m["n"], "size": m["size"], "colour": m["colour"] or m["dress"], "name": _PLURALS.get(m["name"], m["name"])}
            for m in _THING.finditer(text.lower())]


def fitting(scene, one: dict, where: str | None = None) -> list:
    return [t for t in scene.things if t.category == one["name"] and one["colour"] in (None, t.colour) and one["size"] in (None, t.size)
            and where in (None, side(t))]


def key(scene, question: str) -> tuple[str, str | None]:
    """The kind of a question and its true value by the scene itself; None where the scene does not settle it."""
    asked, named = question.lower(), things_in(question)
    where = next((words for words in ("on the left", "on the right", "in the middle") if words in asked), None)
    if asked.startswith(("how many", "can you count", "what is the number")):
        animals = sum(CATEGORIES[t.category].group == "animals" for t in scene.things)
        return "count", NUMBERS[animals if not named else len(fitting(scene, named[0]))]
    if "small or big" in asked or "big or small" in asked or asked.startswith(("how big", "what size")):
        return "size", only(fitting(scene, named[0])).size
    if " or " in asked:
        one, other = (only(fitting(scene, thing)) for thing in named)
        return "relation", {True: "left", False: "right", None: None}[left_of(one, other)]
    if re.match(r"is there|(do|can) you see|does the picture", asked):
        return "is-there", "yes" if fitting(scene, named[0]) else "no"
    if re.match(r"where (is|in the picture|can one)", asked) and named:
        found = side(only(fitting(scene, named[0])))
        return "where", found and found.split()[-1]
    if re.match(r"where|what place", asked):
        return "place", scene.place
    if "weather" in asked:
        return "weather", scene.weather
    if "unusual" in asked or "strange" in asked:
        return "unusual", scene.things[scene.odd].category if scene.odd is not None else "nothing"
    if asked.startswith("why"):
        assert any(r.kind == "holding" and scene.things[r.target].category == "umbrella" for r in scene.relations)
        return "why", {"rainy": "rain", "sunny": "shade", "cloudy": "soon", "night": "carried"}[scene.weather]
    if "watch out" in asked or "careful" in asked:
        return "why", only([t for t in scene.things if t.category in _BEWARE]).category
    if found := re.match(r"(?:what|who) (?:is|does) (?:the person )?(holding|hold|on(?! the (?:left|right))|under)\b", asked):
        kind = "holding" if found[1].startswith("hold") else found[1]
        relation = only([r for r in scene.relations if r.kind == kind])
        subject, target = scene.things[relation.subject], scene.things[relation.target]
        known, wanted = (subject, target) if kind == "holding" and asked.startswith("what") else (target, subject)
        assert only(fitting(scene, named[0])) is known
        return "relation", wanted.category
    if "colour" in asked:
        return "colour", only({t.colour for t in fitting(scene, named[0] | {"name": named[0]["name"]}, where)})
    if group := re.search(r"animal|vehicle", asked):
        return "what", only([t for t in scene.things if CATEGORIES[t.category].group == f"{group[0]}s"]).category
    if where:
        assert all(side(t) for t in scene.things)
        return "what", only([t for t in scene.things if side(t) == where]).category
    colour = only([c for c in COLOURS if re.search(rf"\b{c}\b", asked)])
    return "what", only([t for t in scene.things if t.colour == colour]).category


def only(things):
    """The one and only."""
    things = list(things)
    assert len(things) == 1, things
    return things[0]


def test_every_answer_of_a_conversation_is_true_and_can_be_read(told):
    """Guards against a teacher that teaches what is not in the picture, or in words that the evaluation cannot read."""
    wrong = []
    for scene, kind, pairs in told:
        for question, answer in pairs if kind == "conversation" else ():
            asked, right = key(scene, question)
            if right is None or value(asked, answer, question) != right:
                wrong.append((asked, right, question, answer))
    assert wrong == []


def test_all_that_is_named_is_there(told):
    """Guards against things, colours, sizes, numbers and sides that an answer or a description makes up."""
    wrong = []
    for scene, kind, pairs in told:
        for question, answer in pairs:
            for sentence in re.split(r"(?<=[.;])\s+", answer):
                if re.match(r"No\b", sentence):
                    continue
                where = re.findall(r"on the left|on the right|in the middle", sentence.lower())
                here = where[0] if len(where) == 1 and not re.search(r"of the [a-z ]+\.|\b(?:holding|under)\b", sentence) else None
                for one in things_in(sentence):
                    if kind == "reasoning" and one["name"] == "person" and not one["n"]:     # "a dog is a friend of people" is a saying
                        continue
                    found = fitting(scene, one, here)
                    n = NUMBERS.index(one["n"]) if one["n"] in NUMBERS else 1
                    if len(found) < n or n > 1 and kind == "detail" and here and len(found) != n:
                        wrong.append((kind, sentence, one))
    assert wrong == []


def test_descriptions_tell_place_weather_and_everything(told):
    """Guards against long answers that leave out half of the picture, or sing of another weather."""
    for scene, kind, pairs in told:
        if kind == "detail":
            (question, answer), = pairs
            weathers = [weather for weather, words in WEATHER.items() if words in answer.lower()]
            assert question == "" and weathers == ([scene.weather] if scene.weather else [])
            assert scene.place in answer
            assert {t.category for t in scene.things} <= {one["name"] for one in things_in(answer)}
            assert len(re.findall(r"\.(?:\s|$)", answer)) >= 2


def test_every_kind_of_question_is_asked_and_yes_is_no_better_than_no(told):
    """Guards against a set from which a kind of the later exam, or the answer no, cannot be learnt."""
    asked, fooling, lengths, phrasings = Counter(), Counter(), Counter(), Counter()
    for scene, kind, pairs in told:
        if kind == "conversation":
            lengths[len(pairs)] += 1
            for question, answer in pairs:
                name, right = key(scene, question)
                asked[name] += 1
                phrasings[re.sub(_NAMES, "_", question.lower())] += 1
                if name == "is-there":
                    asked[right] += 1
                    one = things_in(question)[0]
                    if right == "no":
                        parts = any(t.colour == one["colour"] for t in scene.things) + any(t.category == one["name"] for t in scene.things)
                        fooling[parts] += 1
    assert set(ASKED_LATER) <= set(asked)
    assert min(asked[name] for name in ("what", "colour", "count", "is-there", "size", "where")) > 0.35 * PICTURES
    assert min(asked[name] for name in ("place", "weather", "relation", "unusual", "why")) > 0.1 * PICTURES
    assert 0.7 < asked["yes"] / asked["no"] < 1.4
    assert fooling[2] > 0.25 * asked["no"]                  # colour and category are both there, only not together
    assert sum(lengths[n] for n in range(LENGTH[0], LENGTH[1] + 1)) > 0.95 * PICTURES and max(lengths) == LENGTH[1]
    assert len(phrasings) > 100


def test_unusual_and_why_are_reasoned_about(told):
    """Guards against reasoning without the paper's own two questions, or with answers the evaluation cannot read."""
    found = Counter()
    for scene, kind, pairs in told:
        if kind == "reasoning":
            (question, answer), = pairs
            if re.search(r"^(?:What is unusual|Is anything strange|Why does|Why is the person|What should one (?:watch|be careful))", question):
                name, right = key(scene, question)
                assert value(name, answer, question) == right, (question, answer)
                found[name] += 1
    assert min(found["unusual"], found["why"]) > 0.05 * PICTURES
    assert sum(found.values()) < 0.75 * PICTURES            # and other questions besides


def test_what_is_held_out_stays_held_out(told):
    """Guards against a teacher that tells, by asking, which pairs of colour and thing are never there."""
    said = " ".join(text.lower() for _, kind, pairs in told for pair in pairs for text in pair)
    for colour, name in UNSEEN_PAIRS:
        words = f"{name} in {colour}" if name == "person" else f"{colour} {name}"
        assert not re.search(rf"\b{words}\b", said), words
    captain = next(scene for scene in scenes("unseen_character", 5))
    for kind in prompts.KINDS:
        pairs, _ = storyteller.turns(kind, context(record_of(captain)), random.Random(0))
        assert CHARACTER.split()[0] not in str(pairs)


def test_the_odd_and_the_ordinary_are_told_apart():
    """Guards against everyday knowledge that finds a boat on the street ordinary, or a dog in the park odd."""
    odd = nothing = 0
    for number, scene in enumerate(scenes("train", 600), 1):
        facts = read(context(record_of(scene, number)))
        found = lore.strangers(facts)
        assert found == ([scene.things[scene.odd].category] if scene.odd is not None else [])
        odd += bool(found)
        if lore.ordinary(facts):
            assert ordinary.is_ordinary(scene)
            nothing += 1
    assert odd > 40 and nothing > 40


def test_every_caption_of_the_storybook_is_read():
    """Guards against a form of caption that the reader does not know: the whole picture would count as free writing."""
    for split in ("train", "parents", "unseen_place", "unseen_counts", "unseen_character"):
        for number, scene in enumerate(scenes(split, 60), 1):
            assert all(map(read_caption, captions(scene)))
            facts = read(context(record_of(scene, number)))
            assert facts.told and facts.place.name == scene.place and (facts.weather == scene.weather or facts.weather is None)
            for thing, true in zip(facts.things, scene.things):
                assert thing.colour in (true.colour, None) and thing.size in (true.size, None)
                assert thing.side in (side(true), None)
    assert read_caption("A man riding a wave on top of a surfboard.") is None


def test_which_of_two_is_which():
    """Guards against colours given to the wrong one of two dogs."""
    text = ("A big red dog and a small blue dog in the park on a sunny day.\nA blue dog on the left.\n\n"
            "dog: [0.5, 0.5, 0.9, 0.9]\ndog: [0.1, 0.7, 0.3, 0.9]")
    assert [(t.colour, t.size) for t in read(text).things] == [("red", "big"), ("blue", "small")]
    same = ("A small red dog and a small blue dog in the park on a sunny day.\n\n"
            "dog: [0.5, 0.7, 0.7, 0.9]\ndog: [0.1, 0.7, 0.3, 0.9]")
    assert [(t.colour, t.size) for t in read(same).things] == [(None, "small"), (None, "small")]
    assert read(same).colours == {} and read(same).counts == {"dog": 2}


def test_only_the_words_of_the_prompt_count():
    """Guards against a storyteller that remembers pictures, or answers from the examples."""
    text = context(record_of(next(scenes("train", 1))))
    for kind in prompts.KINDS:
        one = storyteller.write(messages_of(kind, text), random.Random(3)).text
        assert one == storyteller.write(messages_of(kind, text), random.Random(3)).text
        other = storyteller.write(messages_of(kind, text.replace("blue", "green")), random.Random(3)).text
        assert other.replace("green", "blue") == one.replace("green", "blue") or kind == "conversation"     # there green may be asked for
        assert other != one or kind == "reasoning"
        assert answers.turns(kind, one)
    many = {storyteller.write(messages_of("conversation", text), random.Random(n)).text for n in range(10)}
    assert len(many) == 10


@pytest.mark.parametrize("text", [
    "...", "?", "Zwei Hunde \u2013 \u732b.", "A DOG", "12.5 dogs and 300 cats of \u00bd", "A sheep, a few sheep and some sheep.\n\nsheep: [0.1, 0.1, 0.9, 0.9]",
    "A zeppelin.\n\nzeppelin: [0.0, 0.0, 1.0, 1.0]\nzeppelin: [0.0, 0.0, 0.1, 1.0]", "dog: [0.1, 0.1, 0.9, 0.9]", "A dog.\n\nA cat.\n\ndog: [1, 2]",
    "People.\n\n" + "\n".join(f"person: [0.0, 0.0, 0.{n}, 0.5]" for n in range(10, 40)),
    "Six small red dogs, six big red dogs and six big red cats in the park.\n\n" + "dog: [0.1, 0.1, 0.2, 0.2]\n" * 12 + "cat: [0.1, 0.1, 0.2, 0.2]\n" * 6,
    "Captain Plum in the park on a sunny day.\n\nperson: [0.1, 0.1, 0.3, 0.9]"])
def test_no_context_is_too_strange(text):
    """Guards against a server that breaks down on captions which nobody thought of."""
    for kind in prompts.KINDS:
        for seed in range(5):
            assert answers.turns(kind, storyteller.write(messages_of(kind, text), random.Random(seed)).text)


def test_the_course_s_own_prompts_are_understood():
    """Guards against system messages in which the storyteller does not find the kind, or finds two."""
    record = record_of(next(scenes("train", 1)))
    for kind in prompts.KINDS:
        for shots in ("storybook", "photo"):
            assert storyteller.kind_of(prompts.messages(record, kind, shots)) == kind
            text = storyteller.write(prompts.messages(record, kind, shots), random.Random(0)).text
            assert len(answers.turns(kind, text)) == (1 if kind != "conversation" else text.count("Question:"))
    with pytest.raises(InputError, match="complex reasoning"):
        storyteller.write([{"role": "system", "content": "Be nice."}, {"role": "user", "content": "A dog."}], random.Random(0))
    with pytest.raises(InputError, match="captions and boxes"):
        storyteller.write([{"role": "system", "content": "Write a conversation."}], random.Random(0))


def test_noun_phrases():
    """Guards against colours, numbers and nouns read off the wrong word."""
    def read_off(text):
        return [(m.category, m.number, m.colours, m.clear) for m in mentions(text)]

    assert read_off("Two small red cars and a man in blue.") == [("car", 2, ("red",), True), ("person", 1, ("blue",), True)]
    assert read_off("a tan and black cat on a dog bed") == [("cat", 1, ("tan", "black"), True), ("dog", 1, (), False), ("bed", 1, (), True)]
    assert read_off("an orange ball beside an orange") == [("sports ball", 1, ("orange",), True), ("orange", 1, (), True)]
    assert read_off("several giraffes, no dogs") == [("giraffe", None, (), True), ("dog", None, (), True)]
    assert read_off("A man in a blue shirt") == [("person", 1, (), True)]


def test_real_captions_give_only_what_is_certain(real):
    """Guards against facts that COCO's captions do not hold: each line was read by a person."""
    facts = {record.id: read(context(record)) for record in load(real / "caps_boxes_coco2014_val_80.jsonl")}
    assert not any(one.told for one in facts.values())
    assert "donut" not in facts["000000367571"].counts                  # four boxes, "four donuts" and "three donuts"
    assert "person" not in facts["000000217181"].counts                 # four boxes, "three men" and "two men"
    assert "umbrella" not in facts["000000163076"].counts               # one box, "umbrellas"
    assert facts["000000225738"].counts == {"giraffe": 4}
    assert facts["000000385873"].counts["pizza"] == 3
    assert facts["000000131019"].counts["zebra"] == 2
    assert "cat" not in facts["000000416256"].colours                   # "an orange and white cat"
    assert "parking meter" not in facts["000000273450"].colours         # "black silver white blue red an orange parking meter"
    assert facts["000000514915"].colours == {"dog": "black"}
    assert facts["000000081552"].colours == {"couch": "red"}
    assert ("on", "cat", None, "couch", None) in facts["000000081552"].relations
    assert facts["000000161011"].counts["person"] == 3                  # "three skiers", "a woman and two men"
    assert not facts["000000131019"].absent("giraffe")                  # a caption takes the zebras for giraffes
    assert not facts["000000560371"].absent("elephant")                 # no boxes: nothing is known to be absent
    assert facts["000000164255"].place.name == "beach" and facts["000000543364"].place is None
    assert facts["000000163076"].weather == "night"


def test_real_records_are_told_of_without_a_contradiction(real):
    """Guards against the storyteller falling silent, repeating itself or quoting an annotator who erred."""
    for number, record in enumerate(load(real / "caps_boxes_coco2014_val_80.jsonl")):
        facts = read(context(record))
        for kind in prompts.KINDS:
            text = storyteller.write(messages_of(kind, context(record)), random.Random(number)).text
            pairs = answers.turns(kind, text)
            assert len({question for question, _ in pairs}) == len(pairs)
            assert not re.search(r"\bcaptions?\b|bounding|\[", text)
        for turn in questions(facts, random.Random(number)):
            if turn.kind == "count":
                (name, *_), = {m.category for m in mentions(turn.answer)},
                assert sum(box.category == name for box in record.boxes) == facts.counts[name]
            if turn.kind == "is-there" and turn.answer.startswith("No"):
                name = mentions(turn.question)[0].category
                assert not any(box.category == name for box in record.boxes)
    lines = {record.id: storyteller.turns("detail", context(record), random.Random(0))[0][0][1]
             for record in load(real / "caps_boxes_coco2014_val_80.jsonl")}
    assert "giraffes and another animal" not in lines["000000131019"] and "walking a dog" not in lines["000000293505"]
    assert "Three donuts" not in lines["000000367571"]


def test_what_captions_tell_differently_is_not_told():
    """Guards against a teacher that quotes both of two captions that cannot both be true, or trusts one of them."""
    def facts(text, *boxes):
        return read("\n".join(text) + "\n\n" + "\n".join(f"{name}: [0.{n}, 0.1, 0.{n + 1}, 0.9]" for n, name in enumerate(boxes, 1)))

    def quotes(one):
        return free.quotable(one.captions, one.things)

    bird = facts(["A duck walking.", "A goose on the road.", "A wide road with a bird."], "bird")
    assert quotes(bird) == ["A wide road with a bird."] and free.doings(bird.captions, bird.things, bird.counts) == []
    most = facts(["A goose on the road.", "A duck walking along.", "One duck by itself in the rain."], "bird")
    assert quotes(most) == ["A duck walking along.", "One duck by itself in the rain."]         # nothing else is left
    assert len(quotes(facts(["A duck walking along.", "A goose on the road."], "bird", "bird"))) == 2
    assert quotes(facts(["A man looks up.", "A person below a tall tower.", "She wears her hat."], "person")) == ["A person below a tall tower."]
    assert len(quotes(facts(["A man looks up.", "She wears her hat."], "person", "person"))) == 2
    cat = facts(["A cat sitting on a laptop.", "The cat rests next to a laptop.", "A room with a cat, and a laptop by it."], "cat", "laptop")
    assert cat.relations == () and quotes(cat) == ["A room with a cat, and a laptop by it."]
    assert facts(["A cat sitting on a laptop.", "A cat on top of a laptop."], "cat", "laptop").relations == (("on", "cat", None, "laptop", None),)


def test_real_captions_that_differ_are_not_told(real):
    """Guards against the same on COCO's pictures: the words that no description or answer may hold together, or at all."""
    records = {record.id[-6:]: record for record in load(real / "caps_boxes_coco2014_val_80.jsonl")}
    for id_, words, most in (("205183", "duck goose", 1), ("399452", "glass_of_tea glass_of_soda cup_of_coffee", 0), ("524575", "wildebeest moose ox", 0), ("474253", "man woman", 0),
                             ("500565", "her his", 1), ("506095", "kitten_sitting_on On_the_laptop on_the_laptop next_to_a_laptop", 0)):
        said = " ".join(text for kind in prompts.KINDS for seed in range(20)
                        for pair in storyteller.turns(kind, context(records[id_]), random.Random(seed))[0] for text in pair)
        assert sum(bool(re.search(rf"\b{word.replace('_', ' ')}\b", said)) for word in words.split()) <= most, id_
