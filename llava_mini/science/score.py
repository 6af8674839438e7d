"""The nine columns of the paper's Table 7 from a model's texts, with counts, intervals and what could not be read.

    python -m llava_mini.science.score FOLDER results.json          # the authors' file or ours, or answers a line in a .jsonl
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..commands import guarded
from ..errors import InputError, few
from ..evaluation.accuracy import Tally
from .extract import authors, read
from .files import Outputs, read_results
from .problems import COLUMNS, Problem, columns, read_problems


@dataclass
class Report:
    """Scored answers; ``chosen`` and ``right`` are in the order of the problems."""

    columns: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in COLUMNS})
    chosen: list[int | None] = field(default_factory=list)      # index of the choice; None where there is none
    right: list[bool] = field(default_factory=list)             # for evaluation.paired
    reasons: Counter = field(default_factory=Counter)           # extract.REASONS -> how many texts were not read for it
    unread: dict[str, list[str]] = field(default_factory=dict)  # reason -> ids
    problems: list[str] = field(default_factory=list)           # what is wrong with the file
    authors: Tally = field(default_factory=Tally)               # all of it by the authors' narrower rule, see extract.authors
    theirs: list[int | None] = field(default_factory=list)      # what that rule reads, in the order of the problems

    @property
    def all(self) -> Tally:
        return self.columns["Avg"]

    def as_dict(self) -> dict:
        """JSON form: every column with its count, interval, unread and missing answers."""
        return {"columns": {name: tally.as_dict() for name, tally in self.columns.items()}, "reasons": dict(self.reasons),
                "problems": list(self.problems), "authors": self.authors.as_dict()}


def score(problems: Sequence[Problem], outputs: Outputs | Mapping[str, str]) -> Report:
    """Scores texts by id, or what ``files.read_results`` gives.

    A text in which no choice can be read is wrong and counted as unread, a problem without a text is wrong and counted as
    missing; both stay in ``n``. Raises InputError where there are no problems, or texts by id for unknown ones.
    """
    if not problems:
        raise InputError("There are no problems to score; give a split that has some.")
    if not isinstance(outputs, Outputs):
        if unknown := sorted(set(outputs) - {problem.id for problem in problems}):
            raise InputError(f"There are texts for problems that are not asked here ({few(unknown)}); give the same problems.")
        outputs = Outputs(dict(outputs))
    report, missing = Report(problems=list(outputs.problems)), []
    for problem in problems:
        index, reason = theirs, _ = outputs.indices.get(problem.id), ""
        if problem.id in outputs.texts:
            reading = read(outputs.texts[problem.id], len(problem.choices))
            index, reason = reading.index, reading.reason
            theirs = authors(outputs.texts[problem.id], len(problem.choices))
        elif index is None:
            missing.append(problem.id)
        report.chosen.append(index)
        report.right.append(index == problem.answer)
        if reason:
            report.reasons[reason] += 1
            report.unread.setdefault(reason, []).append(problem.id)
        for name in columns(problem):
            tally = report.columns[name]
            tally.n += 1
            tally.correct += index == problem.answer
            tally.unreadable += bool(reason)
            tally.missing += index is None and not reason
        report.theirs.append(theirs)
        report.authors.n += 1
        report.authors.correct += theirs == problem.answer
        report.authors.unreadable += theirs is None and problem.id in outputs.texts
        report.authors.missing += index is None and not reason
    where = outputs.name or "The answers"
    if missing:
        report.problems.append(f"{where}: {len(missing)} problem{'s have' if len(missing) > 1 else ' has'} no answer "
                               f"({few(missing)}); they count as wrong.")
    report.problems += [f"{where}: {len(ids)} unread ({reason}: {few(ids)}); they count as wrong." for reason,
                        ids in report.unread.items()]
    return report


def constant(problems: Sequence[Problem], letter: str = "A") -> Report:
    """The score of giving the same letter every time: what an answer is worth that knows nothing."""
    return score(problems, {problem.id: letter for problem in problems})


def table(reports: Report | Mapping[str, Report]) -> str:
    """The columns of Table 7 as plain text: a line for each model in percent, then counts, intervals and what is amiss.

    There is one line of counts for each model, since unread and missing answers are each model's own.
    """
    reports = {"accuracy": reports} if isinstance(reports, Report) else dict(reports)
    wide = max(10, *(len(name) + 2 for name in reports))
    lines = [f"{'':<{wide}}" + "".join(f"{name:>8}" for name in COLUMNS)]
    for name, report in reports.items():
        lines.append(f"{name:<{wide}}" + "".join(f"{100 * tally.accuracy:>8.2f}" if tally.n else f"{'-':>8}"
                                                 for tally in report.columns.values()))
        for what, cell in _BELOW.items():
            lines.append(f"  {what:<{wide - 2}}" + "".join(f"{cell(tally):>8}" for tally in report.columns.values()))
        lines.append(f"  by the authors' own rule of reading a letter {100 * report.authors.accuracy:.2f}, {report.authors.unreadable:,} unread")
        lines += [f"! {problem}" for problem in report.problems]
    return "\n".join(lines)


_BELOW = {"from": lambda tally: f"{100 * tally.interval[0]:.1f}", "to": lambda tally: f"{100 * tally.interval[1]:.1f}",
          "n": lambda tally: f"{tally.n:,}",
          "unread": lambda tally: f"{tally.unreadable:,}", "missing": lambda tally: f"{tally.missing:,}"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.score", description=__doc__.split("\n")[0])
    parser.add_argument("problems", type=Path, help="folder of problems.json and pid_splits.json")
    parser.add_argument("results", type=Path, nargs="+", help="result files, one for each model")
    parser.add_argument("--split", default="test", help="of pid_splits.json, which was asked (default: test)")
    args = parser.parse_args(arguments)

    def work() -> None:
        asked = read_problems(args.problems).of(args.split)
        print(table({path.stem: score(asked, read_results(path, asked)) for path in args.results}))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
