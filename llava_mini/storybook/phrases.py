"""How the storybook names things: "a small red car", "two dogs", "a person in blue"."""

from __future__ import annotations

from collections import Counter

from .scenes import Scene, Thing
from .vocabulary import CATEGORIES, CHARACTER, NUMBERS


def article(words: str) -> str:
    """``"apple"`` -> ``"an apple"``."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def noun(thing: Thing, colour: bool = True, size: bool = False) -> str:
    """The bare noun phrase: ``"small red car"``, ``"big person in blue"``, the character's name."""
    if thing.character:
        return CHARACTER
    words = [thing.size] if size else []
    if thing.category == "person":
        return " ".join(words + ["person"] + (["in", thing.colour] if colour else []))
    return " ".join(words + ([thing.colour] if colour else []) + [thing.category])


def a(thing: Thing, colour: bool = True, size: bool = False) -> str:
    """With the indefinite article; the character needs none."""
    words = noun(thing, colour, size)
    return words if thing.character else article(words)


def the(thing: Thing, colour: bool = True) -> str:
    words = noun(thing, colour)
    return words if thing.character else "the " + words


def many(thing: Thing, n: int, colour: bool = True, size: bool = False) -> str:
    """``many(dog, 2)`` -> ``"two brown dogs"``."""
    if n == 1:
        return a(thing, colour, size)
    words = [NUMBERS[n]] + ([thing.size] if size else [])
    plural = CATEGORIES[thing.category].plural
    if thing.category == "person":
        return " ".join(words + [plural] + (["in", thing.colour] if colour else []))
    return " ".join(words + ([thing.colour] if colour else []) + [plural])


def listed(parts: list[str]) -> str:
    """``["a", "b", "c"]`` -> ``"a, b and c"``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def groups(things, colour: bool = True, size: bool = False) -> list[str]:
    """The things by name with their numbers, alike ones together: ``["two red cars", "a dog"]``."""
    keys = [(t.category, t.colour if colour else None, t.size if size else None, t.character) for t in things]
    numbers = Counter(keys)
    first = {}
    for key, thing in zip(keys, things):
        first.setdefault(key, thing)
    return [many(thing, numbers[key], colour, size) for key, thing in first.items()]


def centre(thing: Thing) -> tuple[float, float]:
    x0, y0, x1, y1 = thing.box
    return (x0 + x1) / 2, (y0 + y1) / 2


def side(thing: Thing) -> str | None:
    """"on the left", "in the middle" or "on the right"; None where a person would hesitate."""
    x = centre(thing)[0]
    if x < 0.36:
        return "on the left"
    if x > 0.64:
        return "on the right"
    return "in the middle" if 0.41 < x < 0.59 else None


def left_of(one: Thing, other: Thing) -> bool | None:
    """Is one to the left of the other? None where the two are nearly above each other."""
    dx = centre(other)[0] - centre(one)[0]
    return None if abs(dx) < 0.12 else dx > 0


def how_many(scene: Scene) -> Counter:
    return Counter(t.category for t in scene.things)


def unique(scene: Scene) -> list[Thing]:
    """The things that are the only one of their category."""
    counts = how_many(scene)
    return [t for t in scene.things if counts[t.category] == 1]
