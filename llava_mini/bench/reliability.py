"""How far can a judge be trusted? A panel of trials whose right outcome is known before (beyond the paper, which has none).

    python -m llava_mini.bench.reliability data/cache/bench/coco answers.jsonl --folder runs/panel

* "as judged": the candidate's own score, to compare with.
* "order swapped": the same answers, the candidate first. A judge without a bias gives the same scores.
* "itself": the reference against itself. Both scores should be equal, the relative score 100.
* "empty": a candidate that says nothing. Its scores should be the lowest there are.
* "longer": the candidate's answers with the same content in more words. A judge should not be moved.

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
from . import benchmark
from .benchmark import Benchmark
from .judge import add_arguments, judge, options
from .schema import Answer, Found, Question, read_answers
from .scores import Scores

TRIALS = ("as judged", "order swapped", "itself", "empty", "longer")
OPENING = "Let me look at this picture with care before I give my answer."
AGAIN = "To say the same thing once more, so that nothing is missed:"


@dataclass(frozen=True)
class Agreement:
    """Scores of exactly right and of wrong answers."""

    right: tuple[float, ...] = ()
    wrong: tuple[float, ...] = ()

    @property
    def higher(self) -> float | None:
        """How often a right answer has a higher score than a wrong one, over all such pairs; equal ones count half. None without pairs.

        0.5 is what a judge reaches who throws dice, 1.0 one who always agrees (the area under the ROC curve).
        """
        pairs = [(r > w) + 0.5 * (r == w) for r in self.right for w in self.wrong]
        return sum(pairs) / len(pairs) if pairs else None

    def __str__(self) -> str:
        if not self.right and not self.wrong:
            return "No question here has both an exact answer and a verdict."
        parts = [f"{len(group)} {name} (mean score {sum(group) / len(group):.2f})" for name, group in (("right", self.right), ("wrong", self.wrong)) if group]
        told = f"; a right answer has the higher score in {100 * self.higher:.1f}% of the pairs (dice: 50%)" if self.higher is not None else ""
        return f"Exact answers: {' and '.join(parts)}{told}."


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
             "empty": _changed(candidates, lambda text: ""), "longer": _changed(candidates, longer)}
    for name in TRIALS:
        share = budget / len(TRIALS) if budget is not None else None
        found.trials[name] = judge(bench, kinds[name], folder / f"{name.replace(' ', '-')}.jsonl", swapped=name == "order swapped", budget=share,
                                   transport=transport, quiet=quiet, **judging)
    found.agreement = agreement(bench.questions, candidates, found.trials["as judged"])
    return found


def longer(text: str) -> str:
    """The same content in more words: an opening that says nothing, the answer, and the answer once more."""
    return f"{OPENING} {text.strip()} {AGAIN} {text.strip()}" if text.strip() else ""


def _changed(candidates: Found, change) -> Found:
    rows = {key: replace(row, text=change(row.text), answer_id=f"{row.answer_id}-changed") for key, row in candidates.rows.items()}
    return Found(candidates.path, rows, list(candidates.faults))


def agreement(questions: Sequence[Question], candidates: Found, scores: Scores) -> Agreement:
    """The candidate's scores where an exact answer is known, by whether it was given. Unreadable answers are wrong.

    Raises InputError for a kind of exact answer that the storybook does not know.
    """
    right, wrong = [], []
    for q in questions:
        row: Answer | None = candidates.rows.get(str(q.id))
        if q.value is None or row is None or str(q.id) not in scores.pairs:
            continue
        try:
            given = value(q.kind, row.text, q.text)
        except KeyError:
            raise InputError(f"Question {q.id}: the kind {q.kind!r} of its exact answer is unknown; correct it, or remove kind and value.") from None
        (right if given == q.value else wrong).append(scores.pairs[str(q.id)][1])
    return Agreement(tuple(right), tuple(wrong))


def table(found: Panel) -> str:
    """A line for each trial with its coverage, the relative score, how far the candidate's scores moved, and what to expect."""
    lines = [f"{'trial':<16}{'judged':>12}{'reference':>11}{'candidate':>11}{'relative':>10}{'moved by':>10}{'moved at all':>14}   expected"]
    expected = {"as judged": "", "order swapped": "moved by 0", "itself": "relative 100", "empty": "candidate 1", "longer": "moved by 0"}
    for name, scores in found.trials.items():
        tally, shift = scores.all, found.shift(name) if name in ("order swapped", "longer") else None
        start = f"{name:<16}{f'{tally.judged} of {tally.asked}':>12}"
        if not tally.judged:
            lines.append(f"{start}   nothing judged")
            continue
        moved = f"{shift[1]:>+10.2f}{100 * shift[2]:>13.1f}%" if shift else " " * 24
        relative = "-" if scores.headline is None else f"{scores.headline:.1f}"         # of a part of the questions there is no headline
        lines.append(f"{start}{tally.reference / tally.judged:>11.2f}{tally.candidate / tally.judged:>11.2f}{relative:>10}{moved}   {expected[name]}".rstrip())
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
