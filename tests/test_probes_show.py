"""show/probes.py: figures of a result of the probes, and of nothing else."""

from __future__ import annotations

import json
import warnings
from types import SimpleNamespace

import pytest

from llava_mini import show
from llava_mini.evaluation.accuracy import Tally
from llava_mini.evaluation.probes import Share, absent, binding, character, counting, picture, plain, position, wording
from llava_mini.evaluation.probes.tables import probe_tables
from llava_mini.evaluation.probes.words import in_words
from llava_mini.evaluation.probes.result import NAMES
from llava_mini.show import probes

HOSTILE = "<script>alert(1)</script> $x$ \x07 " + "very " * 40


def report(right: int, n: int) -> dict:
    return {"all": Tally(n, right).as_dict(), "kinds": {}}


def result() -> SimpleNamespace:
    """A small result by hand, through JSON and back as figures get it."""
    one, other = Share(9, 10), Share(3, 10)
    words = ("zero", "one", "two", "three", "four", "five", "six", "unreadable")
    found = {
        "picture": picture.Picture({"true": report(9, 10), "blind": report(3, 10), "guess": report(2, 10)}, picture.Exchanged(one, Share(0, 10), one, Share(10, 10))),
        "binding": binding.Binding([binding.Pairs(swap, kind, Share(17, 20), Share(7, 10), Share(2, 10), Share(3, 20))
                                    for swap in binding.SWAPS for kind in ("all", "colour")]),
        "counting": counting.Counting([counting.Number(n, n <= 4, Share(max(0, 5 - n), 5), 1.0 * min(n, 4) if n < 6 else None,
                                                       dict.fromkeys(words, 0) | {"one": 3, "zero": 1, "unreadable": 1}) for n in range(1, 7)],
                                      other, 0.5, 1 / 6),
        "position": position.Position(8, [position.Third("where", "top", "left", one), position.Third("where", "bottom", "right", other)],
                                      [position.Cell("where", 0, 0, one), position.Cell("where", 7, 6, other)], [position.Usual("where", True, one)],
                                      {"left": {"left": 9, "right": 1}}, {"where": 0.5}),
        "absent": absent.Absent([absent.Strategy(name, 5, 2, 3, 0, 0, Share(8, 10), Share(5, 7), Share(5, 5), 10 / 12, Share(7, 10)) for name in absent.STRATEGIES],
                                [{"category": "dog", "said": 2, "asked": 4}]),
        "character": character.Character("Captain Plum", [character.Who("the character", "Who is this?", other, {"a person": 7, "a place": 0, "something else": 0},
                                                                        [{"text": HOSTILE, "times": 4}])], [character.Word("Who?", HOSTILE, True)]),
        "wording": wording.Wording([wording.Order("all", one, other, other)], {}, [], [wording.Group("all", {"storybook": one, "new": other}, other, other)]),
    }
    assert tuple(found) == NAMES
    return SimpleNamespace(name="mini", probes=json.loads(json.dumps(plain(found))))


def test_every_probe_has_its_figures():
    """Guards against a probe without a picture, parts that collapse, and letters of an answer that break the drawing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = show.probe_figures(result())
    assert list(figures) == ["picture", "binding", "counting", "counting-said", "position", "absent", "character", "wording"]
    for name, drawing in figures.items():
        assert drawing.png().startswith(b"\x89PNG") and len(drawing.alt) > 80, name
        assert "\x07" not in drawing.alt and all(axes.get_position().width > 0.1 or name for axes in drawing.figure.axes)


def bars(axes) -> list[float]:
    return [patch.get_width() for container in axes.containers for patch in container.patches]


def test_bars_end_where_the_result_says():
    """Guards against single answers drawn as pairs, and levels of chance that are exchanged."""
    data = result().probes
    upper, lower = probes.picture_bars(data["picture"]).figure.axes
    assert bars(upper) == [0.9, 0.3, 0.2] and bars(lower) == [0.9, 0.0, 0.9]
    drawing = probes.binding_bars(data["binding"])
    for axes in drawing.figure.axes:
        assert bars(axes) == [0.85, 0.7] * 2
        chances = {round(line.get_xdata()[0], 2): line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) in ([0.5, 0.5], [0.25, 0.25])}
        assert set(chances) == {0.5, 0.25} and chances[0.5] < chances[0.25]         # single above pairs, as the bars are
    assert "colours exchanged, colour: single answers 85% of 20 (64% to 95%), chance 50%; pairs 70% of 10 (40% to 89%), chance 25%" in drawing.alt
    (axes,) = probes.absent_bars(data["absent"]).figure.axes
    assert sorted(bars(axes)[:4]) == pytest.approx(sorted([0.8, 5 / 7, 1.0, 0.7]))


def test_counting_is_drawn_as_it_was_counted():
    """Guards against a mean of nothing drawn as zero, and a band over numbers that were trained."""
    data = result().probes["counting"]
    upper, lower = probes.counting_curve(data).figure.axes
    curve = next(line for line in upper.lines if line.get_label().startswith("the model"))
    assert list(curve.get_xdata()) == [1, 2, 3, 4, 5] and list(curve.get_ydata()) == [1, 2, 3, 4, 4]
    assert [patch.get_height() for container in lower.containers for patch in container.patches] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0, 0.0])
    drawing = probes.counting_map(data)
    cells = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert cells == ["3", "1", "1"] * 6                                           # one, other (zero), unreadable
    assert "3 x two answered as one" in drawing.alt and "count: " in drawing.alt


def test_the_sentences_say_what_the_result_says():
    """Guards against a share of another row, and a sentence that says how it came out before anybody has measured."""
    told = in_words(result())
    assert list(told) == list(result().probes)
    assert told["picture"] == ("With its own picture 90.0% of the answers are right, without one 30.0%. With another picture's features 90.0% are right "
                               "for that one and 0.0% for the question's own.")
    assert told["binding"].startswith("Both of a pair are right: colours exchanged, 70.0% of the pairs (chance: 25%); categories exchanged, 70.0% of")
    assert told["binding"].endswith("The least: colour, colours exchanged, 70.0% (40 to 89%), where chance gives 25%.")
    assert told["counting"].startswith("Right answers by the true number: 1: 80.0%, 2: 60.0%,") and "5: 0.0% (never in training)" in told["counting"]
    assert told["absent"].startswith("Right answers, where half of the things asked for are there: random 80.0% (49 to 94%), with yes in 70.0% of all; popular")
    assert told["character"] == "Shown, Captain Plum is named in 3 of 10 answers. Asked in words alone, the model knows something of Captain Plum in 1 of 1 answers."
    assert told["wording"] == "Picture first 90.0%, picture last 30.0%. By whose words: storybook words 90.0%, new words 30.0%."
    found = result()
    found.probes["position"]["usual"].append({"kind": "where", "usual": False, "share": found.probes["wording"]["order"][0]["last"]})
    assert in_words(found)["position"].endswith("and where it is at another: where 90.0% and 30.0%.")
    title, rows = probes.position_map(found.probes["position"]).figure.axes[0].get_title("left"), probe_tables(found)["position"]
    assert title.endswith("usual height 90%, another 30%") and rows[-1].startswith("| at another height | 30.0% (")


def test_a_cell_lies_where_the_thing_was():
    """Guards against a map that is mirrored or stands on its head."""
    drawing = probes.position_map(result().probes["position"])
    nine, fine = (axes.images[0].get_array() for axes in drawing.figure.axes[:2])
    assert nine[0][0] == 0.9 and nine[2][2] == 0.3 and fine[0][0] == 0.9 and fine[7][6] == 0.3
    assert fine.mask.sum() == 62 if fine.mask.any() else sum(value != value for row in fine for value in row) == 62
    assert "where: top left 90% of 10" in drawing.alt


def test_long_and_hostile_answers_are_cut_in_the_figure():
    """Guards against an answer of a thousand letters that pushes the bars out of the picture."""
    drawing = probes.character_bars(result().probes["character"])
    (axes,) = drawing.figure.axes
    assert max(len(line) for text in axes.texts for line in text.get_text().split("\n")) < 90
    assert axes.get_position().width > 0.3 and "<U+0007>" in drawing.alt
