"""What goes into a language model and what comes out: the row of tokens, the chances of an answer.

>>> show.token_row(["<s>", " USER:", *patches, " What is it?"], title="The input")    # doctest: +SKIP
>>> show.chance_bars([" A", " dog"], [0.9, 0.7], [(" The", 0.1), (" cat", 0.2)])      # doctest: +SKIP
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from itertools import groupby

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from PIL import Image

from ..errors import InputError
from . import style
from .patches import visible

WIDTH, HEIGHT, GAP = 9.0, 0.30, 0.05   # inches: the row before it is broken, a token, between tokens
POINTS = 8
LONGEST = 24                           # letters of a token that are drawn; the alt text has them all


def token_row(tokens: Sequence[str | Image.Image], supervised: Sequence[bool] | None = None, title: str = "") -> style.Drawing:
    """Tokens in reading order: texts in boxes, visual tokens as the patches they were made of.

    ``supervised`` tokens (those that a training learns from) have a thick frame and bold text.
    Raises InputError where the two lists differ in length.
    """
    supervised = [False] * len(tokens) if supervised is None else supervised
    if not tokens or len(supervised) != len(tokens):
        raise InputError(f"A row of tokens needs one mark for each token; there are {len(tokens)} tokens and {len(supervised)} marks.")
    places, lines = _places(tokens, supervised)
    height = lines * (HEIGHT + GAP) + GAP
    with style.context():
        figure = style.new_figure(WIDTH, height)
        axes = figure.add_axes((0, 0, 1, 1))
        for token, learnt, (x, y, width) in zip(tokens, supervised, places):
            if isinstance(token, Image.Image):
                axes.imshow(token.convert("RGB"), extent=(x, x + width, y + HEIGHT, y), aspect="auto", interpolation="nearest")
            else:
                axes.text(x + width / 2, y + HEIGHT / 2, _short(token), fontproperties=_font(learnt), ha="center", va="center")
            axes.add_patch(Rectangle((x, y), width, HEIGHT, fill=False, linewidth=2 if learnt else 0.6,
                                     edgecolor=style.BLUE if learnt else style.MUTED))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        if title:
            axes.set_title(style.printable(title))
    return style.Drawing(figure, _in_words(tokens, supervised, title))


def chance_bars(tokens: Sequence[str], chances: Sequence[float], others: Sequence[tuple[str, float]] = (), title: str = "") -> style.Drawing:
    """The tokens of an answer from top to bottom, each with its probability when it was chosen.

    ``others``: for each token the likeliest one that was not chosen, with its probability.
    """
    if not tokens or len(chances) != len(tokens) or (others and len(others) != len(tokens)):
        raise InputError(f"Bars need one probability for each token; there are {len(tokens)} tokens and {len(chances)} probabilities.")
    with style.context():
        figure = style.new_figure(6.5, 0.8 + 0.27 * len(tokens))
        axes = figure.subplots()
        axes.barh(range(len(tokens)), chances, color=style.BLUE, height=0.62)
        for row, chance in enumerate(chances):
            said = _chance(chance) + (f"   next: {_short(others[row][0])} {_chance(others[row][1])}" if others else "")
            axes.text(1.02, row, said, va="center", fontsize=POINTS + 1, color=style.MUTED)
        axes.set_yticks(range(len(tokens)), [_short(token) for token in tokens])
        axes.set(xlim=(0, 1), ylim=(len(tokens) - 0.5, -0.5), xlabel="probability of the chosen token")
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_title(style.printable(title))
        with _quiet():
            style.settle(figure)
    told = [f"{visible(token)} {_chance(chance)}" + (f" (next: {visible(others[row][0])} {_chance(others[row][1])})" if others else "")
            for row, (token, chance) in enumerate(zip(tokens, chances))]
    return style.Drawing(figure, f"{style.printable(title) or 'Probabilities'}: the tokens of an answer with the probability of each: {', '.join(told)}.")


def _chance(share: float) -> str:
    """Two decimals; what is not quite 0 or 1 does not look as if it were."""
    return "<0.01" if 0 < share < 0.005 else ">0.99" if 0.995 <= share < 1 else f"{share:.2f}"


def _short(token: str) -> str:
    text = visible(token)
    return text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"


@contextmanager
def _quiet():
    """A script that the font does not have is drawn as boxes; the alt text still has it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _font(bold: bool) -> FontProperties:
    return FontProperties(family=style.RULES["font.family"], size=POINTS, weight="bold" if bold else "normal")


def _places(tokens, supervised) -> tuple[list[tuple[float, float, float]], int]:
    """(x, y, width) of each token in inches, y downwards, and the number of lines."""
    renderer = RendererAgg(10, 10, 72)           # at 72 dots per inch a point is a dot
    places, x, line = [], GAP, 0
    for token, learnt in zip(tokens, supervised):
        if isinstance(token, Image.Image):
            width = HEIGHT
        else:
            with _quiet():
                width = renderer.get_text_width_height_descent(_short(token), _font(learnt), ismath=False)[0] / 72 + 0.1
        if x + width + GAP > WIDTH and x > GAP:
            x, line = GAP, line + 1
        places.append((x, GAP + line * (HEIGHT + GAP), width))
        x += width + GAP
    return places, line + 1


def _in_words(tokens, supervised, title: str) -> str:
    parts = []
    for (picture, learnt), run in groupby(zip(tokens, supervised), lambda pair: (isinstance(pair[0], Image.Image), bool(pair[1]))):
        run = [token for token, _ in run]
        said = f"[{len(run)} visual tokens]" if picture else " | ".join(map(visible, run))
        parts.append(f"⟦{said}⟧" if learnt else said)
    marks = " Supervised tokens stand in ⟦ ⟧." if any(supervised) else ""
    return f"{style.printable(title) or 'Tokens'}: a row of {len(tokens)} tokens.{marks} {' | '.join(parts)}"
