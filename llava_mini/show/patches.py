"""A picture as the vision tower takes it: cut into patches, with what is read in them.

>>> show.picture(picture, "A red dog on a beach.")                                    # doctest: +SKIP
>>> show.patch_grid(picture, 8)                                                       # doctest: +SKIP
>>> show.patch_grid(picture, 8, {9: ["red", "cat"]}, marked={9: ["red", "dog"]})      # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from matplotlib.figure import Figure
from PIL import Image

from ..errors import InputError
from . import style

INCHES = 3.0                 # width of a picture without words; a wide one has it as its height, within limits
WIDEST = 2.5                 # times INCHES
CELL = 0.82                  # inches: width of a patch that words are written on
LONGEST = 11                 # letters of a word that are drawn; the alt text has them all
SIZES = ((6, 8.0), (8, 7.0), (LONGEST, 5.5))   # up to so many letters, points


def picture(picture: Image.Image, alt: str, title: str = "") -> style.Drawing:
    """One picture with its words: ``alt`` says what it shows, for those who cannot see it."""
    with style.context():
        figure, _ = _framed(picture, INCHES * min(max(1.0, picture.width / picture.height), WIDEST), title)
    return style.Drawing(figure, style.printable(f"{title}{'' if title.endswith(tuple('.?!')) else '.'} {alt}" if title else alt))


def patch_grid(picture: Image.Image, side: int, words: Mapping[int, Sequence[str]] | None = None,
               marked: Mapping[int, Collection[str]] | None = None, title: str = "") -> style.Drawing:
    """The picture under a grid of ``side`` x ``side`` patches.

    ``words`` are written on their patches, a line each; patches are counted row by row from the top
    left, from 0. A word that is also among its patch's ``marked`` ones is bold and black, others are
    slanted and grey.
    Raises InputError for a patch that is not there.
    """
    words, marked = words or {}, marked or {}
    wrong = [patch for patch in (*words, *marked) if not 0 <= patch < side * side]
    if side < 1 or wrong:
        raise InputError(f"A grid of {side} x {side} has the patches 0 to {side * side - 1}, not {wrong[:3]}; count them row by row.")
    with style.context():
        figure, axes = _framed(picture, CELL * side if words else INCHES, title)
        for line in range(1, side):
            for draw in (axes.axhline, axes.axvline):       # light on dark, so that it is seen on any ground
                draw(line / side, color="black", linewidth=1.8)
                draw(line / side, color="white", linewidth=0.8)
        for patch, own in words.items():
            row, column = divmod(patch, side)
            for number, word in enumerate(own):
                bold = word in marked.get(patch, ())
                look = {"color": "black", "weight": "bold"} if bold else {"color": style.MUTED, "style": "italic"}
                text = visible(word)
                text = text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"
                points = next(points for letters, points in SIZES if len(text) <= letters)
                down = (row + (number + 1) / (len(own) + 1)) / side
                axes.text((column + 0.5) / side, 1 - down, text, fontsize=points, ha="center", va="center", **look,
                          bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.85, "linewidth": 0})
    return style.Drawing(figure, _in_words(side, words, marked, title))


def visible(token: str) -> str:
    """A token as it can be drawn: without spaces around it, line breaks and lone spaces as signs."""
    text = style.printable(token.replace("\n", "↵"))
    return text or ("␣" if token else "(nothing)")


def _framed(picture: Image.Image, width: float, title: str) -> tuple[Figure, object]:
    """A figure that the picture fills, in coordinates of 0..1, y upwards; the title lies above it."""
    figure = style.new_figure(width, width * picture.height / picture.width)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(picture.convert("RGB"), extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    if title:
        axes.set_title(style.printable(title), fontsize=style.SIZES["axes.titlesize"] - 1)
    return figure, axes


def _in_words(side: int, words: Mapping[int, Sequence[str]], marked: Mapping[int, Collection[str]], title: str) -> str:
    lines = [f"{style.printable(title) or 'Patches'}: a picture under a grid of {side} rows and {side} columns."]
    if words:
        lines.append("The words on its patches, from left to right" + (", with a star where they are bold:" if marked else ":"))
    for row in range(side if words else 0):
        patches = range(row * side, (row + 1) * side)
        said = [" ".join(visible(word) + "*" * (word in marked.get(patch, ())) for word in words.get(patch, [])) or "-" for patch in patches]
        lines.append(f"row {row + 1}: {', '.join(said)}.")
    return "\n".join(lines)
