"""The bridge W: visual tokens Z_v to the language model's word space, H_v = W Z_v (paper, equation 1).

``linear`` is the paper's single matrix with a bias; ``mlp2x_gelu`` is LLaVA-1.5's Linear, GELU, Linear.
The GELU is the exact one: the tanh approximation moves the logits by 1e-3.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from .errors import InputError

PROJECTORS = ("linear", "mlp2x_gelu")


def build_projector(kind: str, vision_width: int, language_width: int, scale: float = 1.0) -> nn.Module:
    """A fresh projector, [..., vision_width] to [..., language_width].

    Its keys are those of the authors' stage-1 files: ``weight, bias`` or ``0.weight, 0.bias, 2.weight, 2.bias``.
    ``scale`` multiplies the usual initial weights of the last layer: visual tokens many times longer than words
    drown what the layers of the language model add to them.
    Raises InputError for a kind that is not in PROJECTORS.
    """
    if kind == "linear":
        return _scaled(nn.Linear(vision_width, language_width), scale)
    if kind == "mlp2x_gelu":
        return nn.Sequential(nn.Linear(vision_width, language_width), nn.GELU(), _scaled(nn.Linear(language_width, language_width), scale))
    raise InputError(f"There is no projector {kind!r}; choose one of {', '.join(PROJECTORS)}.")


def _scaled(layer: nn.Linear, scale: float) -> nn.Linear:
    with torch.no_grad():
        for values in layer.parameters():
            values.mul_(scale)
    return layer


def load_projector(projector: nn.Module, weights: dict[str, torch.Tensor], source: str | Path) -> None:
    """Puts weights into a projector in place, strictly: the same keys, the same sizes, or InputError."""
    own = projector.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or extra:
        raise InputError(f"{source} does not fit this projector (missing {', '.join(missing) or 'nothing'}, "
                         f"left over {', '.join(extra) or 'nothing'}); choose the projector kind it was made with.")
    for key, value in own.items():
        if value.shape != weights[key].shape:
            raise InputError(f"{source}, {key} has the size {list(weights[key].shape)}, this projector needs "
                             f"{list(value.shape)}; use the parents it was made for.")
    projector.load_state_dict(weights)


def load_authors_projector(path: str | Path) -> nn.Module:
    """A projector from a stage-1 file of the authors (``mm_projector.bin``) or a safetensors file of the same keys.

    The kind and both widths are read off the keys ``model.mm_projector.weight`` or ``model.mm_projector.0.weight``.
    Raises InputError for any other file.
    """
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise InputError(f"The projector file {path} is missing; check the name.")
    try:
        weights = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds; all mean that the file cannot be read
        raise InputError(f"{path} is no projector file ({str(error).splitlines()[0]}); download it again.") from None
    mark = "mm_projector."
    weights = {key.split(mark, 1)[1]: value.float() for key, value in weights.items() if mark in key}
    first = "weight" if "weight" in weights else "0.weight"
    if first not in weights:
        raise InputError(f"{path} holds no model.mm_projector weights; it is not a stage-1 projector file.")
    language_width, vision_width = weights[first].shape
    projector = build_projector("linear" if first == "weight" else "mlp2x_gelu", vision_width, language_width)
    load_projector(projector, weights, path)
    return projector
