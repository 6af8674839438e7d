"""The same question in other words: phrasings.json has them by kind, for everybody to read and add to.

``storybook``  the words of the answer key's own questions, which every training set knows
``teacher``    words that the offline teacher uses now and then
``new``        words that the offline teacher never uses
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from pathlib import Path

from ..errors import InputError
from ..storybook.phrases import article
from ..storybook.vocabulary import CATEGORIES, COLOURS

FILE = Path(__file__).with_name("phrasings.json")
FAMILIES = ("storybook", "teacher", "new")
_PLURALS = {c.plural: c.name for c in CATEGORIES.values()}
_SLOTS = {"colour": COLOURS, "thing": CATEGORIES, "things": _PLURALS}


def read_phrasings(path: Path = FILE) -> dict[str, dict[str, list[str]]]:
    """Templates by kind and family. InputError names the template whose slot is unknown."""
    table = json.loads(path.read_text(encoding="utf-8"))
    for kind, families in table.items():
        for template in (template for family in families.values() for template in family):
            unknown = set(re.findall(r"\{(.*?)\}", template)) - {*_SLOTS, "a thing"}
            if unknown:
                raise InputError(f"{path.name}, {kind}: {template!r} has the unknown slot {unknown.pop()!r}; use colour, thing, things or \"a thing\".")
    return table


def slots(template: str, question: str) -> dict[str, str] | None:
    """What a question puts into the slots of a template, or None where it is no question of that form.

    >>> slots("How many {things} do you see?", "How many buses do you see?")
    {'thing': 'bus', 'things': 'buses', 'a thing': 'a bus'}
    """
    pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}").replace(r"\ ", " ")
    for name, words in _SLOTS.items():
        pattern = pattern.replace(f"{{{name}}}", f"(?P<{name}>{'|'.join(map(re.escape, words))})")
    pattern = pattern.replace("{a thing}", rf"(?P<a>an? (?:(?:{'|'.join(COLOURS)}) )?(?:{'|'.join(map(re.escape, CATEGORIES))})(?: in (?:{'|'.join(COLOURS)}))?)")
    match = re.fullmatch(pattern, question)
    if match is None:
        return None
    found = match.groupdict()
    if "things" in found:
        found["thing"] = _PLURALS[found["things"]]
    if "a" in found:
        found["a thing"] = found.pop("a")
    elif "thing" in found:
        found["a thing"] = article(found["thing"])
    return {name: found[name] for name in ("colour", "thing", "things", "a thing") if name in found}


def fill(template: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(.*?)\}", lambda slot: words[slot[1]], template)


def reworded(rows: list[dict], n: int, seed: int, table: dict | None = None) -> list[dict]:
    """Up to ``n`` questions of each kind in all the phrasings that there are of it, as rows of the probe "wording".

    Taken from questions with their key, by chance but never two of a kind about one picture.
    """
    table = table or read_phrasings()
    by_kind = defaultdict(list)
    for row in rows:
        for template in table.get(row["category"], {}).get("storybook", ()):
            words = slots(template, row["text"])
            if words is not None:
                by_kind[row["category"]].append((row, words))
                break
    out = []
    for kind, found in by_kind.items():
        for row, words in random.Random(f"wording/{seed}/{kind}").sample(found, min(n, len(found))):
            for family in FAMILIES:
                for number, template in enumerate(table[kind].get(family, ())):
                    out.append({**row, "question_id": f"{row['question_id']}-{family}-{number}", "text": fill(template, words), "split": "wording",
                                "about": {"question": row["question_id"], "family": family, "template": template}})
    return out
