"""Result files of ScienceQA: the authors' JSON written and read, and answers a line read too.

The authors' ``eval_science_qa.py`` writes one object: ``acc`` (in percent), ``correct``, ``count``, ``results`` (id ->
index of the chosen option, -1 for none) and ``outputs`` (id -> the model's text; "FAILED" where there was no answer).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import NAMED, InputError, few
from ..evaluation.answers import read_answers
from ..files import make_folder, write_safely
from ..json_files import existing, kind, read_json
from .extract import read
from .problems import Problem, doubled
from .prompts import questions

FAILED, NONE = "FAILED", -1


@dataclass
class Outputs:
    """What a model said, and what is wrong with the file that tells it."""

    texts: dict[str, str] = field(default_factory=dict)     # id -> text; an id without an answer is not in it
    indices: dict[str, int] = field(default_factory=dict)   # id -> index, where a file has an index and no text; NONE for none
    problems: list[str] = field(default_factory=list)       # a sentence for each fault, with file and id; one for all unknown ids
    unknown: list[str] = field(default_factory=list)        # those of the problems that are about ids which nobody asked for
    name: str = ""                                          # of the file


def write_results(path, problems: Sequence[Problem], texts: Mapping[str, str]) -> dict:
    """Writes a model's texts in the authors' format, read as :mod:`.extract` reads them, and returns what was written.

    Problems without a text get "FAILED" and -1, as in the authors' files. A file that says the same already keeps its date.
    InputError for texts of unknown problems.
    """
    unknown = sorted(set(texts) - {problem.id for problem in problems})
    if unknown:
        raise InputError(f"There are texts for problems that are not asked here ({few(unknown)}); give the same problems.")
    indices = {}
    for problem in problems:
        index = read(texts[problem.id], len(problem.choices)).index if problem.id in texts else None
        indices[problem.id] = NONE if index is None else index
    correct = sum(indices[problem.id] == problem.answer for problem in problems)
    found = {"acc": 100 * correct / len(problems) if problems else 0.0, "correct": correct, "count": len(problems), "results": indices,
             "outputs": {problem.id: texts.get(problem.id, FAILED) for problem in problems}}
    path, data = Path(path), json.dumps(found, indent=2, ensure_ascii=False).encode()
    make_folder(path.parent)
    if not path.exists() or path.read_bytes() != data:
        write_safely(path, data)
    return found


def read_results(path, problems: Sequence[Problem]) -> Outputs:
    """The answers of a result file (.json, the authors' or ours) or of an answer file (.jsonl, one object a line).

    Unknown and doubled ids, rows of a wrong type and broken lines do not stop the reading: they are named in
    ``problems``, of many of one sort the first few and how many there are, and the rest counts. Of doubled ids the first
    counts in a .jsonl file, the last in a .json file, as their readers do. InputError for a file that is no JSON or of
    another form.
    """
    path = existing(path, (".json", ".jsonl"), "results")
    if path.suffix == ".jsonl":
        rows = read_answers(path, questions(problems))
        found = Outputs({name: row["text"] for name, row in rows.rows.items()}, problems=[line for line in rows.problems if line not in rows.unknown],
                        name=path.name)
        _unknown(list(rows.unknown.values()), path.name, found)
        return found
    twice = doubled(path)
    data = read_json(path)
    if not isinstance(data, dict) or not (isinstance(data.get("outputs"), dict) or isinstance(data.get("results"), dict)):
        raise InputError(f"{path.name}: the file must hold an object with results and outputs, not {kind(data)} without them; give "
                         "the file that eval_science_qa.py writes, or answers a line in a .jsonl file.")
    found = Outputs(name=path.name, problems=_first([f"{path.name}: {name!r} comes twice in one object; the last one counts." for name in twice],
                                                    path.name))
    known = {problem.id: problem for problem in problems}
    failed = _texts(data.get("outputs"), known, found)
    _indices(data.get("results"), known, found, failed)
    _sums(data, known, found, failed)
    return found


def _unknown(ids: Sequence[str], where: str, found: Outputs) -> None:
    """Adds one sentence on all ids that nobody asked for: a file of all splits has thousands of them."""
    quoted = few([repr(name) for name in ids])
    if ids:
        found.unknown.append(f"{where}: {quoted} is not among the problems; it is not counted." if len(ids) == 1 else
                             f"{where}: {len(ids):,} ids are not among the problems ({quoted}); they are not counted.")
        found.problems.append(found.unknown[-1])


def _first(sentences: Sequence[str], where: str) -> list[str]:
    """The first few of the sentences on faults of one sort, and how many more there are."""
    more = len(sentences) - NAMED
    return [*sentences[:NAMED], *([f"{where}: {more:,} more of the sort just told."] if more > 0 else [])]


def _texts(outputs, known: dict[str, Problem], found: Outputs) -> set[str]:
    """Takes the texts; returns the ids that have none but ``FAILED``."""
    unknown, odd = [], []
    for name, text in outputs.items() if isinstance(outputs, dict) else ():
        if name not in known:
            unknown.append(name)
        elif not isinstance(text, str):
            odd.append(f"{found.name}, outputs: {name!r} has {kind(text)} where a text should be; it is not counted.")
        elif text != FAILED:
            found.texts[name] = text
    found.problems += _first(odd, f"{found.name}, outputs")
    _unknown(unknown, f"{found.name}, outputs", found)
    return {name for name, text in outputs.items() if text == FAILED} if isinstance(outputs, dict) else set()


def _indices(results, known: dict[str, Problem], found: Outputs, failed: set[str]) -> None:
    """Takes an index where there is no text, and tells where it is another than the text says, or stands where there was no answer."""
    unknown, odd, other, drawn = [], [], [], []
    for name, index in results.items() if isinstance(results, dict) else ():
        where = f"{found.name}, results: {name!r}"
        if name not in known:
            unknown.append(name)
        elif type(index) is not int or not NONE <= index < len(known[name].choices):
            odd.append(f"{where} has {index!r} where a number from -1 to {len(known[name].choices) - 1} should be; it is not counted.")
        elif name in found.texts:
            ours = read(found.texts[name], len(known[name].choices)).index
            if (NONE if ours is None else ours) != index:
                other.append(f"{where} has {index}, but its text is read as {NONE if ours is None else ours}; the text counts.")
        elif index != NONE and name in failed:
            drawn.append(name)
        elif index != NONE:
            found.indices[name] = index
    if drawn:
        found.problems.append(f"{found.name}, results: {len(drawn):,} ids have an index although their output is {FAILED!r} ({few(drawn)}); "
                              "it may have been drawn by lot, so they count as not answered.")
    for sentences in (other, odd):
        found.problems += _first(sentences, f"{found.name}, results")
    _unknown(unknown, f"{found.name}, results", found)


def _sums(data: dict, known: dict[str, Problem], found: Outputs, failed: set[str]) -> None:
    """Tells where the file's own sums do not follow from its rows."""
    results = data.get("results")
    if not isinstance(results, dict) or set(results) != set(known):
        return
    correct = sum(results[name] == known[name].answer for name in known if name not in failed)
    for name, own in (("correct", correct), ("count", len(known)), ("acc", 100 * correct / len(known))):
        if name in data and not (isinstance(data[name], (int, float)) and abs(data[name] - own) < 0.005):
            found.problems.append(f"{found.name}, {name}: {data[name]!r}, but the file's own results give {own:g}; they count.")
