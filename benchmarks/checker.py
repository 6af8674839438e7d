"""How many lies the checker of instruction data finds, and how many it sees where none are told.

    python -m benchmarks.checker                                    500 storybook pictures; a lie in a tenth of the texts, then in half
    python -m benchmarks.checker --also coco.jsonl                  the same on captions and boxes of your own
    python -m benchmarks.checker --quick                            20 pictures; shows that it runs

The storyteller lies at known rates, one lie in a text, and llava_mini.instruct.measure compares. Storyteller and checker
are of one author: the lies are of kinds that he thought of, in sentences that he wrote. The figures say how well the checker
reads those, not how well it would read another teacher. The result goes to data/results/benchmark-checker.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llava_mini.annotations import load
from llava_mini.commands import guarded
from llava_mini.instruct.measure import Measured, measure
from llava_mini.storybook.folder import make_folder as draw

from .common import about, keep

OUTPUT = Path("data/results/benchmark-checker.json")
PICTURES, QUICK, RATES = 500, 20, (0.1, 0.5)


def told(found: Measured) -> dict:
    """The table as JSON: recall and precision are None where there was nothing to find, or nobody was accused."""
    rows = {row.lie: {"told": row.told, "found": row.found, "accused": row.accused, "recall": row.recall, "precision": row.precision} for row in found.rows}
    return {"samples": found.samples, "without a lie": found.honest, "accused without a lie": found.falsely, "lies": rows}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checker", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pictures")
    parser.add_argument("--also", type=Path, help="COCO's captions, or a .jsonl of captions and boxes")
    parser.add_argument("--seed", type=int, default=1, help="of the lots (default: 1)")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark"), help="for the pictures")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    args = parser.parse_args(arguments)
    return guarded(lambda: work(args))


def work(args: argparse.Namespace) -> None:
    number = QUICK if args.quick else PICTURES
    sources = {"storybook": load(draw(args.folder.absolute() / f"val-{number}", "val", number))}
    if args.also:
        sources[args.also.name] = load(args.also)
    found = {name: {rate: measure(records, rate=rate, seed=args.seed) for rate in RATES} for name, records in sources.items()}
    result = {**about("checker"), "rates": RATES, "seed": args.seed, "full": not args.quick,
              "sources": {name: {"pictures": len(sources[name]), "rates": {str(rate): told(one) for rate, one in rows.items()}} for name, rows in found.items()}}
    output = args.output or (args.folder / "quick-checker.json" if args.quick else OUTPUT)
    keep(result, output)
    for name, rows in found.items():
        for rate, one in rows.items():
            print(f"\n{name}, {len(sources[name])} pictures, a lie in {rate:.0%} of the texts\n{one}")
    print(f"Written: {output}")


if __name__ == "__main__":
    sys.exit(main())
