"""LoRA: small trained matrices beside the frozen language model, by peft.

Adapters go to every Linear of the language model except its output layer, never to the vision tower
(the authors' choice); the projector is trained in full beside them.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn

from .errors import InputError


def has_lora(model) -> bool:
    """Whether the language model carries adapters."""
    return hasattr(model.language_model, "peft_config")


def lora_targets(language_model: nn.Module) -> str:
    """A regular expression that matches the names of all its Linears except the output layer."""
    from transformers.pytorch_utils import Conv1D  # GPT-2's way of writing a Linear

    head, names = language_model.get_output_embeddings(), set()
    for name, module in language_model.named_modules():
        if module is head:
            head_name = name
        elif isinstance(module, (nn.Linear, Conv1D)):
            names.add(name.rsplit(".", 1)[-1])
    return rf"(?!{re.escape(head_name)}$)(.*\.)?({'|'.join(map(re.escape, sorted(names)))})"


def add_lora(model, rank: int = 64, alpha: int = 16, dropout: float = 0.05, seed: int = 0):
    """Gives the language model adapters, in place, and returns the model.

    Trainable afterwards: the adapters and the projector. The first answer is that of the model without
    adapters, because their second matrix starts at zero. Raises InputError if it has adapters already.
    """
    from peft import LoraConfig

    return _wrap(model, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, task_type="CAUSAL_LM",
                                   target_modules=lora_targets(model.language_model)), seed)


def _wrap(model, config, seed: int = 0):
    from peft import get_peft_model

    if has_lora(model):
        raise InputError("The language model has LoRA adapters already; merge them before adding others.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.language_model = get_peft_model(model.language_model, config)
    model.projector.requires_grad_(True)
    return model


def merge_lora(model):
    """Adds the adapters to the weights they sit beside, in place, and returns the model: the same logits, no adapters."""
    if not has_lora(model):
        raise InputError("The language model has no LoRA adapters to merge; add or load them first.")
    model.language_model = model.language_model.merge_and_unload(safe_merge=True)
    return model


def save_adapter(model, folder: Path) -> None:
    """Writes adapter_config.json and adapter_model.safetensors as peft does, without the base model's path."""
    import copy

    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir()
    config = copy.copy(model.language_model.peft_config["default"])
    config.base_model_name_or_path, config.inference_mode = None, True
    config.save_pretrained(str(folder))
    weights = get_peft_model_state_dict(model.language_model, save_embedding_layers=False)
    save_file({name: value.contiguous().cpu() for name, value in weights.items()},
              folder / "adapter_model.safetensors", {"format": "pt"})


def load_adapter(model, folder: Path):
    """Adds the adapters of such a folder, strictly: the same keys and sizes, or InputError."""
    from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        config = LoraConfig.from_pretrained(str(folder))
        weights = load_file(folder / "adapter_model.safetensors")
    except Exception as error:  # JSON, safetensors, a missing file: each with its own exception
        raise InputError(f"{folder} holds no readable LoRA adapter ({str(error).splitlines()[0]}); copy it again.") from None
    config.inference_mode = False  # else peft freezes the adapters and they could not be trained further
    _wrap(model, config)
    own = get_peft_model_state_dict(model.language_model, save_embedding_layers=False)
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or extra:
        raise InputError(f"{folder} does not fit this language model (missing: {', '.join(missing[:3]) or 'none'}; "
                         f"left over: {', '.join(extra[:3]) or 'none'}); use the parents it was trained on.")
    for name, value in own.items():
        if value.shape != weights[name].shape:
            raise InputError(f"{folder}, {name} has the size {list(weights[name].shape)}, this language model needs "
                             f"{list(value.shape)}; use the parents it was trained on.")
    set_peft_model_state_dict(model.language_model, weights)
    return model
