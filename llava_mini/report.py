"""What is told about a finished job: the result as JSON, curves, confusions and the picture sheet.

::

    <name>.json                     the result, see evaluation/results.py
    <name>/history-<stage>.jsonl    what happened in the trainings
    <name>/loss-<stage>.png         the same drawn, over the reference band where there is one of this training
    <name>/confusion-what.png       what is taken for what
    <name>/sheet.png                unseen pictures with questions, true and given answers

A file is written only where it differs from what is there: its date says when it came to be so.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from .errors import InputError
from .files import make_folder, write_safely
from .job import Finished, Job
from .pipeline import made_from

RESULTS = Path("data/results")              # of committed runs; the reference bands lie here too


def write_report(done: Finished, folders: list[Path], bands: Path = RESULTS) -> list[Path]:
    """Writes all of it into each of the folders; returns the files in the last one, the picture sheet last."""
    result = write_result(done, folders[0]).read_bytes()
    contents = {f"history-{stage}.jsonl": path.read_bytes() for stage, path in done.histories.items()} | _pictures(done, bands)
    for folder in folders:
        files = [keep(folder / f"{done.job.name}.json", result)]
        files += [keep(folder / done.job.name / name, data) for name, data in contents.items()]
    return files


def write_result(done: Finished, folder: Path) -> Path:
    """The result as ``folder/<name>.json``; one that says the same already keeps its date, commit and versions."""
    from . import evaluation
    from .resume import precision_of

    job, path = done.job, folder / f"{done.job.name}.json"
    result = evaluation.new_result(
        job.name, seed=job.seed, accuracy=evaluation.as_dict(done.reports), timings=done.seconds, weights=done.weights,
        settings={"profile": asdict(job.settings), "stage 2": list(job.stages)[1], "pictures": job.train, "data": job.data,
                  "held out": dict(job.held_out), "made from": made_from(job),
                  "precision": {stage: precision_of(path.parent) for stage, path in done.histories.items()}})
    try:
        known = evaluation.read_result(path) if path.exists() else None
    except InputError:                      # of an earlier format, or spoilt: it can be made again
        known = None
    return path if known is not None and known.same_as(result) else evaluation.write_result(result, path)


def _pictures(done: Finished, bands: Path) -> dict[str, bytes]:
    """PNG files by name, the sheet last."""
    from . import evaluation, show
    from .storybook.values import value

    drawn = {}
    for stage, path in done.histories.items():
        history = show.read_history(path)
        band = find_band(done.job, stage, history, bands)
        drawn[f"loss-{stage}.png"] = show.loss_curves({stage: history}, band, f"{done.job.name}: loss of the stage {stage}")
    split = next(iter(done.asked))
    answers = evaluation.read_answers(done.answers / f"{split}-true.jsonl", done.asked[split])
    if any(question.kind == "what" for question in done.asked[split]):
        drawn["confusion-what.png"] = show.heat_map(evaluation.confusions(done.asked[split], answers, "what", value))
    chosen = show.choose(done.asked[split], answers, value, done.job.pictures(split) / "pictures", n=16)
    drawn["sheet.png"] = show.picture_sheet(chosen, "Pictures the model has never seen")
    return {name: drawing.png() for name, drawing in drawn.items()}


def find_band(job: Job, stage: str, history: list[dict], folder: Path = RESULTS):
    """The reference band of exactly this training, or None: another profile's would say nothing about it."""
    from . import show

    path = folder / f"band-{stage}.json"
    band = show.read_band(path) if path.exists() else None
    return band if band and band.fits(job.training(stage) | {"steps": history[-1]["step"]}) else None


def keep(path: Path, data: bytes) -> Path:
    """Writes a file unless it holds just this already."""
    make_folder(path.parent)
    if not path.exists() or path.read_bytes() != data:
        write_safely(path, data)
    return path
