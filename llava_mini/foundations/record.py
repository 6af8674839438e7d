"""What made a parent: its settings and code, kept beside its unfinished state and beside its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ..errors import InputError
from ..folders import whole_folder

PACKAGE = Path(__file__).resolve().parents[1]
DRAWING = ("storybook/**/*.py",)                                                    # decides what a picture shows
LEARNING = tuple(f"foundations/{name}.py" for name in ("clip", "vicuna", "diet", "knowledge", "tokenizer", "loop", "muon"))
RAISING = (*DRAWING, *LEARNING, "conversation.py", "templates.py", "writer.py")     # ... and what is learnt from it


@lru_cache
def code(patterns: tuple[str, ...] = RAISING) -> str:
    """Fingerprint of the modules of the package that match; line ends do not count.

    Taken once: a file that is edited later is not the code that runs.
    """
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in PACKAGE.glob(pattern)):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\n" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def numbers(module: ModuleType) -> dict[str, float]:
    """The numbers that a module keeps as constants, by name in small letters."""
    return {name.lower(): value for name, value in vars(module).items() if name.isupper() and isinstance(value, (int, float))}


def check_place(folder: Path) -> None:
    """Raises InputError where a parent could not be put in the end: better now than after an hour."""
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or _is_parent(folder))):
        raise InputError(f"{folder} exists and holds no parent made here; it is left alone, choose another --folder.")


def _is_parent(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "curve.json").is_file()


@contextmanager
def parent_folder(folder: Path, settings: dict, curve: list[dict], core_seconds: float) -> Iterator[Path]:
    """A folder to save a parent into; it takes its place when all is on the disk, with ``curve.json`` beside the weights.

    curve.json holds the settings, a fingerprint of the code, the rows of the curve, and what the parent cost: seconds times CPU threads.
    Raises InputError when it cannot be written.
    """
    with whole_folder(folder.absolute(), mark=_is_parent) as beside:
        yield beside
        made = {"settings": settings, "code": code(), "core_seconds": round(core_seconds), "curve": curve}
        (beside / "curve.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
