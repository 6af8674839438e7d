"""notebooks/02_teacher.ipynb: what the reader writes there is run here, on more than the lesson shows, and what the prose says is looked up."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path

import pytest
from lesson_code import Lesson

from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box
from llava_mini.instruct import answers, dataset, offline, prompts, storyteller
from llava_mini.storybook.folder import make_folder

ROOT = Path(__file__).resolve().parents[1]
LESSON = Lesson("02_teacher")


def of_the_lesson(*names: str, **known) -> dict:
    """Functions and constants of the notebook by name."""
    return LESSON.names(*names, Record=Record, Box=Box, **known)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return load(make_folder(tmp_path_factory.mktemp("book") / "val", "val", 40, workers=1))


def test_the_readers_context_is_the_packages(records):
    """Guards against a lesson that teaches a context which is not the one its teachers see."""
    mine, awkward = (of_the_lesson("my_context", "awkward")[name] for name in ("my_context", "awkward"))
    assert len(records) == 40 and [mine(record) for record in records] == [context(record) for record in records]
    assert [mine(record) for record in awkward] == [context(record) for record in awkward]
    rng = random.Random(2)
    for _ in range(300):                        # other shapes than the storybook's
        captions = ["".join(rng.choice("ab  \n.") for _ in range(rng.randint(1, 12))) + "x" for _ in range(rng.randint(1, 5))]
        boxes = [Box("thing", tuple(rng.choice((rng.random(), 0, 1, 1e-5, 0.1 + 0.2)) for _ in range(4))) for _ in range(rng.randint(0, 3))]
        record = Record("1", "1.jpg", None, tuple(captions), tuple(boxes))
        assert mine(record) == context(record)


def test_the_readers_context_on_photographs(real):
    """Guards against a context that fits our own files only."""
    mine = of_the_lesson("my_context")["my_context"]
    photos = load(real / "caps_boxes_coco2014_val_80.jsonl")
    assert len(photos) == 80 and [mine(record) for record in photos] == [context(record) for record in photos]


def test_the_drafts_are_wrong_where_the_lesson_says_so(records):
    """Guards against "all three are told wrongly" when a change made one of them right."""
    lesson = of_the_lesson("draft_2", "draft_3", "awkward")
    assert all(lesson["draft_3"](record) != context(record) for record in lesson["awkward"])
    assert [lesson["draft_3"](record) for record in records] == [context(record) for record in records if record.boxes]
    assert sum(len(lesson["draft_2"](record)) > len(lesson["draft_3"](record)) for record in records) == 40


def test_the_readers_turns_and_sample_are_the_packages(records):
    """Guards against a parser of the lesson that reads our replies otherwise, and a sample that no trainer reads."""
    lesson = of_the_lesson("my_turns", "my_sample")
    for record in records:
        for kind in ("conversation", "reasoning"):
            text = storyteller.write(prompts.messages(record, kind), random.Random(record.id)).text
            turns = answers.turns(kind, text)
            assert lesson["my_turns"](text) == turns
            theirs = [dataset.sample(record, kind, turns, seed) for seed in range(20)]
            mine = lesson["my_sample"](record, turns)
            assert set(mine) == {"id", "image", "conversations"}
            assert mine in [{name: value for name, value in one.items() if name != "kind"} for one in theirs]


def test_half_an_answer_is_read_in_silence_by_the_draft_alone(records):
    """Guards against the lesson's example of a cut reply that the package takes for whole."""
    mine = of_the_lesson("my_turns")["my_turns"]
    text = storyteller.write(prompts.messages(records[0], "conversation"), random.Random(0)).text
    assert mine(text[:-12])
    with pytest.raises(answers.Malformed, match="cut off"):
        answers.turns("conversation", text[:-12])
    assert "the package: cut off" in LESSON.printed("cut")


def test_what_the_prose_says_of_prompts_and_sets_is_so():
    """Guards against numbers of examples, instructions and samples that have drifted from the files and from the paper."""
    lesson = of_the_lesson("PAPER", "FAULTS")
    assert sum(lesson["PAPER"].values()) == 158_000 and all(f"{number:,}" in LESSON.prose for number in lesson["PAPER"].values())
    assert 0.4 < sum(lesson["FAULTS"].values()) < 0.5 and set(lesson["FAULTS"]) <= set(offline.FAULTS)     # "almost every second reply"
    assert len(prompts.instructions("detailed")) == 16 and "one of 16 is drawn" in LESSON.prose
    system = prompts.system("conversation")
    for said in ("Ask only what has a definite answer", "Answer as someone who is looking", "in this form"):
        assert said in system and said[1:] in LESSON.prose.replace("\n", " "), said
    assert "never say that you were told something in writing" in LESSON.prose and "Never say that you were told something in writing" in system


def test_the_small_teacher_is_as_small_as_the_prose_says():
    """Guards against "about two million parameters" of a parent that has been replaced by a larger one."""
    from safetensors import safe_open

    with safe_open(ROOT / "data" / "pretrained" / "vicuna-large" / "model.safetensors", "pt") as weights:
        parameters = sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())
    assert 1.5e6 < parameters < 2.5e6 and "about two million parameters" in LESSON.prose


def test_the_committed_run_lost_nothing():
    """Guards against outputs of a run that failed at what the lesson shows: killed and resumed, faults survived, a quota that stops."""
    kept, asked, there = map(int, re.search(r"(\d+) answers were there, (\d+) requests went out, (\d+) answers", LESSON.printed("resume")).groups())
    assert 0 < kept < there == kept + asked == 120
    rows = re.findall(r"^(?:conversation|detail|reasoning) +(\d+) +(\d+) +(\d+) +(\d+)", LESSON.printed("faults"), re.M)
    assert rows == [("40", "40", "0", "0")] * 3
    assert "quota" in LESSON.printed("quota") and 0 < int(re.search(r"(\d+) answers came before", LESSON.printed("quota"))[1]) < 120
    assert "The contexts are the same" in LESSON.printed("same-text")
    read, wrong = re.search(r"(\d+) of (\d+) contexts are the same", LESSON.printed("equal")).groups()
    assert read == wrong == "43"


def test_the_words_that_the_teacher_never_says(records):
    """Guards against "no sample will ever be about it" when the storyteller has learnt to tell of hair and trees."""
    said = " ".join(storyteller.write(prompts.messages(record, kind), random.Random(i)).text.lower()
                    for i, record in enumerate(records) for kind in prompts.KINDS)
    words = set(re.findall(r"[a-z]+", said))
    assert {"left", "umbrella"} <= words and not {"hair", "smile", "window", "wheel", "facing"} & words
    for word in ("hair", "smile", "window", "wheel", "facing"):
        assert re.search(rf"^{word} +0$", LESSON.printed("silence"), re.M), word


def test_the_table_of_teachers_is_the_benchmarks():
    """Guards against a table in the lesson of another benchmark than the committed one."""
    found = json.loads((ROOT / "data" / "results" / "benchmark-teachers.json").read_text("utf-8"))["teachers"]
    table = "".join(output.data["text/markdown"] for output in LESSON.code["teachers"].outputs)
    for name, one in found.items():
        assert f"| {name} | {one['requests']} | {one['can be read']} | {one['samples']} |" in table
    parent = found["language parent"]                                       # "fewer than a third", "and most of that was false"
    assert 3 * parent["can be read"] < parent["requests"] and 2 * parent["samples"] < parent["can be read"]
