"""Is what belongs together kept together? Pairs of pictures that hold the same parts and differ in what belongs to what.

A pair is right when the question is answered rightly of both its pictures, as in Winoground (Thrush et al., 2022): who
gives both the same answer is right about one of them and about no pair. Who sees the two things and tosses a coin which
of them is meant has 1/2 of the answers and 1/4 of the pairs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from .asking import Given, Run
from .shares import Share

SWAPS = ("colours", "categories")
ALL = "all"
SINGLE_CHANCE, PAIR_CHANCE = 0.5, 0.25


@dataclass
class Pairs:
    """All pairs of one exchange and one kind of question."""

    swap: str                   # what was exchanged between the two pictures: "colours" or "categories"
    kind: str                   # of the question, "what is on the left" apart from other "what"; or "all"
    single: Share               # answers that are right
    pairs: Share                # pairs with two right answers
    same: Share                 # pairs with the same answer twice
    crossed: Share              # answers that would be right of the other picture
    single_chance: float = SINGLE_CHANCE
    pair_chance: float = PAIR_CHANCE


@dataclass
class Binding:
    rows: list[Pairs]

    def table(self) -> str:
        lines = [f"  {row.swap + ' exchanged, ' + row.kind:<42}single {row.single}  pairs {row.pairs}" for row in self.rows]
        return "\n".join([f"Binding: what belongs to what? (chance: {SINGLE_CHANCE:.0%} of the answers, {PAIR_CHANCE:.0%} of the pairs)", *lines])


def probe(run: Run) -> Binding:
    return Binding(score(run.ask("binding-true", run.asked("binding"))))


def score(answers: list[Given]) -> list[Pairs]:
    """Only questions whose two pictures have different answers make a pair: where the ball is stays as it was when colours change."""
    by = {(given.asked.about["set"], given.asked.about["asked"], given.asked.about["picture"]): given for given in answers}
    found = defaultdict(list)
    for (number, asked, picture), given in by.items():
        other = by.get((number, asked, "original"))
        if picture in SWAPS and other is not None and given.asked.question.value != other.asked.question.value:
            for kind in (ALL, given.asked.about["label"]):
                found[picture, kind].append((other, given))
    return [_row(*key, pairs) for key, pairs in sorted(found.items(), key=lambda item: (SWAPS.index(item[0][0]), item[0][1] != ALL, item[0][1]))]


def _row(swap: str, kind: str, pairs: list[tuple[Given, Given]]) -> Pairs:
    crossed = [one.value == other.asked.question.value for a, b in pairs for one, other in ((a, b), (b, a))]
    return Pairs(swap, kind, Share.of(one.right for pair in pairs for one in pair), Share.of(a.right and b.right for a, b in pairs),
                 Share.of(a.value is not None and a.value == b.value for a, b in pairs), Share.of(crossed))
