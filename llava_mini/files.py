"""Writing so that a kill, or a full disk, at any moment leaves nothing half done."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError


def write_safely(path: Path, data: bytes) -> None:
    """Writes a file whose name shows either what it held before or all of ``data``, never a part of it.

    Raises InputError when it cannot be written, as on a full disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        to_disk(temporary)                      # the content first, then the name
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written ({error.strerror}); make room on the disk or choose another folder, "
                         "and start again.") from error


def to_disk(path: Path) -> None:
    """Waits until a file, or the list of names in a folder, is on the disk."""
    if not path.exists() or (path.is_dir() and os.name == "nt"):    # Windows keeps folders in order by itself
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_to_disk(folder: Path) -> None:
    """Waits until everything in a folder is on the disk."""
    paths = [*folder.rglob("*"), folder]
    if len(paths) > 200 and hasattr(os, "sync"):
        os.sync()                               # one wait for the whole disk: ten thousand small ones take a minute
        return
    for path in paths:
        to_disk(path)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where they are not there yet. Raises InputError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder ({error.strerror}); choose another one.") from error
