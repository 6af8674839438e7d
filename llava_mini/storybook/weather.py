"""Skies: what is above, how it colours what is below, and rain over all."""

from __future__ import annotations

import random
from functools import lru_cache

from .art.pen import RGB, mix

# weather: colour at the top, colour at the horizon, what the land is mixed with, how much of it
_SKY = {
    "sunny": ((140, 202, 240), (226, 241, 247), (255, 255, 255), 0.0),
    "cloudy": ((160, 170, 184), (208, 212, 216), (150, 154, 164), 0.18),
    "rainy": ((98, 108, 126), (158, 166, 178), (96, 106, 124), 0.36),
    "night": ((26, 30, 64), (66, 72, 116), (28, 32, 72), 0.58),
}


class Backdrop:
    """A canvas of ``n`` x ``n`` pixels, its chance, and the light in which colours are seen."""

    def __init__(self, draw, n: int, weather: str | None, rng: random.Random):
        self.draw, self.n, self.weather, self.rng = draw, n, weather, rng
        self.veil, self.share = _SKY[weather][2:] if weather else ((255, 255, 255), 0.0)
        self.horizon = rng.uniform(0.50, 0.57)
        self.shade = rng.uniform(-0.07, 0.07)             # all colours a little lighter or darker

    def tone(self, colour: RGB) -> RGB:
        """``colour`` in the weather's light, with the picture's own shade."""
        colour = mix(colour, (255, 255, 255) if self.shade > 0 else (60, 60, 80), abs(self.shade) * 1.6)
        return mix(colour, self.veil, self.share) if self.share else colour

    def vary(self, colour: RGB, by: int = 12) -> RGB:
        """``colour`` moved by chance, each channel by at most ``by``, in the weather's light."""
        r = self.rng.random
        return self.tone(tuple(max(0, min(255, int(c + (2 * r() - 1) * by))) for c in colour))

    def poly(self, points, colour: RGB) -> None:
        """A polygon in unit coordinates of the picture."""
        n = self.n
        self.draw.polygon([v * n for p in points for v in p], fill=colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: RGB) -> None:
        n = self.n
        self.draw.rectangle((round(x0 * n), round(y0 * n), round(x1 * n), round(y1 * n)), fill=colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        n = self.n
        self.draw.ellipse(((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n), fill=colour)

    def line(self, points, colour: RGB, width: float) -> None:
        """``width`` is a fraction of the picture's side."""
        n = self.n
        self.draw.line([v * n for p in points for v in p], fill=colour, width=max(1, round(width * n)))

    def bands(self, y0: float, y1: float, top: RGB, bottom: RGB, steps: int = 24) -> None:
        """A gradient from ``top`` to ``bottom``."""
        for k in range(steps):
            self.box(0, y0 + (y1 - y0) * k / steps, 1, y0 + (y1 - y0) * (k + 1) / steps, mix(top, bottom, k / (steps - 1)))

    def hills(self, base: float, height: float, colour: RGB, sharp: bool = False, count: int = 7) -> list:
        """A ridge from side to side that rises up to ``height`` above ``base``; returns its line."""
        r = self.rng.random
        ys = [base - height * (r() if not sharp else (0.15 + 0.25 * r() if i % 2 else 0.55 + 0.45 * r())) for i in range(count)]
        if sharp:
            ridge = [((i - 0.5 + 0.4 * (r() - 0.5)) / (count - 2), y) for i, y in enumerate(ys)]
        else:
            ridge = _wave(tuple(ys))
        self.poly([(-0.3, 1.0), (-0.3, ridge[0][1]), *ridge, (1.3, ridge[-1][1]), (1.3, 1.0)], colour)
        return ridge


def _wave(ys) -> list:
    """A smooth line through heights ``ys`` that stand side by side."""
    n, line = len(ys), []
    for i in range(n - 1):
        for k in range(4):
            t = k / 4
            s = t * t * (3 - 2 * t)
            line.append(((i + t) / (n - 1), ys[i] * (1 - s) + ys[i + 1] * s))
    return line + [(1.0, ys[-1])]


@lru_cache(maxsize=None)
def _puffs(kind: int) -> tuple:
    """Circles of a cloud as (x, y, r) for a cloud of width 1."""
    rng = random.Random(kind)
    n = rng.randint(4, 6)
    return tuple(((i + 0.5) / n, -0.10 * rng.random() - 0.09 * (0 < i < n - 1), 0.12 + 0.08 * rng.random() + 0.04 * (0 < i < n - 1))
                 for i in range(n))


def cloud(b: Backdrop, x: float, y: float, wide: float, colour: RGB, shade: RGB) -> None:
    """A cloud whose left end is at ``x`` and whose flat bottom is at ``y``."""
    puffs = _puffs(b.rng.randrange(40))
    for px, py, r in puffs:
        b.disc(x + px * wide, y + (py - 0.02) * wide, r * wide, r * wide, shade)
    for px, py, r in puffs:
        b.disc(x + px * wide, y + (py - 0.06) * wide, r * wide * 0.93, r * wide * 0.86, colour)


def sky(b: Backdrop) -> None:
    """Fill the picture down to the horizon, with sun, clouds, or moon and stars."""
    rng, (top, low, _, _) = b.rng, _SKY[b.weather]
    top = tuple(max(0, min(255, c + rng.randint(-12, 12))) for c in top)
    b.bands(0.0, b.horizon + 0.06, top, low)
    if b.weather == "sunny":
        x, y, r = rng.choice((rng.uniform(0.08, 0.30), rng.uniform(0.70, 0.92))), rng.uniform(0.08, 0.15), rng.uniform(0.05, 0.07)
        b.disc(x, y, r * 1.55, r * 1.55, mix(top, (255, 244, 190), 0.55))
        b.disc(x, y, r, r, (255, 228, 110))
        for _ in range(rng.randint(0, 2)):
            cloud(b, rng.uniform(-0.1, 0.8), rng.uniform(0.14, 0.34), rng.uniform(0.16, 0.28), (250, 252, 254), (226, 236, 244))
    elif b.weather == "cloudy":
        for _ in range(rng.randint(6, 8)):
            g = rng.randint(218, 236)
            cloud(b, rng.uniform(-0.2, 0.9), rng.uniform(0.06, 0.36), rng.uniform(0.26, 0.46), (g, g + 2, g + 5), (g - 30, g - 26, g - 20))
    elif b.weather == "rainy":
        for _ in range(rng.randint(6, 8)):
            g = rng.randint(84, 112)
            cloud(b, rng.uniform(-0.2, 0.85), rng.uniform(0.02, 0.24), rng.uniform(0.34, 0.52), (g, g + 6, g + 18), (g - 20, g - 15, g - 4))
    else:
        for _ in range(rng.randint(22, 34)):
            r = rng.uniform(0.002, 0.005)
            b.disc(rng.random(), rng.uniform(0, b.horizon - 0.06), r, r, (240, 238, 206))
        x, y, r = rng.uniform(0.10, 0.90), rng.uniform(0.08, 0.17), rng.uniform(0.05, 0.065)
        b.disc(x, y, r * 1.3, r * 1.3, mix(top, (244, 240, 210), 0.18))
        b.disc(x, y, r, r, (246, 240, 208))
        if rng.random() < 0.6:                             # a crescent
            b.disc(x + r * 0.5, y - r * 0.15, r * 0.88, r * 0.88, mix(top, low, 0.15))


def rain(b: Backdrop) -> None:
    """Slanting streaks over everything."""
    rng, lean = b.rng, b.rng.uniform(-0.25, 0.25)
    for _ in range(70):
        x, y, long = rng.uniform(-0.05, 1.05), rng.uniform(-0.03, 1.0), rng.uniform(0.035, 0.065)
        b.line(((x, y), (x + lean * long, y + long)), (188, 202, 220), 0.0045)
