"""The file of reviews: what a judge was paid for is never lost, and never asked for again.

As with the teacher's answers (:mod:`..instruct.ledger`) a verdict is with the system the moment it arrives, half a line
that a crash left is mended, and a second process is kept out. Verdicts that cannot be read go to
``<name>.set-aside.jsonl`` with the reason, so the file itself holds only reviews that anybody's script may average.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..instruct import ledger
from ..instruct.prices import TOKENS
from ..json_files import is_number, read_lines
from ..locks import alone

FIELDS = {"category": str, "content": str, "usage": dict, "model": str, "digest": str}      # those that going on needs


class ReviewBook(ledger.Ledger):
    """A file of reviews that is open for writing; a key is (text of the question's id, category). Made by ``writing``."""

    def __init__(self, path: Path):
        self.path = path
        self.done: dict[tuple[str, str], tuple[str, str]] = {}      # key -> (digest of the whole prompt, model)
        self.tried: Counter = Counter()                             # key -> how many verdicts were set aside
        self.reasons: Counter = Counter()                           # (category, reason) -> how many
        self.replies: set[str] = set()
        self.cost, self.tokens = 0.0, Counter()
        self.mended = sum(ledger._mend(one) for one in (path, ledger.beside(path, "set-aside")))
        for one in (path, ledger.beside(path, "set-aside")):
            for row in _rows(one):
                self._refuse_twice(row)
                self._count(row)
        self._files: dict[Path, object] = {}
        self._synced = time.monotonic()

    def _refuse_twice(self, row: dict) -> None:
        if "reason" not in row and _key(row) in self.done:
            raise InputError(f"{self.path.name}: question {row['question_id']} has two reviews; remove one of the two lines.")

    def _count(self, row: dict) -> None:
        if "reason" in row:
            self.tried[_key(row)] += 1
            self.reasons[row["category"], row["reason"]] += 1
        else:
            self.done[_key(row)] = row["digest"], row["model"]
        self.cost += row["cost"] if is_number(row.get("cost")) else 0.0
        self.tokens.update({name: row["usage"][name] for name in TOKENS if is_number(row["usage"].get(name))})


def _key(row: dict) -> tuple[str, str]:
    return str(row["question_id"]), row["category"]


def _rows(path: Path) -> Iterator[dict]:
    for number, row in read_lines(path) if path.exists() else ():
        if isinstance(row, InputError):
            raise InputError(f"{path.name}, line {number}: {row}")
        for field, type_ in FIELDS.items():
            if not isinstance(row, dict) or not isinstance(row.get(field), type_) or "question_id" not in row:
                raise InputError(f"{path.name}, line {number}, field {field!r}: this review was not written here, so the judge cannot go on "
                                 "after it; choose another file for --reviews.")
        yield row


@contextmanager
def writing(path) -> Iterator[ReviewBook]:
    """Opens a file of reviews, a new one or one to go on with.

    Raises InputError while another process works in its folder, and for lines that the judge did not write.
    """
    path = Path(path)
    with alone(path.parent):
        try:
            book = ReviewBook(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read and written ({error.strerror}); see to its rights and to room on the disk.") from None
        try:
            yield book
        finally:
            book.close()
