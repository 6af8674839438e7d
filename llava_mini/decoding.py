"""The engine of generation: prompts in, then one token per row and step, with a key-value cache.

:class:`AnyDecoder` drives whatever causal language model transformers has; :mod:`.fast_llama` does the same
for small Llamas with less overhead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .model import LlavaMini, logits_only_at


@dataclass
class Prompt:
    """One row: its ids, and which of the pictures it shows, in reading order."""

    ids: list[int]
    pictures: tuple[int, ...] = ()  # rows of the features [n, visual_tokens, vision width] that all prompts share


def left_padded(rows: list[list[int]], pad: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    """ids [rows, longest] and which of them are tokens."""
    longest = max(map(len, rows))
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], device=device)  # [rows, longest]
    lengths = torch.tensor([[len(row)] for row in rows], device=device)
    return ids, torch.arange(longest, device=device) >= longest - lengths


class AnyDecoder:
    """Any causal language model, through its own forward and its own cache."""

    def __init__(self, model: LlavaMini):
        self.model, self.language_model = model, model.language_model

    def start(self, prompts: list[Prompt], features: torch.Tensor | None, room: int) -> torch.Tensor:
        """Reads the prompts; ``room`` more tokens can follow. Logits of the next token [rows, vocabulary]."""
        device = self.model.device
        ids, seen = left_padded([prompt.ids for prompt in prompts], self.model.tokenizer.pad_token_id, device)
        pictures = [number for prompt in prompts for number in prompt.pictures]
        embeddings = self.model.merge(ids, features[pictures] if pictures else None)  # [rows, longest, width]
        self.mask = None if seen.all() else F.pad(seen, (0, room), value=True)  # [rows, longest + room]
        self.lengths = seen.sum(1)  # [rows]
        self.used, self.cache = ids.shape[1], None
        rows = torch.arange(len(prompts), device=device)
        with logits_only_at(self.language_model, rows, torch.full_like(rows, self.used - 1)):
            return self._run(embeddings, (seen.cumsum(1) - 1).clamp(min=0))[0]  # [rows, vocabulary]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Appends a token to every row [rows]. Logits of the next [rows, vocabulary]."""
        self.used += 1
        embeddings = self.language_model.get_input_embeddings()(tokens)[:, None]  # [rows, 1, width]
        logits = self._run(embeddings, self.lengths[:, None])[:, -1]
        self.lengths = self.lengths + 1
        return logits

    def keep(self, rows: torch.Tensor) -> None:
        """Drops all other rows."""
        self.cache.batch_select_indices(rows)
        self.lengths = self.lengths[rows]
        self.mask = None if self.mask is None else self.mask[rows]

    def _run(self, embeddings: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        options = {"position_ids": positions} if self.model._takes_positions else {}
        mask = None if self.mask is None else self.mask[:, : self.used]
        output = self.language_model(inputs_embeds=embeddings, attention_mask=mask, past_key_values=self.cache,
                                     use_cache=True, **options)
        self.cache = output.past_key_values
        return output.logits


def shared_beginnings(prompts: list[Prompt], image_id: int, visual_tokens: int) -> tuple[list[Prompt], list[int]]:
    """Beginnings that are worth reading once, and for each prompt the number of its own.

    Two ways are compared by how many tokens are read in all: one beginning that all prompts have in common
    (the system prompt), or one for each picture (several questions about it). ([], [0, ...]) if neither saves.
    """
    def beginning(prompt: Prompt, end: int) -> Prompt:
        """The first ``end`` tokens, fewer where that would cut a picture or leave nothing to read after it."""
        ids = prompt.ids[: min(end, len(prompt.ids) - 1)]
        inside = ids.count(image_id) % visual_tokens
        ids = ids[: len(ids) - inside]
        return Prompt(ids, prompt.pictures[: ids.count(image_id) // visual_tokens])

    def key(prompt: Prompt) -> tuple:
        return tuple(prompt.ids), prompt.pictures

    def cost(shared: list[Prompt]) -> int:
        read_once = {key(part): len(part.ids) for part in shared}
        return sum(read_once.values()) + sum(len(whole.ids) - len(part.ids) for whole, part in zip(prompts, shared))

    common, columns = 0, zip(*(prompt.ids for prompt in prompts))
    for common, column in enumerate(columns):
        if len(set(column)) > 1 or (column[0] == image_id and len({prompt.pictures for prompt in prompts}) > 1):
            break
    by_system = [beginning(prompt, common) for prompt in prompts]
    by_picture = [beginning(prompt, len(prompt.ids) - prompt.ids[::-1].index(image_id) if prompt.pictures else common)
                  for prompt in prompts]
    shared = min(by_system, by_picture, key=cost)
    if cost(shared) == sum(len(prompt.ids) for prompt in prompts) or not all(part.ids for part in shared):
        return [], [0] * len(prompts)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(map(key, shared)))}
    return [Prompt(list(ids), pictures) for ids, pictures in numbers], [numbers[key(part)] for part in shared]
