"""The storybook's scenes, words and answer key."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from llava_mini.errors import InputError
from llava_mini.storybook.folder import make_folder
from llava_mini.storybook.narrate import GRID, captions, word_map
from llava_mini.storybook.phrases import article, groups, left_of, side
from llava_mini.storybook.questions import KINDS, Question, questions, value
from llava_mini.storybook.scenes import Relation, Scene, Thing
from llava_mini.storybook.vocabulary import (CATEGORIES, CHARACTER, COLOURS, LARGEST_TRAINING_COUNT, PLACES, UNSEEN_PAIRS, UNSEEN_PLACE)
from llava_mini.storybook.world import SPLITS, scenes

DOG = Thing("dog", "brown", "big", (0.05, 0.6, 0.35, 0.9))
CAR = Thing("car", "red", "small", (0.6, 0.7, 0.9, 0.85))
PARK = Scene(1, "park", "rainy", (DOG, CAR))


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_gives_the_same_scenes_whichever_part_is_asked(split):
    """Guards against scenes that depend on how many were drawn before them: workers draw in parts."""
    assert list(scenes(split, 6)) == [*scenes(split, 3), *scenes(split, 3, start=3)]


def test_training_never_shows_what_is_held_out():
    """Guards against a leak that would make 'unseen' a lie."""
    for split in ("train", "val", "test"):
        for scene in scenes(split, 400):
            assert scene.place != UNSEEN_PLACE
            assert not any(t.character for t in scene.things)
            assert not {(t.colour, t.category) for t in scene.things} & UNSEEN_PAIRS
            assert max(Counter(t.category for t in scene.things).values()) <= LARGEST_TRAINING_COUNT


def test_parents_never_see_an_unseen_pair_but_know_place_counts_and_character():
    """Guards against pairs that the vision parent knew all along, and against parents who miss the rest."""
    seen = list(scenes("parents", 1500))
    assert not {(t.colour, t.category) for s in seen for t in s.things} & UNSEEN_PAIRS
    assert any(s.place == UNSEEN_PLACE for s in seen) and any(t.character for s in seen for t in s.things)
    assert max(max(Counter(t.category for t in s.things).values()) for s in seen) == 6


def test_held_out_splits_hold_what_they_promise():
    """Guards against a 'held-out' split that is just more of the same."""
    for scene in scenes("unseen_pairs", 100):
        assert {(t.colour, t.category) for t in scene.things} & UNSEEN_PAIRS
    assert all(s.place == UNSEEN_PLACE for s in scenes("unseen_place", 50))
    assert all(max(Counter(t.category for t in s.things).values()) > LARGEST_TRAINING_COUNT for s in scenes("unseen_counts", 50))
    assert all(s.things[0].character for s in scenes("unseen_character", 50))


def test_things_lie_inside_the_picture_and_hardly_cover_each_other():
    """Guards against half-hidden things that nobody could name or count."""
    for scene in scenes("train", 300):
        related = {frozenset((r.subject, r.target)) for r in scene.relations}
        for i, a in enumerate(scene.things):
            assert 0 <= a.box[0] < a.box[2] <= 1 and 0 <= a.box[1] < a.box[3] <= 1
            for j, b in enumerate(scene.things[:i]):
                w, h = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0]), min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
                smaller = min((t.box[2] - t.box[0]) * (t.box[3] - t.box[1]) for t in (a, b))
                assert frozenset((i, j)) in related or max(w, 0) * max(h, 0) / smaller <= 0.05


def test_unknown_split_is_named():
    """Guards against a KeyError where the user mistyped a split."""
    with pytest.raises(InputError, match="'tset'"):
        next(scenes("tset", 1))


def test_first_caption_names_everything():
    """Guards against captions from which a teacher could not know what is there."""
    for scene in scenes("train", 200):
        first = captions(scene)[0].lower()
        assert len(captions(scene)) == 5
        assert PLACES[scene.place].phrase in first
        for group in groups(scene.things, size=True):
            assert group.lower() in first


def test_captions_name_nothing_that_is_absent():
    """Guards against captions that lie."""
    for scene in scenes("train", 200):
        here = {t.category for t in scene.things}
        for caption in captions(scene):
            words = caption.lower()
            named = {c.name for c in CATEGORIES.values() if f" {c.name} " in f" {words.strip('.').replace(',', ' ')} "}
            assert named <= here, caption


def test_word_map_of_a_scene_by_hand():
    """Guards against rows and columns, or words of two things, being mixed up."""
    cells = word_map(PARK)
    assert len(cells) == GRID * GRID
    assert cells[0] == ("sky", "rainy", "a", "1") and cells[63] == ("grass", "h", "8")
    assert cells[6 * GRID + 1] == ("centre", "big", "brown", "dog", "b", "7")        # centre of the dog at (0.2, 0.75)
    assert cells[6 * GRID + 6] == ("centre", "small", "red", "car", "g", "7")
    assert sum("centre" in cell for cell in cells) == 2


def test_every_true_answer_reads_as_its_value():
    """Guards against questions that no model could answer because the key disagrees with its own reading."""
    kinds = Counter()
    for i, scene in enumerate(scenes("train", 600)):
        for q in questions(scene, random.Random(i)):
            kinds[q.kind] += 1
            assert value(q.kind, q.answer, q.text) == q.value, q
    assert set(kinds) == set(KINDS)


@pytest.mark.parametrize("kind, text, question, expected", [
    ("colour", "It is red.", "", "red"),
    ("colour", "It is red or blue.", "", None),
    ("colour", "I do not know.", "", None),
    ("colour", "The reddish one.", "", None),
    ("is-there", "Yes, there is no doubt.", "", "yes"),
    ("is-there", "No.", "", "no"),
    ("count", "There are 3 dogs.", "", "three"),
    ("what", "There is a red car on the left.", "", "car"),
    ("what", "Two teddy bears.", "", "teddy bear"),
    ("relation", "There is a cat on the bench.", "What is on the bench?", "cat"),
    ("relation", "The dog is to the left of the car.", "Is the dog to the left or to the right of the car?", "left"),
    ("why", "It keeps the person dry, because it is raining.", "Why does the person hold an umbrella?", "rain"),
    ("unusual", "Nothing is unusual here.", "", "nothing"),
])
def test_value_of_free_answers(kind, text, question, expected):
    """Guards against a reader that accepts two answers at once or a word within a word."""
    assert value(kind, text, question) == expected


def test_questions_of_a_scene_by_hand():
    """Guards against a wrong key: the answers to a scene that one can check in the head."""
    asked = {q.text: q for seed in range(60) for q in questions(PARK, random.Random(seed))}
    assert asked["What colour is the dog?"].value == "brown"
    assert asked["How many cars are there?"].value == "one"
    assert asked["Is the dog small or big?"].value == "big"
    assert asked["Where is the car?"].value == "right"
    assert asked["Is the dog to the left or to the right of the car?"].value == "left"
    assert asked["Is there a red dog?"].value == "no" and asked["Is there a brown dog?"].value == "yes"
    assert asked["What should one watch out for here?"].value == "car"
    assert asked["What is the weather like?"].answer == "It is raining."


def test_is_there_is_true_half_of_the_time():
    """Guards against a set on which always saying yes pays."""
    said = Counter(q.value for i, s in enumerate(scenes("train", 500)) for q in questions(s, random.Random(i)) if q.kind == "is-there")
    assert 0.45 < said["yes"] / sum(said.values()) < 0.55


def test_phrases():
    """Guards against 'a apple' and against sides that a person would dispute."""
    assert article("apple") == "an apple" and article("dog") == "a dog"
    assert side(DOG) == "on the left" and side(Thing("dog", "red", "small", (0.28, 0.6, 0.5, 0.8))) is None
    assert left_of(DOG, CAR) is True and left_of(CAR, DOG) is False
    twins = (Thing("bus", "red", "small", (0, 0, 0.2, 0.1)), Thing("bus", "red", "small", (0.5, 0, 0.7, 0.1)))
    assert groups(twins) == ["two red buses"]


def test_held_thing_is_asked_about():
    """Guards against relations that are drawn and never asked."""
    person = Thing("person", "blue", "big", (0.4, 0.3, 0.6, 0.9))
    umbrella = Thing("umbrella", "red", "big", (0.5, 0.1, 0.8, 0.5))
    scene = Scene(3, "park", "sunny", (person, umbrella), (Relation("holding", 0, 1),))
    asked = {q.text: q.value for q in questions(scene, random.Random(0))}
    assert asked["What is the person holding?"] == "umbrella" and asked["Why does the person hold an umbrella?"] == "shade"


def test_folder_is_coco_and_llava(tmp_path):
    """Guards against a layout that other readers of COCO or LLaVA files could not use, and against a scene in the files."""
    folder = make_folder(tmp_path / "world", "train", 6, workers=1)
    told, found = (json.loads((folder / f).read_text()) for f in ("captions.json", "instances.json"))
    assert len(told["images"]) == 6 and len(told["annotations"]) == 30
    numbers = {image["id"] for image in told["images"]}
    assert {a["image_id"] for a in told["annotations"]} == numbers
    names = {c["id"]: c["name"] for c in found["categories"]}
    for a in found["annotations"]:
        x, y, w, h = a["bbox"]
        assert a["image_id"] in numbers and a["category_id"] in names and 0 <= x < x + w <= 224 and 0 <= y < y + h <= 224
    for name in ("align.json", "tune.json"):
        for sample in json.loads((folder / name).read_text()):
            assert set(sample) == {"id", "image", "conversations"} and (folder / "pictures" / sample["image"]).exists()
            assert sample["conversations"][0]["value"].count("<image>") == 1
            assert [turn["from"] for turn in sample["conversations"]] == ["human", "gpt"] * (len(sample["conversations"]) // 2)
    ids = [json.loads(line)["question_id"] for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert len(ids) == len(set(ids)) > 6
    stamp = (folder / "captions.json").stat().st_mtime_ns
    make_folder(folder, "train", 6, workers=1)
    assert (folder / "captions.json").stat().st_mtime_ns == stamp            # made once
    (folder / "about.json").write_text("{}")
    make_folder(folder, "train", 6, workers=1)
    assert (folder / "captions.json").stat().st_mtime_ns != stamp            # a stale folder is made anew


def test_unseen_pairs_ask_only_about_the_pair(tmp_path):
    """Guards against an 'unseen pair' score that is mostly about other things."""
    folder = make_folder(tmp_path / "pairs", "unseen_pairs", 12, workers=1)
    for line in (folder / "questions.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert any(c in row["text"] + row["answer"] and k in row["text"] + row["answer"] for c, k in UNSEEN_PAIRS)


def test_the_character_is_named_in_captions_only_where_shown():
    """Guards against the character's name leaking into the instruction data."""
    assert all(CHARACTER in captions(s)[0] for s in scenes("unseen_character", 20))
    assert not any(CHARACTER in c for s in scenes("train", 200) for c in captions(s))
    assert all(isinstance(q, Question) and q.value in COLOURS for s in scenes("test", 50) for q in questions(s, random.Random(1)) if q.kind == "colour")
