"""The Batch API: half the price, within a day. Write request files, submit them, collect what came, join it to the answers.

    python -m llava_mini.instruct.batch_api write captions_train2017.json --folder runs/instruct/batch --model gpt-4o-mini --budget 20
    python -m llava_mini.instruct.batch_api submit --folder runs/instruct/batch
    python -m llava_mini.instruct.batch_api collect --folder runs/instruct/batch --wait

On a machine of your own the same files run under vLLM, and their output is joined in the same way::

    vllm run-batch -i runs/instruct/batch/batch/requests-001.jsonl -o output.jsonl --model MODEL
    python -m llava_mini.instruct.batch_api join output.jsonl --folder runs/instruct/batch

Each command can be killed and given again. Answers that cannot be used, and requests without an answer, go into the next
round: write, submit, collect.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections import Counter
from pathlib import Path

import openai
from tqdm.auto import tqdm

from ..commands import guarded
from ..errors import InputError
from ..files import write_safely
from ..json_files import existing, read_lines
from ..locks import alone
from .asking import missing
from .batch_files import URL, Requests, join, write_requests, written
from .connection import Settings, Stop, connect, hopeless, in_few_words, place, told, without_key
from .generate import ANSWERS, in_a_thread
from .ledger import writing
from .plan import add_arguments, check_budget, estimate, of_arguments

ENDED = ("completed", "failed", "expired", "cancelled")
UPLOAD_SECONDS = 3600.0                 # for a file of 200 MB on a slow line


async def submit(client: openai.AsyncOpenAI, one: Requests) -> str:
    """Uploads a request file and makes a batch of it, unless that has been done; returns the batch's id.

    Between the server's making a batch and our writing it down a process may be killed: the batch carries the file's
    digest, so the next call finds it and does not make, and pay, a second one.
    """
    state = one.state
    if state.get("batch_id"):
        return state["batch_id"]
    digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
    try:
        batch = None
        if state["status"] == "submitting":
            async for other in client.batches.list(limit=100):
                if (other.metadata or {}).get("llava_mini") == digest:
                    batch = other
                    break
        if batch is None:
            file = await client.files.create(file=one.path, purpose="batch", timeout=UPLOAD_SECONDS)
            one.note(status="submitting", input_file_id=file.id)
            batch = await client.batches.create(input_file_id=file.id, endpoint=URL, completion_window="24h",
                                                metadata={"llava_mini": digest})
    except openai.OpenAIError as error:
        raise _stop(client, error, state["model"]) from None
    one.note(status=batch.status, batch_id=batch.id)
    return batch.id


async def collect(client: openai.AsyncOpenAI, one: Requests, folder: Path) -> Counter | None:
    """Fetches and joins what a batch has brought; None while it is not at its end."""
    state = one.state
    try:
        batch = await client.batches.retrieve(state["batch_id"])
        one.note(status=batch.status)
        if batch.status not in ENDED:
            return None
        outputs = []
        for what, file_id in (("output.jsonl", batch.output_file_id), ("errors.jsonl", batch.error_file_id)):
            if file_id:                                     # both, one or none: a batch may end amid its work
                content = await client.files.content(file_id, timeout=UPLOAD_SECONDS)
                write_safely(one.beside(what), without_key(client, content.text).encode())
                outputs.append(one.beside(what))
    except openai.OpenAIError as error:
        raise _stop(client, error, state["model"]) from None
    with writing(folder / ANSWERS) as book:
        counts = join(one, outputs, book, lambda text: without_key(client, text))
    if batch.status == "failed":
        reasons = {f"{error.code}: {error.message}" for error in (batch.errors.data if batch.errors else None) or []}
        counts[f"failure of the batch ({in_few_words(without_key(client, '; '.join(sorted(reasons)))) or 'no reason given'})"] += 1
    one.note(collected=True, counts=dict(counts))
    return counts


def _stop(client, error: openai.OpenAIError, model: str) -> Stop:
    if isinstance(error, openai.APIStatusError):
        if error.status_code == 404:
            return Stop(f"The server at {place(client)} has no Batch API, or not this batch ({told(client, error)}); run the request files "
                        "with vllm run-batch and join their output, or correct OPENAI_BASE_URL.")
        return Stop(hopeless(client, error, model) or f"The server at {place(client)} does not take this ({told(client, error)}); "
                    "see to that and give the command again.")
    return Stop(f"The server at {place(client)} cannot be reached or does not answer in time; give the command again.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.batch_api", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write", help="write the request files")
    add_arguments(write)
    write.add_argument("--attempts", type=int, default=3, help="answers of no use to one request until it is given up (default: 3)")
    write.add_argument("--mixed", action="store_true", help="go on with answers of another model or to other prompts")
    write.add_argument("--tokens-field", choices=("max_tokens", "max_completion_tokens"), default="max_tokens",
                       help="how the model calls the limit of an answer's tokens (default: max_tokens)")
    for name, text in (("submit", "upload the request files and start their batches"), ("collect", "fetch and join what they brought"),
                       ("join", "join output files that you have")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--folder", type=Path, required=True, help="the folder given to write")
        if name == "collect":
            command.add_argument("--wait", action="store_true", help="look again every minute until all batches have ended")
        if name == "join":
            command.add_argument("files", type=Path, nargs="+", help="output and error files")
    args = parser.parse_args(arguments)
    return guarded(lambda: {"write": _write, "submit": _submit, "collect": _collect, "join": _join}[args.command](args))


def _write(args) -> None:
    plan = of_arguments(args, os.environ.get("OPENAI_MODEL"))
    with writing(args.folder / ANSWERS) as book:
        ahead = estimate(plan, list(missing(plan, book, args.attempts, args.mixed)), batch=True)
        check_budget(ahead.cost, args.budget)
        if args.budget is not None and book.cost + ahead.most > args.budget:
            raise InputError(f"A batch cannot be stopped by its cost: up to ${book.cost + ahead.most:,.2f} in all, and --budget says "
                             f"${args.budget:,.2f}; raise it, ask for less, or set --max-tokens lower.")
        made = write_requests(plan, book, attempts=args.attempts, mixed=args.mixed, tokens_field=args.tokens_field)
    print(f"{ahead}\n" + "\n".join(f"Written: {one.path}, {one.state['requests']:,} requests" for one in made) if made
          else "Every request is settled already.")


def _open(folder: Path) -> list[Requests]:
    found = [one for one in written(folder) if not one.state.get("collected")]
    if not found:
        raise InputError(f"There are no request files in {folder / 'batch'} that wait for anything; write some first.")
    return found


def _submit(args) -> None:
    with alone(args.folder):
        for one in tqdm(_open(args.folder), desc="submitting", unit="file"):
            async def work(one=one):
                async with connect(Settings(one.state["model"])) as client:
                    await submit(client, one)
            in_a_thread(work)


def _collect(args) -> None:
    waiting = _open(args.folder)
    if not_sent := [one.path.name for one in waiting if not one.state.get("batch_id")]:
        raise InputError(f"{not_sent[0]} was not submitted; submit it first, or join its output yourself.")

    async def work() -> None:
        nonlocal waiting
        while waiting:
            still = []
            for one in waiting:
                async with connect(Settings(one.state["model"])) as client:
                    counts = await collect(client, one, args.folder)
                print(f"{one.path.name}: {one.state['status']}" + (f"; {_told(counts)}" if counts is not None else ""))
                still += [one] * (counts is None)
            waiting = still if args.wait else []
            if waiting:
                await asyncio.sleep(60)
    in_a_thread(work)


def _join(args) -> None:
    paths = [existing(path, (".jsonl",), "outputs of a batch") for path in args.files]
    named = {line.get("custom_id") for path in paths for _, line in read_lines(path) if isinstance(line, dict)}
    known = {one: one.index().keys() for one in written(args.folder)}
    found = [one for one, ids in known.items() if named & ids]
    if not found:
        raise InputError(f"No custom_id in {paths[0].name} is that of a request in {args.folder / 'batch'}; give the folder that was "
                         "written to.")
    with writing(args.folder / ANSWERS) as book:
        for one in found:
            counts = join(one, paths, book, elsewhere=set().union(*known.values()) - known[one])
            one.note(collected=True, counts=dict(counts))
            print(f"{one.path.name}: {_told(counts)}")


def _told(counts: Counter) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items()) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
