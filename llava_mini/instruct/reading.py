"""What a text-only teacher can know of a picture: facts read from the context, caption lines and box lines.

The boxes tell what is there, how often and where. Captions of the storybook's manner (:mod:`.manner`) tell colours,
sizes, place, weather and relations of everything; captions written freely are read for what is certain (:mod:`.free`).
A fact that the context leaves in doubt is not in here: None, or missing.

>>> facts = read("A small red dog in the park on a sunny day.\\n\\ndog: [0.1, 0.6, 0.3, 0.8]")
>>> facts.things[0].colour, facts.things[0].side, facts.place.name, facts.weather
('red', 'on the left', 'park', 'sunny')
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

from . import free, manner
from .places import PLACES, Place, place_of, weather_of
from .words import NUMBERS, spoken_of

WIDEST = 0.6                # a thing wider than this share of the picture is on no side of it
ROUNDING = 0.001            # the boxes have three decimals
APART = 0.12                # two things nearer than this from left to right are rather above each other
MOST_ALIKE = 7              # things of one category of which it is worked out which one is which
_BOX = re.compile(r"(.+): \[(-?\d+(?:\.\d+)?(?:e-?\d+)?(?:, -?\d+(?:\.\d+)?(?:e-?\d+)?){3})\]")


@dataclass(frozen=True)
class Thing:
    """What one box is about."""

    category: str                                  # COCO's name
    box: tuple[float, float, float, float]         # x1, y1, x2, y2 in 0..1
    colour: str | None = None
    size: str | None = None
    name: str | None = None                        # of a person who has one

    @property
    def x(self) -> float:
        return (self.box[0] + self.box[2]) / 2

    @property
    def area(self) -> float:
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    @property
    def side(self) -> str | None:
        """"on the left", "in the middle" or "on the right"; None where one would hesitate."""
        x = self.x
        if self.box[2] - self.box[0] > WIDEST:
            return None
        if x < 0.36 - ROUNDING:
            return "on the left"
        if x > 0.64 + ROUNDING:
            return "on the right"
        return "in the middle" if 0.41 + ROUNDING < x < 0.59 - ROUNDING else None


@dataclass(frozen=True)
class Facts:
    """What is beyond doubt. Facts of one context are shared: do not change their dicts."""

    captions: tuple[str, ...]
    things: tuple[Thing, ...]
    counts: dict[str, int]                         # category: how many, where captions and boxes agree
    colours: dict[str, str]                        # category: the colour of all of its things
    named: frozenset[str]                          # categories that a caption may be speaking of
    place: Place | None = None
    weather: str | None = None                     # "sunny", "cloudy", "rainy", "night"
    relations: tuple[tuple[str, str, str | None, str, str | None], ...] = ()  # kind, category and colour of the one and of the other
    strange: str | None = None                     # the category that a caption calls out of place
    looks: tuple[tuple[str, str | None, str | None, str | None], ...] = ()      # category, colour, size and name of each thing
    told: bool = False                             # the captions tell everything about every box: looks holds them all

    def of(self, category: str) -> list[Thing]:
        return [thing for thing in self.things if thing.category == category]

    def single(self) -> list[Thing]:
        """The things that are the only one of their category, without people of a name."""
        return [thing for thing in self.things if self.counts.get(thing.category) == 1 and not thing.name]

    def absent(self, category: str) -> bool:
        """Is it certain that nothing of the category is there? Without boxes nothing is."""
        return bool(self.things) and not self.of(category) and (self.told or category not in self.named)

    def left_of(self, one: Thing, other: Thing) -> bool | None:
        """Is the one to the left of the other? None where they are nearly above each other, or overlap in a photo."""
        if abs(other.x - one.x) < APART + ROUNDING:
            return None
        if not self.told and min(one.box[2], other.box[2]) > max(one.box[0], other.box[0]):
            return None
        return one.x < other.x


@lru_cache(maxsize=1024)
def read(context: str) -> Facts:
    """The facts of a context as :func:`..annotations.context` writes it."""
    captions, things = split(context)
    statements = [manner.read(caption) for caption in captions]
    whole = next((s for s in statements if s and _tells_everything(s, things)), None)
    if whole is None or None in statements:
        return _freely(captions, things)
    things = _bind(things, whole, statements)
    colours = {name: looks.pop() for name in {t.category for t in things}
               if len(looks := {t.colour for t in things if t.category == name}) == 1 and None not in looks}
    relations = {(kind, one.category, one.colour, other.category, other.colour) for s in statements for kind, one, other in s.relations
                 if kind in ("holding", "on", "under") and not one.name and not other.name}
    place = {s.place for s in statements} - {None}
    weather = {s.weather for s in statements} - {None}
    return Facts(captions, things, dict(Counter(t.category for t in things)), colours, frozenset(t.category for t in things),
                 PLACES[place.pop()] if len(place) == 1 else None, weather.pop() if len(weather) == 1 else None,
                 tuple(sorted(relations, key=str)), next((s.strange.category for s in statements if s.strange), None),
                 tuple((p.category, p.colour, p.size, p.name) for p in whole.phrases for _ in range(p.number)), told=True)


def split(context: str) -> tuple[tuple[str, ...], tuple[Thing, ...]]:
    """Captions and boxes of a context. A box is a line at its end, behind a blank line."""
    head, blank, tail = context.strip().rpartition("\n\n")
    rows = [_BOX.fullmatch(line.strip()) for line in tail.splitlines()]
    if not all(rows) or not blank:
        return tuple(line.strip() for line in context.splitlines() if line.strip()), ()
    things = tuple(Thing(row[1], tuple(float(value) for value in row[2].split(","))) for row in rows)
    return tuple(line.strip() for line in head.splitlines() if line.strip()), things


def _freely(captions, things) -> Facts:
    counts = free.counts(captions, things)
    return Facts(captions, things, counts, free.colours(captions, counts), spoken_of(captions), place_of(captions),
                 weather_of(captions), free.relations(captions, counts))


def _tells_everything(statement: manner.Statement, things) -> bool:
    said = Counter()
    for phrase in statement.phrases:
        said[phrase.category] += phrase.number
    return statement.whole and said == Counter(thing.category for thing in things) and 0 < len(things) < len(NUMBERS) and all(
        phrase.name or (phrase.colour and phrase.size) for phrase in statement.phrases)


def _bind(things, whole, statements) -> tuple[Thing, ...]:
    """Gives the things of the boxes the looks of which the captions tell, as far as only one way is possible.

    Of things of one category a big one takes more room than a small one, and what is said to be on the left is there.
    """
    sides = dict(pair for s in statements for pair in s.sides)
    bound = list(things)
    for name in dict.fromkeys(thing.category for thing in things):
        places = [i for i, thing in enumerate(things) if thing.category == name]
        looks = [(p.colour, p.size, p.name) for p in whole.phrases if p.category == name for _ in range(p.number)]
        ways = [way for way in (set(permutations(looks)) if len(looks) <= MOST_ALIKE else ())
                if _possible(name, [things[i] for i in places], way, sides)]
        for at, i in enumerate(places):
            seen = [{way[at][part] for way in ways} for part in range(3)]
            colour, size, called = (next(iter(values)) if len(values) == 1 else None for values in seen)
            bound[i] = replace(things[i], colour=colour, size=size, name=called)
    return tuple(bound)


def _possible(name: str, things: list[Thing], way, sides: dict) -> bool:
    small = [t.area for t, (_, size, _) in zip(things, way) if size == "small"]
    big = [t.area for t, (_, size, _) in zip(things, way) if size == "big"]
    if small and big and max(small) >= min(big):
        return False
    for side, phrases in sides.items():
        room = Counter()
        for phrase in phrases:
            if phrase.category == name:
                room[phrase.colour, phrase.name] += phrase.number
        there = Counter((colour, called) for t, (colour, _, called) in zip(things, way) if t.side == side)
        if there - room:
            return False
    return True
