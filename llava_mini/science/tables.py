"""The paper's tables on ScienceQA, made from result files and nothing else (record.py, pair.py).

    python -m llava_mini.science.tables                 tables and pictures from data/results/science
    python -m llava_mini.science.tables FOLDER --seed 1

::

    llava.json, text.json, pair.json            of seed 0; with -seed1 of seed 1
    tables.md, columns.png, epochs.png          written beside them
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..evaluation import Result, read_result
from ..report import keep
from . import ensemble
from .problems import COLUMNS
from .run import FOLDER

NAMES = ("llava", "text", "pair")
SIGHT = {"true": "with the picture", "shuffled": "with another one's picture", "blind": "without a picture",
         "guess": "most frequent letter"}


def read(folder: Path, seed: int = 0) -> dict[str, Result]:
    """The results of a seed that are there, by name. Raises InputError where there is none, or of different problems."""
    end = f"-seed{seed}" if seed else ""
    found = {name: read_result(folder / f"{name}{end}.json") for name in NAMES if (folder / f"{name}{end}.json").exists()}
    if not found:
        raise InputError(f"There is no result in {folder}; run python -m llava_mini.science.run --results first.")
    for part in ("problems", "questions"):
        if len({result.settings.get("made from", {}).get(part) for result in found.values()}) > 1:
            raise InputError(f"{folder}: {', '.join(found)} are of different problems; run the commands again.")
    if {"llava", "pair"} <= set(found) and found["pair"].settings["llava"].get("weights") != found["llava"].weights:
        raise InputError(f"{folder}: pair.json is of another LLaVA than llava.json; run python -m llava_mini.science.pair --results again.")
    return found


def rows(results: Mapping[str, Result]) -> dict[str, dict]:
    """The rows of Table 7: label -> column -> share right; also "chance", which no model gave."""
    first = next(iter(results.values())).accuracy["test"]
    found = {"random choice": dict(first["true"]["chance"])}
    reports = {}
    if "guess" in first:
        reports["most frequent letter"] = first["guess"]
    if "text" in results:
        reports["the same training without pictures"] = results["text"].accuracy["test"]["true"]
    if "pair" in results:
        reports["text-only teacher (GPT-4's part)"] = results["pair"].accuracy["test"]["text-only"]
    if "llava" in results or "pair" in results:
        reports["LLaVA"] = (results.get("llava") or results["pair"]).accuracy["test"]["true"]
    if "pair" in results:
        reports["LLaVA + teacher (complement)"] = results["pair"].accuracy["test"]["complement"]
        reports["LLaVA + teacher (judge)"] = results["pair"].accuracy["test"]["judge"]
    return found | {label: {name: report["columns"][name]["accuracy"] for name in COLUMNS if report["columns"][name]["n"]} for label,
                    report in reports.items()}


def table7(results: Mapping[str, Result]) -> str:
    """Markdown: the nine columns in percent, a line for each row, and how many problems a column has."""
    true = next(iter(results.values())).accuracy["test"]["true"]
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for label, shares in rows(results).items():
        lines.append(f"| {label} | " + " | ".join(f"{100 * shares[name]:.2f}" if name in shares else "-" for name in COLUMNS) + " |")
    lines.append("| *problems* | " + " | ".join(f"{true['columns'][name]['n']:,}" for name in COLUMNS) + " |")
    return "\n".join(lines)


def unread(results: Mapping[str, Result]) -> str:
    """One sentence on answers in which no letter could be read, model by model."""
    told = {"LLaVA": results.get("llava"), "the training without pictures": results.get("text")}
    parts = [f"{name} {result.accuracy['test']['true']['all']['unreadable']} of {result.accuracy['test']['true']['all']['n']}"
             for name, result in told.items() if result]
    if "pair" in results:
        tally = results["pair"].accuracy["test"]["text-only"]["all"]
        parts.append(f"the text-only teacher {tally['unreadable']} of {tally['n']} (it passes where it needs the picture)")
    return "Answers without a readable letter, counted as wrong: " + ", ".join(parts) + "."


def by_authors(results: Mapping[str, Result]) -> str:
    """One sentence on the same texts read by the authors' rule, which published numbers go by; empty where nothing was kept of it."""
    told = {"LLaVA": results.get("llava"), "the training without pictures": results.get("text")}
    tallies = {name: result.accuracy["test"]["true"]["authors"] for name, result in told.items() if result and "authors" in result.accuracy["test"]["true"]}
    parts = [f"{name} {100 * tally['accuracy']:.2f} (unread: {tally['unreadable']})" for name, tally in tallies.items()]
    return "Average with letters read by the authors' narrower rule: " + ", ".join(parts) + "." if parts else ""


def sight(results: Mapping[str, Result]) -> str:
    """Markdown: problems with a picture, with and without it, each share with its 95% interval."""
    lines = ["| problems with a picture, asked | right | 95% interval | n |", "|---|---|---|---|"]

    def line(label: str, tally: Mapping) -> None:
        lines.append(f"| {label} | {tally['accuracy']:.1%} | {100 * tally['low']:.1f} to {100 * tally['high']:.1f}% | {tally['n']} |")

    pictures = results["llava"].accuracy["test pictures"]
    for control, label in SIGHT.items():
        if control in pictures:
            line(label, pictures[control]["all"])
    if "text" in results:
        line("of the model trained without pictures", results["text"].accuracy["test"]["true"]["columns"]["IMG"])
    lines.append(f"| random choice | {pictures['true']['chance']['Avg']:.1%} | | |")
    return "\n".join(lines)


def table10(result: Result) -> str:
    """Markdown: who was right when the text-only teacher and LLaVA disagreed, and what the judge made of it."""
    judge = result.accuracy["test"]["judge"]
    found = {name: ensemble.Row(**row) for name, row in judge["disagreements"].items()}
    heads = ("both answer", "same, right", "same, wrong", "differ", "teacher right", "LLaVA right", "neither", "judge right")
    lines = ["| problems | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name, row in found.items():
        cells = (row.n, row.both, row.wrong, row.differed, row.text_only, row.llava, row.neither, row.judge)
        lines.append(f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |")
    return "\n".join(lines) + f"\n\nVerdicts that could not be read, where LLaVA's answer stays: {judge['undecided']} of {judge['asked']}."


def epochs(results: Mapping[str, Result]) -> dict[str, dict[int, dict]]:
    """Label -> epoch -> tally of what was asked after it; only of results that have any."""
    found = {}
    for label, result in results.items():
        of = {int(split.rpartition(" ")[2]): reports["true"]["all"] for split,
              reports in result.accuracy.items() if re.fullmatch(r"val, epoch \d+", split)}
        if of:
            found[label] = dict(sorted(of.items()))
    return found


def tell(folder: Path, seed: int = 0) -> list[Path]:
    """Writes tables and pictures of what is there; returns the files."""
    from .. import show

    results = read(folder, seed)
    parts = ["## Table 7", table7(results), unread(results), *filter(None, [by_authors(results)])]
    parts += ["## Does the picture matter?", sight(results)] if "llava" in results and "test pictures" in results["llava"].accuracy else []
    parts += ["## Table 10", table10(results["pair"])] if "pair" in results else []
    text = "\n\n".join(parts) + "\n"
    print(text)
    end = f"-seed{seed}" if seed else ""
    files = [keep(folder / f"tables{end}.md", text.encode()), keep(folder / f"columns{end}.png", show.science_columns(rows(results)).png())]
    curves = epochs({label: results[name] for name, label in (("llava", "LLaVA"), ("text", "without pictures")) if name in results})
    return files + ([keep(folder / f"epochs{end}.png", show.science_epochs({label: [of] for label, of in curves.items()}).png())] if curves
                    else [])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.tables", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help=f"of the results (default: {FOLDER})")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    return guarded(lambda: print("Written: " + ", ".join(map(str, tell(args.folder, args.seed)))))


if __name__ == "__main__":
    sys.exit(main())
