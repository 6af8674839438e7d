"""What is certain in captions that people wrote freely, as COCO's are. Little, and nothing that two of them tell differently.

A number counts when a caption says it and the boxes agree; a colour when it stands right before the noun of something
that is there once; a relation when a caption puts it in so many words between two such things. All else may well be
true, but a teacher that cannot see should keep silent about it.
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


def relations(captions, numbers: dict[str, int]) -> tuple:
    """(kind, category, None, category, None) where a caption says it of two things that are there once each."""
    found = set()
    for caption in captions:
        words, here = tokens(caption), mentions(caption)
        for one, other in zip(here, here[1:]):
            once = numbers.get(one.category) == numbers.get(other.category) == 1
            if once and one.clear and other.clear and one.category != other.category and "no" not in (one.determiner, other.determiner):
                between = " ".join(words[one.end:other.start])
                found |= {(kind, one.category, None, other.category, None) for kind, pattern in _RELATIONS
                          if pattern.fullmatch(between) and (kind == "on" or one.category == "person")}
    return tuple(sorted(found, key=str))


def doings(captions, things, numbers: dict[str, int]) -> list[tuple[str, str]]:
    """(who, what) of the only person or animal: ("man", "riding a horse through a river")."""
    boxes, found = Counter(thing.category for thing in things), []
    for caption in captions:
        match, here = _DOES.fullmatch(" ".join(caption.lower().split()).rstrip(" .,")), mentions(caption)
        if match and here and not at_odds(caption, boxes) and here[0].clear and numbers.get(here[0].category) == 1:
            one = here[0].category
            if match["noun"] in CATEGORIES[one].words and (one == "person" or one in MEMBERS["animal"]):
                found.append((match["who"], match["act"]))
    return found


def quotable(captions, things) -> list[str]:
    """Captions as sentences, none at odds with the boxes, none that says what an earlier one has said."""
    boxes, kept = Counter(thing.category for thing in things), []
    for caption in captions:
        words = " ".join(caption.split()).rstrip(" .,")
        if words.isupper() or len(words.split()) < 3 or at_odds(caption, boxes):
            continue
        own = set(tokens(words))
        if all(len(own & other) <= ALIKE * min(len(own), len(other)) for other in (set(tokens(one)) for one in kept)):
            kept.append(words[0].upper() + words[1:] + ("" if words.endswith(("!", "?")) else "."))
    return kept
