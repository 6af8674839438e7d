"""The profiles: the paper's numbers, and what a smaller GPU is offered."""

from dataclasses import replace

import pytest

from llava_mini.errors import InputError
from llava_mini.profiles import PROFILES, Profile, Stage, profile


@pytest.mark.parametrize("name", ["paper-7b", "paper-13b"])
def test_the_papers_recipe(name):
    """Guards against a schedule that is called the paper's and is not (arXiv 2304.08485, section 5 and appendix)."""
    paper = profile(name)
    stated = {
        "align": {"train": "projector", "learning_rate": 2e-3, "batch_size": 128, "epochs": 1.0, "template": "plain"},
        "tune": {"train": "full", "learning_rate": 2e-5, "batch_size": 32, "epochs": 3.0, "image_order": "random"},
        "lora": {"train": "lora", "learning_rate": 2e-5, "batch_size": 128, "epochs": 1.0, "image_order": "random",
                 "lora_rank": 64, "lora_alpha": 16, "lora_dropout": 0.05},
    }
    of_all = {"warmup": 0.03, "weight_decay": 0.0, "max_length": 2048, "gradient_checkpointing": True, "max_steps": None,
              "projector_learning_rate": None}
    for stage, numbers in stated.items():
        assert {key: getattr(paper.stage(stage), key) for key in numbers | of_all} == numbers | of_all, stage
    assert (paper.vision, paper.projector, paper.vision_layer, paper.vision_cls, paper.image_mode) == (
        "openai/clip-vit-large-patch14", "linear", -2, False, "crop")
    assert name.removeprefix("paper-") in paper.language and paper.language.startswith("lmsys/vicuna-")


def test_a_small_gpu_gets_what_fits():
    """Guards against a profile for 16 GB that offers full tuning, or micro-batches of 128 pictures."""
    small = profile("t4")
    with pytest.raises(InputError, match="t4 has no stage 'tune'; choose one of align, lora"):
        small.stage("tune")
    for stage in (small.align, small.lora):
        assert stage.batch_size == 128 and stage.batch_size // stage.accumulate <= 8 and stage.gradient_checkpointing
    assert (small.lora.learning_rate, small.lora.projector_learning_rate, small.lora.lora_rank, small.lora.lora_alpha) == (2e-4, 2e-5, 128, 256)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_hangs_together(name):
    """Guards against a key that is not the profile's name, stages swapped, and micro-batches that do not divide a batch."""
    one = profile(name)
    assert one.name == name and one.align.template == "plain"
    kinds = {"align": "projector", "tune": "full", "lora": "lora"}
    for stage, kind in kinds.items():
        if getattr(one, stage):
            assert one.stage(stage).train == kind and one.stage(stage).batch_size % one.stage(stage).accumulate == 0


def test_what_is_refused():
    """Guards against a traceback for a misspelt name, and a model that is taught one template and speaks another."""
    with pytest.raises(InputError, match="no profile 'maxi'; choose one of mini, t4, paper-7b, paper-13b"):
        profile("maxi")
    for name in ("stage", "template"):
        with pytest.raises(InputError, match=f"no stage '{name}'"):
            profile("mini").stage(name)
    with pytest.raises(InputError, match="speaks the template 'v0' and its stage 'tune' teaches 'v1'"):
        replace(profile("mini"), template="v0")
    both = {name: Stage(train=name, learning_rate=1e-3, template="v0") for name in ("full", "lora")}
    assert Profile("own", "a", "b", template="v0", tune=both["full"], lora=both["lora"]).stage("lora").template == "v0"
