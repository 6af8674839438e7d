"""The two models that are joined: reading them strictly, and knowing them again later.

A checkpoint may refer to its parents instead of copying them. It then keeps a :class:`Parent`: where the
folder is and a fingerprint of its files, so that other weights under the same name are noticed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from .errors import InputError
from .writer import IMAGE

# what decides how a parent behaves, but not the curves or notes beside it
_FILES = {
    "vision": ("config.json", "preprocessor_config.json"),
    "language": ("config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"),
}


@dataclass
class Parent:
    """One parent as it was when the model was joined."""

    role: str    # "vision" or "language"
    name: str    # folder, or a name on the hub
    probe: str   # of the weights in memory, see probe()

    def __post_init__(self):
        if Path(self.name).is_dir():
            self.name = str(Path(self.name).resolve())  # the caller may change folder later

    @property
    def folder(self) -> Path:
        """Where its files are on this machine. Raises InputError if they have gone."""
        from transformers.utils import cached_file

        try:
            if Path(self.name).is_dir():
                return Path(self.name)
            return Path(cached_file(self.name, "config.json", local_files_only=True)).parent
        except OSError:
            raise InputError(f"The {self.role} parent {self.name} is missing; put it back, or name where it is now.") from None

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over names and contents of the files that make the model."""
        folder, digest = self.folder, hashlib.sha256()
        weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
        for path in [*(folder / name for name in _FILES[self.role]), *weights]:
            if path.is_file():
                digest.update(f"{path.name}\0".encode())
                if path.suffix == ".json":  # git may give text other line ends on Windows
                    digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
                    continue
                with path.open("rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()


@torch.no_grad()
def probe(module: nn.Module) -> str:
    """sha256 over up to 64 evenly spaced numbers of every parameter: cheap, and any training changes it.

    LoRA adapters are not looked at: with them, it is the probe of the model below.
    """
    digest = hashlib.sha256()
    for name, value in module.named_parameters():
        if "lora_" in name:
            continue
        name = name.removeprefix("base_model.model.").replace(".base_layer", "")
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


def load_language(folder: str | Path, dtype: torch.dtype, extra: bool = True) -> tuple[nn.Module, object]:
    """A causal language model and its tokenizer, from a folder or hub name; see load_strictly."""
    from transformers import AutoModelForCausalLM

    language_model = load_strictly(AutoModelForCausalLM, folder, dtype, extra)
    try:
        return language_model, _load_tokenizer(folder)
    except Exception as error:  # a broken tokenizer file raises whatever its reader raises
        raise InputError(f"{folder} has no readable tokenizer ({str(error).strip().splitlines()[0]}); "
                         "save the tokenizer beside its model.") from None


def _load_tokenizer(folder: str | Path):
    """The tokenizer exactly as tokenizer.json has it, where the folder says so.

    AutoTokenizer takes the class that is usual for the model: for a Qwen2 with a tokenizer of another make it
    would build a Qwen2Tokenizer around its vocabulary and give other ids.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.utils import cached_file

    path = cached_file(str(folder), "tokenizer_config.json", _raise_exceptions_for_missing_entries=False)
    declared = json.loads(Path(path).read_text(encoding="utf-8")).get("tokenizer_class") if path else None
    as_it_is = declared in ("PreTrainedTokenizerFast", "TokenizersBackend")  # the name before and since transformers 5
    return (PreTrainedTokenizerFast if as_it_is else AutoTokenizer).from_pretrained(str(folder))


@torch.no_grad()
def complete_vocabulary(language_model: nn.Module, tokenizer) -> None:
    """Adds <image> and a padding token where they are missing; new embedding rows are the mean of the old ones."""
    from transformers import AddedToken

    if IMAGE not in tokenizer.get_vocab():
        tokenizer.add_tokens([AddedToken(IMAGE, special=True, normalized=False)], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": "<pad>"})
    before = language_model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= before:  # some models keep spare rows
        return
    language_model.resize_token_embeddings(len(tokenizer), mean_resizing=False)  # mean_resizing draws at random
    for layer in (language_model.get_input_embeddings(), language_model.get_output_embeddings()):
        for value in layer.parameters():
            value[before:] = value[:before].mean(0)
