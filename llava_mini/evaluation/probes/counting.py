"""How far does it count? Every number as often as every other, and what is said for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ...storybook.vocabulary import LARGEST_TRAINING_COUNT, NUMBERS
from .asking import Given, Run
from .shares import Share

UNREADABLE = "unreadable"


@dataclass
class Number:
    """Pictures with this number of the thing that is asked for."""

    number: int
    trained: bool               # do training pictures show so many of a kind?
    share: Share                # right answers
    mean: float | None          # of the numbers said; None where none could be read
    said: dict[str, int]        # "zero" to "six" and "unreadable" -> how often


@dataclass
class Counting:
    numbers: list[Number]
    all: Share
    off: float | None           # mean distance of what was said from the truth
    chance: float               # of who always says one number, or draws one

    def table(self) -> str:
        lines = [f"  {row.number}{' ' if row.trained else '*'} {row.share}  mean answer {'-' if row.mean is None else f'{row.mean:.2f}'}  "
                 + ", ".join(f"{word} {times}" for word, times in row.said.items() if times) for row in self.numbers]
        return "\n".join([f"Counting (chance {self.chance:.0%}; * no training picture shows so many of a kind)", *lines])


def probe(run: Run) -> Counting:
    return score(run.ask("counting-true", run.asked("counting")))


def score(answers: list[Given]) -> Counting:
    rows, distances = [], []
    for number in sorted({given.asked.about["number"] for given in answers}):
        here = [given for given in answers if given.asked.about["number"] == number]
        said = Counter(given.value or UNREADABLE for given in here)
        numbers = [NUMBERS.index(given.value) for given in here if given.value]
        distances += [abs(one - number) for one in numbers]
        rows.append(Number(number, number <= LARGEST_TRAINING_COUNT, Share.of(given.right for given in here),
                           sum(numbers) / len(numbers) if numbers else None, {word: said[word] for word in (*NUMBERS, UNREADABLE)}))
    return Counting(rows, Share.of(given.right for given in answers), sum(distances) / len(distances) if distances else None, 1 / len(rows))
