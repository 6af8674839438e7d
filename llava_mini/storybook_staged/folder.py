"""The staged pictures as files, with what is asked about them.

::

    pictures/binding-001-original.jpg ...   224 x 224
    everyday.jsonl, binding.jsonl, ...      one file a probe: questions with their key, and what the probe has to know ("about")
    about.json                              written last: a folder without it is unfinished
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tqdm.auto import tqdm

from ..errors import InputError
from ..folders import whole_folder
from ..storybook import folder as storybook
from ..storybook.draw import draw
from . import absent, binding, character, counting, everyday, phrasings, position
from .pages import Page, Sizes

PROBES = ("everyday", "binding", "counting", "position", "absent", "character", "wording")
FILES = {"pictures", "about.json", *(f"{probe}.jsonl" for probe in PROBES)}


def make(folder, sizes: Sizes = Sizes(), *, seed: int = 0) -> Path:
    """Draws the pictures and writes the questions into ``folder``; does nothing where they are there already.

    An older or unfinished set is made anew. Raises InputError where the folder holds anything else, and for sizes below 1.
    """
    folder = Path(folder)
    small = [name for name, n in asdict(sizes).items() if n < (2 if name == "everyday" else 1)]
    if small:
        raise InputError(f"There are too few pictures of the sort {small[0]!r} ({asdict(sizes)[small[0]]}); ask for two everyday ones and one of "
                         "the others at least.")
    about = {"staged": 1, "seed": seed, "sizes": asdict(sizes), "code": code()}
    if _about(folder) == about:
        return folder
    with whole_folder(folder.absolute(), mark=_is_ours) as beside:
        (beside / "pictures").mkdir()
        pages = list(_pages(sizes, seed))
        rows = defaultdict(list)
        for page in tqdm(pages, desc="drawing pictures for the probes", unit="picture"):
            draw(page.scene).save(beside / "pictures" / f"{page.name}.jpg", quality=95, subsampling=0)
            for probe, asked in page.questions.items():
                rows[probe] += asked
        everyday.add_partners(rows["everyday"], seed)
        rows["wording"] = phrasings.reworded(rows["everyday"], sizes.phrasings, seed)
        for probe in PROBES:
            with open(beside / f"{probe}.jsonl", "w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows[probe])
        (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def _pages(sizes: Sizes, seed: int) -> Iterator[Page]:
    census = absent.Census.of(sizes.training)
    for page in everyday.pages(sizes.everyday, seed):
        page.questions["absent"] = absent.questions(page.name, page.scene, census, seed)
        yield page
    yield from binding.pages(sizes.binding, seed)
    yield from counting.pages(sizes.counting, seed)
    yield from position.pages(sizes.position, seed)
    yield from character.pages(sizes.character)


def code() -> str:
    """Fingerprint of the code and words that make the set, the storybook's included."""
    digest = hashlib.sha256(storybook.code().encode())
    for path in sorted(path for ending in ("*.py", "*.json") for path in Path(__file__).parent.glob(ending)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _about(folder: Path) -> dict | None:
    try:
        found = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_ours(folder: Path) -> bool:
    """Does the folder hold such a set and nothing else? Only then may it be replaced."""
    return "staged" in (_about(folder) or {}) and {path.name for path in folder.iterdir()} <= FILES
