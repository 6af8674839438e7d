"""The two models that are joined: reading them strictly, and knowing them again later.

A checkpoint may refer to its parents instead of copying them. It then keeps a :class:`Parent`: where the
folder is and a fingerprint of its files, so that other weights under the same name are noticed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .errors import InputError

# what decides how a parent behaves: settings, weights and tokenizer, but not curves or notes beside them
_FILES = ("config.json", "*.safetensors", "*.bin", "tokenizer*", "preprocessor_config.json")


@dataclass
class Parent:
    """One parent as it was when the model was joined."""

    name: str               # folder, or a name on the hub
    revision: str | None    # the hub's commit; None for a folder
    probe: str              # of the weights in memory, see probe()

    @property
    def fingerprint(self) -> str:
        """The hub's commit, or the sha256 over the folder's files."""
        return self.revision or folder_fingerprint(self.name)


def folder_fingerprint(folder: str | Path) -> str:
    """sha256 over names and contents of the files that make the model."""
    folder, digest = Path(folder), hashlib.sha256()
    if not folder.is_dir():
        raise InputError(f"The parent folder {folder} is missing; put it back, or name where it is now.")
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern) if path.is_file()}):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@torch.no_grad()
def probe(module: nn.Module) -> str:
    """sha256 over up to 64 evenly spaced numbers of every parameter: cheap, and any training changes it."""
    digest = hashlib.sha256()
    for name, value in module.named_parameters():
        flat = value.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 64)].to(device="cpu", dtype=torch.float32)
        digest.update(name.encode() + sample.numpy().tobytes())
    return digest.hexdigest()


def load_strictly(kind: type, folder: str | Path, dtype: torch.dtype, extra: bool = True, **options) -> nn.Module:
    """``kind.from_pretrained(folder)``, but a missing weight or a wrong size is an InputError.

    ``extra=False`` refuses left-over weights too. transformers itself only prints a warning and fills
    missing weights with random numbers.
    """
    try:
        model, report = kind.from_pretrained(str(folder), dtype=dtype, output_loading_info=True, **options)
    except Exception as error:  # safetensors, JSON, sizes, a missing file: each with its own exception
        raise InputError(f"{folder} cannot be loaded as {kind.__name__} ({str(error).strip().splitlines()[0]}); "
                         "the folder is incomplete or of another kind, copy it again.") from error
    missing, left = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing or report["mismatched_keys"] or (left and not extra):
        raise InputError(f"{folder} does not hold the weights its config.json describes (missing: "
                         f"{', '.join(missing[:3]) or 'none'}; left over: {', '.join(left[:3]) or 'none'}); copy it again.")
    return model
