"""The letter of the choice that a model means, where it writes no letters: of all choices, the one whose words it finds likeliest.

Finding the letter that stands before the right words is a skill of its own. A large language model brings it along; the
mini parent does not, and does not learn it from a few thousand questions (README.md tells what was tried). So with
``Profile.letters`` off it learns to say "The answer is a cat.", and what it says is read like this: its reasons are
generated as always; behind them every choice is put in turn, and the one that is likeliest per token is its answer. Its
letter is then written down, so that files, extraction and scores are the same as for any other model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..batches import collate
from ..conversation import render
from ..errors import InputError
from ..generation import Request
from ..model import logits_only_at
from ..pack import Row
from .problems import LETTERS
from .prompts import ANSWERS, REASONING, answer_in_words, options

TOGETHER = 16                           # problems weighed at a time


@dataclass
class Weighed:
    """One problem to be decided."""

    messages: list[dict]                # that end with the user's turn
    pictures: Sequence                  # none or one
    stem: str                           # what the model has said so far: its reasons, or nothing
    choices: Sequence[str]


def say(model, requests: Sequence[Request], form: str = REASONING, **generation) -> list[str]:
    """The texts of a model that says its answers in words: "<reasons> The answer is B.".

    ``requests`` hold a question as ``prompts.question`` writes it in their last turn; ``generation`` goes to
    ``model.generate``. Where the letter comes first, no reasons are asked for. A text that gives no answer on purpose
    ("I cannot answer ...") stays as it is.
    """
    said = [text.strip() for text in model.generate(list(requests), **generation)] if form == REASONING else [""] * len(requests)
    stems = [text.partition(ANSWERS)[0].strip() for text in said]
    open_ = [n for n, text in enumerate(said) if not text.startswith("I cannot answer")]
    asked = [Weighed(requests[n].messages, requests[n].pictures, stems[n], options(requests[n].messages[-1]["content"])) for n in open_]
    for n, index in zip(open_, choose(model, asked)):
        said[n] = f"{stems[n]} {ANSWERS} {LETTERS[index]}.".strip()
    return said


def choose(model, asked: Sequence[Weighed]) -> list[int]:
    """The index of the likeliest choice of each; by the mean over its tokens, so that long ones are not at a disadvantage."""
    found = []
    was_training = model.training
    model.eval()
    for start in range(0, len(asked), TOGETHER):
        found += [int(np.argmax(chances)) for chances in weigh(model, asked[start:start + TOGETHER])]
    model.train(was_training)
    return found


@torch.inference_mode()
def weigh(model, asked: Sequence[Weighed]) -> list[list[float]]:
    """The mean log probability per token of each choice, and of the full stop behind it, for each problem."""
    rows, pictures, parts = [], [], []
    for one in asked:
        ids = [_ids(model, one, choice) for choice in one.choices]
        common = next((i for i, column in enumerate(zip(*ids)) if len(set(column)) > 1), min(map(len, ids)) - 1)
        tails = [row[common:] for row in ids]
        joined = np.array([*ids[0][:common], *(token for tail in tails for token in tail)], dtype=np.int32)
        parts.append([len(tail) for tail in tails])
        keys = tuple(range(len(pictures), len(pictures) + len(one.pictures)))
        pictures += one.pictures
        rows.append(Row(joined, np.arange(len(joined)) >= common, (common, *parts[-1]), keys, ()))
    features = model.encode(pictures) if pictures else None                     # [n, tokens, width]
    inputs = collate(rows, lambda keys: features[keys].cpu(), model.tokenizer.pad_token_id).to(model.device).inputs
    where, positions, tokens = inputs.pop("targets")                            # [m] each
    with logits_only_at(model.language_model, where, positions):
        logits = model(**inputs).logits[0]                                      # [m, vocabulary]
    logs = torch.log_softmax(logits.float(), -1).gather(1, tokens[:, None])[:, 0].tolist()
    chances, at = [], 0
    for lengths in parts:
        chances.append([])
        for length in lengths:
            chances[-1].append(sum(logs[at:at + length]) / length)
            at += length
    return chances


def _ids(model, one: Weighed, choice: str) -> list[int]:
    """The tokens of the conversation with that choice as its end."""
    messages = [*one.messages, {"role": "assistant", "content": f"{one.stem} {answer_in_words(choice)}".strip()}]
    ids = render(messages, model.config.template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens).ids
    context = getattr(model.language_model.config, "max_position_embeddings", None)
    if context and len(ids) > context:
        raise InputError(f"A question with its reasons and a choice has {len(ids)} tokens where the language model can read {context}; "
                         "make its text shorter.")
    return ids
