"""From verdicts to scores: two numbers read from what a judge wrote, or refused, and the relative score with its interval.

Relative score (paper, section 5.1) = 100 x sum of the candidate's scores / sum of the reference's. The authors' parser
turns "8, 9" into (-1, -1) and averages the -1 in; here a verdict that cannot be read is counted and named, and an
overall score is given only where every question has its verdict.

    python -m llava_mini.bench.scores data/cache/bench/coco/questions.jsonl reviews.jsonl        # also the authors' own files

>>> parse("8 9\\nAssistant 2 names the colours.")
(8.0, 9.0)
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..commands import guarded
from ..errors import few
from .schema import KINDS, Found, Question, read_questions, read_reviews

LOWEST, HIGHEST = 1, 10
RESAMPLES = 2000
_MARKS = re.compile(r"[*_`#()\[\]{}\"\u201c\u201d<>]")        # bold, brackets, headings: decoration
_NUMBER = r"(?<![\d.,/-])(?:10(?:\.0+)?|[1-9](?:\.\d+)?)(?:\s*/\s*10(?:\.0+)?|\s+out of 10)?(?!\d|\.\d|\s*/|\s*%|\s*[-\u2013]\s*\d)"
_NAME = r"(?:(?:assistant|answer|response|model|score)\s*(?:no\.?\s*|number\s*)?(?P<who{0}>[12ab])\b(?:'s)?(?:\s*score)?(?:\s+gets)?\s*[:=,-]?\s*)?"
_ONE = _NAME + rf"(?P<score{{0}}>{_NUMBER})"
_LEAD = r"(?:(?:here are |the )?(?:two )?(?:scores?|ratings?)(?: are| is)?\s*[:=-]?\s*)?"
_LINE = re.compile(rf"\s*{_LEAD}{_ONE.format(1)}(?:\s*[,;|&\n]\s*|\s+and\s+|\s+)(?:and\s+)?{_ONE.format(2)}(?P<rest>.*)", re.I | re.S)
_SCALE = re.compile(r"[\s,;]*(?:points?\s*)?(?:(?:out\s+)?of\s+(?!10\b)\d|stars?\b)", re.I)         # behind the two: of 5, out of 20, stars
_SINGLE = re.compile(rf"\s*{_ONE.format(1)}\s*[.,;]?\s*", re.I)
_HEADING = re.compile(r"[^\d]*:\s*")


class Unreadable(ValueError):
    """A verdict whose two scores cannot be told beyond doubt; the message says why."""


def parse(content: str, finish_reason: str | None = "stop") -> tuple[float, float]:
    """(score of Assistant 1, score of Assistant 2), each from 1 to 10, from the first line of a verdict.

    Read are "8 9", "8, 9", "8/10 9/10", "Scores: 8 and 9", "Assistant 1: 8, Assistant 2: 9" in either order, on one line
    or on two, with a heading above or bold marks around. Raises Unreadable for all else: a single score, three numbers,
    scores outside 1 to 10, of another scale, ranges, and a first line that a limit of tokens has cut.
    """
    lines = [line for line in (_MARKS.sub(" ", line).strip() for line in content.splitlines()) if line]
    if lines and _HEADING.fullmatch(lines[0]):
        lines = lines[1:]
    if not lines:
        raise Unreadable("the verdict is empty")
    if finish_reason == "length" and len(lines) < 2:
        raise Unreadable("the verdict was cut off in its first line")
    head = "\n".join(lines[:2]) if len(lines) > 1 and _SINGLE.fullmatch(lines[0]) and _SINGLE.fullmatch(lines[1]) else lines[0]
    match = _LINE.fullmatch(head)
    if not match or re.match(r"\s*(?:[,;|&/-]|and\b)?\s*\d", match["rest"]) or _SCALE.match(match["rest"]):
        raise Unreadable(f"its first line holds no two scores from {LOWEST} to {HIGHEST}: {head[:60]!r}")
    who = [name.lower().translate(str.maketrans("ab", "12")) if name else None for name in (match["who1"], match["who2"])]
    if who not in ([None, None], ["1", "2"], ["2", "1"]):
        raise Unreadable(f"it is not clear whose scores these are: {head[:60]!r}")
    first, second = (float(re.match(r"[\d.]+", match[name])[0]) for name in ("score1", "score2"))
    return (second, first) if who[0] == "2" else (first, second)


@dataclass
class Tally:
    """Scores of one kind of question, or of all."""

    asked: int = 0
    judged: int = 0                     # questions whose verdict could be read
    reference: float = 0.0              # sum of Assistant 1's scores
    candidate: float = 0.0
    low: float = 0.0                    # 95% interval of the relative score
    high: float = 0.0

    @property
    def relative(self) -> float | None:
        """100 x candidate / reference; None where nothing was judged."""
        return 100 * self.candidate / self.reference if self.judged else None

    def as_dict(self) -> dict:
        rounded = {name: round(getattr(self, name), 4) for name in ("reference", "candidate", "low", "high")}
        return {"asked": self.asked, "judged": self.judged, **rounded, "relative": None if self.relative is None else round(self.relative, 4)}


@dataclass
class Scores:
    """The scores of one candidate. ``headline`` is the overall relative score: None while a verdict is lacking, or where judges are mixed."""

    all: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    pairs: dict[str, tuple[float, float]] = field(default_factory=dict)     # question id -> (reference, candidate)
    unreadable: dict[str, str] = field(default_factory=dict)                # question id -> why
    judges: list[str] = field(default_factory=list)                         # "gpt-4o, prompt 3f66594d02c2"; one, or the scores mean nothing
    faults: list[str] = field(default_factory=list)

    @property
    def headline(self) -> float | None:
        return self.all.relative if self.all.asked and self.all.judged == self.all.asked and len(self.judges) < 2 else None

    def as_dict(self) -> dict:
        return {"headline": None if self.headline is None else round(self.headline, 4), "all": self.all.as_dict(),
                "kinds": {name: tally.as_dict() for name, tally in self.kinds.items()}, "judges": self.judges, "unreadable": self.unreadable, "faults": self.faults}


def score(questions: Sequence[Question], reviews: Found, seed: int = 0, resamples: int = RESAMPLES) -> Scores:
    """Scores of a file of reviews. What the judge wrote is read again; the numbers beside it are not trusted.

    The intervals are bootstrap ones: pictures are drawn with replacement, each with all of its questions, since answers
    about one picture stand and fall together.
    """
    scores, rows = Scores(faults=list(reviews.faults)), []
    kinds = {q.category for q in questions}
    scores.kinds = {name: Tally() for name in [*(k for k in KINDS if k in kinds), *sorted(kinds - set(KINDS))]}
    for q in questions:
        tallies, review = (scores.all, scores.kinds[q.category]), reviews.rows.get(str(q.id))
        for tally in tallies:
            tally.asked += 1
        if review is None:
            continue
        try:
            pair = parse(review.content)
        except Unreadable as error:
            scores.unreadable[str(q.id)] = str(error)
            continue
        pair = pair[::-1] if review.swapped else pair
        scores.pairs[str(q.id)] = pair
        rows.append((q.image, q.category, *pair))
        for tally in tallies:
            tally.judged += 1
            tally.reference += pair[0]
            tally.candidate += pair[1]
    scores.judges = sorted({f"{model or 'unknown'}, prompt {words or 'unknown'}" for model, words in (row.judge for row in reviews.rows.values())})
    if len(scores.judges) > 1:
        scores.faults.append(f"{reviews.path.name}: verdicts of several judges or prompts ({'; '.join(scores.judges)}); judge all answers in one way.")
    if scores.unreadable:
        scores.faults.append(f"{reviews.path.name}: verdicts that cannot be read: {len(scores.unreadable)} ({few(list(scores.unreadable))}), the first because "
                             f"{next(iter(scores.unreadable.values()))}; remove these lines and judge again.")
    for name, tally in [*scores.kinds.items(), ("all", scores.all)]:
        tally.low, tally.high = interval([row for row in rows if name in ("all", row[1])], seed, resamples)
    return scores


def interval(rows: Sequence[tuple[str, str, float, float]], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Bootstrap 95% interval of the relative score of (picture, kind, reference, candidate) rows; (0, 0) of none."""
    sums: dict[str, list[float]] = {}
    for image, _, reference, candidate in rows:
        both = sums.setdefault(image, [0.0, 0.0])
        both[0] += reference
        both[1] += candidate
    if not sums:
        return 0.0, 0.0
    pictures, rng, drawn = list(sums.values()), random.Random(seed), []
    for _ in range(resamples):
        some = rng.choices(pictures, k=len(pictures))
        drawn.append(100 * sum(one[1] for one in some) / sum(one[0] for one in some))
    drawn.sort()
    cut = round(0.025 * resamples)
    return drawn[cut], drawn[-1 - cut]


def table(scores: Scores, title: str = "relative score") -> str:
    """A line for each kind with its coverage; an overall score only where nothing is lacking, and the reason where it is."""
    lines = [f"{title:<18}{'judged':>10}{'reference':>11}{'candidate':>11}{'relative':>10}   95% interval"]
    for name, tally in [*scores.kinds.items(), ("all", scores.all)]:
        start = f"{name:<18}{f'{tally.judged} of {tally.asked}':>10}"
        if name == "all" and scores.headline is None:
            why = f"{tally.asked - tally.judged} of {tally.asked} questions have no verdict that can be read"
            lines.append(f"{start}   no overall score: {why if tally.judged < tally.asked else 'the verdicts are of several judges'}")
        elif tally.relative is None:
            lines.append(f"{start}   nothing judged")
        else:
            means = (tally.reference / tally.judged, tally.candidate / tally.judged, tally.relative)
            lines.append(f"{start}{means[0]:>11.2f}{means[1]:>11.2f}{means[2]:>10.1f}   {tally.low:.1f} to {tally.high:.1f}")
    return "\n".join([*lines, *(f"judge: {name}" for name in scores.judges), *(f"! {fault}" for fault in scores.faults)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.scores", description=__doc__.split("\n")[0])
    parser.add_argument("questions", type=Path, help="the benchmark's questions, one a line")
    parser.add_argument("reviews", type=Path, help="reviews of one candidate, one a line")
    args = parser.parse_args(arguments)

    def work() -> bool:
        questions = read_questions(args.questions)
        scores = score(questions, read_reviews(args.reviews, questions))
        print(table(scores, args.reviews.stem))
        return scores.headline is not None

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
