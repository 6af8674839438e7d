"""Loss curves over a reference band: is my training going as it should?

The history is what a training writes (:class:`..history.History`): records with ``step``, ``loss``, the
learning ``rate`` by part and, now and then, ``validation``. The band was made from several trainings with other seeds and
holds, step by step, the lowest and highest smoothed loss among them, widened by a margin.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from pathlib import Path

from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..errors import InputError
from ..files import write_safely
from ..history import History
from . import style


@dataclass(frozen=True)
class Band:
    """Lowest and highest smoothed loss (nats per supervised token) at some steps."""

    name: str                    # what was trained: "mini, stage 2"
    runs: int                    # how many trainings it was made from
    window: int                  # steps that the loss was averaged over
    steps: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def at(self, step: int) -> tuple[float, float] | None:
        """(low, high) at a step, between two known ones on the straight line; None outside the band's steps."""
        if not self.steps[0] <= step <= self.steps[-1]:
            return None
        i = bisect_left(self.steps, step)
        if self.steps[i] == step:
            return self.low[i], self.high[i]
        share = (step - self.steps[i - 1]) / (self.steps[i] - self.steps[i - 1])
        return tuple(side[i - 1] + share * (side[i] - side[i - 1]) for side in (self.low, self.high))


@dataclass(frozen=True)
class Verdict:
    """How a loss curve lies to a band, in steps."""

    inside: int
    above: int
    below: int
    beyond: int                  # steps that the band says nothing about
    first_outside: int | None
    name: str

    @property
    def compared(self) -> int:
        return self.inside + self.above + self.below

    def __str__(self) -> str:
        if not self.compared:
            return f"Nothing to compare: no step of this run lies within the reference band of {self.name}."
        words = f"The loss is inside the reference band of {self.name} at {self.inside} of {self.compared} steps"
        if self.first_outside is not None:
            words += f", above it at {self.above} and below it at {self.below}, for the first time at step {self.first_outside}"
        return words + (f"; about {self.beyond} other steps the band says nothing." if self.beyond else ".")


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


def smooth(losses: Sequence[float], window: int) -> list[float]:
    """Mean over the last ``window`` values (fewer at the start)."""
    return [sum(part) / len(part) for part in (losses[max(0, i + 1 - window):i + 1] for i in range(len(losses)))]


def _series(history: Sequence[dict], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one quantity, where it was recorded."""
    found = [(row["step"], float(row[name])) for row in history if row.get(name) is not None]
    return [step for step, _ in found], [value for _, value in found]


def _rates(history: Sequence[dict]) -> dict[str, tuple[list[int], list[float]]]:
    """Learning rate by part of the model; parts that share one schedule are named together."""
    parts = sorted({part for row in history for part in row.get("rate") or {}})
    curves: dict[tuple, list[str]] = {}
    for part in parts:
        curve = tuple((row["step"], row["rate"][part]) for row in history if part in (row.get("rate") or {}))
        curves.setdefault(curve, []).append(part)
    return {" and ".join(names): ([step for step, _ in curve], [value for _, value in curve]) for curve, names in curves.items()}


def make_band(histories: Sequence[Sequence[dict]], name: str, *, window: int = 20, margin: float = 0.1, every: int = 5) -> Band:
    """The band of several trainings, at every ``every``-th step that all of them have.

    It begins at the ``window``-th step: before it the mean is over few values and mostly chance.
    ``margin`` widens it by that share of the loss on both sides: a few seeds never show the whole spread.
    """
    runs = [dict(zip(steps, smooth(losses, window))) for steps, losses in (_series(history, "loss") for history in histories)]
    common = sorted(set.intersection(*(set(run) for run in runs))) if runs else []
    steps = sorted({*common[window - 1::every], *common[-1:]})
    if not steps or not all(isfinite(run[step]) for run in runs for step in common):
        raise InputError(f"{name}: a band needs trainings with finite losses at common steps; give histories of the same schedule.")
    return Band(name, len(runs), window, tuple(steps), tuple(min(run[s] for run in runs) * (1 - margin) for s in steps),
                tuple(max(run[s] for run in runs) * (1 + margin) for s in steps))


def write_band(band: Band, path: str | Path) -> None:
    """Write a band as JSON; numbers keep five decimals."""
    data = asdict(band)
    data["low"], data["high"] = ([round(value, 5) for value in side] for side in (band.low, band.high))
    write_safely(Path(path), json.dumps(data).encode() + b"\n")


def read_band(path: str | Path) -> Band:
    """Read a band. InputError names file and field."""
    try:
        data = json.loads(Path(path).read_bytes())
        steps, low, high = (data[name] for name in ("steps", "low", "high"))
        band = Band(data["name"], data["runs"], data["window"], tuple(steps), tuple(low), tuple(high))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from None
    except KeyError as error:
        raise InputError(f"{path}, field {error}: missing; take the file from git again.") from None
    except (TypeError, ValueError):
        raise InputError(f"{path}: not a reference band in JSON; take the file from git again.") from None
    if not steps or not len(steps) == len(low) == len(high) or any(a >= b for a, b in zip(steps, steps[1:])):
        raise InputError(f"{path}, field steps: they must rise and be as many as low and high; take the file from git again.")
    return band


def compare(history: Sequence[dict], band: Band) -> Verdict:
    """Hold a run's loss, smoothed as the band was, against the band. A loss that is not finite lies above."""
    steps, losses = _series(history, "loss")
    counts, first = {"inside": 0, "above": 0, "below": 0, "beyond": 0}, None
    for step, loss in zip(steps, smooth(losses, band.window)):
        edges = band.at(step)
        side = "beyond" if edges is None else "below" if loss < edges[0] else "inside" if loss <= edges[1] else "above"
        counts[side] += 1
        if side in ("above", "below") and first is None:
            first = step
    return Verdict(**counts, first_outside=first, name=band.name)


def loss_curves(histories: dict[str, Sequence[dict]], band: Band | None = None, title: str = "") -> style.Drawing:
    """Loss of one or several runs ({name: history}) over the band, the learning rate below.

    Thin lines are the loss of every step, thick ones its mean over the band's window, points the
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
                               label=f"reference: {band.name} ({band.runs} runs)")
        lowest, highest, ends = [], [], []
        for (name, history), (colour, line) in zip(histories.items(), _endless(style.CURVES)):
            steps, losses = _series(history, "loss")
            label = style.printable(name)
            upper.plot(steps, losses, color=colour, linewidth=0.6, alpha=0.35)
            upper.plot(steps, smooth(losses, window), color=colour, linestyle=line, label=f"{label} (mean of {window} steps)")
            places, values = _series(history, "validation")
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
