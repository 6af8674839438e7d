"""Frequencies of noun phrases before and after concept balance (paper, Figure 7).

>>> show.concept_balance(*balanced.frequencies())                   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..errors import InputError
from . import style

NAMED = 8                       # frequent phrases whose names the words of the picture give


def concept_balance(before: Mapping[str, int], after: Mapping[str, int], most: int | None = 100, title: str = "") -> style.Drawing:
    """{noun phrase: captions that have it} before the choice and after it.

    Each side is ordered by its own frequencies, so a place on the axis may be another phrase before and after. Both axes
    grow by factors: frequencies of words lie near a straight line there (Zipf's law). ``most``: how many captions were
    drawn of a frequent phrase; a phrase can keep more, because other phrases chose captions that have it.
    Raises InputError where one side has no phrase.
    """
    sides = {"before": before, "after": after}
    for name, counts in sides.items():
        if not counts or min(counts.values()) < 1:
            raise InputError(f"Frequencies {name} the balance must be numbers from 1 up, and at least one; leave other phrases out.")
    with style.context():
        figure = style.new_figure(7.0, 4.4)
        axes = figure.subplots()
        for (name, counts), (colour, line) in zip(sides.items(), style.CURVES):
            axes.plot(*_corners(sorted(counts.values(), reverse=True)), color=colour, linestyle=line, label=f"{name}: {len(counts):,} phrases")
        if most:
            axes.axhline(most, color=style.MUTED, linewidth=0.8)
            axes.annotate(f"{most:,} captions", (1, most), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
                          ha="right", va="bottom", color=style.MUTED, fontsize=style.SIZES["legend.fontsize"])
        axes.set(xscale="log", yscale="log", xlabel="unique noun phrases, the most frequent first", ylabel="captions that have the phrase")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(numticks=8))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_ylim(bottom=0.8)
        axes.legend(loc="upper right")
        axes.set_title(style.printable(title or "Noun phrases before and after concept balance"))
        style.settle(figure)
    lines = [f"{style.printable(title or 'Noun phrases before and after concept balance')}:"]
    lines += [f"{name}: {len(counts):,} unique phrases, in {max(counts.values()):,} captions at most; the most frequent are "
              f"{_named(counts)}." for name, counts in sides.items()]
    return style.Drawing(figure, "\n".join(lines))


def _corners(falling: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places and values of a falling row where it changes: all that a line needs, of a million numbers some hundred."""
    places = [i for i, value in enumerate(falling) if i in (0, len(falling) - 1) or falling[i - 1] != value or falling[i + 1] != value]
    return [place + 1 for place in places], [falling[place] for place in places]


def _named(counts: Mapping[str, int]) -> str:
    frequent = sorted(counts, key=lambda phrase: (-counts[phrase], phrase))[:NAMED]
    return ", ".join(f"{style.printable(phrase)} ({counts[phrase]:,})" for phrase in frequent)
