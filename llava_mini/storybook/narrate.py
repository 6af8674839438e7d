"""What is told about a picture: five captions, COCO boxes, and region words for a vision parent.

A caption may leave things out and never says anything untrue. The first of the five names
everything; the others vary in phrasing and detail, as COCO's annotators do.
"""

from __future__ import annotations

import random

from .phrases import a, groups, how_many, left_of, listed, noun, side, the, unique
from .scenes import Scene, Thing
from .vocabulary import CATEGORIES, NUMBERS, PLACES, WEATHER

SKY_WORDS = {"sunny": "on a sunny day", "cloudy": "on a cloudy day", "rainy": "in the rain", "night": "at night"}
HOLDS = {"holding": "holding", "on": "on", "under": "under"}
GRID = 8                                     # cells per side of a word map
COLUMNS, ROWS = "abcdefgh", "12345678"


def captions(scene: Scene) -> list[str]:
    """Five captions. Their phrasing follows from the scene's own seed."""
    rng = random.Random(scene.seed + 1)
    return [_everything(scene, rng), _where(scene, rng), _relations(scene, rng), _short(scene, rng), _subset(scene, rng)]


def _setting(scene: Scene) -> str:
    words = PLACES[scene.place].phrase
    if scene.weather:
        words += " " + SKY_WORDS[scene.weather]
    return words


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."


def _everything(scene: Scene, rng: random.Random) -> str:
    parts = groups(scene.things, size=True)
    rng.shuffle(parts)
    return _sentence(rng.choice(("{} {}", "there are {} {}" if len(parts) > 1 else "{} {}", "{1}, {0}")).format(listed(parts), _setting(scene)))


def _where(scene: Scene, rng: random.Random) -> str:
    clauses = []
    for place in ("on the left", "in the middle", "on the right"):
        here = [t for t in scene.things if side(t) == place]
        if here:
            clauses.append(f"{listed(groups(here))} {place}")
    if not clauses:
        return _short(scene, rng)
    rng.shuffle(clauses)
    return _sentence(listed(clauses))


def _relations(scene: Scene, rng: random.Random) -> str:
    clauses = [f"{a(scene.things[r.subject])} {HOLDS[r.kind]} {a(scene.things[r.target])}" for r in scene.relations]
    single = unique(scene)
    rng.shuffle(single)
    for one, other in zip(single[::2], single[1::2]):
        if left_of(one, other) is not None:
            clauses.append(f"{a(one)} to the {'left' if left_of(one, other) else 'right'} of {a(other)}")
    if not clauses:
        return _sentence(f"{listed(groups(scene.things, size=True))} {PLACES[scene.place].phrase}")
    return _sentence(listed(clauses[:2]))


def _short(scene: Scene, rng: random.Random) -> str:
    parts = groups(scene.things, colour=False)
    rng.shuffle(parts)
    if scene.weather and rng.random() < 0.5:
        return _sentence(f"{WEATHER[scene.weather]} {PLACES[scene.place].phrase}, where one sees {listed(parts)}")
    return _sentence(f"{listed(parts)} {PLACES[scene.place].phrase}")


def _subset(scene: Scene, rng: random.Random) -> str:
    if scene.odd is not None and rng.random() < 0.6:
        return _sentence(f"strangely, {a(scene.things[scene.odd])} is {PLACES[scene.place].phrase}")
    some = rng.sample(scene.things, min(2, len(scene.things)))
    alike = [t for t in scene.things if noun(t) == noun(some[0])]
    if rng.random() < 0.5 or len(alike) > 1:            # of two red dogs neither is "the red dog"
        return _sentence(f"a picture of {listed([a(t) for t in some])}")
    if some[0].character:
        return _sentence(f"this is {noun(some[0])}")
    return _sentence(f"{the(some[0])} is {rng.choice((some[0].size, side(some[0]) or some[0].size))}")


def boxes(scene: Scene, width: int = 224, height: int = 224) -> list[dict]:
    """COCO annotations without ids: category_id and bbox [x, y, width, height] in pixels."""
    rows = []
    for t in scene.things:
        x0, y0, x1, y1 = t.box
        x, y, w, h = x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height
        rows.append({"category_id": CATEGORIES[t.category].coco_id, "bbox": [round(v, 2) for v in (x, y, w, h)],
                     "area": round(w * h, 2), "iscrowd": 0})
    return rows


def word_map(scene: Scene, grid: int = GRID) -> list[tuple[str, ...]]:
    """The picture told cell by cell: for each of grid x grid cells, row by row, its few words.

    A cell of a thing holds (size, colour, category, number of its kind), and "centre" where the thing's centre lies;
    any other cell holds what lies behind: (ground,) or ("sky", weather). Each ends with its column
    and row as on a chessboard: "a" to "h" from the left, "1" to "8" from the top. The vision parent
    learns from these as from region phrases; the language parent meets them as a kind of text.
    """
    place = PLACES[scene.place]
    cells: list[tuple[str, ...]] = []
    middles, counts = {_cell_of(t, grid): t for t in scene.things}, how_many(scene)
    for row in range(grid):
        for column in range(grid):
            x, y = (column + 0.5) / grid, (row + 0.5) / grid
            thing = middles.get((row, column)) or _thing_at(scene, x, y)
            if thing is not None:
                words = ("centre",) * (middles.get((row, column)) is thing) + thing_words(thing) + (NUMBERS[counts[thing.category]],)
            elif y < 0.56:
                words = (place.above, scene.weather) if scene.weather else (place.above,)
            else:
                words = (place.ground,)
            cells.append(words + (COLUMNS[column], ROWS[row]))
    return cells


def thing_words(thing: Thing) -> tuple[str, ...]:
    return ("captain",) * thing.character + (thing.size, thing.colour, thing.category)


def _cell_of(thing: Thing, grid: int) -> tuple[int, int]:
    x0, y0, x1, y1 = thing.box
    return int((y0 + y1) / 2 * grid), int((x0 + x1) / 2 * grid)


def _thing_at(scene: Scene, x: float, y: float) -> Thing | None:
    for thing in reversed(scene.things):     # the last one drawn is in front
        x0, y0, x1, y1 = thing.box
        if x0 - 0.01 <= x <= x1 + 0.01 and y0 - 0.01 <= y <= y1 + 0.01:
            return thing
    return None
