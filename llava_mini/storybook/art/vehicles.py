"""Five vehicles, all heading right."""

from __future__ import annotations

from .pen import CREAM, DARK, GLASS, GREY, WHITE, Pen, Stroke, smooth


def _wheel(pen: Pen, x: float, y: float, r: float) -> None:
    pen.disc(x, y, r, DARK)
    pen.disc(x, y, r * 0.5, (206, 208, 214), outline=False)
    pen.dot(x, y, r * 0.18, DARK)


def car(pen: Pen) -> None:
    """A rounded cabin on a low body, two big wheels."""
    pen.shape(smooth(((0.04, 0.52), (0.09, 0.44), (0.17, 0.40), (0.27, 0.10), (0.36, 0.01), (0.56, 0.01),
        (0.66, 0.12), (0.76, 0.40),
                      (0.92, 0.45), (0.99, 0.56), (0.99, 0.76), (0.94, 0.83), (0.86, 0.835), (0.14, 0.835),
                      (0.06, 0.83), (0.015, 0.74)), 3))
    pen.fill(((0.015, 0.70), (0.985, 0.70), (0.98, 0.79), (0.94, 0.82), (0.06, 0.82), (0.02, 0.79)), pen.dark)
    pen.shape(smooth(((0.25, 0.40), (0.315, 0.16), (0.37, 0.10), (0.445, 0.10), (0.445, 0.40),
        (0.35, 0.405)), 3), GLASS)
    pen.shape(smooth(((0.50, 0.10), (0.56, 0.10), (0.61, 0.16), (0.69, 0.40), (0.60, 0.405), (0.50, 0.40)), 3), GLASS)
    pen.mark(((0.475, 0.44), (0.475, 0.72)))
    pen.mark(((0.52, 0.52), (0.58, 0.52)), wide=1.2)
    pen.mark(((0.12, 0.46), (0.26, 0.455)), pen.light, 1.6)
    pen.mark(((0.36, 0.05), (0.54, 0.05)), pen.light, 1.6)
    pen.oval(0.955, 0.57, 0.03, 0.065, CREAM)
    pen.panel(0.018, 0.54, 0.045, 0.63, (226, 120, 110))
    _wheel(pen, 0.23, 0.80, 0.195)
    _wheel(pen, 0.76, 0.80, 0.195)


def bus(pen: Pen) -> None:
    """A long tall box with a row of windows and a door."""
    pen.panel(0.0, 0.0, 1.0, 0.88, pen.body, 0.09)
    pen.panel(0.02, 0.66, 0.98, 0.85, pen.dark, 0.04, outline=False)
    pen.panel(0.06, 0.04, 0.94, 0.085, pen.light, 0.02, outline=False)
    for x in (0.05, 0.215, 0.38, 0.545):
        pen.panel(x + 0.005, 0.18, x + 0.125, 0.40, GLASS, 0.02)
    pen.panel(0.715, 0.18, 0.825, 0.80, pen.body)
    pen.panel(0.74, 0.22, 0.80, 0.56, GLASS)
    pen.panel(0.875, 0.18, 0.995, 0.43, GLASS, 0.02)
    pen.mark(((0.03, 0.55), (0.685, 0.55)), WHITE, 1.6)
    pen.oval(0.965, 0.66, 0.025, 0.045, CREAM)
    _wheel(pen, 0.20, 0.855, 0.135)
    _wheel(pen, 0.60, 0.855, 0.135)


def bicycle(pen: Pen) -> None:
    """Two spoked wheels, a diamond frame, handlebar and saddle."""
    for x in (0.212, 0.788):
        for dx, dy in ((0.19, 0.0), (0.0, 0.285), (0.134, 0.20), (0.134, -0.20)):
            pen.mark(((x - dx, 0.685 - dy), (x + dx, 0.685 + dy)), GREY, 0.5)
        pen.hoop(x, 0.685, 0.318, DARK, 0.05)
        pen.hoop(x, 0.685, 0.270, pen.body, 0.052)
    frame = (Stroke(((0.212, 0.685), (0.46, 0.69), (0.37, 0.28), (0.212, 0.685)), 0.075),
             Stroke(((0.385, 0.35), (0.67, 0.33), (0.46, 0.69)), 0.075),
             Stroke(((0.64, 0.10), (0.69, 0.36), (0.788, 0.685)), 0.075), Stroke(((0.37, 0.30), (0.345, 0.16)), 0.06))
    pen.blob(frame)
    pen.mark(((0.775, 0.115), (0.70, 0.045), (0.62, 0.075), (0.55, 0.05)), DARK, 2.0)
    pen.shape(smooth(((0.24, 0.08), (0.36, 0.07), (0.45, 0.10), (0.44, 0.14), (0.34, 0.15), (0.25, 0.165)), 3), DARK)
    pen.disc(0.46, 0.69, 0.075, GREY)
    pen.mark(((0.46, 0.69), (0.50, 0.85), (0.55, 0.85)), DARK, 1.6)
    pen.dot(0.212, 0.685, 0.03, DARK)
    pen.dot(0.788, 0.685, 0.03, DARK)


def boat(pen: Pen) -> None:
    """A sailing boat: hull, mast, two sails."""
    pen.mark(((0.47, 0.0), (0.47, 0.76)), (122, 84, 56), 2.2)
    pen.shape(smooth(((0.44, 0.66), (0.43, 0.40), (0.43, 0.06), (0.30, 0.30), (0.10, 0.655), (0.28, 0.665)), 3))
    pen.fill(((0.415, 0.34), (0.415, 0.46), (0.205, 0.49), (0.27, 0.37)), WHITE if pen.body[2] < 230 else GREY)
    pen.shape(smooth(((0.51, 0.13), (0.56, 0.40), (0.90, 0.655), (0.70, 0.67), (0.51, 0.665)), 3), pen.light)
    pen.shape(((0.005, 0.735), (0.995, 0.735), (0.92, 0.86), (0.82, 0.985), (0.18, 0.985), (0.08, 0.87)))
    pen.fill(((0.09, 0.875), (0.91, 0.875), (0.815, 0.97), (0.185, 0.97)), pen.dark)
    pen.mark(((0.04, 0.79), (0.955, 0.79)), WHITE if pen.body[2] < 230 else GREY, 1.5)
    pen.fill(((0.47, 0.0), (0.60, 0.035), (0.47, 0.075)), pen.body)


def airplane(pen: Pen) -> None:
    """A passenger plane from the side, climbing a little."""
    pen.shape(((0.50, 0.46), (0.34, 0.06), (0.43, 0.06), (0.66, 0.42)), pen.dark)
    pen.shape(((0.025, 0.02), (0.125, 0.02), (0.28, 0.42), (0.12, 0.52)))
    pen.shape(smooth(((0.04, 0.53), (0.16, 0.42), (0.40, 0.365), (0.70, 0.335), (0.88, 0.37), (0.985, 0.49),
        (0.97, 0.575), (0.84, 0.655),
                      (0.56, 0.70), (0.28, 0.68), (0.10, 0.62)), 4))
    pen.fill(smooth(((0.12, 0.585), (0.50, 0.61), (0.86, 0.585), (0.80, 0.64), (0.56, 0.68),
        (0.28, 0.66)), 3), pen.light)
    for i in range(7):
        pen.dot(0.30 + 0.075 * i, 0.50 - 0.006 * i, 0.032, GLASS if pen.body[2] < 230 else (120, 170, 200))
    pen.shape(smooth(((0.87, 0.40), (0.91, 0.41), (0.955, 0.475), (0.88, 0.475)), 2), GLASS)
    pen.shape(((0.10, 0.56), (0.005, 0.72), (0.075, 0.72), (0.22, 0.585)), pen.dark)
    pen.blob((Stroke(((0.47, 0.80), (0.58, 0.79)), 0.13),), pen.dark)
    pen.shape(((0.66, 0.575), (0.30, 0.985), (0.40, 0.985), (0.50, 0.90), (0.84, 0.59), (0.78, 0.565)))
