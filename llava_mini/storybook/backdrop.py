"""The painter of backgrounds: broad shapes over the whole picture, in the light of the weather."""

from __future__ import annotations

import random

from .art.pen import RGB, WHITE, mix

# weather: what the land's colours are mixed with, and how much of it
VEILS = {
    "sunny": ((255, 255, 255), 0.0),
    "cloudy": ((150, 154, 164), 0.18),
    "rainy": ((96, 106, 124), 0.36),
    "night": ((32, 36, 80), 0.52),
}


class Backdrop:
    """A canvas of ``n`` x ``n`` pixels, its chance, and the light in which colours are seen."""

    def __init__(self, draw, n: int, weather: str | None, rng: random.Random):
        self.draw, self.n, self.weather, self.rng = draw, n, weather, rng
        self.veil, self.share = VEILS.get(weather, (WHITE, 0.0))
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
        """A filled rectangle."""
        n = self.n
        self.draw.rectangle((round(x0 * n), round(y0 * n), round(x1 * n), round(y1 * n)), fill=colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        """A filled ellipse."""
        n = self.n
        self.draw.ellipse(((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n), fill=colour)

    def line(self, points, colour: RGB, width: float) -> None:
        """``width`` is a fraction of the picture's side."""
        n = self.n
        self.draw.line([v * n for p in points for v in p], fill=colour, width=max(1, round(width * n)))

    def bands(self, y0: float, y1: float, top: RGB, bottom: RGB, steps: int = 24) -> None:
        """A gradient from ``top`` to ``bottom``."""
        for k in range(steps):
            self.box(0, y0 + (y1 - y0) * k / steps, 1, y0 + (y1 - y0) * (k + 1) / steps, mix(top, bottom,
                k / (steps - 1)))

    def hills(self, base: float, height: float, colour: RGB, sharp: bool = False, count: int = 7) -> list:
        """A ridge from side to side that rises up to ``height`` above ``base``; returns its line."""
        r = self.rng.random
        rises = [(0.15 + 0.25 * r() if i % 2 else 0.55 + 0.45 * r()) if sharp else r() for i in range(count)]
        ys = [base - height * rise for rise in rises]
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
