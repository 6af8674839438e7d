"""The teacher: a server that speaks OpenAI's chat completions, asked patiently and never in vain.

A fault that may pass (rate limit, server error, time-out, dropped connection, a reply that cannot be read) is waited
out and the request sent again; one that cannot pass (quota used up, key refused, no such model) ends the run at once
and says what to do.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time

import openai

from .connection import KEPT, Settings, Stop, hopeless, message, place, told, without_key
from .prices import TOKENS

LONGEST_WAIT = 600.0                    # seconds; a server that asks for more is better tried another time
LONGEST_BACKOFF = 30.0                  # seconds, where the server does not say
RETRIES_UNHEARD = 2                     # while the server has never answered anything: it may not be running at all
BODY = 300                              # characters kept of a reply that cannot be read
DOUBTFUL = ("timeout", "dropped", "unreadable")     # faults after which the server may have done, and billed, its work


@dataclass(frozen=True)
class Reply:
    """One answer as it came."""

    text: str
    finish_reason: str | None           # "content_filter" also where the server says in a field of its own that it refuses
    usage: dict | None                  # prompt_tokens and completion_tokens, where the server tells
    served: str                         # the model's exact name, as the server gives it
    name: str                           # the server's name for this reply


class Rejected(Exception):
    """The server takes offence at this one request."""


class Unanswered(Exception):
    """No answer to this one request after all that was tried; ``body`` is how the last reply begins if it was "unreadable"."""

    def __init__(self, fault: str, body: str = ""):
        super().__init__(fault)
        self.fault, self.body = fault, body


class Teacher:
    """Asks one server. ``faults`` counts what went wrong on the way; setting ``stopping`` cuts waits short."""

    def __init__(self, client: openai.AsyncOpenAI, settings: Settings):
        self.client, self.settings = client, settings
        self.faults: Counter = Counter()
        self.stopping = asyncio.Event()
        self._heard = False             # has the server ever answered anything?
        self._not_before = 0.0          # the loop's time until which the server wants to be left alone
        self._options = settings.options()

    async def ask(self, messages: list[dict], again: int = 0) -> Reply:
        """The answer to messages. Raises Stop, Rejected or Unanswered; see there.

        ``again``: how often they were asked before, to no use; a seed that is sent along becomes another one by it.
        """
        sent, fault, wait, body = 0, "stopped", 0.0, ""
        while sent <= (self.settings.retries if self._heard else min(self.settings.retries, RETRIES_UNHEARD)):
            await self._rest(wait)
            if self.stopping.is_set():
                break
            options = self._options
            seed = {"seed": options["seed"] + again} if "seed" in options else {}
            answer = None
            try:
                asking = self.client.chat.completions.create(model=self.settings.model, messages=messages, **options | seed)
                answer = await asyncio.wait_for(asking, self.settings.timeout)      # the client's own limit is between two bytes
                self._heard = True
                return read(answer.to_dict(warnings=False), lambda text: without_key(self.client, text))
            except (asyncio.TimeoutError, openai.APITimeoutError):
                fault, wait = "timeout", None
            except openai.APIConnectionError:
                fault, wait = "dropped", None
            except openai.APIStatusError as error:
                self._heard = True
                if stop := hopeless(self.client, error, self.settings.model):
                    raise Stop(stop) from None
                fault, wait = _name(error.status_code), _retry_after(error.response.headers)
                if fault == "rejected":
                    if self._adapt(error, options):
                        wait = 0.0
                        continue
                    raise Rejected(told(self.client, error)) from None
            except (openai.OpenAIError, ValueError, AttributeError, TypeError, LookupError) as error:    # not JSON, or not a completion
                self._heard, fault, wait = True, "unreadable", None
                body = without_key(self.client, str(error if answer is None else answer))[:BODY]
            self.faults[fault] += 1
            sent += 1
            wait = self._until(wait) if wait else self._longer(sent)
        raise Unanswered(fault, body if fault == "unreadable" else "")

    def _adapt(self, error: openai.APIStatusError, sent: dict) -> bool:
        """Whether it is worth sending again with other options: newer models know max_tokens by another name, and some
        servers know no temperature or seed."""
        if sent is not self._options:                               # another request has found out meanwhile
            return True
        named = f"{error.param} {message(error)}"
        changed = {name: value for name, value in sent.items() if name not in ("temperature", "seed") or name not in named}
        if "max_tokens" in sent and "max_completion_tokens" in named:
            changed["max_completion_tokens"] = changed.pop("max_tokens")
        if changed != sent:
            self._options = changed
        return changed != sent

    def _longer(self, sent: int) -> float:
        """Seconds to wait where the server does not say: twice as many each time, less a random part, so that those who
        were refused together do not come back together."""
        return min(self.settings.backoff * 2 ** (sent - 1), LONGEST_BACKOFF) * random.uniform(0.5, 1)

    def _until(self, seconds: float) -> float:
        """Keeps every request back for as long as the server asks. Raises Stop where that is too long."""
        if seconds > LONGEST_WAIT:
            raise Stop(f"The server at {place(self.client)} asks to be left alone for {seconds / 60:.0f} minutes; then {KEPT}.")
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)
        return seconds + random.uniform(0, min(self.settings.backoff, seconds))

    async def _rest(self, seconds: float) -> None:
        """Waits, and longer while the server wants to be left alone; not at all once the run is stopping."""
        seconds = max(seconds, self._not_before - asyncio.get_running_loop().time())
        while seconds > 0 and not self.stopping.is_set():
            try:
                await asyncio.wait_for(self.stopping.wait(), seconds)
            except asyncio.TimeoutError:
                seconds = self._not_before - asyncio.get_running_loop().time()


def read(body: dict, clean: Callable[[str], str] = str) -> Reply:
    """A completion as it stands in a reply, or in a line of a batch, with every text of the server's cleaned.

    Raises KeyError, TypeError or IndexError for anything else.
    """
    choice, usage = body["choices"][0], body.get("usage") or {}
    content, refusal = choice["message"].get("content"), choice["message"].get("refusal")
    if not isinstance(content or refusal or "", str):
        raise TypeError("content")
    counted = all(isinstance(usage.get(name), int) for name in TOKENS)
    reason = "content_filter" if refusal else choice.get("finish_reason")
    return Reply(clean(content or refusal or ""), None if reason is None else clean(str(reason)),
                 {name: usage[name] for name in TOKENS} if counted else None,
                 clean(str(body.get("model") or "")), clean(str(body.get("id") or "")))


def _name(status: int) -> str:
    if status == 429:
        return "rate limit"
    return "server error" if status >= 500 or status in (408, 409) else "rejected"


def _retry_after(headers) -> float | None:
    """Seconds that the server asks to wait, from retry-after-ms or Retry-After (seconds or a date); None if it does not."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time()
            except (ValueError, TypeError, OverflowError):
                continue
        if seconds > 0:                                             # neither NaN nor a date gone by
            return seconds
    return None
