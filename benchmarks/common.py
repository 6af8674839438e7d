"""What the benchmarks share: one process for each measurement, and ratios with their spread.

A measurement runs in a process of its own, so that its peak memory is its own and nothing that an earlier
one loaded, cached or allocated helps or hurts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from llava_mini.files import make_folder, write_safely

ROOT = Path(__file__).resolve().parents[1]


def about(name: str) -> dict:
    """How a result begins: what it is, when, with which versions, on what machine and of which code."""
    from llava_mini.evaluation import results

    return {"name": f"benchmark-{name}", "date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "versions": results.versions(),
            "machine": results.machine(), "commit": results.commit()}


def keep(found: dict, output: Path) -> None:
    """Writes a result whole or not at all. InputError where it cannot be written."""
    make_folder(output.parent)
    write_safely(output, (json.dumps(found, indent=1) + "\n").encode())


def aims(wanted: dict[str, float], found: dict[str, float | None], full: bool) -> list[dict]:
    """What was aimed at, what was found, and whether that is enough; None for a trial, or where nothing was found."""
    return [{"what": what, "aim": aim, "found": found[what], "reached": found[what] <= aim if full and found[what] is not None else None}
            for what, aim in wanted.items()]


def verdicts(found: list[dict]) -> str:
    """The aims in words, one a line."""
    said = {True: "reached", False: "NOT REACHED", None: "no verdict, of a trial or without knowing"}
    return "\n".join(f"aim    {aim['what']}: {aim['aim']:g}; found {'nothing' if aim['found'] is None else round(aim['found'], 2)}: {said[aim['reached']]}"
                     for aim in found)


class MeasurementError(RuntimeError):
    """A process that measures has failed; the message holds the end of what it said."""


def measure(job: dict, threads: int = 0) -> dict:
    """Runs ``python -m benchmarks.worker`` on a job, with so many threads (0: torch's choice); returns what it found.

    No network, and no GPU for either side: the comparison is about processors. Raises MeasurementError.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "job.json", Path(folder) / "found.json"
        given.write_text(json.dumps(job), encoding="utf-8")
        surroundings = os.environ | {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true", "HF_HUB_OFFLINE": "1",
                                     "TOKENIZERS_PARALLELISM": "false"} | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
        done = subprocess.run([sys.executable, "-m", "benchmarks.worker", str(given), str(found)], cwd=ROOT, env=surroundings,
                              capture_output=True, text=True, errors="replace")
        if done.returncode or not found.exists():
            name = " ".join(str(job[key]) for key in ("kind", "stage", "side") if key in job)
            raise MeasurementError(f"The measurement {name!r} failed:\n{(done.stderr or done.stdout)[-3000:]}")
        return json.loads(found.read_text(encoding="utf-8"))


class Stopwatch:
    """Seconds from start() to the last of several calls of lap(), by the clock on the wall and of the processor."""

    def start(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def lap(self) -> None:
        self.last = time.perf_counter(), time.process_time()

    def seconds(self) -> dict[str, float]:
        return {name: end - begin for name, begin, end in zip(("wall", "cpu"), self.began, self.last)}


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, median and largest of some values.

    >>> spread([2.0, 1.0, 4.0])
    {'min': 1.0, 'median': 2.0, 'max': 4.0}
    """
    return {"min": min(values), "median": median(values), "max": max(values)}


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """The spread of ours / theirs, round by round: what disturbs the machine for a while disturbs both.

    >>> ratios([4.0, 9.0], [2.0, 3.0])
    {'min': 2.0, 'median': 2.5, 'max': 3.0}
    """
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])
