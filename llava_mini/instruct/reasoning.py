"""Complex reasoning: one question that looking alone does not answer, and an answer that goes from what is seen to why.

What is seen comes from the facts, what follows from it out of :mod:`.lore`. The storybook's own questions of this kind,
what is unusual and why, come most often where they can be asked.
"""

from __future__ import annotations

import random

from ..storybook.vocabulary import WEATHER
from .lore import DANGERS, DRESS, EDIBLE, HINTS, TOYS, UMBRELLA, odd, ordinary, strangers
from .places import INSIDE, OUTSIDE
from .reading import Facts
from .speech import article, be, listed, noun, sentence, some
from .words import category, tokens

_OFTEN = 4                  # how much more often the storybook's own questions are chosen


def reason(facts: Facts, rng: random.Random) -> tuple[str, str]:
    """A question and its answer. There is always one: of a moment in a picture nobody can tell what came before."""
    storybook = _odd(facts, rng) + _umbrella(facts, rng) + _danger(facts, rng)
    general = _hints(facts, rng) + _dress(facts, rng) + _eat(facts) + _play(facts) + _indoors(facts)
    options = storybook * _OFTEN + (general or _before(facts))
    return rng.choice(options)


def _odd(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    found = strangers(facts)
    if len(found) == 1:
        name, where = found[0], facts.place.phrase
        thing, cause = article(category(name).spoken), odd(found[0], facts.place)
        return [(rng.choice(("What is unusual in this picture?", "Is anything strange here?", "What is unusual in this picture, and why?")),
                 rng.choice((f"It is unusual to see {thing} {where}, because {cause}.",
                             f"{sentence(cause)} We are {where}, so it is unusual to see {thing} here."))),
                (f"Why is it strange to see {thing} here?", f"We are {where}, and {cause}.")]
    if ordinary(facts):
        where = facts.place.phrase
        return [(rng.choice(("What is unusual in this picture?", "Is anything strange here?")),
                 f"Nothing is unusual here. All of this can often be seen {where}.")] if rng.random() < 0.3 else []
    return []


def _umbrella(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    held = any(kind == "holding" and other == "umbrella" for kind, _, _, other, _ in facts.relations)
    if not held or not facts.weather:
        return []
    return [(rng.choice(("Why does the person hold an umbrella?", "Why is the person holding an umbrella?")), rng.choice(UMBRELLA[facts.weather]))]


def _danger(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    found = [t.category for t in facts.things if t.category in DANGERS]
    if len(found) != 1 or not facts.told or not facts.place or facts.place.indoors:
        return []
    short, long = DANGERS[found[0]]
    return [(rng.choice(("What should one watch out for here?", "What should one watch out for here?", "What should one be careful of here, and why?")),
             rng.choice((f"Watch out for the {found[0]}, because {short}.", f"One should watch out for the {found[0]}, because {long}.")))]


def _hints(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    """What a thing is good for, and what its being there suggests."""
    names = sorted({t.category for t in facts.things} & set(HINTS))
    names = [name for name in names if name != "person"] or names
    found = []
    for name in rng.sample(names, min(2, len(names))):
        (truth, guess), one = HINTS[name], len(facts.of(name)) == 1
        words = category(name).spoken if one else category(name).plural
        if name in facts.counts:
            seen = f"there {be(facts.counts[name])} {some(name, facts.counts[name], facts.colours.get(name))} here"
        else:
            seen = f"one sees {some(name) if one else words} here"
        question = rng.choice((f"What can be guessed from the {words}?", f"What {'does' if one else 'do'} the {words} tell us about this place?"))
        found.append((question, f"{sentence(seen)} {sentence(truth)} So {guess}."))
    return found


def _dress(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    if not facts.weather or (facts.place and facts.place.indoors):
        return []
    return [(rng.choice(("What should one wear here?", "How should one dress to walk about here?")), f"One should wear {DRESS[facts.weather]}.")]


def _eat(facts: Facts) -> list[tuple[str, str]]:
    food = [name for name in facts.counts if name in EDIBLE]
    if not food or not facts.told:
        return []
    parts = listed(f"the {noun(name, number=facts.counts[name])}" for name in food)
    return [("What could one eat here?", f"One could eat {parts}. Nothing else here is food.")]


def _play(facts: Facts) -> list[tuple[str, str]]:
    toys = [name for name in facts.counts if name in TOYS]
    if not toys or not facts.told:
        return []
    parts = listed(f"the {noun(name, number=facts.counts[name])}" for name in toys)
    several = len(toys) > 1 or facts.counts[toys[0]] > 1
    return [("What could one play with here?",
             f"One could play with {parts}, because {'these are toys' if several else 'this is a toy'}.")]


def _indoors(facts: Facts) -> list[tuple[str, str]]:
    """Inside or outside, by the evidence that all of the captions give."""
    question = "Is this inside or outside, and how can one tell?"
    if facts.told:
        if not facts.place:
            return []
        if facts.place.indoors:
            return [(question, f"This is inside, because we are {facts.place.phrase} and there is no sky above.")]
        sky = f", and {WEATHER[facts.weather]}" if facts.weather else ""
        return [(question, f"This is outside, because we are {facts.place.phrase}{sky}.")]
    said = [word for caption in facts.captions for word in tokens(caption)]
    if "window" in said:                        # through which one may look out, or in
        return []
    out, inside = ([word for word in dict.fromkeys(said) if word in words] for words in (OUTSIDE, INSIDE))
    evidence = [word for word in (out or inside) if word not in ("outdoor", "outside", "outdoors", "indoor", "indoors", "inside")]
    if bool(out) == bool(inside) or not evidence:
        return []
    return [(question, f"This is probably {'outside' if out else 'inside'}. What one sees tells it: {listed(evidence[:3])}.")]


def _before(facts: Facts) -> list[tuple[str, str]]:
    return [("Can one tell for certain what happened before this moment?",
             "No. What is seen is a single moment. What came before it can be guessed, but not known.")]
