"""A thousand faults and twenty kills: is an answer ever lost, doubled or paid for twice?

    python -m benchmarks.faults             500 pictures, three texts about each, half of all replies faulty, 20 kill -9
    python -m benchmarks.faults --quick     20 pictures and 3 kills; shows that it runs

The storyteller's server misbehaves in every way it knows but running out of quota, which is meant to end a run. A process of its own
asks it, as `python -m llava_mini.instruct.generate` does, and is killed with SIGKILL at random moments, those of its start
among them. The server writes down every reply before it leaves, so that afterwards three things can be counted: requests
without an answer or with two; requests that were sent again although their answer lay in the file when the process
started; and answers that were under way at a kill, which no client can keep and every bill may hold. The result goes to
data/results/benchmark-faults.json (with --quick: beside the answers). Needs SIGKILL, so not on Windows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from llava_mini.files import make_folder
from llava_mini.instruct.ledger import beside, rows

from .common import ROOT, MeasurementError, about, keep

OUTPUT = Path("data/results/benchmark-faults.json")
RATES = {"rate limit": 0.10, "server error": 0.10, "drop": 0.08, "garbage": 0.06, "cut off": 0.06, "format": 0.05, "refuse": 0.03, "hang": 0.02}
PICTURES, KILLS, QUICK = 500, 20, (20, 3)
SECONDS, CONCURRENCY, ATTEMPTS = 0.03, 6, 40        # of a reply; answers set aside before a request is given up: none is to be
LONGEST = 0.002                                     # seconds of work, for each picture, that a process gets before it is killed


def work(pictures: Path, folder: Path, start: int) -> None:
    """Asks for what is missing, with a server that notes every reply. Runs in a process of its own."""
    from llava_mini.annotations import load
    from llava_mini.instruct import storyteller
    from llava_mini.instruct.connection import Settings
    from llava_mini.instruct.generate import generate
    from llava_mini.instruct.offline import Offline
    from llava_mini.instruct.plan import Plan, choose
    from llava_mini.instruct.prompts import KINDS

    class Noting(Offline):
        def count(self, key: str, outcome: str, sound: bool = False) -> None:
            super().count(key, outcome, sound)
            os.write(log, (json.dumps({"start": start, "key": key[:12], "outcome": outcome, "sound": sound}) + "\n").encode())

    log = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    server = Noting(storyteller.write, storyteller.NAME, seed=start, misbehave=RATES, seconds=SECONDS, retry_after=0.02)
    plan = Plan(choose(load(pictures), dict.fromkeys(KINDS, "all")), settings=Settings(timeout=0.5, backoff=0.02, retries=20))
    generate(plan, folder, concurrency=CONCURRENCY, attempts=ATTEMPTS, transport=server, quiet=True)


def answered(folder: Path) -> Counter:
    """The requests whose answers lie in the file, each as the beginning of its sha256."""
    return Counter(row["reply"].split("-")[1] for _, row in rows(folder / "answers.jsonl"))


def run(pictures: Path, folder: Path, number: int, kills: int, seed: int = 0) -> dict:
    """Starts, kills and starts again until every request is settled; returns what was counted."""
    rng, log, known, began = random.Random(seed), folder / "log.jsonl", {}, time.perf_counter()
    moments = [rng.uniform(0.0, LONGEST * number) for _ in range(kills)]
    killed = start = 0
    while True:
        known[start] = set(answered(folder))
        size = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.faults", "--work", str(pictures), str(folder), str(start)], cwd=ROOT,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if killed < kills:
            if rng.random() < 0.8:                  # the others die in their start
                while process.poll() is None and (log.stat().st_size if log.exists() else 0) == size:
                    time.sleep(0.01)
            try:
                process.wait(moments[killed])
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        said = process.communicate()[0]
        if process.returncode == 0:
            break
        if process.returncode != -signal.SIGKILL:
            raise MeasurementError(f"The run stopped by itself:\n{said[-3000:]}")
        killed, start = killed + 1, start + 1
    if killed < kills:
        raise MeasurementError(f"The run was over after {killed} of {kills} kills; give it more pictures.")
    return counted(folder, known) | {"kills": killed, "seconds": time.perf_counter() - began}


def counted(folder: Path, known: dict[int, set[str]]) -> dict:
    """What the server's notes and the files say. ``known``: the answers that lay there at each start."""
    notes = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    kept, sound = answered(folder), Counter(note["key"] for note in notes if note["sound"])
    aside = Counter(row["reason"] for _, row in rows(beside(folder / "answers.jsonl", "set-aside")))
    return {"requests": len({note["key"] for note in notes}), "replies": len(notes), "sound answers served": sum(sound.values()),
            "faults": dict(sorted(Counter(note["outcome"] for note in notes if not note["sound"]).items())),
            "answers kept": sum(kept.values()), "requests without an answer": len({note["key"] for note in notes} - set(kept)),
            "requests with two answers": sum(number > 1 for number in kept.values()), "answers set aside": dict(sorted(aside.items())),
            "asked again although the answer lay there": sum(note["key"] in known[note["start"]] for note in notes),
            "answers under way at a kill": sum(sound.values()) - sum(kept.values())}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK[0]} pictures and {QUICK[1]} kills")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark/faults"), help="for pictures and answers, made anew")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.output = options.output or (options.folder.parent / "quick-faults.json" if options.quick else OUTPUT)
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.work:
        pictures, folder, start = options.work
        work(Path(pictures), Path(folder), int(start))
        return 0
    if os.name == "nt":
        print("This benchmark kills with SIGKILL, which Windows does not have.", file=sys.stderr)
        return 1
    from llava_mini.storybook.folder import make_folder as draw

    number, kills = QUICK if options.quick else (PICTURES, KILLS)
    folder = options.folder.absolute() / "answers"
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    found = run(draw(options.folder.absolute() / f"val-{number}", "val", number), folder, number, kills)
    found |= {**about("faults"), "pictures": number, "rates": RATES, "full": not options.quick}
    keep(found, options.output)
    print(f"{found['requests']:,} requests about {number} pictures, {sum(found['faults'].values()):,} faulty replies, {found['kills']} kills, {found['seconds']:.0f} s")
    for what in ("requests without an answer", "requests with two answers", "asked again although the answer lay there", "answers under way at a kill"):
        print(f"{found[what]:>7,}  {what}")
    print(f"Written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
