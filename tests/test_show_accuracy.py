"""show/accuracy.py: the picture of a result file."""

import copy

import matplotlib
import pytest

from llava_mini import show
from llava_mini.errors import InputError
from llava_mini.evaluation.accuracy import Tally


def report(**kinds) -> dict:
    """A report as result files have it, from (right, asked) by kind."""
    whole = Tally(sum(n for _, n in kinds.values()), sum(right for right, _ in kinds.values()))
    return {"all": whole.as_dict(), "kinds": {kind: Tally(n, right).as_dict() for kind, (right, n) in kinds.items()}}


REPORTS = {"true": report(colour=(9, 10), count=(30, 40)), "blind": report(colour=(2, 10), count=(12, 40)), "guess": report(colour=(1, 10), count=(20, 40))}


def marks(drawing) -> dict[str, list[float]]:
    """The shares at which the signs of each control stand."""
    return {line.get_label(): list(line.get_xdata()) for line in drawing.figure.axes[0].lines if not line.get_label().startswith("_")}


def test_bars_intervals_and_controls_are_those_of_the_file():
    """Guards against bars in another order than their names, and against controls that stand beside another kind."""
    drawing = show.accuracy_bars(REPORTS, "Test pictures")
    axes = drawing.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all (50)", "colour (10)", "count (40)"]
    assert [bars.patches[0].get_width() for bars in axes.containers] == pytest.approx([0.78, 0.9, 0.75])
    assert marks(drawing) == {"no picture": pytest.approx([0.28, 0.2, 0.3]), "most frequent answer": pytest.approx([0.42, 0.1, 0.5])}
    low, high = next(line for line in axes.lines if len(line.get_xdata()) == 2 and list(line.get_ydata()) == [1, 1]).get_xdata()
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-3)             # Wilson's interval of 9 of 10


def test_the_words_say_what_the_picture_shows():
    """Guards against a reader of the alt text who gets less, or other numbers."""
    drawing = show.accuracy_bars(REPORTS, "Test pictures")
    assert drawing.alt.splitlines() == [
        "Test pictures:", "all: 78.0% of 50 right (64.8% to 87.2%); no picture 28%; most frequent answer 42%",
        "colour: 90.0% of 10 right (59.6% to 98.2%); no picture 20%; most frequent answer 10%",
        "count: 75.0% of 40 right (59.8% to 85.8%); no picture 30%; most frequent answer 50%"]


def test_a_split_without_controls_or_with_other_kinds():
    """Guards against splits for which no control was asked, and a kind that a control does not have."""
    alone = show.accuracy_bars({"true": REPORTS["true"]})
    assert marks(alone) == {} and "no picture" not in alone.alt
    other = copy.deepcopy(REPORTS)
    del other["blind"]["kinds"]["count"]
    assert "count: 75.0% of 40 right (59.8% to 85.8%); most frequent answer 50%" in show.accuracy_bars(other).alt
    with pytest.raises(InputError, match="blind, guess"):
        show.accuracy_bars({name: REPORTS[name] for name in ("blind", "guess")})


def test_nothing_is_cut_off():
    """Guards against long names of kinds, or the legend, outside the picture."""
    drawing = show.accuracy_bars(REPORTS, "A title " * 5)
    drawing.png()
    axes = drawing.figure.axes[0]
    assert all(text.get_window_extent().x0 >= 0 for text in axes.get_yticklabels())
    assert axes.get_legend().findobj(matplotlib.text.Text)
