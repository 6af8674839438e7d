"""What came of claims, one below the other: each difference with its interval, and beside it the paper's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from . import style

if TYPE_CHECKING:
    from ..evaluation.findings import Finding

ROW = 0.3               # inches
# outcome, as it begins -> mark, colour
MARKS = {"reproduced": ("o", style.BLUE), "not reproduced": ("X", style.RED), "the same order": ("P", style.BLUE), "the other order": ("X", style.PINK),
         "within noise": ("o", "white"), "the two differ": ("s", style.GREEN)}
PAPER = "the paper's own"


def claims(parts: Mapping[str, Sequence[Finding]], title: str = "") -> style.Drawing:
    """A row for each claim, under the heading of its part: the difference here with its 95% interval, and the paper's as a bar.

    A dot: reproduced; a plus: the same order where the paper has no numbers; hollow: within noise; a cross: the other way round; a
    square: the two differ and nobody claims which way. Raises InputError where there is no finding.
    """
    if not any(parts.values()):
        raise InputError("Claims are drawn when there is at least one finding; run python -m llava_mini.paper first.")
    title = style.printable(title or "What came of the paper's claims")
    rows: list[tuple[str, Finding | None]] = []
    for part, found in parts.items():
        names = [f"{style.printable(one.better)} {'above' if one.claimed else 'beside'} {style.printable(one.worse)}" for one in found]
        rows += [(style.printable(part), None), *zip(names, found)] if found else []
    words, labelled = [], set()
    with style.context():
        figure = style.new_figure(8.2, ROW * len(rows) + 1.4)
        axes = figure.subplots()
        axes.axvline(0, color=style.BLACK, linewidth=1.0)
        for y, (label, one) in enumerate(rows):
            if one is None:
                words.append(f"{label}:")
                continue
            mark, outcome = next((mark, name) for name, mark in MARKS.items() if one.outcome.startswith(name))
            here = one.here[0] - one.here[1]
            if one.interval:
                axes.plot(one.interval, (y, y), color=style.BLACK, linewidth=1.4, zorder=2)
            axes.plot(here, y, mark[0], color=mark[1], markeredgecolor=style.BLACK, markersize=7, linestyle="", zorder=3,
                      label="_" if outcome in labelled else outcome)
            labelled.add(outcome)
            told = f"{label}: {one.here[0]:.1f} and {one.here[1]:.1f}, {one.words}"
            if one.paper:
                axes.plot(one.paper[0] - one.paper[1], y, "|", color=style.ORANGE, markersize=15, markeredgewidth=3, linestyle="", zorder=1.5,
                          label="_" if PAPER in labelled else PAPER)
                labelled.add(PAPER)
                told += "; the paper has {:.1f} and {:.1f}".format(*one.paper)
            words.append(told)
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        for tick, (_, one) in zip(axes.get_yticklabels(), rows):
            tick.set_fontweight("bold" if one is None else "normal")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(False, axis="y")
        axes.set_xlabel("difference in points, with its 95% interval\n(the side of zero can be compared with the paper's, the size cannot)")
        handles, labels = axes.get_legend_handles_labels()
        known = [name for name in (*MARKS, PAPER) if name in labels]
        figure.legend([handles[labels.index(name)] for name in known], known, loc="outside lower right", ncols=4)       # intervals may lie anywhere within
        axes.set_title(title)
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"{title}:", *words]))
