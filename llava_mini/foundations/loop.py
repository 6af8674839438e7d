"""The one loop that raises both parents: Muon and AdamW, cosine schedule, curve, resume after a kill.

A step's batch follows from its number alone, so a run that was killed goes on as if nothing had
happened.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm.auto import tqdm

from .muon import Muon


def raise_parent(modules: nn.Module, loss_of: Callable[[int], dict[str, torch.Tensor]], *, steps: int, learning_rate: float,
                 folder: Path, warmup: float = 0.02, weight_decay: float = 0.05, faster: float = 1.0, save_every: int = 200,
                 evaluate: Callable[[], dict[str, float]] | None = None, evaluate_every: int = 300) -> list[dict]:
    """Trains ``modules`` for ``steps`` steps; returns the curve, one row per logged step.

    ``loss_of(step)`` gives the losses by name, each a scalar; their sum is minimised. The state is
    kept in ``folder/state.safetensors``; call again with the same arguments to go on after an interruption.
    """
    parameters = list(modules.parameters())
    optimizers = optimizers_of(modules, weight_decay)
    curve, start = _resume(folder, modules, optimizers)
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
            raise FloatingPointError(f"{folder.name}: the loss of step {step} is {total.item()}; lower the learning rate and run again.")
        modules.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item()
        last = step + 1 == steps
        if (step + 1) % 20 == 0 or last:
            row = {"step": step + 1, **{k: round(v / (20 if not last else (step % 20) + 1), 4) for k, v in sums.items()}}
            sums = {}
            if evaluate and ((step + 1) % evaluate_every == 0 or last):
                modules.eval()
                row |= {k: round(v, 4) for k, v in evaluate().items()}
                modules.train()
            row["seconds"] = round(spent + time.perf_counter() - clock, 1)
            curve.append(row)
            bar.set_postfix({k: v for k, v in row.items() if k not in ("step", "seconds")})
        if (step + 1) % save_every == 0 or last:
            _save(folder, modules, optimizers, curve, step + 1)
    return curve


def optimizers_of(modules: nn.Module, weight_decay: float) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the weight matrices of linear layers, AdamW for embeddings, heads, convolutions and vectors."""
    inside = [m.weight for name, m in modules.named_modules() if isinstance(m, nn.Linear) and ".layers." in f".{name}."]
    ids = set(map(id, inside))
    rest = [p for p in modules.parameters() if id(p) not in ids]
    return (Muon(inside, weight_decay=weight_decay),
            torch.optim.AdamW([{"params": [p for p in rest if p.ndim > 1], "weight_decay": weight_decay},
                               {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0}], betas=(0.9, 0.98)))


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up, then half a cosine down to 2%."""
    rise = max(1, int(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _save(folder: Path, modules: nn.Module, optimizers, curve: list[dict], step: int) -> None:
    state = {f"weights.{k}": v.detach().contiguous() for k, v in modules.named_parameters()}   # each tied weight once
    for optimizer in optimizers:
        for i, values in optimizer.state_dict()["state"].items():
            state |= {f"{type(optimizer).__name__}.{i}.{k}": v.clone() for k, v in values.items()}
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "state.unfinished"
    save_file(state, unfinished, metadata={"step": str(step), "curve": json.dumps(curve)})
    os.replace(unfinished, folder / "state.safetensors")


def _resume(folder: Path, modules: nn.Module, optimizers) -> tuple[list[dict], int]:
    path = folder / "state.safetensors"
    if not path.exists():
        return [], 0
    with safe_open(path, "pt") as file:
        meta = file.metadata()
    state = load_file(path)
    with torch.no_grad():
        for name, parameter in modules.named_parameters():
            parameter.copy_(state[f"weights.{name}"])
    for optimizer in optimizers:
        kept: dict[int, dict] = {}
        for key, v in state.items():
            if key.startswith(type(optimizer).__name__ + "."):
                _, i, name = key.split(".", 2)
                kept.setdefault(int(i), {})[name] = v
        optimizer.load_state_dict({"state": kept, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads(meta["curve"]), int(meta["step"])
