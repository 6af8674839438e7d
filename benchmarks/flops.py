"""How many floating-point operations a training needs, by formula.

Only matrix products are counted, a product [a, b] x [b, c] as 2abc. Forward, for t tokens of which s are
supervised, with q the width of all heads together:

===================  ======================================================================
linears of a layer   2 t (sum of inputs x outputs: q, k, v, o, gate, up, down)
attention            4 q pairs; a pair is a token and one that it may look at, so the masked half is not counted
output layer         2 width vocabulary s; where nothing is supervised no logits are needed
projector            2 (inputs x outputs) for each visual token
LoRA                 2 t rank (inputs + outputs) for each linear
vision tower         as the language model, to the layer that is used; all its tokens see each other
===================  ======================================================================

Backward, a linear costs one forward for the gradient of its input and, if it learns, one for that of its
weights; attention costs two. The tower has no backward, the first linear of the projector only that of its
weights. Padding, logits at places that nothing is learnt at, work done twice, embeddings, norms and the
optimizer are not counted: what is counted has to be done, the rest is a matter of the implementation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The sizes of a LLaVA."""

    layer: tuple[tuple[int, int], ...]      # inputs and outputs of the linears of a layer of the language model
    layers: int
    heads: int                              # width of all heads together
    head: int                               # width x vocabulary of the output layer
    projector: tuple[int, ...]              # inputs x outputs of its linears
    picture: int                            # operations of the vision tower for one picture


@dataclass(frozen=True)
class Work:
    """What a training goes through."""

    tokens: int             # without padding
    pairs: int              # see above
    supervised: int
    visual: int             # visual tokens that pass the projector
    pictures: int           # pictures that pass the vision tower


def sizes(vision, text, projector: str, layer: int = -2) -> Sizes:
    """From the configs of the vision tower and of a Llama; ``layer`` is the hidden state that is used."""
    width, mlp = text.hidden_size, text.intermediate_size
    head = getattr(text, "head_dim", None) or width // text.num_attention_heads
    query, key = head * text.num_attention_heads, head * text.num_key_value_heads
    linears = ((width, query), (width, key), (width, key), (query, width), (width, mlp), (width, mlp), (mlp, width))
    patches, seen = (vision.image_size // vision.patch_size) ** 2, vision.hidden_size
    depth = layer % (vision.num_hidden_layers + 1)
    inside = 2 * (patches + 1) * (4 * seen ** 2 + 2 * seen * vision.intermediate_size) + 4 * seen * (patches + 1) ** 2
    picture = 2 * patches * 3 * vision.patch_size ** 2 * seen + depth * inside
    bridge = (seen * width,) if projector == "linear" else (seen * width, width * width)
    return Sizes(linears, text.num_hidden_layers, query, width * text.vocab_size, bridge, picture)


def pairs(parts: Iterable[int]) -> int:
    """Pairs of tokens in a row of a common beginning and the parts behind it, which do not see each other.

    >>> pairs([0, 4])               # one sample of four tokens
    10
    >>> pairs([3, 1, 1])            # two samples of four tokens that share three
    14
    """
    common, *tails = parts
    return common * (common + 1) // 2 + sum(tail * common + tail * (tail + 1) // 2 for tail in tails)


def training_flops(sizes: Sizes, train: str, work: Work, rank: int = 0) -> int:
    """Operations of forward and backward; ``train`` is "projector", "full" or "lora" (of that ``rank``)."""
    learns = 1 if train == "full" else 0
    body = 2 * work.tokens * sizes.layers * sum(inputs * outputs for inputs, outputs in sizes.layer)
    head = 2 * work.supervised * sizes.head
    attention = 4 * sizes.heads * sizes.layers * work.pairs
    bridge = 2 * work.visual * sum(sizes.projector)
    behind = 2 * work.visual * sum(sizes.projector[1:])         # linears of the projector whose input has a gradient
    total = (2 + learns) * (body + head) + 3 * attention + 2 * bridge + behind + work.pictures * sizes.picture
    if train == "lora":
        total += 3 * 2 * work.tokens * sizes.layers * rank * sum(inputs + outputs for inputs, outputs in sizes.layer)
    return total
