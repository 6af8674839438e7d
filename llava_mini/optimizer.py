"""AdamW, its learning rates, and the number format of a step."""

from __future__ import annotations

import math
import time
from collections import defaultdict

import torch
from torch.nn import functional as F

from .errors import InputError
from .parts import part_of
from .profiles import Stage

ATTEMPTS = 20           # at timing a number format; other work on the machine disturbs several in a row

def build_optimizer(trained: dict[str, torch.nn.Parameter], stage: Stage) -> torch.optim.AdamW:
    """AdamW over the trained parameters, in groups made by name.

    The projector may have a rate of its own; weight decay, if any, acts on matrices and not on biases and
    norms. Each group knows its ``name`` and its ``peak``, the rate that the schedule scales.
    """
    groups = defaultdict(list)
    for name, parameter in trained.items():
        groups[part_of(name), parameter.ndim > 1].append(parameter)
    settings = []
    for (part, matrices), parameters in groups.items():
        own = stage.projector_learning_rate if part == "projector" else None
        peak = stage.learning_rate if own is None else own
        settings.append({"params": parameters, "name": part, "peak": peak, "lr": peak,
                         "weight_decay": stage.weight_decay if matrices else 0.0})
    return torch.optim.AdamW(settings, fused=True)      # one pass over memory, the fastest on CPU and GPU alike


def set_rate(optimizer, step: int, steps: int, warmup: float) -> dict[str, float]:
    """Sets every group's rate for ``step`` (from 0) of ``steps``; returns the rates by part."""
    share = rate(step, steps, warmup)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at ``step``: a straight rise over ``warmup`` of the steps, then half a cosine towards 0.

    No step is wasted at a rate of exactly 0: the rise begins above it, and the cosine would reach it one step
    after the last.

    >>> [round(rate(step, 6, 0.34), 2) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 0.75, 0.25]
    """
    rise = math.ceil(steps * warmup) if warmup else 0
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def choose_precision(wanted: str, model, device: torch.device) -> str:
    """"fp32" or "bf16" (autocast; the weights themselves stay as they are).

    "auto" times both on a matrix product of the language model's width and takes the faster: on many CPUs
    bfloat16 is far slower, on recent ones and on most GPUs faster. Takes a moment at most. A model with frozen
    weights in half precision needs "bf16", which "auto" takes and "fp32" refuses.
    """
    if wanted not in ("auto", "fp32", "bf16"):
        raise InputError(f"There is no precision {wanted!r}; choose auto, fp32 or bf16.")
    if any(value.dtype != torch.float32 for value in model.language_model.parameters()):
        if wanted == "fp32":
            raise InputError("The language model is loaded in half precision, so its steps cannot be fp32; load it with "
                             "dtype=torch.float32 or choose the precision bf16.")
        return "bf16"
    if wanted != "auto":
        return wanted
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp32"
    width = model.language_model.get_input_embeddings().weight.shape[1]
    tokens = torch.ones(256 if device.type == "cpu" else 8192, width, device=device)       # [tokens, width]
    weight = torch.ones(width, width, device=device)
    seconds: dict[str, float] = {}
    for attempt in range(ATTEMPTS):                     # by turns: what else the machine does hits both
        for precision in ("fp32", "bf16"):
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                begin = time.perf_counter()
                float(F.linear(tokens, weight).sum())   # reading the number waits for the device
                taken = time.perf_counter() - begin
            if attempt:                                 # the first one pays for the start-up
                seconds[precision] = min(taken, seconds.get(precision, taken))
    return min(seconds, key=seconds.get)
