"""A folder that appears under its name only when all of it is on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError
from .files import folder_to_disk, to_disk


@contextmanager
def whole_folder(folder: Path, mark: str | Callable[[Path], bool]) -> Iterator[Path]:
    """Gives an empty folder beside ``folder`` to write into, and puts it in its place afterwards.

    What was there before is replaced only if it is empty or of the same sort: its config.json must have the
    field ``mark``, or ``mark(folder)`` must say so. Whatever goes wrong, a full disk included, leaves it
    untouched and is an InputError.
    """
    from safetensors import SafetensorError

    _check_target(folder, mark)
    beside, old = _beside(folder, "writing"), before(folder)  # what a killed save left there is cleared by the next
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        yield beside
        folder_to_disk(beside)  # so that the rename cannot overtake the contents
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        try:
            beside.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        to_disk(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise InputError(f"The folder {folder} could not be written ({error}); what was there before is untouched, "
                         "free some disk space or choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def before(folder: Path) -> Path:
    """Where the old folder waits between the two renames; after a power cut just then, it is still there."""
    return _beside(folder, "before")


def _beside(folder: Path, what: str) -> Path:
    return folder.parent / f".{folder.name}.{what}"


def _check_target(folder: Path, mark: str | Callable[[Path], bool]) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        same_sort = mark(folder) if callable(mark) else mark in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        same_sort = False
    if not same_sort:
        raise InputError(f"{folder} exists and is not a folder of this sort; it is left alone, choose another name.")
