"""What a question asks, and which answers the context allows: the little that a judge without a language model can know.

The checker of instruction data serves as the oracle. Every value that an answer could give ("two", "on the left", "yes")
is put to it as an answer; where it contradicts some and not others, the context knows, and what is left is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..instruct.claims import contradictions
from ..instruct.lore import ordinary, strangers
from ..instruct.places import PLACES
from ..instruct.reading import Facts
from ..instruct.speech import article, be, noun
from ..instruct.words import CATEGORIES, COLOURS, MEMBERS, NUMBERS, SIZES, category, mentions, tokens
from ..storybook.vocabulary import WEATHER
from .clauses import relevant

_SIDE = re.compile(r"\b(?:on|in) the (left|right|middle)\b(?! of the (?!picture|image|photo|scene))")
_DENIED = re.compile(r"(?:\bnot|n't)\s+(?:(?:a|an|the|in|on|really|very)\s+){0,2}\w+|\bno\s+\w+", re.I)
_SKIES = {"sunny": r"\bsun(?:ny|shine)?\b", "cloudy": r"\bcloud(?:y|s)\b", "rainy": r"\brain(?:y|ing|s)?\b", "night": r"\bnight\b|\bdark\b"}


@dataclass(frozen=True)
class Asked:
    """What is asked for, and the values that are right; none where the context does not tell."""

    aspect: str                         # "colour", "count", "there", "side", "beside", "size", "place", "weather", "thing", "odd", "name", "inside", "open"
    right: frozenset[str] = frozenset()


def asked(question: str, facts: Facts) -> Asked:
    """Reads a question. Whatever it does not understand is "open"."""
    text, about = question.lower().strip(), mentions(question)
    if re.match(r"why\b|(?:how (?:should|can|might|could|do)|what (?:can|could|might|should))\b(?!.*\b(?:see|seen)\b)", text):
        return Asked("open")
    if {"inside", "outside"} <= said("inside", text, ""):
        return Asked("inside", frozenset(["inside" if facts.place.indoors else "outside"] if facts.place else []))
    if re.search(r"\b(?:unusual|strange|odd)\b", text):
        odd = strangers(facts) or [facts.strange] * bool(facts.strange)
        return Asked("odd", frozenset(odd if len(odd) == 1 else ["nothing"] if not odd and ordinary(facts) else []))
    if re.match(r"who is (?:this|that|here|in the picture)\b", text):
        return Asked("name", frozenset(thing.name.lower() for thing in facts.things if thing.name))
    if re.search(r"\bhow many\b|\bcount the\b|\bnumber of\b", text):
        group = next((name for name in ("animal", "vehicle") if name in text), None)
        number = sum(facts.counts.get(name, 0) for name in MEMBERS[group]) if group and facts.told else len(NUMBERS)
        if not about:
            return Asked("count", frozenset(NUMBERS[number:number + 1]))
        return _allowed("count", question, {name: f"{name.capitalize()}." for name in NUMBERS}, facts)
    if re.search(r"\bcolou?rs?\b", text) and len(about) == 1 and not about[0].colours:
        return _colour(question, facts)
    if re.match(r"(?:is|are) there\b|(?:do|can) (?:you|one|we) see\b|does the (?:picture|image|photo) show\b", text) and len(about) == 1:
        return _allowed("there", question, {"yes": "Yes.", "no": "No."}, facts)
    if len(about) == 2 and re.search(r"\bleft\b", text) and re.search(r"\bright\b", text):
        one, other = (category(m.category).spoken for m in about)
        return _allowed("beside", "", {side: f"The {one} is to the {side} of the {other}." for side in ("left", "right")}, facts)
    if re.search(r"\b(?:small|big|size|large)\b", text) and len(about) == 1 and not about[0].size:
        return _allowed("size", "", {size: f"The {category(about[0].category).spoken} is {size}." for size in ("small", "big")}, facts)
    if re.match(r"where\b.*\b(?:taken|are we|scene|take place)\b|(?:what|which) place\b", text):
        return _allowed("place", "", {name: f"We are {place.phrase}." for name, place in PLACES.items()}, facts)
    if re.match(r"where\b", text) and len(about) == 1:
        words = noun(about[0].category, about[0].colours[0] if len(about[0].colours) == 1 else None)
        return _allowed("side", "", {side: f"The {words} is {'in' if side == 'middle' else 'on'} the {side}." for side in ("left", "middle", "right")}, facts)
    if re.search(r"\bweather\b", text):
        return _allowed("weather", "", {name: f"{words.capitalize()}." for name, words in WEATHER.items()}, facts)
    return _thing(text, about, facts)


def said(aspect: str, answer: str, question: str) -> frozenset[str]:
    """The values that an answer gives, in the words of :func:`asked`, of what the question is about. What is denied ("not red") is not given."""
    if aspect not in ("there", "odd"):
        answer = relevant(aspect, _DENIED.sub(" ", answer), question)
    text, words = answer.lower(), tokens(answer)
    if aspect == "count":
        return frozenset(word if word in NUMBERS else NUMBERS[int(word)] if word.isdigit() and int(word) < len(NUMBERS) else word
                         for word in words if word in NUMBERS or word.isdigit())
    if aspect == "colour":
        return frozenset(COLOURS[word] for word in words if word in COLOURS)
    if aspect == "there":
        return frozenset(re.findall(r"(?:^|(?<=[.!?:] ))(?:yes|no)\b|\b(?:yes|no)(?=\W*(?:$|[.!?] ))", " ".join(text.split())))
    if aspect in ("side", "beside"):
        return frozenset("middle" if word.startswith("cent") else word for word in re.findall(r"\b(left|right|middle|cent(?:er|re))\b", text))
    if aspect == "inside":
        return frozenset(word[:-4] + "side" if word.endswith("doors") else word for word in words if word in ("inside", "outside", "indoors", "outdoors"))
    if aspect == "size":
        return frozenset(SIZES[word] for word in words if word in SIZES)
    if aspect == "place":
        return frozenset(word for word in words if word in PLACES)
    if aspect == "weather":
        return frozenset(name for name, pattern in _SKIES.items() if re.search(pattern, text))
    if aspect == "name":
        names = re.findall(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)+", answer)
        return frozenset(name.lower() for name in names)
    if aspect in ("thing", "odd"):
        known = {m.category for m in mentions(question)}
        found = {m.category for m in mentions(answer)} - known
        return frozenset(found or ({"nothing"} if aspect == "odd" and re.search(r"\b(?:nothing|no)\b", text) else ()))
    return frozenset()


def _allowed(aspect: str, question: str, ways: dict[str, str], facts: Facts) -> Asked:
    """The values whose sentences the context does not contradict, if it contradicts any."""
    left = [value for value, answer in ways.items() if not contradictions(question, answer, facts)]
    return Asked(aspect, frozenset(left if len(left) < len(ways) else ()))


def _colour(question: str, facts: Facts) -> Asked:
    """The colour of what is asked about; of several of a kind, of the one on the side that the question names."""
    about, side = mentions(question)[0], _SIDE.search(question.lower())
    here = [thing for thing in facts.of(about.category) if side and thing.side and side[1] in thing.side]
    if here and all(thing.colour for thing in here):
        return Asked("colour", frozenset(thing.colour for thing in here))
    words, verb = (category(about.category).plural, "are") if about.plural else (category(about.category).spoken, "is")
    verb = verb if about.category != "person" else "wear" if about.plural else "wears"
    return _allowed("colour", question, {name: f"The {words} {verb} {name}." for name in set(COLOURS.values())}, facts)


def _thing(text: str, about: list, facts: Facts) -> Asked:
    """What is held, ridden, on or under something, on a side, or of a colour; which animal, which vehicle."""
    if not re.match(r"(?:what|which|who|can you name)\b", text):
        return Asked("open")
    touching = re.search(r"\b(hold|rid|is on\b|is under\b)", text)
    if touching and len(about) == 1:
        kind, known = {"hold": "holding", "rid": "riding", "is on": "on", "is under": "under"}[touching[1]], about[0].category
        by = text.startswith("who") or kind in ("on", "under")              # then the one that touches is asked for
        return Asked("thing", frozenset(one if by else other for of, one, _, other, _ in facts.relations if of == kind and (other if by else one) == known))
    side, colours = _SIDE.search(text), [COLOURS[word] for word in tokens(text) if word in COLOURS]
    group = next((name for name in ("animal", "vehicle") if name in text), None)
    if about or not (side or group or len(colours) == 1):
        return Asked("open")
    names: Iterable[str] = MEMBERS[group] if group else CATEGORIES
    if side:
        ways = {name: f"{'In' if side[1] == 'middle' else 'On'} the {side[1]} there is {article(category(name).spoken)}." for name in names}
    elif group:
        ways = {name: f"There is {article(category(name).spoken)}." for name in names}
    else:
        ways = {name: f"There {be(1)} {article(noun(name, colours[0]))}." for name in names}
    return _allowed("thing", "", ways, facts)
