"""ScienceQA's two files: ``problems.json`` with the questions and ``pid_splits.json`` with who belongs where.

One problem, under its id::

    "17": {"question": "Which animal has six legs?", "choices": ["an ant", "a dog"], "answer": 0, "hint": "",
           "image": null, "task": "closed choice", "grade": "grade2", "subject": "natural science", "topic": "biology",
           "category": "Animals", "skill": "Count legs", "lecture": "...", "solution": "...", "split": "train"}

Pictures lie where the real set has them: ``images/<split>/<id>/<image>``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..json_files import a_list, a_text, check_text, existing, kind, read_json, refuse

LETTERS = "ABCDE"                       # the authors' options
SUBJECTS = {"natural science": "NAT", "social science": "SOC", "language science": "LAN"}
COLUMNS = ("NAT", "SOC", "LAN", "TXT", "IMG", "NO", "G1-6", "G7-12", "Avg")     # of the paper's Table 7
SPLITS = ("train", "val", "test")       # what a problem's own field may say
FIELDS = ("question", "choices", "answer", "hint", "image", "task", "grade", "subject", "topic", "category", "skill", "lecture",
          "solution", "split")


@dataclass(frozen=True, slots=True)
class Problem:
    """One question with its key."""

    id: str
    question: str
    choices: tuple[str, ...]            # two to five
    answer: int                         # index of the right choice, from 0
    hint: str                           # the text context; "" for none
    image: str | None                   # file name of the picture; None without one
    task: str                           # "closed choice", "yes or no", "true-or false"
    grade: int                          # 1 to 12
    subject: str                        # a key of SUBJECTS
    topic: str
    category: str
    skill: str
    lecture: str                        # may be "" in the real set, as may the solution
    solution: str
    split: str                          # one of SPLITS

    @property
    def letter(self) -> str:
        """The right choice as a letter."""
        return LETTERS[self.answer]

    @property
    def picture(self) -> str | None:
        """Where the picture lies below ``images``; None without one."""
        return f"{self.split}/{self.id}/{self.image}" if self.image else None

    def as_json(self) -> dict:
        """The problem as the file holds it."""
        row = {name: getattr(self, name) for name in FIELDS}
        return row | {"choices": list(self.choices), "grade": f"grade{self.grade}"}


@dataclass(frozen=True, slots=True)
class Problems:
    """All problems of a file, and the ids of each split."""

    by_id: dict[str, Problem]
    splits: dict[str, tuple[str, ...]]

    def of(self, split: str) -> list[Problem]:
        """The problems of a split, in its order. InputError for a split that is not there."""
        if split not in self.splits:
            raise InputError(f"There is no split {split!r} among these problems; choose one of {', '.join(self.splits)}.")
        return [self.by_id[name] for name in self.splits[split]]


def columns(problem: Problem) -> tuple[str, ...]:
    """The columns of Table 7 in which a problem counts: subject, context, grade and the average.

    A problem with a text and a picture counts under TXT and IMG alike, so the two overlap; NO is neither.

    >>> columns(problem)                                                # doctest: +SKIP
    ('NAT', 'TXT', 'IMG', 'G1-6', 'Avg')
    """
    context = [name for name, there in (("TXT", problem.hint.strip()), ("IMG", problem.image)) if there]
    return (SUBJECTS[problem.subject], *(context or ["NO"]), "G1-6" if problem.grade <= 6 else "G7-12", "Avg")


def read_problems(path, splits=None, pictures=None) -> Problems:
    """The problems of a folder, or of a ``problems.json`` that may have another name.

    ``splits`` is the file of splits; left out, the ``pid_splits.json`` beside the problems, and where there is none
    the problems' own field ``split`` decides. With ``pictures``, the folder ``images``, every picture must lie there.

    Raises one InputError with a sentence for each fault (the first ten): file, problem, field and what to do.
    """
    path = Path(path)
    path = existing(path / "problems.json" if path.is_dir() else path, (".json",), "problems")
    problems, faults = {}, [f"{path.name}: {name!r} stands twice in one object; write each id and field once." for name in doubled(path)]
    for name, item in _object(path, "problems").items():
        found = _problem(name, item, path.name)
        if isinstance(found, Problem):
            problems[name] = found
        else:
            faults += found
    refuse(faults, "problems")
    beside = path.parent / "pid_splits.json"
    if splits is None and not beside.is_file():
        of = {split: tuple(name for name, problem in problems.items() if problem.split == split) for split in SPLITS}
        of = {split: names for split, names in of.items() if names}
    else:
        of = _splits(existing(splits or beside, (".json",), "splits"), problems, path.name)
    if pictures is not None:
        refuse([f"{path.name}, problem {one.id!r}, field 'image': there is no picture {one.picture} in {Path(pictures).name}; put it "
                "there, or write null." for one in problems.values() if one.image and not (Path(pictures) / one.picture).is_file()],
               "problems")
    return Problems(problems, of)


def doubled(path: Path) -> list[str]:
    """Names that come twice in one object of a JSON file. Python's own reader keeps the last and says nothing."""
    found: list[str] = []

    def pairs(items: list) -> dict:
        found.extend(name for name, number in Counter(name for name, _ in items).items() if number > 1)
        return dict(items)

    read_json(path)                                         # tells what is wrong with a file that is no JSON
    json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=pairs)
    return found


def _object(path: Path, what: str) -> dict:
    found = read_json(path)
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path.name}: the file must hold an object of {what}, not {'an empty one' if found == {} else kind(found)}; "
                         "write {\"id\": ...}.")
    return found


def _problem(name: str, item, file: str) -> Problem | list[str]:
    """One problem, or all that is wrong with it."""
    where, faults, read = f"{file}, problem {name!r}", [], {}
    if not isinstance(item, dict):
        return [f"{where}: not an object but {kind(item)}; write question, choices, answer and the other fields."]
    if not _is_plain(name):
        faults.append(f"{where}: an id is part of a file's path, so it must not hold a slash; write another one.")
    for field, how in _READERS.items():
        try:
            if field not in item:
                raise InputError(f"field {field!r}: missing; write it.")
            read[field] = how(item, field)
        except InputError as error:
            faults.append(f"{where}, {error}")
    if "choices" in read and "answer" in read and not 0 <= read["answer"] < len(read["choices"]):
        faults.append(f"{where}, field 'answer': {read['answer']} is not one of the {len(read['choices'])} choices; write a number from 0 to "
                      f"{len(read['choices']) - 1}.")
    return faults or Problem(name, **read)


def _is_plain(name: str) -> bool:
    """Can it be the name of a file or a folder, and of none elsewhere?"""
    return re.fullmatch(r"[^/\\\0]+", name) is not None and name not in (".", "..")


def _text(item: dict, field: str) -> str:
    return a_text(item[field], f"field {field!r}")


def _maybe_empty(item: dict, field: str) -> str:
    if not isinstance(item[field], str):
        raise InputError(f"field {field!r}: must be a text, not {kind(item[field])}; write \"\" for none.")
    check_text(item[field], f"field {field!r}")
    return item[field]


def _choices(item: dict, field: str) -> tuple[str, ...]:
    choices = a_list(item, field)
    if not 2 <= len(choices) <= len(LETTERS):
        raise InputError(f"field {field!r}: {len(choices)} of them; write two to {len(LETTERS)}.")
    return tuple(a_text(choice, f"field {field!r}, number {number}") for number, choice in enumerate(choices, 1))


def _answer(item: dict, field: str) -> int:
    if type(item[field]) is not int:
        raise InputError(f"field {field!r}: must be the number of the right choice, not {kind(item[field])}; write 0 for the first.")
    return item[field]


def _image(item: dict, field: str) -> str | None:
    name = item[field]
    if name is None:
        return None
    if not isinstance(name, str) or not _is_plain(name):
        raise InputError(f"field {field!r}: must be a file name without folders; write one, or null for no picture.")
    check_text(name, f"field {field!r}")
    return name


def _grade(item: dict, field: str) -> int:
    found = re.fullmatch(r"grade(1[0-2]|[1-9])", item[field]) if isinstance(item[field], str) else None
    if not found:
        raise InputError(f"field {field!r}: {item[field]!r} is none; write grade1 to grade12.")
    return int(found[1])


def _one_of(names) -> object:
    def read(item: dict, field: str) -> str:
        if item[field] not in tuple(names):
            raise InputError(f"field {field!r}: {item[field]!r} is unknown; write one of {', '.join(names)}.")
        return item[field]
    return read


_READERS = {"question": _text, "choices": _choices, "answer": _answer, "hint": _maybe_empty, "image": _image, "task": _text,
            "grade": _grade,
            "subject": _one_of(SUBJECTS), "topic": _text, "category": _text, "skill": _text, "lecture": _maybe_empty,
            "solution": _maybe_empty, "split": _one_of(SPLITS)}


def _splits(path: Path, problems: dict[str, Problem], file: str) -> dict[str, tuple[str, ...]]:
    faults, splits = [f"{path.name}: {name!r} stands twice in one object; write each split once." for name in doubled(path)], {}
    for split, names in _object(path, "splits").items():
        where = f"{path.name}, split {split!r}"
        if not isinstance(names, list):
            faults.append(f"{where}: must be a list of ids, not {kind(names)}; write one.")
            continue
        names = [str(name) if type(name) is int else name for name in names]
        texts = [name for name in names if isinstance(name, str)]
        faults += [f"{where}: {name!r} is no id; write a text." for name in names if not isinstance(name, str)]
        faults += [f"{where}: the id {name!r} comes {n} times; write it once." for name, n in Counter(texts).items() if n > 1]
        faults += [f"{where}: there is no problem {name!r} in {file}; add it there or take it out here." for name in texts
                   if name not in problems]
        if split in SPLITS:
            faults += [f"{where}: problem {name!r} says in its field 'split' that it is of {problems[name].split!r}; make the two agree."
                       for name in texts if name in problems and problems[name].split != split]
        splits[split] = tuple(texts)
    refuse(faults, "entries of the splits")
    return splits
