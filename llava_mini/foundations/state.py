"""The state of a parent in training: weights, optimizers, curve, and what makes it what it is."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import InputError
from ..files import to_disk


def save_state(folder: Path, modules: nn.Module, optimizers, step: int, curve: list[dict], threads: int, recipe: dict) -> None:
    """Writes ``folder/state.safetensors`` whole or not at all. Raises InputError when it cannot be written."""
    state = {f"weights.{k}": v.detach().contiguous() for k, v in modules.named_parameters()}   # each tied weight once
    for optimizer in optimizers:
        for i, values in optimizer.state_dict()["state"].items():
            state |= {f"{type(optimizer).__name__}.{i}.{k}": v.clone() for k, v in values.items()}
    about = {"step": step, "curve": curve, "threads": threads, "recipe": recipe}
    unfinished = folder / "state.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(state, unfinished, metadata={key: json.dumps(value) for key, value in about.items()})
        to_disk(unfinished)
        os.replace(unfinished, folder / "state.safetensors")
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"The state of step {step} could not be written to {folder} ({error}); free some disk space and "
                         "start again, it goes on from the state before.") from error


def load_state(folder: Path, modules: nn.Module, optimizers, steps: int, recipe: dict) -> tuple[list[dict], int, int]:
    """Puts a state back, if there is one; gives the curve so far, the steps done, and the most threads used.

    Raises InputError when the state is of another recipe or of more steps, or cannot be read. A state
    written before recipes were noted is taken as it is, with a warning.
    """
    path, threads = folder / "state.safetensors", torch.get_num_threads()
    if not path.exists():
        return [], 0, threads
    anew = f"delete {folder} to start anew"
    try:
        with safe_open(path, "pt") as file:
            about = {key: json.loads(value) for key, value in file.metadata().items()}
        curve, step, state = about["curve"], about["step"], load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no state of a training that can be read ({error}); {anew}.") from error
    if "recipe" in about:
        _check_recipe(path, about["recipe"], json.loads(json.dumps(recipe)), anew)
    else:
        warnings.warn(f"{path} does not say with which settings and code it was begun; if either has changed since, {anew}.", stacklevel=2)
    if step > steps:
        raise InputError(f"{path} has {step} steps and {steps} were asked for; {anew}, or ask for {step}.")
    try:
        _restore(state, modules, optimizers)
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path} is of a model of other sizes ({str(error).splitlines()[0]}); {anew}.") from error
    return curve, step, max(threads, about.get("threads", 0)) if step < steps else about.get("threads", threads)


def _check_recipe(path: Path, noted: dict, wanted: dict, anew: str) -> None:
    changed = [f"{key} was {noted.get(key)!r} and is {wanted.get(key)!r}"
               for key in sorted(noted.keys() | wanted.keys()) if noted.get(key) != wanted.get(key)]
    if changed:
        raise InputError(f"{path} was begun with other settings or other code ({', '.join(changed)}); {anew}, or go back to those.")


def _restore(state: dict[str, torch.Tensor], modules: nn.Module, optimizers) -> None:
    with torch.no_grad():
        for name, parameter in modules.named_parameters():
            value = state[f"weights.{name}"]
            if value.shape != parameter.shape:
                raise RuntimeError(f"{name} is {list(value.shape)} there and {list(parameter.shape)} here")
            parameter.copy_(value)
    for optimizer in optimizers:
        kept: dict[int, dict] = {}
        for key, v in state.items():
            if key.startswith(type(optimizer).__name__ + "."):
                _, i, name = key.split(".", 2)
                kept.setdefault(int(i), {})[name] = v
        optimizer.load_state_dict({"state": kept, "param_groups": optimizer.state_dict()["param_groups"]})
