"""Things to take along or meet outside: umbrella, kite, book, backpack, suitcase, bench, traffic light."""

from __future__ import annotations

from .pen import CREAM, DARK, GREY, WHITE, Pen, Stroke, smooth


def umbrella(pen: Pen) -> None:
    """An open canopy in panels, a shaft, a crook at the bottom centre."""
    pen.mark(((0.5, 0.0), (0.5, 0.10)), DARK, 1.6)
    pen.mark(((0.5, 0.40), (0.5, 0.94)), DARK, 2.4)
    pen.mark(((0.5, 0.40), (0.5, 0.94)), (170, 170, 178), 1.0)
    pen.mark(((0.5, 0.88), (0.51, 0.955), (0.56, 0.985), (0.61, 0.955), (0.62, 0.89)), (122, 84, 56), 2.6)
    canopy = smooth(((0.0, 0.56), (0.05, 0.34), (0.22, 0.14), (0.5, 0.055), (0.78, 0.14), (0.95, 0.34),
        (1.0, 0.56), (0.95, 0.70), (0.05, 0.70)), 4)[:25]
    scallops = tuple(p for a in (0.75, 0.5, 0.25, 0.0)
                     for p in ((a + 0.20, 0.51), (a + 0.125, 0.49), (a + 0.05, 0.51), (a, 0.56)))
    pen.shape(canopy + scallops)
    pen.fill(smooth(((0.5, 0.07), (0.31, 0.25), (0.255, 0.53), (0.375, 0.50), (0.49, 0.53)), 3), pen.light)
    pen.fill(smooth(((0.5, 0.07), (0.80, 0.22), (0.975, 0.53), (0.875, 0.50), (0.76, 0.53),
        (0.69, 0.25)), 3), pen.dark)
    for rib in (((0.34, 0.22), (0.25, 0.55)), ((0.5, 0.55),), ((0.66, 0.22), (0.75, 0.55))):
        pen.mark(((0.5, 0.06), *rib), wide=0.8)


def kite(pen: Pen) -> None:
    """A diamond with a cross, and a tail with bows that ends at the bottom centre."""
    pen.mark(((0.5, 0.70), (0.58, 0.77), (0.44, 0.85), (0.56, 0.92), (0.5, 1.0)), DARK, 0.9)
    for x, y in ((0.535, 0.805), (0.49, 0.90)):
        pen.fill(((x, y), (x - 0.12, y - 0.045), (x - 0.12, y + 0.045)), pen.body)
        pen.fill(((x, y), (x + 0.12, y - 0.045), (x + 0.12, y + 0.045)), pen.dark)
    pen.shape(((0.5, 0.0), (1.0, 0.29), (0.5, 0.73), (0.0, 0.29)))
    pen.fill(((0.5, 0.025), (0.5, 0.29), (0.045, 0.29)), pen.light)
    pen.fill(((0.5, 0.29), (0.955, 0.29), (0.5, 0.70)), pen.dark)
    pen.mark(((0.5, 0.01), (0.5, 0.72)), wide=0.9)
    pen.mark(((0.02, 0.29), (0.98, 0.29)), wide=0.9)


def book(pen: Pen) -> None:
    """A closed book lying a little askew: cover, spine, pages along two edges."""
    pen.shape(((0.05, 0.66), (0.13, 0.98), (0.86, 0.98), (0.99, 0.32), (0.90, 0.25), (0.70, 0.70)), pen.dark)
    pen.shape(((0.10, 0.69), (0.15, 0.88), (0.83, 0.88), (0.955, 0.27), (0.88, 0.10), (0.70, 0.70)), WHITE)
    for a, b, c in (((0.12, 0.755), (0.76, 0.755), (0.905, 0.17)), ((0.135, 0.82), (0.80, 0.82), (0.93, 0.22))):
        pen.mark((a, b, c), GREY, 0.6)
    pen.shape(((0.30, 0.72), (0.40, 0.72), (0.42, 0.995), (0.365, 0.95), (0.32, 0.995)), (236, 190, 96))    # ribbon
    pen.shape(((0.24, 0.02), (0.92, 0.02), (0.74, 0.70), (0.02, 0.70)))
    pen.fill(((0.255, 0.045), (0.33, 0.045), (0.115, 0.675), (0.04, 0.675)), pen.dark)
    pen.fill(((0.44, 0.16), (0.78, 0.16), (0.725, 0.36), (0.375, 0.36)), CREAM if pen.body[2] < 230 else GREY)
    pen.mark(((0.46, 0.225), (0.72, 0.225)), wide=0.9)
    pen.mark(((0.44, 0.295), (0.64, 0.295)), wide=0.9)
    pen.mark(((0.27, 0.56), (0.67, 0.56)), pen.light, 1.8)


def backpack(pen: Pen) -> None:
    """Upright sack with a top loop, shoulder straps at the sides, a front pocket."""
    pen.blob((Stroke(((0.40, 0.10), (0.42, 0.045), (0.58, 0.045), (0.60, 0.10)), 0.055),), pen.dark)
    pen.blob((Stroke(((0.20, 0.26), (0.06, 0.42), (0.045, 0.64), (0.14, 0.84)), 0.085),
              Stroke(((0.80, 0.26), (0.94, 0.42), (0.955, 0.64), (0.86, 0.84)), 0.085)), pen.dark)
    pen.shape(smooth(((0.5, 0.09), (0.70, 0.12), (0.83, 0.26), (0.87, 0.55), (0.88, 0.86), (0.78, 0.98),
        (0.5, 0.99), (0.22, 0.98),
                      (0.12, 0.86), (0.13, 0.55), (0.17, 0.26), (0.30, 0.12)), 3))
    pen.fill(smooth(((0.27, 0.22), (0.36, 0.17), (0.40, 0.19), (0.27, 0.34), (0.22, 0.42),
        (0.22, 0.32)), 3), pen.light)
    pen.mark(((0.145, 0.47), (0.32, 0.52), (0.5, 0.53), (0.68, 0.52), (0.855, 0.47)))
    pen.panel(0.24, 0.62, 0.76, 0.90, pen.dark, 0.06)
    pen.mark(((0.30, 0.70), (0.70, 0.70)), CREAM, 1.0)
    for x in (0.33, 0.67):
        pen.panel(x - 0.035, 0.36, x + 0.035, 0.57, pen.dark)
        pen.panel(x - 0.05, 0.50, x + 0.05, 0.56, CREAM)
    pen.panel(0.47, 0.69, 0.53, 0.77, CREAM)


def suitcase(pen: Pen) -> None:
    """A trolley case: pull-out handle, ribs, corners, two wheels."""
    for x in (0.34, 0.66):
        pen.mark(((x, 0.03), (x, 0.26)), DARK, 2.2)
    pen.mark(((0.29, 0.03), (0.71, 0.03)), DARK, 3.2)
    for x in (0.17, 0.83):
        pen.disc(x, 0.935, 0.06, DARK)
    pen.panel(0.0, 0.235, 1.0, 0.92, pen.body, 0.08)
    for x in (0.2, 0.4, 0.6, 0.8):
        pen.mark(((x, 0.28), (x, 0.88)), pen.dark, 1.8)
        pen.mark(((x + 0.03, 0.28), (x + 0.03, 0.88)), pen.light, 1.0)
    pen.blob((Stroke(((0.39, 0.225), (0.41, 0.165), (0.59, 0.165), (0.61, 0.225)), 0.05),), pen.dark)
    for x, y in ((0.0, 0.235), (0.86, 0.235), (0.0, 0.80), (0.86, 0.80)):
        pen.panel(x, y, x + 0.14, y + 0.12, pen.dark, 0.05)
    pen.panel(0.42, 0.30, 0.58, 0.38, CREAM, 0.02)


def bench(pen: Pen) -> None:
    """A park bench: three back planks, a seat, iron legs and arms."""
    for x in (0.10, 0.90):
        pen.mark(((x, 0.02), (x, 0.98)), DARK, 2.6)
    for y in (0.03, 0.19, 0.35):
        pen.panel(0.015, y, 0.985, y + 0.115, pen.body, 0.025)
        pen.mark(((0.04, y + 0.04), (0.96, y + 0.04)), pen.light, 1.0)
    pen.shape(((0.05, 0.52), (0.95, 0.52), (1.0, 0.66), (0.0, 0.66)))
    pen.mark(((0.03, 0.585), (0.97, 0.585)), wide=0.7)
    pen.panel(0.0, 0.66, 1.0, 0.73, pen.dark)
    for x, s in ((0.10, -1), (0.90, 1)):
        pen.mark(((x, 0.36), (x + 0.05 * s, 0.38), (x + 0.06 * s, 0.62)), DARK, 2.0)
        pen.mark(((x, 0.74), (x, 0.98)), DARK, 3.4)
        pen.mark(((x - 0.05, 0.98), (x + 0.05, 0.98)), DARK, 2.4)


def traffic_light(pen: Pen) -> None:
    """A casing with three hooded lamps on a post."""
    pen.panel(0.41, 0.78, 0.59, 0.96, DARK)
    pen.panel(0.22, 0.945, 0.78, 0.998, DARK, 0.02)
    pen.shape(((0.0, 0.06), (0.18, 0.06), (0.18, 0.12), (0.06, 0.12)), pen.dark)
    for y in (0.06, 0.29, 0.52):
        pen.shape(((0.14, y), (0.0, y), (0.06, y + 0.10), (0.14, y + 0.13)), pen.dark)
        pen.shape(((0.86, y), (1.0, y), (0.94, y + 0.10), (0.86, y + 0.13)), pen.dark)
    pen.panel(0.11, 0.0, 0.89, 0.79, pen.body, 0.07)
    pen.panel(0.16, 0.73, 0.84, 0.77, pen.dark, 0.015, outline=False)
    for y, lamp in ((0.14, (232, 60, 52)), (0.39, (250, 200, 50)), (0.64, (60, 190, 90))):
        pen.disc(0.5, y, 0.092, lamp)
        pen.dot(0.43, y - 0.03, 0.022, WHITE)
