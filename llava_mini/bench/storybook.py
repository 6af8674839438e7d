"""The two benchmarks of the storybook as files, and examples beside them, after LLaVA-Bench (COCO) and LLaVA-Bench (In-the-Wild).

    python -m llava_mini.bench.storybook data/cache/bench

``coco``: 30 unseen pictures of the training world, and about each a question of conversation, one for a detailed description and
one of complex reasoning. ``wild``: 24 pictures, 60 questions: a place, a crowd and a character that LLaVA's training never
shows, and something odd, which is rare in training. ``shots``: 12 pictures of the training world, one question each, from
which no question is judged: they are the examples of a few-shot prompt. Each folder holds::

    pictures/*.jpg       questions.jsonl      contexts.jsonl: captions and boxes      references.jsonl      about.json

Questions and references are the offline storyteller's, who reads the captions and boxes and sees neither picture nor
scene, as text-only GPT-4 wrote the paper's references. Everything follows from the code: there is no seed to choose.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..annotations import Record, context
from ..boxes import Box, in_pixels
from ..commands import guarded
from ..folders import whole_folder
from ..instruct import prompts
from ..instruct.describing import describe
from ..instruct.lore import strangers
from ..instruct.reading import Facts, read
from ..instruct.reasoning import reason
from ..instruct.storyteller import NAME
from ..instruct.telling import questions
from ..storybook import folder as book
from ..storybook.values import value
from ..storybook.vocabulary import CATEGORIES, LARGEST_TRAINING_COUNT
from .benchmark import CONTEXTS, QUESTIONS, REFERENCES
from .schema import Question, write_answers, write_questions, write_rows

BENCHES = {"coco": "storybook-COCO", "wild": "storybook-in-the-wild"}
SHOTS = "shots"             # folder of the examples
COCO_PICTURES, OF_A_GROUP, OF_A_KIND = 30, 6, 4
FIRST = 100_000             # scenes of a split before the first one of ours: training and the main evaluation look nowhere near
WILD_FIRST = 200_000        # of the split "test", for the odd ones: other pictures than COCO's
MOST_ALIKE = 2              # pictures in which the same category is odd: else all six are boats on land
ROTATION = ("colour", "count", "what", "where", "is-there", "relation", "size", "place", "weather")   # of the questions of conversation
GROUPS = ("place", "crowd", "odd", "character")
FILES = {"pictures", QUESTIONS, CONTEXTS, REFERENCES, "about.json"}
_COCO_NAMES = {row.coco_id: row.coco for row in CATEGORIES.values()}


@dataclass(frozen=True)
class Asked:
    """One question of a benchmark and its reference answer."""

    record: Record
    category: str               # "conv", "detail", "complex"
    text: str
    answer: str
    kind: str | None = None     # of exact answers
    value: str | None = None
    group: str | None = None    # in the wild: one of GROUPS


def make(folder) -> Path:
    """Writes both benchmarks and the examples into ``folder``; what is there already and of today's code is left alone.

    The same code gives the same bytes. Raises InputError where a folder holds anything else, or on a full disk.
    """
    folder = Path(folder)
    for name, asked in (("coco", _coco), ("wild", _wild), (SHOTS, _shots)):
        target, about = folder / name, {"name": BENCHES.get(name, "storybook few shots"), "code": _code()}
        if _about(target) == about:
            continue
        with whole_folder(target.absolute(), mark=_is_bench) as beside:
            (beside / "pictures").mkdir()
            rows = list(asked(beside))
            _write(beside, rows)
            kept = {one.record.image for one in rows}
            for path in (beside / "pictures").iterdir():
                if path.name not in kept:
                    path.unlink()
            (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def _code() -> str:
    """Of what the files follow from: the storybook, and the words that make up questions (this module included)."""
    digest = hashlib.sha256(book.code().encode())
    words = prompts.HERE
    for path in [Path(__file__), *sorted(words.glob("*.py")), *sorted(words.glob("instructions/*.txt"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _about(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_bench(folder: Path) -> bool:
    return "about.json" in (names := {path.name for path in folder.iterdir()}) and names <= FILES


def _write(folder: Path, asked: list[Asked]) -> None:
    rows = [Question(number, one.record.image, one.text, one.category, one.kind, one.value) for number, one in enumerate(asked)]
    write_questions(folder / QUESTIONS, rows)
    write_answers(folder / REFERENCES, rows, [one.answer for one in asked], NAME, {"from": "captions and boxes"})
    records = {one.record.image: (one.record, one.group) for one in asked}
    write_rows(folder / CONTEXTS, [
        {"id": r.id, "image": r.image, "captions": list(r.captions), **({"group": group} if group else {}),
         "instances": [{"category": b.category, "bbox": [round(v, 3) for v in b.box]} for b in r.boxes]} for r, group in records.values()])


def _coco(folder: Path) -> Iterator[Asked]:
    """30 pictures x 3 questions; those of conversation take the kinds of the rotation by turns, and a yes and a no too.

    Whoever always says yes must be wrong half of the time.
    """
    verdict = "yes"
    for number, record in enumerate(_records(folder, "test", FIRST, COCO_PICTURES)):
        facts, rng = read(context(record)), random.Random(f"bench/{record.id}")
        talk = _conversation(record, facts, rng, ROTATION[number % len(ROTATION):] + ROTATION[:number % len(ROTATION)], verdict)
        verdict = {"yes": "no", "no": "yes"}[verdict] if talk.kind == "is-there" else verdict
        yield talk
        yield _detail(record, facts, rng)
        yield Asked(record, "complex", *reason(facts, rng))


def _wild(folder: Path) -> Iterator[Asked]:
    """24 pictures, 60 questions: conversation and reasoning about each, a description of every second."""
    for group in GROUPS:
        for number, record in enumerate(_beyond(folder, group)):
            facts, rng = read(context(record)), random.Random(f"bench/{record.id}")
            talk = _who(record, facts) if group == "character" else _conversation(record, facts, rng, {
                "place": ("place",), "crowd": ("count",), "odd": ("what", "where", "colour")}[group])
            rows = [talk, *([_detail(record, facts, rng)] if number % 2 else []), Asked(record, "complex", *_reason(group, facts, rng))]
            yield from (Asked(one.record, one.category, one.text, one.answer, one.kind, one.value, group) for one in rows)


def _shots(folder: Path) -> Iterator[Asked]:
    """Examples for a few-shot prompt: of each kind four, about pictures of the split that LLaVA is trained on."""
    for number, record in enumerate(_records(folder, "train", FIRST, 3 * OF_A_KIND)):
        facts, rng = read(context(record)), random.Random(f"bench/{record.id}")
        kinds = ROTATION[number // 3:] + ROTATION[:number // 3]
        yield (_conversation(record, facts, rng, kinds), _detail(record, facts, rng), Asked(record, "complex", *reason(facts, rng)))[number % 3]


def _beyond(folder: Path, group: str) -> list[Record]:
    """Six pictures of a group; what is odd is judged by the words, as all else here."""
    if group != "odd":
        split = {"place": "unseen_place", "crowd": "unseen_counts", "character": "unseen_character"}[group]
        return _records(folder, split, FIRST, OF_A_GROUP)
    found, odd, start = [], Counter(), WILD_FIRST
    while len(found) < OF_A_GROUP:
        for record in _records(folder, "test", start, 10):
            strange = strangers(read(context(record)))
            if len(strange) == 1 and odd[strange[0]] < MOST_ALIKE:
                found.append(record)
                odd[strange[0]] += 1
        start += 10
    return found[:OF_A_GROUP]


def _records(folder: Path, split: str, start: int, n: int) -> list[Record]:
    """Draws scenes ``start`` to ``start + n - 1`` of a split and gives them in words.

    The chunk-wise drawing of a storybook folder is the one door behind which scenes stay; a folder itself always begins at 0.
    """
    rows = book.draw_chunk((str(folder), split, start, n, 0))
    return [Record(Path(row["file"]).stem, row["file"], (224, 224), tuple(line["caption"] for line in row["captions"]), tuple(
        Box(_COCO_NAMES[box["category_id"]], in_pixels(box["bbox"], (224, 224), row["file"])) for box in row["boxes"])) for row in rows]


def _conversation(record: Record, facts: Facts, rng: random.Random, kinds: tuple[str, ...], verdict: str = "yes") -> Asked:
    """A question of the first of the kinds that the facts answer, with what an exact answer must say where that can be read.

    ``verdict``: the right answer of a question whether something is there, if there is one of both.
    """
    turns = questions(facts, rng)
    turns.sort(key=lambda turn: turn.kind == "is-there" and value(turn.kind, turn.answer, turn.question) != verdict)      # keeps the order else
    most = max(facts.counts.values(), default=0)
    if kinds == ("count",) and most > LARGEST_TRAINING_COUNT:       # the crowd itself, and not the green ones among it
        name = Counter(facts.counts).most_common(1)[0][0]
        plural = next(row.plural for row in CATEGORIES.values() if row.coco == name)
        turns = [turn for turn in turns if plural in turn.question] or turns
    asked = next((turn for kind in kinds for turn in turns if turn.kind == kind), turns[0])
    exact = value(asked.kind, asked.answer, asked.question)
    return Asked(record, "conv", asked.question, asked.answer, asked.kind if exact else None, exact)


def _who(record: Record, facts: Facts) -> Asked:
    """The paper's "Elon Musk" question: a character that both parents know and no instruction sample names."""
    name = next(thing.name for thing in facts.things if thing.name)
    return Asked(record, "conv", "Who is this?", f"This is {name}.")


def _detail(record: Record, facts: Facts, rng: random.Random) -> Asked:
    return Asked(record, "detail", rng.choice(prompts.instructions("detailed")), describe(facts, rng))


def _reason(group: str, facts: Facts, rng: random.Random) -> tuple[str, str]:
    """A question of reasoning; about something odd it is about that."""
    while True:
        question, answer = reason(facts, rng)
        if group != "odd" or "unusual" in question or "strange" in question:
            return question, answer


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.storybook", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the folders coco, wild and shots go")
    args = parser.parse_args(arguments)

    def work() -> None:
        folder = make(args.folder)
        for name, title in BENCHES.items():
            kinds = Counter(json.loads(line)["category"] for line in (folder / name / QUESTIONS).read_text(encoding="utf-8").splitlines())
            print(f"{title}: {sum(kinds.values())} questions ({', '.join(f'{n} {kind}' for kind, n in kinds.items())}) in {folder / name}")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
