"""Instruction samples from disk: the LLaVA schema, checked before anything is trained.

A file is JSON (one list) or JSONL (one object a line). One item of it::

    {"id": "000000033471", "image": "000000033471.jpg",
     "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"},
                       {"from": "gpt", "value": "A red bus."}]}

``image`` is left out in a text-only sample and may be a list when a sample has several pictures;
their number must equal the number of ``<image>`` marks in the human turns. Ids need not be unique:
the authors' file gives every sample of a picture the same id. Other fields are allowed and not read.

All doors read item by item and open no picture: :func:`read_samples` for a list, :func:`stream_samples`
for one after the other, :func:`scan_samples` for everything that is wrong (llava_mini/instruct/validate.py).
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .conversation import IMAGE, check_messages, from_llava
from .errors import InputError
from .json_files import an_id, check_text, existing, kind, no_garbage_collection, read_lines, refuse
from .json_list import read_list


@dataclass(frozen=True, slots=True)
class Sample:
    """One conversation and the pictures it speaks about."""

    id: str
    images: tuple[str, ...]         # file names relative to the pictures folder; () for text only
    messages: list[dict]            # {"role": "system" | "user" | "assistant", "content": str}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file of samples."""

    place: str                      # "samples.json, line 3"; "" where the text says it, as for a file that is no JSON
    field: str                      # "id", "image" or "conversations"; "" where it is not about a field
    text: str                       # the sample and its fault, and what to do

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text

    @property
    def remedy(self) -> str:
        """What to do: the end of the sentence. It holds no name or number, so faults of one kind have it in common."""
        return self.text.rpartition("; " if "; " in self.text else ": ")[2]


def read_samples(path, pictures=None) -> list[Sample]:
    """All samples of a LLaVA-schema file, in its order.

    ``path`` ends in ``.json`` (a list) or ``.jsonl`` (one object a line, blank lines allowed).
    With ``pictures``, a folder, every picture file must also exist there. Raises InputError with
    one sentence for each faulty sample (the first ten of them): file, line or item number, sample
    id, field, and what to do. How long 158,000 samples take: benchmarks/read_samples.py.

    >>> samples = read_samples("align.json", "pictures")
    >>> samples[0].images, samples[0].messages[0]["role"]
    (('000001.jpg',), 'user')
    """
    samples, faults = [], []
    with no_garbage_collection():
        for found in scan_samples(path, pictures):
            if isinstance(found, Sample):
                samples.append(found)
            else:
                faults.append(str(found[0]))
    refuse(faults, "samples")
    if not samples:
        raise _nothing(path)
    return samples


def stream_samples(path, pictures=None) -> Iterator[Sample]:
    """Like read_samples, one sample after the other, so the file is never in memory as a whole. Stops at the first fault."""
    empty = True
    for found in scan_samples(path, pictures):
        if not isinstance(found, Sample):
            raise InputError(str(found[0]))
        empty = False
        yield found
    if empty:
        raise _nothing(path)


def scan_samples(path, pictures=None) -> Iterator[Sample | list[Fault]]:
    """Every sample of a file in its order, and in the place of a faulty one the list of its faults.

    JSON that is broken ends a .json file, with a fault of its own; in a .jsonl file it is one faulty line.
    Raises InputError where there is no such file.
    """
    path = existing(path, (".json", ".jsonl"), "samples")
    folder = None if pictures is None else _Folder(Path(pictures))
    try:
        for place, item in _items(path):
            yield _sample(item, f"{path.name}, {place}", folder)
    except InputError as error:
        yield [Fault("", "", str(error))]


def picture_names(samples) -> list[str]:
    """The distinct picture names of the samples, in order of first use."""
    return list(dict.fromkeys(name for sample in samples for name in sample.images))


def refuse_pictures(faults, samples) -> None:
    """Raises the InputError for ``faults``, a list of (picture name, error), unless it is empty."""
    if not faults:
        return
    needed = Counter(name for sample in samples for name in sample.images)
    lines = [f"{error} (samples that need it: {needed[name]})" for name, error in faults]
    raise InputError(f"{len(faults)} picture{'s' * (len(faults) > 1)} cannot be used; repair or remove "
                     "them, and the samples that need them:\n" + "\n".join(lines))


def _nothing(path) -> InputError:
    return InputError(f"{Path(path).name}: the file holds no samples; write at least one.")


def _items(path: Path) -> Iterator[tuple[str, object]]:
    """Yields ("item 1 (line 2)" or "line 1", object) ...; a broken line of a .jsonl file yields its InputError."""
    if path.suffix == ".jsonl":
        return ((f"line {number}", item) for number, item in read_lines(path))
    return ((f"item {number} (line {line})", item) for number, line, item in read_list(path, "samples"))


def _sample(item, place: str, folder: _Folder | None) -> Sample | list[Fault]:
    """One item as a Sample, or all that is wrong with it."""
    faults: list[Fault] = []

    def read(field: str, how, *given):
        """What ``how`` reads. None where that fails, which is a fault, or where something it needs is None already."""
        if None in given:
            return None
        try:
            return how(*given)
        except InputError as error:
            faults.append(Fault(place, field, str(error)))

    if read("", _object, item) is None:
        return faults
    name = read("id", _id, item)
    where = "The sample" if name is None else f"Sample {name!r}"
    images = read("image", _images, item, where)
    messages = read("conversations", _messages, item, where, name or "")
    read("conversations", _marks, images, messages, where)
    if folder is not None:
        read("image", folder.check, images, where)
    return faults or Sample(name, images, messages)


def _object(item) -> dict:
    if isinstance(item, InputError):
        raise item
    if not isinstance(item, dict):
        raise InputError(f"not a sample but {kind(item)}; write an object with id, image and conversations.")
    return item


def _id(item: dict) -> str:
    return str(an_id(item, "id"))


def _images(item: dict, where: str) -> tuple[str, ...]:
    images = item.get("image")
    images = () if images is None else tuple(images) if isinstance(images, list) else (images,)
    if not all(isinstance(name, str) and name for name in images):
        raise InputError(f"{where}, field 'image': must be a file name or a list of file names; "
                         "leave the field out in a text-only sample.")
    for name in images:
        check_text(name, f"{where}, field 'image'")
    return images


def _messages(item: dict, where: str, name: str) -> list[dict]:
    if "conversations" not in item:
        raise InputError(f"{where}, field 'conversations': missing; write a list of turns "
                         '{"from": "human" or "gpt", "value": text}.')
    messages = from_llava(item["conversations"], name or None)
    check_messages(messages, where)
    return messages


def _marks(images: tuple[str, ...], messages: list[dict], where: str) -> None:
    marks = sum(message["content"].count(IMAGE) for message in messages if message["role"] == "user")
    if marks != len(images):
        raise InputError(f"{where}, field 'conversations': {marks} {IMAGE} mark{'s' * (marks != 1)} for {len(images)} "
                         f"picture{'s' * (len(images) != 1)} in field 'image'; write one mark for each picture.")


class _Folder:
    """A folder of pictures that is asked once for each name."""

    def __init__(self, path: Path):
        self.path, self.known = path, {}

    def check(self, images: tuple[str, ...], where: str) -> None:
        for name in images:
            if name not in self.known:
                self.known[name] = os.path.isfile(self.path / name)     # False also for names that no system allows
            if not self.known[name]:
                raise InputError(f"{where}, field 'image': there is no picture {name} in {self.path.name}; "
                                 "put it there or remove the sample.")
