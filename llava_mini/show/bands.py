"""Reference bands: how the loss of a training usually runs, to hold one's own against.

A band was made from several trainings with other seeds and holds, step by step, the lowest and highest
smoothed loss among them, widened by a margin. It says which training it is of, and is compared with no other.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path

from ..errors import InputError
from ..files import write_safely
from ..history import series


@dataclass(frozen=True)
class Band:
    """Lowest and highest smoothed loss (nats per supervised token) at some steps."""

    name: str                    # what was trained: "mini, stage 2"
    runs: int                    # how many trainings it was made from
    window: int                  # steps that the loss was averaged over
    steps: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    of: dict = field(default_factory=dict)  # the training: profile, pictures, settings of the stage, steps
    seeds: tuple[int, ...] = ()  # of its runs

    def fits(self, of: dict) -> bool:
        """Whether it is of that training: same profile, pictures, settings and number of steps."""
        return self.of == of

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
            words += f", above it at {self.above} and below it at {self.below} (first outside at step {self.first_outside})"
        return words + (f"; the band says nothing about {self.beyond} other{' steps' if self.beyond > 1 else ' step'}." if self.beyond else ".")


def smooth(losses: Sequence[float], window: int) -> list[float]:
    """Mean over the last ``window`` values (fewer at the start)."""
    return [sum(part) / len(part) for part in (losses[max(0, i + 1 - window):i + 1] for i in range(len(losses)))]


def make_band(histories: Sequence[Sequence[dict]], name: str, *, window: int = 20, margin: float = 0.1, every: int = 5,
              of: dict | None = None, seeds: Sequence[int] = ()) -> Band:
    """The band of several trainings, at every ``every``-th step that all of them have.

    It begins at the ``window``-th step: before it the mean is over few values and mostly chance.
    ``margin`` widens it by that share of the loss on both sides: a few seeds never show the whole spread.
    """
    runs = [dict(zip(steps, smooth(losses, window))) for steps, losses in (series(history, "loss") for history in histories)]
    common = sorted(set.intersection(*(set(run) for run in runs))) if runs else []
    steps = sorted({*common[window - 1::every], *common[-1:]})
    if not steps or not all(isfinite(run[step]) for run in runs for step in common):
        raise InputError(f"{name}: a band needs trainings with finite losses at common steps; give histories of the same schedule.")
    return Band(name, len(runs), window, tuple(steps), tuple(min(run[s] for run in runs) * (1 - margin) for s in steps),
                tuple(max(run[s] for run in runs) * (1 + margin) for s in steps), of or {}, tuple(seeds))


def as_json(band: Band) -> bytes:
    """The band as its file holds it; losses keep five decimals."""
    data = asdict(band)
    data["low"], data["high"] = ([round(value, 5) for value in side] for side in (band.low, band.high))
    return json.dumps(data).encode() + b"\n"


def write_band(band: Band, path: str | Path) -> None:
    """Write a band as JSON, whole or not at all."""
    write_safely(Path(path), as_json(band))


def read_band(path: str | Path) -> Band:
    """Read a band. InputError names file and field."""
    try:
        data = json.loads(Path(path).read_bytes())
        steps, low, high = (data[name] for name in ("steps", "low", "high"))
        band = Band(data["name"], data["runs"], data["window"], tuple(steps), tuple(low), tuple(high), dict(data["of"]),
                    tuple(data["seeds"]))
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
    steps, losses = series(history, "loss")
    counts, first = {"inside": 0, "above": 0, "below": 0, "beyond": 0}, None
    for step, loss in zip(steps, smooth(losses, band.window)):
        edges = band.at(step)
        side = "beyond" if edges is None else "below" if loss < edges[0] else "inside" if loss <= edges[1] else "above"
        counts[side] += 1
        if side in ("above", "below") and first is None:
            first = step
    return Verdict(**counts, first_outside=first, name=band.name)
