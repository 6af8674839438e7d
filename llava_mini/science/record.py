"""The result of a run on ScienceQA as one JSON file: every column, skill and control, from the answer files.

It is a result like the others (evaluation/results.py). Its splits::

    test                the test split: true (the model), guess (always the most frequent letter of the training split)
    test pictures       those with a picture: true, blind, shuffled, guess
    val, epoch 1 ...    some of the split val, asked after each epoch: true

Each report has its subjects as ``kinds``, and beside them ``columns`` (the nine of Table 7, which overlap), ``skills``
(each with ``n``, ``correct`` and ``chance``), and ``chance``: what guessing would give in each column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .. import evaluation, pipeline
from ..errors import InputError
from ..evaluation.accuracy import Tally
from . import world
from .files import read_results
from .job import Job
from .problems import COLUMNS, LETTERS, SUBJECTS, Problem, columns, read_problems
from .score import Report, score
from .tuning import Finished, fingerprint, watched

TEST, PICTURES = "test", "test pictures"
NOTES = {"true": "Each problem with its own picture, where it has one.", "blind": "The same problems without their pictures.",
         "shuffled": "Each problem with the picture of another.", "guess": "Always the most frequent letter of the training split.",
         "val": "Asked during training, after this epoch."}


def as_report(problems: Sequence[Problem], report: Report, note: str = "", **more) -> dict:
    """A scored file in the form of a result: subjects that add up, columns, skills and what chance would give."""
    kinds = {name: Tally() for name in dict.fromkeys(SUBJECTS[problem.subject] for problem in problems)}
    skills: dict[str, dict] = {}
    chance = {name: 0.0 for name in COLUMNS}
    for problem, chosen, right in zip(problems, report.chosen, report.right, strict=True):
        tally = kinds[SUBJECTS[problem.subject]]
        tally.n += 1
        tally.correct += right
        unread = any(problem.id in ids for ids in report.unread.values())
        tally.unreadable += unread
        tally.missing += chosen is None and not unread
        skill = skills.setdefault(problem.skill, {"n": 0, "correct": 0, "chance": 0.0})
        skill["n"] += 1
        skill["correct"] += right
        skill["chance"] += 1 / len(problem.choices)
        for name in columns(problem):
            chance[name] += 1 / len(problem.choices)
    for skill in skills.values():
        skill["chance"] = round(skill["chance"] / skill["n"], 6)
    of = {name: round(chance[name] / tally.n, 6) for name, tally in report.columns.items() if tally.n}
    return {"all": report.all.as_dict(), "kinds": {name: tally.as_dict() for name, tally in kinds.items()}, **report.as_dict(),
            "chance": of,
            "skills": dict(sorted(skills.items())), "note": note, **more}


def guess(train: Sequence[Problem], asked: Sequence[Problem]) -> dict:
    """The report of the letter that is right most often in training, given every time."""
    letter = LETTERS[Counter(problem.answer for problem in train).most_common(1)[0][0]]
    return as_report(asked, score(asked, {problem.id: letter for problem in asked}), NOTES["guess"])


def accuracy(done: Finished) -> dict:
    """The splits of a finished run, from its answer files."""
    test, train = done.problems.of("test"), done.problems.of("train")
    pictures = [problem for problem in test if problem.image]
    found = {TEST: {"true": scored(test, done.answers / "test-true.jsonl", NOTES["true"]), "guess": guess(train, test)}}
    if pictures:
        found[PICTURES] = {control: scored(pictures, done.answers / f"test-{control}.jsonl", NOTES[control])
                           for control in ("true", "blind", "shuffled")
                           if (done.answers / f"test-{control}.jsonl").exists()} | {"guess": guess(train, pictures)}
    for epoch in done.epochs:
        path = done.job.folder / "training" / f"val-epoch-{epoch}.jsonl"
        if path.exists():
            found[f"val, epoch {epoch}"] = {"true": scored(watched(done.job, done.problems), path, NOTES["val"])}
    return found


def scored(problems: Sequence[Problem], path: Path, note: str) -> dict:
    """The report of an answer file on some of its problems; answers to others in it are left aside."""
    everything = read_results(path, problems)
    everything.problems = [line for line in everything.problems if line not in everything.unknown]
    return as_report(problems, score(problems, everything), note)


def made_from(job: Job) -> dict[str, str]:
    """Fingerprints of all that goes into a run beside its settings: two runs can be compared where these are the same."""
    parts = pipeline.made_from(job.main)
    if job.start != "tuned":
        del parts["teacher"]
    return parts | {"problems": fingerprint(read_problems(job.problems)), "questions": world.code()}


def recipe(job: Job) -> dict:
    """What a result says of how its run was made: the parts of ``settings`` in which runs may differ."""
    return {"profile": asdict(job.settings), "form": job.form, "start": job.start, "eyes": job.eyes}


def write(done: Finished, folder: Path) -> Path:
    """The result as ``folder/<name>.json``; one that says the same already keeps its date, commit and versions."""
    from ..resume import precision_of

    job = done.job
    settings = recipe(job) | {"begun with": done.begun[:12], "made from": made_from(job), "precision": {"science": precision_of(job.folder / "training")}}
    result = evaluation.new_result(job.name, seed=job.seed, settings=settings, accuracy=accuracy(done), timings=done.seconds,
                                   weights=done.weights)
    return keep(result, folder / f"{job.name}.json")


def keep(result: evaluation.Result, path: Path) -> Path:
    try:
        known = evaluation.read_result(path) if path.exists() else None
    except InputError:                      # of an earlier format, or spoilt: it can be made again
        known = None
    return path if known is not None and known.same_as(result) else evaluation.write_result(result, path)

