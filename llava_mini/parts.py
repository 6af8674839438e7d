"""What moves in a training and what stands still: the one place that freezes (paper, section 4.2)."""

from __future__ import annotations

import torch

from .errors import InputError
from .lora import add_lora, has_lora
from .profiles import Stage

PARTS = ("vision tower", "projector", "language model", "LoRA adapters")


def part_of(name: str) -> str:
    """The part that a parameter of LlavaMini belongs to, by its name."""
    if name.startswith("vision_tower."):
        return "vision tower"
    if name.startswith("projector."):
        return "projector"
    return "LoRA adapters" if "lora_" in name else "language model"


def freeze(model, stage: Stage) -> dict[str, torch.nn.Parameter]:
    """Makes exactly the parts of ``stage.train`` trainable, and returns them by name.

    =============  =======================================
    "projector"    the projector (stage 1)
    "full"         projector and language model (stage 2)
    "lora"         projector and adapters, which are added if the model has none
    =============  =======================================

    What is trained is kept in float32, whatever the model was loaded in: a bfloat16 weight would lose most
    small steps. Raises InputError for an unknown name, or adapters that do not fit the stage.
    """
    moves = {"projector": {"projector"}, "full": {"projector", "language model"}, "lora": {"projector", "LoRA adapters"}}
    if stage.train not in moves:
        raise InputError(f"A stage cannot train {stage.train!r}; choose one of {', '.join(moves)}.")
    if stage.train == "lora" and not has_lora(model):
        add_lora(model, stage.lora_rank, stage.lora_alpha, stage.lora_dropout, seed=stage.seed)
    elif stage.train == "lora":
        ranks = {config.r for config in model.language_model.peft_config.values()}
        if ranks != {stage.lora_rank}:
            raise InputError(f"The model has adapters of rank {ranks.pop()} but the stage asks for {stage.lora_rank}; "
                             "merge them first (merge_lora) or set lora_rank.")
    elif stage.train == "full" and has_lora(model):
        raise InputError("The model has LoRA adapters, which full training would leave out; merge them first (merge_lora).")
    trained = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in moves[stage.train])
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
            trained[name] = parameter
    return trained


def parts_table(model, record: dict | None = None) -> list[dict]:
    """What is trained: one row for each part of the model.

    A row has ``part``, ``state`` ("trainable" or "frozen"), ``parameters`` (tied weights counted once) and
    ``gradient_norm``: that of a step, if its ``record`` of the history is given, else of the gradients that the
    model holds now; None where there is none. A training drops its gradients after each step.

    >>> parts_table(model, history.records[1])
    """
    rows = []
    for part in PARTS:
        members = [value for name, value in model.named_parameters() if part_of(name) == part]
        gradients = [value.grad for value in members if value.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients)) if gradients else None
        if members:
            rows.append({
                "part": part,
                "state": "trainable" if any(value.requires_grad for value in members) else "frozen",
                "parameters": sum(value.numel() for value in members),
                "gradient_norm": norm if record is None else record.get("gradient", {}).get(part),
            })
    return rows


def show_parts(rows: list[dict]) -> str:
    """The table of parts as text.

    >>> print(show_parts(parts_table(model)))
    part            state        parameters  gradient norm
    vision tower    frozen        1,209,344              -
    projector       trainable        24,768          0.731
    language model  frozen        2,693,568              -
    """
    lines = [f"{'part':<14}  {'state':<9}  {'parameters':>13}  {'gradient norm':>13}"]
    for row in rows:
        norm = "-" if row["gradient_norm"] is None else f"{row['gradient_norm']:.3g}"
        lines.append(f"{row['part']:<14}  {row['state']:<9}  {row['parameters']:>13,}  {norm:>13}")
    return "\n".join(lines)
