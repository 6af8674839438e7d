"""The judge: a text-only model that scores a candidate's answers beside the reference's (paper, section 5.1).

    python -m llava_mini.bench.judge data/cache/bench/coco answers.jsonl --reviews runs/bench/reviews.jsonl
    python -m llava_mini.bench.judge qa90_questions.jsonl answers.jsonl --contexts caps_boxes_coco2014_val_80.jsonl \\
        --references qa90_gpt4_answer.jsonl --reviews reviews.jsonl --model gpt-4o --budget 5

Without a model's name the rule-based judge of :mod:`.rules` answers and nothing leaves the machine; with one,
``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` choose the server. Killed at any moment, the same command goes on where it was.
A review holds, besides the authors' fields (see :mod:`.schema`)::

    "model": "gpt-4o", "served": "gpt-4o-2024-08-06", "prompt": fingerprint of the prompt's fixed words, "digest": of the whole prompt,
    "date": UTC, "swapped": was the candidate Assistant 1?, "attempt", "usage", "cost", "reply"

``tuple`` is always (reference, candidate), as the authors' scripts expect it; ``content`` is the raw verdict.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tqdm.auto import tqdm

from ..commands import guarded
from ..errors import InputError, few
from ..instruct import prices
from ..instruct.asking import Run
from ..instruct.connection import OFFLINE, PARENT, Settings, connect
from ..instruct.generate import in_a_thread
from ..instruct.ledger import beside, writing
from ..instruct.plan import Plan, check_budget
from ..instruct.prices import Price
from ..instruct.prompts import digest
from ..instruct.teacher import Reply, Teacher
from ..json_files import read_lines
from . import benchmark, prompt, rules
from .benchmark import Benchmark
from .book import ReviewBook
from .schema import Answer, Found, Question, read_answers, read_reviews
from .scores import Scores, Unreadable, parse, score, table

SETTINGS = Settings(temperature=0.2, max_tokens=1024)           # as in the authors' script
COMPLETION = 150            # tokens of a usual verdict, for the estimate


@dataclass(frozen=True)
class Pair:
    """Two answers to be judged."""

    number: int                 # from 1, in the questions' order
    question: Question
    context: str
    reference: Answer
    candidate: Answer

    @property
    def id(self) -> str:
        return str(self.question.id)


@dataclass
class Bout(Plan):
    """All pairs of a benchmark and a candidate, in one order of the two answers."""

    swapped: bool = False

    def messages(self, record: Pair, kind: str) -> list[dict]:
        first, second = (record.candidate, record.reference) if self.swapped else (record.reference, record.candidate)
        return prompt.messages(prompt.Case(record.context, record.question.text, first.text, second.text))


class Judging(Run):
    """One run over the pairs of a bout: the teacher's patience, budget and order of work, with verdicts in place of samples."""

    def answered(self, record: Pair, kind: str, asked: list[dict], reply: Reply, counted: dict) -> dict:
        usage = reply.usage or counted | {"estimated": True}
        return self._row(record, kind, asked) | {"content": reply.text, "usage": usage, "served": reply.served, "reply": reply.name, "cost": self.plan.price.of(
            usage["prompt_tokens"], usage["completion_tokens"])} | _verdict(reply, self.plan.swapped)

    def rejected(self, record: Pair, kind: str, asked: list[dict], message: str) -> dict:
        return self._row(record, kind, asked) | {"usage": {}, "reason": "rejected", "message": message}

    def _row(self, pair: Pair, kind: str, asked: list[dict]) -> dict:
        return {"id": pair.number, "question_id": pair.question.id, "answer1_id": pair.reference.answer_id, "answer2_id": pair.candidate.answer_id,
                "category": pair.question.category, "content": "", "tuple": None, "swapped": self.plan.swapped, "model": self.plan.settings.model,
                "prompt": prompt.fixed(), "digest": digest(asked), "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "attempt": self.book.tried[pair.id, kind] + 1, "candidate": pair.candidate.model_id}


def _verdict(reply, swapped: bool) -> dict:
    """The scores of a reply, or why there are none."""
    if reply.finish_reason == "content_filter":
        return {"tuple": None, "reason": "refused"}
    try:
        pair = parse(reply.text, reply.finish_reason)
    except Unreadable as error:
        return {"tuple": None, "reason": "unreadable", "message": str(error)}
    return {"tuple": list(pair[::-1] if swapped else pair)}


def bout(bench: Benchmark, candidates: Found, settings: Settings = SETTINGS, price: Price = Price(0, 0), swapped: bool = False) -> Bout:
    """What there is to judge: every question that has an answer."""
    pairs = [Pair(number, q, bench.contexts[str(q.id)], bench.references[str(q.id)], candidates.rows[str(q.id)])
             for number, q in enumerate(bench.questions, 1) if str(q.id) in candidates.rows]
    return Bout([(pair, pair.question.category) for pair in pairs], settings=settings, price=price, swapped=swapped)


def judge(bench: Benchmark, candidates: Found, path, *, settings: Settings = SETTINGS, price: Price = Price(0, 0), budget: float | None = None,
          swapped: bool = False, concurrency: int = 8, attempts: int = 3, transport=None, misbehave: dict | None = None,
          quiet: bool = False) -> Scores:
    """Asks for the verdicts that the file of reviews at ``path`` lacks, and returns the scores of all of them.

    ``candidates``   of ``schema.read_answers``; questions without an answer are not judged, and so there is no headline
    ``swapped``      show the candidate as Assistant 1
    ``attempts``     verdicts that cannot be read, until a question is given up
    ``transport``    what carries the requests, instead of the network; ``misbehave``: faults of the offline judge

    Raises InputError when it cannot begin or has to stop before its end, for reviews of another judge, prompt or answer
    in the file, and where money would be spent without a ``budget`` (dollars).
    """
    if concurrency < 1 or attempts < 1 or not settings.timeout > 0:
        raise InputError("--concurrency and --attempts are at least 1, and --timeout is above 0; correct them.")
    if settings.model == OFFLINE and transport is None:
        transport = rules.transport(settings.seed or 0, misbehave)
    plan = bout(bench, candidates, settings, price, swapped)
    with writing(path, ReviewBook) as book:
        _check_same(plan, book)
        if settings.model == OFFLINE and (others := book.served - {getattr(transport, "name", "")}):
            raise InputError(f"{book.path} holds verdicts of other rules ({', '.join(sorted(others))}; today's are {transport.name}); delete it, and the files "
                             "beside it, to have all judged by the same ones.")
        run = Judging(plan, book, budget=budget, concurrency=concurrency, attempts=attempts, mixed=True)
        check_budget(estimate(plan, run.queue), budget)
        if run.queue:
            with tqdm(total=len(plan.requests), initial=run.settled, desc="judging", unit="answer", disable=quiet) as bar:
                in_a_thread(lambda: _ask(run, plan, bar, transport))
        given_up = [pair.id for pair, kind in plan.requests if (pair.id, kind) not in book.done and book.tried[pair.id, kind] >= attempts]
    scores = score(bench.questions, read_reviews(path, bench.questions))
    scores.faults[:0] = candidates.faults
    if given_up:
        scores.faults.append(f"{beside(Path(path), 'set-aside').name}: questions given up after {attempts} verdicts of no use: {len(given_up)} "
                             f"({few(given_up)}); raise --attempts, or take another judge.")
    return scores


def ahead(plan: Bout, path) -> tuple[int, float]:
    """(verdicts that the file at ``path`` lacks, the dollars that they will cost, about)."""
    path = Path(path)
    there = {str(row.get("question_id")) for _, row in (read_lines(path) if path.exists() else ()) if isinstance(row, dict)}
    left = [one for one in plan.requests if one[0].id not in there]
    return len(left), estimate(plan, left)


async def _ask(run: Judging, plan: Bout, bar, transport) -> None:
    def show(run: Run) -> None:
        bar.update(run.settled - bar.n)

    async with connect(plan.settings, transport) as client:
        await run.ask_all(Teacher(client, plan.settings), show)


def _check_same(plan: Bout, book: ReviewBook) -> None:
    """Verdicts of another judge, or on other words, must not be taken for this run's."""
    for pair, kind in plan.requests:
        whole, model = book.done.get((pair.id, kind), (None, None))
        if model not in (None, plan.settings.model):
            raise InputError(f"{book.path.name} holds verdicts of the judge {model!r}; choose another file for those of {plan.settings.model!r}.")
        if whole not in (None, digest(plan.messages(pair, kind))):
            raise InputError(f"{book.path.name}: the review of question {pair.id} is of another prompt (the answers, the context, the order or the "
                             "judge's words have changed); choose another file for --reviews.")


def estimate(plan: Bout, requests: Sequence) -> float:
    """Dollars that these requests will cost, about."""
    count, _ = prices.counter(plan.settings.model)
    return sum(plan.price.of(prices.prompt_tokens(plan.messages(*one), count), COMPLETION) for one in requests)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say who judges."""
    new = parser.add_argument
    new("--model", "--judge", dest="model", help="the judge's name at the server (default: OPENAI_MODEL from the environment, without it the offline rules)")
    new("--price", type=float, nargs=2, metavar=("PROMPT", "COMPLETION"), help="dollars for a million tokens, instead of the package's table")
    new("--budget", type=float, help="dollars that all verdicts in the file may cost at most; needed where they cost anything")
    new("--concurrency", type=int, default=8, help="requests under way at a time (default: 8)")
    new("--attempts", type=int, default=3, help="verdicts of no use on one question until it is given up (default: 3)")
    new("--timeout", type=float, default=SETTINGS.timeout, help=f"seconds for one verdict (default: {SETTINGS.timeout:.0f})")


def options(args: argparse.Namespace) -> dict:
    """What the options say, as :func:`judge` takes it."""
    model = args.model or os.environ.get("OPENAI_MODEL") or OFFLINE
    if model == PARENT:
        raise InputError("The mini language parent cannot judge; leave out --model for the offline rules, or name a model of a server.")
    price = Price(*args.price) if args.price else prices.price(model)
    return {"settings": replace(SETTINGS, model=model, timeout=args.timeout), "price": price, "budget": args.budget,
            "concurrency": args.concurrency, "attempts": args.attempts}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.judge", description=__doc__.split("\n")[0])
    benchmark.add_arguments(parser)
    parser.add_argument("--reviews", type=Path, required=True, help="where the verdicts go; a file with verdicts is gone on with")
    parser.add_argument("--swapped", action="store_true", help="show the candidate as Assistant 1")
    add_arguments(parser)
    args = parser.parse_args(arguments)

    def work() -> bool:
        bench = benchmark.of_arguments(args)
        scores = judge(bench, read_answers(args.answers, bench.questions), args.reviews, swapped=args.swapped, **options(args))
        print(table(scores, bench.name))
        return scores.headline is not None

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
