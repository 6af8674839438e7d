"""How far a relative score is told by the pictures: they are drawn with replacement, each with all its questions and all seeds.

Seeds answer about the same pictures, so the range over the seeds alone tells how far a training moves, and nothing of the pictures.

>>> images = {"1": "a.png", "2": "b.png"}
>>> of_mean([{"1": (10, 8), "2": (10, 8)}], images)
(80.0, 80.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 2000
Pairs = Mapping[str, Sequence[float]]               # question id -> (reference's score, candidate's score) of one run


def of_mean(runs: Sequence[Pairs], images: Mapping[str, str], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Bootstrap 95% interval of the mean over the runs of their relative scores, over the questions that all of them have."""
    return _interval(_shares(runs, images, seed, resamples).mean(1))


def of_difference(one: Sequence[Pairs], other: Sequence[Pairs], images: Mapping[str, str], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The same of the difference of two means. Both are scored on the same drawn pictures: what is hard about one is hard for both."""
    shares = _shares([*one, *other], images, seed, resamples)
    return _interval(shares[:, :len(one)].mean(1) - shares[:, len(one):].mean(1))


def _shares(runs: Sequence[Pairs], images: Mapping[str, str], seed: int, resamples: int) -> np.ndarray:
    """(resamples, runs): 100 x the candidate's sum / the reference's."""
    shared = [name for name in runs[0] if all(name in pairs for pairs in runs)]
    pictures = {picture: number for number, picture in enumerate(dict.fromkeys(images[name] for name in shared))}
    sums = np.zeros((len(pictures), len(runs), 2))
    for name in shared:
        sums[pictures[images[name]]] += [pairs[name] for pairs in runs]
    drawn = np.random.default_rng(seed).integers(0, len(pictures), (resamples, len(pictures)))
    reference, candidate = np.moveaxis(sums[drawn].sum(1), 2, 0)
    return 100 * candidate / reference


def _interval(values: np.ndarray) -> tuple[float, float]:
    cut = round(0.025 * len(values))
    values = np.sort(values)
    return float(values[cut]), float(values[-1 - cut])
