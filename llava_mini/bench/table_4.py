"""The paper's Table 4 in one command: what each part of the instruction data is worth, by LLaVA-Bench and a judge.

    python -m llava_mini.bench.table_4 --seeds 0 1 2 --results
    python -m llava_mini.bench.table_4 --seeds 0 --judge gpt-4o --budget 5

Trains what is missing (the runs of ``python -m llava_mini.ablations data``; a result that is kept without its model is not
enough), lets every model answer both benchmarks of the storybook, and the same seeds after stage 1, who have had no instruction
tuning; then judges. Each judge has a folder of its own. Goes on where it was killed; the exit status is 1 while a verdict is lacking.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import ablations, checkpoints, stage_one
from ..commands import guarded
from ..instruct.connection import OFFLINE
from ..job import Job
from ..main import carry_out, here
from ..profiles import profile
from . import storybook, tables
from .benchmark import load
from .judge import add_arguments, options
from .run import BENCHES, copy_to, judged, run
from .takers import BASELINE_LABELS, Bench, Taker

FOLDER = Path("runs/bench")
# row, as in tables.TABLE_4 -> variant of ablations.GROUPS["data"]; the paper's last row is stage 1 alone
ROWS = {"all": "all", "detail + reasoning": "detail-reasoning", "conversation + some": "conversation-some", "conversation": "conversation"}


def jobs(seeds: Sequence[int], base: Job) -> list[tuple[str, Job]]:
    """(row, job) for each set of data and each seed."""
    return [(label, ablations.job_of("data", variant, seed, base)) for label, variant in ROWS.items() for seed in seeds]


def train_missing(seeds: Sequence[int], base: Job) -> None:
    """Trains every job whose model is not here, whether or not its result is: a fresh clone has the results without the runs."""
    for label, job in jobs(seeds, base):
        if not (job.folder / "model" / "config.json").exists():
            print(f"\n=== {job.name}: {label}")
            carry_out(job)


def takers(seeds: Sequence[int], base: Job) -> list[Taker]:
    """The finished models, a row for each set of data and a run for each seed, and what the same seeds were after stage 1.

    A run's number goes by its seed, so that a seed that joins later does not take another one's files. Raises InputError where a
    seed's stage 1 is not there any more.
    """
    found = [Taker(label, "model", job.folder / "model", job.seed + 1, seed=job.seed) for label, job in jobs(seeds, base)]
    for seed in seeds:
        job = ablations.job_of("data", "all", seed, base)
        folder = job.folder / "stage-1-model"
        checkpoints.save(stage_one.after(job), folder, kind="projector")
        note = f"after stage 1 of {len(seeds)} seeds" if len(seeds) > 1 else ""
        found.append(Taker(BASELINE_LABELS["untuned"], "untuned", folder, seed + 1, note, seed))
    return found


def name_for(judge: str) -> str:
    """Of the folder and the committed files: ``table-4``, for another judge than the offline rules ``table-4-gpt-4o``."""
    return "table-4" if judge == OFFLINE else f"table-4-{re.sub(r'[^a-z0-9.]+', '-', judge.lower()).strip('-.')}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.table_4", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folder", type=Path, help=f"where answers and verdicts go (default: {FOLDER.as_posix()}/table-4, with the judge's name behind it)")
    parser.add_argument("--results", action="store_true", help=f"copy result and pictures to {tables.RESULTS.as_posix()} too")
    add_arguments(parser)
    args = parser.parse_args(arguments)

    def work() -> bool:
        base, judging, seeds = Job(here(profile("mini"))), options(args), list(dict.fromkeys(args.seeds))
        name = name_for(judging["settings"].model)
        folder = args.folder or FOLDER / name
        train_missing(seeds, base)
        ablations.compare("data", list(ROWS.values()), seeds, base)
        place = storybook.make(BENCHES)
        benches = [Bench(one, title, load(place / one), place / one / "pictures") for one, title in storybook.BENCHES.items()]
        found = run(takers(seeds, base), benches, folder, judging=judging, with_panel=False, name=name)
        print("\n" + tables.whole(found))
        if args.results:
            print("Written: " + ", ".join(map(str, copy_to(folder, tables.RESULTS, name))))
        return judged(found)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
