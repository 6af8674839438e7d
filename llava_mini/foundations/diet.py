"""What the language parent reads: nothing but words.

Three kinds of text, made anew for every step from scenes that are never drawn:

* chats about a scene told in words (the user tells it, then asks), in the v1 chat format;
* chats of everyday knowledge (:mod:`.knowledge`);
* *word maps*: a scene told cell by cell on an 8 x 8 page, followed by a caption, tables ("Colours: dog
  brown, car red."), entries of a form ("Colour of the dog: brown.") and sentences to complete. The words
  of one cell share one position: their embeddings are added. A large language model has met tables,
  seating plans and ASCII art; this is what the small one gets instead. It never sees a question about
  a map: answering questions about pictures stays to be learned from instruction data (the paper's stage 2).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass

from ..storybook.narrate import COLUMNS, GRID, ROWS, boxes, captions, word_map
from ..storybook.phrases import a, centre, groups, how_many, noun, side, unique
from ..storybook.questions import questions
from ..storybook.scenes import Question, Scene, Thing
from ..storybook.vocabulary import CATEGORIES, NUMBERS, PLACES, WEATHER
from ..storybook.world import SPLITS, random_scene
from .knowledge import knowledge

TAILS_PER_MAP, TAILS_PER_CHAT = 18, 8
FIRST_TABLES = ("Colours:", "Sizes:", "Things:", "Cells:")   # of the primer: one look each
TABLES = FIRST_TABLES + ("Sides:", "By side:", "Numbers:", "Checks:")
PAIRS_LOOKED_UP = 2                            # that are there, and as many that only seem to be
ROUNDS = 3                                     # of questions whose answers become the entries of one map
SHARE_OF_MAPS, SHARE_OF_CHATS = 0.60, 0.34     # the rest is everyday knowledge
SHARE_OF_QUESTIONS = 0.75                      # of what is asked in a chat; the others are entries of a form
SHARE_OF_SENTENCES = 0.3                       # of the facts of a map; the others come as entries of a form


@dataclass(frozen=True)
class Text:
    """One text: a beginning that several continuations share, each blind to the others."""

    kind: str                                     # "map", "chat" or "knowledge"
    opening: str                                  # the scene in words; empty for maps and knowledge
    cells: tuple[tuple[str, ...], ...]            # the words of a map's cells, row by row; else empty
    tails: tuple[tuple[str, str], ...]            # (question, answer); after a map: (given beginning, rest)


def text(rng: random.Random) -> Text:
    """The next text of the diet."""
    lot = rng.random()
    if lot >= SHARE_OF_MAPS + SHARE_OF_CHATS:
        return Text("knowledge", "", (), tuple(knowledge(rng) for _ in range(TAILS_PER_CHAT)))
    scene = random_scene(rng, SPLITS["readers"])
    if lot < SHARE_OF_MAPS:
        cells = word_map(scene)
        facts = [fact for _ in range(ROUNDS) for fact in _questions(scene, rng)]
        told = dict(cloze(f) if rng.random() < SHARE_OF_SENTENCES else entry(f) for f in facts)
        tails = [("", rng.choice(captions(scene)))] + tables(scene, rng) + looked_up(scene, cells, rng) + rng.sample(list(told.items()), len(told))
        return Text("map", "", tuple(cells), tuple(tails[:TAILS_PER_MAP]))
    facts = _questions(scene, rng)
    asked = [(f.text, f.answer) if rng.random() < SHARE_OF_QUESTIONS else _filled_in(f) for f in facts[:TAILS_PER_CHAT]]
    asked += [(heading, rows.strip()) for heading, rows in tables(scene, rng, 1)]
    return Text("chat", tell(scene, rng), (), tuple(asked))


def _questions(scene: Scene, rng: random.Random) -> list[Question]:
    return questions(scene, rng, apart=frozenset())     # a parent knows no unseen pair; one that is never missing would be a yes


def primer(rng: random.Random) -> Text:
    """The first pages: maps and tables, nothing else. Looking things up is learnt here, before there is much to say."""
    scene = random_scene(rng, SPLITS["readers"])
    while not (rows := tables(scene, rng, 4, FIRST_TABLES)):
        scene = random_scene(rng, SPLITS["readers"])
    return Text("map", "", tuple(word_map(scene)), tuple(rows))


def _filled_in(fact: Question) -> tuple[str, str]:
    """The same form in a chat, or the question where a fact makes no entry: what a map and a question have in common."""
    asked, answer = entry(fact)
    return (asked, answer.strip()) if asked.endswith(":") else (fact.text, fact.answer)


def tables(scene: Scene, rng: random.Random, n: int = 2, headings: tuple[str, ...] = TABLES) -> list[tuple[str, str]]:
    """Some tables of what there is, from left to right: ("Colours:", " dog brown, car red.").

    What stands right behind a word has to be looked up with that word alone: the smallest exercise in
    binding, and the beginning of all others. Only what is the only one of its kind is listed, except
    where it is counted ("Numbers: dogs two.") or checked ("Checks: red dog yes, red car no.").
    """
    things = sorted(_only_ones(scene), key=centre)
    looks, counts = Counter(t.colour for t in scene.things), how_many(scene)
    rows = {"Colours:": [f" {t.category} {t.colour}" for t in things], "Sizes:": [f" {t.category} {t.size}" for t in things],
            "Things:": [f" {t.colour} {t.category}" for t in things if looks[t.colour] == 1],
            "Cells:": [f" {t.category} {_cell(t)}" for t in things],
            "Sides:": [f" {t.category} {side(t).split()[-1]}" for t in things if side(t)],
            "By side:": _by_side(scene),
            "Numbers:": [f" {CATEGORIES[k].plural} {NUMBERS[counts[k]]}" for k in rng.sample(sorted(counts), len(counts))],
            "Checks:": _checks(scene, rng)}
    filled = [(heading, ",".join(rows[heading]) + ".") for heading in headings if rows[heading]]
    return rng.sample(filled, min(n, len(filled)))


def _only_ones(scene: Scene) -> list[Thing]:
    return [t for t in unique(scene) if not t.character]


def _cell(thing: Thing) -> str:
    """Where its centre lies: "c6"."""
    x, y = centre(thing)
    return COLUMNS[int(x * GRID)] + ROWS[int(y * GRID)]


def _by_side(scene: Scene) -> list[str]:
    """What is alone on its side: " left dog", where no side is in doubt."""
    sides = Counter(map(side, scene.things))
    if None in sides or any(t.character for t in scene.things):
        return []
    return [f" {side(t).split()[-1]} {t.category}" for t in sorted(scene.things, key=centre) if sides[side(t)] == 1]


def _seeming(scene: Scene) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of colour and category that are there, and those of which both halves are there but not together."""
    there = {(t.colour, t.category) for t in scene.things}
    return sorted(there), sorted({(colour, category) for colour, _ in there for _, category in there} - there)


def _checks(scene: Scene, rng: random.Random) -> list[str]:
    """Rows of pairs that are there or only seem to be, up to three of each."""
    there, seeming = _seeming(scene)
    rows = [f" {colour} {category} {word}" for pairs, word in ((there, "yes"), (seeming, "no"))
            for colour, category in rng.sample(pairs, min(3, len(pairs)))]
    return rng.sample(rows, len(rows))


def looked_up(scene: Scene, cells: list[tuple[str, ...]], rng: random.Random) -> list[tuple[str, str]]:
    """What a cell holds, and where a thing's centre is: ("At c6:", " small red dog."), ("Cell of the red dog:", " c6.").

    Of a pair whose halves belong to two things the cell is "nowhere". This is where looking for two words at once is
    learnt: the cell tells at every step how far the look went astray, a yes or no does not.
    """
    found = []
    if middles := [cell for cell in cells if "centre" in cell]:
        *words, column, row = rng.choice(middles)
        look = " ".join(w for w in words if w != "centre" and w not in NUMBERS)
        found.append((f"At {column}{row}:", f" {look}."))
    if things := _only_ones(scene):
        thing = rng.choice(things)
        found.append((f"Cell of the {thing.category}:", f" {_cell(thing)}."))
    alone = [t for t in scene.things if not t.character and sum((o.colour, o.category) == (t.colour, t.category) for o in scene.things) == 1]
    pairs = [(t.colour, t.category, _cell(t)) for t in rng.sample(alone, min(PAIRS_LOOKED_UP, len(alone)))]
    seeming = _seeming(scene)[1]
    pairs += [(*pair, "nowhere") for pair in rng.sample(seeming, min(PAIRS_LOOKED_UP, len(seeming)))]
    return found + [(f"Cell of the {_pair(colour, category)}:", f" {cell}.") for colour, category, cell in pairs]


def _pair(colour: str, category: str) -> str:
    return noun(Thing(category, colour, "small", (0, 0, 1, 1)))


# What is asked for stands right before the colon, in the very words of a map's cell: "Red thing:" for
# "Thing that is red:" and the parent guesses among the things that are there.
_FORMS = [(kind, re.compile(question), re.compile(answer), form) for kind, question, answer, form in (
    ("what", r"thing", r"^The (\w+) thing", "Thing that is {}:"),
    ("what", r"on the (?:left|right)", r"^On the (\w+)", "Thing on the {}:"),
    ("colour", r"", r"^The (.+?) (?:is|wears) ", "Colour of the {}:"),
    ("size", r"", r"^The (.+?) is ", "Size of the {}:"),
    ("where", r"", r"^The (.+?) is ", "Side of the {}:"),
    ("relation", r" or ", r"^The (.+?) is to the \w+ of the (.+?)\.", "{} as seen from the {}:"),
    ("relation", r" holding", r"^The (.+?) is holding ", "Thing held by the {}:"),
    ("relation", r" (?:on|under) ", r"^(On|Under) the (.+?) there ", "Thing {} the {}:"),
    ("place", r"", r"", "Place:"), ("weather", r"", r"", "Weather:"), ("unusual", r"", r"", "Unusual:"), ("why", r"watch out", r"", "Danger:"))]


def entry(fact: Question) -> tuple[str, str]:
    """A fact as an entry of a form: ("Colour of the dog:", " brown."). What the colon asks is given, not learnt.

    Facts that make no entry come as a sentence to complete, see :func:`cloze`.
    """
    if fact.kind == "count":                           # numbers come before their nouns: a sentence would not tell which
        plural = re.search(r"How many (.+?) (?:are|do)", fact.text).group(1)
        return f"Number of {plural}:", f" {fact.value}."
    for kind, question, answer, form in _FORMS:
        if kind == fact.kind and re.search(question, fact.text) and (found := answer.search(fact.answer)):
            asked = form.format(*map(str.lower, found.groups()))
            return asked[0].upper() + asked[1:], f" {fact.value}."
    return cloze(fact)


def cloze(fact: Question) -> tuple[str, str]:
    """A fact as a sentence to complete: ("The dog is", " brown."). The beginning is given, not learnt.

    Nothing but the map tells how it goes on. Facts of presence become a checklist: ("A red car:", " The car is brown, so no.").
    """
    if fact.kind == "count" or (fact.kind == "relation" and " or " in fact.text):
        return entry(fact)
    if fact.kind == "is-there":
        return re.search(r"\b(an? .+)\?", fact.text).group(1).capitalize() + ":", f" {fact.answer}"
    at = fact.answer.lower().rfind(fact.value)
    before = max(fact.answer.rfind(f" {word} ", 0, at) for word in ("a", "an"))      # "... is holding| a red cup."
    cut = before if at - before < 14 and before > 0 else at - 1
    return ("", fact.answer) if at <= 0 else (fact.answer[:cut], fact.answer[cut:])


def tell(scene: Scene, rng: random.Random) -> str:
    """The scene in words: mostly a telling from left to right, sometimes captions and boxes."""
    if rng.random() < 0.05:
        return _as_annotations(scene)
    place = PLACES[scene.place].phrase
    setting = f"{WEATHER[scene.weather]}, and this is {place}" if scene.weather else f"this is {place}"
    parts = []
    for t in sorted(scene.things, key=lambda t: t.box[0] + t.box[2]):
        parts.append(f"{a(t, size=True)} {side(t)}" if side(t) else a(t, size=True))
    told = f"From left to right there are {', '.join(parts)}."
    held = [f"{a(scene.things[r.subject])} is {r.kind} {a(scene.things[r.target])}." for r in scene.relations]
    pieces = [setting[0].upper() + setting[1:] + ".", told] + [h[0].upper() + h[1:] for h in held]
    if rng.random() < 0.3:
        pieces.append("Together: " + ", ".join(groups(scene.things, colour=False)) + ".")
    rng.shuffle(pieces)
    return " ".join(pieces)


def _as_annotations(scene: Scene) -> str:
    """Captions, a blank line, boxes: the text a LLaVA teacher gets (paper, Table 1)."""
    by_id = {c.coco_id: c.coco for c in CATEGORIES.values()}
    lines = captions(scene) + [""]
    for row in boxes(scene, 1, 1):
        x, y, w, h = row["bbox"]
        lines.append(f"{by_id[row['category_id']]}: {[round(v, 2) for v in (x, y, x + w, y + h)]}")
    return "\n".join(lines)
