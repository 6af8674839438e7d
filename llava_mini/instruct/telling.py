"""Conversations: six to eight questions with their answers, as varied as the facts of a context allow.

Besides what is there (:mod:`.looking`) they are about the place, the weather, what is beside or on what, what is
unusual and why; :mod:`.reasoning` answers the last two at length. Of a picture whose captions are free writing little
else is certain than what they say themselves, so there they are asked what people do and what is to be seen.
"""

from __future__ import annotations

import random

from ..storybook.vocabulary import WEATHER
from .looking import Turn, colour, count, is_there, size, turn, what, where
from .free import doings, quotable
from .lore import DANGERS, UMBRELLA, ordinary, strangers
from .reading import Facts
from .speech import article, sentence, some
from .words import category

LENGTH = (6, 8)             # turns of a conversation, where there is so much to ask
LEAST = 3                   # below that, what the captions say is asked for until they are used up
# How much more readily than others a kind is chosen: what can rarely be asked, and what is hard to see.
WEIGHTS = {"unusual": 4.0, "why": 4.0, "relation": 2.2, "what": 2.0, "colour": 1.2, "count": 1.6, "is-there": 1.2, "size": 0.9,
           "where": 2.0, "place": 0.5, "weather": 0.5}
MOST_OF_A_KIND = 2


_PLACE = ["Where was this picture taken? > It was taken {w}"] * 3 + ["What place is this? > We are {w}"] * 3 + [
    "Where are we? > We are {w}", "Where does this scene take place? > It takes place {w}"]


def place(facts: Facts, rng: random.Random) -> list[Turn]:
    return [turn("place", _PLACE, rng, w=facts.place.phrase)] if facts.place else []


_WEATHER = ["What is the weather like? > {w}"] * 2 + ["How is the weather? > {w}"] * 2 + ["What kind of weather is it? > {w}"]


def weather(facts: Facts, rng: random.Random) -> list[Turn]:
    return [turn("weather", _WEATHER, rng, w=WEATHER[facts.weather])] if facts.weather else []


_HOLDS = ["What is the person holding? > The person is holding {a}"] * 3 + ["What does the person hold? > The person holds {a}"]
_HELD = ["Who is holding the {k}? > {b} is holding the {k}"]
_RIDES = ["What is the person riding? > The person is riding {a}"]
_UPON = ["What is {r} the {k}? > {r} the {k} there is {a}"]
_SEEN_FROM = ["Is the {k} to the left or to the right of the {o}? > The {k} is to the {s} of the {o}"] * 3 + [
    "Is the {k} left or right of the {o}? > The {k} is to the {s} of the {o}", "Is the {k} on the right or on the left of the {o}? > The {k} is on the {s} of the {o}"]


def relation(facts: Facts, rng: random.Random) -> list[Turn]:
    found = []
    for kind, one, its, other, others in facts.relations:
        one_known, other_known = facts.counts.get(one) == 1, facts.counts.get(other) == 1
        its, others = its or facts.colours.get(one), others or facts.colours.get(other)
        if kind in ("holding", "riding") and one_known:
            found.append(turn("relation", _HOLDS if kind == "holding" else _RIDES, rng, a=some(other, 1, others)))
        if kind == "holding" and other_known and rng.random() < 0.3:
            found.append(turn("relation", _HELD, rng, k=category(other).spoken, b=some(one, 1, its)))
        if kind in ("on", "under") and other_known:
            found.append(turn("relation", _UPON, rng, r=kind, k=category(other).spoken, a=some(one, 1, its)))
    single = rng.sample(facts.single(), len(facts.single()))
    for one, other in zip(single[::2], single[1::2]):
        if (left := facts.left_of(one, other)) is not None:
            found.append(turn("relation", _SEEN_FROM, rng, k=category(one.category).spoken, o=category(other.category).spoken,
                              s="left" if left else "right"))
            break
    return found


_STRANGE = ["What is unusual in this picture? > It is unusual to see {a} {w}"] * 3 + ["Is anything strange here? > It is unusual to see {a} {w}"] * 3 + [
    "What is strange about this picture? > It is strange to see {a} {w}"]
_USUAL = ["What is unusual in this picture? > Nothing is unusual here", "Is anything strange here? > Nothing is unusual here",
          "What is strange about this picture? > Nothing is strange here"]


def unusual(facts: Facts, rng: random.Random) -> list[Turn]:
    odd_ones = strangers(facts)
    if len(odd_ones) == 1:
        return [turn("unusual", _STRANGE, rng, a=article(category(odd_ones[0]).spoken), w=facts.place.phrase)]
    return [turn("unusual", _USUAL, rng)] if ordinary(facts) and rng.random() < 0.3 else []


def why(facts: Facts, rng: random.Random) -> list[Turn]:
    found = []
    if facts.told and facts.weather and any(kind == "holding" and other == "umbrella" for kind, _, _, other, _ in facts.relations):
        question = rng.choice(["Why does the person hold an umbrella?"] * 3 + ["Why is the person holding an umbrella?"])
        found.append(Turn("why", question, UMBRELLA[facts.weather][0]))
    dangers = [t.category for t in facts.things if t.category in DANGERS]
    if facts.told and len(dangers) == 1 and facts.place and not facts.place.indoors:
        question = rng.choice(["What should one watch out for here?"] * 3 + ["What should one be careful of here?"])
        found.append(Turn("why", question, f"Watch out for the {dangers[0]}, because {DANGERS[dangers[0]][0]}."))
    return found


KINDS = {"what": what, "colour": colour, "count": count, "is-there": is_there, "size": size, "where": where, "place": place,
         "weather": weather, "relation": relation, "unusual": unusual, "why": why}


def questions(facts: Facts, rng: random.Random) -> list[Turn]:
    """Everything that the facts allow to ask, a few of each kind, in the order of the kinds."""
    return [one for ask in KINDS.values() for one in ask(facts, rng)]


_SHOWS = ["What does the picture show? > {w}", "What can be seen in the picture? > {w}"]


def about(facts: Facts, rng: random.Random) -> list[Turn]:
    """What free captions say of the only person or animal, and one of them as it stands."""
    if facts.told:
        return []
    found = [Turn("about", f"What is the {who} {'wearing' if act.startswith('wearing ') else 'doing'}?", sentence(f"the {who} is {act}"))
             for who, act in doings(facts.captions, facts.things, facts.counts)[:1]]
    return found + [turn("about", _SHOWS, rng, w=line) for line in rng.sample(quoted(facts), 1)]


def quoted(facts: Facts) -> list[str]:
    """What free captions say as sentences; where all are at odds with the boxes, the first one as it stands."""
    return quotable(facts.captions, facts.things) or [sentence(" ".join(facts.captions[0].split()).rstrip(" .,") or facts.captions[0])]


def conversation(facts: Facts, rng: random.Random) -> list[tuple[str, str]]:
    """The turns of one conversation in random order. At least one: a context has a caption."""
    pool = questions(facts, rng) + about(facts, rng)
    pool.sort(key=lambda one: rng.random() ** (1 / WEIGHTS.get(one.kind, 1.0)), reverse=True)      # weighted, without repeating
    chosen, length = [], rng.randint(*LENGTH)
    for one in pool:
        alike = [other for other in chosen if other.kind == one.kind]
        if len(chosen) < length and len(alike) < MOST_OF_A_KIND and one.question not in [other.question for other in chosen]:
            chosen.append(one)
    rng.shuffle(chosen)
    said = {one.answer for one in chosen}
    more = [line for line in quoted(facts) if line not in said][:max(0, LEAST - len(chosen))] if not facts.told else []
    asks = ("What is to be seen here?", "What else is to be seen here?", "What more does the picture tell?")
    return [(one.question, one.answer) for one in chosen] + list(zip(asks, more))
