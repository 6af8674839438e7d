"""The page that a reader composes in the scene editor: things are put down, moved and joined by the storybook's rules.

From here go on a picture, captions and boxes, as from any folder of the storybook; the scene, which is the answer
key, stays here. A page never changes: every change gives a new one, or raises InputError with one sentence.

>>> page = Page.start().add("cat", "white", "small")
>>> page.names()
['big brown dog', 'small red ball', 'small white cat']
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from ..annotations import Record
from ..boxes import Box, in_pixels
from ..errors import InputError
from ..storybook.draw import draw
from ..storybook.narrate import boxes, captions
from ..storybook.phrases import a, noun
from ..storybook.scenes import Relation, Scene, Thing
from ..storybook.vocabulary import CATEGORIES, COLOURS, PLACES, SIZES, UNSEEN_PAIRS, WEATHER
from ..storybook.world import CAN_HIDE_UNDER, CAN_SIT_ON, HOLDABLE, ROOFS, SEATS, is_odd
from .standing import EDGE, WORDS, check, extent, free, joint, links, rounded, the, without

MOST = 6                                        # things on a page; the captions count no further
_FITS = {"on": (CAN_SIT_ON, SEATS), "under": (CAN_HIDE_UNDER, ROOFS), "holding": (HOLDABLE, ("person",))}   # who goes where


@dataclass(frozen=True)
class Page:
    """A page with at least one thing. Things are counted from 0, the one furthest back first."""

    scene: Scene

    @classmethod
    def start(cls) -> Page:
        """A dog and a ball in the park."""
        dog, ball = Thing("dog", "brown", "big", (0.05, 0.6762, 0.432, 0.97)), Thing("ball", "red", "small", (0.78, 0.76, 0.97, 0.95))
        return cls(Scene(7, "park", "sunny", (dog, ball)))

    def picture(self) -> Image.Image:
        """224 x 224 pixels, RGB."""
        return draw(self.scene)

    def record(self) -> Record:
        """All that is told about the picture: five captions, and the boxes as COCO's files hold them."""
        rows = [in_pixels(row["bbox"], (224, 224), "scene editor") for row in boxes(self.scene)]
        return Record("page", "page.png", (224, 224), tuple(captions(self.scene)),
                      tuple(Box(CATEGORIES[thing.category].coco, box) for thing, box in zip(self.scene.things, rows)))

    def names(self) -> list[str]:
        return [noun(thing, size=True) for thing in self.scene.things]

    def boxes(self) -> list[tuple[float, float, float, float]]:
        return [thing.box for thing in self.scene.things]

    def look(self, number: int) -> tuple[str, str, str]:
        """Category, colour and size of a thing."""
        thing = self._thing(number)
        return thing.category, thing.colour, thing.size

    def setting(self) -> tuple[str, str | None]:
        """Place and weather."""
        return self.scene.place, self.scene.weather

    def carries(self, kind: str, number: int) -> bool:
        """Can there be something on, under or held by a thing of this sort?"""
        return self._thing(number).category in _FITS[kind][1]

    def joined(self, number: int) -> tuple[str, int] | None:
        """("on" | "under" | "holding", the thing that it is on, under or held by), or None."""
        return next(((kind, on) for kind, rider, on in links(self.scene) if rider == number), None)

    def unseen(self) -> list[str]:
        """Names of the things that no training sample of LLaVA shows in their colour."""
        return [noun(thing) for thing in self.scene.things if (thing.colour, thing.category) in UNSEEN_PAIRS]

    # ---- changes

    def put(self, place: str | None = None, weather: str | None = None) -> Page:
        """Another place or weather. Indoors there is no weather; outside it is sunny if nothing else is said."""
        place = _known(place or self.scene.place, PLACES, "place")
        if weather:
            _known(weather, WEATHER, "weather")
        if PLACES[place].indoors and weather:
            raise InputError(f"{PLACES[place].phrase.capitalize()} there is no weather; choose a place outside first.")
        weather = None if PLACES[place].indoors else weather or self.scene.weather or "sunny"
        page = Page(replace(self.scene, place=place, weather=weather))
        for number, thing in enumerate(page.scene.things):              # boats go to the water, or are stranded
            if thing.category == "boat" and page.joined(number) is None:
                page = page._to(number, *free(page.scene, thing, number))
        return page._odd()

    def add(self, category: str, colour: str, size: str, join: tuple[str, int] | None = None) -> Page:
        """One more thing where there is room for it, or joined: ("on" | "under" | "holding", number of the other thing)."""
        if len(self.scene.things) >= MOST:
            raise InputError(f"A page has room for {MOST} things; remove one first.")
        thing = Thing(_known(category, CATEGORIES, "thing"), _known(colour, COLOURS, "colour"), _known(size, SIZES, "size"), (0.0, 0.0, 0.0, 0.0))
        if join is None:
            x, y = free(self.scene, thing, None)
            wide, high = extent(thing)
            thing = replace(thing, box=rounded(x, y, x + wide, y + high))
            return Page(replace(self.scene, things=(*self.scene.things, thing)))._odd()
        last = len(self.scene.things)
        box = self._beside(thing, *join)
        kind, other = join
        relation = Relation(kind, other, last) if kind == "holding" else Relation(kind, last, other)
        scene = replace(self.scene, things=(*self.scene.things, replace(thing, box=box)), relations=(*self.scene.relations, relation))
        check(scene, last)
        return Page(scene)._odd()

    def remove(self, number: int) -> Page:
        if len(self.scene.things) == 1:
            raise InputError(f"A page shows at least one thing; add another before you remove {the(self.scene.things[0])}.")
        self._alone(number)
        return Page(without(self.scene, number))._odd()

    def change(self, number: int, category: str, colour: str, size: str, join: tuple[str, int] | None = None) -> Page:
        """Makes a thing into another one, where it is if it can be. What is joined anew comes to lie furthest in front."""
        thing = self._thing(number)
        if (category, size, join) == (thing.category, thing.size, self.joined(number)):
            things = list(self.scene.things)
            things[number] = replace(thing, colour=_known(colour, COLOURS, "colour"))
            return Page(replace(self.scene, things=tuple(things)))
        self._alone(number)
        if join and join[1] == number:
            raise InputError(f"{the(thing).capitalize()} cannot be {WORDS.get(join[0], join[0])} itself; choose another thing.")
        if len(self.scene.things) == 1:
            rest = Page(replace(self.scene, things=(), relations=()))
        else:
            rest = Page(without(self.scene, number))
        page = rest.add(category, colour, size, join and (join[0], join[1] - (join[1] > number)))
        last = len(page.scene.things) - 1
        wide, high = extent(page.scene.things[last])
        if join is None:
            try:
                page = page.move(last, (thing.box[0] + thing.box[2] - wide) / 2, thing.box[3] - high)
            except InputError:
                pass                                            # it cannot be where the other was, and stays where there is room
        return page

    def move(self, number: int, x: float, y: float) -> Page:
        """The thing's upper left corner goes to (x, y), in 0..1 of the picture, with all that it carries; it lets go of what carried it."""
        self._thing(number)
        scene = replace(self.scene, relations=tuple(r for r, link in zip(self.scene.relations, links(self.scene)) if link[1] != number))
        return Page(scene)._to(number, x, y)

    def turn(self, number: int) -> Page:
        """The thing turned round, left for right."""
        self._thing(number)
        self._alone(number)
        things = list(self.scene.things)
        things[number] = replace(things[number], flip=not things[number].flip)
        return Page(replace(self.scene, things=tuple(things)))

    # ---- what the changes rest on

    def _thing(self, number: int) -> Thing:
        if not 0 <= number < len(self.scene.things):
            raise InputError(f"There is no thing number {number}; this page has 0 to {len(self.scene.things) - 1}.")
        return self.scene.things[number]

    def _alone(self, number: int) -> None:
        thing = self._thing(number)
        for kind, rider, on in links(self.scene):
            if on == number:
                raise InputError(f"{the(self.scene.things[rider]).capitalize()} is {WORDS[kind]} {the(thing)}; move or remove it first.")

    def _to(self, number: int, x: float, y: float) -> Page:
        box, things = self.scene.things[number].box, list(self.scene.things)
        x = min(max(x, EDGE), 1 - EDGE - (box[2] - box[0]))
        y = min(max(y, EDGE), 1 - EDGE - (box[3] - box[1]))
        riders = [rider for _, rider, on in links(self.scene) if on == number]
        for one in (number, *riders):
            x0, y0, x1, y1 = things[one].box
            right, down = x - box[0], y - box[1]
            things[one] = replace(things[one], box=rounded(x0 + right, y0 + down, x1 + right, y1 + down))
        scene = replace(self.scene, things=tuple(things))
        for one in (number, *riders):
            check(scene, one)
        return Page(scene)

    def _odd(self) -> Page:
        strange = [i for i, thing in enumerate(self.scene.things) if is_odd(thing.category, self.scene.place)]
        return Page(replace(self.scene, odd=strange[0] if strange else None))

    def _beside(self, thing: Thing, kind: str, other: int) -> tuple[float, float, float, float]:
        """Where a thing lies that is on, under or held by another."""
        carrier = self._thing(other)
        _known(kind, _FITS, "way to join two things")
        riders, carriers = _FITS[kind]
        if thing.category not in riders or carrier.category not in carriers:
            raise InputError(f"{a(thing, colour=False).capitalize()} is never {WORDS[kind]} {a(carrier, colour=False)} here; that can be: "
                             f"{', '.join(dict.fromkeys(riders))} {WORDS[kind]} {', '.join(carriers)}.")
        size = "big" if kind == "holding" and thing.category == "umbrella" else "small"
        if carrier.size != "big" or thing.size != size:
            raise InputError(f"Only a {size} {thing.category} fits {WORDS[kind]} a big {carrier.category}; change the size first.")
        if self.joined(other):
            raise InputError(f"{the(carrier).capitalize()} is {WORDS[self.joined(other)[0]]} something itself; move it away first.")
        if any((kind, other) == (way, on) for way, _, on in links(self.scene)):
            raise InputError(f"There is something {WORDS[kind]} {the(carrier)} already; move or remove that first.")
        return joint(thing, kind, carrier)


def _known(word: str, table, what: str) -> str:
    if word not in table:
        raise InputError(f"The storybook knows no {what} {word!r}; choose one of {', '.join(table)}.")
    return word
