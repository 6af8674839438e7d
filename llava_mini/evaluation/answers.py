"""Questions and answers on disk, and the asking that fills the gap between them.

Questions are one JSON object per line: ``question_id, image, text, category`` (the kind of
question) as in the authors' evaluation files, and the key: ``answer`` (a sentence) and ``value``
(what the sentence must say, such as "red"). Answers are lines of the authors' schema
``question_id, prompt, text, answer_id, model_id, metadata``. An answer is on disk before the next
batch is asked, so a killed run loses at most the batch it was working on.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ..errors import InputError
from ..files import make_folder

# A batch of (picture or None, question) in, as many answers out. A picture is a Path or a PIL image.
Answerer = Callable[[list], Sequence[str]]


@dataclass(frozen=True)
class Question:
    """One held-out question with its key."""

    id: str
    image: str               # relative to the folder of pictures
    text: str
    kind: str                # "colour", "what", "count", ...; "category" in the file
    answer: str              # a right answer in words
    value: str               # what an answer must say to be right
    split: str = "test"      # "test", "unseen_pairs", ...; a field "split" in the file goes first
    number: int | None = None        # the id as it stands in a file that numbers its questions; their answers have it too


@dataclass(frozen=True)
class Shown:
    """The picture that goes with a question: its own, another one, a grey one or none."""

    name: str | None         # written to the answer's metadata
    picture: object | None   # Path or PIL image


@dataclass
class Answers:
    """An answer file: the first readable row of every question, and what was wrong with the rest."""

    path: Path
    rows: dict[str, dict] = field(default_factory=dict)      # question id -> row
    lines: dict[str, int] = field(default_factory=dict)      # question id -> line number
    problems: list[str] = field(default_factory=list)        # one sentence each, with file and line
    unknown: dict[str, str] = field(default_factory=dict)    # a sentence of problems -> the id in it, which no question has


def _lines(path: Path) -> Iterator[tuple[int, dict | str]]:
    """(line number, object) of every line that is not blank; a broken line gives the reason instead."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "not a JSON object"
        else:
            if isinstance(row, dict) and type(row.get("question_id")) is int:
                row["question_id"] = str(row["question_id"])     # the authors number their questions
            yield number, row if isinstance(row, dict) else "not a JSON object"


def _missing(row: dict, fields: Sequence[str]) -> str | None:
    return next((name for name in fields if not isinstance(row.get(name), str)), None)


def read_questions(path: str | Path, split: str = "test") -> list[Question]:
    """All questions of a file, in its order.

    ``split`` is the name for rows without a field "split". Ids must be unique within a split.
    Raises InputError with file, line and field for the first line that is wrong.
    """
    path, questions, seen = Path(path), [], {}
    for number, row in _lines(path):
        where = f"{path}, line {number}"
        if isinstance(row, str):
            raise InputError(f"{where}: {row}; write one question per line, as a JSON object.")
        name = _missing(row, ("question_id", "image", "text", "category", "answer", "value"))
        if name is not None:
            raise InputError(f"{where}: the field {name!r} is missing or not a text; add it as a string.")
        question = Question(row["question_id"], row["image"], row["text"], row["category"], row["answer"],
                            row["value"], row.get("split", split))
        if not isinstance(question.split, str):
            raise InputError(f"{where}: the field 'split' is not a text; write a name such as \"test\".")
        first = seen.setdefault((question.split, question.id), number)
        if first != number:
            raise InputError(f"{where}: question_id {question.id!r} was used in line {first}; give each question its own.")
        questions.append(question)
    if not questions:
        raise InputError(f"{path}: there is no question in it; make the questions again.")
    return questions


def read_answers(path: str | Path, questions: Sequence[Question]) -> Answers:
    """The answers of a file to these questions.

    Never raises for a bad row: broken lines, unknown and doubled ids go to ``problems``, each with
    file and line, and the first readable answer of a question is the one that counts. Missing
    answers are found by :func:`~.accuracy.score`.
    """
    answers, known = Answers(Path(path)), {question.id for question in questions}
    for number, row in _lines(answers.path):
        where = f"{answers.path}, line {number}"
        if isinstance(row, str):
            answers.problems.append(f"{where}: {row}; the answer is not counted.")
            continue
        name = _missing(row, ("question_id", "text"))
        if name is not None:
            answers.problems.append(f"{where}: the field {name!r} is missing or not a text; the answer is not counted.")
        elif row["question_id"] not in known:
            answers.problems.append(f"{where}: question_id {row['question_id']!r} is not among the questions; "
                                    "the answer is not counted.")
            answers.unknown[answers.problems[-1]] = row["question_id"]
        elif row["question_id"] in answers.rows:
            first = answers.lines[row["question_id"]]
            same = "the same" if answers.rows[row["question_id"]]["text"] == row["text"] else "another"
            answers.problems.append(f"{where}: question_id {row['question_id']!r} was answered in line {first} already, "
                                    f"with {same} text; the first one counts.")
        else:
            answers.rows[row["question_id"]], answers.lines[row["question_id"]] = row, number
    return answers


def repair(path: str | Path) -> None:
    """Make a file that a killed run left behind ready for appending.

    A last line without its newline is completed if it is whole; a half-written one is moved to
    ``<name>.half`` with a warning, so that its question is asked again and nothing is thrown away.
    """
    path = Path(path)
    if not path.exists():
        return
    try:
        data = path.read_bytes()
        rest = data.rpartition(b"\n")[2]
        if rest and _whole(rest):
            with open(path, "ab") as file:
                file.write(b"\n")
        elif rest:
            with open(path.with_name(path.name + ".half"), "ab") as half:
                half.write(rest + b"\n")
            os.truncate(path, len(data) - len(rest))
            warnings.warn(f"{path}, last line: half-written, moved to {path.name}.half; its question is asked again.",
                          stacklevel=3)
    except OSError as error:
        raise InputError(f"{path} cannot be made ready for more answers ({error.strerror}); make room on the disk, see that "
                         "the file is yours, and run again.") from None


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _check_same_run(answers: Answers, questions: Sequence[Question], shown: Sequence[Shown], model_id: str) -> None:
    """Answers of another model, question or picture must not be taken for this run's."""
    for question, picture in zip(questions, shown):
        row = answers.rows.get(question.id)
        if row is None:
            continue
        metadata = row.get("metadata") if isinstance(row.get("metadata"), dict) else {}
        for name, old, new in (("model_id", row.get("model_id"), model_id), ("prompt", row.get("prompt"), question.text),
                               ("metadata.image", metadata.get("image"), picture.name)):
            if old != new:
                raise InputError(f"{answers.path}, line {answers.lines[question.id]}: {name} is {old!r} where this run has "
                                 f"{new!r}; delete the file or give this run another folder.")


def ask(questions: Sequence[Question], shown: Sequence[Shown], answer: Answerer, path: str | Path, *,
        model_id: str, metadata: dict | None = None, batch_size: int = 32, progress: bool = True) -> Answers:
    """Ask every question that the file at ``path`` does not answer yet; returns all the answers.

    ``questions`` (of one split) and ``shown`` go together one to one. ``model_id`` must differ for
    different weights: a file of another model is refused with InputError, never mixed in.
    ``metadata`` is added to each row. Safe to kill at any moment and to call again.
    """
    path = Path(path)
    make_folder(path.parent)
    repair(path)
    done = read_answers(path, questions) if path.exists() else Answers(path)
    _check_same_run(done, questions, shown, model_id)
    for problem in done.problems:
        warnings.warn(problem, stacklevel=2)
    todo = [(question, picture) for question, picture in zip(questions, shown, strict=True) if question.id not in done.rows]
    bar = tqdm(total=len(questions), initial=len(questions) - len(todo), desc=path.stem, unit="answer", disable=not progress)
    with bar, _open(path) as file:
        for start in range(0, len(todo), batch_size):
            batch = todo[start:start + batch_size]
            texts = list(answer([(picture.picture, question.text) for question, picture in batch]))
            if len(texts) != len(batch) or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"answer() must return one text per question: asked {len(batch)}, got {len(texts)}")
            rows = [_row(question, picture, text, model_id, metadata) for (question, picture), text in zip(batch, texts)]
            try:
                data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                while data:                      # unbuffered: the system may take a part at a time
                    data = data[file.write(data):]
            except OSError as error:
                raise InputError(f"{path}: the answers cannot be written ({error.strerror}); what is there is kept, "
                                 "make room and run again.") from None
            bar.update(len(batch))
    return read_answers(path, questions)


def _open(path: Path):
    """The file to append to, unbuffered: an answer that was written is with the system at once."""
    try:
        return open(path, "ab", buffering=0)
    except OSError as error:
        raise InputError(f"{path} cannot be opened for answers ({error.strerror}); see that the file is yours, or give this "
                         "run another folder.") from None


def _row(question: Question, shown: Shown, text: str, model_id: str, metadata: dict | None) -> dict:
    # A fingerprint instead of a random id: the same run twice gives the same bytes.
    key = json.dumps([model_id, question.split, question.id, shown.name, text])
    return {"question_id": question.id if question.number is None else question.number, "prompt": question.text, "text": text,
            "answer_id": hashlib.sha256(key.encode()).hexdigest()[:22], "model_id": model_id,
            "metadata": {"split": question.split, "image": shown.name, **(metadata or {})}}
