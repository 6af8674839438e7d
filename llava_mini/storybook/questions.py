"""Questions about a scene with their true answers: the answer key of the storybook.

Kinds: what, colour, count, is-there, size, where, place, weather, relation, unusual, why.
A question is only asked where its answer is beyond doubt (how far "nothing is unusual" is: see
:mod:`.ordinary`); "is there" is true half of the time, and its false half is built to fool a bag of
patches (is there a red car? when there are a red ball and a blue car). :func:`value` reads the answer out of a model's own words.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass

from .ordinary import is_ordinary
from .phrases import a, article, how_many, left_of, noun, side, unique
from .scenes import Scene, Thing
from .vocabulary import CATEGORIES, COLOURS, NUMBERS, PLACES, SIZES, UNSEEN_PAIRS, WEATHER


@dataclass(frozen=True)
class Question:
    kind: str        # one of KINDS
    text: str        # the question as a person types it
    answer: str      # a full sentence
    value: str       # what has to be right: "brown", "two", "yes", ...


def questions(scene: Scene, rng: random.Random) -> list[Question]:
    """Every kind of question this scene can be asked, one or two of a kind, in random order."""
    asked = [q for make in _MAKERS.values() for q in make(scene, rng)]
    rng.shuffle(asked)
    return asked


def ask(scene: Scene, kind: str, rng: random.Random) -> list[Question]:
    """The questions of one kind; an empty list where the scene gives none."""
    return _MAKERS[kind](scene, rng)


def _named(scene: Scene) -> list[Thing]:
    return [t for t in unique(scene) if not t.character]


def _what(scene, rng):
    colours = Counter(t.colour for t in scene.things)
    out = []
    things = [t for t in scene.things if colours[t.colour] == 1 and t.category != "person"]
    if things:
        t = rng.choice(things)
        text = rng.choice((f"What is the {t.colour} thing?", f"Which thing is {t.colour}?"))
        out.append(Question("what", text, f"The {t.colour} thing is {article(t.category)}.", t.category))
    for where in ("on the left", "on the right"):
        here = [t for t in scene.things if side(t) == where]
        clear = all(side(t) is not None for t in scene.things)
        if len(here) == 1 and clear and not here[0].character:
            t = here[0]
            out.append(Question("what", f"What is {where}?", f"{where.capitalize()} there is {a(t)}.", t.category))
    return out[:2]


def _colour(scene, rng):
    things = _named(scene)
    rng.shuffle(things)
    out = []
    for t in things[:2]:
        if t.category == "person":
            out.append(Question("colour", "What colour does the person wear?", f"The person wears {t.colour}.", t.colour))
        else:
            text = rng.choice((f"What colour is the {t.category}?", f"Which colour does the {t.category} have?"))
            out.append(Question("colour", text, f"The {t.category} is {t.colour}.", t.colour))
    return out


def _count(scene, rng):
    counts = how_many(scene)
    largest = max(counts, key=counts.get)
    category = largest if counts[largest] > 1 and rng.random() < 0.75 else rng.choice(sorted(counts))
    n, plural = counts[category], CATEGORIES[category].plural
    text = rng.choice((f"How many {plural} are there?", f"How many {plural} do you see?"))
    verb = "is" if n == 1 else "are"
    return [Question("count", text, f"There {verb} {NUMBERS[n]} {category if n == 1 else plural}.", NUMBERS[n])]


def _is_there(scene, rng):
    pairs = {(t.colour, t.category) for t in scene.things}
    out = []
    for truth in rng.sample((True, False), 2):
        colour, category = rng.choice(sorted(pairs)) if truth else _absent(pairs, rng)
        if truth and rng.random() < 0.4:
            colour = None
        out.append(_ask_for(colour, category, truth, rng))
    return out


def _ask_for(colour, category, truth, rng):
    words = article(noun(Thing(category, colour or "red", "small", (0, 0, 1, 1)), colour=colour is not None))
    text = rng.choice((f"Is there {words}?", f"Do you see {words}?"))
    answer = f"Yes, there is {words}." if truth else f"No, there is no {words.split(' ', 1)[1]}."
    return Question("is-there", text, answer, "yes" if truth else "no")


def ask_for_unseen_pair(scene: Scene, rng: random.Random) -> Question:
    """Is an unseen pair there? Yes and no are as likely; for a no, something of its category in another
    colour is there where that can be. The scene must show an unseen pair."""
    shown = {(t.colour, t.category) for t in scene.things}
    truth = rng.random() < 0.5
    absent = UNSEEN_PAIRS - shown
    fooling = {pair for pair in absent if pair[1] in {k for _, k in shown}}
    return _ask_for(*rng.choice(sorted(UNSEEN_PAIRS & shown if truth else fooling or absent)), truth, rng)


def _absent(pairs, rng):
    """A pair that is not there: swapped parts of what is there, or a category that is absent."""
    swapped = sorted({(c, k) for c, _ in pairs for _, k in pairs} - pairs - UNSEEN_PAIRS)
    if swapped and rng.random() < 0.55:
        return rng.choice(swapped)
    if rng.random() < 0.5:
        return None, rng.choice([k for k in CATEGORIES if k not in {k for _, k in pairs}])
    options = [(c, k) for _, k in pairs for c in COLOURS if (c, k) not in pairs and (c, k) not in UNSEEN_PAIRS]
    return rng.choice(sorted(options))


def _size(scene, rng):
    things = _named(scene)
    if not things:
        return []
    big = [t for t in things if t.size == "big"]        # small things are more common: even them out
    t = rng.choice(big if big and rng.random() < 0.6 else things)
    text = rng.choice((f"Is the {t.category} small or big?", f"How big is the {t.category}?"))
    return [Question("size", text, f"The {t.category} is {t.size}.", t.size)]


def _where(scene, rng):
    things = [t for t in _named(scene) if side(t)]
    if not things:
        return []
    t = rng.choice(things)
    return [Question("where", f"Where is the {t.category}?", f"The {t.category} is {side(t)}.", side(t).split()[-1])]


def _place(scene, rng):
    place = PLACES[scene.place]
    text = rng.choice(("Where was this picture taken?", "What place is this?"))
    return [Question("place", text, f"It was taken {place.phrase}." if "taken" in text else f"We are {place.phrase}.", place.name)]


def _weather(scene, rng):
    if not scene.weather:
        return []
    text = rng.choice(("What is the weather like?", "How is the weather?"))
    words = WEATHER[scene.weather]
    return [Question("weather", text, words[0].upper() + words[1:] + ".", scene.weather)]


_VERB = {"holding": "What is {} holding?", "on": "What is on {}?", "under": "What is under {}?"}


def _relation(scene, rng):
    out = []
    counts = how_many(scene)
    for r in scene.relations:
        subject, target = scene.things[r.subject], scene.things[r.target]
        known, asked = (subject, target) if r.kind == "holding" else (target, subject)
        if counts[known.category] == 1 and not known.character:
            who = f"the {known.category}"
            verb = f"{who[0].upper() + who[1:]} is holding {a(asked)}." if r.kind == "holding" else f"{r.kind.capitalize()} {who} there is {a(asked)}."
            out.append(Question("relation", _VERB[r.kind].format(who), verb, asked.category))
    things = _named(scene)
    rng.shuffle(things)
    for one, other in zip(things[::2], things[1::2]):
        if left_of(one, other) is not None:
            word = "left" if left_of(one, other) else "right"
            out.append(Question("relation", f"Is the {one.category} to the left or to the right of the {other.category}?",
                                f"The {one.category} is to the {word} of the {other.category}.", word))
            break
    return out


def _unusual(scene, rng):
    if scene.odd is None and (rng.random() < 0.7 or not is_ordinary(scene)):    # not each of the ordinary ones
        return []
    text = rng.choice(("What is unusual in this picture?", "Is anything strange here?"))
    if scene.odd is None:
        return [Question("unusual", text, "Nothing is unusual here.", "nothing")]
    t = scene.things[scene.odd]
    return [Question("unusual", text, f"It is unusual to see {article(t.category)} {PLACES[scene.place].phrase}.", t.category)]


_WHY = {"rainy": ("It keeps the person dry, because it is raining.", "rain"),
        "sunny": ("It gives shade, because the sun is shining.", "shade"),
        "cloudy": ("It may rain soon, because the sky is cloudy.", "soon"),
        "night": ("It is night and no rain falls, so it is only carried along.", "carried")}


_BEWARE = {"bus": "it is heavy", "car": "it is fast", "elephant": "it is strong", "bicycle": "one hardly hears it"}


def _why(scene, rng):
    for r in scene.relations:
        if r.kind == "holding" and scene.things[r.target].category == "umbrella" and scene.weather:
            answer, value_ = _WHY[scene.weather]
            return [Question("why", "Why does the person hold an umbrella?", answer, value_)]
    dangers = [t.category for t in scene.things if t.category in _BEWARE]
    if len(dangers) == 1 and not PLACES[scene.place].indoors:           # of two, who is to say which?
        answer = f"Watch out for the {dangers[0]}, because {_BEWARE[dangers[0]]}."
        return [Question("why", "What should one watch out for here?", answer, dangers[0])]
    return []


_MAKERS = {"what": _what, "colour": _colour, "count": _count, "is-there": _is_there, "size": _size, "where": _where,
           "place": _place, "weather": _weather, "relation": _relation, "unusual": _unusual, "why": _why}
KINDS = tuple(_MAKERS)

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
    if kind == "is-there":                              # "No, there is no ..." says no twice; the first word counts
        found &= set(re.findall(r"^(?:yes|no)\b", text.lower()))
    return found.pop() if len(found) == 1 else None
