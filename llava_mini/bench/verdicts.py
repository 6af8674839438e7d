"""Did the order of the paper's rows come out? A line for each claim of its Tables 4 and 5 that a result can be held against.

Two rows differ where the bootstrap 95% interval of their difference leaves out zero: pictures are drawn with replacement, each
with all its questions and all seeds. Where both rows have several seeds their ranges must not meet either: the pictures
are the same for every seed, so the interval alone does not know how much a training moves by itself.
"""

from __future__ import annotations

import random

from ..evaluation.findings import NOISE, Finding, came_out
from .baselines import CONTROLS

TABLE_4 = {"all": 85.1, "detail + reasoning": 81.9, "conversation + some": 80.5, "conversation": 73.8,
           "no instruction tuning": 21.5}       # the paper's rows, best first: all questions of LLaVA-Bench (COCO)
BESIDES = (("all", "conversation"), ("all", "no instruction tuning"))       # held against each other beside the neighbours
TABLE_5 = (("model", "captioner"), ("captioner", "few-shot"), ("model", "blind"), ("model", "shuffled"))       # by what they are, the better one first
PAPER_5 = {"model": ("LLaVA", 67.3), "captioner": ("BLIP-2", 38.1), "few-shot": ("OpenFlamingo", 19.1)}       # all questions of LLaVA-Bench (In-the-Wild)
AS_IT_SHOULD_BE = "as it should be"          # of a control
RESAMPLES = 2000


def findings(found: dict, bench: str) -> list[Finding]:
    """What came of each claim for one benchmark, as far as it has the rows; a row that lacks a verdict is left out.

    The paper's numbers stand only beside the benchmark of theirs.
    """
    part = found["benches"][bench]
    whole = [row for row in part["rows"] if all(run["scores"]["headline"] is not None for run in row["runs"])]
    return [_find(better, worse, part.get("images"), paper, theirs) for better, worse, paper, theirs in [*_of_table_4(whole, bench), *_of_table_5(whole, bench)]]


def verdicts(found: dict, bench: str) -> list[str]:
    """The same, a line for each."""
    return [one.line() for one in findings(found, bench)]


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


def _mean(row: dict) -> float:
    return sum(run["scores"]["all"]["relative"] for run in row["runs"]) / len(row["runs"])


def _find(better: dict, worse: dict, images: dict | None, paper: tuple[float, float] | None, theirs: tuple[str, str] | None) -> Finding:
    """What came of one claim, and what was asked to tell: ``"95% interval of the difference: +1.2 to +8.0"``."""
    interval = None
    if images and all(run.get("pairs") for row in (better, worse) for run in row["runs"]):
        low, high = interval = difference(better, worse, images)
        clear, asked = low > 0 or high < 0, f"95% interval of the difference: {low:+.1f} to {high:+.1f}"
    else:                                       # a result of format 1 keeps no single scores
        clear, asked = not _meet(*(_reach(row, "low", "high") for row in (better, worse))), "by the 95% intervals of the two"
    seeds = min(len(better["runs"]), len(worse["runs"]))
    if seeds > 1:
        meet = _meet(*(_reach(row, "relative", "relative") for row in (better, worse)))
        clear, asked = clear and not meet, f"{asked}; the ranges over the seeds {'meet' if meet else 'do not meet'}"
    right = _mean(better) > _mean(worse)
    control = worse["what"] in CONTROLS
    if control:                                 # a check of our own, which the paper does not report
        told = AS_IT_SHOULD_BE if right else f"not {AS_IT_SHOULD_BE}: it is the other way round"
    else:
        told = came_out(right, paper)
    return Finding(better["label"], worse["label"], (_mean(better), _mean(worse)), told if clear else NOISE, asked, seeds, not control, paper, theirs,
                   interval)


def _reach(row: dict, low: str, high: str) -> tuple[float, float]:
    tallies = [run["scores"]["all"] for run in row["runs"]]
    return min(tally[low] for tally in tallies), max(tally[high] for tally in tallies)


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def difference(one: dict, other: dict, images: dict, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Bootstrap 95% interval of the difference of two rows' scores over the questions that all their runs have, each a mean over its seeds.

    Both are scored on the same drawn pictures, so what is hard about a picture is hard for both.
    """
    runs = [run["pairs"] for row in (one, other) for run in row["runs"]]
    shared = [name for name in runs[0] if all(name in pairs for pairs in runs)]
    pictures: dict[str, list[list[float]]] = {}                 # picture -> for each run the sums of reference and candidate
    for name in shared:
        sums = pictures.setdefault(images[name], [[0.0, 0.0] for _ in runs])
        for both, pairs in zip(sums, runs):
            both[0] += pairs[name][0]
            both[1] += pairs[name][1]
    every, rng, drawn, first = list(pictures.values()), random.Random(seed), [], len(one["runs"])
    for _ in range(resamples):
        some = rng.choices(every, k=len(every))
        shares = [100 * sum(picture[n][1] for picture in some) / sum(picture[n][0] for picture in some) for n in range(len(runs))]
        drawn.append(sum(shares[:first]) / first - sum(shares[first:]) / (len(shares) - first))
    drawn.sort()
    cut = round(0.025 * resamples)
    return drawn[cut], drawn[-1 - cut]
