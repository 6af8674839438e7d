"""show/scene_editor.py with page.py, standing.py and board.py: composing a page, and who is told what about it."""

from __future__ import annotations

import json
import random
from dataclasses import fields

import pytest
from browser import lab
from hostile import STRINGS

from llava_mini.annotations import Record, context, load
from llava_mini.errors import InputError
from llava_mini.instruct import offline
from llava_mini.instruct.connection import Settings
from llava_mini.show import scene_editor
from llava_mini.show.escape import seen
from llava_mini.show.page import MOST, Page
from llava_mini.show.scene_editor import Editor, teach
from llava_mini.show.standing import WORDS, check
from llava_mini.storybook.folder import make_folder
from llava_mini.storybook.scenes import Scene
from llava_mini.storybook.vocabulary import CATEGORIES, COLOURS, PLACES, SIZES, WEATHER
from llava_mini.storybook.world import scenes


class Listener:
    """A model that says what it is given and notes it."""

    def __init__(self, says=("It ", "is red.")):
        self.says, self.given = says, []

    def answer(self, picture, question, **options):
        self.given.append((picture, question, options))
        yield from self.says


def sentence(change) -> str:
    """What a change that is refused says, in one sentence."""
    with pytest.raises(InputError) as caught:
        change()
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text and text.count(". ") == 0, text
    return text


@pytest.fixture
def park():
    """A big dog, a small ball, a big bench and a big person in the park."""
    return Page.start().add("bench", "green", "big").add("person", "blue", "big")


# ---- the page

def test_a_page_is_told_like_a_folder(tmp_path):
    """Guards against captions and boxes of the editor that differ from those which a teacher reads of a folder."""
    told = load(make_folder(tmp_path / "world", "val", 12, workers=1))
    for scene, record in zip(scenes("val", 12), told):
        page = Page(scene).record()
        assert (page.captions, page.boxes, page.size) == (record.captions, record.boxes, record.size) and context(page) == context(record)


def test_every_change_gives_a_new_page_and_leaves_the_old(park):
    """Guards against a refused change that leaves half of itself behind."""
    before = park.scene
    park.add("cat", "white", "small")
    park.turn(0)
    sentence(lambda: park.move(0, 0.3, 0.1))
    sentence(lambda: park.add("cat", "white", "big", ("on", 2)))
    assert park.scene == before


@pytest.mark.parametrize("change, words", [
    (lambda p: p.add("zebra", "red", "big"), ["no thing 'zebra'", "choose"]),
    (lambda p: p.add("cat", "pink", "big"), ["no colour 'pink'"]),
    (lambda p: p.add("cat", "red", "huge"), ["no size 'huge'", "small, big"]),
    (lambda p: p.put("moon"), ["no place 'moon'"]),
    (lambda p: p.put(weather="snowy"), ["no weather 'snowy'"]),
    (lambda p: p.put("kitchen", "rainy"), ["In the kitchen there is no weather", "choose a place outside"]),
    (lambda p: p.move(0, 0.3, 0.05), ["dog stands on the ground", "lower third"]),
    (lambda p: p.add("kite", "red", "small").move(4, 0.05, 0.7), ["kite flies", "upper half"]),
    (lambda p: Page.start().put("beach").add("boat", "red", "small").move(2, 0.1, 0.7), ["boat floats", "water"]),
    (lambda p: p.move(1, *p.boxes()[0][:2]), ["small red ball", "big brown dog", "cover each other", "move one"]),
    (lambda p: p.add("elephant", "red", "big"), ["no room left for a big red elephant", "remove something"]),
    (lambda p: p.add("cow", "red", "small", ("on", 2)), ["cow is never on a bench", "that can be"]),
    (lambda p: p.add("cat", "red", "small", ("on", 0)), ["cat is never on a dog"]),
    (lambda p: p.add("cat", "red", "big", ("on", 2)), ["Only a small cat", "big bench", "change the size"]),
    (lambda p: p.add("umbrella", "red", "small", ("holding", 3)), ["Only a big umbrella"]),
    (lambda p: p.add("cat", "red", "small", ("beside", 2)), ["no way to join"]),
    (lambda p: p.add("cat", "red", "small", ("on", 9)), ["no thing number 9"]),
    (lambda p: p.add("cat", "red", "small", ("on", 2)).add("bird", "red", "small", ("on", 2)), ["something on the big green bench already"]),
    (lambda p: p.add("cat", "red", "small", ("on", 2)).remove(2), ["small red cat is on the big green bench", "first"]),
    (lambda p: p.add("cat", "red", "small", ("on", 2)).turn(2), ["small red cat is on the big green bench"]),
    (lambda p: p.change(2, "bench", "green", "big", ("on", 2)), ["cannot be on itself"]),
    (lambda p: Page(next(scenes("test", 1))).remove(7), ["no thing number 7"]),
])
def test_impossible_pages_are_refused_with_one_sentence(park, change, words):
    """Guards against a dog in the sky, two things in one spot, and a KeyError for whoever tries."""
    said = sentence(lambda: change(park))
    assert all(word in said for word in words), said


def test_the_last_thing_stays_and_the_seventh_does_not_come(park):
    """Guards against captions of nothing, and a count beyond the numbers that the captions know."""
    page = park
    while len(page.names()) > 1:
        page = page.remove(0)
    assert "at least one thing" in sentence(lambda: page.remove(0))
    page = Page.start()
    while len(page.names()) < MOST:
        page = page.add("ball", "blue", "small")
    assert f"room for {MOST} things" in sentence(lambda: page.add("ball", "blue", "small"))
    assert "five small blue balls" not in page.record().captions[0] and "four small blue balls" in page.record().captions[0]


def test_what_is_joined_moves_along_and_lets_go(park):
    """Guards against a cat that stays in the air when its bench is moved, and relations that name another thing after a removal."""
    page = park.add("cat", "white", "small", ("on", 2)).add("umbrella", "red", "big", ("holding", 3))
    assert [page.joined(i) for i in range(6)] == [None] * 4 + [("on", 2), ("holding", 3)]
    x, y, *_ = page.boxes()[3]
    moved = page.move(3, x + 0.02, y + 0.01)
    assert [round(b - a, 4) for a, b in zip(page.boxes()[5], moved.boxes()[5])] == [0.02, 0.01, 0.02, 0.01] and moved.joined(5) == ("holding", 3)
    less = page.remove(1)                                                    # the ball: later things get other numbers
    assert less.joined(3) == ("on", 1) and less.joined(4) == ("holding", 2)
    assert "white cat on a green bench" in " ".join(less.record().captions) or "holding a red umbrella" in " ".join(less.record().captions)
    away = page.remove(0).move(3, 0.02, 0.75)                                # from the bench to the ground
    assert away.joined(3) is None and all("on a green bench" not in caption for caption in away.record().captions)


def test_a_change_of_colour_leaves_the_rest_as_it_was(park):
    """Guards against a thing that jumps to the front, or loses what it carries, when it is only painted."""
    page = park.add("cat", "white", "small", ("on", 2))
    painted = page.change(2, "bench", "red", "big")
    assert painted.boxes() == page.boxes() and painted.names()[2] == "big red bench" and painted.joined(4) == ("on", 2)
    other = Page.start().change(0, "cat", "white", "small")
    assert other.names() == ["small red ball", "small white cat"] and abs(other.boxes()[1][3] - Page.start().boxes()[0][3]) < 1e-3


def test_odd_things_are_told_as_odd():
    """Guards against a boat on the street of which no caption may say that it is strange, and one on water of which one does."""
    told = {place: [" ".join(Page(Scene(seed, place, "sunny", Page.start().scene.things)).add("boat", "red", "small").record().captions)
                    for seed in range(12)] for place in ("street", "lake")}
    assert any("Strangely, a red boat" in text for text in told["street"]) and not any("Strangely" in text for text in told["lake"])


def test_turning_a_thing_changes_the_picture_and_not_the_text():
    """Guards against the lesson's example of what a teacher cannot know going away: which way a thing looks."""
    page, turned = Page.start(), Page.start().turn(0)
    assert context(page.record()) == context(turned.record()) and page.picture().tobytes() != turned.picture().tobytes()


def test_whatever_is_done_the_page_keeps_its_rules():
    """Guards against a row of changes that ends in a page which the rules forbid, or in another error than a sentence."""
    rng, done, refused = random.Random(5), 0, 0
    page = Page.start()
    for _ in range(400):
        number = rng.randrange(len(page.names()))
        look = rng.choice(list(CATEGORIES)), rng.choice(list(COLOURS)), rng.choice(SIZES)
        join = (rng.choice(list(WORDS)), rng.randrange(len(page.names()))) if rng.random() < 0.5 else None
        what = rng.randrange(6)
        try:
            page = (lambda: page.add(*look, join), lambda: page.remove(number), lambda: page.change(number, *look, join),
                    lambda: page.move(number, rng.random(), rng.random()), lambda: page.turn(number),
                    lambda: page.put(rng.choice(list(PLACES)), rng.choice([None, *WEATHER])))[what]()
            done += 1
        except InputError:
            refused += 1
            continue
        for one in range(len(page.names())):
            check(page.scene, one)
        assert len(page.record().captions) == 5 and len(page.record().boxes) == len(page.names())
    assert done > 100 and refused > 50
    page.picture()


# ---- who is told what

def test_the_teacher_is_sent_captions_and_boxes_and_nothing_else(monkeypatch, park):
    """Guards against the answer key on the wire: what is sent is exactly the prompt of a run over the same record."""
    from llava_mini.instruct import prompts

    sent, real = [], offline.Offline.handle_async_request

    async def note(self, request):
        sent.append(json.loads(await request.aread()))
        return await real(self, request)

    monkeypatch.setattr(offline.Offline, "handle_async_request", note)
    editor = Editor(None, None, park)
    assert [body["messages"] for body in sent] == [prompts.messages(park.record(), kind) for kind in prompts.KINDS]
    assert all(set(body) <= {"model", "messages", "max_tokens", "temperature"} for body in sent)
    assert "Q: " in editor.texts.value and {field.name for field in fields(Record)} == {"id", "image", "size", "captions", "boxes"}


def test_what_the_teacher_writes_follows_the_page():
    """Guards against texts of the page before, and a checker that nobody asks."""
    first = teach(Page.start().record(), Settings())
    assert list(first) == ["conversation", "detail", "reasoning"] and "dog" in first["detail"] and "elephant" not in first["detail"]
    assert "elephant" in teach(Page.start().add("elephant", "white", "big").record(), Settings())["detail"]
    lies = teach(Page.start().record(), Settings(), offline.transport(misbehave={"wrong colour": 1.0}))
    assert any("The checker: wrong colour" in text for text in lies.values())
    cut = teach(Page.start().record(), Settings(), offline.transport(misbehave={"cut off": 1.0}))
    assert all(text.startswith("This answer is set aside (cut off)") for text in cut.values())


def test_a_teacher_that_may_cost_money_is_asked_by_the_button_alone(monkeypatch):
    """Guards against a bill for every step of a dragged thing."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-the-editor")
    server = offline.transport()
    editor = Editor(None, Settings("some-model"), Page.start(), server)
    editor._do(lambda: editor.page.add("cat", "white", "small"))
    assert not server.served and editor.texts.value == "" and editor.write in editor.widget.children
    editor.write.click()
    assert sum(server.served.values()) == 3 and "cat" in editor.texts.value
    assert editor.write not in Editor(None, None, Page.start()).widget.children


def test_a_teacher_that_cannot_be_reached_is_told_in_a_sentence(monkeypatch):
    """Guards against a traceback in the notebook, with a key in it, where a server is asked that is not there."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    editor = Editor(None, Settings("some-model"), Page.start())
    editor.write.click()
    assert "OPENAI_API_KEY" in editor.note.value and editor.texts.value == ""


def test_the_model_gets_the_picture_that_is_seen_and_its_answer_is_text():
    """Guards against a question about the page before, and markup of a model that runs in the reader's browser."""
    model = Listener(("<img src=x ", "onerror=alert(1)>", " & <b>red</b>"))
    editor = Editor(model, None, Page.start())
    editor.ask()
    assert not model.given and "no question" in editor.note.value
    editor._do(lambda: editor.page.add("cat", "white", "small"))
    editor.question.value = "  What is it? "
    editor.send.click()
    picture, question, options = model.given[0]
    assert picture.tobytes() == editor.page.picture().tobytes() and question == "What is it?" and options["stream"]
    assert "<img" not in editor.answer.value and "&lt;img src=x onerror=alert(1)&gt; &amp; &lt;b&gt;red" in editor.answer.value
    editor._do(lambda: editor.page.turn(0))
    assert editor.answer.value == ""                                         # it was about another picture


# ---- the widget

def test_the_board_and_the_fields_do_the_same(park):
    """Guards against a mouse that moves another thing than the one it took, and fields that show the thing before."""
    editor = Editor(None, None, park)
    editor.board._handle_custom_msg({"do": "choose", "number": 3}, [])
    assert (editor.category.value, editor.colour.value, editor.list.value, editor.board.chosen) == ("person", "blue", 3, 3)
    assert editor.join.label == "by itself"
    x, y, *_ = park.boxes()[1]
    editor.board._handle_custom_msg({"do": "move", "number": 1, "x": x + 0.01, "y": y + 0.01}, [])
    assert editor.page.boxes()[1][:2] == pytest.approx((x + 0.01, y + 0.01)) and editor.chosen == 1
    assert editor.board.things[1]["box"] == list(editor.page.boxes()[1])
    editor.board._handle_custom_msg({"do": "remove", "number": 2}, [])
    assert "bench" not in editor.told.value and len(editor.board.things) == 3
    editor.place.value = "lake"
    assert editor.page.setting() == ("lake", "sunny") and "at the lake" in editor.told.value
    editor.place.value = "bedroom"
    assert editor.weather.value == "none (indoors)"
    editor.category.value, editor.colour.value, editor.size.value = "cat", "orange", "small"
    button(editor, "add").click()
    assert editor.page.names()[-1] == "small orange cat" and editor.chosen == 3


def button(editor, name):
    found, left = [], [editor.widget]
    while left:
        one = left.pop()
        left += getattr(one, "children", ())
        found += [one] * (getattr(one, "description", None) == name)
    return found[0]


def test_a_refused_change_is_told_and_shown_as_it_was(park):
    """Guards against a board that shows a thing where it is not, and fields that forget what was chosen."""
    editor, sent = Editor(None, None, park), []
    editor.board.send = sent.append
    editor.board._handle_custom_msg({"do": "move", "number": 0, "x": 0.3, "y": 0.05}, [])
    assert "stands on the ground" in editor.note.value and sent == [{"do": "draw"}] and editor.page == park
    editor.category.value, editor.size.value = "cow", "small"
    editor.join.value = ("on", 2)
    button(editor, "add").click()
    assert "never on a bench" in editor.note.value and editor.category.value == "cow"
    editor.place.value = "kitchen"
    editor.weather.value = "rainy"
    assert "no weather" in editor.note.value and editor.weather.value == "none (indoors)"
    button(editor, "remove").click()
    assert "no weather" not in editor.note.value                             # a new change, a new word
    editor.colour.value, editor.category.value, editor.size.value = "purple", "car", "small"
    editor.join.value = ()
    button(editor, "add").click()
    assert "No training sample of LLaVA shows a purple car" in editor.note.value


def test_the_still_twin_shows_picture_boxes_and_text(park):
    """Guards against an editor that is nothing at all on GitHub and in a PDF."""
    twin = scene_editor(page=park)
    data, about = twin._repr_mimebundle_()
    assert data["image/png"] and context(park.record()) in data["text/plain"] and context(park.record()) in about["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data and twin.widget.editor.page == park
    assert twin.widget.editor.taught["conversation"] in data["text/plain"] and "The model is asked" not in data["text/plain"]
    asked = scene_editor(Listener(("A ", "<b>dog</b>.")), page=park, ask="What is it?")
    assert "The model is asked: What is it?\nA <b>dog</b>." in asked._repr_mimebundle_()[0]["text/plain"]
    assert asked.still.png() and "&lt;b&gt;dog" in asked.widget.editor.answer.value


def drag(page, box, right, down):
    """As a person does: press in the middle of a box, move in steps, let go."""
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


@pytest.mark.slow
def test_in_the_browser(tmp_path):
    """Guards against a board that no mouse and no key can move, and answers that run in the page."""
    pytest.importorskip("playwright.sync_api")
    with lab(tmp_path) as jupyter:
        jupyter.run_cell("import hostile\nfrom llava_mini import show\nclass Says:\n    def answer(self, picture, question, **how):\n"
                         "        yield hostile.STRINGS[int(question)]\n'ready'")
        out = jupyter.run_cell("twin = show.scene_editor(Says()); twin")
        frames = out.locator("button[aria-pressed]")
        frames.nth(1).wait_for()
        ball, told = frames.nth(1), out.locator("pre").filter(has_text="sports ball: [")
        before = told.first.inner_text()
        drag(jupyter.page, ball.bounding_box(), 20, 8)
        jupyter.page.wait_for_function("before => ![...document.querySelectorAll('pre')].some(p => p.innerText === before)", arg=before)
        dragged = told.first.inner_text()
        frames.nth(1).focus()
        jupyter.page.keyboard.press("ArrowLeft")
        jupyter.page.wait_for_function("before => ![...document.querySelectorAll('pre')].some(p => p.innerText === before)", arg=dragged)
        assert jupyter.page.evaluate("() => document.activeElement.dataset.number") == "1"       # and it can be pressed again
        out.get_by_label("thing", exact=True).select_option("kite")
        out.get_by_role("button", name="add").click()
        frames.nth(2).wait_for()
        out.get_by_text("kite: [").first.wait_for()
        box = frames.nth(1).bounding_box()
        drag(jupyter.page, box, 0, -250)
        out.get_by_text("A ball stands on the ground").wait_for()
        jupyter.page.wait_for_function("y => Math.abs(document.querySelectorAll('button[aria-pressed]')[1].getBoundingClientRect().y - y) < 2", arg=box["y"])
        jupyter.screenshot("scene-editor-parts", out)
        frames.nth(0).focus()
        jupyter.page.keyboard.press("Delete")
        jupyter.page.wait_for_function("() => document.querySelectorAll('button[aria-pressed]').length === 2")
        for number, text in enumerate(STRINGS):
            out.locator("input[placeholder]").fill(str(number))
            out.get_by_role("button", name="ask the model").click()
            jupyter.page.wait_for_function("text => document.querySelector('.editor-answer')?.textContent === text", arg=seen(text))
        out.locator("input[placeholder]").fill("0")
        jupyter.page.keyboard.press("Enter")
        out.get_by_text(STRINGS[0], exact=False).first.wait_for()
        assert jupyter.harmed() == []
