"""Asking for what is not there, as POPE does (Li et al., 2023, arXiv 2305.10355): random, popular and adversarial.

Of each picture as many questions have the answer yes as no. What is absent is drawn by chance (random), is what training
pictures show most often (popular), or what they most often show together with what is here (adversarial). Who answers
from what pictures usually show is caught by the last two.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from ..storybook.narrate import boxes
from ..storybook.phrases import article
from ..storybook.scenes import Scene
from ..storybook.vocabulary import CATEGORIES
from ..storybook.world import scenes
from .pages import ask

STRATEGIES = ("random", "popular", "adversarial")
MOST = 3                        # categories of a picture that are asked for, and as many that are not there


@dataclass(frozen=True)
class Census:
    """In how many training pictures there is a category, and two together; from the boxes of their annotations."""

    pictures: int
    single: Counter             # category -> pictures
    together: Counter           # (category, other) -> pictures, in both orders

    @classmethod
    def of(cls, pictures: int, split: str = "train") -> Census:
        names = {c.coco_id: c.name for c in CATEGORIES.values()}
        single, together = Counter(), Counter()
        for scene in scenes(split, pictures):
            here = {names[one["category_id"]] for one in boxes(scene)}
            single.update(here)
            together.update((one, other) for one in here for other in here if one != other)
        return cls(pictures, single, together)

    def popular(self, category: str) -> float:
        return self.single[category]

    def fitting(self, category: str, here: set[str]) -> float:
        """How often it is there when one of these is: the mean share over them."""
        return sum(self.together[one, category] / self.single[one] for one in here if self.single[one]) / len(here)


def questions(page: str, scene: Scene, census: Census, seed: int) -> list[dict]:
    """The questions of one picture. A category that two strategies choose is asked for once and counts for both."""
    rng = random.Random(f"absent/{seed}/{page}")
    here = {t.category for t in scene.things}
    absent = [name for name in CATEGORIES if name not in here]
    n = min(MOST, len(here))
    chosen = {"random": rng.sample(absent, n), "popular": sorted(absent, key=census.popular, reverse=True)[:n],
              "adversarial": sorted(absent, key=lambda name: census.fitting(name, here), reverse=True)[:n]}
    rows = [_ask(page, name, "yes", STRATEGIES) for name in rng.sample(sorted(here), n)]
    for name in absent:
        strategies = [strategy for strategy in STRATEGIES if name in chosen[strategy]]
        rows += [_ask(page, name, "no", strategies)] if strategies else []
    return rows


def _ask(page: str, category: str, verdict: str, strategies) -> dict:
    answer = f"Yes, there is {article(category)}." if verdict == "yes" else f"No, there is no {category}."
    return ask(page, "absent", category.replace(" ", "-"), "is-there", f"Is there {article(category)}?", answer, verdict,
               category=category, strategies=list(strategies))
