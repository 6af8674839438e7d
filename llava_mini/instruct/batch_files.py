"""Request files in the Batch API's format, and what comes back joined to the answers file.

::

    batch/requests-001.jsonl        one request a line; custom_id is "<id>/<kind>"
    batch/requests-001.index.jsonl  what the answers file is to say of each: image, the prompt's digest, its tokens
    batch/requests-001.state.json   model, price, and how far the file has got: written, uploaded, submitted, collected
    batch/requests-001.output.jsonl, .errors.jsonl      what came back

``vllm run-batch -i requests-001.jsonl -o output.jsonl --model MODEL`` runs the same files on a machine of your own.
A round is written, run and collected; what it leaves without an answer goes into the next round.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import InputError
from ..files import make_folder, write_safely
from ..json_files import read_json, read_lines
from . import prices, prompts
from .asking import missing
from .connection import in_few_words
from .entries import Asked, answered, rejected
from .ledger import Ledger
from .plan import Plan
from .prices import Price
from .teacher import read

URL = "/v1/chat/completions"


@dataclass(frozen=True)
class Limits:
    """Of one request file, as OpenAI documents them."""

    requests: int = 50_000
    size: int = 200_000_000             # bytes


class Requests:
    """One request file and what belongs to it."""

    def __init__(self, path: Path):
        self.path = path                # batch/requests-001.jsonl

    def beside(self, what: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{what}")

    @property
    def state(self) -> dict:
        state = read_json(self.beside("state.json")) if self.beside("state.json").exists() else None
        if not isinstance(state, dict) or "model" not in state or "price" not in state:
            raise InputError(f"{self.beside('state.json')} is missing or not what belongs there; restore it or remove {self.path.name}.")
        return state

    def note(self, **news) -> None:
        """Writes down how far the file has got."""
        write_safely(self.beside("state.json"), (json.dumps(self.state | news, indent=1) + "\n").encode())

    def index(self) -> dict[str, dict]:
        """custom_id -> image, prompt and tokens."""
        found = {}
        for number, row in read_lines(self.beside("index.jsonl")):
            if not isinstance(row, dict) or not {"custom_id", "image", "prompt", "tokens"} <= row.keys():
                raise InputError(f"{self.beside('index.jsonl')}, line {number}: not a line of an index; restore the file.")
            found[row["custom_id"]] = row
        return found


def written(folder: Path) -> list[Requests]:
    """The request files below a folder of answers, oldest first."""
    paths = (Path(folder) / "batch").glob("requests-*.jsonl")
    return [Requests(path) for path in sorted(paths) if re.fullmatch(r"requests-\d+\.jsonl", path.name)]


def write_requests(plan: Plan, book: Ledger, *, attempts: int = 3, mixed: bool = False, tokens_field: str = "max_tokens",
                   limits: Limits = Limits()) -> list[Requests]:
    """Writes the requests that have no answer yet, in as many files as the limits ask for.

    ``tokens_field``: the name under which the model knows the limit of an answer's tokens; newer ones of OpenAI's call it
    max_completion_tokens. Raises InputError while files of an earlier round are not collected: their answers would be asked
    for twice.
    """
    folder = book.path.parent / "batch"
    if open_ := [one.path.name for one in written(book.path.parent) if not one.state.get("collected")]:
        raise InputError(f"{folder / open_[0]} is not collected yet; submit and collect it first, or remove it if it was never submitted.")
    make_folder(folder)
    number = max([int(one.path.stem.rpartition("-")[2]) for one in written(book.path.parent)], default=0)
    made = []
    for lines, index in _files(_lines(plan, missing(plan, book, attempts, mixed), tokens_field), limits):
        number += 1
        one = Requests(folder / f"requests-{number:03d}.jsonl")
        state = {"model": plan.settings.model, "price": asdict(plan.price), "requests": len(lines), "status": "written"}
        write_safely(one.beside("index.jsonl"), b"".join(index))
        write_safely(one.beside("state.json"), (json.dumps(state, indent=1) + "\n").encode())
        write_safely(one.path, b"".join(lines))             # last: a file that can be seen has all that belongs to it
        made.append(one)
    return made


def _lines(plan: Plan, requests: Iterable, tokens_field: str) -> Iterator[tuple[bytes, bytes]]:
    """(request, line of the index) for each request."""
    options = {tokens_field if name == "max_tokens" else name: value for name, value in plan.settings.options().items()}
    count, _ = prices.counter(plan.settings.model)
    for record, kind in requests:
        asked, custom_id = plan.messages(record, kind), f"{record.id}/{kind}"
        body = {"model": plan.settings.model, "messages": asked} | options
        about = {"custom_id": custom_id, "image": record.image, "prompt": prompts.digest(asked),
                 "tokens": prices.prompt_tokens(asked, count)}
        yield tuple((json.dumps(line) + "\n").encode() for line in (
            {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}, about))


def _files(lines: Iterable[tuple[bytes, bytes]], limits: Limits) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """The lines in groups that keep to the limits."""
    requests, index, size = [], [], 0
    for request, about in lines:
        if len(request) > limits.size:
            raise InputError(f"The request {json.loads(about)['custom_id']!r} alone is larger than a batch file may be; "
                             "shorten its captions.")
        if requests and (len(requests) == limits.requests or size + len(request) > limits.size):
            yield requests, index
            requests, index, size = [], [], 0
        requests.append(request)
        index.append(about)
        size += len(request)
    if requests:
        yield requests, index


def join(one: Requests, outputs: Iterable[Path], book: Ledger, clean=str, elsewhere=frozenset()) -> Counter:
    """Takes the lines of output and error files, in whatever order, into the answers file; returns what they were.

    Joining twice changes nothing. What has no usable answer afterwards is missing, and asked for in the next round.
    ``clean`` is applied to whatever the server wrote; ``elsewhere`` are custom_ids that belong to other request files.
    """
    state, index, counts, seen = one.state, one.index(), Counter(), set()
    price = Price(**state["price"])
    for path in outputs:
        for _, line in read_lines(path):
            custom_id = line.get("custom_id") if isinstance(line, dict) else None
            if custom_id not in index:
                if custom_id not in elsewhere:
                    counts["unknown custom_id" if custom_id is not None else "unreadable line"] += 1
                continue
            seen.add(custom_id)
            id_, _, kind = custom_id.rpartition("/")
            about = index[custom_id]
            asked = Asked(id_, about["image"], kind, about["prompt"], state["model"], book.tried[id_, kind] + 1)
            row = _row(asked, line, price, about["tokens"], clean)
            if isinstance(row, str):
                counts[row] += 1
            elif (id_, kind) in book.done or ("reason" in row and row["reply"] in book.replies):
                counts["there already"] += 1
            else:
                book.add(row)
                counts[row.get("reason", "answered")] += 1
    counts["no line"] += len(index.keys() - seen)
    return +counts


def _row(asked: Asked, line: dict, price: Price, tokens: int, clean) -> dict | str:
    """The answers file's line of an output line, or in a word why there is none: such a request is simply still missing."""
    response = line.get("response") if isinstance(line.get("response"), dict) else {}
    body = response.get("body", response)                   # some servers put the completion there without a body
    status, error = response.get("status_code", 200), line.get("error") or (body.get("error") if isinstance(body, dict) else None)
    if not error and status == 200:
        try:
            reply = read(body, clean)
        except (AttributeError, LookupError, TypeError):
            return "unreadable line"
        return answered(asked, reply, price, {"prompt_tokens": tokens, "completion_tokens": len(reply.text) // 4}, batch=True)
    error = error if isinstance(error, dict) else {"message": str(error or "")}
    if 400 <= status < 500 and status not in (408, 409, 429):
        message = clean(f"{status} {error.get('code') or ''} {error.get('message') or ''}")
        return rejected(asked, in_few_words(message), clean(str(line.get("id") or "")))
    return f"error {error.get('code') or status}"
