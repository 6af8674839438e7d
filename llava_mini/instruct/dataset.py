"""The finished set: the teacher's answers as samples in LLaVA's schema, checked, the same for the same seed.

    python -m llava_mini.instruct.dataset data/cache/storybook/train-8000 --folder runs/instruct/offline

writes ``samples.json`` into the folder, one sample a line within one JSON list::

    {"id": "train-000007", "image": "train-000007.jpg", "kind": "detail", "conversations": [
        {"from": "human", "value": "What is going on here? Leave nothing out.\\n<image>"}, {"from": "gpt", "value": "It is raining ..."}]}

The picture's mark stands before or after the first question, by lot (paper, equation 2; the authors' later code always
puts it first). The question of a detailed description is one of the 16, by lot. Both lots follow from the seed and the
picture's id. ``kind`` is not in LLaVA's schema; readers that do not know it pass over it. Samples with a fault (see checker.py) are
left out and kept in ``samples.left-out.jsonl``.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from ..annotations import Record, load
from ..commands import guarded
from ..conversation import IMAGE
from ..errors import InputError
from ..json_list import write_list
from . import answers, prompts
from .ledger import beside, rows
from .prompts import KINDS

ANSWERS, SAMPLES = "answers.jsonl", "samples.json"


def samples(records: list[Record], path, *, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> list[tuple[dict, Record]]:
    """(sample, its picture) for every answer in the answers file ``path``: in the records' order, a picture's kinds in that of KINDS.

    Raises InputError for a line that is not an answer, is there twice, cannot be read into turns, or belongs to a picture
    that is not among the records: with line number and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no {path}; run llava_mini.instruct.generate first, or give the folder of its answers.")
    known, given = {record.id: record for record in records}, {}
    for number, row in rows(path):
        where, key = f"{path.name}, line {number}", (row["id"], row["kind"])
        if row["id"] not in known:
            raise InputError(f"{where}: the picture {row['id']!r} is not among the records; give those that the answers were asked for.")
        if key in given:
            raise InputError(f"{where}: the {row['kind']} of {row['id']!r} is there for the second time; remove one of the two lines.")
        try:
            given[key] = answers.turns(row["kind"], row["answer"], row.get("finish_reason"))
        except answers.Malformed as error:
            raise InputError(f"{where}: this answer cannot be used ({error.reason}); remove the line, and it is asked for again.") from None
    return [(sample(record, kind, given[record.id, kind], seed), record) for record in records for kind in kinds
            if (record.id, kind) in given]


def sample(record: Record, kind: str, turns: list[tuple[str, str]], seed: int = 0) -> dict:
    """One sample. ``turns`` are those of ``answers.turns``.

    >>> record = Record("7", "7.jpg", None, ("A dog.",))
    >>> [turn["from"] for turn in sample(record, "reasoning", [("Why?", "It is late.")])["conversations"]]
    ['human', 'gpt']
    """
    rng = random.Random(f"{seed}/{kind}/{record.id}")
    if kind == "detail":
        turns = [(rng.choice(prompts.instructions("detailed")), turns[0][1])]
    conversations = []
    for number, (question, answer) in enumerate(turns):
        if number == 0:
            question = f"{IMAGE}\n{question}" if rng.random() < 0.5 else f"{question}\n{IMAGE}"
        conversations += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"id": record.id, "image": record.image, "kind": kind, "conversations": conversations}


def write(records: list[Record], path, out, *, seed: int = 0, kinds: tuple[str, ...] = KINDS,
          check: Callable[[dict, Record], list] | None = None) -> Counter:
    """Writes the finished set to ``out`` and returns {"conversation": n, ..., "left out: wrong count": n, ...}.

    ``check(sample, record)`` gives a sample's faults, each with a reason and a text (checker.check does); a sample with one
    goes to ``<out>.left-out.jsonl`` with its faults, and is counted under the reason of the first. Raises InputError as
    ``samples`` does, when nothing is left, and when the disk is full; the file shows the old set or the new one, never a part.
    """
    out, kept, left, counts = Path(out), [], [], Counter()
    for one, record in tqdm(samples(records, path, seed=seed, kinds=kinds), desc="checking", unit="sample", disable=check is None):
        faults = check(one, record) if check else []
        if faults:
            counts[f"left out: {faults[0].reason}"] += 1
            left.append(one | {"faults": [{"reason": fault.reason, "text": fault.text} for fault in faults]})
        else:
            counts[one["kind"]] += 1
            kept.append(one)
    if not kept:
        raise InputError(f"{Path(path).name}: there is no answer in it that can be used; generate some first.")
    write_list(beside(out, "left-out").with_suffix(".jsonl"), left)
    write_list(out, kept)
    return counts


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.dataset", description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="what the answers were asked for: a storybook folder, COCO's captions, or a .jsonl")
    parser.add_argument("--instances", type=Path, help="COCO's instances_*.json, if it does not lie beside the captions")
    parser.add_argument("--folder", type=Path, required=True, help=f"where {ANSWERS} lies and {SAMPLES} goes")
    parser.add_argument("--out", type=Path, help=f"another place for the set (default: {SAMPLES} in the folder)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="only samples of these kinds (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the lots that are drawn for each sample (default: 0)")
    parser.add_argument("--unchecked", action="store_true", help="keep samples with faults too")
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    check = None
    if not args.unchecked:
        from .checker import check
    out = args.out or args.folder / SAMPLES
    records = load(args.source, args.instances)
    counts = write(records, args.folder / ANSWERS, out, seed=args.seed, kinds=tuple(args.kinds), check=check)
    print("\n".join(f"{number:>9,}  {what}" for what, number in sorted(counts.items())))
    print(f"Written: {out}")


if __name__ == "__main__":
    sys.exit(main())
