"""How far to trust a share of right answers: intervals, and "A is better than B" within noise.

All intervals are approximate 95% ones (z = 1.96) and treat the questions as independent. Several
questions about one picture are not quite that, so read them as a lower bound of the doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, sqrt

from ..errors import InputError


def wilson(correct: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share, as (low, high) in 0..1.

    It stays inside 0..1 and is honest at the ends, where the textbook ``p +- z * sqrt(p(1-p)/n)``
    claims certainty: ``wilson(10, 10)`` is (0.72, 1.0), not (1.0, 1.0). Nothing asked, nothing
    known: ``wilson(0, 0)`` is (0.0, 1.0).
    """
    if not 0 <= correct <= n:
        raise InputError(f"{correct} right answers of {n} questions cannot be; check the two numbers.")
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # The ends are exact: rounding would leave 0 of n at 1e-17 and n of n just below 1.
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == n else middle + half)


def pooled(tallies: Sequence[Mapping]) -> tuple[float, float, float]:
    """(share right over all seeds, that of the worst seed, that of the best); a tally for each."""
    shares = [tally["accuracy"] for tally in tallies]
    return sum(tally["correct"] for tally in tallies) / sum(tally["n"] for tally in tallies), min(shares), max(shares)


@dataclass(frozen=True)
class Difference:
    """Share of A minus share of B, with its interval; all in -1..1."""

    difference: float
    low: float
    high: float
    p: float | None = None  # exact McNemar test; only for answers to the same questions

    @property
    def within_noise(self) -> bool:
        """True when the interval contains zero."""
        return self.low <= 0 <= self.high

    def words(self, a: str = "A", b: str = "B") -> str:
        """One sentence, in percentage points."""
        interval = f"95% interval {100 * self.low:+.1f} to {100 * self.high:+.1f} points"
        if self.within_noise:
            return f"{a} and {b} differ by {100 * self.difference:+.1f} points, which is within noise ({interval})."
        word = "better" if self.difference > 0 else "worse"
        return f"{a} is {word} than {b} by {abs(100 * self.difference):.1f} points ({interval})."


def unpaired(correct_a: int, n_a: int, correct_b: int, n_b: int, z: float = 1.96) -> Difference:
    """A against B on different questions: Newcombe's interval, made of the two Wilson intervals."""
    low_a, high_a = wilson(correct_a, n_a, z)
    low_b, high_b = wilson(correct_b, n_b, z)
    if not n_a or not n_b:
        raise InputError("A comparison needs at least one question on both sides; one side has none.")
    a, b = correct_a / n_a, correct_b / n_b
    return Difference(a - b, a - b - sqrt((a - low_a) ** 2 + (high_b - b) ** 2),
                      a - b + sqrt((high_a - a) ** 2 + (b - low_b) ** 2))


def paired(a: Sequence[bool], b: Sequence[bool], z: float = 1.96) -> Difference:
    """A against B on the same questions, in the same order: only the disagreements count.

    The interval is Bonett and Price's (one disagreement added on each side, which keeps it honest
    when there are few), ``p`` the exact two-sided McNemar test: how probable so lopsided a split
    of the disagreements would be if both were equally good.
    """
    if len(a) != len(b) or not a:
        raise InputError(f"A paired comparison needs the same questions on both sides; it got {len(a)} and {len(b)}.")
    n = len(a)
    only_a = sum(1 for x, y in zip(a, b) if x and not y)
    only_b = sum(1 for x, y in zip(a, b) if y and not x)
    more_a, more_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = z * sqrt((more_a + more_b - (more_a - more_b) ** 2) / (n + 2))
    split = only_a + only_b
    tail = sum(comb(split, k) for k in range(min(only_a, only_b) + 1)) / 2**split
    return Difference((only_a - only_b) / n, max(-1.0, more_a - more_b - half), min(1.0, more_a - more_b + half),
                      p=min(1.0, 2 * tail))
