"""Did the order of the paper's rows come out? A line for each claim of its Tables 4 and 5 that a result can be held against.

Two rows differ where the bootstrap 95% interval of their difference leaves out zero: pictures are drawn with replacement, each
with all its questions and all seeds. Where both rows have several seeds their ranges must not meet either: the pictures
are the same for every seed, so the interval alone does not know how much a training moves by itself.
"""

from __future__ import annotations

from ..evaluation.findings import NOISE, Finding, came_out
from .baselines import CONTROLS
from .resampling import of_difference
from .schema import KINDS

TABLE_4 = {"all": 85.1, "detail + reasoning": 81.9, "conversation + some": 80.5, "conversation": 73.8,
           "no instruction tuning": 21.5}       # the paper's rows, best first: all questions of LLaVA-Bench (COCO)
BY_KIND = {"all": (83.1, 75.3, 96.5), "detail + reasoning": (81.5, 73.3, 90.8), "conversation + some": (81.0, 68.4, 91.5),
           "conversation": (76.5, 59.8, 84.9), "no instruction tuning": (22.0, 24.0, 18.5)}      # the same for each of schema.KINDS
BESIDES = (("all", "conversation"), ("all", "no instruction tuning"))       # held against each other beside the neighbours
TABLE_5 = (("model", "captioner"), ("captioner", "few-shot"), ("model", "blind"), ("model", "shuffled"))       # by what they are, the better one first
PAPER_5 = {"model": ("LLaVA", 67.3), "captioner": ("BLIP-2", 38.1), "few-shot": ("OpenFlamingo", 19.1)}       # all questions of LLaVA-Bench (In-the-Wild)
AS_IT_SHOULD_BE = "as it should be"          # of a control


def findings(found: dict, bench: str) -> list[Finding]:
    """What came of each claim for one benchmark, as far as it has the rows; a row that lacks a verdict is left out.

    The paper's numbers stand only beside the benchmark of theirs.
    """
    part = found["benches"][bench]
    whole = [row for row in part["rows"] if all(run["scores"]["headline"] is not None for run in row["runs"])]
    return [_find(better, worse, part, paper, theirs) for better, worse, paper, theirs in [*_of_table_4(whole, bench), *_of_table_5(whole, bench)]]


def verdicts(found: dict, bench: str) -> list[str]:
    """The same, a line for each."""
    return [one.line() for one in findings(found, bench)]


def by_kind(found: dict, bench: str) -> dict[str, list[Finding]]:
    """Row of Table 4 -> what came of the claim that ``all`` is above it, for each of schema.KINDS; nothing where the result keeps no kinds."""
    part = found["benches"][bench]
    named = {row["label"]: row for row in part["rows"] if all(run["scores"]["headline"] is not None for run in row["runs"])}
    if "all" not in named or not set(KINDS) <= set(part.get("kinds", {}).values()):
        return {}
    paper = {name: dict(zip(KINDS, values)) for name, values in BY_KIND.items()} if bench == "coco" else {}
    return {name: [_find(named["all"], named[name], part, (paper["all"][kind], paper[name][kind]) if paper else None, None, kind) for kind in KINDS]
            for name in TABLE_4 if name in named and name != "all"}


def _of_table_4(rows: list[dict], bench: str) -> list[tuple]:
    """(better, worse, the paper's numbers, its names) of rows called as its own: neighbours, and a few more."""
    named = {row["label"]: row for row in rows}
    there = [name for name in TABLE_4 if name in named]
    pairs = list(zip(there, there[1:]))
    pairs += [pair for pair in BESIDES if pair not in pairs and set(pair) <= set(there)]
    return [(named[one], named[other], (TABLE_4[one], TABLE_4[other]) if bench == "coco" else None, None) for one, other in pairs]


def _of_table_5(rows: list[dict], bench: str) -> list[tuple]:
    """The same for a model, its baselines and its controls, which are told by what they are."""
    first = {row["what"]: row for row in reversed(rows)}
    told = []
    for one, other in TABLE_5:
        if one in first and other in first:
            theirs, paper = zip(PAPER_5[one], PAPER_5[other]) if bench == "wild" and other in PAPER_5 else (None, None)
            told.append((first[one], first[other], paper, theirs))
    return told


def _mean(row: dict, kind: str) -> float:
    return sum(tally["relative"] for tally in _tallies(row, kind)) / len(row["runs"])


def _tallies(row: dict, kind: str) -> list[dict]:
    return [run["scores"]["all"] if kind == "all" else run["scores"]["kinds"][kind] for run in row["runs"]]


def _find(better: dict, worse: dict, part: dict, paper: tuple[float, float] | None, theirs: tuple[str, str] | None, kind: str = "all") -> Finding:
    """What came of one claim, and what was asked to tell: ``"95% interval of the difference: +1.2 to +8.0"``."""
    interval = None
    if part.get("images") and all(run.get("pairs") for row in (better, worse) for run in row["runs"]):
        runs = [[{name: pair for name, pair in run["pairs"].items() if kind == "all" or part["kinds"][name] == kind} for run in row["runs"]]
                for row in (better, worse)]
        low, high = interval = of_difference(*runs, part["images"])
        clear, asked = low > 0 or high < 0, f"95% interval of the difference: {low:+.1f} to {high:+.1f}"
    else:                                       # a result of format 1 keeps no single scores
        clear, asked = not _meet(*(_reach(row, "low", "high", kind) for row in (better, worse))), "by the 95% intervals of the two"
    seeds = min(len(better["runs"]), len(worse["runs"]))
    if seeds > 1:
        meet = _meet(*(_reach(row, "relative", "relative", kind) for row in (better, worse)))
        clear, asked = clear and not meet, f"{asked}; the ranges over the seeds {'meet' if meet else 'do not meet'}"
    here = _mean(better, kind), _mean(worse, kind)
    right = here[0] > here[1]
    control = worse["what"] in CONTROLS
    if control:                                 # a check of our own, which the paper does not report
        told = AS_IT_SHOULD_BE if right else f"not {AS_IT_SHOULD_BE}: it is the other way round"
    else:
        told = came_out(right, paper)
    return Finding(better["label"], worse["label"], here, told if clear else NOISE, asked, seeds, not control, paper, theirs,
                   interval)


def _reach(row: dict, low: str, high: str, kind: str) -> tuple[float, float]:
    tallies = _tallies(row, kind)
    return min(tally[low] for tally in tallies), max(tally[high] for tally in tallies)


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
