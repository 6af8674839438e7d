"""A model answers ScienceQA: every problem once, with its picture where it has one, kept in a file as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..evaluation.answers import Answerer, ask
from .files import Outputs
from .problems import Problem
from .prompts import questions, shown

LONGEST = 384                           # new tokens; lecture and solution come before the letter


def answer(problems: Sequence[Problem], answerer: Answerer, *, images, path, model_id: str, blind: bool = False, batch_size: int = 16,
           progress: bool = True) -> Outputs:
    """Asks what the file at ``path`` (JSONL, the authors' answer schema) does not answer yet; returns all the answers.

    ``answerer``  ``evaluation.answerer(model, max_new_tokens=LONGEST)``, or any function of (picture or None, text) pairs
    ``images``    the folder ``images`` of the set; ``blind``: show no pictures
    ``model_id``  another one for other weights: their file is refused, never mixed in

    Safe to kill at any moment and to call again. Raises InputError for a picture that is missing before anything is asked.
    """
    if not blind:
        missing = [one.picture for one in problems if one.image and not (Path(images) / one.picture).is_file()]
        if missing:
            raise InputError(f"{len(missing)} pictures are missing in {Path(images).name} ({', '.join(missing[:5])}); put them there, or ask "
                             "without pictures (blind=True).")
    asked = questions(problems)
    pictures = [type(one)(None, None) for one in shown(problems, images)] if blind else shown(problems, images)
    found = ask(asked, pictures, answerer, path, model_id=model_id, metadata={"control": "blind" if blind else "true"}, batch_size=batch_size,
                progress=progress)
    return Outputs({name: row["text"] for name, row in found.rows.items()}, problems=found.problems, name=Path(path).name)
