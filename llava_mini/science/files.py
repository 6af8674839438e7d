"""Result files of ScienceQA: the authors' JSON written and read, and answers a line read too.

The authors' ``eval_science_qa.py`` writes one object: ``acc`` (in percent), ``correct``, ``count``, ``results`` (id ->
index of the chosen option, -1 for none) and ``outputs`` (id -> the model's text; "FAILED" where there was no answer).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
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
    problems: list[str] = field(default_factory=list)       # one sentence for each fault, with file and id
    name: str = ""                                          # of the file


def write_results(path, problems: Sequence[Problem], texts: Mapping[str, str]) -> dict:
    """Writes a model's texts in the authors' format, read as :mod:`.extract` reads them, and returns what was written.

    Problems without a text get "FAILED" and -1, as in the authors' files. InputError for texts of unknown problems.
    """
    unknown = sorted(set(texts) - {problem.id for problem in problems})
    if unknown:
        raise InputError(f"There are texts for problems that are not asked here ({', '.join(unknown[:5])}); give the same problems.")
    indices = {}
    for problem in problems:
        index = read(texts[problem.id], len(problem.choices)).index if problem.id in texts else None
        indices[problem.id] = NONE if index is None else index
    correct = sum(indices[problem.id] == problem.answer for problem in problems)
    found = {"acc": 100 * correct / len(problems) if problems else 0.0, "correct": correct, "count": len(problems), "results": indices,
             "outputs": {problem.id: texts.get(problem.id, FAILED) for problem in problems}}
    path = Path(path)
    make_folder(path.parent)
    write_safely(path, json.dumps(found, indent=2, ensure_ascii=False).encode())
    return found


def read_results(path, problems: Sequence[Problem]) -> Outputs:
    """The answers of a result file (.json, the authors' or ours) or of an answer file (.jsonl, one object a line).

    Unknown and doubled ids, rows of a wrong type and broken lines do not stop the reading: each is named in
    ``problems``, and the rest counts. Of doubled ids the first counts in a .jsonl file, the last in a .json file, as
    their readers do. InputError for a file that is no JSON or of another form.
    """
    path = existing(path, (".json", ".jsonl"), "results")
    if path.suffix == ".jsonl":
        rows = read_answers(path, questions(problems))
        return Outputs({name: row["text"] for name, row in rows.rows.items()}, problems=rows.problems, name=path.name)
    twice = doubled(path)
    data = read_json(path)
    if not isinstance(data, dict) or not (isinstance(data.get("outputs"), dict) or isinstance(data.get("results"), dict)):
        raise InputError(f"{path.name}: the file must hold an object with results and outputs, not {kind(data)} without them; give "
                         "the file that eval_science_qa.py writes, or answers a line in a .jsonl file.")
    found = Outputs(name=path.name, problems=[f"{path.name}: {name!r} comes twice in one object; the last one counts." for name in twice])
    known = {problem.id: problem for problem in problems}
    _texts(data.get("outputs"), known, found)
    _indices(data.get("results"), known, found)
    _sums(data, known, found)
    return found


def _texts(outputs, known: dict[str, Problem], found: Outputs) -> None:
    for name, text in outputs.items() if isinstance(outputs, dict) else ():
        if name not in known:
            found.problems.append(f"{found.name}, outputs: {name!r} is not among the problems; it is not counted.")
        elif not isinstance(text, str):
            found.problems.append(f"{found.name}, outputs: {name!r} has {kind(text)} where a text should be; it is not counted.")
        elif text != FAILED:
            found.texts[name] = text


def _indices(results, known: dict[str, Problem], found: Outputs) -> None:
    """Takes an index where there is no text, and tells where it is another than the text says."""
    for name, index in results.items() if isinstance(results, dict) else ():
        where = f"{found.name}, results: {name!r}"
        if name not in known:
            found.problems.append(f"{where} is not among the problems; it is not counted.")
        elif type(index) is not int or not NONE <= index < len(known[name].choices):
            found.problems.append(f"{where} has {index!r} where a number from -1 to {len(known[name].choices) - 1} should be; "
                                  "it is not counted.")
        elif name in found.texts:
            ours = read(found.texts[name], len(known[name].choices)).index
            if (NONE if ours is None else ours) != index:
                found.problems.append(f"{where} has {index}, but its text is read as {NONE if ours is None else ours}; the text counts.")
        elif index != NONE:
            found.indices[name] = index


def _sums(data: dict, known: dict[str, Problem], found: Outputs) -> None:
    """Tells where the file's own sums do not follow from its rows."""
    results = data.get("results")
    if not isinstance(results, dict) or set(results) != set(known):
        return
    correct = sum(results[name] == known[name].answer for name in known)
    for name, own in (("correct", correct), ("count", len(known)), ("acc", 100 * correct / len(known))):
        if name in data and not (isinstance(data[name], (int, float)) and abs(data[name] - own) < 0.005):
            found.problems.append(f"{found.name}, {name}: {data[name]!r}, but the file's own results give {own:g}; they count.")
