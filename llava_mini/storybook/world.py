"""Random scenes that obey the rules of a split.

``scenes("train", 3)`` yields three scenes; the same call yields the same scenes on every machine.
Splits differ in what they may show: LLaVA's training splits never show an unseen colour-category
pair, the unseen place, more than four things of a kind, or the character (design section 2).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import InputError
from .scenes import Relation, Scene, Thing
from .vocabulary import (CATEGORIES, COLOURS, LARGEST_TRAINING_COUNT, PLACES, UNSEEN_PAIRS, UNSEEN_PLACE, WEATHER)

HOLDABLE = ("umbrella", "umbrella", "umbrella", "kite", "ball", "apple", "book", "cup", "teddy bear")
CAN_SIT_ON = ("cat", "bird", "teddy bear", "book", "cup", "cake", "apple", "backpack", "ball", "person")
SEATS = ("bench", "suitcase", "car", "bus", "horse", "elephant", "cow")
CAN_HIDE_UNDER = ("ball", "cat", "dog", "cup", "book", "apple", "teddy bear", "backpack")
ROOFS = ("bench", "umbrella", "chair")
# Where a sitter rests: share of the seat's height from its top, and of its width from the left (unflipped).
SEAT = {"bench": (0.58, 0.5), "horse": (0.33, 0.42), "cow": (0.24, 0.38), "elephant": (0.09, 0.35), "car": (0.01, 0.5), "bus": (0.0, 0.5),
        "suitcase": (0.24, 0.5)}
ODD_RATE, REPEAT_RATE = 0.12, 0.45


@dataclass(frozen=True)
class Rules:
    """What the scenes of one split may show."""

    places: tuple[str, ...]
    pairs: str = "seen"                     # colour-category pairs: "seen", "all", or "unseen": at least one thing is of an unseen pair
    counts: tuple[int, int] = (1, LARGEST_TRAINING_COUNT)  # smallest and largest size of the biggest group
    character: float = 0.0                  # share of the scenes that show the character
    things: tuple[int, ...] = (8, 20, 27, 22, 13, 10)  # how often one, two, ... six things
    relations: float = 0.35                 # how often two things that touch are asked for


_KNOWN = tuple(p for p in PLACES if p != UNSEEN_PLACE)
SPLITS = {
    # What the parents meet: all there is, unseen pairs too, as CLIP and Vicuna have met far more than LLaVA's data show.
    # The vision parent sees fuller pictures, in which more things touch: more to learn from each.
    "parents": Rules(tuple(PLACES), pairs="all", counts=(1, 6), character=0.04, things=(4, 8, 16, 24, 24, 24), relations=0.6),
    # The language parent reads of scenes in which things touch as often as in the splits of LLaVA itself.
    "readers": Rules(tuple(PLACES), pairs="all", counts=(1, 6), character=0.04, things=(4, 8, 16, 24, 24, 24)),
    # What the vision parent is measured on: the same rules, other scenes.
    "parents_test": Rules(tuple(PLACES), pairs="all", counts=(1, 6), character=0.04),
    "train": Rules(_KNOWN),
    "val": Rules(_KNOWN),
    "test": Rules(_KNOWN),
    "unseen_pairs": Rules(_KNOWN, pairs="unseen"),
    "unseen_place": Rules((UNSEEN_PLACE,)),
    "unseen_counts": Rules(_KNOWN, counts=(LARGEST_TRAINING_COUNT + 1, 6)),
    "unseen_character": Rules(_KNOWN, character=1.0),
}


def scenes(split: str, n: int, start: int = 0) -> Iterator[Scene]:
    """Scenes ``start`` to ``start + n - 1`` of a split. Each depends on its own number only."""
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r} of the storybook; choose one of {', '.join(SPLITS)}.")
    for number in range(start, start + n):
        yield random_scene(random.Random(f"storybook/{split}/{number}"), SPLITS[split])


def random_scene(rng: random.Random, rules: Rules) -> Scene:
    """Draws lots until a scene keeps the rules."""
    while True:
        scene = _attempt(rng, rules)
        if scene is not None:
            return scene


def _attempt(rng: random.Random, rules: Rules) -> Scene | None:
    place = PLACES[rng.choice(rules.places)]
    weather = None if place.indoors else rng.choice(list(WEATHER))
    home = [c.name for c in CATEGORIES.values() if _at_home(c.name, place)]
    things: list[Thing] = []
    relations: list[Relation] = []
    character = rng.random() < rules.character
    odd_index = None

    def add(category: str, colour: str | None = None, size: str | None = None) -> int | None:
        colour = colour or _colour(rng, category, rules)
        size = size or ("small" if len(wanted) > 3 and rng.random() < 0.65 else rng.choice(("small", "big")))
        box = _free_box(rng, category, size, place, things)
        if box is None:
            return None
        things.append(Thing(category, colour, size, box, flip=rng.random() < 0.5))
        return len(things) - 1

    total = rng.choices((1, 2, 3, 4, 5, 6), rules.things)[0]
    group = 1
    if rules.counts[0] > 1:
        group = rng.randint(*rules.counts)
    elif rng.random() < REPEAT_RATE:
        group = rng.randint(2, rules.counts[1])
    total = max(total, group)
    wanted = [None] * total

    if character and add("person", "purple", "big") is not None:
        things[0] = replace(things[0], character=True, flip=False)
    if rng.random() < rules.relations and group < 4:
        _add_relation(rng, place, home, things, relations, add, rules)
    if rules.pairs == "unseen":
        pairs = [p for p in sorted(UNSEEN_PAIRS) if p[1] in home]
        colour, category = rng.choice(pairs)
        if add(category, colour) is None:
            return None
    if rng.random() < ODD_RATE and not character:
        strangers = [c.name for c in CATEGORIES.values() if is_odd(c.name, place.name)]
        if strangers:
            odd_index = add(rng.choice(strangers))
    if group > 1:
        category = rng.choice(home)
        same = _colour(rng, category, rules) if rng.random() < 0.5 else None
        size = rng.choice(("small", "small", "big")) if group < 4 else "small"
        for _ in range(group - sum(t.category == category for t in things)):
            if add(category, same, size) is None and rules.counts[0] > 1:
                return None                 # this split promises the number
    while len(things) < total:
        if add(rng.choice(home)) is None and rng.random() < 0.5:
            break
    counts = [sum(t.category == c for t in things) for c in {t.category for t in things}]
    if not things or max(counts) > rules.counts[1] or (rules.counts[0] > 1 and max(counts) < rules.counts[0]):
        return None
    return Scene(rng.randrange(2**31), place.name, weather, tuple(things), tuple(relations), odd_index)


def _at_home(category: str, place) -> bool:
    c = CATEGORIES[category]
    if c.lives == "water":
        return place.water
    return c.indoors if place.indoors else c.outdoors


def is_odd(category: str, place: str) -> bool:
    """Is it clearly unusual to meet this here? A boat on the street is; a book in the park is not."""
    c, p = CATEGORIES[category], PLACES[place]
    if c.lives == "water":
        return not p.water
    return p.indoors and not c.indoors and category not in ("kite", "bicycle")


def _colour(rng: random.Random, category: str, rules: Rules) -> str:
    return rng.choice([c for c in COLOURS if rules.pairs == "all" or (c, category) not in UNSEEN_PAIRS])


def _box_size(rng: random.Random, category: str, size: str) -> tuple[float, float]:
    side = rng.uniform(0.17, 0.21) if size == "small" else rng.uniform(0.30, 0.37)
    aspect = CATEGORIES[category].aspect ** 0.5
    return side * aspect, side / aspect


def _free_box(rng, category, size, place, things):
    """A place in the picture that covers no other thing, or None after 30 tries."""
    lives = CATEGORIES[category].lives
    for _ in range(30):
        w, h = _box_size(rng, category, size)
        x0 = rng.uniform(0.01, 0.99 - w)
        if lives == "sky":
            y0 = rng.uniform(0.03, max(0.04, 0.48 - h))
        elif lives == "water" and place.water:
            y0 = rng.uniform(0.53, 0.60) - h
        else:
            y0 = rng.uniform(max(0.66, h + 0.01), 0.98) - h
        box = _rounded(x0, y0, x0 + w, y0 + h)
        if all(_overlap(box, t.box) < 0.04 for t in things):
            return box
    return None


def _overlap(a, b) -> float:
    """Shared area as a share of the smaller box."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def _rounded(*box: float) -> tuple[float, float, float, float]:
    return tuple(round(v, 4) for v in box)


def _add_relation(rng, place, home, things, relations, add, rules) -> None:
    """Adds two things that touch: one holds, carries or covers the other."""
    kind = rng.choice(("holding", "holding", "on", "under"))
    subjects, targets = {"holding": (("person",), HOLDABLE), "on": (CAN_SIT_ON, SEATS), "under": (CAN_HIDE_UNDER, ROOFS)}[kind]
    subjects = [s for s in subjects if s in home or not place.indoors]
    targets = [t for t in targets if t in home or (not place.indoors and CATEGORIES[t].indoors)]
    if not subjects or not targets:
        return
    subject, target = rng.choice(subjects), rng.choice(targets)
    if kind == "holding":
        first = 0 if things and things[0].character else add("person", None, "big")
        if first is None:
            return
        px0, py0, px1, py1 = things[first].box
        size = "big" if target == "umbrella" else "small"
        w, h = _box_size(rng, target, size)
        right = rng.random() < 0.5
        hand_x, hand_y = (px1 + 0.02 if right else px0 - 0.02), py0 + 0.52 * (py1 - py0)
        if target == "umbrella":                        # held higher, so that the canopy is clear of the face
            hand_y -= 0.12 * (py1 - py0)
            x0, y0 = hand_x - w / 2, hand_y - h
        elif target == "kite":
            x0, y0 = hand_x + (0.10 if right else -0.10 - w), max(0.03, hand_y - 0.45)
        else:
            x0, y0 = (hand_x - 0.2 * w if right else hand_x - 0.8 * w), hand_y - h / 2
        other, relation = target, lambda i: Relation("holding", first, i)
    else:
        first = add(target, None, "big")
        if first is None:
            return
        tx0, ty0, tx1, ty1 = things[first].box
        size = "small"
        w, h = _box_size(rng, subject, size)
        if kind == "under":
            w, h = 0.8 * w, 0.8 * h
        if kind == "on":
            down, across = SEAT[target]
            across = 1 - across if things[first].flip else across
            x0, rest = tx0 + across * (tx1 - tx0) - w / 2, ty0 + down * (ty1 - ty0)
        else:
            x0, rest = (tx0 + tx1) / 2 - w / 2 + rng.uniform(-0.2, 0.2) * (tx1 - tx0 - w), ty1 + 0.01
        y0 = rest - h
        other, relation = subject, lambda i: Relation(kind, i, first)
    box = _rounded(x0, y0, x0 + w, y0 + h)
    if min(box) < 0.0 or max(box) > 1.0:
        return
    if any(_overlap(box, t.box) > 0.04 for i, t in enumerate(things) if i != first):
        return
    things.append(Thing(other, _colour(rng, other, rules), size, box, flip=rng.random() < 0.5))
    relations.append(relation(len(things) - 1))
