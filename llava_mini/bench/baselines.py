"""What a model is measured against (paper, Tables 4 and 5): four ways to answer without instruction tuning, or without the picture.

``captioner``  the model after stage 1, asked as stage 1 taught it: it gives a caption, whatever the question was. That is
               how BLIP-2 answered in the paper's examples.
``untuned``    the same model, asked the question as a chat: the paper's "no instruction tuning" of Table 4.
``few-shot``   the same model with several examples in front, each a picture, a question and an answer, as Flamingo is
               asked. The examples (:data:`.storybook.SHOTS`) are the same for every question.
``blind``      the model itself without a picture.
``shuffled``   the model itself with another question's picture.

The finished model does not hold its own past, so the model after stage 1 comes from :mod:`..stage_one`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .. import evaluation
from ..conversation import IMAGE, render
from ..errors import InputError
from ..evaluation.answers import Answerer
from ..generation import Request
from ..main import here
from ..parents import Parent
from ..profiles import Profile, profile
from .answering import LONGEST, load_model, on_the_gpu
from .benchmark import Benchmark

AFTER_STAGE_1 = ("captioner", "untuned", "few-shot")
CONTROLS = ("blind", "shuffled")
BASELINES = (*AFTER_STAGE_1, *CONTROLS)
BATCH = {"few-shot": 4}                     # questions at a time: a prompt of examples is ten times as long as a question


@dataclass(frozen=True)
class Shot:
    """One example in a few-shot prompt."""

    picture: Path
    question: str
    answer: str


def stage_one(model_folder=None, checkpoint=None, settings: Profile | None = None, **places):
    """(the model after stage 1, in words where it is from) to measure the model of ``model_folder`` against.

    ``checkpoint``: one of this package; without it what :func:`llava_mini.stage_one.stage_one` finds or makes for a profile
    (default: mini), to which ``places`` go. Raises InputError where the two models have other parents, before any training.
    """
    from ..stage_one import stage_one as find

    if checkpoint is not None:
        found = load_model(checkpoint), f"the checkpoint {Path(checkpoint).name}"
        check_parents(model_folder, {role: parent.name for role, parent in found[0].parents.items()})
        return found
    settings = here(settings or profile("mini"))
    check_parents(model_folder, {"vision": settings.vision, "language": settings.language})
    model, source = find(settings, **places)
    return on_the_gpu(model), source


def check_parents(model_folder, parents: dict[str, str]) -> None:
    """Raises InputError unless a checkpoint was made from these parents, as far as its folder tells."""
    try:
        told = json.loads((Path(model_folder) / "config.json").read_text(encoding="utf-8"))["parents"]
        told = {role: about.get("sha256") for role, about in told.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return                              # no checkpoint, or a broken one: whoever loads it says what is wrong with it
    for role, folder in parents.items():
        if told.get(role) not in (None, Parent(role, str(folder), "").fingerprint):
            raise InputError(f"{model_folder} was made from another {role} parent than the one that the baselines would start from ({Path(folder).name}); "
                             "give --stage-1 with a checkpoint after its own stage 1, or --baselines blind shuffled.")


def shots_of(bench: Benchmark, folder) -> list[Shot]:
    """The examples of a benchmark's folder, the kinds by turns, so that each number of them is a mixture."""
    kinds = {name: [q for q in bench.questions if q.category == name] for name in dict.fromkeys(q.category for q in bench.questions)}
    turns = [kind[number] for number in range(max(map(len, kinds.values()))) for kind in kinds.values() if number < len(kind)]
    return [Shot(Path(folder) / "pictures" / q.image, q.text, bench.references[str(q.id)].text) for q in turns]


def messages(shots: list[Shot], question: str) -> list[dict]:
    """A conversation in which each example is a turn with a picture of its own, and the question is the last turn."""
    turns = [message for shot in shots for message in ({"role": "user", "content": f"{IMAGE}\n{shot.question}"}, {"role": "assistant", "content": shot.answer})]
    return [*turns, {"role": "user", "content": f"{IMAGE}\n{question}"}]


def fitting(model, shots: list[Shot], questions: list[str], room: int = LONGEST) -> list[Shot]:
    """As many of the examples, from the first, as leave ``room`` tokens for the answer to the longest question.

    A picture takes 64 tokens of the mini's 2,048. Raises InputError where not even one example fits.
    """
    context = getattr(model.language_model.config, "max_position_embeddings", None) or 1 << 30
    longest = max(questions, key=lambda text: len(model.tokenizer(text)["input_ids"]))
    for number in range(len(shots), 0, -1):
        ids = render(messages(shots[:number], longest), model.config.template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens, prompt=True).ids
        if len(ids) + room <= context:
            return shots[:number]
    raise InputError(f"No example fits into the context of this language model ({context} tokens), so it cannot be asked by few shots; leave out few-shot.")


def few_shot(model, shots: list[Shot], **options) -> Answerer:
    """The model as it is asked with examples in front; ``options`` go to ``model.generate``."""
    def answer(batch: list) -> list[str]:
        requests = [Request(messages(shots, text), [*(shot.picture for shot in shots), picture]) for picture, text in batch]
        return [text.strip() for text in model.generate(requests, **{"max_new_tokens": LONGEST, "batch_size": len(batch), **options})]

    return answer


def answerer(name: str, stage_1, shots: list[Shot]) -> Answerer:
    """One of the three baselines after stage 1; ``shots`` are those of the few-shot prompt, see :func:`fitting`."""
    if name == "few-shot":
        return few_shot(stage_1, shots)
    options = {"captioner": {"template": "plain"}, "untuned": {}}[name]
    return evaluation.answerer(stage_1, max_new_tokens=LONGEST, **options)
