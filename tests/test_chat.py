"""The chat widget: what is asked and answered, kept, stopped, refused and shown. In the browser: test_browser.py."""

from __future__ import annotations

import io
import re
import threading
import time
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest
from hostile import STRINGS
from PIL import Image

from llava_mini import InputError, show
from llava_mini.show.chat import read_upload
from llava_mini.show.chat_turns import Talk
from llava_mini.show.escape import as_text, seen
from parrot import Parrot

RED = Image.new("RGB", (300, 200), "red")


class Shown(HTMLParser):
    """The elements of a piece of HTML, and the texts of those with a class."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.texts, self._open = set(), set(), {}, []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag not in ("img", "br"):
            self._open.append(dict(attributes).get("class"))
            if self._open[-1]:
                self.texts.setdefault(self._open[-1], []).append("")

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        for name in filter(None, self._open):
            self.texts[name][-1] += data


def chat_box(*arguments, **options):
    return show.chat(*arguments, **options).widget.chat


def type_in(box, question):
    box.question.value = question
    box.ask()


def until(happened, seconds=20):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_past_turns_are_given_to_the_model(tiny_model):
    """Guards against a chat that shows the past and asks each question as if it were the first."""
    box = chat_box(tiny_model, pictures={"red": RED}, ask=["What is it?"], max_new_tokens=5)
    type_in(box, "Is it big?")
    box.wait()
    wanted = tiny_model.chat(max_new_tokens=5)
    said = [wanted.say("What is it?", RED), wanted.say("Is it big?")]
    assert [turn.answers[0].text for turn in box.talk.turns] == said
    assert [message["role"] for message in box.talk._chats[0].messages] == ["user", "assistant"] * 2
    assert sum(message["content"].count("<image>") for message in box.talk._chats[0].messages) == 1


def test_two_models_are_asked_the_same_and_remember_their_own(tiny_model):
    """Guards against answers in the wrong column, or a second model that is told what the first has said."""
    box = chat_box(Parrot(["one"]), Parrot(["two ", "words"]), pictures=[RED], names=("before", "after"), ask=["Hello?", "And now?"])
    for turn in box.talk.turns:
        assert [said.text for said in turn.answers] == ["one", "two words"]
    assert [[m["content"] for m in chat.messages] for chat in box.talk._chats] == [["Hello?", "one", "And now?", "one"], ["Hello?", "two words", "And now?", "two words"]]
    assert box.log.children[0].value.index("before") < box.log.children[0].value.index("one") < box.log.children[0].value.index("after")
    with pytest.raises(InputError, match="2 models and 1 names"):
        show.chat(Parrot([]), Parrot([]), names=("one",))


def test_answers_grow_side_by_side():
    """Guards against a second model that begins only when the first has finished."""
    first, second = Parrot(["a"] * 4), Parrot(["b"] * 4)
    talk, seen_so_far = Talk([first, second], ["first", "second"]), []
    talk.ask("?", lambda: seen_so_far.append(tuple(len(said.text) for said in talk.turns[0].answers)))
    assert seen_so_far == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (4, 4)]


def test_stop_while_an_answer_is_written():
    """Guards against a stop that waits for the end, and a model that remembers more than was shown."""
    box = chat_box(Parrot(None), pictures=[RED])                                       # it never ends
    type_in(box, "Tell me a long story.")
    until(lambda: len(box.talk.turns) == 1 and len(box.talk.turns[0].answers[0].text) > 20)
    assert not box.stop.disabled and box.send.disabled
    box.stop.click()
    box.wait(10)
    (said,) = box.talk.turns[0].answers
    assert said.state == "stopped" and not box.talk.busy
    assert box.talk._chats[0].messages[-1]["content"] == said.text
    assert "(stopped)" in box.log.children[0].value and box.stop.disabled and not box.send.disabled


def test_stop_with_a_real_model(tiny_model):
    """Guards against a stop that leaves the model in the middle of something: the next answer must be right."""
    box = chat_box(tiny_model, pictures=[RED], max_new_tokens=200)
    box.talk.ask("Tell me.", lambda: box.talk.turns[-1].answers[0].text and box.talk.stop())
    (said,) = box.talk.turns[0].answers
    wanted = tiny_model.chat(max_new_tokens=200)
    wanted.say("Tell me.", RED)
    assert said.state == "stopped" and len(said.text) < len(wanted.messages[-1]["content"])
    box.talk.clear()
    assert box.talk.ask("Tell me.").answers[0].text == wanted.messages[-1]["content"]


def test_a_second_question_while_one_is_answered_is_kept():
    """Guards against two answers in one conversation at once, and a typed question that is lost."""
    box = chat_box(Parrot(None), pictures=[RED])
    type_in(box, "First?")
    until(lambda: box.talk.busy and box.talk.turns)
    type_in(box, "Second?")
    assert box.question.value == "Second?" and "being written" in box.told.value and len(box.talk.turns) == 1
    with pytest.raises(InputError, match="being written"):
        box.talk.ask("Third?")
    box._clear()                                                                       # a click that was on its way
    assert len(box.talk.turns) == 1
    box.stop.click()
    box.wait()
    box.talk.models[0].words = ["yes"]
    box.talk.clear()
    type_in(box, "Second?")
    box.wait()
    assert [turn.answers[0].text for turn in box.talk.turns] == ["yes"]


def test_answers_are_written_beside_the_main_thread():
    """Guards against an answer written by the callback itself: while it runs no kernel takes a click on Stop."""
    box, threads = chat_box(Parrot(["a"], heard=lambda: threads.append(threading.current_thread()))), []
    type_in(box, "Hello?")
    box.wait()
    assert threads and threads[0] is not threading.main_thread() and threads[0].daemon


def test_enter_asks():
    """Guards against a text field whose Enter does nothing: this is the message that the browser sends for it."""
    box = chat_box(Parrot(["yes"]), pictures=[RED])
    box.question.value = "Hello?"
    box.question._handle_custom_msg({"event": "submit"}, [])
    box.wait()
    assert box.talk.turns[0].question == "Hello?" and box.question.value == ""
    box.question._handle_custom_msg({"event": "submit"}, [])
    assert len(box.talk.turns) == 1 and "Type a question" in box.told.value


def test_another_picture_is_another_conversation():
    """Guards against a model that is shown a new picture and still speaks of the old one; what was said stays to be read."""
    box = chat_box(Parrot(["yes"]), pictures={"red": RED, "blue": Image.new("RGB", (20, 30), "blue")}, ask=["One?"])
    assert 'alt="red"' in box.shown.value
    box.pictures.value = 1
    assert 'alt="blue"' in box.shown.value and len(box.talk.turns) == 1
    type_in(box, "Two?")
    box.wait()
    assert [turn.about for turn in box.talk.turns] == ["red", "blue"]
    assert [(m["content"]) for m in box.talk._chats[0].messages] == ["Two?", "yes"]
    assert box.talk.models[0].pictures == [(300, 200), (20, 30)]
    box.pictures.value = 2                                                             # no picture
    type_in(box, "Three?")
    box.wait()
    assert box.talk.models[0].pictures[-1] is None and box.shown.value == ""


def test_clear_forgets():
    """Guards against a cleared chat whose model still remembers."""
    box = chat_box(Parrot(["yes"]), pictures=[RED], ask=["One?"])
    box.clear.click()
    assert box.talk.turns == [] and box.log.children == () and box.talk._chats[0].messages == []
    type_in(box, "Two?")
    box.wait()
    assert box.talk.models[0].pictures == [(300, 200)] * 2                             # it is shown the picture again


def test_what_goes_wrong_is_one_sentence_in_the_chat(tiny_model):
    """Guards against tracebacks that nobody sees, because they come from a thread, and a chat that is dead afterwards."""
    box = chat_box(tiny_model, pictures=[RED], max_new_tokens=3)
    type_in(box, "why " * 600)                                                         # more than the context holds
    box.wait()
    (said,) = box.talk.turns[0].answers
    assert said.state == "failed" and "fill the context" in said.why and "fill the context" in box.log.children[0].value
    type_in(box, "What is it?")
    box.wait()
    assert box.talk.turns[1].answers[0].state == "done"
    assert box.talk._chats[0].messages[0]["content"].startswith("<image>")             # the picture was not lost with the turn

    def burn():
        raise RuntimeError("the <b>cable</b>\nburns")
    box = chat_box(Parrot(["a", "b"], heard=burn), Parrot(["fine"]), pictures=[RED])
    type_in(box, "Hello?")
    box.wait()
    broken, whole = box.talk.turns[0].answers
    assert "RuntimeError" in broken.why and "\n" not in broken.why and whole.text == "fine"
    assert "<b>cable" not in box.log.children[0].value and not box.send.disabled


def upload(box, name, content):
    box.upload.value = ({"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": datetime.now(timezone.utc)},)


def test_upload():
    """Guards against uploads that are not shown, not asked about, or that end the chat when they are no pictures."""
    box, file = chat_box(Parrot(["yes"]), pictures=[RED]), io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 255, 90)).save(file, "PNG")
    upload(box, "../mine.png", file.getvalue())
    assert [label for label, _ in box.pictures.options] == ["picture 1", "../mine.png", "(no picture)"] and box.pictures.value == 1
    assert "mine.png" in box.shown.value and box.upload.value == ()
    type_in(box, "Hello?")
    box.wait()
    assert box.talk.models[0].pictures == [(40, 40)]
    for name, content in {"words.txt": b"no picture", "cut.png": file.getvalue()[:60], "empty": b"", "<img src=x>.gif": b"GIF89a"}.items():
        upload(box, name, content)
        (told,) = Shown(box.told.value).texts["chat-told"]
        assert name in told and told.count(". ") == 0 and told.endswith(".") and "/tmp" not in told and "upload'" not in told, told
        assert "img" not in Shown(box.told.value).tags
    assert len(box.pictures.options) == 3
    with pytest.raises(InputError, match="words.txt"):
        read_upload("words.txt", b"no picture")


def test_pictures_that_cannot_be_read(tmp_path):
    """Guards against a chat that appears without one of its pictures."""
    with pytest.raises(InputError, match="is missing"):
        show.chat(Parrot([]), pictures=[tmp_path / "none.png"])
    RED.save(tmp_path / "dog.png")
    assert chat_box(Parrot([]), pictures=[tmp_path / "dog.png"]).pictures.options[0][0] == "dog"


@pytest.mark.parametrize("text", STRINGS, ids=range(len(STRINGS)))
def test_hostile_texts_are_shown_as_text(text):
    """Guards against markup, formulas and invisible characters of a model or a user that become something; see also test_browser.py."""
    talk = Talk([Parrot([text]), Parrot([text])], [text, "second"])
    talk.begin(RED, text)
    talk.ask(text)
    twin = show.chat(Parrot([text]), pictures={text or "x": RED}, ask=[text])
    for html in (twin.still.html, twin.widget.chat.log.children[0].value, twin.widget.chat.shown.value):
        shown = Shown(html)
        assert shown.tags <= {"div", "span", "b", "img"} and not {name for name in shown.attributes if name.startswith("on") or name == "href"}
        assert not re.search(r"[$\\][^<]", re.sub('alt="[^"]*"', "", html))            # each in an element of its own: no formula
        for kind in ("chat-question", "chat-answer"):
            assert set(shown.texts.get(kind, [seen(text)])) == {seen(text)}
    assert as_text(text).isprintable() or "\n" in text or "\t" in text
    assert "\x00" not in twin.still.alt and "\u202e" not in twin.still.alt


def test_the_fifty():
    """Guards against a list that shrinks."""
    assert len(set(STRINGS)) == 50


def test_what_cannot_be_seen_gets_its_number():
    """Guards against text that is right when compared and wrong when read: reversed, cut at a null byte, split by invisible marks."""
    assert seen("a\u202eb\x00c\nd\te\u200b é 中") == "a<U+202E>b<U+0000>c\nd\te<U+200B> é 中"


def test_the_still_twin_is_the_conversation():
    """Guards against readers without a kernel who see an empty box, and a twin that later turns would change under a saved notebook."""
    twin = show.chat(Parrot(["A red dog."]), pictures={"a red page": RED}, names=["mini"], ask=["What is it?"])
    shown = Shown(twin.still.html)
    assert shown.texts["chat-answer"] == ["A red dog."] and re.search(r'<img [^>]*alt="a red page"', twin.still.html)
    assert repr(twin) == "About: a red page\nYou: What is it?\nmini: A red dog."
    data, _ = twin._repr_mimebundle_()
    assert data["text/html"] == twin.still.html and "application/vnd.jupyter.widget-view+json" in data
    assert "Nothing was asked" in show.chat(Parrot([])).still.html


def test_figures_need_no_widgets():
    """Guards against a training program that loads ipywidgets in order to draw a curve."""
    import subprocess
    import sys
    code = "import sys; from llava_mini import show; show.chat; assert 'ipywidgets' not in sys.modules and 'anywidget' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_widget_says_about_itself_reaches_the_page():
    """Guards against Colab not knowing where to find an anywidget: it reads that beside the output, of a box around one, too."""
    class Widget:
        def __init__(self, about=None, children=()):
            self.about, self.children = about, children

        def _repr_mimebundle_(self, include=None, exclude=None):
            data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
            return (data, self.about) if self.about else data

    about = {"application/vnd.jupyter.widget-view+json": {"colab": {"custom_widget_manager": {"url": "x"}}}}
    for widget in (Widget(about), Widget(children=[Widget(), Widget(children=[Widget(about)])])):
        assert show.Twin(widget, show.Html("x", "x"))._repr_mimebundle_()[1] == about
    assert show.Twin(Widget(), show.Html("x", "x"))._repr_mimebundle_()[1] == {}


def test_full_and_lora_talk_side_by_side(tmp_path, tiny_model):
    """Guards against a chat that takes one sort of checkpoint only, and against adapters that are loaded and not used."""
    from copy import deepcopy

    import torch
    from llava_mini.checkpoints import add_lora, save
    from llava_mini.model import LlavaMini

    adapted = add_lora(deepcopy(tiny_model), rank=2, alpha=400, dropout=0.0).eval()
    for name, weights in adapted.language_model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, generator=torch.Generator().manual_seed(len(name)))
    save(tiny_model, tmp_path / "full", kind="full")
    save(adapted, tmp_path / "lora", kind="lora")
    full, lora = (LlavaMini.from_pretrained(tmp_path / kind) for kind in ("full", "lora"))
    words = show.chat(full, lora, pictures={"red": RED}, names=("full", "LoRA"), ask=["What is it?"], max_new_tokens=8).still.alt
    for name, one in (("full", full), ("LoRA", lora)):
        assert f"{name}: {one.answer(RED, 'What is it?', max_new_tokens=8)}".strip() in words
    assert full.answer(RED, "What is it?", max_new_tokens=8) != lora.answer(RED, "What is it?", max_new_tokens=8)
