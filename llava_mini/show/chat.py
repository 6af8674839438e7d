"""Talking to a model about a picture: choose or upload one, ask, watch the answer being written, stop it.

>>> show.chat(model, pictures={"a dog on a beach": picture}, ask=["What is this?"])             # doctest: +SKIP
>>> show.chat(before, after, pictures=["dog.jpg"], names=("before stage 2", "after stage 2"))   # doctest: +SKIP
>>> full, lora = (LlavaMini.from_pretrained(f"runs/mini-{kind}/model") for kind in ("full", "lora"))       # doctest: +SKIP
>>> show.chat(full, lora, pictures=["dog.jpg"], names=("full", "LoRA"))                                    # doctest: +SKIP
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from ..errors import InputError
from ..pictures import load_picture
from .chat_turns import BUSY, TEXT, Talk, in_words, picture_html, turn_html
from .escape import as_text, seen
from .twin import Html, Twin

NONE = "(no picture)"
PAUSE = 0.05        # seconds between two drawings of an answer that is being written: smooth to the eye, light for the browser


def chat(model, other=None, pictures: Sequence[Image.Image | str | Path] | Mapping[str, Image.Image | str | Path] = (),
         names: Sequence[str] = (), ask: Iterable[str] = (), **options) -> Twin:
    """A chat with ``model``, or with two models side by side that are asked the same.

    pictures  to choose from; with a mapping the keys say what they show, for the list and for those who cannot see
    names     of the models; by default "model", or "first" and "second"
    ask       questions about the first picture that are asked at once: the still twin shows the answers
    options   of generation, such as max_new_tokens=64 or temperature=0.7

    Raises InputError for a picture that cannot be read and for names that do not match the models. What goes
    wrong later is told in the chat.
    """
    models = [model] if other is None else [model, other]
    talk = Talk(models, tuple(names) or (("model",) if other is None else ("first", "second")), **options)
    box = ChatBox(talk, _labelled(pictures))
    for question in ask:
        talk.ask(question)
    box.draw()
    return Twin(box.view, _still(talk, *box.shelf[0]))


def _labelled(pictures) -> list[tuple[str, Image.Image]]:
    """(label, picture) of each, opened."""
    named = list(pictures.items()) if isinstance(pictures, Mapping) else [(None, picture) for picture in pictures]
    shelf = []
    for number, (label, picture) in enumerate(named, 1):
        known = Path(picture).stem if isinstance(picture, (str, Path)) else f"picture {number}"
        shelf.append((label or known, load_picture(picture)))
    return shelf


def read_upload(name: str, content: bytes) -> Image.Image:
    """A picture that came through the browser. Raises InputError, with its name, if it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"          # never under the name that somebody gave it
        path.write_bytes(content)
        try:
            return load_picture(path)
        except InputError as error:
            raise InputError(str(error).replace(str(path), repr(name))) from None


class ChatBox:
    """The widgets of a chat. ``view`` shows them all and carries this object as ``view.chat``.

    An answer is written in a thread of its own: a kernel carries out one message at a time, and a click on Stop
    is one, so a callback that wrote the answer itself could not be stopped.
    """

    def __init__(self, talk: Talk, shelf: list[tuple[str, Image.Image]]):
        import ipywidgets as widgets            # takes a while, and most who import `show` draw figures only

        self.talk, self.shelf = talk, [*shelf, (NONE, None)]
        self.pictures = widgets.Dropdown(description="Picture", options=self._choices(), value=0)
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="Upload a picture", layout={"width": "auto"})
        self.shown, self.told = widgets.HTML(), widgets.HTML()
        self.question = widgets.Text(description="Question", placeholder="Type a question and press Enter", layout={"flex": "1 1 auto", "width": "auto"})
        self.send, self.stop, self.clear = (
            widgets.Button(description=name, tooltip=tip, icon=icon, layout={"width": "6em"}) for name, tip, icon in
            (("Send", "Ask the question", "paper-plane"), ("Stop", "End the answer here", "stop"), ("Clear", "Forget what was said", "trash")))
        self.log = widgets.VBox(layout={"flex": "0 0 auto", "overflow": "visible"})
        # in reverse, so that the browser keeps the end of a long conversation in sight
        self._window = widgets.Box([self.log], layout={"flex_flow": "column-reverse", "max_height": "24em", "overflow": "auto", "flex": "1 1 auto"})
        left = widgets.VBox([self.pictures, self.upload, self.shown], layout={"flex": "0 0 auto"})
        asking = widgets.HBox([self.question, self.send, self.stop, self.clear])
        right = widgets.VBox([self._window, asking, self.told], layout={"flex": "1 1 auto", "min_width": "0", "justify_content": "flex-end"})
        self.view = widgets.HBox([left, right], layout={"width": "100%", "grid_gap": "1em"})
        self.view.chat = self
        self._html, self._drawn, self._thread = widgets.HTML, 0.0, None
        self._connect()
        self._choose()
        self._set_busy(False)

    def _connect(self) -> None:
        self.pictures.observe(lambda change: self._choose(), "value")
        self.upload.observe(lambda change: self._uploaded(), "value")
        self.question.on_msg(lambda _, content, __: self.ask() if content.get("event") == "submit" else None)   # Enter
        self.send.on_click(lambda _: self.ask())
        self.stop.on_click(lambda _: self.talk.stop())
        self.clear.on_click(lambda _: self._clear())

    def ask(self) -> None:
        """Ask what stands in the box, unless an answer is being written: then it stays there."""
        question = self.question.value.strip()
        if self.talk.busy or not question:
            return self.tell(f"{BUSY} Your question is kept." if question else "Type a question first.")
        self.question.value = ""
        self.tell("")
        self._set_busy(True)
        self._thread = threading.Thread(target=self._answer, args=(question,), daemon=True)
        self._thread.start()

    def _answer(self, question: str) -> None:
        try:
            self.talk.ask(question, self._progress)
        except InputError as error:             # somebody else is asking through the same talk
            self.tell(str(error))
        finally:
            self.draw()
            self._set_busy(False)

    def _progress(self) -> None:
        if time.monotonic() - self._drawn > PAUSE:
            self.draw()

    def draw(self) -> None:
        """The conversation as it is now. Only what has changed is sent to the browser."""
        turns, shown = self.talk.turns, list(self.log.children)
        shown = shown[:len(turns)] + [self._html() for _ in turns[len(shown):]]
        for turn, element in zip(turns, shown):
            element.value = turn_html(turn, self.talk.names)
        if len(shown) != len(self.log.children):
            self.log.children = shown
        self._drawn = time.monotonic()

    def tell(self, sentence: str) -> None:
        """A sentence below the question."""
        self.told.value = f"<span role='status' class='chat-told' style='{TEXT}'>{as_text(sentence)}</span>"

    def wait(self, seconds: float = 60.0) -> None:
        """Until the answer is written: for programs; people watch."""
        if self._thread:
            self._thread.join(seconds)

    def _set_busy(self, busy: bool) -> None:
        for control in (self.send, self.clear, self.pictures, self.upload):
            control.disabled = busy
        self.stop.disabled = not busy

    def _choices(self) -> list[tuple[str, int]]:
        return [(seen(label), number) for number, (label, _) in enumerate(self.shelf)]      # a lone surrogate could not be sent

    def _choose(self) -> None:
        """The chosen picture, and a new conversation about it."""
        label, picture = self.shelf[self.pictures.value]
        self.talk.begin(picture, label)
        self.shown.value = picture_html(picture, label) if picture else ""
        self.tell("")

    def _uploaded(self) -> None:
        if not self.upload.value:
            return
        file = self.upload.value[0]
        try:
            picture = read_upload(file["name"], bytes(file["content"]))
        except InputError as error:
            self.tell(str(error))
        else:
            self.shelf.insert(-1, (file["name"], picture))
            self.pictures.options = self._choices()     # which chooses the first
            self.pictures.value = len(self.shelf) - 2
        self.upload.value = ()                          # so that the same file can be brought again

    def _clear(self) -> None:
        if self.talk.busy:
            return self.tell(BUSY)
        self.talk.clear()
        self.draw()
        self.tell("")


def _still(talk: Talk, label: str, picture: Image.Image | None) -> Html:
    """The conversation so far, with its picture."""
    said = "".join(turn_html(turn, talk.names) for turn in talk.turns) or "<p>Nothing was asked yet. Run this cell in Jupyter and ask.</p>"
    page = f"<div style='flex:0 0 auto'>{picture_html(picture, label)}</div>" if picture else ""
    words = in_words(talk.turns, talk.names) or f"A chat about {label}. Nothing was asked yet."
    return Html(f"<div style='display:flex;gap:1em;flex-wrap:wrap'>{page}<div style='flex:1 1 20em;min-width:0'>{said}</div></div>", words)
