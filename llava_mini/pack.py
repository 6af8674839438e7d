"""Rows of a batch: one sample each, or several packed into one row without seeing each other.

Samples of one picture begin alike: the system prompt and the visual tokens, which are most of the row.
Packed, they share one copy of that beginning, and each goes on from it as if it were alone::

    separate   <s> img img img img What colour? Red</s>      packed   <s> img img img img | What colour? Red</s> | Is it big? No</s>
               <s> img img img img Is it big? No</s>         part            0                     1                     2
                                                             position  0 1 2 3 4          5 6 7 8                5 6 7 8 9

A token sees the beginning (part 0) and the earlier tokens of its own part; positions start again behind the
beginning. So every token gets what it would get alone, and the loss is the same. Text-only samples are packed
too; they share the system prompt, or nothing (part 0 is empty).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np


@dataclass(slots=True)
class Row:
    """One row of a batch, of t tokens."""

    ids: np.ndarray             # int32 [t]
    supervised: np.ndarray      # bool [t]: a token that the model learns to write
    parts: tuple[int, ...]      # lengths: the common beginning (may be 0), then one for each sample
    pictures: tuple             # keys of the pictures, in the order of their visual tokens
    samples: tuple[int, ...]    # which samples these are

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def packed(self) -> bool:
        return len(self.parts) > 2

    def layout(self) -> tuple[np.ndarray, np.ndarray]:
        """Part number and position of every token, int64 [t] each."""
        parts = np.array(self.parts)
        starts = np.cumsum(parts) - parts                           # where each part begins in the row
        shift = np.where(np.arange(len(parts)) == 0, 0, starts - parts[0])
        part = np.repeat(np.arange(len(parts)), parts)              # [t]
        return part, np.arange(len(self)) - shift[part]             # [t], [t]

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each supervised token is predicted, and the token: int64 [supervised] each.

        A token is predicted by the one before it; the first of a part by the last of the beginning, so
        several samples may have their first target at the same place.
        """
        where = np.flatnonzero(self.supervised)
        first = self.layout()[1][where] == self.parts[0]            # the first token behind the beginning
        return np.where(first, self.parts[0] - 1, where - 1), self.ids[where].astype(np.int64)


def single_row(ids, mask, pictures, sample: int) -> Row:
    """A row of one sample: ``ids`` and ``mask`` as rendered, ``pictures`` the keys of its pictures."""
    supervised = np.asarray(mask, dtype=bool).copy()
    supervised[0] = False                       # nothing stands before the first token to predict it from
    return Row(np.asarray(ids, dtype=np.int32), supervised, (0, len(ids)), tuple(pictures), (sample,))


def pack_rows(rows: list[Row], picture_ends: list[int], max_length: int) -> list[Row]:
    """Packs single rows: those of the same pictures behind one beginning, text-only ones up to a like length.

    ``picture_ends[i]`` is the index behind the last visual token of row i, 0 without a picture. A row is never
    longer than ``max_length``. Samples that cannot share (their pictures come after a supervised token, or
    after other words) keep a row of their own. Every sample is in exactly one row.

    >>> [row.parts for row in pack_rows(rows, ends, 2048)]
    [(70, 12, 15, 9), (70, 20), (31, 17, 14)]
    """
    families, texts = defaultdict(list), []
    for row, end in zip(rows, picture_ends):
        if not row.pictures:
            texts.append(row)
        elif row.supervised[:end].any():        # shared, these would be counted once instead of once a sample
            families[row.samples].append(row)
        else:
            families[row.pictures, row.ids[:end].tobytes()].append(row)
    packed = [row for family in families.values() for row in _share(family, max_length)]
    return packed + _side_by_side(texts, max(map(len, packed), default=0))


def _common(family: list[Row]) -> int:
    """Length of the longest beginning that all rows share, with nothing supervised in it and a token left in each."""
    shortest = min(map(len, family))
    same = np.all([row.ids[:shortest] == family[0].ids[:shortest] for row in family], axis=0)
    same &= ~np.any([row.supervised[:shortest] for row in family], axis=0)
    return shortest - 1 if same.all() else int(same.argmin())


def _share(family: list[Row], max_length: int) -> list[Row]:
    """Rows of one picture behind their common beginning."""
    if len(family) == 1:
        return family
    common = _common(family)
    groups, length = [], max_length
    for row in family:
        if length + len(row) - common > max_length:
            groups.append([])
            length = common
        groups[-1].append(row)
        length += len(row) - common
    return [_join(group, common) for group in groups]


def _side_by_side(texts: list[Row], length: int) -> list[Row]:
    """Text-only rows joined up to the longest row there is anyway, so that packing never makes a batch wider."""
    if not texts:
        return []
    texts = sorted(texts, key=len)              # sorted() keeps the order of equals: the same rows every time
    common, length = _common(texts), max(length, len(texts[-1]))
    groups, short = [], 0                       # texts[:short] are placed
    for long in range(len(texts) - 1, -1, -1):
        if long < short:
            break
        groups.append([texts[long]])
        room = length - len(texts[long])
        while short < long and len(texts[short]) - common <= room:
            groups[-1].append(texts[short])
            room -= len(texts[short]) - common
            short += 1
    return [_join(group, common) for group in groups]


def _join(group: list[Row], common: int) -> Row:
    """Several rows as one; their first ``common`` tokens are kept once."""
    if len(group) == 1:
        return group[0]
    first = group[0]
    return Row(np.concatenate([first.ids[:common], *(row.ids[common:] for row in group)]),
               np.concatenate([first.supervised[:common], *(row.supervised[common:] for row in group)]),
               (common, *(len(row) - common for row in group)), first.pictures,
               tuple(sample for row in group for sample in row.samples))
