"""The other side: transformers' Trainer with LlavaForConditionalGeneration and LlavaProcessor.

Ids and labels come from the package's render(), so exactly the same tokens are supervised; they are made
before the clock starts, which spares this side the tokenizing. Two ways to run it:

default   as TrainingArguments come; the processor reads the pictures of a batch when the batch is made
best      batches of like length, no logging, the number format that is found faster here (float32, or bfloat16
          autocast), and every picture brought to pixels once and kept in memory
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration, Trainer, TrainerCallback, TrainingArguments

from llava_mini.conversation import labels, render
from llava_mini.memory import memory
from llava_mini.profiles import Stage

from .common import Stopwatch
from .flops import Work, pairs, sizes, training_flops
from .setting import Setting

IGNORE = -100
LINEARS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"    # those of a Llama, not of the tower


class Clock(TrainerCallback):
    """The time from the beginning of a training to the end of its last step."""

    def __init__(self):
        self.watch = Stopwatch()

    def on_train_begin(self, *_, **__):
        self.watch.start()

    def on_step_end(self, *_, **__):
        self.watch.lap()


class Collator:
    """Features to a batch, padded on the right. ``pixels``: pictures made ready before, by name."""

    def __init__(self, processor, pictures: Path, pixels: dict[str, torch.Tensor] | None = None):
        self.processor, self.pictures, self.pixels = processor, pictures, pixels

    def read(self, names) -> torch.Tensor:
        """Picture files to [n, 3, size, size]."""
        opened = [Image.open(self.pictures / name).convert("RGB") for name in names]
        return self.processor.image_processor(images=opened, return_tensors="pt")["pixel_values"]

    def __call__(self, features: list[dict]) -> dict[str, torch.Tensor]:
        def padded(rows, filling):
            return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filling)  # [b, t]

        ids = [feature["input_ids"] for feature in features]
        names = [name for feature in features for name in feature["images"]]
        pixels = self.read(names) if self.pixels is None else torch.stack([self.pixels[name] for name in names])
        return {"input_ids": padded(ids, self.processor.tokenizer.pad_token_id), "attention_mask": padded([[1] * len(row) for row in ids], 0),
                "labels": padded([feature["labels"] for feature in features], IGNORE), "pixel_values": pixels}


def load(setting: Setting, stage: Stage):
    """The model, with the parts of the stage trainable and LoRA adapters if it wants them, and the processor."""
    model = LlavaForConditionalGeneration.from_pretrained(setting.transformers, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(setting.transformers)
    # transformers writes a linear projector as two linears, of which the second does nothing and must not learn
    bridge = ["linear_1"] if setting.projector == "linear" else ["linear_1", "linear_2"]
    if stage.train == "lora":
        from peft import LoraConfig, get_peft_model

        return get_peft_model(model, LoraConfig(r=stage.lora_rank, lora_alpha=stage.lora_alpha, lora_dropout=stage.lora_dropout,
                                                target_modules=LINEARS, modules_to_save=bridge)), processor
    for name, parameter in model.named_parameters():
        in_bridge = any(f"multi_modal_projector.{part}." in name for part in bridge)
        in_language_model = "vision_tower" not in name and "multi_modal_projector" not in name
        parameter.requires_grad_(in_bridge or (stage.train == "full" and in_language_model))
    return model, processor


def read_dataset(processor, samples, stage: Stage, visual_tokens: int) -> list[dict]:
    """One dict for each sample, as the package renders it."""
    rows = []
    for sample in samples:
        rendered = render(sample.messages, stage.template, tokenizer=processor.tokenizer, visual_tokens=visual_tokens,
                          image_order=stage.image_order, sample_id=sample.id, max_length=stage.max_length)
        rows.append({"input_ids": rendered.ids, "labels": labels(rendered), "images": sample.images})
    return rows


def arguments(stage: Stage, folder: Path, best: bool, **options) -> TrainingArguments:
    """The settings that the training itself needs, and those of the better way."""
    if best:
        options |= {"train_sampling_strategy": "group_by_length", "logging_strategy": "no", "bf16": stage.precision == "bf16"}
    return TrainingArguments(output_dir=str(folder), per_device_train_batch_size=stage.batch_size, num_train_epochs=stage.epochs,
                             max_steps=stage.max_steps or -1, learning_rate=stage.learning_rate, lr_scheduler_type="cosine",
                             max_grad_norm=stage.clip, weight_decay=stage.weight_decay, seed=stage.seed, save_strategy="no",
                             remove_unused_columns=False, disable_tqdm=True, report_to="none", use_cpu=True, **options)


def run(setting: Setting, stage: Stage, samples, folder: Path, warm_up: Stage, best: bool) -> dict:
    """Trains on the samples once, after a warm-up; what it took."""
    model, processor = load(setting, stage)
    visual_tokens = model.config.image_seq_length           # of one picture, as the export wrote it
    dataset = read_dataset(processor, samples, stage, visual_tokens)
    loaded, watch, collator = memory()["now"], Stopwatch(), Collator(processor, setting.pictures)
    watch.start()
    if best:
        collator.pixels = {name: collator.read([name])[0] for name in dict.fromkeys(name for row in dataset for name in row["images"])}
    watch.lap()
    for settings in (warm_up, stage):
        clock = Clock()
        Trainer(model, arguments(settings, folder, best), train_dataset=dataset, data_collator=collator, callbacks=[clock]).train()
    lengths = [len(row["input_ids"]) for row in dataset]
    shown = sum(len(row["images"]) for row in dataset)
    work = Work(sum(lengths), sum(pairs([0, length]) for length in lengths),
                sum(label != IGNORE for row in dataset for label in row["labels"][1:]), shown * visual_tokens, shown)
    flops = training_flops(sizes(model.config.vision_config, model.config.text_config, setting.projector), stage.train, work, stage.lora_rank)
    return {"training": clock.watch.seconds(), "preparing": watch.seconds(), "samples": len(samples), "flops": flops, "loaded": loaded,
            "peak": memory()["peak"]}
