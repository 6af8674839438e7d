"""taught.py: what stage 2 learns from came from the teacher, and nothing of it is lost on the way."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from llava_mini import taught
from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box
from llava_mini.conversation import IMAGE
from llava_mini.data import Sample
from llava_mini.errors import InputError
from llava_mini.instruct import generate as module
from llava_mini.instruct import storyteller
from llava_mini.instruct.prompts import KINDS
from llava_mini.profiles import Stage
from llava_mini.storybook.folder import make_folder
from llava_mini.storybook.narrate import boxes, captions
from llava_mini.storybook.vocabulary import CATEGORIES
from llava_mini.storybook.world import scenes
from test_storybook import HELD_OUT

PICTURES = 12
NAMES = {category.coco_id: category.coco for category in CATEGORIES.values()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("taught") / "train-12", "train", PICTURES, workers=1)


@pytest.fixture(scope="module")
def samples(pictures):
    return taught.teach(pictures, taught.taught_folder(pictures))


def conversation(turns):
    messages = [{"role": role, "content": f"{role} {n}"} for n in range(turns) for role in ("user", "assistant")]
    messages[0]["content"] = f"user 0\n{IMAGE}"
    return Sample("7", ("7.jpg",), messages)


def test_the_teacher_is_asked_about_every_picture_and_nothing_twice(pictures, samples, monkeypatch):
    """Guards against pictures without a conversation, and against asking again for what is there."""
    rows = json.loads(samples.read_text(encoding="utf-8"))
    kinds = Counter(row["kind"] for row in rows)
    assert kinds == {"conversation": PICTURES, "detail": PICTURES // 4, "reasoning": PICTURES // 4}
    assert {row["image"] for row in rows} == {record.image for record in load(pictures)}
    monkeypatch.setattr(module, "generate", lambda *arguments, **options: pytest.fail("asked again"))
    assert taught.teach(pictures, taught.taught_folder(pictures)) == samples


def test_what_the_checker_leaves_out_is_told(pictures, tmp_path, monkeypatch, capsys):
    """Guards against samples that vanish on the way without a word."""
    from llava_mini.instruct import checker

    monkeypatch.setattr(checker, "check", lambda one, record: [checker.Fault("wrong colour", "red")] if one["kind"] == "detail" else [])
    taught.teach(pictures, tmp_path)
    assert f"wrote {PICTURES + PICTURES // 4} samples; {PICTURES // 4} more were left out by the checker" in capsys.readouterr().out


def test_stopped_teaching_goes_on(pictures, samples, tmp_path):
    """Guards against a first run that was killed costing the whole way again."""
    answers = (samples.parent / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "answers.jsonl").write_bytes(b"".join(answers[:5]) + answers[5][:20])
    again = taught.teach(pictures, tmp_path)
    assert again.read_bytes() == samples.read_bytes()
    assert (tmp_path / "answers.jsonl").read_bytes().startswith(b"".join(answers[:5]))


def test_other_teaching_has_another_place(pictures, monkeypatch):
    """Guards against samples of yesterday's teacher or pictures being taken for today's."""
    before = taught.taught_folder(pictures)
    assert before == taught.taught_folder(pictures)
    assert taught.taught_folder(pictures, {"conversation": 3}) != before
    monkeypatch.setattr(taught, "code", lambda: "other")
    assert taught.taught_folder(pictures) != before


@pytest.mark.parametrize("turns, lengths", [(1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 1, 1, 1, 1])])
def test_parts_of_a_conversation(turns, lengths):
    """Guards against a turn that is lost, said twice, or asked without its picture."""
    whole = conversation(turns)
    parts = taught.parted(whole)
    assert [len(part.messages) // 2 for part in parts] == lengths and len({part.id for part in parts}) == len(parts)
    assert all(part.images == whole.images and part.messages[0]["content"].count(IMAGE) == 1 for part in parts)
    assert all(IMAGE not in message["content"] for part in parts for message in part.messages[1:])
    words = [message["content"].replace(IMAGE, "").strip() for part in parts for message in part.messages]
    assert words == [message["content"].replace(IMAGE, "").strip() for message in whole.messages]


@pytest.mark.parametrize("split", ["train", "val"])
def test_nothing_that_is_held_out_is_taught(split):
    """Guards against an "unseen" pair, place, number or character that the instruction data had talked about."""
    for number, scene in enumerate(scenes(split, 250)):
        rows = [(row["category_id"], row["bbox"]) for row in boxes(scene, 1, 1)]
        words = context(Record(str(number), "x.jpg", None, tuple(captions(scene)),
                               tuple(Box(NAMES[name], (x, y, x + w, y + h)) for name, (x, y, w, h) in rows)))
        for kind in KINDS:
            text = " ".join(map(" ".join, storyteller.turns(kind, words, random.Random(number))[0]))
            assert text and not HELD_OUT.search(text), (kind, HELD_OUT.search(text))


def test_what_is_read_is_what_was_taught(pictures, samples):
    """Guards against answers that never reach the training."""
    read = taught.read_taught(samples, pictures / "pictures")
    said = sum(len(row["conversations"]) // 2 for row in json.loads(samples.read_text(encoding="utf-8")))
    assert sum(len(sample.messages) // 2 for sample in read) == said > 6 * PICTURES


def test_mixes_take_kinds_and_shares(pictures, samples):
    """Guards against a comparison of data in which two runs learn from the same, or a half that is another half each time."""
    rows = json.loads(samples.read_text(encoding="utf-8"))
    of_kind = {kind: {row["id"] for row in rows if row["kind"] == kind} for kind in KINDS}
    turns = {mix: sum(len(one.messages) // 2 for one in taught.read_taught(samples, pictures / "pictures", mix)) for mix in taught.MIXES}
    assert turns["conversation"] + turns["detail"] + turns["reasoning"] == turns["all"] > turns["half"] > 0
    assert turns["detail-reasoning"] == turns["detail"] + turns["reasoning"] and len(of_kind["detail"]) == turns["detail"]
    half = {one.images for one in taught.read_taught(samples, pictures / "pictures", "half")}
    assert half == {one.images for one in taught.read_taught(samples, pictures / "pictures", "half")}
    assert {one.id for one in taught.read_taught(samples, pictures / "pictures", "detail")} == of_kind["detail"]
    lots = [taught._lot(f"train-{number:06}") for number in range(4000)]
    assert abs(sum(lot < 0.5 for lot in lots) / 4000 - 0.5) < 0.04 and abs(sum(lot < 0.1 for lot in lots) / 4000 - 0.1) < 0.02


@pytest.mark.parametrize("pack", [True, False])
def test_a_part_of_the_data_is_looked_at_as_long_as_all_of_it(pack):
    """Guards against a smaller set that does worse because it was trained on for fewer steps."""
    whole = [replace(conversation(1), id=str(n), images=(f"{n // 2}.jpg",)) for n in range(80)]
    stage = Stage(train="full", learning_rate=1e-3, batch_size=4, epochs=1.5, pack=pack)
    rows = 40 if pack else 80
    assert taught.as_long(stage, whole[:20], whole).epochs * rows / 4 == pytest.approx(stage.epochs * rows)
    assert taught.as_long(stage, whole, whole) == stage


def test_samples_without_a_kind_are_all_or_nothing(pictures, samples, tmp_path):
    """Guards against other people's files, which tell no kind: read as a whole, and not silently as an empty mix."""
    rows = [{key: value for key, value in row.items() if key != "kind"} for row in json.loads(samples.read_text(encoding="utf-8"))]
    (tmp_path / "samples.json").write_text(json.dumps(rows))
    assert taught.read_taught(tmp_path / "samples.json", pictures / "pictures") == taught.read_taught(samples, pictures / "pictures")
    with pytest.raises(InputError, match="train on all of it"):
        taught.read_taught(tmp_path / "samples.json", pictures / "pictures", "half")
