"""One JSON file per run: what was done, with what, on what, and how well it went.

Written to a temporary name and renamed, so a file is whole or not there. Read back with every
field checked, because the numbers in the lessons are taken from these files.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath

from .. import __version__
from ..errors import InputError
from ..files import make_folder, write_safely
from .intervals import wilson

FORMAT = 1
PACKAGES = ("torch", "transformers", "peft", "accelerate")


@dataclass
class Result:
    """A run. Everything in it can be published: no paths, no host name."""

    name: str                                    # "mini-full"
    seed: int
    settings: dict                               # the profile, as a dict
    accuracy: dict                               # {split: {"true" | control | "guess": report}}, see accuracy.as_dict
    timings: dict = field(default_factory=dict)  # seconds by part: {"align": 130.2, ...}
    date: str = ""                               # UTC, ISO 8601
    versions: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    commit: str | None = None                    # git commit, "+changes" behind it if files differed
    format: int = FORMAT
    weights: str | None = None                   # fingerprint of the model's weights, see features.fingerprint

    def same_as(self, other: Result) -> bool:
        """Whether the other tells the same of the same run, whenever and by whichever version it was written."""
        told = ("name", "seed", "settings", "accuracy", "timings", "weights", "format")
        return all(_plain(getattr(self, name)) == _plain(getattr(other, name)) for name in told)


def _plain(value):
    """The value as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value))


def versions() -> dict[str, str | None]:
    """Versions of Python, of this package and of those that a result depends on; None where one is absent."""
    found: dict[str, str | None] = {"python": platform.python_version(), "package": __version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict:
    """System, processor model, number of cores and, if torch is in use, the GPU."""
    processor = platform.processor() or platform.machine()
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        processor = match.group(1).strip() if match else processor
    except OSError:
        pass                                     # not Linux
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
    return {"system": platform.system(), "processor": processor, "cores": os.cpu_count(), "gpu": gpu}


def commit() -> str | None:
    """The git commit of the package's own checkout, None if it is not in one."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20,
                              check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None                          # installed inside somebody else's repository
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def without_paths(value):
    """The same settings with absolute paths shortened to ``.../last-name``: they say where, not what."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and value.startswith(("/", "~")):
        return f".../{PurePosixPath(value).name}"
    if isinstance(value, str) and PureWindowsPath(value).is_absolute():
        return f".../{PureWindowsPath(value).name}"
    return value


def new_result(name: str, *, seed: int, settings: dict, accuracy: dict, timings: dict | None = None,
               weights: str | None = None) -> Result:
    """A result of now, of this machine and these versions."""
    return Result(name=name, seed=seed, settings=without_paths(settings), accuracy=accuracy,
                  timings={part: round(seconds, 3) for part, seconds in (timings or {}).items()},
                  date=datetime.now(timezone.utc).isoformat(timespec="seconds"), versions=versions(), machine=machine(),
                  commit=commit(), weights=weights)


def write_result(result: Result, path: str | Path) -> Path:
    """Write whole or not at all, after the same check as reading. InputError names the field or the full disk."""
    path = Path(path)
    data = asdict(result)
    check(data, path)
    try:
        text = json.dumps(data, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: the result is not plain JSON ({error}); keep numbers, texts, lists and dicts only.") from None
    make_folder(path.parent)
    write_safely(path, text.encode() + b"\n")
    return path


def read_result(path: str | Path) -> Result:
    """Read and check one result. InputError names file and field."""
    path = Path(path)
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from None
    except ValueError:
        raise InputError(f"{path}: not JSON; write the result again or take it from git.") from None
    check(data, path)
    return Result(**data)


def check(data: object, path: Path) -> None:
    """InputError for the first field that is missing, unknown, of the wrong type or at odds with another."""

    def fail(name: str, what: str):
        raise InputError(f"{path}, field {name}: {what}; write the result again.")

    if not isinstance(data, dict):
        raise InputError(f"{path}: not a JSON object; write the result again.")
    if data.get("format") != FORMAT:
        fail("format", f"{data.get('format')!r} where this version reads {FORMAT}")
    types = {"name": str, "seed": int, "settings": dict, "accuracy": dict, "timings": dict, "date": str, "versions": dict,
             "machine": dict, "commit": (str, type(None)), "format": int, "weights": (str, type(None))}
    data = {"weights": None, **data}             # results from before there was such a field
    for name in types.keys() | data.keys():
        if name not in types:
            fail(name, "unknown")
        if name not in data or not isinstance(data[name], types[name]) or isinstance(data[name], bool):
            fail(name, "missing or of the wrong type")
    try:
        datetime.fromisoformat(data["date"])
    except ValueError:
        fail("date", f"{data['date']!r} is not an ISO 8601 date")
    for part, seconds in data["timings"].items():
        if not _number(seconds) or seconds < 0:
            fail(f"timings.{part}", f"{seconds!r} is not a time in seconds")
    for name, controls in data["accuracy"].items():
        if not isinstance(controls, dict) or "true" not in controls:
            fail(f"accuracy.{name}", "no report \"true\"")
        for control, report in controls.items():
            where = f"accuracy.{name}.{control}"
            if not isinstance(report, dict) or not isinstance(report.get("kinds"), dict) or "all" not in report:
                fail(where, "it needs \"all\" and \"kinds\"")
            for kind, tally in report["kinds"].items():
                _check_tally(tally, f"{where}.kinds.{kind}", fail)
            _check_tally(report["all"], f"{where}.all", fail)
            for count in ("n", "correct", "unreadable", "missing"):
                if sum(tally[count] for tally in report["kinds"].values()) != report["all"][count]:
                    fail(f"{where}.all.{count}", "not the sum over the kinds")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _check_tally(tally: object, where: str, fail) -> None:
    if not isinstance(tally, dict):
        fail(where, "not a tally")
    for name in ("n", "correct", "unreadable", "missing"):
        if type(tally.get(name)) is not int or tally[name] < 0:
            fail(f"{where}.{name}", f"{tally.get(name)!r} is not a count")
    if tally["correct"] + tally["unreadable"] + tally["missing"] > tally["n"]:
        fail(where, "more right, unreadable and missing answers than questions")
    share = tally["correct"] / tally["n"] if tally["n"] else 0.0
    for name, expected in zip(("accuracy", "low", "high"), (share, *wilson(tally["correct"], tally["n"]))):
        if not _number(tally.get(name)) or abs(tally[name] - expected) > 1e-5:
            fail(f"{where}.{name}", f"{tally.get(name)!r} where {tally['correct']} of {tally['n']} give {expected:.6f}")
