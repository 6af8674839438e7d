"""ScienceQA from end to end: draw, fine-tune, generate, extract, score (paper, section 5.2 and Table 7).

    python -m llava_mini.science.run                            LLaVA, reasons before the answer
    python -m llava_mini.science.run --blind                    the language parent, taught the same questions without any picture
    python -m llava_mini.science.run --form answer-first        the answer before its reasons
    python -m llava_mini.science.run --start aligned            after stage 1, as in the paper; mini begins after stage 2
    python -m llava_mini.science.run --problems FOLDER --profile paper-7b --start CHECKPOINT      the real set

Everything lands in runs/science/<name>, see job.py. Killed at any moment, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..commands import guarded
from ..main import here
from ..profiles import profile
from ..report import RESULTS, keep
from .job import CURVE, STARTS, STORYBOOK, Job
from .prompts import FORMS, REASONING

FOLDER = RESULTS / "science"


def carry_out(job: Job, results: Path | None = None, on_event=None):
    """Runs a job, writes its result and tells the nine columns. None in every process but the first."""
    from . import record, score, tuning
    from .files import read_results

    done = tuning.run(job, on_event)
    if done is None:
        return None
    path = record.write(done, job.folder)
    written = [path, *([keep(results / path.name, path.read_bytes())] if results else [])]
    test = done.problems.of("test")
    print("\n" + score.table(score.score(test, read_results(done.answers / "test-true.jsonl", test))))
    print("\nSeconds: " + ", ".join(f"{part} {value:.0f}" for part, value in done.seconds.items()))
    print(f"In the authors' format: {done.answers / 'results.json'}")
    print("Written: " + ", ".join(map(str, written)))
    return done


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.run", description=__doc__.split("\n")[0])
    add_job(parser)
    parser.add_argument("--form", choices=FORMS, default=REASONING, help=f"of the answers that are learnt (default: {REASONING})")
    parser.add_argument("--blind", action="store_true", help="teach and ask the language parent without any picture: what words alone are worth")
    parser.add_argument("--name", default="", help="folder under runs/science/ (default: made of the above)")
    parser.add_argument("--results", type=Path, nargs="?", const=FOLDER, default=None, metavar="FOLDER",
                        help=f"write the result here too, for committing (default: {FOLDER})")
    args = parser.parse_args(arguments)
    return guarded(lambda: carry_out(Job(here(profile(args.profile)), args.form, args.start, not args.blind, args.seed, args.curve,
                                         args.name,
                                         args.problems), args.results))


def add_job(parser: argparse.ArgumentParser) -> None:
    """What all commands about runs are asked."""
    parser.add_argument("--profile", default="mini", help="see llava_mini/profiles.py (default: mini)")
    parser.add_argument("--problems", type=Path, default=STORYBOOK, help=
                        "folder of problems.json, pid_splits.json and images/ (default: the storybook's)")
    parser.add_argument("--start", default="",
                        help=f"{', '.join(STARTS)}, or the folder of a checkpoint (default: what the profile says; needed with --problems)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", type=int, default=CURVE, metavar="N",
                        help=f"problems of the split val asked after every epoch (default: {CURVE}; 0: none)")


if __name__ == "__main__":
    sys.exit(main())
