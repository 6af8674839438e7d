"""The vision parent: a mini CLIP with an image and a text tower.

    python -m llava_mini.foundations.clip

writes data/pretrained/clip in transformers' format (CLIPModel, tokenizer, preprocessor), with its
curve and the settings that made it. Two contrastive losses train it:

* pictures against captions, as in CLIP: enough to tell the pictures of a batch apart, and blind to
  what a thing is (colour and place already tell them apart);
* patches against words and phrases, as in RegionCLIP: each patch token of the before-last layer, the
  one LLaVA reads, has to find what is true of it ("car", "c", "small red car", "sand") among the words
  and phrases of the batch. What is true of a patch never counts as its negative.

Where a patch lies is asked for like anything else. Patches that are only asked what they show do not
keep their place for the projector to read.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from tqdm.auto import tqdm
from transformers import CLIPConfig, CLIPModel
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from transformers.models.clip import CLIPImageProcessorPil

from ..commands import guarded
from ..storybook.narrate import COLUMNS, captions, word_map
from ..storybook.vocabulary import CATEGORIES, COLOURS, NUMBERS, SIZES
from .album import draw_pictures, to_pixels
from .loop import raise_parent
from .record import check_place, code, parent_folder
from .tokenizer import caption_lines, train_tokenizer


@dataclass(frozen=True)
class Settings:
    """Sizes of the parent and how it is raised."""

    width: int = 128
    layers: int = 6
    heads: int = 4
    text_width: int = 128
    text_layers: int = 2
    embedding: int = 96
    pixels: int = 112
    patch: int = 14
    pictures: int = 40_000
    steps: int = 5200
    batch: int = 32
    phrases: int = 40       # of several words, drawn for each step from those true of its patches; single words are all asked
    name_weight: float = 5.0   # of a phrase that names a thing: colours, sizes and places are learnt without help
    number_weight: float = 8.0  # of the word that says how many of its kind there are, from half of the steps on: names come first
    noise: float = 0.5      # on what the patches say at the last step, as a share of its size: what is to be read has to stand out
    learning_rate: float = 1.5e-3
    faster: float = 4.0     # learning rate of the weight matrices (Muon) over that of the rest (AdamW)
    ground_weight: float = 0.06   # of a patch that shows no thing
    texts: int = 4_000      # scenes whose captions are read to make the tokenizer
    exam: int = 512         # pictures never trained on, on which the curve is measured
    seed: int = 0


class Parent(nn.Module):
    """A CLIPModel and the head with which its patches look for phrases."""

    def __init__(self, s: Settings, tokenizer):
        super().__init__()
        ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
        self.clip = CLIPModel(CLIPConfig(
            projection_dim=s.embedding,
            vision_config={"hidden_size": s.width, "intermediate_size": 4 * s.width, "num_hidden_layers": s.layers, "num_attention_heads": s.heads,
                           "hidden_act": "gelu", "image_size": s.pixels, "patch_size": s.patch, "projection_dim": s.embedding},
            text_config={"hidden_size": s.text_width, "intermediate_size": 4 * s.text_width, "num_hidden_layers": s.text_layers, "num_attention_heads": 4,
                         "hidden_act": "gelu", "vocab_size": len(tokenizer), "max_position_embeddings": 96, "projection_dim": s.embedding, **ids}))
        self.patch_head = nn.Linear(s.width, s.embedding, bias=False)
        self.patch_scale = nn.Parameter(torch.tensor(2.6))


def region_phrases(cell: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The phrases that name a cell of the word map, each a choice of its words: "red car", "sand 7", "c 5"."""
    *words, column, row = cell
    things = [w for w in words if w in CATEGORIES]
    if not things:
        return [(column, row), (words[0], column), (words[0], row)]
    name = things[0]
    colour, size, number = (next(w for w in words if w in some) for some in (COLOURS, SIZES, NUMBERS))
    phrases = [(colour, name), (size, name), (number, name), (size, colour, name), (name, column), (name, row), (column, row)]
    return phrases + [("centre", name)] * ("centre" in words)


def candidates(rng: random.Random, kinds: list[tuple[str, ...]], s: Settings) -> list[tuple[str, ...]]:
    """The phrases among which the patches of a step choose: all single words of its kinds of cell, some longer ones."""
    longer = sorted({p for kind in kinds for p in region_phrases(kind)})
    return sorted({(word,) for kind in kinds for word in kind}) + rng.sample(longer, min(s.phrases, len(longer)))


def all_words_in(phrases: list[tuple[str, ...]], kinds: list[tuple[str, ...]]) -> torch.Tensor:
    """[kinds, phrases] bool: does this kind of cell hold every word of that phrase?

    >>> all_words_in([("red",), ("red", "car")], [("red", "car", "a"), ("red", "bus", "a")]).tolist()
    [[True, True], [True, False]]
    """
    number = {word: i for i, word in enumerate(sorted({w for words in kinds for w in words}))}

    def marks(many):                                                                     # [many, words], 1 where it is said
        rows = torch.tensor([i for i, words in enumerate(many) for _ in words])
        return torch.zeros(len(many), len(number)).index_put_((rows, torch.tensor([number[w] for words in many for w in words])), torch.tensor(1.0))

    asked = marks(phrases)
    return marks(kinds) @ asked.T == asked.sum(1)


def importance(phrase: tuple[str, ...], step: int, s: Settings) -> float:
    """How much a phrase weighs in the loss of a patch of which it is true."""
    if len(phrase) == 1 and phrase[0] in NUMBERS:
        return s.number_weight * min(1.0, 2 * step / s.steps)**2
    return 1.0 if CATEGORIES.keys().isdisjoint(phrase) else s.name_weight


class Words:
    """Tokenises phrases and captions, remembering what it has seen."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.ids = lru_cache(300_000)(lambda words: [tokenizer.bos_token_id, *tokenizer(words, add_special_tokens=False).input_ids[:90], tokenizer.eos_token_id])

    def __call__(self, texts: list[str]) -> dict[str, torch.Tensor]:
        rows = [self.ids(t) for t in texts]
        length = max(map(len, rows))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([r + [pad] * (length - len(r)) for r in rows])              # [texts, length]
        return {"input_ids": ids, "attention_mask": (ids != pad).long()}


def patch_loss(tokens: torch.Tensor, phrases: torch.Tensor, true: torch.Tensor, weight: torch.Tensor, importance: torch.Tensor,
               scale: torch.Tensor) -> torch.Tensor:
    """Patches find their phrases. tokens [p, e], phrases [f, e], true [p, f] bool, weight [p], importance [f] -> scalar.

    For each true phrase: -log(e^s / (e^s + sum over the FALSE phrases)), averaged over a patch's
    true phrases by importance and then over patches by weight.
    """
    s = scale.exp() * F.normalize(tokens, dim=-1) @ F.normalize(phrases, dim=-1).T       # [p, f]
    false = s.masked_fill(true, -1e4).logsumexp(1, keepdim=True)                         # [p, 1]
    share = true * importance                                                            # [p, f]
    per_patch = (F.softplus(false - s) * share).sum(1) / share.sum(1).clamp(min=1e-6)    # [p]
    return (per_patch * weight).sum() / weight.sum()


def make(folder: Path, s: Settings = Settings(), cache: Path = Path("data/cache/foundations")) -> list[dict]:
    """Raises the vision parent into ``folder``; returns its curve. Resumes after a kill.

    Raises InputError when the folder holds something else or cannot be written, and for a training in its
    place that was begun with other settings.
    """
    check_place(folder)
    tokenizer = train_tokenizer(caption_lines(s.texts))
    torch.manual_seed(s.seed)
    parent, words = Parent(s, tokenizer), Words(tokenizer)

    @lru_cache(1)
    def school():                                  # drawn by the first step, not for a finished training
        pictures, known = draw_pictures("parents", s.pictures, s.pixels, cache)
        told = [captions(scene) for scene in tqdm(known, desc="captions", mininterval=5.0)]
        return pictures, told, [word_map(scene, s.pixels // s.patch) for scene in known], draw_pictures("parents_test", s.exam, s.pixels, cache)

    def read(texts):
        return parent.clip.text_projection(parent.clip.text_model(**words(texts)).pooler_output)

    def towers(pixels, texts, noise=None, share=0.0):
        seen = parent.clip.vision_model(pixel_values=pixels, output_hidden_states=True)
        pooled = parent.clip.visual_projection(seen.pooler_output)                       # [n, e]
        tokens = seen.hidden_states[-2][:, 1:]                                           # [n, tokens, width]
        if noise is not None:
            size = tokens.detach().square().mean(-1, keepdim=True).sqrt()
            tokens = tokens + share * size * torch.randn(tokens.shape, generator=noise)
        return pooled, parent.patch_head(tokens), read(texts)                            # [n, e], [n, tokens, e], [texts, e]

    def loss_of(step: int) -> dict[str, torch.Tensor]:
        pictures, told, maps, _ = school()
        rng = random.Random(f"clip/{s.seed}/{step}")
        chosen = sorted(rng.sample(range(s.pictures), s.batch))
        noise = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        pixels = to_pixels(pictures[chosen])
        pixels = pixels * (0.85 + 0.3 * torch.rand(s.batch, 1, 1, 1, generator=noise)) + 0.2 * torch.randn(s.batch, 1, 1, 1, generator=noise)
        cells = [cell for i in chosen for cell in maps[i]]
        kinds = sorted(set(cells))
        phrases = candidates(rng, kinds, s)
        pooled, tokens, caption = towers(pixels, [rng.choice(told[i]) for i in chosen], noise, s.noise * step / s.steps)
        phrase = read([" ".join(p) for p in phrases])                                    # [phrases, e]
        match = parent.clip.logit_scale.exp().clamp(max=100) * F.normalize(pooled, dim=-1) @ F.normalize(caption, dim=-1).T   # [n, n]
        same = torch.arange(s.batch)
        number = {kind: k for k, kind in enumerate(kinds)}
        true = all_words_in(phrases, kinds)[torch.tensor([number[cell] for cell in cells])]   # [patches, phrases]
        weight = torch.tensor([1.0 if len(cell) > 4 else s.ground_weight for cell in cells])
        importances = torch.tensor([importance(p, step, s) for p in phrases])
        return {"contrastive": 0.5 * (F.cross_entropy(match, same) + F.cross_entropy(match.T, same)) * 0.5,
                "patches": patch_loss(tokens.flatten(0, 1), phrase, true, weight, importances, parent.patch_scale)}

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        exam_pictures, exam_scenes = school()[-1]
        right = {"category": 0, "colour": 0, "size": 0, "number": 0, "column": 0, "batch": 0}
        things = 0
        for start in range(0, len(exam_scenes), 64):
            batch = exam_scenes[start:start + 64]
            pooled, tokens, told_ = towers(to_pixels(exam_pictures[start:start + 64]), [captions(scene)[0] for scene in batch])
            right["batch"] += ((F.normalize(pooled, dim=-1) @ F.normalize(told_, dim=-1).T).argmax(1) == torch.arange(len(batch))).sum().item()
            for name, options in (("category", list(CATEGORIES)), ("colour", list(COLOURS)), ("size", list(SIZES)), ("number", NUMBERS[1:]), ("column", list(COLUMNS))):
                phrase = read(options)
                best = (F.normalize(tokens, dim=-1) @ F.normalize(phrase, dim=-1).T).argmax(-1)       # [n, tokens]
                for n, scene in enumerate(batch):
                    for i, cell in enumerate(word_map(scene, s.pixels // s.patch)):
                        if "centre" in cell:
                            things += name == "category"
                            right[name] += options[best[n, i]] in cell
        return {f"{k}_right": v / (len(exam_scenes) if k == "batch" else things) for k, v in right.items()}

    curve, threads = raise_parent(parent, loss_of, steps=s.steps, learning_rate=s.learning_rate, faster=s.faster,
                                  folder=folder.with_name("." + folder.name), recipe=asdict(s) | {"code": code()}, evaluate=evaluate)
    with parent_folder(folder, asdict(s), curve, threads * curve[-1]["seconds"]) as beside:
        parent.clip.half().save_pretrained(beside)        # half the size on disk; loaded as float32
        tokenizer.save_pretrained(beside)
        square = {"height": s.pixels, "width": s.pixels}
        CLIPImageProcessorPil(size={"shortest_edge": s.pixels}, crop_size=square, image_mean=OPENAI_CLIP_MEAN,
                              image_std=OPENAI_CLIP_STD, resample=Image.BICUBIC).save_pretrained(beside)
    return curve


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("data/pretrained/clip"))
    parser.add_argument("--steps", type=int, default=Settings.steps)
    args = parser.parse_args()
    return guarded(lambda: make(args.folder, Settings(steps=args.steps)))


if __name__ == "__main__":
    sys.exit(main())
