"""Captions of pictures one after the other, from files of any size (Conceptual Captions has 3.3 million)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import annotations
from ..errors import InputError
from ..json_files import TOLD_AT_ONCE, a_list, a_text, an_id, existing, kind, read_lines


def read_captions(path) -> Iterator[tuple[str, str, str]]:
    """Yields (id, picture, caption), one after the other.

    From a .jsonl file with a ``caption`` a line, {"id", "image", "caption"}, as Conceptual Captions has them; from one
    with several, {"id", "image", "captions": [...]}; from a storybook folder or COCO's captions file. Where a picture has
    several captions, those that are alike count once, and "-c0", "-c1", ... is put behind its id.
    Raises one InputError for the first ten faulty lines, at the tenth or at the end.
    """
    path, faults = Path(path), []
    if path.suffix != ".jsonl":
        for record in annotations.stream(path):
            yield from _several(record.id, record.image, record.captions)
        return
    for number, row in read_lines(existing(path, (".jsonl",), "captions")):
        try:
            found = list(_row(row))
        except InputError as error:
            faults.append(f"{path.name}, line {number}: {error}")
            if len(faults) == TOLD_AT_ONCE:
                break
        else:
            yield from found
    if faults:
        raise InputError("\n".join(faults))


def state(path: Path) -> tuple | None:
    """Size and time of a source, which tell whether it was changed; None where there is none."""
    path = path / "captions.json" if path.is_dir() else path
    return (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None


def lines(path: Path) -> int | None:
    """How many lines a .jsonl file has, for the time left; None for other sources."""
    if path.suffix != ".jsonl" or not path.is_file():
        return None
    with open(path, "rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(2 ** 20), b""))


def _row(row) -> Iterator[tuple[str, str, str]]:
    if isinstance(row, InputError):
        raise row
    if not isinstance(row, dict):
        raise InputError(f"not an object but {kind(row)}; write id, image and caption.")
    name, image = str(an_id(row, "id")), a_text(row.get("image"), "field 'image'")
    if "captions" not in row:
        return iter([(name, image, a_text(row.get("caption"), "field 'caption'"))])
    texts = enumerate(a_list(row, "captions"), 1)
    return _several(name, image, [a_text(text, f"field 'captions', number {i}") for i, text in texts])


def _several(name: str, image: str, captions: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    return ((f"{name}-c{i}", image, caption) for i, caption in enumerate(dict.fromkeys(captions)))
