"""Questions that looking answers: what, colour, count, is-there, size, where. Each has its answer in a full sentence.

Every kind is a function from facts to turns, and asks only what the facts answer beyond doubt. A form is a question
with the answer that goes with it; ways in which people ask most stand in it several times. Each question can be
understood without the ones before it.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from ..storybook.vocabulary import CATEGORIES as BOOK
from ..storybook.vocabulary import COLOURS, UNSEEN_PAIRS
from .reading import Facts
from .speech import article, be, listed, noun, sentence, some
from .words import CATEGORIES, MEMBERS, NUMBERS, category

OPEN_BOOK = tuple(row.coco for row in BOOK.values())        # what a picture of the storybook's manner may show


@dataclass(frozen=True)
class Turn:
    """One question and its answer."""

    kind: str                   # "what", "colour", "count", ...: the storybook's kinds of question, or "about"
    question: str
    answer: str


def turn(kind: str, forms, rng: random.Random, **words) -> Turn:
    """One of the forms "question > answer", filled with words."""
    question, answer = (part.strip().format(**words) for part in rng.choice(forms).split(">"))
    return Turn(kind, sentence(question), sentence(answer))


_WHAT = ["What is the {c} thing? > The {c} thing is {a}"] * 2 + ["Which thing is {c}? > The {c} thing is {a}"] * 2 + [
    "What in the picture is {c}? > The {k} is {c}", "Can you name the {c} thing? > The {c} thing is {a}"]
_WHAT_SIDE = ["What is {s}? > {s} there is {a}"] * 3 + ["What do you see {s}? > {s} there is {a}", "What can be seen {s}? > {s} one sees {a}",
                                                        "What is there {s} of the picture? > {s} there is {a}"]
_WHAT_GROUP = ["Which {g} is in the picture? > {a} is in the picture", "What {g} do you see? > The {g} is {a}"]


def what(facts: Facts, rng: random.Random) -> list[Turn]:
    found, looks = [], Counter(thing.colour for thing in facts.things)
    clear = [t for t in facts.things if looks[t.colour] == 1 and t.category != "person"] if facts.told and None not in looks else []
    if clear:
        thing = rng.choice(clear)
        found.append(turn("what", _WHAT, rng, c=thing.colour, k=category(thing.category).spoken, a=article(category(thing.category).spoken)))
    sides = [(t, t.side) for t in facts.things]
    for side in ("on the left", "on the right", "in the middle"):
        here = [t for t, where in sides if where == side]
        if len(here) == 1 and not here[0].name and all(where for _, where in sides) and (facts.told or here[0].category in facts.counts):
            found.append(turn("what", _WHAT_SIDE, rng, s=side, a=some(here[0].category, 1, here[0].colour or facts.colours.get(here[0].category))))
    for group in ("animal", "vehicle"):
        known = [name for name in sorted(MEMBERS[group]) if facts.of(name)]
        alone = facts.told or not (facts.named & MEMBERS[group]) - set(known)
        if len(known) == 1 and facts.counts.get(known[0]) == 1 and alone:
            found.append(turn("what", _WHAT_GROUP, rng, g=group, a=article(category(known[0]).spoken)))
    return rng.sample(found, min(3, len(found)))


_COLOUR = ["What colour is the {k}? > The {k} is {c}"] * 3 + ["Which colour does the {k} have? > The {k} is {c}"] * 3 + [
    "Can you tell me the colour of the {k}? > The {k} is {c}", "What is the colour of the {k}? > The colour of the {k} is {c}"]
_DRESS = ["What colour does the person wear? > The person wears {c}"] * 4 + ["In which colour is the person dressed? > The person is dressed in {c}",
                                                                           "What is the colour of the person's clothes? > The person wears {c}"]
_COLOURS = ["What colour are the {p}? > The {p} are {c}", "Which colour do the {p} have? > The {p} are {c}"]
_DRESSES = ["What colour do the people wear? > The people wear {c}"]
_COLOUR_SIDE = ["What colour is the {k} {s}? > The {k} {s} is {c}"]
_DRESS_SIDE = ["What colour does the person {s} wear? > The person {s} wears {c}"]


def colour(facts: Facts, rng: random.Random) -> list[Turn]:
    found = []
    for name, said in sorted(facts.colours.items()):
        people, words = name == "person", {"k": category(name).spoken, "p": category(name).plural, "c": said}
        if facts.counts.get(name) == 1:
            found.append(turn("colour", _DRESS if people else _COLOUR, rng, **words))
        elif name in facts.counts:
            found.append(turn("colour", _DRESSES if people else _COLOURS, rng, **words))
    for name in facts.counts if facts.told else ():
        here = facts.of(name)
        if len(here) > 1 and name not in facts.colours and all(t.side for t in here):
            alone = [t for t in here if t.colour and [other.side for other in here].count(t.side) == 1]
            for thing in alone[:1]:
                found.append(turn("colour", _DRESS_SIDE if name == "person" else _COLOUR_SIDE, rng, k=category(name).spoken,
                                  s=thing.side, c=thing.colour))
    return rng.sample(found, min(3, len(found)))


_COUNT = ["How many {p} are there? > There {be} {n} {w}"] * 3 + ["How many {p} do you see? > There {be} {n} {w}"] * 3 + [
    "How many {p} can be seen? > There {be} {n} {w}", "Can you count the {p}? > There {be} {n} {w}",
    "What is the number of {p}? > There {be} {n} {w}"]


def count(facts: Facts, rng: random.Random) -> list[Turn]:
    if not facts.counts:
        return []
    largest = max(facts.counts.values())
    names = [name for name, n in facts.counts.items() if n == largest] if largest > 1 and rng.random() < 0.75 else list(facts.counts)
    name = rng.choice(names)
    n = facts.counts[name]
    found = [_counted(n, noun(name, number=n), category(name).plural, rng)]
    alike = Counter((name, said) for name, said, _, _ in facts.looks if said and facts.counts[name] > 1 and name not in facts.colours)
    if alike:
        (name, said), n = rng.choice(sorted(alike.items()))
        found.append(_counted(n, noun(name, said, number=n), noun(name, said, number=2), rng))
    animals = sum(facts.counts[name] for name in facts.counts if name in MEMBERS["animal"])
    if facts.told and animals > 1 and rng.random() < 0.2:
        found.append(_counted(animals, "animals", "animals", rng))
    return found


def _counted(n: int, words: str, plural: str, rng) -> Turn:
    return turn("count", _COUNT, rng, p=plural, n=NUMBERS[n], w=words, be=be(n))


_ASK_THERE = ["Is there {a}?"] * 3 + ["Do you see {a}?"] * 3 + ["Can you see {a}?", "Is there {a} in the picture?", "Does the picture show {a}?"]
_THERE = [f"{ask} > {{yes}}, there is {{b}}" for ask in _ASK_THERE[:-1]] + [f"{_ASK_THERE[-1]} > {{yes}}, it shows {{b}}"]
_SEEN = [f"{ask} > {{e}}, so {{yes}}" for ask in _ASK_THERE]         # what is seen comes first, and the verdict follows from it


def is_there(facts: Facts, rng: random.Random) -> list[Turn]:
    """A yes and a no, or neither: whoever always says yes must be wrong half of the time."""
    looks = sorted({(said, name) for name, said, _, called in facts.looks if said and not called})
    looks = looks or sorted({(None, t.category) for t in facts.things if not t.name}, key=str)
    absent = _seeming(facts, looks, rng) if looks else None
    if not absent:
        return []
    said, name = rng.choice(looks)
    return [_asked_for(facts, said if rng.random() < 0.6 else None, name, "yes", rng), _asked_for(facts, *absent, "no", rng)]


def _asked_for(facts: Facts, said: str | None, name: str, verdict: str, rng) -> Turn:
    words = noun(name, said)
    if evidence := said and _evidence(facts, name):
        return turn("is-there", _SEEN, rng, a=article(words), e=evidence, yes=verdict)
    return turn("is-there", _THERE, rng, a=article(words), yes=verdict.capitalize(), b=article(words) if verdict == "yes" else f"no {words}")


def _evidence(facts: Facts, name: str) -> str | None:
    """"The car is brown", "The cars are red and brown"; None where a colour is in doubt, or nothing of the kind is there."""
    things = sorted(facts.of(name), key=lambda thing: thing.x)
    if not things or not all(thing.colour for thing in things):
        return None
    one = len(things) == 1
    verb = ("wears" if one else "wear") if name == "person" else be(len(things))
    return f"The {category(name).spoken if one else category(name).plural} {verb} {listed(dict.fromkeys(t.colour for t in things))}"


def _seeming(facts: Facts, looks, rng) -> tuple[str | None, str] | None:
    """What is not there and seems to be to whoever looks at colours and things apart: swapped parts of what is there.

    Pairs that the storybook holds out are not asked for: to learn that they are never there would be to learn them.
    """
    if not facts.told:
        kin = {name for group in MEMBERS.values() for name in group if group & set(facts.counts)}
        options = sorted(name for name in CATEGORIES if facts.absent(name))
        options = [name for name in options if name in kin] or options
        return (None, rng.choice(options)) if options else None
    if any(said is None for _, said, _, _ in facts.looks):
        return None, rng.choice([name for name in OPEN_BOOK if facts.absent(name)])
    pairs = set(looks)

    def allowed(said, name) -> bool:
        return (said, name) not in pairs and (said, category(name).spoken) not in UNSEEN_PAIRS

    swapped = sorted((said, name) for said in {c for c, _ in pairs} for name in {k for _, k in pairs} if allowed(said, name))
    if swapped and rng.random() < 0.55:
        return rng.choice(swapped)
    if rng.random() < 0.5:
        return None, rng.choice([name for name in OPEN_BOOK if facts.absent(name)])
    return rng.choice(sorted((said, name) for _, name in pairs for said in COLOURS if allowed(said, name)))


_SIZE = ["Is the {k} small or big? > The {k} is {z}"] * 3 + ["How big is the {k}? > The {k} is {z}"] * 3 + [
    "What size is the {k}? > The {k} is {z}", "Is the {k} big or small? > The {k} is {z}"]


def size(facts: Facts, rng: random.Random) -> list[Turn]:
    things = [t for t in facts.single() if t.size]
    big = [t for t in things if t.size == "big"]
    things = big if big and rng.random() < 0.6 else things
    return [turn("size", _SIZE, rng, k=category(t.category).spoken, z=t.size) for t in rng.sample(things, min(1, len(things)))]


_WHERE = ["Where is the {k}? > The {k} is {s}"] * 3 + ["Where in the picture is the {k}? > The {k} is {s}",
                                                       "Where can one see the {k}? > The {k} can be seen {s}"]


def where(facts: Facts, rng: random.Random) -> list[Turn]:
    found = [(t, category(t.category).spoken) for t in facts.single() if t.side]
    looks = Counter((t.category, t.colour) for t in facts.things)
    for t in facts.things if facts.told else ():
        if facts.counts[t.category] > 1 and t.colour and t.side and looks[t.category, t.colour] == 1 and not looks[t.category, None]:
            found.append((t, noun(t.category, t.colour)))
    return [turn("where", _WHERE, rng, k=words, s=t.side) for t, words in rng.sample(found, min(2, len(found)))]
