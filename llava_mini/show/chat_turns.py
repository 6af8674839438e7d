"""A conversation with one model or two: what is asked and answered, and how it reads as HTML and in words.

>>> talk = Talk([model], ["mini"])
>>> talk.begin(picture, "a dog")
>>> talk.ask("What colour is the dog?").answers[0].text
'The dog is red.'
"""

from __future__ import annotations

import base64
import html
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from ..errors import InputError
from . import style
from .escape import as_text, seen

BUSY = "An answer is being written; wait for its end or press Stop."
SIDE = 224                     # pixels: the longer side of a picture beside a conversation
LINES = (f"3px solid {style.BLUE}", f"3px dashed {style.ORANGE}")     # at the left of what a model says: told apart without colour, too
TEXT = "white-space:pre-wrap;overflow-wrap:anywhere"


@dataclass
class Said:
    """What one model answers in a turn, as far as it has come."""

    text: str = ""
    state: str = "waiting"     # then "writing", and at last "done", "stopped" or "failed"
    why: str = ""              # the sentence of a failure


@dataclass
class Turn:
    """A question with the answer of each model."""

    question: str
    about: str | None          # what a conversation that begins here is about; None in its later turns
    answers: list[Said] = field(default_factory=list)


class Talk:
    """Models that are asked the same questions about one picture. Each remembers its own answers.

    ``names`` stand above what the models say. ``options`` go to generation, as ``max_new_tokens=64``.
    """

    def __init__(self, models: Sequence, names: Sequence[str], **options):
        if len(models) != len(names):
            raise InputError(f"There are {len(models)} models and {len(names)} names in the chat; give each model a name.")
        self.models, self.names, self.options = list(models), list(names), options
        self.turns: list[Turn] = []
        self._asking, self._stop = threading.Lock(), threading.Event()
        self.begin(None, "no picture")

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return self._asking.locked()

    def begin(self, picture: Image.Image | None, about: str) -> None:
        """Another picture is another conversation: the models remember nothing of the turns before it."""
        self._picture, self._about = picture, about
        self._chats = [model.chat(**self.options) for model in self.models]
        self._fresh = True

    def clear(self) -> None:
        """Forget everything that was said; the picture stays."""
        self.turns = []
        self.begin(self._picture, self._about)

    def stop(self) -> None:
        """The answer that is being written ends after its next piece; the models remember it as far as it came."""
        self._stop.set()

    def ask(self, question: str, changed: Callable[[], None] = lambda: None) -> Turn:
        """One turn; ``changed()`` is called whenever there is more of it to show.

        What goes wrong in a model is told in its answer. Raises InputError while another answer is being written.
        """
        if not self._asking.acquire(blocking=False):
            raise InputError(BUSY)
        try:
            self._stop.clear()
            turn = Turn(question, self._about if self._fresh else None, [Said() for _ in self.models])
            self._fresh = False
            self.turns.append(turn)
            changed()
            self._write(turn, changed)
            return turn
        finally:
            self._asking.release()

    def _write(self, turn: Turn, changed) -> None:
        """A piece of each answer by turns, so that all grow at once."""
        writing = []
        for said, chat in zip(turn.answers, self._chats):
            asked = any(message["role"] == "user" for message in chat.messages)      # a turn that failed is forgotten with its picture
            writing.append((said, _pieces(chat, turn.question, None if asked else self._picture, said)))
        try:
            while writing and not self._stop.is_set():
                writing = [(said, pieces) for said, pieces in writing if next(pieces, None) is not None]
                changed()
        finally:
            for said, pieces in writing:
                pieces.close()
                said.state = "stopped" if said.state in ("waiting", "writing") else said.state


def _pieces(chat, question: str, picture, said: Said):
    """Adds to ``said`` piece by piece; a failure becomes its sentence."""
    try:
        said.state = "writing"
        stream = chat.say(question, picture, stream=True)
        try:
            for piece in stream:
                said.text += piece
                yield piece
        finally:
            stream.close()          # in time for the next turn, which wants this one remembered
        said.state = "done"
    except InputError as error:
        said.state, said.why = "failed", str(error)
    except Exception as error:      # whatever it was, the chat must live on
        first = " ".join(str(error).split()) or "it says no more"
        said.state, said.why = "failed", f"The model stopped with {type(error).__name__} ({first[:300]}); ask again, or press Clear and begin anew."


# ---- how it reads

_MARKS = {"waiting": " …", "writing": " ▌", "stopped": " (stopped)", "done": "", "failed": ""}


def turn_html(turn: Turn, names: Sequence[str]) -> str:
    """One turn. What was said stands alone in elements of the classes chat-question and chat-answer."""
    begun = "" if turn.about is None else f"<div class='chat-about' style='opacity:.75;margin:.6em 0 .2em'>About: {as_text(turn.about)}</div>"
    asked = (f"<div style='border-left:3px solid #888;padding-left:.5em'><b>You: </b>"
             f"<span class='chat-question' dir='auto' style='{TEXT}'>{as_text(turn.question)}</span></div>")
    columns = "".join(_answer_html(said, name, LINES[number % 2]) for number, (said, name) in enumerate(zip(turn.answers, names)))
    return f"<div style='line-height:1.45;margin-bottom:.5em'>{begun}{asked}<div style='display:flex;gap:1em'>{columns}</div></div>"


def _answer_html(said: Said, name: str, line: str) -> str:
    why = f"<div class='chat-failed'><b>Not answered: </b>{as_text(said.why)}</div>" if said.why else ""
    return (f"<div style='flex:1 1 0;min-width:0;border-left:{line};padding-left:.5em;margin-top:.3em'><b>{as_text(name)}: </b>"
            f"<span class='chat-answer' dir='auto' style='{TEXT}'>{as_text(said.text)}</span>"
            f"<span class='chat-state'>{_MARKS[said.state]}</span>{why}</div>")


def picture_html(picture: Image.Image, alt: str) -> str:
    """The picture, small, as an element that needs no file."""
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.quantize(256).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return f"<img width='{small.width}' height='{small.height}' alt=\"{html.escape(seen(alt) or 'a picture')}\" src='data:image/png;base64,{data}'>"


def in_words(turns: Sequence[Turn], names: Sequence[str]) -> str:
    """The conversation for a screen reader, a line for each thing said."""
    lines = []
    for turn in turns:
        lines += [] if turn.about is None else [f"About: {turn.about}"]
        lines += [f"You: {turn.question}"]
        lines += [f"{name}: {said.text}{_MARKS[said.state]}{said.why and f' Not answered: {said.why}'}" for said, name in zip(turn.answers, names)]
    return "\n".join(" ".join(style.printable(line).split()) for line in lines)
