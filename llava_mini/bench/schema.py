"""Questions, contexts, answers and reviews of LLaVA-Bench as files, in the authors' JSONL schemas, every field checked.

::

    question   {"question_id": 0, "image": "p1.jpg", "text": "What is on the left?", "category": "conv"}
    answer     {"question_id": 0, "prompt": "What is ...", "text": "A dog.", "answer_id": "x7", "model_id": "mini", "metadata": {}}
    reference  an answer; the authors' file of them has question_id, text and category only
    review     {"id": 1, "question_id": 0, "answer1_id": "r0", "answer2_id": "x7", "category": "conv", "content": "8 9\\n...", "tuple": [8, 9]}
    context    {"id": "p1", "image": "p1.jpg", "captions": ["..."], "instances": [...]}, or with one field "caption" as In-the-Wild has it

Fields besides these are allowed everywhere. Our questions may have "kind" and "value" (what an exact answer must say),
our reviews "model", "prompt", "date", "swapped" and more, see :mod:`.judge`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import annotations
from ..errors import InputError, few
from ..files import make_folder, write_safely
from ..json_files import a_text, an_id, check_text, existing, is_number, kind, read_lines, refuse

KINDS = ("conv", "detail", "complex")
_PREFIX = "llava_bench_"                # before a category in the authors' reviews of In-the-Wild
_COCO = re.compile(r"COCO_\w+?_(\d{12}\.\w+)")


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one picture."""

    id: str | int                       # as in the file: the authors number theirs
    image: str
    text: str
    category: str                       # "conv", "detail" or "complex"; other benchmarks may have others
    kind: str | None = None             # of exact answers: "colour", "count", ...
    value: str | None = None            # what an answer must say to be exactly right


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; an empty text is an answer too."""

    question_id: str | int
    text: str
    answer_id: str | int                # the authors fall back on the question's id where there is none
    model_id: str | None = None
    prompt: str | None = None           # what was asked, where the file tells


@dataclass(frozen=True, slots=True)
class Review:
    """One verdict as it came."""

    question_id: str | int
    category: str
    content: str                        # all that the judge wrote
    tuple: tuple[float, float] | None   # (reference, candidate) as the file says; scores.py reads the content again
    swapped: bool = False               # was the candidate shown as Assistant 1?
    judge: tuple[str, str] = ("", "")   # model and digest of the prompt's fixed words, where the file tells


@dataclass
class Found:
    """The rows of a file by the text of their question's id, and what is wrong with the others: one sentence each."""

    path: Path
    rows: dict = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def whole(self, what: str = "answers") -> Found:
        """Itself. Raises one InputError with the first ten faults, if there are any."""
        refuse(self.faults, what)
        return self


def read_questions(path) -> list[Question]:
    """All questions of a file. Raises one InputError that lists the first ten faults: file, line, field and remedy."""
    path, questions, faults, first = Path(path), [], [], {}
    for number, row in _rows(path, "questions", _question, faults):
        if first.setdefault(str(row.id), number) != number:
            faults.append(f"{path.name}, line {number}: question_id {row.id!r} was used in line {first[str(row.id)]}; give each question its own.")
        questions.append(row)
    refuse(faults, "questions")
    if not questions:
        raise InputError(f"{path.name}: there is no question in it; give a file with at least one.")
    return questions


def read_answers(path, questions: Sequence[Question]) -> Found:
    """The answers to these questions, candidates or references. Faults, missing, doubled and unknown ids are told in ``faults``.

    An answer whose "prompt" holds another question is of another benchmark, as ids are numbers from 0 in each; it does not count.
    Of two answers to a question the first counts. Raises InputError only where there is no such file.
    """
    return _joined(path, questions, "answers", _answer)


def read_reviews(path, questions: Sequence[Question]) -> Found:
    """The reviews of these questions, ours or the authors'. Faults as in :func:`read_answers`."""
    return _joined(path, questions, "reviews", _review)


def read_contexts(path, questions: Sequence[Question]) -> dict[str, str]:
    """{text of a question's id: the picture in words}, from any source of :func:`..annotations.load` or In-the-Wild's captions.

    A picture is found by its name, with or without "COCO_val2014_". Raises InputError for a picture that is not there, or there
    twice with different words.
    """
    path = Path(path)
    pairs = _wild(path) if path.suffix == ".jsonl" and _is_wild(path) else [
        (record.image, annotations.context(record)) for record in annotations.load(path)]
    plain: dict[str, str] = {}
    doubled = [name for name, text in pairs if plain.setdefault(_COCO.sub(r"\1", name), text) != text]
    if doubled:
        raise InputError(f"{path.name}: pictures that come twice with different words: {len(doubled)} ({few(list(dict.fromkeys(doubled)))}); "
                         "keep one description of each.")
    missing = list(dict.fromkeys(q.image for q in questions if _COCO.sub(r"\1", q.image) not in plain))
    if missing:
        raise InputError(f"{path.name}: pictures of the questions that are not in it: {len(missing)} ({few(missing)}); "
                         "give the captions and boxes of all of them.")
    return {str(q.id): plain[_COCO.sub(r"\1", q.image)] for q in questions}


def write_questions(path, questions: Sequence[Question]) -> None:
    """Questions as :func:`read_questions` reads them, a kind and a value only where there are."""
    rows = [{"question_id": q.id, "image": q.image, "text": q.text, "category": q.category,
             **{name: getattr(q, name) for name in ("kind", "value") if getattr(q, name) is not None}} for q in questions]
    write_rows(path, rows)


def write_answers(path, questions: Sequence[Question], texts: Sequence[str], model_id: str, metadata: dict | None = None) -> None:
    """One answer for each question, in the questions' order: the authors' scripts join the files line by line."""
    rows = []
    for q, text in zip(questions, texts, strict=True):
        key = hashlib.sha256(json.dumps([model_id, q.id, q.image, q.text, text]).encode()).hexdigest()[:22]
        rows.append({"question_id": q.id, "prompt": q.text, "text": text, "category": q.category, "answer_id": key, "model_id": model_id,
                     "metadata": metadata or {}})
    write_rows(path, rows)


def write_rows(path, rows: Sequence[dict]) -> None:
    """A whole JSONL file at once, or none of it."""
    path = Path(path)
    make_folder(path.parent)
    write_safely(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _rows(path: Path, what: str, parse: Callable, faults: list[str]) -> Iterator[tuple[int, object]]:
    """(line number, parsed row); a row that is at fault goes to ``faults``."""
    for number, row in read_lines(existing(path, (".jsonl", ".json"), what)):
        try:
            if isinstance(row, InputError):
                raise row
            if not isinstance(row, dict):
                raise InputError(f"not an object but {kind(row)}; write one object a line.")
            yield number, parse(row)
        except InputError as error:
            faults.append(f"{path.name}, line {number}: {error}")


def _joined(path, questions: Sequence[Question], what: str, parse: Callable) -> Found:
    found, lines, unknown, doubled, strange = Found(Path(path)), {}, [], [], []
    asked = {str(q.id): q for q in questions}
    for number, row in _rows(found.path, what, parse, found.faults):
        key = str(row.question_id)
        if key not in asked:
            unknown.append(key)
        elif lines.setdefault(key, number) != number:
            doubled.append(f"{key} in lines {lines[key]} and {number}")
        elif (prompt := getattr(row, "prompt", None)) is not None and " ".join(asked[key].text.split()) not in " ".join(prompt.split()):
            strange.append(key)
        else:
            found.rows[key] = row
    name, missing = found.path.name, [key for key in asked if key not in found.rows]
    if doubled:
        found.faults.append(f"{name}: questions with more than one {what[:-1]}: {len(doubled)} ({few(doubled)}); the first counts, remove the others.")
    if strange:
        found.faults.append(f"{name}: {what} whose prompt is not the question of that id: {len(strange)} of {len(asked)} ({few(strange)}); give the "
                            f"{what} to these questions.")
    if unknown:
        found.faults.append(f"{name}: {what} to questions that are not asked: {len(unknown)} ({few(unknown)}); remove them, or give their questions.")
    if missing:
        found.faults.append(f"{name}: questions without {what}: {len(missing)} of {len(asked)} ({few(missing)}); add their lines.")
    return found


def _question(row: dict) -> Question:
    if row.get("kind") is not None or row.get("value") is not None:
        for name in ("kind", "value"):
            a_text(row.get(name), f"field {name!r}")
    return Question(an_id(row, "question_id"), _text(row, "image"), _text(row, "text"), _category(row), row.get("kind"), row.get("value"))


def _answer(row: dict) -> Answer:
    name = an_id(row, "question_id")
    told = {"model_id": row.get("model_id"), "prompt": row.get("prompt") or None}
    model, prompt = (None if text is None else a_text(text, f"field {one!r}") for one, text in told.items())
    return Answer(name, _written(row, "text"), an_id(row, "answer_id") if "answer_id" in row else name, model, prompt)


def _review(row: dict) -> Review:
    scores, judge = row.get("tuple"), (str(row.get("model") or ""), str(row.get("prompt") or ""))
    if scores is not None and not (isinstance(scores, list) and len(scores) == 2 and all(map(is_number, scores))):
        raise InputError(f"field 'tuple': must be two numbers, not {json.dumps(scores)[:40]}; write [8, 9], or leave it out.")
    swapped = row.get("swapped", False)
    if not isinstance(swapped, bool):
        raise InputError("field 'swapped': must be true or false; correct it.")
    return Review(an_id(row, "question_id"), _category(row), _written(row, "content"), tuple(map(float, scores)) if scores else None, swapped, judge)


def _category(row: dict) -> str:
    return _text(row, "category").removeprefix(_PREFIX)


def _text(row: dict, name: str) -> str:
    if name not in row:
        raise InputError(f"field {name!r}: missing; write one.")
    return a_text(row[name], f"field {name!r}")


def _written(row: dict, name: str) -> str:
    """A text that may be empty: a model may say nothing."""
    if not isinstance(row.get(name), str):
        raise InputError(f"field {name!r}: {'missing' if name not in row else 'must be a text'}; write one, \"\" for none.")
    check_text(row[name], f"field {name!r}")
    return row[name]


def _is_wild(path: Path) -> bool:
    return any(isinstance(row, dict) and "caption" in row and "captions" not in row
               for _, row in read_lines(existing(path, (".jsonl",), "contexts")))


def _wild(path: Path) -> list[tuple[str, str]]:
    def parse(row: dict) -> tuple[str, str]:
        lines = row.get("caption")
        lines = lines if isinstance(lines, list) and lines else [lines]
        return _text(row, "image"), "\n".join(a_text(line, "field 'caption'").strip() for line in lines)

    faults: list[str] = []
    pairs = [pair for _, pair in _rows(path, "contexts", parse, faults)]
    refuse(faults, "contexts")
    return pairs
