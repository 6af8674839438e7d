"""What the probes of a model's behaviour found, drawn from their result and nothing else.

>>> result = read_behaviour("runs/probes/llava-mini/behaviour.json")              # doctest: +SKIP
>>> show.probe_figures(result)["binding"].save("binding.png")                     # doctest: +SKIP

A share is the dict that a result holds: {"right", "n", "share", "low", "high"}. Bars end at it, lines are its 95% interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..evaluation.probes.tables import CONDITIONS
from . import style
from .probe_maps import counting_map, in_words, position_map

PALE = "#9EC9E2"
ROW = 0.34                      # inches


def probe_figures(result) -> dict[str, style.Drawing]:
    """All figures of a :class:`..evaluation.probes.Behaviour`, by name."""
    drawers = {"picture": picture_bars, "binding": binding_bars, "counting": counting_curve, "counting-said": counting_map, "position": position_map,
               "absent": absent_bars, "character": character_bars, "wording": wording_marks}
    return {name: draw(result.probes[name.partition("-")[0]]) for name, draw in drawers.items()}


def picture_bars(probe: Mapping) -> style.Drawing:
    """With the true picture, without it, and with the features of another one."""
    rows = [(words, _tally(probe["reports"][name]["all"]), PALE if name != "true" else style.BLUE)
            for name, words in CONDITIONS.items() if name in probe["reports"]]
    features = probe["features"]
    swapped = [("its own features", features["before"], style.BLUE), ("foreign ones: right for the picture", features["own"], PALE),
               ("foreign ones: right for where they come from", features["other"], style.ORANGE)]
    with style.context():
        figure = style.new_figure(7.4, ROW * (len(rows) + len(swapped)) + 2.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(len(rows), len(swapped)))
        for axes, bars, title in ((upper, rows, "Right answers, when the model is shown"),
                                  (lower, swapped, "With the features of a picture that has another answer")):
            for place, (_, share, colour) in enumerate(bars):
                _bar(axes, place, share, colour, 0.62)
            _names(axes, [f"{words} ({share['n']})" for words, share, _ in bars])
            axes.set_title(title)
        _percent(lower, "right answers, with the 95% interval (number of questions in brackets)")
        style.settle(figure)
    return style.Drawing(figure, "\n".join(["Does the picture matter? Right answers:", *(f"{words}: {in_words(share)}" for words, share, _ in rows),
                                            "Features exchanged:", *(f"{words}: {in_words(share)}" for words, share, _ in swapped),
                                            f"the same words as about the other picture: {in_words(features['same_words'])}"]))


def binding_bars(probe: Mapping) -> style.Drawing:
    """Single answers and pairs, with the level of a tossed coin for each."""
    swaps = list(dict.fromkeys(row["swap"] for row in probe["rows"]))
    by = {swap: [row for row in probe["rows"] if row["swap"] == swap] for swap in swaps}
    with style.context():
        figure = style.new_figure(7.4, 2 * ROW * len(probe["rows"]) * 0.8 + 1.8)
        panels = figure.subplots(len(swaps), 1, sharex=True, squeeze=False, height_ratios=[len(by[swap]) for swap in swaps])[:, 0]
        for axes, swap in zip(panels, swaps):
            for place, row in enumerate(by[swap]):
                for shift, share, chance, colour, words in ((-0.2, row["single"], row["single_chance"], PALE, "single answers"),
                                                            (0.2, row["pairs"], row["pair_chance"], style.BLUE, "pairs: both answers right")):
                    _bar(axes, place + shift, share, colour, 0.36, words if place == 0 else None)
                    axes.plot((chance, chance), (place + shift - 0.19, place + shift + 0.19), color=style.RED, linewidth=1.8, linestyle=(0, (1.6, 0.8)),
                              label="chance" if place == 0 and shift > 0 else None)
            _names(axes, [f"{row['kind']} ({row['pairs']['n']})" for row in by[swap]])
            axes.set_title(f"{swap.capitalize()} of the two things exchanged")
        panels[0].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        _percent(panels[-1], "right, with the 95% interval (number of pairs in brackets)")
        style.settle(figure)
    return style.Drawing(figure, "\n".join(["Binding: pairs of pictures that hold the same parts and differ in what belongs to what."] + [
        f"{row['swap']} exchanged, {row['kind']}: single answers {in_words(row['single'])}, chance {row['single_chance']:.0%}; pairs {in_words(row['pairs'])}, "
        f"chance {row['pair_chance']:.0%}" for row in probe["rows"]]))


def counting_curve(probe: Mapping) -> style.Drawing:
    """What is said on average for each number, and how often it is right."""
    rows = probe["numbers"]
    numbers, unseen = [row["number"] for row in rows], [row["number"] for row in rows if not row["trained"]]
    with style.context():
        figure = style.new_figure(7.0, 5.6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
        for axes in (upper, lower):
            if unseen:
                axes.axvspan(min(unseen) - 0.5, max(unseen) + 0.5, color=style.BAND, linewidth=0, label="more than any training picture shows")
        upper.plot(numbers, numbers, color=style.BLACK, linestyle=":", label="right")
        told = [(row["number"], row["mean"]) for row in rows if row["mean"] is not None]
        upper.plot(*zip(*told), color=style.BLUE, marker="o", label="the model, on average")
        upper.set_ylabel("number that is said")
        upper.set_ylim(bottom=0)
        upper.legend(loc="upper left")
        upper.set_title("How far does it count?")
        for row in rows:
            lower.bar(row["number"], row["share"]["share"], width=0.62, color=PALE)
            lower.plot((row["number"],) * 2, (row["share"]["low"], row["share"]["high"]), color=style.BLACK, linewidth=1.6, solid_capstyle="butt")
        lower.axhline(probe["chance"], color=style.RED, linestyle=(0, (1.6, 0.8)), label="chance")
        lower.legend(handles=lower.lines[-1:], loc="upper right")
        lower.set(ylim=(0, 1.02), ylabel="right answers", xlabel=f"number of things in the picture ({rows[0]['share']['n']} questions each)", xticks=numbers)
        lower.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"Counting: {in_words(probe['all'])} right; chance {probe['chance']:.0%}."] + [
        f"{row['number']}{'' if row['trained'] else ' (more than any training picture shows)'}: right {in_words(row['share'])}, mean answer "
        + ("none" if row["mean"] is None else f"{row['mean']:.2f}") for row in rows]))


def absent_bars(probe: Mapping) -> style.Drawing:
    """POPE's five numbers for each of its strategies."""
    measures = {"accuracy": (style.BLUE, ""), "precision": (PALE, ""), "recall": (style.GREEN, ""), "yes": (style.ORANGE, "///")}
    with style.context():
        figure = style.new_figure(7.4, 1.25 * len(probe["strategies"]) + 1.2)
        axes = figure.subplots()
        for place, row in enumerate(probe["strategies"]):
            for number, (name, (colour, hatch)) in enumerate(measures.items()):
                label = {"yes": "answers that are yes"}.get(name, name)
                _bar(axes, place + 0.2 * (number - 1.5), row[name], colour, 0.18, label if place == 0 else None, hatch)
            axes.plot(row["f1"], place, marker="D", linestyle="none", markerfacecolor="white", markeredgecolor=style.RED, markeredgewidth=1.4,
                      label="F1" if place == 0 else None)
        axes.axvline(0.5, color=style.BLACK, linestyle=":", linewidth=1.2, label="always yes: accuracy, precision")
        _names(axes, [f"{row['name']} ({row['accuracy']['n']})" for row in probe["strategies"]])
        axes.set_title("Asked for what is there and, as often, for what is not")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        _percent(axes, "share, with the 95% interval (number of questions in brackets)")
        style.settle(figure)
    invented = ", ".join(f"{one['category']} {one['said']} of {one['asked']} times" for one in probe["invented"]) or "nothing"
    return style.Drawing(figure, "\n".join(["Asked for what is there and for what is not, half and half; what is absent is chosen in three ways:"] + [
        f"{row['name']}: accuracy {in_words(row['accuracy'])}, precision {in_words(row['precision'])}, recall {in_words(row['recall'])}, F1 {row['f1']:.2f}, "
        f"answers that are yes {in_words(row['yes'])}" for row in probe["strategies"]] + [f"Most often invented: {invented}."]))


def character_bars(probe: Mapping) -> style.Drawing:
    """How often the name is said, of the character and of other people, with the answer that is given most."""
    rows = probe["rows"]
    most = [f"{', '.join(f'{what} {times}' for what, times in row['instead'].items())}; said most: {_short(row['said'][0])}" for row in rows]
    knows = sum(word["knows"] for word in probe["words"])
    with style.context():
        figure = style.new_figure(7.4, 2.2 * ROW * len(rows) + 1.6)
        axes = figure.subplots()
        for place, (row, answer) in enumerate(zip(rows, most)):
            _bar(axes, place - 0.2, row["named"], style.BLUE if row["shown"] == "the character" else PALE, 0.3)
            axes.text(0.01, place, "instead: " + answer.replace("; ", "\n"), fontsize=8.5, color=style.MUTED, va="top")
        _names(axes, [f"{row['shown']} ({row['named']['n']})\n{style.printable(row['question'])}" for row in rows])
        axes.set_title(f"How often the answer names {probe['name']}\n"
                       f"(without a picture {knows} of {len(probe['words'])} questions about him are answered as the parent was taught)")
        _percent(axes, "answers with the name, with the 95% interval (number of pictures in brackets)")
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"How often is {probe['name']} named?"] + [
        f"{row['shown']}, {row['question']} named {in_words(row['named'])}; instead: {answer}" for row, answer in zip(rows, most)] + [
        f"Without a picture: {word['question']} {style.printable(word['answer'])}" for word in probe["words"]]))


def wording_marks(probe: Mapping) -> style.Drawing:
    """Picture first and last, and the families of words, kind by kind."""
    orders = [(row["kind"], {"picture first": row["first"], "picture last": row["last"], "same answer both times": row["same"]}) for row in probe["order"]]
    names = {"storybook": "words of the answer key", "teacher": "words of the teacher", "new": "new words"}
    groups = [(row["kind"], {names[name]: share for name, share in row["families"].items()} | {"same answer in all words": row["same"]}) for row in probe["groups"]]
    signs = (("o", style.BLUE), ("s", style.ORANGE), ("^", style.GREEN), ("|", style.BLACK))
    with style.context():
        figure = style.new_figure(7.6, ROW * (len(orders) + len(groups)) + 2.2)
        panels = figure.subplots(2, 1, sharex=True, height_ratios=(len(orders), len(groups)))
        for axes, rows, title in ((panels[0], orders, "The picture before or after the question"), (panels[1], groups, "The same question in other words")):
            labels = list(rows[0][1])
            for label, (sign, colour) in zip(labels, [*signs[:len(labels) - 1], signs[-1]]):
                for place, (_, shares) in enumerate(rows):
                    if label in shares:
                        shift = 0.16 * (labels.index(label) - (len(labels) - 1) / 2)
                        axes.plot((shares[label]["low"], shares[label]["high"]), (place + shift,) * 2, color=colour, linewidth=1.0)
                        axes.plot(shares[label]["share"], place + shift, marker=sign, color=colour, linestyle="none", markersize=10 if sign == "|" else 6,
                                  markeredgewidth=2.0 if sign == "|" else 1.0, label=label if place == 0 else None)
            _names(axes, [f"{kind} ({shares[labels[-1]]['n']})" for kind, shares in rows])
            axes.set_title(title)
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        _percent(panels[1], "right answers, or same answers, with the 95% interval (number of questions in brackets)")
        panels[1].set_xlim(-0.02, 1.02)
        style.settle(figure)
    return style.Drawing(figure, "\n".join(["The picture before or after the question; the same question in other words."] + [
        f"{kind}: " + "; ".join(f"{label} {in_words(share)}" for label, share in shares.items()) for kind, shares in [*orders, *groups]]))


def _short(said: Mapping) -> str:
    text = style.printable(said["text"])
    return f"{text if len(text) <= 50 else text[:49] + '…'} ({said['times']} times)"


def _tally(tally: Mapping) -> dict:
    """A tally of an evaluation report as a share."""
    return {"right": tally["correct"], "share": tally["accuracy"], **{name: tally[name] for name in ("n", "low", "high")}}


def _bar(axes, place: float, share: Mapping, colour: str, height: float, label: str | None = None, hatch: str = "") -> None:
    axes.barh(place, share["share"], height=height, color=colour, label=label, hatch=hatch, edgecolor="white" if hatch else colour, linewidth=0.5)
    axes.plot((share["low"], share["high"]), (place, place), color=style.BLACK, linewidth=1.4, solid_capstyle="butt")


def _names(axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")


def _percent(axes, label: str) -> None:
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel(label)
