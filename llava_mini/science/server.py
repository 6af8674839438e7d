"""A server as the text-only model and the judge: each reply is kept the moment it comes, and money has a limit.

A line of the file, one for each answer::

    {"question_id": fingerprint of the prompt, "prompt": its last turn, "text": "...", "model_id": "gpt-4o",
     "served": "gpt-4o-2024-08-06", "reply": the server's name for it, "usage": {...}, "cost": dollars, "date": UTC}

It is a ledger (instruct/ledger.py), so half a line that a crash left is mended and a second process is kept out. A reply that
was cut off at the limit of tokens, or refused, is no answer: it goes to ``<name>.set-aside.jsonl`` with its reason, and
since the server would say the same again it is not asked again. A request without a reply is asked again at the next start.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tqdm import tqdm

from ..bench.book import spent
from ..bench.book import told as told_by
from ..errors import InputError
from ..instruct import prices
from ..instruct.asking import Run
from ..instruct.connection import OFFLINE, PARENT, Settings, connect, environment_fault
from ..instruct.generate import in_a_thread
from ..instruct.ledger import Ledger, writing
from ..instruct.plan import Plan, check_budget
from ..instruct.prices import Price
from ..instruct.teacher import Reply, Teacher
from ..json_files import read_lines
from .asking import Ask, digest

COMPLETION = 200                        # tokens of a usual answer with its reasons, for the estimate
ANSWER = "answer"                       # the one kind of request
NO_ANSWER = {"length": "cut off", "content_filter": "refused"}      # finish_reason -> why a reply is set aside
FIELDS = ("question_id", "text", "model_id")


@dataclass(frozen=True)
class Server:
    """Who is asked, and what it may cost. Raises InputError where it costs money and nobody has said how much."""

    settings: Settings
    price: Price = Price(0, 0)
    budget: float | None = None         # dollars for all that is asked of it in one folder, earlier runs included
    transport: object = None            # what carries the requests instead of the network
    concurrency: int = 8

    def __post_init__(self):
        if (self.price.prompt or self.price.completion) and self.budget is None:
            raise InputError(f"The model {self.name!r} costs money; give --budget with the dollars that it may cost at most.")

    @property
    def name(self) -> str:
        return self.settings.model


@dataclass(frozen=True)
class Prompt:
    """One prompt; the same words are asked once."""

    id: str
    words: list[dict]


class Prompts(Plan):
    """Prompts as requests of a plan."""

    def messages(self, record: Prompt, kind: str) -> list[dict]:
        return record.words


class Book(Ledger):
    """The file of answers, open for writing; ``texts`` holds them by the fingerprint of their prompt."""

    def __init__(self, path: Path):
        self.texts: dict[str, str] = {}
        super().__init__(path)

    def _count(self, row: dict) -> None:
        super()._count(row)
        if "reason" not in row:
            self.texts[row["question_id"]] = row["text"]

    def read(self, path: Path) -> Iterator[dict]:
        for number, row in read_lines(path) if path.exists() else ():
            if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in FIELDS):
                raise InputError(f"{path}, line {number}: not written here; choose another folder.")
            if row.get("reason") not in ("rejected", "unreadable"):         # it may go better this time
                yield {"usage": {}} | row

    def key(self, row: dict) -> tuple[str, str]:
        return row["question_id"], ANSWER

    def origin(self, row: dict) -> tuple[str, str]:
        return row["question_id"], row["model_id"]

    def title(self, row: dict) -> str:
        return f"the answer to {row['question_id']}"


class Asking(Run):
    """One run over prompts, with the teacher's patience and budget."""

    def answered(self, record: Prompt, kind: str, asked: list[dict], reply: Reply, counted: dict) -> dict:
        usage = reply.usage or counted | {"estimated": True}
        row = self._row(record) | {"text": reply.text, "served": reply.served, "reply": reply.name, "usage": usage,
                                   "cost": self.plan.price.of(usage["prompt_tokens"], usage["completion_tokens"])}
        return row | ({"reason": NO_ANSWER[reply.finish_reason]} if reply.finish_reason in NO_ANSWER else {})

    def rejected(self, record: Prompt, kind: str, asked: list[dict], message: str) -> dict:
        return self._row(record) | {"usage": {}, "reason": "rejected", "message": message}

    def _row(self, record: Prompt) -> dict:
        return {"question_id": record.id, "prompt": record.words[-1]["content"], "text": "", "model_id": self.plan.settings.model,
                "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}


def by_server(server: Server, path, *, beside: Sequence[Path] = (), progress: bool = True) -> Ask:
    """Asks the server what the file at ``path`` does not answer yet. A prompt that gets no answer after all gives None and a warning.

    ``beside``: other files whose answers are paid from the same budget. Before the first request the estimate is printed.
    Raises InputError, with every answer kept that came before: for a quota that is used up, a key that is refused, a server that
    is silent, a budget that does not do; and for a file of another model. Works in notebooks too.
    """
    path = Path(path)

    def ask(prompts: Sequence[list[dict]]) -> list[str | None]:
        keys = [digest(words) for words in prompts]
        requests = [(Prompt(key, words), ANSWER) for key, words in dict(zip(keys, prompts)).items()]
        plan = Prompts(requests, settings=server.settings, price=server.price)
        left = None if server.budget is None else server.budget - spent(beside)
        with writing(path, Book) as book:
            if others := {model for _, model in book.done.values()} - {server.name}:
                raise InputError(f"{path}: model_id is {others.pop()!r} where this run has {server.name!r}; delete the file or give this run "
                                 "another folder.")
            run = Asking(plan, book, budget=left, concurrency=server.concurrency, attempts=1, mixed=True)
            if run.queue:
                _check(plan, list(run.queue), path, left, book.cost)
                with tqdm(total=len(requests), initial=run.settled, desc=path.stem, unit="answer", disable=not progress) as bar:
                    in_a_thread(lambda: _ask(run, server, bar))
        _warn(run, [prompt.id for prompt, _ in requests])
        return [book.texts.get(key) for key in keys]

    return ask


async def _ask(run: Asking, server: Server, bar) -> None:
    async with connect(server.settings, server.transport) as client:
        await run.ask_all(Teacher(client, server.settings), lambda run: bar.update(run.settled - bar.n))


def _check(plan: Prompts, requests: list, path: Path, left: float | None, spent_here: float) -> None:
    """Tells what is ahead, and refuses to begin what the budget will not end."""
    dollars = estimate(plan, requests)
    known = "" if left is None else f"; ${left - spent_here:,.2f} of the budget are left"
    print(f"{path.stem}: {len(requests):,} requests to {plan.settings.model}, about ${dollars:,.2f}{known}.")
    check_budget(dollars, left)
    if left is not None and spent_here + dollars > left:
        raise InputError(f"{len(requests):,} requests cost about ${dollars:,.2f} and ${max(0.0, left - spent_here):,.2f} of the budget are left; "
                         "raise --budget.")


def estimate(plan: Prompts, requests: list) -> float:
    """Dollars that these requests will cost, about."""
    if not plan.price.prompt and not plan.price.completion:
        return 0.0
    count, _ = prices.counter(plan.settings.model)
    return sum(plan.price.of(prices.prompt_tokens(plan.messages(*one), count), COMPLETION) for one in requests)


def _warn(run: Asking, keys: list[str]) -> None:
    """Says how many prompts have no answer, and why."""
    lacking = sum(key not in run.book.texts for key in keys)
    why = Counter({reason: number for (_, reason), number in run.book.reasons.items()}) + Counter(run.teacher.faults if run.teacher else {})
    if lacking:
        warnings.warn(f"{lacking:,} of {len(keys):,} prompts got no answer ({', '.join(f'{number} {reason}' for reason, number in why.items())}).",
                      stacklevel=3)


def told(paths: Sequence[Path]) -> dict:
    """What a result says of the answers in these files: the served models' exact names, dates, how many, tokens and dollars."""
    known = told_by(paths)
    return {**{name: known[name] for name in ("served", "from", "to", "prompt_tokens")}, "answers": known["verdicts"], "dollars": round(spent(paths), 4)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say who is asked, and what it may cost."""
    parser.add_argument("--server", metavar="MODEL", help="ask a server (OPENAI_API_KEY, OPENAI_BASE_URL) instead of the language parent")
    parser.add_argument("--price", type=float, nargs=2, metavar=("PROMPT", "COMPLETION"),
                        help="dollars for a million tokens, instead of the package's table (0 0 for a server of your own)")
    parser.add_argument("--budget", type=float, help="dollars that the server may cost at most; needed where it costs anything")


def of_arguments(args: argparse.Namespace) -> Server | None:
    """The server that the options name, if any. Raises InputError for one that cannot be asked about science, or not from here."""
    if not args.server:
        return None
    if args.server in (OFFLINE, PARENT):
        raise InputError(f"The model {args.server!r} of the teacher writes about pictures and knows no science; name a model of your server.")
    for name, value in (("--price", min(args.price or [0])), ("--budget", args.budget or 0)):
        if not value >= 0:
            raise InputError(f"{name}: must not be negative; correct it.")
    price = Price(*args.price) if args.price else prices.price(args.server)
    server = Server(Settings(args.server, temperature=0.0), price, args.budget)
    if fault := environment_fault():
        raise InputError(fault)
    return server
