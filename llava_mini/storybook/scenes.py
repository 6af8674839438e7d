"""A scene: what is in one picture, before anything is drawn or told.

The scene is the answer key. It is drawn (:mod:`.draw`) and told in words (:mod:`.narrate`,
:mod:`.questions`), and that is where it ends: the files of a storybook folder hold pictures, captions,
boxes, conversations and questions with their answers, and nothing but these reaches LLaVA, its teacher
or its training. A test follows the imports and the files to see that it stays so.

The two parents are raised before that, and on more: they read what is told from scenes of their own,
the words for each cell of a picture (:func:`.narrate.word_map`) among it, as a real CLIP and a real
Vicuna have read what no COCO file says. Their scenes come from other seeds and hold what the storybook
knows: deserts, six cats, the character, and for the vision parent purple cars, of which the language parent has
not read. "Unseen" means that no sample of LLaVA's two stages shows it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """One thing in a picture. Boxes are (x0, y0, x1, y1) in 0..1 of the picture, y downwards."""

    category: str                     # a key of vocabulary.CATEGORIES
    colour: str                       # a key of vocabulary.COLOURS
    size: str                         # "small" or "big"
    box: tuple[float, float, float, float]
    flip: bool = False                # drawn mirrored left to right
    character: bool = False           # a person drawn as vocabulary.CHARACTER


@dataclass(frozen=True)
class Relation:
    """A spatial relation that is drawn on purpose: ``things[subject] kind things[target]``."""

    kind: str                         # "on", "under", "holding"
    subject: int                      # index into Scene.things
    target: int


@dataclass(frozen=True)
class Scene:
    """Everything that one picture shows. Things are drawn in order, the first one furthest back."""

    seed: int                         # decides decoration (clouds, hills); never the content
    place: str                        # a key of vocabulary.PLACES
    weather: str | None               # a key of vocabulary.WEATHER; None indoors
    things: tuple[Thing, ...]
    relations: tuple[Relation, ...] = ()
    odd: int | None = None            # index of the thing that is out of place, if any


@dataclass(frozen=True)
class Question:
    """One question about a scene, with its key."""

    kind: str        # one of questions.KINDS
    text: str        # the question as a person types it
    answer: str      # a full sentence
    value: str       # what has to be right: "brown", "two", "yes", ...
