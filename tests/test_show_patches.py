"""Pictures under a grid, rows of tokens and bars: what they show, and the same in words."""

from __future__ import annotations

import io
import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from llava_mini import show
from llava_mini.errors import InputError
from llava_mini.show import tokens

RED = Image.new("RGB", (32, 32), "red")
HOSTILE = [r"$\nonsense{$", "A" * 3000, "", " ", "\n", "<b>", "\x00\ud800", "日本語", "\\", "▁"]


def texts(figure) -> list[str]:
    return [artist.get_text() for artist in figure.findobj(matplotlib.text.Text) if artist.get_text()]


def opened(drawing) -> Image.Image:
    return Image.open(io.BytesIO(drawing.png()))


def test_every_picture_carries_its_words_into_the_notebook():
    """Guards against notebook pictures without alt text: IPython takes it from the second part of _repr_png_."""
    for drawing in (show.picture(RED, "A red square.", "Mine"), show.patch_grid(RED, 2), show.token_row(["a", RED]), show.chance_bars(["a"], [1.0])):
        data, about = drawing._repr_png_()
        assert about == {"alt": drawing.alt} and len(drawing.alt) > 15
        with Image.open(io.BytesIO(data)) as shown, Image.open(io.BytesIO(drawing.png())) as whole:
            assert shown.size == whole.size and len(data) < len(drawing.png())
            worst = np.abs(np.asarray(shown.convert("RGB"), float) - np.asarray(whole.convert("RGB"), float)).mean()
        assert worst < 4, "the picture in the notebook is not the picture"
    assert show.picture(RED, "A red square.", "Mine").alt == "Mine. A red square."
    assert show.picture(RED, "A red square.", "What is it?").alt == "What is it? A red square."


def test_words_lie_on_their_patches():
    """Guards against rows and columns, or up and down, mixed up."""
    drawing = show.patch_grid(RED, 2, {1: ["sky"], 2: ["big", "dog"]}, marked={2: ["dog", "sky"], 0: ["big"]}, title="Words")
    axes = drawing.figure.axes[0]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["sky"] == (0.75, 0.75)                                         # patch 1: upper right, y upwards
    assert places["big"][0] == places["dog"][0] == 0.25 and 0 < places["dog"][1] < places["big"][1] < 0.5
    assert {text.get_text(): text.get_weight() for text in axes.texts} == {"sky": "normal", "big": "normal", "dog": "bold"}
    assert drawing.alt.splitlines()[-2:] == ["row 1: -, sky.", "row 2: big dog*, -."]
    assert len(axes.lines) == 2 * 2                                              # one line each way, each drawn light on dark


def test_patches_that_are_not_there():
    """Guards against words that vanish because their patch was counted wrongly."""
    for wrong in ({"words": {4: ["sky"]}}, {"words": {-1: ["sky"]}}, {"marked": {9: ["sky"]}}):
        with pytest.raises(InputError, match="has the patches 0 to 3"):
            show.patch_grid(RED, 2, **wrong)


def test_words_stay_in_their_patches():
    """Guards against long words that run into the neighbour's patch."""
    drawing = show.patch_grid(RED, 8, {patch: ["traffic light", "W" * 6] for patch in range(64)})
    renderer, axes = drawing.figure.canvas.get_renderer(), drawing.figure.axes[0]
    cell = axes.get_window_extent(renderer).width / 8
    assert all(text.get_window_extent(renderer).width <= cell for text in axes.texts)


def test_pictures_keep_their_shape():
    """Guards against stretched pictures."""
    box = show.picture(Image.new("RGB", (60, 20)), "Wide").figure.axes[0].get_window_extent()
    assert box.width / box.height == pytest.approx(3)


def test_token_row_keeps_order_and_marks():
    """Guards against visual tokens at the wrong place, and supervised tokens that look like the others."""
    row = ["<s>", " USER:", RED, RED, "\n", " Yes."]
    drawing = show.token_row(row, [False] * 5 + [True], "Row")
    axes = drawing.figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["<s>", "USER:", "↵", "Yes."]
    assert len(axes.images) == 2
    lefts, widths = zip(*((patch.get_x(), patch.get_width()) for patch in axes.patches))
    assert all(a + w < b for a, w, b in zip(lefts, widths, lefts[1:]))           # one after the other, none on another
    assert axes.images[0].get_extent()[0] == lefts[2]
    assert [patch.get_linewidth() for patch in axes.patches] == [0.6] * 5 + [2]
    assert drawing.alt == "Row: a row of 6 tokens. Supervised tokens stand in ⟦ ⟧. <s> | USER: | [2 visual tokens] | ↵ | ⟦Yes.⟧"


def test_long_rows_are_broken_into_lines():
    """Guards against tokens beyond the edge of the figure."""
    drawing = show.token_row(["word"] * 40 + [RED] * 64)
    boxes = [(patch.get_x(), patch.get_x() + patch.get_width(), patch.get_y()) for patch in drawing.figure.axes[0].patches]
    assert len(boxes) == 104 and max(right for _, right, _ in boxes) <= tokens.WIDTH
    assert len({top for *_, top in boxes}) > 2
    assert max(top for *_, top in boxes) + tokens.HEIGHT < drawing.figure.get_figheight()


def test_bars_have_the_length_of_their_chance():
    """Guards against bars in the wrong order or at the wrong scale."""
    drawing = show.chance_bars([" A", " dog", "</s>"], [0.9, 0.25, 1.0], [(" The", 0.1), (" cat", 0.2), ("\n", 0.0)], "Chances")
    axes = drawing.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.25, 1.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "dog", "</s>"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1] and axes.get_xlim() == (0, 1)  # first token on top
    assert axes.get_xlabel() == "probability of the chosen token"
    assert "0.25   next: cat 0.20" in texts(drawing.figure) and "dog 0.25 (next: cat 0.20)" in drawing.alt
    sure = show.chance_bars([" A"], [0.9996], [(" The", 0.0003)])
    assert ">0.99   next: The <0.01" in texts(sure.figure)                        # what is not certain does not look so


@pytest.mark.parametrize("call", [lambda: show.token_row([]), lambda: show.token_row(["a"], [True, False]),
                                  lambda: show.chance_bars(["a"], []), lambda: show.chance_bars(["a", "b"], [1, 1], [("c", 0)])])
def test_lists_of_different_length(call):
    """Guards against zip() that drops the tokens it has no mark for."""
    with pytest.raises(InputError, match="needs? one"):
        call()


def test_hostile_tokens_are_drawn_as_they_are():
    """Guards against mathtext, control characters or endless tokens that break a figure; a byte token can be any of these."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = show.token_row(HOSTILE)
        bars = show.chance_bars(HOSTILE, [0.5] * len(HOSTILE), [(text, 0.1) for text in HOSTILE])
        grid = show.patch_grid(RED, 4, dict(enumerate([text] for text in HOSTILE)))
        pictures = [opened(drawing) for drawing in (row, bars, grid)]
    assert max(picture.width for picture in pictures) < 2000 and "A" * 3000 in row.alt
    assert [text.get_text() for text in row.figure.axes[0].texts[2:7]] == ["(nothing)", "␣", "↵", "<b>", "<U+0000><U+D800>"]
