"""storybook_staged: the pictures that are set up for the probes, and what is asked about them."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from llava_mini.errors import InputError
from llava_mini.evaluation.accuracy import check_key
from llava_mini.evaluation.answers import read_questions
from llava_mini.storybook.phrases import centre, how_many, side
from llava_mini.storybook.scenes import Scene, Thing
from llava_mini.storybook.values import value
from llava_mini.storybook.vocabulary import CATEGORIES, LARGEST_TRAINING_COUNT, NUMBERS, UNSEEN_PAIRS, UNSEEN_PLACE
from llava_mini.storybook_staged import absent, binding, character, counting, everyday, phrasings, position
from llava_mini.storybook_staged.folder import FILES, PROBES, make
from llava_mini.storybook_staged.pages import Sizes, box

SMALL = Sizes(everyday=4, binding=1, counting=1, position=1, character=1, phrasings=2, training=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("staged") / "set", SMALL)


def rows(folder: Path, probe: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{probe}.jsonl").read_text().splitlines()]


def test_a_set_holds_the_same_parts_three_times():
    """Guards against pictures that a bag of patches could tell apart: other parts, places, sizes or backgrounds."""
    sets = defaultdict(dict)
    for page in binding.pages(30, 0):
        about = page.questions["binding"][0]["about"]
        sets[about["set"]][about["picture"]] = page.scene
    for scenes in sets.values():
        first = scenes["original"]
        pairs = [(t.category, t.colour) for t in first.things]
        (k1, c1), (k2, c2) = pairs
        assert k1 != k2 and c1 != c2 and not {(c, k) for c in (c1, c2) for k in (k1, k2)} & UNSEEN_PAIRS
        assert [(t.category, t.colour) for t in scenes["colours"].things] == [(k1, c2), (k2, c1)]
        assert [(t.category, t.colour) for t in scenes["categories"].things] == [(k2, c1), (k1, c2)]
        assert [side(t) for t in first.things] == ["on the left", "on the right"]
        for scene in scenes.values():
            assert (scene.seed, scene.place, scene.weather) == (first.seed, first.place, first.weather)
            assert [(t.size, t.flip) for t in scene.things] == [(t.size, t.flip) for t in first.things]
            for one, other in zip(scene.things, first.things):
                assert centre(one)[0] == pytest.approx(centre(other)[0], abs=1e-3) and one.box[3] == pytest.approx(other.box[3], abs=1e-3)
                assert min(one.box) >= 0 and max(one.box) <= 1
            assert scene.things[0].box[2] < scene.things[1].box[0]


def test_the_questions_of_a_set_are_the_same_and_need_binding():
    """Guards against a question that names the exchange, and against yes without its no."""
    for page in binding.pages(10, 0):
        asked = {row["about"]["asked"]: row for row in page.questions["binding"]}
        assert {asked["is-there-first"]["value"], asked["is-there-second"]["value"]} == {"yes", "no"}
        things = {t.category: t for t in page.scene.things}
        thing = next(things[name] for name in things if f"the {name}?" in asked["colour"]["text"])
        assert asked["colour"]["value"] == thing.colour and asked["where"]["value"] == side(thing).split()[-1]
        assert asked["left"]["value"] == page.scene.things[0].category
    texts = defaultdict(set)
    for page in binding.pages(10, 0):
        for row in page.questions["binding"]:
            texts[row["about"]["set"], row["about"]["asked"]].add(row["text"])
    assert {len(words) for words in texts.values()} == {1}


def test_every_number_comes_equally_often():
    """Guards against a probe of counting in which "one" is right most of the time, and against a wrong number."""
    numbers = Counter()
    for page in counting.pages(3, 0):
        about = page.questions["counting"][0]["about"]
        counts = how_many(page.scene)
        assert counts[about["category"]] == about["number"] == max(counts.values())
        assert page.questions["counting"][0]["value"] == NUMBERS[about["number"]]
        numbers[about["number"]] += 1
    assert numbers == {n: 3 for n in range(1, 7)} and LARGEST_TRAINING_COUNT < 6


def test_every_cell_of_the_grid_is_used():
    """Guards against things that lie in a neighbouring cell or half outside, and against a "where" without a clear answer."""
    cells = Counter()
    for page in position.pages(2, 0):
        (thing,), about = page.scene.things, page.questions["position"][0]["about"]
        x, y = centre(thing)
        assert (int(x * 8), int(y * 8)) == (about["column"], about["row"]) and min(thing.box) >= 0 and max(thing.box) <= 1
        assert about["across"] == {r["category"]: r["value"] for r in page.questions["position"]}["where"] == side(thing).split()[-1]
        assert about["down"] == ("top" if y < 1 / 3 else "bottom" if y >= 2 / 3 else "middle")
        assert about["usual"] == (thing.box[3] <= 0.48 if thing.category in position.SKY else thing.box[3] >= 0.66)
        cells[about["row"], about["column"], thing.category in position.SKY] += 1
    assert cells == {(row, column, sky): 1 for row in range(8) for column in range(8) for sky in (True, False)}
    assert box("ball", 0.2, 0.5, 0.5) == (0.4, 0.4, 0.6, 0.6) and box("dog", 0.2, 0.5, foot=0.9)[3] == 0.9


DOG, CAR = (Thing(name, "red", "big", (0.1, 0.6, 0.3, 0.9)) for name in ("dog", "car"))


def test_absent_things_are_chosen_as_pope_does():
    """Guards against strategies that are mixed up: popular looks at all pictures, adversarial at those with what is here."""
    census = absent.Census(10, Counter(cat=9, cow=8, bus=3, dog=4, car=2), Counter({("dog", "bus"): 3, ("car", "bus"): 1, ("dog", "cat"): 1, ("car", "cow"): 1}))
    # bus: (3/4 + 1/2) / 2 = 0.625; cow: (0 + 1/2) / 2 = 0.25; cat: (1/4 + 0) / 2 = 0.125
    assert [census.fitting(name, {"dog", "car"}) for name in ("bus", "cow", "cat")] == [0.625, 0.25, 0.125]
    rows = absent.questions("p", Scene(1, "park", "sunny", (DOG, CAR)), census, 0)
    chosen = {strategy: {r["about"]["category"] for r in rows if r["value"] == "no" and strategy in r["about"]["strategies"]} for strategy in absent.STRATEGIES}
    assert chosen["popular"] == {"cat", "cow"} and chosen["adversarial"] == {"bus", "cow"} and len(chosen["random"]) == 2
    assert {r["about"]["category"] for r in rows if r["value"] == "yes"} == {"dog", "car"}
    assert len({r["question_id"] for r in rows}) == len(rows) and not {"dog", "car"} & set().union(*chosen.values())


def test_the_census_counts_pictures_and_not_things():
    """Guards against three cats in a picture that make cats three times as popular."""
    from llava_mini.storybook.world import scenes
    census, seen = absent.Census.of(40), list(scenes("train", 40))
    assert census.single["cat"] == sum(any(t.category == "cat" for t in s.things) for s in seen)
    both = sum({"dog", "car"} <= {t.category for t in s.things} for s in seen)
    assert census.together["dog", "car"] == census.together["car", "dog"] == both


def test_the_character_and_other_people():
    """Guards against a control that shows the character, or nobody."""
    shown = {page.questions["character"][0]["about"]["shown"]: page.scene for page in character.pages(1)}
    assert any(t.character for t in shown["the character"].things)
    assert [t.character for t in shown["another person"].things if t.category == "person"] == [False]


def test_a_partner_answers_the_same_words_otherwise():
    """Guards against foreign features that have the same answer by chance."""
    rows = [row for page in everyday.pages(12, 0) for row in page.questions["everyday"]]
    everyday.add_partners(rows, 0)
    by_id = {row["question_id"]: row for row in rows}
    partnered = [row for row in rows if row["about"]]
    assert len(partnered) > 10
    for row in partnered:
        other = by_id[row["about"]["partner"]]
        assert other["text"] == row["text"] and other["value"] == row["about"]["partner_value"] != row["value"]
        assert other["image"] == row["about"]["partner_image"] != row["image"]


@pytest.mark.parametrize("template, question, words", [
    ("How many {things} are there?", "How many people are there?", {"thing": "person", "things": "people", "a thing": "a person"}),
    ("Is there {a thing}?", "Is there a red traffic light?", {"a thing": "a red traffic light"}),
    ("Is there {a thing}?", "Is there a person in blue?", {"a thing": "a person in blue"}),
    ("What is the {colour} thing?", "What is the red thing?", {"colour": "red"}),
    ("What colour is the {thing}?", "What colour does the person wear?", None)])
def test_questions_are_taken_apart(template, question, words):
    """Guards against slots that swallow half a sentence, such as 'apple and a red ball' for a thing."""
    assert phrasings.slots(template, question) == words


def test_other_words_keep_the_key():
    """Guards against a paraphrase of another question, and against doubled ids."""
    rows = [row for page in everyday.pages(8, 0) for row in page.questions["everyday"]]
    out = phrasings.reworded(rows, 3, 0)
    assert len({row["question_id"] for row in out}) == len(out)
    keys = {row["question_id"]: row["value"] for row in rows}
    table = phrasings.read_phrasings()
    for row in out:
        assert row["value"] == keys[row["about"]["question"]] and row["about"]["template"] in table[row["category"]][row["about"]["family"]]
        assert "{" not in row["text"]
    per_question = Counter(row["about"]["question"] for row in out)
    assert {n for n in per_question.values()} == {5}
    assert max(Counter(row["category"] for row in out).values()) == 15


def test_new_words_are_new():
    """Guards against "new" phrasings that the teacher uses, and "teacher" ones that it does not: the three families would tell nothing."""
    source = "\n".join(path.read_text() for path in (Path(phrasings.__file__).parents[1] / "instruct").glob("*.py"))

    def bones(text: str) -> str:
        return re.sub(r"\{.*?\}", "{}", text)

    taught = bones(source)
    for families in phrasings.read_phrasings().values():
        assert all(bones(template) in taught for template in families["teacher"])
        assert not any(bones(template) in taught for template in families["new"])


def test_an_unknown_slot_is_named(tmp_path):
    """Guards against a KeyError in the middle of a run for whoever adds a phrasing."""
    (tmp_path / "p.json").write_text(json.dumps({"colour": {"new": ["What about the {animal}?"]}}))
    with pytest.raises(InputError, match="p.json, colour: .*unknown slot 'animal'"):
        phrasings.read_phrasings(tmp_path / "p.json")


def test_the_folder_is_complete_and_its_keys_can_be_read(folder):
    """Guards against questions without their picture, and keys that the scoring would never call right."""
    assert {path.name for path in folder.iterdir()} == FILES
    for probe in PROBES:
        questions = read_questions(folder / f"{probe}.jsonl", probe)
        assert all((folder / "pictures" / question.image).is_file() for question in questions)
        check_key([question for question in questions if question.kind != "who"], value)
    assert len(rows(folder, "position")) == 64 * 3 and len(rows(folder, "binding")) == 3 * 6 and len(rows(folder, "character")) == 6


def test_nothing_that_training_holds_out_slips_in(folder):
    """Guards against a failure that is put down to binding or place, and comes from what no training picture shows."""
    pages = [*binding.pages(20, 0), *position.pages(1, 0), *everyday.pages(20, 0), *counting.pages(2, 0)]
    for page in pages:
        assert page.scene.place != UNSEEN_PLACE and not {(t.colour, t.category) for t in page.scene.things} & UNSEEN_PAIRS
        assert not any(t.character for t in page.scene.things) and all(t.category in CATEGORIES for t in page.scene.things)


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    """Guards against chance without a seed: results of two models would be of different questions."""
    again = make(tmp_path / "again", SMALL)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path.name
    assert rows(make(tmp_path / "other", SMALL, seed=1), "binding") != rows(folder, "binding")


def test_a_made_folder_is_left_alone_and_a_foreign_one_kept(folder, tmp_path):
    """Guards against drawing again at every start, and against somebody's files that are deleted."""
    before = (folder / "about.json").stat().st_mtime_ns
    make(folder, SMALL)
    assert (folder / "about.json").stat().st_mtime_ns == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="left alone"):
        make(tmp_path / "mine", SMALL)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"
    with pytest.raises(InputError, match="'everyday' \\(1\\)"):
        make(tmp_path / "none", Sizes(everyday=1))
