"""notebooks/07_instruction_tuning.ipynb: the reader's step of stage 2 is run here on tiny models, and what the prose says of the outputs is looked up."""

from __future__ import annotations

import re

import pytest
import torch
import trainings
from lesson_code import Lesson

from llava_mini.conversation import labels, render
from llava_mini.job import Job
from llava_mini.model import LlavaMini
from llava_mini.optimizer import rate
from llava_mini.profiles import profile

LESSON = Lesson("07_instruction_tuning")


def of_the_lesson(*names: str, **known) -> dict:
    """Functions of the notebook by name. ``known``: what the cells before have made."""
    return LESSON.names(*names, torch=torch, cross_entropy=torch.nn.functional.cross_entropy, render=render, labels=labels, **known)


@pytest.fixture
def model(tiny_vision_folder, tiny_language_folder):
    return LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder)


@pytest.fixture
def lesson(model, tmp_path):
    """The reader's functions over a tiny model, its samples and their features."""
    from llava_mini.features import FeatureCache

    pictures, samples = trainings.make_pictures(tmp_path / "pictures"), trainings.make_samples(21, texts=0)
    cache, names = FeatureCache(tmp_path / "features", model), [sample.images[0] for sample in samples]
    cache.look(names, pictures, progress=False)
    cache.compute(names, pictures, progress=False)
    form = {"template": "v1", "tokenizer": model.tokenizer, "visual_tokens": model.visual_tokens}
    known = of_the_lesson("make_batch", "loss_sum", "make_optimizer", "train_step", "prompt_too", "no_end", "need", model=model, form=form, cache=cache)
    return known | {"samples": samples, "pictures": pictures}


def test_the_readers_loss_is_the_packages(lesson, model):
    """Guards against a loss that is shifted the wrong way, or a mean over another number of tokens."""
    batch = lesson["make_batch"](lesson["samples"][:6])
    total, count = lesson["loss_sum"](model, batch)
    package = model(batch[0], features=batch[2], labels=batch[1])
    assert count == package.supervised and torch.isclose(total / count, package.loss, rtol=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_the_readers_step_gives_the_packages_losses(lesson, model, tmp_path, accumulate):
    """Guards against a mean of means, one rate for both parts, and clipping each part for itself."""
    from llava_mini.batches import epoch_plan
    from llava_mini.training import train

    samples, fresh = lesson["samples"], {name: value.clone() for name, value in model.state_dict().items()}
    stage = trainings.stage("full", epochs=1.0, accumulate=accumulate, learning_rate=1e-2, projector_learning_rate=5e-2, warmup=0.03, weight_decay=0.0)
    history = train(model, samples, stage, pictures=lesson["pictures"], folder=tmp_path / "run", progress=False)
    model.load_state_dict(fresh)
    optimizer = lesson["make_optimizer"](model, stage)
    plan = epoch_plan([len(render(sample.messages, **lesson["form"]).ids) for sample in samples], stage.batch_size, stage.seed, 0)
    mine = []
    for step, rows in enumerate(plan):
        pieces = [lesson["make_batch"]([samples[i] for i in rows[turn::accumulate]]) for turn in range(accumulate)]
        mine.append(lesson["train_step"](model, optimizer, pieces, rate(step, len(plan), stage.warmup), stage.clip))
    assert mine == pytest.approx(history.curve("loss")[1], rel=1e-4) and len(mine) == 4
    moved = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, fresh[name])}
    assert moved == {"projector", "language_model"}


def test_clipping_is_of_both_parts_together(lesson, model):
    """Guards against a step without clipping, or one that clips each part for itself. (AdamW hardly feels a gradient's length.)"""
    groups = [{"params": list(part.parameters()), "peak": 0.5} for part in (model.projector, model.language_model)]
    before = [value.detach().clone() for group in groups for value in group["params"]]
    lesson["train_step"](model, torch.optim.SGD(groups, lr=1.0), [lesson["make_batch"](lesson["samples"][:4])], 1.0, 1e-2)
    step = [(new - old).flatten() for new, old in zip((value for group in groups for value in group["params"]), before)]
    assert float(torch.cat(step).norm().detach()) == pytest.approx(0.5 * 1e-2, rel=0.02)


def test_the_faults_are_the_faults_they_are_called(lesson, model):
    """Guards against a lesson that shows the symptom of something else than it says."""
    ids, marks, z = lesson["make_batch"](lesson["samples"][:4])
    eos, image, pad = model.tokenizer.eos_token_id, model.image_token_id, model.tokenizer.pad_token_id
    _, all_learnt, _ = lesson["prompt_too"](ids, marks, z)
    assert torch.equal(all_learnt == -100, (ids == image) | (ids == pad))
    _, endless, _ = lesson["no_end"](ids, marks, z)
    assert torch.equal(endless == -100, (marks == -100) | (ids == eos)) and (marks == eos).any()


def test_memory_is_counted_for_every_value(lesson):
    """Guards against a table that forgets the gradients or one of the two averages."""
    assert lesson["need"](1e9, 0) == 16 and lesson["need"](0, 1e9) == 4


def test_what_the_prose_says_holds_of_the_committed_run():
    """Guards against sentences that were true of an earlier run."""
    tune = profile("mini").tune
    assert tune.learning_rate == 40 * profile("paper-7b").tune.learning_rate                     # "forty times smaller than ours"
    rows = {line[:18].strip(): [float(value.replace("-", "nan")) for value in line[18:].split()] for line in LESSON.printed("wrong-table").splitlines()[1:]}
    begun = rows.pop("before any step")
    assert Job(profile("mini")).train == 8000 and "of 8,000 pages" in LESSON.printed("settings")    # "eight thousand pages"
    assert abs(rows["the paper's rate"][3] - begun[3]) < 15                # "not many more of them are right"
    assert rows["the paper's rate"][4] < begun[4]                           # "answers have learnt to end"
    assert rows["no stage 1"][0] < rows["right"][0] + 0.1 and rows["no stage 1"][1] < rows["right"][1] + 0.1      # "the losses are as good as with it"
    assert list(rows) == ["right", "prompt supervised", "end masked", "rate times ten", "the paper's rate", "no stage 1"]
    assert rows["prompt supervised"][0] < rows["right"][0]
    assert rows["end masked"][4] > rows["right"][4] and abs(rows["end masked"][1] - rows["right"][1]) < 0.1
    assert min(rows["rate times ten"][1], rows["the paper's rate"][1]) > rows["right"][1]
    gap = {name: exchanged - own for name, (_, own, exchanged, *_) in rows.items()}          # what looking is worth
    assert gap["right"] > 0.05 > abs(gap["no stage 1"]) and rows["no stage 1"][3] < rows["right"][3]
    first, *others = (int(found) for found in re.findall(r"(\d+) of \d+ right", LESSON.printed("result-table")))
    mine, exchanged, whole = others
    assert whole > mine > max(first, exchanged)
    unloaded, control = (float(found) for found in re.findall(r"([\d.]+)%(?: right|$)", LESSON.printed("unloaded").splitlines()[0]))
    assert unloaded < 100 * whole / 330 - 20 and abs(unloaded - control) < 15
    before, _, mine = (int(found) for found in re.findall(r"(\d+) of 30 word", LESSON.printed("forget")))
    assert before > mine                                                                         # something was forgotten
    whole, means, sums = map(float, re.findall(r"([\d.]+)$", LESSON.printed("accumulate"), re.MULTILINE))
    assert abs(whole - sums) < 1e-4 < 0.1 < abs(whole - means)              # the last digit is rounding
    places, _, learnt = (int(found) for found in re.search(r"(\d+) places: (\d+) visual tokens, (\d+) learnt", LESSON.printed("batch")).groups())
    assert learnt < places / 5                                               # "less than a fifth"
    parts = [int(found.replace(",", "")) for found in re.findall(r"(?:frozen|trainable) +([\d,]+)", LESSON.printed("moves"))]
    assert parts[1] < sum(parts) / 100                                       # "in stage 1 less than a hundredth of the numbers moved"


def test_early_kinds_are_those_that_the_prose_names():
    """Guards against "place and weather come early" of another training, and a table with fewer questions of a kind than the prose says."""
    told = next(output for output in LESSON.code["kinds-over-time"].outputs if "image/png" in output.data).data["text/plain"]
    shares = {kind: [float(share) for share in re.findall(r"([\d.]+)%", line)] for kind, line in re.findall(r"^([\w-]+): (.*)$", told, re.M)}
    for early in (shares["place"], shares["weather"]):
        assert max(early[:3]) >= 85
    assert int(re.search(r"of (\d+) right", LESSON.printed("result-table"))[1]) == 30 * 11        # "the table asks thirty of each"


def test_the_chat_and_the_question_asked_afresh_are_both_there():
    """Guards against a talk whose answers differ from those of section 1 and nobody says why."""
    assert LESSON.printed("afresh").count("asked afresh") == 3


def test_the_kill_was_a_kill():
    """Guards against a resumed training that had simply finished before it was killed."""
    step = int(re.search(r"killed after step (\d+)", LESSON.printed("killed"))[1])
    assert 6 <= step < 12 and "state-00000004" in LESSON.printed("killed")
    lines = re.findall(r"never stopped ([\d.]+), killed and resumed ([\d.]+)", LESSON.printed("resumed"))
    assert len(lines) == 12 and all(abs(float(one) - float(two)) < 1e-5 for one, two in lines)


def test_the_curve_of_stage_two_is_there():
    """Guards against a committed lesson whose monitor has left no picture."""
    shown = next(output for output in LESSON.code["tune"].outputs if output.output_type == "display_data")
    assert set(shown.data) == {"image/png", "text/plain"} and "True answer" in shown.metadata["image/png"]["alt"]
