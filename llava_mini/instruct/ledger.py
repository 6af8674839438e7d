"""The answers file: what was paid for is never lost, and never asked for again.

::

    answers.jsonl               one line for each answer that can be used, in the order in which they came
    answers.set-aside.jsonl     those that cannot, with the reason
    answers.torn.jsonl          half lines that a crash left behind, if there ever were any

A line is handed to the system the moment the answer arrives, so a killed process loses nothing; about a second later
it is on the disk. Whoever opens the file for writing holds its folder; another process is refused.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..files import to_disk
from ..json_files import is_number, read_lines
from ..locks import alone
from .prices import TOKENS
from .prompts import KINDS

SECONDS = 1.0                           # between two waits for the disk
_FIELDS = {"id": str, "image": str, "kind": str, "answer": str, "usage": dict, "model": str, "prompt": str}


def beside(path: Path, what: str) -> Path:
    """``answers.jsonl``, "set-aside" -> ``answers.set-aside.jsonl``"""
    return path.with_name(f"{path.stem}.{what}{path.suffix}")


def rows(path: Path) -> Iterator[tuple[int, dict]]:
    """(line number, row) of an answers file; of none, where there is no file.

    Raises InputError for a line that is not an answer, with its number.
    """
    for number, row in read_lines(path) if path.exists() else ():
        if isinstance(row, InputError):
            raise InputError(f"{path.name}, line {number}: {row}")
        for field, type_ in _FIELDS.items():
            if not isinstance(row, dict) or not isinstance(row.get(field), type_):
                raise InputError(f"{path.name}, line {number}, field {field!r}: this is not the line of an answer; "
                                 "remove it, and the answer is asked for again.")
        if row["kind"] not in KINDS:
            raise InputError(f"{path.name}, line {number}, field 'kind': there is no kind {row['kind']!r}; remove the line.")
        yield number, row


class Ledger:
    """An answers file that is open for writing. Made by ``writing``."""

    def __init__(self, path: Path):
        self.path = path
        self.done: dict[tuple[str, str], tuple[str, str]] = {}  # (id, kind) -> (prompt, model)
        self.tried: Counter = Counter()                         # (id, kind) -> how many answers were set aside
        self.reasons: Counter = Counter()                       # (kind, reason) -> how many
        self.replies: set[str] = set()                          # the server's names of the answers that were set aside
        self.cost, self.tokens = 0.0, Counter()                 # of all answers, the ones set aside too
        self.mended = sum(mend(one) for one in (path, beside(path, "set-aside")))
        for one in (path, beside(path, "set-aside")):
            for row in self.read(one):
                self._refuse_twice(row)
                self._count(row)
        self._files: dict[Path, object] = {}
        self._synced = time.monotonic()

    def read(self, path: Path) -> Iterator[dict]:
        """The rows of a file, checked. A ledger of another sort reads rows of its own; see the three below."""
        return (row for _, row in rows(path))

    def key(self, row: dict) -> tuple[str, str]:
        """What a row answers: two answers with the same key are one too many."""
        return row["id"], row["kind"]

    def origin(self, row: dict) -> tuple[str, str]:
        """(prompt, model) of an answer."""
        return row["prompt"], row["model"]

    def title(self, row: dict) -> str:
        """What a row is called in a message."""
        return f"the {row['kind']} of {row['id']!r}"

    def _refuse_twice(self, row: dict) -> None:
        if "reason" not in row and self.key(row) in self.done:
            raise InputError(f"{self.path.name}: {self.title(row)} is there twice; remove one of the two lines.")

    def _count(self, row: dict) -> None:
        key = self.key(row)
        if "reason" in row:
            self.tried[key] += 1
            self.reasons[key[1], row["reason"]] += 1
            self.replies.add(row.get("reply") or "")
        else:
            self.done[key] = self.origin(row)
        self.cost += row["cost"] if is_number(row.get("cost")) else 0.0
        self.tokens.update({name: row["usage"][name] for name in TOKENS if is_number(row["usage"].get(name))})

    def add(self, row: dict) -> None:
        """Keeps a row: among the answers, or aside if it has a field "reason". It is with the system on return.

        Raises InputError for an answer that is there already, and when the row cannot be written, as on a full disk;
        then nothing more should be asked for.
        """
        self._refuse_twice(row)
        path = beside(self.path, "set-aside") if "reason" in row else self.path
        try:
            if path not in self._files:
                self._files[path] = open(path, "ab", buffering=0)
            self._append(self._files[path], (json.dumps(row) + "\n").encode())
            self._count(row)
            if time.monotonic() - self._synced > SECONDS:
                self._to_disk()
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}); make room on the disk and start again.") from None

    @staticmethod
    def _append(file, line: bytes) -> None:
        """Writes the whole line or, where the disk has room for a part only, nothing of it."""
        end = file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[file.write(line):]
        except OSError:
            file.truncate(end)
            raise

    def _to_disk(self) -> None:
        for file in self._files.values():
            os.fsync(file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        try:
            self._to_disk()
            to_disk(self.path.parent)
        except OSError as error:
            raise InputError(f"{self.path} may not be whole on the disk ({error.strerror}); see to the disk and start again.") from None
        finally:
            for file in self._files.values():
                file.close()


@contextmanager
def writing(path, sort: type[Ledger] = Ledger) -> Iterator[Ledger]:
    """Opens an answers file, a new one or one to go on with, and mends what a crash left.

    ``sort``: the class of ledger whose rows it holds. Raises InputError while another process works in its folder, and for lines that are not answers.
    """
    path = Path(path)
    with alone(path.parent):
        try:
            ledger = sort(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read and written ({error.strerror}); see to its rights and to room on the disk.") from None
        try:
            yield ledger
        finally:
            ledger.close()


def mend(path: Path) -> int:
    """Sees to a last line without its end; returns whether there was one.

    A whole answer that lacks only the line break gets it. Anything else is half an answer: it is kept in
    ``<name>.torn.jsonl`` and then cut off here, in this order, so that a second crash loses nothing either.
    """
    if not path.exists():
        return 0
    with open(path, "r+b") as file:
        start = size = file.seek(0, os.SEEK_END)
        torn = b""
        while start and b"\n" not in torn:                      # back to the last line break
            step = min(start, 65536)
            start -= step
            file.seek(start)
            torn = file.read(step) + torn
        torn = torn[torn.rfind(b"\n") + 1:]
        if not torn:
            return 0
        try:
            whole = isinstance(json.loads(torn), dict)
        except ValueError:
            whole = False
        if whole:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        else:
            with open(beside(path, "torn"), "ab") as kept:
                kept.write(torn + b"\n")
            to_disk(beside(path, "torn"))
            file.truncate(size - len(torn))
        file.flush()
        os.fsync(file.fileno())
    return 1
