"""Where a thing of the scene editor may be: within the picture, on the ground, in the sky or on water, and beside the others.

Boxes are (x0, y0, x1, y1) in 0..1 of the picture, y downwards. The rules are those by which the storybook's own pages are
laid out (:mod:`..storybook.world`); what breaks one is refused with a sentence.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import InputError
from ..storybook.phrases import a, noun
from ..storybook.scenes import Scene, Thing
from ..storybook.vocabulary import CATEGORIES, PLACES
from ..storybook.world import SEAT

SIDE = {"small": 0.19, "big": 0.335}            # of a square thing, as a share of the picture
EDGE = 0.01
SHARED = 0.04                                   # of the smaller of two boxes: more, and one thing covers the other
WORDS = {"on": "on", "under": "under", "holding": "held by"}
_WHERE = {"sky": (0.0, 0.5, "flies, so it stays in the upper half of the picture"),        # lower edge from, to
          "water": (0.52, 0.61, "floats here, so its lower edge lies on the water, a little below the middle of the picture"),
          "ground": (0.66, 0.99, "stands on the ground, so its lower edge is in the lower third of the picture")}


def joint(thing: Thing, kind: str, carrier: Thing) -> tuple[float, float, float, float]:
    """The box of a thing that is joined to its carrier, laid out as the storybook's own pages have it."""
    x0, y0, x1, y1 = carrier.box
    wide, high = extent(thing, 0.8 if kind == "under" else 1.0)
    if kind == "on":
        down, across = SEAT[carrier.category]
        x, foot = x0 + (1 - across if carrier.flip else across) * (x1 - x0) - wide / 2, y0 + down * (y1 - y0)
    elif kind == "under":
        x, foot = (x0 + x1 - wide) / 2, y1 + EDGE
    else:
        right = x1 < 0.75
        hand_x, hand_y = x1 + 0.02 if right else x0 - 0.02, y0 + 0.52 * (y1 - y0)
        if thing.category == "umbrella":
            x, foot = hand_x - wide / 2, hand_y - 0.12 * (y1 - y0)
        elif thing.category == "kite":
            x, foot = hand_x + (0.1 if right else -0.1 - wide), max(0.03, hand_y - 0.45) + high
        else:
            x, foot = hand_x - (0.2 if right else 0.8) * wide, hand_y + high / 2
    box = rounded(x, foot - high, x + wide, foot)
    if min(box) < 0 or max(box) > 1:
        raise InputError(f"There is no room {WORDS[kind]} {the(carrier)}, which is too near the edge of the picture; move it first.")
    return box


def links(scene: Scene) -> list[tuple[str, int, int]]:
    """(kind, what is carried, what carries it) of each relation."""
    return [(r.kind, r.target, r.subject) if r.kind == "holding" else (r.kind, r.subject, r.target) for r in scene.relations]


def without(scene: Scene, number: int) -> Scene:
    """The scene without one thing; the relations of the others count on."""
    relations = tuple(replace(r, subject=r.subject - (r.subject > number), target=r.target - (r.target > number))
                      for r in scene.relations if number not in (r.subject, r.target))
    return replace(scene, things=scene.things[:number] + scene.things[number + 1:], relations=relations)


def check(scene: Scene, number: int) -> None:
    """May this thing be where it is? Raises InputError with the reason if not."""
    thing, joins = scene.things[number], links(scene)
    if min(thing.box) < 0 or max(thing.box) > 1:
        raise InputError(f"{the(thing).capitalize()} would leave the picture; go less far to the edge.")
    low, high, why = _WHERE[_lives(scene, thing)]
    if all(rider != number for _, rider, _ in joins) and not low <= thing.box[3] <= high:
        raise InputError(f"{a(thing, colour=False).capitalize()} {why}; put it there.")
    partners = {rider if on == number else on for _, rider, on in joins if number in (rider, on)}
    for other, one in enumerate(scene.things):
        if other != number and other not in partners and _shared(thing.box, one.box) > SHARED:
            raise InputError(f"{the(thing).capitalize()} and {the(one)} would cover each other; move one of them away.")


def free(scene: Scene, thing: Thing, number: int | None) -> tuple[float, float]:
    """The upper left corner where a thing has most room around it."""
    wide, high = extent(thing) if number is None else (thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])
    low, top, _ = _WHERE[_lives(scene, thing)]
    best, room = None, -1.0
    for column in range(33):
        for row in (4, 0, 2):                       # in front, at the back, between: so that more things find room
            x, foot = EDGE + (1 - 2 * EDGE - wide) * column / 32, max(low, high + EDGE) + (top - EDGE - max(low, high + EDGE)) * row / 4
            box = (x, foot - high, x + wide, foot)
            others = [one.box for i, one in enumerate(scene.things) if i != number]
            if max((_shared(box, other) for other in others), default=0.0) > 0:
                continue
            near = min((abs(box[0] + box[2] - o[0] - o[2]) + abs(box[1] + box[3] - o[1] - o[3]) for o in others), default=1.0)
            if near > room:
                best, room = (x, foot - high), near
    if best is None:
        raise InputError(f"There is no room left for {a(thing, size=True)}; remove something, or take a smaller one.")
    return best


def _lives(scene: Scene, thing: Thing) -> str:
    lives = CATEGORIES[thing.category].lives
    return "ground" if lives == "water" and not PLACES[scene.place].water else lives


def extent(thing: Thing, scale: float = 1.0) -> tuple[float, float]:
    """Width and height of a thing by its category and size."""
    side, slim = SIDE[thing.size] * scale, CATEGORIES[thing.category].aspect ** 0.5
    return side * slim, side / slim


def _shared(one, other) -> float:
    """The area that two boxes share, as a share of the smaller."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / smaller if wide > 0 and high > 0 else 0.0


def rounded(*box: float) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in box)


def the(thing: Thing) -> str:
    return f"the {noun(thing, size=True)}"
