"""Captions and boxes, the only things a teacher is told about a picture (paper, section 3 and Table 14).

Three kinds of source come in by one door:

* COCO: ``captions_*.json``, and the boxes of ``instances_*.json``;
* captions and boxes a line, as the authors' ``caps_boxes_*.jsonl``::

    {"id": "000000151358", "image": "000000151358.jpg", "captions": ["an apple and a teddy bear"],
     "instances": [{"category": "apple", "bbox": [0.621, 0.482, 0.853, 0.645]}]}

* a storybook folder, which holds COCO's two files under plain names.

>>> record = load("data/cache/storybook/train-8000")[0]             # doctest: +SKIP
>>> print(context(record))                                          # doctest: +SKIP
A small red car and a big brown dog in the park.
A dog on the left and a car on the right.
<BLANKLINE>
car: [0.6, 0.7, 0.9, 0.852]
dog: [0.05, 0.6, 0.35, 1.0]
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import coco
from .boxes import Box, in_shares
from .errors import InputError
from .json_files import a_list, a_text, an_id, existing, kind, no_garbage_collection, read_lines, refuse


@dataclass(frozen=True, slots=True)
class Record:
    """One picture in words."""

    id: str                                     # of a COCO picture: its file name without the ending, as in LLaVA's files
    image: str                                  # file name relative to the pictures folder
    size: tuple[int, int] | None                # width and height in pixels, where the source tells
    captions: tuple[str, ...]                   # at least one
    boxes: tuple[Box, ...] = ()


def context(record: Record) -> str:
    """The text that a teacher sees: the caption lines, a blank line, a line for each box.

    Numbers have at most three decimals and no needless zeros: 0.24, 1.0. Without boxes there are only captions.
    """
    lines = [" ".join(part.strip() for part in caption.splitlines()).strip() for caption in record.captions]
    boxes = [f"{one.category}: {[round(float(value), 3) for value in one.box]}" for one in record.boxes]
    return "\n".join([*lines, "", *boxes] if boxes else lines)


def load(path, instances=None) -> list[Record]:
    """All records of a source, in its order.

    ``path`` is a COCO captions file (.json), a file of captions and boxes (.jsonl) or a storybook folder.
    The boxes of COCO are read from ``instances``; left out, from the file beside it that is called the same
    with "instances" for "captions", if there is one. Pictures that only the instances file knows are left out.

    Boxes that overshoot the picture by no more than rounding explains are clipped to it (see boxes.py).
    Raises one InputError that lists the first ten faults with file, line or annotation, field and remedy:
    broken JSON, wrong types, boxes outside the picture or without area, unknown categories or pictures,
    pictures without a caption, an id given twice.
    """
    records, faults = [], []
    with no_garbage_collection():
        for item in _read(path, instances):
            (faults if isinstance(item, str) else records).append(item)
    refuse(faults, "entries")
    if not records:
        raise InputError(f"{Path(path).name}: there are no pictures in it; give a file with at least one.")
    return records


def stream(path, instances=None) -> Iterator[Record]:
    """Like load, one record after the other; a .jsonl file is never in memory as a whole. Stops at the first fault."""
    for item in _read(path, instances):
        if isinstance(item, str):
            raise InputError(item)
        yield item


def _read(path, instances) -> Iterator[Record | str]:
    """Records, and the faults among them as texts."""
    path, known = Path(path), set()
    if path.is_dir():
        path, instances = path / "captions.json", instances or path / "instances.json"
    existing(path, (".json", ".jsonl"), "captions and boxes")
    if path.suffix == ".jsonl" and instances is not None:
        raise InputError(f"{path.name} holds its boxes itself; give no second file.")
    for item in _lines(path) if path.suffix == ".jsonl" else _coco(path, instances):
        if isinstance(item, Record):
            if item.id in known:
                yield f"{path.name}: the picture {item.id!r} comes twice; give each its own id."
            known.add(item.id)
        yield item


def _lines(path: Path) -> Iterator[Record | str]:
    for number, item in read_lines(path):
        try:
            if isinstance(item, InputError):
                raise item
            if not isinstance(item, dict):
                raise InputError(f"not an object but {kind(item)}; write id, image, captions and instances.")
            captions = a_list(item, "captions")
            if not captions:
                raise InputError("field 'captions': holds none; write at least one.")
            captions = tuple(a_text(caption, f"field 'captions', number {i}") for i, caption in enumerate(captions, 1))
            boxes = tuple(_line_box(box, f"field 'instances', number {i}") for i, box in enumerate(a_list(item, "instances"), 1))
            yield Record(str(an_id(item, "id")), a_text(item.get("image"), "field 'image'"), None, captions, boxes)
        except InputError as error:
            yield f"{path.name}, line {number}: {error}"


def _line_box(box, where: str) -> Box:
    if not isinstance(box, dict):
        raise InputError(f"{where}: not an object but {kind(box)}; write category and bbox.")
    return Box(a_text(box.get("category"), f"{where}, field 'category'"), in_shares(box.get("bbox"), f"{where}, field 'bbox'"))


def _coco(path: Path, instances) -> Iterator[Record | str]:
    for item in coco.read(path, instances):
        if isinstance(item, str):
            yield item
        else:
            name, *rest = item
            yield Record(os.path.splitext(name)[0], name, *rest)
