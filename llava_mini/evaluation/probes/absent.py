"""Does it see what is not there? POPE's questions (Li et al., 2023): as many answers are yes as no, for each strategy.

A model that tends to yes is caught by its share of yes; one that answers from what pictures usually show, by doing worse
where the absent thing is popular or fits what is there. An answer that says neither yes nor no is wrong and counted as
unreadable (POPE's own script takes for yes whatever does not say no).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .asking import Given, Run
from .shares import Share

STRATEGIES = ("random", "popular", "adversarial")       # how what is absent is chosen, see storybook_staged/absent.py
MOST = 8                        # invented things that are named


@dataclass
class Strategy:
    name: str
    true_yes: int               # said yes, and it is there
    false_yes: int              # said yes, and it is not: hallucinated
    true_no: int
    false_no: int
    unreadable: int
    accuracy: Share
    precision: Share            # of what it says yes to, this is there
    recall: Share               # of what is there, it says yes to this
    f1: float                   # of precision and recall; 0 where it never says yes rightly
    yes: Share                  # answers that are yes; half would be right


@dataclass
class Absent:
    strategies: list[Strategy]
    invented: list[dict]        # {"category", "said", "asked"}: said to be there, of the times that it was not, most often first

    def table(self) -> str:
        lines = [f"  {row.name:<14}{row.accuracy}  precision {row.precision.share:.0%}  recall {row.recall.share:.0%}  F1 {row.f1:.2f}  yes {row.yes.share:.0%}"
                 for row in self.strategies]
        named = ", ".join(f"{one['category']} {one['said']} of {one['asked']}" for one in self.invented) or "nothing"
        return "\n".join(["Asked for what is not there (always yes: 50% right, F1 0.67)", *lines, f"  invented: {named}"])


def probe(run: Run) -> Absent:
    return score(run.ask("absent-true", run.asked("absent")))


def score(answers: list[Given]) -> Absent:
    rows = [_strategy(name, [given for given in answers if name in given.asked.about["strategies"]]) for name in STRATEGIES]
    asked = Counter(given.asked.about["category"] for given in answers if given.asked.question.value == "no")
    said = Counter(given.asked.about["category"] for given in answers if given.asked.question.value == "no" and given.value == "yes")
    order = sorted(said, key=lambda name: (-said[name], asked[name], name))[:MOST]
    return Absent(rows, [{"category": name, "said": said[name], "asked": asked[name]} for name in order])


def _strategy(name: str, answers: list[Given]) -> Strategy:
    counts = Counter((given.asked.question.value, given.value) for given in answers)
    true_yes, false_yes, true_no, false_no = counts["yes", "yes"], counts["no", "yes"], counts["no", "no"], counts["yes", "no"]
    n, there = len(answers), sum(times for (truth, _), times in counts.items() if truth == "yes")
    return Strategy(name, true_yes, false_yes, true_no, false_no, n - true_yes - false_yes - true_no - false_no,
                    Share(true_yes + true_no, n), Share(true_yes, true_yes + false_yes), Share(true_yes, there),
                    2 * true_yes / (true_yes + false_yes + there) if true_yes else 0.0, Share(true_yes + false_yes, n))
