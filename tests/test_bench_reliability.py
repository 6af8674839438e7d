"""LLaVA-Bench: the panel finds the biases that a judge has, and none where it has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llava_mini.bench import prompt, reliability, rules
from llava_mini.bench.benchmark import Benchmark
from llava_mini.bench.reliability import TRIALS, Agreement, agreement, elsewhere, longer, panel, table
from llava_mini.bench.schema import Answer, Found, Question
from llava_mini.bench.scores import Scores
from llava_mini.errors import InputError
from llava_mini.instruct.offline import Offline
from llava_mini.instruct.storyteller import Written

CONTEXT = "A red dog on the beach.\n\ndog: [0.1, 0.5, 0.3, 0.8]"
QUESTIONS = [Question(0, "p0.jpg", "What colour is the dog?", "conv", "colour", "red"), Question(1, "p1.jpg", "Is there a cat?", "conv", "is-there", "no"),
             Question(2, "p2.jpg", "Is there a dog?", "conv", "is-there", "yes")]
BENCH = Benchmark("small", QUESTIONS, {str(i): CONTEXT for i in range(3)}, {str(i): Answer(i, text, f"r{i}") for i, text in enumerate(("Red.", "No.", "Yes."))})


def candidates(*texts) -> Found:
    return Found(Path("answers.jsonl"), {str(i): Answer(i, text, f"c{i}") for i, text in enumerate(texts)})


def judged_by(score):
    """A server of a judge that gives ``score(answer, first?)`` to each answer."""
    def write(messages, rng, lie=None):
        case = prompt.read(messages)
        return Written(f"{score(case.first, True)} {score(case.second, False)}\nSo it is.")
    return Offline(write, "biased")


def hold(tmp_path, transport, *texts):
    return panel(BENCH, candidates(*texts), tmp_path / "panel", transport=transport, quiet=True)


def test_the_rules_have_no_bias_on_short_answers(tmp_path):
    """Guards against a panel that finds something where there is nothing, and trials that are mixed up."""
    found = hold(tmp_path, rules.transport(), "Blue.", "No.", "Yes.")
    assert found.shift("order swapped") == (3, 0, 0) and found.shift("longer") == (3, 0, 0) and found.equal() == 1
    assert [found.trials[name].headline for name in ("as judged", "itself")] == [pytest.approx(100 * 22 / 30), 100]
    assert set(one for _, one in found.trials["empty"].pairs.values()) == {1}
    assert found.shift("again") == (3, 0, 0) and [one for _, one in found.trials["other question"].pairs.values()] == [3, 2, 3]
    assert found.agreement == Agreement((10, 10), (2,), 2, 3) and found.agreement.higher == 1
    assert {path.stem for path in (tmp_path / "panel").glob("*.jsonl")} == {name.replace(" ", "-") for name in TRIALS}


def test_another_questions_answer_is_of_its_kind_and_about_another_picture():
    """Guards against a trial that gives a question its own answer back, or that a picture's other answers may win by chance."""
    asked = [Question(0, "a", "Where is the dog?", "conv"), Question(1, "a", "Is there a cat?", "conv"), Question(2, "b", "Where is the dog?", "conv"),
             Question(3, "c", "How many dogs are there?", "conv"), Question(4, "c", "Describe it.", "detail")]
    moved = elsewhere(asked, candidates("Left.", "No.", "Right.", "Two.", "A dog."))
    assert {key: row.text for key, row in moved.rows.items()} == {"0": "Two.", "1": "Right.", "2": "Two.", "3": "Left."}       # of its kind the last one is alone
    assert all(str(row.question_id) == key and row.answer_id.endswith("-elsewhere") for key, row in moved.rows.items())


def test_a_judge_that_does_not_ask_whether_an_answer_keeps_to_the_question(tmp_path):
    """Guards against a panel on which a judge that likes every answer looks perfect."""
    found = hold(tmp_path, judged_by(lambda answer, first: 9), "Red.", "No.", "Yes.")
    assert found.trials["other question"].headline == 100 and "low scores" in table(found) and found.shift("longer")[1] == 0


def test_a_judge_that_throws_dice_differs_from_itself(tmp_path):
    """Guards against a judge's own unsteadiness taken for an effect of order or length."""
    turns = iter(range(1000))
    found = hold(tmp_path, judged_by(lambda answer, first: 1 + next(turns) // 6 % 9), "Red.", "No.", "Yes.")
    assert found.shift("again")[2] > 0


def test_a_trial_that_needs_little_leaves_its_share_to_the_others(tmp_path, monkeypatch):
    """Guards against a panel that stops before its longest trial, with half of the money left."""
    shares, costs = [], iter((1.0, 0.0, 0.0, 0.0, 6.0, 0.0, 0.0))
    spent = {}

    def judged(bench, candidates, path, *, budget, **_):
        shares.append(round(budget, 6))
        spent[path.stem] = next(costs)
        return Scores()

    monkeypatch.setattr(reliability, "judge", judged)
    monkeypatch.setattr(reliability.book, "spent", lambda paths: sum(spent.get(path.stem, 0.0) for path in paths))
    monkeypatch.setattr(reliability, "agreement", lambda *_: Agreement())
    reliability.panel(BENCH, candidates("Red.", "No.", "Yes."), tmp_path, budget=14.0)
    assert shares == [2.0, round(13 / 6, 6), round(13 / 5, 6), round(13 / 4, 6), round(13 / 3, 6), 3.5, 7.0]
    costs, shares[:] = iter([0.0] * 7), []
    spent.update({name.replace(" ", "-"): 1.0 for name in TRIALS})                  # gone on with: what it has cost counts as its own
    reliability.panel(BENCH, candidates("Red.", "No.", "Yes."), tmp_path, budget=14.0)
    assert shares[0] == 1 + 7 / 7


def test_a_judge_that_likes_what_comes_first(tmp_path):
    """Guards against a panel that misses the bias it was made for."""
    found = hold(tmp_path, judged_by(lambda answer, first: 8 if first else 5), "Red.", "No.", "Yes.")
    assert found.shift("order swapped") == (3, 3, 1) and found.equal() == 0 and found.trials["itself"].headline == 62.5


def test_a_judge_that_likes_length(tmp_path):
    """Guards against a longer answer that is not longer, or holds something new."""
    found = hold(tmp_path, judged_by(lambda answer, first: min(10, 1 + len(answer) // 20)), "Red.", "No.", "Yes.")
    assert found.shift("longer")[1] > 4 and found.shift("order swapped")[1] == 0
    assert longer("Red.").count("Red.") == 2 and longer("  ") == "" and not re.search(r"\d", longer("Red."))


def test_agreement_by_hand():
    """Guards against ties counted as agreement, and against a question that was not answered left out of the count of right ones."""
    answers = candidates("The dog is red.", "Maybe.", "No.")
    scores = Scores(pairs={"0": (9, 7), "1": (9, 7), "2": (9, 3)})
    found = agreement(QUESTIONS, answers, scores)
    assert (found.right, found.wrong, found.higher, found.correct, found.asked) == ((7,), (7, 3), 0.75, 1, 3) and "Exactly right: 1 of 3." in str(found)
    assert "1 right (mean score 7.00) and 2 wrong (mean score 5.00)" in str(found) and "75.0%" in str(found)
    assert agreement(QUESTIONS, answers, Scores(pairs={"1": (9, 7)})) == Agreement((), (7,), 1, 3) and Agreement((), (7,)).higher is None      # no judge is needed to count
    assert agreement(QUESTIONS, candidates("Red."), scores) == Agreement((7,), (), 1, 3)                                           # two were not answered
    bus = [Question(0, "p", "Where is the bus?", "conv", "where", "left")]
    assert [agreement(bus, candidates(text), Scores()).correct for text in ("A boat to the left of a boat.", "The bus is on the left.")] == [0, 1]
    with pytest.raises(InputError, match="Question 0: the kind 'smell'"):
        agreement([Question(0, "p", "?", "conv", "smell", "sweet")], answers, scores)


def test_the_table_tells_coverage_and_what_to_expect(tmp_path):
    """Guards against a relative score of the questions that happened to be judged, without a word."""
    def write(messages, rng, lie=None):
        case = prompt.read(messages)
        return Written("no idea" if "cat" in case.question and "care" in case.second else "8 4")

    found = hold(tmp_path, Offline(write, "shy"), "Red.", "No.", "Yes.")
    lines = {line[:16].strip(): line for line in table(found).splitlines()}
    assert "3 of 3" in lines["as judged"] and " 50.0" in lines["as judged"] and "+4.00" in lines["order swapped"] and "100.0%" in lines["order swapped"]
    assert "2 of 3" in lines["longer"] and " 50.0" not in lines["longer"]
    assert "! longer.set-aside.jsonl: questions given up after 3 verdicts of no use: 1 (1)" in table(found)


def test_a_second_panel_asks_for_nothing(tmp_path):
    """Guards against paying for all trials again to see their table."""
    hold(tmp_path, first := rules.transport(), "Blue.", "No.", "Yes.")
    again = hold(tmp_path, second := rules.transport(), "Blue.", "No.", "Yes.")
    assert sum(first.served.values()) == 21 and sum(second.served.values()) == 0 and again.agreement.higher == 1
