"""LLaVA together with a text-only model: complement, judge, and who was right when they disagreed (end of Table 7, Table 10).

    python -m llava_mini.science.pair                           the runs llava and text, made where they are missing
    python -m llava_mini.science.pair --server gpt-4o           a server is the text-only model and the judge
    python -m llava_mini.science.pair --problems FOLDER --llava ours.json --text gpt4_result.json --server gpt-4o

The last reads result files, the authors' or ours, and asks the server to judge alone. Without a server, the text-only model
is the same model trained on the questions without pictures, then taught to pass where it needs one and to judge
(lessons.py). What a model says is kept in runs/science/<name>/asked/ and not asked again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..commands import guarded
from ..errors import InputError
from ..main import here
from ..profiles import profile
from ..report import keep
from . import ensemble
from .job import Job
from .problems import LETTERS, Problem
from .prompts import text_only
from .run import FOLDER, add_job, carry_out
from .score import Report, score, table


if TYPE_CHECKING:                       # else only where somebody is asked: it takes a second to load
    from .asking import Ask


@dataclass
class Pair:
    """Both models' texts by id, and the judge."""

    llava: Mapping[str, str]
    text: Mapping[str, str]
    judge: Ask


def combine(problems: Sequence[Problem], pair: Pair) -> tuple[dict[str, Report], ensemble.Judged]:
    """The scores of both models and both rules: "LLaVA", "text-only", "complement", "judge"."""
    said = pair.text, pair.llava
    text, llava = (score(problems, texts) for texts in said)
    judged = ensemble.judge(problems, text, llava, said, pair.judge)
    both = ensemble.texts(problems, ensemble.complement(text, llava))
    return {"LLaVA": llava, "text-only": text, "complement": score(problems, both),
            "judge": score(problems, judged.texts(problems))}, judged


def accuracy(problems: Sequence[Problem], reports: Mapping[str, Report], judged: ensemble.Judged) -> dict:
    """What a result file holds of it; Table 10 and the verdicts that could not be read lie in the judge's report."""
    from .record import TEST, as_report

    rows = ensemble.disagreements(problems, reports["text-only"], reports["LLaVA"], judged.chosen)
    more = {"disagreements": {name: asdict(row) for name, row in rows.items()}, "asked": len(judged.asked),
            "undecided": len(judged.undecided)}
    names = {"true": "LLaVA", "text-only": "text-only", "complement": "complement", "judge": "judge"}
    return {TEST: {key: as_report(problems, reports[name], **(more if key == "judge" else {})) for key, name in names.items()}}


def write(problems: Sequence[Problem], pair: Pair, folder: Path, name: str, settings: dict, seed: int, weights: str | None) -> Path:
    """Combines, tells, and writes ``folder/<name>.json`` and the ensemble's result files."""
    from .. import evaluation
    from . import files, record

    reports, judged = combine(problems, pair)
    for rule in ("complement", "judge"):
        texts = ensemble.texts(problems, reports[rule].chosen)
        files.write_results(folder / f"{name}-{rule}-results.json", problems, texts)
    print("\n" + table(reports) + "\n\n" + ensemble.table(ensemble.disagreements(problems, reports["text-only"], reports["LLaVA"],
                                                                                 judged.chosen)))
    if judged.undecided:
        print(f"! {len(judged.undecided)} of {len(judged.asked)} verdicts could not be read; LLaVA's answer stays there.")
    result = evaluation.new_result(name, seed=seed, settings=settings, accuracy=accuracy(problems, reports, judged), weights=weights)
    return record.keep(result, folder / f"{name}.json")


def of_runs(job: Job, server: str | None, results: Path | None) -> Path | None:
    """The pair of two runs: LLaVA's and, without a server, that of the text-only parent."""
    from ..features import fingerprint
    from ..processes import find_processes
    from . import record, tuning
    from .asking import by_model, by_server, kept
    from .files import read_results

    if find_processes().num_processes > 1:
        raise InputError("Two models are brought together by one process; start this command without torchrun.")
    ask = by_server(_settings(server)) if server else None          # a wrong name is told before any training
    done = carry_out(job, results)
    test, who, weights = done.problems.of("test"), server, None
    if ask is None:
        blind = carry_out(replace(job, eyes=False, name=""), results)
        tuning.teach(blind.job, blind.model, blind.problems)
        weights = fingerprint(blind.model)
        ask, who = by_model(blind.model, job.settings.letters), f"{blind.job.name}-teacher-{weights[:12]}"
    asked, size = job.folder / "asked" / who.replace("/", "-"), 16 if server else 64
    texts = kept(ask, asked / "text-only.jsonl", model_id=who, batch_size=size)([text_only(problem) for problem in test])
    pair = Pair(read_results(done.answers / "test-true.jsonl", test).texts,
                {problem.id: text for problem, text in zip(test, texts) if text is not None},
                kept(ask, asked / "judge.jsonl", model_id=who, batch_size=size))
    settings = {"llava": {"run": job.name, "weights": done.weights}, "text-only": {"model": server or who, "weights": weights},
                "made from": record.made_from(job)}
    name = "-".join(["pair", *([server.replace("/", "-")] if server else []), *[f"seed{job.seed}"] * (job.seed != 0)])
    path = write(test, pair, job.folder, name, settings, job.seed, done.weights)
    return keep(results / path.name, path.read_bytes()) if results else path


def of_files(problems_folder: Path, llava: Path, text: Path, server: str | None, out: Path) -> Path:
    """The pair of two result files. Without a server nobody judges: where they differ LLaVA's answer stays."""
    from .asking import by_server, kept
    from .files import read_results
    from .problems import read_problems

    test = read_problems(problems_folder).of("test")
    found = [read_results(path, test) for path in (llava, text)]
    for one in found:
        print("\n".join(f"! {line}" for line in one.problems))
    judge: Ask = _nobody
    if server:
        judge = kept(by_server(_settings(server)), out / "asked" / f"{server.replace('/', '-')}.jsonl", model_id=server, batch_size=16)
    pair = Pair(*(one.texts | {name: f"The answer is {LETTERS[index]}." for name, index in one.indices.items()} for one in found), judge)
    return write(test, pair, out, "pair", {"llava": {"file": llava.name}, "text-only": {"file": text.name}, "judge": server}, 0, None)


def _nobody(prompts: Sequence[list[dict]]) -> list[None]:
    return [None for _ in prompts]


def _settings(server: str):
    from ..instruct.connection import OFFLINE, PARENT, Settings

    if server in (OFFLINE, PARENT):
        raise InputError(f"The model {server!r} of the teacher writes about pictures and knows no science; name a model of your server.")
    return Settings(model=server, temperature=0.0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.pair", description=__doc__.split("\n")[0])
    add_job(parser)
    parser.add_argument("--server", metavar="MODEL", help="ask a server (OPENAI_API_KEY, OPENAI_BASE_URL) instead of the language parent")
    parser.add_argument("--llava", type=Path, help="a result file instead of a run")
    parser.add_argument("--text", type=Path, help="the text-only model's result file; goes with --llava")
    parser.add_argument("--out", type=Path, default=Path("runs/science/pair"), help=
                        "folder for the pair of two files (default: runs/science/pair)")
    parser.add_argument("--results", type=Path, nargs="?", const=FOLDER, default=None, metavar="FOLDER",
                        help=f"write the results here too, for committing (default: {FOLDER})")
    args = parser.parse_args(arguments)

    def work() -> None:
        if (args.llava is None) != (args.text is None):
            raise InputError("Result files are combined in pairs; give both --llava and --text.")
        if args.llava:
            path = of_files(args.problems, args.llava, args.text, args.server, args.out)
        else:
            path = of_runs(Job(here(profile(args.profile)), seed=args.seed, curve=args.curve, problems=args.problems), args.server,
                           args.results)
        print(f"Written: {path}" if path else "")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
