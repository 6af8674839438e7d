"""Runs that differ in one thing, kept side by side: what :mod:`.ablations` and :mod:`.science.ablations` share.

::

    <folder>/<variant>-seed<n>.json         a run's result, as evaluation/results.py writes it
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .errors import InputError
from .report import keep


def run_missing(runs: Iterable[tuple[str, str, object]], folder: Path, *, carry_out: Callable, made_from: Callable,
                recipe: Callable[[object], dict] = lambda job: {}) -> None:
    """Carries out the runs, (variant, label, job), whose result is not in ``folder`` or was made from something else.

    ``carry_out(job)`` returns None where another process writes the result; ``made_from(job)`` is what a result must say it is of,
    and ``recipe(job)`` is a part of the settings that it must have been made with.
    """
    for variant, label, job in runs:
        kept = folder / f"{variant}-seed{job.seed}.json"
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


def read_runs(variants: Iterable[str], folder: Path, *, job_of: Callable, same: Sequence[str],
              recipe: Callable[[object], dict] = lambda job: {}) -> dict[str, list]:
    """The results that are there: variant -> one for each seed, in the order of the variants.

    ``job_of(variant, seed)`` is the job that a result must be of, ``recipe`` is as above, and ``same`` are the parts of "made from"
    that all must share.
    Raises InputError for a file that is no result, or of another run than its name says, and where two cannot be compared.
    """
    from .evaluation import read_result

    results: dict[str, list] = {}
    for variant in variants:
        for path in sorted(folder.glob(f"{variant}-seed*.json")):
            result = read_result(path)
            if result.name != job_of(variant, result.seed).name or not path.stem.endswith(f"seed{result.seed}"):
                raise InputError(f"{path}: it is a result of the run {result.name}; put it back under its name.")
            if not holds(result.settings, recipe(job_of(variant, result.seed))):
                raise InputError(f"{path}: it was made with other settings than today's profile has; run the command again without --show.")
            results.setdefault(variant, []).append(result)
    for part in same:
        if len({result.settings.get("made from", {}).get(part) for runs in results.values() for result in runs}) > 1:
            raise InputError(f"{folder}: the results come from different states of the {part}; run the command again without --show.")
    return results


def share(tallies: Sequence[dict]) -> str:
    """``"90.9% (89.8 to 91.9)"``: of one run with its 95% interval, of several their mean with the range over the seeds."""
    from .evaluation.intervals import pooled

    mean, low, high = pooled(tallies) if len(tallies) > 1 else (tallies[0]["accuracy"], tallies[0]["low"], tallies[0]["high"])
    return f"{mean:.1%} ({100 * low:.1f} to {100 * high:.1f})"
