"""The language parent: a mini Vicuna of the Llama architecture, raised on words alone.

    python -m llava_mini.foundations.vicuna --size large

writes data/pretrained/vicuna-large in transformers' format, with its tokenizer, its curve and the
settings that made it. ``large`` and ``small`` stand for the paper's 13B and 7B.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ..commands import guarded
from ..conversation import render
from . import diet
from .diet import Text, primer, text
from .loop import raise_parent
from .record import check_place, code, numbers, parent_folder
from .tokenizer import diet_lines, train_tokenizer

CELL_SCALE = 0.5      # a cell is the sum of its words' embeddings times this
WORD_DROPOUT = 0.08   # share of a map's words that go missing, so that vague visual tokens can be read later
POOL = 6              # steps whose texts are drawn together and sorted by length
CELL_NOISE = 0.3      # noise on a cell, in standard deviations of the embedding table


@dataclass(frozen=True)
class Size:
    """Sizes of a parent and how it is raised."""

    width: int
    layers: int
    heads: int
    mlp: int                # width inside the feed-forward layers
    steps: int
    batch: int = 16
    primer: int = 240       # first steps, on maps and tables alone
    learning_rate: float = 2e-3
    rope_theta: float = 500_000.0   # long waves: heads of 32 find words by what they are, wherever they stand
    faster: float = 3.0     # learning rate of the weight matrices (Muon) over that of the rest (AdamW)
    texts: int = 20_000     # of the diet, read to make the tokenizer
    exam: int = 128         # texts never trained on, whose losses the curve tells
    seed: int = 0


SIZES = {"large": Size(192, 4, 6, 512, 2700), "small": Size(128, 3, 4, 352, 1600, learning_rate=3e-3)}


@dataclass
class Batch:
    """Texts in rows. A row is an opening and its tails; a tail sees the opening and itself."""

    ids: torch.Tensor          # [rows, length]
    positions: torch.Tensor    # [rows, length] int, restarting after the opening for each tail
    mask: torch.Tensor         # [rows, 1, length, length] bool, True = may look
    words: torch.Tensor        # [cells, words] ids of the map cells' words, -1 where there is none
    cells: torch.Tensor        # [cells] flat index row * length + column of each cell
    sources: torch.Tensor      # [n] flat index of the position that predicts ...
    targets: torch.Tensor      # [n] ... this id


class Reader:
    """Turns texts of the diet into batches in the package's own chat formats."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.tokenizer = tokenizer
        self.pieces = lru_cache(200_000)(lambda words: tuple(tokenizer(words, add_special_tokens=False).input_ids))

    def row(self, one: Text) -> tuple[list[int], list[list[int]], list[list[bool]]]:
        """Opening ids, then for each tail its ids and which of them are supervised."""
        if one.kind == "map":
            rendered = [self._render("", beginning + rest, "plain", len(one.cells), given=beginning) for beginning, rest in one.tails]
        else:
            opening = one.opening + "\n" if one.opening else ""
            rendered = [self._render(opening + question, answer, "v1", 0) for question, answer in one.tails]
        common = min(_common_prefix([ids for ids, _ in rendered]), *(mask.index(True) for _, mask in rendered))
        return rendered[0][0][:common], [ids[common:] for ids, _ in rendered], [mask[common:] for _, mask in rendered]

    def _render(self, user: str, answer: str, template: str, visual_tokens: int, given: str = ""):
        messages = [{"role": "user", "content": "<image>" if visual_tokens else user}, {"role": "assistant", "content": answer}]
        made = render(messages, template, tokenizer=self.tokenizer, visual_tokens=visual_tokens)
        first, given_tokens = made.mask.index(True), len(self.pieces(given))
        return made.ids, [learnt and i >= first + given_tokens for i, learnt in enumerate(made.mask)]

    def batch(self, texts: list[Text]) -> Batch:
        rows = [self.row(one) for one in texts]
        length = max(len(opening) + sum(map(len, tails)) for opening, tails, _ in rows)
        ids = torch.full((len(rows), length), self.tokenizer.pad_token_id)
        positions = torch.zeros(len(rows), length, dtype=torch.long)
        part = torch.full((len(rows), length), -1)      # 0: the opening, 1, 2, ...: a tail, -1: padding
        sources, targets, cells, words = [], [], [], []
        image = self.tokenizer.convert_tokens_to_ids("<image>")
        for r, (opening, tails, masks) in enumerate(rows):
            at = len(opening)
            ids[r, :at] = torch.tensor(opening)
            positions[r, :at] = torch.arange(at)
            part[r, :at] = 0
            for number, (tail, mask) in enumerate(zip(tails, masks), 1):
                ids[r, at:at + len(tail)] = torch.tensor(tail)
                positions[r, at:at + len(tail)] = torch.arange(len(tail)) + len(opening)
                part[r, at:at + len(tail)] = number
                for i, supervised in enumerate(mask):
                    if supervised:                      # a tail's first token is predicted by the opening's last
                        sources.append(r * length + (at + i - 1 if i else len(opening) - 1))
                        targets.append(tail[i])
                at += len(tail)
            if texts[r].cells:
                first = opening.index(image)
                cells += range(r * length + first, r * length + first + len(texts[r].cells))
                words += [[w for word in cell for w in self.pieces(word if word.isdigit() else " " + word)] for cell in texts[r].cells]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        same = (part[:, :, None] == part[:, None, :]) | (part[:, None, :] == 0)
        mask = (same & causal)[:, None]                                              # [rows, 1, length, length]
        most = max((len(w) for w in words), default=1)
        table = torch.tensor([w + [-1] * (most - len(w)) for w in words]).reshape(-1, most)
        return Batch(ids, positions, mask, table, torch.tensor(cells, dtype=torch.long), torch.tensor(sources), torch.tensor(targets))


def _common_prefix(sequences: list[list[int]]) -> int:
    """How many tokens all of them begin with."""
    same = (len(set(column)) == 1 for column in zip(*sequences))
    return next((i for i, equal in enumerate(same) if not equal), min(map(len, sequences)))


def next_word_losses(model: LlamaForCausalLM, batch: Batch, noise: torch.Generator | None = None) -> torch.Tensor:
    """Cross-entropy of every supervised token, [n]. ``noise`` roughens the maps' cells."""
    return F.cross_entropy(next_word_logits(model, batch, noise), batch.targets, reduction="none")


def next_word_logits(model: LlamaForCausalLM, batch: Batch, noise: torch.Generator | None = None) -> torch.Tensor:
    """Logits of every supervised token, [n, vocabulary]."""
    table = model.get_input_embeddings().weight
    x = F.embedding(batch.ids, table)                                                # [rows, length, width]
    if len(batch.cells):
        known = (batch.words >= 0).float()                                           # [cells, words]
        if noise is not None:
            known = known * (torch.rand(known.shape, generator=noise) > WORD_DROPOUT) * (0.5 + 0.7 * torch.rand(known.shape, generator=noise))
        cells = CELL_SCALE * (F.embedding(batch.words.clamp(min=0), table) * known[..., None]).sum(1)   # [cells, width]
        if noise is not None:
            cells = cells + CELL_NOISE * table.detach().std() * torch.randn(cells.shape, generator=noise)
        x = x.flatten(0, 1).index_copy(0, batch.cells, cells).view_as(x)
    hidden = model.model(inputs_embeds=x, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False).last_hidden_state
    return model.lm_head(hidden.flatten(0, 1)[batch.sources])                        # [n, vocabulary]


def _length(one: Text) -> int:
    return len(one.opening) + 4 * len(one.cells) + sum(len(q) + len(a) for q, a in one.tails)


def settings_of(s: Size) -> dict:
    """Everything that decides what a parent of that size becomes, but for the code: kept in its curve.json."""
    here = sys.modules[__name__]
    return asdict(s) | {"reader": numbers(here), "diet": numbers(diet)}


def make(folder: Path, s: Size) -> list[dict]:
    """Raises the parent of that size into ``folder``; returns its curve. Resumes after a kill.

    Raises InputError when the folder holds something else or cannot be written, and for a training in its
    place that was begun with other settings.
    """
    check_place(folder)
    tokenizer = train_tokenizer(diet_lines(s.texts))
    torch.manual_seed(s.seed)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=s.width, intermediate_size=s.mlp, num_hidden_layers=s.layers, num_attention_heads=s.heads,
        num_key_value_heads=s.heads, max_position_embeddings=2048, rope_parameters={"rope_type": "default", "rope_theta": s.rope_theta}, initializer_range=s.width**-0.5, tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, attn_implementation="sdpa"))
    reader = Reader(tokenizer)
    held_out = [text(random.Random(f"held-out/{i}")) for i in range(s.exam)]
    exams = {kind: reader.batch([t for t in held_out if t.kind == kind]) for kind in ("map", "chat", "knowledge")}
    facts = reader.batch([replace(t, tails=tuple(tail for tail in t.tails if tail[0])) for t in held_out if t.kind == "map"])

    @lru_cache(1)
    def pool(number: int) -> list[list[Text]]:
        """The texts of POOL steps, dealt out so that a batch holds texts of like length."""
        page = primer if number < s.primer // POOL else text
        texts = sorted((page(random.Random(f"diet/{s.seed}/{number}/{i}")) for i in range(s.batch * POOL)), key=_length)
        batches = [texts[i:i + s.batch] for i in range(0, len(texts), s.batch)]
        random.Random(f"pool/{s.seed}/{number}").shuffle(batches)
        return batches

    def loss_of(step: int) -> dict[str, torch.Tensor]:
        texts = pool(step // POOL)[step % POOL]
        noise = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        return {"loss": next_word_losses(model, reader.batch(texts), noise).mean()}

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        return {f"{kind}_nats": next_word_losses(model, exam).mean().item() for kind, exam in exams.items()} | {
            "chat_right": answers_right(model, exams["chat"]), "facts_right": answers_right(model, facts)}

    settings = settings_of(s)
    curve, threads = raise_parent(model, loss_of, steps=s.steps, learning_rate=s.learning_rate, faster=s.faster,
                                  folder=folder.parent / ("." + folder.name), recipe=settings | {"code": code()}, evaluate=evaluate)
    with parent_folder(folder, settings, curve, threads * curve[-1]["seconds"]) as beside:
        model.half().save_pretrained(beside)              # half the size on disk; loaded as float32
        tokenizer.save_pretrained(beside)
    return curve


def answers_right(model: LlamaForCausalLM, batch: Batch) -> float:
    """Share of answers in which every token is the most likely one, given those before it."""
    with torch.no_grad():
        right = next_word_logits(model, batch).argmax(-1) == batch.targets           # [n]
    starts = torch.cat([torch.tensor([True]), batch.sources[1:] != batch.sources[:-1] + 1])
    answer = starts.long().cumsum(0) - 1                                             # which answer a token belongs to
    wrong = torch.zeros(int(answer.max()) + 1).index_add(0, answer, (~right).float())
    return (wrong == 0).float().mean().item()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=sorted(SIZES), default="large")
    parser.add_argument("--folder", type=Path, default=None, help="default: data/pretrained/vicuna-SIZE")
    parser.add_argument("--steps", type=int, default=None)
    args = parser.parse_args()
    size = SIZES[args.size]
    return guarded(lambda: make(args.folder or Path("data/pretrained") / f"vicuna-{args.size}", replace(size, steps=args.steps or size.steps)))


if __name__ == "__main__":
    sys.exit(main())
