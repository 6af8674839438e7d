"""What a set of samples is like: how its questions begin, how many there are in a sample, how long the texts are.

All from plain dicts of counts, such as a JSON file holds.

>>> show.first_words({"what": {"is": 60, "colour": 25}, "how": {"many": 30}})                       # doctest: +SKIP
>>> show.histograms({"conversation": {3: 40, 4: 12}, "detail": {1: 20}}, "questions in a sample")   # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.colors import to_rgb
from matplotlib.patches import Wedge
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..errors import InputError
from . import style

RING = 0.42                     # width of a ring; the sunburst has radius 1.0 and a hole
SMALLEST = 0.008                # of all: a word rarer than this is part of "other"
INCH = 2.8                      # inches to a unit of the sunburst
ROOM = 1.3                      # units from its centre to the edge of the figure
LONGEST = 16                    # letters of a label; the words of the picture have all
BINS = 30                       # bars of a histogram of many different values
COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PINK, "#56B4E9", style.RED)
OTHER, REST = "other", "#BFBFBF"


def first_words(counts: Mapping[str, Mapping[str, int]], title: str = "") -> style.Drawing:
    """A sunburst of how questions begin: {first word: {next word: questions}}, "" for no next word.

    The inner ring has the first words, clockwise from the top, the most frequent first; the outer ring what follows each.
    White edges part the sectors, and words are written on them, first words without room outside. Rare ones are put together
    as "other"; the words of the picture have all. Raises InputError where nothing was counted.
    """
    inner = _falling({word: sum(after.values()) for word, after in counts.items()})
    total = sum(inner.values())
    if not total:
        raise InputError("First words are drawn from at least one question; there is none.")
    with style.context():
        side = 2 * ROOM * INCH
        figure = style.new_figure(side, side + 0.4)
        axes = figure.add_axes((0, 0, 1, side / (side + 0.4)))
        axes.set(xlim=(-ROOM, ROOM), ylim=(-ROOM, ROOM), aspect="equal")
        axes.set_axis_off()
        begin = 0
        for number, (word, size) in enumerate(_large(inner, total).items()):
            colour = REST if word == OTHER and word not in inner else COLOURS[number % len(COLOURS)]
            if not _sector(axes, begin, size, total, 1.0 - RING, colour, f"{style.printable(word) or '(none)'}\n{size / total:.0%}", 10):
                _beside(axes, 90 - 360 * (begin + size / 2) / total, 1.0 if word in counts else 1.0 - RING, style.printable(word) or "(none)")
            following = _large(_falling(counts[word]), total) if word in counts else {}
            at = begin
            for place, (after, part) in enumerate(following.items()):
                _sector(axes, at, part, total, 1.0, _lighter(colour, 0.45 + 0.2 * (place % 2)),
                        style.printable(after) or "(end)", 8)
                at += part
            begin += size
        axes.set_title(style.printable(title or f"First words of {total:,} questions"))
    return style.Drawing(figure, "\n".join([f"{style.printable(title or 'First words of questions')}: {total:,} questions."] + [
        f"{style.printable(word) or '(none)'}: {size:,} ({size / total:.1%}), then "
        + ", ".join(f"{style.printable(after) or '(end)'} {part:,}" for after, part in _falling(counts[word]).items()) + "."
        for word, size in inner.items() if size]))


def histograms(kinds: Mapping[str, Mapping[int, int]], unit: str, title: str = "") -> style.Drawing:
    """One histogram for each kind of sample, below each other on one axis: {kind: {value: how often}}.

    ``unit`` is the name of the axis ("questions in a sample", "words in an answer"). Values may be texts, as the keys of
    JSON are. Bars are shares of their kind; a line shows the median. Raises InputError for a kind without counts.
    """
    tables = {kind: {int(value): number for value, number in sorted(counts.items(), key=lambda one: int(one[0])) if number}
              for kind, counts in kinds.items()}
    if not tables or not all(tables.values()):
        empty = [kind for kind, counts in tables.items() if not counts]
        raise InputError(f"A histogram needs counts; there are none of {', '.join(empty) or 'any kind'}.")
    low, high = min(min(counts) for counts in tables.values()), max(max(counts) for counts in tables.values())
    step = _bin(high - low + 1)
    start = low if step == 1 else low // step * step
    with style.context():
        figure = style.new_figure(7.0, 1.35 * len(tables) + 1.1)
        rows = figure.subplots(len(tables), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (kind, counts) in zip(rows, tables.items()):
            total, bars = sum(counts.values()), {}
            for value, number in counts.items():
                place = (value - start) // step
                bars[place] = bars.get(place, 0) + number
            axes.bar([start + (place + 0.5) * step - 0.5 for place in bars], [number / total for number in bars.values()],
                     width=0.9 * step, color="#9EC9E2", edgecolor=style.BLUE, linewidth=0.8)
            axes.axvline(median(counts), color=style.RED, linestyle="--", linewidth=1.4)
            axes.set_title(f"{style.printable(kind)} ({total:,}), median {median(counts):,}")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.grid(False, axis="x")
        rows[-1].set_xlabel(style.printable(unit) + ("" if step == 1 else f" ({step:,} to a bar)"))
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supylabel("share of the kind", fontsize=style.SIZES["axes.labelsize"])
        figure.suptitle(style.printable(title or unit[:1].upper() + unit[1:]), x=0.01, ha="left", fontweight="bold")
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"{style.printable(title or unit)}, with the median as a broken line:"] + [
        f"{style.printable(kind)}: {sum(counts.values()):,}, from {min(counts):,} to {max(counts):,}, median {median(counts):,}."
        for kind, counts in tables.items()]))


def median(counts: Mapping[int, int]) -> int:
    """The value in the middle of counted ones; of two middles the lower.

    >>> median({1: 2, 5: 2, 9: 1})
    5
    """
    half, seen = sum(counts.values()) / 2, 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= half:
            return value
    raise InputError("There is no middle of nothing; count at least one value.")


def _falling(counts: Mapping[str, int]) -> dict[str, int]:
    return {word: counts[word] for word in sorted(counts, key=lambda word: (-counts[word], word))}


def _large(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """The words that are large enough to be seen, and the sum of the others as "other"."""
    shown = {word: size for word, size in counts.items() if size >= SMALLEST * total}
    small = sum(counts.values()) - sum(shown.values())
    if small:
        shown[OTHER] = shown.get(OTHER, 0) + small
    return shown


def _bin(values: int) -> int:
    """The width of a bar: 1, 2, 5, 10, 20, ... so that there are not too many."""
    return next(step * 10 ** power for power in range(12) for step in (1, 2, 5) if values <= BINS * step * 10 ** power)


def _sector(axes, begin: int, size: int, total: int, radius: float, colour, label: str, points: float) -> bool:
    """A part of a ring from ``begin`` of ``total`` on, clockwise from the top; its label lies level where there is room.

    False where there is no room for a label at all.
    """
    start, end = (90 - 360 * at / total for at in (begin, begin + size))
    axes.add_patch(Wedge((0, 0), radius, end, start, width=RING, facecolor=colour, edgecolor="white", linewidth=1.2))
    middle = radius - RING / 2
    room = size / total * 2 * math.pi * middle * INCH                       # inches along the ring
    if room < 1.2 * points / 72:
        return False
    turn, level = (start + end) / 2 % 360, room > 1.2
    label = label if level else label.split("\n")[0]
    red, green, blue = to_rgb(colour)
    axes.text(middle * math.cos(math.radians(turn)), middle * math.sin(math.radians(turn)), _short(label), fontsize=points, ha="center", va="center",
              color="black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white",
              rotation=0 if level else turn - 180 if 90 < turn < 270 else turn)
    return True


def _beside(axes, turn: float, radius: float, label: str) -> None:
    """A label along the ray outside a circle."""
    turn, left = turn % 360, 90 < turn % 360 < 270
    x, y = ((radius + 0.02) * f(math.radians(turn)) for f in (math.cos, math.sin))
    axes.text(x, y, _short(label), fontsize=9, weight="bold", ha="right" if left else "left", va="center", rotation_mode="anchor",
              rotation=turn - 180 if left else turn)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[:LONGEST - 1]}…"


def _lighter(colour, share: float) -> tuple[float, ...]:
    return tuple(part + (1 - part) * share for part in to_rgb(colour))
