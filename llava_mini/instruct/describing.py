"""Descriptions in detail: where it is, what is there from one side to the other, what holds what, what is odd.

>>> describe(facts, random.Random(0))                                                           # doctest: +SKIP
'It is raining, and this is the beach ... On the left there is a big red dog. ...'
"""

from __future__ import annotations

import random
from collections import Counter

from ..storybook.vocabulary import WEATHER
from .lore import odd, strangers
from .reading import Facts, Thing
from .speech import article, be, listed, noun, sentence, some
from .telling import quoted
from .words import MEMBERS, NUMBERS, category, mentions

SIDES = ("on the left", "in the middle", "on the right")
QUOTES = 3                  # captions that a description of free ones repeats
LEAST = 40                  # letters of a description
_VERBS = {"holding": "is holding", "riding": "is riding", "on": "is on", "under": "is under"}


def describe(facts: Facts, rng: random.Random) -> str:
    """One long answer of several sentences."""
    return " ".join(sentence(words) for words in (_told if facts.told else _free)(facts, rng))


def _told(facts: Facts, rng: random.Random) -> list[str]:
    parts = [_setting(facts, rng), *_across(facts, rng), *_relations(facts)]
    strange = strangers(facts)
    if len(strange) == 1:
        name = strange[0]
        parts.append(f"it is unusual to see {article(category(name).spoken)} {facts.place.phrase}, because {odd(name, facts.place)}")
    ends = [_sum(facts, rng)] if len(facts.things) > 1 and rng.random() < 0.6 else []
    if (beside := _beside(facts, rng)) and rng.random() < 0.5:
        ends.append(beside)
    return parts + ends


def _setting(facts: Facts, rng: random.Random) -> str:
    where = facts.place.phrase if facts.place else ""
    if not where:
        return WEATHER[facts.weather] if facts.weather else f"there {be(len(facts.things))} {_all(facts)} in the picture"
    if not facts.weather:
        return rng.choice((f"this picture was taken {where}", f"we are {where}", f"the picture shows a scene {where}"))
    weather = WEATHER[facts.weather]
    return rng.choice((f"this picture was taken {where}, and {weather}", f"{weather}, and we are {where}", f"we are {where}, and {weather}",
                       f"the picture shows a scene {where}; {weather}"))


def _across(facts: Facts, rng: random.Random) -> list[str]:
    """The things by their sides, and then those of which one would hesitate to name the side."""
    said, left_over = [], [t for t in facts.things if not t.side]
    for side in SIDES if rng.random() < 0.7 else SIDES[::-1]:
        here = [t for t in facts.things if t.side == side]
        if here:
            words = listed(_grouped(here))
            first = rng.choice(("{s} there {b} {w}", "{s} one sees {w}", "{w} {b} {s}"))
            said.append(first.format(s=side, w=words, b=be(len(here))))
    if left_over:
        said.append(f"there {be(len(left_over))} also {listed(_grouped(left_over))}")
    return said


def _grouped(things: list[Thing]) -> list[str]:
    numbers = Counter((t.category, t.colour, t.size) for t in things)
    return [some(name, n, colour, size) for (name, colour, size), n in numbers.items()]


def _relations(facts: Facts) -> list[str]:
    found = []
    for kind, one, its, other, others in facts.relations:
        who = noun(one, its or facts.colours.get(one))
        who = f"the {who}" if _alone(facts, one, its) else article(who)
        what = noun(other, others or facts.colours.get(other))
        what = f"the {what}" if _alone(facts, other, others) and kind != "holding" else article(what)
        found.append(f"{who} {_VERBS[kind]} {what}")
    return found


def _alone(facts: Facts, name: str, colour: str | None) -> bool:
    """Does "the red dog" mean just one thing?"""
    if colour is None or not facts.looks:
        return facts.counts.get(name) == 1
    return sum(look[:2] == (name, colour) for look in facts.looks) == 1


def _sum(facts: Facts, rng: random.Random) -> str:
    animals = sum(n for name, n in facts.counts.items() if name in MEMBERS["animal"])
    if animals > 1 and rng.random() < 0.3:
        return f"there are {NUMBERS[animals]} animals in the picture"
    return rng.choice(("in all there {b} {w}", "together there {b} {w}", "one can count {w}")).format(b=be(len(facts.things)), w=_all(facts))


def _all(facts: Facts) -> str:
    return listed(some(name, n) for name, n in facts.counts.items())


def _beside(facts: Facts, rng: random.Random) -> str | None:
    single = rng.sample(facts.single(), len(facts.single()))
    for one, other in zip(single, single[1:]):
        if (left := facts.left_of(one, other)) is not None:
            return f"the {category(one.category).spoken} is to the {'left' if left else 'right'} of the {category(other.category).spoken}"
    return None


def _free(facts: Facts, rng: random.Random) -> list[str]:
    """What free captions say, and what the boxes know besides."""
    lines = quoted(facts)
    lines = [lines[i] for i in sorted(rng.sample(range(len(lines)), min(QUOTES, len(lines))))]
    spoken = {m.category for line in lines for m in mentions(line)} | (facts.named - set(facts.counts))
    for name in dict.fromkeys(t.category for t in facts.things):
        here = facts.of(name)
        if name in spoken:
            where = here[0].side if facts.counts.get(name) == 1 else None
            if where and rng.random() < 0.5:
                lines.append(f"the {category(name).spoken} can be seen {where}")
        elif len(here) == 1 and name not in facts.named:
            lines.append(f"there is also {some(name)}{f' {here[0].side}' if here[0].side else ''}")
        elif name not in facts.named:
            lines.append(f"there are also {category(name).plural}")
    return lines if sum(map(len, lines)) >= LEAST else [*lines, "there is little more to tell about it"]
