"""People: clothes in the body colour, everything else by chance, and the one whose name we know."""

from __future__ import annotations

import random

from .pen import INK, WHITE, WOOD, Pen, Stroke, mix, smooth

SKINS = ((250, 216, 186), (238, 190, 150), (206, 150, 108), (160, 108, 76), (118, 78, 56))
HAIRS = ((52, 40, 38), (98, 62, 40), (176, 122, 60), (224, 190, 120), (160, 74, 44), (168, 168, 172))
SHOULDERS = 0.345, 0.465                      # how high arms begin: a person's, the captain's


def person(pen: Pen, rng: random.Random, free: tuple[bool, bool] = (True, True)) -> tuple[int, int, int]:
    """Draw a person; arms that are not ``free`` are left out for :func:`arm`. Returns the skin's colour."""
    skin, hair = rng.choice(SKINS), rng.choice(HAIRS)
    skirt, long_hair, part = rng.random() < 0.45, rng.random() < 0.5, rng.random() < 0.5
    if long_hair:
        pen.shape(smooth(((0.24, 0.10), (0.5, 0.005), (0.76, 0.10), (0.82, 0.30), (0.70, 0.36), (0.30, 0.36),
            (0.18, 0.30)), 3), hair)
    _arms(pen, SHOULDERS[0], skin, free)
    if skirt:
        pen.blob((Stroke(((0.38, 0.76), (0.37, 0.95)), 0.055), Stroke(((0.62, 0.76), (0.63, 0.95)), 0.055)), skin)
        pen.shape(smooth(((0.30, 0.30), (0.70, 0.30), (0.72, 0.42), (0.70, 0.53), (0.84, 0.72), (0.90, 0.83),
            (0.5, 0.865), (0.10, 0.83),
                          (0.16, 0.72), (0.30, 0.53), (0.28, 0.42)), 3))
        pen.fill(((0.14, 0.775), (0.5, 0.815), (0.86, 0.775), (0.885, 0.82), (0.5, 0.85), (0.115, 0.82)), pen.dark)
        pen.mark(((0.30, 0.535), (0.70, 0.535)), pen.dark, 1.8)
    else:
        pen.blob((Stroke(((0.37, 0.62), (0.35, 0.93)), 0.125), Stroke(((0.63, 0.62), (0.65, 0.93)), 0.125)), pen.dark)
        pen.shape(smooth(((0.27, 0.31), (0.5, 0.285), (0.73, 0.31), (0.75, 0.45), (0.75, 0.64), (0.5, 0.665),
            (0.25, 0.64), (0.25, 0.45)), 3))
        pen.mark(((0.5, 0.31), (0.5, 0.645)), pen.dark, 0.9)
        for y in (0.40, 0.48, 0.56):
            pen.dot(0.55, y, 0.010, WHITE)
    _shoe(pen, 0.33, -1)
    _shoe(pen, 0.67, 1)
    _head(pen, skin, 0.5, 0.155)
    top = ((0.25, 0.15), (0.24, 0.07), (0.38, 0.005), (0.62, 0.005), (0.76, 0.07), (0.75, 0.15))
    fringe = ((0.66, 0.095), (0.40, 0.075), (0.32, 0.12)) if part else ((0.68, 0.11), (0.5, 0.085), (0.32, 0.11))
    pen.shape(top + fringe, hair)
    return skin


def captain(pen: Pen, free: tuple[bool, bool] = (True, True)) -> tuple[int, int, int]:
    """The character: purple coat, white beard, tall yellow hat, a wooden leg."""
    skin, yellow = SKINS[1], (250, 214, 40)
    _arms(pen, SHOULDERS[1], skin, free)
    pen.blob((Stroke(((0.36, 0.74), (0.35, 0.93)), 0.12),), pen.dark)
    _shoe(pen, 0.32, -1)
    pen.shape(((0.55, 0.78), (0.73, 0.78), (0.69, 0.995), (0.61, 0.995)), WOOD)
    pen.mark(((0.57, 0.84), (0.71, 0.84)), wide=0.9)
    pen.shape(smooth(((0.28, 0.42), (0.5, 0.40), (0.72, 0.42), (0.76, 0.56), (0.82, 0.79), (0.5, 0.815),
        (0.18, 0.79), (0.24, 0.56)), 3))
    pen.mark(((0.22, 0.66), (0.78, 0.66)), INK, 2.0)
    pen.panel(0.44, 0.635, 0.56, 0.685, yellow)
    _head(pen, skin, 0.5, 0.31)
    pen.shape(smooth(((0.25, 0.31), (0.36, 0.35), (0.5, 0.335), (0.64, 0.35), (0.75, 0.31), (0.74, 0.45),
        (0.62, 0.55), (0.5, 0.60), (0.38, 0.55), (0.26, 0.45)), 3), WHITE)
    pen.mark(((0.42, 0.385), (0.5, 0.40), (0.58, 0.385)), (196, 90, 84), 1.6)
    pen.shape(((0.28, 0.0), (0.72, 0.0), (0.70, 0.205), (0.30, 0.205)), yellow)
    pen.panel(0.30, 0.15, 0.70, 0.19, pen.body, outline=False)
    pen.panel(0.10, 0.205, 0.90, 0.24, yellow, 0.015)
    return skin


def arm(pen: Pen, side: int, y: float, hand: tuple[float, float], skin) -> None:
    """A sleeve from shoulder ``side`` (0 left, 1 right) at height ``y`` to ``hand``, in unit coordinates."""
    x = 0.27 + 0.46 * side
    end = (x + (hand[0] - x) * 0.88, y + (hand[1] - y) * 0.88)
    pen.blob((Stroke((end, hand), 0.055),), skin)
    pen.blob((Stroke(((x, y), end), 0.095),))


def _arms(pen: Pen, y: float, skin, free) -> None:
    for side, x in ((0, 0.085), (1, 0.915)):
        if free[side]:
            arm(pen, side, y, (x, y + 0.255), skin)


def _shoe(pen: Pen, x: float, side: int) -> None:
    pen.blob((Stroke(((x, 0.968), (x + 0.06 * side, 0.970)), 0.055),), INK)


def _head(pen: Pen, skin, x: float, y: float) -> None:
    pen.oval(x, y, 0.25, 0.135, skin)
    pen.dot(x - 0.09, y + 0.005, 0.014)
    pen.dot(x + 0.09, y + 0.005, 0.014)
    pen.mark(((x - 0.07, y + 0.065), (x, y + 0.082), (x + 0.07, y + 0.065)), (176, 80, 76), 1.0)
    blush = mix(skin, (236, 120, 110), 0.4)
    pen.dot(x - 0.155, y + 0.05, 0.016, blush)
    pen.dot(x + 0.155, y + 0.05, 0.016, blush)
