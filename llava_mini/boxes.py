"""A box around one thing, checked as it comes in."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError
from .json_files import is_number

# Boxes may overshoot the picture by what rounding explains, and are clipped to it; more is an error.
SLACK_PIXELS = 1.0          # of boxes in pixels (COCO)
SLACK_SHARE = 0.001         # of boxes in 0..1 with three decimals


@dataclass(frozen=True, slots=True)
class Box:
    """One thing and where it is."""

    category: str
    box: tuple[float, float, float, float]      # x1, y1, x2, y2 in 0..1 of the picture, from its upper left corner


def in_shares(values, where: str) -> tuple[float, float, float, float]:
    """[x1, y1, x2, y2] in 0..1, checked and clipped. InputError begins with ``where``."""
    x1, y1, x2, y2 = _four(values, where, "[x1, y1, x2, y2]")
    return _inside((x1, y1, x2, y2), SLACK_SHARE, SLACK_SHARE, f"{where}: {values}", "the picture (0 to 1)")


def in_pixels(values, size: tuple[float, float] | None, where: str) -> tuple[float, float, float, float]:
    """COCO's [x, y, width, height] in pixels as x1, y1, x2, y2 in 0..1, checked and clipped."""
    x, y, w, h = _four(values, where, "[x, y, width, height]")
    if size is None:
        raise InputError(f"{where}: the picture has no width and height; write them into its entry under images.")
    width, height = size
    return _inside((x / width, y / height, (x + w) / width, (y + h) / height), SLACK_PIXELS / width, SLACK_PIXELS / height,
                   f"{where}: {values}", f"the picture of {width} x {height} pixels")


def _four(values, where: str, form: str) -> list[float]:
    if not isinstance(values, list) or len(values) != 4 or not all(map(is_number, values)):
        raise InputError(f"{where}: must be four numbers {form}, not {str(values)[:60]}; correct or remove the box.")
    return values


def _inside(box, slack_x: float, slack_y: float, what: str, picture: str) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    if not (x1 < x2 and y1 < y2):
        raise InputError(f"{what} is inverted or has no area; correct or remove the box.")
    if x1 < -slack_x or y1 < -slack_y or x2 > 1 + slack_x or y2 > 1 + slack_y or max(x1, y1) >= 1 or min(x2, y2) <= 0:
        raise InputError(f"{what} reaches outside {picture}; correct or remove the box.")
    return max(0.0, x1), max(0.0, y1), min(1.0, x2), min(1.0, y2)
