"""From rows to batches: which rows make a step, and the tensors of a micro-batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .pack import Row

_WINDOW = 32        # batches within which rows are sorted by length


def epoch_plan(lengths, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The row numbers of every step of one epoch.

    Follows from the arguments alone, so every process, and a resumed run, has the same plan. Rows of similar
    length come together, which saves padding: the rows are shuffled, sorted within windows of 32 batches, cut,
    and the batches shuffled. Every row comes exactly once; no batch is larger than ``batch_size``, and their
    sizes differ by one at most (a last batch of two rows would be a step of noise).

    >>> epoch_plan([9, 5, 7, 5, 8], batch_size=2, seed=0, epoch=0)
    [array([0]), array([3, 1]), array([2, 4])]
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    lengths, window = np.asarray(lengths), batch_size * _WINDOW
    pieces = [order[start: start + window] for start in range(0, len(order), window)]
    order = np.concatenate([piece[np.argsort(lengths[piece], kind="stable")] for piece in pieces])
    batches = np.array_split(order, steps_per_epoch(len(order), batch_size))
    return [batches[number] for number in random.permutation(len(batches))]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Optimizer steps in one pass over the rows."""
    return -(-rows // batch_size)


@dataclass
class Batch:
    """The tensors of b rows, padded on the right to t tokens; ``inputs`` are the model's arguments."""

    inputs: dict
    tokens: int         # without padding

    def to(self, device) -> Batch:
        def move(value):
            if isinstance(value, tuple):
                return tuple(map(move, value))
            return None if value is None else value.to(device, non_blocking=True)
        return Batch({name: move(value) for name, value in self.inputs.items()}, self.tokens)


def collate(rows: list[Row], gather, padding: int, learn: bool = True) -> Batch:
    """The model's arguments for some rows.

    ``gather(keys)`` gives Z_v [n, tokens, width] of pictures, ``padding`` is the id to fill up with. With
    ``learn=False`` nothing is supervised. Padding stands on the right, where a causal model never looks
    from a real token, so a mask is needed for packed rows only.
    """
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), padding, dtype=np.int64)                    # [b, t]
    targets = []
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row.ids
        where, tokens = row.targets() if learn else (np.zeros(0, np.int64),) * 2
        targets.append((np.full(len(where), number), where, tokens))
    keys = [key for row in rows for key in row.pictures]
    inputs = {
        "ids": torch.from_numpy(ids),
        "features": gather(keys) if keys else None,                                 # [n, tokens, width]
        "targets": tuple(torch.from_numpy(np.concatenate(column)) for column in zip(*targets)),  # 3 x [supervised]
    }
    if any(row.packed for row in rows):
        part = np.full((len(rows), longest), -1)                                    # [b, t], -1 is padding
        position = np.zeros((len(rows), longest), dtype=np.int64)                   # [b, t]
        for number, row in enumerate(rows):
            part[number, : len(row)], position[number, : len(row)] = row.layout()
        inputs["attention_mask"] = document_mask(torch.from_numpy(part))            # [b, 1, t, t]
        inputs["position_ids"] = torch.from_numpy(position)
    return Batch(inputs, sum(map(len, rows)))


def document_mask(part: torch.Tensor) -> torch.Tensor:
    """Part numbers [b, t] to the boolean mask [b, 1, t, t]: true where a token (third axis) may look (fourth).

    >>> document_mask(torch.tensor([[0, 1, 1, 2]]))[0, 0].int()
    tensor([[1, 0, 0, 0],
            [1, 1, 0, 0],
            [1, 1, 1, 0],
            [1, 0, 0, 1]], dtype=torch.int32)
    """
    tokens = part.shape[1]
    looking, seen = part[:, :, None], part[:, None, :]                              # [b, t, 1], [b, 1, t]
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=part.device).tril()  # [t, t]
    return (causal & ((seen == looking) | (seen == 0)))[:, None]                    # [b, 1, t, t]
