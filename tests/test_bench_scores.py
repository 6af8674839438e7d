"""LLaVA-Bench: score lines read or refused, the relative score with its coverage and interval, all by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llava_mini.bench.schema import Found, Question, Review, read_reviews, write_questions, write_rows
from llava_mini.bench.scores import Unreadable, interval, main, parse, score, table

QUESTIONS = [Question(number, f"p{number // 3}.jpg", "What?", kind) for number, kind in enumerate(("conv", "detail", "complex") * 2)]


def reviews(*contents, swapped=False) -> Found:
    return Found(Path("reviews.jsonl"), {str(i): Review(i, "conv", content, None, swapped) for i, content in enumerate(contents) if content is not None})


@pytest.mark.parametrize("content, pair", [
    ("8 9", (8, 9)), ("8 9\nBoth are good, 10 things are named.", (8, 9)), ("8, 9", (8, 9)), ("8/10 9/10", (8, 9)), ("8 / 10, 9 / 10", (8, 9)),
    ("8 out of 10 and 9 out of 10", (8, 9)), ("Assistant 1: 8, Assistant 2: 9", (8, 9)), ("Assistant 1: 8\nAssistant 2: 9\nFor ...", (8, 9)),
    ("Assistant 2: 9; Assistant 1: 8", (8, 9)), ("Assistant 1's score: 8. Assistant 2's score: 9", None), ("**8 9**", (8, 9)), ("(8, 9)", (8, 9)),
    ("Scores: 8 and 9", (8, 9)), ("Here are my scores:\n\n7.5 10\nBecause", (7.5, 10)), ("8\n9\nAssistant 1", (8, 9)), ("10 10.", (10, 10)),
    ("1\t1", (1, 1)), ("8 9 Assistant 1 leaves out 2 dogs", (8, 9)), ("Assistant A: 6 | Assistant B: 7", (6, 7)), ("\n\n  8   9 \n", (8, 9)),
    ("", None), ("   \n", None), ("8", None), ("8 9 10", None), ("85 90", None), ("0 5", None), ("-1 -1", None), ("8 11", None), ("8-9", None),
    ("7-8 9", None), ("8 8-9", None), ("8/5 9/5", None), ("8/10", None), ("8/9", None), ("80% 90%", None), ("8,5 9,0", None), ("8,9", None),
    ("eight nine", None), ("Both are good.\n8 9", None), ("There are 2 dogs and 3 cats.", None), ("Assistant 1: 8, 9", None),
    ("Assistant 1: 8, Assistant 1: 9", None), ("8 ten", None), ("8 9, 7", None), ("8.5.1 9", None), ("\u0665 \u0666", None),
    ("4, 3 out of 5", None), ("7 3 of 5", None), ("8 9 points out of 20", None), ("8, 9 (of 100)", None), ("5 4 stars", None),
    ("8, 9 out of 10", (8, 9)), ("8 9 (of 10)", (8, 9)), ("8 9 of course", (8, 9))])
def test_a_score_line_is_read_or_refused(content, pair):
    """Guards against "8, 9" that becomes (-1, -1), and against numbers in reasons, ranges or other scales taken for two scores."""
    if pair is None:
        with pytest.raises(Unreadable):
            parse(content)
    else:
        assert parse(content) == pair


def test_a_first_line_that_was_cut_off_is_no_score():
    """Guards against "8 1", all that a limit of tokens left of "8 10", and against refusing scores whose reasons alone were cut."""
    with pytest.raises(Unreadable, match="cut off"):
        parse("8 1", "length")
    assert parse("8 10\nAssistant 1 sa", "length") == (8, 10)


def test_the_relative_score_by_hand():
    """Guards against a mean of ratios in place of a ratio of sums, and against kinds that are mixed up."""
    found = score(QUESTIONS, reviews("8 4", "10 5", "5 5", "8 8", "10 10", "5 1"))
    assert {kind: (t.judged, t.reference, t.candidate, round(t.relative, 4)) for kind, t in found.kinds.items()} == {
        "conv": (2, 16, 12, 75.0), "detail": (2, 20, 15, 75.0), "complex": (2, 10, 6, 60.0)}
    assert found.headline == pytest.approx(100 * 33 / 46) and (found.all.asked, found.all.judged) == (6, 6)
    assert list(found.kinds) == ["conv", "detail", "complex"] and json.loads(json.dumps(found.as_dict()))["headline"] == 71.7391


def test_no_headline_while_a_verdict_is_lacking():
    """Guards against an overall score over the rows that happened to be readable, and against -1 averaged in."""
    found = score(QUESTIONS, reviews("8 4", "-1 -1", "5 5", "8 8", None, "5 1"))
    assert found.headline is None and (found.all.judged, found.all.asked) == (4, 6) and list(found.unreadable) == ["1"]
    assert (found.kinds["detail"].judged, found.kinds["detail"].relative) == (0, None)
    text = table(found)
    assert "no overall score: 2 of 6 questions have no verdict" in text and "0 of 2   nothing judged" in text and "2 of 2" in text
    assert "71.7" not in text and "verdicts that cannot be read: 1 (1)" in " ".join(found.faults)


def test_a_swapped_verdict_is_turned_round():
    """Guards against the candidate's score credited to the reference where the order was put to the test."""
    assert score(QUESTIONS[:1], reviews("9 3", swapped=True)).pairs == {"0": (3, 9)}
    assert score(QUESTIONS[:1], reviews("9 3")).pairs == {"0": (9, 3)}


def test_what_the_judge_wrote_counts_and_not_the_numbers_beside_it(tmp_path):
    """Guards against a file of the authors' in which "8, 9" stands beside [-1, -1]."""
    row = {"id": 1, "question_id": 0, "answer1_id": 0, "answer2_id": "x", "category": "llava_bench_conv", "content": "8, 9\nGood.", "tuple": [-1, -1]}
    (tmp_path / "theirs.jsonl").write_text(json.dumps(row) + "\n")
    found = score(QUESTIONS[:1], read_reviews(tmp_path / "theirs.jsonl", QUESTIONS[:1]))
    assert found.pairs == {"0": (8, 9)} and found.headline == 112.5


def test_the_interval_draws_whole_pictures():
    """Guards against questions about one picture taken for independent ones, which makes the interval too narrow."""
    rows = [("a", "conv", 10, 10)] * 50 + [("b", "conv", 10, 0)] * 50
    assert interval(rows) == (0, 100)                            # two pictures: one in four draws takes the same one twice
    assert interval([(f"p{i}", *row[1:]) for i, row in enumerate(rows)]) == pytest.approx((50, 50), abs=12)
    assert interval([]) == (0, 0)


def test_the_interval_is_the_same_each_time():
    """Guards against numbers that change from run to run, and against a seed that is not used."""
    rows = [(f"p{i}", "conv", 8, i % 9 + 1) for i in range(30)]
    assert interval(rows) == interval(rows) != interval(rows, seed=1)
    low, high = interval(rows)
    assert low < 100 * sum(row[3] for row in rows) / 240 < high


def test_kinds_of_other_benchmarks_are_kept():
    """Guards against questions of a category that this package does not know vanishing from the table."""
    found = score([Question(0, "p", "?", "writing"), Question(1, "p", "?", "conv")], reviews("8 4", "10 10"))
    assert list(found.kinds) == ["conv", "writing"] and found.kinds["writing"].relative == 50


def test_verdicts_of_two_judges_make_no_headline():
    """Guards against a mean of a strict judge's scores and a mild one's."""
    found = score(QUESTIONS[:2], Found(Path("v.jsonl"), {"0": Review(0, "conv", "8 4", None, False, ("gpt", "abc")),
                                                         "1": Review(1, "detail", "8 4", None, False, ("gpt", "def"))}))
    assert found.headline is None and found.judges == ["gpt, prompt abc", "gpt, prompt def"]
    assert "no overall score: the verdicts are of several judges" in table(found) and "judge: gpt, prompt def" in table(found)


def test_the_command_line(tmp_path, capsys):
    """Guards against an exit status that hides a missing verdict, and against the authors' files needing a judge of ours."""
    write_questions(tmp_path / "q.jsonl", QUESTIONS[:2])
    write_rows(tmp_path / "v.jsonl", [{"id": i, "question_id": i, "category": "conv", "content": "8 4", "tuple": [8, 4]} for i in range(2)])
    files = [str(tmp_path / "q.jsonl"), str(tmp_path / "v.jsonl")]
    assert main(files) == 0 and "2 of 2" in (shown := capsys.readouterr().out) and " 50.0" in shown
    write_rows(tmp_path / "v.jsonl", [{"id": 0, "question_id": 0, "category": "conv", "content": "8 4"}])
    assert main(files) == 1 and "questions without reviews: 1 of 2 (1)" in capsys.readouterr().out
