"""A server of chat completions inside the real client's transport; a test says what it does."""

from __future__ import annotations

import asyncio
import json
import time
import traceback

import httpx2
import pytest

from llava_mini.annotations import Record
from llava_mini.boxes import Box
from llava_mini.instruct import prompts
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.generate import ANSWERS, generate
from llava_mini.instruct.plan import Plan
from llava_mini.instruct.prices import Price
from llava_mini.instruct.prompts import KINDS

KEY = "sk-test-0123456789abcdefSECRET"
PATIENT = Settings("gpt-test", temperature=None, backoff=0.01, timeout=60)
DEAR = Price(10.0, 100.0)           # an answer of the fake server costs 0.01 + 0.01 dollars

GOOD = {
    "conversation": "Question:\nWhat is this?\n===\nAnswer:\nIt is {0}.\n===\nQuestion:\nIs it big?\n===\nAnswer:\nIt is of middling size.",
    "detail": "There is {0} in the middle of the picture. Nothing else is to be seen.",
    "reasoning": "Question:\nWhy is it here?\n===\nAnswer:\nSomebody has put {0} here, so it may be fetched again.",
}


def records(n: int) -> list[Record]:
    return [Record(f"p{i}", f"p{i}.jpg", None, (f"dog number {i}",), (Box("dog", (0.1, 0.2, 0.3, 0.4)),)) for i in range(n)]


def completion(text, finish="stop", tokens=(1000, 100), **message):
    body = {"id": f"reply-{time.monotonic_ns()}", "object": "chat.completion", "created": 1, "model": "gpt-test-0001",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text} | message}]}
    if tokens:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return httpx2.Response(200, json=body)


def error(status, code, message="no", param=None, **headers):
    return httpx2.Response(status, json={"error": {"message": message, "type": code, "code": code, "param": param}},
                           headers={name.replace("_", "-"): value for name, value in headers.items()})


def key_of(body: dict) -> tuple[str, str]:
    """(picture id, kind) of a request."""
    first, last = body["messages"][0]["content"], body["messages"][-1]["content"]
    (kind,) = [kind for kind in prompts.KINDS if first == prompts.system(kind)]
    return "p" + last.split("\n")[0].split()[-1], kind


def good(key: tuple[str, str], **options):
    return completion(GOOD[key[1]].format(f"dog number {key[0][1:]}"), **options)


class Server(httpx2.AsyncBaseTransport):
    """``script(key, n, request)`` says what comes of the n-th request (from 0) for a key: a response, an exception, "hang", or None for a good answer.

    ``asked`` lists the keys in the order in which they came, ``bodies`` and ``times`` what came with them and when.
    """

    def __init__(self, script=lambda key, n, request: None, seconds: float = 0.0, log=None):
        self.script, self.seconds, self.log = script, seconds, log
        self.asked, self.bodies, self.times = [], [], []
        self.under_way = self.most_under_way = 0

    async def handle_async_request(self, request):
        body = json.loads(await request.aread())
        key = key_of(body)
        n = self.asked.count(key) if self.log is None else 0        # a log is for many requests; nobody counts them there
        self.asked.append(key)
        self.bodies.append(body)
        self.times.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
            if self.log is not None:
                self.log.write(json.dumps(key) + "\n")
                self.log.flush()
            outcome = self.script(key, n, request)
            if asyncio.iscoroutine(outcome):
                outcome = await outcome
            if outcome == "hang":
                await asyncio.sleep(3600)
            if isinstance(outcome, Exception):
                raise outcome
            return good(key) if outcome is None else outcome
        finally:
            self.under_way -= 1


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.jsonl"
    path.write_text("".join(json.dumps({"id": r.id, "image": r.image, "captions": list(r.captions), "instances": [
        {"category": b.category, "bbox": list(b.box)} for b in r.boxes]}) + "\n" for r in records(5)))
    return path


def a_plan(n: int, kinds=KINDS, settings=PATIENT, price=Price(0, 0)) -> Plan:
    return Plan([(record, kind) for record in records(n) for kind in kinds], settings=settings, price=price)


def run(plan, folder, script=lambda *_: None, seconds=0.0, **options):
    server = Server(script, seconds)
    return server, generate(plan, folder, transport=server, quiet=True, **options)


def lines(folder, name=ANSWERS) -> list[dict]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keys(rows) -> list[tuple[str, str]]:
    return [(row["id"], row["kind"]) for row in rows]


def shown(error) -> str:
    """A traceback as it is printed, and the variables of our own code that some programs show with it."""
    stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return "".join(traceback.format_exception(error)) + "".join(f"{frame.name}: {frame.locals}\n" for frame in stack if "llava_mini" in frame.filename)


def keys_of(requests) -> list[tuple[str, str]]:
    return [(record.id, kind) for record, kind in requests]
