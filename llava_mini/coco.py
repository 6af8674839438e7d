"""COCO's own annotation files: captions, and instances with their categories and boxes in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .boxes import Box, in_pixels
from .errors import InputError
from .json_files import a_text, an_id, existing, is_number, kind, read_json


def read(path: Path, instances=None) -> Iterator[tuple | str]:
    """Yields (file name, size or None, captions, boxes) for every picture of a captions file, and faults as texts.

    ``instances`` is the file of the boxes; left out, the one beside it, if there is one (see annotations.load).
    """
    path = Path(path)
    if instances is None and "captions" in path.name:
        beside = path.with_name(path.name.replace("captions", "instances", 1))
        instances = beside if beside.is_file() else None
    faults: list[str] = []
    tables = _tables(path, ("images", "annotations"))
    images = _images(path, tables["images"], faults)
    captions: dict[object, list[str]] = {}
    boxes: dict[object, list[Box]] = {}

    def caption(row: dict) -> None:
        if "caption" not in row and "bbox" in row:
            raise InputError("field 'caption': missing, this is a file of boxes; give the captions file first and this one second.")
        captions.setdefault(_known(row, "image_id", images, "picture"), []).append(a_text(row.get("caption"), "field 'caption'"))

    _each(path, tables.pop("annotations"), "annotation", caption, faults)
    if instances is not None and not faults:
        instances = existing(instances, (".json",), "COCO's boxes")
        tables = _tables(instances, ("images", "annotations", "categories"))
        known = images | _images(instances, tables["images"], faults)
        names: dict[object, str] = {}

        def category(row: dict) -> None:
            names[an_id(row, "id")] = a_text(row.get("name"), "field 'name'")

        def box(row: dict) -> None:
            number = _known(row, "image_id", known, "picture")
            (name, size), (name_before, size_before) = known[number], images.get(number, known[number])
            if name != name_before:
                raise InputError(f"field 'image_id': picture {number} is {name} here and {name_before} among the captions; "
                                 "give two files of the same pictures.")
            name = names[_known(row, "category_id", names, "category")]
            boxes.setdefault(number, []).append(Box(name, in_pixels(row.get("bbox"), size or size_before, "field 'bbox'")))

        _each(instances, tables["categories"], "category", category, faults)
        _each(instances, tables.pop("annotations"), "annotation", box, faults)
    yield from faults
    for number, (name, size) in images.items():
        if number in captions:
            yield name, size, tuple(captions[number]), tuple(boxes.get(number, ()))
        elif not faults:
            yield f"{path.name}, image {number}: has no caption; write one or remove the image."


def _tables(path: Path, fields: tuple[str, ...]) -> dict[str, list]:
    data = read_json(existing(path, (".json",), "COCO's annotations"), leave_out="segmentation")    # by far the largest part
    for field in fields:
        if not isinstance(data, dict) or not isinstance(data.get(field), list):
            raise InputError(f"{path.name}, field {field!r}: there must be a list of that name in one object, as in COCO's files; "
                             "give a file of that form.")
    return data


def _each(path: Path, rows: list, what: str, use, faults: list[str]) -> None:
    """Uses every row; a faulty one becomes a fault with its file and id."""
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, dict):
                raise InputError(f"not an object but {kind(row)}; correct or remove it.")
            use(row)
        except InputError as error:
            faults.append(f"{path.name}, {what} {row['id'] if isinstance(row, dict) and 'id' in row else f'number {number}'}: {error}")


def _images(path: Path, rows: list, faults: list[str]) -> dict:
    """{id: (file name, (width, height) or None)}"""
    images = {}

    def image(row: dict) -> None:
        number, name = an_id(row, "id"), a_text(row.get("file_name"), "field 'file_name'")
        if number in images:
            raise InputError(f"field 'id': {number} is taken by {images[number][0]} already; give each picture its own.")
        size = tuple(row.get(field) for field in ("width", "height"))
        if size != (None, None) and not all(is_number(side) and side > 0 for side in size):
            raise InputError(f"fields 'width' and 'height': must be numbers above 0, not {size[0]!r} and {size[1]!r}; correct them.")
        images[number] = name, None if size == (None, None) else size

    _each(path, rows, "image", image, faults)
    return images


def _known(row: dict, field: str, known, what: str):
    value = an_id(row, field)
    if value not in known:
        raise InputError(f"field {field!r}: there is no {what} {value}; correct it, or remove the annotation.")
    return value
