"""Shares side by side, each with its interval: how many of so many."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InputError
from ..evaluation.intervals import wilson
from . import style

ROW = 0.34              # inches
PALE = "#9EC9E2"


def share_bars(counts: Mapping[str, tuple[int, int]], title: str = "", label: str = "share", strong: str = "") -> style.Drawing:
    """A bar for each (how many, of how many), with Wilson's 95% interval; those whose name holds ``strong`` are darker.

    Raises InputError where there is nothing to draw, or more are counted than there are.
    """
    if not counts or any(n < 1 for _, n in counts.values()):
        raise InputError("Shares are drawn of at least one thing each; give (how many, of how many) for each bar.")
    ends = {name: wilson(some, n) for name, (some, n) in counts.items()}
    with style.context():
        figure = style.new_figure(7.0, ROW * len(counts) + 1.2)
        axes = figure.subplots()
        for place, (name, (some, n)) in enumerate(counts.items()):
            axes.barh(place, some / n, height=0.62, color=style.BLUE if strong and strong in name else PALE)
            axes.plot(ends[name], (place, place), color=style.BLACK, linewidth=1.6, solid_capstyle="butt")
            axes.text(1.03, place, f"{some / n:.0%}", va="center", fontsize=9)
        axes.set_yticks(range(len(counts)), [f"{style.printable(name)} ({n:,})" for name, (_, n) in counts.items()])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_xlabel(f"{style.printable(label)}, with the 95% interval")
        axes.grid(False, axis="y")
        axes.set_title(style.printable(title))
        style.settle(figure)
    words = [f"{style.printable(name)}: {some} of {n}, {some / n:.1%} ({ends[name][0]:.1%} to {ends[name][1]:.1%})" for name, (some, n) in counts.items()]
    return style.Drawing(figure, "\n".join([f"{style.printable(title) or 'Shares'} ({style.printable(label)}):", *words]))
