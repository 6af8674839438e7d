"""LLaVA-Bench: files in the authors' schemas, read and written; every fault with file, line and field."""

from __future__ import annotations

import json

import pytest

from llava_mini.bench import benchmark
from llava_mini.bench.schema import (Question, read_answers, read_contexts, read_questions, read_reviews, write_answers, write_questions,
                                     write_rows)
from llava_mini.errors import InputError, few

QUESTIONS = [Question(0, "p0.jpg", "What is on the left?", "conv", "what", "dog"), Question(1, "p0.jpg", "Describe it.", "detail"),
             Question(2, "p1.jpg", "Why?", "complex")]
CONTEXTS = [{"id": "p0", "image": "p0.jpg", "captions": ["A dog."], "instances": [{"category": "dog", "bbox": [0.1, 0.2, 0.3, 0.4]}]},
            {"id": "p1", "image": "p1.jpg", "captions": ["A cat.", "It is white."], "instances": []}]


def written(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def answer(number, text="A dog.", **more):
    return {"question_id": number, "text": text, **more}


def test_questions_and_answers_come_back(tmp_path):
    """Guards against fields that are lost on the way, ids of another type, and rows out of the questions' order."""
    write_questions(tmp_path / "q.jsonl", QUESTIONS)
    assert read_questions(tmp_path / "q.jsonl") == QUESTIONS
    write_answers(tmp_path / "a.jsonl", QUESTIONS, ["A dog.", "", "So."], "mini", {"seed": 0})
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["question_id"] for row in rows] == [0, 1, 2] and {"prompt", "text", "answer_id", "model_id", "metadata"} <= set(rows[0])
    assert rows[0]["prompt"] == "What is on the left?" and len({row["answer_id"] for row in rows}) == 3
    found = read_answers(tmp_path / "a.jsonl", QUESTIONS).whole()
    assert [found.rows[key].text for key in "012"] == ["A dog.", "", "So."] and found.rows["1"].model_id == "mini"


@pytest.mark.parametrize("row, told", [
    ('{"question_id": 0, ', "line 2: column"), ([1], "line 2: not an object but a list"), ({"image": "p", "text": "t", "category": "conv"}, "'question_id': missing"),
    ({"question_id": True, "image": "p", "text": "t", "category": "conv"}, "'question_id': must be"),
    ({"question_id": 7, "text": "t", "category": "conv"}, "'image': missing"), ({"question_id": 7, "image": "p", "text": " ", "category": "conv"}, "'text': must be a text"),
    ({"question_id": 7, "image": "p", "text": "t"}, "'category': missing"), ({"question_id": 7, "image": "p", "text": "\ud83d", "category": "conv"}, "half of a pair"),
    ({"question_id": 7, "image": "p", "text": "t", "category": "conv", "value": "two"}, "'kind': must be a text"),
    ({"question_id": "0", "image": "p", "text": "t", "category": "conv"}, "'0' was used in line 1")])
def test_a_faulty_question_is_told_with_its_place(tmp_path, row, told):
    """Guards against a traceback, or a question that is skipped in silence, for each way a line can be wrong."""
    good = {"question_id": 0, "image": "p", "text": "t", "category": "conv"}
    with pytest.raises(InputError, match="q.jsonl, line 2") as error:
        read_questions(written(tmp_path / "q.jsonl", good, row))
    assert told in str(error.value) and "\n" not in str(error.value)


def test_missing_doubled_and_unknown_answers_are_counted_and_named(tmp_path):
    """Guards against the last of two answers winning, and against answers that are lost or come from elsewhere unnoticed."""
    path = written(tmp_path / "a.jsonl", answer(0, "first"), answer(0, "second"), answer(9), answer("8"), "{", answer(1, None))
    found = read_answers(path, QUESTIONS)
    assert {key: row.text for key, row in found.rows.items()} == {"0": "first"}
    assert len(found.faults) == 5 and found.faults[0].startswith("a.jsonl, line 5: column") and found.faults[1].startswith("a.jsonl, line 6: field 'text'")
    told = " ".join(found.faults)
    assert "questions with more than one answer: 1 (0 in lines 1 and 2)" in told
    assert "answers to questions that are not asked: 2 (9, 8)" in told and "questions without answers: 2 of 3 (1, 2)" in told
    with pytest.raises(InputError, match="not asked"):
        found.whole()


def test_answers_to_another_benchmark_are_told_by_their_prompt(tmp_path):
    """Guards against a wrong path: ids are 0, 1, 2 in every benchmark, so that all would be judged, and 90 of 90 be told."""
    asked = [{"question_id": q.id, "text": "t", "prompt": f"<image>\n{q.text} "} for q in QUESTIONS]
    assert not read_answers(written(tmp_path / "a.jsonl", *asked), QUESTIONS).faults                 # the question with something around it
    found = read_answers(written(tmp_path / "b.jsonl", asked[0], asked[1] | {"prompt": "Something else?"}, asked[2] | {"prompt": 3}), QUESTIONS)
    assert list(found.rows) == ["0"] and "line 3: field 'prompt'" in found.faults[0]
    assert "b.jsonl: answers whose prompt is not the question of that id: 1 of 3 (1); give the answers to these questions." in found.faults
    with pytest.raises(InputError, match="not the question of that id"):
        found.whole()


def test_the_authors_own_forms_are_read(tmp_path):
    """Guards against refusing references without an answer_id, and reviews of In-the-Wild with their prefix."""
    found = read_answers(written(tmp_path / "r.jsonl", *({"question_id": i, "text": "t", "category": "conv"} for i in range(3))), QUESTIONS).whole()
    assert found.rows["2"].answer_id == 2
    review = {"id": 1, "question_id": 0, "answer1_id": 0, "answer2_id": "x", "category": "llava_bench_conv", "content": "8 9", "tuple": [8.0, 9.0]}
    found = read_reviews(written(tmp_path / "v.jsonl", review, review | {"question_id": 1, "tuple": [8]}, review | {"question_id": 2, "swapped": 1}), QUESTIONS)
    assert (found.rows["0"].category, found.rows["0"].tuple) == ("conv", (8, 9))
    assert "line 2: field 'tuple': must be two numbers" in found.faults[0] and "line 3: field 'swapped'" in found.faults[1]


def test_contexts_of_both_forms(tmp_path):
    """Guards against boxes or captions that do not reach the judge, and against In-the-Wild's files being refused."""
    found = read_contexts(written(tmp_path / "c.jsonl", *CONTEXTS), QUESTIONS)
    assert found == {"0": "A dog.\n\ndog: [0.1, 0.2, 0.3, 0.4]", "1": "A dog.\n\ndog: [0.1, 0.2, 0.3, 0.4]", "2": "A cat.\nIt is white."}
    wild = written(tmp_path / "w.jsonl", {"id": "1", "image": "p0.jpg", "caption": " One. "}, {"id": "2", "image": "p1.jpg", "caption": ["One.", "Two."]})
    assert read_contexts(wild, QUESTIONS) == {"0": "One.", "1": "One.", "2": "One.\nTwo."}
    twice = written(tmp_path / "d.jsonl", {"id": "1", "image": "p0.jpg", "caption": "A dog."}, {"id": "2", "image": "p1.jpg", "caption": "B"},
                    {"id": "3", "image": "p0.jpg", "caption": "A cat."}, {"id": "4", "image": "p1.jpg", "caption": "B"})
    with pytest.raises(InputError, match=r"d.jsonl: pictures that come twice with different words: 1 \(p0.jpg\)"):
        read_contexts(twice, QUESTIONS)
    with pytest.raises(InputError, match=r"that are not in it: 1 \(p1.jpg\)"):
        read_contexts(written(tmp_path / "c.jsonl", CONTEXTS[0]), QUESTIONS)
    with pytest.raises(InputError, match="w.jsonl, line 1: field 'caption'"):
        read_contexts(written(tmp_path / "w.jsonl", {"id": "1", "image": "p0.jpg", "caption": 3}), QUESTIONS)


@pytest.mark.parametrize("asked, given", [("COCO_val2014_000000441147.jpg", "000000441147.jpg"), ("000000441147.jpg", "COCO_val2014_000000441147.jpg")])
def test_both_names_of_a_coco_picture(tmp_path, asked, given):
    """Guards against two of the authors' own files that do not find each other: COCO's names are long in one and short in the other."""
    path = written(tmp_path / "c.jsonl", CONTEXTS[0] | {"image": given})
    assert list(read_contexts(path, [Question(5, asked, "What?", "conv")])) == ["5"]


def test_a_benchmark_needs_all_its_references(tmp_path):
    """Guards against a judge that compares with nothing, and against a question that silently drops out."""
    write_questions(tmp_path / "questions.jsonl", QUESTIONS)
    written(tmp_path / "contexts.jsonl", *CONTEXTS)
    write_answers(tmp_path / "references.jsonl", QUESTIONS[:2], ["a", "b"], "teacher")
    with pytest.raises(InputError, match=r"references.jsonl: questions without answers: 1 of 3 \(2\)"):
        benchmark.load(tmp_path)
    write_answers(tmp_path / "references.jsonl", QUESTIONS, ["a", "b", "c"], "teacher")
    bench = benchmark.load(tmp_path)
    assert bench.references["2"].text == "c" and bench.contexts["2"].startswith("A cat.") and bench.name == tmp_path.name
    with pytest.raises(InputError, match="no such folder"):
        benchmark.load(tmp_path / "nowhere")


def test_the_first_ids_are_named():
    """Guards against a sentence of nine thousand ids."""
    assert few([1, 2]) == "1, 2" and few(list(range(9))) == "0, 1, 2, 3, 4 and 4 more"


def test_a_file_is_written_whole(tmp_path):
    """Guards against characters that another system's default encoding would spoil."""
    write_rows(tmp_path / "new" / "x.jsonl", [{"text": "café 犬"}])
    assert (tmp_path / "new" / "x.jsonl").read_bytes().isascii()


def test_the_real_files(real):
    """Guards against a schema that only our own files have."""
    bench = benchmark.of_files(real / "qa90_questions.jsonl", real / "caps_boxes_coco2014_val_80.jsonl", real / "qa90_gpt4_answer.jsonl")
    assert len(bench.questions) == 90 and {q.category for q in bench.questions} == {"conv", "detail", "complex"}
    assert len({q.image for q in bench.questions}) == 30 and len(bench.contexts) == len(bench.references) == 90
