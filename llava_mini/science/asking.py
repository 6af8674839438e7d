"""A server for text alone, as a function: many prompts in, as many texts out. It is the text-only model and the judge."""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

from ..instruct.connection import Settings, connect
from ..instruct.generate import in_a_thread
from ..instruct.teacher import Rejected, Teacher, Unanswered

Ask = Callable[[Sequence[list[dict]]], Sequence["str | None"]]      # messages of each prompt -> its text, None where there is none


def by_server(settings: Settings, *, transport=None, concurrency: int = 8) -> Ask:
    """Asks an OpenAI-compatible server, chosen by OPENAI_API_KEY and OPENAI_BASE_URL, with the teacher's patience.

    ``transport`` carries the requests instead of the network. A prompt that gets no answer after all gives None and a
    warning with its reason; a quota that is used up, or a key that is refused, ends in InputError. Works in notebooks too.
    """
    def ask(prompts: Sequence[list[dict]]) -> list[str | None]:
        texts: list[str | None] = [None] * len(prompts)
        faults: Counter = Counter()

        async def work() -> None:
            gate = asyncio.Semaphore(concurrency)
            async with connect(settings, transport) as client:
                teacher = Teacher(client, settings)

                async def one(number: int) -> None:
                    async with gate:
                        try:
                            texts[number] = (await teacher.ask(prompts[number])).text
                        except (Rejected, Unanswered) as error:
                            faults[str(error)] += 1

                await asyncio.gather(*(one(number) for number in range(len(prompts))))

        if prompts:
            in_a_thread(work)
        for fault, number in faults.items():
            warnings.warn(f"{number} of {len(prompts)} prompts got no answer ({fault}).", stacklevel=2)
        return texts

    return ask
