"""Captions of one tidy manner, read word for word.

The storybook's captions are made of a few forms: things by number, size and colour and where they are, what is on the
left and on the right, what holds what. A caption that fits a form from its first to its last word says just that;
one that fits none of them is free writing, which :mod:`.free` reads for what little is certain.

>>> read("A big red dog and two small cats in the park on a sunny day.").place
'park'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..storybook.vocabulary import CHARACTER, SIZES
from ..storybook.vocabulary import COLOURS
from .places import PLACES, SAID, SKIES
from .words import CATEGORIES, NUMBERS

SIDES = ("on the left", "in the middle", "on the right")


@dataclass(frozen=True)
class Phrase:
    """A thing or several, as a caption names them."""

    category: str               # COCO's name
    number: int
    colour: str | None
    size: str | None
    name: str | None = None     # of a person who has one


@dataclass(frozen=True)
class Statement:
    """What one caption says."""

    phrases: tuple[Phrase, ...]
    place: str | None = None
    weather: str | None = None
    sides: tuple[tuple[str, tuple[Phrase, ...]], ...] = ()           # ("on the left", what is there)
    relations: tuple[tuple[str, Phrase, Phrase], ...] = ()           # ("holding", who, what)
    strange: Phrase | None = None                                    # what is said to be out of place
    whole: bool = False                                              # names things together with their place


def _any(words) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_NOUNS = {word: category for category in CATEGORIES.values() for word in (category.plural, category.spoken)}
_THING = re.compile(rf"(?:\b(?P<number>an?|the|{_any(NUMBERS[1:])}) (?:(?P<size>{_any(SIZES)}) )?(?:(?P<colour>{_any(COLOURS)}) )?"
                    rf"(?P<noun>{_any(_NOUNS)})\b(?: in (?P<dress>{_any(COLOURS)})\b)?)|\b(?P<name>{CHARACTER.lower()})\b")
_PHRASES = {place.phrase: place.name for place in PLACES.values()}
_LIST = r"#(?:, #)*(?: and #)?"
_PLACE, _SKY, _SAID, _SIDE = rf"(?P<place>{_any(_PHRASES)})", rf"(?: (?P<sky>{_any(SKIES)}))?", rf"(?P<said>{_any(SAID)})", rf"(?:{_any(SIDES)})"
_RELATION = r"# (?:holding|on|under|to the left of|to the right of) #"
_FORMS = {
    "whole": re.compile(rf"(?:there are )?{_LIST} {_PLACE}{_SKY}|{_PLACE.replace('place', 'first')}{_SKY.replace('sky', 'and')}, {_LIST}"
                        rf"|{_SAID} {_PLACE.replace('place', 'there')}, where one sees {_LIST}"),
    "sides": re.compile(rf"{_LIST} {_SIDE}(?:(?:, | and ){_LIST} {_SIDE})*"),
    "relations": re.compile(rf"{_RELATION}(?: and {_RELATION})*"),
    "strange": re.compile(rf"strangely, # is {_PLACE}"),
    "picture": re.compile(rf"a picture of {_LIST}|this is #"),
    "look": re.compile(rf"# is (?:(?P<size>{_any(SIZES)})|{_SIDE})"),
}


@lru_cache(maxsize=4096)
def read(caption: str) -> Statement | None:
    """What a caption says, or None where it fits no form."""
    text, phrases = " ".join(caption.lower().split()).rstrip(".").strip(), []

    def take(match) -> str:
        phrases.append(_phrase(match))
        return "#"

    bones = _THING.sub(take, text)
    if any(phrase is None for phrase in phrases) or not phrases:
        return None
    for form, pattern in _FORMS.items():
        if match := pattern.fullmatch(bones):
            return _statement(form, {k: v for k, v in match.groupdict().items() if v}, bones, phrases)
    return None


def _phrase(match) -> Phrase | None:
    if match["name"]:
        return Phrase("person", 1, None, None, CHARACTER)
    category, word = _NOUNS[match["noun"]], match["number"]
    number = 1 if word in ("a", "an", "the") else NUMBERS.index(word)
    if (number > 1) != (match["noun"] == category.plural) and category.spoken != category.plural:
        return None
    if match["dress"] and (category.name != "person" or match["colour"]):
        return None
    return Phrase(category.name, number, match["dress"] or match["colour"], match["size"])


def _statement(form: str, found: dict, bones: str, phrases: list[Phrase]) -> Statement:
    things = tuple(phrases)
    place = next((_PHRASES[found[key]] for key in ("place", "first", "there") if key in found), None)
    weather = next(([SKIES, SKIES, SAID][n][found[key]] for n, key in enumerate(("sky", "and", "said")) if key in found), None)
    if form == "sides":
        rest, sides = iter(things), []
        for part, side in re.findall(rf"({_LIST}) ({_SIDE})", bones):
            sides.append((side, tuple(next(rest) for _ in range(part.count("#")))))
        return Statement(things, sides=tuple(sides))
    if form == "relations":
        kinds = re.findall(r"# (holding|on|under|to the left of|to the right of) #", bones)
        return Statement(things, relations=tuple(zip(kinds, things[::2], things[1::2])))
    if form == "strange":
        return Statement(things, place, strange=things[0])
    if form == "look":                                  # of one thing: it does not say what else is on that side
        one = things[0]
        return Statement((Phrase(one.category, one.number, one.colour, found.get("size"), one.name),))
    return Statement(things, place, weather, whole=form == "whole")
