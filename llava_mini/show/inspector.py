"""The visual-token inspector: choose a patch and read it as words, choose a token and see where it looked.

>>> seen = attention.look(model, picture, "What colour is the dog?")                        # doctest: +SKIP
>>> show.inspector(picture, {"after stage 2": read_patches(model, model.encode([picture]), 4)[0]}, seen.tokens, seen.patches,
...                first=seen.first, generic=attention.over_question(model, picture, attention.GENERIC))  # doctest: +SKIP

It takes numbers and words and no model: :mod:`llava_mini.attention` and :mod:`llava_mini.nearest` compute them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from PIL import Image

from ..errors import InputError
from ..pictures import load_picture
from . import style
from .heat import cell, dim, frame, photo
from .inspection import ALL, Inspection
from .patches import visible
from .sheet import wrap
from .twin import Twin

SIDE = 2.75             # inches: a picture in the still twin
WORDS = 1.3             # inches: a column of words
BAR = 1.08              # inches: a bar for the cosine 1
GAP = 0.3               # inches
ROWS = 4                # words of a patch that the still twin shows
LONGEST = 10            # letters of a word in the still twin; the widget and the alt text have them all


def inspector(picture: Image.Image | str | Path, readings: Mapping[str, Sequence[Sequence[tuple[str, float]]]], tokens: Sequence[str] = (),
              weights=(), *, first: int = 0, generic=None, patch: int = 0, token: int = 0, layer: int = ALL, head: int = ALL,
              relative: bool = False, alt: str = "") -> Twin:
    """The inspector with its still twin: the picture with one patch and its words, and the map of one token.

    readings   stage -> for each patch its nearest words with their cosines; the stages stand side by side
    tokens     of a question and its answer, as in attention.Look; ``first``: number of the answer's first token
    weights    attention to the patches, [tokens, layers, heads, patches]: tensor, array or nested lists
    generic    the same of a generic question, [layers, heads, patches]; with it attention can be shown relative to it
    patch, token, layer, head, relative    what is chosen at first; layers and heads count from 0, -1 is the mean over all
    alt        what the picture shows, for those who cannot see it

    Raises InputError where the parts do not fit together.
    """
    from .lens import Lens

    sizes = {len(reading) for reading in readings.values()}
    side = round(max(sizes, default=1) ** 0.5)
    if not readings or side * side not in sizes:
        raise InputError("The inspector needs at least one reading, of all patches of a square grid; give read_patches(...)[0].")
    whole = load_picture(picture)
    about = Inspection(whole.crop(_middle(whole)), side, readings, list(tokens), first, weights, generic, alt)
    ends = {"patch": (patch, 0, side * side), "token": (token, 0, max(len(about.tokens), 1)), "layer": (layer, ALL, max(about.layers, 1)),
            "head": (head, ALL, max(about.heads, 1))}
    for name, (value, low, end) in ends.items():
        if not low <= value < end:
            raise InputError(f"There is no {name} {value} here; choose {low} to {end - 1}.")
    chosen = {"patch": patch, "token": token, "layer": layer, "head": head, "relative": relative and generic is not None}
    return Twin(Lens(about, **chosen), still(about, **chosen))


def still(about: Inspection, patch: int, token: int, layer: int = ALL, head: int = ALL, relative: bool = False) -> style.Drawing:
    """What the widget shows when it is opened, as a picture with the same in words."""
    columns, maps = len(about.readings), bool(about.tokens)
    left = SIDE + GAP
    width, height = left + WORDS * columns + (GAP + SIDE) * maps, SIDE + 0.3
    with style.context():
        figure = style.new_figure(width, height)
        axes = photo(figure, about.picture, (0, 0, SIDE / width, SIDE / height), f"patch: {about.place(patch)}")
        for other in range(about.side ** 2):
            axes.add_patch(cell(about.side, other, fill=False, edgecolor="white", linewidth=0.5, alpha=0.7))
        frame(axes, about.side, patch)
        for column, (name, reading) in enumerate(about.readings.items()):
            _words(figure, (left + WORDS * column, width, height), name, reading[patch][:ROWS])
        if maps:
            axes = photo(figure, about.picture, ((width - SIDE) / width, 0, SIDE / width, SIDE / height))
            dim(axes, about.side, about.heat(token, layer, head, relative).tolist())
            said = about.told(token, layer, head, relative)
            font = FontProperties(family=style.RULES["font.family"], size=8)
            axes.text(0, 1.02, "\n".join(wrap(said, SIDE, 4, font)), fontsize=8, ha="left", va="bottom")
    return style.Drawing(figure, _in_words(about, patch, token, layer, head, relative))


def _middle(picture: Image.Image) -> tuple[int, int, int, int]:
    """The square that the vision tower sees, where a picture is cropped."""
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    return left, top, left + edge, top + edge


def _words(figure, place: tuple[float, float, float], name: str, words) -> None:
    """A column of words, each over a bar as long as its cosine."""
    x, width, height = place
    write = {"ha": "left", "va": "center"}
    figure.text(x / width, (SIDE - 0.06) / height, style.printable(name), fontsize=8.5, weight="bold", **write)
    for row, (word, near) in enumerate(words):
        y, text = SIDE - 0.45 - 0.56 * row, visible(word)
        text = text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"
        figure.text(x / width, y / height, text, fontsize=9.5, **write)
        figure.text((x + BAR) / width, y / height, f"{near:.2f}", fontsize=8, color=style.MUTED, ha="right", va="center")
        for length, colour in ((1.0, "#E5E5E5"), (max(float(near), 0.0), style.BLUE)):
            figure.add_artist(Rectangle((x / width, (y - 0.2) / height), BAR * length / width, 0.06 / height, facecolor=colour,
                                        edgecolor="none", transform=figure.transFigure))


def _in_words(about: Inspection, patch: int, token: int, layer: int, head: int, relative: bool) -> str:
    lines = [f"Visual-token inspector. The picture: {style.printable(about.alt) or 'not described'}",
             f"The patch in {about.place(patch)}, its nearest words with their cosines:"]
    lines += [f"{style.printable(name)}: " + ", ".join(f"{visible(word)} {near:.2f}" for word, near in reading[patch])
              for name, reading in about.readings.items()]
    if about.tokens:
        texts = [visible(text) for text in about.tokens]
        lines += [f"Question: {' '.join(texts[:about.first])}", f"Answer: {' '.join(texts[about.first:])}",
                  style.printable(about.told(token, layer, head, relative))]
    return "\n".join(lines)
