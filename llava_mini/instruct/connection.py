"""The way to a server: the client from the environment, and what a server's errors mean, told without the key.

The key is read from ``OPENAI_API_KEY`` by the client and nowhere else. What a server says is passed on only with the
key, and whatever looks like one, taken out; errors are raised without the chain of causes in which it might stand.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:                       # else only where a server is asked: it takes a second to load
    import openai

OFFLINE, PARENT = "offline", "parent"               # the two teachers within this package: the storyteller, the mini language parent
KEPT = "start again, and the run goes on where it is now"
_QUOTA = re.compile(r"insufficient_(?:user_)?quota|exceeded_current_quota|insufficient_balance|billing|account_deactivated")
_KEYS = re.compile(r"\bsk-[\w*-]{4,}|\bBearer +\S+")


class Stop(InputError):
    """No further request makes sense."""


@dataclass(frozen=True)
class Settings:
    """How the teacher is asked."""

    model: str = OFFLINE
    max_tokens: int = 1024              # of one answer
    temperature: float | None = 0.7     # None: the server's own
    seed: int | None = None             # sent along where given; the storyteller's seed
    timeout: float = 120.0              # seconds until an answer must be complete
    retries: int = 8                    # how often one request is sent again after a fault
    backoff: float = 1.0                # seconds before the first time, then twice as long each time; a random part is taken off

    def options(self) -> dict:
        """What is sent beside the model and the messages."""
        named = {"max_tokens": self.max_tokens, "temperature": self.temperature, "seed": self.seed}
        return {name: value for name, value in named.items() if value is not None}


def connect(settings: Settings, transport=None, misbehave: dict | None = None) -> openai.AsyncOpenAI:
    """The client. Raises InputError when the environment does not say enough, without ever showing the key.

    ``transport``: what carries the requests, for tests; ``misbehave``: see ``offline.transport``.
    """
    import openai

    common = {"max_retries": 0, "timeout": settings.timeout}       # patience is in one place, and it is not the client
    if settings.model in (OFFLINE, PARENT):
        if transport is None and settings.model == PARENT:
            raise InputError("The model 'parent' needs the folder of a language model; give --parent data/pretrained/vicuna-large.")
        if transport is None:
            from . import offline
            transport = offline.transport(seed=settings.seed or 0, misbehave=misbehave)
        return openai.AsyncOpenAI(api_key=OFFLINE, base_url=f"http://{OFFLINE}/v1", http_client=_http(transport), **common)
    if fault := environment_fault():
        raise InputError(fault)
    address = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    no_key = {} if os.environ.get("OPENAI_API_KEY") else {"api_key": "none"}            # a server of one's own needs none
    return openai.AsyncOpenAI(base_url=address, http_client=_http(transport), **no_key, **common)


def environment_fault() -> str | None:
    """What is wrong with the environment, in one sentence. The key is looked at here, and gone on return."""
    key, address = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    if not key and not address:
        return ("There is no OPENAI_API_KEY in the environment; set it, or OPENAI_BASE_URL for a server that needs none, "
                "or leave out the model for the offline storyteller.")
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        return "The OPENAI_API_KEY in the environment holds a space, a line break or another sign that no key has; copy it anew."
    if address and not re.match(r"https?://[^/\s]+\S*\Z", address):
        return "The OPENAI_BASE_URL in the environment is not an address like http://localhost:8000/v1; correct it."
    return None


def _http(transport):
    import openai

    return openai.DefaultAsyncHttpxClient(transport=transport) if transport is not None else None


def hopeless(client: openai.AsyncOpenAI, error: openai.APIStatusError, model: str) -> str | None:
    """What to do about an error that neither patience nor another request will mend; None where one of them may."""
    if error.status_code == 402 or _QUOTA.search(f"{error.code} {error.type}"):
        return (f"The quota of your account at {place(client)} is used up ({told(client, error)}); add credit or raise its limit there "
                f"and {KEPT}.")
    if error.status_code == 401:
        return f"The server at {place(client)} does not accept your key; set OPENAI_API_KEY to a valid one and {KEPT}."
    if error.status_code == 403:
        return (f"Your key may not use the model {model!r} at {place(client)} ({told(client, error)}); allow it there or choose another, "
                f"and {KEPT}.")
    if error.status_code == 404:
        return f"There is no model {model!r} at {place(client)} ({told(client, error)}); correct --model or OPENAI_BASE_URL and {KEPT}."
    return None


def place(client: openai.AsyncOpenAI) -> str:
    """The server's address, without a password or other things that one may have put into it."""
    url = client.base_url
    return f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}{url.path.rstrip('/')}"


def told(client: openai.AsyncOpenAI, error: openai.APIStatusError) -> str:
    """What the server says, in a few words and without the key."""
    return in_few_words(without_key(client, f"{error.status_code} {error.code or error.type or ''} {message(error)}"))


def message(error: openai.APIStatusError) -> str:
    """The server's own words, where they stand at the usual place; else all that it sent."""
    return str(error.body["message"]) if isinstance(error.body, dict) and error.body.get("message") else error.message


def in_few_words(text: str) -> str:
    """A server's message on one line, not too long, and without anything that looks like a key (some show a part of one)."""
    return _KEYS.sub("[key]", " ".join(text.split()))[:300]


def without_key(client: openai.AsyncOpenAI, text: str) -> str:
    """A text from outside without the key. Answers pass through it too."""
    return text.replace(client.api_key, "[key]") if len(client.api_key) >= 8 else text      # shorter ones are "none", "EMPTY"
