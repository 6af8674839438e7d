"""The two maps among the figures of :mod:`.probes`: which number is said for which, and where in the picture the model sees well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..evaluation.confusion import Confusion
from . import style
from .confusion import heat_map


def in_words(share: Mapping) -> str:
    return f"{share['share']:.0%} of {share['n']} ({share['low']:.0%} to {share['high']:.0%})"


def counting_map(probe: Mapping) -> style.Drawing:
    """True numbers against those that are said, as :func:`.confusion.heat_map` draws them."""
    words = [word for word in probe["numbers"][0]["said"] if word != "unreadable"]
    labels = tuple(words[row["number"]] for row in probe["numbers"])
    counts = tuple((*(row["said"][word] for word in labels), sum(row["said"][word] for word in words if word not in labels), row["said"]["unreadable"])
                   for row in probe["numbers"])
    mistakes = [(true, word, row["said"][word]) for true, row in zip(labels, probe["numbers"]) for word in row["said"] if word != true and row["said"][word]]
    return heat_map(Confusion("count", labels, counts, tuple(sorted(mistakes, key=lambda one: -one[2]))))


def position_map(probe: Mapping) -> style.Drawing:
    """Nine parts of the picture with their numbers above, the fine grid below; a column for each question."""
    kinds = list(dict.fromkeys(row["kind"] for row in probe["cells"]))
    across, down, grid = ("left", "middle", "right"), ("top", "middle", "bottom"), probe["grid"]
    words = [f"Right answers by the place of the thing, in a {grid} x {grid} grid and in nine parts."]
    with style.context():
        figure = style.new_figure(2.5 * len(kinds) + 0.9, 4.9)
        panels = figure.subplots(2, len(kinds), squeeze=False)
        for column, kind in enumerate(kinds):
            thirds = {(row["down"], row["across"]): row["share"] for row in probe["thirds"] if row["kind"] == kind}
            cells = {(row["row"], row["column"]): row["share"] for row in probe["cells"] if row["kind"] == kind}
            shares = [[thirds.get((y, x), {"share": float("nan")})["share"] for x in across] for y in down]
            _squares(panels[0][column], shares, across, down)
            for (y, x), share in thirds.items():
                panels[0][column].text(across.index(x), down.index(y), f"{share['share']:.0%}\n({share['n']})", ha="center", va="center", fontsize=8.5,
                                       color="white" if share["share"] > 0.55 else "black")
            image = _squares(panels[1][column], [[cells.get((y, x), {"share": float("nan")})["share"] for x in range(grid)] for y in range(grid)],
                             [str(x + 1) for x in range(grid)], [str(y + 1) for y in range(grid)])
            heights = [f"{words} {row['share']['share']:.0%}" for usual, words in ((True, "usual height"), (False, "another"))
                       for row in probe["usual"] if row["kind"] == kind and row["usual"] == usual]
            panels[0][column].set_title(f"{kind} (guessing: {probe['chance'][kind]:.0%})\n{', '.join(heights)}", fontsize=9)
            words += [f"{kind}: " + ", ".join(f"{y} {x} {in_words(thirds[y, x])}" for y in down for x in across if (y, x) in thirds)]
        n = max(row["share"]["n"] for row in probe["cells"])
        figure.supxlabel(f"place in the picture, as one looks at it; questions in brackets, in a small cell {n}", fontsize=style.SIZES["axes.labelsize"])
        figure.colorbar(image, ax=panels, label="right answers", shrink=0.8, format=lambda share, _: f"{share:.0%}")
        style.settle(figure)
    said = [f"{truth}: " + ", ".join(f"{word} {times}" for word, times in answers.items()) for truth, answers in probe["said"].items()]
    words += ["where, what is said: " + "; ".join(said)]
    words += ["The thing is at a height at which training pictures have it, or at another: " + "; ".join(
        f"{row['kind']}, {'usual' if row['usual'] else 'another'}: {in_words(row['share'])}" for row in probe["usual"])]
    return style.Drawing(figure, "\n".join(words))


def _squares(axes, shares, across: Sequence[str], down: Sequence[str]):
    image = axes.imshow(shares, cmap=style.SHADES, vmin=0, vmax=1)
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.grid(False)
    axes.tick_params(length=0)
    return image
