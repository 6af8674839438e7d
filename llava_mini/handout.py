"""Everything that was measured of one model on one page, ``report.html``: to read, to print, to hand in.

    python -m llava_mini.handout runs/mini-full                     # a run of the main job
    python -m llava_mini.handout data/results --name mini-full      # the committed one, into runs/mini-full/
    python -m llava_mini.handout runs/mini-full --bench runs/bench/mine --probes runs/probes/mine --science data/results/science

The page is made from results alone, no model is asked. It is one file: pictures lie within, each with the same in words.
Bench and probes of these very weights, and a training on ScienceQA that began with them, are found by themselves, in runs/ and
data/results/. Bench and probes of another model are refused; a training that began with another one is told as such, where it is
asked for. What has not been measured is named, with its command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from .commands import guarded
from .errors import InputError
from .page import Part, figure, paragraph, table, whole
from .report import RESULTS, keep

SPLITS = {"test": "New pictures", "unseen_pairs": "A colour and a thing that no sample shows together", "unseen_place": "A place that no sample shows",
          "unseen_counts": "Five or six of a kind"}
RUNS = Path("runs")
CONTROLS = {"true": "right", "blind": "without a picture", "blank": "with a grey one", "shuffled": "with another's", "guess": "most frequent answer"}


def about(result) -> Part:
    """What it is: settings, seed, versions, machine."""
    rows = {"run": result.name, "seed": result.seed, "date (UTC)": result.date, "code": result.commit or "unknown", "weights": result.weights[:16],
            **{f"version of {name}": value for name, value in result.versions.items()},
            **{name: value for name, value in result.machine.items() if value is not None},
            **{f"seconds, {name}": f"{value:.0f}" for name, value in result.timings.items()}}
    profile, made = result.settings.get("profile", {}), result.settings.get("made from", {})
    simple = {name: value for name, value in profile.items() if not isinstance(value, dict)}
    stages = [name for name in ("align", result.settings.get("stage 2")) if isinstance(profile.get(name), dict)]
    html = [table(["| what | value |", *(f"| {name} | {value} |" for name, value in rows.items())]),
            table(["| setting | value |", *(f"| {name} | {value} |" for name, value in {**simple, **made}.items())])]
    if stages:
        html.append(table(["| setting of a training | " + " | ".join(stages) + " |",
                           *(f"| {name} | " + " | ".join(str(profile[stage][name]) for stage in stages) + " |" for name in profile[stages[0]])]))
    return Part("The model and how it was made", html)


def trainings(folder: Path) -> Part:
    """Curves over the reference bands, and what the model said on the way."""
    from . import show

    part = Part("Training", lacking="" if any(folder.glob("history-*.jsonl")) else "python course.py run")
    for path in sorted(folder.glob("history-*.jsonl")):
        name, history = path.stem.partition("-")[2], show.read_history(path)
        drawn = folder / f"loss-{name}.png"
        part.html.append(figure(drawn if drawn.exists() else show.loss_curves({name: history}, None, f"Stage {name}")))
        told = [record for record in history if record.get("answers")]
        if told:
            first, last = told[0], told[-1]
            part.html.append(table([f"| asked in stage {name} | true | after step {first['step']} | after step {last['step']} |",
                                    *(f"| {_cell(one['text'])} | {_cell(one['answer'])} | {_cell(one['given'])} | {_cell(other['given'])} |"
                                      for one, other in zip(first["answers"], last["answers"]))]))
    return part


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace(" | ", " / ")


def answers(result, folder: Path) -> Part:
    """Exact answers by split and kind, beside the controls; the sheet and what is taken for what."""
    from . import show

    part = Part("Questions and answers")
    true, blind = (result.accuracy["test"][name]["all"] for name in ("true", "blind"))
    part.html.append(paragraph(f"Of {true['n']:,} questions about new pictures, {100 * true['accuracy']:.1f}% were answered right (95% interval "
                               f"{100 * true['low']:.1f} to {100 * true['high']:.1f}%), and {100 * blind['accuracy']:.1f}% without a picture."))
    for split, words in SPLITS.items():
        reports = result.accuracy.get(split)
        if not reports:
            continue
        known = {name: said for name, said in CONTROLS.items() if name in reports}
        first, *others = known.values()
        lines = [f"### {words}", f"| kind of question | questions | {first} | 95% interval | " + " | ".join(others) + " |"]
        for kind in ("all", *reports["true"]["kinds"]):
            tallies = {name: reports[name]["all"] if kind == "all" else reports[name]["kinds"].get(kind) for name in known}
            true = tallies["true"]
            share, *shares = ("-" if tally is None else f"{100 * tally['accuracy']:.1f}%" for tally in tallies.values())
            lines.append(f"| {kind} | {true['n']:,} | {share} | {100 * true['low']:.1f} to {100 * true['high']:.1f}% | " + " | ".join(shares) + " |")
        part.html.append(table(lines))
        if split == "test":
            part.html.append(figure(show.accuracy_bars(reports, "New pictures, by kind of question")))
    part.html += [figure(path) for name in ("sheet.png", "confusion-what.png") if (path := folder / name).exists()]
    return part


def bench(folder: Path | None, result) -> Part:
    """LLaVA-Bench: scores beside the baselines, what all say about one picture, and whether the judge can be relied on.

    Raises InputError for another model's.
    """
    from . import show
    from .bench import result as bench_result
    from .bench.tables import whole as all_tables

    def models(path: Path) -> set[str]:
        return {run["model"] for one in bench_result.read(path)["benches"].values() for row in one["rows"] if row["what"] == "model" for run in row["runs"]}

    def of_this(path: Path) -> bool:
        """Is it about this model and no other, but for baselines?"""
        return bool(result.weights) and bool(found := models(path)) and all(model.endswith(f"-{result.weights[:12]}") for model in found)

    part = Part("LLaVA-Bench", lacking=f"python -m llava_mini.bench.run MODEL --folder {RUNS.as_posix()}/bench/{result.name}")
    path = folder / "result.json" if folder and folder.is_dir() else folder or _first(
        [*RUNS.glob("bench/*/result.json"), *RESULTS.glob("bench/*.json")], of_this)
    if path is None:
        return part
    if not of_this(path):
        raise InputError(f"{path} is about {', '.join(sorted(models(path)))} and not about {result.name}; run the bench with this one, or leave --bench out.")
    found = bench_result.read(path)
    drawn = [figure(show.relative_scores(one, one["title"])) for one in found["benches"].values()]
    # what each says about one picture lies beside the result: under its own name in a run's folder, behind the result's where it is kept
    beside = [path.with_name(f"{start}{name}-example.png") for name in found["benches"] for start in ("", f"{path.stem}-")]
    return Part(part.title, [table(all_tables(found).splitlines()), *drawn, *(figure(one) for one in beside if one.exists())])


def probes(folder: Path | None, result) -> Part:
    """How it behaves when something is changed on purpose. Raises InputError for another model's."""
    from . import show
    from .evaluation.probes.result import read_behaviour
    from .evaluation.probes.tables import probe_tables
    from .evaluation.probes.words import in_words

    def of_this(path: Path) -> bool:
        return read_behaviour(path).weights == result.weights

    part = Part("Probes", lacking=f"python -m llava_mini.evaluation.probes MODEL --folder {RUNS.as_posix()}/probes/{result.name}")
    path = folder / "behaviour.json" if folder and folder.is_dir() else folder or _first(
        [*RUNS.glob("probes/*/behaviour.json"), *RESULTS.glob("probes/*/behaviour.json")], of_this)
    if path is None:
        return part
    if not of_this(path):
        raise InputError(f"{path} is of another model than {result.name}; probe this one, or leave --probes out.")
    found = read_behaviour(path)
    drawn, lines, told = show.probe_figures(found), probe_tables(found), in_words(found)
    for name, drawing in drawn.items():
        probe, _, detail = name.partition("-")
        part.html += [figure(drawing), *([] if detail else [paragraph(told[probe]), table(lines[probe])])]         # a second figure needs no second table
    return part


def _first(paths: Iterable[Path], of_this: Callable[[Path], bool]) -> Path | None:
    """The newest file about this model; one that cannot be read is named and passed over, as nobody has asked for it."""
    for path in sorted(paths, key=lambda path: -path.stat().st_mtime):
        try:
            if of_this(path):
                return path
        except InputError as error:
            print(f"Not on the page, {path}: {error}")
    return None


def science(folder: Path | None, result) -> Part:
    """ScienceQA: the nine columns, with and without the text-only model. Without a folder only what began with this very model."""
    from .evaluation import read_result

    def begun_with(path: Path) -> str | None:
        return read_result(path).settings.get("begun with")

    part = Part("ScienceQA", lacking="python -m llava_mini.science.run --start MODEL --name llava, and then python -m llava_mini.science.tables "
                f"{RUNS.as_posix()}/science/llava")
    if folder is None:
        beside = [*RUNS.glob("science/*/tables.md"), *RESULTS.glob("science/tables.md")]
        found = _first([path.with_name("llava.json") for path in beside if path.with_name("llava.json").exists()],
                       lambda path: bool(result.weights) and begun_with(path) == result.weights[:12])
        if found is None:
            return part
        folder = found.parent
    pictures = [figure(path) for name in ("columns.png", "epochs.png") if (path := folder / name).exists()]     # others are of ablations and seeds
    tables = folder / "tables.md"
    if not tables.exists():
        raise InputError(f"{folder} holds no tables.md; make it with python -m llava_mini.science.tables {folder.as_posix()}.")
    begun = begun_with(folder / "llava.json") if (folder / "llava.json").exists() else None
    if begun not in (None, result.weights[:12]):
        part.html.append(paragraph(f"This training began with another model ({begun}) than the one that this page is about."))
    return Part(part.title, [*part.html, table(tables.read_text(encoding="utf-8").splitlines()), *pictures])


def write(folder: Path, name: str = "", *, bench_folder: Path | None = None, probes_folder: Path | None = None,
          science_folder: Path | None = None, output: Path | None = None) -> Path:
    """Writes the page of the run ``name`` (default: the folder's own name) whose result lies in ``folder``; returns where.

    Raises InputError where there is no such result, and for results of another model.
    """
    from .evaluation import read_result

    name = name or folder.resolve().name
    path = folder / f"{name}.json"
    if not path.exists():
        raise InputError(f"{folder} holds no result {name}.json; run the main job first, or give the run's name with --name.")
    result, beside = read_result(path), folder / name if (folder / name).is_dir() else folder
    parts = [answers(result, beside), bench(bench_folder, result), probes(probes_folder, result), science(science_folder, result),
             trainings(beside), about(result)]
    return keep(output or (RUNS / name if folder.resolve() == RESULTS.resolve() else folder) / "report.html", whole(result.name, parts).encode())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.handout", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="of a run, or data/results")
    parser.add_argument("--name", default="", help="of the run (default: the folder's)")
    parser.add_argument("--bench", type=Path, help="folder of llava_mini.bench.run, or its result (default: the newest of these weights)")
    parser.add_argument("--probes", type=Path, help="folder of llava_mini.evaluation.probes, or its result (default: the newest of these weights)")
    parser.add_argument("--science", type=Path, help="folder of llava_mini.science.tables (default: the newest that began with these weights)")
    parser.add_argument("--output", type=Path, help=f"default: report.html in the folder, of a committed run in {RUNS.as_posix()}/<name>")
    args = parser.parse_args(arguments)
    return guarded(lambda: print("Written:", write(args.folder, args.name, bench_folder=args.bench, probes_folder=args.probes,
                                                   science_folder=args.science, output=args.output)))


if __name__ == "__main__":
    sys.exit(main())
