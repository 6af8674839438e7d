"""The confusion table as a heat map."""

from __future__ import annotations

from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle

from ..evaluation.confusion import Confusion
from . import style


def heat_map(confusion: Confusion) -> style.Drawing:
    """True values down, given values across, the counts in the cells.

    The shade is the share of a row, so that rare values are as readable as frequent ones; it grows
    with the square root, so that single mistakes are seen at all. Right answers lie on the framed
    diagonal. Lightness alone carries it, in grey as in colour. The last two columns are other
    values and unreadable answers.
    """
    rows, columns = len(confusion.labels), len(confusion.columns)
    totals = [sum(row) for row in confusion.counts]
    shares = [[count / total if total else 0.0 for count in row] for row, total in zip(confusion.counts, totals)]
    right = sum(confusion.counts[i][i] for i in range(rows))
    cell = 0.36 if columns > 12 else 0.5
    with style.context():
        # The map fills the figure at this many inches a cell; names and bar lie outside and are kept when it is saved.
        width, height = cell * columns, cell * rows
        figure = style.new_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        image = axes.imshow(shares, cmap=style.SHADES, norm=PowerNorm(0.5, 0, 1), aspect="equal")
        axes.set_xticks(range(columns), [style.printable(name) for name in confusion.columns], rotation=55, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(rows), [f"{style.printable(name)} ({total})" for name, total in zip(confusion.labels, totals)])
        axes.set_xticks([x - 0.5 for x in range(columns + 1)], minor=True)
        axes.set_yticks([y - 0.5 for y in range(rows + 1)], minor=True)
        axes.grid(False)
        axes.grid(which="minor", color="#D0D0D0", linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.axvline(rows - 0.5, color=style.BLACK, linewidth=1.2)   # behind it: what is no true value at all
        for i, row in enumerate(confusion.counts):
            axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=style.BLACK, linewidth=1.4))
            for j, count in enumerate(row):
                if count:
                    axes.text(j, i, str(count), ha="center", va="center", fontsize=7 if columns > 12 else 9,
                              color="white" if shares[i][j] > 0.4 else "black")
        axes.set_xlabel("given answer")
        axes.set_ylabel("true answer (questions)")
        axes.set_title(f"{confusion.kind}: {right} of {sum(totals)} right")
        tall = max(height, 1.5)                  # inches: a bar beside two rows is still readable
        bar = figure.add_axes((1 + 0.25 / width, 1 - tall / height, 0.18 / width, tall / height))
        figure.colorbar(image, cax=bar, label="share of the row (square-root scale)")
    return style.Drawing(figure, f"Confusion of true and given answers to questions of the kind {confusion.kind!r}: {right} of "
                                 f"{sum(totals)} right. {confusion.table()}")
