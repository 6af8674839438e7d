"""Runs that differ in one thing: what each part of the recipe is worth (the paper's section 5, Tables 4 and 8).

    python -m llava_mini.ablations data                       what stage 2 learns from, seed 0 (other groups: layer, parent, projector, tuning)
    python -m llava_mini.ablations data --seeds 0 1 2         three seeds of each
    python -m llava_mini.ablations data --only half detail    a part of it, when time is short
    python -m llava_mini.ablations data --show                only the table and the picture, from what is there
    python -m llava_mini.ablations all --seeds 0 1 2          every group

::

    data/results/ablations/<group>/<variant>-seed<n>.json     a run, as evaluation/results.py writes it
    data/results/mini-full.json, mini-full-seed1.json, ...    the unchanged one, which is in every group; mini-lora.json in one
    data/results/ablations/<group>.png, .md                   made from these files and nothing else

Every run is a main job under a name of its own (the unchanged one is the main job itself, kept where ``main --results`` puts it), so
a run that was stopped goes on, and what is done is not done again. All runs of a group and a seed share stage 1 where it is the same
training, and take as many steps in stage 2. What is counted here are exact answers; the paper's Table 4 has a judge, which is :mod:`.bench`, and its
Table 8 ScienceQA, which is :mod:`.science.ablations`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .commands import guarded
from .comparison import made_on, read_runs, run_missing, share
from .errors import InputError
from .evaluation.findings import Finding, find
from .evaluation.intervals import pooled
from .job import Job
from .main import carry_out, here
from .pipeline import made_from
from .profiles import profile
from .report import RESULTS, keep
from .taught import MIXES

FOLDER = RESULTS / "ablations"
UNREAD, FREQUENT = "no answer of the kind asked for", "most frequent answer"
SPLITS = {"test": "new pictures", "unseen_pairs": "unseen pairs"}


@dataclass(frozen=True)
class Variant:
    """One run of a group: what is different in it."""

    label: str                              # in tables and pictures
    job: dict = field(default_factory=dict)         # fields of Job
    profile: dict = field(default_factory=dict)     # fields of Profile
    stages: dict = field(default_factory=dict)      # "align", "tune" or "lora" -> fields of that Stage
    claim: str = ""                         # by the papers it has "more" or "fewer" right answers than the group's first; "": nobody says so


_LABELS = {"all": "all of it", "half": "half of it", "conversation": "conversation only", "detail": "detail only", "reasoning": "reasoning only",
           "detail-reasoning": "detail + reasoning", "conversation-some": "conversation + some"}
_TABLE_4 = ("detail-reasoning", "conversation-some", "conversation")            # each below all of the data
GROUPS: dict[str, dict[str, Variant]] = {
    "data": {name: Variant(_LABELS[name], job={} if name == "all" else {"data": name}, claim="fewer" if name in _TABLE_4 else "")
             for name in MIXES},
    "layer": {"before-last": Variant("before the last layer"), "last": Variant("last layer", profile={"vision_layer": -1}, claim="fewer")},
    "parent": {"large": Variant("large language parent"),
               "small": Variant("small language parent", profile={"language": "data/pretrained/vicuna-small"}, claim="fewer")},
    "projector": {"linear": Variant("linear"), "mlp": Variant("mlp2x_gelu", profile={"projector": "mlp2x_gelu"}, claim="more")},    # LLaVA-1.5
    "tuning": {"full": Variant("full"),
               **{f"lora-{rank}": Variant(f"LoRA, rank {rank}", job={"lora": True}, stages={"lora": {"lora_rank": rank, "lora_alpha": 2 * rank}})
                  for rank in (4, 16, 64)}},
}

TITLES = {"data": "What stage 2 learns from", "layer": "Layer of the vision tower", "parent": "Size of the language parent", "projector": "Projector",
          "tuning": "Full fine-tuning or LoRA"}


def job_of(group: str, name: str, seed: int, base: Job) -> Job:
    """The main job of a variant; where nothing else differs it is the base itself, or that with LoRA. Raises InputError for one that is not in the group."""
    if group not in GROUPS or name not in GROUPS[group]:
        known = GROUPS.get(group, GROUPS)
        raise InputError(f"There is no {name if group in GROUPS else group!r} to compare; choose among {', '.join(known)}.")
    variant = GROUPS[group][name]
    stages = {stage: replace(base.settings.stage(stage), **changes) for stage, changes in variant.stages.items()}
    settings = replace(base.settings, **variant.profile, **stages)
    main_job = settings == base.settings and set(variant.job) <= {"lora"}       # which full and LoRA both have, under names of its own
    return replace(base, settings=settings, seed=seed, name="" if main_job else f"{group}-{name}-seed{seed}", **variant.job)


def place(group: str, name: str, seed: int, base: Job, folder: Path = FOLDER) -> Path:
    """Where the result of a variant is kept: in the group's folder; a main job's beside ``folder``, as all groups share it."""
    job = job_of(group, name, seed, base)
    return folder / group / f"{name}-seed{seed}.json" if job.name.startswith(f"{group}-") else folder.parent / f"{job.name}.json"


def compare(group: str, names: list[str], seeds: list[int], base: Job, folder: Path = FOLDER) -> None:
    """Runs what is missing or was made from something else, one after the other, and keeps each result in its place."""
    runs = [(place(group, name, seed, base, folder), GROUPS[group][name].label, job_of(group, name, seed, base))
            for seed in seeds for name in names]                            # a wrong name is told before any run

    def run(job: Job):
        """A committed run of seed 0 is kept with its curves and sheet, which would else stay those of an older one."""
        return carry_out(job, folder.parent) if job.seed == 0 and (folder.parent / job.name).is_dir() else carry_out(job)

    run_missing(runs, carry_out=run, made_from=made_from, recipe=recipe)


def recipe(job: Job) -> dict:
    """What of a result's settings decides its numbers, beside what it was made from; stages that were not run have no say."""
    settings = asdict(job.settings)
    used = {name: value for name, value in settings.items() if name not in {"align", "tune", "lora", "science", "science_start", "letters"} - set(job.stages)}
    return {"profile": used, "stage 2": list(job.stages)[1], "pictures": job.train, "data": job.data, "held out": dict(job.held_out)}


def found(group: str, base: Job, folder: Path = FOLDER) -> dict[str, list]:
    """The results that are there: variant -> one for each seed. Raises InputError as :func:`.comparison.read_runs` does."""
    return read_runs(GROUPS[group], folder / group, job_of=lambda name, seed: job_of(group, name, seed, base), recipe=recipe,
                     place=lambda name, seed: place(group, name, seed, base, folder), same=("storybook", "teacher"))


def table(group: str, results: dict[str, list]) -> str:
    """Markdown: a row for each variant, with the range over the seeds or the 95% interval of a single one, and one for the most frequent answers."""
    first = next(iter(results.values()))[0].accuracy
    kinds = list(first["test"]["true"]["kinds"])
    lines = [f"| {group} | seeds | " + " | ".join([*SPLITS.values(), *kinds, UNREAD]) + " |", "|---" * (3 + len(SPLITS) + len(kinds)) + "|"]
    for name, runs in results.items():
        cells = [GROUPS[group][name].label, str(len(runs))]
        cells += [share([run.accuracy[split]["true"]["all"] for run in runs]) for split in SPLITS]
        tests = [run.accuracy["test"]["true"] for run in runs]
        cells += [f"{pooled([report['kinds'][kind] for report in tests])[0]:.1%}" for kind in kinds]
        cells.append(f"{sum(report['all']['unreadable'] for report in tests) / sum(report['all']['n'] for report in tests):.1%}")
        lines.append("| " + " | ".join(cells) + " |")
    if "guess" in first["test"]:
        guesses = [first[split]["guess"]["all"] for split in SPLITS] + [first["test"]["guess"]["kinds"][kind] for kind in kinds]
        lines.append(f"| *{FREQUENT}* | - | " + " | ".join(f"{tally['accuracy']:.1%}" for tally in guesses) + " | - |")
    return "\n".join(lines)


def findings(group: str, results: dict[str, list]) -> list[Finding]:
    """What came of each variant beside the group's first, see :func:`.evaluation.findings.find`."""
    first, *others = GROUPS[group]
    told = []
    for name in others if first in results else ():
        if name not in results:
            continue
        claim = GROUPS[group][name].claim
        pair = (name, first) if claim == "more" else (first, name)
        tallies = [[run.accuracy["test"]["true"]["all"] for run in results[one]] for one in pair]
        told.append(find(*tallies, tuple(GROUPS[group][one].label for one in pair), claimed=bool(claim)))
    return told


def verdicts(group: str, results: dict[str, list]) -> list[str]:
    """The same, a sentence for each."""
    return [found.line() for found in findings(group, results)]


def tell(group: str, base: Job, folder: Path = FOLDER) -> list[Path]:
    """Writes table, verdicts and picture of what is there. Raises InputError when nothing is."""
    from . import show

    results = found(group, base, folder)
    if not results:
        raise InputError(f"There is no result in {folder / group}; run this command without --show first.")
    labels = {GROUPS[group][name].label: runs for name, runs in results.items()}
    notes = [f"- {note}" for note in [*verdicts(group, results), *made_on(labels)]]
    text = "\n".join([table(group, results), *([""] if notes else []), *notes])
    print("\n" + text)
    reports = {label: [run.accuracy["test"]["true"] for run in runs] for label, runs in labels.items()}
    guess = next(iter(results.values()))[0].accuracy["test"].get("guess")
    drawing = show.side_by_side(reports | ({FREQUENT: [guess]} if guess else {}), f"{TITLES[group]}: right answers about new pictures")
    return [keep(folder / f"{group}.md", text.encode() + b"\n"), keep(folder / f"{group}.png", drawing.png())]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.ablations", description=__doc__.split("\n")[0])
    parser.add_argument("group", choices=[*GROUPS, "all"], help="what differs")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="some of the group (default: all of them)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--show", action="store_true", help="run nothing: table and picture of the results that are there")
    args = parser.parse_args(arguments)

    def work():
        base = Job(here(profile("mini")))
        for group in GROUPS if args.group == "all" else [args.group]:
            if not args.show:
                compare(group, args.only or list(GROUPS[group]), args.seeds, base)
            print("Written: " + ", ".join(map(str, tell(group, base))))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
