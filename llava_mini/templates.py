"""The fixed chat templates: plain (stage 1), v1 (Vicuna) and v0 (the paper's ``###``).

What each writes, with the supervised part in «guillemets» (paper: Table 2, section 4.2)::

    plain   <s><image>…«A red dog on a beach.\\n»
    v1      <s>SYSTEM USER: <image>…\\nWhat is it? ASSISTANT:« A dog.</s>» USER: Is it red? ASSISTANT:« Yes.</s>»
    v0      <s>SYSTEM### Human: <image>…\\nWhat is it?### Assistant:« A dog.###» Human: Is it red?### …

Where the paper and the authors' code differ from each other or from this module:

* Table 2 of the paper shows v0; the authors' code later moved to v1, and so does this package by default.
* The authors write ``</s>USER:`` without a space and rely on Llama's tokenizer, which adds one by itself.
  Here the space is written unless the tokenizer adds it: the ids are those of Vicuna, and with other
  tokenizers ``USER`` is the same word in every turn.
* The authors put no space between ``###`` and ``Human``; here there is one, for the same reason.
* The authors find the mask by splitting the finished string and counting tokens again, and drop a whole
  sample (with a printed warning) when the counts differ. Here ids and mask come from one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import InputError
from .writer import IMAGE, Writer, plain_text

# The sentences Vicuna (v1) and the paper (v0, Table 2) were trained with: part of the protocol.
SYSTEM_V1 = ("A chat between a curious user and an artificial intelligence assistant. "
             "The assistant gives helpful, detailed, and polite answers to the user's questions.")
SYSTEM_V0 = ("A chat between a curious human and an artificial intelligence assistant. "
             "The assistant gives helpful, detailed, and polite answers to the human's questions.")
STOP_V0 = "###"


@dataclass(frozen=True)
class Ends:
    """How an answer begins and ends in a template, for generation."""

    lead: str = ""                      # text between the prompt and the answer, written by the model
    ids: tuple[int, ...] = ()           # generation stops at one of these tokens
    strings: tuple[str, ...] = ()       # and before one of these texts
    trail: str = ""                     # text between the answer and the stop token


@dataclass(frozen=True)
class Template:
    """``write(writer, messages)`` writes checked messages; ``ends(tokenizer)`` tells how answers end."""

    write: Callable[[Writer, list[dict]], None]
    ends: Callable[[object], Ends]


def _split_system(messages: list[dict], default: str) -> tuple[str, list[dict]]:
    if messages[0]["role"] == "system":
        return messages[0]["content"], messages[1:]
    return default, messages


def _spaced(text: str) -> str:
    return " " + text if text else ""


def write_plain(writer: Writer, messages: list[dict]) -> None:
    """Stage 1: the pictures, the caption, a line break. System message and instruction are thrown away.

    A caption may hold line breaks; they are all learnt, though generation would stop at the first.
    """
    turns = _split_system(messages, "")[1]
    if len(turns) > 2:
        raise InputError(f"{writer.where} has {len(turns)} turns but the template plain takes one instruction with "
                         "its caption; choose the template v1 for conversations.")
    pictures = turns[0]["content"].count(IMAGE)
    if not pictures and not writer.prompt:
        raise InputError(f"{writer.where} has no {IMAGE} mark, and the template plain learns captions of pictures; "
                         "remove the sample or choose the template v1.")
    writer.begin()
    for _ in range(pictures):
        writer.picture()
    for answer in turns[1:]:
        writer.text(answer["content"], supervised=True)
        writer.text("\n", supervised=True)


def write_v1(writer: Writer, messages: list[dict]) -> None:
    """Vicuna: ``USER: … ASSISTANT: …</s>``; every answer and its ``</s>`` are supervised."""
    system, turns = _split_system(messages, SYSTEM_V1)
    writer.begin()
    writer.text(system)
    for turn in turns:
        if turn["role"] == "user":
            writer.word("USER:")
            writer.user(_spaced(turn["content"]))
            writer.text(" ASSISTANT:")
        else:
            writer.text(_spaced(turn["content"]), supervised=True)
            writer.end(supervised=True)


def write_v0(writer: Writer, messages: list[dict]) -> None:
    """The paper's Table 2: ``### Human: …### Assistant: …###``; answer and stop ``###`` are supervised."""
    system, turns = _split_system(messages, SYSTEM_V0)
    writer.begin()
    writer.text(system)
    writer.text(STOP_V0)
    for turn in turns:
        if turn["role"] == "user":
            writer.text(" Human:")
            writer.user(_spaced(turn["content"]))
            writer.text(STOP_V0)
            writer.text(" Assistant:")
        else:
            writer.text(_spaced(turn["content"]), supervised=True)
            writer.text(STOP_V0, supervised=True)


def _end_ids(tokenizer) -> tuple[int, ...]:
    return () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)


def _plain_ends(tokenizer) -> Ends:
    lead = " " if plain_text(tokenizer).adds_space("control") else ""      # Llama 2 begins a caption with a space
    return Ends(lead=lead, ids=_end_ids(tokenizer), strings=("\n",))


PLAIN = Template(write_plain, _plain_ends)
V1 = Template(write_v1, lambda tokenizer: Ends(lead=" ", ids=_end_ids(tokenizer)))
V0 = Template(write_v0, lambda tokenizer: Ends(lead=" ", ids=_end_ids(tokenizer), strings=(STOP_V0,)))
