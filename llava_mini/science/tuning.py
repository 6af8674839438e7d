"""Fine-tuning on ScienceQA (paper, section 5.2), and the asking after it. What is there is not done again.

The paper takes the model of stage 1, projector aligned, and trains projector and language model on the training split for
12 epochs. So does this, through the same door as the other stages; the profile says for how long, and after which stage
(mini begins after stage 2: see README.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .. import pipeline
from ..errors import InputError
from ..job import Job as MainJob
from ..locks import alone
from ..processes import find_processes, together
from ..profiles import Stage, profile
from ..seconds import Seconds
from . import answering, files
from .job import STORYBOOK, VALIDATION, Job
from .lessons import lessons, lessons_for_a_teacher
from .problems import Problem, Problems, read_problems
from .prompts import question

TEACHER_EPOCHS = 1.5                    # of the text-only parent's training as a teacher, after its training on the questions
BATCH = 64                              # questions asked at a time
SHIPPED = Path("data/pretrained/llava-mini")


@dataclass
class Finished:
    """A run that is done, before anything is told about it."""

    job: Job
    problems: Problems
    weights: str                        # fingerprint of all of them
    answers: Path                       # folder: <split>-<control>.jsonl, val-epoch-<n>.jsonl
    epochs: list[int]                   # after which it was asked
    begun: str                          # fingerprint of the weights with which fine-tuning began
    seconds: dict[str, float]           # by part
    model: object                       # LlavaMini


def run(job: Job, on_event=None) -> Finished | None:
    """Trains and asks. Returns None in every process but the first. After a kill the same call goes on.

    Raises InputError, in all processes, for whatever the user can put right.
    """
    everyone = find_processes()
    first = everyone.is_main_process
    with ExitStack() as held:
        with together(everyone):
            if first:
                prepare(job)
                held.enter_context(alone(job.folder))
        problems = read_problems(job.problems, pictures=job.images if job.eyes else None)
        model, history, epochs, begun = train(job, problems, progress=first, on_event=on_event)
        if not first:
            return None
        weights = pipeline.save_model(job, model)
        if job.kind == "lora":
            from ..lora import merge_lora

            merge_lora(model)               # the same answers, without the work of the adapters at every token
        answers, seconds = ask(job, model, weights, problems)
        return Finished(job, problems, weights, answers, epochs, begun, {"train": history.seconds, "evaluate": seconds}, model)


def prepare(job: Job) -> None:
    """Draws what is not there yet: the storybook's ScienceQA, and the pictures and samples of the stages before."""
    from . import world

    if job.problems == STORYBOOK:
        with alone(job.problems.with_name(f".{job.problems.name}.lock")):
            world.make(job.problems)
    if job.start == "aligned" or (job.start == "tuned" and after_stage_2(job) is None):
        pipeline.draw(replace(job.main, held_out={}))
        if job.start == "tuned":
            pipeline.teach(job.main)


def begin(job: Job, tell=print):
    """The model with which fine-tuning begins. Stages 1 and 2 are trained where no finished model of them is there."""
    from ..model import LlavaMini
    from ..training import train as train_stage

    if job.start not in ("aligned", "fresh", "tuned"):
        return LlavaMini.from_pretrained(job.start)
    if job.start == "tuned" and (model := after_stage_2(job)) is not None:
        return model
    model = pipeline.join(job.main)
    for name in {"fresh": (), "aligned": ("align",), "tuned": ("align", "tune")}[job.start]:
        told = pipeline.training(job.main, name, model)
        tell(f"\nStage {name}, in {told['folder']}")
        train_stage(model, **told)
    return model


def after_stage_2(job: Job):
    """The finished model of the main job: of its run or, for that of mini and seed 0, the shipped one; None where there is none.

    One of other parents, or joined otherwise, is left aside.
    """
    from ..model import LlavaMini

    shipped = [SHIPPED] if job.main == MainJob(profile("mini")) else []
    for folder in (job.main.folder / "model", *shipped):
        if (folder / "config.json").is_file():
            with suppress(InputError):          # its vision parent has changed or gone
                model = LlavaMini.from_pretrained(folder)
                if _built(model) == _built(pipeline.join(job.main)):
                    return model
    return None


def _built(model) -> tuple:
    """What two models have in common if one has come from the other by training: the eye, the words, the shapes."""
    from ..parents import probe

    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    return model.config, probe(model.vision_tower.clip), model.tokenizer.backend_tokenizer.to_str(), shapes


def train(job: Job, problems: Problems, progress: bool = True, on_event=None):
    """Returns the model, its history, the epochs after which it was asked about some of the split val, and what it began with."""
    from ..features import fingerprint as weights_of
    from ..training import train as train_stage

    model = begin(job, tell=print if progress else lambda _: None)
    begun = weights_of(model)
    letters = job.settings.letters
    samples = lessons(problems.of("train"), job.form, job.eyes, letters)
    held_out = problems.of("val")
    watch = _Watch(job, model, watched(job, problems), problems, on_event)
    if progress:
        print(f"\nScienceQA: {len(samples)} samples, {'with' if job.eyes else 'without'} pictures, {job.form}, "
              f"in {job.folder / 'training'}")
    history = train_stage(model, samples, job.stage, pictures=job.images, folder=job.folder / "training",
                          validation=lessons(held_out[:VALIDATION], job.form, job.eyes, letters), cache=job.runs / "features", on_event=watch,
                          progress=progress)
    return model, history, watch.epochs(job.stage), begun


def watched(job: Job, problems: Problems) -> list[Problem]:
    """The problems of the split val that are asked after every epoch, spread evenly."""
    held_out = problems.of("val")
    return held_out[::max(1, len(held_out) // job.curve)][:job.curve] if job.curve else []


class _Watch:
    """Hears what the training tells, and asks the model about some held-out problems at the end of every epoch."""

    def __init__(self, job: Job, model, asked: Sequence[Problem], problems: Problems, on_event):
        self.job, self.model, self.asked, self.on_event = job, model, asked, on_event
        self.id = f"{job.name}-{_digest(asdict(job.stage), fingerprint(problems), job.form, job.start, job.eyes)}"

    def epochs(self, stage: Stage) -> list[int]:
        return list(range(1, int(stage.epochs) + 1)) if self.asked and stage.max_steps is None else []

    def path(self, epoch: int) -> Path:
        return self.job.folder / "training" / f"val-epoch-{epoch}.jsonl"

    def __call__(self, event: dict) -> None:
        if event["event"] == "step" and event["epoch"] in self.epochs(self.job.stage):
            epoch = int(event["epoch"])
            self.model.eval()
            put(self.job, self.model, self.asked, self.path(epoch), f"{self.id}-{epoch}", progress=False)
        if self.on_event:
            self.on_event(event)


def put(job: Job, model, problems: Sequence[Problem], path: Path, model_id: str, control: str = "true",
        progress: bool = True) -> files.Outputs:
    """Asks a model what the file does not answer yet."""
    return answering.answer(problems, answering.answerer(model, job.form, job.settings.letters), images=job.images, path=path,
                            model_id=model_id, control=control if job.eyes else "blind", batch_size=BATCH, progress=progress)


def ask(job: Job, model, weights: str, problems: Problems) -> tuple[Path, float]:
    """Asks about the test split, and about its pictures without them and with others; returns the answers' folder and the seconds."""
    test = problems.of("test")
    folder = job.folder / "answers" / _digest(weights, fingerprint(problems))
    pictures = [problem for problem in test if problem.image]
    seconds = Seconds(folder / "seconds.json")
    with seconds.of("evaluate", lambda: sum(path.stat().st_size for path in folder.glob("*.jsonl"))):
        for control in ("true", *(("blind", "shuffled") if job.eyes and len(pictures) > 1 else ())):
            found = put(job, model, test if control == "true" else pictures, folder / f"test-{control}.jsonl", f"{job.name}-{weights[:12]}",
                        control)
            if control == "true":           # written anew where extract.py reads the same texts otherwise than it did
                files.write_results(folder / "results.json", test, found.texts)
    return folder, seconds.known.get("evaluate", 0.0)


def teach(job: Job, model, problems: Problems):
    """Makes the text-only model of a run without eyes a teacher: it passes where it needs the picture, and judges. In place."""
    from ..training import train as train_stage

    stage = replace(job.stage, epochs=TEACHER_EPOCHS)
    letters = job.settings.letters
    samples = lessons_for_a_teacher(problems.of("train"), job.seed, letters)
    print(f"\nText-only teacher: {len(samples)} samples, in {job.folder / 'teacher'}")
    return train_stage(model, samples, stage, pictures=job.images, folder=job.folder / "teacher",
                       validation=lessons_for_a_teacher(problems.of("val")[:VALIDATION], job.seed, letters), cache=job.runs / "features")


def _digest(*about) -> str:
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]


def fingerprint(problems: Problems) -> str:
    """Another one for other questions, keys or splits."""
    about = [[one.id, question(one), one.answer, one.split, one.picture] for one in problems.by_id.values()]
    return _digest(about, problems.splits)
