"""The paper's Table 4 in one command: what each part of the instruction data is worth, by LLaVA-Bench and a judge.

    python -m llava_mini.bench.table_4 --seeds 0 1 2 --results
    python -m llava_mini.bench.table_4 --seeds 0 --judge gpt-4o --budget 5

Trains what is missing (the runs of ``python -m llava_mini.ablations data``), lets every model answer both benchmarks of the
storybook, and the same seeds after stage 1, who have had no instruction tuning; then judges. Goes on where it was killed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import ablations, checkpoints, stage_one
from ..commands import guarded
from ..job import Job
from ..main import here
from ..profiles import profile
from . import storybook, tables
from .benchmark import load
from .judge import add_arguments, options
from .run import BENCHES, copy_to, run
from .takers import BASELINE_LABELS, Bench, Taker

FOLDER = Path("runs/bench/table-4")
# row, as in tables.TABLE_4 -> variant of ablations.GROUPS["data"]; the paper's last row is stage 1 alone
ROWS = {"all": "all", "detail + reasoning": "detail-reasoning", "conversation + some": "conversation-some", "conversation": "conversation"}


def takers(seeds: Sequence[int], base: Job) -> list[Taker]:
    """The finished models, a row for each set of data and a run for each seed, and what the same seeds were after stage 1.

    Raises InputError where a seed's stage 1 is not there any more.
    """
    found = []
    for label, variant in ROWS.items():
        found += [Taker(label, "model", ablations.job_of("data", variant, seed, base).folder / "model", number) for number, seed in enumerate(seeds, 1)]
    for number, seed in enumerate(seeds, 1):
        job = ablations.job_of("data", "all", seed, base)
        folder = job.folder / "stage-1-model"
        checkpoints.save(stage_one.after(job), folder, kind="projector")
        found.append(Taker(BASELINE_LABELS["untuned"], "untuned", folder, number, f"after stage 1 of {len(seeds)} seeds" if len(seeds) > 1 else ""))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.table_4", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where answers and verdicts go (default: {FOLDER.as_posix()})")
    parser.add_argument("--results", action="store_true", help=f"copy result and pictures to {tables.RESULTS.as_posix()} too")
    add_arguments(parser)
    args = parser.parse_args(arguments)

    def work() -> None:
        base, judging = Job(here(profile("mini"))), options(args)
        ablations.compare("data", list(ROWS.values()), args.seeds, base)
        place = storybook.make(BENCHES)
        benches = [Bench(name, title, load(place / name), place / name / "pictures") for name, title in storybook.BENCHES.items()]
        found = run(takers(args.seeds, base), benches, args.folder, judging=judging, with_panel=False, name="table-4")
        print("\n" + tables.whole(found))
        if args.results:
            print("Written: " + ", ".join(map(str, copy_to(args.folder, tables.RESULTS, "table-4"))))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
