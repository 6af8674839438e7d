"""Where a LLaVA looks: how much each word of question and answer attends to each patch of the picture.

::

    look(model, picture, "What colour is the dog?")     every word, layer and head; the answer is the model's own
    over_question(model, picture, question)             the mean over the words of the question
    relative(model, picture, question)                  the same, divided by that of a question about nothing in particular

Attention is computed by the language model's own "eager" code, the only one that hands its weights out; the logits that come
with it are the model's. What a weight is not: the proof that a patch mattered. That takes an experiment on the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from .conversation import IMAGE, render, stop_ids
from .errors import InputError
from .model import LlavaMini
from .writer import plain_text

GENERIC = "Please describe this picture."       # asks about everything, and so about nothing in particular
LEAST = 1e-6                                    # what a patch is taken to get at least, where one divides by it


@dataclass(frozen=True)
class Look:
    """The attention of one question and its answer, word by word.

    A word of the question is looked at in the place where it is *read*, a word of the answer in the place where it is *chosen*:
    that of the token before it, whose output it is. So the last words of the question choose the first of the answer.
    """

    tokens: list[str]           # what follows the picture: the question's tokens, then the answer's
    first: int                  # tokens[first:] are the answer's
    weights: torch.Tensor       # [tokens, layers, heads, row]: attention to every place of the row; sums to 1 over the row
    start: int                  # the picture begins at this place of the row
    visual_tokens: int
    answer: str                 # the answer as text
    logits: torch.Tensor        # [answer tokens, vocabulary]: of which each token of the answer is chosen

    @property
    def patches(self) -> torch.Tensor:
        """The part that goes to the picture, [tokens, layers, heads, visual tokens]."""
        return self.weights[..., self.start: self.start + self.visual_tokens]

    @property
    def question(self) -> torch.Tensor:
        """Mean of ``patches`` over the tokens of the question, [layers, heads, visual tokens]."""
        return self.patches[: self.first].mean(0)


@torch.no_grad()
def look(model: LlavaMini, picture: Image.Image | str | Path | torch.Tensor, question: str, answer: str | None = None, *,
         max_new_tokens: int = 40) -> Look:
    """The attention behind the model's answer to a question about one picture, or behind ``answer``, if it is given.

    ``picture`` may also be its Z_v [1, visual tokens, vision width]. Raises InputError for a question with an image mark, and
    for several pictures.
    """
    features = _features(model, picture)
    prompt = _prompt(model, question)
    if answer is None:
        from .generation import Request, generate

        request = Request([{"role": "user", "content": f"{IMAGE}\n{question}"}], features=features)
        answer = generate(model, [request], max_new_tokens=max_new_tokens)[0].strip()
    template = model.config.template
    whole = render([{"role": "user", "content": f"{IMAGE}\n{question}"}, {"role": "assistant", "content": answer}], template,
                   tokenizer=model.tokenizer, visual_tokens=model.visual_tokens)
    said = len(prompt.ids)                                              # the answer's first token stands at this place
    end = max(place for place, learnt in enumerate(whole.mask) if learnt) + 1       # behind the answer's end mark
    weights, logits = attend(model, whole.ids[:end], features)
    start, behind = prompt.picture_starts[0], prompt.picture_starts[0] + model.visual_tokens
    places = [*range(behind, said), *range(said - 1, end - 1)]
    return Look(_names(model, whole.ids[behind:end]), said - behind, weights[places], start, model.visual_tokens, answer,
                logits[said - 1: end - 1])


@torch.no_grad()
def over_question(model: LlavaMini, picture: Image.Image | str | Path | torch.Tensor, question: str) -> torch.Tensor:
    """Attention to the patches, mean over the tokens between picture and answer, [layers, heads, visual tokens]."""
    prompt = _prompt(model, question)
    weights, _ = attend(model, prompt.ids, _features(model, picture))
    start, behind = prompt.picture_starts[0], prompt.picture_starts[0] + model.visual_tokens
    return weights[behind:, :, :, start:behind].mean(0)


def relative(model: LlavaMini, picture: Image.Image | str | Path | torch.Tensor, question: str, generic: str = GENERIC) -> torch.Tensor:
    """How many times as much a patch gets for this question as for ``generic``, heads averaged, [layers, visual tokens].

    1 is no more than for any question. Patches that every question looks at fall out by it; they need not be those that matter.
    """
    features = _features(model, picture)
    return ratio(over_question(model, features, question), over_question(model, features, generic))


def ratio(maps: torch.Tensor, generic: torch.Tensor) -> torch.Tensor:
    """Two attentions [..., heads, visual tokens], heads averaged, one divided by the other, [..., visual tokens]."""
    return maps.mean(-2) / generic.mean(-2).clamp(min=LEAST)


@torch.no_grad()
def attend(model: LlavaMini, ids: list[int], features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention weights [places, layers, heads, places] of one row of ids, and its logits [places, vocabulary].

    weights[i, :, :, j] is what the token at place i takes from place j; j > i is 0. ``features`` is Z_v of the row's pictures.
    """
    with eager(model.language_model):
        output = model.language_model(inputs_embeds=model.merge(torch.tensor([ids], device=model.device), features),
                                      output_attentions=True, use_cache=False)
    return torch.stack(output.attentions, 1)[0].permute(2, 0, 1, 3), output.logits[0]


@contextmanager
def eager(language_model) -> Iterator[None]:
    """Within it the language model computes attention in the way that keeps the weights; the usual one never has them as a whole."""
    kind, training = language_model.config._attn_implementation, language_model.training
    language_model.eval()
    language_model.set_attn_implementation("eager")
    try:
        yield
    finally:
        language_model.set_attn_implementation(kind)
        language_model.train(training)


def _prompt(model: LlavaMini, question: str):
    if IMAGE in question:
        raise InputError(f"The question {question!r} holds an {IMAGE} mark; write the question alone, the picture is put in front of it.")
    return render([{"role": "user", "content": f"{IMAGE}\n{question}"}], model.config.template, tokenizer=model.tokenizer,
                  visual_tokens=model.visual_tokens, prompt=True)


def _features(model: LlavaMini, picture) -> torch.Tensor:
    features = picture if isinstance(picture, torch.Tensor) else model.encode([picture])
    if features.dim() != 3 or len(features) != 1:
        raise InputError(f"Attention is looked at for one picture at a time, its Z_v is [1, {model.visual_tokens}, width], "
                         f"not {list(features.shape)}; give one picture.")
    return features


def _names(model: LlavaMini, ids: list[int]) -> list[str]:
    """Each token as text, with the space that it writes before it."""
    plain = plain_text(model.tokenizer)
    special = set(model.tokenizer.all_special_ids) | set(stop_ids(model.config.template, model.tokenizer))
    names = model.tokenizer.convert_ids_to_tokens(ids)
    return [name if number in special else name.replace("▁", " ") if name.startswith("▁") else plain.decode([number]) or name
            for number, name in zip(ids, names)]
