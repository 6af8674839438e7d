"""Skies: sun, clouds, moon and stars; and rain over everything."""

from __future__ import annotations

import random
from functools import lru_cache

from .art.pen import RGB, mix
from .backdrop import Backdrop

# weather: the sky's colour at the top and at the horizon
_SKY = {
    "sunny": ((140, 202, 240), (226, 241, 247)),
    "cloudy": ((160, 170, 184), (208, 212, 216)),
    "rainy": ((98, 108, 126), (158, 166, 178)),
    "night": ((30, 34, 72), (78, 84, 130)),
}


@lru_cache(maxsize=None)
def _puffs(kind: int) -> tuple:
    """Circles of a cloud as (x, y, r) for a cloud of width 1."""
    rng = random.Random(kind)
    n = rng.randint(4, 6)
    return tuple(((i + 0.5) / n, -0.10 * rng.random() - 0.09 * (0 < i < n - 1),
        0.12 + 0.08 * rng.random() + 0.04 * (0 < i < n - 1))
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
    rng, (top, low) = b.rng, _SKY[b.weather]
    top = tuple(max(0, min(255, c + rng.randint(-12, 12))) for c in top)
    b.bands(0.0, b.horizon + 0.06, top, low)
    if b.weather == "sunny":
        left, y, r = rng.random() < 0.5, rng.uniform(0.08, 0.15), rng.uniform(0.05, 0.07)
        x = rng.uniform(0.08, 0.30) if left else rng.uniform(0.70, 0.92)
        b.disc(x, y, r * 1.55, r * 1.55, mix(top, (255, 244, 190), 0.55))
        b.disc(x, y, r, r, (255, 228, 110))
        for _ in range(rng.randint(0, 2)):                 # on the other side, so that the sun is seen
            wide = rng.uniform(0.16, 0.28)
            x = rng.uniform(0.45, 0.85) if left else rng.uniform(-0.10, 0.52 - wide)
            cloud(b, x, rng.uniform(0.14, 0.34), wide, (250, 252, 254), (226, 236, 244))
    elif b.weather == "cloudy":
        for _ in range(rng.randint(6, 8)):
            g = rng.randint(218, 236)
            cloud(b, rng.uniform(-0.2, 0.9), rng.uniform(0.06, 0.36), rng.uniform(0.26, 0.46), (g, g + 2, g + 5),
                (g - 30, g - 26, g - 20))
    elif b.weather == "rainy":
        for _ in range(rng.randint(6, 8)):
            g = rng.randint(84, 112)
            cloud(b, rng.uniform(-0.2, 0.85), rng.uniform(0.02, 0.24), rng.uniform(0.34, 0.52), (g, g + 6, g + 18),
                (g - 20, g - 15, g - 4))
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
    for _ in range(80):
        x, y, long = rng.uniform(-0.05, 1.05), rng.uniform(-0.03, 1.0), rng.uniform(0.035, 0.065)
        b.line(((x, y), (x + lean * long, y + long)), (192, 206, 224), 0.005)
