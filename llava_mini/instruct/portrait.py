"""A set of instruction data at a glance: its numbers, and the drawings that show what it is like.

    python -m llava_mini.instruct.portrait samples.json data/cache/storybook/train-8000 --folder data/results/taught

    statistics.json         kinds, turns, lengths, first words, what pictures have in common (instruct/statistics.py)
    first-words.png         how questions begin
    questions.png, words.png    questions in a sample, and words in an answer, by kind
    context.png             what the teacher reads about one picture, beside the picture that it does not see
    concepts.png            how often the noun phrases of the captions occur, before and after the balance (the paper's Figure 7)

``samples.json`` is any file in LLaVA's schema. The last two need the pictures' captions and boxes as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..annotations import Record, load
from ..commands import guarded
from ..data import read_samples
from ..errors import InputError
from ..files import make_folder, write_safely
from ..json_list import read_list
from . import concepts, noun_phrases
from .statistics import statistics


def of_samples(path: Path) -> dict:
    """The statistics of a file. Raises InputError as ``data.read_samples`` does: what cannot be trained on is not counted."""
    read_samples(path)
    if path.suffix == ".jsonl":
        return statistics([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()])
    return statistics([item for _, _, item in read_list(path, "samples")])


def draw(about: dict, folder: Path) -> list[Path]:
    """The drawings that need nothing but the statistics."""
    from .. import show

    drawings = {"first-words": show.first_words(about["first_words"]), "questions": show.histograms(about["turns"], "questions in a sample"),
                "words": show.histograms(about["answer_words"], "words in an answer")}
    return [drawing.save(folder / f"{name}.png") for name, drawing in drawings.items()]


def draw_context(record: Record, pictures: Path, folder: Path) -> Path:
    """The picture with its boxes, and the text that stands for it."""
    from .. import show

    return show.boxes_and_text(record, pictures / record.image, "What the teacher reads, and the picture that it does not see").save(folder / "context.png")


def draw_concepts(source: Path, folder: Path) -> Path:
    """Figure 7 of the captions: frequencies before the balance and after it."""
    from .. import show

    found = concepts.count(noun_phrases.extractor("plain" if source.is_dir() else "auto").of_all(text for _, _, text in concepts.read_captions(source)))
    return show.concept_balance(*concepts.balance(found).frequencies(), most=concepts.MOST).save(folder / "concepts.png")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.portrait", description=__doc__.split("\n")[0])
    parser.add_argument("samples", type=Path, help="a .json or .jsonl file in LLaVA's schema")
    parser.add_argument("source", type=Path, nargs="?", help="the pictures' captions and boxes: a storybook folder, COCO's captions, or a .jsonl")
    parser.add_argument("--instances", type=Path, help="COCO's instances_*.json, if it does not lie beside the captions")
    parser.add_argument("--pictures", type=Path, help="folder of the pictures (default: pictures/ in the storybook folder)")
    parser.add_argument("--picture", help="id of the picture that is drawn (default: the first with three boxes)")
    parser.add_argument("--folder", type=Path, required=True, help="where the files go")
    args = parser.parse_args(arguments)
    return guarded(lambda: work(args))


def work(args: argparse.Namespace) -> None:
    about = of_samples(args.samples)
    records = load(args.source, args.instances) if args.source else []
    make_folder(args.folder)
    written = [args.folder / "statistics.json"]
    write_safely(written[0], (json.dumps(about, indent=1) + "\n").encode())
    written += draw(about, args.folder)
    if records:
        pictures = args.pictures or args.source / "pictures"
        fitting = [record for record in records if (record.id == args.picture if args.picture else len(record.boxes) >= 3)] or records[:0 if args.picture else 1]
        if not fitting:
            raise InputError(f"There is no picture {args.picture!r} in {args.source}; choose the id of another.")
        written += [draw_context(fitting[0], pictures, args.folder), draw_concepts(args.source, args.folder)]
    print(f"{about['samples']:,} samples about {about['pictures']['n']:,} pictures: " + ", ".join(f"{number:,} {kind}" for kind, number in about["kinds"].items()))
    print("Written: " + ", ".join(map(str, written)))


if __name__ == "__main__":
    sys.exit(main())
