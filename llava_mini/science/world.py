"""A storybook ScienceQA: natural, social and language science for grades 1 to 12, in the schema of the real one.

    python -m llava_mini.science.world data/cache/science

About 6,800 questions, 4,200 of them about 1,500 pictures. What is asked in val and test was never asked in train: pictures
come from the storybook's own splits, and the facts of each skill (an animal, a word, a text to read) are dealt to the splits
too. Where the wrong choices of a question are facts as well (other animals, other capitals), they are of its own split. A
picture of the training split has three or four questions, one of val or test a single one. The same seed gives the same bytes. ::

    problems.json, pid_splits.json      see problems.py
    images/<split>/<id>/image.jpg       224 x 224
    about.json                          written last: a folder without it is unfinished
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..folders import whole_folder
from ..storybook import folder as storybook
from . import laws, looking, nature, sentences, society, words
from .drafts import Draft, complete
from .problems import COLUMNS, SPLITS, Problem, Problems, columns, read_problems

EACH = 60                               # most questions of one skill without a picture
PICTURES = 1500
QUESTIONS = {"train": 4, "val": 1, "test": 1}       # about a picture
DEAL = ("train", "train", "train", "val", "test")   # 60, 20 and 20%, about as the real set
FILES = {"problems.json", "pid_splits.json", "images", "about.json"}
CODE = ("drafts", "laws", "looking", "nature", "problems", "sentences", "society", "words", "world")     # what decides the set
ALL_KINDS = 11                          # of the storybook's questions, so that its key tells all there is


def make(folder, *, seed: int = 0, pictures: int = PICTURES, each: int = EACH, workers: int | None = None) -> Path:
    """Writes the set into ``folder`` and returns it; does nothing where it is there already.

    ``seed``      decides which facts go where, the wrong choices and their order; the scenes are always the same
    ``pictures``  how many there are; ``each``: the most questions of a skill without a picture
    ``workers``   processes that draw; left out, as many as there are cores

    An older or unfinished set in ``folder`` is made anew. Raises InputError where it holds anything else.
    """
    folder = Path(folder)
    if pictures < 5 or each < 5:
        raise InputError(f"The set has at least 5 pictures and 5 questions of a skill, not {pictures} and {each}; ask for more.")
    about = {"science": 1, "seed": seed, "pictures": pictures, "each": each, "code": code()}
    if _about(folder) == about:
        return folder
    with whole_folder(folder.absolute(), mark=_is_ours) as beside:
        drafts = [*_without_pictures(seed, each), *_with_pictures(beside, seed, pictures, workers)]
        problems = arrange(drafts, seed)
        for problem, draft in problems:
            if draft.picture:
                place = beside / "images" / problem.picture
                place.parent.mkdir(parents=True)
                shutil.copyfile(beside / problem.split / "pictures" / draft.picture, place)
        _clear(beside)
        _write(beside, [problem for problem, _ in problems], about)
    return folder


def _without_pictures(seed: int, each: int) -> list[tuple[str, Draft]]:
    """(split, draft) of all skills, each with its share of every split. No question comes twice."""
    skills: dict[tuple, dict[str, list[Draft]]] = defaultdict(lambda: defaultdict(list))
    for module in (nature, laws, society, words, sentences):
        for maker in module.MAKERS:
            for draft in maker(random.Random(f"science/{seed}/{module.__name__.rpartition('.')[2]}/{maker.__name__}")):
                skills[draft.skill.subject, draft.skill.skill][draft.fact].append(draft)
    dealt, known = [], set()
    for name, facts in skills.items():
        rng = random.Random(f"science/{seed}/{name}")
        order = rng.sample(sorted(facts), len(facts))
        split = {fact: DEAL[number % len(DEAL)] for number, fact in enumerate(order)}
        own = {part: {fact for fact in order if split[fact] == part} for part in SPLITS}
        for drafts in facts.values():
            rng.shuffle(drafts)
        # One of each fact first, then a second one: where there are too many, every fact keeps its share.
        rounds = [(split[fact], draft) for number in range(each) for fact in order for draft in facts[fact][number:number + 1]]
        for part, draft in rounds[:each]:
            draft = complete(rng, draft, own[part])
            same = draft.question, draft.hint, frozenset((draft.right, *draft.wrong))
            if same not in known:
                known.add(same)
                dealt.append((part, draft))
    return dealt


def _with_pictures(folder: Path, seed: int, pictures: int, workers: int | None) -> list[tuple[str, Draft]]:
    """(split, draft) with QUESTIONS a picture; of those that a picture allows, the ones that were asked least."""
    dealt = []
    for split in SPLITS:
        n = max(1, pictures * DEAL.count(split) // len(DEAL))
        storybook.make_folder(folder / split, split, n, questions_per_picture=ALL_KINDS, workers=workers)
        asked: Counter = Counter()
        for page in looking.read_pages(folder / split, split):
            rng = random.Random(f"science/{seed}/{page.name}")
            found = {maker.__name__: draft for maker in looking.MAKERS if (draft := maker(rng, page))}
            for name in sorted(found, key=lambda name: (asked[name], rng.random()))[:QUESTIONS[split]]:
                asked[name] += 1
                dealt.append((split, found[name]))
    return dealt


def arrange(dealt: list[tuple[str, Draft]], seed: int) -> list[tuple[Problem, Draft]]:
    """Problems with their ids, grades and orders of choices.

    Within a split, and among questions with as many choices, the right one stands equally often at each letter:
    whoever always answers A is right as often as by guessing.
    """
    rng = random.Random(f"science/{seed}/order")
    bags: dict[tuple[str, int], list[int]] = defaultdict(list)
    problems = []
    for number, (split, draft) in enumerate(rng.sample(dealt, len(dealt)), 1):
        n = len(draft.wrong) + 1
        bag = bags[split, n]
        if not bag:
            bag += rng.sample(range(n), n)
        answer = bag.pop()
        choices = rng.sample(draft.wrong, n - 1)
        choices.insert(answer, draft.right)
        of = draft.skill
        problems.append((Problem(str(number), draft.question, tuple(choices), answer, draft.hint, "image.jpg" if draft.picture else None,
                                 "closed choice",
                                 rng.randint(*of.grades), of.subject, of.topic, of.category, of.skill, of.lecture, draft.solution, split),
                         draft))
    return problems


def census(problems: Problems) -> str:
    """How many questions there are in each column of Table 7, per split, as a plain table."""
    lines = [f"{'':<8}" + "".join(f"{name:>8}" for name in COLUMNS)]
    for split in SPLITS:
        counts = Counter(name for problem in problems.of(split) for name in columns(problem))
        lines.append(f"{split:<8}" + "".join(f"{counts[name]:>8,}" for name in COLUMNS))
    return "\n".join(lines)


def _write(folder: Path, problems: list[Problem], about: dict) -> None:
    splits = {split: [problem.id for problem in problems if problem.split == split] for split in SPLITS}
    splits["trainval"] = sorted(splits["train"] + splits["val"], key=int)
    for name, data in (("problems.json", {problem.id: problem.as_json() for problem in problems}), ("pid_splits.json", splits),
                       ("about.json", about)):
        (folder / name).write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")


def _clear(folder: Path) -> None:
    """Removes the storybook folders, whose pictures now lie elsewhere."""
    for split in SPLITS:
        shutil.rmtree(folder / split)


def _is_ours(folder: Path) -> bool:
    """Does the folder hold a set and nothing else? Only such a one may be replaced: answers that lie in it would be lost."""
    return "science" in (_about(folder) or {}) and {path.name for path in folder.iterdir()} <= FILES


def _about(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def code() -> str:
    """Fingerprint of the code that asks and draws, so that an old set is made anew after a change."""
    digest = hashlib.sha256(storybook.code().encode())
    for name in CODE:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.world", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the set is written, for example data/cache/science")
    parser.add_argument("--seed", type=int, default=0, help="of the facts' splits and the choices (default: 0)")
    parser.add_argument("--pictures", type=int, default=PICTURES, help=f"how many (default: {PICTURES})")
    parser.add_argument("--workers", type=int, default=None, help="processes that draw (default: one for each core)")
    given = parser.parse_args(arguments)

    def work() -> None:
        folder = make(given.folder, seed=given.seed, pictures=given.pictures, workers=given.workers)
        problems = read_problems(folder, pictures=folder / "images")
        print(f"{len(problems.by_id):,} questions in {folder}\n{census(problems)}")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
