"""What came of the papers' claims, as pages: made from the results that are there and nothing else.

:mod:`.paper` is the command; a finding comes from the readers of each kind of result (ablations, bench, science).
"""

from __future__ import annotations

from pathlib import Path

from . import ablations, marks
from .errors import InputError
from .evaluation.findings import NOISE, NOT_REPRODUCED, OTHER, REPRODUCED, SAME, Finding
from .job import Job
from .main import here
from .profiles import profile
from .report import RESULTS, keep

TITLES = {"coco": "LLaVA-Bench (COCO), judge", "wild": "LLaVA-Bench (In-the-Wild), judge"}
MEASURES = {"layer": "Table 8's layer, exact answers", "parent": "Table 8's size, exact answers", "projector": "LLaVA-1.5's projector, exact answers",
            "tuning": "LoRA, exact answers"}
PICTURES = ("right answers side by side", "right answers after each epoch")
HEAD = """# What was measured

Made from the files in this folder by `python -m llava_mini.paper --show`; `python -m llava_mini.paper` makes what is missing.
{summary}

Each row asks whether the first scores higher than the second, in percent of right answers or by the judge's relative score.

- *Reproduced*, as in the paper: the 95% interval of the difference lies above zero and, where both have several seeds, the ranges over
  the seeds do not meet. *Not reproduced*: the same, below zero. *Within noise*: anything else.
- *The same order*, *the other order*: the same of a measure or of pictures for which the paper has no numbers. *The two differ*: the
  same where nobody claims which of the two has more.

Models, questions, pictures and judge are not the paper's; compare the order of two rows, not the numbers. The intervals of Tables 4
and 5 are bootstrapped over pictures, those of the two rules of Table 7 paired over problems; all others take answers as independent,
which the answers of several seeds to the same questions are not, so the ranges over the seeds are asked too.

Exact answers ask for one word, as conversations do, so the data without conversations fail there; the judge asks for descriptions and
reasoning as well. In brackets, below: the range over the seeds, or of a single seed the 95% interval.

The tables behind the rows, with every kind, column and picture: [Tables 4 and 5 and the judge's panel](../../llava_mini/bench/README.md),
[Tables 7, 8 and 10](../../llava_mini/science/README.md), [probes](../../llava_mini/evaluation/README.md). What the rows are called:
`all` is all of the instruction data, `conversation + some` all conversations with 5% of the descriptions and 10% of the reasoning;
the `captioner` is the model after stage 1, which says a caption whatever is asked, and stands for BLIP-2; `few examples` is the same
model with examples in front, and stands for Flamingo, of which it tells little (it is better asked without them); the `complement` takes
LLaVA's answer where the text-only model gives none, and the `judge` of ScienceQA is asked where the two differ."""
TAIL = """## The other files

| file | what |
|---|---|
| `mini-full.json`, `mini-full-seed1.json`, `mini-lora.json` and so on | runs of the main job: settings, versions, times, scores of every kind beside the controls |
| `band-*.json` | the losses of these runs, which the monitor of the lessons draws behind a reader's own |
| `ablations/`, `science/`, `bench/`, `probes/`, `taught/` | runs that differ in one thing; ScienceQA; LLaVA-Bench; how the model behaves; what stage 2 learns from |
| `probes.json`, `benchmark-*.json` | what can be read from the vision tower; how fast it is, and what the teacher and its checker stand |
| `earlier/`, `other-machine/` | two runs with earlier parents, which a page compares with today's; the main job made again on another processor |"""


def findings(results: Path = RESULTS) -> dict[str, list[Finding]]:
    """Part of the page -> what came of its claims, from what is there. Raises InputError as the readers of its parts do."""
    from .bench import result, verdicts
    from .science import ablations as schooled, job as science_job, tables

    base, found = Job(here(profile("mini"))), {}

    for number, name in ((4, "table-4.json"), (5, "llava-mini.json")):
        path = results / "bench" / name
        benches = result.read(path) if path.exists() else {"benches": {}}
        for bench, title in TITLES.items():
            if bench in benches["benches"]:
                own = (number, bench) in ((4, "coco"), (5, "wild"))             # the paper's other table has the same rows and no such pictures
                told = [one for one in verdicts.findings(benches, bench) if one.claimed]
                chained = {one.better for one in told if (one.better, one.worse) not in verdicts.BESIDES}
                told = [one for one in told if (one.better, one.worse) not in verdicts.BESIDES or one.better not in chained]
                found[f"Table {number}{'' if own else chr(39) + 's rows'}, {title}"] = told             # what follows from its neighbours is not counted twice
    found["Table 4's data, exact answers"] = ablations.findings("data", ablations.found("data", base, results / "ablations"))
    if (results / "science" / "llava.json").exists():
        found["Table 7, ScienceQA"] = tables.findings(tables.read(results / "science"))
    found["Table 8, ScienceQA"] = [one for group in schooled.GROUPS for one in schooled.findings(
        group, schooled.found(group, science_job.Job(base.settings), results / "science"))]
    for group, words in MEASURES.items():
        found[words] = ablations.findings(group, ablations.found(group, base, results / "ablations"))
    return {words: told for words, told in found.items() if told}


def summary(found: dict[str, list[Finding]]) -> str:
    """Of which tables there are results, and how often the order is the paper's; only what the paper has numbers of is counted as its."""
    told = [one for part in found.values() for one in part if one.claimed and one.paper]
    others = [one for part in found.values() for one in part if one.claimed and not one.paper]

    def count(findings: list[Finding], outcome: str) -> int:
        return sum(one.outcome == outcome for one in findings)

    tables = sorted({part.split(",")[0].removeprefix("Table ") for part, findings in found.items() for one in findings if one.paper})
    words = [f"Of {len(told)} orders in the paper's tables {', '.join(tables)}: {count(told, REPRODUCED)} reproduced, {count(told, NOISE)} within "
             f"noise, {count(told, NOT_REPRODUCED)} the other way round."] if told else []
    words += [f"By measures or on pictures for which it has no numbers: {count(others, SAME)} of {len(others)} in the same order, {count(others, NOISE)} "
              f"within noise, {count(others, OTHER)} the other way round."] if others else []
    return " ".join(words)


def table(found: dict[str, list[Finding]]) -> str:
    """Markdown: a row for each comparison."""
    lines = ["| | first | second | here | 95% of the difference | seeds | the paper's | outcome |", "|---|---|---|---|---|---|---|---|"]
    for part, told in found.items():
        for number, one in enumerate(told):
            interval = "{:+.1f} to {:+.1f}".format(*one.interval) if one.interval else "-"
            paper = "{} and {}".format(*one.paper) if one.paper else "-"
            if one.theirs:
                paper = ", ".join(f"{name} {value}" for name, value in zip(one.theirs, one.paper))
            cells = ["" if number else part, one.better, one.worse, "{:.1f} and {:.1f}".format(*one.here), interval, one.seeds, paper,
                     one.outcome]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def elsewhere(results: Path = RESULTS) -> str:
    """One sentence on runs of the main job that were made again on another machine, with the same settings and seed; empty where there are none."""
    from .evaluation import read_result

    told = []
    for path in sorted((results / "other-machine").glob("*.json")):
        again, first = read_result(path), read_result(results / path.name)
        shares = [100 * one.accuracy["test"]["true"]["all"]["accuracy"] for one in (first, again)]
        precision = "".join(f" in {value}" for value in sorted(set(again.settings.get("precision", {}).values())))
        told.append(f"{again.name} {shares[0]:.1f}% on {first.machine['processor']}, {shares[1]:.1f}% on {again.machine['processor']}{precision}")
    return "Not all runs were made on one kind of machine; the tables below say which. What that is worth, of the main job's exact answers: " + "; ".join(
        told) + "." if told else ""


def page(results: Path = RESULTS) -> str:
    """The whole page."""
    found = findings(results)
    if not found:
        raise InputError(f"There is no result to hold against a claim in {results}; run python -m llava_mini.paper without --show first.")
    parts = [HEAD.format(summary=summary(found)), *filter(None, [elsewhere(results)]), "![What came of the paper's claims, each difference with its interval](claims.png)", table(found)]
    for title, folder, groups in (("By exact answers about the storybook", "ablations", ablations.GROUPS), ("By ScienceQA", "science", _schooled())):
        there = [group for group in groups if (results / folder / f"{group}.md").exists()]
        parts += [f"## {title}"] if there else []
        for group in there:
            pictures = [path.name for path in sorted((results / folder).glob(f"{group}*.png"))]
            parts += [f"### {group}", (results / folder / f"{group}.md").read_text(encoding="utf-8").strip(),
                      *(f"![{group}: {PICTURES[name.endswith('epochs.png')]}]({folder}/{name})" for name in pictures)]
    return "\n\n".join([*parts, TAIL]) + "\n"


def school_page(results: Path = RESULTS) -> dict[str, str]:
    """What stands in the places of science/README.md: the committed tables with their pictures."""
    texts = {}
    for mark, name in (("tables", "columns"), *((group, group) for group in _schooled())):
        kept = results / "science" / f"{'tables' if mark == 'tables' else mark}.md"
        pictures = [path.name for path in (kept.with_name(f"{name}.png"), kept.with_name("epochs.png" if mark == "tables" else f"{mark}-epochs.png"))
                    if path.exists()]
        texts[mark] = "\n\n".join([kept.read_text(encoding="utf-8").strip(), *(
            f"![ScienceQA, {mark}: {PICTURES[name.endswith('epochs.png')]}](../../data/results/science/{name})" for name in pictures)]
        ) if kept.exists() else "Not run yet."
    return texts


def _schooled() -> list[str]:
    from .science.ablations import GROUPS

    return list(GROUPS)


def tell(results: Path = RESULTS) -> list[Path]:
    """Writes the tables and pictures of every group that has a result, and then the page with its own picture."""
    from . import show
    from .science import ablations as schooled, job as science_job, tables

    base, written = Job(here(profile("mini"))), []
    for module, first, folder in ((ablations, base, results / "ablations"), (schooled, science_job.Job(base.settings), results / "science")):
        for group in module.GROUPS:
            written += module.tell(group, first, folder) if module.found(group, first, folder) else []
    written += tables.tell(results / "science") if (results / "science" / "llava.json").exists() else []
    text = page(results)
    return [*written, keep(results / "README.md", text.encode()), keep(results / "claims.png", show.claims(findings(results)).png())]


def fill_pages() -> list[str]:
    """Puts the committed results into the other pages of the repository; returns the places whose texts have changed."""
    from .bench import tables

    from .evaluation.probes.result import read_behaviour
    from .evaluation.probes.words import in_words

    package = Path(__file__).resolve().parent
    behaviour = RESULTS / "probes" / "llava-mini" / "behaviour.json"
    probes = in_words(read_behaviour(behaviour)) if behaviour.exists() else {}
    data = RESULTS / "ablations" / "data.md"
    return [*marks.fill(package.parent / "README.md", {"claims": summary(findings())}), *tables.fill(),
            *marks.fill(package / "instruct" / "README.md", {"data": data.read_text(encoding="utf-8").strip()} if data.exists() else {}),
            *marks.fill(package / "evaluation" / "README.md", {f"probe-{name}": words for name, words in probes.items()}),
            *marks.fill(package / "science" / "README.md", school_page())]
