"""How often a model is right about pictures it has never seen, per kind of question.

An answer is right when its value equals the true one: for "What colour is the dog?" both "It is
red." and "Red" are. An answer whose value cannot be read counts as wrong, and is counted as
unreadable too, so that a model which mumbles is told from one which errs. Nothing is left out of
``n``: a question without an answer is wrong as well, and counted as missing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from . import controls as control_pictures
from .answers import Answerer, Answers, Question, ask
from .intervals import wilson

ReadValue = Callable[[str, str, str], "str | None"]  # (kind, answer, question) -> value; storybook.values.value


@dataclass
class Tally:
    """Counts of one kind of question, or of all."""

    n: int = 0
    correct: int = 0
    unreadable: int = 0      # answered, but no value could be read; wrong
    missing: int = 0         # not answered; wrong

    @property
    def accuracy(self) -> float:
        return self.correct / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95% interval of the accuracy."""
        return wilson(self.correct, self.n)

    def as_dict(self) -> dict:
        low, high = self.interval
        return {"n": self.n, "correct": self.correct, "accuracy": round(self.accuracy, 6), "low": round(low, 6),
                "high": round(high, 6), "unreadable": self.unreadable, "missing": self.missing}


@dataclass
class Report:
    """Scored answers. ``right`` is in the order of the questions, for :func:`.intervals.paired`."""

    all: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    right: list[bool] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)    # what was wrong with the answer file
    note: str = ""
    path: Path | None = None                             # of the answer file

    def as_dict(self) -> dict:
        """JSON form, as :mod:`.results` checks it; the answer file without its folder."""
        problems = [problem.replace(str(self.path), self.path.name) if self.path else problem for problem in self.problems]
        return {"all": self.all.as_dict(), "kinds": {kind: tally.as_dict() for kind, tally in self.kinds.items()},
                "problems": problems, "note": self.note}


def _tally(questions: Sequence[Question], values: Sequence[tuple[bool, str | None]]) -> Report:
    """``values``: (answered, value or None) for each question."""
    report = Report(kinds={kind: Tally() for kind in sorted({question.kind for question in questions})})
    for question, (answered, value) in zip(questions, values, strict=True):
        right = answered and value == question.value
        report.right.append(right)
        for tally in (report.all, report.kinds[question.kind]):
            tally.n += 1
            tally.correct += right
            tally.unreadable += answered and value is None
            tally.missing += not answered
    return report


def score(questions: Sequence[Question], answers: Answers, read_value: ReadValue) -> Report:
    """Compare the answers of one file with the key."""
    values = []
    for question in questions:
        row = answers.rows.get(question.id)
        values.append((row is not None, None if row is None else read_value(question.kind, row["text"], question.text)))
    report = _tally(questions, values)
    report.problems, report.path = list(answers.problems), answers.path
    absent = [question.id for question in questions if question.id not in answers.rows]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        report.problems.append(f"{answers.path}: {len(absent)} questions have no answer ({', '.join(absent[:5])}{more}); "
                               "they count as wrong.")
    return report


def guess(questions: Sequence[Question]) -> Report:
    """The score of giving each kind's most frequent true answer every time (see :mod:`.controls`)."""
    frequent = {}
    for kind in {question.kind for question in questions}:
        counts = Counter(question.value for question in questions if question.kind == kind)
        frequent[kind] = min(counts, key=lambda value: (-counts[value], value))
    report = _tally(questions, [(True, frequent[question.kind]) for question in questions])
    report.note = control_pictures.NOTES["guess"]
    return report


def check_key(questions: Sequence[Question], read_value: ReadValue) -> None:
    """A question whose own right answer is not read as right could never be answered: InputError."""
    for question in questions:
        try:
            value = read_value(question.kind, question.answer, question.text)
        except KeyError:
            raise InputError(f"Question {question.id!r}: the kind {question.kind!r} is unknown; correct its category.") from None
        if value != question.value:
            raise InputError(f"Question {question.id!r} ({question.kind}): its answer {question.answer!r} is read as {value!r}, "
                             f"but its value is {question.value!r}; make the two agree.")


def answerer(model, **options) -> Answerer:
    """A model as :func:`evaluate` asks it: greedy answers, a batch at a time. ``options`` go to ``model.generate``."""
    from ..conversation import IMAGE
    from ..generation import Request

    def answer(batch: list) -> list[str]:
        requests = [Request([{"role": "user", "content": question if picture is None else f"{IMAGE}\n{question}"}],
                            [] if picture is None else [picture]) for picture, question in batch]
        return [text.strip() for text in model.generate(requests, **{"max_new_tokens": 64, "batch_size": len(batch), **options})]

    return answer


def evaluate(questions: Sequence[Question], answer: Answerer, read_value: ReadValue, *, pictures: str | Path,
             folder: str | Path, model_id: str, controls: Sequence[str] = control_pictures.CONTROLS,
             control_splits: Sequence[str] = ("test",), seed: int = 0, batch_size: int = 32,
             progress: bool = True) -> dict[str, dict[str, Report]]:
    """Ask and score every split of the questions, and the controls for those in ``control_splits``.

    ``answer`` takes a list of (picture or None, question) and returns as many texts; :func:`answerer`
    makes one of a model. Answers are kept in ``folder/<split>-<control>.jsonl``; a second call asks only what is missing there. Returns
    {split: {"true": Report, "blind": Report, ..., "guess": Report}}; splits are in order of
    appearance.
    """
    check_key(questions, read_value)
    splits = defaultdict(list)
    for question in questions:
        splits[question.split].append(question)
    reports: dict[str, dict[str, Report]] = {}
    for name, chosen in splits.items():
        reports[name] = {}
        for control in ("true", *(controls if name in control_splits else ())):
            pairs = control_pictures.shown(control, chosen, pictures, seed)
            answers = ask(chosen, pairs, answer, Path(folder) / f"{name}-{control}.jsonl", model_id=model_id,
                          metadata={"control": control}, batch_size=batch_size, progress=progress)
            reports[name][control] = score(chosen, answers, read_value)
            reports[name][control].note = control_pictures.NOTES[control]
        reports[name]["guess"] = guess(chosen)
    return reports


def as_dict(reports: dict[str, dict[str, Report]]) -> dict:
    """The accuracies of :func:`evaluate` as :mod:`.results` keeps them."""
    return {name: {control: report.as_dict() for control, report in by.items()} for name, by in reports.items()}


def table(reports: dict[str, Report], title: str = "") -> str:
    """Plain text table of one split: a line per kind, the true accuracy with its interval, then the controls."""
    true, others = reports["true"], [name for name in reports if name != "true"]
    lines = [f"{title or 'questions':<14}{'n':>6}{'right':>9}   {'95% interval':<16}{'unreadable':>10}"
             + "".join(f"{name:>10}" for name in others)]
    for kind in [*true.kinds, "all"]:
        tally = true.all if kind == "all" else true.kinds[kind]
        low, high = tally.interval
        cells = [reports[name].all if kind == "all" else reports[name].kinds[kind] for name in others]
        lines.append(f"{kind:<14}{tally.n:>6}{100 * tally.accuracy:>8.1f}%   {f'{100 * low:.1f} to {100 * high:.1f}%':<16}"
                     f"{tally.unreadable:>10}" + "".join(f"{100 * cell.accuracy:>9.1f}%" for cell in cells))
    lines += [f"! {name}: {problem}" for name, report in reports.items() for problem in report.problems]
    return "\n".join(lines)
