"""What can be read from the vision tower's patch tokens, layer by layer.

    python -m llava_mini.foundations.probes

LLaVA's projector is linear and its language model is small, so it matters whether category, colour,
place and how many there are of a kind can be read, and where a patch lies, not only whether pictures find their captions.
Two probes look at the tokens of pictures that neither they nor the tower were trained on:

* linear: one linear layer on the token at a thing's centre (place: on the mean of all tokens);
* attentive: the same after one attention over all tokens, its query the centre token (place: a
  learned query).

Column and row of a thing's centre patch are read by the linear probe alone: a token that knows where it
lies is what "Which is further left?" needs. "unseen category" and "unseen colour" are read by probes that learn from
LLaVA's training pictures and are asked about things of the colour-category pairs that these never show: how far can
LLaVA's own data teach to read them? Writes data/results/probes.json, one row per layer, question
and probe, and prints the table (compare the paper's Table 8, first row).
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPVisionModel

from ..commands import guarded
from ..errors import InputError
from ..evaluation import results
from ..evaluation.intervals import wilson
from ..files import make_folder, write_safely
from ..parents import Parent
from ..storybook.phrases import centre, how_many
from ..storybook.vocabulary import CATEGORIES, COLOURS, NUMBERS, PLACES, UNSEEN_PAIRS
from .album import draw_pictures, to_pixels

BOTH, ALONE = ("linear", "attentive"), ("linear",)
UNSEEN = {"unseen category": "category", "unseen colour": "colour"}
ASKED = {"category": BOTH, "colour": BOTH, "number": BOTH, "place": BOTH, "column": ALONE, "row": ALONE,      # by which probes
         **dict.fromkeys(UNSEEN, ALONE)}


def classes(grid: int) -> dict[str, list]:
    """What each question can be answered with, on a page of grid x grid patches."""
    return {"category": list(CATEGORIES), "colour": list(COLOURS), "number": list(range(1, len(NUMBERS))), "place": list(PLACES),
            "column": list(range(grid)), "row": list(range(grid))}


class Linear(nn.Module):
    def __init__(self, width: int, classes: int):
        super().__init__()
        self.read = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor, at: torch.Tensor | None) -> torch.Tensor:
        """tokens [n, t, w], at [n] index of the centre token or None for the whole picture -> [n, classes]"""
        return self.read(tokens.mean(1) if at is None else tokens[torch.arange(len(at)), at])


class Attentive(nn.Module):
    def __init__(self, width: int, classes: int, size: int = 32):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(width, size), nn.Linear(width, size), nn.Linear(width, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.read = nn.Linear(2 * width, classes)

    def forward(self, tokens: torch.Tensor, at: torch.Tensor | None) -> torch.Tensor:
        asker = self.start.expand(len(tokens), -1) if at is None else tokens[torch.arange(len(at)), at]              # [n, w]
        shares = torch.softmax((self.query(asker)[:, None] @ self.key(tokens).transpose(1, 2)) / self.query.out_features**0.5, -1)  # [n, 1, t]
        return self.read(torch.cat([asker, (shares @ self.value(tokens))[:, 0]], -1))


PROBES = {"linear": Linear, "attentive": Attentive}


def targets(scenes, grid: int, pairs: frozenset | None = None) -> dict[str, tuple[list[int], list[int] | None, list[int]]]:
    """For each question: picture numbers, centre tokens (None for place), classes. ``pairs``: only about things of these."""
    options = classes(grid)
    rows: dict[str, tuple] = {question: ([], None if question == "place" else [], []) for question in options}
    for n, scene in enumerate(scenes):
        rows["place"][0].append(n)
        rows["place"][2].append(options["place"].index(scene.place))
        counts = how_many(scene)
        for thing in scene.things:
            if thing.character or (pairs is not None and (thing.colour, thing.category) not in pairs):
                continue
            x, y = centre(thing)
            column, row = int(x * grid), int(y * grid)
            for question, answer in (("category", thing.category), ("colour", thing.colour), ("number", counts[thing.category]),
                                     ("column", column), ("row", row)):
                rows[question][0].append(n)
                rows[question][1].append(row * grid + column)
                rows[question][2].append(options[question].index(answer))
    return rows


@torch.no_grad()
def layers(tower: CLIPVisionModel, pictures) -> list[torch.Tensor]:
    """The patch tokens of every layer, [pictures, tokens, width] each; the first is the embedding."""
    out: list[list[torch.Tensor]] = []
    for start in range(0, len(pictures), 64):
        hidden = tower(pixel_values=to_pixels(pictures[start:start + 64]), output_hidden_states=True).hidden_states
        out.append([h[:, 1:] for h in hidden])
    return [torch.cat(parts) for parts in zip(*out)]


def fit(probe: nn.Module, tokens, rows, steps: int = 250, seed: int = 0) -> nn.Module:
    numbers, at, classes = (None if r is None else torch.tensor(r) for r in rows)
    batch = 512
    if isinstance(probe, Attentive):
        batch = 128                                      # each asks all tokens of its picture
    elif at is None:
        tokens = tokens.mean(1, keepdim=True)            # [pictures, 1, w]: all that a linear probe reads
    else:
        tokens, numbers, at = tokens[numbers, at][:, None], torch.arange(len(at)), torch.zeros_like(at)   # [rows, 1, w]
    optimizer = torch.optim.AdamW(probe.parameters(), lr=3e-3, weight_decay=1e-3)
    lots = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        some = torch.randint(len(numbers), (batch,), generator=lots)
        loss = F.cross_entropy(probe(tokens[numbers[some]], None if at is None else at[some]), classes[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return probe


@torch.no_grad()
def score(probe: nn.Module, tokens, rows) -> tuple[int, int]:
    numbers, at, classes = (None if r is None else torch.tensor(r) for r in rows)
    right = sum(int((probe(tokens[n], None if a is None else a).argmax(-1) == c).sum()) for n, a, c in zip(
        numbers.split(512), at.split(512) if at is not None else [None] * len(numbers.split(512)), classes.split(512)))
    return right, len(numbers)


def probe_table(folder: Path, learn: int = 1500, test: int = 500, steps: int = 250,
                cache: Path = Path("data/cache/foundations")) -> list[dict]:
    """One row per layer, question and probe: share right on new pictures, with its Wilson interval."""
    tower = CLIPVisionModel.from_pretrained(folder, dtype=torch.float32).eval()
    pixels, grid = tower.config.image_size, tower.config.image_size // tower.config.patch_size
    options = classes(grid)

    def seen(split: str, n: int, pairs: frozenset | None = None):
        pictures, scenes = draw_pictures(split, n, pixels, cache)
        return layers(tower, pictures), targets(scenes, grid, pairs)

    tokens, of_all = seen("parents_test", learn + test)
    learned, asked = (_part(of_all, 0, learn), _part(of_all, learn, learn + test))
    material = {question: ([t[:learn] for t in tokens], learned[question], [t[learn:] for t in tokens], asked[question]) for question in options}
    (shown, taught), (held_out, held) = seen("train", learn), seen("unseen_pairs", test, UNSEEN_PAIRS)
    material |= {name: (shown, taught[question], held_out, held[question]) for name, question in UNSEEN.items()}
    rows = []
    for layer in range(len(tokens)):
        for question, names in ASKED.items():
            learn_from, its_rows, ask_about, rows_asked = material[question]
            mean, spread = learn_from[layer].mean((0, 1)), learn_from[layer].std((0, 1))        # probes learn faster on features of equal size
            for name in names:
                torch.manual_seed(0)
                probe = PROBES[name](len(mean), len(options[UNSEEN.get(question, question)]))
                fit(probe, (learn_from[layer] - mean) / spread, its_rows, steps)
                right, n = score(probe, (ask_about[layer] - mean) / spread, rows_asked)
                low, high = wilson(right, n)
                rows.append({"layer": layer, "question": question, "probe": name, "right": right, "n": n,
                             "accuracy": round(right / n, 4), "low": round(low, 4), "high": round(high, 4)})
    return rows


def _part(of_all: dict, start: int, end: int) -> dict:
    """The targets of pictures ``start`` to ``end - 1``, numbered from 0."""
    parts = {}
    for question, (numbers, at, right) in of_all.items():
        mine = [i for i, number in enumerate(numbers) if start <= number < end]
        parts[question] = [numbers[i] - start for i in mine], None if at is None else [at[i] for i in mine], [right[i] for i in mine]
    return parts


def as_table(rows: list[dict]) -> str:
    """The table in Markdown, one line per layer, the one that LLaVA reads in bold."""
    columns = [(question, probe) for question, probes in ASKED.items() for probe in probes]
    lines = ["| layer | " + " | ".join(f"{question}, {probe}" for question, probe in columns) + " |", "|---" * (1 + len(columns)) + "|"]
    last = max(r["layer"] for r in rows)
    for layer in range(last + 1):
        found = {(r["question"], r["probe"]): f"{100 * r['accuracy']:.1f}" for r in rows if r["layer"] == layer}
        cells = [str(layer), *(found[column] for column in columns)]
        lines.append("| " + " | ".join(f"**{cell}**" if layer == last - 1 else cell for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("data/pretrained/clip"))
    parser.add_argument("--out", type=Path, default=Path("data/results/probes.json"))
    args = parser.parse_args()
    return guarded(lambda: _main(args.folder, args.out))


def _main(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} with a vision tower; name one with --folder.")
    rows = probe_table(folder)
    result = {"name": "probes", "vision": Parent("vision", str(folder), "").fingerprint[:12], "seed": 0, "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
              "versions": results.versions(), "commit": results.commit(), "rows": rows}
    make_folder(out.parent)
    write_safely(out, json.dumps(result, indent=1).encode() + b"\n")
    print(as_table(rows))


if __name__ == "__main__":
    sys.exit(main())
