"""How far can a judge be trusted? A panel of trials whose right outcome is known before (beyond the paper, which has none).

    python -m llava_mini.bench.reliability data/cache/bench/coco answers.jsonl --folder runs/panel

* "as judged": the candidate's own score, to compare with.
* "order swapped": the same answers, the candidate first. A judge without a bias gives the same scores.
* "itself": the reference against itself. Both scores should be equal, the relative score 100.
* "empty": a candidate that says nothing. Its scores should be the lowest there are.
* "longer": the candidate's answers with the same content in more words. A judge should not be moved.
* "again": the same requests once more. How far a judge moves by itself, which is what the other trials are to be read beside.
* "other question": to each question the candidate's answer to another one, of the same kind and about another picture. Its scores
  should be low: a judge that gives high ones does not ask whether an answer keeps to the question.

And where questions have an exact answer (``value``): do right answers get higher scores than wrong ones?
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..files import make_folder
from ..storybook.values import value
from . import benchmark, book
from .benchmark import Benchmark
from .clauses import relevant
from .judge import add_arguments, judge, options
from .schema import Found, Question, read_answers
from .scores import Scores

TRIALS = ("as judged", "order swapped", "itself", "empty", "longer", "again", "other question")
MOVES = ("order swapped", "longer", "again")                # trials of which it is told how far the candidate's scores moved
EXPECTED = {"order swapped": "the same scores", "itself": "relative score 100", "empty": "1 of 10 each time", "longer": "the same scores",
            "again": "the same scores", "other question": "low scores"}
OPENING = "Let me look at this picture with care before I give my answer."
AGAIN = "To say the same thing once more, so that nothing is missed:"


@dataclass(frozen=True)
class Agreement:
    """Exact answers, right and wrong, and the scores of those that have a verdict."""

    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()
    correct: int = 0                    # answers that are exactly right, judged or not
    asked: int = 0                      # questions with an exact answer; where nothing was answered it is wrong

    @property
    def higher(self) -> float | None:
        """How often a right answer has a higher score than a wrong one, over all such pairs; equal ones count half. None without pairs.

        0.5 is what a judge reaches who throws dice, 1.0 one who always agrees (the area under the ROC curve).
        """
        pairs = [(r > w) + 0.5 * (r == w) for r in self.right for w in self.wrong]
        return sum(pairs) / len(pairs) if pairs else None

    def __str__(self) -> str:
        if not self.right and not self.wrong:
            return "No question here has both an exact answer and a verdict." + (f" Exactly right: {self.correct} of {self.asked}." if self.asked else "")
        parts = [f"{len(group)} {name} (mean score {sum(group) / len(group):.2f})" for name, group in (("right", self.right), ("wrong", self.wrong)) if group]
        told = f"; a right answer has the higher score in {100 * self.higher:.1f}% of the pairs (dice: 50%)" if self.higher is not None else ""
        return f"Exactly right: {self.correct} of {self.asked}. Of those judged: {' and '.join(parts)}{told}."


@dataclass
class Panel:
    """The scores of each trial, and the agreement with exact answers."""

    trials: dict[str, Scores] = field(default_factory=dict)
    agreement: Agreement = Agreement()

    def shift(self, trial: str) -> tuple[int, float, float] | None:
        """(questions in both, mean change of the candidate's score against "as judged", share of questions where it changed at all)."""
        base, other = self.trials["as judged"].pairs, self.trials[trial].pairs
        changes = [other[name][1] - base[name][1] for name in base if name in other]
        return (len(changes), sum(changes) / len(changes), sum(map(bool, changes)) / len(changes)) if changes else None

    def equal(self, trial: str = "itself") -> float | None:
        """In what share of the questions both assistants got the same score."""
        pairs = self.trials[trial].pairs.values()
        return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def panel(bench: Benchmark, candidates: Found, folder, *, transport=None, quiet: bool = False, **judging) -> Panel:
    """Holds all trials; the verdicts go to ``folder/<trial>.jsonl``, and a second call asks only for what is missing there.

    ``judging``: as for :func:`.judge.judge`; a budget is one of the whole panel. Raises InputError as that does.
    """
    folder, found, budget = Path(folder), Panel(), judging.pop("budget", None)
    make_folder(folder)
    kinds = {"as judged": candidates, "order swapped": candidates, "itself": Found(Path("references"), dict(bench.references)),
             "empty": _changed(candidates, lambda text: ""), "longer": _changed(candidates, longer), "again": candidates,
             "other question": elsewhere(bench.questions, candidates)}
    paths = {name: folder / f"{name.replace(' ', '-')}.jsonl" for name in TRIALS}
    for at, name in enumerate(TRIALS):
        share = None
        if budget is not None:                      # an equal part of what is left: the trials differ in length
            share = book.spent([paths[name]]) + max(0.0, budget - book.spent(paths.values())) / (len(TRIALS) - at)
        found.trials[name] = judge(bench, kinds[name], paths[name], swapped=name == "order swapped", budget=share, transport=transport, quiet=quiet,
                                   **judging)
    found.agreement = agreement(bench.questions, candidates, found.trials["as judged"])
    return found


def longer(text: str) -> str:
    """The same content in more words: an opening that says nothing, the answer, and the answer once more."""
    return f"{OPENING} {text.strip()} {AGAIN} {text.strip()}" if text.strip() else ""


def _changed(candidates: Found, change) -> Found:
    rows = {key: replace(row, text=change(row.text), answer_id=f"{row.answer_id}-changed") for key, row in candidates.rows.items()}
    return Found(candidates.path, rows, list(candidates.faults))


def elsewhere(questions: Sequence[Question], candidates: Found) -> Found:
    """To each question the answer to the next one of its kind that is about another picture and in other words; none where there is no such."""
    rows, kinds = {}, {}
    for q in questions:
        kinds.setdefault(q.category, []).append(q)
    for alike in kinds.values():
        for at, q in enumerate(alike):
            others = [o for o in alike[at + 1:] + alike[:at] if o.image != q.image and o.text != q.text and str(o.id) in candidates.rows]
            if others:
                given = candidates.rows[str(others[0].id)]
                rows[str(q.id)] = replace(given, question_id=q.id, answer_id=f"{given.answer_id}-elsewhere")
    return Found(candidates.path, rows, list(candidates.faults))


def agreement(questions: Sequence[Question], candidates: Found, scores: Scores) -> Agreement:
    """Which exact answers were given, and the candidate's scores of them. What is unreadable, or not answered at all, is wrong.

    Raises InputError for a kind of exact answer that the storybook does not know.
    """
    exact = [q for q in questions if q.value is not None]
    correct = {str(q.id) for q in exact if (row := candidates.rows.get(str(q.id))) and given(q, row.text) == q.value}
    judged = [(key in correct, scores.pairs[key][1]) for key in (str(q.id) for q in exact) if key in candidates.rows and key in scores.pairs]
    return Agreement(tuple(one for right, one in judged if right), tuple(one for right, one in judged if not right), len(correct), len(exact))


def given(q: Question, text: str) -> str | None:
    """The value that an answer gives, read by the storybook's words out of what it says of the thing that is asked about.

    Without that "a boat to the left of a boat" would be right about a bus on the left, by this count and by a careless judge alike.
    """
    aspect = {"where": "side", "relation": "beside" if " or " in q.text else "thing"}.get(q.kind, q.kind)
    try:
        return value(q.kind, relevant(aspect, text, q.text), q.text)
    except KeyError:
        raise InputError(f"Question {q.id}: the kind {q.kind!r} of its exact answer is unknown; correct it, or remove kind and value.") from None


def table(found: Panel) -> str:
    """A line for each trial with its coverage, the relative score, how far the candidate's scores moved, and what to expect."""
    lines = [f"{'trial':<16}{'judged':>12}{'reference':>11}{'candidate':>11}{'relative':>10}{'moved by':>10}{'moved at all':>14}   expected"]
    for name, scores in found.trials.items():
        tally, shift = scores.all, found.shift(name) if name in MOVES else None
        start = f"{name:<16}{f'{tally.judged} of {tally.asked}':>12}"
        if not tally.judged:
            lines.append(f"{start}   nothing judged")
            continue
        moved = f"{shift[1]:>+10.2f}{100 * shift[2]:>13.1f}%" if shift else " " * 24
        relative = "-" if scores.headline is None else f"{scores.headline:.1f}"         # of a part of the questions there is no headline
        lines.append(f"{start}{tally.reference / tally.judged:>11.2f}{tally.candidate / tally.judged:>11.2f}{relative:>10}{moved}   {EXPECTED.get(name, '')}".rstrip())
    equal = found.equal()
    if equal is not None:
        lines.append(f"Reference against itself: the same score twice in {100 * equal:.1f}% of the questions.")
    lines.append(str(found.agreement))
    faults = dict.fromkeys(fault for scores in found.trials.values() for fault in scores.faults)
    return "\n".join(lines + [f"! {fault}" for fault in faults])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.reliability", description=__doc__.split("\n")[0])
    benchmark.add_arguments(parser)
    parser.add_argument("--folder", type=Path, required=True, help="where the verdicts of the trials go")
    add_arguments(parser)
    args = parser.parse_args(arguments)

    def work() -> None:
        bench = benchmark.of_arguments(args)
        print(table(panel(bench, read_answers(args.answers, bench.questions), args.folder, **options(args))))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
