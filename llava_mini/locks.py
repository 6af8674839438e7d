"""A folder that one process works in at a time."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError
from .files import make_folder

_HELD: set[str] = set()              # folders that this process holds
_GUARD = threading.Lock()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds ``folder`` for this process. Raises InputError where another one holds it.

    The system takes the lock back when the process ends, however it ends; the file ``lock`` itself may stay.
    Processes that this one starts do not inherit it, so none of them can hold it longer.
    """
    make_folder(folder)
    place = os.path.realpath(folder)
    with _GUARD:                                            # the system's lock is the whole process's: it stops no second thread
        if place in _HELD:
            raise InputError(f"Another run of this program is at work in {folder}; wait until it has ended, or choose another folder.")
        _HELD.add(place)
    try:
        try:
            file = open(folder / "lock", "a+b")
        except OSError as error:
            raise InputError(f"{folder} cannot be written to ({error.strerror}); choose another folder.") from error
        with file:
            if not _lock(file):
                raise InputError(f"Another process is at work in {folder}; wait until it has ended, or choose another folder.")
            yield
    finally:
        with _GUARD:
            _HELD.discard(place)


def _lock(file) -> bool:
    """Takes the lock on an open file; False if another process has it."""
    try:
        if os.name == "nt":
            import msvcrt
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)   # others: a disk without locks
    return True
