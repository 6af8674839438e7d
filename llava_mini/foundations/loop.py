"""The one loop that raises both parents: Muon and AdamW, cosine schedule, curve, resume after a kill.

A step's batch follows from its number alone, so a run that was killed goes on as if nothing had
happened (:mod:`.state`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from ..errors import InputError
from .muon import Muon
from .state import load_state, save_state


def raise_parent(modules: nn.Module, loss_of: Callable[[int], dict[str, torch.Tensor]], *, steps: int, learning_rate: float,
                 folder: Path, recipe: dict | None = None, warmup: float = 0.02, weight_decay: float = 0.05, faster: float = 1.0,
                 save_every: int = 200, evaluate: Callable[[], dict[str, float]] | None = None,
                 evaluate_every: int = 300) -> tuple[list[dict], int]:
    """Trains ``modules`` for ``steps`` steps; returns the curve, one row per logged step, and the threads it ran on.

    ``loss_of(step)`` gives the losses by name, each a scalar; their sum is minimised. The state is
    kept in ``folder/state.safetensors``; call again with the same arguments to go on after an interruption,
    or to have a finished training's weights again. Raises InputError for a state of another ``recipe``
    (the settings and code that decide on every step), for one that cannot be read or written, and for a
    loss that is not finite.
    """
    parameters = list(modules.parameters())
    optimizers = optimizers_of(modules, weight_decay)
    curve, start, threads = load_state(folder, modules, optimizers, steps, recipe or {})
    bar = tqdm(range(start, steps), initial=start, total=steps, desc=folder.name, mininterval=5.0)
    sums: dict[str, float] = {}
    clock = time.perf_counter()
    spent = curve[-1]["seconds"] if curve else 0.0
    for step in bar:
        for optimizer, factor in zip(optimizers, (faster, 1.0)):
            for group in optimizer.param_groups:
                group["lr"] = factor * learning_rate * _schedule(step, steps, warmup)
        losses = loss_of(step)
        total = sum(losses.values())
        if not torch.isfinite(total):
            raise InputError(f"The loss of step {step} in {folder} is {total.item()}; lower the learning rate, delete that "
                             "folder and start again.")
        modules.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item()
        last = step + 1 == steps
        keep = (step + 1) % save_every == 0 or last
        if (step + 1) % 20 == 0 or keep:
            since = step + 1 - (curve[-1]["step"] if curve else 0)
            row = {"step": step + 1, **{k: round(v / since, 4) for k, v in sums.items()}}
            sums = {}
            if evaluate and ((step + 1) % evaluate_every == 0 or last):
                modules.eval()
                row |= {k: round(v, 4) for k, v in evaluate().items()}
                modules.train()
            row["seconds"] = round(spent + time.perf_counter() - clock, 1)
            curve.append(row)
            bar.set_postfix({k: v for k, v in row.items() if k not in ("step", "seconds")})
        if keep:
            save_state(folder, modules, optimizers, step + 1, curve, threads, recipe or {})
    return curve, threads


def optimizers_of(modules: nn.Module, weight_decay: float) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the weight matrices of linear layers, AdamW for embeddings, heads, convolutions and vectors."""
    inside = [m.weight for name, m in modules.named_modules() if isinstance(m, nn.Linear) and ".layers." in f".{name}."]
    ids = set(map(id, inside))
    rest = [p for p in modules.parameters() if id(p) not in ids]
    return (Muon([{"params": inside}], weight_decay=weight_decay),      # a group, for it may be empty
            torch.optim.AdamW([{"params": [p for p in rest if p.ndim > 1], "weight_decay": weight_decay},
                               {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0}], betas=(0.9, 0.98)))


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up, then half a cosine down to 2%."""
    rise = max(1, int(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
