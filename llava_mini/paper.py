"""The paper's claims in one command: every run that Tables 4, 5, 7 and 8 need, and one page on what came of them.

    python -m llava_mini.paper                      three seeds of each; hours on two cores, and it goes on where it was killed
    python -m llava_mini.paper --seeds 0            one seed of each
    python -m llava_mini.paper --plan               runs nothing: what is there, what is missing, about how long that takes
    python -m llava_mini.paper --show               runs nothing: the page and its picture, from what is there

::

    data/results/README.md, claims.png              made from the results in that folder and nothing else
    README.md, llava_mini/{bench,evaluation,instruct,science}/README.md        places for tables, filled from the same

Each part is a command of its own, which says more and can do more; ``--plan`` names it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import ablations, outcomes
from .commands import guarded
from .comparison import kept_settings
from .errors import InputError
from .job import Job
from .main import here
from .profiles import profile
from .report import RESULTS


@dataclass(frozen=True)
class Step:
    """One command, and the results that it leaves."""

    words: str                                  # the command, behind "python -m llava_mini."
    main: Callable[[list[str]], int]            # what it calls
    there: list[Path]                           # results made as they would be made today
    missing: list[Path]

    def run(self) -> None:
        """Raises InputError where it did not end well."""
        if self.main(self.words.split()[1:]):
            raise InputError(f"python -m llava_mini.{self.words} did not end well; see above, and give the same command to go on.")


def steps(seeds: Sequence[int], results: Path = RESULTS) -> list[Step]:
    """All commands in the order in which one needs the other: stage 2 with another layer or parent goes before ScienceQA.

    Whether a result is of today's parents and pictures is asked by the command itself, which may have to make them first.
    """
    from .bench import run as bench, table_4
    from .science import ablations as schooled, job as science_job, pair, run as science

    wanted, found = " --seeds " + " ".join(map(str, seeds)), []
    base, school = Job(here(profile("mini"))), science_job.Job(here(profile("mini")))

    def add(words: str, main: Callable, files: dict[Path, bool]) -> None:
        found.append(Step(words, main, *([path for path, known in files.items() if known == there] for there in (True, False))))

    def add_groups(words: str, module, first, folder: Path) -> None:
        for group, variants in module.GROUPS.items():
            names = [name for name in variants if group != "data" or name in table_4.ROWS.values()]         # half of it is nobody's row
            files = {module.place(group, name, seed, first, folder): module.recipe(module.job_of(group, name, seed, first))
                     for name in names for seed in seeds}
            add(f"{words} {group}{wanted}{' --only ' + ' '.join(names) if len(names) < len(variants) else ''}", module.main,
                {path: kept_settings(path, recipe) is not None for path, recipe in files.items()})

    add_groups("ablations", ablations, base, results / "ablations")
    judged, at_school = results / "bench", results / "science"
    path = judged / "table-4.json"
    add(f"bench.table_4{wanted} --results", table_4.main, {path: _is_of(path, [
        ablations.place("data", name, seed, base, results / "ablations") for name in table_4.ROWS.values() for seed in seeds])})
    path = judged / "llava-mini.json"
    add("bench.run LLaVA-mini=data/pretrained/llava-mini --folder runs/bench/llava-mini --results", bench.main,
        {path: _is_of(path, [results / "mini-full.json"])})
    add("science.run --results", science.main, {path: kept_settings(path, schooled.recipe(school)) is not None for path in [at_school / "llava.json"]})
    add_groups("science.ablations", schooled, school, at_school)
    text = science_job.Job(here(profile("mini")), eyes=False)
    path = at_school / "text.json"
    add("science.pair --results", pair.main, {path: kept_settings(path, schooled.recipe(text)) is not None,
                                              at_school / "pair.json": _is_pair_of(at_school / "pair.json", at_school / "llava.json")})
    return found


def _is_of(path: Path, models: Sequence[Path]) -> bool:
    """Are the answers in a result of LLaVA-Bench by the models of these results?"""
    from .bench import result
    from .evaluation import read_result

    if not path.exists() or not all(model.exists() for model in models):
        return False
    who = {run["model"] for bench in result.read(path)["benches"].values() for row in bench["rows"] for run in row["runs"]}
    return all(any(one.endswith(str(read_result(model).weights)[:12]) for one in who) for model in models)


def _is_pair_of(path: Path, llava: Path) -> bool:
    """Is the pair that of the LLaVA whose result lies there?"""
    from .evaluation import read_result

    return path.exists() and llava.exists() and read_result(path).settings.get("llava", {}).get("weights") == read_result(llava).weights


def plan(seeds: Sequence[int], results: Path = RESULTS) -> list[str]:
    """Markdown: what is there of each command, and about how many hours the rest takes, by the longest run of it that is there."""
    from .evaluation import read_result

    lines, whole, unknown = ["| command, behind `python -m llava_mini.` | results there | missing | hours, about |", "|---|---|---|---|"], 0.0, False
    counted: set[Path] = set()
    for step in steps(seeds, results):
        missing = set(step.missing) - counted                               # an unchanged run is in several groups and is run once
        counted |= missing
        longest = max((sum(read_result(path).timings.values()) for path in step.there), default=0) if missing and "bench" not in step.words else 0
        hours = len(missing) * longest / 3600
        whole, unknown = whole + hours, unknown or bool(missing and not hours)
        lines.append(f"| `{step.words}` | {len(step.there)} | {len(missing)} | {f'{hours:.1f}' if hours else '?' if missing else '-'} |")
    return [*lines, "", f"About {whole:.1f} hours on a machine like that of the results there{', and what has a ?' if unknown else ''}."]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.paper", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of each run (default: 0 1 2)")
    parser.add_argument("--plan", action="store_true", help="run nothing: what is missing, and about how long it takes")
    parser.add_argument("--show", action="store_true", help="run nothing: the page and its picture from the results that are there")
    args = parser.parse_args(arguments)

    def work() -> None:
        seeds = list(dict.fromkeys(args.seeds))
        if args.plan:
            return print("\n".join(plan(seeds)))
        for number in range(0 if args.show else len(steps(seeds))):
            step = steps(seeds)[number]                     # asked anew: an earlier one may have made what a later one stands on
            print(f"\n##### python -m llava_mini.{step.words}")
            if step.missing:
                step.run()
        print("Written: " + ", ".join(map(str, outcomes.tell())))
        print("Places of other pages with new texts: " + (", ".join(outcomes.fill_pages()) or "none"))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
