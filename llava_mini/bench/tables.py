"""Results as Markdown, made from result files and nothing else: the counterparts of the paper's Tables 4 and 5, and the panel.

    python -m llava_mini.bench.tables runs/bench/llava-mini/result.json       # prints them
    python -m llava_mini.bench.tables --page                                  # puts those of data/results/bench into this folder's README

A page has places for tables, ``<!-- table-5 -->`` to ``<!-- /table-5 -->``; a test holds what stands there against the files.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from .. import marks
from ..commands import guarded
from ..errors import InputError
from ..instruct.prices import price
from . import result, schema
from .judge import COMPLETION
from .reliability import EXPECTED
from .verdicts import by_kind, verdicts

PAGE = Path(__file__).with_name("README.md")
RESULTS = Path("data/results/bench")
FILES = {"table-5": "llava-mini.json", "panel": "llava-mini.json", "table-4": "table-4.json", "cost": "llava-mini.json"}     # place in the page -> file in RESULTS
PICTURES = {"": "Relative scores of all candidates", "-example": "What each candidate says about one picture"}      # end of the name -> words
KINDS = {"conv": "conversation", "detail": "detail", "complex": "complex"}


def words_of_ranges(rows: list[dict]) -> str:
    """What the brackets hold: it differs with the number of seeds."""
    several = [row for row in rows if len(row["runs"]) > 1]
    interval, seeds = "the bootstrap 95% interval over pictures", "the range over the seeds"
    if not several:
        return interval
    if not all("intervals" in row for row in several):          # a result of an earlier version
        return seeds if len(several) == len(rows) else f"{interval}, or {seeds} where a row has several"
    return f"{interval}" + (f", and {seeds}" if len(several) == len(rows) else f"; where a row has several seeds also {seeds}")


def cell(tallies: list[dict], interval: list[float] | None = None) -> str:
    """``85.1 (80.2 to 90.0)``: one run with its 95% interval; ``85.1 (80.2 to 90.0; seeds 84.0 to 86.2)``: the mean of several.

    Without an ``interval`` of that mean there is the range alone. ``85.1 (80.2 to 90.0; 29 of 30)`` where verdicts are lacking.
    """
    shares = [tally["relative"] for tally in tallies]
    if not shares or None in shares:
        return "-"
    judged, asked = (sum(tally[name] for tally in tallies) for name in ("judged", "asked"))
    low, high = (tallies[0]["low"], tallies[0]["high"]) if len(tallies) == 1 else interval or (min(shares), max(shares))
    seeds = f"; seeds {min(shares):.1f} to {max(shares):.1f}" if interval and len(shares) > 1 else ""
    return f"{sum(shares) / len(shares):.1f} ({low:.1f} to {high:.1f}{seeds}" + (f"; {judged} of {asked})" if judged < asked else ")")


def coverage(runs: list[dict]) -> str:
    """``90 of 90``, over all seeds."""
    return f"{sum(run['scores']['all']['judged'] for run in runs)} of {sum(run['scores']['all']['asked'] for run in runs)}"


def relative_table(found: dict, bench: str) -> list[str]:
    """A row for each candidate; there is no overall score where a verdict is lacking."""
    rows = found["benches"][bench]["rows"]
    kinds = list(dict.fromkeys(kind for row in rows for kind in row["runs"][0]["scores"]["kinds"]))
    lines = [f"| {found['benches'][bench]['title']} | " + " | ".join(KINDS.get(kind, kind) for kind in kinds) + " | all | judged | exactly right |",
             "|---" * (len(kinds) + 4) + "|"]
    for row in rows:
        runs, exact = row["runs"], [run["agreement"] for run in row["runs"] if run["agreement"]]
        whole, ranges = all(run["scores"]["headline"] is not None for run in runs), row.get("intervals", {})
        cells = [cell([run["scores"]["kinds"][kind] for run in runs if kind in run["scores"]["kinds"]], ranges.get(kind)) for kind in kinds]
        cells.append(cell([run["scores"]["all"] for run in runs], ranges.get("all")) if whole else "-")
        cells += [coverage(runs), _exactly(exact)]
        name = row["label"] + (f" ({len(runs)} seeds)" if len(runs) > 1 else "")
        lines.append("| " + " | ".join([_plain(name), *cells]) + " |")
    return lines


def _exactly(exact: list[dict]) -> str:
    """``26 of 30`` questions with one right word; ``25.0 of 30`` of several seeds, their mean."""
    if not exact:
        return "-"
    right, asked = (sum(counts) / len(exact) for counts in zip(*((one["right"], one["right"] + one["wrong"]) for one in exact)))
    return f"{right:.0f} of {asked:.0f}" if len(exact) == 1 else f"{right:.1f} of {asked:.0f}"


def panel_table(found: dict, bench: str) -> list[str]:
    """The trials of the judge on one benchmark; nothing where no panel was held."""
    about, panel = found["benches"][bench], found["benches"][bench]["panel"]
    if panel is None:
        return []
    lines = [f"| {about['title']} | judged | relative | mean score, reference | candidate | moved by | should be |", "|---|---|---|---|---|---|---|"]
    for name, trial in panel["trials"].items():
        tally, headline, moved = trial["scores"]["all"], trial["scores"]["headline"], trial["moved"]
        means = [f"{tally[who] / tally['judged']:.2f}" if tally["judged"] else "-" for who in ("reference", "candidate")]
        told = "-" if moved is None else f"{moved:+.2f} ({100 * trial['moved at all']:.1f}% of the answers)"
        lines.append("| " + " | ".join([name, f"{tally['judged']} of {tally['asked']}", "-" if headline is None else f"{headline:.1f}", *means, told,
                                        EXPECTED.get(name, "")]) + " |")
    return lines


def agreement_line(found: dict, bench: str) -> str:
    """Whether exactly right answers have higher scores: the means over all candidates of the benchmark, and the share of pairs of the panel's own one."""
    part = found["benches"][bench]
    rows = [one for row in part["rows"] for run in row["runs"] if (one := run["agreement"])]
    right, wrong = (sum(_judged(one, name) for one in rows) for name in ("right", "wrong"))
    if not right or not wrong:
        return f"{part['title']}: no right and wrong exact answers to compare."
    means = [sum((one[f"mean of {name}"] or 0) * _judged(one, name) for one in rows) / total for name, total in (("right", right), ("wrong", wrong))]
    told = (f"{part['title']}: {right} exactly right answers of all rows have a mean score of {means[0]:.2f}, "
            f"{wrong} wrong ones of {means[1]:.2f}.")
    higher = _higher(part)
    return told if higher is None else (f"{told} Of {_plain(part['panel']['of'])}'s answers a right one has the higher score in {100 * higher:.1f}% of all pairs "
                                        "of a right and a wrong one, equal scores by half (dice: 50%).")


def _judged(agreement: dict, name: str) -> int:
    """How many right or wrong answers have a verdict; a result of format 1 counts no others."""
    return agreement.get(f"judged {name}", agreement[name])


def _higher(part: dict) -> float | None:
    """The panel's area under the ROC curve; of a result of format 1 it stands beside the candidate's scores."""
    if part["panel"] is None:
        return None
    own = next((row["runs"][0]["agreement"] for row in part["rows"] if row["label"] == part["panel"]["of"]), None)
    about = part["panel"].get("agreement", own)
    return about["higher"] if about else None


def judge_line(found: dict) -> str:
    """Who judged, by which words, when."""
    judge = found["judge"]
    return (f"Judge: {judge['model']} ({', '.join(judge['served']) or 'nobody'}), prompt {judge['prompt']}, {judge['from'][:10]}"
            + (f", ${judge['cost']:.2f}" if judge["cost"] else "") + f"; {found['name']}, {found['date'][:10]}.")


def cost_table(found: dict, models: tuple[str, ...] = ("gpt-4o", "gpt-4o-mini")) -> list[str]:
    """What the verdicts of a result would cost at the package's table of prices, with 150 tokens of reasons each."""
    judge = found["judge"]
    lines = [f"| judge | {judge['verdicts']:,} verdicts of that run | one candidate on both benchmarks, without the panel |", "|---|---|---|"]
    for model in models:
        each = price(model).of(judge["prompt_tokens"] / max(1, judge["verdicts"]), COMPLETION)
        lines.append(f"| {model} | ${each * judge['verdicts']:.2f} | ${each * sum(bench['questions'] for bench in found['benches'].values()):.2f} |")
    return lines


def whole(found: dict) -> str:
    """Everything of a result as Markdown."""
    parts = [f"# {_plain(found['name'])}", judge_line(found)]
    for bench in found["benches"]:
        parts += ["\n".join(relative_table(found, bench)), _brackets(found, bench), _verdicts(found, bench), "\n".join(kinds_table(found, bench)),
                  agreement_line(found, bench)]
        faults = dict.fromkeys(fault for row in found["benches"][bench]["rows"] for run in row["runs"] for fault in run["scores"]["faults"])
        parts += ["\n".join(panel_table(found, bench)), "\n".join(f"- {_plain(fault)}" for fault in faults)]
    notes = dict.fromkeys(f"{row['label']}: {row['note']}." for about in found["benches"].values() for row in about["rows"] if row["note"])
    return "\n\n".join(part for part in [*parts, *map(_plain, notes)] if part) + "\n"


def _brackets(found: dict, bench: str) -> str:
    return f"In brackets: {words_of_ranges(found['benches'][bench]['rows'])}."


def _verdicts(found: dict, bench: str) -> str:
    """The lines of :mod:`.verdicts`, in which labels are the user's too."""
    return "\n".join(f"- {_plain(line)}" for line in verdicts(found, bench))


def kinds_table(found: dict, bench: str) -> list[str]:
    """How much higher ``all`` scores than each other row of Table 4 by kind, with what came of it; nothing where there are no such rows."""
    rows = by_kind(found, bench)
    if not rows:
        return []
    lines = [f"| {found['benches'][bench]['title']}: `all` above | " + " | ".join(KINDS[kind] for kind in schema.KINDS) + " |", "|---" * (1 + len(schema.KINDS)) + "|"]
    for name, told in rows.items():
        cells = []
        for one in told:
            interval = " ({:+.1f} to {:+.1f})".format(*one.interval) if one.interval else ""
            paper = f"; paper {one.paper[0] - one.paper[1]:+.1f}" if one.paper else ""
            cells.append(f"{one.here[0] - one.here[1]:+.1f}{interval}, {one.outcome.partition(':')[0]}{paper}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _plain(text: str) -> str:
    """A text that a table cannot be broken by: labels and file names are the user's."""
    return re.sub(r"([|<>`*_\[\]\\])", r"\\\1", " ".join(text.split()))


def place(mark: str, folder: Path = RESULTS) -> str:
    """What belongs between the marks of a page; a sentence where there is no such result yet."""
    path = folder / FILES[mark]
    if not path.exists():
        return f"(No such result is committed yet; it would be `{path.as_posix()}`.)"
    found = result.read(path)
    if mark == "panel":
        return "\n\n".join(["\n".join(table) for bench in found["benches"] if (table := panel_table(found, bench))]
                           + [agreement_line(found, bench) for bench in found["benches"]])
    if mark == "cost":
        return "\n".join(cost_table(found))
    pictures = [f"![{words} ({about['title']})](../../{drawn.as_posix()})" for name, about in found["benches"].items() for kind, words in PICTURES.items()
                if (drawn := path.with_name(f"{path.stem}-{name}{kind}.png")).exists()]
    parts = [part for bench in found["benches"] for part in ("\n".join(relative_table(found, bench)), _brackets(found, bench), _verdicts(found, bench),
                                                             "\n".join(kinds_table(found, bench))) if part]
    return "\n\n".join([*parts, judge_line(found), *["\n".join(pictures)] * bool(pictures)])


def fill(page: Path = PAGE, folder: Path = RESULTS) -> list[str]:
    """Puts the tables of the committed results into a page; returns the marks whose tables have changed."""
    return marks.fill(page, {mark: place(mark, folder) for mark in FILES})


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.tables", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="*", help="result files to print")
    parser.add_argument("--page", action="store_true", help=f"put the tables of {RESULTS.as_posix()} into llava_mini/bench/README.md")
    args = parser.parse_args(arguments)

    def work() -> None:
        if not args.results and not args.page:
            raise InputError("There is nothing to do; name a result file, or give --page.")
        for path in args.results:
            print(whole(result.read(path)))
        if args.page:
            print(f"{PAGE.name}: {', '.join(fill()) or 'nothing'} changed")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
