"""Instruction data from a teacher that cannot see: asks for every answer of a plan, goes on where it was, and keeps to a budget.

    python -m llava_mini.instruct.generate data/cache/storybook/train-8000 --folder runs/instruct/offline
    python -m llava_mini.instruct.generate captions_train2017.json --folder runs/instruct/mini --model gpt-4o-mini \\
        --conversation 72% --detail 29% --reasoning 96% --budget 20 --dry-run

Without a model's name the offline storyteller answers and nothing leaves the machine. With one, ``OPENAI_API_KEY`` and
``OPENAI_BASE_URL`` choose the server, which may be one of your own (``vllm serve MODEL --port 8000``, then
``OPENAI_BASE_URL=http://localhost:8000/v1`` and ``--price 0 0``). ``--dry-run`` prints a prompt of each kind and the estimate,
and asks for nothing. Killed at any moment, or stopped by a budget, a quota or Ctrl-C, the same command goes on where it was.
Answers lie in ``answers.jsonl`` in the folder; ``llava_mini.instruct.dataset`` makes the finished set of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tqdm.auto import tqdm

from ..commands import guarded
from ..errors import InputError
from .asking import Run, Summary
from .connection import OFFLINE, PARENT, Settings, connect
from .ledger import rows, writing
from .plan import Plan, add_arguments, check_budget, dry_run, estimate, of_arguments
from .teacher import Teacher

ANSWERS = "answers.jsonl"


def generate(plan: Plan, folder, *, budget: float | None = None, concurrency: int = 8, attempts: int = 3, mixed: bool = False,
             transport=None, misbehave: dict | None = None, quiet: bool = False) -> Summary:
    """Asks for what ``folder`` lacks of a plan, prints the summary and returns it.

    ``budget``       dollars that all answers in the folder may cost at most, those of earlier runs too
    ``concurrency``  requests under way at a time
    ``attempts``     answers to one request that may be set aside before it is given up
    ``mixed``        go on with a folder that holds answers of another model or to other prompts
    ``transport``    what carries the requests, instead of the network; ``misbehave``: see ``offline.transport``
    ``quiet``        print no estimate and no summary; the progress bar stays

    Raises InputError when the run cannot begin or has to stop before its end; what has arrived by then is kept. Works in
    notebooks too, where an event loop is already running.
    """
    if concurrency < 1 or attempts < 1 or not plan.settings.timeout > 0:
        raise InputError("--concurrency and --attempts are at least 1, and --timeout is above 0; correct them.")
    with writing(Path(folder) / ANSWERS) as book:
        run = Run(plan, book, budget=budget, concurrency=concurrency, attempts=attempts, mixed=mixed)
        ahead = estimate(plan, list(run.queue))
        check_budget(ahead.cost, budget)
        if not quiet:
            print(f"{len(plan.requests) - len(run.queue):,} of {len(plan.requests):,} requests are settled already; to ask:\n{ahead}"
                  if run.queue else "Every request is settled already.")
        try:
            if run.queue:
                with tqdm(total=len(plan.requests), initial=len(plan.requests) - len(run.queue), desc="asking", unit="request") as bar:
                    in_a_thread(lambda: _ask(run, plan, bar, transport, misbehave))
        finally:
            summary = run.summary()
            if not quiet:
                print(summary)
        return summary


async def _ask(run: Run, plan: Plan, bar, transport, misbehave) -> None:
    settled = run.settled

    def show(run: Run) -> None:
        nonlocal settled
        bar.set_postfix_str(f"${run.book.cost:,.4f}, {sum(run.book.reasons.values()):,} set aside", refresh=False)
        bar.update(run.settled - settled)
        settled = run.settled

    async with connect(plan.settings, transport, misbehave) as client:
        await run.ask_all(Teacher(client, plan.settings), show)


def in_a_thread(work: Callable[[], Awaitable[None]]) -> None:
    """Runs ``work()`` in an event loop in a thread of its own, and waits for it.

    So it works where a loop is running already, and Ctrl-C reaches only the waiting: the first one tells the work to
    end in good order, which takes as long as the requests under way; a second one does not wait for them.
    """
    state: dict = {}
    ended = threading.Event()                       # Python 3.11 takes a thread for dead once Ctrl-C has interrupted its join()

    async def main() -> None:
        state["loop"], state["task"] = asyncio.get_running_loop(), asyncio.current_task()
        await work()

    def body() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:              # told to whoever waits, whatever it is
            state["error"] = error
        finally:
            ended.set()

    threading.Thread(target=body, daemon=True).start()
    while not ended.is_set():
        try:
            ended.wait(0.5)                         # in pieces, since Windows hears no Ctrl-C during a long wait
        except KeyboardInterrupt:
            print("\nStopping: waiting for the requests under way, which may be paid for; Ctrl-C again gives them up.", file=sys.stderr)
            with suppress(KeyError, RuntimeError):  # not begun yet, or just ended
                state["loop"].call_soon_threadsafe(state["task"].cancel)
    if isinstance(state.get("error"), asyncio.CancelledError):
        raise KeyboardInterrupt
    if "error" in state:
        raise state["error"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.generate", description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--concurrency", type=int, default=8, help="requests under way at a time (default: 8)")
    parser.add_argument("--timeout", type=float, default=Settings.timeout, help=f"seconds for one answer (default: {Settings.timeout:.0f})")
    parser.add_argument("--attempts", type=int, default=3, help="answers of no use to one request until it is given up (default: 3)")
    parser.add_argument("--mixed", action="store_true", help="go on with answers of another model or to other prompts")
    parser.add_argument("--parent", type=Path, metavar="FOLDER",
                        help="the teacher is this language model, such as data/pretrained/vicuna-large")
    parser.add_argument("--misbehave", nargs="+", metavar="FAULT=RATE", default=[],
                        help="faults of the offline storyteller, such as 'rate limit=0.1'")
    parser.add_argument("--dry-run", action="store_true", help="print a prompt of each kind and the estimate; ask for nothing")
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    plan = of_arguments(args, os.environ.get("OPENAI_MODEL"))
    plan.settings = replace(plan.settings, timeout=args.timeout)
    if args.dry_run:
        print(dry_run(plan, frozenset((row["id"], row["kind"]) for _, row in rows(args.folder / ANSWERS))))
        return
    misbehave, transport = rates(args.misbehave), None
    if misbehave and plan.settings.model not in (OFFLINE, PARENT):
        raise InputError("--misbehave is for the teachers of this package; leave it or the model out.")
    if args.parent:
        from . import parent_teacher
        transport = parent_teacher.transport(args.parent, args.seed, misbehave)
    summary = generate(plan, args.folder, budget=args.budget, concurrency=args.concurrency, attempts=args.attempts, mixed=args.mixed,
                       transport=transport, misbehave=misbehave)
    if summary.missing:
        raise InputError(f"{summary.missing:,} requests got no answer this time; start again to ask for them, and only them.")
    print(f"Now make the finished set: python -m llava_mini.instruct.dataset {args.source} --folder {args.folder}")


def rates(texts: list[str]) -> dict[str, float]:
    """``rates(["rate limit=0.1"])`` -> ``{"rate limit": 0.1}``"""
    found = {}
    for text in texts:
        name, _, rate = text.rpartition("=")
        try:
            found[name] = float(rate)
        except ValueError:
            raise InputError(f"--misbehave {text}: must be a fault, = and a rate, such as 'rate limit=0.1'; correct it.") from None
    return found


if __name__ == "__main__":
    sys.exit(main())
