"""Numbers that an answer gives of the things in a picture, where the context tells of every one of them.

The checker of instruction data lets "three cows" of five pass, for three there are; of a description that names no other
number it is wrong here. So is "four animals" where there are two, which the checker does not read.
"""

from __future__ import annotations

import re

from ..instruct.reading import Facts
from ..instruct.words import MEMBERS, NUMBERS, Mention, mentions
from .clauses import UNSURE, sentences

_GROUP = re.compile(rf"\b({'|'.join(NUMBERS)}|\d+) (?:\w+ )?(animal|vehicle)s?\b")
_PART = re.compile(r"\b(?:on|in|at|to) the (?:left|right|middle|cent(?:er|re))\b|\balso\b")         # a sentence of some of them
_TOUCHING = re.compile(r"\b(?:hold\w*|rid\w+|under|behind|beside|between|with|of them)\b|\bon (?:a|an|the) (?!left|right)")


def numbers(answer: str, name: str) -> set[int]:
    """How many of one kind an answer speaks of: each number that it gives, and the sum over sides ("two on the left, one on the right")."""
    found, parts = set(), []
    for sentence in sentences(answer):
        here = [m.number for m in mentions(sentence) if m.category == name and m.number and m.determiner != "the"]
        found |= set(here)
        parts += here if _PART.search(sentence.lower()) and not _TOUCHING.search(sentence.lower()) else []
    return found | {sum(parts)}


def miscounted(answer: str, facts: Facts) -> list[tuple[str, str]]:
    """("wrong number", sentence) for each sentence of a description that gives too few of a kind as if it were all."""
    found = []
    for sentence in sentences(answer) if facts.told else ():
        text = sentence.lower()
        if UNSURE.search(text) or _PART.search(text) or _TOUCHING.search(text):
            continue
        found += [("wrong number", sentence) for m in mentions(sentence) if (m.determiner in NUMBERS or m.determiner.isdigit())
                  and m.number < _looking_so(m, facts) and facts.counts[m.category] not in numbers(answer, m.category)]
    return found


def _looking_so(m: Mention, facts: Facts) -> int:
    """How many things have the colours and size of a phrase."""
    return sum(name == m.category and (not m.colours or colour in m.colours) and m.size in (None, size) for name, colour, size, _ in facts.looks)


def of_groups(answer: str, facts: Facts) -> list[tuple[str, str]]:
    """("wrong number", words) for each clause with a wrong number of animals or vehicles."""
    found = []
    for text in re.split(r"(?<=[.!?;:])\s+|,\s+|\s+because\s+", answer) if facts.told else ():         # "there are two animals, so they may ..."
        for word, group in () if UNSURE.search(text) else _GROUP.findall(text.lower()):
            said = NUMBERS.index(word) if word in NUMBERS else int(word)
            there = sum(facts.counts.get(name, 0) for name in MEMBERS[group])
            if said > there or said < there and not _PART.search(text.lower()) and not _TOUCHING.search(text.lower()):
                found.append(("wrong number", text))
    return found
