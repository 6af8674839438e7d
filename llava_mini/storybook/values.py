"""What an answer says: :func:`value` reads the word that has to be right out of a model's own sentence."""

from __future__ import annotations

import re

from .vocabulary import CATEGORIES, COLOURS, NUMBERS, PLACES, SIZES

_WORDS = {
    "colour": {c: c for c in COLOURS},
    "count": {n: n for n in NUMBERS} | {str(i): n for i, n in enumerate(NUMBERS)},
    "is-there": {"yes": "yes", "no": "no"},
    "size": {s: s for s in SIZES},
    "where": {w: w for w in ("left", "middle", "right")},
    "place": {p: p for p in PLACES},
    "weather": {"sun": "sunny", "sunny": "sunny", "cloudy": "cloudy", "raining": "rainy", "rainy": "rainy", "night": "night"},
    "why": {"raining": "rain", "shade": "shade", "soon": "soon", "carried": "carried"},
}
_CATEGORY_WORDS = {c.name: c.name for c in CATEGORIES.values()} | {c.plural: c.name for c in CATEGORIES.values()}
_WORDS["what"] = _CATEGORY_WORDS
_WORDS["unusual"] = _CATEGORY_WORDS | {"nothing": "nothing"}
_WORDS["relation"] = _CATEGORY_WORDS | {"left": "left", "right": "right"}


def value(kind: str, text: str, question: str = "") -> str | None:
    """The value that an answer gives, or None where it gives none or several that differ.

    Words of the question itself do not count for kinds that name a thing ("What is on the bench?"
    - "There is a cat on the bench." gives "cat").
    """
    words = _WORDS[kind]
    if kind == "why" and "umbrella" not in question:
        words = _CATEGORY_WORDS
    pattern = r"\b(" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b"
    asked = set()
    if kind == "relation" and " or " not in question:
        asked = {words[w] for w in re.findall(pattern, question.lower())}
    found = {words[w] for w in re.findall(pattern, text.lower())} - asked
    if kind == "relation" and " or " in question:
        found &= {"left", "right"}
    if kind == "is-there":                              # the verdict stands first or last: "No, there is no ...", "..., so no."
        found &= set(re.findall(r"^(?:yes|no)\b|\b(?:yes|no)(?=\W*$)", text.lower()))
    return found.pop() if len(found) == 1 else None
