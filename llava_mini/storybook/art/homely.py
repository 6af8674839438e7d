"""Things of the home: ball, cup, cake, apple, chair, clock, teddy bear."""

from __future__ import annotations

from .pen import CREAM, GREY, INK, WHITE, Pen, Stroke, mix, ring, smooth

LEAF = (92, 160, 84)


def _pale(pen: Pen):
    """White on coloured things, grey on white ones."""
    return (176, 184, 200) if min(pen.body) > 225 else WHITE


def ball(pen: Pen) -> None:
    """A beach ball: curved panels that meet at a cap."""
    pen.oval(0.5, 0.5, 0.5, 0.5)
    pen.fill(smooth(((0.40, 0.28), (0.14, 0.20), (0.02, 0.42), (0.03, 0.60), (0.20, 0.46)), 4), _pale(pen))
    pen.fill(smooth(((0.44, 0.30), (0.58, 0.56), (0.58, 0.84), (0.50, 0.985), (0.74, 0.93), (0.84, 0.80),
        (0.76, 0.54)), 4), _pale(pen))
    for seam in (((0.26, 0.32), (0.12, 0.44), (0.02, 0.60)), ((0.55, 0.50), (0.60, 0.74), (0.52, 0.99)),
                 ((0.62, 0.40), (0.78, 0.58), (0.84, 0.84)), ((0.24, 0.18), (0.14, 0.19), (0.10, 0.22)),
                 ((0.60, 0.16), (0.74, 0.14), (0.82, 0.16)), ((0.36, 0.50), (0.26, 0.76), (0.17, 0.86))):
        pen.mark(((0.40, 0.28), *seam), wide=0.7)
    pen.oval(0.40, 0.28, 0.085, 0.07, pen.light)
    pen.fill(ring(0.64, 0.25, 0.09, 0.04, 25), pen.light)


def cup(pen: Pen) -> None:
    """A mug with its handle at the right, a saucer, and steam."""
    for x in (0.24, 0.42, 0.60):
        curve = ((x, 0.245), (x - 0.05, 0.18), (x + 0.03, 0.105), (x - 0.02, 0.02))
        pen.mark(curve, GREY, 2.2)
        pen.mark(curve, WHITE, 1.2)
    pen.oval(0.44, 0.92, 0.44, 0.07, pen.dark)
    pen.hoop(0.785, 0.54, 0.215, pen.line, 0.135)
    pen.hoop(0.785, 0.54, 0.195, pen.body, 0.095)
    pen.shape(smooth(((0.06, 0.32), (0.44, 0.30), (0.82, 0.32), (0.80, 0.60), (0.70, 0.86), (0.58, 0.935),
        (0.30, 0.935), (0.18, 0.86), (0.08, 0.60)), 3))
    pen.fill(smooth(((0.60, 0.42), (0.77, 0.40), (0.75, 0.60), (0.66, 0.82), (0.55, 0.90),
        (0.62, 0.66)), 3), pen.dark)
    pen.fill(smooth(((0.13, 0.44), (0.20, 0.45), (0.23, 0.66), (0.27, 0.80), (0.18, 0.72)), 3), pen.light)
    pen.oval(0.44, 0.33, 0.38, 0.07, pen.light)
    pen.oval(0.44, 0.34, 0.31, 0.045, (112, 72, 50), outline=False)


def cake(pen: Pen) -> None:
    """Two tiers with icing that drips, three candles, a plate."""
    icing = (226, 190, 160) if min(pen.body) > 225 else CREAM
    pen.oval(0.5, 0.93, 0.5, 0.065, (226, 228, 234))
    pen.shape(smooth(((0.09, 0.60), (0.5, 0.57), (0.91, 0.60), (0.91, 0.88), (0.78, 0.935), (0.5, 0.955),
        (0.22, 0.935), (0.09, 0.88)), 3))
    pen.fill(((0.105, 0.80), (0.5, 0.86), (0.895, 0.80), (0.895, 0.87), (0.78, 0.92), (0.5, 0.94), (0.22, 0.92),
        (0.105, 0.87)), pen.dark)
    pen.shape(smooth(((0.24, 0.32), (0.5, 0.29), (0.76, 0.32), (0.76, 0.60), (0.5, 0.645), (0.24, 0.60)), 3))
    pen.shape(smooth(((0.23, 0.31), (0.5, 0.27), (0.77, 0.31), (0.765, 0.42), (0.70, 0.45), (0.64, 0.39),
        (0.57, 0.49), (0.50, 0.40),
                      (0.43, 0.48), (0.36, 0.39), (0.30, 0.46), (0.235, 0.41)), 3), icing)
    for x, y in ((0.17, 0.70), (0.335, 0.735), (0.5, 0.745), (0.665, 0.735), (0.83, 0.70)):
        pen.disc(x, y, 0.042, icing)
    for x, y in ((0.345, 0.30), (0.5, 0.32), (0.655, 0.30)):
        pen.panel(x - 0.024, y - 0.16, x + 0.024, y, _pale(pen))
        pen.fill(smooth(((x, y - 0.295), (x + 0.042, y - 0.20), (x, y - 0.165), (x - 0.042, y - 0.20)), 3),
            (252, 176, 44))


def apple(pen: Pen) -> None:
    """Notched above and below, with a stem and a leaf."""
    pen.mark(((0.50, 0.26), (0.49, 0.14), (0.44, 0.01)), (98, 66, 42), 2.6)
    pen.shape(smooth(((0.51, 0.17), (0.60, 0.05), (0.76, 0.015), (0.86, 0.05), (0.78, 0.16), (0.64, 0.19)), 3), LEAF)
    pen.shape(smooth(((0.50, 0.275), (0.66, 0.20), (0.86, 0.24), (0.985, 0.44), (0.95, 0.70), (0.80, 0.92),
        (0.64, 0.99), (0.50, 0.955),
                      (0.36, 0.99), (0.20, 0.92), (0.05, 0.70), (0.015, 0.44), (0.14, 0.24), (0.34, 0.20)), 4))
    pen.fill(smooth(((0.90, 0.46), (0.925, 0.60), (0.84, 0.80), (0.66, 0.94), (0.60, 0.92),
        (0.78, 0.74)), 3), pen.dark)
    pen.fill(ring(0.24, 0.45, 0.07, 0.13, 20), pen.light)
    pen.mark(((0.38, 0.27), (0.50, 0.31), (0.62, 0.27)), wide=0.8)


def chair(pen: Pen) -> None:
    """A kitchen chair seen from the front at an angle: slatted back, seat, four legs."""
    pen.blob((Stroke(((0.22, 0.62), (0.21, 0.90)), 0.07), Stroke(((0.80, 0.62), (0.82, 0.88)), 0.07)), pen.dark)
    pen.blob((Stroke(((0.14, 0.05), (0.17, 0.58)), 0.085), Stroke(((0.78, 0.05), (0.76, 0.58)), 0.085),
              Stroke(((0.14, 0.07), (0.46, 0.055), (0.78, 0.07)), 0.11),
              Stroke(((0.16, 0.235), (0.77, 0.235)), 0.075),
              Stroke(((0.16, 0.375), (0.77, 0.375)), 0.075)))
    pen.blob((Stroke(((0.08, 0.62), (0.065, 0.955)), 0.085), Stroke(((0.92, 0.62), (0.935, 0.955)), 0.085)))
    pen.shape(smooth(((0.16, 0.50), (0.78, 0.50), (0.95, 0.61), (0.97, 0.675), (0.5, 0.69), (0.03, 0.675),
        (0.04, 0.61)), 3))
    pen.fill(((0.19, 0.525), (0.76, 0.525), (0.88, 0.60), (0.11, 0.60)), pen.light)
    pen.fill(((0.05, 0.64), (0.95, 0.64), (0.94, 0.672), (0.06, 0.672)), pen.dark)


def clock(pen: Pen) -> None:
    """An alarm clock: two bells, a pale face, two hands."""
    pen.blob((Stroke(((0.24, 0.82), (0.13, 0.955)), 0.09), Stroke(((0.76, 0.82), (0.87, 0.955)), 0.09)), pen.dark)
    pen.mark(((0.5, 0.16), (0.5, 0.05)), wide=1.8)
    pen.panel(0.42, 0.0, 0.58, 0.055, pen.dark, 0.02)
    pen.blob((ring(0.20, 0.17, 0.20, 0.125, -38), ring(0.80, 0.17, 0.20, 0.125, 38)), pen.light)
    pen.oval(0.5, 0.545, 0.425, 0.425)
    pen.fill(ring(0.5, 0.545, 0.40, 0.40)[1:11] + ring(0.5, 0.545, 0.33, 0.33)[10:0:-1], pen.dark)
    pen.oval(0.5, 0.545, 0.265, 0.265, CREAM)
    for x, y in ((0.5, 0.325), (0.72, 0.545), (0.5, 0.765), (0.28, 0.545)):
        pen.dot(x, y, 0.018)
    pen.mark(((0.5, 0.37), (0.5, 0.545), (0.625, 0.615)), INK, 1.8)
    pen.dot(0.5, 0.545, 0.032)


def teddy_bear(pen: Pen) -> None:
    """Sitting and looking at us: round ears, pale muzzle, belly and soles."""
    pale = mix(pen.body, CREAM, 0.62)
    if min(pen.body) > 225:
        pale = (224, 214, 204)
    pen.blob((ring(0.18, 0.115, 0.14, 0.11), ring(0.82, 0.115, 0.14, 0.11)))
    pen.fill(ring(0.18, 0.115, 0.07, 0.055), pale)
    pen.fill(ring(0.82, 0.115, 0.07, 0.055), pale)
    pen.blob((ring(0.5, 0.69, 0.33, 0.265),
              Stroke(((0.24, 0.54), (0.09, 0.67)), 0.145), Stroke(((0.76, 0.54), (0.91, 0.67)), 0.145)))
    pen.oval(0.5, 0.69, 0.20, 0.165, pale, outline=False)
    pen.oval(0.19, 0.875, 0.175, 0.12)
    pen.oval(0.81, 0.875, 0.175, 0.12)
    pen.oval(0.19, 0.875, 0.10, 0.068, pale, outline=False)
    pen.oval(0.81, 0.875, 0.10, 0.068, pale, outline=False)
    pen.oval(0.5, 0.27, 0.365, 0.225)
    pen.oval(0.5, 0.355, 0.165, 0.105, pale, outline=False)
    pen.oval(0.5, 0.315, 0.065, 0.037, INK, outline=False)
    pen.mark(((0.42, 0.395), (0.5, 0.375), (0.58, 0.395)))
    pen.mark(((0.5, 0.33), (0.5, 0.375)))
    pen.dot(0.33, 0.235, 0.03)
    pen.dot(0.67, 0.235, 0.03)
