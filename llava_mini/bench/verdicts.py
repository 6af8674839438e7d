"""Did the order of the paper's rows come out? A line for each claim of its Tables 4 and 5 that a result can be held against.

Two rows differ where the bootstrap 95% interval of their difference leaves out zero: pictures are drawn with replacement, each
with all its questions and all seeds. Where both rows have several seeds their ranges must not meet either: the pictures
are the same for every seed, so the interval alone does not know how much a training moves by itself.
"""

from __future__ import annotations

import random

from .baselines import CONTROLS

TABLE_4 = {"all": 85.1, "detail + reasoning": 81.9, "conversation + some": 80.5, "conversation": 73.8,
           "no instruction tuning": 21.5}       # the paper's rows, best first: all questions of LLaVA-Bench (COCO)
BESIDES = (("all", "conversation"), ("all", "no instruction tuning"))       # held against each other beside the neighbours
TABLE_5 = (("model", "captioner"), ("captioner", "few-shot"), ("model", "blind"), ("model", "shuffled"))       # by what they are, the better one first
PAPER_5 = {"model": ("LLaVA", 67.3), "captioner": ("BLIP-2", 38.1), "few-shot": ("OpenFlamingo", 19.1)}       # all questions of LLaVA-Bench (In-the-Wild)
RESAMPLES = 2000


def verdicts(found: dict, bench: str) -> list[str]:
    """The lines for one benchmark, as far as it has the rows; a row that lacks a verdict is left out. The paper's numbers stand only beside the benchmark of theirs."""
    part = found["benches"][bench]
    whole = [row for row in part["rows"] if all(run["scores"]["headline"] is not None for run in row["runs"])]
    return [f"- {better['label']} above {worse['label']}: {_mean(better):.1f} and {_mean(worse):.1f}{paper}, {_outcome(better, worse, part.get('images'))}."
            for better, worse, paper in [*_of_table_4(whole, bench), *_of_table_5(whole, bench)]]


def _of_table_4(rows: list[dict], bench: str) -> list[tuple[dict, dict, str]]:
    """(better, worse, the paper's numbers) of rows with its names: neighbours, and a few more."""
    named = {row["label"]: row for row in rows}
    there = [name for name in TABLE_4 if name in named]
    pairs = list(zip(there, there[1:]))
    pairs += [pair for pair in BESIDES if pair not in pairs and set(pair) <= set(there)]
    return [(named[one], named[other], f" (paper: {TABLE_4[one]} and {TABLE_4[other]})" if bench == "coco" else "") for one, other in pairs]


def _of_table_5(rows: list[dict], bench: str) -> list[tuple[dict, dict, str]]:
    """The same for a model, its baselines and its controls, which are told by what they are."""
    first = {row["what"]: row for row in reversed(rows)}

    def paper(one: str, other: str) -> str:
        if bench != "wild" or other not in PAPER_5:
            return ""
        return " (paper, {2} and {3}: {0} and {1})".format(*(PAPER_5[name][place] for place in (1, 0) for name in (one, other)))

    return [(first[one], first[other], paper(one, other)) for one, other in TABLE_5 if one in first and other in first]


def _mean(row: dict) -> float:
    return sum(run["scores"]["all"]["relative"] for run in row["runs"]) / len(row["runs"])


def _outcome(better: dict, worse: dict, images: dict | None) -> str:
    """What came of the claim, and what was asked: ``"reproduced (95% interval of the difference: +1.2 to +8.0)"``."""
    if images and all(run.get("pairs") for row in (better, worse) for run in row["runs"]):
        low, high = difference(better, worse, images)
        clear, asked = low > 0 or high < 0, f"95% interval of the difference: {low:+.1f} to {high:+.1f}"
    else:                                       # a result of format 1 keeps no single scores
        clear, asked = not _meet(*(_reach(row, "low", "high") for row in (better, worse))), "by the 95% intervals of the two"
    if min(len(better["runs"]), len(worse["runs"])) > 1:
        meet = _meet(*(_reach(row, "relative", "relative") for row in (better, worse)))
        clear, asked = clear and not meet, f"{asked}; the ranges over the seeds {'meet' if meet else 'do not meet'}"
    right = _mean(better) > _mean(worse)
    if worse["what"] in CONTROLS:               # a check of our own, which the paper does not report
        told = "as it should be" if right else "not as it should be: it is the other way round"
    else:
        told = "reproduced" if right else "not reproduced: it is the other way round"
    return f"{told if clear else 'within noise'} ({asked})"


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
