"""JSON lists read and written item by item: a file of any size takes the memory of its largest item.

Python's own reader wants the whole text at once. Here the text comes in pieces, and an item that ends
beyond the piece is tried again with more of it.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import InputError
from .files import to_disk
from .json_files import kind, read_json

CHUNK = 2 ** 20                 # bytes read at a time, and more where one item is longer
LONGEST_SIGN = 16               # characters; no word, escape or literal of JSON that a piece may cut in two is longer
_SPACE = re.compile(r"[ \t\n\r]*")


def read_list(path: Path, what: str) -> Iterator[tuple[int, int, object]]:
    """Yields (number, line, item): items are counted from 1, and the line is the one on which the item begins.

    Raises InputError with the place for a file that is no JSON list of ``what`` ("samples"), but not before it
    comes to that place: what stands before it has been yielded.
    """
    with open(path, "rb") as file:
        text = _Text(file, path.name)
        if text.sign() != "[":
            found = read_json(path)         # which tells better what is wrong, unless it is sound JSON of another kind
            raise InputError(f"{path.name}: the file must hold a list of {what}, not {kind(found)}; put [ ] around them.")
        text.at += 1
        number, more = 0, text.sign() != "]"
        while more:
            number += 1
            text.sign()
            line = text.line
            yield number, line, text.value()
            more = text.sign() == ","
            text.at += more
        if text.sign() != "]":
            raise text.broken("Expecting ',' delimiter", text.at)
        text.at += 1
        if text.sign():
            raise text.broken("Extra data", text.at)


def write_list(path: Path, items: Iterable) -> int:
    """Writes a list, an item a line: within [ ] into a .json file, without into a .jsonl file. Returns how many there were.

    The file appears under its name when it is complete, also where ``items`` raises an error midway: then not at all.
    Raises InputError where it cannot be written.
    """
    before, between, after = ("[\n", ",\n", "\n]\n") if path.suffix == ".json" else ("", "\n", "\n")
    temporary, number = path.with_name(f".{path.name}.{os.getpid()}.tmp"), 0
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            for number, item in enumerate(items, 1):
                file.write((before if number == 1 else between) + json.dumps(item, ensure_ascii=False))
            file.write(after if number else "[]\n" * (path.suffix == ".json"))
        to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); make room on the disk or choose another folder, "
                         "and start again.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return number


class _Text:
    """The text of a file, a piece at a time; ``at`` is the place in the piece, ``line`` the line it lies on."""

    def __init__(self, file, name: str):
        self.file, self.name = file, name
        self.decoder, self.raw = codecs.getincrementaldecoder("utf-8-sig")(), json.JSONDecoder().raw_decode
        self.piece, self.at, self.line, self.ended = "", 0, 1, False
        self.gone = 0                   # characters of the current line that were let go of
        self.bytes = 0

    def sign(self) -> str:
        """The next character that is no white space, and "" at the end; ``at`` stands on it."""
        while True:
            end = _SPACE.match(self.piece, self.at).end()
            self.line += self.piece.count("\n", self.at, end)
            self.at = end
            if end < len(self.piece):
                return self.piece[end]
            if not self.more():
                return ""

    def value(self):
        """The JSON value that begins here; ``at`` stands behind it. InputError where there is none."""
        while True:
            try:
                item, end = self.raw(self.piece, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos + LONGEST_SIGN > len(self.piece)
                if cut and self.more():
                    continue
                raise self.broken(error.msg, error.pos) from None
            except (RecursionError, ValueError) as error:   # brackets within brackets without end, a number of thousands of digits
                raise InputError(f"{self.name}: JSON that cannot be taken in ({error}); correct or remove that part.") from None
            if end == len(self.piece) and self.more():      # a number may go on
                continue
            self.line += self.piece.count("\n", self.at, end)
            self.at = end
            return item

    def more(self) -> bool:
        """Reads on and lets go of what lies before ``at``; False, and nothing changes, at the end of the file."""
        if self.ended:
            return False
        data = self.file.read(max(CHUNK, len(self.piece) - self.at))    # doubles: a long item is tried a few times only
        try:
            read = self.decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:             # its text begins with bytes that were left over, or ends the mark of a file
            raise InputError(f"{self.name}: byte {self.bytes + len(data) - len(error.object) + error.start} is not UTF-8; "
                             "save the file as UTF-8.") from None
        self.bytes += len(data)
        if not data:
            self.ended = True
            return False
        before = self.piece.rfind("\n", 0, self.at)
        self.gone = self.at - before - 1 if before >= 0 else self.gone + self.at
        self.piece, self.at = self.piece[self.at:] + read, 0
        return True

    def broken(self, reason: str, place: int) -> InputError:
        """The error of JSON that is wrong at this place of the piece."""
        before = self.piece.rfind("\n", 0, place)
        column = place - before if before >= 0 else self.gone + place + 1
        return InputError(f"{self.name}, line {self.line + self.piece.count(chr(10), self.at, place)}, column {column}: "
                          f"not valid JSON ({reason}); correct that line.")
