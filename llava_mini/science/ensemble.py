"""LLaVA together with a text-only model, by the paper's two rules (section 5.2, end of Table 7), and who was right.

Complement: the text-only model's answer, and LLaVA's where the text-only model has none. Judge: where both answer and
differ, a text-only model sees the question and both answers and decides; where only one answers, it stands. A verdict
that cannot be read is never turned into a guess: LLaVA's answer stays, and the problem is counted as undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import InputError
from .extract import read
from .problems import LETTERS, SUBJECTS, Problem
from .prompts import question
from .score import Report

if TYPE_CHECKING:                       # else only where a server is asked: it takes a second to load
    from .asking import Ask

JUDGE = ("Two models have answered a multiple-choice question. You see no picture; one of them may have seen it. Weigh their reasons, "
         "give your own "
         "final answer and end with: The answer is B.")


@dataclass
class Judged:
    """The ensemble's answers in the order of the problems, and what the judge did."""

    chosen: list[int | None]
    asked: list[str] = field(default_factory=list)          # ids on which both answered and differed
    verdicts: dict[str, str | None] = field(default_factory=dict)   # id -> the judge's text; None where it gave none
    undecided: dict[str, str] = field(default_factory=dict)         # id -> why its verdict could not be read; LLaVA's answer stays

    def texts(self, problems: Sequence[Problem]) -> dict[str, str]:
        """The answers as texts, for ``files.write_results`` and ``score.score``; problems without an answer are left out."""
        return texts(problems, self.chosen)


def texts(problems: Sequence[Problem], chosen: Sequence[int | None]) -> dict[str, str]:
    """Chosen indices as texts by id."""
    return {problem.id: f"The answer is {LETTERS[index]}." for problem, index in zip(problems, chosen, strict=True) if index is not None}


def complement(text_only: Report, llava: Report) -> list[int | None]:
    """The complement rule, on two reports of the same problems: chosen indices in their order."""
    _same(text_only, llava)
    return [other if one is None else one for one, other in zip(text_only.chosen, llava.chosen)]


def judge(problems: Sequence[Problem], text_only: Report, llava: Report, said: tuple[Mapping[str, str], Mapping[str, str]],
          ask: Ask) -> Judged:
    """The judge rule. ``said`` holds the texts by id of the text-only model and of LLaVA; ``ask`` is the judge.

    A judge may be any function of prompts: a model of ours (``asking.by_model``) or a server (``server.by_server``).
    """
    _same(text_only, llava)
    if len(problems) != len(llava.chosen):
        raise InputError(f"{len(problems)} problems and {len(llava.chosen)} scored answers do not go together; score the same problems.")
    found = Judged(complement(text_only, llava))
    open_ = [n for n, (one, other) in enumerate(zip(text_only.chosen, llava.chosen)) if None not in (one, other) and one != other]
    prompts = [messages(problems[n], *(_said(side, problems[n], report.chosen[n]) for side, report in zip(said, (text_only, llava))))
               for n in open_]
    verdicts = list(ask(prompts)) if prompts else []
    if len(verdicts) != len(prompts):
        raise ValueError(f"the judge must give one verdict per prompt: asked {len(prompts)}, got {len(verdicts)}")
    for n, verdict in zip(open_, verdicts):
        name = problems[n].id
        reading = read(verdict or "", len(problems[n].choices))
        found.asked.append(name)
        found.verdicts[name] = verdict
        found.chosen[n] = llava.chosen[n] if reading.index is None else reading.index
        if reading.index is None:
            found.undecided[name] = "no verdict" if verdict is None else reading.reason
    return found


def messages(problem: Problem, one: str, other: str) -> list[dict]:
    """What the judge is asked: the question and the two answers, the text-only model's first."""
    note = "\n(The question comes with a picture, which the second model saw.)" if problem.image else ""
    return [{"role": "system", "content": JUDGE}, {"role": "user",
                                                   "content": f"{question(problem)}{note}\n\nFirst model: {one}\n\nSecond model: {other}"}]


@dataclass
class Row:
    """Who was right on some problems, where both answered."""

    n: int = 0                          # problems on which both answered
    both: int = 0                       # the same answer, and right
    wrong: int = 0                      # the same answer, and wrong
    text_only: int = 0                  # they differed, and the text-only model was right
    llava: int = 0                      # they differed, and LLaVA was right
    neither: int = 0                    # they differed, and nobody was right
    judge: int = 0                      # they differed, and the ensemble's final answer is right

    @property
    def differed(self) -> int:
        return self.text_only + self.llava + self.neither


def disagreements(problems: Sequence[Problem], text_only: Report, llava: Report, final: Sequence[int | None] | None = None) -> dict[str,
                                                                                                                                    Row]:
    """Rows NAT, SOC, LAN, IMG (with a picture), without and all. ``final`` are the ensemble's answers."""
    _same(text_only, llava)
    rows = {name: Row() for name in (*SUBJECTS.values(), "picture", "no picture", "all")}
    for n, problem in enumerate(problems):
        one, other = text_only.chosen[n], llava.chosen[n]
        if None in (one, other):
            continue
        key = problem.answer
        outcome = ("both" if one == key else "wrong") if one == other else "text_only" if one == key else "llava" if other == key else "neither"
        for name in (SUBJECTS[problem.subject], "picture" if problem.image else "no picture", "all"):
            row = rows[name]
            row.n += 1
            setattr(row, outcome, getattr(row, outcome) + 1)
            row.judge += final is not None and one != other and final[n] == key
    return rows


def table(rows: Mapping[str, Row], judged: bool = True) -> str:
    """The rows as plain text (as the paper's Table 10: who was right when the two disagreed)."""
    names = ("both answer", "same, right", "same, wrong", "differ", "text right", "LLaVA right", "neither") + ("judge right",) * judged
    lines = [f"{'':<12}" + "".join(f"{name:>13}" for name in names)]
    for name, row in rows.items():
        cells = (row.n, row.both, row.wrong, row.differed, row.text_only, row.llava, row.neither) + (row.judge,) * judged
        lines.append(f"{name:<12}" + "".join(f"{cell:>13,}" for cell in cells))
    return "\n".join(lines)


def _said(texts_: Mapping[str, str], problem: Problem, index: int) -> str:
    """A model's own words, or its letter where a file holds no text."""
    return texts_.get(problem.id) or f"The answer is {LETTERS[index]}."


def _same(text_only: Report, llava: Report) -> None:
    if len(text_only.chosen) != len(llava.chosen):
        raise InputError(f"The two reports are of {len(text_only.chosen)} and {len(llava.chosen)} problems; score the same "
                         "problems for both.")
