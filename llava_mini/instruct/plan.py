"""What a run asks for, and what that will cost: the requests, an estimate, and the options of the command line.

A request is one kind of text about one picture. Which pictures a share such as 40% takes is drawn from the seed and
the picture's id alone, so a larger share takes the same pictures and more.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..annotations import Record, load
from ..errors import InputError
from . import prices, prompts
from .connection import OFFLINE, PARENT, Settings
from .prices import Price
from .prompts import KINDS

LOOKED_AT = 300                         # requests of a kind whose tokens are counted; the rest is taken to be like them


@dataclass
class Plan:
    """The requests of a run."""

    requests: list[tuple[Record, str]]              # (picture, kind), in the order in which they are asked
    few_shots: str | Path = "storybook"
    settings: Settings = field(default_factory=Settings)
    price: Price = Price(0, 0)
    _openings: dict[str, list[dict]] = field(default_factory=dict, repr=False)

    def messages(self, record: Record, kind: str) -> list[dict]:
        """As prompts.messages; the files are read once, for they must not change within a run."""
        if kind not in self._openings:
            self._openings[kind] = prompts.opening(kind, self.few_shots)
        return [*self._openings[kind], prompts.query(record)]


@dataclass(frozen=True)
class Estimate:
    """Tokens and dollars of requests, before they are sent. Estimates, but for ``most``: see there."""

    requests: dict[str, int]            # kind -> number
    prompt: dict[str, float]            # kind -> tokens of one prompt, on average
    completion: dict[str, float]        # kind -> tokens of one answer: as many as the examples have
    cost: float                         # dollars
    most: float                         # dollars, if prompts were a third longer than estimated and every answer filled max_tokens
    exact: bool                         # were the prompts counted by the model's own tokenizer?

    def __str__(self) -> str:
        lines = [f"{kind:<14}{number:>9,} requests x ({self.prompt[kind]:,.0f} + {self.completion[kind]:,.0f} tokens)"
                 for kind, number in self.requests.items() if number]
        by = "the model's tokenizer" if self.exact else "the number of characters"
        return "\n".join([*lines, f"Estimated by {by}: ${self.cost:,.2f}; at most about ${self.most:,.2f}."])


def choose(records: list[Record], wanted: dict[str, str | int], seed: int = 0) -> list[tuple[Record, str]]:
    """The requests: for each kind the wanted number of pictures ("40%", "all", 400), in an order drawn from the seed.

    All requests of a picture are neighbours, so a run that stops early has whole pictures, of all kinds. Raises
    InputError for an unknown kind, for more pictures than there are, and when nothing is wanted at all.
    """
    def lot(record: Record, what: str) -> bytes:
        return hashlib.sha256(f"{seed}/{what}/{record.id}".encode()).digest()

    if unknown := set(wanted) - set(KINDS):
        raise InputError(f"There is no kind {unknown.pop()!r}; choose among {', '.join(KINDS)}.")
    taken = {}
    for kind, amount in wanted.items():
        number = how_many(amount, len(records), kind)
        chosen = records if number == len(records) else sorted(records, key=lambda record: lot(record, kind))[:number]
        taken[kind] = {record.id for record in chosen}
    if not any(taken.values()):
        raise InputError("Nothing is asked for; give at least one kind a number or a share above 0.")
    return [(record, kind) for record in sorted(records, key=lambda record: lot(record, "order")) for kind in KINDS
            if record.id in taken.get(kind, ())]


def how_many(amount: str | int, of: int, kind: str) -> int:
    """``how_many("40%", 500, "detail")`` -> 200; a number without % counts pictures."""
    text = str(amount).strip()
    if text == "all":
        return of
    if not re.fullmatch(r"\d+|\d+(?:\.\d+)?%", text):
        raise InputError(f"--{kind} {text}: must be a share such as 40%, a number of pictures, or all; correct it.")
    number = round(float(text[:-1]) / 100 * of) if text.endswith("%") else int(text)
    if number > of:
        raise InputError(f"--{kind} {text}: there are only {of:,} pictures; ask for fewer, or for all.")
    return number


def estimate(plan: Plan, requests: list[tuple[Record, str]] | None = None, batch: bool = False) -> Estimate:
    """Tokens and cost of a plan, or of those of its requests that are still to be asked."""
    requests = plan.requests if requests is None else requests
    count, exact = prices.counter(plan.settings.model)
    numbers = Counter(kind for _, kind in requests)
    prompt, completion, cost, most = {}, {}, 0.0, 0.0
    for kind in (kind for kind in KINDS if numbers[kind]):
        mine = [record for record, of in requests if of == kind]
        looked_at = random.Random(0).sample(mine, min(len(mine), LOOKED_AT))
        prompt[kind] = sum(prices.prompt_tokens(plan.messages(record, kind), count) for record in looked_at) / len(looked_at)
        answers = [answer for _, answer in prompts.examples(kind, plan.few_shots)]
        completion[kind] = min(sum(map(count, answers)) / len(answers), plan.settings.max_tokens)
        cost += plan.price.of(prompt[kind], completion[kind], batch) * len(mine)
        most += plan.price.of(prompt[kind] * (1 if exact else 4 / 3), plan.settings.max_tokens, batch) * len(mine)
    return Estimate({kind: numbers[kind] for kind in prompt}, prompt, completion, cost, most, exact)


def dry_run(plan: Plan, answered: frozenset = frozenset()) -> str:
    """One full prompt of each kind and the estimate: what would be sent, and what it would cost.

    ``answered``: (id, kind) of requests whose answers are there already, which would not be asked again.
    """
    parts = []
    for kind in KINDS:
        record = next((record for record, of in plan.requests if of == kind), None)
        if record is not None:
            parts.append(f"=== {kind}, picture {record.id}")
            parts += [f"--- {message['role']}\n{message['content']}" for message in plan.messages(record, kind)]
    left = [(record, kind) for record, kind in plan.requests if (record.id, kind) not in answered]
    there = f", {len(plan.requests) - len(left):,} of them answered already" if answered else ""
    return "\n".join([*parts, f"=== {len(plan.requests):,} requests to the model {plan.settings.model!r}{there}", str(estimate(plan, left))])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say what is asked for and of whom."""
    new = parser.add_argument
    new("source", type=Path, help="a storybook folder, COCO's captions_*.json, or a .jsonl of captions and boxes")
    new("--instances", type=Path, help="COCO's instances_*.json, if it does not lie beside the captions")
    new("--folder", type=Path, required=True, help="where the answers go; a folder with answers is gone on with")
    for kind in KINDS:
        new(f"--{kind}", default="all", metavar="N", help="how many pictures: 40%%, 400 or all (default: all)")
    new("--few-shots", help="storybook, photo, or a folder of your own (default: storybook for a storybook folder, else photo)")
    new("--model", help="its name at the server (default: OPENAI_MODEL from the environment, without it the offline storyteller)")
    new("--max-tokens", type=int, default=Settings.max_tokens, help=f"of one answer (default: {Settings.max_tokens})")
    new("--temperature", type=lambda text: None if text == "server" else float(text), default=Settings.temperature,
        help=f"or 'server' to leave it to the server (default: {Settings.temperature})")
    new("--seed", type=int, default=0, help="of the choice of pictures, and sent along (default: 0, and not sent)")
    new("--prices", type=Path, help="your table of prices (default: prices.json in the package)")
    new("--price", type=float, nargs=2, metavar=("PROMPT", "COMPLETION"), help="dollars for a million tokens, instead of the table")
    new("--budget", type=float, help="dollars that all that goes into this folder may cost at most; needed where it costs anything")


def of_arguments(args: argparse.Namespace, environment_model: str | None = None) -> Plan:
    """The plan that the options describe. Raises InputError for whatever is wrong with them."""
    for name, value in (("--price", min(args.price or [0])), ("--budget", args.budget or 0), ("--max-tokens", args.max_tokens - 1)):
        if not value >= 0:
            raise InputError(f"{name}: must not be negative{' or zero' * (name == '--max-tokens')}; correct it.")
    model = PARENT if getattr(args, "parent", None) else args.model or environment_model or OFFLINE
    price = Price(*args.price) if args.price else prices.price(model, args.prices)
    records = load(args.source, args.instances)
    settings = Settings(model, args.max_tokens, args.temperature, args.seed or None)
    few_shots = args.few_shots or ("storybook" if args.source.is_dir() else "photo")
    return Plan(choose(records, {kind: getattr(args, kind) for kind in KINDS}, args.seed), few_shots, settings, price)


def check_budget(cost: float, budget: float | None) -> None:
    """Refuses to begin something that costs money while nobody has said how much it may cost."""
    if budget is None and cost > 0:
        raise InputError(f"This costs about ${cost:,.2f}; give --budget with the dollars that it may cost at most.")
