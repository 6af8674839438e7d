"""LLaVA-Bench in pictures: relative scores of several candidates, and what each of them says about one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.font_manager import FontProperties
from PIL import Image

from ..errors import InputError
from ..pictures import load_picture
from . import style
from .sheet import wrap

KINDS = {"conv": "conversation", "detail": "detailed description", "complex": "complex reasoning", "all": "all questions"}
ROW, PANEL, NAME = 0.36, 1.75, 2.5              # inches: height of a row, width of a panel, width of the names
SIGNS = {"model": ("o", style.BLUE), "answers": ("s", style.BLACK)}            # the others are baselines
BASELINE = ("D", style.RED)


def relative_scores(bench: Mapping, title: str = "") -> style.Drawing:
    """One benchmark of a result file of ``llava_mini.bench.run``: ``result["benches"]["coco"]`` (the paper's Tables 4 and 5).

    A panel for each kind of question and one for all, a row for each candidate: the relative score with its 95% interval,
    or of several seeds their mean with its interval and a short line for each seed; words say what the lines are. The line at 100 is the
    reference, which read captions and boxes. Where a verdict is lacking there is no overall score, and the score of its kind says how many there are. Raises InputError where there is no row.
    """
    rows = bench["rows"]
    if not rows:
        raise InputError("Relative scores are drawn of at least one candidate; there is none in this result.")
    kinds = [*dict.fromkeys(kind for row in rows for kind in row["runs"][0]["scores"]["kinds"]), "all"]
    values = [[_value(row, kind) for kind in kinds] for row in rows]
    every = [share for row in rows for kind in kinds for share in _shares(row["runs"], kind) if share is not None]
    most = max([100.0, *every, *(value[2] for line in values for value in line if value)])
    title = style.printable(title or f"{bench['title']}: score relative to the reference")
    with style.context():
        figure = style.new_figure(NAME + PANEL * len(kinds), ROW * len(rows) + 1.1)
        panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
        for place, (kind, axes) in enumerate(zip(kinds, panels)):
            axes.axvline(100, color=style.MUTED, linewidth=1.0, linestyle="--")
            for y, (row, line) in enumerate(zip(rows, values)):
                sign, colour = SIGNS.get(row["what"], BASELINE)
                if line[place] is None:
                    axes.text(2, y, _lacking(row["runs"]), va="center", fontsize=8, color=style.MUTED)
                    continue
                middle, low, high = line[place]
                axes.plot((low, high), (y, y), color=colour, linewidth=1.6, solid_capstyle="butt")
                for share in _shares(row["runs"], kind) if len(row["runs"]) > 1 else ():
                    axes.plot((share, share), (y - 0.13, y + 0.13), color=colour, linewidth=1.0)
                axes.plot(middle, y, marker=sign, markersize=6.5, markerfacecolor=colour if row["what"] == "model" else "white", markeredgecolor=colour,
                          markeredgewidth=1.5)
                text = f"{middle:.1f}{_covered(row['runs'], kinds[place], ' ({} of {})')}"
                axes.text(middle, y - 0.2, text, ha="center", va="bottom", fontsize=8)
            axes.set_xlim(0, 1.06 * most)
            axes.set_title(KINDS.get(kind, style.printable(kind)), fontsize=9)
            axes.grid(False, axis="y")
            axes.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(rows)), [_short(row) for row in rows])
        panels[0].set_ylim(len(rows) - 0.4, -0.75)
        signs = "; diamonds are baselines" if any(row["what"] not in SIGNS for row in rows) else ""
        figure.supxlabel(f"relative score{signs}; 100 is the reference (dashed), with {_ranges(rows)}", fontsize=9)
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
        style.settle(figure)
    words = [f"{_name(row)}: " + "; ".join(f"{KINDS.get(kind, kind)} " + (
        f"{value[0]:.1f} ({value[1]:.1f} to {value[2]:.1f}{_covered(row['runs'], kind, ', {} of {} judged')})" if value else
        f"no score, {_lacking(row['runs'])}") for kind, value in zip(kinds, line)) for row, line in zip(rows, values)]
    return style.Drawing(figure, "\n".join([f"{title}, with {_ranges(rows)}:", *words]))


def _ranges(rows: Sequence[Mapping]) -> str:
    """What the lines through the marks are: the interval, and of several seeds one line across for each."""
    several = [row for row in rows if len(row["runs"]) > 1]
    if any("intervals" not in row for row in several):          # a result of an earlier version
        return "the range over the seeds" if len(several) == len(rows) else "the 95% interval, or the range over the seeds where there are several"
    return "the 95% interval over pictures" + (" and a short line for each seed" if several else "")


def _value(row: Mapping, kind: str) -> tuple[float, float, float] | None:
    """(score, low, high); None where there is none, and of all questions where a verdict is lacking."""
    runs, shares = row["runs"], _shares(row["runs"], kind)
    if None in shares or kind == "all" and any(run["scores"]["headline"] is None for run in runs):
        return None
    tally = runs[0]["scores"]["all"] if kind == "all" else runs[0]["scores"]["kinds"][kind]
    low, high = (tally["low"], tally["high"]) if len(runs) == 1 else row.get("intervals", {}).get(kind, (min(shares), max(shares)))
    return sum(shares) / len(shares), low, high


def _shares(runs: Sequence[Mapping], kind: str) -> list[float | None]:
    """The relative score of each run; None where it has none of that kind."""
    tallies = [run["scores"]["all"] if kind == "all" else run["scores"]["kinds"].get(kind) for run in runs]
    return [tally and tally["relative"] for tally in tallies]


def _covered(runs: Sequence[Mapping], kind: str, words: str) -> str:
    """How many questions of a kind were judged, of how many, in ``words``; nothing where it is all of them."""
    tallies = [run["scores"]["all"] if kind == "all" else run["scores"]["kinds"][kind] for run in runs]
    judged, asked = (sum(tally[name] for tally in tallies) for name in ("judged", "asked"))
    return words.format(judged, asked) if judged < asked else ""


def _lacking(runs: Sequence[Mapping]) -> str:
    return f"{sum(run['scores']['all']['judged'] for run in runs)} of {sum(run['scores']['all']['asked'] for run in runs)} judged"


def _name(row: Mapping) -> str:
    seeds = f", {len(row['runs'])} seeds" if len(row["runs"]) > 1 else ""
    return f"{style.printable(row['label'])} ({_lacking(row['runs'])}{seeds})"


def _short(row: Mapping) -> str:
    """The same for the picture, where what is as it should be needs no words."""
    whole = all(run["scores"]["headline"] is not None for run in row["runs"])
    return (style.printable(row["label"]) + (f" ({len(row['runs'])} seeds)" if len(row["runs"]) > 1 else "")) if whole else _name(row)


@dataclass(frozen=True)
class Said:
    """What one candidate said, and what the judge gave it."""

    label: str
    text: str
    score: float | None = None                  # of 10; None where nobody judged


def answers_beside(picture: str | Path | Image.Image, question: str, said: Sequence[Said], title: str = "") -> style.Drawing:
    """One picture and one question with the answers of all candidates beside it, each with its score (the paper's Table 6)."""
    if not said:
        raise InputError("There is no answer to show; give at least one.")
    side, width, line, gap = 2.6, 5.6, 0.17, 0.15
    font, bold = (FontProperties(family=style.RULES["font.family"], size=9.5, weight=weight) for weight in ("normal", "bold"))
    parts = [(wrap(question, width, 3, bold), bold, "black")]
    for one in said:
        score = "" if one.score is None else f"  [{one.score:g} of 10]"
        parts.append((wrap(f"{one.label}{score}", width, 1, bold), bold, style.BLUE))
        parts.append((wrap(one.text.strip() or "(nothing)", width, 5, font), font, "black"))
    height = max(side + 0.5, 0.55 + sum(line * len(lines) + 0.06 for lines, _, _ in parts) + 0.1)
    title = style.printable(title or "What each of them says")
    with style.context():
        figure = style.new_figure(side + width + 3 * gap, height)
        axes = figure.add_axes((gap / (side + width + 3 * gap), 1 - (side + 0.5) / height, side / (side + width + 3 * gap), side / height))
        axes.imshow(load_picture(picture))
        axes.set_axis_off()
        left, y = (side + 2 * gap) / (side + width + 3 * gap), 0.5
        figure.text(gap / (side + width + 3 * gap), 1 - 0.12 / height, title, fontsize=11, va="top")
        for lines, properties, colour in parts:
            for text in lines:
                figure.text(left, 1 - y / height, text, fontproperties=properties, color=colour, va="top", ha="left")
                y += line
            y += 0.06 if properties is font or colour == "black" else 0.0
    words = [f"{one.label}{'' if one.score is None else f' ({one.score:g} of 10)'}: {style.printable(one.text) or '(nothing)'}" for one in said]
    return style.Drawing(figure, "\n".join([f"{title}. {style.printable(question)}", *words]))
