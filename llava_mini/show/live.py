"""What the training monitor shows while it is live: HTML and SVG as text, made in a moment, several times a second if need be.

Answers of a model, questions and titles are somebody else's text: all of it is escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from math import floor, isfinite, log10

from ..history import series
from . import style
from .bands import Band, smooth

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 34           # room around the curve, in the units of the SVG
COLUMNS = 6                                         # moments of which the answers are shown
CELL = "border:1px solid #ccc;padding:2px 6px;text-align:left;vertical-align:top"


def escape(text: str) -> str:
    """Text as HTML that shows exactly it: control characters as their numbers, markup as letters."""
    return html.escape(style.printable(text))


def duration(seconds: float) -> str:
    """Seconds as people say them: 48 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def headline(title: str, progress) -> str:
    """Title, step, losses, speed and time left in a line; ``progress`` is a monitor.Progress."""
    records, parts = progress.records, []
    if not records:
        return f"<b>{escape(title)}</b> preparing: texts become tokens, pictures become features"
    of = f" of {progress.steps}" if progress.steps else ""
    parts.append(f"step {progress.step}{of}")
    losses, checks = series(records, "loss")[1], series(records, "validation")
    if losses:
        parts.append(f"loss {smooth(losses, 20)[-1]:.3f} (mean of 20 steps)")
    if checks[1]:
        parts.append(f"validation loss {checks[1][-1]:.3f} (step {checks[0][-1]})")
    speeds = series(records, "samples_per_second")[1][-20:]
    if speeds:
        parts.append(f"{sum(speeds) / len(speeds):.0f} samples/s")
    if progress.finished:
        parts.append(f"finished in {duration(progress.taken)}")
    elif progress.left is not None:
        parts.append(f"about {duration(progress.left)} left")
    return f"<b>{escape(title)}</b> " + " · ".join(parts)


def curve(records: Sequence[dict], band: Band | None = None, window: int = 20) -> str:
    """The loss as SVG on a logarithmic scale: every step thin, its mean thick, validation as diamonds, the band behind."""
    steps, losses = series(records, "loss")
    places, checks = series(records, "validation")
    seen = [value for value in (*losses, *checks, *(band.low + band.high if band else ())) if isfinite(value) and value > 0]
    if not seen:
        return ""
    last = max(*steps, *places, *(band.steps if band else ()), 1)
    low, high = log10(min(seen)) - 0.05, log10(max(seen)) + 0.05

    def x(step: float) -> float:
        return LEFT + step / last * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - log10(value)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def line(xs, ys, look: str) -> str:
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(xs, ys) if isfinite(b) and b > 0)
        return f'<polyline points="{points}" fill="none" {look}/>'

    drawn = []
    if band:
        edge = [f"{x(a):.1f},{y(b):.1f}" for a, b in [*zip(band.steps, band.high), *reversed([*zip(band.steps, band.low)])]]
        drawn.append(f'<polygon points="{" ".join(edge)}" fill="{style.BAND}"><title>reference: {escape(band.name)}</title></polygon>')
    for value in _ticks(low, high):
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e5e5e5"/>'
                     f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for step in range(0, last + 1, _stride(last)):
        drawn.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{step}</text>')
    drawn.append(line(steps, losses, f'stroke="{style.BLUE}" stroke-width="0.7" opacity="0.4"'))
    drawn.append(line(steps, smooth(losses, band.window if band else window), f'stroke="{style.BLUE}" stroke-width="2"'))
    for step, value in zip(places, checks):
        if isfinite(value) and value > 0:
            drawn.append(f'<path d="M{x(step):.1f} {y(value) - 5:.1f}l5 5l-5 5l-5 -5z" fill="white" stroke="{style.BLACK}">'
                         f"<title>validation loss {value:.3f} at step {step}</title></path>")
    drawn.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 3}" text-anchor="middle">step (loss: nats per supervised token'
                 f'{"; grey: reference band" if band else ""}; diamonds: validation)</text>')
    told = f"Loss over {len(steps)} steps" + (f", {losses[-1]:.3f} at the last" if losses else "")
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:{WIDTH}px;width:100%;background:white" font-size="11" '
            f'font-family="sans-serif" fill="{style.MUTED}" role="img" aria-label="{told}">{"".join(drawn)}</svg>')


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times a power of ten between the logarithms ``low`` and ``high``."""
    values = [digit * 10.0 ** power for power in range(floor(low), floor(high) + 1) for digit in (1, 2, 5)]
    return [value for value in values if low <= log10(value) <= high]


def _stride(last: int) -> int:
    """Steps between two numbers under the curve: 1, 2 or 5 times a power of ten, at most about ten numbers in all."""
    return next(digit * 10 ** power for power in range(12) for digit in (1, 2, 5) if last <= 10 * digit * 10 ** power)


def answers(checks: Sequence[dict], shown: int) -> str:
    """A table: a row for each sample question with its true answer, a column for each moment at which it was asked."""
    if not checks:
        return ""
    heads = ["question", "true answer", *(f"step {check['step']}" for check in checks)]
    rows = []
    for number, row in enumerate(checks[-1]["answers"][:shown]):
        cells = [row["text"], row.get("answer", ""), *(check["answers"][number]["given"] for check in checks)]
        rows.append("".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in cells))
    more = len(checks[-1]["answers"]) - len(rows)
    head = "".join(f'<th style="{CELL}">{text}</th>' for text in heads)
    return (f'<div style="overflow-x:auto;line-height:1.25"><table style="border-collapse:collapse;font-size:12px"><tr>{head}</tr>'
            + "".join(f"<tr>{row}</tr>" for row in rows) + f"</table>{f'and {more} more questions' if more else ''}</div>")
