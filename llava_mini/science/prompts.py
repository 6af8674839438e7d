"""ScienceQA as the model sees it: question, context and options in, reasoning and a letter out.

The layout is that of the authors' ``convert_sqa_to_llava`` (their format "QCM"); paper, section 5.2::

    Which animal has six legs?
    Context: N/A
    Options: (A) an ant (B) a dog

Targets: reasoning first ("LEA", the paper's best), answer first ("ALE") or the answer alone ("A").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..conversation import IMAGE
from ..errors import InputError
from ..evaluation.answers import Question, Shown
from ..json_list import write_list
from .problems import LETTERS, SUBJECTS, Problem

REASONING, ANSWER_FIRST, ANSWER = "reasoning-first", "answer-first", "answer"
FORMS = (REASONING, ANSWER_FIRST, ANSWER)
ANSWERS = "The answer is"
SYSTEM = ("You answer multiple-choice questions of science at school. You see no picture; if a question needs one, say that you cannot "
          "answer. "
          "Otherwise give your reasons and end with: The answer is B.")


def question(problem: Problem) -> str:
    """The text of a problem, without the mark of its picture. InputError where it has such a mark in its own words."""
    options = " ".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, problem.choices))
    text = f"{problem.question}\nContext: {problem.hint.strip() or 'N/A'}\nOptions: {options}"
    if IMAGE in text:
        raise InputError(f"Problem {problem.id!r}: its text holds {IMAGE}, which marks a picture; write something else there.")
    return text


def options(text: str) -> tuple[str, ...]:
    """The choices in a text that :func:`question` has written. InputError where there are none.

    >>> options("Which animal has six legs?\\nContext: N/A\\nOptions: (A) an ant (B) a dog")
    ('an ant', 'a dog')
    """
    found = re.search(r"^Options: \(A\) (.+)$", text, re.MULTILINE)
    if not found:
        raise InputError("The text holds no line of options; write it as prompts.question does.")
    return tuple(re.split(r" \([B-E]\) ", found[1]))


def answer_in_words(choice: str) -> str:
    """The answer of a model that writes no letters (see choosing.py): "The answer is a dog."."""
    return f"{ANSWERS} {choice.rstrip('.')}."


def target(problem: Problem, form: str = REASONING, letters: bool = True) -> str:
    """What the model shall say. Where lecture and solution are empty, all forms are the answer alone.

    Without ``letters`` the answer is the choice in its words.

    >>> target(problem)                                                 # doctest: +SKIP
    'Insects have six legs. An ant is an insect. The answer is A.'
    """
    if form not in FORMS:
        raise InputError(f"There is no form {form!r} of the target; choose one of {', '.join(FORMS)}.")
    answer = f"{ANSWERS} {problem.letter}." if letters else answer_in_words(problem.choices[problem.answer])
    reasons = " ".join(text.strip() for text in (problem.lecture, problem.solution) if text.strip())
    if form == ANSWER or not reasons:
        return answer
    return f"{reasons} {answer}" if form == REASONING else f"{answer} BECAUSE: {reasons}"


def sample(problem: Problem, form: str = REASONING, image_last: bool = False) -> dict:
    """A problem as a sample in LLaVA's schema (see data.py); its picture is named below the folder ``images``.

    The mark stands before the text, as in the authors' evaluation; their training files have it after the text
    (``image_last``), and name pictures below ``images/<split>``.
    """
    text = question(problem)
    if problem.image:
        text = f"{text}\n{IMAGE}" if image_last else f"{IMAGE}\n{text}"
    return {"id": problem.id, **({"image": problem.picture} if problem.image else {}),
            "conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": target(problem, form)}]}


def write_samples(path, problems: Iterable[Problem], form: str = REASONING, image_last: bool = False) -> int:
    """Writes the samples of these problems into a .json or .jsonl file. Returns how many."""
    return write_list(Path(path), (sample(problem, form, image_last) for problem in problems))


def questions(problems: Iterable[Problem]) -> list[Question]:
    """The problems as ``evaluation.answers.ask`` takes them, in the same order."""
    return [Question(one.id, one.picture or "", question(one), SUBJECTS[one.subject], target(one), one.letter, one.split)
            for one in problems]


def shown(problems: Iterable[Problem], images) -> list[Shown]:
    """The pictures that go with :func:`questions`; none where a problem has none."""
    return [Shown(one.picture, Path(images) / one.picture) if one.image else Shown(None, None) for one in problems]


def text_only(problem: Problem) -> list[dict]:
    """The messages for a model without eyes (the paper's text-only GPT-4): it is told that it sees no picture."""
    there = "\n(The question comes with a picture, which is not shown.)" if problem.image else ""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(problem) + there}]
