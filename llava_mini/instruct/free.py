"""What is certain in captions that people wrote freely, as COCO's are. Little, and nothing that two of them tell differently.

A number counts when a caption says it and the boxes agree; a colour when it stands right before the noun of something
that is there once; a relation when a caption puts it in so many words between two such things and none puts another.
Captions that call the one thing there by different names are not quoted. All else may well be true, but a teacher that
cannot see should keep silent about it.
"""

from __future__ import annotations

import re
from collections import Counter

from .words import CATEGORIES, COLOURS, MEMBERS, mentions, tokens

MOST = 12                   # things that are counted in words
ALIKE = 0.5                 # captions that share more of their words than this say the same
_RELATIONS = tuple((kind, re.compile(pattern)) for kind, pattern in (
    ("holding", r"(?:is |are |who is )?(?:holding|carrying)(?: up| onto| out)?(?: his| her| its)?"),
    ("riding", r"(?:is |are )?riding(?: on)?(?: the back of)?(?: his| her)?"),
    ("on", r"(?:that is |which is |is )?(?:(?:sitting|standing|laying|lying|sleeping|resting|sits|lies|lays|stands) )?"
           r"(?:(?:down|up|asleep) )?on(?: top of)?(?: his| her)?")))
_BESIDE = re.compile(r"(?:.* )?(?:next to|beside|near)")
_HIS, _HERS = set("man boy guy gentleman he him his".split()), set("woman girl lady she her".split())
# Names that one thing of a category cannot have at once, by the question that they answer.
_RIVALS = tuple((name, tuple(map(set, rivals))) for name, rivals in (
    ("person", (_HIS, _HERS)), ("person", (["man"], "boy baby toddler child kid".split())),
    ("bird", (["duck"], ["goose"], ["swan"], ["pigeon"], ["gull", "seagull"], ["parrot"])),
    ("cow", (["cow"], ["bull"], ["ox"], ["wildebeest"], ["moose"], ["bison", "buffalo"])), ("sheep", (["sheep", "lamb"], ["goat"])),
    ("horse", (["horse", "pony"], ["donkey", "mule"])), ("motorcycle", (["motorcycle", "motorbike"], ["scooter", "moped"])),
    ("cup", (["tea"], ["coffee"], ["soda"], ["juice"], ["milk"], ["beer"], ["wine"]))))
_ACTS = """sitting standing laying lying sleeping walking running riding holding flying jumping eating drinking looking staring playing posing
waiting grazing surfing skiing talking carrying performing reading driving leaning resting wearing using chewing taking crossing going
trying catching""".split()
_DOES = re.compile(r"(?:there is )?(?:an?|the) (?P<who>(?:[a-z]+ ){0,2}?(?P<noun>[a-z]+)) (?:is |that is |who is )?"
                   rf"(?P<act>(?:{'|'.join(_ACTS)})\b.*)")


def counts(captions, things) -> dict[str, int]:
    """{category: number} where a caption says the number of the boxes and none says another."""
    result = {}
    for name, boxes in Counter(thing.category for thing in things).items():
        said = [_number(caption, name) for caption in captions]
        if boxes <= MOST and (boxes, True) in said and not any(_differs(one, boxes, name, c) for one, c in zip(said, captions)):
            result[name] = boxes
    return result


def _number(caption: str, name: str) -> tuple[int, bool] | None:
    """How many of a category a caption speaks of, and whether that is all it says: (2, False) for "some dogs".

    None where it does not speak of any.
    """
    here = [m for m in mentions(caption) if m.category == name and m.clear and m.determiner != "no"]
    vague = any(m.plural and m.number is None for m in here)
    total = sum(1 if m.number is None else m.number for m in here)
    return (max(total, 2) if vague else total, not vague) if here else None


def _differs(said: tuple[int, bool] | None, boxes: int, name: str, caption: str) -> bool:
    """Does a caption contradict the number of boxes? "A dog" does not where there are two, "three dogs" and "one dog" do."""
    if said is None:
        return False
    in_words = any((m.number or 0) > 1 or m.determiner == "one" for m in mentions(caption) if m.category == name and m.clear)
    return said[0] > boxes or said[1] and in_words and said[0] != boxes


def at_odds(caption: str, boxes: Counter) -> bool:
    """Does a caption name an animal that has no box, or another number than the boxes? Annotators err too."""
    for name in {m.category for m in mentions(caption)}:
        if name in boxes and _differs(_number(caption, name), boxes[name], name, caption):
            return True
        if boxes and name not in boxes and name in MEMBERS["animal"] and _number(caption, name):
            return True
    return False


def colours(captions, numbers: dict[str, int]) -> dict[str, str]:
    """{category: colour} of what is counted, where every caption that names a colour names the same one."""
    found: dict[str, set] = {}
    for caption in captions:
        words = tokens(caption)
        for m in mentions(caption):
            if m.colours and m.category in numbers and m.category != "person":
                before = words[m.start - 1] if m.start else ""
                sure = m.clear and len(m.colours) == 1 and before not in COLOURS and before != "and"
                all_of_them = (m.number or 1) == numbers[m.category]
                found.setdefault(m.category, set()).add(m.colours[0] if sure and all_of_them else None)
    return {name: next(iter(said)) for name, said in found.items() if len(said) == 1 and None not in said}


def _says(caption: str, boxes: dict[str, int]) -> dict[tuple, object]:
    """{question: answer} for what other captions may answer otherwise: what the only bird is, whose the teeth are, who rides
    the only horse, whether the only cat is on the only laptop or beside it."""
    words, here, found = tokens(caption), mentions(caption), {}
    for number, (name, rivals) in enumerate(_RIVALS):
        chosen = [at for at, one in enumerate(rivals) if one & set(words)] if boxes.get(name) == 1 else []
        if len(chosen) == 1:
            found["is", number] = chosen[0]
    found |= {("of", noun): whose for whose, noun in zip(words, words[1:]) if whose in ("his", "her") and noun.isalpha()}
    for one, other in zip(here, here[1:]):
        between, once = " ".join(words[one.end:other.start]), boxes.get(other.category) == 1
        kind = next((kind for kind, pattern in _RELATIONS if pattern.fullmatch(between)), "beside" if _BESIDE.fullmatch(between) else None)
        sexes = [sex for sex, names in enumerate((_HIS, _HERS)) if names & set(words[one.start:one.end])]
        if once and kind in ("holding", "riding") and sexes:
            found[kind, other.category] = sexes[0]
        if once and kind and boxes.get(one.category) == 1:
            pair = tuple(sorted((one.category, other.category)))
            found["joins", pair] = kind if kind == "beside" else ("on" if kind == "riding" else kind, one.category)
    return found


def _told(captions, boxes: dict[str, int]) -> dict[tuple, Counter]:
    """{question: how many captions give which answer}. Where there are two answers, the captions tell it differently."""
    result: dict[tuple, Counter] = {}
    for caption in captions:
        for question, said in _says(caption, boxes).items():
            result.setdefault(question, Counter())[said] += 1
    return result


def relations(captions, numbers: dict[str, int]) -> tuple:
    """(kind, category, None, category, None) where a caption says it of two things that are there once each.

    Not where another caption joins the two otherwise: one on the other, and beside it.
    """
    found, told = set(), _told(captions, numbers)
    for caption in captions:
        words, here = tokens(caption), mentions(caption)
        for one, other in zip(here, here[1:]):
            once = numbers.get(one.category) == numbers.get(other.category) == 1
            agreed = len(told.get(("joins", tuple(sorted((one.category, other.category)))), ())) < 2
            if once and agreed and one.clear and other.clear and one.category != other.category and "no" not in (one.determiner, other.determiner):
                between = " ".join(words[one.end:other.start])
                found |= {(kind, one.category, None, other.category, None) for kind, pattern in _RELATIONS
                          if pattern.fullmatch(between) and (kind == "on" or one.category == "person")}
    return tuple(sorted(found, key=str))


def doings(captions, things, numbers: dict[str, int]) -> list[tuple[str, str]]:
    """(who, what) of the only person or animal: ("man", "riding a horse through a river")."""
    boxes, found = Counter(thing.category for thing in things), []
    told = _told(captions, boxes)
    for caption in captions:
        if any(len(told[question]) > 1 for question in _says(caption, boxes)):
            continue
        match, here = _DOES.fullmatch(" ".join(caption.lower().split()).rstrip(" .,")), mentions(caption)
        if match and here and not at_odds(caption, boxes) and here[0].clear and numbers.get(here[0].category) == 1:
            one = here[0].category
            if match["noun"] in CATEGORIES[one].words and (one == "person" or one in MEMBERS["animal"]):
                found.append((match["who"], match["act"]))
    return found


def quotable(captions, things) -> list[str]:
    """Captions as sentences, none at odds with the boxes or with another one, none that says what an earlier one has said.

    Where each tells something differently, those stay that tell it as most of them do.
    """
    boxes, kept = Counter(thing.category for thing in things), []
    told = _told(captions, boxes)
    usable = [c for c in captions if not c.isupper() and len(c.rstrip(" .,").split()) >= 3 and not at_odds(c, boxes)]
    agreed = [c for c in usable if all(len(told[question]) == 1 for question in _says(c, boxes))]
    for caption in agreed or [c for c in usable if all(told[q].most_common(1)[0][0] == said for q, said in _says(c, boxes).items())]:
        words = " ".join(caption.split()).rstrip(" .,")
        own = set(tokens(words))
        if all(len(own & other) <= ALIKE * min(len(own), len(other)) for other in (set(tokens(one)) for one in kept)):
            kept.append(words[0].upper() + words[1:] + ("" if words.endswith(("!", "?")) else "."))
    return kept
