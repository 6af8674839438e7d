"""ScienceQA in pictures: the nine columns of Table 7, and how accuracy grows over the epochs of fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError
from . import style


def science_columns(rows: Mapping[str, Mapping[str, float]], title: str = "") -> style.Drawing:
    """Models in rows, the columns of Table 7 across, percentages in the cells; lightness carries the share, in grey as in colour.

    ``rows``: label -> column -> share right, as ``science.tables.rows`` gives it from result files; a column may be
    missing in a row. Raises InputError without any row.
    """
    if not rows:
        raise InputError("The columns are drawn of at least one model; there is none.")
    names = list(dict.fromkeys(name for shares in rows.values() for name in shares))
    title = style.printable(title or "ScienceQA: right answers by subject, context and grade")
    with style.context():
        figure = style.new_figure(0.66 * len(names), 0.42 * len(rows))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow([[shares.get(name, 0.0) for name in names] for shares in rows.values()], cmap=style.SHADES, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(rows)), [style.printable(label) for label in rows])
        axes.grid(False)
        axes.tick_params(length=0)
        for y, shares in enumerate(rows.values()):
            for x, name in enumerate(names):
                if name in shares:
                    axes.text(x, y, f"{shares[name]:.1%}", ha="center", va="center", fontsize=8, color="white" if shares[name] > style.DARK else "black")
        for place in (2.5, 5.5, 7.5):                                   # subject | context | grade | all
            if len(names) == 9:
                axes.axvline(place, color=style.BLACK, linewidth=1.0)
        axes.set_title(title)
    words = [f"{label}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()) for label, shares in rows.items()]
    return style.Drawing(figure, "\n".join([f"{title}.", *words]))


def science_epochs(curves: Mapping[str, Sequence[Mapping[int, Mapping]]], title: str = "") -> style.Drawing:
    """Share of right answers after each epoch, a line for each recipe.

    ``curves``: label -> for each seed {epoch: tally}, as ``science.tables.epochs`` gives it. The line is the share over all
    seeds; the band behind it is the 95% interval of a single seed, or the range over several. Raises InputError where there
    is nothing to draw.
    """
    if not curves or not all(seeds and all(seeds) for seeds in curves.values()):
        raise InputError("Accuracy over the epochs is drawn of runs that were asked after each epoch; run them with --curve.")
    title = style.printable(title or "ScienceQA: right answers after each epoch, held-out problems")
    words = []
    with style.context():
        figure = style.new_figure(6.4, 3.8)
        axes = figure.subplots()
        for number, (label, seeds) in enumerate(curves.items()):
            colour, line = style.CURVES[number % len(style.CURVES)]
            steps = sorted(set.intersection(*(set(seed) for seed in seeds)))
            shares = [sum(seed[step]["correct"] for seed in seeds) / sum(seed[step]["n"] for seed in seeds) for step in steps]
            low = [seeds[0][step]["low"] if len(seeds) == 1 else min(seed[step]["accuracy"] for seed in seeds) for step in steps]
            high = [seeds[0][step]["high"] if len(seeds) == 1 else max(seed[step]["accuracy"] for seed in seeds) for step in steps]
            axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(steps, shares, color=colour, linestyle=line, marker="o", markersize=4, label=style.printable(label))
            points = ", ".join(f"epoch {step} {share:.1%}" for step, share in zip(steps, shares))
            words.append(f"{label} ({len(seeds)} seed{'s' * (len(seeds) > 1)}): {points}")
        axes.set_xlabel("epoch (passes over the training split)")
        axes.set_ylabel("right answers")
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower right")
        axes.set_title(title)
        style.settle(figure)
    return style.Drawing(figure, "\n".join([f"{title}.", *words]))
