"""Runs side by side: how often each of them is right, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError
from ..evaluation.intervals import pooled
from . import style


def side_by_side(runs: Mapping[str, Sequence[Mapping]], title: str = "") -> style.Drawing:
    """A column for each run, a row for each kind of question and one for all, percentages in the cells.

    ``runs``: label -> one report for each seed, as in a result file (``read_result(path).accuracy["test"]["true"]``).
    Lightness carries the share, in grey as in colour. The first row has the interval too: the 95% interval of a single
    seed, or the range over several. Raises InputError where the runs were not asked the same kinds of question.
    """
    labels, kinds = list(runs), list(next(iter(runs.values()))[0]["kinds"]) if runs else []
    if not runs or any(set(report["kinds"]) != set(kinds) for reports in runs.values() for report in reports):
        raise InputError("Runs are shown side by side when there is at least one and all were asked the same kinds of question; choose others.")
    rows = {"all": [[report["all"] for report in runs[label]] for label in labels]}
    rows |= {kind: [[report["kinds"][kind] for report in runs[label]] for label in labels] for kind in kinds}
    shares = [[pooled(tallies)[0] for tallies in row] for row in rows.values()]
    with style.context():
        width, height = 0.92 * len(labels), 0.34 * len(rows)
        figure = style.new_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(shares, cmap=style.SHADES, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(labels)), [style.printable(label) for label in labels], rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), [f"{style.printable(kind)} ({tallies[0][0]['n']})" for kind, tallies in rows.items()])
        axes.grid(False)
        axes.tick_params(length=0)
        axes.axhline(0.5, color=style.BLACK, linewidth=1.2)
        for y, (kind, row) in enumerate(rows.items()):
            for x, tallies in enumerate(row):
                text = f"{shares[y][x]:.0%}" if kind != "all" else f"{shares[y][x]:.1%}\n{_range(tallies)}"
                axes.text(x, y, text, ha="center", va="center", fontsize=9 if kind != "all" else 7, color="white" if shares[y][x] > style.DARK else "black")
        axes.set_title(style.printable(title or "Right answers by kind of question"))
    words = [f"{kind}: " + ", ".join(f"{label} {share:.1%}" for label, share in zip(labels, row)) for kind, row in zip(rows, shares)]
    return style.Drawing(figure, "\n".join([style.printable(title or "Right answers by kind of question") + ":", *words]))


def _range(tallies: Sequence[Mapping]) -> str:
    low, high = (tallies[0]["low"], tallies[0]["high"]) if len(tallies) == 1 else pooled(tallies)[1:]
    return f"{100 * low:.1f} to {100 * high:.1f}"
