"""A split of the storybook as files, laid out as COCO and LLaVA lay theirs out.

::

    pictures/train-000001.jpg ...   224 x 224
    captions.json, instances.json   true COCO JSON: images, annotations, categories
    align.json                      LLaVA schema: one caption a sample, for stage 1
    questions.jsonl                 questions with their answer key, for scoring
    about.json                      written last: a folder without it is unfinished

The scenes themselves are not written: whatever reads such a folder sees pictures and words. What stage 2 learns from
is not here either: a teacher writes it who reads the captions and boxes (:mod:`..taught`).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from ..errors import InputError
from ..folders import whole_folder
from .draw import draw
from .narrate import boxes, captions
from .presence import ask_for_unseen_pair
from .questions import questions
from .scenes import Question, Scene
from .vocabulary import CATEGORIES, UNSEEN_PAIRS
from .world import SPLITS, scenes

FILES = {"pictures", "captions.json", "instances.json", "align.json", "questions.jsonl", "about.json"}
FORMER = {"tune.json"}      # what folders of older versions hold besides; they are made anew
CHUNK = 250                 # pictures a worker draws at a time
BRIEF = ("Tell briefly what there is to see.", "Give a short description of the picture.", "What does this picture show?",
         "Sum up the picture in one sentence.", "Write a brief caption for the image.")


def make_folder(folder: Path, split: str, n: int, *, questions_per_picture: int = 6, workers: int | None = None) -> Path:
    """Draws and tells ``n`` pictures of a split into ``folder``; does nothing if they are there.

    The same arguments give the same bytes on every machine with the same Pillow. An older or unfinished
    storybook in ``folder`` is made anew. Raises InputError when the folder holds anything else, and when
    the disk is full; both leave what was there untouched.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r} of the storybook; choose one of {', '.join(SPLITS)}.")
    if n < 1:
        raise InputError(f"A storybook has at least one picture, not {n}; ask for more.")
    about = {"split": split, "pictures": n, "questions_per_picture": questions_per_picture, "code": code()}
    if _about(folder) == about:
        return folder
    with whole_folder(folder.absolute(), mark=_is_storybook) as beside:
        (beside / "pictures").mkdir()
        _write(beside, split, n, questions_per_picture, workers)
        (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def _about(folder: Path) -> dict | None:
    """What a folder says it holds; None where it says nothing that can be read."""
    try:
        return json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_storybook(folder: Path) -> bool:
    """Does the folder hold an about.json and nothing but what is written here? Only such a one may be replaced."""
    names = {path.name for path in folder.iterdir()}
    pictures = os.listdir(folder / "pictures") if "pictures" in names else []
    return "about.json" in names and names <= FILES | FORMER and all(re.fullmatch(rf"({'|'.join(SPLITS)})-\d{{6,}}\.jpg", name) for name in pictures)


def code() -> str:
    """Fingerprint of the code that draws and tells, so that an old folder is made anew after a change."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _write(folder: Path, split: str, n: int, per_picture: int, workers: int | None) -> None:
    chunks = [(str(folder), split, start, min(CHUNK, n - start), per_picture) for start in range(0, n, CHUNK)]
    told: list[dict] = []
    with tqdm(total=n, desc=f"drawing {split}", unit="picture") as bar:
        workers = workers or min(os.cpu_count() or 1, len(chunks))
        if workers == 1:
            for chunk in chunks:
                told += draw_chunk(chunk)
                bar.update(chunk[3])
        else:
            with ProcessPoolExecutor(workers) as pool:
                for chunk, rows in zip(chunks, pool.map(draw_chunk, chunks)):
                    told += rows
                    bar.update(chunk[3])
    images = [{"id": row["number"], "file_name": row["file"], "width": 224, "height": 224} for row in told]
    _dump(folder / "captions.json", {"info": _INFO, "images": images, "annotations": _numbered(told, "captions")})
    _dump(folder / "instances.json", {"info": _INFO, "images": images, "annotations": _numbered(told, "boxes"), "categories": [
        {"id": c.coco_id, "name": c.coco, "supercategory": c.group} for c in CATEGORIES.values()]})
    _dump(folder / "align.json", [sample for row in told for sample in row["align"]])
    with open(folder / "questions.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(q) + "\n" for row in told for q in row["questions"])


_INFO = {"description": "The llava_mini storybook: drawn pictures, captions and boxes", "version": "1"}


def _dump(path: Path, data) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")


def _numbered(told: list[dict], what: str) -> list[dict]:
    rows = [{"image_id": row["number"], **one} for row in told for one in row[what]]
    return [{"id": i, **row} for i, row in enumerate(rows, 1)]


def draw_chunk(chunk) -> list[dict]:
    """Draws one chunk, (folder, split, first scene, how many, questions a picture), into ``folder/pictures``; returns what is told about them."""
    folder, split, start, n, per_picture = chunk
    rows = []
    for number, scene in enumerate(scenes(split, n, start), start + 1):
        name = f"{split}-{number:06d}"
        draw(scene).save(Path(folder) / "pictures" / f"{name}.jpg", quality=95, subsampling=0)
        rng = random.Random(f"told/{split}/{number}")
        lines = captions(scene)
        rows.append({"number": number, "file": f"{name}.jpg", "captions": [{"caption": c} for c in lines], "boxes": boxes(scene),
                     "align": align_samples(name, lines, rng),
                     "questions": question_rows(name, split, scene, rng, per_picture)})
    return rows


def align_samples(name: str, lines: list[str], rng: random.Random) -> list[dict]:
    """One sample for each distinct caption, with a random brief instruction (paper, Table 11)."""
    return [{"id": f"{name}-c{i}", "image": f"{name}.jpg", "conversations": [
        {"from": "human", "value": f"<image>\n{rng.choice(BRIEF)}"}, {"from": "gpt", "value": line}]} for i, line in enumerate(dict.fromkeys(lines))]


def question_rows(name: str, split: str, scene: Scene, rng: random.Random, n: int) -> list[dict]:
    """Up to ``n`` questions of different kinds with their key; of unseen pairs only those about the pair."""
    asked = questions(scene, rng)
    if split == "unseen_pairs":
        asked = [q for q in asked if _names_unseen_pair(q)]
        if rng.random() < 0.5:                          # every second picture, so that colours and names weigh as much
            asked.append(ask_for_unseen_pair(scene, rng))
    if split == "unseen_counts":
        asked = [q for q in asked if q.kind == "count" and q.value in ("five", "six")]
    chosen = list({q.kind: q for q in asked}.values())[:n]
    return [{"question_id": f"{name}-{q.kind}", "image": f"{name}.jpg", "text": q.text, "category": q.kind, "answer": q.answer,
             "value": q.value, "split": split} for q in chosen]


def _names_unseen_pair(q: Question) -> bool:
    words = f"{q.text} {q.answer}"
    return q.kind in ("colour", "what") and any(colour in words and category in words for colour, category in UNSEEN_PAIRS)
