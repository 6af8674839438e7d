"""A pen that draws in the unit square of one thing's box, in tints of one colour.

Drawings know nothing of pixels: they place shapes in 0..1 x 0..1 (y downwards) and the pen brings
them to the canvas, mirrored if asked. Lengths without a direction (radii of discs, widths of
strokes) are fractions of the box's height, so that wheels stay round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

INK = (38, 30, 44)
WHITE = (250, 250, 248)
CREAM = (250, 240, 216)
PINK = (238, 160, 160)
GREY = (146, 150, 160)
DARK = (66, 66, 78)
GLASS = (198, 226, 238)
WOOD = (176, 124, 78)

RGB = tuple[int, int, int]
Points = tuple[tuple[float, float], ...]


class Stroke(NamedTuple):
    """A thick line with round ends; ``width`` is a fraction of the box's height."""

    points: Points
    width: float


@dataclass(frozen=True)
class Tints:
    """The body colour and what is mixed from it."""

    body: RGB
    light: RGB    # highlights
    dark: RGB     # shaded parts
    line: RGB     # outline


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """``first`` with ``share`` (0..1) of ``second`` in it."""
    keep = 1.0 - share
    return (int(first[0] * keep + second[0] * share),
            int(first[1] * keep + second[1] * share),
            int(first[2] * keep + second[2] * share))


@lru_cache(maxsize=None)
def tints(body: RGB) -> Tints:
    """Highlights and shades that stay nearer to ``body`` than to any other vocabulary colour."""
    if min(body) > 225:                                   # white is shaded with a cool grey
        return Tints(body, (255, 255, 255), (216, 222, 234), (74, 76, 96))
    return Tints(body, mix(body, (255, 255, 255), 0.17), mix(body, INK, 0.14), mix(body, INK, 0.80))


@lru_cache(maxsize=None)
def smooth(points: Points, steps: int = 4) -> Points:
    """A closed curve through ``points`` (Catmull-Rom), ``steps`` pieces between two of them."""
    n, curve = len(points), []
    for i in range(n):
        a, b, c, d = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
        for k in range(steps):
            t = k / steps
            curve.append(tuple(
                0.5 * (2 * b[j] + (c[j] - a[j]) * t + (2 * a[j] - 5 * b[j] + 4 * c[j] - d[j]) * t * t
                       + (3 * b[j] - a[j] - 3 * c[j] + d[j]) * t ** 3) for j in (0, 1)))
    return tuple(curve)


@lru_cache(maxsize=None)
def ring(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0, n: int = 22) -> Points:
    """An ellipse as a polygon, turned by ``turn`` degrees (in unit coordinates)."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    angles = [2 * math.pi * i / n for i in range(n)]
    return tuple((cx + rx * math.cos(a) * c - ry * math.sin(a) * s,
                  cy + rx * math.cos(a) * s + ry * math.sin(a) * c) for a in angles)


class Pen:
    """Draws into ``box`` (canvas pixels x0, y0, x1, y1) with an outline ``width`` pixels wide."""

    def __init__(self, draw, box, colour: RGB, width: int, flip: bool = False):
        x0, y0, x1, y1 = box
        inset = width / 2                                  # the outline stays inside the box
        self.draw, self.width, self.tints = draw, width, tints(colour)
        self.body, self.light, self.dark, self.line = (
            self.tints.body, self.tints.light, self.tints.dark, self.tints.line)
        self.top, self.high = y0 + inset, y1 - y0 - width
        self.left, self.wide = (x1 - inset, x0 - x1 + width) if flip else (x0 + inset, x1 - x0 - width)

    def at(self, points) -> list[float]:
        """Unit points as the flat list of canvas coordinates that Pillow wants."""
        left, top, wide, high = self.left, self.top, self.wide, self.high
        flat = []
        for x, y in points:
            flat.append(left + x * wide)
            flat.append(top + y * high)
        return flat

    def fill(self, points, colour: RGB) -> None:
        """A polygon without an outline."""
        self.draw.polygon(self.at(points), fill=colour)

    def shape(self, points, colour: RGB | None = None) -> None:
        """A polygon with an outline; the body colour unless another is given."""
        flat = self.at(points)
        self.draw.polygon(flat, fill=colour or self.body)
        self.draw.line(flat + flat[:4], fill=self.line, width=self.width)

    def blob(self, parts, colour: RGB | None = None) -> None:
        """Several shapes and strokes melted into one silhouette with one outline."""
        colour, draw, ready = colour or self.body, self.draw, []
        for part in parts:
            if isinstance(part, Stroke):
                flat, width = self.at(part.points), max(1, round(part.width * self.high))
                self._stroke(flat, width + self.width, self.line)
                ready.append((flat, width - self.width))
            else:
                flat = self.at(part)
                draw.line(flat + flat[:4], fill=self.line, width=self.width)
                ready.append((flat, None))
        for flat, width in ready:
            if width is None:
                draw.polygon(flat, fill=colour)
            else:
                self._stroke(flat, max(width, 2), colour)

    def _stroke(self, flat, width: int, colour: RGB) -> None:
        r = (width - 1) / 2
        self.draw.line(flat, fill=colour, width=width)
        for x, y in zip(flat[::2], flat[1::2]):
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def mark(self, points, colour: RGB | None = None, wide: float = 1.0) -> None:
        """A thin line, ``wide`` times the outline's width; the outline's colour unless given."""
        self.draw.line(self.at(points), fill=colour or self.line, width=max(1, round(wide * self.width)))

    def oval(self, cx, cy, rx, ry, colour: RGB | None = None, outline: bool = True) -> None:
        """An upright ellipse, radii in unit coordinates."""
        x, y = self.left + cx * self.wide, self.top + cy * self.high
        a, b = abs(rx * self.wide), ry * self.high
        if outline:
            h = self.width / 2
            self.draw.ellipse((x - a - h, y - b - h, x + a + h, y + b + h),
                              fill=colour or self.body, outline=self.line, width=self.width)
        else:
            self.draw.ellipse((x - a, y - b, x + a, y + b), fill=colour or self.body)

    def disc(self, cx, cy, r, colour: RGB | None = None, outline: bool = True) -> None:
        """A circle; ``r`` is a fraction of the box's height."""
        self.oval(cx, cy, r * self.high / abs(self.wide), r, colour, outline)

    def dot(self, cx, cy, r, colour: RGB = INK) -> None:
        """A small filled circle without outline, never smaller than two canvas pixels."""
        x, y, r = self.left + cx * self.wide, self.top + cy * self.high, max(r * self.high, 2.0)
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def hoop(self, cx, cy, r, colour: RGB, thick: float) -> None:
        """A circle's rim, ``thick`` (fraction of the box's height) inwards from ``r``."""
        x, y, r = self.left + cx * self.wide, self.top + cy * self.high, r * self.high
        self.draw.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=max(2, round(thick * self.high)))

    def panel(self, x0, y0, x1, y1, colour: RGB | None = None, round_: float = 0.0,
              outline: bool = True) -> None:
        """A rectangle with corners rounded by ``round_`` (fraction of the box's height)."""
        h = self.width / 2 if outline else 0
        a, b = sorted((self.left + x0 * self.wide, self.left + x1 * self.wide))
        box = (round(a - h), round(self.top + y0 * self.high - h), round(b + h), round(self.top + y1 * self.high + h))
        line, width = (self.line, self.width) if outline else (None, 0)
        radius = min(round_ * self.high + h, (box[2] - box[0]) // 2 - 1, (box[3] - box[1]) // 2 - 1)
        if round_ and radius > 1:
            self.draw.rounded_rectangle(box, radius, fill=colour or self.body, outline=line, width=width)
        else:
            self.draw.rectangle(box, fill=colour or self.body, outline=line, width=width)
