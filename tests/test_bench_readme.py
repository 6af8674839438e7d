"""llava_mini/bench/README.md: its tables are those of the committed results, its commands those of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llava_mini.bench import tables
from llava_mini.bench.takers import BASELINE_LABELS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "llava_mini" / "bench" / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"python -m (llava_mini\.[\w.]+)((?:[^`\n\\]|\\\n)*)", PAGE)


@pytest.mark.parametrize("mark", tables.FILES)
def test_tables_are_those_of_the_results(mark, monkeypatch):
    """Guards against figures that drift from what was measured; ``python -m llava_mini.bench.tables --page`` puts them right."""
    monkeypatch.chdir(ROOT)
    assert PAGE.split(f"<!-- {mark} -->\n")[1].split(f"\n<!-- /{mark} -->")[0] == tables.place(mark)


def test_no_score_outside_the_tables():
    """Guards against a figure in prose that no result holds; the paper's own are named as such."""
    prose = re.sub(r"<!-- ([\w-]+) -->.*?<!-- /\1 -->|```.*?```", "", PAGE, flags=re.S)
    assert sorted(re.findall(r"\d+\.\d+", prose.replace("LLaVA-1.5", ""))) == ["19.1", "38.1", "5.1", "67.3"]


def test_every_command_and_option_exists():
    """Guards against a page that tells to type what its command refuses."""
    assert len(COMMANDS) >= 12
    for module, rest in COMMANDS:
        path = ROOT / f"{module.replace('.', '/')}.py"
        source = path.read_text("utf-8") + (ROOT / "llava_mini" / "bench" / "judge.py").read_text("utf-8")
        for option in set(re.findall(r"(--[\w-]+)", rest.split("   #")[0])):
            assert f'"{option}"' in source, (module, option)
    named = set(re.findall(r"`(--[\w-]+)`", PAGE))
    every = "".join(path.read_text("utf-8") for path in (ROOT / "llava_mini" / "bench").glob("*.py"))
    assert named and all(f'"{option}"' in every for option in named)


def test_every_baseline_is_told():
    """Guards against a row of the table that the page does not explain."""
    told = PAGE.split("| baseline |")[1].split("\n\n")[0]
    for words in ("captioner", "no instruction tuning", "few examples", "no picture", "another's picture"):
        assert words in told and any(words in label for label in BASELINE_LABELS.values())


def test_pictures_are_there():
    """Guards against dead pictures."""
    assert all((ROOT / "llava_mini" / "bench" / name).resolve().is_file() for name in re.findall(r"\]\(([^)#]+\.png)\)", PAGE))
