"""Pictures whose patches are as bright as they are looked at.

>>> show.heat_maps(picture, {"the question": raw, "against a generic one": relative}, "Where layer 1 looks")    # doctest: +SKIP

Dark is what nobody looks at, so that it can be read in grey, on any picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.patches import Rectangle
from PIL import Image

from ..errors import InputError
from . import style

SIDE = 2.4              # inches: a picture in a row of maps
GAP = 0.15              # inches
LEGEND = "bright: much attention, dark: little, framed: most; each map by its own largest value"
DARK = 0.72             # how dark a patch gets that is not looked at, 0 to 1


def heat_maps(picture: Image.Image, maps: Mapping[str, Sequence[float]], title: str = "") -> style.Drawing:
    """The picture once for each map, a list of as many values as a square grid has patches, row by row from the top left.

    Each map is drawn by its own largest value, whose patch has a frame; a line below says so. Raises InputError for other numbers of values.
    """
    sides = {name: round(len(values) ** 0.5) for name, values in maps.items()}
    wrong = [name for name, side in sides.items() if side < 1 or side * side != len(maps[name])]
    if wrong or not maps:
        raise InputError(f"A map has a value for each patch of a square grid, {wrong[0] if wrong else 'and there is none here'}"
                         f"{' has ' + str(len(maps[wrong[0]])) if wrong else ''}; give at least one whole map.")
    width = len(maps) * (SIDE + GAP) - GAP
    with style.context():
        figure = style.new_figure(width, SIDE)
        for number, (name, values) in enumerate(maps.items()):
            axes = photo(figure, picture, (number * (SIDE + GAP) / width, 0, SIDE / width, 1), name)
            dim(axes, sides[name], [float(value) for value in values])
        figure.text(0, -0.03, LEGEND, va="top", fontsize=8, color=style.MUTED)
        if title:
            figure.suptitle(style.printable(title), y=1.18, fontsize=style.SIZES["axes.titlesize"])
    return style.Drawing(figure, "\n".join([f"{style.printable(title) or 'Attention maps'}: a picture, its patches as bright as they are looked at.",
                                            *(f"{style.printable(name)}: {in_words(sides[name], values)}" for name, values in maps.items())]))


def photo(figure, picture: Image.Image, box: tuple[float, float, float, float], title: str = ""):
    """Axes that a picture fills, in coordinates of 0..1, y upwards."""
    axes = figure.add_axes(box)
    axes.imshow(picture.convert("RGB"), extent=(0, 1, 0, 1), aspect="auto", interpolation="bilinear")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    axes.set_title(style.printable(title), fontsize=9)
    return axes


def cell(side: int, patch: int, **options) -> Rectangle:
    """The square of a patch."""
    row, column = divmod(patch, side)
    return Rectangle((column / side, 1 - (row + 1) / side), 1 / side, 1 / side, **options)


def frame(axes, side: int, patch: int) -> None:
    """Light on dark, so that it is seen on any ground."""
    for colour, thickness in (("black", 4.0), ("white", 1.8)):
        axes.add_patch(cell(side, patch, fill=False, edgecolor=colour, linewidth=thickness))


def dim(axes, side: int, values: Sequence[float]) -> None:
    """Darkens the patches that are looked at less than the brightest, which gets a frame."""
    brightest = max(max(values), 1e-12)
    for patch, value in enumerate(values):
        axes.add_patch(cell(side, patch, facecolor="black", edgecolor="none", alpha=DARK * (1 - value / brightest)))
    frame(axes, side, max(range(len(values)), key=lambda patch: values[patch]))


def in_words(side: int, values: Sequence[float], n: int = 3) -> str:
    """The brightest patches of a map."""
    best = sorted(range(len(values)), key=lambda patch: -values[patch])[:n]
    return "brightest are " + ", ".join(f"row {patch // side + 1} column {patch % side + 1} ({values[patch]:.3g})" for patch in best) + "."
