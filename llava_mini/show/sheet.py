"""A sheet of pictures with questions, true answers and given answers: the quickest honest look at a model."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from PIL import Image

from ..errors import InputError
from ..evaluation.accuracy import ReadValue
from ..evaluation.answers import Answers, Question
from ..pictures import load_picture
from . import style

CELL = 2.5                   # inches: width of a picture, and its height
GAP = 0.2                    # inches between cells
LINE = 0.17                  # inches: height of a line of text
SIZE = 9.5                   # points
LONGEST = {"question": 3, "truth": 3, "given": 6}   # lines; what is cut is said in the sheet and kept in the alt text


@dataclass(frozen=True)
class Answered:
    """One picture with a question about it."""

    picture: str | Path | Image.Image
    question: str
    truth: str
    given: str
    right: bool


def choose(questions: Sequence[Question], answers: Answers, read_value: ReadValue, pictures: str | Path, n: int = 16,
           seed: int = 0) -> list[Answered]:
    """``n`` answered questions for a sheet, drawn by chance and not by their success.

    The kinds of question take turns, and no picture comes twice while there are others.
    """
    rest, used, chosen = list(questions), set(), []
    random.Random(seed).shuffle(rest)
    kinds = sorted({question.kind for question in questions})
    while rest and len(chosen) < n:
        kind = kinds[len(chosen) % len(kinds)]
        # False sorts before True: a new picture of the kind that is due, else a new picture, else whatever there is
        question = min(rest, key=lambda q: (q.image in used, q.kind != kind))
        rest.remove(question)
        used.add(question.image)
        row = answers.rows.get(question.id)
        given = row["text"] if row else ""
        right = row is not None and read_value(question.kind, given, question.text) == question.value
        chosen.append(Answered(Path(pictures) / question.image, question.text, question.answer, given, right))
    return chosen


def wrap(text: str, width: float, longest: int, font: FontProperties) -> list[str]:
    """Lines that fit ``width`` inches by the font's own measures; at most ``longest`` of them.

    A word wider than a line is broken. Where lines are left over, the last one kept ends in the
    number of characters that are not shown.
    """
    renderer = RendererAgg(10, 10, 72)           # at 72 dots per inch a point is a dot

    def fits(line: str) -> bool:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            return renderer.get_text_width_height_descent(line, font, ismath=False)[0] <= width * 72

    def longest_start(line: str) -> int:
        low, high = 1, len(line)                 # at least one character goes on a line, however narrow
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(line[:middle]) else (low, middle - 1)
        return low

    lines, rest = [], style.printable(text)
    while rest:
        window = rest[:400]                      # no line is longer; keeps very long answers quick
        cut = longest_start(window)
        space = rest.rfind(" ", 0, cut + 1)
        if cut < len(rest) and space > 0.4 * cut:    # otherwise the word is long: better broken than a short line
            cut = space
        if len(lines) == longest - 1 and cut < len(rest):
            while cut > 1 and not fits(f"{rest[:cut]}… (+{len(rest) - cut} characters)"):
                cut -= 1
            return [*lines, f"{rest[:cut].rstrip()}… (+{len(rest) - cut} characters)"]
        lines.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return lines or ["(nothing)"]


def alt_text(items: Sequence[Answered], title: str = "") -> str:
    """The whole sheet in words, nothing shortened."""
    right = sum(item.right for item in items)
    lines = [f"{title or 'Picture sheet'}: {len(items)} pictures with a question each; {right} answers are right."]
    for number, item in enumerate(items, 1):
        lines.append(f"{number}. {style.printable(item.question)} True answer: {style.printable(item.truth) or '(nothing)'} "
                     f"Given answer, {'right' if item.right else 'wrong'}: {style.printable(item.given) or '(nothing)'}")
    return "\n".join(lines)


def picture_sheet(items: Sequence[Answered], title: str = "", columns: int = 4, count: bool = True) -> style.Drawing:
    """The sheet as a drawing: ``picture_sheet(items).save("sheet.png")``.

    Under each picture its question, the true answer and the given one. Right or wrong is told by a
    symbol and by the frame (solid or dashed), not by colour alone. ``count``: whether the title says how many
    are right, which tells nothing of items that were chosen by their success. InputError for no items and
    for a picture that cannot be read.
    """
    if not items:
        raise InputError("A picture sheet needs at least one picture; it got none.")
    columns = max(1, min(columns, len(items)))
    font = FontProperties(family=style.RULES["font.family"], size=SIZE)
    bold = FontProperties(family=style.RULES["font.family"], size=SIZE, weight="bold")
    texts = []
    for item in items:
        symbol, colour = style.RIGHT if item.right else style.WRONG
        texts.append([(line, bold, "black") for line in wrap(item.question, CELL, LONGEST["question"], bold)]
                     + [(line, font, style.MUTED) for line in wrap(f"true: {item.truth}", CELL, LONGEST["truth"], font)]
                     + [(line, font, colour) for line in wrap(f"{symbol} given: {item.given.strip() or '(nothing)'}", CELL, LONGEST["given"], font)])
    rows = ceil(len(items) / columns)
    heights = [CELL + LINE * (max(len(text) for text in texts[row * columns:(row + 1) * columns]) + 0.6) + GAP for row in range(rows)]
    head_font = FontProperties(family=style.RULES["font.family"], size=12, weight="bold")
    width = columns * (CELL + GAP) + GAP
    counted = [f"{sum(item.right for item in items)} of {len(items)} right"] if count else []
    head = wrap(": ".join([title] * bool(title) + counted) or "Picture sheet", width - 2 * GAP, 3, head_font)
    head.append(f"{style.RIGHT[0]} right, {style.WRONG[0]} wrong")
    top = GAP + 0.26 * len(head)
    height = top + sum(heights) + GAP
    with style.context():
        figure = style.new_figure(width, height)

        def write(x: float, y: float, line: str, properties: FontProperties, colour: str) -> None:
            figure.text(x / width, 1 - y / height, line, fontproperties=properties, color=colour, va="top", ha="left")

        for number, line in enumerate(head):
            write(GAP, GAP * 0.6 + 0.26 * number, line, head_font if number < len(head) - 1 else font, "black")
        y = top + GAP * 0.5
        for index, (item, text) in enumerate(zip(items, texts)):
            row, column = divmod(index, columns)
            if column == 0 and row:
                y += heights[row - 1]
            x = GAP + column * (CELL + GAP)
            _place(figure, item, (x / width, 1 - (y + CELL) / height, CELL / width, CELL / height))
            for number, (line, properties, colour) in enumerate(text):
                write(x, y + CELL + LINE * (number + 0.5), line, properties, colour)
    return style.Drawing(figure, alt_text(items, title))


def _place(figure, item: Answered, box: tuple[float, float, float, float]) -> None:
    """Draw a picture into ``box`` (x, y, width, height in 0..1 of the figure), whole and undistorted, framed."""
    picture = load_picture(item.picture)
    side = round(CELL * style.DPI)
    picture.thumbnail((side * 2, side * 2))
    axes = figure.add_axes(box, anchor="S")      # a wide picture stands on its text
    axes.imshow(picture)
    axes.set_axis_off()
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, clip_on=False, linewidth=2.4,
                             edgecolor=(style.RIGHT if item.right else style.WRONG)[1],
                             linestyle="-" if item.right else (0, (3, 2))))
