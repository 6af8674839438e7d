"""The offline teacher's mind: a prompt in, a text in one of the three kinds out. It reads nothing but the prompt.

The system message tells the kind by the words "conversation", "detailed description" or "complex reasoning"; the last
message is the picture in words. The examples in between are for teachers that need them: this one knows the formats.

>>> messages = [{"role": "system", "content": "Write a detailed description."},
...             {"role": "user", "content": "A red dog in the park.\\n\\ndog: [0.1, 0.5, 0.3, 0.8]"}]
>>> write(messages, random.Random(0)).text                                                      # doctest: +SKIP
'A red dog in the park. The dog can be seen on the left.'
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ..errors import InputError
from .describing import describe
from .lies import told as lie_told
from .reading import read
from .reasoning import reason
from .telling import conversation

NAME = "storyteller"
SIGNS = {"conversation": "conversation", "detailed description": "detail", "complex reasoning": "reasoning"}
DIVIDER = "\n===\n"


@dataclass(frozen=True)
class Written:
    """An answer."""

    text: str
    lie: tuple[str, str] | None = None      # of which kind, and the sentence that is not true


def kind_of(messages: list[dict]) -> str:
    """Which of the three kinds a prompt asks for. Raises InputError where its system message names none, or several."""
    system = " ".join(str(m.get("content")) for m in messages if m.get("role") == "system").lower()
    kinds = [kind for sign, kind in SIGNS.items() if sign in system]
    if len(kinds) != 1:
        raise InputError(f"The system message must ask for one of {', '.join(SIGNS)}, not for {' and '.join(kinds) or 'none of them'}; "
                         "write one of these words into it.")
    return kinds[0]


def context_of(messages: list[dict]) -> str:
    """The picture in words: the last message. Raises InputError where there is none."""
    if not messages or messages[-1].get("role") != "user" or not str(messages[-1].get("content") or "").strip():
        raise InputError("The last message must be the user's and hold the picture in words; put the captions and boxes there.")
    return str(messages[-1]["content"])


def turns(kind: str, context: str, rng: random.Random, lie: str | None = None) -> tuple[list[tuple[str, str]], tuple[str, str] | None]:
    """(question, answer) pairs about the picture that a context tells of, and the lie among them.

    A description is one pair whose question is empty. ``lie`` asks for a kind of lie (see lies.py); where the context
    gives no occasion for it, the truth is told and the second value is None.
    """
    facts = read(context)
    if kind == "conversation":
        pairs = conversation(facts, rng)
    else:
        pairs = [reason(facts, rng)] if kind == "reasoning" else [("", describe(facts, rng))]
    return lie_told(lie, kind, pairs, facts, rng) if lie else (pairs, None)


def layout(kind: str, pairs: list[tuple[str, str]]) -> str:
    """Turns as the prompts ask for them: blocks of question and answer, or of a description the text alone."""
    if kind == "detail":
        return pairs[0][1]
    return DIVIDER.join(f"Question:\n{question}{DIVIDER}Answer:\n{answer}" for question, answer in pairs)


def write(messages: list[dict], rng: random.Random, lie: str | None = None) -> Written:
    """The answer to a prompt. Raises InputError for a prompt of another kind."""
    kind = kind_of(messages)
    pairs, told = turns(kind, context_of(messages), rng, lie)
    return Written(layout(kind, pairs), told)
