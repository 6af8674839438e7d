"""A model takes LLaVA-Bench: every question once, with its picture, kept in a file as it goes (paper, section 5.1).

    python -m llava_mini.bench.answering data/cache/bench/coco data/pretrained/llava-mini --out runs/bench/answers.jsonl
    python -m llava_mini.bench.answering data/cache/bench/coco data/pretrained/llava-mini --out runs/bench/blind.jsonl --control blind

The answers are in the authors' schema; :mod:`.judge` scores them. Killed at any moment, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import evaluation
from ..commands import guarded
from ..errors import InputError
from ..evaluation.answers import Answerer, Shown, ask
from . import benchmark
from .schema import Found, Question, read_answers, read_questions

LONGEST = 256               # new tokens of an answer
CONTROLS = ("true", "blind", "shuffled")


def answer(questions: Sequence[Question], answerer: Answerer, *, pictures, path, model_id: str, control: str = "true", batch_size: int = 16,
           progress: bool = True) -> Found:
    """Asks what the file at ``path`` does not answer yet; returns all the answers.

    ``answerer``  ``evaluation.answerer(model, max_new_tokens=LONGEST)``, or any function of (picture or None, text) pairs
    ``control``   "true": with the question's own picture; "blind": without; "shuffled": with the next other picture of the benchmark
    ``model_id``  another one for other weights: their file is refused, never mixed in

    Raises InputError for an unknown control, for pictures that are missing before anything is asked, and for shuffling
    a benchmark of a single picture.
    """
    if control not in CONTROLS:
        raise InputError(f"There is no control {control!r}; choose one of {', '.join(CONTROLS)}.")
    names = list(dict.fromkeys(question.image for question in questions))
    if control != "blind" and (missing := [name for name in names if not (Path(pictures) / name).is_file()]):
        raise InputError(f"{len(missing)} pictures are missing in {Path(pictures).name} ({', '.join(missing[:5])}); put them there.")
    if control == "shuffled" and len(names) < 2:
        raise InputError("A benchmark of one picture cannot be shuffled; take the control blind.")
    other = dict(zip(names, [*names[1:], *names[:1]]))

    def shown(question: Question) -> Shown:
        name = {"true": question.image, "blind": None, "shuffled": other[question.image]}[control]
        return Shown(name, None if name is None else Path(pictures) / name)

    asked = [evaluation.Question(str(question.id), question.image, question.text, question.category, "", "", "bench",
                                 question.id if isinstance(question.id, int) else None) for question in questions]
    ask(asked, [shown(question) for question in questions], answerer, path, model_id=model_id, metadata={"control": control}, batch_size=batch_size,
        progress=progress)
    return read_answers(path, questions).whole()


def name_of(folder) -> str:
    """What a checkpoint is called: its folder, or the run above where that is "model", as in runs/mini-full/model."""
    folder = Path(folder).absolute()
    return folder.parent.name if folder.name == "model" and folder.parent.name else folder.name


def load_model(folder):
    """A checkpoint, on the GPU where there is one."""
    from ..model import LlavaMini

    return on_the_gpu(LlavaMini.from_pretrained(folder))


def on_the_gpu(model):
    """The model, moved to the GPU where there is one."""
    import torch

    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.answering", description=__doc__.split("\n")[0])
    parser.add_argument("bench", type=Path, help="a benchmark's folder, or the file of its questions (then give --pictures)")
    parser.add_argument("model", type=Path, help="a checkpoint of this package")
    parser.add_argument("--pictures", type=Path, help="folder of the pictures (default: pictures/ in the benchmark's folder)")
    parser.add_argument("--out", type=Path, required=True, help="the answers, .jsonl")
    parser.add_argument("--control", choices=CONTROLS, default="true", help="which picture is shown (default: the question's own)")
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    from ..features import fingerprint

    if not args.bench.is_dir() and args.pictures is None:
        raise InputError(f"{args.bench.name} is not a folder; give --pictures with it.")
    questions = read_questions(args.bench / benchmark.QUESTIONS if args.bench.is_dir() else args.bench)
    model = load_model(args.model)
    found = answer(questions, evaluation.answerer(model, max_new_tokens=LONGEST), pictures=args.pictures or args.bench / "pictures", path=args.out,
                   model_id=f"{name_of(args.model)}-{fingerprint(model)[:12]}", control=args.control)
    print(f"{len(found.rows)} answers: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
