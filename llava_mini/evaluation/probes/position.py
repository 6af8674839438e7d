"""Where in the picture does it see well? One thing in each cell of a grid; what it is, which colour it has, where it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from .asking import Given, Run
from .shares import Share

KINDS = ("where", "colour", "what")
ACROSS, DOWN = ("left", "middle", "right"), ("top", "middle", "bottom")


@dataclass
class Cell:
    """One cell of the fine grid, which counts from the left and from the top."""

    kind: str
    row: int
    column: int
    share: Share


@dataclass
class Third:
    """One of the nine parts of the picture."""

    kind: str
    down: str                   # "top", "middle", "bottom": thirds of the height
    across: str                 # "left", "middle", "right", as a right answer to "where" says
    share: Share


@dataclass
class Usual:
    """Things at the height at which training pictures have them, or at another."""

    kind: str
    usual: bool
    share: Share


@dataclass
class Position:
    grid: int                   # cells a side
    thirds: list[Third]
    cells: list[Cell]
    usual: list[Usual]
    said: dict[str, dict[str, int]]     # the truth of "where" -> what was said -> how often
    chance: dict[str, float]            # kind -> share of its most frequent right answer

    def table(self) -> str:
        lines = ["Place in the picture"]
        for kind in KINDS:
            found = {(row.down, row.across): row.share for row in self.thirds if row.kind == kind}
            if found:
                lines.append(f"  {kind:<10}{'left':>8}{'middle':>8}{'right':>8}   (most frequent answer {self.chance[kind]:.0%})")
                lines += [f"  {down:<10}" + "".join(f"{found[down, across].share:>8.0%}" if (down, across) in found else f"{'-':>8}" for across in ACROSS)
                          for down in DOWN]
        return "\n".join(lines)


def probe(run: Run) -> Position:
    return score(run.ask("position-true", run.asked("position")))


def score(answers: list[Given]) -> Position:
    cells, thirds, usual, said = defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(Counter)
    truths = defaultdict(Counter)
    for given in answers:
        kind, about = given.asked.question.kind, given.asked.about
        cells[kind, about["row"], about["column"]].append(given.right)
        thirds[kind, about["down"], about["across"]].append(given.right)
        usual[kind, about["usual"]].append(given.right)
        truths[kind][given.asked.question.value] += 1
        if kind == "where":
            said[given.asked.question.value][given.value or "unreadable"] += 1
    grid = 1 + max(max(row, column) for _, row, column in cells)
    return Position(grid, [Third(*key, Share.of(hits)) for key, hits in thirds.items()], [Cell(*key, Share.of(hits)) for key, hits in cells.items()],
                    [Usual(*key, Share.of(hits)) for key, hits in sorted(usual.items())], {truth: dict(words) for truth, words in said.items()},
                    {kind: max(counts.values()) / sum(counts.values()) for kind, counts in truths.items()})
