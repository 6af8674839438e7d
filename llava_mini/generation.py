"""From a question to an answer: batches, greedy or drawn, whole or piece by piece, and conversations.

::

    model.answer("dog.jpg", "What colour is the dog?")
    model.generate([Request(messages, ["dog.jpg"]), Request(other_messages)])      # a batch
    for piece in model.answer("dog.jpg", "Describe it.", stream=True): ...         # as it is written
    chat = model.chat(); chat.say("What is this?", "dog.jpg"); chat.say("Is it big?")

A row of a batch gets the same text as the request alone: padding is masked, positions are its own, and
each row draws from its own random numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from .conversation import IMAGE, render
from .decoding import Prompt
from .errors import InputError
from .fast_llama import decoder_for
from .model import LlavaMini
from .streaming import Answer

Picture = Image.Image | str | Path


@dataclass
class Request:
    """One thing to answer: messages that end with the user's turn, and a picture for each <image> in them."""

    messages: list[dict]                    # {"role": "system" | "user" | "assistant", "content": str}
    pictures: Sequence[Picture] = ()
    features: torch.Tensor | None = None    # instead of pictures: their Z_v [n, visual_tokens, vision width]
    seed: int | None = None                 # of its draws; by default the batch's seed plus its place in the list


def generate(model: LlavaMini, requests: Sequence[Request], *, max_new_tokens: int = 256, temperature: float = 0.0,
             top_p: float = 1.0, seed: int = 0, template: str | None = None, batch_size: int = 32,
             stream: bool = False, fast: bool = True) -> list[str] | Iterator[tuple[int, str]]:
    """The answers, in the order of the requests.

    temperature   0 takes the likeliest token; above, tokens are drawn
    top_p         draw only among the likeliest tokens that hold this share of the probability
    template      chat template; by default the model's own
    batch_size    requests answered at a time; the texts do not depend on it
    stream        yields (number of the request, piece of text) as soon as a piece is certain
    fast          False: always run the language model's own forward, for instance to hook into it

    Raises InputError for a request that cannot be rendered, a picture too few or too many, a prompt that
    fills the context. An answer that meets the end of the context is cut there, with a warning.
    """
    if max_new_tokens < 1 or temperature < 0 or not 0 < top_p <= 1 or batch_size < 1:
        raise InputError(f"Generation needs max_new_tokens and batch_size of at least 1, temperature >= 0 and 0 < top_p <= 1, "
                         f"not {max_new_tokens}, {batch_size}, {temperature} and {top_p}.")
    if isinstance(requests, Request):
        raise InputError("generate() takes a list of requests; put the one request into a list.")
    template = template or model.config.template
    rendered = [_render(model, request, number, template) for number, request in enumerate(requests)]
    pieces = _generate(model, list(requests), rendered, max_new_tokens, temperature, top_p, seed, template, batch_size, fast, stream)
    if stream:
        return pieces
    texts = [""] * len(rendered)
    for number, piece in pieces:
        texts[number] += piece
    return texts


def _render(model: LlavaMini, request: Request, number: int, template: str) -> list[int]:
    """The ids of a request, checked."""
    name = f"request {number}"
    rendered = render(request.messages, template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens,
                      sample_id=name, prompt=True)
    if request.features is not None:
        model.vision_tower.check(request.features, f"Sample {name!r}: its features")
    given = len(request.pictures) if request.features is None else len(request.features)
    if given != len(rendered.picture_starts):
        raise InputError(f"Sample {name!r} has {len(rendered.picture_starts)} {IMAGE} marks that count but {given} pictures; "
                         f"put one {IMAGE} into the user's text for each picture.")
    room = _context(model) - len(rendered.ids)
    if room < 1:
        raise InputError(f"Sample {name!r} has {len(rendered.ids)} tokens, which fill the context of the language model "
                         f"({_context(model)} tokens); ask less at a time.")
    return rendered.ids


def _context(model: LlavaMini) -> int:
    return getattr(model.language_model.config, "max_position_embeddings", None) or 1 << 30


def _generate(model, requests, rendered, limit, temperature, top_p, seed, template, batch_size, fast, stream):
    """Yields (number, piece) of all requests, a batch at a time; without ``stream`` a row is one piece, at its end."""
    names = [_names(request) for request in requests]
    first = {}  # of each picture, so that questions about one stand together; then by length, so that little is padded
    order = sorted(range(len(requests)), key=lambda i: (first.setdefault(names[i], i) if len(set(names)) < len(names) else 0,
                                                        len(rendered[i])))
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(order), batch_size):
            batch = order[start: start + batch_size]
            seeds = [requests[i].seed if requests[i].seed is not None else seed + i for i in batch]
            prompts, features = _prompts(model, [requests[i] for i in batch], [names[i] for i in batch], [rendered[i] for i in batch])
            draw = _Draw(temperature, top_p, limit, seeds, model.device)
            for row, piece in _rows(model, prompts, features, limit, draw, template, fast, stream):
                yield batch[row], piece
    finally:
        model.train(was_training)


def _names(request: Request) -> tuple:
    """What tells the pictures of a request apart: path or object."""
    if request.features is not None:
        return (id(request.features),) * len(request.features)
    return tuple(id(picture) if isinstance(picture, Image.Image) else str(picture) for picture in request.pictures)


def _prompts(model, requests, names, rendered) -> tuple[list[Prompt], torch.Tensor | None]:
    """The rows of a batch, and the features of its pictures: each picture is encoded once."""
    place, pictures, given, prompts = {}, [], [], []
    for request, own, ids in zip(requests, names, rendered):
        numbers = []
        for position, name in enumerate(own):
            key = name if request.features is None else (name, position)
            if key not in place:
                place[key] = len(place)
                given.append(None if request.features is None else request.features[position].to(model.device))
                pictures += [request.pictures[position]] if request.features is None else []
            numbers.append(place[key])
        prompts.append(Prompt(ids, tuple(numbers)))
    if not given:
        return prompts, None
    encoded = iter(model.encode(pictures))  # of [visual_tokens, vision width] each
    return prompts, torch.stack([next(encoded) if features is None else features for features in given])


def _rows(model, prompts, features, limit, draw, template, fast, stream):
    """Yields (row, piece) of one batch. Rows that have ended leave the batch."""
    answers = [Answer(template, model.tokenizer, stream) for _ in prompts]
    room = [min(limit, _context(model) - len(prompt.ids)) for prompt in prompts]
    decoder = decoder_for(model, fast)
    active = list(range(len(prompts)))  # row of the decoder -> row of the batch
    with torch.inference_mode():
        logits = decoder.start(prompts, features, max(room))
    for step in range(max(room)):
        with torch.inference_mode():  # not around a yield: it would hold in the caller too
            tokens = draw(logits, step)  # [rows]
        for row, token in zip(active, tokens.tolist()):
            answer = answers[row]
            if answer.ended:
                continue
            piece = answer.add(token)
            if not answer.ended and step + 1 == room[row]:
                piece += answer.end()
                if room[row] < limit:
                    warnings.warn(f"An answer was cut after {step + 1} tokens, at the end of the language model's context "
                                  f"({_context(model)} tokens).", stacklevel=4)
            if piece:
                yield row, piece
        kept = [place for place, row in enumerate(active) if not answers[row].ended]
        if not kept:
            return
        with torch.inference_mode():
            if len(kept) <= 0.75 * len(active):  # dropping a row copies the cache, so not for each
                rows = torch.tensor(kept, device=tokens.device)
                decoder.keep(rows)
                draw.keep(rows)
                active, tokens = [active[place] for place in kept], tokens[rows]
            logits = decoder.step(tokens)


class _Draw:
    """Chooses the next token of every row; each row has its own random numbers, drawn beforehand."""

    def __init__(self, temperature: float, top_p: float, steps: int, seeds: list[int], device):
        self.temperature, self.top_p = temperature, top_p
        if temperature:
            rows = [torch.rand(steps, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
            self.chances = torch.stack(rows).to(device)  # [rows, steps]

    def __call__(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """Logits [rows, vocabulary] to tokens [rows]."""
        if not self.temperature:
            return logits.argmax(-1)
        share, tokens = torch.softmax(logits.double() / self.temperature, -1).sort(-1, descending=True)
        share = share.masked_fill(share.cumsum(-1) - share >= self.top_p, 0)  # what stands before a token decides
        total = share.cumsum(-1)  # [rows, vocabulary]
        place = torch.searchsorted(total, self.chances[:, step: step + 1].double() * total[:, -1:], right=True)  # [rows, 1]
        return tokens.gather(1, place.clamp(max=logits.shape[-1] - 1))[:, 0]

    def keep(self, rows: torch.Tensor) -> None:
        if self.temperature:
            self.chances = self.chances[rows]


def answer(model: LlavaMini, picture: Picture | Sequence[Picture] | None, question: str, *, stream: bool = False,
           **options) -> str | Iterator[str]:
    """The answer to one question about a picture (several, or None); ``options`` as for generate()."""
    return Chat(model, **options).say(question, picture, stream=stream)


class Chat:
    """A conversation that remembers its turns and the features of its pictures. ``options`` as for generate().

    >>> chat = model.chat()
    >>> chat.say("What is this?", "dog.jpg")
    >>> chat.say("Is it big?")
    """

    def __init__(self, model: LlavaMini, *, system: str | None = None, **options):
        self.model, self.options = model, options
        self.messages = [] if system is None else [{"role": "system", "content": system}]
        self._features = torch.zeros(0, model.visual_tokens, model.vision_tower.width, device=model.device)

    def say(self, text: str, picture: Picture | Sequence[Picture] | None = None, *, stream: bool = False) -> str | Iterator[str]:
        """The answer to the next turn, or with ``stream`` its pieces.

        ``picture``: one, several or None. A text with <image> marks of its own says where they stand; else
        they are put in front. A turn that fails is forgotten, so that it can be asked again.
        """
        pictures = [] if picture is None else [picture] if isinstance(picture, Picture) else list(picture)
        if IMAGE not in text:
            text = "".join(f"{IMAGE}\n" for _ in pictures) + text
        features = torch.cat([self._features, self.model.encode(pictures)]) if pictures else self._features
        messages = [*self.messages, {"role": "user", "content": text}]
        pieces = generate(self.model, [Request(messages, features=features)], stream=True, **self.options)
        pieces = self._remember(pieces, messages, features)
        return pieces if stream else "".join(pieces)

    def _remember(self, pieces, messages, features) -> Iterator[str]:
        said = ""
        try:
            for _, piece in pieces:
                said += piece
                yield piece
        except GeneratorExit:  # the listener has left: the turn stands as far as it was heard
            pass
        self.messages, self._features = [*messages, {"role": "assistant", "content": said}], features
