"""Runs that differ in one thing, kept side by side: what :mod:`.ablations` and :mod:`.science.ablations` share.

A run's result lies in the folder of its group. That of the unchanged run, which every group is held against, lies in one place
for all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .errors import InputError
from .report import keep


def run_missing(runs: Iterable[tuple[Path, str, object]], *, carry_out: Callable, made_from: Callable,
                recipe: Callable[[object], dict] = lambda job: {}) -> None:
    """Carries out the runs, (where the result is kept, label, job), whose result is not there or was made from something else.

    ``carry_out(job)`` returns None where another process writes the result; ``made_from(job)`` is what a result must say it is of,
    and ``recipe(job)`` is a part of the settings that it must have been made with.
    """
    for kept, label, job in runs:
        settings = kept_settings(kept, recipe(job))
        if settings is not None and settings.get("made from") == made_from(job):
            print(f"There already: {kept}")
            continue
        print(f"\n=== {job.name}: {label}")
        if carry_out(job) is not None:
            keep(kept, (job.folder / f"{job.name}.json").read_bytes())


def kept_settings(path: Path, part: dict) -> dict | None:
    """The settings of a result that is there and was made with this part of them, else None."""
    from .evaluation import read_result

    settings = read_result(path).settings if path.exists() else {}
    return settings if settings and holds(settings, part) else None


def holds(settings: dict, part: dict) -> bool:
    """Is the nested ``part`` in the settings of a result, value for value, as a result keeps it?"""
    from .evaluation.results import without_paths

    part = json.loads(json.dumps(without_paths(part)))
    return all(isinstance(settings.get(name), dict) and holds(settings[name], value) if isinstance(value, dict) else
               name in settings and settings[name] == value for name, value in part.items())


def read_runs(variants: Sequence[str], folder: Path, *, job_of: Callable, place: Callable, same: Sequence[str],
              recipe: Callable[[object], dict] = lambda job: {}) -> dict[str, list]:
    """The results that are there: variant -> one for each seed, in the order of the variants.

    ``job_of(variant, seed)`` is the job that a result must be of, and ``place(variant, seed)`` where it lies: in ``folder``, or
    where the unchanged run has its place. ``recipe`` is as above, and ``same`` are the parts of "made from" that all must share.
    Raises InputError for a file that is no result, or of another run than its name says, or not of these variants, and where two
    cannot be compared.
    """
    from .evaluation import read_result

    results: dict[str, list] = {}
    seeds = _seeds({folder, *(place(variant, 0).parent for variant in variants)})
    expected = {place(variant, seed): (variant, seed) for variant in variants for seed in seeds}
    for path in sorted(set(folder.glob("*.json")) - set(expected)):
        raise InputError(f"{path}: no result of this comparison is kept there; put it back under its name, or delete it.")
    for path, (variant, seed) in expected.items():
        if not path.exists():
            continue
        result = read_result(path)
        if result.name != job_of(variant, seed).name or result.seed != seed:
            raise InputError(f"{path}: it is a result of the run {result.name}; put it back under its name.")
        if not holds(result.settings, recipe(job_of(variant, seed))):
            raise InputError(f"{path}: it was made with other settings than today's profile has; run the command again without --show.")
        results.setdefault(variant, []).append(result)
    for part in same:
        if len({result.settings.get("made from", {}).get(part) for runs in results.values() for result in runs}) > 1:
            raise InputError(f"{folder}: the results come from different states of the {part}; run the command again without --show.")
    return results


def _seeds(folders: Iterable[Path]) -> list[int]:
    """Seeds that names in the folders end with, and 0, with which a name need not end."""
    found = (re.search(r"seed(\d+)$", path.stem) for folder in folders for path in folder.glob("*.json"))
    return sorted({0} | {int(number[1]) for number in found if number})


def made_on(results: dict[str, list]) -> list[str]:
    """A sentence where the runs, by label, come from several processors or precisions, which round differently; else nothing."""
    places: dict[str, dict[str, list[str]]] = {}
    for label, runs in results.items():
        for result in runs:
            precision = sorted({value for value in result.settings.get("precision", {}).values() if value})
            place = ", ".join([str(result.machine.get("gpu") or result.machine.get("processor")), *precision])
            places.setdefault(place, {}).setdefault(label, []).append(str(result.seed))
    told = "; ".join(f"{place}: " + ", ".join(f"{label} {' '.join(seeds)}" for label, seeds in by.items()) for place, by in places.items())
    return [f"Made on several kinds of machine, on which a seed gives other weights (seeds behind the labels): {told}."] if len(places) > 1 else []


def share(tallies: Sequence[dict]) -> str:
    """``"90.9% (89.8 to 91.9)"``: of one run with its 95% interval, of several their mean with the range over the seeds."""
    from .evaluation.intervals import pooled

    mean, low, high = pooled(tallies) if len(tallies) > 1 else (tallies[0]["accuracy"], tallies[0]["low"], tallies[0]["high"])
    return f"{mean:.1%} ({100 * low:.1f} to {100 * high:.1f})"
