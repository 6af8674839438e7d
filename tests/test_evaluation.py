"""Accuracy, intervals, controls, confusions and result files, on hand-made files with hand-computed results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path

import pytest

from llava_mini.errors import InputError
from llava_mini.evaluation import accuracy, answers, confusion, controls, intervals, results
from llava_mini.evaluation.answers import Question

KEY = [  # id, picture, kind, value
    ("1", "a.jpg", "colour", "red"), ("2", "a.jpg", "count", "two"), ("3", "b.jpg", "colour", "blue"),
    ("4", "b.jpg", "count", "three"), ("5", "c.jpg", "colour", "red"), ("6", "d.jpg", "colour", "green"),
]
WORDS = {"colour": ("red", "blue", "green"), "count": ("two", "three")}


def read_value(kind: str, text: str, question: str = "") -> str | None:
    found = [word for word in WORDS[kind] if word in text.lower()]
    return found[0] if len(found) == 1 else None


@pytest.fixture
def questions(tmp_path):
    rows = [{"question_id": i, "image": image, "text": f"{kind} of {i}?", "category": kind, "answer": f"It is {value}.", "value": value}
            for i, image, kind, value in KEY]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return answers.read_questions(path)


@pytest.fixture
def pictures(tmp_path):
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in "abcd":
        Image.new("RGB", (8, 8)).save(folder / f"{name}.jpg")
    return folder


def write_answers(path: Path, *rows, end: str = "\n") -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps({"question_id": row[0], "text": row[1]}) for row in rows) + end)
    return path


class Parrot:
    """Gives the answers it was told by question text and remembers what it was shown."""

    def __init__(self, told: dict[str, str], dies_after: int | None = None):
        self.told, self.dies_after, self.asked = told, dies_after, []

    def __call__(self, batch):
        if self.dies_after is not None and len(self.asked) + len(batch) > self.dies_after:
            raise KeyboardInterrupt
        self.asked += batch
        return [self.told.get(question, "mumble") for _, question in batch]


TOLD = {"colour of 1?": "It is red.", "count of 2?": "Two.", "colour of 3?": "It is red.", "count of 4?": "three", "colour of 5?": "red or blue"}


# ---- intervals

def test_wilson_equals_hand_computed_values():
    """Guards against the textbook interval, which leaves 0..1 and is certain of 10 out of 10."""
    middle, half = 9.9208 / 13.8416, 1.96 * sqrt(2.5604) / 13.8416           # (8 + z^2/2, sqrt(8*2/10 + z^2/4)) / (10 + z^2)
    assert intervals.wilson(8, 10) == pytest.approx((middle - half, middle + half))
    assert intervals.wilson(8, 10, z=1.959964) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)   # as statistics packages print
    assert intervals.wilson(0, 10) == pytest.approx((0, 3.8416 / 13.8416))                # z^2 / (n + z^2)
    assert intervals.wilson(10, 10) == pytest.approx((10 / 13.8416, 1))
    assert intervals.wilson(50, 100, z=1.0) == pytest.approx((0.5 - sqrt(0.25 / 101), 0.5 + sqrt(0.25 / 101)))
    assert intervals.wilson(0, 10)[0] == 0 and intervals.wilson(10, 10)[1] == 1
    assert intervals.wilson(0, 0) == (0, 1)


@pytest.mark.parametrize("correct, n", [(-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(correct, n):
    """Guards against a wrong count turning into a plausible interval."""
    with pytest.raises(InputError, match=f"{correct} right answers of {n}"):
        intervals.wilson(correct, n)


def test_unpaired_difference_equals_newcombe():
    """Guards against mixed-up bounds: Newcombe's own example is 56 of 70 against 48 of 80."""
    found = intervals.unpaired(56, 70, 48, 80)
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    back = intervals.unpaired(48, 80, 56, 70)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert not found.within_noise and "better than" in found.words()
    assert intervals.unpaired(8, 10, 7, 10).within_noise and "within noise" in intervals.unpaired(8, 10, 7, 10).words()
    assert "worse" in back.words()


def test_paired_difference_counts_only_disagreements():
    """Guards against treating the same questions as two samples: 8 against 1 disagreements in 20."""
    a = [True] * 8 + [False] + [True] * 11
    b = [False] * 8 + [True] + [True] * 11
    found = intervals.paired(a, b)
    assert found.difference == pytest.approx(7 / 20)
    assert found.p == pytest.approx(2 * (1 + 9) / 512)                       # two-sided, C(9,0) + C(9,1) of 2^9
    more, less = 9 / 22, 2 / 22                                             # one added on each side
    half = 1.96 * sqrt((more + less - (more - less) ** 2) / 22)
    assert (found.low, found.high) == pytest.approx((more - less - half, more - less + half))
    same = intervals.paired([True, False], [True, False])
    assert same.within_noise and same.p == 1
    with pytest.raises(InputError, match="2 and 1"):
        intervals.paired([True, True], [True])


# ---- questions and answers on disk

@pytest.mark.parametrize("change, message", [
    ({"value": None}, "line 2: the field 'value'"), ({"value": 2}, "line 2: the field 'value'"),
    ({"category": None}, "line 2: the field 'category'"), ({"question_id": "1"}, "line 2: question_id '1' was used in line 1"),
    ({"split": 3}, "line 2: the field 'split'"), (None, "line 2: not a JSON object"),
])
def test_faulty_question_names_file_line_and_field(tmp_path, change, message):
    """Guards against a faulty key that is skipped or fails later without its line."""
    good = {"question_id": "1", "image": "a.jpg", "text": "?", "category": "colour", "answer": "red", "value": "red"}
    bad = "{\"question_id\": " if change is None else json.dumps({**good, "question_id": "2", **change})
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(good) + "\n" + bad + "\n")
    with pytest.raises(InputError, match=message) as raised:
        answers.read_questions(path)
    assert "q.jsonl" in str(raised.value)


def test_ids_may_repeat_in_another_split_and_be_numbers(tmp_path):
    """Guards against refusing the authors' numbered questions, or one numbering per split."""
    row = {"question_id": 1, "image": "a.jpg", "text": "?", "category": "colour", "answer": "red", "value": "red"}
    path = tmp_path / "q.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + (json.dumps(row) + "\r\n\r\n" + json.dumps({**row, "split": "unseen_pairs"})).encode())
    assert [(q.id, q.split) for q in answers.read_questions(path)] == [("1", "test"), ("1", "unseen_pairs")]


def test_empty_or_absent_question_file(tmp_path):
    """Guards against an accuracy over no questions."""
    (tmp_path / "q.jsonl").write_text("\n")
    with pytest.raises(InputError, match="no question in it"):
        answers.read_questions(tmp_path / "q.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        answers.read_questions(tmp_path / "none.jsonl")


def test_score_by_kind(tmp_path, questions):
    """Guards against unreadable or missing answers dropping out of n, and against any word counting as right."""
    path = write_answers(tmp_path / "a.jsonl", ("1", "It is red."), ("2", "Two."), ("3", "It is red."), ("4", "mumble"), ("5", "red or blue"))
    report = accuracy.score(questions, answers.read_answers(path, questions), read_value)
    assert asdict(report.all) == {"n": 6, "correct": 2, "unreadable": 2, "missing": 1}
    assert asdict(report.kinds["colour"]) == {"n": 4, "correct": 1, "unreadable": 1, "missing": 1}
    assert asdict(report.kinds["count"]) == {"n": 2, "correct": 1, "unreadable": 1, "missing": 0}
    assert report.right == [True, True, False, False, False, False]
    assert report.as_dict()["all"]["accuracy"] == pytest.approx(1 / 3, abs=1e-6)
    assert report.problems == [f"{path}: 1 questions have no answer (6); they count as wrong."]
    assert str(tmp_path) not in json.dumps(report.as_dict())


def test_faulty_answer_file_is_counted_and_named(tmp_path, questions):
    """Guards against bad rows that are skipped silently or that count twice."""
    path = write_answers(tmp_path / "a.jsonl", ("1", "blue"), "{broken", ("99", "red"), ("1", "red"), ("1", "blue"), '{"question_id": "2"}', "[1]")
    found = answers.read_answers(path, questions)
    assert {key: row["text"] for key, row in found.rows.items()} == {"1": "blue"}
    expected = [("line 2", "not a JSON object"), ("line 3", "'99' is not among"), ("line 4", "in line 1 already, with another text"),
                ("line 5", "in line 1 already, with the same text"), ("line 6", "'text' is missing"), ("line 7", "not a JSON object")]
    assert len(found.problems) == len(expected)
    for problem, (line, words) in zip(found.problems, expected):
        assert problem.startswith(f"{path}, {line}: ") and words in problem


def shown(questions):
    return [answers.Shown(question.image, Path(question.image)) for question in questions]


def test_answers_are_in_the_authors_schema_and_reproducible(tmp_path, questions):
    """Guards against rows that the authors' scripts cannot read and against ids that change from run to run."""
    for name in ("x", "y"):
        answers.ask(questions, shown(questions), Parrot(TOLD), tmp_path / name / "a.jsonl", model_id="m", metadata={"control": "true"}, progress=False)
    data = (tmp_path / "x" / "a.jsonl").read_bytes()
    assert data == (tmp_path / "y" / "a.jsonl").read_bytes()
    rows = [json.loads(line) for line in data.splitlines()]
    assert [set(row) for row in rows] == [{"question_id", "prompt", "text", "answer_id", "model_id", "metadata"}] * 6
    assert rows[2]["metadata"] == {"split": "test", "image": "b.jpg", "control": "true"} and rows[2]["prompt"] == "colour of 3?"
    assert len({row["answer_id"] for row in rows}) == 6


def test_interrupted_asking_resumes_with_what_is_missing(tmp_path, questions):
    """Guards against asking again, or losing, what was answered before a run broke off."""
    path = tmp_path / "a.jsonl"
    with pytest.raises(KeyboardInterrupt):
        answers.ask(questions, shown(questions), Parrot(TOLD, dies_after=4), path, model_id="m", batch_size=2, progress=False)
    assert len(path.read_text().splitlines()) == 4
    second = Parrot(TOLD)
    found = answers.ask(questions, shown(questions), second, path, model_id="m", batch_size=2, progress=False)
    assert [question for _, question in second.asked] == ["colour of 5?", "colour of 6?"]
    whole = answers.ask(questions, shown(questions), Parrot(TOLD), tmp_path / "whole.jsonl", model_id="m", progress=False)
    assert path.read_bytes() == whole.path.read_bytes() and found.rows == whole.rows and not found.problems
    third = Parrot(TOLD)
    answers.ask(questions, shown(questions), third, path, model_id="m", progress=False)
    assert third.asked == []


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_half_written_last_line_is_repaired(tmp_path, questions, cut):
    """Guards against a torn line that swallows the next answer or stops the resume, wherever it was torn."""
    path = tmp_path / "a.jsonl"
    answers.ask(questions, shown(questions), Parrot(TOLD), path, model_id="m", progress=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    again = Parrot(TOLD)
    if cut == 1:                                   # only the line end is gone: the answer is there
        answers.ask(questions, shown(questions), again, path, model_id="m", progress=False)
        assert again.asked == []
    else:
        with pytest.warns(UserWarning, match="half-written"):
            answers.ask(questions, shown(questions), again, path, model_id="m", progress=False)
        assert [question for _, question in again.asked] == ["colour of 6?"]
        assert (tmp_path / "a.jsonl.half").read_bytes() == whole.split(b"\n")[-2][:1 - cut] + b"\n"
    assert path.read_bytes() == whole


def test_kill_9_loses_no_finished_answer(tmp_path, questions):
    """Guards against answers that wait in a buffer: the process is killed while it works on the third batch."""
    path = tmp_path / "a.jsonl"
    script = ("import sys, time\nfrom pathlib import Path\nfrom llava_mini.evaluation import answers\n"
              f"questions = answers.read_questions({str(tmp_path / 'questions.jsonl')!r})\n"
              "asked = []\n"
              "def slow(batch):\n    asked.append(batch)\n"
              "    if len(asked) == 3:\n        print('third', flush=True)\n        time.sleep(60)\n"
              "    return ['red'] * len(batch)\n"
              f"answers.ask(questions, [answers.Shown(q.image, None) for q in questions], slow, {str(path)!r}, model_id='m', batch_size=2, progress=False)\n")
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        assert child.stdout.readline().strip() == b"third"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert [json.loads(line)["question_id"] for line in path.read_text().splitlines()] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("change, message", [
    ({"model_id": "other"}, "line 1: model_id is 'other' where this run has 'm'"), ({"prompt": "old?"}, "line 1: prompt is 'old\\?'"),
    ({"metadata": {"image": "z.jpg"}}, "line 1: metadata.image is 'z.jpg'"), ({"metadata": None}, "line 1: metadata.image is None"),
])
def test_answers_of_another_run_are_refused(tmp_path, questions, change, message):
    """Guards against scoring an old model's answers as those of a new one."""
    path = tmp_path / "a.jsonl"
    row = {"question_id": "1", "prompt": "colour of 1?", "text": "red", "model_id": "m", "metadata": {"image": "a.jpg"}}
    path.write_text(json.dumps({**row, **change}) + "\n")
    with pytest.raises(InputError, match=message):
        answers.ask(questions, shown(questions), Parrot(TOLD), path, model_id="m", progress=False)
    assert len(path.read_text().splitlines()) == 1


def test_broken_line_in_the_middle_is_asked_again(tmp_path, questions):
    """Guards against a broken line that makes its question count as answered."""
    path = tmp_path / "a.jsonl"
    answers.ask(questions, shown(questions), Parrot(TOLD), path, model_id="m", progress=False)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:30], *lines[2:]]) + "\n")
    again = Parrot(TOLD)
    with pytest.warns(UserWarning, match="line 2: not a JSON object"):
        found = answers.ask(questions, shown(questions), again, path, model_id="m", progress=False)
    assert [question for _, question in again.asked] == ["count of 2?"] and set(found.rows) == set("123456")


@pytest.mark.parametrize("given", [["only one"], ["a", "b", None]])
def test_answerer_must_give_one_text_each(tmp_path, questions, given):
    """Guards against answers that slip to the wrong question when a batch comes back short."""
    with pytest.raises(ValueError, match="one text per question"):
        answers.ask(questions[:3], shown(questions[:3]), lambda batch: given, tmp_path / "a.jsonl", model_id="m", progress=False)
    assert (tmp_path / "a.jsonl").read_bytes() == b""


def test_full_disk_keeps_what_is_there(tmp_path, questions, monkeypatch):
    """Guards against a traceback, or the loss of earlier answers, when the disk takes only a part of a batch."""
    path = tmp_path / "a.jsonl"

    class Disk:
        """Takes ten bytes at a time, 700 in all."""

        def __init__(self, name, mode, buffering=-1):
            self.file = open(name, mode, buffering=0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            if path.stat().st_size >= 700:
                raise OSError(28, "No space left on device")
            return self.file.write(data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(answers, "open", Disk, raising=False)
        with pytest.raises(InputError, match="a.jsonl: the answers cannot be written .*No space left"):
            answers.ask(questions, shown(questions), Parrot(TOLD), path, model_id="m", batch_size=2, progress=False)
    assert path.stat().st_size < 710
    with pytest.warns(UserWarning, match="half-written"):
        found = answers.ask(questions, shown(questions), Parrot(TOLD), path, model_id="m", progress=False)
    assert set(found.rows) == set("123456") and not found.problems


def test_answer_file_that_cannot_be_used(tmp_path, questions):
    """Guards against the system's own error, without a remedy, where something else stands in the file's place."""
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(InputError, match="a.jsonl cannot be made ready for more answers .*run again"):
        answers.ask(questions, shown(questions), Parrot(TOLD), tmp_path / "a.jsonl", model_id="m", progress=False)


# ---- controls

def test_derangement_moves_every_picture_and_is_seeded():
    """Guards against a picture that stays with its own question, or one shown twice."""
    names = [f"{i}.jpg" for i in range(50)]
    for seed in range(20):
        partner = controls.derangement(names, seed)
        assert sorted(partner.values()) == sorted(names) and all(partner[name] != name for name in names)
    assert controls.derangement(names, 3) == controls.derangement(names[::-1] * 2, 3) != controls.derangement(names, 4)
    assert controls.derangement(["a", "b"]) == {"a": "b", "b": "a"}
    with pytest.raises(InputError, match="the questions have 1"):
        controls.derangement(["a", "a"])


def test_what_each_control_shows(questions, pictures):
    """Guards against a control that leaks the true picture, or shuffles within one picture's questions."""
    true = controls.shown("true", questions, pictures)
    assert [item.picture for item in true] == [pictures / question.image for question in questions]
    assert {(item.name, item.picture) for item in controls.shown("blind", questions, pictures)} == {(None, None)}
    grey = controls.shown("blank", questions, pictures)[0].picture
    assert grey.mode == "RGB" and grey.getextrema() == ((127, 127),) * 3
    shuffled = controls.shown("shuffled", questions, pictures, seed=5)
    assert all(item.name != question.image for item, question in zip(shuffled, questions))
    assert shuffled[0].name == shuffled[1].name and shuffled[0].picture == pictures / shuffled[0].name
    with pytest.raises(InputError, match="no control 'noise'"):
        controls.shown("noise", questions, pictures)


def test_absent_pictures_are_listed_before_asking(tmp_path, questions, pictures):
    """Guards against a run that breaks off at the first missing picture, after an hour."""
    (pictures / "b.jpg").unlink()
    (pictures / "d.jpg").unlink()
    parrot = Parrot(TOLD)
    with pytest.raises(InputError, match=r"2 pictures of the questions are not there \(b.jpg, d.jpg\)"):
        accuracy.evaluate(questions, parrot, read_value, pictures=pictures, folder=tmp_path / "out", model_id="m", progress=False)
    assert parrot.asked == []


def test_evaluate_reports_true_controls_and_guess(tmp_path, questions, pictures):
    """Guards against controls that share an answer file with the truth or run for splits nobody asked for."""
    extra = Question("1", "c.jpg", "colour of 1?", "colour", "red", "red", split="unseen_pairs")
    parrot = Parrot(TOLD)
    reports = accuracy.evaluate([*questions, extra], parrot, read_value, pictures=pictures, folder=tmp_path / "out", model_id="m",
                                batch_size=4, progress=False)
    assert list(reports) == ["test", "unseen_pairs"]
    assert list(reports["test"]) == ["true", "blind", "blank", "shuffled", "guess"] and list(reports["unseen_pairs"]) == ["true", "guess"]
    assert len(parrot.asked) == 4 * 6 + 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "test-blank.jsonl", "test-blind.jsonl", "test-shuffled.jsonl", "test-true.jsonl", "unseen_pairs-true.jsonl"]
    assert reports["test"]["true"].all.correct == 3 and reports["unseen_pairs"]["true"].all.accuracy == 1
    assert (reports["test"]["guess"].kinds["colour"].correct, reports["test"]["guess"].kinds["count"].correct) == (2, 1)
    assert "not known" in reports["test"]["shuffled"].note
    printed = accuracy.table(reports["test"], "test")
    assert "colour             4    25.0%   4.6 to 69.9%" in printed and "shuffled" in printed.splitlines()[0]


def test_key_that_cannot_be_read_is_refused(tmp_path, questions, pictures):
    """Guards against questions that no model could ever answer rightly."""
    bad = Question("7", "a.jpg", "colour?", "colour", "It is pink.", "pink")
    with pytest.raises(InputError, match="'7' .*'It is pink.' is read as None.*'pink'"):
        accuracy.evaluate([*questions, bad], Parrot(TOLD), read_value, pictures=pictures, folder=tmp_path, model_id="m", progress=False)
    with pytest.raises(InputError, match="the kind 'taste' is unknown"):
        accuracy.check_key([Question("8", "a.jpg", "?", "taste", "sweet", "sweet")], read_value)


# ---- confusions

def test_confusion_counts_and_order(tmp_path, questions):
    """Guards against mistakes in the wrong cell, against lost unreadable answers and an unordered list."""
    numbers = [Question(str(i), "a.jpg", "?", "count", v, v) for i, v in enumerate(["ten", "two", "two", "three", "two"], 10)]
    path = write_answers(tmp_path / "a.jsonl", ("10", "three"), ("11", "three"), ("12", "three"), ("13", "six"))
    words = {"ten", "two", "three", "six"}
    table = confusion.confusion([*questions, *numbers], answers.read_answers(path, numbers), "count",
                                lambda kind, text, question: text if text in words else None)
    assert table.labels == ("two", "three", "ten")                         # numbers by size, other words behind
    assert table.columns == ("two", "three", "ten", "other", "unreadable")
    assert table.counts == ((0, 2, 0, 0, 2), (0, 0, 0, 1, 1), (0, 1, 0, 0, 0))   # question 2 and 14 unanswered, 4 too
    assert table.mistakes == (("two", "three", 2), ("two", "unreadable", 2), ("three", "six", 1), ("three", "unreadable", 1), ("ten", "three", 1))
    assert "7 mistakes" in table.table() and "and 3 mistakes of 3 other sorts" in table.table(most=2)
    with pytest.raises(InputError, match="choose one of colour, count"):
        confusion.confusion(questions, answers.Answers(path), "colours", read_value)


# ---- result files

@pytest.fixture
def result(tmp_path, questions):
    path = write_answers(tmp_path / "a.jsonl", ("1", "It is red."), ("2", "mumble"))
    report = accuracy.score(questions, answers.read_answers(path, questions), read_value)
    return results.new_result("mini-full", seed=3, settings={"vision": "data/pretrained/clip", "language": str(tmp_path / "vicuna")},
                              accuracy=accuracy.as_dict({"test": {"true": report}}), timings={"align": 12.34567})


def test_result_round_trip(tmp_path, result):
    """Guards against fields that are lost on the way to disk and back, and against leftovers beside the file."""
    path = results.write_result(result, tmp_path / "results" / "run.json")
    assert results.read_result(path) == result and [item.name for item in path.parent.iterdir()] == ["run.json"]
    assert result.accuracy["test"]["true"]["all"]["n"] == 6 and result.timings == {"align": 12.346}
    assert set(result.versions) == {"python", "torch", "transformers", "peft", "accelerate", "package"}
    assert result.versions["python"] == ".".join(map(str, sys.version_info[:3])) and result.machine["cores"] == os.cpu_count()


def test_the_same_result_is_known_again(tmp_path, result):
    """Guards against a new date on numbers that did not change, and against keeping the date when they did."""
    path = results.write_result(result, tmp_path / "run.json")
    data = json.loads(path.read_text())
    del data["weights"]                          # as before there was such a field
    path.write_text(json.dumps(data))
    assert results.read_result(path) == result
    assert results.read_result(path).same_as(replace(result, date="2001-01-01", commit="other", machine={}, versions={}))
    for change in ({"weights": "other"}, {"timings": {"align": 1.0}}, {"settings": {}}, {"seed": 9}):
        assert not result.same_as(replace(result, **change))


def test_result_tells_no_paths_and_no_host(tmp_path, result):
    """Guards against publishing where on whose machine a run was made."""
    import platform

    text = results.write_result(result, tmp_path / "run.json").read_text()
    assert str(tmp_path) not in text and str(Path.home()) not in text and f'"{platform.node()}"' not in text
    assert result.settings == {"vision": "data/pretrained/clip", "language": ".../vicuna"}
    assert results.without_paths({"a": [r"D:\models\clip", "~/x", Path("/srv/y"), 3]}) == {"a": [".../clip", ".../x", ".../y", 3]}


@pytest.mark.parametrize("where, value, message", [
    ("name", None, "field name: missing or of the wrong type"), ("seed", True, "field seed"), ("format", 2, "field format: 2 where"),
    ("date", "yesterday", "field date"), ("extra", 1, "field extra: unknown"), ("timings.align", -1, "field timings.align"),
    ("accuracy.test.true.all.accuracy", 0.9, r"field accuracy.test.true.all.accuracy: 0.9 where 1 of 6 give 0.166667"),
    ("accuracy.test.true.all.low", None, "field accuracy.test.true.all.low"),
    ("accuracy.test.true.kinds.colour.n", "4", "field accuracy.test.true.kinds.colour.n: '4' is not a count"),
    ("accuracy.test.true.kinds.count", {"n": 3, "correct": 0, "unreadable": 1, "missing": 1, "accuracy": 0.0, "low": 0.0, "high": 0.561497},
     "field accuracy.test.true.all.n: not the sum"),
    ("accuracy.test.true.kinds.colour.missing", 9, "more right, unreadable and missing"), ("accuracy.test", {}, "field accuracy.test: no report"),
])
def test_faulty_result_names_file_and_field(tmp_path, result, where, value, message):
    """Guards against numbers in the lessons that come from an edited or damaged file."""
    path = results.write_result(result, tmp_path / "run.json")
    data = json.loads(path.read_text())
    *parents, last = where.split(".")
    place = data
    for parent in parents:
        place = place[parent]
    place[last] = value
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=message) as raised:
        results.read_result(path)
    assert "run.json" in str(raised.value)


def test_half_a_result_is_refused_and_a_failed_write_leaves_the_old_one(tmp_path, result, monkeypatch):
    """Guards against a torn file that reads as a result, and against losing the last good one."""
    path = results.write_result(result, tmp_path / "run.json")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        results.write_result(result, path)
    assert path.read_bytes() == before and not list(tmp_path.glob("*.part"))
    result.settings["bad"] = float("nan")
    with pytest.raises(InputError, match="not plain JSON"):
        results.write_result(result, path)
    assert path.read_bytes() == before
    path.write_bytes(before[:100])
    with pytest.raises(InputError, match="run.json: not JSON"):
        results.read_result(path)


def test_commit_only_of_the_own_checkout(monkeypatch):
    """Guards against recording the commit of some repository that the package happens to be installed in."""
    calls = []

    def git(arguments, **_):
        calls.append(arguments)
        answer = {"rev-parse": "/elsewhere" if arguments[4] == "--show-toplevel" else "abc123", "status": " M x"}[arguments[3]]
        return subprocess.CompletedProcess(arguments, 0, stdout=answer + "\n")

    monkeypatch.setattr(results.subprocess, "run", git)
    assert results.commit() is None and len(calls) == 1


def test_evaluation_import_is_quick():
    """Guards against an import of torch or matplotlib for reading a result file."""
    script = "import sys, llava_mini.evaluation; print([m for m in ('torch', 'matplotlib', 'transformers') if m in sys.modules])"
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[1], check=True)
    assert run.stdout.strip() == "[]" and time.monotonic() - start < 30


def test_answerer_puts_picture_and_question_into_one_turn():
    """Guards against a blind control that still holds an image mark, and answers kept with their leading space."""
    asked = []

    class Model:
        def generate(self, requests, **options):
            asked.append((requests, options))
            return [" red ", "two"]

    assert accuracy.answerer(Model(), max_new_tokens=8)([("a.jpg", "What colour?"), (None, "How many?")]) == ["red", "two"]
    (first, second), options = asked[0]
    assert first.messages == [{"role": "user", "content": "<image>\nWhat colour?"}] and list(first.pictures) == ["a.jpg"]
    assert second.messages == [{"role": "user", "content": "How many?"}] and list(second.pictures) == [] and options["max_new_tokens"] == 8
