"""Asking a plan's requests, many at a time: each answer is kept the moment it comes, and the run ends when told to.

Whatever ends a run early (a budget, a quota, Ctrl-C, a full disk), no new request is sent, and those that are under
way are waited for, since they may be paid for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..annotations import Record
from ..errors import InputError
from . import entries, prices, prompts
from .connection import KEPT, Stop, place
from .ledger import Ledger
from .plan import Plan
from .prompts import KINDS
from .teacher import DOUBTFUL, Rejected, Reply, Teacher, Unanswered

SILENCE = 3                             # requests without an answer, one after the other, until the server is given up
REFUSALS = 5                            # requests rejected before the first answer, until the server is given up


@dataclass
class Summary:
    """What became of a plan."""

    wanted: dict[str, int]              # kind -> requests of the plan
    answered: dict[str, int]            # kind -> those with an answer, from earlier runs too
    given_up: dict[str, int]            # kind -> those whose answers were set aside as often as is allowed
    reasons: Counter                    # (kind, reason) -> answers set aside, from earlier runs too
    faults: Counter = field(default_factory=Counter)            # of this run, survived or not
    cost: float = 0.0                   # dollars, from earlier runs too
    tokens: Counter = field(default_factory=Counter)
    seconds: float = 0.0                # of this run
    doubtful: int = 0                   # requests that were sent and came to nothing, but may be billed

    @property
    def missing(self) -> int:
        """Requests that have no answer yet and were not given up."""
        return sum(self.wanted.values()) - sum(self.answered.values()) - sum(self.given_up.values())

    def __str__(self) -> str:
        lines = [f"{'':<14}{'wanted':>10}{'answered':>10}{'given up':>10}{'missing':>10}  set aside"]
        for kind in (kind for kind in KINDS if self.wanted.get(kind)):
            numbers = self.wanted[kind], self.answered[kind], self.given_up[kind]
            aside = ", ".join(f"{number} {reason}" for (of, reason), number in sorted(self.reasons.items()) if of == kind)
            numbers += (numbers[0] - numbers[1] - numbers[2],)
            lines.append(f"{kind:<14}" + "".join(f"{number:>10,}" for number in numbers) + f"  {aside or '-'}")
        lines.append(f"{self.tokens['prompt_tokens']:,} prompt and {self.tokens['completion_tokens']:,} completion tokens, "
                     f"${self.cost:,.4f} in all; this run {self.seconds:,.0f} s")
        if self.faults:
            lines.append("Faults of the server or the way to it: " + ", ".join(f"{n} {name}" for name, n in sorted(self.faults.items())))
        if self.doubtful:
            lines.append(f"{self.doubtful} of these requests may be billed although no answer came; they are not in the dollars above.")
        return "\n".join(lines)


def missing(plan: Plan, book: Ledger, attempts: int, mixed: bool = False) -> Iterator[tuple[Record, str]]:
    """The requests that have no answer and were not given up.

    Raises InputError where answers of another model or to other prompts are there, unless that is meant (``mixed``).
    """
    for record, kind in plan.requests:
        key = record.id, kind
        if key not in book.done:
            if book.tried[key] < attempts:
                yield record, kind
            continue
        prompt, model = book.done[key]
        if not mixed and model != plan.settings.model:
            raise InputError(f"{book.path} holds answers of the model {model!r}; choose another folder for those of "
                             f"{plan.settings.model!r}, or give --mixed to have both in one.")
        if not mixed and prompt != prompts.digest(plan.messages(record, kind)):
            raise InputError(f"{book.path}: the {kind} of {record.id!r} answers another prompt than today's (the picture's text or the "
                             "examples have changed); choose another folder, or give --mixed to keep it.")


class Run:
    """One run over a plan's requests into one ledger."""

    def __init__(self, plan: Plan, book: Ledger, *, budget: float | None = None, concurrency: int = 8, attempts: int = 3,
                 mixed: bool = False):
        self.plan, self.book, self.budget, self.concurrency, self.attempts = plan, book, budget, concurrency, attempts
        self.queue = deque(missing(plan, book, attempts, mixed))
        self.count, exact = prices.counter(plan.settings.model)
        self.longer = 1.0 if exact else 4 / 3       # how much longer than estimated a prompt may be; grows where one is longer
        self.reserved = 0.0                         # dollars that requests under way may cost
        self.silent = self.refused = self.new = 0   # unanswered in a row; rejected in this run; answered in this run
        self.settled = len(plan.requests) - len(self.queue)         # requests that will not be asked again in this run
        self.missed: Counter = Counter()            # (id, kind) -> how often there was no answer in this run
        self.teacher: Teacher | None = None
        self.begun = time.monotonic()

    async def ask_all(self, teacher: Teacher, on_settled=lambda run: None) -> None:
        """Asks until every request has its answer or was given up. Raises Stop when it has to end before."""
        self.teacher = teacher
        tasks: set[asyncio.Task] = set()
        try:
            while self.queue or tasks:
                # under a budget the first answer is waited for alone: it tells how far the estimate is from what the server counts
                known = self.budget is None or self.new or self.book.done
                while self.queue and len(tasks) < (self.concurrency if known else 1):
                    asked = self.plan.messages(*self.queue[0])
                    most = self._most(asked)
                    if not self._affords(most):
                        break
                    self.reserved += most
                    tasks.add(asyncio.create_task(self._ask(*self.queue.popleft(), asked, most)))
                if not tasks:
                    raise Stop(f"The budget of ${self.budget:,.2f} is used up: ${self.book.cost:,.4f} are spent, ${self._doubt():,.4f} "
                               f"more may be, and the next request may cost ${most:,.4f}; raise --budget and {KEPT}.")
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if errors := [task.exception() for task in done if task.exception()]:
                    raise errors[0]
                on_settled(self)
        finally:
            teacher.stopping.set()
            if tasks:
                await asyncio.wait(tasks)
                for task in tasks:
                    task.exception()                # looked at, so that nothing is told twice

    async def _ask(self, record, kind: str, asked: list[dict], most: float) -> None:
        """Asks one request once; what cannot be used goes back to the end of the queue, up to the limit."""
        key = record.id, kind
        try:
            reply = await self.teacher.ask(asked, self.book.tried[key])
        except Rejected as error:
            self.refused += 1
            row = self.rejected(record, kind, asked, str(error))
        except Unanswered as error:
            self._unanswered(record, kind, asked, error)
            return
        else:
            self.silent, self.new = 0, self.new + 1
            counted = {"prompt_tokens": prices.prompt_tokens(asked, self.count), "completion_tokens": int(self.count(reply.text))}
            row = self.answered(record, kind, asked, reply, counted)
            self.longer = max(self.longer, row["usage"]["prompt_tokens"] / counted["prompt_tokens"])
        finally:
            self.reserved -= most
        self.book.add(row)
        self._again("reason" in row and self.book.tried[key] < self.attempts, record, kind)
        if self.refused >= REFUSALS and not self.new:
            raise Stop(f"The server at {place(self.teacher.client)} takes none of the requests ({row.get('message')}); correct the model "
                       f"or the options and {KEPT}.")

    def answered(self, record, kind: str, asked: list[dict], reply: Reply, counted: dict) -> dict:
        """The row to keep of a reply; with a field "reason" it is set aside. A run of another sort keeps rows of its own."""
        return entries.answered(self._about(record, kind, asked), reply, self.plan.price, counted)

    def rejected(self, record, kind: str, asked: list[dict], message: str) -> dict:
        """The row to keep of a request that the server would not take."""
        return entries.rejected(self._about(record, kind, asked), message)

    def _about(self, record, kind: str, asked: list[dict]) -> entries.Asked:
        return entries.Asked(record.id, record.image, kind, prompts.digest(asked), self.plan.settings.model, self.book.tried[record.id, kind] + 1)

    def _unanswered(self, record, kind: str, asked: list[dict], error: Unanswered) -> None:
        if self.teacher.stopping.is_set():
            return
        self.silent += 1
        self.missed[record.id, kind] += 1
        tried = self.missed[record.id, kind]
        if error.body:
            self.book.add(self.rejected(record, kind, asked, error.body) | {"reason": "unreadable"})
            tried = max(tried, self.book.tried[record.id, kind])            # those of earlier runs count too
        if self.silent >= SILENCE:
            raise Stop(f"The server at {place(self.teacher.client)} does not answer any more (the last fault: {error.fault}); see whether "
                       f"it runs and can be reached, then {KEPT}.")
        self._again(tried < self.attempts, record, kind)

    def _again(self, again: bool, record, kind: str) -> None:
        if again:
            self.queue.append((record, kind))
        else:
            self.settled += 1

    def _most(self, asked: list[dict]) -> float:
        """What a request may cost at most, as far as that can be told before: a prompt longer than estimated, a full answer."""
        if not self.plan.price.prompt and not self.plan.price.completion:
            return 0.0
        return self.plan.price.of(prices.prompt_tokens(asked, self.count) * self.longer, self.plan.settings.max_tokens)

    def _affords(self, most: float) -> bool:
        return self.budget is None or self.book.cost + self._doubt() + self.reserved + most <= self.budget

    def _doubt(self) -> float:
        """Dollars that requests without an answer may have cost: each as much as an answer costs on average."""
        answers = len(self.book.done) + sum(self.book.tried.values())
        return self._doubtful() * self.book.cost / answers if answers else 0.0

    def _doubtful(self) -> int:
        return sum(self.teacher.faults[name] for name in DOUBTFUL) if self.teacher else 0

    def summary(self) -> Summary:
        wanted = Counter(kind for _, kind in self.plan.requests)
        keys = [(record.id, kind) for record, kind in self.plan.requests]
        return Summary(dict(wanted), Counter(key[1] for key in keys if key in self.book.done),
                       Counter(key[1] for key in keys if key not in self.book.done and self.book.tried[key] >= self.attempts),
                       self.book.reasons, Counter(self.teacher.faults) if self.teacher else Counter(), self.book.cost, self.book.tokens,
                       time.monotonic() - self.begun, self._doubtful())
