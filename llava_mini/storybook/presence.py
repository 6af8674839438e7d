"""Is it there? Questions with yes and no, and the evidence that comes before the verdict.

"Is there a red car?" is answered by what one sees first: "The car is brown, so no." A small language
model that has to say yes or no at once must find a thing by its colour and its name together; one that
says what it sees can compare two words that stand on the page.
"""

from __future__ import annotations

import random

from .phrases import article, centre, listed, noun
from .scenes import Question, Scene, Thing
from .vocabulary import CATEGORIES, COLOURS, UNSEEN_PAIRS


def is_there(scene: Scene, rng: random.Random, apart: frozenset = UNSEEN_PAIRS) -> list[Question]:
    """One question whose answer is yes and one whose answer is no, in random order; what is kept ``apart`` is not asked for."""
    pairs = {(t.colour, t.category) for t in scene.things}
    out = []
    for truth in rng.sample((True, False), 2):
        colour, category = rng.choice(sorted(pairs)) if truth else _absent(pairs, rng, apart)
        if truth and rng.random() < 0.4:
            colour = None
        out.append(_ask_for(scene, colour, category, truth, rng))
    return out


def ask_for_unseen_pair(scene: Scene, rng: random.Random) -> Question:
    """Is an unseen pair there? Yes and no are as likely; for a no, something of its category in another
    colour is there where that can be. The scene must show an unseen pair."""
    shown = {(t.colour, t.category) for t in scene.things}
    truth = rng.random() < 0.5
    absent = UNSEEN_PAIRS - shown
    fooling = {pair for pair in absent if pair[1] in {k for _, k in shown}}
    return _ask_for(scene, *rng.choice(sorted(UNSEEN_PAIRS & shown if truth else fooling or absent)), truth, rng)


def _absent(pairs, rng, apart):
    """A pair that is not there: swapped parts of what is there, or a category that is absent."""
    swapped = sorted({(c, k) for c, _ in pairs for _, k in pairs} - pairs - apart)
    if swapped and rng.random() < 0.55:
        return rng.choice(swapped)
    if rng.random() < 0.5:
        return None, rng.choice([k for k in CATEGORIES if k not in {k for _, k in pairs}])
    options = [(c, k) for _, k in pairs for c in COLOURS if (c, k) not in pairs | apart]
    return rng.choice(sorted(options))


def _ask_for(scene, colour, category, truth, rng):
    words = article(noun(Thing(category, colour or "red", "small", (0, 0, 1, 1)), colour=colour is not None))
    text = rng.choice((f"Is there {words}?", f"Do you see {words}?"))
    evidence = colour and _evidence(scene, category)
    if evidence:
        answer = f"{evidence}, so {'yes' if truth else 'no'}."
    else:
        answer = f"Yes, there is {words}." if truth else f"No, there is no {words.split(' ', 1)[1]}."
    return Question("is-there", text, answer, "yes" if truth else "no")


def _evidence(scene: Scene, category: str) -> str | None:
    """"The car is brown", "The cars are red and brown"; None where there is none, or the character is among them."""
    things = sorted((t for t in scene.things if t.category == category), key=centre)
    if not things or any(t.character for t in things):
        return None
    subject = CATEGORIES[category].plural if len(things) > 1 else category
    verb = "wear" if category == "person" else "are"
    if len(things) == 1:
        verb = "wears" if category == "person" else "is"
    return f"The {subject} {verb} {listed(list(dict.fromkeys(t.colour for t in things)))}"
