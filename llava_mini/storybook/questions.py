"""Questions about a scene with their true answers: the answer key of the storybook.

Kinds: what, colour, count, is-there, size, where, place, weather, relation, unusual, why.
A question is only asked where its answer is beyond doubt (how far "nothing is unusual" is: see
:mod:`.ordinary`); "is there" is true half of the time, and its false half is built to fool a bag of
patches (is there a red car? when there are a red ball and a blue car), see :mod:`.presence`.
:func:`.values.value` reads the answer out of a model's own words.
"""

from __future__ import annotations

import random
from collections import Counter

from .ordinary import is_ordinary
from .phrases import a, article, how_many, left_of, side, unique
from .presence import is_there
from .scenes import Question, Scene, Thing
from .vocabulary import CATEGORIES, NUMBERS, PLACES, UNSEEN_PAIRS, WEATHER


def questions(scene: Scene, rng: random.Random, apart: frozenset = UNSEEN_PAIRS) -> list[Question]:
    """Every kind of question this scene can be asked, one or two of a kind, in random order.

    ``apart`` are the pairs of colour and category that are never asked for in vain.
    """
    asked = [q for kind, make in _MAKERS.items() for q in (make(scene, rng, apart) if kind == "is-there" else make(scene, rng))]
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
    middle = [t for t in things if side(t) == "in the middle"]          # the rarest of the three: even them out
    t = rng.choice(middle if middle and rng.random() < 0.5 else things)
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


_MAKERS = {"what": _what, "colour": _colour, "count": _count, "is-there": is_there, "size": _size, "where": _where,
           "place": _place, "weather": _weather, "relation": _relation, "unusual": _unusual, "why": _why}
KINDS = tuple(_MAKERS)
