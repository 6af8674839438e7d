"""The model after stage 1: what the finished llava-mini was before it learnt to answer. Found, or made on the spot.

The finished model does not hold its own past. A lesson, or whoever wants to compare, gets it from the first of these that is there:

    data/pretrained/llava-mini-stage-1      a checkpoint of kind "projector", 100 KB, of the committed parents
    runs/stage-1/                           where the main job has left it, if it began with the same parents
    a short stage 1 of its own              800 pictures instead of 8,000, and a third of the steps

>>> model, source = stage_one()
>>> print(source)
the checkpoint in data/pretrained/llava-mini-stage-1
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from . import pipeline
from .errors import InputError
from .job import Job
from .profiles import Profile, profile

SAVED = Path("data/pretrained/llava-mini-stage-1")
SHORT, EPOCHS = 800, 2.0            # pictures, and passes over them, of the short training


def stage_one(settings: Profile | None = None, *, saved=SAVED, runs=Job.runs, world=Job.world):
    """(LlavaMini after stage 1, in words where it is from) for the parents of a profile (default: mini).

    Raises InputError as :func:`.pipeline.draw` and training do, when it has to be made.
    """
    settings = settings or profile("mini")
    if Path(saved).is_dir():
        from .model import LlavaMini

        with suppress(InputError):      # of other parents than there are today: it is no past of theirs
            return LlavaMini.from_pretrained(saved), f"the checkpoint in {Path(saved).as_posix()}"
    job = Job(settings, held_out={}, runs=Path(runs), world=Path(world))
    model = pipeline.join(job)
    if left := _left(model, job):
        return _with(model, left), f"what a training has left in {left.parent.as_posix()}"
    return _short(model, job)


def after(job: Job):
    """The model as a job's own stage 1 has left it. Raises InputError where that has not been finished."""
    model = pipeline.join(job)
    folder = Path(pipeline.training(job, "align", model)["folder"])
    for state in sorted(folder.glob("state-*"))[-1:]:
        if json.loads((state / "state.json").read_text(encoding="utf-8"))["finished"]:
            return _with(model, state)
    raise InputError(f"{folder}: no finished stage 1 is there; run the main job first.")


def _left(model, job: Job) -> Path | None:
    """The state of a finished stage 1 in ``runs`` that began with exactly this model, the one with the most steps."""
    found = []
    for path in (job.runs / "stage-1").glob("*/run.json"):
        with suppress(OSError, ValueError, KeyError, IndexError):
            inputs = json.loads(path.read_text(encoding="utf-8"))["inputs"]
            state = sorted(path.parent.glob("state-*"))[-1]
            about = json.loads((state / "state.json").read_text(encoding="utf-8"))
            if about["finished"] and (inputs["model"], inputs["vision"]) == _origin(model, job):
                found.append((about["step"], state))
    return max(found)[1] if found else None


def _origin(model, job: Job) -> tuple[str, str]:
    """How a training says what it began with, see :func:`.training.train`."""
    from torch.nn import ModuleList

    from .features import FeatureCache
    from .parents import probe

    return probe(ModuleList([model.projector, model.language_model])), FeatureCache(job.runs / "features", model).key


def _with(model, state: Path):
    """The model with the projector of a training's state."""
    from safetensors.torch import load_file

    from .projector import load_projector

    weights = load_file(state / "weights.safetensors")
    load_projector(model.projector, {name.removeprefix("projector."): value for name, value in weights.items()}, state)
    return model.eval()


def _short(model, job: Job):
    """Trains the projector on few pictures; a second call finds it finished."""
    from .training import train

    job = replace(job, settings=replace(job.settings, align=replace(job.settings.align, epochs=EPOCHS)), train=SHORT)
    pipeline.draw(job)
    told = pipeline.training(job, "align", model)
    train(model, **told)
    return model, f"a short stage 1, trained here on {SHORT} pictures and kept in {Path(told['folder']).as_posix()}"
