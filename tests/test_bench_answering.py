"""bench/answering.py: a model takes the benchmark, and is shown what the control says."""

import json

import pytest

from llava_mini.bench import answering
from llava_mini.bench.schema import Question
from llava_mini.errors import InputError

QUESTIONS = [Question(n, f"{n // 2}.jpg", f"What is {n}?", "conv") for n in range(6)]


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    for n in range(3):
        (tmp_path / "pictures" / f"{n}.jpg").write_bytes(b"x")
    return tmp_path / "pictures"


@pytest.mark.parametrize("control, seen", [("true", ["0.jpg", "1.jpg", "2.jpg"]), ("blind", [None] * 3), ("shuffled", ["1.jpg", "2.jpg", "0.jpg"])])
def test_each_question_is_shown_what_the_control_says(pictures, tmp_path, control, seen):
    """Guards against a control that shows the right picture, and answers that go to other questions."""
    asked = []

    def model(batch):
        asked.extend(batch)
        return [f"{picture.name if picture else None} {text}" for picture, text in batch]

    found = answering.answer(QUESTIONS, model, pictures=pictures, path=tmp_path / "a.jsonl", model_id="m", control=control, batch_size=4, progress=False)
    assert [picture.name if picture else None for picture, _ in asked] == [name for name in seen for _ in range(2)]
    assert {key: row.text for key, row in found.rows.items()} == {str(n): f"{seen[n // 2]} What is {n}?" for n in range(6)}


def test_what_is_answered_is_not_asked_again(pictures, tmp_path):
    """Guards against a killed run that starts anew, and against answers of two models in one file."""
    path = tmp_path / "a.jsonl"
    answering.answer(QUESTIONS, lambda batch: ["yes"] * len(batch), pictures=pictures, path=path, model_id="m", progress=False)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    asked = []
    answering.answer(QUESTIONS, lambda batch: asked.extend(batch) or ["no"] * len(batch), pictures=pictures, path=path, model_id="m", progress=False)
    assert [text for _, text in asked] == ["What is 4?", "What is 5?"] and len(path.read_text().splitlines()) == 6
    with pytest.raises(InputError):
        answering.answer(QUESTIONS, lambda batch: ["no"] * len(batch), pictures=pictures, path=path, model_id="other", progress=False)


def test_ids_are_written_as_the_questions_have_them(pictures, tmp_path):
    """Guards against "0" in the place of 0, which the authors' scripts do not find, and against a second run that asks again for that."""
    questions = [Question(0, "0.jpg", "What?", "conv"), Question("b", "1.jpg", "What?", "conv")]
    path, options = tmp_path / "a.jsonl", {"pictures": pictures, "path": tmp_path / "a.jsonl", "model_id": "m", "progress": False}
    answering.answer(questions, lambda batch: ["yes"] * len(batch), **options)
    assert [json.loads(line)["question_id"] for line in path.read_text().splitlines()] == [0, "b"]
    before = path.read_bytes()
    answering.answer(questions, lambda batch: pytest.fail("asked"), **options)
    assert path.read_bytes() == before


def test_what_cannot_be_asked_is_refused_before_anything_is(pictures, tmp_path, capsys):
    """Guards against half an hour of answers before the first missing picture."""
    options = {"path": tmp_path / "a.jsonl", "model_id": "m"}
    never = lambda batch: pytest.fail("asked")  # noqa: E731
    with pytest.raises(InputError, match="no control 'mirrored'"):
        answering.answer(QUESTIONS, never, pictures=pictures, control="mirrored", **options)
    with pytest.raises(InputError, match="cannot be shuffled"):
        answering.answer(QUESTIONS[:2], never, pictures=pictures, control="shuffled", **options)
    (pictures / "1.jpg").unlink()
    with pytest.raises(InputError, match="1 pictures are missing in pictures"):
        answering.answer(QUESTIONS, never, pictures=pictures, **options)
    (tmp_path / "questions.jsonl").write_text(json.dumps({"question_id": 1, "image": "1.jpg", "text": "What?", "category": "conv"}) + "\n")
    assert answering.main([str(tmp_path / "questions.jsonl"), "nowhere", "--out", str(tmp_path / "b.jsonl")]) == 1
    assert "give --pictures" in capsys.readouterr().err
