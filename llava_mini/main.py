"""The main job: two parents become a LLaVA that answers questions about pictures it has never seen.

    python -m llava_mini.main              full fine-tuning in stage 2
    python -m llava_mini.main --lora       LoRA in stage 2, after the same stage 1

Everything lands in runs/<name>: the training, the finished model, answers, plots and the picture sheet. Killed
at any moment, the same command goes on where it was; done, it only reports again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .commands import guarded
from .errors import InputError
from .job import TRAIN, Finished, Job
from .pipeline import run
from .profiles import Profile, profile
from .taught import MIXES


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.main", description=__doc__.split("\n")[0])
    parser.add_argument("--profile", default="mini", help="see llava_mini/profiles.py (default: mini)")
    parser.add_argument("--lora", action="store_true", help="LoRA instead of full fine-tuning in stage 2")
    parser.add_argument("--train", type=int, default=TRAIN, help=f"training pictures (default: {TRAIN})")
    parser.add_argument("--data", default="all", choices=MIXES, help="what of the teacher's data stage 2 learns from (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="", help="folder under runs/ (default: made of the above, as mini-full)")
    parser.add_argument("--results", type=Path, nargs="?", const=Path("data/results"), default=None, metavar="FOLDER",
                        help="write the result, its histories and pictures here too, for committing (default: data/results)")
    args = parser.parse_args(arguments)
    return guarded(lambda: carry_out(Job(here(profile(args.profile)), args.lora, args.seed, args.train, data=args.data, name=args.name), args.results))


def carry_out(job: Job, results: Path | None = None, bands: Path | None = None, on_event=None) -> Finished | None:
    """Runs a job and tells about it; the picture sheet is named last. None in every process but the first.

    ``results``: a folder for the report beside the run's own; ``bands``: where reference bands lie.
    """
    from . import evaluation
    from .report import RESULTS, write_report

    done = run(job, on_event)
    if done is None:
        return None
    files = write_report(done, [job.folder, *([results] if results else [])], bands or RESULTS)
    for split, by in done.reports.items():
        print("\n" + evaluation.table(by, split))
    print("\nSeconds: " + ", ".join(f"{part} {value:.0f}" for part, value in done.seconds.items()))
    print(f"Talk to your model: llava_mini.LlavaMini.from_pretrained({(job.folder / 'model').as_posix()!r})")
    print("Written: " + ", ".join(map(str, files)))
    print(f"Picture sheet: {files[-1]}")
    return done


def here(settings: Profile) -> Profile:
    """The profile, if its own folders can be found from here. Raises InputError in another working folder."""
    for parent in (settings.vision, settings.language):
        if parent.startswith("data/") and not Path(parent).is_dir():
            raise InputError(f"There is no folder {parent} here; start this command in the course's own folder.")
    return settings


if __name__ == "__main__":
    sys.exit(main())
