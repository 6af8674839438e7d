"""Runs on ScienceQA that differ in one thing: the paper's Table 8.

    python -m llava_mini.science.ablations layer                    before the last layer, or the last; seed 0
    python -m llava_mini.science.ablations form --seeds 0 1 2       reasons first, or the letter first, over the epochs
    python -m llava_mini.science.ablations start --only fresh       a part of a group: without stage 1
    python -m llava_mini.science.ablations parent --show            only the table and the pictures, from what is there
    python -m llava_mini.science.ablations all --seeds 0 1 2        every group

::

    data/results/science/<group>/<variant>-seed<n>.json     a run, as record.py writes it
    data/results/science/llava.json, llava-seed1.json, ...  the unchanged one, which is in every group
    data/results/science/<group>.md, .png, -epochs.png      made from these files and nothing else

Every run goes on where it was stopped, and what is done is not done again. Runs begin after stage 2 where the profile says so, which
another layer or parent first has to go through.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..commands import guarded
from ..comparison import made_on, read_runs, run_missing, share
from ..errors import InputError
from ..evaluation import Result
from ..evaluation.findings import Finding, find
from ..evaluation.intervals import pooled
from ..main import here
from ..profiles import profile
from ..report import keep
from . import record
from .job import CURVE, Job
from .prompts import ANSWER_FIRST
from .run import FOLDER, carry_out
from .tables import epochs

COLUMNS = ("Avg", "IMG", "TXT", "NO")


@dataclass(frozen=True)
class Variant:
    """One run of a group: what is different in it."""

    label: str                                      # in tables and pictures
    paper: float | None = None                      # the paper's Table 8, percent
    job: dict = field(default_factory=dict)         # fields of Job
    profile: dict = field(default_factory=dict)     # fields of Profile


GROUPS: dict[str, dict[str, Variant]] = {
    "layer": {"before-last": Variant("before the last layer", 90.92), "last": Variant("last layer", 89.96, profile={"vision_layer": -1})},
    "form": {"reasoning": Variant("reasons first", 90.92), "answer": Variant("answer first", 89.77, job={"form": ANSWER_FIRST})},
    "start": {"aligned": Variant("after stage 1", 90.92, job={"start": "aligned"}),
              "fresh": Variant("without stage 1", 85.81, job={"start": "fresh"}), "tuned": Variant("after stages 1 and 2")},
    "parent": {"large": Variant("large language parent", 90.92),
               "small": Variant("small language parent", 89.84, profile={"language": "data/pretrained/vicuna-small"})},
}


def job_of(group: str, name: str, seed: int, base: Job) -> Job:
    """The run of a variant; where nothing differs it is the base itself. Raises InputError for one that is not in the group."""
    if group not in GROUPS or name not in GROUPS[group]:
        known = GROUPS.get(group, GROUPS)
        raise InputError(f"There is no {name if group in GROUPS else group!r} to compare; choose among {', '.join(known)}.")
    variant = GROUPS[group][name]
    own = f"{group}-{name}-seed{seed}" if variant.job or variant.profile else ""
    # another profile has a stage 2 of its own: that of llava_mini/ablations.py, where the groups have the same names
    return replace(base, settings=replace(base.settings, **variant.profile), seed=seed, name=own, main_name=own if variant.profile else "",
                   **variant.job)


def place(group: str, name: str, seed: int, base: Job, folder: Path = FOLDER) -> Path:
    """Where the result of a variant is kept: in the group's folder; the unchanged run's in ``folder``, as all groups share it."""
    job = job_of(group, name, seed, base)
    return folder / group / f"{name}-seed{seed}.json" if job.name.startswith(f"{group}-") else folder / f"{job.name}.json"


def compare(group: str, names: list[str], seeds: list[int], base: Job, folder: Path = FOLDER) -> None:
    """Runs what is missing or was made from something else, one after the other, and keeps each result in its place."""
    from . import tuning

    runs = [(place(group, name, seed, base, folder), GROUPS[group][name].label, job_of(group, name, seed, base))
            for seed in seeds for name in names]                            # a wrong name is told before any run

    def what_goes_in(job: Job) -> dict[str, str]:
        tuning.prepare(job)                                                 # what it begins with must be there to be named
        return record.made_from(job)

    run_missing(runs, carry_out=carry_out, made_from=what_goes_in, recipe=recipe)


def recipe(job: Job) -> dict:
    """What of a result's settings decides its numbers, beside what it was made from; stages that were not run have no say."""
    found = record.recipe(job)
    before = {"aligned": {"align"}, "tuned": {"align", "lora" if job.main.lora else "tune"}}.get(job.start, set())
    unused = {"align", "tune", "lora", "science_start"} - before
    return found | {"profile": {name: value for name, value in found["profile"].items() if name not in unused}}


def found(group: str, base: Job, folder: Path = FOLDER) -> dict[str, list[Result]]:
    """The results that are there: variant -> one for each seed. Raises InputError as :func:`..comparison.read_runs` does."""
    return read_runs(GROUPS[group], folder / group, job_of=lambda name, seed: job_of(group, name, seed, base),
                     place=lambda name, seed: place(group, name, seed, base, folder), same=("storybook", "problems", "questions"), recipe=recipe)


def table(group: str, results: dict[str, list[Result]]) -> str:
    """Markdown: a row for each variant, with the range over the seeds or the 95% interval of a single one."""
    lines = ["| " + " | ".join([group, "seeds", *COLUMNS, "paper, Avg"]) + " |", "|---" * (3 + len(COLUMNS)) + "|"]
    for name, runs in results.items():
        variant = GROUPS[group][name]
        cells = [share([run.accuracy["test"]["true"]["columns"][column] for run in runs]) for column in COLUMNS]
        lines.append("| " + " | ".join([variant.label, str(len(runs)), *cells, f"{variant.paper:.2f}" if variant.paper else "-"]) + " |")
    return "\n".join(lines)


def findings(group: str, results: dict[str, list[Result]]) -> list[Finding]:
    """What came of each variant beside the unchanged run, see :func:`..evaluation.findings.find`."""
    first, *others = GROUPS[group].values()
    labels = {variant.label: [run.accuracy["test"]["true"]["all"] for run in results.get(name, [])] for name, variant in GROUPS[group].items()}
    return [find(labels[first.label], labels[other.label], (first.label, other.label), claimed=other.paper is not None,
                 paper=None if None in (first.paper, other.paper) else (first.paper, other.paper))
            for other in others if labels[first.label] and labels[other.label]]


def verdicts(group: str, results: dict[str, list[Result]]) -> list[str]:
    """The same, a sentence for each."""
    return [found.line() for found in findings(group, results)]


def sooner(results: dict[str, list[Result]]) -> str | None:
    """Of the group "form": after how many epochs reasons first is as good as answer first ever becomes, and whether the two differ then.

    None without curves. (The paper says of its curves that reasons first needs fewer epochs, and tells no interval.)
    """
    seeds = {name: list(epochs({str(run.seed): run for run in runs}).values()) for name, runs in results.items()}
    curves = {name: _pooled(of) for name, of in seeds.items()}
    if not all(curves.get(name) for name in ("reasoning", "answer")):
        return None
    best, last = max(curves["answer"].values()), max(curves["answer"])
    first = next((epoch for epoch, share in curves["reasoning"].items() if share >= best), None)
    told = f"Over the epochs, on held-out problems: answer first is at best {best:.1%} within {last} epochs; reasons first "
    if not first:
        return told + f"does not reach that within {max(curves['reasoning'])} epochs."
    there = find(*([of[first] for of in seeds[name]] for name in ("reasoning", "answer"))) if first in curves["answer"] else None
    return told + f"reaches that after epoch {first}" + (f", when the two have {there.here[0]:.1f} and {there.here[1]:.1f}: {there.words}." if there else ".")


def _pooled(seeds: list[dict[int, dict]]) -> dict[int, float]:
    """Share right after each epoch that all seeds have."""
    both = sorted(set.intersection(*map(set, seeds))) if seeds else []
    return {epoch: pooled([seed[epoch] for seed in seeds])[0] for epoch in both}


def tell(group: str, base: Job, folder: Path = FOLDER) -> list[Path]:
    """Writes table and pictures of what is there. Raises InputError when nothing is."""
    from .. import show

    results = found(group, base, folder)
    if not results:
        raise InputError(f"There is no result in {folder / group}; run this command without --show first.")
    labels = {GROUPS[group][name].label: runs for name, runs in results.items()}
    notes = [*verdicts(group, results), *filter(None, [sooner(results) if group == "form" else None]), *made_on(labels)]
    text = "\n".join([table(group, results), *([""] + [f"- {note}" for note in notes] if notes else [])])
    print("\n" + text)
    reports = {label: [{"all": true["all"], "kinds": {name: true["columns"][name] for name in true["columns"] if name != "Avg"}}
                       for true in (run.accuracy["test"]["true"] for run in runs)] for label, runs in labels.items()}
    files = [keep(folder / f"{group}.md", text.encode() + b"\n"),
             keep(folder / f"{group}.png", show.side_by_side(reports, f"ScienceQA, {group}: right answers").png())]
    curves = {label: seeds for label, runs in labels.items() if (seeds := list(epochs({str(run.seed): run for run in runs}).values()))}
    if curves:
        files.append(keep(folder / f"{group}-epochs.png", show.science_epochs(curves,
                                                                              f"ScienceQA, {group}: right answers after each epoch").png()))
    return files


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.ablations", description=__doc__.split("\n")[0])
    parser.add_argument("group", choices=[*GROUPS, "all"], help="what differs")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="some of the group (default: all of them)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--curve", type=int, default=CURVE, metavar="N", help=f"problems asked after every epoch (default: {CURVE})")
    parser.add_argument("--show", action="store_true", help="run nothing: tables and pictures of the results that are there")
    args = parser.parse_args(arguments)

    def work() -> None:
        base = Job(here(profile("mini")), curve=args.curve)
        for group in GROUPS if args.group == "all" else [args.group]:
            if not args.show:
                compare(group, args.only or list(GROUPS[group]), args.seeds, base)
            print("Written: " + ", ".join(map(str, tell(group, base))))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
