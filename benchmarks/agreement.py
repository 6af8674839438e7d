"""Do both sides compute the same? The same samples in the same batches must give the same losses.

Compared are the mean loss over all samples before anything is learnt (the Trainer's model, the package with
separate and with packed rows) and the loss of each of the first steps of both trainings. The losses after the
first step agree only if gradients and optimizer do.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from llava_mini.batches import collate, epoch_plan
from llava_mini.lora import has_lora
from llava_mini.parts import freeze
from llava_mini.profiles import Stage
from llava_mini.training import make_rows, train

from . import package_side, trainer_side
from .setting import Setting


def compare(setting: Setting, stage: Stage, samples) -> dict:
    """Runs both sides in float32; summary.disagreements() judges what is returned."""
    stage = replace(stage, precision="fp32", pack=False)
    model = setting.model()
    freeze(model, stage)
    theirs, processor = trainer_side.load(setting, stage)
    if has_lora(model):
        copy_adapters(model, theirs)
    dataset = trainer_side.read_dataset(processor, samples, stage, theirs.config.image_seq_length)
    collator = trainer_side.Collator(processor, setting.pictures)
    with tempfile.TemporaryDirectory() as folder:
        cache, _ = package_side.filled_cache(model, samples, setting.pictures, Path(folder) / "features")
        rows = make_rows(model, samples, stage, cache)
        packed = make_rows(model, samples, package_side.packed_stage(stage, samples), cache)
        before = {"trainer": trainers_loss(theirs, collator, dataset), "separate": packages_loss(model, rows, cache),
                  "packed": packages_loss(model, packed, cache)}
        history = train(model, samples, stage, pictures=setting.pictures, folder=Path(folder) / "run", cache=Path(folder) / "features",
                        progress=False)
        plan = epoch_plan([len(row) for row in rows], stage.batch_size, stage.seed, 0)
        ordered = [dataset[number] for batch in plan for number in batch]
        settings = trainer_side.arguments(stage, Path(folder), False, train_sampling_strategy="sequential", logging_steps=1)
        trainer = trainer_side.Trainer(theirs, settings, train_dataset=ordered, data_collator=collator)
        trainer.train()
    ours = {"separate": rows, "packed": packed}
    return {"samples": {"trainer": len(dataset)} | {name: sum(len(row.samples) for row in made) for name, made in ours.items()},
            "supervised": {"trainer": sum(label != trainer_side.IGNORE for row in dataset for label in row["labels"])}
            | {name: sum(int(row.supervised.sum()) for row in made) for name, made in ours.items()},
            "before": before,
            "steps": {"trainer": [record["loss"] for record in trainer.state.log_history if "loss" in record],
                      "separate": [record["loss"] for record in history.records if "loss" in record]}}


@torch.no_grad()
def trainers_loss(model, collator, dataset) -> float:
    """Mean loss per supervised token, by LlavaForConditionalGeneration."""
    model.eval()
    total = supervised = 0
    for start in range(0, len(dataset), 8):
        batch = collator(dataset[start: start + 8])
        number = int((batch["labels"][:, 1:] != trainer_side.IGNORE).sum())
        total, supervised = total + float(model(**batch).loss) * number, supervised + number
    return total / supervised


@torch.no_grad()
def packages_loss(model, rows, cache) -> float:
    """Mean loss per supervised token, by LlavaMini."""
    model.eval()
    total = supervised = 0
    for start in range(0, len(rows), 8):
        found = model(**collate(rows[start: start + 8], cache.gather, model.tokenizer.pad_token_id).inputs)
        total, supervised = total + float(found.loss_sum), supervised + found.supervised
    return total / supervised


@torch.no_grad()
def copy_adapters(model, theirs) -> None:
    """Gives the Trainer's model the adapters that the package drew."""
    def place(name: str) -> str:
        return name.split(".layers.", 1)[-1]

    own = {place(name): value for name, value in theirs.named_parameters() if "lora_" in name}
    given = {place(name): value for name, value in model.named_parameters() if "lora_" in name}
    if own.keys() != given.keys():
        raise ValueError(f"The two models have adapters at different places: {sorted(own.keys() ^ given.keys())[:4]}")
    for name, value in own.items():
        value.copy_(given[name])
