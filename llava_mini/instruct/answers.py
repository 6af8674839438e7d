"""A teacher's answer, read into turns; an answer that cannot be used says why.

>>> turns("conversation", "Question:\\nWhat is it?\\n===\\nAnswer:\\nA red car.\\n===\\nQuestion:\\nWhere?\\n===\\nAnswer:\\nOn the left.")
[('What is it?', 'A red car.'), ('Where?', 'On the left.')]
>>> turns("detail", "A red car stands on the left.")
[('', 'A red car stands on the left.')]

What is forgiven, because nothing is in doubt: more than three equals signs, text on the line of its label, a number
after the label ("Question 2:"), labels in bold, a fence of ``` around it all, blank lines.
"""

from __future__ import annotations

import re

from ..errors import InputError
from ..json_files import check_text
from .prompts import KINDS

REASONS = ("empty", "format", "cut off", "refused")
LEAST_LETTERS = 5                       # a description with fewer is none

_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.S)
_SEPARATOR = re.compile(r"^[ \t]*={3,}[ \t]*$", re.M)
_LABEL = re.compile(r"\A(?:\*\*|__)?(Question|Answer)(?: \d+)?(?:\*\*|__)?:(?:\*\*|__)?\s*", re.I)
_ENDS = re.compile(r"""[.!?…。！？][\s"'”’»)\]*_]*\Z""")
# Only at the beginning of an answer: "I cannot say" deep inside one is another matter, and the checker's.
_REFUSAL = re.compile(r"(?:I(?:'m| am) (?:very |so |really )?sorry\b|sorry, |I apologi[sz]e\b|as an AI\b|(?:unfortunately, )?"
                      r"(?:I (?:cannot|can't|can not|won't|will not|am unable to|am not able to)|I'm (?:unable|not able) to) "
                      r"(?:help|assist|provide|describe|comply|fulfil|continue|generate|create|write|answer|process|access|"
                      r"analy[sz]e|discuss|engage|identify|see|view|do (?:that|this))\b)", re.I)


class Malformed(ValueError):
    """An answer that is no use. ``reason`` is "empty", "format", "cut off" or "refused"."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def turns(kind: str, text: str | None, finish_reason: str | None = "stop") -> list[tuple[str, str]]:
    """The (question, answer) pairs of an answer; of a description the one pair ("", text).

    ``finish_reason`` is the server's: "length" means that the answer ran into the limit of tokens, "content_filter"
    that the server withheld it. Raises Malformed with the reason when the answer is empty, refused, cut off or not in
    the form that was asked for.
    """
    if kind not in KINDS:
        raise InputError(f"There is no kind {kind!r}; choose one of {', '.join(KINDS)}.")
    if finish_reason == "content_filter":
        raise Malformed("refused")
    text = (text or "").replace("\r\n", "\n").strip()
    if fenced := _FENCE.match(text):
        text = fenced[1].strip()
    if not text:
        raise Malformed("cut off" if finish_reason == "length" else "empty")    # all tokens went into thoughts
    if _REFUSAL.match(text.replace("’", "'")):
        raise Malformed("refused")
    if finish_reason == "length":
        raise Malformed("cut off")
    try:
        check_text(text, "answer")
    except InputError:                                  # half a character: nobody could write or tokenize it
        raise Malformed("format") from None
    if "<image>" in text:                               # the mark of a picture, which is set elsewhere
        raise Malformed("format")
    return [("", _description(text))] if kind == "detail" else _pairs(text, one=kind == "reasoning")


def _description(text: str) -> str:
    letters = sum(character.isalpha() for character in text)
    if _SEPARATOR.search(text) or _LABEL.match(text) or letters < LEAST_LETTERS or 2 * letters < len(re.sub(r"\s", "", text)):
        raise Malformed("format")
    if not _ENDS.search(text):
        raise Malformed("cut off")
    return text


def _pairs(text: str, one: bool) -> list[tuple[str, str]]:
    """Question and answer in turn; ``one``: there must be exactly one pair."""
    parts = [part.strip() for part in _SEPARATOR.split(text)]
    if not parts[-1]:                                   # a separator at the very end
        parts.pop()
    found = []
    for number, part in enumerate(parts):
        label, last = _LABEL.match(part), number == len(parts) - 1
        if not label or label[1].lower() != ("question", "answer")[number % 2]:
            unfinished = last and number and any(word.startswith(part.lower()) for word in ("question:", "answer:"))
            raise Malformed("cut off" if unfinished else "format")
        words = part[label.end():].strip()
        if not words:
            raise Malformed("cut off" if last else "format")
        if re.search(r"^(?:Question|Answer)(?: \d+)?:", words, re.M | re.I):         # a separator is missing
            raise Malformed("format")
        found.append(words)
    if len(found) % 2:
        raise Malformed("cut off")
    pairs = list(zip(found[::2], found[1::2]))
    if any(_REFUSAL.match(answer.replace("’", "'")) for _, answer in pairs):
        raise Malformed("refused")
    if one and len(pairs) != 1:
        raise Malformed("format")
    if not _ENDS.search(pairs[-1][1]) and (one or _stands_out(pairs)):
        raise Malformed("cut off")
    return pairs


def _stands_out(pairs: list[tuple[str, str]]) -> bool:
    """Has the last answer no full stop where all others have one? A style without full stops ("Red", "Two cats") is no fault."""
    return all(_ENDS.search(answer) for _, answer in pairs[:-1])
