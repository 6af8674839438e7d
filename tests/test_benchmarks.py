"""The parts of the benchmark compute the same thing; how fast they are is not tested."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))       # benchmarks/ is not part of the installed package

from benchmarks import agreement, common, flops, package_side, setting, summary, trainer_side  # noqa: E402

# The benchmark hides GPUs from its own processes; here, in this one, the two sides would train on different devices.
both_sides = pytest.mark.skipif(torch.cuda.is_available(), reason="compares the two sides on the CPU")
ANSWERS = ["A red dog.", "Two cats on the blue bench.", "Yes, there is a green boat.", "It is big."]


@pytest.fixture(scope="module")
def tiny(tiny_vision_folder, tiny_language_folder, tmp_path_factory):
    """A setting of the tiny parents, with three pictures and samples of unequal lengths about each."""
    from llava_mini.convert import to_transformers

    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "pictures").mkdir()
    rng, samples = np.random.default_rng(0), []
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "pictures" / f"{number}.png")
        samples += [{"id": f"{number}-{i}", "image": f"{number}.png", "conversations": [
            {"from": "human", "value": "<image>\nWhat is there?"}, {"from": "gpt", "value": answer}]} for i, answer in enumerate(ANSWERS)]
    for name in ("align", "tune"):
        (folder / f"{name}.json").write_text(json.dumps(samples))
    made = setting.Setting(str(tiny_vision_folder), str(tiny_language_folder), str(folder / "transformers"), str(folder), "mlp2x_gelu")
    to_transformers(made.model(), made.transformers)
    return made


@both_sides
@pytest.mark.parametrize("stage", setting.STAGES)
def test_both_sides_give_the_same_losses(tiny, stage):
    """Guards against a benchmark of two different trainings: other tokens supervised, another mean, other weights moving."""
    found = agreement.compare(tiny, setting.stage_settings(stage, 4), tiny.samples(stage, 12))
    assert summary.disagreements(found) == []
    assert found["samples"]["packed"] == 12 and len(found["steps"]["trainer"]) == 3
    assert found["steps"]["trainer"][0] - found["steps"]["trainer"][2] > 0.01       # something was learnt


@both_sides
def test_a_linear_projector_is_the_same_on_both_sides(tiny, tmp_path):
    """Guards against the identity, with which transformers writes a linear projector, learning too."""
    from llava_mini.convert import to_transformers

    linear = replace(tiny, transformers=str(tmp_path / "transformers"), projector="linear")
    to_transformers(linear.model(), linear.transformers)
    for stage in ("align", "lora"):
        found = agreement.compare(linear, setting.stage_settings(stage, 4), linear.samples(stage, 12))
        assert summary.disagreements(found) == []


@both_sides
def test_another_mask_is_noticed(tiny, monkeypatch):
    """Guards against a comparison that finds everything equal."""
    monkeypatch.setattr(trainer_side, "labels", lambda rendered: rendered.ids)
    found = agreement.compare(tiny, setting.stage_settings("tune", 4), tiny.samples("tune", 12))
    wrong = summary.disagreements(found)
    assert "number of supervised" in wrong[0] and any("loss of step 1" in line for line in wrong)


def test_a_loss_that_is_not_a_number_is_noticed():
    """Guards against NaN, which is neither larger nor smaller than a tolerance."""
    found = {"samples": {"a": 1}, "supervised": {"a": 1}, "before": {"trainer": 1.0, "separate": 1.0, "packed": float("nan")},
             "steps": {"trainer": [1.0], "separate": [1.0]}}
    assert len(summary.disagreements(found)) == 1
    assert len(summary.disagreements(found | {"steps": {"trainer": [], "separate": []}})) == 2


@both_sides
def test_both_sides_are_measured_on_the_same_samples(tiny, tmp_path):
    """Guards against a side that is timed on fewer samples, and against counting work it is spared."""
    stage, samples = setting.stage_settings("tune", 4), tiny.samples("tune", 12)
    warm_up = replace(stage, max_steps=1)
    best = trainer_side.run(tiny, stage, samples, tmp_path / "a", warm_up, best=True)
    plain = package_side.run(tiny, stage, samples, tmp_path / "b", warm_up, pack=False)
    packed = package_side.run(tiny, stage, samples, tmp_path / "c", warm_up, pack=True)
    assert best["samples"] == plain["samples"] == packed["samples"] == 12
    assert best["flops"] > plain["flops"] > packed["flops"] > 0
    assert min(one["training"]["wall"] for one in (best, plain, packed)) > 0


@pytest.mark.parametrize("train", ["projector", "full", "lora"])
def test_formula_equals_counted_operations(tiny, train):
    """Guards against a share of the machine's speed computed from a wrong formula."""
    from torch.utils.flop_counter import FlopCounterMode

    from llava_mini.parts import freeze
    from llava_mini.profiles import Stage

    model = tiny.model()
    model.language_model.set_attn_implementation("eager")       # the counter does not know every fused attention
    model.vision_tower.clip.set_attn_implementation("eager")
    freeze(model, Stage(train=train, learning_rate=1.0, lora_rank=8, lora_dropout=0.0))
    tokens = 40
    ids = torch.full((1, tokens), 20)
    ids[:, 3: 3 + model.visual_tokens] = model.image_token_id
    labels = torch.where(torch.arange(tokens) < 30, -100, 20)[None]
    with FlopCounterMode(display=False) as counter:
        features = model.vision_tower(torch.zeros(1, 3, 28, 28))
        model.train()(ids, features=features, labels=labels).loss.backward()
    sizes = flops.sizes(model.vision_tower.clip.config, model.language_model.config, "mlp2x_gelu")
    work = flops.Work(tokens, tokens ** 2, 10, model.visual_tokens, 1)      # eager attention computes the masked half, too
    assert flops.training_flops(sizes, train, work, rank=8) == pytest.approx(counter.get_total_flops(), rel=5e-3)


def test_pairs_are_what_the_mask_allows():
    """Guards against counting what packed samples do not see of each other."""
    from llava_mini.batches import document_mask

    for parts in ([0, 5], [3, 1, 4, 2]):
        numbers = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor(parts))[None]
        assert flops.pairs(parts) == int(document_mask(numbers).sum())


def test_ratios_are_taken_round_by_round():
    """Guards against a ratio of medians, which a machine that slows down half-way would bend."""
    assert common.ratios([2.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == {"min": 2.0, "median": 2.0, "max": 3.0}
    with pytest.raises(ValueError):
        common.ratios([1.0], [1.0, 2.0])


def test_a_measurement_that_fails_says_why():
    """Guards against a benchmark that goes on without one of its measurements."""
    with pytest.raises(common.MeasurementError, match="KeyError"):
        common.measure({"kind": "nothing"})
