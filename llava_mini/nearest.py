"""Reading a visual token: the words whose embeddings point in the same direction.

H_v stands where the language model keeps its words (paper, equation 1), so a visual token can be compared with each of them.
Nothing in the two trainings asks for such a nearness. Where it is there, it says something; where it is not, nothing.

>>> nearest_words(model.projector(model.encode([picture]))[0], words_of(model))[27]
[Near('umbrella', 0.34), Near('purple', 0.31)]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn.functional import normalize

from .errors import InputError

SHORTEST = 3        # letters; shorter pieces are mostly the beginnings of many words
SPACES = "▁Ġ"       # how tokenizers write the space before a word


class Near(NamedTuple):
    """A word, and the cosine of the angle between its embedding and a visual token: 1 is the same direction."""

    word: str
    cosine: float


@dataclass(frozen=True)
class Words:
    """The tokens of a vocabulary that are words or begin one."""

    names: list[str]
    directions: torch.Tensor    # [words, language width], each of length 1


@torch.no_grad()
def words_of(model, shortest: int = SHORTEST) -> Words:
    """The words that a model's visual tokens are held against: tokens of letters alone that follow a space.

    Each stage has its own, for stage 2 moves the embeddings too. Raises InputError for a vocabulary without any.
    """
    table = model.language_model.get_input_embeddings().weight      # [vocabulary, language width]
    names = model.tokenizer.convert_ids_to_tokens(range(len(model.tokenizer)))
    kept = [number for number, name in enumerate(names)
            if name and name[0] in SPACES and len(name) > shortest and name[1:].isalpha()]
    if not kept:
        raise InputError("No token of this vocabulary is a word after a space; its visual tokens cannot be read as words.")
    return Words([names[number][1:] for number in kept], normalize(table[kept].detach().float(), dim=-1))


@torch.no_grad()
def nearest_words(h_v: torch.Tensor, words: Words, n: int = 2) -> list[list[Near]]:
    """For each of the visual tokens [visual tokens, language width] the ``n`` nearest words, the nearest first."""
    closeness = normalize(h_v.float(), dim=-1) @ words.directions.T                     # [visual tokens, words]
    best = closeness.topk(min(n, len(words.names)))
    return [[Near(words.names[number], near) for number, near in zip(*row)] for row in zip(best.indices.tolist(), best.values.tolist())]


def read_patches(model, features: torch.Tensor, n: int = 2) -> list[list[list[Near]]]:
    """The ``n`` nearest words of every visual token of every picture, from Z_v [pictures, visual tokens, vision width]."""
    words = words_of(model)
    with torch.no_grad():
        h_v = model.projector(features.to(next(model.projector.parameters()).dtype))    # [pictures, visual tokens, language width]
    return [nearest_words(tokens, words, n) for tokens in h_v]
