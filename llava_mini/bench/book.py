"""The file of reviews: what a judge was paid for is never lost, and never asked for again.

It is a ledger (:mod:`..instruct.ledger`) with rows of its own: a verdict is with the system the moment it arrives, half a
line that a crash left is mended, and a second process is kept out. Verdicts that cannot be read go to
``<name>.set-aside.jsonl`` with the reason, so the file itself holds only reviews that anybody's script may average.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InputError
from ..instruct.ledger import Ledger, beside
from ..json_files import is_number, read_lines

FIELDS = {"category": str, "content": str, "usage": dict, "model": str, "digest": str}      # those that going on needs


class ReviewBook(Ledger):
    """A file of reviews that is open for writing: ``with ledger.writing(path, ReviewBook) as book``.

    A key is (text of the question's id, category); the origin of a verdict is the digest of its whole prompt, and who gave it.
    """

    def __init__(self, path: Path):
        self.served: set[str] = set()           # the judges' exact names, as their servers gave them
        super().__init__(path)

    def _count(self, row: dict) -> None:
        super()._count(row)
        self.served |= {row["served"]} if isinstance(row.get("served"), str) else set()

    def read(self, path: Path) -> Iterator[dict]:
        for number, row in read_lines(path) if path.exists() else ():
            if isinstance(row, InputError):
                raise InputError(f"{path.name}, line {number}: {row}")
            for field, type_ in FIELDS.items():
                if not isinstance(row, dict) or not isinstance(row.get(field), type_) or "question_id" not in row:
                    raise InputError(f"{path.name}, line {number}, field {field!r}: this review was not written here, so the judge cannot go on "
                                     "after it; choose another file for --reviews.")
            yield row

    def key(self, row: dict) -> tuple[str, str]:
        return str(row["question_id"]), row["category"]

    def origin(self, row: dict) -> tuple[str, str]:
        return row["digest"], row["model"]

    def title(self, row: dict) -> str:
        return f"the review of question {row['question_id']}"


def spent(paths: Iterable[Path]) -> float:
    """Dollars that the verdicts in these files have cost, those that were set aside too. Lines that tell no cost count nothing."""
    files = [one for path in paths for one in (path, beside(path, "set-aside"))]
    return sum(row["cost"] for row in _all(files) if is_number(row.get("cost")))


def told(paths: Iterable[Path]) -> dict:
    """Who gave the verdicts in these files, when, and on how much text: served (names), from and to (dates), verdicts, prompt_tokens."""
    rows = list(_all(paths))
    dates = sorted(row["date"] for row in rows if isinstance(row.get("date"), str))
    return {"served": sorted({row["served"] for row in rows if isinstance(row.get("served"), str)}),
            "from": dates[0] if dates else "", "to": dates[-1] if dates else "", "verdicts": len(rows),
            "prompt_tokens": sum(tokens for row in rows if isinstance(row.get("usage"), dict) and is_number(tokens := row["usage"].get("prompt_tokens")))}


def _all(paths: Iterable[Path]) -> Iterator[dict]:
    return (row for path in paths if path.exists() for _, row in read_lines(path) if isinstance(row, dict))
