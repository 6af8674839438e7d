"""README.md: every figure in it is of a committed run."""

import json
import re
from pathlib import Path

import nbformat
from frame import MEMORY, TIME, stated

from llava_mini.evaluation import read_result

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPLITS = {"test": "new pictures, all kinds of question", "unseen_pairs": "a colour and a thing that no sample shows together",
          "unseen_place": "a place no sample shows", "unseen_counts": "five or six of a kind"}


def _percent(report: dict) -> str:
    return f"{100 * report['all']['accuracy']:.1f}%"


def results_table() -> list[str]:
    """The table of README's section Results, from data/results/mini-full.json."""
    full = read_result(ROOT / "data" / "results" / "mini-full.json").accuracy
    lines = ["| asked about | right | 95% interval | blind | another's picture | most frequent answer |", "|---|---|---|---|---|---|"]
    for split, words in SPLITS.items():
        by = full[split]
        low, high = (100 * by["true"]["all"][end] for end in ("low", "high"))
        cells = [words, _percent(by["true"]), f"{low:.1f} to {high:.1f}%", *(_percent(by[control]) for control in ("blind", "shuffled", "guess"))]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def test_results_are_those_of_the_committed_runs():
    """Guards against figures in README that drift from the runs. The assertion shows the lines to paste."""
    expected = results_table()
    assert [line for line in README.splitlines() if line in expected] == expected, "README lacks:\n" + "\n".join(expected)


def test_aims_are_called_reached_where_they_are():
    """Guards against an aim that was missed and is told as reached, and the other way round."""
    told, full = " ".join(README.split()), read_result(ROOT / "data" / "results" / "mini-full.json").accuracy
    for split, words, aim in (("test", "new pictures", 90), ("unseen_pairs", "unseen pairs", 80)):
        found = 100 * full[split]["true"]["all"]["accuracy"]
        assert f"{aim}% on {words} ({'reached' if found >= aim else f'missed by {aim - found:.2g} points'})" in told
    vision, neither = (_percent(read_result(ROOT / "data" / "results" / "earlier" / f"pairs-met-by-{who}.json").accuracy["unseen_pairs"]["true"])
                       for who in ("vision", "neither"))
    assert f"had {vision} of them where only the vision parent had met these pairs, and {neither} where neither had" in told
    for kind, tally in full["unseen_pairs"]["true"]["kinds"].items():
        assert f"{kind} {100 * tally['accuracy']:.1f}%" in told.split("Of the unseen pairs")[1]


def test_kinds_and_lora_are_those_of_the_committed_runs():
    """Guards against a weak kind of question being called better than it is."""
    told = " ".join(README.split())
    full, lora = (read_result(ROOT / "data" / "results" / f"mini-{kind}.json").accuracy["test"]["true"] for kind in ("full", "lora"))
    for kind, tally in full["kinds"].items():
        assert f"{kind} {100 * tally['accuracy']:.1f}%" in told
    assert f"instead of full fine-tuning {_percent(lora)} of the answers" in told
    for seed in (1, 2):
        other = read_result(ROOT / "data" / "results" / f"mini-full-seed{seed}.json").accuracy
        assert f"seed {seed}: {_percent(other['test']['true'])} and {_percent(other['unseen_pairs']['true'])}" in told


def test_times_are_those_of_the_committed_run():
    """Guards against a README that promises a speed no run had."""
    seconds = read_result(ROOT / "data" / "results" / "mini-full.json").timings
    minutes = (seconds["align"] + seconds["tune"]) / 60
    assert f"stage 1 {seconds['align']:.0f} s, stage 2 {seconds['tune']:.0f} s, together {minutes:.1f} minutes (aim: 10, {'reached' if minutes <= 10 else 'missed'})" in README


def test_pictures_and_files_exist():
    """Guards against dead links and pictures that a reader on the web does not see."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_lessons_take_what_they_state():
    """Guards against minutes in README's table that a lesson itself no longer states, and a lesson that is missing there."""
    rows = dict(re.findall(r"^\| \d\d \| \[.*\]\((notebooks/.*\.ipynb)\) \| (\d+ \| \d+) \|$", README, re.M))
    books = {f"notebooks/{path.name}": nbformat.read(path, 4) for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert rows == {name: f"{stated(book, TIME)} | {stated(book, MEMORY)}" for name, book in books.items()}


def test_probe_figures_are_those_of_the_probes():
    """Guards against the eye being praised for what another one saw."""
    rows = json.loads((ROOT / "data" / "results" / "probes.json").read_text("utf-8"))["rows"]
    read = max(row["layer"] for row in rows) - 1        # the layer before the last, the one LLaVA reads
    for question, probe in (("category", "linear"), ("colour", "linear"), ("number", "linear"), ("place", "attentive"), ("unseen category", "linear")):
        row = next(r for r in rows if (r["layer"], r["question"], r["probe"]) == (read, question, probe))
        assert f"{question} {100 * row['accuracy']:.1f}%" in " ".join(README.split())


def test_the_language_parent_is_called_as_good_as_it_is():
    """Guards against a figure of another parent."""
    curve = json.loads((ROOT / "data" / "pretrained" / "vicuna-large" / "curve.json").read_text("utf-8"))["curve"]
    told = " ".join(README.split())
    assert f"parent gets {100 * curve[-1]['chat_right']:.1f}% right" in told
    assert f"parent fills in {100 * curve[-1]['facts_right']:.1f}% right" in told
