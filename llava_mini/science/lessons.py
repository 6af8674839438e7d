"""What a model learns from the training split: question in, reasons and a letter out, with the picture or without it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from ..conversation import IMAGE
from ..data import Sample
from . import ensemble, prompts
from .problems import LETTERS, Problem

PASS = "I cannot answer this without the picture."
JUDGED = 2                              # one problem in so many is judged too


def lessons(problems: Iterable[Problem], form: str = prompts.REASONING, eyes: bool = True, letters: bool = True) -> list[Sample]:
    """The problems as samples. Without ``eyes`` the pictures are left out, and nothing else changes.

    Without ``letters`` an answer is the choice in its words, see choosing.py.
    """
    found = []
    for problem in problems:
        picture = problem.picture if eyes else None
        asked = f"{IMAGE}\n{prompts.question(problem)}" if picture else prompts.question(problem)
        found.append(Sample(problem.id, (picture,) if picture else (), _turns(asked, prompts.target(problem, form, letters))))
    return found


def lessons_for_a_teacher(problems: Sequence[Problem], seed: int = 0, letters: bool = True) -> list[Sample]:
    """What makes the text-only parent play GPT-4: it passes where the picture is needed, and it judges two answers.

    The prompts are those that a server gets (``prompts.text_only``, ``ensemble.messages``). To learn judging, it sees the
    true answer beside a false one, in random order. A false answer is a true one with its words for the right choice, and
    its letter, changed into those of a wrong choice. Of judging, one problem in JUDGED is enough.
    """
    found = []
    for problem in problems:
        rng = random.Random(f"teacher/{seed}/{problem.id}")
        found.append(Sample(problem.id, (), [*prompts.text_only(problem), _said(PASS if problem.image else prompts.target(problem, letters=letters))]))
        if rng.random() < 1 / JUDGED:
            answers = [prompts.target(problem), false_answer(problem, rng)]
            rng.shuffle(answers)
            found.append(Sample(f"{problem.id}-judged", (),
                                [*ensemble.messages(problem, *answers),
                                                             _said(prompts.target(problem, prompts.ANSWER, letters))]))
    return found


def false_answer(problem: Problem, rng: random.Random) -> str:
    """A wrong answer with its reasons: the solution tells of a wrong choice what is true of the right one.

    >>> false_answer(ant, random.Random(0))                             # doctest: +SKIP
    'Insects have six legs. A dog is an insect. The answer is B.'
    """
    right, index = problem.choices[problem.answer], rng.choice([n for n in range(len(problem.choices)) if n != problem.answer])
    wrong, solution = problem.choices[index], problem.solution
    for old, new in ((right, wrong), (_capital(right), _capital(wrong))):
        solution = solution.replace(old, new)
    return " ".join(filter(None, (problem.lecture.strip(), solution.strip(), f"The answer is {LETTERS[index]}.")))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _turns(asked: str, answer: str) -> list[dict]:
    return [{"role": "user", "content": asked}, _said(answer)]


def _said(text: str) -> dict:
    return {"role": "assistant", "content": text}
