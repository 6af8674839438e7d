"""Everything that is committed of the main job, made again: results, reference bands and the finished llava-mini.

    python -m llava_mini.release                        seeds 0, 1 and 2, full and LoRA
    python -m llava_mini.release --seeds 0 --only full  a part of it, when time is short

::

    data/results/mini-full.json, mini-full/         of seed 0, with histories and pictures
    data/results/mini-lora.json, mini-lora/
    data/results/mini-full-seed1.json ...           of the other seeds, the result alone
    data/results/band-align.json, band-tune.json, band-lora.json
    data/pretrained/llava-mini                      the model of seed 0, full; it refers to its vision tower
    data/pretrained/llava-mini-stage-1              the same model after stage 1: its projector, which refers to both parents

Each run goes on where it was, so a killed release does too. A band says in its field ``seeds`` which runs it is of.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .commands import guarded
from .errors import InputError
from .job import Finished, Job
from .main import carry_out, here
from .profiles import profile
from .report import RESULTS, keep, write_report

MODEL = Path("data/pretrained/llava-mini")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.release", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the runs (default: 0 1 2)")
    parser.add_argument("--only", choices=("full", "lora"), help="full fine-tuning or LoRA only (default: both)")
    args = parser.parse_args(arguments)
    kinds = [args.only] if args.only else ["full", "lora"]
    return guarded(lambda: release([Job(here(profile("mini")), kind == "lora", seed) for seed in args.seeds for kind in kinds]))


def release(jobs: list[Job], results: Path = RESULTS, model: Path = MODEL) -> None:
    """Runs the jobs, which differ in seed and in full or LoRA only, and writes what is to be committed of them."""
    done = []
    for job in jobs:
        print(f"\n=== {job.name}")
        finished = carry_out(job, results if job.seed == 0 else None, bands=results)
        if finished is None:                # one of several processes, but not the first
            continue
        if job.seed != 0:
            name = f"{job.name}.json"
            keep(results / name, (job.folder / name).read_bytes())
        elif not job.lora:
            save_model(finished, model)
            save_stage_1(job, past := model.with_name(f"{model.name}-stage-1"))
            print(f"Written: {model}, {past}")
        finished.model = None               # the numbers are kept, a model for each seed is not needed
        done.append(finished)
    if make_bands(done, results):           # the losses are drawn again, over the new bands
        for finished in done:
            write_report(finished, [finished.job.folder, *[results] * (finished.job.seed == 0)], results)


def save_model(done: Finished, folder: Path) -> None:
    """Saves the model for talking to it at once, unless these weights lie there already."""
    from . import checkpoints
    from .features import fingerprint

    try:
        if fingerprint(checkpoints.load(folder)) == done.weights:
            return
    except InputError:
        pass                                # none there, or an older one whose parents have changed
    checkpoints.save(done.model, folder, kind="full", refer_to_parents=True)


def save_stage_1(job: Job, folder: Path) -> None:
    """Saves what the model was before stage 2, for lessons that look at both."""
    from . import checkpoints
    from .stage_one import after

    checkpoints.save(after(job), folder, kind="projector")


def make_bands(done: list[Finished], results: Path) -> bool:
    """A band for each stage, of all seeds that are there; stage 1 is the same for full and LoRA, so it counts once.

    Returns whether any of them is another one than before.
    """
    from . import show
    from .show.bands import as_json

    histories: dict[str, dict[int, list[dict]]] = {}
    jobs: dict[str, Job] = {}
    for finished in done:
        for stage, path in finished.histories.items():
            histories.setdefault(stage, {})[finished.job.seed] = show.read_history(path)
            jobs[stage] = finished.job
    new = {}
    for stage, by_seed in histories.items():
        of = jobs[stage].training(stage) | {"steps": next(iter(by_seed.values()))[-1]["step"]}
        number = 1 if stage == "align" else 2
        band = show.make_band(list(by_seed.values()), f"{of['profile']}, stage {number} ({stage})", of=of, seeds=sorted(by_seed))
        new[results / f"band-{stage}.json"] = as_json(band)
    before = {path: path.read_bytes() if path.exists() else None for path in new}
    for path, data in new.items():
        keep(path, data)
        print(f"Written: {path}, of the seeds {', '.join(map(str, json.loads(data)['seeds']))}")
    return before != new


if __name__ == "__main__":
    sys.exit(main())
