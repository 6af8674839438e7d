"""Questions that need a picture of the storybook. What it shows is read from the folder's boxes and key, as anybody can."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..annotations import load
from ..evaluation.answers import read_questions
from ..storybook.vocabulary import CATEGORIES, COLOURS, NUMBERS, PLACES
from .drafts import Draft, Skill, listed, sentence, some
from .laws import NAMES

ANIMALS = {"dog": "It barks.", "cat": "It purrs.", "bird": "It lays eggs.", "horse": "It neighs.", "cow": "It gives milk for cheese.",
           "elephant": "It has a trunk."}
VEHICLES = {"car": "to take a few people by road", "bus": "to take many people by road", "bicycle": "to ride by pushing pedals",
            "boat": "to cross water",
            "airplane": "to fly people to far countries"}
KINDS = {"beach": "the shore of the sea", "park": "a garden for everybody in a town", "street": "a road in a town", "farm": "land where food is grown",
         "lake": "water with land all around", "mountains": "high land with snow", "kitchen": "a room for cooking", "bedroom": "a room for sleeping"}
LIKE = ({"beach", "lake"}, {"park", "farm"}, {"park", "lake"})        # a wrong choice is never of the same pair
NEEDED = {"rainy": ("a raincoat", "rubber boots"), "sunny": ("sunglasses", "a sun hat"), "night": ("a torch", "a lantern")}
SKIES = {"sunny": "The sun is shining.", "rainy": "It is raining.", "cloudy": "Clouds hide the sun, but no rain falls.", "night": "It is a dry night."}
KILOGRAMS = {"apple": 0.2, "cup": 0.3, "kite": 0.3, "ball": 0.4, "teddy bear": 0.4, "umbrella": 0.5, "bird": 0.5, "book": 0.6, "cake": 1, "clock": 1,
             "backpack": 3, "cat": 4, "chair": 6, "suitcase": 12, "bicycle": 13, "dog": 20, "person": 70, "horse": 500, "cow": 600, "car": 1300,
             "elephant": 5000,
             "bus": 12000, "airplane": 60000}
RHYMES = {"dog": "log", "cat": "hat", "bird": "word", "cow": "now", "car": "star", "bus": "plus", "boat": "goat", "airplane": "train", "kite": "night",
          "ball": "wall", "cup": "pup", "cake": "lake", "chair": "hair", "clock": "sock", "book": "hook", "suitcase": "face", "backpack": "snack",
          "traffic light": "night", "teddy bear": "hair"}
MAP = "The picture is used as a map. North is at its top and east on its right."


@dataclass(frozen=True)
class Page:
    """One picture and what a person can tell of it."""

    name: str                                       # file name of the picture
    split: str
    place: str                                      # a key of KINDS
    weather: str | None                             # None indoors
    count: dict[str, int]                           # category -> how many
    east: dict[str, float]                          # category that is there once -> its middle, 0 at the left to 1
    colour: dict[str, str]                          # category -> colour, where the key tells it


def read_pages(folder: Path, split: str) -> list[Page]:
    """The pictures of a storybook folder (see storybook/folder.py), made with all kinds of questions."""
    told: dict[str, dict[str, str]] = {}
    colours: dict[str, dict[str, str]] = {}
    for question in read_questions(folder / "questions.jsonl"):
        told.setdefault(question.image, {})[question.kind] = question.value
        if question.kind == "colour":
            colours.setdefault(question.image, {})[next(c for c in sorted(CATEGORIES, key=len, reverse=True) if c in question.text)] = question.value
    word, pages = {c.coco: c.name for c in CATEGORIES.values()}, []
    for record in load(folder):
        boxes = [(word[one.category], one.box) for one in record.boxes]
        count = Counter(name for name, _ in boxes)
        east = {name: (box[0] + box[2]) / 2 for name, box in boxes if count[name] == 1}
        key = told[record.image]
        pages.append(Page(record.image, split, key["place"], key.get("weather"), dict(count), east, colours.get(record.image, {})))
    return pages


def _skill(subject: str, topic: str, category: str, skill: str, grades: tuple[int, int], lecture: str) -> Skill:
    return Skill(f"{subject} science", topic, category, skill, grades, lecture)


def _draft(page: Page, skill: Skill, question: str, right: str, wrong, solution: str, hint: str = "") -> Draft:
    return Draft(skill, page.name, question, right, tuple(wrong), solution, hint, page.name)


def _a(category: str) -> str:
    return ("an " if category[0] in "aeiou" else "a ") + category


def _unlike(place: str) -> list[str]:
    return [other for other in KINDS if other != place and not any({place, other} <= pair for pair in LIKE)]


def _absent(page: Page, pool) -> list[str]:
    return [name for name in pool if name not in page.count]


def needed(rng: random.Random, page: Page) -> Draft | None:
    if page.weather not in NEEDED:
        return None
    skill = _skill("natural", "earth-science", "Weather", "Get ready for the weather", (1, 4), "Rain needs a coat, the sun a hat, the night a light.")
    right = rng.choice(NEEDED[page.weather])
    wrong = [thing for weather, things in NEEDED.items() if weather != page.weather for thing in things]
    name = rng.choice(NAMES)
    return _draft(page, skill, f"What will {name} need most?", right, some(rng, wrong), f"{SKIES[page.weather]} Of these things, {right} will help.",
                  f"{name} is about to go for a walk in the place of the picture.")


def sky(rng: random.Random, page: Page) -> Draft | None:
    if page.weather is None:
        return None
    skill = _skill("natural", "earth-science", "Weather", "Tell the weather from the sky", (1, 7), "Rain falls from dark clouds.")
    right = SKIES[page.weather]
    return _draft(page, skill, "What is the weather like in the picture?", right, some(rng, [s for s in SKIES.values() if s != right]),
                  f"The sky of the picture tells: {right}")


def alive(rng: random.Random, page: Page) -> Draft | None:
    living = [name for name in page.count if name in (*ANIMALS, "person")]
    if not living:
        return None
    skill = _skill("natural", "biology", "Living things", "Find a living thing", (1, 3), "Living things feed and grow.")
    right = rng.choice(living)
    wrong = some(rng, _absent(page, ANIMALS), 2, 1) + some(rng, [name for name in page.count if name not in (*living, "apple")], 2, 1)
    return _draft(page, skill, "Which living thing does the picture show?", _a(right), map(_a, wrong),
                  f"The picture shows {_a(right)}. {sentence(_a(right))} feeds and grows.")


def heaviest(rng: random.Random, page: Page) -> Draft | None:
    if not set(page.count) <= set(KILOGRAMS) or len(page.count) < 2:
        return None
    row = sorted(page.count, key=KILOGRAMS.get)
    if KILOGRAMS[row[-1]] < 2.5 * KILOGRAMS[row[-2]]:
        return None
    skill = _skill("natural", "physics", "Mass", "Compare the mass of things", (2, 8), "Think of the real things.")
    heavier = [name for name in _absent(page, KILOGRAMS) if KILOGRAMS[name] > KILOGRAMS[row[-1]]]    # else no picture would be needed
    wrong = some(rng, row[:-1], 2) + some(rng, heavier, 2)
    return _draft(page, skill, "Which of the things in the picture is the heaviest in real life?", _a(row[-1]), map(_a, wrong),
                  f"The picture shows {listed([_a(name) for name in reversed(row)])}. The heaviest of these is {_a(row[-1])}.")


def sign(rng: random.Random, page: Page) -> Draft | None:
    here = [name for name in page.count if name in ANIMALS]
    if len(here) != 1 or page.count[here[0]] != 1:
        return None
    skill = _skill("natural", "biology", "Animals", "Know animals", (1, 4), "Each animal has its signs.")
    right = ANIMALS[here[0]]
    return _draft(page, skill, "What can one say of the animal in the picture?", right, some(rng, [s for s in ANIMALS.values() if s != right]),
                  f"The picture shows {_a(here[0])}. {ANIMALS[here[0]]}")


def place(rng: random.Random, page: Page) -> Draft | None:
    skill = _skill("social", "geography", "Places", "Name kinds of places", (1, 7),
                   "Places differ in what is there.")
    return _draft(page, skill, "What kind of place does the picture show?", KINDS[page.place], some(rng, [KINDS[p] for p in _unlike(page.place)]),
                  f"The picture was taken {PLACES[page.place].phrase}. This is {KINDS[page.place]}.")


def vehicle(rng: random.Random, page: Page) -> Draft | None:
    here = [name for name in page.count if name in VEHICLES]
    if len(here) != 1:
        return None
    skill = _skill("social", "geography", "Transport", "Know what vehicles are for", (1, 4),
                   "Vehicles go by road, on water or in the air.")
    right = VEHICLES[here[0]]
    return _draft(page, skill, "For what do people use a vehicle such as the one in the picture?", right,
                  some(rng, [s for s in VEHICLES.values() if s != right]),
                  f"The picture shows {_a(here[0])}. It is used {VEHICLES[here[0]]}.")


def _maps() -> Skill:
    return _skill("social", "geography", "Maps", "Read a map: cardinal directions", (2, 9),
                  "West is on the left, east on the right.")


def farthest(rng: random.Random, page: Page) -> Draft | None:
    row = sorted(page.east, key=page.east.get)
    if len(row) < 2 or len(row) < len(page.count) or min(page.east[b] - page.east[a] for a, b in (row[:2], row[-2:])) < 0.12:
        return None
    west = rng.random() < 0.5
    right, wrong = (row[0], row[1:]) if west else (row[-1], row[:-1])
    return _draft(page, _maps(), f"Which of these is farthest {'west' if west else 'east'}?", _a(right), map(_a, some(rng, wrong)),
                  f"Farthest to the {'left' if west else 'right'} is {_a(right)}.", MAP)


def towards(rng: random.Random, page: Page) -> Draft | None:
    row = rng.sample(sorted(page.east), min(2, len(page.east)))
    if len(row) < 2 or abs(page.east[row[0]] - page.east[row[1]]) < 0.2:
        return None
    ways = ("east", "west")
    west = page.east[row[1]] < page.east[row[0]]
    return _draft(page, _maps(), f"Is the {row[1]} east or west of the {row[0]}?", ways[west], (ways[not west],),
                  f"The {row[1]} is to the {'left' if west else 'right'} of the {row[0]}, so {ways[west]} of it.", MAP)


def rhyme(rng: random.Random, page: Page) -> Draft | None:
    here = [name for name in page.count if name in RHYMES]
    if not here:
        return None
    skill = _skill("language", "phonological-awareness", "Rhyming", "Rhyme with a picture", (1, 2), "Words rhyme if they end alike.")
    one, sounds = rng.choice(here), {RHYMES[name] for name in here}
    wrong = sorted(set(RHYMES.values()) - sounds - {name for name in page.count})
    return _draft(page, skill, "Which word rhymes with the name of a thing in the picture?", RHYMES[one], some(rng, wrong),
                  f"The picture shows {_a(one)}. The words {one} and {RHYMES[one]} end in the same sound.")


def first(rng: random.Random, page: Page) -> Draft | None:
    row = sorted(page.count)
    if len(row) < 2:
        return None
    skill = _skill("language", "reference-skills", "Alphabetical order", "Order the words for what one sees", (1, 7),
                   "Words go by their first letters.")
    wrong = some(rng, row[1:], 2) + some(rng, _absent(page, [name for name in CATEGORIES if name < row[0]]), 2, 0)
    return _draft(page, skill, "Of the things in the picture, whose name comes first in alphabetical order?", row[0], wrong,
                  f"The picture shows, in alphabetical order: {', '.join(row)}.")


def adjective(rng: random.Random, page: Page) -> Draft | None:
    if not page.colour:
        return None
    skill = _skill("language", "grammar", "Adjectives", "Choose the adjective that fits", (1, 7),
                   "An adjective tells what a thing is like.")
    one = rng.choice(sorted(page.colour))
    what, right = "clothes of the person" if one == "person" else one, page.colour[one]
    return _draft(page, skill, f"Which adjective fits the {what} in the picture?", right, some(rng, [c for c in COLOURS if c != right]),
                  f"In the picture the {what} {'are' if one == 'person' else 'is'} {right}.")


def number(rng: random.Random, page: Page) -> Draft | None:
    skill = _skill("language", "grammar", "Nouns", "Choose singular or plural", (1, 3), "One thing is singular, more are plural.")
    many = [name for name, n in page.count.items() if n > 1]
    one = rng.choice(many) if many and rng.random() < 0.7 else rng.choice(sorted(page.count))
    words = [f"{NUMBERS[n]} {one if n == 1 else CATEGORIES[one].plural}" for n in range(1, 6)]
    right = words[page.count[one] - 1]
    return _draft(page, skill, "Which words fit the picture?", right, some(rng, [w for w in words[:4] if w != right]),
                  f"Counted in the picture: {right}.")


def told(rng: random.Random, page: Page) -> Draft | None:
    skill = _skill("language", "writing-strategies", "Descriptions", "Choose the sentence that describes a picture", (1, 8),
                   "All parts must be true.")
    one, other = rng.choice(sorted(page.count)), rng.choice(_absent(page, CATEGORIES))
    phrase, elsewhere = PLACES[page.place].phrase, [PLACES[p].phrase for p in rng.sample(_unlike(page.place), 2)]
    wrong = (f"There is {_a(one)} {elsewhere[0]}.", f"There is {_a(other)} {phrase}.", f"There is {_a(other)} {elsewhere[0]}.",
             f"There is {_a(one)} {elsewhere[1]}.")
    if page.count[one] > 1:
        wrong, many = tuple(w.replace(f"is {_a(one)}", f"are {CATEGORIES[one].plural}") for w in wrong), f"There are {CATEGORIES[one].plural} {phrase}."
    right = many if page.count[one] > 1 else f"There is {_a(one)} {phrase}."
    return _draft(page, skill, "Which sentence describes the picture?", right, some(rng, wrong), f"Both parts are true of the picture: {right}")


MAKERS = (needed, sky, alive, heaviest, sign, place, vehicle, farthest, towards, rhyme, first, adjective, number, told)
