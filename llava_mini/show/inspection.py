"""What the visual-token inspector shows, before anything is drawn: words of each patch, attention of each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import InputError
from .patches import visible

LEAST = 1e-6            # what a patch is taken to get at least from the generic question, where one divides by it
ALL = -1                # as a layer or a head: the mean over all


@dataclass
class Inspection:
    """A picture of ``side`` x ``side`` patches, counted row by row from 0. Raises InputError where parts do not fit together."""

    picture: Image.Image
    side: int
    readings: Mapping[str, Sequence[Sequence[tuple[str, float]]]]   # stage -> for each patch its nearest words with their cosines
    tokens: Sequence[str]           # of the question, then of the answer; may be empty
    first: int                      # tokens[first:] are the answer's
    weights: np.ndarray             # [tokens, layers, heads, patches]: how much each token attends to each patch
    generic: np.ndarray | None      # [layers, heads, patches]: the same for a generic question, to divide by
    alt: str                        # the picture in words

    def __post_init__(self):
        patches = self.side ** 2
        for name, reading in self.readings.items():
            if len(reading) != patches:
                raise InputError(f"The reading {name!r} is of {len(reading)} patches, the picture has {self.side} x {self.side}; read all of them.")
        self.weights = np.asarray(self.weights, dtype=float)
        if len(self.tokens) and (self.weights.ndim != 4 or (self.weights.shape[0], self.weights.shape[3]) != (len(self.tokens), patches)):
            raise InputError(f"Attention comes as [tokens, layers, heads, patches], here [{len(self.tokens)}, ..., {patches}], "
                             f"not {list(self.weights.shape)}; give Look.patches with Look.tokens.")
        if self.generic is not None:
            self.generic = np.asarray(self.generic, dtype=float)
            if self.generic.shape != self.weights.shape[1:]:
                raise InputError(f"The generic question's attention has to be {list(self.weights.shape[1:])}, not {list(self.generic.shape)}; "
                                 "give attention.over_question of the same model.")

    @property
    def layers(self) -> int:
        return self.weights.shape[1] if len(self.tokens) else 0

    @property
    def heads(self) -> int:
        return self.weights.shape[2] if len(self.tokens) else 0

    def heat(self, token: int, layer: int = ALL, head: int = ALL, relative: bool = False) -> np.ndarray:
        """[patches]: attention of a token, or with ``relative`` how many times that of the generic question."""
        values = _mean(self.weights[token], layer, head)
        return values / np.maximum(_mean(self.generic, layer, head), LEAST) if relative and self.generic is not None else values

    def told(self, token: int, layer: int = ALL, head: int = ALL, relative: bool = False) -> str:
        """The map in one or two sentences."""
        values, name = self.heat(token, layer, head, relative), visible(self.tokens[token])
        doing = f"Choosing “{name}” in the answer" if token >= self.first else f"Reading “{name}” in the question"
        where = f"{'all layers' if layer < 0 else f'layer {layer + 1}'}, {'all heads' if head < 0 else f'head {head + 1}'}"
        peak = int(values.argmax())
        if relative and self.generic is not None:
            return (f"{doing} ({where}), against a generic question. Brightest: {self.place(peak)} with {values[peak]:.1f} times as much attention.")
        return (f"{doing} ({where}): {values.sum():.0%} of the attention goes to the picture. Brightest: {self.place(peak)} "
                f"with {values[peak]:.1%}.")

    def place(self, patch: int) -> str:
        """A patch as a reader counts."""
        return f"row {patch // self.side + 1}, column {patch % self.side + 1}"


def _mean(weights: np.ndarray, layer: int, head: int) -> np.ndarray:
    """[layers, heads, patches] to [patches]: one layer and head, or the mean over those that are ALL."""
    weights = weights.mean(0) if layer < 0 else weights[layer]
    return weights.mean(0) if head < 0 else weights[head]
