"""Instruction samples from disk: the LLaVA schema, checked before anything is trained.

A file is JSON (one list) or JSONL (one object a line). One item of it::

    {"id": "000000033471", "image": "000000033471.jpg",
     "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"},
                       {"from": "gpt", "value": "A red bus."}]}

``image`` is left out in a text-only sample and may be a list when a sample has several pictures;
their number must equal the number of ``<image>`` marks in the human turns. Ids need not be unique:
the authors' file gives every sample of a picture the same id.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .conversation import IMAGE, check_messages, from_llava
from .errors import InputError
from .json_files import an_id, check_text, existing, kind, no_garbage_collection, read_json, read_lines, refuse


@dataclass(frozen=True, slots=True)
class Sample:
    """One conversation and the pictures it speaks about."""

    id: str
    images: tuple[str, ...]         # file names relative to the pictures folder; () for text only
    messages: list[dict]            # {"role": "system" | "user" | "assistant", "content": str}


def read_samples(path, pictures=None) -> list[Sample]:
    """All samples of a LLaVA-schema file, in its order.

    ``path`` ends in ``.json`` (a list) or ``.jsonl`` (one object a line, blank lines allowed).
    With ``pictures``, a folder, every picture file must also exist there. Raises InputError with
    one sentence for each faulty sample (the first ten of them): file, line or item number, sample
    id, field, and what to do. 158,000 samples take a few seconds and less than 1 GB.

    >>> samples = read_samples("align.json", "pictures")
    >>> samples[0].images, samples[0].messages[0]["role"]
    (('000001.jpg',), 'user')
    """
    path = existing(path, (".json", ".jsonl"), "samples")
    samples, faults, known = [], [], {}
    with no_garbage_collection():
        for place, item in _items(path):
            try:
                if isinstance(item, InputError):
                    raise item
                sample = _sample(item)
                for name in sample.images if pictures is not None else ():
                    if name not in known:
                        known[name] = (Path(pictures) / name).is_file()
                    if not known[name]:
                        raise InputError(f"Sample {sample.id!r}, field 'image': there is no picture {name} in "
                                         f"{Path(pictures).name}; put it there or remove the sample.")
                samples.append(sample)
            except InputError as error:
                faults.append(f"{path.name}, {place}: {error}")
    refuse(faults, "samples")
    if not samples:
        raise InputError(f"{path.name}: the file holds no samples; write at least one.")
    return samples


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


def _items(path):
    """Yields ("item 1" or "line 1", object) ..., letting go of each object once it was used.

    A broken line yields its InputError, so that all are reported.
    """
    if path.suffix == ".jsonl":
        for number, item in read_lines(path):
            yield f"line {number}", item
        return
    items = read_json(path)
    if not isinstance(items, list):
        raise InputError(f"{path.name}: the file must hold a list of samples, not {kind(items)}; put [ ] around them.")
    items.reverse()
    number = 0
    while items:
        number += 1
        yield f"item {number}", items.pop()


def _sample(item) -> Sample:
    """One item as a Sample; InputError begins with the sample and the field."""
    if not isinstance(item, dict):
        raise InputError(f"not a sample but {kind(item)}; write an object with id, image and conversations.")
    sample_id = str(an_id(item, "id"))
    where = f"Sample {sample_id!r}"
    images = item.get("image")
    images = () if images is None else tuple(images) if isinstance(images, list) else (images,)
    if not all(isinstance(name, str) and name for name in images):
        raise InputError(f"{where}, field 'image': must be a file name or a list of file names; "
                         "leave the field out in a text-only sample.")
    for name in images:
        check_text(name, f"{where}, field 'image'")
    if "conversations" not in item:
        raise InputError(f"{where}, field 'conversations': missing; write a list of turns "
                         '{"from": "human" or "gpt", "value": text}.')
    messages = from_llava(item["conversations"], sample_id)
    check_messages(messages, where)
    marks = sum(message["content"].count(IMAGE) for message in messages if message["role"] == "user")
    if marks != len(images):
        raise InputError(f"{where}, field 'conversations': {marks} {IMAGE} mark{'s' * (marks != 1)} for {len(images)} "
                         f"picture{'s' * (len(images) != 1)} in field 'image'; write one mark for each picture.")
    return Sample(sample_id, images, messages)
