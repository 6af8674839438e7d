"""The main job: two parents become a LLaVA that answers questions about pictures it has never seen.

    python -m llava_mini.main              full fine-tuning in stage 2
    python -m llava_mini.main --lora       LoRA in stage 2

Everything lands in runs/<name>: the trainings, the finished model, answers, plots and the picture
sheet. Killed at any moment, the same command goes on where it was; done, it only reports again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from .errors import InputError
from .profiles import Profile, profile

TRAIN, VALIDATION = 9000, 64                # pictures
HELD_OUT = {"test": 500, "unseen_pairs": 400, "unseen_place": 150, "unseen_counts": 150}
SAMPLE_ANSWERS = 6                          # questions answered at every validation
WORLD = Path("data/cache/storybook")


def draw_world(train: int = TRAIN, folder: Path = WORLD) -> dict[str, Path]:
    """The storybook folders of the main job by split; drawn only where they are missing."""
    from .storybook.folder import make_folder

    sizes = {"train": train, "val": VALIDATION, **HELD_OUT}
    return {split: make_folder(folder / f"{split}-{n}", split, n) for split, n in sizes.items()}


def train_both_stages(settings: Profile, world: dict[str, Path], folder: Path, *, lora: bool = False, seed: int = 0, on_event=None):
    """Stage 1, then stage 2. Returns the model and {stage: seconds}; a finished stage is loaded, not repeated."""
    import torch

    from .model import LlavaMini
    from .training import train

    torch.manual_seed(seed)
    model = LlavaMini.from_parents(settings.vision, settings.language, projector=settings.projector,
                                   projector_scale=settings.projector_scale, layer=settings.vision_layer,
                                   cls=settings.vision_cls, image_mode=settings.image_mode, template=settings.template, seed=seed)
    shown = [{"image": q["image"], "text": q["text"], "answer": q["answer"]} for q in _questions(world["val"], SAMPLE_ANSWERS)]
    seconds = {}
    for name in ("align", "lora" if lora else "tune"):
        stage = replace(getattr(settings, name), seed=seed)
        kind = "align" if name == "align" else "tune"
        samples = _samples(world["train"], kind)
        start = time.perf_counter()
        print(f"\nStage {1 if name == 'align' else 2} ({name}): {len(samples)} samples of {world['train'].name}")
        train(model, samples, stage, pictures=world["train"].parent, folder=folder / name, validation=_samples(world["val"], kind),
              questions=shown if name != "align" else None, cache=folder.parent / "features", on_event=on_event)
        seconds[name] = time.perf_counter() - start
    return model, seconds


def _samples(folder: Path, kind: str) -> list:
    """Samples whose pictures are named from the folder above, so that training and validation share one."""
    from .data import read_samples

    return [replace(s, images=tuple(f"{folder.name}/pictures/{name}" for name in s.images)) for s in read_samples(folder / f"{kind}.json", folder / "pictures")]


def _questions(folder: Path, n: int) -> list[dict]:
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:: max(1, len(lines) // n)]][:n]
    return [row | {"image": f"{folder.name}/pictures/{row['image']}"} for row in rows]


def evaluate(model, world: dict[str, Path], folder: Path, name: str):
    """Answers and scores the held-out splits; returns the reports and all questions."""
    from . import evaluation
    from .storybook.questions import value

    reports, asked = {}, {}
    for split in HELD_OUT:
        questions = evaluation.read_questions(world[split] / "questions.jsonl", split)
        reports |= evaluation.evaluate(questions, evaluation.answerer(model, max_new_tokens=40), value, pictures=world[split] / "pictures",
                                       folder=folder / "answers", model_id=name, batch_size=64)
        asked[split] = questions
    return reports, asked


def draw_report(folder: Path, world, asked, reports, histories: dict[str, Path]) -> list[Path]:
    """The picture sheet, the curves and the confusion picture as PNG; returns the files, the sheet last."""
    from . import evaluation, show
    from .storybook.questions import value

    files = []
    for stage, path in histories.items():
        band = Path("data/results") / f"band-{stage}.json"
        curves = show.loss_curves({stage: show.read_history(path)}, show.read_band(band) if band.exists() else None, f"Loss of the stage {stage}")
        files.append(curves.save(folder / f"loss-{stage}.png"))
    answers = evaluation.read_answers(folder / "answers" / "test-true.jsonl", asked["test"])
    files.append(show.heat_map(evaluation.confusions(asked["test"], answers, "what", value)).save(folder / "confusion-what.png"))
    chosen = show.choose(asked["test"], answers, value, world["test"] / "pictures", n=16)
    files.append(show.picture_sheet(chosen, "Pictures the model has never seen").save(folder / "sheet.png"))
    return files


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.main", description=__doc__.split("\n")[0])
    parser.add_argument("--name", default=None, help="folder under runs/ (default: main, or main-lora)")
    parser.add_argument("--profile", default="mini", help="see llava_mini/profiles.py (default: mini)")
    parser.add_argument("--lora", action="store_true", help="LoRA instead of full fine-tuning in stage 2")
    parser.add_argument("--train", type=int, default=TRAIN, help=f"training pictures (default: {TRAIN})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=None, help="also write the result JSON here (default: the run's folder)")
    args = parser.parse_args(arguments)
    try:
        run(args)
    except InputError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run(args) -> None:
    from . import checkpoints, evaluation

    settings = profile(args.profile)
    name = args.name or ("main-lora" if args.lora else "main")
    folder = Path("runs") / name
    clock = time.perf_counter()
    world = draw_world(args.train)
    timings = {"draw": time.perf_counter() - clock}
    model, seconds = train_both_stages(settings, world, folder, lora=args.lora, seed=args.seed)
    timings |= seconds
    kind = "lora" if args.lora else "full"
    if not (folder / "model").exists():
        checkpoints.save(model, folder / "model", kind=kind, refer_to_parents=True)
    clock = time.perf_counter()
    reports, asked = evaluate(model, world, folder, name)
    timings["evaluate"] = time.perf_counter() - clock
    stage = "lora" if args.lora else "tune"
    files = draw_report(folder, world, asked, reports, {s: folder / s / "history.jsonl" for s in ("align", stage)})
    result = evaluation.new_result(name, seed=args.seed, settings={"profile": asdict(settings), "stage 2": stage, "pictures": args.train,
                                                                   "held out": HELD_OUT}, accuracy=evaluation.as_dict(reports), timings=timings)
    files.insert(0, evaluation.write_result(result, (args.results or folder) / f"{name}.json"))
    for split, by in reports.items():
        print("\n" + evaluation.table(by, split))
    print("\nSeconds: " + ", ".join(f"{part} {value:.0f}" for part, value in timings.items()))
    print(f"Talk to your model: llava_mini.LlavaMini.from_pretrained({str(folder / 'model')!r})")
    print("Written: " + ", ".join(map(str, files)))
    print(f"Picture sheet: {files[-1]}")


if __name__ == "__main__":
    sys.exit(main())
