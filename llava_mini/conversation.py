"""A conversation as token ids with a loss mask, both built in one pass (paper: section 4.2, Table 2).

Text only: nothing here knows a picture. A conversation is a list of messages whose text says with
``<image>`` where a picture stands; :func:`render` turns it into ids in which every mark has become as
many ``<image>`` ids as the vision tower gives visual tokens, and tells which ids are supervised::

    >>> messages = [{"role": "user", "content": "<image>\\nWhat is it?"},
    ...             {"role": "assistant", "content": "A red dog."}]
    >>> rendered = render(messages, "v1", tokenizer=tokenizer, visual_tokens=64)
    >>> print(show_mask(rendered, tokenizer, colour=False))
    <s>A chat between … questions. USER: <image> x64
    What is it? ASSISTANT:⟦ A dog.</s>⟧

The model learns the marked tokens only: its answers and where they end. :mod:`.templates` shows the
formats, :mod:`.chat_template` the language model's own, :mod:`.writer` why ids and mask cannot disagree.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from .chat_template import CHAT
from .errors import InputError
from .json_files import check_text
from .templates import PLAIN, V0, V1
from .writer import IMAGE, Writer, image_token_id, plain_text

__all__ = ["IGNORE", "IMAGE", "TEMPLATES", "Rendered", "answer_text", "check_messages", "from_llava", "image_token_id", "labels",
           "render", "show_mask", "stop_ids", "stop_strings"]

TEMPLATES = {"plain": PLAIN, "v1": V1, "v0": V0, "chat": CHAT}
IGNORE = -100                                  # the label that torch's cross entropy leaves out
_LLAVA_ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
_LEADING = re.compile(rf"\s*(?:{IMAGE}\s*)+")
_TRAILING = re.compile(rf"(?:\s*{IMAGE})+\s*$")


@dataclass
class Rendered:
    """One conversation, ready for the model. ``ids`` and ``mask`` have the same length."""

    ids: list[int]
    mask: list[bool]                           # True: supervised, the model learns to write this token
    picture_starts: list[int]                  # index of the first visual token of each picture


def from_llava(conversations: list[dict], sample_id: str | None = None) -> list[dict]:
    """Messages of a sample in LLaVA's schema, ``[{"from": "human"|"gpt"|"system", "value": str}, …]``.

    Raises InputError that names the sample and the entry for an unknown role or a missing field.
    """
    where, messages = _name(sample_id), []
    if not isinstance(conversations, list):
        raise InputError(f"{where}: the field 'conversations' must be a list of turns.")
    for number, turn in enumerate(conversations):
        if not isinstance(turn, dict) or not {"from", "value"} <= set(turn):
            raise InputError(f"{where}, turn {number}: expected an object with the fields 'from' and 'value'.")
        if turn["from"] not in list(_LLAVA_ROLES):
            raise InputError(f"{where}, turn {number}: unknown speaker {turn['from']!r} in the field 'from'; "
                             f"use one of {', '.join(_LLAVA_ROLES)}.")
        if not isinstance(turn["value"], str):
            raise InputError(f"{where}, turn {number}: the field 'value' is {turn['value']!r}; it must be a string.")
        messages.append({"role": _LLAVA_ROLES[turn["from"]], "content": turn["value"]})
    return messages


def render(messages: list[dict], template: str = "v1", *, tokenizer, visual_tokens: int, image_order: str = "first",
           rng: Random | None = None, sample_id: str | None = None, max_length: int | None = None,
           too_long: str = "error", prompt: bool = False) -> Rendered:
    """Ids, loss mask and picture positions of one conversation.

    ``messages``: ``{"role": "system"|"user"|"assistant", "content": str}``; an optional system message
    first, then user and assistant in turn, the last an answer (a user turn with ``prompt=True``).
    ``visual_tokens``: how many ids stand for each picture.
    ``image_order``: where the pictures of a turn go that stand at its edge. "first" puts them before the
    text, as the authors' code does; "random" (with ``rng``) puts those of the first turn before or after
    it with equal chance, as the paper's equation 2 does; "as-is" changes nothing. Marks that stand inside
    a sentence ("compare <image> with <image>") always stay there.
    ``prompt``: end where the next answer begins and supervise nothing. With the same arguments the ids of
    a prompt are exactly the beginning of those of the answered conversation.
    ``max_length``: tokens allowed. A longer one is an error, or with ``too_long="cut"`` loses tokens at its
    end, with a warning; a picture, and what comes before one, is never cut.

    Raises InputError that names the sample for any conversation that cannot be rendered as asked.
    """
    if template not in TEMPLATES:
        raise InputError(f"There is no template {template!r}; choose one of {', '.join(TEMPLATES)}.")
    where = _name(sample_id)
    check_messages(messages, where, prompt)
    messages = _order_pictures(messages, image_order, rng)
    writer = Writer(tokenizer, visual_tokens, where, prompt)
    TEMPLATES[template].write(writer, messages)
    if not prompt and template != "plain":
        _check_stops(messages, where, template, tokenizer)
    rendered = Rendered(writer.ids, writer.mask, writer.picture_starts)
    if max_length is not None and len(rendered.ids) > max_length:
        _shorten(rendered, max_length, visual_tokens, where, "error" if prompt else too_long)
    if not prompt and not any(rendered.mask):
        raise InputError(f"{where} has no supervised token left, so nothing could be learnt from it; make its text "
                         f"shorter or raise max_length: {show_mask(rendered, tokenizer, colour=False)}")
    return rendered


def _name(sample_id) -> str:
    return "The conversation" if sample_id is None else f"Sample {sample_id!r}"


def check_messages(messages: list[dict], where: str = "The conversation", prompt: bool = False) -> None:
    """Raises InputError unless roles take turns, every content is a text and <image> marks are the user's only."""
    if not messages:
        raise InputError(f"{where} has no turns; give it a question{'' if prompt else ' and an answer'}.")
    expected = "user"
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InputError(f"{where}, turn {number}: {message!r} is not a message; use a dict of role and content.")
        role, content = message.get("role"), message.get("content")
        if role not in ("system", "user", "assistant"):
            raise InputError(f"{where}, turn {number}: unknown role {role!r}; use system, user or assistant.")
        if not isinstance(content, str):
            raise InputError(f"{where}, turn {number} ({role}): the text is {content!r}; it must be a string.")
        check_text(content, f"{where}, turn {number} ({role})")
        if role != "user" and IMAGE in content:
            raise InputError(f"{where}, turn {number} ({role}): {IMAGE} stands for a picture and is allowed in the "
                             "user's text only; move it there or spell it differently.")
        if role == "system" and number == 0:
            continue
        if role != expected:
            raise InputError(f"{where}, turn {number}: the turn is the {role}'s where the {expected}'s was expected; "
                             "user and assistant must take turns, the user first, after at most one system message.")
        expected = "assistant" if role == "user" else "user"
    if prompt and expected == "user":
        raise InputError(f"{where} ends with the {messages[-1]['role']}'s turn, so there is nothing to answer; "
                         "end a prompt with a user's turn.")
    if not prompt and messages[-1]["role"] != "assistant":
        raise InputError(f"{where} ends with a {messages[-1]['role']}'s turn that has no answer to learn from; add the "
                         "answer, remove the turn, or pass prompt=True to have it answered.")


def _check_stops(messages: list[dict], where: str, template: str, tokenizer) -> None:
    """An answer that holds a text at which generation stops could be learnt but never given."""
    for stop in stop_strings(template, tokenizer):
        for number, message in enumerate(messages):
            if message["role"] == "assistant" and stop in message["content"]:
                raise InputError(f"{where}, turn {number}: the answer contains {stop!r}, which ends every answer in the "
                                 f"template {template}; change the answer or choose the template v1.")


def _order_pictures(messages: list[dict], image_order: str, rng: Random | None) -> list[dict]:
    """The messages with the pictures of each user's turn before or after its text."""
    if image_order not in ("first", "random", "as-is"):
        raise InputError(f"There is no image order {image_order!r}; choose first, random or as-is.")
    if image_order == "as-is":
        return messages
    if image_order == "random" and rng is None:
        raise InputError("The image order random needs a source of chance; pass rng=random.Random(seed).")
    last = image_order == "random" and rng.random() < 0.5
    ordered = []
    for message in messages:
        if message["role"] == "user":
            message = {**message, "content": _arranged(message["content"], last)}
            last = False                       # only the first turn is drawn by lot
        ordered.append(message)
    return ordered


def _arranged(content: str, last: bool) -> str:
    marks = content.count(IMAGE)
    for run in (_LEADING.match(content), _TRAILING.search(content)):
        if run and run[0].count(IMAGE) == marks:
            text = content[:run.start()] + content[run.end():]
            pictures = "\n".join([IMAGE] * marks)
            return "\n".join(filter(None, [text, pictures] if last else [pictures, text]))
    return content


def _shorten(rendered: Rendered, max_length: int, visual_tokens: int, where: str, too_long: str) -> None:
    """Cuts the end off, in place, or raises."""
    if too_long not in ("error", "cut"):
        raise InputError(f"There is no way {too_long!r} to treat a sample that is too long; choose error or cut.")
    length, pictures = len(rendered.ids), len(rendered.picture_starts)
    size = f"{where} has {length} tokens ({pictures * visual_tokens} of them visual) where max_length allows {max_length}"
    if too_long == "error":
        raise InputError(f"{size}; make its text shorter or raise max_length.")
    if pictures and rendered.picture_starts[-1] + visual_tokens > max_length:
        raise InputError(f"{size}, and cutting there would cut a picture or lose it; raise max_length to at least "
                         f"{rendered.picture_starts[-1] + visual_tokens} tokens and some for the answer.")
    del rendered.ids[max_length:], rendered.mask[max_length:]
    warnings.warn(f"{size}: its last {length - max_length} tokens were cut off.", stacklevel=3)


def labels(rendered: Rendered) -> list[int]:
    """The ids with IGNORE where nothing is learnt. Not shifted: position t holds the label *of* token t."""
    return [number if supervised else IGNORE for number, supervised in zip(rendered.ids, rendered.mask)]


def stop_ids(template: str, tokenizer) -> list[int]:
    """Generation stops when the model gives one of these tokens (v1: ``</s>``)."""
    return list(TEMPLATES[template].ends(tokenizer).ids)


def stop_strings(template: str, tokenizer) -> list[str]:
    """Generation stops where one of these texts appears (v0: ``###``, plain: a line break)."""
    return list(TEMPLATES[template].ends(tokenizer).strings)


def answer_text(ids: Iterable[int], template: str, tokenizer) -> str:
    """The answer in generated ids: up to the stop, without the space that joins it to the prompt.

    The inverse of what :func:`render` supervises: rendering an answer and reading it gives the answer.
    """
    ends, kept = TEMPLATES[template].ends(tokenizer), []
    for number in ids:
        if number in ends.ids:
            break
        kept.append(int(number))
    text = plain_text(tokenizer).decode(kept)
    for stop in ends.strings:
        text = text.split(stop, 1)[0]
    return text.removeprefix(ends.lead).removesuffix(ends.trail)


def show_mask(rendered: Rendered, tokenizer, colour: bool = True) -> str:
    """The conversation as text, its supervised tokens in green (or in ⟦ ⟧), the visual tokens counted."""
    plain, image, shown = plain_text(tokenizer), tokenizer.get_added_vocab().get(IMAGE), []
    starts, done, length = set(rendered.picture_starts), 0, len(rendered.ids)
    while done < length:
        picture, marked, end = rendered.ids[done] == image, rendered.mask[done], done + 1
        while (end < length and rendered.mask[end] == marked and (rendered.ids[end] == image) == picture
               and not (picture and end in starts)):
            end += 1
        text = f"{IMAGE} x{end - done}" if picture else plain.decode(rendered.ids[done:end])
        if colour:
            text = f"\033[1;32m{text}\033[0m" if marked else f"\033[90m{text}\033[0m"
        elif marked:
            text = f"⟦{text}⟧"
        shown.append(text)
        done = end
    return "".join(shown)
