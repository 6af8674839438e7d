"""Samples per second and peak memory of training: the package's train() against transformers' Trainer.

    python -m benchmarks.training_speed             about 18 minutes on two idle cores
    python -m benchmarks.training_speed --quick     tiny; shows that it runs, not how fast it is

README.md in this folder says what is compared and how. The result is written after every round and after the
chat, to data/results/benchmark-training.json (with --quick: beside the drawn pictures).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from llava_mini.errors import InputError
from llava_mini.evaluation import results
from llava_mini.files import make_folder, write_safely

from .common import MeasurementError, about, measure
from .setting import STAGES, stage_settings
from .summary import SIDES, aims, disagreements, summarise, table

OUTPUT = Path("data/results/benchmark-training.json")
WARM_UP = 2                         # steps before those that are timed
FEW = {"batch": 8, "steps": 3}      # to find the faster number format: the slower may be a hundred times slower


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind, taken in turns (default: 3)")
    parser.add_argument("--steps", type=int, default=16, help="optimizer steps of a measurement (default: 16)")
    parser.add_argument("--batch", type=int, default=32, help="samples per optimizer step, on both sides (default: 32)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs over which the preparation is spread (default: 1, as in the main job)")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--projector", choices=["mlp2x_gelu", "linear"], default="mlp2x_gelu")
    parser.add_argument("--no-chat", dest="chat", action="store_false", help="leave out the chat")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time, for a busy machine; needs --threads 1")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark"), help="for pictures and models")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    parser.add_argument("--quick", action="store_true", help="one round of three steps of eight samples")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.steps, options.batch = 1, 3, 8
    options.output = options.output or (options.folder / "quick.json" if options.quick else OUTPUT)
    if min(options.rounds, options.steps, options.batch, options.epochs) < 1:
        parser.error("--rounds, --steps, --batch and --epochs must be at least 1")
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu needs --threads 1: a thread that waits for another takes processor time, too")
    return options


def run(options: argparse.Namespace) -> dict:
    """All measurements; returns what was written."""
    samples, clock = options.steps * options.batch, options.clock

    def take(kind: str, **job) -> dict:
        return measure({"kind": kind} | job, options.threads)

    def train(stage: str, side: str, precision: str, batch: int, steps: int, warm_up: int) -> dict:
        return take("train", setting=setting, stage=stage, side=side, samples=batch * steps, warm_up=warm_up,
                    settings=asdict(stage_settings(stage, batch, precision)))

    setting = take("prepare", options={"folder": str(options.folder.absolute()), "pictures": samples // 4 + 8, "projector": options.projector})
    found = {**about("training"), "format": 2,
             "settings": results.without_paths(vars(options)), "agreement": {}, "formats": {}, "precision": {}, "chat": [], "matmul": [],
             "measurements": []}
    for stage in options.stages:
        found["agreement"][stage] = take("compare", setting=setting, stage=stage, samples=24, settings=asdict(stage_settings(stage, 8)))
        if wrong := disagreements(found["agreement"][stage]):
            raise MeasurementError(f"The two sides do not compute the same in the stage {stage}, so nothing is measured:\n" + "\n".join(wrong))
        speeds = found["formats"][stage] = {}
        for precision in ("fp32", "bf16"):
            one = train(stage, "trainer-best", precision, **FEW, warm_up=1)
            speeds[precision] = one["samples"] / one["training"][clock]
        found["precision"][stage] = max(speeds, key=speeds.get)
        print(f"{stage}: both sides give the same losses; {found['precision'][stage]} is the faster format", flush=True)
    for number in range(options.rounds):
        found["matmul"].append(take("matmul", seconds=0.2 if options.quick else 2.0, clock=clock))
        for stage in options.stages:
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                precision = "fp32" if side == "trainer-default" else found["precision"][stage]
                one = train(stage, side, precision, options.batch, options.steps, WARM_UP)
                found["measurements"].append({"round": number, "stage": stage, "side": side, "precision": precision} | one)
                print(f"round {number + 1} of {options.rounds}, {stage}, {side}: {samples / one['training'][clock]:.1f} samples/s", flush=True)
        write(found, options)
    if options.chat:
        found["chat"] = take("chat", rounds=1 if options.quick else 10, clock=clock)
        write(found, options)
    return found


def write(found: dict, options: argparse.Namespace) -> None:
    """Adds summary and aims, and writes the file, whole or not at all."""
    found["summary"] = summarise(found, options.clock, options.epochs)
    found["aims"] = aims(found)
    make_folder(options.output.parent)
    write_safely(options.output, json.dumps(found, indent=1, allow_nan=False).encode() + b"\n")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        found = run(options)
    except (InputError, MeasurementError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\n" + table(found) + f"\n\nWritten: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
