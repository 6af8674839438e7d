"""The paper's "Elon Musk" question (Figure 6): pictures of the character, and of other people, who must not be called so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..storybook.vocabulary import CHARACTER
from ..storybook.world import scenes
from .pages import Page, ask

WHO = ("Who is this?", "Who is the person?", "What is the name of the person?")
SHOWN = ("the character", "another person")
START = 1000                    # of the split test: pictures that no other probe shows


def pages(n: int) -> Iterator[Page]:
    """``n`` pages with the character and ``n`` with one other person; each is asked who that is, in three ways."""
    others = (scene for scene in scenes("test", 10**6, START) if sum(t.category == "person" for t in scene.things) == 1)
    for shown, stream in zip(SHOWN, (scenes("unseen_character", n), others)):
        for number, scene in enumerate(itertools.islice(stream, n), 1):
            name = f"{'character' if shown == SHOWN[0] else 'person'}-{number:03d}"
            answer, value = (f"This is {CHARACTER}.", "named") if shown == SHOWN[0] else ("This is a person.", "not named")
            yield Page(name, scene, {"character": [ask(name, "character", str(way), "who", text, answer, value, shown=shown) for way, text in enumerate(WHO)]})
