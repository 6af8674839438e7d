"""The checker of samples, its measurement with a lying teacher, and the statistics of a set."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from test_instruct_storyteller import record_of

from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box
from llava_mini.errors import InputError
from llava_mini.instruct import checker, lies, measure, storyteller
from llava_mini.instruct.checker import Fault, check, check_set
from llava_mini.instruct.claims import contradictions
from llava_mini.instruct.dataset import sample
from llava_mini.instruct.lies import LIES
from llava_mini.instruct.prompts import KINDS
from llava_mini.instruct.reading import read
from llava_mini.instruct.statistics import first_words, lengths, pairs_of, statistics
from llava_mini.instruct.words import mentions
from llava_mini.storybook.world import scenes

BOOK = Record("train-1", "train-1.jpg", None,
              ("A small red dog, two big blue cars and a big person in green on the street on a sunny day.", "A red dog on the left."),
              (Box("dog", (0.1, 0.7, 0.3, 0.9)), Box("car", (0.6, 0.4, 0.98, 0.6)), Box("car", (0.61, 0.7, 0.99, 0.9)),
               Box("person", (0.45, 0.3, 0.55, 0.9))))
PHOTO = Record("7", "7.jpg", None, ("A black dog laying on a kitchen floor.", "A dog next to two bowls in the kitchen", "Three donuts in a box."),
               (Box("dog", (0.1, 0.5, 0.5, 0.9)), Box("bowl", (0.6, 0.7, 0.7, 0.8)), Box("bowl", (0.75, 0.7, 0.85, 0.8))))


def made(*pairs, record: Record = BOOK) -> dict:
    turns = [turn for question, answer in pairs for turn in ({"from": "human", "value": question}, {"from": "gpt", "value": answer})]
    turns[0] = {"from": "human", "value": "<image>\n" + turns[0]["value"]}
    return {"id": record.id, "image": record.image, "conversations": turns}


def reasons(*pairs, record: Record = BOOK) -> set[str]:
    return {fault.reason for fault in check(made(*pairs, record=record), record)}


def test_true_samples_have_no_fault():
    """Guards against a checker that throws good samples away."""
    assert reasons(("What colour is the dog?", "Red."), ("How many cars are there?", "Two."), ("Is there a red car?", "No, there is no red car."),
                   ("Where is the dog?", "It is on the left."), ("What is the weather like?", "The sun is shining."),
                   ("What do you see?", "Two big blue cars are on the right, and a person in green stands between them and the dog."),
                   ("Could a boat sail here?", "No, a boat needs water."), ("What might come next?", "A bus may come along the street.")) == set()
    assert reasons(("What is on the floor?", "A black dog and two bowls."), ("Where are we?", "We are in the kitchen."),
                   ("What else?", "The three donuts are in a box."), record=PHOTO) == set()


@pytest.mark.parametrize(("question", "answer", "reason"), [
    ("What colour is the dog?", "Blue.", "wrong colour"), ("What colour is the dog?", "The dog is blue.", "wrong colour"),
    ("What do you see?", "There is a green dog here.", "wrong colour"), ("What is the blue thing?", "The blue thing is a dog.", "wrong colour"),
    ("What does the person wear?", "The person wears red.", "wrong colour"), ("Is there a blue dog?", "Yes, there is.", "wrong colour"),
    ("Who is there?", "A person in red stands in the middle.", "wrong colour"),
    ("How many cars are there?", "Three.", "wrong number"), ("What do you see?", "There are two dogs.", "wrong number"),
    ("How many blue cars are there?", "There is one blue car.", "wrong number"), ("What do you see?", "In all there is one car.", "wrong number"),
    ("What else is there?", "There is also a cat on the right.", "absent thing"), ("Is there a boat?", "Yes.", "absent thing"),
    ("What do you see?", "A brown horse stands on the street.", "absent thing"), ("Do you see a red dog?", "No.", "denied thing"),
    ("Where is the dog?", "On the right.", "wrong side"), ("What is on the right?", "On the right there is a dog.", "wrong side"),
    ("Which is where?", "The dog is to the right of the person.", "wrong side"), ("How big is the dog?", "The dog is big.", "wrong size"),
    ("Where are we?", "We are in the kitchen.", "wrong place"), ("How is the weather?", "It is raining.", "wrong weather")])
def test_a_contradiction_is_found(question, answer, reason):
    """Guards against each kind of untruth in the words that teachers use for it."""
    assert reasons((question, answer)) == {reason}


def test_photographs_are_judged_only_by_what_is_certain():
    """Guards against faults that only an incomplete context suggests, and against none at all."""
    assert reasons(("What colour is the dog?", "It is white."), record=PHOTO) == {"wrong colour"}
    assert reasons(("How many bowls are there?", "There are four bowls."), record=PHOTO) == {"wrong number"}
    assert reasons(("What else?", "A zebra stands by the wall."), record=PHOTO) == {"absent thing"}
    assert reasons(("What else?", "There is also a white donut."), ("And?", "There is a small table."), record=PHOTO) <= {"absent thing"}
    assert reasons(("What colour are the bowls?", "They are green."), record=PHOTO) == set()         # nobody says
    bare = Record("8", "8.jpg", None, ("A dog in the grass.",))
    assert reasons(("What else?", "There is a cat, too."), record=bare) == set()                      # without boxes nothing is absent


def test_faults_of_form():
    """Guards against samples that cannot be trained on, or that give the teacher away."""
    assert reasons(("What is it?", "")) == {"empty turn"}
    assert reasons(("What is it?", "A dog."), ("What  is it", "A dog.")) == {"repeated turn"}
    for text in ("The caption says that the dog is red.", "The bounding box of the dog is small.", "The dog is at [0.1, 0.7, 0.3, 0.9].",
                 "According to the description, the dog is red.", "Its coordinates are on the left."):
        assert reasons(("What is it?", text)) == {"mentions captions"}, text
    assert reasons(("What is in the box?", "The box is closed.")) == set()
    good = made(("What is it?", "A dog."))
    for turns, reason in (([], "format"), (good["conversations"][::-1], "format"), (good["conversations"][:1], "format"),
                          ([{"from": "human", "value": None}], "format"), ("What is it?", "format"),
                          ([{"from": "human", "value": "What is it?"}, good["conversations"][1]], "image mark"),
                          ([good["conversations"][0], {"from": "gpt", "value": "<image> A dog."}], "image mark")):
        assert [fault.reason for fault in check(good | {"conversations": turns}, BOOK)] == [reason], turns
    assert isinstance(check(made(("What is it?", "")), BOOK)[0], Fault)


def test_boxes_and_numbers_that_nobody_sees():
    """Guards against a teacher that reads its boxes and sentences aloud, and against accusing boxes of cardboard."""
    for text in ("The boxes show two cars.", "According to the boxes, the dog is on the left.", "Its box is at the left edge.",
                 "It lies within (0.1, 0.7, 0.3, 0.9).", "It lies at [0, 0.7, 0.3, 1].", "The person is at x=0.45, y=0.3.",
                 "It reaches from 0.1 to 0.3 of the width.", "The first sentence says that the dog is red."):
        assert reasons(("What is it?", text)) == {"mentions captions"}, text
    for text in ("It is a box of apples.", "The box is brown.", "The boxes are at the left edge of the shelf.", "Its box is at the left edge of the shelf.",
                 "The boxes hold shoes.", "The dog (a red one) is on the left.", "It weighs from 0.5 to 1 pounds.", "It sits in its box (closed)."):
        assert reasons(("What is it?", text)) == set(), text


def test_a_turn_is_repeated_only_where_it_asks_the_same():
    """Guards against questions that turn the words of another one round, or ask the same of another thing."""
    left, right = "Is the dog to the left of the person?", "Is the person to the left of the dog?"
    assert reasons((left, "Yes."), (right, "No.")) == reasons((left, "I am not sure."), (right, "I am not sure.")) == set()
    assert reasons(("Is there a red dog?", "Yes."), ("Is there a blue car?", "Yes.")) == set()
    for again, answer in ((left.upper(), "Surely."), (f"Once more: {left}", "Yes."), ("Is the dog left of the person?", "Yes.")):
        assert reasons((left, "Yes."), (again, answer)) == {"repeated turn"}, again


def test_colours_said_behind_the_thing():
    """Guards against wrong colours of "it" and in apposition, and against accusing where "it" may be something else."""
    for text in ("There is a dog and it is blue.", "There is a dog. It is blue.", "On the left there is a small dog, and it is blue.",
                 "There is a dog; it is blue in colour.", "The dog is a blue one.", "The dog, blue in colour, sits.", "The dog on the left is a blue one."):
        assert reasons(("What do you see?", text)) == {"wrong colour"}, text
    for text in ("There is a dog and it is red.", "The dog is a red one.", "The dog, red in color, sits.", "There is a dog on a rug and it is blue.",
                 "There is a dog in the water. It is blue.", "A dog and a person are here. It is blue.", "It is blue.", "There is a dog and it is blue, white and red.",
                 "There is a dog. It might be blue.", "There may be a dog. It is blue.", "There is a dog, and it is blue outside.", "The dog sees it is blue.",
                 "There is a person. It is red."):
        assert reasons(("What do you see?", text)) == set(), text
    assert reasons(("And?", "One sees the dog. It is white."), record=PHOTO) == {"wrong colour"}


def test_every_form_of_two_lies_is_found():
    """Guards against a form that measurements draw too seldom to show that it is missed."""
    assert len(lies._COLOURED) >= 8 and len(lies._SOURCES) >= 11
    for form in lies._COLOURED:
        assert reasons(("What do you see?", form.format(k="dog", c="blue"))) == {"wrong colour"}, form
    for form in lies._SOURCES:
        assert reasons(("What do you see?", form.format(text="The dog is red.", low="the dog is red."))) == {"mentions captions"}, form


def test_the_storyteller_is_found_truthful():
    """Guards against a checker that accuses true answers: of each accusation here one of the two is wrong."""
    accused = []
    for number, scene in enumerate(scenes("train", 150), 1):
        record = record_of(scene, number)
        for kind in KINDS:
            pairs, _ = storyteller.turns(kind, context(record), random.Random(number))
            accused += [(kind, fault) for fault in check(sample(record, kind, pairs), record)]
    assert accused == []


def test_the_storyteller_is_found_truthful_about_photographs(real):
    """Guards against the same on captions that people wrote."""
    accused = []
    for record in load(real / "caps_boxes_coco2014_val_80.jsonl"):
        for kind in KINDS:
            for seed in range(2):
                pairs, _ = storyteller.turns(kind, context(record), random.Random(seed))
                accused += [(record.id, kind, fault) for fault in check(sample(record, kind, pairs), record)]
    assert accused == []


def test_precision_and_recall_of_the_checker():
    """Guards against a checker that lets lies through, and against a table that says otherwise."""
    records = [record_of(scene, number) for number, scene in enumerate(scenes("train", 120), 1)]
    done = measure.measure(records, rate=0.6, seed=1)
    rows = {row.lie: row for row in done.rows}
    assert set(LIES) <= set(rows) and done.samples == 360
    assert done.honest + sum(row.told for row in done.rows) == 360 and done.falsely == 0
    for lie in LIES:
        assert rows[lie].told >= 5 and rows[lie].found <= min(rows[lie].told, rows[lie].accused)
        assert rows[lie].recall >= 0.9 and rows[lie].precision >= 0.9, str(done)
    assert "recall" in str(done) and f"{rows['wrong side'].told:,}" in str(done)
    truth = measure.measure(records[:20], rate=0.0)
    assert truth.honest == 60 and all(row.recall is None and row.precision is None for row in truth.rows)


def test_the_measurement_sees_a_blind_checker(monkeypatch):
    """Guards against a measurement that cannot fail: with a checker that finds nothing, recall is 0."""
    records = [record_of(scene, number) for number, scene in enumerate(scenes("train", 10), 1)]
    monkeypatch.setattr(measure, "check", lambda *_: [])
    assert all(not row.recall for row in measure.measure(records, rate=1.0).rows)
    monkeypatch.setattr(measure, "check", lambda *_: [Fault("wrong colour", "")])
    wrong = next(row for row in measure.measure(records, rate=1.0).rows if row.lie == "wrong colour")
    assert wrong.recall == 1.0 and wrong.precision < 0.5


def test_a_set_is_checked_and_its_faults_told(tmp_path, capsys):
    """Guards against a command that joins samples to the wrong pictures, or counts a sample twice."""
    pictures = tmp_path / "pictures.jsonl"
    pictures.write_text("\n".join(json.dumps({"id": one.id, "image": one.image, "captions": list(one.captions), "instances": [
        {"category": box.category, "bbox": list(box.box)} for box in one.boxes]}) for one in (BOOK, PHOTO)), encoding="utf-8")
    bad = made(("What colour is the dog?", "Blue."), ("What colour is the dog?", "The dog is blue."))
    path = tmp_path / "set.json"
    path.write_text(json.dumps([bad, bad, made(("What is this?", "A black dog."), record=PHOTO)]), encoding="utf-8")
    report = check_set(path, [BOOK, PHOTO], examples=1)
    assert (report.samples, report.faulty, report.reasons) == (3, 2, {"repeated turn": 2, "wrong colour": 2})
    assert report.examples["wrong colour"] == [("train-1", "The dog is blue.")]
    assert checker.main([str(path), str(pictures)]) == 0
    assert "2  wrong colour" in capsys.readouterr().out
    path.write_text(json.dumps([made(("What?", "A dog.")) | {"image": "none.jpg", "id": "none"}]), encoding="utf-8")
    with pytest.raises(InputError, match="sample 1.*none.jpg"):
        check_set(path, [BOOK])
    assert checker.main([str(path), str(pictures)]) == 1
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="a list of samples"):
        check_set(path, [BOOK])


def test_measure_as_a_command(tmp_path, capsys):
    """Guards against a table that only tests can print."""
    path = tmp_path / "pictures.jsonl"
    records = [record_of(scene, number) for number, scene in enumerate(scenes("train", 6), 1)]
    path.write_text("\n".join(json.dumps({"id": one.id, "image": one.image, "captions": list(one.captions), "instances": [
        {"category": box.category, "bbox": list(box.box)} for box in one.boxes]}) for one in records), encoding="utf-8")
    assert measure.main([str(path), "--pictures", "4", "--rate", "1"]) == 0
    assert "wrong colour" in (out := capsys.readouterr().out) and "12 samples" in out


def test_one_reason_is_told_once():
    """Guards against counting one lie as often as sentences repeat it."""
    facts = read(context(BOOK))
    assert contradictions("What is there?", "There is a cat. The cat is on the left.", facts)[0][0] == "absent thing"
    assert len(contradictions("What is there?", "There is a cat. The cat is on the left.", facts)) == 1
    assert contradictions("Is there a cat?", "No, there is no cat.", facts) == []


def test_statistics_of_a_set():
    """Guards against counts that include the picture's mark, or mistake one picture for another."""
    one = made(("What colour is the dog?", "It is red."), ("Why?", "Because.")) | {"kind": "conversation"}
    two = made(("What is it?", "It is red."), record=PHOTO) | {"kind": "detail"}
    assert pairs_of(one) == [("What colour is the dog?", "It is red."), ("Why?", "Because.")]
    about = statistics([one, two, two | {"kind": "conversation"}])
    assert about["samples"] == 3 and about["kinds"] == {"conversation": 2, "detail": 1}
    assert about["turns"] == {"conversation": {1: 1, 2: 1}, "detail": {1: 1}}
    assert about["question_words"]["conversation"] == {1: 1, 3: 1, 5: 1} and about["answer_words"]["detail"] == {3: 1}
    assert about["lengths"]["conversation"]["questions"] == {"n": 3, "mean": 3.0, "median": 3.0, "shortest": 1, "longest": 5}
    assert about["first_words"] == {"what": {"is": 2, "colour": 1}, "why": {"": 1}}
    assert about["pictures"]["n"] == 2 and about["pictures"]["by_kinds"] == {"conversation": 1, "conversation + detail": 1}
    assert about["pictures"]["samples"] == {1: 1, 2: 1}
    assert about["pictures"]["answers"] == {"n": 4, "different": 2, "in_other_pictures": 0.75}
    assert about["pictures"]["questions"]["in_other_pictures"] == 0.0
    assert json.loads(json.dumps(about))["samples"] == 3
    assert first_words(["How many?", "how MANY dogs?", ""]) == {"how": {"many": 2}, "": {"": 1}} and lengths({})["n"] == 0
    assert statistics([])["first_words"] == {}


def test_a_verdict_behind_the_evidence_is_held_against_the_context():
    """Guards against "The dog is red, so no." passing because a sentence with a "no" claims nothing."""
    facts = read("A small red dog in the park on a sunny day.\n\ndog: [0.1, 0.6, 0.3, 0.8]")
    def reasons(question, answer):
        return {reason for reason, _ in contradictions(question, answer, facts)}
    assert reasons("Is there a red dog?", "The dog is red, so yes.") == reasons("Is there a blue dog?", "The dog is red, so no.") == set()
    assert reasons("Is there a red dog?", "The dog is red, so no.") == {"denied thing"}
    assert "wrong colour" in reasons("Is there a blue dog?", "The dog is red, so yes.")
    assert "wrong colour" in reasons("Is there a blue dog?", "The dog is green, so no.")


def test_colours_pairs_and_boxes_said_in_other_ways():
    """Guards against a checker that knows only the storyteller's own sentences."""
    facts = read("A small red dog in the park on a sunny day.\nThere is a dog, a red car and an orange car.\n\n"
                 "dog: [0.1, 0.6, 0.3, 0.8]\ncar: [0.4, 0.6, 0.5, 0.8]\ncar: [0.6, 0.6, 0.7, 0.8]")
    def found(said):
        return {reason for reason, _ in contradictions("What do you see?", said, facts)}
    assert found("There is a pair of dogs.") == found("There is a couple of dogs.") == {"wrong number"} and found("There is a pair of cars.") == set()
    for said in ("The dog has {} fur.", "The dog's colour is {}.", "The dog has {} hair."):
        assert found(said.format("blue")) == {"wrong colour"} and found(said.format("red")) == set()
    assert found("The cars are red, orange.") == found("The cars are red, orange and red.") == set()
    assert [m.category for m in mentions("A red car, an orange, a dog.")] == ["car", "orange", "dog"]
    assert [m.category for m in mentions("The cars are red, orange, green and blue.")] == ["car"]          # a colour among colours, no fruit
    for said in ("The dog is at 0.1, 0.7, 0.3, 0.9.", "The bounding-box of the dog is small.", "Its bbox ends there."):
        assert "mentions captions" in reasons(("What do you see?", said)), said
    assert "mentions captions" not in reasons(("What do you see?", "The dog is at the left, 3 cars are at the right."))
