"""This side: the package's train(), with samples of one picture packed together or each in a row of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llava_mini.data import picture_names
from llava_mini.features import FeatureCache
from llava_mini.memory import memory
from llava_mini.profiles import Stage
from llava_mini.training import make_rows, train

from .common import Stopwatch
from .flops import Work, pairs, sizes, training_flops
from .setting import Setting


class Clock(Stopwatch):
    """The time from the moment when the first step can begin to the end of the last, by the events of train()."""

    def __call__(self, event: dict) -> None:
        if event["event"] == "saved" and event["step"] == 0:
            self.start()
        elif event["event"] == "step":
            self.lap()


def packed_stage(stage: Stage, samples) -> Stage:
    """The stage with packing, and so many rows a step that about ``batch_size`` samples are in them."""
    rows = len({sample.images for sample in samples})           # samples of one picture make one row
    return replace(stage, pack=True, batch_size=max(1, round(stage.batch_size * rows / len(samples))))


def filled_cache(model, samples, pictures: Path, folder: Path) -> tuple[FeatureCache, dict]:
    """The features of all pictures of the samples, and the seconds that they took."""
    names, watch = picture_names(samples), Stopwatch()
    watch.start()
    cache = FeatureCache(folder, model)
    cache.look(names, pictures, progress=False)
    cache.compute(names, pictures, progress=False)
    watch.lap()
    return cache, watch.seconds()


def run(setting: Setting, stage: Stage, samples, folder: Path, warm_up: Stage, pack: bool) -> dict:
    """Trains on the samples once, after a warm-up; what it took."""
    model = setting.model()
    loaded = memory()["now"]
    cache, prepared = filled_cache(model, samples, setting.pictures, folder / "features")
    if pack:
        stage, warm_up = packed_stage(stage, samples), packed_stage(warm_up, samples)
    text = model.language_model.config
    for name, settings in (("warm-up", warm_up), ("timed", stage)):
        clock = Clock()
        train(model, samples, settings, pictures=setting.pictures, folder=folder / name, cache=folder / "features", on_event=clock,
              progress=False)
    rows = make_rows(model, samples, stage, cache)
    work = Work(sum(map(len, rows)), sum(pairs(row.parts) for row in rows), sum(int(row.supervised.sum()) for row in rows),
                sum(len(row.pictures) for row in rows) * model.visual_tokens, 0)
    flops = training_flops(sizes(model.vision_tower.clip.config, text, setting.projector), stage.train, work, stage.lora_rank)
    return {"training": clock.seconds(), "preparing": prepared, "samples": len(samples), "flops": flops, "loaded": loaded,
            "peak": memory()["peak"]}
