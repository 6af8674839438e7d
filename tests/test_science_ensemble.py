"""The complement and the judge rule, and who was right when the two disagreed, on eight problems worked out by hand."""

from __future__ import annotations

import json

import pytest

from llava_mini.errors import InputError
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.offline import Offline
from llava_mini.instruct.storyteller import Written
from llava_mini.science import ensemble, files, pair
from llava_mini.science.problems import Problem
from llava_mini.science.score import score
from llava_mini.science.server import Server, by_server

# id: (key, text-only, LLaVA); "-" says nothing that can be read
TABLE = {"1": "AAA", "2": "ABB", "3": "AAB", "4": "ABA", "5": "ABC", "6": "A-A", "7": "AB-", "8": "A--"}


def problem(name: str) -> Problem:
    return Problem(name, f"Question {name}?", ("x", "y", "z"), 0, "", "image.jpg" if name in "345" else None, "closed choice", 3,
                   "social science" if name == "3" else "natural science", "t", "c", "s", "l", "s", "test")


PROBLEMS = [problem(name) for name in TABLE]


def said(side: int) -> dict[str, str]:
    return {name: "I cannot tell." if row[side] == "-" else f"Because {name}. The answer is {row[side]}." for name, row in TABLE.items()}


TEXT, LLAVA = score(PROBLEMS, said(1)), score(PROBLEMS, said(2))


class Judge:
    """Gives the verdicts it was told, in turn, and remembers what it was asked."""

    def __init__(self, *verdicts):
        self.verdicts, self.prompts = list(verdicts), []

    def __call__(self, prompts):
        self.prompts += prompts
        return self.verdicts


def test_complement_by_hand():
    """Guards against taking LLaVA's answer where the text-only model has one, and against an answer from nowhere."""
    chosen = ensemble.complement(TEXT, LLAVA)
    assert chosen == [0, 1, 0, 1, 1, 0, 1, None]
    assert score(PROBLEMS, ensemble.texts(PROBLEMS, chosen)).all.correct == 3


def test_the_judge_is_asked_only_where_two_answers_differ():
    """Guards against paying a judge for what is agreed, and against verdicts that land on another problem."""
    judge = Judge("The answer is A.", "The second one. The answer is A.", "Neither. The answer is A.")
    found = ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), judge)
    assert found.asked == ["3", "4", "5"] and found.chosen == [0, 1, 0, 0, 0, 0, 1, None] and not found.undecided
    assert score(PROBLEMS, found.texts(PROBLEMS)).all.correct == 5
    words = judge.prompts[0][1]["content"]
    assert "Question 3?" in words and words.index("First model: Because 3. The answer is A.") < words.index("Second model: Because 3. The answer is B.")


def test_a_verdict_that_cannot_be_read_leaves_llavas_answer_and_is_counted():
    """Guards against a guess in the judge's name."""
    found = ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), Judge("A or B", None, "The answer is B."))
    assert found.chosen == [0, 1, 1, 0, 1, 0, 1, None] and found.undecided == {"3": "two answers", "4": "no verdict"}
    assert found.verdicts == {"3": "A or B", "4": None, "5": "The answer is B."}


def test_who_was_right_by_hand():
    """Guards against a table that counts agreements as disagreements, or problems that only one answered."""
    found = ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), Judge("The answer is A.", "The answer is B.", "The answer is A."))
    rows = ensemble.disagreements(PROBLEMS, TEXT, LLAVA, found.chosen)
    assert rows["all"] == ensemble.Row(n=5, both=1, wrong=1, text_only=1, llava=1, neither=1, judge=2)
    assert rows["SOC"] == ensemble.Row(n=1, text_only=1, judge=1) and rows["picture"] == ensemble.Row(n=3, text_only=1, llava=1, neither=1, judge=2)
    assert rows["no picture"] == ensemble.Row(n=2, both=1, wrong=1) and rows["LAN"] == ensemble.Row()
    lines = ensemble.table(rows).splitlines()
    assert lines[-1].split() == ["all", "5", "1", "1", "3", "1", "1", "1", "2"] and len(lines) == 7
    assert "judge right" not in ensemble.table(ensemble.disagreements(PROBLEMS, TEXT, LLAVA), judged=False)


def test_reports_of_other_problems_are_refused():
    """Guards against pairing answers of different problems."""
    with pytest.raises(InputError, match="8 and 3 problems"):
        ensemble.complement(TEXT, score(PROBLEMS[:3], {}))
    with pytest.raises(ValueError, match="one verdict per prompt: asked 3, got 1"):
        ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), Judge("A"))


def test_the_authors_files_go_in_and_the_ensembles_comes_out(tmp_path):
    """Guards against an ensemble that only works on answers in memory."""
    for name, side in (("text.json", 1), ("llava.json", 2)):
        files.write_results(tmp_path / name, PROBLEMS, said(side))
    one, other = (files.read_results(tmp_path / name, PROBLEMS) for name in ("text.json", "llava.json"))
    chosen = ensemble.complement(score(PROBLEMS, one), score(PROBLEMS, other))
    written = files.write_results(tmp_path / "both.json", PROBLEMS, ensemble.texts(PROBLEMS, chosen))
    assert written["results"] == {"1": 0, "2": 1, "3": 0, "4": 1, "5": 1, "6": 0, "7": 1, "8": -1} and written["acc"] == 37.5


def server(**misbehave):
    """A judge behind the chat-completions protocol: always the first model, whatever its letter."""
    def write(messages, rng, lie):
        words = messages[-1]["content"]
        return Written(words.split("First model: ")[1].split("\n")[0])
    return Offline(write, "judge", misbehave=misbehave)


def test_a_server_is_the_judge_through_the_real_client(tmp_path):
    """Guards against a judge that works as a function only: here the openai client carries the prompts."""
    wire = server()
    ask = by_server(Server(Settings(temperature=0.0), transport=wire), tmp_path / "judge.jsonl", progress=False)
    found = ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), ask)
    assert found.chosen == ensemble.complement(TEXT, LLAVA) and wire.served == {"ok": 3}
    assert json.loads(json.dumps(found.verdicts))["3"] == "Because 3. The answer is A."


def test_a_verdict_that_was_cut_off_is_counted_not_guessed(tmp_path):
    """Guards against half a verdict that passes for a whole one."""
    ask = by_server(Server(Settings(), transport=server(**{"cut off": 1.0})), tmp_path / "judge.jsonl", progress=False)
    with pytest.warns(UserWarning, match=r"3 of 3 prompts got no answer \(3 cut off\)"):
        found = ensemble.judge(PROBLEMS, TEXT, LLAVA, (said(1), said(2)), ask)
    assert found.undecided == dict.fromkeys(("3", "4", "5"), "no verdict") and found.chosen[2:5] == LLAVA.chosen[2:5]


def test_the_rules_by_the_authors_letters():
    """Guards against published averages that cannot come out, as our rule reads letters that the authors' does not.

    All answers are A. Problem 1: the text-only model's "Answer: A" is no letter to the authors, so LLaVA's B counts. 2: theirs is read,
    and differs from LLaVA's A; the judge says A in a way that they do not read, so LLaVA's answer stays. 3: nobody's is read.
    """
    problems = PROBLEMS[:3]
    names = [problem.id for problem in problems]
    text = dict(zip(names, ("Answer: A", "The answer is B.", "Answer: A")))
    llava = dict(zip(names, ("The answer is B.", "The answer is A.", "Answer: A")))
    judge = Judge("Answer: A", "Answer: A")
    reports, _ = pair.combine(problems, pair.Pair(llava, text, judge))
    assert len(judge.prompts) == 2
    assert [reports[rule].all.correct for rule in ("complement", "judge")] == [2, 3]
    told = {rule: (reports[rule].authors.correct, reports[rule].authors.unreadable, reports[rule].authors.n) for rule in reports}
    assert told == {"LLaVA": (1, 1, 3), "text-only": (0, 2, 3), "complement": (0, 1, 3), "judge": (1, 1, 3)}
    judge = Judge("The answer is A.", "The answer is A.")                       # read, but on problem 1 the authors' letters do not differ
    assert pair.combine(problems, pair.Pair(llava, text, judge))[0]["judge"].theirs == [1, 0, None]
