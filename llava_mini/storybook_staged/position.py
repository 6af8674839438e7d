"""One small thing in each cell of a grid over the picture: where does the model see well, and where is it blind?

In every cell stand as many things of the ground as of the sky, so that cells differ in nothing but their place. Half of
them are therefore where no training picture has them, a bus among the clouds; ``usual`` says which are not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..storybook.phrases import article, side
from ..storybook.scenes import Scene, Thing
from ..storybook.vocabulary import CATEGORIES, COLOURS, PLACES, WEATHER
from .pages import KNOWN, Page, ask, box, seen

GRID = 8
ACROSS, DOWN = ("left", "middle", "right"), ("top", "middle", "bottom")      # the words of "where"; thirds of the height
SIDE, EDGE = 0.17, 0.005                                 # side of the things; room to the edge of the picture
SKY = ("bird", "airplane", "kite")
GROUND = ("dog", "cat", "horse", "cow", "elephant", "car", "bus", "bicycle", "umbrella", "ball", "apple", "backpack", "suitcase", "bench")


def pages(n: int, seed: int) -> Iterator[Page]:
    """``n`` pages for each of the 8 x 8 cells that a thing's centre may lie in, with three questions each."""
    for row in range(GRID):
        for column in range(GRID):
            for one in range(1, n + 1):
                rng = random.Random(f"position/{seed}/{row}/{column}/{one}")
                thing = _thing(rng, SKY if one % 2 else GROUND, row, column)
                place = PLACES[rng.choice([name for name in KNOWN if not PLACES[name].indoors])]
                scene = Scene(rng.randrange(2**31), place.name, rng.choice(list(WEATHER)), (thing,))
                name = f"position-{row}{column}-{one:02d}"
                about = {"row": row, "column": column, "across": side(thing).split()[-1], "down": DOWN[int(3 * (thing.box[1] + thing.box[3]) / 2)],
                         "usual": _usual(thing)}
                yield Page(name, scene, {"position": [ask(name, "position", kind, kind, *rest, **about) for kind, *rest in _questions(thing)]})


def _thing(rng: random.Random, categories: tuple[str, ...], row: int, column: int) -> Thing:
    """A thing with its centre in the cell, wholly inside the picture, and clearly on one side or in the middle."""
    while True:
        category, colour = rng.choice(categories), rng.choice(list(COLOURS))
        x0, y0, x1, y1 = box(category, SIDE, 0.0, 0.0)
        x, y = (rng.uniform(max(cell / GRID, high + EDGE), min((cell + 1) / GRID, 1 + low - EDGE)) for cell, low, high in ((column, x0, x1), (row, y0, y1)))
        thing = Thing(category, colour, "small", box(category, SIDE, x, y), rng.random() < 0.5)
        if seen((colour, category)) and side(thing):
            return thing


def _usual(thing: Thing) -> bool:
    """Do training pictures have such a thing at such a height?"""
    if CATEGORIES[thing.category].lives == "sky":
        return thing.box[3] <= 0.48
    return thing.box[3] >= 0.66


def _questions(thing: Thing):
    """(kind, text, answer, value)"""
    yield "where", f"Where is the {thing.category}?", f"The {thing.category} is {side(thing)}.", side(thing).split()[-1]
    yield "colour", f"What colour is the {thing.category}?", f"The {thing.category} is {thing.colour}.", thing.colour
    yield "what", f"What is the {thing.colour} thing?", f"The {thing.colour} thing is {article(thing.category)}.", thing.category
