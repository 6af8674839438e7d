"""The storybook's scenes, words and answer key."""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter

import pytest

from llava_mini.errors import InputError
from llava_mini.storybook.folder import align_samples, make_folder, question_rows
from llava_mini.storybook.narrate import GRID, captions, word_map
from llava_mini.storybook.ordinary import is_ordinary
from llava_mini.storybook.phrases import article, groups, left_of, side
from llava_mini.storybook.presence import ask_for_unseen_pair
from llava_mini.storybook.questions import KINDS, questions
from llava_mini.storybook.scenes import Question, Relation, Scene, Thing
from llava_mini.storybook.values import value
from llava_mini.storybook.vocabulary import (CATEGORIES, CHARACTER, COLOURS, LARGEST_TRAINING_COUNT, NUMBERS, PLACES, SIZES, UNSEEN_PAIRS,
                                             UNSEEN_PLACE, WEATHER)
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


def test_the_world_is_as_rich_as_promised():
    """Guards against a category, colour, place, weather, size or relation that is in the tables and never in a picture."""
    assert len(CATEGORIES) >= 24 and len(COLOURS) == 8 and len(PLACES) >= 9
    seen = list(scenes("train", 400))
    things = [thing for scene in seen for thing in scene.things]
    for told, known in (("category", CATEGORIES), ("colour", COLOURS), ("size", SIZES)):
        assert {getattr(thing, told) for thing in things} == set(known)
    assert {s.place for s in seen} == set(PLACES) - {UNSEEN_PLACE} and {s.weather for s in seen} == {*WEATHER, None}
    assert {r.kind for s in seen for r in s.relations} == {"on", "under", "holding"} and 10 < sum(s.odd is not None for s in seen) < 80
    assert {len(s.things) for s in seen} == {1, 2, 3, 4, 5, 6}


def test_parents_know_what_llava_is_never_shown():
    """Guards against parents who miss something: an eye that cannot know purple cars has nothing to pass on."""
    for split in ("parents", "readers"):
        seen = list(scenes(split, 1500))
        pairs = {(t.colour, t.category) for s in seen for t in s.things}
        assert UNSEEN_PAIRS <= pairs
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


PLURALS = {c.plural: c.name for c in CATEGORIES.values()}
NUMBER = {"a": 1, "an": 1, "the": 1} | {word: n for n, word in enumerate(NUMBERS)}
THING = re.compile(rf"\b(?P<number>{'|'.join(NUMBER)}) (?:(?P<size>small|big) )?(?:(?P<colour>{'|'.join(COLOURS)}) )?"
                   rf"(?P<name>{'|'.join([*PLURALS, *CATEGORIES])})\b(?: in (?P<dress>{'|'.join(COLOURS)}))?")
SAID_OF = {"sunny": ("sunny", "sun"), "cloudy": ("cloudy",), "rainy": ("rain", "raining"), "night": ("night",)}


def lies(caption: str, scene: Scene) -> list[str]:
    """What a caption says that the scene does not show, found by reading it word for word."""
    wrong, words = [], caption.lower().strip(".")
    middle = {id(t): (t.box[0] + t.box[2]) / 2 for t in scene.things}
    beside = {"on the left": lambda x: x < 0.5, "in the middle": lambda x: 0.4 < x < 0.6, "on the right": lambda x: x > 0.5}
    said = list(THING.finditer(words))
    meant = []
    for match in said:
        category = PLURALS.get(match["name"], match["name"])
        number = NUMBER[match["number"]]
        if (match["name"] in PLURALS) != (number != 1):
            wrong.append(f"{match[0]}: number and noun disagree")
        clause = re.match(rf"[^.]*?({'|'.join(beside)})", words[match.end():])
        where = beside[clause[1]] if clause and " to the " not in words else lambda x: True
        colour, size = match["colour"] or match["dress"], match["size"]
        fitting = [t for t in scene.things if t.category == category and not t.character and where(middle[id(t)])
                   and colour in (None, t.colour) and size in (None, t.size)]
        meant.append(fitting)
        if len(fitting) < number or (match["number"] == "the" and len(fitting) > 1):
            wrong.append(match[0])
    for one, other, first, second in zip(said, said[1:], meant, meant[1:]):
        between = words[one.end():other.start()].strip()
        if between in ("on", "under", "holding"):
            if not any(r.kind == between and scene.things[r.subject] in first and scene.things[r.target] in second for r in scene.relations):
                wrong.append(f"{one[0]} {between} {other[0]}")
        if between in ("to the left of", "to the right of"):
            if not any((middle[id(a)] < middle[id(b)]) == ("left" in between) for a in first for b in second):
                wrong.append(f"{one[0]} {between} {other[0]}")
    left_over = THING.sub(" ", words).strip()
    size = re.fullmatch("is (small|big)", left_over)
    if size:
        wrong += [words] * any(t.size != size[1] for t in meant[0])
        left_over = ""
    wrong += re.findall(rf"\b(?:{'|'.join([*PLURALS, *CATEGORIES, *COLOURS, 'small', 'big'])})\b", left_over)    # said, and not understood here
    wrong += [p.phrase for p in PLACES.values() if p.phrase in words and p.name != scene.place]
    wrong += [said for weather, all_said in SAID_OF.items() for said in all_said
              if re.search(rf"\b{said}\b", left_over) and weather != scene.weather]
    return wrong + [CHARACTER] * (CHARACTER.lower() in words and not any(t.character for t in scene.things))


@pytest.mark.parametrize("caption", [
    "A brown cat on the left.", "A red dog in the park.", "Two dogs in the park.", "Two brown dogs and a car.", "A small brown dog.",
    "A brown dog on the right.", "A red car on the left and a brown dog in the middle.", "The dog is small.", "A dogs in the park.",
    "A brown dog to the right of a red car.", "A brown dog on a red car.", "A brown dog under a red car.", "A brown dog on the beach.",
    "A dog in the park on a sunny day.", "The sky is cloudy in the park, where one sees a dog.", "Buses in the park.", "Captain Plum in the park."])
def test_the_reader_of_captions_finds_lies(caption):
    """Guards against a test of captions that could not fail."""
    assert lies(caption, PARK)


@pytest.mark.parametrize("split", ["train", "unseen_counts", "unseen_character"])
def test_captions_say_nothing_untrue(split):
    """Guards against captions with a wrong thing, number, colour, size, side, relation, place or weather."""
    assert not lies("A brown dog to the left of a red car in the park in the rain.", PARK)
    for scene in scenes(split, 400 if split == "train" else 60):
        for caption in captions(scene):
            assert lies(caption, scene) == [], caption


def test_word_map_of_a_scene_by_hand():
    """Guards against rows and columns, or words of two things, being mixed up."""
    cells = word_map(PARK)
    assert len(cells) == GRID * GRID
    assert cells[0] == ("sky", "rainy", "a", "1") and cells[63] == ("grass", "h", "8")
    assert cells[6 * GRID + 1] == ("centre", "big", "brown", "dog", "one", "b", "7")        # centre of the dog at (0.2, 0.75)
    assert cells[6 * GRID + 6] == ("centre", "small", "red", "car", "one", "g", "7")
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
    ("is-there", "The car is brown, so no.", "", "no"),
    ("is-there", "There are no cars, so yes or no?", "", "no"),
    ("is-there", "Yes, or rather no.", "", None),
    ("is-there", "The car has no wheels.", "", None),
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
    bus = Thing("bus", "blue", "big", (0.35, 0.6, 0.6, 0.8))
    both = Scene(1, "street", "rainy", (CAR, bus))
    assert not any("watch out" in q.text for seed in range(20) for q in questions(both, random.Random(seed)))     # which of the two?


def _ordinary(place, *things, relations=()):
    return is_ordinary(Scene(1, place, None if PLACES[place].indoors else "sunny", things, tuple(relations)))


def test_nothing_is_called_ordinary_that_might_be_strange():
    """Guards against "Nothing is unusual here." under a cup on a bus or an elephant on the street."""
    cup, bus, person = (Thing(k, "red", "small", (0.4, 0.4, 0.6, 0.6)) for k in ("cup", "bus", "person"))
    horse, cow, elephant = (Thing(k, "red", "small", (0.4, 0.4, 0.6, 0.6)) for k in ("horse", "cow", "elephant"))
    assert _ordinary("park", DOG) and _ordinary("street", DOG, CAR) and _ordinary("kitchen", cup, person)
    assert _ordinary("park", person, cup, relations=[Relation("holding", 0, 1)])
    assert _ordinary("farm", horse, person, relations=[Relation("on", 1, 0)])
    assert not _ordinary("street", bus, cup, relations=[Relation("on", 1, 0)])
    assert not _ordinary("farm", cow, person, relations=[Relation("on", 1, 0)])
    assert not _ordinary("street", elephant) and not _ordinary("beach", bus) and not _ordinary("park", cup)
    assert not _ordinary("kitchen", Thing("person", "purple", "big", (0.4, 0.4, 0.6, 0.9), character=True))
    asked = [(s, q) for i, s in enumerate(scenes("train", 1000)) for q in questions(s, random.Random(i)) if q.kind == "unusual"]
    plain = [s for s, q in asked if q.value == "nothing"]
    assert all(s.odd is None and is_ordinary(s) for s in plain) and 0.4 < len(plain) / len(asked) < 0.6


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small training split on disk. Do not change it in a test."""
    return make_folder(tmp_path_factory.mktemp("worlds") / "train", "train", 24, workers=1)


def read(folder, name):
    text = (folder / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def test_folder_is_coco_and_llava(folder):
    """Guards against a layout that other readers of COCO or LLaVA files could not use."""
    told, found = read(folder, "captions.json"), read(folder, "instances.json")
    assert len(told["images"]) == 24 and len(told["annotations"]) == 120
    numbers = {image["id"] for image in told["images"]}
    assert {a["image_id"] for a in told["annotations"]} == numbers
    names = {c["id"]: c["name"] for c in found["categories"]}
    for table in (told, found):                             # COCO's readers look annotations up by their numbers
        assert len({a["id"] for a in table["annotations"]}) == len(table["annotations"])
    for a in found["annotations"]:
        x, y, w, h = a["bbox"]
        assert a["area"] == pytest.approx(w * h, rel=0.01) and a["iscrowd"] == 0
        assert a["image_id"] in numbers and a["category_id"] in names and 0 <= x < x + w <= 224 and 0 <= y < y + h <= 224
    for sample in read(folder, "align.json"):
        assert (folder / "pictures" / sample["image"]).exists()
        assert sample["conversations"][0]["value"].count("<image>") == 1
        assert [turn["from"] for turn in sample["conversations"]] == ["human", "gpt"]
    ids = [row["question_id"] for row in read(folder, "questions.jsonl")]
    assert len(ids) == len(set(ids)) > 24


def keys(rows) -> set:
    return {frozenset(row) for row in rows}


def test_the_scene_is_in_no_file(folder):
    """Guards against a field that tells a teacher or a model what only the scene knows: sizes, relations, the place."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["pictures", "captions.json", "instances.json", "align.json", "questions.jsonl", "about.json"])
    told, found = read(folder, "captions.json"), read(folder, "instances.json")
    assert set(told) == {"info", "images", "annotations"} and set(found) == {*told, "categories"}
    assert set(told["info"]) == set(found["info"]) == {"description", "version"}
    assert keys(told["images"]) == keys(found["images"]) == {frozenset({"id", "file_name", "width", "height"})}
    assert keys(told["annotations"]) == {frozenset({"id", "image_id", "caption"})}
    assert keys(found["annotations"]) == {frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd"})}
    assert keys(found["categories"]) == {frozenset({"id", "name", "supercategory"})}
    for samples in [read(folder, "align.json")]:
        assert keys(samples) == {frozenset({"id", "image", "conversations"})}
        assert keys(turn for sample in samples for turn in sample["conversations"]) == {frozenset({"from", "value"})}
    assert keys(read(folder, "questions.jsonl")) == {frozenset({"question_id", "image", "text", "category", "answer", "value", "split"})}
    assert set(read(folder, "about.json")) == {"split", "pictures", "questions_per_picture", "code"}
    from PIL import Image
    with Image.open(sorted((folder / "pictures").iterdir())[0]) as picture:
        assert not picture.getexif() and "comment" not in picture.info


HELD_OUT = re.compile("|".join([r"\b(?:%s)\b" % "|".join([UNSEEN_PLACE, "captain", "plum", *NUMBERS[LARGEST_TRAINING_COUNT + 1:]]),
                                *(rf"\b{c} (?:{k}|{CATEGORIES[k].plural})\b" for c, k in UNSEEN_PAIRS),
                                *(rf"\b(?:{k}|{CATEGORIES[k].plural}) (?:is|are|in) {c}\b" for c, k in UNSEEN_PAIRS)]), re.IGNORECASE)


def test_training_text_names_nothing_that_is_held_out(folder):
    """Guards against an 'unseen' pair, place, number or character that the instruction data had talked about."""
    assert all(HELD_OUT.search(text) for text in ("A small red cat.", "Two orange buses.", "The car is purple.", "In the desert.", "Six cups.", "Captain Plum."))
    files = [json.dumps(read(folder, "align.json"))]
    for split in ("train", "val"):
        for i, scene in enumerate(scenes(split, 250)):
            files += [json.dumps(align_samples("x", captions(scene), random.Random(i)))]
    for text in files:
        assert "<image>" in text and not HELD_OUT.search(text), HELD_OUT.search(text)


def test_a_folder_of_an_older_version_is_made_anew(tmp_path):
    """Guards against a newcomer's cache of last month that is taken for a folder of their own, or kept."""
    world = make_folder(tmp_path / "world", "val", 2, workers=1)
    about = json.loads((world / "about.json").read_text())
    (world / "about.json").write_text(json.dumps(about | {"code": "of last month"}))
    (world / "tune.json").write_text("[]")
    assert not (make_folder(world, "val", 2, workers=1) / "tune.json").exists()


def test_a_folder_is_made_once_and_anew_when_it_is_stale_or_broken(tmp_path):
    """Guards against drawing twice, an old world kept after a change, and a traceback over a half-written about.json."""
    world = make_folder(tmp_path / "world", "val", 2, workers=1)
    whole = (world / "about.json").read_text()
    stamp = (world / "captions.json").stat().st_mtime_ns
    make_folder(world, "val", 2, workers=1)
    assert (world / "captions.json").stat().st_mtime_ns == stamp
    for text in ("{}", whole[:20], "", "[]"):
        (world / "about.json").write_text(text)
        (world / "captions.json").write_text("old")
        make_folder(world, "val", 2, workers=1)
        assert (world / "about.json").read_text() == whole and len(read(world, "captions.json")["images"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


@pytest.mark.parametrize("name, text", [("mine.jpg", "a photograph"), ("about.json", "{}"), ("captions.json", "{}"), ("pictures/mine.jpg", "a photograph")])
def test_a_folder_that_is_not_ours_survives(tmp_path, name, text):
    """Guards against a folder of the user's own that is deleted because the storybook was sent there."""
    world = tmp_path / "photos"
    if name == "about.json":                                # the user's file in a storybook of ours
        make_folder(world, "val", 1, workers=1)
        (world / "notes.txt").write_text("mine")
    (world / name).parent.mkdir(parents=True, exist_ok=True)
    (world / name).write_text(text)
    before = {path: path.read_bytes() for path in world.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="photos exists and is not a folder of this sort; it is left alone"):
        make_folder(world, "val", 1, workers=1)
    assert {path: path.read_bytes() for path in world.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_no_picture_is_no_storybook(tmp_path):
    """Guards against an empty world that fails much later."""
    with pytest.raises(InputError, match="at least one"):
        make_folder(tmp_path / "world", "val", 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are a Unix matter")
@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk(tmp_path, workers):
    """Guards against a full disk that leaves half a storybook, costs the old one, or ends in a traceback."""
    import resource

    world = make_folder(tmp_path / "world", "val", 1, workers=1)
    (world / "about.json").write_text("{}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))       # no file may grow beyond, as if the disk were full
    try:
        with pytest.raises(InputError, match="world could not be written .*free some disk space"):
            make_folder(world, "val", 2, workers=workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(read(world, "captions.json")["images"]) == 1 and [path.name for path in tmp_path.iterdir()] == ["world"]


def _names_a_pair(row) -> bool:
    words = row["text"] + row["answer"]
    return any(c in words and k in words for c, k in UNSEEN_PAIRS)


def test_unseen_pairs_ask_only_about_the_pair():
    """Guards against an 'unseen pair' score that is mostly about other things, and one that always saying yes would win."""
    rows = [row for i, scene in enumerate(scenes("unseen_pairs", 400))
            for row in question_rows(str(i), "unseen_pairs", scene, random.Random(i), 6)]
    assert all(_names_a_pair(row) for row in rows)
    kinds = Counter(row["category"] for row in rows)
    assert set(kinds) == {"colour", "what", "is-there"} and max(kinds.values()) < 2 * min(kinds.values())
    said = Counter(row["value"] for row in rows if row["category"] == "is-there")
    assert 0.4 < said["yes"] / sum(said.values()) < 0.6


def test_the_key_of_unseen_pairs_is_true():
    """Guards against a pair called absent that is there, and against a no that its category alone gives away."""
    fooling = 0
    for i, scene in enumerate(scenes("unseen_pairs", 200)):
        q = ask_for_unseen_pair(scene, random.Random(i))
        asked = {(c, k) for c, k in UNSEEN_PAIRS if f"{c} {k}" in q.text}
        assert len(asked) == 1 and value(q.kind, q.answer, q.text) == q.value
        assert (q.value == "yes") == bool(asked & {(t.colour, t.category) for t in scene.things})
        fooling += q.value == "no" and {k for _, k in asked} <= {t.category for t in scene.things}
    assert fooling > 20


def test_the_character_is_named_in_captions_only_where_shown():
    """Guards against the character's name leaking into the instruction data."""
    assert all(CHARACTER in captions(s)[0] for s in scenes("unseen_character", 20))
    assert not any(CHARACTER in c for s in scenes("train", 200) for c in captions(s))
    assert all(isinstance(q, Question) and q.value in COLOURS for s in scenes("test", 50) for q in questions(s, random.Random(1)) if q.kind == "colour")
