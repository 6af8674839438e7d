"""The main job: two parents become a LLaVA that answers questions about pictures it has never seen.

Pictures are drawn, a teacher writes about them, two stages train, held-out pictures are asked about. What is there is not
done again and not written again, and what belongs to other weights is not taken for it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, replace

from . import taught
from .files import write_safely
from .job import Finished, Job
from .locks import alone
from .processes import find_processes, together
from .seconds import Seconds

SAMPLE_ANSWERS = {"align": 2, "tune": 6, "lora": 6}     # questions answered at every validation


def run(job: Job, on_event=None) -> Finished | None:
    """Does what is not done yet. Returns None in every process but the first, which alone draws and evaluates.

    ``on_event`` is handed on to train(). Raises InputError, in all processes, for whatever the user can put
    right; then, and after a kill, the same call goes on where this one was.
    """
    everyone = find_processes()
    first = everyone.is_main_process
    with ExitStack() as held:
        with together(everyone):
            if first:
                drawn, asked_for = draw(job), teach(job)
                held.enter_context(alone(job.folder))
        model, histories = train_both_stages(job, tell=print if first else lambda _: None, on_event=on_event)
        if not first:
            return None
        weights = save_model(job, model)
        if job.lora:
            from .lora import merge_lora

            merge_lora(model)               # the same answers, without the work of the adapters at every token
        reports, asked, answers, seconds = evaluate(job, model, weights)
        trained = {stage: history.seconds for stage, history in histories.items()}
        return Finished(job, model, weights, {stage: history.path for stage, history in histories.items()}, reports, asked, answers,
                        {"draw": drawn, "teach": asked_for, **trained, "evaluate": seconds})


def draw(job: Job) -> float:
    """Draws the storybook's splits where they are missing; returns the seconds that those here have taken."""
    from .storybook.folder import make_folder

    with alone(job.world):
        seconds = Seconds(job.world / "seconds.json")
        for split, n in job.splits.items():
            folder = job.pictures(split)
            with seconds.of(folder.name, lambda about=folder / "about.json": about.stat().st_mtime_ns if about.exists() else None, anew=True):
                make_folder(folder, split, n)
    return sum(seconds.known.get(job.pictures(split).name, 0.0) for split in job.splits)


def teach(job: Job) -> float:
    """Has the teacher write about the pictures of stage 2 where that is missing; returns the seconds that it has taken."""
    with alone(job.world):
        seconds = Seconds(job.world / "seconds.json")
        names = []
        for split in ("train", "val"):
            folder = taught.taught_folder(job.pictures(split))
            names.append(folder.name)
            with seconds.of(folder.name, lambda: sum(path.stat().st_size for path in folder.glob("*.json*"))):
                taught.teach(job.pictures(split), folder)
    return sum(seconds.known.get(name, 0.0) for name in names)


def train_both_stages(job: Job, tell=print, on_event=None):
    """Stage 1, then stage 2. Returns the model and {stage: History}; a finished stage is loaded, not repeated."""
    from .training import train

    model, histories = join(job), {}
    for number, name in enumerate(job.stages, 1):
        told = training(job, name, model)
        tell(f"\nStage {number} ({name}): {len(told['samples'])} samples of {job.train} pictures, in {told['folder']}")
        histories[name] = train(model, **told, on_event=on_event)
    return model, histories


def join(job: Job):
    """The job's two parents with a fresh projector, drawn from its seed: what stage 1 begins with."""
    import torch

    from .model import LlavaMini

    settings = job.settings
    torch.manual_seed(job.seed)
    return LlavaMini.from_parents(settings.vision, settings.language, projector=settings.projector,
                                  projector_scale=settings.projector_scale, layer=settings.vision_layer, cls=settings.vision_cls,
                                  image_mode=settings.image_mode, template=settings.template, seed=job.seed)


def training(job: Job, name: str, model) -> dict:
    """What train() is told in a stage of the job, "align", "tune" or "lora": ``train(model, **training(job, "align", model))``.

    The pictures have to be there, see ``draw``, and for stage 2 the teacher's samples, see ``teach``. ``model`` is as it
    is when the stage begins: stage 1 goes into a folder that is another one for every other model.
    """
    stage, kind = job.stages[name], "align" if name == "align" else "tune"
    samples, held_out = _samples(job, "train", kind), _samples(job, "val", kind)
    if kind == "tune" and job.data != "all":
        whole, samples = samples, _samples(job, "train", kind, job.data)
        stage = taught.as_long(stage, samples, whole)
    folder = job.folder / name if kind == "tune" else job.runs / "stage-1" / _shared_name(job, model)
    return {"samples": samples, "stage": stage, "pictures": job.world, "folder": folder, "validation": held_out,
            "questions": _questions(held_out, SAMPLE_ANSWERS[name]), "cache": job.runs / "features"}


def _shared_name(job: Job, model) -> str:
    """A folder name for stage 1 that is another one whenever the training would be."""
    from .parents import probe

    about = [probe(model), asdict(job.stages["align"]), asdict(model.config), *_drawn(job, ("train", "val"))]
    return f"{job.settings.name}-{job.train}-seed{job.seed}-{_digest(about)}"


def _drawn(job: Job, splits) -> list[str]:
    """What the pictures of these splits are, and which code drew them."""
    return [(job.pictures(split) / "about.json").read_text(encoding="utf-8") for split in splits]


def _digest(about) -> str:
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]


def _samples(job: Job, split: str, kind: str, mix: str = "all") -> list:
    """Samples whose pictures are named from the folder above, so that training and validation share one."""
    from .data import read_samples

    folder = job.pictures(split)
    pictures = folder / "pictures"
    if kind == "align":
        samples = read_samples(folder / "align.json", pictures)
    else:
        samples = taught.read_taught(taught.taught_folder(folder) / "samples.json", pictures, mix)
    return [replace(sample, images=tuple(f"{folder.name}/pictures/{name}" for name in sample.images)) for sample in samples]


def _questions(samples: list, n: int) -> list[dict]:
    """The first questions of ``n`` samples, spread evenly, with the right answers."""
    from .conversation import IMAGE

    return [{"image": sample.images[0], "text": sample.messages[0]["content"].replace(IMAGE, "").strip(),
             "answer": sample.messages[1]["content"]} for sample in samples[:: max(1, len(samples) // n)][:n]]


def made_from(job: Job) -> dict[str, str]:
    """Fingerprints of all that goes into a run beside its settings: two runs can be compared where these are the same."""
    from .parents import Parent
    from .storybook.folder import code

    return {"vision": Parent("vision", job.settings.vision, "").fingerprint[:12], "language": Parent("language", job.settings.language, "").fingerprint[:12],
            "storybook": code(), "teacher": taught.code()[:12]}


def save_model(job: Job, model) -> str:
    """Saves the model unless these very weights are saved already; returns their fingerprint."""
    from . import checkpoints
    from .features import fingerprint

    weights, note = fingerprint(model), job.folder / "weights.txt"
    saved = (job.folder / "model" / "config.json").exists() and note.exists() and note.read_text().strip() == weights
    if not saved:
        checkpoints.save(model, job.folder / "model", kind=job.kind, refer_to_parents=True)
        write_safely(note, f"{weights}\n".encode())
    return weights


def evaluate(job: Job, model, weights: str):
    """Asks about the held-out splits, controls included; returns reports, questions, the answers' folder and seconds."""
    from . import evaluation
    from .storybook.values import value

    reports, asked = {}, {}
    folder = job.folder / "answers" / _digest([weights, *_drawn(job, job.held_out)])
    seconds = Seconds(folder / "seconds.json")
    with seconds.of("evaluate", lambda: sum(path.stat().st_size for path in folder.glob("*.jsonl"))):
        for split in job.held_out:
            asked[split] = evaluation.read_questions(job.pictures(split) / "questions.jsonl", split)
            reports |= evaluation.evaluate(asked[split], evaluation.answerer(model, max_new_tokens=40), value, folder=folder,
                                           pictures=job.pictures(split) / "pictures", model_id=f"{job.name}-{weights[:12]}",
                                           control_splits=(split,), batch_size=64)
    return reports, asked, folder, seconds.known.get("evaluate", 0.0)
