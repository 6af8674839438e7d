"""The scene editor: put things on a page of the storybook, see its picture and what is told about it, and ask about it.

>>> show.scene_editor(model)                                                                    # doctest: +SKIP
>>> show.scene_editor(model, teacher=Settings("gpt-4o-mini"))    # asked only when a button is pressed   # doctest: +SKIP

The teacher reads what it reads in any run: the captions and boxes, through prompts, client, parser and checker of
``llava_mini.instruct``. The model gets the picture. Neither is ever given the scene (see :mod:`.page`).
"""

from __future__ import annotations

from ..annotations import Record, context
from ..errors import InputError
from ..storybook.vocabulary import CATEGORIES, COLOURS, PLACES, SIZES, WEATHER
from .boxes import boxes_and_text
from .escape import as_text
from .page import Page
from .standing import WORDS
from .twin import Twin

LONGEST = 200                           # tokens of the model's answer
STEP = 0.03                             # of the picture, for one press of a button
NO_WEATHER = "none (indoors)"
ALONE = "by itself"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.35;margin:2px 0 8px"


def scene_editor(model=None, teacher=None, page: Page | None = None, *, ask: str = "", transport=None, few_shots: str = "storybook") -> Twin:
    """The editor with its still twin: the page's picture with its boxes beside what a teacher reads, what it writes and what the model answers.

    ``model``      a LlavaMini, or whatever has its ``answer(picture, question, stream=True)``; without one nobody is asked
    ``teacher``    instruct.connection.Settings of a server; left out, the offline storyteller writes anew at every change,
                   while any other teacher, which may cost money, writes when its button is pressed
    ``page``       what there is at first
    ``ask``        a question that is put to the model at once; the still twin keeps its answer
    ``transport``  what carries the requests, as for instruct.generate; ``few_shots`` as for instruct.prompts.messages
    """
    editor = Editor(model, teacher, page or Page.start(), transport, few_shots)
    more = [("The teacher writes", editor.taught["conversation"])] if editor.taught else []
    if ask and model is not None:
        editor.question.value = ask
        more.append((f"The model is asked: {ask}", editor.ask()))
    return Twin(editor.widget, boxes_and_text(editor.page.record(), editor.page.picture(), "The page, and what the teacher is told about it", more))


def teach(record: Record, settings, transport=None, few_shots: str = "storybook") -> dict[str, str]:
    """What a teacher writes about a record, kind by kind, as a text to be read; why not, where its answer is of no use."""
    from ..instruct import answers, prompts
    from ..instruct.checker import check
    from ..instruct.connection import connect
    from ..instruct.dataset import sample
    from ..instruct.generate import in_a_thread
    from ..instruct.teacher import Rejected, Teacher, Unanswered

    told: dict[str, str] = {}

    async def ask() -> None:
        async with connect(settings, transport) as client:
            asked = Teacher(client, settings)
            for kind in prompts.KINDS:
                try:
                    reply = await asked.ask(prompts.messages(record, kind, few_shots))
                    turns = answers.turns(kind, reply.text, reply.finish_reason)
                except (Rejected, Unanswered) as error:
                    told[kind] = f"No answer came: {error}"
                except answers.Malformed as error:
                    told[kind] = f"This answer is set aside ({error}):\n{reply.text}"
                else:
                    faults = [f"The checker: {fault.reason} ({fault.text})" for fault in check(sample(record, kind, turns), record)]
                    told[kind] = "\n".join([f"Q: {question}\nA: {answer}" if question else answer for question, answer in turns] + faults)

    in_a_thread(ask)
    return told


class Editor:
    """The widget's parts and what they do. ``widget`` shows them all and carries this object as ``widget.editor``."""

    def __init__(self, model, teacher, page: Page, transport=None, few_shots: str = "storybook"):
        from ..instruct.connection import OFFLINE, Settings

        self.model, self.page, self.few_shots, self.transport = model, page, few_shots, transport
        self.settings = teacher or Settings()
        self.at_once = self.settings.model == OFFLINE
        self.chosen, self._filling = 0, False
        self.taught: dict[str, str] = {}            # what the teacher last wrote about the page, by kind
        self._build()
        self._show()

    def _build(self) -> None:
        import ipywidgets as w

        from .board import Board

        wide, half = w.Layout(width="auto"), w.Layout(width="49%")
        self.board, self.note = Board(), w.HTML()
        self.place = w.Dropdown(options=list(PLACES), description="place", layout=wide)
        self.weather = w.Dropdown(options=[*WEATHER, NO_WEATHER], description="weather", layout=wide)
        self.list = w.Select(description="things", rows=6, layout=wide)
        self.category, self.colour, self.size, self.join = (
            w.Dropdown(options=options, description=name, layout=wide)
            for name, options in (("thing", list(CATEGORIES)), ("colour", list(COLOURS)), ("size", list(SIZES)), ("it is", [(ALONE, ())])))
        buttons = {name: w.Button(description=name, tooltip=tip, layout=half) for name, tip in (
            ("add", "One more thing like this"), ("change", "Make the chosen thing into this"), ("turn round", "Left for right"),
            ("remove", "Take the chosen thing away"))}
        arrows = {sign: w.Button(description=sign, tooltip=f"Move the chosen thing {tip}", layout=w.Layout(width="24%")) for sign, tip in (
            ("←", "to the left"), ("↑", "up"), ("↓", "down"), ("→", "to the right"))}
        self.told, self.texts = w.HTML(), w.HTML()
        self.write = w.Button(description="ask the teacher", tooltip="Sends three requests, which may cost money")
        self.question = w.Text(placeholder="What colour is the dog?", description="ask", layout=w.Layout(width="70%"))
        self.send, self.answer = w.Button(description="ask the model"), w.HTML()

        self.place.observe(lambda change: self._set(change, place=change["new"]), "value")
        self.weather.observe(lambda change: self._set(change, weather=None if change["new"] == NO_WEATHER else change["new"]), "value")
        self.list.observe(lambda change: self._filling or change["new"] is None or self._choose(change["new"]), "value")
        buttons["add"].on_click(lambda _: self._do(lambda: self.page.add(*self._wanted()), last=True))
        buttons["change"].on_click(lambda _: self._change())
        buttons["turn round"].on_click(lambda _: self._do(lambda: self.page.turn(self.chosen)))
        buttons["remove"].on_click(lambda _: self._do(lambda: self.page.remove(self.chosen)))
        for sign, right, down in (("←", -STEP, 0), ("↑", 0, -STEP), ("↓", 0, STEP), ("→", STEP, 0)):
            arrows[sign].on_click(lambda _, right=right, down=down: self._do(lambda: self._pushed(right, down)))
        self.board.on_msg(lambda _, message, __: self._heard(message))
        self.write.on_click(lambda _: self._teach())
        self.send.on_click(lambda _: self.ask())
        self.question.on_msg(lambda _, message, __: message.get("event") == "submit" and self.ask())     # Enter

        rows = [w.HBox(list(one)) for one in (arrows.values(), (buttons["add"], buttons["change"]), (buttons["turn round"], buttons["remove"]))]
        side = w.VBox([self.place, self.weather, self.list, self.category, self.colour, self.size, self.join, *rows[1:], rows[0]],
                      layout=w.Layout(width="330px"))
        picture = w.VBox([self.board], layout=w.Layout(width="430px", flex="0 1 auto"))
        parts = [w.HBox([picture, side], layout=w.Layout(flex_flow="row wrap")), self.note]
        if self.model is not None:
            parts += [w.HBox([self.question, self.send]), self.answer]
        self.widget = w.VBox([*parts, self.told, *([] if self.at_once else [self.write]), self.texts])
        self.widget.editor = self
        self.widget.add_class("scene-editor")

    # ---- what the reader does

    def _heard(self, message: dict) -> None:
        """Something was done on the board."""
        number = message.get("number", self.chosen)
        if message.get("do") == "choose":
            self._choose(number)
        elif message.get("do") == "move":
            self.chosen = number
            self._do(lambda: self.page.move(number, float(message["x"]), float(message["y"])))
        elif message.get("do") == "remove":
            self._do(lambda: self.page.remove(number))

    def _choose(self, number: int) -> None:
        if 0 <= number < len(self.page.names()):
            self.chosen = number
            self._fill()

    def _set(self, change, **what) -> None:
        if not self._filling:
            self._do(lambda: self.page.put(**what))

    def _wanted(self) -> tuple:
        return self.category.value, self.colour.value, self.size.value, self.join.value or None

    def _change(self) -> None:
        category, colour, size, join = self._wanted()
        another = (category, size, join) != (*self.page.look(self.chosen)[::2], self.page.joined(self.chosen))      # it comes last then
        self._do(lambda: self.page.change(self.chosen, category, colour, size, join), last=another)

    def _pushed(self, right: float, down: float) -> Page:
        x, y, *_ = self.page.boxes()[self.chosen]
        return self.page.move(self.chosen, x + right, y + down)

    def _do(self, change, last: bool = False) -> None:
        """Makes a change, or says why not and shows everything as it was."""
        try:
            page = change()
        except InputError as error:
            self._say(str(error))
            self._fill_setting()
            self.board.again()
            return
        self.page, self.chosen = page, len(page.names()) - 1 if last else min(self.chosen, len(page.names()) - 1)
        self._show()

    # ---- what is shown

    def _show(self) -> None:
        """Everything anew after a change."""
        unseen = self.page.unseen()
        self._say(f"No training sample of LLaVA shows a {unseen[0]}: will it know one?" if unseen else "")
        self._fill()
        self.told.value = f"<b>What the teacher is told</b><pre style='{_TEXT}'>{as_text(context(self.page.record()))}</pre>"
        self.texts.value, self.answer.value, self.taught = "", "", {}
        if self.at_once:
            self._teach()

    def _fill(self) -> None:
        """The fields and the board as the page is."""
        self._fill_setting()
        self._filling = True
        try:
            names = self.page.names()
            self.list.options = [(f"{number}  {name}", number - 1) for number, name in enumerate(names, 1)]
            self.list.value = self.chosen
            self.category.value, self.colour.value, self.size.value = self.page.look(self.chosen)
            self.join.options = [(ALONE, ())] + [(f"{word} the {name} ({number + 1})", (kind, number)) for kind, word in WORDS.items()
                                                   for number, name in enumerate(names) if self.page.carries(kind, number)]
            self.join.value = self.page.joined(self.chosen) or ()
        finally:
            self._filling = False
        self.board.show(self.page.picture(), self.page.record().captions[0],
                        [{"name": name, "box": list(box)} for name, box in zip(names, self.page.boxes())], self.chosen)

    def _fill_setting(self) -> None:
        self._filling = True
        try:
            place, weather = self.page.setting()
            self.place.value, self.weather.value = place, weather or NO_WEATHER
        finally:
            self._filling = False

    def _say(self, sentence: str) -> None:
        self.note.value = f"<div role='status' style='min-height:1.4em;font-weight:bold'>{as_text(sentence)}</div>"

    def _teach(self) -> None:
        try:
            self.taught = told = teach(self.page.record(), self.settings, self.transport, self.few_shots)
        except InputError as error:
            self._say(str(error))
            return
        self.texts.value = "<b>What the teacher writes, who sees nothing but that</b>" + "".join(
            f"<details{' open' if kind == 'conversation' else ''}><summary>{as_text(kind)}</summary><pre style='{_TEXT}'>{as_text(text)}</pre></details>"
            for kind, text in told.items())

    def ask(self) -> str:
        """Puts the reader's question to the model about the picture, and shows the answer as it grows; returns it."""
        question, said = self.question.value.strip(), ""
        if not question:
            self._say("There is no question yet; write one into the field.")
            return said
        try:
            for piece in self.model.answer(self.page.picture(), question, stream=True, max_new_tokens=LONGEST):
                said += piece
                self.answer.value = f"<pre class='editor-answer' style='{_TEXT}'>{as_text(said)}</pre>"
        except InputError as error:
            self._say(str(error))
        return said
