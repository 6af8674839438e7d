"""What a teacher is told about a picture, beside the picture: the context text, and its boxes drawn where they lie.

>>> show.boxes_and_text(record, "pictures/000000151358.jpg")        # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from PIL import Image

from ..annotations import Record, context
from ..pictures import load_picture
from . import style
from .sheet import wrap

PICTURE = 4.0                   # inches: the longer side of the picture
TEXT = 4.4                      # inches: width of the text
LINE = 0.165                    # inches: height of a line of text
SIZE = 8.5                      # points
GAP = 0.3                       # inches
MARGIN = 0.3                    # inches: left of the text, for the numbers of the boxes
LONGEST = 60                    # lines of the picture's text; the alt text has all of them
TAG = (0.23, 0.18)               # inches: room that a number on the picture takes
_TAG = {"boxstyle": "round,pad=0.16", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}


def boxes_and_text(record: Record, picture: str | Path | Image.Image, title: str = "", more: Sequence[tuple[str, str]] = ()) -> style.Drawing:
    """The picture with its boxes, numbered, and beside it exactly ``annotations.context(record)`` with the same numbers.

    The numbers in the margin are not part of the text. Lines too long for the picture are wrapped; the words of the
    drawing have the text as it is. ``more``: (heading, text) to be written below. Raises InputError for a picture that cannot be read.
    """
    photo = load_picture(picture)
    text = context(record)
    rows = _rows(text, len(record.boxes))
    for heading, said in more:
        rows += [(0, ""), (0, f"[ {style.printable(heading)} ]"), *_rows("\n".join(map(style.printable, said.split("\n"))), 0)]
    scale = PICTURE / max(photo.size)
    wide, high = photo.width * scale, photo.height * scale
    width, height = GAP + wide + GAP + MARGIN + TEXT + GAP, max(high, LINE * len(rows)) + 2 * GAP
    with style.context():
        figure = style.new_figure(width, height)
        axes = figure.add_axes((GAP / width, 1 - (GAP + high) / height, wide / width, high / height))
        axes.imshow(photo, extent=(0, wide, high, 0), aspect="auto")
        axes.set(xlim=(0, wide), ylim=(high, 0))                    # inches, downwards
        axes.set_axis_off()
        tags: list[tuple[float, float]] = []
        for number, one in enumerate(record.boxes, 1):
            x1, y1, x2, y2 = (share * side for share, side in zip(one.box, (wide, high, wide, high)))
            for colour, thickness in (("black", 2.8), ("white", 1.2)):      # light on dark, so that it is seen on any ground
                axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=thickness))
            x, y = _free((x1, y1, x2, y2), tags, wide, high)
            tags.append((x, y))
            if not (x1 <= x <= x2 and y1 <= y <= y2):
                axes.plot((x, min(max(x, x1), x2)), (y, min(max(y, y1), y2)), color="white", linewidth=2.2, zorder=2.5)
                axes.plot((x, min(max(x, x1), x2)), (y, min(max(y, y1), y2)), color="black", linewidth=1.0, zorder=2.6)
            axes.text(x, y, str(number), fontsize=6.5, weight="bold", ha="center", va="center", bbox=_TAG)
        left = GAP + wide + GAP + MARGIN
        for place, (number, line) in enumerate(rows):
            down = 1 - (GAP + LINE * (place + 0.5)) / height
            figure.text(left / width, down, line, fontsize=SIZE, va="center", family="DejaVu Sans Mono")
            if number:
                figure.text((left - 0.17) / width, down, str(number), fontsize=7, weight="bold", ha="center", va="center",
                            bbox={**_TAG, "boxstyle": "round,pad=0.1"})
        figure.text(GAP / width, 1 - 0.5 * GAP / height, style.printable(title or "A picture, and what the teacher is told about it"),
                    fontsize=style.SIZES["axes.titlesize"], va="center")
    return style.Drawing(figure, f"{style.printable(title or record.image)}: a picture with {len(record.boxes)} boxes. "
                                 f"The text beside it:\n{text}" + "".join(f"\n\n{heading}\n{said}" for heading, said in more))


def _rows(text: str, boxes: int) -> list[tuple[int, str]]:
    """(number of its box or 0, line) of the text, wrapped: the last ``boxes`` lines of it are the boxes'."""
    font = FontProperties(family="DejaVu Sans Mono", size=SIZE)
    lines = text.split("\n")
    rows: list[tuple[int, str]] = []
    for place, line in enumerate(lines, 1):
        number = max(0, place - (len(lines) - boxes))
        for i, part in enumerate(wrap(line, TEXT, 20, font) if line else [""]):
            rows.append((0 if i else number, f"  {part}" if i else part))
    if len(rows) > LONGEST:
        rows[LONGEST - 1:] = [(0, f"… (+{len(rows) - LONGEST + 1} lines)")]
    return rows


def _free(box: Sequence[float], taken: Sequence[tuple[float, float]], wide: float, high: float) -> tuple[float, float]:
    """Where the number of a box goes, in inches: in its upper left corner, else along its upper edge, else as near to it as may be.

    Numbers do not lie on each other, as long as the picture has room.
    """
    x1, y1, x2, y2 = box
    along = [(x, y1 + 0.09) for x in _steps(x1 + 0.11, x2 - 0.1, TAG[0])] if y2 - y1 > TAG[1] else []
    around = [(x, y) for x in _steps(0.11, wide - 0.1, 0.06) for y in _steps(0.09, high - 0.08, 0.06)]
    around.sort(key=lambda place: (max(x1 - place[0], place[0] - x2, 0) ** 2 + max(y1 - place[1], place[1] - y2, 0) ** 2,
                                   (place[0] - x1) ** 2 + (place[1] - y1) ** 2))
    inside = [(x, y) for x, y in along if 0.1 <= x <= wide - 0.1 and 0.08 <= y <= high - 0.08]
    return next((place for place in inside + around
                 if all(abs(place[0] - x) >= TAG[0] or abs(place[1] - y) >= TAG[1] for x, y in taken)), (x1, y1))


def _steps(first: float, last: float, step: float) -> list[float]:
    return [first + i * step for i in range(int((last - first) / step) + 1)] if last >= first else []
