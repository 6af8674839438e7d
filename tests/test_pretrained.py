"""The committed parents: what they cost, and that the code still makes them as it says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from llava_mini.foundations import clip, vicuna

PRETRAINED = Path(__file__).resolve().parents[1] / "data" / "pretrained"
SETTINGS = {"clip": lambda: asdict(clip.Settings()), **{f"vicuna-{size}": (lambda s=s: vicuna.settings_of(s)) for size, s in vicuna.SIZES.items()}}


@pytest.mark.parametrize("name", SETTINGS)
def test_parent_was_made_by_these_settings_in_an_hour(name):
    """Guards against settings changed without raising the parent again, and against more than 60 minutes of two cores."""
    if not (PRETRAINED / name).exists():
        pytest.skip(f"{name} is not committed yet; CONTRIBUTING.md names the command that makes it")
    record = json.loads((PRETRAINED / name / "curve.json").read_text(encoding="utf-8"))
    assert record["settings"] == json.loads(json.dumps(SETTINGS[name]()))
    assert record["curve"][-1]["step"] == record["settings"]["steps"]
    assert record["core_seconds"] <= 2 * 3600
