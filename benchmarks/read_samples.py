"""Seconds and peak memory of reading a file of 158,000 samples in LLaVA's schema, as many as Instruct-158K has.

    python -m benchmarks.read_samples               about a minute, 500 MB of disk
    python -m benchmarks.read_samples --quick       2,000 samples; shows that it runs

The samples are made up and share the real set's make-up: 58,000 conversations, 23,000 descriptions, 77,000 of reasoning,
with texts so long that the file is about as large as theirs (1.4 kB a sample); in one .json file with indents, as the
authors' is, and in a .jsonl file. Each door of llava_mini.data reads each file in a process of its own, in turns. Aims,
for a list of all samples of the .json file: 5 seconds and 1 GB. The result goes to data/results/benchmark-read-samples.json
(with --quick: beside the samples), with the seconds of the processor too, which tell more on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path

from llava_mini.files import make_folder
from llava_mini.memory import MEBIBYTE, memory

from .common import ROOT, MeasurementError, about, aims, keep, spread, verdicts

OUTPUT = Path("data/results/benchmark-read-samples.json")
SAMPLES, QUICK, ROUNDS = 158_000, 2_000, 3
AIMS = {"seconds": 5.0, "peak memory in GB": 1.0}
DOORS = ("read .json", "read .jsonl", "stream .json", "stream .jsonl", "validate .json")
# (share of the samples, fewest and most questions, words of a question, words of an answer)
KINDS = ((58, 3, 6, 10, 33), (23, 1, 1, 11, 150), (77, 1, 1, 17, 178))


def sample(number: int, words: list[str], rng: random.Random) -> dict:
    """One made-up sample; about two of them share a picture, as in the real set."""
    _, fewest, most, asked, answered = rng.choices(KINDS, [kind[0] for kind in KINDS])[0]
    turns = []
    for turn in range(rng.randint(fewest, most)):
        question, answer = (" ".join(rng.choices(words, k=rng.randint(around // 2, around * 3 // 2))) for around in (asked, answered))
        mark = "" if turn else "<image>\n"
        turns += [{"from": "human", "value": f"{mark}What {question}?"}, {"from": "gpt", "value": f"The {answer}."}]
    name = f"{number // 2:012}"
    return {"id": name, "image": f"{name}.jpg", "conversations": turns}


def write_files(folder: Path, n: int, seed: int = 0) -> tuple[Path, Path]:
    """Writes the same ``n`` samples as a .json file with indents and as a .jsonl file."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.choice((2, 3, 3, 4, 5, 5, 6, 9)))) for _ in range(5000)]
    whole, lines = folder / "samples.json", folder / "samples.jsonl"
    with open(whole, "w", encoding="utf-8") as one, open(lines, "w", encoding="utf-8") as other:
        for number in range(n):
            row = sample(number, words, rng)
            one.write(("[\n" if number == 0 else ",\n") + json.dumps(row, indent=2))
            other.write(json.dumps(row) + "\n")
        one.write("\n]\n")
    return whole, lines


def work(door: str, path: Path) -> dict:
    """Reads a file by one door. Runs in a process of its own."""
    from llava_mini import data
    from llava_mini.instruct.validate import validate

    started = memory()
    began, processor = time.perf_counter(), time.process_time()
    if door == "read":
        kept = data.read_samples(path)
        n = len(kept)
    else:
        n = sum(1 for _ in data.stream_samples(path)) if door == "stream" else validate(path).samples
    return {"samples": n, "seconds": time.perf_counter() - began, "processor": time.process_time() - processor, "memory": memory() | {"loaded": started["now"]}}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_samples", description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"how many (default: {SAMPLES:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"measurements of each door (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} samples, one round")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark"), help="for the samples, which are removed at the end")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if min(options.samples, options.rounds) < 1:
        parser.error("--samples and --rounds must be at least 1")
    if options.quick:
        options.samples, options.rounds = min(options.samples, QUICK), 1
    options.output = options.output or (OUTPUT if options.samples == SAMPLES else options.folder / "quick-read-samples.json")
    return options


def measure(door: str, path: Path) -> dict:
    done = subprocess.run([sys.executable, "-m", "benchmarks.read_samples", "--work", door, str(path.absolute())], cwd=ROOT,
                          capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise MeasurementError(f"The measurement {door!r} failed:\n{(done.stderr or done.stdout)[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.work:
        print(json.dumps(work(options.work[0], Path(options.work[1]))))
        return 0
    make_folder(options.folder)
    paths = write_files(options.folder, options.samples)
    sizes = {path.suffix: path.stat().st_size / 1e6 for path in paths}
    found: dict[str, list[dict]] = {name: [] for name in DOORS}
    try:
        for number in range(options.rounds):
            for name in DOORS[::-1] if number % 2 else DOORS:           # in turns, and from both ends
                door, suffix = name.split()
                found[name].append(measure(door, next(path for path in paths if path.suffix == suffix)))
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
    doors = {name: {"samples": rows[0]["samples"], "seconds": spread([row["seconds"] for row in rows]),
                    "processor": spread([row["processor"] for row in rows]),
                    "peak_gb": None if rows[0]["memory"]["peak"] is None else spread([row["memory"]["peak"] * MEBIBYTE / 1e9 for row in rows]),
                    "loaded_gb": None if rows[0]["memory"]["loaded"] is None else rows[0]["memory"]["loaded"] * MEBIBYTE / 1e9}
             for name, rows in found.items()}
    full, main_door = options.samples == SAMPLES, doors["read .json"]
    reached = {"seconds": main_door["seconds"]["median"], "peak memory in GB": main_door["peak_gb"] and main_door["peak_gb"]["median"]}
    whole = {**about("read-samples"), "samples": options.samples, "rounds": options.rounds, "file_mb": sizes, "doors": doors,
             "aims": aims(AIMS, reached, full), "full": full}
    keep(whole, options.output)
    print(f"{options.samples:,} samples: " + ", ".join(f"{size:.0f} MB as {suffix}" for suffix, size in sizes.items()))
    for name, door in doors.items():
        peak = "" if door["peak_gb"] is None else f", peak {door['peak_gb']['median']:.2f} GB"
        print(f"{name:<15} {door['seconds']['median']:.2f} s ({door['seconds']['min']:.2f} to {door['seconds']['max']:.2f}), {door['processor']['median']:.2f} s of the processor{peak}")
    print(verdicts(whole["aims"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
