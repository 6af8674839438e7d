"""The visual-token inspector: the right word at the right patch, the right map for the right token, and nothing but text."""

from __future__ import annotations

import base64
import io
import re

import browser
import numpy as np
import pytest
from hostile import STRINGS
from PIL import Image

from llava_mini import show
from llava_mini.errors import InputError
from llava_mini.show.inspection import Inspection

SIDE, TOKENS, LAYERS, HEADS = 3, ["What", " is", "?", " A", " dog"], 2, 2
PICTURE = Image.new("RGB", (90, 90), (90, 160, 220))
READINGS = {"before": [[(f"old{patch}", 0.1), ("other", 0.05)] for patch in range(9)], "after": [[(f"new{patch}", 0.5)] for patch in range(9)]}


def weights():
    """Each token's map has a peak of its own: token t looks at patch t, less in the second layer and head."""
    values = np.full((len(TOKENS), LAYERS, HEADS, SIDE ** 2), 0.01)
    for token in range(len(TOKENS)):
        values[token, :, :, token] = [[0.4, 0.2], [0.2, 0.1]]
        values[token, 1, :, 8] = 0.5
    return values


def opened(**options):
    return show.inspector(PICTURE, READINGS, TOKENS, weights(), **{"first": 3, "generic": weights()[0], "alt": "A blue page.", **options})


def test_the_map_is_of_the_chosen_token_layer_and_head():
    """Guards against maps of another token, of one layer where the mean is meant, and of shares that are not there."""
    about = Inspection(PICTURE, SIDE, READINGS, TOKENS, 3, weights(), None, "")
    assert about.heat(2, 0, 0).tolist() == weights()[2, 0, 0].tolist()
    assert about.heat(2, 0)[2] == pytest.approx(0.3) and about.heat(2)[2] == pytest.approx(0.225) and about.heat(2)[8] == pytest.approx(0.255)
    assert about.heat(2, 1, 1).argmax() == 8
    assert about.told(2, 0, 0) == "Reading “?” in the question (layer 1, head 1): 48% of the attention goes to the picture. Brightest: row 1, column 3 with 40.0%."
    assert "Choosing “dog” in the answer (all layers, all heads)" in about.told(4)


def test_relative_divides_means_by_means():
    """Guards against means of quotients, which a single head with nothing to divide by would rule."""
    generic = np.full((LAYERS, HEADS, SIDE ** 2), 0.02)
    generic[0, 0, 5] = 0.0
    about = Inspection(PICTURE, SIDE, READINGS, TOKENS, 3, weights(), generic, "")
    assert about.heat(1, 0, relative=True)[1] == pytest.approx(0.3 / 0.02) and about.heat(1, 0, relative=True)[5] == pytest.approx(0.01 / 0.01)
    assert "15.0 times" in about.told(1, 0, relative=True)


def test_the_widget_follows_what_is_chosen():
    """Guards against a page that shows the map of the token before, and choices that lead out of what there is."""
    widget = opened(layer=0, token=1).widget
    assert np.argmax(widget.heat) == 1 and max(widget.heat) == 1 and "“is”" in widget.told
    widget.token = 4
    assert np.argmax(widget.heat) == 4 and "“dog”" in widget.told
    widget.layer = 1
    assert np.argmax(widget.heat) == 8
    widget.layer, widget.head, widget.relative, widget.token = -1, 0, True, 0
    assert "times" in widget.told and set(widget.heat) == {1.0}           # the generic map is that of the first token
    widget.patch, widget.token, widget.layer, widget.head = 99, -5, 7, -9
    assert (widget.patch, widget.token, widget.layer, widget.head) == (8, 0, 1, -1)


def test_all_state_is_in_python():
    """Guards against a page that comes back empty when it is loaded again: what it draws is in the synchronized state."""
    widget = opened(patch=4, token=3, layer=1, head=0).widget
    widget.patch, widget.relative = 7, True
    state = widget.get_state()
    assert {name: state[name] for name in ("patch", "token", "layer", "head", "relative", "side", "layers", "heads", "can_relate")} == {
        "patch": 7, "token": 3, "layer": 1, "head": 0, "relative": True, "side": 3, "layers": 2, "heads": 2, "can_relate": True}
    assert state["readings"][1] == {"name": "after", "patches": [[[f"new{patch}", 0.5]] for patch in range(9)]}
    assert [token["said"] for token in state["tokens"]] == [False, False, False, True, True]
    assert state["picture"].startswith("data:image/png;base64,") and state["alt"] == "A blue page."


def test_the_still_twin_says_what_the_widget_shows():
    """Guards against a twin of another patch or token, and one without words for those who cannot see it."""
    still = opened(patch=5, token=4, layer=0).still
    assert "row 2, column 3" in still.alt and "old5 0.10, other 0.05" in still.alt and "new5 0.50" in still.alt and "A blue page." in still.alt
    assert "Question: What is ?" in still.alt and "Answer: A dog" in still.alt and "Choosing “dog”" in still.alt
    assert opened(patch=5, token=4, layer=0).widget.told in still.alt
    first, second = (np.asarray(Image.open(io.BytesIO(opened(patch=patch, token=4).still.png())).convert("L")) for patch in (0, 5))
    assert first.shape == second.shape and (first != second).any()
    data, about = opened()._repr_mimebundle_()
    assert about["image/png"]["alt"] and "image/png" in data and any("widget-view" in kind for kind in data)


def test_words_alone_make_an_inspector_too():
    """Guards against a widget that needs attention before there is any."""
    twin = show.inspector(Image.new("RGB", (120, 60)), READINGS, patch=2)
    assert twin.widget.heat == [] and twin.widget.layers == 0 and "Question" not in twin.still.alt
    assert Image.open(io.BytesIO(base64.b64decode(twin.widget.picture.split(",")[1]))).size == (60, 60)      # what the tower sees


@pytest.mark.parametrize(("options", "words"), [
    ({"patch": 9}, "no patch 9"), ({"token": 5}, "no token 5"), ({"layer": 2}, "no layer 2"), ({"head": -2}, "no head -2"),
    ({"generic": weights()}, "generic question's attention")])
def test_what_does_not_fit_is_named(options, words):
    """Guards against a picture that is drawn of the wrong numbers."""
    with pytest.raises(InputError, match=words):
        opened(**options)


@pytest.mark.parametrize(("readings", "tokens", "values", "words"), [
    ({}, [], (), "at least one reading"), ({"a": [[("x", 1.0)]] * 8}, [], (), "square grid"),
    ({"a": READINGS["after"], "b": [[("x", 1.0)]] * 4}, [], (), "is of 4 patches"), (READINGS, TOKENS, weights()[:2], "Attention comes as")])
def test_parts_that_do_not_belong_together_are_named(readings, tokens, values, words):
    """Guards against readings of another grid and attention of another answer."""
    with pytest.raises(InputError, match=words):
        show.inspector(PICTURE, readings, tokens, values)


def test_the_page_knows_no_html():
    """Guards against a word of a model that becomes an element: the page in the browser sets text, and nothing else."""
    script = (browser.ROOT / "llava_mini" / "show" / "inspector.js").read_text("utf-8")
    assert "textContent" in script
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|createContextualFragment|\beval\b|DOMParser", script)


def test_heat_maps_and_shares_say_what_they_show():
    """Guards against figures whose words tell of other numbers, and against a brightest patch that is another one."""
    maps = show.heat_maps(PICTURE, {"one": [0, 0, 0, 0.5, 0, 0, 0, 0, 0], "two": [1, 2, 3, 4]}, "Maps")
    assert "one: brightest are row 2 column 1 (0.5)" in maps.alt and "two: brightest are row 2 column 2 (4)" in maps.alt
    shares = show.share_bars({"cats": (9, 10), "dogs": (0, 10)}, "Right", "share of pictures", "cats")
    assert "cats: 9 of 10, 90.0% (59.6% to 98.2%)" in shares.alt and "dogs: 0 of 10, 0.0% (0.0% to 27.8%)" in shares.alt
    for call in (lambda: show.heat_maps(PICTURE, {"one": [1, 2, 3]}), lambda: show.heat_maps(PICTURE, {}), lambda: show.share_bars({}),
                 lambda: show.share_bars({"x": (0, 0)})):
        with pytest.raises(InputError):
            call()


SETUP = f"""
import sys
sys.path.insert(0, {str(browser.ROOT / "tests")!r})
from test_inspector import *
twin = opened(token=1, layer=0)
twin
"""
HOSTILE = """
texts = STRINGS[:45] * 2
twin = show.inspector(PICTURE, {name: [[(text, 0.5) for text in texts[patch * 3: patch * 3 + 5]] for patch in range(9)] for name in STRINGS[:3]},
                      STRINGS, np.random.rand(len(STRINGS), 2, 2, 9), first=9, alt=STRINGS[0])
twin
"""


@pytest.mark.slow
def test_in_the_browser(tmp_path):
    """Guards against clicks and keys that choose another patch, a page that forgets when it is loaded again, and hostile words."""
    with browser.lab(tmp_path) as lab:
        from playwright.sync_api import expect

        expect.set_options(timeout=browser.PATIENCE * 1000)
        outputs = lab.run_cell(SETUP)
        words, told = outputs.locator(".patch-words"), outputs.locator(".attention-told")
        expect(words).to_contain_text("old0")
        expect(told).to_contain_text("“is”")
        outputs.locator("[data-patch='4']").click()
        expect(words).to_contain_text("new4")
        outputs.locator("[data-patch='4']").press("ArrowDown")
        expect(outputs.locator("[data-patch='7']")).to_be_focused()
        expect(words).to_contain_text("new7")
        outputs.locator("[data-patch='7']").press("ArrowDown")                      # there is no row below, and the notebook stays where it is
        expect(outputs.locator("[data-patch='7']")).to_be_focused()
        outputs.locator("[data-token='4']").click()
        expect(told).to_contain_text("Choosing “dog”")
        expect(outputs.locator("[data-patch='4']")).to_have_attribute("aria-label", re.compile("brightness 100 of 100"))
        outputs.locator("select[name='layer']").select_option(index=2)
        expect(told).to_contain_text("layer 2, all heads")
        expect(outputs.locator("[data-patch='8']")).to_have_attribute("aria-label", re.compile("brightness 100 of 100"))
        outputs.locator("input[name='relative']").check()
        expect(told).to_contain_text("times as much")
        lab.screenshot("inspector-parts", outputs)
        expect(lab.run_cell("print(twin.widget.patch, twin.widget.token, twin.widget.layer, twin.widget.relative)")).to_contain_text("7 4 1 True")
        again = lab.run_cell("twin.widget")                                        # a second view, as after loading the page again
        expect(again.locator(".patch-words")).to_contain_text("new7")
        expect(again.locator(".attention-told")).to_contain_text("times as much")
        again.locator("[data-patch='0']").click()                                   # both views show one state
        expect(words).to_contain_text("old0")

        hostile = lab.run_cell(HOSTILE)
        expect(hostile.locator("[data-token]")).to_have_count(len(STRINGS))
        for patch in range(9):
            hostile.locator(f"[data-patch='{patch}']").click()
        for token in (0, 9, 20):
            hostile.locator(f"[data-token='{token}']").click()
        lab.screenshot("inspector-hostile", hostile)
        assert hostile.locator(".token-inspector :is(script, a, iframe, svg, form, object, style)").count() == 0
        assert lab.harmed() == []
