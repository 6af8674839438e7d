"""LLaVA-Bench: the storybook's two benchmarks, what is in them and that they are the same each time."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from PIL import Image

from llava_mini.bench import benchmark, storybook
from llava_mini.bench.weighing import weigh
from llava_mini.errors import InputError
from llava_mini.instruct import storyteller
from llava_mini.instruct.claims import contradictions
from llava_mini.instruct.lore import strangers
from llava_mini.instruct.reading import read
from llava_mini.storybook.values import value
from llava_mini.storybook.vocabulary import CHARACTER, LARGEST_TRAINING_COUNT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return storybook.make(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module", params=("coco", "wild"))
def bench(folder, request):
    return benchmark.load(folder / request.param)


def test_as_many_questions_as_the_papers(folder):
    """Guards against a picture without one of its three questions, and against kinds that are missing in the wild."""
    coco, wild = (benchmark.load(folder / name).questions for name in ("coco", "wild"))
    assert Counter(q.category for q in coco) == {"conv": 30, "detail": 30, "complex": 30} and len({q.image for q in coco}) == 30
    assert Counter(Counter(q.image for q in coco).values()) == {3: 30}
    assert Counter(q.category for q in wild) == {"conv": 24, "detail": 12, "complex": 24} and len({q.image for q in wild}) == 24
    assert [q.id for q in coco] == list(range(90)) and [q.id for q in wild] == list(range(60))


def test_pictures_are_there_and_no_others(folder):
    """Guards against questions about a picture that was not drawn, and against drafts that are left lying about."""
    for name in ("coco", "wild"):
        asked = {q.image for q in benchmark.load(folder / name).questions}
        assert {path.name for path in (folder / name / "pictures").iterdir()} == asked
        assert Image.open(folder / name / "pictures" / sorted(asked)[0]).size == (224, 224)


def test_pictures_are_of_scenes_that_nothing_else_uses(folder):
    """Guards against a benchmark whose pictures were trained or tested on."""
    for name, splits in (("coco", {"test"}), ("wild", {"unseen_place", "unseen_counts", "test", "unseen_character"})):
        images = [q.image.removesuffix(".jpg").rpartition("-") for q in benchmark.load(folder / name).questions]
        assert {split for split, _, _ in images} == splits and all(int(number) > 100_000 for _, _, number in images)
    assert not {q.image for q in benchmark.load(folder / "coco").questions} & {q.image for q in benchmark.load(folder / "wild").questions}


def test_the_wild_is_beyond_the_training_world(folder):
    """Guards against a group that does not hold what it is for."""
    wild = benchmark.load(folder / "wild")
    groups = {row["image"]: row["group"] for row in map(json.loads, (folder / "wild" / "contexts.jsonl").read_text().splitlines())}
    assert Counter(groups.values()) == {"place": 6, "crowd": 6, "odd": 6, "character": 6}
    odd = []
    for q in wild.questions:
        facts, group = read(wild.contexts[str(q.id)]), groups[q.image]
        if group == "place":
            assert facts.place.name == "desert"
        elif group == "crowd":
            assert max(facts.counts.values()) > LARGEST_TRAINING_COUNT
            assert q.category != "conv" or (q.kind, q.value) in (("count", "five"), ("count", "six"))
        elif group == "odd":
            odd += strangers(facts) if q.category == "conv" else []
            assert q.category != "complex" or "unusual" in q.text or "strange" in q.text
        else:
            assert CHARACTER in wild.contexts[str(q.id)]
            assert q.category != "conv" or (q.text, wild.references[str(q.id)].text) == ("Who is this?", f"This is {CHARACTER}.")
    assert len(odd) == 6 and max(Counter(odd).values()) <= 2


def test_references_are_true(bench):
    """Guards against a reference that the context contradicts: every candidate would be measured against an error."""
    for q in bench.questions:
        answer, context = bench.references[str(q.id)].text, bench.contexts[str(q.id)]
        assert contradictions(q.text, answer, read(context)) == [], (q, answer)
        assert weigh(q.text, answer, context).score >= 7, (q, answer)


@pytest.mark.parametrize("kind", ["conversation", "detail", "reasoning"])
@pytest.mark.parametrize("lie", ["absent thing", "wrong colour", "wrong number", "wrong place", "wrong side"])
def test_the_rules_mark_down_what_the_storyteller_makes_up(bench, kind, lie):
    """Guards against a judge that does not notice a false statement put in the place of a true one."""
    scores = []
    for image, context in {q.image: bench.contexts[str(q.id)] for q in bench.questions}.items():
        true, _ = storyteller.turns(kind, context, random.Random(image))
        false, told = storyteller.turns(kind, context, random.Random(image), lie)
        scores += [(weigh(q or "Describe the picture in detail.", a, context).score, weigh(q or "Describe the picture in detail.", b, context).score)
                   for (q, a), (other, b) in zip(true, false) if told and q == other and a != b]
    assert bool(scores) != ((kind, lie) == ("conversation", "absent thing"))            # there an absent thing is a new question
    if scores:
        assert sum(after < before for before, after in scores) >= 0.85 * len(scores) and sum(after > before for before, after in scores) == 0


def test_exact_answers_are_those_of_the_references(bench):
    """Guards against an exact answer that its own reference would miss, and against a benchmark with hardly any."""
    exact = [q for q in bench.questions if q.value is not None]
    assert all(value(q.kind, bench.references[str(q.id)].text, q.text) == q.value for q in exact)
    assert {q.category for q in exact} == {"conv"} and len(exact) >= 18


def test_conversation_asks_for_many_things(folder):
    """Guards against thirty questions about colours."""
    kinds = Counter(q.kind for q in benchmark.load(folder / "coco").questions if q.category == "conv")
    assert len(kinds) >= 8 and max(kinds.values()) <= 8


def test_yes_and_no_by_turns(folder):
    """Guards against questions whether something is there to which the right answer is always yes."""
    verdicts = [q.value for q in benchmark.load(folder / "coco").questions if q.kind == "is-there"]
    assert len(verdicts) >= 2 and all(one != other for one, other in zip(verdicts, verdicts[1:]))


def test_the_same_bytes_each_time(folder, tmp_path):
    """Guards against a benchmark that differs from run to run, and against making again what is there."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jsonl")}
    storybook.make(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.jsonl")} == before
    other = storybook.make(tmp_path)
    for path in sorted((folder / "coco").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes(), path


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    """Guards against deleting somebody's own files."""
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="left alone"):
        storybook.make(tmp_path)
    assert (tmp_path / "coco" / "thesis.txt").read_text() == "mine"
