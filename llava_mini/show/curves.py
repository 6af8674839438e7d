"""Loss curves over a reference band: is my training going as it should?

The history is what a training writes (:class:`..history.History`): records with ``step``, ``loss``, the
learning ``rate`` by part and, now and then, ``validation``. For the band see :mod:`.bands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path

from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..errors import InputError
from ..history import History, series
from . import style
from .bands import Band, compare, smooth

FAR = 30            # times: learning rates further apart are drawn on a logarithmic scale


def read_history(path: str | Path) -> list[dict]:
    """The records of a history.jsonl. A half-written last line is not part of it, as the training may still run.

    InputError with file, line and field where there is none or something is wrong.
    """
    records = History.read(path).records
    if not records:
        raise InputError(f"{path}: there is no step in it; check the name, or train first.")
    before = -1
    for number, record in enumerate(records, 1):
        where = f"{path}, line {number}"
        if not isinstance(record, dict) or type(record.get("step")) is not int:
            raise InputError(f"{where}: the field 'step' is missing or no whole number; remove the line or train again.")
        rates = record.get("rate") or {}
        for name, value in (("loss", record.get("loss")), ("validation", record.get("validation")),
                            *(rates.items() if isinstance(rates, dict) else [("rate", "no dict")])):
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise InputError(f"{where}: the field {name!r} is {value!r} where a number belongs; remove the line or train again.")
        if record["step"] <= before:
            raise InputError(f"{where}: step {record['step']} comes after step {before}; two trainings wrote to this file, "
                             "so train again into another folder.")
        before = record["step"]
    return records


def _rates(history: Sequence[dict]) -> dict[str, tuple[list[int], list[float]]]:
    """Learning rate by part of the model; parts that share one schedule are named together."""
    parts = sorted({part for row in history for part in row.get("rate") or {}})
    curves: dict[tuple, list[str]] = {}
    for part in parts:
        curve = tuple((row["step"], row["rate"][part]) for row in history if part in (row.get("rate") or {}))
        curves.setdefault(curve, []).append(part)
    return {" and ".join(names): ([step for step, _ in curve], [value for _, value in curve]) for curve, names in curves.items()}


def loss_curves(histories: dict[str, Sequence[dict]], band: Band | None = None, title: str = "") -> style.Drawing:
    """Loss of one or several runs ({name: history}) over the band, the learning rate below.

    Thin lines are the loss of every step, thick ones its mean over the band's window, diamonds the
    validation loss. With a band the verdict stands under the title and in the alt text.
    """
    if not histories:
        raise InputError("Loss curves need at least one run; they got none.")
    window = band.window if band else 20
    words = [f"{name}: {compare(history, band)}" if len(histories) > 1 else str(compare(history, band))
             for name, history in histories.items()] if band else []
    with style.context():
        figure = style.new_figure(7.5, 5.4)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        if band:
            upper.fill_between(band.steps, band.low, band.high, color=style.BAND, linewidth=0,
                               label=f"reference: {band.name} ({band.runs} run{'s' if band.runs > 1 else ''})")
        lowest, highest, ends = [], [], []
        for (name, history), (colour, line) in zip(histories.items(), _endless(style.CURVES)):
            steps, losses = series(history, "loss")
            label = style.printable(name)
            upper.plot(steps, losses, color=colour, linewidth=0.6, alpha=0.35)
            upper.plot(steps, smooth(losses, window), color=colour, linestyle=line, label=f"{label} (mean of the last {window} steps)")
            places, values = series(history, "validation")
            if places:
                upper.plot(places, values, color=colour, linestyle="none", marker="D", markersize=4.5,
                           markerfacecolor="white", label=f"{label}, validation")
            rates = _rates(history)
            for number, (part, curve) in enumerate(rates.items()):
                lower.plot(*curve, color=colour, linestyle=line, linewidth=0.9 if number else 1.8,
                           label=style.printable(part) if len(rates) > 1 else None)
            finite = [value for value in (*losses, *values) if isfinite(value)]
            lowest.append(min(finite, default=nan))
            highest.append(max(finite, default=nan))
            if losses:
                ends.append(f"{label}: {len(losses)} steps, loss {losses[0]:.3g} at first, {smooth(losses, window)[-1]:.3g} at the end"
                            + (f", validation loss {values[-1]:.3g}" if values else "") + ".")
        if min(lowest) > 0 and max(highest) > 20 * min(lowest):
            upper.set_yscale("log")              # a late fall would be flat on a straight scale
            upper.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            upper.yaxis.set_major_formatter("{x:g}")
            upper.yaxis.set_minor_formatter(NullFormatter())
        upper.set_ylabel("loss (nats per supervised token)")
        upper.legend()
        if any(line.get_label()[0] != "_" for line in lower.lines):
            lower.legend(ncols=3)
        lower.set_ylabel("learning rate")
        peaks = [max(rates) for line in lower.lines if len(rates := line.get_ydata())]
        if peaks and max(peaks) > FAR * min(peaks):
            lower.set_yscale("log")              # the smaller rates would lie on the axis
            lower.yaxis.set_major_formatter("{x:g}")
            lower.yaxis.set_minor_formatter(NullFormatter())
        else:
            lower.set_ylim(bottom=0)
            lower.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        lower.set_xlabel("step (optimizer updates)")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
        figure.suptitle(style.printable(title or "Loss curves"), x=0.01, ha="left", fontweight="bold", wrap=True)
        if words:
            upper.set_title("\n".join(map(style.printable, words)), fontsize=style.SIZES["legend.fontsize"], wrap=True)
        style.settle(figure)
    return style.Drawing(figure, " ".join([f"{style.printable(title or 'Loss curves')}.", *ends, *words]))


def _endless(styles):
    while True:
        yield from styles
