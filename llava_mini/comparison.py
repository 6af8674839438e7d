"""Runs that differ in one thing, kept side by side: what :mod:`.ablations` and :mod:`.science.ablations` share.

::

    <folder>/<variant>-seed<n>.json         a run's result, as evaluation/results.py writes it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .errors import InputError
from .report import keep


def run_missing(runs: Iterable[tuple[str, str, object]], folder: Path, *, carry_out: Callable, made_from: Callable) -> None:
    """Carries out the runs, (variant, label, job), whose result is not in ``folder`` or was made from something else.

    ``carry_out(job)`` returns None where another process writes the result; ``made_from(job)`` is what a result must say it is of.
    """
    from .evaluation import read_result

    for variant, label, job in runs:
        kept = folder / f"{variant}-seed{job.seed}.json"
        if kept.exists() and read_result(kept).settings.get("made from") == made_from(job):
            print(f"There already: {kept}")
            continue
        print(f"\n=== {job.name}: {label}")
        if carry_out(job) is not None:
            keep(kept, (job.folder / f"{job.name}.json").read_bytes())


def read_runs(variants: Iterable[str], folder: Path, *, job_of: Callable, same: Sequence[str]) -> dict[str, list]:
    """The results that are there: variant -> one for each seed, in the order of the variants.

    ``job_of(variant, seed)`` is the job that a result must be of, and ``same`` are the parts of "made from" that all must share.
    Raises InputError for a file that is no result, or of another run than its name says, and where two cannot be compared.
    """
    from .evaluation import read_result

    results: dict[str, list] = {}
    for variant in variants:
        for path in sorted(folder.glob(f"{variant}-seed*.json")):
            result = read_result(path)
            if result.name != job_of(variant, result.seed).name or not path.stem.endswith(f"seed{result.seed}"):
                raise InputError(f"{path}: it is a result of the run {result.name}; put it back under its name.")
            results.setdefault(variant, []).append(result)
    for part in same:
        if len({result.settings.get("made from", {}).get(part) for runs in results.values() for result in runs}) > 1:
            raise InputError(f"{folder}: the results come from different states of the {part}; run the command again without --show.")
    return results


def verdict(one: Sequence[dict], other: Sequence[dict], claimed: bool = True) -> str:
    """What came of the claim that ``one`` has more right answers than ``other``: ``"reproduced (by the ranges over 3 seeds)"``.

    Each is a tally for every seed. With several seeds of both, the ranges over the seeds must not meet; else the 95% interval of
    the difference decides. Where nothing is ``claimed`` it says whether the two differ.
    """
    from .evaluation import unpaired
    from .show.runs import pooled

    (a, *of_one), (b, *of_other) = pooled(one), pooled(other)
    seeds = min(len(one), len(other))
    if seeds > 1:
        noise, how = of_one[0] <= of_other[1] and of_other[0] <= of_one[1], f"the ranges over {seeds} seeds"
    else:
        noise = unpaired(one[0]["correct"], one[0]["n"], other[0]["correct"], other[0]["n"]).within_noise
        how = "the 95% interval of one seed"
    outcome = "the two differ" if not claimed else "reproduced" if a > b else "not reproduced: it is the other way round"
    return f"{'within noise' if noise else outcome} (by {how})"


def share(tallies: Sequence[dict]) -> str:
    """``"90.9% (89.8 to 91.9)"``: of one run with its 95% interval, of several their mean with the range over the seeds."""
    from .show.runs import pooled

    mean, low, high = pooled(tallies) if len(tallies) > 1 else (tallies[0]["accuracy"], tallies[0]["low"], tallies[0]["high"])
    return f"{mean:.1%} ({100 * low:.1f} to {100 * high:.1f})"
