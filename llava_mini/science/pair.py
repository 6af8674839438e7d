"""LLaVA together with a text-only model: complement, judge, and who was right when they disagreed (end of Table 7, Table 10).

    python -m llava_mini.science.pair                           the runs llava and text, made where they are missing
    python -m llava_mini.science.pair --server gpt-4o --budget 5        a server is the text-only model and the judge
    python -m llava_mini.science.pair --problems FOLDER --llava ours.json --text gpt4_result.json --server gpt-4o --budget 5

The last reads result files, the authors' or ours, and asks the server to judge alone. Without a server, the text-only model
is the language parent, which has never seen a picture: taught the questions without any (run.py --blind), then to pass where
it needs one and to judge (lessons.py). What is said is kept in runs/science/<name>/asked/ and not asked again. The result is
called pair, with a server pair-<its name>, and of two files pair-<llava>-<text>-<the server's name>; see tables.py --pair.
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
from ..evaluation.accuracy import Tally
from ..main import here
from ..profiles import profile
from ..report import keep
from . import ensemble
from .extract import authors
from .job import Job
from .problems import LETTERS, Problem
from .prompts import text_only
from .run import FOLDER, add_job, carry_out
from .score import Report, score, table

if TYPE_CHECKING:                       # else only where somebody is asked: it takes a second to load
    from .asking import Ask
    from .server import Server


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
    rules = {"complement": score(problems, both), "judge": score(problems, judged.texts(problems))}
    complement = [other if one is None else one for one, other in zip(text.theirs, llava.theirs)]
    final = list(complement)
    for n, problem in enumerate(problems):                                      # the judge counts where both have a letter by that rule
        if problem.id in judged.verdicts and None not in (text.theirs[n], llava.theirs[n]):
            verdict = authors(judged.verdicts[problem.id] or "", len(problem.choices))
            final[n] = llava.theirs[n] if verdict is None else verdict
    for rule, chosen in (("complement", complement), ("judge", final)):         # published numbers stand on what the authors' rule reads
        rules[rule].theirs = chosen
        rules[rule].authors = Tally(len(problems), sum(one == problem.answer for one, problem in zip(chosen, problems)), chosen.count(None))
    return {"LLaVA": llava, "text-only": text, **rules}, judged


def accuracy(problems: Sequence[Problem], reports: Mapping[str, Report], judged: ensemble.Judged) -> dict:
    """What a result file holds of it; Table 10 and the verdicts that could not be read lie in the judge's report.

    A rule's report also says, beside each other row, how many problems it alone has right ("gained") and the other alone ("lost").
    """
    from .record import TEST, as_report

    rows = ensemble.disagreements(problems, reports["text-only"], reports["LLaVA"], judged.chosen)
    more = {"complement": {"against": against(reports, "complement")},
            "judge": {"against": against(reports, "judge"), "disagreements": {name: asdict(row) for name, row in rows.items()},
                      "asked": len(judged.asked), "undecided": len(judged.undecided)}}
    names = {"true": "LLaVA", "text-only": "text-only", "complement": "complement", "judge": "judge"}
    return {TEST: {key: as_report(problems, reports[name], **more.get(key, {})) for key, name in names.items()}}


def against(reports: Mapping[str, Report], rule: str) -> dict[str, dict]:
    """What an interval of the difference needs, on the same problems: other row -> counts."""
    found = {}
    for other in reports:
        if other != rule:
            both = list(zip(reports[rule].right, reports[other].right, strict=True))
            found[other] = {"n": len(both), "gained": both.count((True, False)), "lost": both.count((False, True))}
    return found


def write(problems: Sequence[Problem], pair: Pair, folder: Path, name: str, settings: dict, seed: int, weights: str | None,
          paid: Sequence[Path] = (), results: Path | None = None) -> Path:
    """Combines, tells, and writes ``<name>.json`` and the ensemble's result files into ``folder``; the result into ``results`` too.

    ``paid``: the files of a server's answers; the result says which models they are of, when they came and what they cost.
    """
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
    if paid:
        from .server import told

        settings = settings | {"asked": told(paid)}
    result = evaluation.new_result(name, seed=seed, settings=settings, accuracy=accuracy(problems, reports, judged), weights=weights)
    path = record.keep(result, folder / f"{name}.json")
    return keep(results / path.name, path.read_bytes()) if results else path


def of_runs(job: Job, server: Server | None, results: Path | None) -> Path | None:
    """The pair of two runs: LLaVA's and, without a server, that of the language parent. ``results``: a folder for the result too."""
    from ..features import fingerprint
    from ..processes import find_processes
    from . import record, tuning
    from .asking import by_model, kept
    from .files import read_results

    if find_processes().num_processes > 1:
        raise InputError("Two models are brought together by one process; start this command without torchrun.")
    done = carry_out(job, results)
    test = done.problems.of("test")
    if server:
        who, weights = server.name, None
    else:
        blind = carry_out(replace(job, eyes=False, start="", name=""), results)
        tuning.teach(blind.job, blind.model, blind.problems)
        weights = fingerprint(blind.model)
        who = f"{blind.job.name}-teacher-{weights[:12]}"
    paths = [job.folder / "asked" / _plain(who) / f"{part}.jsonl" for part in ("text-only", "judge")]
    if server:
        from .server import by_server

        text_only_says, judge_says = (by_server(server, path, beside=[other for other in paths if other != path]) for path in paths)
        print(f"The judge is asked after the text-only model, {len(test):,} times at most; the budget is for both.")
    else:
        ask = by_model(blind.model, job.settings.letters)
        text_only_says, judge_says = (kept(ask, path, model_id=who) for path in paths)
    texts = text_only_says([text_only(problem) for problem in test])
    pair = Pair(read_results(done.answers / "test-true.jsonl", test).texts,
                {problem.id: text for problem, text in zip(test, texts) if text is not None}, judge_says)
    settings = {"llava": {"run": job.name, "weights": done.weights}, "text-only": {"model": who, "weights": weights},
                "made from": record.made_from(job)}
    name = "-".join(["pair", *([_plain(server.name)] if server else [])]) + job.name.removeprefix("llava")
    return write(test, pair, job.folder, name, settings, job.seed, done.weights, paths if server else [], results)


def of_files(problems_folder: Path, llava: Path, text: Path, server: Server | None, out: Path, results: Path | None = None) -> Path:
    """The pair of two result files. Without a server nobody judges: where they differ LLaVA's answer stays."""
    from . import tuning
    from .files import read_results
    from .problems import read_problems

    problems = read_problems(problems_folder)
    test = problems.of("test")
    found = [read_results(path, test) for path in (llava, text)]
    for one in found:
        print("\n".join(f"! {line}" for line in one.problems))
    judge: Ask = _nobody
    paths = [out / "asked" / f"{_plain(server.name)}.jsonl"] if server else []
    if server:
        from .server import by_server

        judge = by_server(server, paths[0])
    pair = Pair(*(one.texts | {name: f"The answer is {LETTERS[index]}." for name, index in one.indices.items()} for one in found), judge)
    settings = {"llava": {"file": llava.name}, "text-only": {"file": text.name}, "judge": server.name if server else None,
                "made from": {"problems": tuning.fingerprint(problems)}}
    name = "-".join(["pair", llava.stem, text.stem, *([_plain(server.name)] if server else [])])
    return write(test, pair, out, name, settings, 0, None, paths, results)


def _plain(name: str) -> str:
    """A model's name as part of a file's name."""
    return name.replace("/", "-")


def _nobody(prompts: Sequence[list[dict]]) -> list[None]:
    return [None for _ in prompts]


def main(arguments: list[str] | None = None) -> int:
    from .server import add_arguments as add_server
    from .server import of_arguments as server_of

    parser = argparse.ArgumentParser(prog="python -m llava_mini.science.pair", description=__doc__.split("\n")[0])
    add_job(parser)
    add_server(parser)
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
        server = server_of(args)            # a wrong name, or no budget, is told before any training
        if args.llava:
            path = of_files(args.problems, args.llava, args.text, server, args.out, args.results)
        else:
            path = of_runs(Job(here(profile(args.profile)), start=args.start, seed=args.seed, curve=args.curve, problems=args.problems),
                           server, args.results)
        print(f"Written: {path}" if path else "")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
