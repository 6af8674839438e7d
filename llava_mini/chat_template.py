"""The template "chat": a language model's own chat template, with a loss mask.

A chat template is a Jinja program that ships with a tokenizer and turns messages into one string. It does
not say which part of the string is an answer. Searching the string for the answers would go wrong as soon
as an answer is empty or its words stand in a question too, so the program is run on *slots*: made-up words
in the place of the contents, which cannot be mistaken. Between the slots stands what the template itself
writes, and that alone may hold control tokens. With a template in the style of ChatML::

    <|im_start|>user\\n{slot 0}<|im_end|>\\n<|im_start|>assistant\\n{slot 1}<|im_end|>\\n

Supervised are an answer, the mark that ends it (here ``<|im_end|>``) and whatever the template writes
between the prompt for generation and the answer (Llama 2: a space): all that the model has to write itself.

Refused, because the mask or the prompt could not be exact: no template, one that changes contents (many
trim white space: then contents with outer white space only), repeats or reorders them, has no end mark,
or whose prompt for generation is not the beginning of what was trained.
"""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from os.path import commonprefix

from .errors import InputError
from .templates import Ends, Template
from .writer import Writer, plain_text

_ELSE = "choose another template (v1 works with every tokenizer)."


@dataclass(frozen=True)
class Part:
    """One stretch of a rendered conversation: text of the template, or the content of message ``slot``."""

    text: str = ""
    slot: int | None = None
    supervised: bool = False


def _run(tokenizer, messages: list[dict], prompt: bool, where: str) -> str:
    """The template's string for these messages; whatever goes wrong inside it is an InputError."""
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    except Exception as error:  # a template is somebody's program and may raise anything
        raise InputError(f"{where} cannot be written by the tokenizer's chat template ({error}); "
                         f"change the conversation or {_ELSE}") from error


def _slots(roles: tuple[str, ...]) -> list[dict]:
    return [{"role": role, "content": f"SlotOf{number}Content"} for number, role in enumerate(roles)]


def _texts_between(text: str, messages: list[dict], where: str) -> list[str]:
    """What the template wrote before, between and after the contents; every content must stand there once."""
    found = []
    for number, message in enumerate(messages):
        before, slot, text = text.partition(message["content"])
        if not slot or message["content"] in text:
            raise InputError(f"{where} cannot be written by the tokenizer's chat template, which drops, repeats or "
                             f"reorders the content of message {number} ({message['role']}); {_ELSE}")
        found.append(before)
    return [*found, text]


def _end_mark(tokenizer, where: str) -> str:
    """What the template writes after an answer, up to and with the first control token."""
    messages = _slots(("user", "assistant") * 2)
    *_, between, _, after = _texts_between(_run(tokenizer, messages, False, where), messages, where)
    for control in plain_text(tokenizer).control:
        found = re.match(r"\s*" + re.escape(control), after)
        if found and between.startswith(found[0]):
            return found[0]
    end = commonprefix([between, after])
    if not end:
        raise InputError(f"{where} cannot be learnt with the tokenizer's chat template, which writes no mark after an "
                         f"answer, so an answer could never end; {_ELSE}")
    return end


def _parts(tokenizer, where: str, roles: tuple[str, ...], prompt: bool) -> list[Part]:
    """The template's string for these roles, cut at the slots and at the borders of the mask."""
    messages, end = _slots(roles), _once(_end_mark, tokenizer, where)
    text = _run(tokenizer, messages, prompt, where)
    parts, done = [], 0
    _texts_between(text, messages, where)       # raises unless every content stands there once, in order
    for number, message in enumerate(messages):
        start = text.index(message["content"], done)
        if message["role"] != "assistant":
            parts += [Part(text[done:start]), Part(slot=number)]
            done = start + len(message["content"])
            continue
        before = _run(tokenizer, messages[:number], True, where)
        if not (text.startswith(before) and done <= len(before) <= start):
            raise InputError(f"{where} cannot be learnt with the tokenizer's chat template: before answer {number} its "
                             f"prompt for generation ends {before[-40:]!r} where its conversation has "
                             f"{text[:start][-40:]!r}; {_ELSE}")
        parts += [Part(text[done:len(before)]), Part(text[len(before):start], supervised=True),
                  Part(slot=number, supervised=True)]
        done = start + len(message["content"])
        if not text.startswith(end, done):
            raise InputError(f"{where} cannot be learnt with the tokenizer's chat template, which writes {end!r} after "
                             f"some answers but not after message {number}; {_ELSE}")
        parts.append(Part(end, supervised=True))
        done += len(end)
    return [part for part in [*parts, Part(text[done:])] if part.text or part.slot is not None]


_KNOWN: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _once(make, tokenizer, where: str, *arguments):
    """``make(tokenizer, where, *arguments)``, remembered for as long as the template stays the same."""
    known = _KNOWN.setdefault(tokenizer, {})
    key = (make, str(tokenizer.chat_template), tuple(plain_text(tokenizer).control), arguments)
    if key not in known:
        known[key] = make(tokenizer, where, *arguments)
    return known[key]


def _check_template(tokenizer, where: str) -> None:
    if not tokenizer.chat_template:
        raise InputError(f"{where} asks for the tokenizer's own chat template, but it has none; set "
                         f"tokenizer.chat_template or {_ELSE}")


def write_chat(writer: Writer, messages: list[dict]) -> None:
    """The tokenizer's own chat template; ids equal ``apply_chat_template(tokenize=True)`` on ordinary text."""
    _check_template(writer.tokenizer, writer.where)
    roles = tuple(message["role"] for message in messages)
    parts = _once(_parts, writer.tokenizer, writer.where, roles, writer.prompt)
    filled = "".join(part.text if part.slot is None else messages[part.slot]["content"] for part in parts)
    if filled != _run(writer.tokenizer, messages, writer.prompt, writer.where):
        raise InputError(f"{writer.where} would be changed by the tokenizer's chat template, which alters the text of "
                         f"a message (often by cutting white space at its ends); remove that, or {_ELSE}")
    space = ""
    for number, part in enumerate(parts):
        if part.slot is not None:
            content = space + messages[part.slot]["content"]
            writer.text(content, True) if part.supervised else writer.user(content)
            space = ""
            continue
        # A space before a content is its first word's: tokenised together, as in the whole string.
        follows = parts[number + 1:number + 2]
        joins = bool(follows) and follows[0].slot is not None and follows[0].supervised == part.supervised
        bare = part.text.rstrip(" ") if joins else part.text
        space = part.text[len(bare):]
        writer.markup(bare, part.supervised)


def chat_ends(tokenizer) -> Ends:
    """Stops at the template's end mark, and at the tokenizer's end token in any case."""
    _check_template(tokenizer, "Generation")
    end, plain = _once(_end_mark, tokenizer, "Generation"), plain_text(tokenizer)
    lead = "".join(part.text for part in _once(_parts, tokenizer, "Generation", ("user", "assistant"), False)
                   if part.supervised and part.text != end)
    ids = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    last = plain.markup(end)[-1]
    if not isinstance(last, int):
        return Ends(lead=lead, ids=tuple(ids), strings=(end,))
    trail = end[:len(end) - len(end.lstrip())]
    return Ends(lead=lead, ids=tuple(dict.fromkeys([last, *ids])), trail=trail)


CHAT = Template(write_chat, chat_ends)
