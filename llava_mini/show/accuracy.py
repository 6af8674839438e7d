"""How often a model is right, kind by kind, beside what can be had without looking."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InputError
from . import style

# How a control is drawn, and what it is called. Those that are not here have no place in the picture.
CONTROLS = {"blind": ("o", "no picture"), "blank": ("s", "grey picture"), "shuffled": ("^", "another picture"), "guess": ("D", "most frequent answer")}
ROW = 0.34                       # inches


def accuracy_bars(reports: Mapping[str, Mapping], title: str = "") -> style.Drawing:
    """One split of a result file: ``read_result(path).accuracy["test"]``, or ``as_dict(reports)["test"]``.

    A bar for each kind of question and one for all, with the 95% interval; the controls as signs beside it.
    What a bar has above its signs comes from looking. Raises InputError without a report "true".
    """
    if "true" not in reports:
        raise InputError(f"Accuracy is drawn from a report \"true\"; there are only {', '.join(reports) or 'none'}.")
    rows = {"all": reports["true"]["all"], **reports["true"]["kinds"]}
    controls = {name: {"all": reports[name]["all"], **reports[name]["kinds"]} for name in CONTROLS if name in reports}
    with style.context():
        figure = style.new_figure(7.0, ROW * len(rows) + 1.3)
        axes = figure.subplots()
        for place, (kind, tally) in enumerate(rows.items()):
            axes.barh(place, tally["accuracy"], height=0.62, color=style.BLUE if kind == "all" else "#9EC9E2")
            axes.plot((tally["low"], tally["high"]), (place, place), color=style.BLACK, linewidth=1.6, solid_capstyle="butt")
        for name, tallies in controls.items():
            sign, words = CONTROLS[name]
            shown = [(tallies[kind]["accuracy"], place) for place, kind in enumerate(rows) if kind in tallies]
            axes.plot(*zip(*shown), linestyle="none", marker=sign, markersize=6, markerfacecolor="none", markeredgecolor=style.RED,
                      markeredgewidth=1.4, label=words)
        axes.set_yticks(range(len(rows)), [f"{style.printable(kind)} ({tally['n']})" for kind, tally in rows.items()])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_xlabel("right answers, with the 95% interval (number of questions beside the kind)")
        axes.grid(False, axis="y")
        if controls:
            axes.legend(title="without the right picture", loc="upper left", bbox_to_anchor=(1.01, 1.0))
        axes.set_title(style.printable(title or "Right answers by kind of question"))
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"{style.printable(title or 'Right answers by kind of question')}:",
                                            *(in_words(kind, tally, controls) for kind, tally in rows.items())]))


def in_words(kind: str, tally: Mapping, controls: Mapping[str, Mapping]) -> str:
    """One row of the picture in words."""
    beside = [f"{CONTROLS[name][1]} {tallies[kind]['accuracy']:.0%}" for name, tallies in controls.items() if kind in tallies]
    return f"{kind}: {tally['accuracy']:.1%} of {tally['n']} right ({tally['low']:.1%} to {tally['high']:.1%})" + "".join(f"; {one}" for one in beside)
