"""One line of the answers file, made of what was asked and what came back; live runs and batches write the same.

::

    {"id": "train-000007", "image": "train-000007.jpg", "kind": "detail", "answer": "It is raining ...", "finish_reason": "stop",
     "usage": {"prompt_tokens": 1034, "completion_tokens": 97}, "model": "gpt-4o-mini", "prompt": "2445e9ce05b6", "attempt": 1,
     "created": 1790000000, "served": "gpt-4o-mini-2024-07-18", "reply": "chatcmpl-...", "cost": 0.000213}

``usage`` has a field "estimated" where the server did not count; ``served`` is the model's exact name as the server
gives it, ``reply`` the server's name for the answer, ``cost`` dollars at the price of the day. A line that is set aside
has a field ``reason`` as well: "empty", "format", "cut off", "refused" (see answers.py), or "rejected" with the server's
``message``, where it would not take the request at all, or "unreadable", where all its replies were no completions and
``message`` is how the last one began.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from . import answers
from .prices import Price
from .teacher import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line says of its request."""

    id: str
    image: str
    kind: str
    prompt: str                 # its digest
    model: str
    attempt: int                # 1 at first


def answered(asked: Asked, reply: Reply, price: Price, counted: dict, batch: bool = False) -> dict:
    """The line of a reply, with the reason if it cannot be used. ``counted``: its tokens, where the server does not tell."""
    usage = reply.usage or counted | {"estimated": True}
    row = _row(asked, reply.text, reply.finish_reason, usage) | {
        "served": reply.served, "reply": reply.name, "cost": price.of(usage["prompt_tokens"], usage["completion_tokens"], batch)}
    try:
        answers.turns(asked.kind, reply.text, reply.finish_reason)
    except answers.Malformed as error:
        row["reason"] = error.reason
    return row


def rejected(asked: Asked, message: str, reply: str = "") -> dict:
    """The line of a request that the server would not take; it costs nothing."""
    return _row(asked, "", None, {"prompt_tokens": 0, "completion_tokens": 0}) | {"reply": reply, "reason": "rejected", "message": message}


def _row(asked: Asked, answer: str, finish_reason: str | None, usage: dict) -> dict:
    return {"id": asked.id, "image": asked.image, "kind": asked.kind, "answer": answer, "finish_reason": finish_reason, "usage": usage,
            "model": asked.model, "prompt": asked.prompt, "attempt": asked.attempt, "created": int(time.time())}
