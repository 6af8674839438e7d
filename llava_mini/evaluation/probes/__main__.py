"""Probes a model's behaviour, with one result file and figures drawn from it.

    python -m llava_mini.evaluation.probes data/pretrained/llava-mini --folder runs/probes/llava-mini
    python -m llava_mini.evaluation.probes --show runs/probes/llava-mini/behaviour.json      # the figures alone, from a result

About six thousand questions. Killed at any moment, the same command goes on where it was. ::

    behaviour.json      the result
    *.png               figures, made of nothing but the result
    answers/            every answer, in the authors' schema
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...commands import guarded
from ...errors import InputError

RESULT = "behaviour.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.evaluation.probes", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", help="a checkpoint of this package")
    parser.add_argument("--folder", type=Path, help="where answers, result and figures go (default: runs/probes/<name of the model or its run>)")
    parser.add_argument("--staged", type=Path, default=None, help="the pictures; drawn where they are missing (default: data/cache/probes)")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and of the shuffling (default: 0)")
    parser.add_argument("--batch-size", type=int, default=64, help="questions asked at a time (default: 64)")
    parser.add_argument("--show", type=Path, metavar="RESULT", help="draw the figures of a result beside it, and ask nothing")
    args = parser.parse_args(arguments)
    return guarded(lambda: _show(args.show) if args.show else _ask(args))


def _ask(args: argparse.Namespace) -> None:
    from ...features import fingerprint
    from ...model import LlavaMini
    from . import runner as probes
    from .asking import LONGEST, answerer
    from .result import write_behaviour

    if args.model is None:
        raise InputError("There is no model to probe; name its folder, as in python -m llava_mini.evaluation.probes data/pretrained/llava-mini.")
    if args.batch_size < 1:
        raise InputError(f"The batch size must be 1 or more, not {args.batch_size}; leave --batch-size out for 64.")
    model = LlavaMini.from_pretrained(args.model)
    name = args.model.resolve().name if args.model.resolve().name != "model" else args.model.resolve().parent.name       # runs/<name>/model
    folder = args.folder or Path("runs/probes") / name
    result, found = probes.run_probes(answerer(model), folder, name=name, weights=fingerprint(model), staged=args.staged or probes.STAGED, seed=args.seed,
                                      batch_size=args.batch_size, settings={"longest answer": LONGEST, "template": model.config.template})
    path = write_behaviour(result, folder / RESULT)
    for probe in found.values():
        print("\n" + probe.table())
    _show(path)


def _show(path: Path) -> None:
    from .result import read_behaviour

    result = read_behaviour(path)
    from ...show.probes import probe_figures        # here, as it takes its time: a wrong name is told at once

    drawn = [drawing.save(path.parent / f"{name}.png") for name, drawing in probe_figures(result).items()]
    print(f"\nResult: {path}\nFigures: {', '.join(str(one) for one in drawn)}")


if __name__ == "__main__":
    sys.exit(main())
