"""What a model says without the right picture: the controls that an accuracy is read against.

``true``      each question with its own picture: the accuracy itself.
``blind``     no picture at all: what can be guessed from the words of the question.
``blank``     an evenly grey picture: the same, with visual tokens in their place.
``shuffled``  the picture of another question: does the model look at all?

A model that answers "true" no better than these has not learned to see, whatever its loss says
(the projection may not even have been loaded). Beside them stands ``guess``: the score of always
giving a kind's most frequent answer, which needs no model.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .answers import Question, Shown

CONTROLS = ("blind", "blank", "shuffled")
GREY = (127, 127, 127)

NOTES = {
    "true": "Each question with its own picture.",
    "blind": "The question alone, without a picture.",
    "blank": "The question with an evenly grey picture.",
    "shuffled": "The question with the picture of another one. The other picture may have the same true answer by "
                "chance; how often is not known, so some right answers are expected.",
    "guess": "The most frequent true answer of each kind, given every time; no model is asked.",
}


def derangement(names: Sequence[str], seed: int = 0) -> dict[str, str]:
    """A seeded partner for every distinct name, never the name itself; each is a partner once.

    Depends on the names only, not on their order or number of uses. One single cycle through all
    names (Sattolo's shuffle), so no name can be left over. InputError if there are fewer than two.
    """
    distinct = sorted(set(names))
    if len(distinct) < 2:
        raise InputError(f"Shuffling needs two different pictures at least; the questions have {len(distinct)}.")
    partners, chance = list(distinct), random.Random(seed)
    for i in range(len(partners) - 1, 0, -1):
        j = chance.randrange(i)                  # below i, never i itself: that makes it one cycle
        partners[i], partners[j] = partners[j], partners[i]
    return dict(zip(distinct, partners))


def shown(control: str, questions: Sequence[Question], pictures: str | Path, seed: int = 0) -> list[Shown]:
    """The picture to show with each question under ``true`` or one of the :data:`CONTROLS`.

    ``pictures`` is the folder that the questions' file names are relative to. Raises InputError
    that lists the pictures which are not there, before anything is asked.
    """
    if control not in ("true", *CONTROLS):
        raise InputError(f"There is no control {control!r}; choose one of true, {', '.join(CONTROLS)}.")
    if control == "blind":
        return [Shown(None, None) for _ in questions]
    if control == "blank":
        from PIL import Image

        grey = Image.new("RGB", (224, 224), GREY)
        return [Shown("(grey)", grey) for _ in questions]
    folder, names = Path(pictures), [question.image for question in questions]
    if control == "shuffled":
        partner = derangement(names, seed)
        names = [partner[name] for name in names]
    absent = [name for name in sorted(set(names)) if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise InputError(f"{folder}: {len(absent)} pictures of the questions are not there ({', '.join(absent[:5])}{more}); "
                         "draw the pictures again or name the right folder.")
    return [Shown(name, folder / name) for name in names]
