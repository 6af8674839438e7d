"""LLaVA-Bench from end to end: models and baselines answer, a judge scores, and tables, pictures and one result file come out.

    python -m llava_mini.bench.run data/pretrained/llava-mini --folder runs/bench/llava-mini          # the paper's Table 5
    python -m llava_mini.bench.run all=runs/mini-full/model talk=runs/data-conversation-seed0/model --baselines untuned \\
        --folder runs/bench/two                                                                        # see table_4.py for Table 4
    python -m llava_mini.bench.run theirs=answers.jsonl --bench qa90_questions.jsonl --contexts caps_boxes_coco2014_val_80.jsonl \\
        --references qa90_gpt4_answer.jsonl --folder runs/bench/qa90 --judge gpt-4o --budget 5

A candidate is ``NAME=WHAT`` or ``WHAT``: a checkpoint of this package, a file of answers, or a folder with one file of answers for
each benchmark (``coco.jsonl``, ``wild.jsonl``). Candidates with the same NAME are seeds of one. Without a judge's name the
offline rules judge; ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` choose a server. Killed at any moment, the same command goes on
where it was. In the folder::

    result.json, result.md, coco.png, wild.png          made from the files below
    coco-example.png, wild-example.png                  what each says about one picture
    coco/answers/*.jsonl   coco/reviews/*.jsonl   coco/panel/*.jsonl        in the authors' schemas
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..files import make_folder
from ..instruct.plan import check_budget
from ..report import keep
from . import baselines, book, prompt, result, storybook, tables
from .answering import load_model
from .benchmark import CONTEXTS, REFERENCES, load, of_files
from .judge import add_arguments, ahead, bout, judge, options
from .reliability import TRIALS, agreement, panel
from .schema import Found, read_answers, read_reviews
from .scores import score
from .takers import BASELINE_LABELS, Bench, Taker, answer_all, candidates, reviews_of

BENCHES = Path("data/cache/bench")


def run(takers: list[Taker], benches: list[Bench], folder, *, judging: dict, with_panel: bool = True, name: str = "", stage_1=None,
        shots: list | None = None, load=load_model, transport=None, quiet: bool = False) -> dict:
    """Answers, judges, and writes ``result.json``, ``result.md`` and a picture for each benchmark into ``folder``; returns the result.

    ``judging``   what :func:`.judge.options` gives: settings, price, budget (dollars for all verdicts of the folder), ...
    ``stage_1``   a function without arguments, see :func:`.baselines.stage_one`; called where a baseline needs it
    ``shots``     the examples of the few-shot baseline, as many as are wanted
    ``transport`` what carries the judge's requests, instead of the network

    Raises InputError as the parts do, and where verdicts cost money and no budget is given; what has been answered and judged is kept.
    """
    folder, paid = Path(folder), judging["price"].prompt or judging["price"].completion
    make_folder(folder)
    answer_all(takers, benches, folder, load=load, stage_1=stage_1, shots=shots, quiet=quiet)
    found = {(taker, bench.name): read_answers(taker.answers(folder, bench), bench.data.questions) for taker in takers for bench in benches}
    first = takers[-1] if not any(taker.what == "model" for taker in takers) else next(taker for taker in takers if taker.what == "model")
    number, dollars = _ahead(found, benches, folder, judging, first if with_panel else None)
    if paid:
        print(f"{number:,} verdicts to come: about ${dollars:,.2f}; spent already: ${book.spent(_verdicts(folder)):,.2f}.")
    check_budget(dollars, judging["budget"])

    def left(*own: Path) -> dict:
        """The options, with what the other files of the folder have left of the budget."""
        others = [path for path in _verdicts(folder) if path not in own]
        return judging if judging["budget"] is None else judging | {"budget": judging["budget"] - book.spent(others)}

    parts = {}
    for bench in benches:
        rows: dict[str, dict] = {}
        for taker in takers:
            answers, path = found[taker, bench.name], reviews_of(taker, folder, bench)
            scores = judge(bench.data, answers, path, transport=transport, quiet=quiet, **left(path))
            row = rows.setdefault(taker.label, {"label": taker.label, "what": taker.what, "note": taker.note, "runs": []})
            row["runs"].append(result.of_run(_model_of(answers), *(one.relative_to(folder).as_posix() for one in (taker.answers(folder, bench), path)),
                                             scores, agreement(bench.data.questions, answers, scores), taker.seed))
        trials, held = folder / bench.name / "panel", None
        if with_panel:
            held = result.of_panel(first.label, panel(bench.data, found[first, bench.name], trials, transport=transport, quiet=quiet,
                                                      **left(*trials.glob("*.jsonl"))))
        parts[bench.name] = result.of_bench(bench.data, bench.title, list(rows.values()), held)
        _example(bench, list(rows.values()), folder)
    return _write(folder, name or folder.absolute().name, judging, parts)


def _verdicts(folder: Path) -> list[Path]:
    """The files of verdicts, without those of what was set aside."""
    files = sorted(folder.glob("*/reviews/*.jsonl")) + sorted(folder.glob("*/panel/*.jsonl"))
    return [path for path in files if not path.stem.endswith((".set-aside", ".torn"))]


def _ahead(found: dict, benches: list[Bench], folder: Path, judging: dict, panelled: Taker | None) -> tuple[int, float]:
    """How many verdicts are lacking, and what they will cost, about."""
    settings, price = judging["settings"], judging["price"]
    asked = [(bench, answers, reviews_of(taker, folder, bench)) for bench in benches for (taker, name), answers in found.items() if name == bench.name]
    asked += [(bench, found[panelled, bench.name], folder / bench.name / "panel" / f"{trial.replace(' ', '-')}.jsonl")
              for bench in benches for trial in TRIALS if panelled]
    lacking = [ahead(bout(bench.data, answers, settings, price), path) for bench, answers, path in asked]
    return sum(number for number, _ in lacking), sum(dollars for _, dollars in lacking)


def _model_of(answers: Found) -> str:
    """The model's name, as the answers tell it; several are all named."""
    return ", ".join(sorted({row.model_id for row in answers.rows.values() if row.model_id})) or "unknown"


def _example(bench: Bench, rows: list[dict], folder: Path) -> None:
    """A picture with what each candidate says about it: of the first question why something is odd, else the first of reasoning."""
    from .. import show

    asked = sorted(bench.data.questions, key=lambda q: (not re.match(r"Why .*\b(?:unusual|strange)\b", q.text), q.category != "complex"))[0]
    if bench.pictures is None or not (bench.pictures / asked.image).is_file():
        return
    said = [show.Said("reference (captions and boxes only)", bench.data.references[str(asked.id)].text)]
    for row in rows:
        answers = read_answers(folder / row["runs"][0]["answers"], bench.data.questions).rows
        scores = score(bench.data.questions, read_reviews(folder / row["runs"][0]["reviews"], bench.data.questions), resamples=40).pairs
        if str(asked.id) in answers:
            said.append(show.Said(row["label"], answers[str(asked.id)].text, scores.get(str(asked.id), (None, None))[1]))
    drawing = show.answers_beside(bench.pictures / asked.image, asked.text, said, f"{bench.title}: what each of them says")
    keep(folder / f"{bench.name}-example.png", drawing.png())


def _write(folder: Path, name: str, judging: dict, parts: dict) -> dict:
    from .. import show

    files, settings = _verdicts(folder), judging["settings"]
    about = {"model": settings.model, "prompt": prompt.fixed(), "temperature": settings.temperature, "max_tokens": settings.max_tokens,
             "cost": round(book.spent(files), 6), **book.told(files)}
    found = result.new(name, about, {"answers": "greedy, so without one", "intervals": 0}, parts)
    path = result.write(found, folder / "result.json")
    found = result.read(path)                   # with the date of what is there already, where nothing has changed
    keep(folder / "result.md", tables.whole(found).encode())
    for bench in parts:
        keep(folder / f"{bench}.png", show.relative_scores(found["benches"][bench]).png())
    return found


def copy_to(folder: Path, results: Path, name: str) -> list[Path]:
    """For committing: the result and its pictures under the run's name."""
    files = {f"{name}.json": folder / "result.json", **{f"{name}-{path.stem}.png": path for path in sorted(folder.glob("*.png"))}}
    return [keep(results / new, old.read_bytes()) for new, old in files.items()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.run", description=__doc__.split("\n")[0])
    new = parser.add_argument
    new("candidates", nargs="+", metavar="[NAME=]WHAT", help="checkpoints, files of answers, or folders of them")
    new("--folder", type=Path, required=True, help="where everything goes; a folder with answers and verdicts is gone on with")
    new("--benches", type=Path, default=BENCHES, help=f"where the storybook's benchmarks lie or are made (default: {BENCHES.as_posix()})")
    new("--only", choices=storybook.BENCHES, help="one of the storybook's two benchmarks")
    new("--bench", type=Path, help="the questions of another benchmark, instead of the storybook's (then --contexts and --references too)")
    new("--contexts", type=Path, help="its captions and boxes")
    new("--references", type=Path, help="its reference answers")
    new("--pictures", type=Path, help="its pictures, where a model is to answer")
    new("--baselines", nargs="+", choices=[*BASELINE_LABELS, "none"], metavar="BASELINE",
        help=f"of {', '.join(BASELINE_LABELS)}, or none (default: all where one checkpoint is given, else none)")
    new("--stage-1", type=Path, help="a checkpoint after stage 1 for the baselines (default: that of the profile mini, trained on 800 pictures if need be)")
    new("--shots", type=int, default=4, help="examples of the few-shot baseline, at most 12 and as many as fit (default: 4)")
    new("--no-panel", action="store_true", help="leave out the trials of the judge, seven times the verdicts of the first model")
    new("--results", type=Path, nargs="?", const=tables.RESULTS, metavar="FOLDER",
        help=f"copy result and pictures here too, under the folder's name (default: {tables.RESULTS.as_posix()})")
    add_arguments(parser)
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> bool:
    judging = options(args)
    takers = candidates(args.candidates, args.baselines)
    benches, shots = _benches(args), None
    if any(taker.what == "few-shot" for taker in takers):
        if not 1 <= args.shots <= 3 * storybook.OF_A_KIND:
            raise InputError(f"--shots {args.shots}: there are from 1 to {3 * storybook.OF_A_KIND} examples; choose so many.")
        place = storybook.make(args.benches) / storybook.SHOTS
        shots = baselines.shots_of(load(place), place)[:args.shots]
    model = next((taker.source for taker in takers if taker.what == "model"), None)

    found = run(takers, benches, args.folder, judging=judging, with_panel=not args.no_panel, shots=shots,
                stage_1=lambda: baselines.stage_one(model, args.stage_1))
    print("\n" + tables.whole(found))
    files = [args.folder / "result.json", args.folder / "result.md", *sorted(args.folder.glob("*.png"))]
    print("Written: " + ", ".join(map(str, [*files, *(copy_to(args.folder, args.results, found["name"]) if args.results else [])])))
    return judged(found)


def judged(found: dict) -> bool:
    """Has every candidate its overall score? What the exit status says."""
    return all(run["scores"]["headline"] is not None for part in found["benches"].values() for row in part["rows"] for run in row["runs"])


def _benches(args: argparse.Namespace) -> list[Bench]:
    if args.bench is None:
        folder = storybook.make(args.benches)
        return [Bench(name, title, load(folder / name), folder / name / "pictures") for name, title in storybook.BENCHES.items() if args.only in (None, name)]
    if args.bench.is_dir():
        data = of_files(args.bench / "questions.jsonl", args.contexts or args.bench / CONTEXTS, args.references or args.bench / REFERENCES, args.bench.name)
        return [Bench(args.bench.name, args.bench.name, data, args.pictures or args.bench / "pictures")]
    if not args.contexts or not args.references:
        raise InputError(f"{args.bench.name} is a file of questions; give --contexts and --references with it.")
    return [Bench(args.bench.stem, args.bench.stem, of_files(args.bench, args.contexts, args.references), args.pictures)]


if __name__ == "__main__":
    sys.exit(main())
