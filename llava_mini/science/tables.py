"""The paper's tables on ScienceQA, made from result files and nothing else (record.py, pair.py).

    python -m llava_mini.science.tables                 tables and pictures from data/results/science
    python -m llava_mini.science.tables FOLDER --seed 1
    python -m llava_mini.science.tables --pair gpt-4o   with what pair.py --server gpt-4o wrote, instead of the language parent

::

    llava.json, text.json, pair.json            of seed 0; with -seed1 of seed 1; pair-gpt-4o.json of a server
    tables.md, columns.png, epochs.png          written beside them; tables-gpt-4o.md and so on with --pair
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..evaluation import Result, paired, read_result, unpaired
from ..evaluation.findings import DIFFER, NOISE, Finding, came_out
from ..evaluation.intervals import Difference
from ..report import keep
from . import ensemble
from .problems import COLUMNS
from .run import FOLDER

NAMES = ("llava", "text", "pair")
PAPER = {"true": 90.92, "text-only": 82.69, "complement": 90.97, "judge": 92.53}        # the averages of its Table 7
PAPER_LLAVA = (90.36, 95.95, 88.00, 89.49, 88.00, 90.66, 90.93, 90.90, 90.92)          # its nine columns
SIGHT = {"true": "LLaVA, with the picture", "shuffled": "LLaVA, with another one's picture", "blind": "LLaVA, without the picture",
         "guess": "most frequent letter"}


def read(folder: Path, seed: int = 0, pair: str = "") -> dict[str, Result]:
    """The results of a seed that are there, by name. ``pair``: what stands behind "pair-" in the name of that one's file.

    Of a pair of two files only itself is read: its LLaVA is another than that of the runs. Raises InputError where there is no
    result, or of different problems.
    """
    end = f"-seed{seed}" if seed else ""
    pair = "-".join(["pair", *([pair.replace("/", "-")] if pair else [])])
    files = {name: folder / f"{pair if name == 'pair' else name}{end}.json" for name in NAMES}
    if pair != "pair" and not files["pair"].exists():
        raise InputError(f"There is no {files['pair']}; run python -m llava_mini.science.pair --results with that --server first.")
    found = {name: read_result(path) for name, path in files.items() if path.exists()}
    if not found:
        raise InputError(f"There is no result in {folder}; run python -m llava_mini.science.run --results first.")
    if "pair" in found and "file" in found["pair"].settings["llava"]:
        return {"pair": found["pair"]}
    for part in ("problems", "questions"):
        if len({result.settings.get("made from", {}).get(part) for result in found.values()}) > 1:
            raise InputError(f"{folder}: {', '.join(found)} are of different problems; run the commands again.")
    if {"llava", "pair"} <= set(found) and found["pair"].settings["llava"].get("weights") != found["llava"].weights:
        raise InputError(f"{files['pair']} is of another LLaVA than llava.json; run python -m llava_mini.science.pair --results again.")
    return found


def partner(results: Mapping[str, Result]) -> str:
    """What the text-only model of the pair is called: the server's name, the file, or "language parent"."""
    settings = results["pair"].settings["text-only"]
    return settings["file"] if "file" in settings else "language parent" if settings.get("weights") else settings["model"]


def reports(results: Mapping[str, Result]) -> dict[str, dict]:
    """The reports behind the rows of Table 7, by label."""
    first, found = next(iter(results.values())).accuracy["test"], {}
    if "guess" in first:
        found["most frequent letter"] = first["guess"]
    if "text" in results:
        found["language parent, same questions, no pictures"] = results["text"].accuracy["test"]["true"]
    if "pair" in results:
        found[f"text-only {partner(results)}, may pass (GPT-4's part)"] = results["pair"].accuracy["test"]["text-only"]
    if "llava" in results or "pair" in results:
        found["LLaVA"] = (results.get("llava") or results["pair"]).accuracy["test"]["true"]
    for rule in ("complement", "judge") if "pair" in results else ():
        found[f"LLaVA + {partner(results)} ({rule})"] = results["pair"].accuracy["test"][rule]
    return found


def rows(results: Mapping[str, Result]) -> dict[str, dict]:
    """The rows of Table 7: label -> column -> share right; also "random choice", which no model gave."""
    first = next(iter(results.values())).accuracy["test"]
    return {"random choice": dict(first["true"]["chance"])} | {
        label: {name: report["columns"][name]["accuracy"] for name in COLUMNS if report["columns"][name]["n"]}
        for label, report in reports(results).items()}


def table7(results: Mapping[str, Result]) -> str:
    """Markdown: the nine columns in percent; below each model its 95% intervals with the answers that count as wrong for want of a letter.

    The last line says how many problems a column has.
    """
    true, told = next(iter(results.values())).accuracy["test"]["true"], reports(results)
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for label, shares in rows(results).items():
        lines.append(f"| {label} | " + " | ".join(f"{100 * shares[name]:.2f}" if name in shares else "-" for name in COLUMNS) + " |")
        if label in told:
            lines.append("| *95% (no letter)* | " + " | ".join(_doubt(told[label]["columns"][name]) for name in COLUMNS) + " |")
    lines.append("| *problems* | " + " | ".join(f"{true['columns'][name]['n']:,}" for name in COLUMNS) + " |")
    lines += [f"| *the paper's {name}* | " + " | ".join(cells) + " |" for name, cells in (
        ("LLaVA", map("{:.2f}".format, PAPER_LLAVA)),
        *((words, [*["-"] * 8, f"{PAPER[row]:.2f}"]) for row, words in (("text-only", "GPT-4, text only"), ("complement", "complement"), ("judge", "judge"))))]
    return "\n".join(lines)


def _doubt(tally: Mapping) -> str:
    """``"88.1-92.3 (4)"``: the interval in percent, and how many answers are unread or missing."""
    return f"{100 * tally['low']:.1f}-{100 * tally['high']:.1f} ({tally['unreadable'] + tally['missing']:,})" if tally["n"] else "-"


def unread(results: Mapping[str, Result]) -> str:
    """One sentence on answers in which no letter could be read or which are not there, row by row."""
    tallies = {label: report["columns"]["Avg"] for label, report in reports(results).items() if label != "most frequent letter"}
    parts = [f"{label} {tally['unreadable']:,} and {tally['missing']:,}" for label, tally in tallies.items()]
    passes = ""
    if "pair" in results:
        images = results["pair"].accuracy["test"]["text-only"]["columns"]["IMG"]
        passes = f" Of the text-only model's, {images['unreadable'] + images['missing']:,} are about pictures, where it may pass."
    return f"Answers without a readable letter and answers that are missing, of {next(iter(tallies.values()))['n']:,}, all counted as wrong: {'; '.join(parts)}.{passes}"


def by_authors(results: Mapping[str, Result]) -> str:
    """One sentence on the same texts read by the authors' rule, which published numbers go by; empty where nothing was kept of it."""
    told = {"LLaVA": results.get("llava"), "the language parent without pictures": results.get("text")}
    tallies = {name: result.accuracy["test"]["true"]["authors"] for name, result in told.items() if result and "authors" in result.accuracy["test"]["true"]}
    parts = [f"{name} {100 * tally['accuracy']:.2f} (unread: {tally['unreadable']})" for name, tally in tallies.items()]
    return "Average with letters read by the authors' narrower rule: " + ", ".join(parts) + "." if parts else ""


def findings(results: Mapping[str, Result]) -> list[Finding]:
    """What came of the orders in the paper's Table 7, by the interval of the difference.

    LLaVA is held against the language parent that was taught without pictures, which answers everything, as a text-only model
    that passes where it needs the picture would be beaten by its passing. The rules answer the same problems as LLaVA, so the
    problems that only one of the two has right decide (``evaluation.paired``); of a result that does not tell them, the two shares do.
    """
    told = []
    if {"llava", "text"} <= set(results):
        one, other = (results[name].accuracy["test"]["true"] for name in ("llava", "text"))
        told.append(_found("LLaVA", "language parent, no pictures", one, other, ("true", "text-only"), theirs=("LLaVA", "GPT-4 without pictures")))
    if "pair" in results:
        of, who = results["pair"].accuracy["test"], partner(results)
        name = {rule: f"LLaVA + {who} ({rule})" for rule in ("complement", "judge")} | {"true": "LLaVA"}
        judged = results["pair"].settings.get("judge", "") is not None              # of two files nobody may have judged
        pairs = [("complement", "true"), *([("judge", "true"), ("judge", "complement")] if judged else [])]
        told += [_found(name[one], name[other], of[one], of[other], (one, other), claimed=one == "judge") for one, other in pairs]
    return told


def _found(better: str, worse: str, one: Mapping, other: Mapping, rows: tuple[str, str], claimed: bool = True,
           theirs: tuple[str, str] | None = None) -> Finding:
    """``rows``: of the paper's table. That the complement is as good as LLaVA is no claim that one has more."""
    difference, how = _difference(one, other, {"true": "LLaVA"}.get(rows[1], rows[1]))
    paper = PAPER[rows[0]], PAPER[rows[1]]
    outcome = NOISE if difference.within_noise else came_out(difference.difference > 0, paper) if claimed else DIFFER
    interval = 100 * difference.low, 100 * difference.high
    return Finding(better, worse, (100 * one["all"]["accuracy"], 100 * other["all"]["accuracy"]), outcome,
                   "{} 95% interval of the difference: {:+.1f} to {:+.1f}".format(how, *interval), claimed=claimed, paper=paper, theirs=theirs,
                   interval=interval)


def claims(results: Mapping[str, Result]) -> list[str]:
    """The same, a line for each."""
    return [one.line(2) for one in findings(results)]


def _difference(one: Mapping, other: Mapping, whom: str) -> tuple[Difference, str]:
    """The difference of two reports, and by which kind of interval; ``whom``: what a rule's report calls the other one."""
    if whom not in one.get("against", {}):
        a, b = one["all"], other["all"]
        return unpaired(a["correct"], a["n"], b["correct"], b["n"]), "unpaired"
    gained, lost, n = (one["against"][whom][name] for name in ("gained", "lost", "n"))
    same = n - gained - lost
    return paired([True] * gained + [False] * lost + [True] * same, [False] * gained + [True] * lost + [True] * same), "paired"


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
        line("language parent, taught and asked without pictures", results["text"].accuracy["test"]["true"]["columns"]["IMG"])
    lines.append(f"| random choice | {pictures['true']['chance']['Avg']:.1%} | | |")
    return "\n".join(lines)


def table10(result: Result) -> str:
    """Markdown: who was right when the text-only model and LLaVA disagreed, and what the judge made of it."""
    judge = result.accuracy["test"]["judge"]
    found = {name: ensemble.Row(**row) for name, row in judge["disagreements"].items()}
    heads = ("both answer", "same, right", "same, wrong", "differ", "text-only right", "LLaVA right", "neither", "judge right")
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


def tell(folder: Path, seed: int = 0, pair: str = "") -> list[Path]:
    """Writes tables and pictures of what is there; returns the files."""
    from .. import show

    results = read(folder, seed, pair)
    parts = ["## Table 7", table7(results), unread(results), *filter(None, [by_authors(results), "\n".join(f"- {line}" for line in claims(results))])]
    parts += ["## Does the picture matter?", sight(results)] if "llava" in results and "test pictures" in results["llava"].accuracy else []
    parts += ["## Table 10", table10(results["pair"])] if "pair" in results else []
    text = "\n\n".join(parts) + "\n"
    print(text)
    end = (f"-{pair.replace('/', '-')}" if pair else "") + (f"-seed{seed}" if seed else "")
    files = [keep(folder / f"tables{end}.md", text.encode()), keep(folder / f"columns{end}.png", show.science_columns(rows(results)).png())]
    curves = epochs({label: results[name] for name, label in (("llava", "LLaVA"), ("text", "without pictures")) if name in results})
    return files + ([keep(folder / f"epochs{end}.png", show.science_epochs({label: [of] for label, of in curves.items()}).png())] if curves
                    else [])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.tables", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help=f"of the results (default: {FOLDER})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pair", default="", metavar="NAME",
                        help="read pair-NAME.json instead of pair.json: the name of pair.py's --server, or of its pair of two files")
    args = parser.parse_args(arguments)
    return guarded(lambda: print("Written: " + ", ".join(map(str, tell(args.folder, args.seed, args.pair)))))


if __name__ == "__main__":
    sys.exit(main())
