"""Training a LLaVA: the three stages through one door (paper, section 4.2).

::

    samples --render--> ids and mask --pack--> rows --plan--> batches --Loop--> trained parts
    pictures --vision tower, once--> feature cache ----------^

Stage 1 trains the projector, stage 2 projector and language model, or projector and LoRA adapters. What a
stage is stands in :class:`llava_mini.profiles.Stage`; what moves is decided in :func:`llava_mini.parts.freeze`.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from random import Random

import torch
from tqdm.auto import tqdm

from .conversation import IMAGE, render
from .data import Sample, picture_names
from .errors import InputError
from .features import FeatureCache
from .history import History
from .locks import alone
from .loop import Loop, LossError
from .optimizer import choose_precision
from .pack import Row, pack_rows, single_row
from .parents import probe
from .parts import freeze, parts_table, show_parts
from .processes import find_processes, together
from .profiles import Stage
from .resume import RunFolder

__all__ = ["History", "LossError", "freeze", "parts_table", "train"]


def train(model, samples: list[Sample], stage: Stage, *, pictures, folder, validation=None, questions=None,
          on_event=None, cache=None, progress: bool = True) -> History:
    """Trains ``model`` in place on ``samples`` and returns the history.

    pictures    folder of the picture files that samples, validation and questions name
    folder      of this training; killed at any moment, the same call goes on from the last state in it and
                ends in the same weights, and a finished training is not repeated but loaded
    validation  samples that are not learnt: their loss is taken every ``stage.validate_every`` steps
    questions   asked at those steps: {"image": name, "text": question}, and whatever else is to be kept beside the answer
    on_event    called with a dict: {"event": "start", "step", "steps", "parts"}, then {"event": "step", ...}
                with each record of the history, {"event": "saved", "step"} and {"event": "end", "step"}; after
                the first step {"event": "parts", "parts"}, now with its gradient norms
    cache       folder of the feature cache; default: ``features`` beside ``folder``
    progress    bars, the table of parts after the first step, and a sample answer at every validation

    Raises InputError: samples, settings or pictures that cannot be used, all of them named before the first
    step; a folder that holds another training, or in which another process is training. Raises LossError, with
    the ids of the batch, at the first loss that is not finite; the state before that step is kept.
    """
    from accelerate.utils import broadcast_object_list

    began = time.perf_counter()
    if not isinstance(stage, Stage):
        raise InputError(f"A stage is told by its settings, not by {stage!r}; give a Stage, such as profile(\"mini\").align.")
    if not samples:
        raise InputError("There are no samples to train on; give at least one.")
    accelerator = find_processes()
    main, folder = accelerator.is_main_process, Path(folder)
    progress, tell = progress and main, on_event if on_event and main else lambda event: None
    trained = freeze(model, stage)

    names = picture_names(samples)
    every = list(dict.fromkeys([*names, *picture_names(validation or []), *_asked_about(questions)]))
    with together(accelerator):
        cache = FeatureCache(cache or folder.parent / "features", model)
        cache.look(every, pictures, samples=samples, write=main, progress=progress)
    run = RunFolder(folder, {"settings": asdict(stage), "precision": None, "inputs": {
        "samples": _digest(samples), "pictures": cache.digest(names), "vision": cache.key,
        "tokenizer": hashlib.sha256(model.tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "model": probe(torch.nn.ModuleList([model.projector, model.language_model]))}})
    same_model = getattr(model, "in_training", None) == str(folder.absolute())
    with together(accelerator):
        finished = run.check(same_model) and run.finished()
    if finished:
        run.load(trained)
        model.eval()
        return run.history()

    model.to(accelerator.device)
    with together(accelerator):
        cache.compute(every, pictures, samples=samples, process=accelerator.process_index,
                      processes=accelerator.num_processes, progress=progress)
    cache.reload()
    rows = make_rows(model, samples, stage, cache, progress)
    checked = make_rows(model, validation, stage, cache, progress) if validation else []

    precision = [run.about["precision"] or choose_precision(stage.precision, model, accelerator.device)]
    run.about["precision"] = broadcast_object_list(precision)[0]    # timed by each process, decided by the first
    with ExitStack() as held:
        with together(accelerator):
            if main:
                held.enter_context(alone(folder))
                run.check(same_model)               # again: now nobody else can begin another training here
                run.begin()
        if stage.gradient_checkpointing:
            held.callback(_checkpointing(model.language_model, "disable"))
            _checkpointing(model.language_model, "enable")({"use_reentrant": False})
        held.callback(accelerator.free_memory)
        held.callback(model.eval)
        with torch.random.fork_rng(_cuda(accelerator.device)):   # the caller's random numbers stay as they are
            loop = Loop(model, trained, stage, rows, gather=cache.gather, ids=[sample.id for sample in samples],
                        accelerator=accelerator, precision=run.about["precision"])
            model.in_training = str(folder.absolute())
            return _go_on(loop, run, main, checked, questions, cache, tell, progress, began)


def _go_on(loop: Loop, run: RunFolder, main: bool, checked: list[Row], questions, cache, tell, progress, began) -> History:
    """Takes the steps that are left; keeps history and states."""
    def check(record):                              # validation loss and sample answers, where they are due
        if checked:
            record["validation"] = loop.validate(checked)
        if questions and main:
            record["answers"] = ask(loop.model, questions, cache, loop.stage.template)
            if progress:
                bar.write(one_answer(record, loop.stage.validate_every))
        return record

    def keep(record):
        nonlocal began
        now = time.perf_counter()
        history.append(record | {"seconds": now - began}, main)
        began = now

    def save(step):
        with together(loop.accelerator):            # on a full disk all stop
            if main:
                run.save(step, loop.trained, loop.optimizer, finished=step == loop.steps)
        tell({"event": "saved", "step": step})

    fresh, history = not run.states(), run.history()
    first = step = 0 if fresh else run.load(loop.trained, loop.optimizer)
    loop.accelerator.wait_for_everyone()            # until all have looked
    history.rewind(-1 if fresh else step, main)
    tell({"event": "start", "step": step, "steps": loop.steps, "parts": parts_table(loop.model)})
    with tqdm(total=loop.steps, initial=step, unit="step", desc=f"training {loop.stage.train}", disable=not progress) as bar:
        if fresh:
            keep(check({"step": 0}))
            save(0)                                 # what the training began with, should it stop before the next state
        try:
            for record in loop.run(step):
                step, last = record["step"], record["step"] == loop.steps
                if step == first + 1:
                    parts = parts_table(loop.model, record)
                    tell({"event": "parts", "parts": parts})
                    if progress:
                        bar.write(f"Gradients of step {step}:\n{show_parts(parts)}")
                if step % loop.stage.validate_every == 0 or last:
                    check(record)
                keep(record)
                tell({"event": "step", **history.records[-1]})
                if step % loop.stage.save_every == 0 or last:
                    save(step)
                bar.set_postfix_str(f"loss {record['loss']:.3f}, {record['samples_per_second']:.1f} samples/s", refresh=False)
                bar.update()
        except LossError:
            save(step)
            raise
    tell({"event": "end", "step": step})
    return history


def make_rows(model, samples: list[Sample], stage: Stage, cache: FeatureCache, progress: bool = False) -> list[Row]:
    """The samples as rows, packed if the stage says so; ``cache`` knows their pictures.

    Raises ONE InputError that names every sample that cannot be rendered (the first ten of them).
    """
    rows, ends, faults = [], [], []
    context = getattr(model.language_model.config, "max_position_embeddings", None) or stage.max_length
    for number, sample in enumerate(tqdm(samples, unit="sample", desc="text to tokens", disable=not progress, delay=2)):
        try:
            rendered = render(sample.messages, stage.template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens,
                              image_order=stage.image_order, rng=Random(f"{stage.seed} {number}"), sample_id=sample.id,
                              max_length=stage.max_length)
        except InputError as error:
            faults.append(str(error))
            continue
        if len(rendered.picture_starts) != len(sample.images):
            faults.append(f"Sample {sample.id!r} has {len(rendered.picture_starts)} <image> marks for {len(sample.images)} "
                          "pictures; write one mark for each picture.")
        if len(rendered.ids) > context:
            faults.append(f"Sample {sample.id!r} has {len(rendered.ids)} tokens where the language model can read {context}; "
                          "make its text shorter.")
        rows.append(single_row(rendered.ids, rendered.mask, cache.numbers(sample.images), number))
        ends.append(rendered.picture_starts[-1] + model.visual_tokens if rendered.picture_starts else 0)
    if faults:
        more = [f"... and {len(faults) - 10} more faulty samples."] if len(faults) > 10 else []
        raise InputError("\n".join(faults[:10] + more))
    return pack_rows(rows, ends, stage.max_length) if stage.pack else rows


def ask(model, questions: list[dict], cache: FeatureCache, template: str) -> list[dict]:
    """The model's greedy answers: each question, {"image", "text", ...}, with the answer as ``given``."""
    from .generation import Request, generate

    requests = []
    for question in questions:
        image = question.get("image")
        content = f"{IMAGE}\n{question['text']}" if image else question["text"]
        features = cache.gather(cache.numbers([image])) if image else None      # [1, tokens, width]
        requests.append(Request([{"role": "user", "content": content}], features=features))
    given = generate(model.eval(), requests, template=template, max_new_tokens=64)
    return [{**question, "given": text} for question, text in zip(questions, given)]


def one_answer(record: dict, every: int) -> str:
    """One of the sample answers of a record in a line, beside the right one; they take turns from record to record."""
    answer = record["answers"][record["step"] // every % len(record["answers"])]
    loss = f", validation loss {record['validation']:.3f}" if "validation" in record else ""
    truth = f" (right: {answer['answer']})" if "answer" in answer else ""
    given = " ".join(answer["given"].split()) or "no answer"
    return f"Step {record['step']}{loss}: {answer['text']} - {given if len(given) <= 90 else given[:90] + ' ...'}{truth}"


def _checkpointing(language_model, word: str):
    """The method that enables or disables gradient checkpointing; transformers 5.23 has given it a new name."""
    new = getattr(language_model, f"activation_checkpointing_{word}", None)
    return new or getattr(language_model, f"gradient_checkpointing_{word}")


def _cuda(device) -> list[int]:
    """The GPUs whose random numbers are used: this one, if it is one."""
    return [device.index or 0] if device.type == "cuda" else []


def _asked_about(questions) -> list[str]:
    return [question["image"] for question in questions or () if question.get("image")]


def _digest(samples) -> str:
    """One digest of what the samples say and show."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps([sample.id, sample.images, sample.messages]).encode())
    return digest.hexdigest()
