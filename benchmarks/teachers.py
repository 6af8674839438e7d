"""Two teachers at the same requests: the storyteller, and the mini language parent with its two million parameters.

    python -m benchmarks.teachers               100 pictures, three texts about each, one attempt at each
    python -m benchmarks.teachers --quick       4 pictures; shows that it runs

What is counted: answers that can be read into turns, those that are set aside and why, and the samples that the checker
leaves out and why. The result goes to data/results/benchmark-teachers.json.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from llava_mini.annotations import load
from llava_mini.commands import guarded
from llava_mini.errors import InputError
from llava_mini.instruct import offline, parent_teacher
from llava_mini.instruct.checker import check
from llava_mini.instruct.connection import OFFLINE, PARENT, Settings
from llava_mini.instruct.dataset import write
from llava_mini.instruct.generate import ANSWERS, generate
from llava_mini.instruct.plan import Plan, choose
from llava_mini.instruct.prompts import KINDS
from llava_mini.storybook.folder import make_folder as draw

from .common import about, keep

OUTPUT = Path("data/results/benchmark-teachers.json")
PICTURES, QUICK = 100, 4
TEACHERS = {"storyteller": OFFLINE, "language parent": PARENT}


def examine(records: list, model: str, transport, folder: Path) -> dict:
    """What became of one request of each kind about each picture."""
    began = time.perf_counter()
    plan = Plan(choose(records, dict.fromkeys(KINDS, "all")), settings=Settings(model, timeout=600.0))
    summary = generate(plan, folder, attempts=1, concurrency=1 if model == PARENT else 8, transport=transport, quiet=True)
    asked = sum(summary.wanted.values())
    found = {"requests": asked, "can be read": sum(summary.answered.values()), "set aside": Counter(reason for (_, reason), n in summary.reasons.items() for _ in range(n)),
             "seconds for each": (time.perf_counter() - began) / asked, "left out by the checker": Counter(), "samples": 0}
    if found["can be read"]:
        try:
            counts = write(records, folder / ANSWERS, folder / "samples.json", check=check)
        except InputError:                                  # nothing is left of it
            counts = Counter()
        left = {what.removeprefix("left out: "): n for what, n in counts.items() if what.startswith("left out")}
        found |= {"left out by the checker": left or Counter(), "samples": counts.total() - sum(left.values())}
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teachers", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pictures")
    parser.add_argument("--parent", type=Path, default=Path("data/pretrained/vicuna-large"), help="a language model in transformers' format")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark"), help="for pictures and answers, made anew")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    args = parser.parse_args(arguments)
    return guarded(lambda: work(args))


def work(args: argparse.Namespace) -> None:
    number = QUICK if args.quick else PICTURES
    records = load(draw(args.folder.absolute() / f"val-{number}", "val", number))
    found = {}
    for name, model in TEACHERS.items():
        folder = args.folder / f"teacher-{model}"
        shutil.rmtree(folder, ignore_errors=True)
        found[name] = examine(records, model, parent_teacher.transport(args.parent) if model == PARENT else offline.transport(), folder)
    result = {**about("teachers"), "pictures": number, "teachers": found, "full": not args.quick}
    output = args.output or (args.folder / "quick-teachers.json" if args.quick else OUTPUT)
    keep(result, output)
    for name, one in found.items():
        print(f"{name}: {one['samples']} samples of {one['requests']} requests; set aside {dict(one['set aside'])}; "
              f"left out by the checker {dict(one['left out by the checker'])}; {one['seconds for each']:.2f} s each")
    print(f"Written: {output}")


if __name__ == "__main__":
    sys.exit(main())
