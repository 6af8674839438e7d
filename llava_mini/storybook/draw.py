"""A scene becomes a picture: place, weather, then each thing in order.

Everything is drawn twice as large as asked and reduced by averaging 2 x 2 pixels, which smooths
the edges. The same scene gives the same picture, byte for byte.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from .art import DRAWINGS, Pen, people
from .backdrop import Backdrop
from .places import BACKDROPS
from .scenes import Scene, Thing
from .vocabulary import COLOURS
from .weather import rain

OVERSAMPLING = 2


def draw(scene: Scene, size: int = 224) -> Image.Image:
    """The picture of ``scene``, RGB, ``size`` x ``size`` pixels."""
    n = size * OVERSAMPLING
    canvas = Image.new("RGB", (n, n))
    pencil = ImageDraw.Draw(canvas)
    backdrop = Backdrop(pencil, n, scene.weather, random.Random(scene.seed))
    BACKDROPS[scene.place](backdrop)
    held = {r.subject: r.target for r in scene.relations if r.kind == "holding"}
    string = (214, 214, 222) if scene.weather in ("night", "rainy") else (70, 70, 84)
    arms = []                                              # (drawn after which thing, what to draw)
    for index, thing in enumerate(scene.things):
        pen = _pen(pencil, thing, n)
        if thing.category == "person":
            hold = _Hold(thing, scene.things[held[index]]) if index in held else None
            skin = _person(pen, thing, random.Random(scene.seed * 31 + index), hold)
            if hold:
                arms.append((max(index, held[index]), hold, pen, skin))
        else:
            DRAWINGS[thing.category](pen)
        for after, hold, pen, skin in arms:
            if after == index:
                hold.draw(pen, skin, n, string)
    if scene.weather == "rainy":
        rain(backdrop)
    return canvas.reduce(OVERSAMPLING)


def _pen(pencil, thing: Thing, n: int) -> Pen:
    box = tuple(v * n for v in thing.box)
    side = (box[2] - box[0]) * (box[3] - box[1]) / n ** 2
    width = 4 if side > 0.06 else 3 if side > 0.02 else 2  # of the outline, for a canvas of 448
    return Pen(pencil, box, COLOURS[thing.colour], max(1, round(width * n / 448)), thing.flip)


def _person(pen: Pen, thing: Thing, rng: random.Random, hold: "_Hold | None"):
    free = [True, True]
    if hold:
        free[hold.side] = False
    if thing.character:
        return people.captain(pen, tuple(free))
    return people.person(pen, rng, tuple(free))


class _Hold:
    """A person's arm that reaches for a thing, and a string if the thing is a kite."""

    REACH = 0.36                                           # longest arm, in heights of the person

    def __init__(self, person: Thing, thing: Thing):
        x0, y0, x1, y1 = person.box
        self.wide, self.high, self.thing = x1 - x0, y1 - y0, thing
        goal = self._grip(person, thing)
        self.side = int((goal[0] > (x0 + x1) / 2) != person.flip)   # in the person's own, unmirrored box
        self.y = people.SHOULDERS[person.character]
        shoulder = 0.27 + 0.46 * self.side
        gx = (goal[0] - x0) / self.wide
        gx, gy = (1 - gx if person.flip else gx), (goal[1] - y0) / self.high
        dx, dy = (gx - shoulder) * self.wide / self.high, gy - self.y
        far = (dx * dx + dy * dy) ** 0.5
        short = min(1.0, self.REACH / far) if far else 1.0
        self.hand = (shoulder + (gx - shoulder) * short, self.y + dy * short)
        self.goal = goal

    @staticmethod
    def _grip(person: Thing, thing: Thing) -> tuple[float, float]:
        """Where the thing is held, in the picture."""
        x0, y0, x1, y1 = thing.box
        if thing.category == "umbrella":
            return (x0 + x1) / 2, y0 + 0.86 * (y1 - y0)
        if thing.category == "kite":
            return (x0 + x1) / 2, y1
        middle = (person.box[0] + person.box[2]) / 2
        if thing.category in ("backpack", "suitcase"):
            return (x0 + x1) / 2, y0 + 0.05 * (y1 - y0)
        return (x0 + 0.06 * (x1 - x0) if middle < (x0 + x1) / 2 else x1 - 0.06 * (x1 - x0)), y0 + 0.6 * (y1 - y0)

    def draw(self, pen: Pen, skin, n: int, string) -> None:
        """The arm, over what is held; ``string`` is the colour of a kite's line."""
        if self.thing.category == "kite":
            x, y = pen.at((self.hand,))
            gx, gy = self.goal[0] * n, self.goal[1] * n
            sag = (x + gx) / 2, (y + gy) / 2 + 0.06 * abs(x - gx)
            pen.draw.line((gx, gy, *sag, x, y), fill=string, width=max(1, round(n / 224)))
        people.arm(pen, self.side, self.y, self.hand, skin)
