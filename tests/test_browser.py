"""The widgets in a real browser: a person's clicks and keys, and what is to be seen afterwards.

Screenshots of every test are left in tests/artefacts, to be looked at.
"""

from __future__ import annotations

import re

import browser
import pytest
from hostile import STRINGS
from PIL import Image

from llava_mini.show.escape import seen
from llava_mini.show.style import printable

sync = pytest.importorskip("playwright.sync_api")
expect = sync.expect
pytestmark = pytest.mark.slow

SETUP = f"""
import json, os, threading, time
from pathlib import Path
os.chdir({str(browser.ROOT)!r})
import llava_mini
from llava_mini import show
from llava_mini.storybook.draw import draw
from llava_mini.storybook.world import scenes
from parrot import Parrot
import hostile
model = llava_mini.LlavaMini.from_pretrained("data/pretrained/llava-mini")
page = draw(next(scenes("test", 1, start=100_005)))
print("ready")
"""

HOSTILE_CHAT = """
twin = show.chat(*[Parrot(None)] * 2, pictures={text: page for text in hostile.STRINGS}, names=hostile.STRINGS[8:10])
box = twin.widget.chat
for text in hostile.STRINGS:
    box.talk.models[0].words = [text]
    box.talk.ask(text)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab with one notebook whose kernel knows a model and a picture."""
    with browser.lab(tmp_path_factory.mktemp("lab")) as lab:
        expect.set_options(timeout=browser.PATIENCE * 1000)
        expect(lab.run_cell(SETUP)).to_contain_text("ready")
        yield lab
        lab.screenshot("last")


def harmless(lab):
    """No text of a model has become anything but text."""
    assert lab.harmed() == []


def typed(outputs, question):
    field = outputs.get_by_label("Question")
    field.click()
    field.press_sequentially(question)
    field.press("Enter")


def test_chat_streams_stops_and_remembers(lab):
    """Guards against a chat that works with a test's own kernel and not with Jupyter's: tokens that appear only at the end, a Stop that waits for it."""
    told = eval(lab.run_cell("chat = model.chat(); print([chat.say('What colour is the umbrella?', page), chat.say('And now?')])").inner_text())
    outputs = lab.run_cell("show.chat(model, Parrot(None, pause=0.02), pictures={'a page': page, 'grey': page.convert('L')}, names=('mini', 'parrot'))")
    mini, parrot = outputs.locator(".chat-answer").nth(0), outputs.locator(".chat-answer").nth(1)
    typed(outputs, "What colour is the umbrella?")
    expect(parrot).to_contain_text("on and on and on")
    lab.screenshot("chat-streams", outputs)
    early = parrot.text_content()
    expect(outputs.get_by_role("button", name="Send")).to_be_disabled()
    typed(outputs, "And now?")                                      # it has to wait, and is not lost
    expect(outputs.locator(".chat-told")).to_contain_text("being written")
    expect(outputs.get_by_label("Question")).to_have_value("And now?")
    outputs.get_by_role("button", name="Stop").click()
    expect(outputs.locator(".chat-state").nth(1)).to_contain_text("(stopped)")
    expect(outputs.get_by_role("button", name="Send")).to_be_enabled()
    assert len(parrot.text_content()) > len(early)                  # it went on while the browser looked
    outputs.get_by_role("button", name="Send").click()              # what was typed too early
    expect(outputs.locator(".chat-question")).to_have_count(2)
    expect(outputs.locator(".chat-answer").nth(3)).to_contain_text("on and")
    expect(mini).to_have_text(told[0])
    expect(outputs.locator(".chat-answer").nth(2)).to_have_text(told[1])                    # past turns were given to it
    outputs.get_by_role("button", name="Stop").click()
    expect(outputs.get_by_role("button", name="Send")).to_be_enabled()
    lab.screenshot("chat-stopped", outputs)
    outputs.get_by_label("Picture").select_option("grey")
    expect(outputs.locator("img")).to_have_attribute("alt", "grey")
    outputs.get_by_role("button", name="Clear").click()
    expect(outputs.locator(".chat-question")).to_have_count(0)
    harmless(lab)


def test_chat_takes_an_upload(lab, tmp_path):
    """Guards against uploads that arrive in a form of the browser's that no test without one knows."""
    outputs = lab.run_cell("show.chat(Parrot(['A green page.']), pictures={'a page': page})")
    (tmp_path / "words.txt").write_text("no picture")
    Image.new("RGB", (90, 60), "green").save(tmp_path / "green.jpg")
    for name in ("words.txt", "green.jpg"):
        with lab.page.expect_file_chooser() as chooser:
            outputs.get_by_role("button", name="Upload").click()
        chooser.value.set_files(tmp_path / name)
        if name == "words.txt":
            expect(outputs.locator(".chat-told")).to_contain_text("'words.txt' is not a picture")
    expect(outputs.locator("img")).to_have_attribute("alt", "green.jpg")
    typed(outputs, "What is it?")
    expect(outputs.locator(".chat-answer")).to_have_text("A green page.")
    lab.screenshot("chat-upload", outputs)


def test_hostile_texts_in_the_chat(lab):
    """Guards against fifty ways in which a model's answer, a question, a name or a label could become more than text."""
    outputs = lab.run_cell(HOSTILE_CHAT + "box.draw()\nbox.tell(' '.join(hostile.STRINGS))\ntwin")
    wanted = [seen(text) for text in STRINGS]
    expect(outputs.locator(".chat-question")).to_have_count(50)
    for who, each in (("question", 1), ("answer", 2)):
        texts = outputs.locator(f".chat-{who}").evaluate_all("them => them.map(one => one.textContent)")
        assert texts == [text for text in wanted for _ in range(each)]
    assert outputs.locator(".chat-told").text_content() == seen(" ".join(STRINGS))
    lab.screenshot("chat-hostile", outputs)
    outputs.get_by_label("Picture").select_option(index=8)
    expect(outputs.locator("img")).to_have_attribute("alt", wanted[8])
    for text in (STRINGS[0], STRINGS[4], STRINGS[39]):              # and in the way of a person
        typed(outputs, text)
    harmless(lab)


def test_hostile_texts_in_still_twins(lab):
    """Guards against HTML outputs, whose scripts Jupyter runs and whose formulas it typesets, with a model's text in them."""
    bad = lab.run_cell("show.Html('<b>$x$</b><script>window.sentinel = 1</script>', 'Jupyter does both')")
    expect(bad.locator("mjx-container")).to_have_count(1)
    assert lab.page.evaluate("() => window.sentinel") == 1
    chat = lab.run_cell(HOSTILE_CHAT + "from llava_mini.show.chat import _still\n_still(box.talk, *box.shelf[8])")
    for who, each in (("question", 1), ("answer", 2)):
        texts = chat.locator(f".chat-{who}").evaluate_all("them => them.map(one => one.textContent)")
        assert texts == [seen(text) for text in STRINGS for _ in range(each)]
    lab.screenshot("chat-hostile-twin")
    # (a lone half of a character is in no conversation: whoever reads one refuses it)
    masks = lab.run_cell("from llava_mini.show import mask_viewer\nask = [[dict(role='user', content=t), dict(role='assistant', content=t)] for t in hostile.STRINGS if '\\ud800' not in t]\n"
                         "show.Html(''.join(show.mask_viewer(one, tokenizer=model.tokenizer, visual_tokens=64).still.html for one in ask), 'fifty')")
    assert masks.locator("code").count() > 500
    # the monitor's is a widget, which nobody typesets
    others = lab.run_cell("import ipywidgets\nfrom llava_mini.show import live\nrows = [dict(text=t, answer=t, given=t) for t in hostile.STRINGS]\n"
                          "ipywidgets.HTML(live.answers([dict(step=t, answers=rows) for t in (1, 2)], 50))")
    expect(others.locator("td")).to_have_count(200)
    cells = others.locator("td").all_text_contents()
    assert cells == [printable(text) for text in STRINGS for _ in range(4)]                    # question, truth, two moments
    lab.page.wait_for_timeout(500)                                  # time to typeset and to run, for what would
    for outputs in (chat, masks, others):
        shown = outputs.locator(".jp-OutputArea-output")
        assert shown.locator("script, iframe, svg, input, form, a, object, mjx-container, .MathJax").count() == 0
        assert shown.locator("img").count() == (outputs is chat)
    harmless(lab)


def test_mask_viewer(lab):
    """Guards against a mask viewer that shows the first template for ever."""
    outputs = lab.run_cell("show.mask_viewer([dict(role='user', content='<image>\\nWhat is it?'), dict(role='assistant', content='A red dog.')],\n"
                           "                 tokenizer=model.tokenizer, visual_tokens=model.visual_tokens)")
    shown = outputs.locator(".widget-html-content").last
    expect(shown).to_contain_text("Template v1")
    learnt = re.search(r"(\d+) supervised", shown.inner_text())[1]
    outputs.get_by_label("Template").select_option("v0")
    expect(shown).to_contain_text("Template v0")
    outputs.get_by_label("Template").select_option("v1")
    fault = outputs.get_by_label("Fault")
    for name in [name for name in fault.locator("option").all_inner_texts() if name != "none"]:
        fault.select_option(name)
        expect(shown).to_contain_text(f"fault: {name}")
    lab.screenshot("mask-viewer", outputs)
    fault.select_option("none")
    outputs.get_by_label("assistant").fill("A red dog that is much longer than the one before.")
    expect(outputs.get_by_text(re.compile(rf"(?<!\d)(?!{learnt} )\d+ supervised")).first).to_be_visible()
    outputs.get_by_role("button", name="Add a turn").click()
    expect(outputs.locator("textarea")).to_have_count(4)
    harmless(lab)


def test_scene_editor(lab):
    """Guards against a board on which the mouse moves nothing, and texts that do not follow it."""
    outputs = lab.run_cell("twin = show.scene_editor(model); twin")
    context = outputs.locator("pre").first
    frames = outputs.get_by_role("group", name="Things in the picture").locator("button")
    expect(frames).to_have_count(2)
    before, answer = context.text_content(), outputs.locator(".editor-answer")
    place = frames.nth(1).bounding_box()                            # the ball
    lab.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    lab.page.mouse.down()
    lab.page.mouse.move(place["x"] + place["width"] / 2 - 30, place["y"] + place["height"] / 2, steps=5)
    lab.page.mouse.up()
    expect(context).not_to_have_text(before)
    assert abs(frames.nth(1).bounding_box()["x"] - place["x"] + 30) < 3
    outputs.get_by_label("thing", exact=True).select_option("cat")
    outputs.get_by_label("colour").select_option("white")
    outputs.get_by_role("button", name="add").click()
    expect(frames).to_have_count(3)
    expect(context).to_contain_text("cat")
    frames.nth(2).focus()
    at = frames.nth(2).bounding_box()["x"]
    frames.nth(2).press("ArrowLeft")
    lab.page.wait_for_function("x => Math.abs(document.activeElement.getBoundingClientRect().x - x) > 3", arg=at)
    outputs.get_by_label("ask").fill("What colour is the cat?")
    outputs.get_by_label("ask").press("Enter")
    expect(answer).to_have_text(re.compile(r"\w.*\."))
    own = lab.run_cell("print(model.answer(twin.widget.editor.page.picture(), 'What colour is the cat?', max_new_tokens=200))").inner_text()
    expect(answer).to_have_text(own.strip())                        # the model's answer about this very picture
    expect(outputs.locator("details").nth(1).locator("pre")).to_contain_text("cat")      # the teacher's description has followed
    lab.screenshot("scene-editor", outputs)
    frames.nth(2).focus()
    frames.nth(2).press("Delete")
    expect(frames).to_have_count(2)
    outputs.get_by_label("place").select_option("beach")
    expect(context).to_contain_text("beach")
    harmless(lab)


def test_inspector(lab):
    """Guards against patches and tokens on which a click does nothing, and a map that stays that of the first token."""
    outputs = lab.run_cell("from llava_mini import attention\nfrom llava_mini.nearest import read_patches\n"
                           "look = attention.look(model, page, 'What colour is the umbrella?')\n"
                           "show.inspector(page, {'after stage 2': read_patches(model, model.encode([page]), 4)[0]}, look.tokens, look.patches, first=look.first)")
    name, words, told = outputs.locator(".patch-name"), outputs.locator(".patch-words"), outputs.locator(".attention-told")
    expect(name).to_contain_text("row 1, column 1")
    before = words.inner_text()
    outputs.locator("[data-patch='27']").click()
    expect(name).to_contain_text("row 4, column 4")
    expect(words).not_to_have_text(before)
    outputs.locator("[data-patch='27']").press("ArrowRight")
    expect(name).to_contain_text("row 4, column 5")
    first, shades = told.inner_text(), "them => them.map(one => one.style.background).join()"
    heat = outputs.locator("[data-patch]").evaluate_all(shades)
    outputs.locator("[data-token]").last.click()
    expect(told).not_to_have_text(first)
    assert outputs.locator("[data-patch]").evaluate_all(shades) != heat
    mean = told.inner_text()
    outputs.locator("select[name=layer]").select_option("1")
    expect(told).not_to_have_text(mean)
    outputs.locator("select[name=head]").select_option("0")
    expect(told).to_contain_text("head 1")
    lab.screenshot("inspector", outputs)
    hostile = lab.run_cell("words = [[(text, 0.5) for text in hostile.STRINGS]] * 4\n"
                           "show.inspector(page, dict([(hostile.STRINGS[0], words)]), hostile.STRINGS, [[[[0.2] * 4]]] * 50, first=9, alt=hostile.STRINGS[4])")
    expect(hostile.locator("td")).to_have_count(50)
    assert hostile.locator("td span:first-child").all_text_contents() == [seen(text) for text in STRINGS]
    assert hostile.locator(".jp-OutputArea-output").locator("script, svg, iframe, a, object, form, mjx-container").count() == 0
    harmless(lab)


RECORDS = """
def write(first, last):
    with open(folder / 'history.jsonl', 'a') as file:
        for step in range(first, last + 1):
            row = dict(step=step, loss=3 / step + 0.1, seconds=0.1, samples_per_second=320.0, epoch=step / 100)
            if step % 20 == 0:
                row |= dict(validation=3 / step + 0.2, answers=[dict(text='What is it?', answer='A dog.', given=f'A <b>cat</b> at {step}.')])
            file.write(json.dumps(row) + '\\n')
"""


def test_training_monitor(lab, tmp_path):
    """Guards against a monitor that shows the first moment for ever, without its reference band, or answers of a model as markup."""
    outputs = lab.run_cell(f"folder = Path({str(tmp_path)!r})\n{RECORDS}\n(folder / 'run.json').write_text(json.dumps(dict(settings=dict(epochs=1, max_steps=None))))\n"
                           f"write(1, 20)\nband = show.read_band({str(browser.ROOT / 'data' / 'results' / 'band-align.json')!r})\n"
                           "watch = show.monitor(folder, band, title='A training', every=0.2)\nwatch.follow()")
    expect(outputs.get_by_text("step 20 of 100")).to_be_visible()
    band = outputs.locator("svg polygon").first.bounding_box()
    assert band["width"] > 100 and band["height"] > 10
    curve = outputs.locator("svg polyline").last.get_attribute("points")
    lab.run_cell("write(21, 60)")
    expect(outputs.get_by_text("step 60 of 100")).to_be_visible()
    expect(outputs.get_by_text("left", exact=False).first).to_be_visible()
    assert outputs.locator("svg polyline").last.get_attribute("points") != curve
    expect(outputs.get_by_role("cell", name="A <b>cat</b> at 60.")).to_be_visible()
    lab.screenshot("monitor", outputs)
    lab.run_cell("write(61, 100)")
    expect(outputs.get_by_text("finished in")).to_be_visible()
    harmless(lab)


def test_a_lesson_from_top_to_bottom(lab):
    """Guards against a lesson that runs under nbmake and not where it is read: an error in the middle, or a widget that stays a picture."""
    lesson = lab.run_lesson(browser.ROOT / "notebooks" / "05_chat_format.ipynb")
    told = lesson.locator(".jp-Cell-outputArea").filter(has_text="Whole notebook:").last
    expect(told).to_contain_text("GB of memory at its peak")
    errors = lesson.locator("[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']")
    assert errors.count() == 0, errors.first.inner_text()
    expect(lesson.get_by_label("Template").first).to_be_visible()                           # the mask viewer lives
    lab.screenshot("lesson-05", lesson)
    harmless(lab)
