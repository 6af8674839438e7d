"""What came of a claim that one thing is better than another: reproduced, not reproduced, or within noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .intervals import pooled, unpaired

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced: it is the other way round"      # of an order in the paper's own tables
SAME, OTHER = "the same order", "the other order"               # by a measure, or on pictures, of which the paper has no numbers
NOISE, DIFFER = "within noise", "the two differ"


@dataclass(frozen=True)
class Finding:
    """What came of a claim: that ``better`` has more right answers, or a higher score, than ``worse``."""

    better: str
    worse: str
    here: tuple[float, float]                   # of the two, in percent
    outcome: str                                # one of the above; DIFFER where nobody claims anything
    how: str                                    # what was asked to tell
    seeds: int = 1
    claimed: bool = True                        # False: nobody says which of the two has more
    paper: tuple[float, float] | None = None    # its own numbers of the two, where it has any
    theirs: tuple[str, str] | None = None       # what it calls the two, where that is something else
    interval: tuple[float, float] | None = None         # 95%, of the difference in points; None where a result does not tell it

    @property
    def words(self) -> str:
        """``"reproduced (by the 95% interval of one seed)"``."""
        return f"{self.outcome} ({self.how})"

    def line(self, digits: int = 1) -> str:
        """``"all above half? 85.1 and 80.0 (paper: 90.92 and 85.81): reproduced (by ...)."``; "beside" where nobody says which has more."""
        here, names = (f"{value:.{digits}f}" for value in self.here), ", {} and {}".format(*self.theirs) if self.theirs else ""
        paper = " (paper{}: {} and {})".format(names, *self.paper) if self.paper else ""
        numbers = f"{' and '.join(here)}{paper}"
        if self.claimed or self.outcome not in (NOISE, DIFFER):
            return f"{self.better} above {self.worse}? {numbers}: {self.words}."
        return f"{self.better} beside {self.worse}: {numbers}, {self.words}."


def came_out(as_claimed: bool, paper: tuple[float, float] | None) -> str:
    """What came of a claim, where it is no noise."""
    return (REPRODUCED if as_claimed else NOT_REPRODUCED) if paper else SAME if as_claimed else OTHER


def find(one: Sequence[dict], other: Sequence[dict], names: tuple[str, str] = ("A", "B"), *, claimed: bool = True,
         paper: tuple[float, float] | None = None) -> Finding:
    """What came of the claim that ``one`` has more right answers than ``other``; each is a tally for every seed.

    The 95% interval of the difference, over the answers of all seeds, must leave out zero; with several seeds of both, the ranges
    over the seeds must not meet either, as answers of one seed are not independent. (Ranges of two or three seeds alone would find
    a difference too easily.) Where nothing is ``claimed`` it says whether the two differ.
    """
    (a, *of_one), (b, *of_other) = pooled(one), pooled(other)
    seeds = min(len(one), len(other))
    difference = unpaired(*(sum(tally[name] for tally in tallies) for tallies in (one, other) for name in ("correct", "n")))
    noise = difference.within_noise
    how = "by the 95% interval of one seed" if len(one) == len(other) else "by the 95% interval; one of the two has a single seed"
    if seeds > 1:
        noise |= of_one[0] <= of_other[1] and of_other[0] <= of_one[1]
        how = f"by the 95% interval and the ranges over {seeds} seeds"
    outcome = NOISE if noise else came_out(a > b, paper) if claimed else DIFFER
    return Finding(*names, here=(100 * a, 100 * b), outcome=outcome, how=how, seeds=seeds, claimed=claimed, paper=paper,
                   interval=(100 * difference.low, 100 * difference.high))
