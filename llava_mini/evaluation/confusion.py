"""What is mistaken for what: true values against given ones, for one kind of question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..storybook.vocabulary import NUMBERS
from .accuracy import ReadValue
from .answers import Answers, Question

OTHER, UNREADABLE = "other", "unreadable"


@dataclass(frozen=True)
class Confusion:
    """Counts of (true, given) values.

    ``counts[i][j]`` is how often the true value ``labels[i]`` was answered with ``columns[j]``. The
    columns are the labels, then "other" (a value that is never the true one) and "unreadable" (no
    value could be read, or there was no answer).
    """

    kind: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    mistakes: tuple[tuple[str, str, int], ...]   # (true, given, how often), most frequent first

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.labels, OTHER, UNREADABLE)

    def table(self, most: int = 10) -> str:
        """The most frequent mistakes in words, most frequent first; says how many are not listed."""
        if not self.mistakes:
            return f"{self.kind}: no mistakes"
        lines = [f"{times:>4} x {true} answered as {given}" for true, given, times in self.mistakes[:most]]
        rest = self.mistakes[most:]
        if rest:
            lines.append(f"     and {sum(times for *_, times in rest)} mistakes of {len(rest)} other sorts")
        return "\n".join([f"{self.kind}: {sum(times for *_, times in self.mistakes)} mistakes", *lines])


def _order(value: str) -> tuple:
    """Numbers by size, whether written "3" or "three"; everything else by the alphabet."""
    if value in NUMBERS:
        return 0, NUMBERS.index(value), value
    return (0, int(value), value) if value.isdecimal() else (1, 0, value)


def confusion(questions: Sequence[Question], answers: Answers, kind: str, read_value: ReadValue) -> Confusion:
    """The confusions of one kind ("what", "colour", "count", "place"). InputError if there is no such question."""
    chosen = [question for question in questions if question.kind == kind]
    if not chosen:
        kinds = ", ".join(sorted({question.kind for question in questions}))
        raise InputError(f"There is no question of the kind {kind!r}; choose one of {kinds}.")
    pairs = Counter()
    for question in chosen:
        row = answers.rows.get(question.id)
        value = None if row is None else read_value(kind, row["text"], question.text)
        pairs[question.value, UNREADABLE if value is None else value] += 1
    labels = tuple(sorted({question.value for question in chosen}, key=_order))
    columns = (*labels, OTHER, UNREADABLE)
    counts = [[0] * len(columns) for _ in labels]
    for (true, given), times in pairs.items():
        column = given if given in labels or given == UNREADABLE else OTHER
        counts[labels.index(true)][columns.index(column)] += times
    mistakes = [(true, given, times) for (true, given), times in pairs.items() if true != given]
    mistakes.sort(key=lambda item: (-item[2], _order(item[0]), _order(item[1])))
    return Confusion(kind, labels, tuple(map(tuple, counts)), tuple(mistakes))
