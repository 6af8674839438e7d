"""As many pictures of one thing as of two, and so on to six; what else there is follows the storybook's own rules."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ..storybook.phrases import how_many
from ..storybook.vocabulary import CATEGORIES, NUMBERS
from ..storybook.world import Rules, random_scene
from .pages import KNOWN, Page, ask


def pages(n: int, seed: int) -> Iterator[Page]:
    """``n`` pages for each number; the question is about the category that is there so often."""
    for number in range(1, len(NUMBERS)):
        for one in range(1, n + 1):
            rng = random.Random(f"counting/{seed}/{number}/{one}")
            scene, counts = _crowd(rng, number)
            category = rng.choice(sorted(name for name in counts if counts[name] == number))
            plural, name = CATEGORIES[category].plural, f"counting-{number}-{one:03d}"
            text = rng.choice((f"How many {plural} are there?", f"How many {plural} do you see?"))
            answer = f"There {'is' if number == 1 else 'are'} {NUMBERS[number]} {category if number == 1 else plural}."
            yield Page(name, scene, {"counting": [ask(name, "counting", "count", "count", text, answer, NUMBERS[number], number=number, category=category)]})


def _crowd(rng: random.Random, number: int):
    """A scene whose most frequent category is there ``number`` times, and how often each is there."""
    while True:
        scene = random_scene(rng, Rules(KNOWN, counts=(number, max(2, number))))        # rules know no scene without the chance of two
        counts = how_many(scene)
        if max(counts.values()) == number:
            return scene, counts
