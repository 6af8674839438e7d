"""Known kinds of lies, so that the checker can be measured: how many does it find, and what does it take for one?

Each takes true turns and makes one of their sentences wrong, or adds a wrong one. Which sentence that is, is told.
Three kinds are no lies but other faults of a teacher: it speaks of captions, asks the same twice, says nothing.
"""

from __future__ import annotations

import random
import re

from ..storybook.vocabulary import COLOURS, SIZES
from .looking import OPEN_BOOK
from .manner import SIDES
from .places import PLACES
from .reading import Facts
from .speech import article, be, noun
from .words import MEMBERS, NUMBERS, category, mentions

Turns = list[tuple[str, str]]
Told = tuple[Turns, str] | None             # the turns with the lie among them, and the sentence that is one
_COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b")
# Some forms are plain, some hide the lie amid a sentence: a measurement with plain ones alone would flatter the checker.
_COLOURED = ("The {k} is {c}.", "There is a {c} {k} here.", "The {c} {k} catches the eye.", "The {k}, which is {c}, stands out.",
             "One sees the {k}, and it is {c}.", "The {k} is here. It is {c}.", "The {k} is a {c} one.", "The {k}, {c} in colour, is easy to find.")
_COUNTED = ("There {b} {n} in all.", "One can count {n}.", "All in all one finds {n}.", "The picture has room for {n}.")
_BESIDES = ("There is also {a}.", "There is also {a} {s}.", "{A} can be seen in the background.", "{A} is close by.", "Next to all this stands {a}.",
            "One also notices {a} {s}.")
_ASIDE = ("The {k} is {s}.", "{S} one sees the {k}.", "The {k} is {s} of the picture.", "Look {s}, and there is the {k}.", "The {k} is the thing {s}.")
_PLACED = ("We are {w}.", "All of this is {w}.", "The picture was taken {w}.", "It is a usual sight {w}.")
_SIZED = ("The {k} is {s}.", "There is a {s} {k}.", "The {s} {k} is easy to find.", "The {k} looks {s}.", "One sees a {s} {k} here.",
          "The {k}, which is {s}, stands out.", "{a} is there, and it is {s}.")
_SKIES = {"sunny": ("The sun is shining.", "It is a sunny day.", "It is sunny.", "The sun shines on all of this."),
          "cloudy": ("The sky is cloudy.", "It is a cloudy day.", "It is cloudy.", "Clouds cover the sky."),
          "rainy": ("It is raining.", "It is a rainy day.", "Rain is falling.", "It rains."),
          "night": ("It is night.", "The picture was taken at night.", "All this is to be seen at night.", "Night has come.")}
_DENIED = ("No, there is no {k}.", "No, there is no {k} here.", "There is no {k}.", "No, one sees no {k}.", "No.", "No, a {k} cannot be seen.")
_SOURCES = ("According to the captions, {low}", "As the first caption says, {low}", "{text} The bounding boxes show it.",
            "{text} The coordinates are [0.18, 0.41, 0.62, 0.87].", "{text} The annotations tell this.", "{text} This is what the text says.",
            "{text} It is the second one in the list of boxes.", "The description given to me says this: {low}",
            "According to the boxes, {low}", "{text} It reaches from 0.18 to 0.41 of the width.", "{text} The second sentence says so.")


def told(lie: str, kind: str, turns: Turns, facts: Facts, rng: random.Random) -> tuple[Turns, tuple[str, str] | None]:
    """The turns with one lie of a kind, and (kind of lie, its sentence); the turns as they were and None where none fits."""
    done = LIES[lie](kind, list(turns), facts, rng)
    return (done[0], (lie, done[1])) if done else (turns, None)


def _put(turns: Turns, at: int, answer: str) -> Told:
    turns[at] = (turns[at][0], answer)
    return turns, answer


def _add(kind: str, turns: Turns, question: str, answer: str, rng: random.Random) -> Told:
    """One turn more in a conversation, one sentence more in the other kinds."""
    if kind == "conversation":
        turns.insert(rng.randint(0, len(turns)), (question, answer))
    else:
        turns[0] = (turns[0][0], f"{turns[0][1]} {answer}")
    return turns, answer


def wrong_colour(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """A colour that is said is exchanged for one that nothing of that category has."""
    places = []
    for at, (question, answer) in enumerate(turns):
        for match in _COLOUR.finditer("" if answer.startswith("No") else answer):
            about = [m for m in mentions(answer) if match[1] in m.colours] or mentions(f"{question} {answer}")
            names = {m.category for m in about}
            if len(names) == 1 and (others := _other_colours(next(iter(names)), facts)):
                places.append((at, match, others))
    if places:
        at, match, others = rng.choice(places)
        answer = turns[at][1]
        return _put(turns, at, answer[:match.start()] + rng.choice(others) + answer[match.end():])
    options = [name for name in sorted(facts.colours) if facts.counts.get(name) == 1 and _other_colours(name, facts)]
    if not options:
        return None
    name = rng.choice(options)
    new, word = rng.choice(_other_colours(name, facts)), category(name).spoken
    if name == "person":
        return _add(kind, turns, "Which colour does the person wear?", f"The person wears {new}.", rng)
    return _add(kind, turns, f"Which colour has the {word}?", rng.choice(_COLOURED).format(k=word, c=new), rng)


def _other_colours(name: str, facts: Facts) -> list[str]:
    """Colours that nothing of a category has; none where not all of its colours are known."""
    own = {look[1] for look in facts.looks if look[0] == name} if facts.told else {facts.colours.get(name)}
    return [] if None in own or not own else [colour for colour in COLOURS if colour not in own]


def wrong_number(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Another number than that of the boxes."""
    if not facts.counts:
        return None
    asked = [(at, names[0].category) for at, (question, _) in enumerate(turns) if "many" in question.lower() or "number" in question.lower()
             if len(names := mentions(question)) == 1 and not names[0].colours and names[0].category in facts.counts]
    at, name = rng.choice(asked) if asked else (None, rng.choice(sorted(facts.counts)))
    right = facts.counts[name]
    new = rng.choice([n for n in (right - 1, right + 1, right + 2) if 1 <= n < len(NUMBERS)])
    words = f"{NUMBERS[new]} {noun(name, number=new)}"
    if at is not None:
        return _put(turns, at, f"There {be(new)} {words}.")
    return _add(kind, turns, f"What about {category(name).plural}?", rng.choice(_COUNTED).format(b=be(new), n=words), rng)


def absent_thing(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Something that is not there."""
    options = [name for name in (OPEN_BOOK if facts.told else sorted(frozenset().union(*MEMBERS.values()))) if facts.absent(name)]
    if not options:
        return None
    thing = article(category(rng.choice(options)).spoken)
    answer = rng.choice(_BESIDES).format(a=thing, A=thing[0].upper() + thing[1:], s=rng.choice(SIDES))
    return _add(kind, turns, "What else is there?", answer, rng)


def wrong_side(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Something that is there once, on another side."""
    options = [t for t in facts.single() if t.side]
    if not options:
        return None
    thing = rng.choice(options)
    word = category(thing.category).spoken
    side = rng.choice([side for side in SIDES if side != thing.side])
    answer = rng.choice(_ASIDE).format(k=word, s=side, S=side.capitalize())
    for at, (question, _) in enumerate(turns):
        if question.startswith("Where") and [m.category for m in mentions(question)] == [thing.category]:
            return _put(turns, at, answer)
    return _add(kind, turns, f"Where can the {word} be found?", answer, rng)


def wrong_place(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Another place."""
    if not facts.place:
        return None
    others = [p.phrase for p in PLACES.values() if p.indoors != facts.place.indoors]
    answer = rng.choice(_PLACED).format(w=rng.choice(others))
    for at, (_, old) in enumerate(turns):
        if kind == "conversation" and facts.place.phrase in old and not mentions(old):
            return _put(turns, at, answer)
    return _add(kind, turns, "In which place are we?", answer, rng)


def wrong_size(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Big for small, or the other way, where all things of that category have one size."""
    sizes = {}
    for name, _, size, _ in facts.looks:
        sizes.setdefault(name, set()).add(size)
    options = sorted(name for name, own in sizes.items() if len(own) == 1 and None not in own and facts.counts[name] == 1)
    if not options:
        return None
    name = rng.choice(options)
    size = next(size for size in SIZES if size not in sizes[name])
    word = category(name).spoken
    answer = rng.choice(_SIZED).format(k=word, s=size, a=article(word).capitalize())
    return _add(kind, turns, f"What size has the {word}?", answer, rng)


def wrong_weather(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Another weather."""
    if not facts.weather:
        return None
    answer = rng.choice(_SKIES[rng.choice([weather for weather in _SKIES if weather != facts.weather])])
    return _add(kind, turns, "And the weather?", answer, rng)


def denied_thing(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """Something that is there is said not to be."""
    if kind != "conversation" or not facts.single():
        return None
    word = category(rng.choice(facts.single()).category).spoken
    return _add(kind, turns, f"Is there {article(word)} in the picture?", rng.choice(_DENIED).format(k=word), rng)


def mentions_captions(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """The teacher speaks of what it was given instead of what it is to see."""
    at = rng.randrange(len(turns))
    text = turns[at][1]
    return _put(turns, at, rng.choice(_SOURCES).format(text=text, low=text[:1].lower() + text[1:]))


def repeated_turn(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """A question of the conversation is asked and answered again, sometimes with a word or two more."""
    if kind != "conversation":
        return None
    at = rng.randrange(len(turns))
    question, answer = turns[at]
    again = rng.choice((question, question, question.upper(), f"Once more: {question[0].lower()}{question[1:]}"))
    turns.insert(rng.randint(at + 1, len(turns)), (again, answer))
    return turns, again


def empty_turn(kind: str, turns: Turns, facts: Facts, rng: random.Random) -> Told:
    """A question without an answer, or with one that holds no word."""
    return _put(turns, rng.randrange(len(turns)), rng.choice(("", "", " ", "...")))


LIES = {"wrong colour": wrong_colour, "wrong number": wrong_number, "absent thing": absent_thing, "wrong side": wrong_side,
        "wrong place": wrong_place, "wrong size": wrong_size, "wrong weather": wrong_weather, "denied thing": denied_thing,
        "mentions captions": mentions_captions, "repeated turn": repeated_turn, "empty turn": empty_turn}
