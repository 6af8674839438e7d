"""The offline judge: rules behind the chat-completions protocol, so that the real client asks it as it asks any server.

It reads nothing but the prompt's text, and answers as the prompt wants: two scores, then the reasons. It is no GPT-4: it
knows neither style nor the world, only whether a context supports, contradicts or misses what an answer says. On what
captions leave open it is generous, and its scores are to be compared with each other, not with those of another judge.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from ..instruct.offline import Offline
from ..instruct.storyteller import Written
from . import prompt
from .weighing import weigh

NAME = "rule-judge"
DECIDES = ("bench/rules.py", "bench/weighing.py", "bench/asked.py", "bench/clauses.py", "bench/counted.py", "storybook/vocabulary.py",
           *(f"instruct/{name}.py" for name in ("claims", "free", "lore", "manner", "places", "reading", "speech", "words")))


def name() -> str:
    """The judge's name with a fingerprint of its rules: verdicts of other rules are another judge's."""
    digest, package = hashlib.sha256(), Path(__file__).resolve().parents[1]
    for path in DECIDES:
        digest.update((package / path).read_bytes().replace(b"\r\n", b"\n"))
    return f"{NAME}-{digest.hexdigest()[:8]}"


def write(messages: list[dict], rng: random.Random, lie: str | None = None) -> Written:
    """The verdict on a prompt of :mod:`.prompt`. Raises InputError for any other; it has nothing to lie about, so ``lie`` is passed over.

    >>> case = prompt.Case("A red dog on the beach.\\n\\ndog: [0.1, 0.5, 0.3, 0.8]", "Is there a dog?", "Yes.", "No.")
    >>> write(prompt.messages(case), random.Random(0)).text.splitlines()[0]
    '10 2'
    """
    case = prompt.read(messages)
    first, second = (weigh(case.question, answer, case.context) for answer in (case.first, case.second))
    return Written(f"{first.score} {second.score}\nAssistant 1: {first}\nAssistant 2: {second}")


def transport(seed: int = 0, misbehave: dict | None = None, **options) -> Offline:
    """The judge's server; ``misbehave`` and ``options`` as in :func:`..instruct.offline.transport`."""
    return Offline(write, name(), seed, misbehave, **options)
