"""How good is the checker? A storyteller lies at known rates, and the checker does not know where.

    python -m llava_mini.instruct.measure data/cache/storybook/train-8000 --pictures 300

For each kind of lie: how many were told, how many of them the checker found for that reason (recall), and how many of
the samples that it accuses of it had been given that lie (precision). Reasons that no lie is about must stay empty.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .. import annotations
from ..annotations import Record, context
from ..commands import guarded
from . import storyteller
from .checker import check
from .dataset import sample
from .lies import LIES
from .prompts import KINDS


@dataclass
class Row:
    """One kind of lie."""

    lie: str
    told: int = 0               # samples with the lie
    found: int = 0              # of these, accused of it
    accused: int = 0            # samples accused of it, with the lie or without

    @property
    def recall(self) -> float | None:
        return self.found / self.told if self.told else None

    @property
    def precision(self) -> float | None:
        return self.found / self.accused if self.accused else None


@dataclass
class Measured:
    """All rows; ``str()`` is the table."""

    samples: int
    honest: int                                 # samples without a lie
    falsely: int                                # of these, accused of anything
    rows: list[Row]
    examples: list[tuple[str, str, str]]        # (picture, what the checker or the lie was about, text) of what went wrong

    def __str__(self) -> str:
        lines = [f"{'lie':<18}{'told':>7}{'found':>7}{'recall':>9}{'accused':>9}{'precision':>11}"]
        for row in self.rows:
            recall, precision = ("-" if value is None else f"{value:.3f}" for value in (row.recall, row.precision))
            lines.append(f"{row.lie:<18}{row.told:>7,}{row.found:>7,}{recall:>9}{row.accused:>9,}{precision:>11}")
        lines.append(f"{self.samples:,} samples, {self.honest:,} of them without a lie; of these {self.falsely:,} accused.")
        return "\n".join(lines)


def measure(records: list[Record], *, rate: float = 0.5, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> Measured:
    """Precision and recall of the checker. ``rate``: how many of the samples get one lie, of a kind by lot."""
    rows = {lie: Row(lie) for lie in LIES}
    others: Counter = Counter()
    honest = falsely = 0
    examples = []
    for record in records:
        for kind in kinds:
            rng = random.Random(f"measure/{seed}/{kind}/{record.id}")
            lie = rng.choice(list(LIES)) if rng.random() < rate else None
            turns, told = storyteller.turns(kind, context(record), rng, lie)
            faults = check(sample(record, kind, turns, seed), record)
            reasons = {fault.reason: fault.text for fault in faults}
            honest += told is None
            falsely += told is None and bool(reasons)
            if told:
                rows[told[0]].told += 1
                rows[told[0]].found += told[0] in reasons
                if told[0] not in reasons:
                    examples.append((record.id, f"missed: {told[0]}", told[1]))
            for reason in reasons:
                others[reason] += 1
                if not told or reason != told[0]:
                    examples.append((record.id, f"accused of: {reason}{f' (lie: {told[0]})' if told else ''}", reasons[reason]))
    for reason, n in others.items():
        rows.setdefault(reason, Row(reason)).accused += n
    return Measured(len(records) * len(kinds), honest, falsely, list(rows.values()), examples)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.measure", description=__doc__.split("\n")[0])
    parser.add_argument("annotations", type=Path, help="a storybook folder, COCO's captions, or a .jsonl of captions and boxes")
    parser.add_argument("--instances", type=Path, help="COCO's instances_*.json, if it does not lie beside the captions")
    parser.add_argument("--pictures", type=int, help="only the first so many (default: all)")
    parser.add_argument("--rate", type=float, default=0.5, help="share of the samples that get a lie (default: 0.5)")
    parser.add_argument("--seed", type=int, default=0, help="of the lots (default: 0)")
    parser.add_argument("--examples", type=int, default=0, help="how many of the checker's errors to show (default: none)")
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    done = measure(annotations.load(args.annotations, args.instances)[:args.pictures], rate=args.rate, seed=args.seed)
    print(done)
    for picture, what, text in done.examples[:args.examples]:
        print(f"{picture}  {what}: {text[:160]}")


if __name__ == "__main__":
    sys.exit(main())
