"""show/concepts.py, show/boxes.py and show/statistics.py: by what is drawn, and the words beside it."""

from __future__ import annotations

import json

import matplotlib
import pytest
from matplotlib.patches import Rectangle, Wedge
from PIL import Image

from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box
from llava_mini.errors import InputError
from llava_mini.show import style
from llava_mini.show.boxes import boxes_and_text
from llava_mini.show.concepts import concept_balance
from llava_mini.show.statistics import first_words, histograms, median


def texts(drawing) -> list[str]:
    return [artist.get_text() for artist in drawing.figure.findobj(matplotlib.text.Text) if artist.get_text()]


def luminance(colour) -> float:
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


# ---- before and after the balance

BEFORE = {"dog": 1000, "cat": 200, "owl": 5, "emu": 5, "eel": 3, "gnu": 1, "yak": 1}
AFTER = {"dog": 120, "cat": 100, "owl": 5, "emu": 5, "eel": 3}


def test_curves_are_the_ordered_frequencies():
    """Guards against a curve that lost points, is ordered by name or by the other side, or counts places from 0."""
    drawing = concept_balance(BEFORE, AFTER, title="Figure 7")
    axes = drawing.figure.axes[0]
    before, after = (dict(zip(*line.get_data())) for line in axes.lines[:2])
    assert before == {1: 1000, 2: 200, 3: 5, 4: 5, 5: 3, 6: 1, 7: 1} and after == {1: 120, 2: 100, 3: 5, 4: 5, 5: 3}
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert "phrases" in axes.get_xlabel() and "captions" in axes.get_ylabel()
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()           # told apart without colour
    assert list(axes.lines[2].get_ydata()) == [100, 100]
    assert "before: 7 phrases" in texts(drawing) and "100 captions" in texts(drawing)
    assert drawing.alt.splitlines()[1] == ("before: 7 unique phrases, in 1,000 captions at most; the most frequent are dog (1,000), cat (200), "
                                           "emu (5), owl (5), eel (3), gnu (1), yak (1).")


def test_a_million_phrases_are_a_few_points():
    """Guards against a picture that takes minutes and a gigabyte for a million phrases, and corners that are cut off."""
    many = {f"p{i}": 1 + (i < 300_000) + (i < 1000) * i for i in range(400_000)}
    x, y = concept_balance(many, AFTER).figure.axes[0].lines[0].get_data()
    assert len(x) < 2200 and (x[0], x[-1], y[-1]) == (1, 400_000, 1) and dict(zip(x, y))[300_000] == 2 and dict(zip(x, y))[300_001] == 1


def test_balance_of_nothing():
    """Guards against a logarithm of zero and an empty plot."""
    for before, after in (({}, AFTER), (BEFORE, {}), (BEFORE, {"dog": 0})):
        with pytest.raises(InputError, match="1 up"):
            concept_balance(before, after)


# ---- boxes beside the text

RECORD = Record("a", "a.png", None, ("A dog and a car, " + "seen from far away " * 8 + "in the park.", "A $dog$ \\ here."),
                (Box("car", (0.6, 0.7, 0.9, 0.852)), Box("dog", (0.05, 0.6, 0.35, 1.0)), Box("dog", (0.05, 0.6, 0.35, 0.99))))


def test_the_text_is_the_teachers():
    """Guards against another text than the teacher is given: other numbers, other order, a line lost where it is wrapped."""
    drawing = boxes_and_text(RECORD, Image.new("RGB", (200, 100), "grey"))
    assert drawing.alt.endswith(context(RECORD))
    axes = drawing.figure.axes[0]
    lines = [text.get_text() for text in drawing.figure.texts if "Mono" in text.get_family()[0]]
    assert " ".join(" ".join(lines).split()) == " ".join(context(RECORD).split())
    assert "car: [0.6, 0.7, 0.9, 0.852]" in lines and "dog: [0.05, 0.6, 0.35, 1.0]" in lines and "" not in lines[-3:]
    # the number in the margin stands on the line of its box, and the same number on the box
    height = {text.get_text(): text.get_position()[1] for text in drawing.figure.texts if text.get_text() in "123"}
    for number, line in (("1", "car: [0.6, 0.7, 0.9, 0.852]"), ("3", "dog: [0.05, 0.6, 0.35, 0.99]")):
        assert height[number] == next(text.get_position()[1] for text in drawing.figure.texts if text.get_text() == line)
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3"]
    first = axes.texts[0].get_position()
    assert 0.6 * 4 < first[0] < 0.9 * 4 and 0.7 * 2 < first[1] < 0.852 * 2                 # inches of a picture 4 wide, 2 high


def test_boxes_lie_where_they_belong():
    """Guards against boxes upside down, in pixels, or with width for right edge; each is drawn light on dark."""
    patches = [patch for patch in boxes_and_text(RECORD, Image.new("RGB", (200, 100))).figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len(patches) == 6
    for dark, light, one in zip(patches[::2], patches[1::2], RECORD.boxes):
        assert luminance(dark.get_edgecolor()) < 0.1 and luminance(light.get_edgecolor()) > 0.9
        x, y, w, h = light.get_x() / 4, light.get_y() / 2, light.get_width() / 4, light.get_height() / 2
        assert (x, y, x + w, y + h) == pytest.approx(one.box)


def test_numbers_do_not_lie_on_each_other():
    """Guards against the second of two boxes with one corner having a number that nobody sees."""
    same = Record("a", "a.png", None, ("Dogs.",), tuple(Box("dog", (0.1, 0.1, 0.5, 0.5)) for _ in range(5)))
    places = [text.get_position() for text in boxes_and_text(same, Image.new("RGB", (90, 90))).figure.axes[0].texts]
    assert all(abs(a[0] - b[0]) >= 0.2 or abs(a[1] - b[1]) >= 0.15 for i, a in enumerate(places) for b in places[:i])
    tiny = Record("a", "a.png", None, ("Oranges.",), tuple(Box("orange", (0.5, 0.5, 0.51, 0.51)) for _ in range(60)))
    places = [text.get_position() for text in boxes_and_text(tiny, Image.new("RGB", (90, 90))).figure.axes[0].texts]
    assert all(abs(a[0] - b[0]) >= 0.2 or abs(a[1] - b[1]) >= 0.15 for i, a in enumerate(places) for b in places[:i])
    assert all(0 <= x <= 4 and 0 <= y <= 4 for x, y in places)


def test_long_texts_are_cut_in_the_picture_only():
    """Guards against a figure of metres, and against lines that vanish without a word."""
    long = Record("a", "a.png", None, ("A dog.",) * 90, RECORD.boxes)
    drawing = boxes_and_text(long, Image.new("RGB", (90, 90)))
    assert any(text.startswith("… (+35 lines)") for text in texts(drawing)) and drawing.alt.endswith(context(long))
    assert drawing.figure.get_figheight() < 11


def test_records_of_all_kinds(real, tmp_path):
    """Guards against a record without boxes, a tall picture, and real records that cannot be drawn."""
    assert "with 0 boxes" in boxes_and_text(Record("a", "a.png", None, ("Nothing.",)), Image.new("RGB", (50, 300))).alt
    record = max(load(real / "caps_boxes_coco2014_val_80.jsonl"), key=lambda one: len(one.boxes))
    path = boxes_and_text(record, real / "photos" / "waterview.jpg").save(tmp_path / "a.png")
    with Image.open(path) as picture:
        assert picture.text["Description"].endswith(context(record))
    with pytest.raises(InputError, match="missing"):
        boxes_and_text(record, tmp_path / "none.jpg")


# ---- statistics

WORDS = {"what": {"is": 500, "colour": 200, "": 1}, "how": {"many": 250}, "is": {"there": 45}, **{f"rare{i}": {"x": 1} for i in range(4)}}


def test_sectors_are_the_shares():
    """Guards against sectors of another size or order, a ring that leaves something out, and rare words lost."""
    drawing = first_words(WORDS)
    wedges = [patch for patch in drawing.figure.axes[0].patches if isinstance(patch, Wedge)]
    inner = [wedge for wedge in wedges if wedge.r < 0.9]
    assert [round((wedge.theta2 - wedge.theta1) / 0.36) for wedge in inner] == [701, 250, 45, 4]
    assert inner[0].theta2 == 90                                                        # from the top, clockwise
    outer = [round((wedge.theta2 - wedge.theta1) / 0.36) for wedge in wedges if wedge.r > 0.9]
    assert outer == [500, 200, 1, 250, 45]                                              # "other" of the inner ring has none
    assert "what\n70%" in texts(drawing) and "colour" in texts(drawing) and "First words of 1,000 questions" in texts(drawing)
    assert "what: 701 (70.1%), then is 500, colour 200, (end) 1." in drawing.alt and "rare3: 1 (0.1%), then x 1." in drawing.alt


def test_labels_can_be_read_and_neighbours_told_apart():
    """Guards against white on light grey, and two sectors side by side that are one in grey."""
    drawing = first_words({word: {"is": 100} for word in "abcdef"})
    axes = drawing.figure.axes[0]
    wedges = [patch for patch in axes.patches if isinstance(patch, Wedge)]
    assert all(luminance(wedge.get_edgecolor()) > 0.99 and wedge.get_linewidth() >= 1 for wedge in wedges)      # white edges
    assert len(axes.texts) == len(wedges) == 12
    for text in axes.texts:
        x, y = text.get_position()
        under = next(w for w in wedges if w.r - w.width < (x * x + y * y) ** 0.5 < w.r and w.contains_point(axes.transData.transform((x, y))))
        assert abs(luminance(text.get_color()) - luminance(under.get_facecolor())) > 0.35, text
    assert style.printable("a\x07") == "a<U+0007>" and "a<U+0007>\n100%" in texts(first_words({"a\x07": {"b": 9}}))


def test_a_narrow_first_word_is_named_outside():
    """Guards against outer sectors of which nobody can tell what they follow."""
    axes = first_words({"what": {"is": 980}, "can": {"you": 12}, **{f"r{i}": {"x": 4} for i in range(2)}}).figure.axes[0]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert sum(part ** 2 for part in places["can"]) > 1 and sum(part ** 2 for part in places["other"]) < 0.6 and "r1" not in places


def test_first_words_of_nothing():
    """Guards against a division by zero."""
    for counts in ({}, {"what": {}}, {"what": {"is": 0}}):
        with pytest.raises(InputError, match="at least one question"):
            first_words(counts)


def test_histograms_are_shares_of_their_kind():
    """Guards against bars of counts, bars beside their value, keys of JSON ordered as texts, and a wrong median."""
    kinds = json.loads(json.dumps({"conversation": {2: 1, 10: 2, 3: 5}, "detail": {1: 4}}))
    drawing = histograms(kinds, "questions in a sample")
    upper, lower = drawing.figure.axes
    bars = {patch.get_x() + patch.get_width() / 2: patch.get_height() for patch in upper.patches}
    assert bars == pytest.approx({2: 1 / 8, 3: 5 / 8, 10: 2 / 8}) and [patch.get_height() for patch in lower.patches] == [1]
    assert upper.get_title(loc="left") == "conversation (8), median 3" and lower.get_xlabel() == "questions in a sample"
    assert list(upper.lines[0].get_xdata()) == [3, 3]
    assert drawing.alt.splitlines()[1:] == ["conversation: 8, from 2 to 10, median 3.", "detail: 4, from 1 to 1, median 1."]


def test_many_values_share_bars():
    """Guards against a thousand bars of a hair's width, and against values lost between two bars."""
    drawing = histograms({"detail": {value: 1 for value in range(3, 203)}}, "words in an answer")
    axes = drawing.figure.axes[0]
    assert len(axes.patches) <= 31 and sum(patch.get_height() for patch in axes.patches) == pytest.approx(1)
    assert axes.get_xlabel() == "words in an answer (10 to a bar)"
    first = min(axes.patches, key=lambda patch: patch.get_x())
    assert first.get_height() == pytest.approx(7 / 200) and first.get_x() > -1                  # 3 to 9
    assert median({1: 2, 5: 2, 9: 1}) == 5 and median({4: 1, 8: 1}) == 4


def test_histograms_of_nothing():
    """Guards against an empty plot, and a kind without counts that is left out in silence."""
    with pytest.raises(InputError, match="any kind"):
        histograms({}, "x")
    with pytest.raises(InputError, match="detail"):
        histograms({"detail": {}, "conversation": {1: 2}}, "x")


def test_all_of_them_are_pictures(tmp_path):
    """Guards against figures that break where they are saved, and against texts that are read as formulas."""
    drawings = (concept_balance({"$x": 9, "\\": 4}, {"$x": 3}), boxes_and_text(RECORD, Image.new("L", (64, 64))),
                first_words({"$x": {"\\a{": 3}}), histograms({"$k": {1: 2}}, "$u"))
    for number, drawing in enumerate(drawings):
        with Image.open(drawing.save(tmp_path / f"{number}.png")) as picture:
            assert picture.width > 300 and picture.text["Description"] == drawing.alt
