"""The offline server: chat completions without a network, through the real client's own transport.

::

    http = openai.DefaultAsyncHttpxClient(transport=transport())
    client = openai.AsyncOpenAI(api_key="offline", base_url="http://offline/v1", http_client=http)

The client builds its requests, reads the replies and times out as it does with any server; only the wire is missing.
The server reads a request as text and answers with the storyteller (or another writer, see parent_teacher.py). It can
be told to misbehave, each time by lot; what it does follows from the seed, the request and how often it was asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import httpx2                               # what the openai client carries its requests with

from ..errors import InputError
from . import storyteller
from .lies import LIES
from .storyteller import Written

FAULTS = ("rate limit", "server error", "hang", "drop", "cut off", "garbage", "format", "refuse", "quota", "lie")
_REFUSALS = ("I'm sorry, but I can't help with that.", "I cannot describe this picture, as I am not able to see it.")
_GARBAGE = ("<html><body><h1>502 Bad Gateway</h1></body></html>", '{"id": "chatcmpl-', '{"object": "chat.completion"}', "null", "")


@dataclass(frozen=True)
class Lie:
    """One lie that was served."""

    kind: str                               # a key of lies.LIES
    text: str                               # the sentence that is not true
    context: str                            # the picture in words
    answer: str                             # all that was served


class Offline(httpx2.AsyncBaseTransport):
    """The server. ``served`` counts replies by outcome ("ok", or the fault), ``asked`` the requests by the sha256 of their
    body, ``answered`` those that got a sound answer: whatever is above one was asked again in vain. ``lies`` holds the lies."""

    def __init__(self, write: Callable[..., Written], name: str, seed: int = 0, misbehave: dict | None = None, *,
                 seconds: float = 0.0, retry_after: float = 0.05, in_thread: bool = False):
        self.write, self.name, self.seed, self.seconds, self.retry_after, self.in_thread = write, name, seed, seconds, retry_after, in_thread
        self.rates = _checked(misbehave or {})
        self.served: Counter = Counter()
        self.asked: Counter = Counter()
        self.answered: Counter = Counter()
        self.lies: list[Lie] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        path = request.url.path.rstrip("/")
        if request.method == "GET" and path.endswith("/models"):
            return httpx2.Response(200, json={"object": "list", "data": [{"id": self.name, "object": "model", "created": 0, "owned_by": "offline"}]})
        if request.method != "POST" or not path.endswith("/chat/completions"):
            return _error(404, "not_found", f"There is no {request.method} {path} here; ask for chat/completions.")
        key = hashlib.sha256(body).hexdigest()
        rng = random.Random(f"{self.seed}/{key}/{self.asked[key]}")
        self.asked[key] += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        fault = self._lot(rng)
        if fault in _WIRE and (fault != "garbage" or rng.random() < 0.5):
            self.count(key, fault)
            return await _WIRE[fault](self, request, rng)
        return await self._answer(request, body, key, fault, rng)

    def _lot(self, rng: random.Random) -> str | None:
        lot = rng.random()
        for name, rate in self.rates.items():
            lot -= rate
            if lot < 0:
                return name
        return None

    async def _answer(self, request, body: bytes, key: str, fault: str | None, rng: random.Random) -> httpx2.Response:
        """An answer of the writer, or what a fault makes of it."""
        try:
            asked = json.loads(body)
            messages, limit = asked["messages"], asked.get("max_completion_tokens") or asked.get("max_tokens")
            if asked.get("stream") or asked.get("n", 1) != 1:
                raise InputError("Here an answer comes whole and alone; ask without stream and n.")
            lie = rng.choice(list(LIES)) if fault == "lie" else fault if fault in LIES else None
            if self.in_thread:
                written = await asyncio.to_thread(self.write, messages, rng, lie)
            else:
                written = self.write(messages, rng, lie)
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.count(key, "rejected")
            return _error(400, "invalid_request_error", str(error) if isinstance(error, InputError) else f"The request cannot be read ({error!r}).")
        text, finish, refusal = written.text, "stop", None
        if fault == "refuse":
            text, refusal = (None, rng.choice(_REFUSALS)) if rng.random() < 0.5 else (rng.choice(_REFUSALS), None)
        elif fault == "format":
            text = _misformed(text, rng)
        elif fault == "garbage":                # here the body is sound and its text is not
            text = "".join(rng.choice("abcxyz#@%&*{}<>~ \n") for _ in range(rng.randint(0, 80)))
        pieces = split_tokens(text or refusal or "")
        room = rng.randint(1, max(1, len(pieces) - 1)) if fault == "cut off" else limit or len(pieces)
        if len(pieces) > room:
            text, finish = "".join(pieces[:room]), "length"
        outcome = fault if fault in FAULTS and fault != "lie" else "lie" if written.lie else "cut off" if finish == "length" else "ok"
        self.count(key, outcome, sound=outcome in ("ok", "lie") and bool(text))
        if written.lie:
            self.lies.append(Lie(*written.lie, str(messages[-1]["content"]), text))
        prompt = sum(len(split_tokens(str(message.get("content")))) + 4 for message in messages)
        return httpx2.Response(200, json=self._completion(key, text, refusal, finish, prompt, min(len(pieces), room)))

    def count(self, key: str, outcome: str, sound: bool = False) -> None:
        """One reply to the request of that sha256, just before it leaves; ``sound``: with an answer that can be used."""
        self.served[outcome] += 1
        if sound:
            self.answered[key] += 1

    def _completion(self, key: str, text, refusal, finish: str, prompt: int, written: int) -> dict:
        return {"id": f"chatcmpl-{key[:12]}-{self.asked[key]}", "object": "chat.completion", "created": int(time.time()), "model": self.name,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": refusal}, "finish_reason": finish,
                             "logprobs": None}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}}


def transport(seed: int = 0, misbehave: dict | None = None, *, seconds: float = 0.0, retry_after: float = 0.05) -> Offline:
    """The storyteller's server.

    ``misbehave``  {fault: how often, 0 to 1}: "rate limit" (429 with Retry-After), "server error" (500), "hang" (until the
                   client's time-out), "drop" (the connection, before or amid the reply), "cut off" (finish_reason
                   "length"), "garbage", "format" (text that is not laid out as asked), "refuse", "quota" (429
                   insufficient_quota), "lie" (of any kind), or one of the kinds of lie, such as "wrong colour"
    ``seconds``    until each reply; ``retry_after``: seconds that a rate limit asks to wait

    Raises InputError for an unknown fault, a rate outside 0 to 1, and rates that add up to more than 1.
    """
    return Offline(storyteller.write, storyteller.NAME, seed, misbehave, seconds=seconds, retry_after=retry_after)


def split_tokens(text: str) -> list[str]:
    """The text in pieces of about the size of a tokenizer's; joined, they are the text."""
    return re.findall(r"\s*\w{1,6}|\s*[^\w\s]|\s+", text)


def _checked(misbehave: dict) -> dict:
    for name, rate in misbehave.items():
        if name not in FAULTS and name not in LIES:
            raise InputError(f"The offline server knows no fault {name!r}; choose from {', '.join((*FAULTS, *LIES))}.")
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise InputError(f"The rate of {name!r} is {rate!r}; give a number from 0 to 1.")
    if sum(misbehave.values()) > 1 + 1e-9:
        raise InputError(f"The rates of misbehaviour add up to {sum(misbehave.values()):g}; let them make at most 1.")
    return dict(misbehave)


def _error(status: int, code: str, message: str, headers: dict | None = None) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"message": message, "type": code, "param": None, "code": code}}, headers=headers)


def _misformed(text: str, rng: random.Random) -> str:
    """An answer that says the right things in a layout that nobody asked for."""
    return rng.choice((text.replace("\n===\n", "\n").replace("Question:\n", "Q: ").replace("Answer:\n", "A: ") if "===" in text else f"Answer:\n{text}",
                       "\n".join(f"- {line}" for line in text.splitlines() if line.strip(" =")) + "\n===\n",
                       json.dumps({"answer": text})[:-1] + ",\n===\n}"))


async def _rate_limit(self, request, rng):
    return _error(429, "rate_limit_exceeded", "Too many requests; wait a moment.", {"retry-after": f"{self.retry_after:g}"})


async def _server_error(self, request, rng):
    return _error(rng.choice((500, 502, 503)), "server_error", "Something went wrong on our side.")


async def _quota(self, request, rng):
    return _error(429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.")


async def _hang(self, request, rng):
    """Says nothing for as long as the client has patience."""
    patience = request.extensions.get("timeout", {}).get("read")
    await asyncio.sleep(3600 * 24 if patience is None else patience)
    raise httpx2.ReadTimeout("The server did not answer in time.", request=request)


async def _drop(self, request, rng):
    if rng.random() < 0.5:
        raise httpx2.RemoteProtocolError("Server disconnected without sending a response.", request=request)
    return httpx2.Response(200, headers={"content-type": "application/json"}, stream=_Broken(request))


async def _garbage(self, request, rng):
    return httpx2.Response(200, content=rng.choice(_GARBAGE), headers={"content-type": rng.choice(("application/json", "text/html"))})


class _Broken(httpx2.AsyncByteStream):
    """The beginning of a reply, and then nothing: the connection is gone."""

    def __init__(self, request):
        self.request = request

    async def __aiter__(self):
        yield b'{"id": "chatcmpl-1", "object": "chat.comp'
        raise httpx2.ReadError("The connection was closed.", request=self.request)


_WIRE = {"rate limit": _rate_limit, "server error": _server_error, "quota": _quota, "hang": _hang, "drop": _drop, "garbage": _garbage}
