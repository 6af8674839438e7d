"""The mask viewer: a conversation token by token, what of it is learnt, and what each fault does to that.

>>> show.mask_viewer(messages, tokenizer=model.tokenizer, visual_tokens=64)                             # doctest: +SKIP
>>> show.mask_viewer(sample, tokenizer=tokenizer, visual_tokens=64, template="v0", fault="cut in silence")  # doctest: +SKIP
"""

from __future__ import annotations

import html
from functools import cache
from itertools import groupby

from ..conversation import IGNORE, IMAGE, TEMPLATES, from_llava, image_token_id
from ..errors import InputError
from . import style
from .escape import as_text, seen
from .mask_faults import FAULTS, Labelled, spoil, token_text
from .twin import Html, Twin

_PANEL = "background:#fff;color:#000;padding:0.6em;line-height:2.1;font-size:13px"
_PLAIN = f"padding:1px 4px;background:#fff;color:{style.MUTED};border:1px dotted"
_LEARNT = f"padding:1px 4px;background:#cfe5f3;color:#000;border:2px solid {style.BLUE};border-bottom-width:4px"


def mask_viewer(sample, *, tokenizer, visual_tokens: int, template: str = "v1", fault: str = "none", ids: bool = False) -> Twin:
    """Every token of a conversation, those that a training learns from marked; with the mouse, templates and faults to choose
    and the words to edit.

    sample         messages {"role", "content"} as ``conversation.render`` takes them, a ``data.Sample``, or one in LLaVA's schema
    visual_tokens  how many stand for each picture; they are folded into one box
    fault          a key of mask_faults.FAULTS: what is done wrong, on purpose
    ids            write each token's id beside it; the mouse shows it in any case

    What cannot be rendered is told in one sentence, with the sample's id, where the tokens would be. Raises InputError for a
    template or a fault that does not exist, and for a sample of another form.
    """
    messages, sample_id = _messages(sample)
    if template not in TEMPLATES:
        raise InputError(f"There is no template {template!r}; choose one of {', '.join(TEMPLATES)}.")
    if fault not in FAULTS:
        raise InputError(f"There is no fault {fault!r}; choose one of {', '.join(FAULTS)}.")
    box = MaskBox(messages, tokenizer, visual_tokens, sample_id, template, fault, ids)
    return Twin(box.view, box.still)


def _messages(sample) -> tuple[list[dict], str | None]:
    """Messages and id of whatever a conversation comes as."""
    if isinstance(sample, dict) and "conversations" in sample:
        name = sample.get("id")
        return from_llava(sample["conversations"], name), name
    if hasattr(sample, "messages"):
        return list(sample.messages), sample.id
    if isinstance(sample, list) and all(isinstance(message, dict) and isinstance(message.get("content"), str) for message in sample):
        return list(sample), None
    raise InputError(f"A conversation is a list of messages with role and content, a Sample, or a sample in LLaVA's schema, not {type(sample).__name__}.")


def still(messages: list[dict], tokenizer, visual_tokens: int, sample_id: str | None = None, template: str = "v1", fault: str = "none",
          ids: bool = False) -> Html:
    """The tokens as HTML and in words; in their place the reason, if the conversation is refused."""
    head = f"Template {template}" + (f", fault: {fault}" if fault != "none" else "")
    try:
        labelled = spoil(fault, messages, template, tokenizer=tokenizer, visual_tokens=visual_tokens, sample_id=sample_id)
    except InputError as error:
        return Html(f"<div style='{_PANEL}'><b>{html.escape(head)}</b><br>\N{BALLOT X} Refused: {as_text(str(error))}</div>", f"{head}. Refused: {error}")
    rows = list(_boxes(labelled, tokenizer))
    learnt = sum(label != IGNORE for label in labelled.labels)
    picture = image_token_id(tokenizer) if labelled.picture_starts else None
    counts = (f"{len(labelled.ids)} tokens, {sum(number == picture for number in labelled.ids)} of them visual; {learnt} supervised, "
              f"{100 * learnt / max(1, len(labelled.ids)):.0f}%")
    shown, words = [], []
    for supervised, run in groupby(rows, key=lambda row: row[3] is not None):
        run = list(run)
        boxes = " ".join(_html(*row, ids) for row in run)
        shown.append(f"<b>⟦{boxes}⟧</b>" if supervised else boxes)
        said = " | ".join(seen(text if asked in (None, text) else f"{text} → {asked}") for text, _, _, asked in run)
        words.append(f"⟦{said}⟧" if supervised else said)
    key = f"In <b>⟦ ⟧</b>, with a thick frame: supervised. {_DOT} is a space, ↵ a line break."
    return Html(f"<div style='{_PANEL}'><b>{html.escape(head)}</b>: {counts}. <small>{key}</small><br>{' '.join(shown)}"
                f"<p style='line-height:1.4;margin:0.5em 0 0'>{as_text(labelled.about)}</p></div>",
                f"{head}: {counts}. {labelled.about} {' | '.join(words)}")


_DOT = "\N{MIDDLE DOT}"


def _boxes(labelled: Labelled, tokenizer):
    """Yields (text, id, places, text it is asked for or None) of each box: a token, or the visual tokens of a picture."""
    image = image_token_id(tokenizer) if labelled.picture_starts else None
    text_of = cache(lambda number: _visible(token_text(number, tokenizer)))
    place, starts = 0, set(labelled.picture_starts)
    while place < len(labelled.ids):
        number, label, end = labelled.ids[place], labelled.labels[place], place + 1
        if number == image:
            while end < len(labelled.ids) and labelled.ids[end] == image and end not in starts and labelled.labels[end] == label:
                end += 1
        text = f"{IMAGE} × {end - place}" if number == image else text_of(number)
        asked = None if label == IGNORE else text if label == number else text_of(label)
        yield text, number, (place, end - 1), asked
        place = end


def _visible(text: str) -> str:
    return text.replace(" ", _DOT).replace("\n", "↵").replace("\t", "⇥") or "(nothing)"


def _html(text: str, number: int, places: tuple[int, int], asked: str | None, ids: bool) -> str:
    first, last = places
    told = f"id {number}, place {first}" + (f" to {last}" if last > first else "") + (", not supervised" if asked is None else ", supervised")
    told += f": asked for {asked}" if asked not in (None, text) else ""
    inside = as_text(text) + (f"<small> → {as_text(asked)}</small>" if asked not in (None, text) else "") + (f"<small> {number}</small>" if ids else "")
    inside = inside.replace(" ", "\N{NO-BREAK SPACE}")         # a box stays in one line
    return f'<code title="{html.escape(seen(told))}" style="{_PLAIN if asked is None else _LEARNT}">{inside}</code>'


class MaskBox:
    """The widgets of a viewer. ``view`` shows them all and carries this object as ``view.viewer``."""

    def __init__(self, messages: list[dict], tokenizer, visual_tokens: int, sample_id, template: str, fault: str, ids: bool):
        import ipywidgets as widgets            # takes a while, and most who import `show` draw figures only

        self.tokenizer, self.visual_tokens, self.sample_id, self._area = tokenizer, visual_tokens, sample_id, widgets.Textarea
        self.template = widgets.Dropdown(description="Template", options=list(TEMPLATES), value=template)
        self.fault = widgets.Dropdown(description="Fault", options=list(FAULTS), value=fault)
        self.ids = widgets.Checkbox(description="show ids", value=ids, indent=False, layout={"width": "7em"})
        self.more, self.fewer = (widgets.Button(description=name, tooltip=tip, layout={"width": "9em"}) for name, tip in
                                 (("Add a turn", "One more question with an answer"), ("Remove a turn", "The last question and its answer")))
        self.texts, self.shown = widgets.VBox(), widgets.HTML()
        self.view = widgets.VBox([widgets.HBox([self.template, self.fault, self.ids], layout={"flex_flow": "row wrap"}), self.texts,
                                  widgets.HBox([self.more, self.fewer]), self.shown], layout={"width": "100%"})
        self.view.viewer = self
        self.roles = []
        self.set(messages)
        for control in (self.template, self.fault, self.ids):
            control.observe(lambda change: self.draw(), "value")
        self.more.on_click(lambda _: self.set([*self.messages, {"role": "user", "content": "And what else?"}, {"role": "assistant", "content": "Nothing else."}]))
        self.fewer.on_click(lambda _: self.set(self.messages[:-2]))

    @property
    def messages(self) -> list[dict]:
        """The conversation as it stands in the text areas."""
        return [{"role": role, "content": area.value} for role, area in zip(self.roles, self.texts.children)]

    def set(self, messages: list[dict]) -> None:
        """Another conversation."""
        self.roles = [message.get("role") for message in messages]
        areas = [self._area(value=message["content"], description=str(role), rows=max(1, min(4, 1 + message["content"].count("\n"))),
                            layout={"width": "auto"}) for role, message in zip(self.roles, messages)]
        for area in areas:
            area.observe(lambda change: self.draw(), "value")
        self.texts.children = areas
        self.fewer.disabled = self.roles.count("user") < 2
        self.draw()

    def draw(self) -> None:
        """The tokens as they are now."""
        self.still = still(self.messages, self.tokenizer, self.visual_tokens, self.sample_id, self.template.value, self.fault.value, self.ids.value)
        self.shown.value = self.still.html
