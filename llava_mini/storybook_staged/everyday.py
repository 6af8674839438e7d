"""Ordinary held-out pictures with the questions of the answer key, and for each question a picture that answers it otherwise."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

from ..storybook.questions import questions
from ..storybook.world import scenes
from .pages import Page, ask

MOST = 6                        # questions about a picture


def pages(n: int, seed: int) -> Iterator[Page]:
    """The first ``n`` pictures of the split test."""
    for number, scene in enumerate(scenes("test", n), 1):
        name = f"everyday-{number:03d}"
        asked = {q.kind: q for q in questions(scene, random.Random(f"everyday/{seed}/{number}"))}       # one of a kind
        yield Page(name, scene, {"everyday": [ask(name, "everyday", q.kind, q.kind, q.text, q.answer, q.value) for q in list(asked.values())[:MOST]]})


def add_partners(rows: list[dict], seed: int) -> None:
    """Writes into ``about`` a partner: a question in the same words about another picture, whose answer is another one."""
    alike = defaultdict(list)
    for row in rows:
        alike[row["text"]].append(row)
    for row in rows:
        others = [other for other in alike[row["text"]] if other["value"] != row["value"]]
        if others:
            other = random.Random(f"partner/{seed}/{row['question_id']}").choice(others)
            row["about"] = {"partner": other["question_id"], "partner_image": other["image"], "partner_value": other["value"]}
