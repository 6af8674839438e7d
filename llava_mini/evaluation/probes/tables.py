"""The probes of a model's behaviour as Markdown tables: the figures of :mod:`...show.probes` in numbers, from their result alone.

>>> print("\\n".join(probe_tables(read_behaviour("runs/probes/llava-mini/behaviour.json"))["binding"]))          # doctest: +SKIP
| exchanged | question | pairs | single answers | chance | pairs right | chance |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .result import Behaviour

CONDITIONS = {"true": "its own picture", "blind": "no picture", "blank": "a grey picture", "shuffled": "the picture of another question",
              "guess": "the most frequent answer, no model"}


def probe_tables(result: Behaviour) -> dict[str, list[str]]:
    """Markdown lines by the name of the probe, in the order of the result. Shares come with their 95% interval."""
    makers = {"picture": _picture, "binding": _binding, "counting": _counting, "position": _position, "absent": _absent, "character": _character,
              "wording": _wording}
    return {name: makers[name](probe) for name, probe in result.probes.items()}


def _picture(probe: Mapping) -> list[str]:
    reports = {name: probe["reports"][name] for name in CONDITIONS if name in probe["reports"]}
    kinds = reports["true"]["kinds"]
    rows = [[words, reports[name]["all"]["n"], _interval(_of_tally(reports[name]["all"])),
             *(f"{reports[name]['kinds'][kind]['accuracy']:.0%}" for kind in kinds)] for name, words in CONDITIONS.items() if name in reports]
    features = {"its own features": "before", "foreign ones: right for the picture": "own", "foreign ones: right for where they come from": "other"}
    shares = {words: probe["features"][name] for words, name in features.items()}
    return [*_table(["shown", "questions", "right", *kinds], rows), "",
            *_table(["features", "questions", "right"], [[words, share["n"], _interval(share)] for words, share in shares.items()])]


def _binding(probe: Mapping) -> list[str]:
    return _table(["exchanged", "question", "pairs", "single answers", "chance", "pairs right", "chance"],
                  [[row["swap"], row["kind"], row["pairs"]["n"], _interval(row["single"]), f"{row['single_chance']:.0%}", _interval(row["pairs"]),
                    f"{row['pair_chance']:.0%}"] for row in probe["rows"]])


def _counting(probe: Mapping) -> list[str]:
    return _table(["number", "in training", "questions", "right", "said on average"],
                  [[row["number"], "yes" if row["trained"] else "no", row["share"]["n"], _interval(row["share"]),
                    "-" if row["mean"] is None else f"{row['mean']:.2f}"] for row in probe["numbers"]])


def _position(probe: Mapping) -> list[str]:
    across, down = ("left", "middle", "right"), ("top", "middle", "bottom")
    shares = {(row["kind"], row["down"], row["across"]): row["share"] for row in probe["thirds"]}
    heights = {(row["kind"], row["usual"]): row["share"] for row in probe["usual"]}
    kinds = list(dict.fromkeys(row["kind"] for row in probe["thirds"]))
    return _table(["part of the picture", *(f"{kind} (guessing {probe['chance'][kind]:.0%})" for kind in kinds)],
                  [[f"{y} {x}", *(_interval(shares[kind, y, x]) if (kind, y, x) in shares else "-" for kind in kinds)] for y in down for x in across]
                  + [[words, *(_interval(heights[kind, usual]) if (kind, usual) in heights else "-" for kind in kinds)]
                     for usual, words in ((True, "at a height as in training"), (False, "at another height"))])


def _absent(probe: Mapping) -> list[str]:
    return _table(["absent things are chosen", "accuracy", "precision", "recall", "F1", "says yes", "unreadable"],
                  [[row["name"], *(_interval(row[name]) for name in ("accuracy", "precision", "recall")), f"{row['f1']:.3f}", _interval(row["yes"]),
                    row["unreadable"]] for row in probe["strategies"]])


def _character(probe: Mapping) -> list[str]:
    return [*_table(["shown", "question", "questions", f"says {probe['name']}"],
                    [[row["shown"], row["question"], row["named"]["n"], _interval(row["named"])] for row in probe["rows"]]), "",
            *_table(["asked in words", "answer", "knows it"],
                    [[row["question"], _cell(row["answer"]), "yes" if row["knows"] else "no"] for row in probe["words"]])]


def _wording(probe: Mapping) -> list[str]:
    families = list(dict.fromkeys(name for row in probe["groups"] for name in row["families"]))
    return [*_table(["question", "picture first", "picture last", "the same answer"],
                    [[row["kind"], *(_interval(row[name]) for name in ("first", "last", "same"))] for row in probe["order"]]), "",
            *_table(["question", *(f"{name} words" for name in families), "the same answer to all"],
                    [[row["kind"], *(_interval(row["families"][name]) if name in row["families"] else "-" for name in families), _interval(row["same"])]
                     for row in probe["groups"]])]


def _of_tally(tally: Mapping) -> dict:
    return {"share": tally["accuracy"], "n": tally["n"], "low": tally["low"], "high": tally["high"]}


def _interval(share: Mapping) -> str:
    return f"{share['share']:.1%} ({100 * share['low']:.0f} to {100 * share['high']:.0f}%)" if share["n"] else "-"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _table(head: Sequence, rows: Sequence[Sequence]) -> list[str]:
    return ["| " + " | ".join(map(str, cells)) + " |" for cells in (head, ["---"] * len(head), *rows)]
