"""JSON and JSONL files that people bring: whatever is wrong in them is told with its place."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

TOLD_AT_ONCE = 10           # faults; a file with thirty is not mended thirty times, and nobody reads a thousand


def existing(path, endings: tuple[str, ...], what: str) -> Path:
    """The path, if it is a file with one of these endings."""
    path = Path(path)
    if path.suffix not in endings:
        raise InputError(f"{path.name}: {what} are read from a {' or a '.join(endings)} file; rename or convert it.")
    if not path.is_file():
        raise InputError(f"{path.name}: there is no such file; check the path {path}.")
    return path


def read_json(path: Path, leave_out: str | None = None):
    """The content of a JSON file, without the fields ``leave_out`` (they are let go of while it is read)."""
    def without(item: dict) -> dict:
        item.pop(leave_out, None)
        return item

    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text, object_hook=without if leave_out else None)
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        hint = "give the file the ending .jsonl if it holds one object a line" if error.msg == "Extra data" else "correct that line"
        raise InputError(f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); {hint}.") from None
    except (RecursionError, ValueError) as error:       # brackets within brackets without end, a number of thousands of digits
        raise InputError(f"{path.name}: JSON that cannot be taken in ({error}); correct or remove that part.") from None


def read_lines(path: Path) -> Iterator[tuple[int, object]]:
    """Yields (line number, object) of a JSONL file, one line at a time; blank lines are allowed.

    A broken line yields its InputError as the object, so that the reader can tell of all of them.
    """
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                item = InputError(f"byte {error.start} of the line is not UTF-8; save the file as UTF-8.")
            except json.JSONDecodeError as error:
                item = InputError(f"column {error.colno}: not valid JSON ({error.msg}); correct or remove the line.")
            except (RecursionError, ValueError) as error:
                item = InputError(f"JSON that cannot be taken in ({error}); correct or remove the line.")
            yield number, item


def refuse(faults: list[str], what: str) -> None:
    """Raises ONE InputError with a line for each fault (the first ten of them), unless there is none."""
    if faults:
        more = len(faults) - TOLD_AT_ONCE
        raise InputError("\n".join(faults[:TOLD_AT_ONCE] + [f"... and {more} more faulty {what}."] * (more > 0)))


def check_text(text: str, where: str) -> None:
    r"""Refuses half a character, such as a lone ``"\ud83d"``: valid JSON, and no text that can be written or tokenized."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: character {error.start} of the text is \\u{ord(text[error.start]):04x}, half of a pair; "
                         "correct or remove it.") from None


def a_text(value, where: str) -> str:
    """The value, if it is a text with something in it. InputError begins with ``where``."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: must be a text, not {'an empty one' if isinstance(value, str) else kind(value)}; write one.")
    check_text(value, where)
    return value


def an_id(row: dict, field: str) -> str | int:
    """A field that names something: a text or a whole number."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise InputError(f"field {field!r}: {'missing' if field not in row else 'must be a text or a number'}; write one.")
    check_text(str(value), f"field {field!r}")
    return value


def a_list(row: dict, field: str) -> list:
    """A field that holds a list, which may be empty."""
    if not isinstance(row.get(field), list):
        raise InputError(f"field {field!r}: {'missing' if field not in row else 'must be a list'}; write a list, [] for none.")
    return row[field]


def is_number(value) -> bool:
    """Is it a number of ordinary size? NaN, infinity and true are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def kind(value) -> str:
    """The JSON name of a value's type, with its article."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


@contextmanager
def no_garbage_collection():
    """A million small dicts without a cycle among them: the collector would walk them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
