"""The mini language parent as a teacher, served like the storyteller: for comparison.

It has a few million parameters and has never seen a prompt of this kind, so most of what it writes is of no use, and
that is the lesson: the teacher's size is what the method lives on. Examples that its context has no room for are left
out, the first ones first; the counter ``examples_left_out`` of the server's writer tells how many.

>>> http = openai.DefaultAsyncHttpxClient(transport=transport("data/pretrained/vicuna-large"))    # doctest: +SKIP
"""

from __future__ import annotations

import random
import threading
from pathlib import Path

import torch

from ..conversation import render
from ..errors import InputError
from ..parents import load_language
from ..streaming import Answer
from .offline import Offline
from .storyteller import Written


class ParentTeacher:
    """Writes with a language model's own chat: the writer of an offline server."""

    def __init__(self, folder: str | Path, *, longest: int = 256, temperature: float = 0.7):
        self.model, self.tokenizer = load_language(folder, torch.float32)
        self.model.eval()
        self.longest, self.temperature = longest, temperature      # tokens of an answer; 0 takes the likeliest token
        self.context = getattr(self.model.config, "max_position_embeddings", None) or 1 << 30
        self.examples_left_out = 0
        self._one_at_a_time = threading.Lock()                      # the server calls from several threads

    def __call__(self, messages: list[dict], rng: random.Random, lie: str | None = None) -> Written:
        """The model's answer. It cannot lie to order, only by itself. Raises InputError for a prompt that is too long."""
        with self._one_at_a_time:
            return Written(self._write(self._ids(messages), rng.randrange(1 << 31)))

    def _ids(self, messages: list[dict]) -> list[int]:
        """The prompt's tokens, without examples for which there is no room."""
        first = 1 if messages and messages[0].get("role") == "system" else 0
        messages = [{"role": m.get("role"), "content": m.get("content")} for m in messages]
        while True:
            ids = render(messages, "v1", tokenizer=self.tokenizer, visual_tokens=1, prompt=True).ids
            if len(ids) + self.longest <= self.context:
                return ids
            if len(messages) - first < 3:
                raise InputError(f"The prompt has {len(ids)} tokens and an answer up to {self.longest}, more than the {self.context} of this "
                                 "teacher's context; shorten it.")
            del messages[first:first + 2]
            self.examples_left_out += 1

    @torch.inference_mode()
    def _write(self, ids: list[int], seed: int) -> str:
        answer, chance = Answer("v1", self.tokenizer, stream=False), torch.Generator().manual_seed(seed)
        given, past = torch.tensor([ids]), None                     # [1, tokens]
        for _ in range(self.longest):
            output = self.model(input_ids=given, past_key_values=past, use_cache=True, logits_to_keep=1)
            logits, past = output.logits[0, -1].float(), output.past_key_values      # [vocabulary]
            if self.temperature:
                token = int(torch.multinomial(torch.softmax(logits / self.temperature, -1), 1, generator=chance))
            else:
                token = int(logits.argmax())
            text = answer.add(token)
            if answer.ended:
                return text
            given = torch.tensor([[token]])                         # [1, 1]
        return answer.end()


def transport(folder: str | Path, seed: int = 0, misbehave: dict | None = None, *, longest: int = 256, temperature: float = 0.7) -> Offline:
    """The parent's server. ``folder``: a language model of transformers' format; ``misbehave`` as for offline.transport."""
    return Offline(ParentTeacher(folder, longest=longest, temperature=temperature), Path(folder).name, seed, misbehave, in_thread=True)
