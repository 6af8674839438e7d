"""The folder of one training: settings, history, and the states from which it can go on.

::

    run.json                what is trained, with what settings, on which samples
    history.jsonl           one line a step
    state-00000150/         the last two states, each complete
        weights.safetensors     trained weights only
        moments.safetensors     AdamW's two moments and step counts
        state.json              the step, and whether it was the last

A state is written under a temporary name, forced to the disk and renamed, so a folder called state-...
is whole whenever the process, or the machine, dies. Random numbers need no file: they follow from the
seed and the step. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .errors import InputError
from .files import make_folder, to_disk, write_safely
from .history import History

KEEP = 2                                        # states
_HOW = " (in the main job: give another --name, or delete this one)"
_FREE = ("save_every", "validate_every")        # settings that change nothing in the result


def precision_of(folder: Path) -> str | None:
    """"fp32" or "bf16", in which the training in a folder was done ("auto" takes what is faster there); None where there is no training."""
    path = Path(folder) / "run.json"
    return json.loads(path.read_text(encoding="utf-8"))["precision"] if path.exists() else None


class RunFolder:
    """The folder of one training. ``about`` describes the training; see ``check``."""

    def __init__(self, folder, about: dict):
        self.folder, self.about = Path(folder), about

    def check(self, same_model: bool) -> bool:
        """Whether a training was begun here. Raises InputError that names what differs, if it was another one.

        ``same_model``: the model in memory is the one this folder was training (it has learnt since, so it
        need not be as it was at the start).
        """
        path = self.folder / "run.json"
        if not path.exists():
            if self.folder.is_dir() and self.states():
                raise InputError(f"{self.folder} holds states of a training but no run.json; restore it or choose another folder.")
            return False
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            for name, value in found["settings"].items():
                wanted = self.about["settings"].get(name)
                if name not in _FREE and value != wanted:
                    raise InputError(f"The training in {self.folder} was begun with {name} = {value!r}, not {wanted!r}; "
                                     f"go on with its settings or choose another folder{_HOW}.")
            for name, value in found["inputs"].items():
                if value != self.about["inputs"].get(name) and not (name == "model" and same_model):
                    raise InputError(f"The training in {self.folder} was begun with {_INPUTS[name]}; "
                                     f"go on with the same or choose another folder{_HOW}.")
            self.about["precision"] = found["precision"]        # "auto" is decided once
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path} is not that of a training ({error}); restore it or choose another folder.") from None
        return True

    def begin(self) -> None:
        """Makes the folder ready to train in: writes run.json, removes what a killed process left half done.

        Raises InputError where the folder cannot be written to.
        """
        make_folder(self.folder)
        for left in self.folder.glob(".*.tmp"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)         # what cannot be removed is in nobody's way
            else:
                with suppress(OSError):
                    left.unlink()
        write_safely(self.folder / "run.json", (json.dumps(self.about, indent=2) + "\n").encode())

    def states(self) -> list[Path]:
        """The complete states, oldest first."""
        return sorted(path for path in self.folder.glob("state-*") if re.fullmatch(r"state-\d{8}", path.name))

    def finished(self) -> bool:
        """Whether the newest state is the end of the training."""
        return bool(self.states()) and _read(self.states()[-1])["finished"]

    def history(self) -> History:
        """The records in history.jsonl."""
        return History.read(self.folder / "history.jsonl")

    def save(self, step: int, trained: dict[str, torch.nn.Parameter], optimizer, finished: bool = False) -> None:
        """Writes the state after ``step`` and removes all but the newest two. Raises InputError when the disk is full."""
        final = self.folder / f"state-{step:08d}"
        if final.exists():
            return
        temporary = self.folder / f".state-{step:08d}.tmp"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            save_file({name: value.detach().contiguous() for name, value in trained.items()}, temporary / "weights.safetensors")
            moments = {f"{key}/{name}": value.contiguous() for name, parameter in trained.items()
                       for key, value in optimizer.state.get(parameter, {}).items()}
            save_file(moments, temporary / "moments.safetensors")
            (temporary / "state.json").write_text(json.dumps({"step": step, "finished": finished}) + "\n")
            for path in (*temporary.iterdir(), temporary, self.folder / "history.jsonl"):
                to_disk(path)
            os.rename(temporary, final)
            to_disk(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise InputError(f"{final} cannot be written ({error}); make room on the disk and start again, the training goes "
                             "on from the state before.") from error
        for old in self.states()[:-KEEP]:
            gone = old.with_name(f".{old.name}.tmp")            # so that a half removed state is not taken for one
            with suppress(OSError):                             # on Windows, open in another program: it goes next time
                os.rename(old, gone)
                shutil.rmtree(gone)

    def load(self, trained: dict[str, torch.nn.Parameter], optimizer=None) -> int:
        """Puts the newest state into the parameters and, if given, the optimizer, in place; returns its step."""
        state = self.states()[-1]
        try:
            weights, moments = load_file(state / "weights.safetensors"), load_file(state / "moments.safetensors")
        except (OSError, SafetensorError) as error:
            raise InputError(f"{state} is damaged ({error}); remove it, and the training goes on from the state before.") from None
        if weights.keys() != trained.keys() or any(weights[name].shape != trained[name].shape for name in weights):
            raise InputError(f"{state} holds other weights than this stage trains; choose another folder.")
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.copy_(weights[name])
        if optimizer is not None:
            _load_moments(optimizer, trained, moments)
        return _read(state)["step"]


_INPUTS = {
    "samples": "other samples", "pictures": "other pictures (a file has changed)",
    "tokenizer": "another tokenizer", "vision": "another vision tower, or other picture settings",
    "model": "a model of other weights",
}


def _read(state: Path) -> dict:
    """What state.json says. Raises InputError if it is damaged."""
    try:
        return json.loads((state / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{state} is damaged ({error}); remove it, and the training goes on from the state before.") from None


def _load_moments(optimizer, trained, moments) -> None:
    """AdamW's state by parameter name, through load_state_dict, which knows the device each value belongs on."""
    names = {id(parameter): name for name, parameter in trained.items()}
    content, number = optimizer.state_dict(), 0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            mine = {key: moments[f"{key}/{names[id(parameter)]}"] for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"{key}/{names[id(parameter)]}" in moments}
            if mine:
                content["state"][number] = mine
            number += 1
    optimizer.load_state_dict(content)
