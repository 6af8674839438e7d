"""A page: one picture and what a probe asks about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..storybook.scenes import Scene
from ..storybook.vocabulary import CATEGORIES, PLACES, UNSEEN_PAIRS, UNSEEN_PLACE

KNOWN = tuple(name for name in PLACES if name != UNSEEN_PLACE)      # places of the training pictures


@dataclass(frozen=True)
class Sizes:
    """How many pictures of each sort."""

    everyday: int = 60          # of the split test, with up to six questions each
    binding: int = 50           # sets of three
    counting: int = 40          # of each number
    position: int = 6           # of each of the 64 cells
    character: int = 40         # with the character, and as many with another person
    phrasings: int = 25         # questions of a kind that are asked in other words
    training: int = 8000        # training pictures whose annotations say what is frequent


@dataclass
class Page:
    """``questions`` are rows as :func:`ask` makes them, by the name of their probe."""

    name: str                   # of the picture, without its ending
    scene: Scene
    questions: dict[str, list[dict]] = field(default_factory=dict)


def ask(page: str, probe: str, key: str, kind: str, text: str, answer: str, value: str, **about) -> dict:
    """A question in the schema of evaluation files; ``key`` tells it from others about its picture, ``about`` is the probe's own."""
    return {"question_id": f"{page}-{key}", "image": f"{page}.jpg", "text": text, "category": kind, "answer": answer, "value": value,
            "split": probe, "about": about}


def box(category: str, side: float, x: float, y: float | None = None, foot: float | None = None) -> tuple[float, float, float, float]:
    """The box of a thing as the storybook sizes it: its centre at ``x`` and ``y``, or standing at ``foot``; all in 0..1.

    ``side`` is that of a square of the same area; 0.17 to 0.21 is small, 0.30 to 0.37 big.
    """
    stretch = CATEGORIES[category].aspect ** 0.5
    wide, high = side * stretch, side / stretch
    y = foot - high / 2 if foot is not None else y
    return tuple(round(v, 4) for v in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))


def seen(*pairs: tuple[str, str]) -> bool:
    """Are all these (colour, category) pairs such as training pictures show?"""
    return not set(pairs) & UNSEEN_PAIRS
