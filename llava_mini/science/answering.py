"""A model answers ScienceQA: every problem once, with its picture where it has one, kept in a file as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..evaluation.answers import Answerer, Shown, ask
from .files import Outputs
from .problems import Problem
from .prompts import questions, shown

LONGEST = 384                           # new tokens; lecture and solution come before the letter
CONTROLS = ("true", "blind", "shuffled")


def answer(problems: Sequence[Problem], answerer: Answerer, *, images, path, model_id: str, control: str = "true", batch_size: int = 16,
           progress: bool = True) -> Outputs:
    """Asks what the file at ``path`` (JSONL, the authors' answer schema) does not answer yet; returns all the answers.

    ``answerer``  that of a model, see :func:`answerer`, or any function of (picture or None, text) pairs
    ``images``    the folder ``images`` of the set
    ``control``   "true": with the problem's own picture; "blind": without; "shuffled": with that of the next problem that has one
    ``model_id``  another one for other weights: their file is refused, never mixed in

    Safe to kill at any moment and to call again. Raises InputError for an unknown control, for a picture that is missing
    before anything is asked, and for shuffling a single picture.
    """
    if control not in CONTROLS:
        raise InputError(f"There is no control {control!r}; choose one of {', '.join(CONTROLS)}.")
    pictures = _pictures(problems, Path(images), control)
    asked = questions(problems)
    found = ask(asked, pictures, answerer, path, model_id=model_id, metadata={"control": control}, batch_size=batch_size, progress=progress)
    return Outputs({name: row["text"] for name, row in found.rows.items()}, problems=found.problems, name=Path(path).name)


def answerer(model, form: str, letters: bool) -> Answerer:
    """A model as :func:`answer` asks it: greedily, a batch at a time; without ``letters`` by choosing.py."""
    from ..conversation import IMAGE
    from ..generation import Request
    from .choosing import say

    def ask(batch: list) -> list[str]:
        requests = [Request([{"role": "user", "content": text if picture is None else f"{IMAGE}\n{text}"}],
                            [] if picture is None else [picture]) for picture, text in batch]
        given = {"max_new_tokens": LONGEST, "batch_size": len(batch)}
        return [text.strip() for text in model.generate(requests, **given)] if letters else say(model, requests, form, **given)

    return ask


def _pictures(problems: Sequence[Problem], images: Path, control: str) -> list[Shown]:
    """What is shown with each problem."""
    if control == "blind":
        return [Shown(None, None) for _ in problems]
    own = shown(problems, images)
    missing = [one.name for one in own if one.picture and not one.picture.is_file()]
    if missing:
        raise InputError(f"{len(missing)} pictures are missing in {images.name} ({', '.join(missing[:5])}); put them there, or ask "
                         "without pictures (the control \"blind\").")
    if control == "true":
        return own
    seen = [one for one in own if one.picture]
    if len(seen) < 2:
        raise InputError(f"Shuffling needs two pictures at least; these problems have {len(seen)}.")
    other = iter([*seen[1:], seen[0]])
    return [next(other) if one.picture else one for one in own]
