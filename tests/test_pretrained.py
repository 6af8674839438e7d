"""The committed parents: what they cost, and that the code still makes them as it says."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from safetensors import safe_open

from llava_mini.foundations import clip, probes, vicuna
from llava_mini.parents import Parent

ROOT = Path(__file__).resolve().parents[1]
PRETRAINED = ROOT / "data" / "pretrained"
MEASURED = {"category_right": "category", "number_right": "number", "batch_right": "captions found among 64", "facts_right": "facts of a page",
            "chat_right": "questions in a chat"}
SETTINGS = {"clip": lambda: asdict(clip.Settings()), **{f"vicuna-{size}": (lambda s=s: vicuna.settings_of(s)) for size, s in vicuna.SIZES.items()}}


@pytest.mark.parametrize("name", SETTINGS)
def test_parent_was_made_by_these_settings_in_an_hour(name):
    """Guards against settings changed without raising the parent again, and against more than 60 minutes of two cores."""
    record = json.loads((PRETRAINED / name / "curve.json").read_text(encoding="utf-8"))
    assert record["settings"] == json.loads(json.dumps(SETTINGS[name]()))
    assert record["curve"][-1]["step"] == record["settings"]["steps"]
    assert record["core_seconds"] <= 2 * 3600 and record["code"]


def test_all_that_is_committed_is_small():
    """Guards against a clone that takes minutes: parents and the finished model have 40 MB together."""
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()) < 40e6
    assert not [path for path in PRETRAINED.rglob("*") if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt")]


def table_of_parents() -> list[str]:
    """The table of data/pretrained/README.md."""
    lines = ["| folder | plays | parameters | MB | steps | minutes | at the end |", "|---|---|---|---|---|---|---|"]
    for name, plays in (("clip", "CLIP ViT-L/14"), ("vicuna-large", "Vicuna-13B"), ("vicuna-small", "Vicuna-7B")):
        record, weights = json.loads((PRETRAINED / name / "curve.json").read_text("utf-8")), PRETRAINED / name / "model.safetensors"
        with safe_open(weights, "pt") as file:
            parameters = sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())
        end = record["curve"][-1]
        told = ", ".join(f"{what} {100 * end[key]:.1f}%" for key, what in MEASURED.items() if key in end)
        lines.append(f"| `{name}` | {plays} | {parameters / 1e6:.2f} M | {weights.stat().st_size / 1e6:.1f} | {end['step']:,} | {end['seconds'] / 60:.0f} | {told} |")
    return lines


def test_the_page_of_the_parents_tells_what_was_measured():
    """Guards against figures of earlier parents. The assertions show the lines to paste."""
    page = (PRETRAINED / "README.md").read_text("utf-8")
    result = json.loads((ROOT / "data" / "results" / "probes.json").read_text("utf-8"))
    for lines in (table_of_parents(), probes.as_table(result["rows"]).splitlines()):
        assert [line for line in page.splitlines() if line in lines] == lines, "data/pretrained/README.md lacks:\n" + "\n".join(lines)
    assert result["vision"] == Parent("vision", str(PRETRAINED / "clip"), "").fingerprint[:12], "the probes looked at another tower"
