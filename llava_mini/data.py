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

import gc
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .conversation import IMAGE, check_messages, from_llava
from .errors import InputError


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
    path = Path(path)
    if path.suffix not in (".json", ".jsonl"):
        raise InputError(f"{path.name}: samples are read from a .json or a .jsonl file; rename or convert it.")
    if not path.is_file():
        raise InputError(f"{path.name}: there is no such file; check the path {path}.")
    samples, faults, known = [], [], {}
    with _no_garbage_collection():
        for place, item in (_json_items if path.suffix == ".json" else _jsonl_items)(path):
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
    if faults:
        more = [f"... and {len(faults) - 10} more faulty samples."] if len(faults) > 10 else []
        raise InputError("\n".join(faults[:10] + more))
    if not samples:
        raise InputError(f"{path.name}: the file holds no samples; write at least one.")
    return samples


def picture_names(samples) -> list[str]:
    """The distinct picture names of the samples, in order of first use."""
    return list(dict.fromkeys(name for sample in samples for name in sample.images))


def located(samples, folder) -> list[Sample]:
    """The samples with full paths for their pictures, so that samples of several folders can be used together."""
    return [replace(sample, images=tuple(str(Path(folder).absolute() / name) for name in sample.images)) for sample in samples]


def check_pictures(samples, folder) -> None:
    """Opens every picture of the samples once; raises ONE InputError that lists all that fail.

    Each line names the file, the fault (missing, truncated, not a picture) and how many samples need it.
    """
    from .vision import load_picture

    faults = []
    for name in picture_names(samples):
        try:
            load_picture(Path(folder) / name)
        except InputError as error:
            faults.append((name, error))
    refuse_pictures(faults, samples)


def refuse_pictures(faults, samples) -> None:
    """Raises the InputError for ``faults``, a list of (picture name, error), unless it is empty."""
    if not faults:
        return
    needed = Counter(name for sample in samples for name in sample.images)
    lines = [f"{error} (samples that need it: {needed[name]})" for name, error in faults]
    raise InputError(f"{len(faults)} picture{'s' * (len(faults) > 1)} cannot be used; repair or remove "
                     "them, and the samples that need them:\n" + "\n".join(lines))


def _json_items(path):
    """Yields ("item 1", object) ... of a JSON list, letting go of each object once it was used."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        items = json.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        hint = ("give the file the ending .jsonl if it holds one object a line"
                if error.msg == "Extra data" else "correct that line")
        raise InputError(f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON "
                         f"({error.msg}); {hint}.") from None
    del text                                    # a file of 230 MB need not stay beside its objects
    if not isinstance(items, list):
        raise InputError(f"{path.name}: the file must hold a list of samples, not {_kind(items)}; put [ ] around them.")
    items.reverse()
    number = 0
    while items:
        number += 1
        yield f"item {number}", items.pop()


def _jsonl_items(path):
    """Yields ("line 1", object) ...; a broken line yields its InputError, so that all are reported."""
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
            yield f"line {number}", item


def _sample(item) -> Sample:
    """One item as a Sample; InputError begins with the sample and the field."""
    if not isinstance(item, dict):
        raise InputError(f"not a sample but {_kind(item)}; write an object with id, image and conversations.")
    sample_id = item.get("id")
    if isinstance(sample_id, bool) or not isinstance(sample_id, (str, int)) or sample_id == "":
        raise InputError(f"field 'id': {'missing' if 'id' not in item else 'must be a text or a number'}; give the sample an id.")
    sample_id, where = str(sample_id), f"Sample {str(sample_id)!r}"
    images = item.get("image")
    images = () if images is None else tuple(images) if isinstance(images, list) else (images,)
    if not all(isinstance(name, str) and name for name in images):
        raise InputError(f"{where}, field 'image': must be a file name or a list of file names; "
                         "leave the field out in a text-only sample.")
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


def _kind(value) -> str:
    """The JSON name of a value's type, with its article."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


@contextmanager
def _no_garbage_collection():
    """A million small dicts without a cycle among them: the collector would walk them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
