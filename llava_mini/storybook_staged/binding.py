"""Two things and two exchanges: pictures that hold the same parts and differ in what belongs to what.

A red ball on the left and a blue car on the right; then a blue ball and a red car (colours exchanged); then a red car
on the left and a blue ball on the right (categories exchanged). Who sees a bag of patches, in which there is red,
blue, a ball and a car, cannot tell the three apart. Background, sizes and places stay as they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..storybook.phrases import a, article, side
from ..storybook.scenes import Scene, Thing
from ..storybook.vocabulary import CATEGORIES, COLOURS, PLACES, WEATHER
from .pages import KNOWN, Page, ask, box, seen

PICTURES = ("original", "colours", "categories")        # what was exchanged; a pair is the original and one of the others
LABELS = {"left": "what is on the left"}            # of questions that their kind would throw together with others
SIDE = {"small": (0.17, 0.21), "big": (0.29, 0.31)}


def pages(n: int, seed: int) -> Iterator[Page]:
    """``n`` sets of three pages; each question is asked of all three in the same words."""
    for number in range(1, n + 1):
        rng = random.Random(f"binding/{seed}/{number}")
        for which, scene, questions in _set(rng):
            name = f"binding-{number:03d}-{which}"
            yield Page(name, scene, {"binding": [
                ask(name, "binding", key, *rest, set=number, picture=which, asked=key, label=LABELS.get(key, rest[0])) for key, *rest in questions]})


def _set(rng: random.Random):
    place = PLACES[rng.choice(KNOWN)]
    weather = None if place.indoors else rng.choice(list(WEATHER))
    home = [c.name for c in CATEGORIES.values() if c.lives == "ground" and c.group != "people" and (c.indoors if place.indoors else c.outdoors)]
    while True:
        categories, colours = rng.sample(home, 2), rng.sample(list(COLOURS), 2)
        if seen(*((colour, category) for colour in colours for category in categories)):
            break
    size, start, flips = rng.choice(("small", "big")), rng.randrange(2**31), [rng.random() < 0.5 for _ in range(2)]
    spots = [(rng.uniform(*SIDE[size]), rng.uniform(*xs), rng.uniform(0.80, 0.95)) for xs in ((0.22, 0.27), (0.73, 0.78))]
    for which in PICTURES:
        painted = colours[::-1] if which == "colours" else colours
        standing = categories[::-1] if which == "categories" else categories
        things = tuple(Thing(category, colour, size, box(category, s, x, foot=foot), flip)
                       for category, colour, (s, x, foot), flip in zip(standing, painted, spots, flips))
        yield which, Scene(start, place.name, weather, things), list(_questions(things, categories, colours))


def _questions(things: tuple[Thing, Thing], categories: list[str], colours: list[str]):
    """(key, kind, text, answer, value): about the first category and the first colour, whatever became of them."""
    category, colour = categories[0], colours[0]
    thing = next(t for t in things if t.category == category)
    bearer = next(t for t in things if t.colour == colour)
    for key, asked in (("first", colour), ("second", colours[1])):      # one is yes where the other is no
        verdict = "yes" if thing.colour == asked else "no"
        yield (f"is-there-{key}", "is-there", f"Is there {article(f'{asked} {category}')}?", f"The {category} is {thing.colour}, so {verdict}.", verdict)
    yield "colour", "colour", f"What colour is the {category}?", f"The {category} is {thing.colour}.", thing.colour
    yield "what", "what", f"What is the {colour} thing?", f"The {colour} thing is {article(bearer.category)}.", bearer.category
    yield "where", "where", f"Where is the {category}?", f"The {category} is {side(thing)}.", side(thing).split()[-1]
    left = min(things, key=lambda t: t.box)
    yield "left", "what", "What is on the left?", f"On the left there is {a(left)}.", left.category
