"""The result of all probes of one model: one JSON file, from which tables and figures are made."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from ...errors import InputError
from ...files import make_folder, write_safely
from ...json_files import is_number, read_json
from ..intervals import wilson
from ..results import commit, machine, versions, without_paths

FORMAT = 1
NAMES = ("picture", "binding", "counting", "position", "absent", "character", "wording")


@dataclass
class Behaviour:
    """What the probes found. Everything in it can be published: no paths, no host name."""

    name: str                   # of the model's folder
    seed: int
    weights: str                # fingerprint of the model's weights, see features.fingerprint
    settings: dict              # how many pictures of each sort, their fingerprint, how it was asked
    probes: dict                # name of a probe -> its dataclass as plain() makes it JSON
    timings: dict = field(default_factory=dict)     # seconds by probe, over all starts
    date: str = ""              # UTC, ISO 8601
    versions: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    commit: str | None = None
    format: int = FORMAT


def new_behaviour(name: str, *, seed: int, weights: str, settings: dict, probes: dict, timings: dict | None = None) -> Behaviour:
    """A result of now, of this machine and these versions."""
    return Behaviour(name, seed, weights, without_paths(settings), probes, {part: round(seconds, 3) for part, seconds in (timings or {}).items()},
                     datetime.now(timezone.utc).isoformat(timespec="seconds"), versions(), machine(), commit())


def write_behaviour(result: Behaviour, path: str | Path) -> Path:
    """Writes the file whole or not at all, after the same check as reading; one that tells the same already keeps its date."""
    path = Path(path)
    check(asdict(result), path)
    with suppress(InputError):                  # none yet, or one that cannot be read
        if _told(read_behaviour(path)) == _told(result):
            return path
    make_folder(path.parent)
    write_safely(path, json.dumps(asdict(result), indent=1, allow_nan=False).encode() + b"\n")
    return path


def _told(result: Behaviour) -> dict:
    """All of a result but when, where and by which version it was written; as JSON gives it back."""
    told = asdict(result)
    return json.loads(json.dumps({name: told[name] for name in ("name", "seed", "weights", "settings", "probes", "timings", "format")}))


def read_behaviour(path: str | Path) -> Behaviour:
    """Reads and checks a result. InputError names file and field."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; make it with python -m llava_mini.evaluation.probes.")
    data = read_json(path)
    check(data, path)
    return Behaviour(**data)


def check(data: object, path: Path) -> None:
    """InputError for the first field that is missing, unknown or of the wrong type, and for a share at odds with its counts."""

    def fail(where: str, what: str):
        raise InputError(f"{path}, field {where}: {what}; make the result again with python -m llava_mini.evaluation.probes.")

    types = {"name": str, "seed": int, "weights": str, "settings": dict, "probes": dict, "timings": dict, "date": str, "versions": dict,
             "machine": dict, "commit": (str, type(None)), "format": int}
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        fail("format", f"not a result of the probes that this version reads ({FORMAT})")
    for name in types.keys() | data.keys():
        if name not in types or name not in data or not isinstance(data[name], types[name]):
            fail(name, "unknown" if name not in types else "missing or of the wrong type")
    for name in NAMES:
        if not isinstance(data["probes"].get(name), dict):
            fail(f"probes.{name}", "missing or of the wrong type")
    _check_shares(data["probes"], "probes", fail)


def _check_shares(value, where: str, fail) -> None:
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_shares(item, f"{where}.{number}", fail)
    elif isinstance(value, dict) and "share" in value and "right" in value:
        right, n = value["right"], value.get("n")
        if type(right) is not int or type(n) is not int or not 0 <= right <= n:
            fail(where, f"{right!r} of {n!r} cannot be")
        for name, expected in zip(("share", "low", "high"), (right / n if n else 0.0, *wilson(right, n))):
            if not is_number(value.get(name)) or abs(value[name] - expected) > 1e-5:
                fail(f"{where}.{name}", f"{value.get(name)!r} where {right} of {n} give {expected:.6f}")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_shares(item, f"{where}.{name}", fail)
