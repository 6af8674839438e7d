"""checkpoints.py and lora.py: what is loaded is what was saved, or one clear sentence says why not."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import KINDS, causal_lm, sequence

from llava_mini.checkpoints import add_lora, load, merge_lora, save
from llava_mini.errors import InputError
from llava_mini.lora import lora_targets
from llava_mini.model import LlavaMini
from llava_mini.parents import probe


@pytest.fixture
def model(tmp_path, tiny_vision_folder, tiny_language_folder):
    """A model of its own for each test, with parents that may be moved, and a projector that has learned."""
    shutil.copytree(tiny_vision_folder, tmp_path / "parents" / "vision")
    shutil.copytree(tiny_language_folder, tmp_path / "parents" / "language")
    model = LlavaMini.from_parents(tmp_path / "parents" / "vision", tmp_path / "parents" / "language",
                                   projector="mlp2x_gelu", layer=-3, cls=True, image_mode="pad", template="v0")
    disturb(model.projector)
    return model


@torch.no_grad()
def disturb(module, seed=0, only=""):
    """Stands for training: every parameter moves."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.named_parameters():
        if only in name:
            value += 0.05 * torch.randn(value.shape, generator=generator)


@torch.no_grad()
def logits(model):
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([sequence(model, [2, "i", 3, "i", 4])])
    return model(ids, features=model.vision_tower(pixels)).logits


def test_full(tmp_path, model):
    """Guards against a part or a setting that is not saved, and against a tokenizer left behind."""
    disturb(model.language_model)
    save(model, tmp_path / "out")
    shutil.rmtree(tmp_path / "parents")
    again = load(tmp_path / "out")
    assert torch.equal(logits(again), logits(model)) and not again.training
    assert again.config == model.config and again.pixels.mode == "pad" and again.visual_tokens == 5
    text = "<s> USER: What colour is the dög?</s> <image>"
    assert again.tokenizer(text).input_ids == model.tokenizer(text).input_ids
    assert again.tokenizer.get_vocab() == model.tokenizer.get_vocab()


def test_full_that_refers_to_its_tower(tmp_path, model):
    """Guards against the frozen tower being copied all the same, or taken from somewhere else."""
    disturb(model.language_model)
    save(model, tmp_path / "out", refer_to_parents=True)
    assert not (tmp_path / "out" / "vision_tower").exists()
    assert torch.equal(logits(load(tmp_path / "out")), logits(model))


def test_projector_only_moves_with_its_parents(tmp_path, model):
    """Guards against absolute paths: parents and checkpoint moved together must still find each other."""
    save(model, tmp_path / "out", kind="projector")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "projector.safetensors"]
    assert str(tmp_path) not in (tmp_path / "out" / "config.json").read_text()
    wanted = logits(model)
    (tmp_path / "elsewhere").mkdir()
    for name in ("parents", "out"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    assert torch.equal(logits(load(tmp_path / "elsewhere" / "out")), wanted)
    (tmp_path / "elsewhere" / "parents").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="parent .* is missing"):
        load(tmp_path / "elsewhere" / "out")
    moved = load(tmp_path / "elsewhere" / "out", vision=tmp_path / "moved" / "vision", language=tmp_path / "moved" / "language")
    assert torch.equal(logits(moved), wanted)


def test_other_parents_are_noticed(tmp_path, model):
    """Guards against a projector put between parents it was not trained with."""
    save(model, tmp_path / "out", kind="projector")
    file = tmp_path / "parents" / "language" / "model.safetensors"
    save_file({key: value + 1e-3 for key, value in load_file(file).items()}, file, {"format": "pt"})
    with pytest.raises(InputError, match="fingerprint"):
        load(tmp_path / "out")


def test_trained_language_model_is_not_lost(tmp_path, model):
    """Guards against a projector-only checkpoint after stage 2, which would forget the language model."""
    disturb(model.language_model)
    with pytest.raises(InputError, match='kind="full"'):
        save(model, tmp_path / "out", kind="projector")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["Llama", "GPTNeoX"])  # separate q, k, v, and one matrix of all
def test_lora_saved_reloaded_merged(tmp_path, tiny_vision_folder, tokenizer, kind):
    """Guards against LoRA that merges or reloads to another model, or reaches the wrong layers."""
    causal_lm(kind, len(tokenizer), **KINDS[kind]).save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    model = LlavaMini.from_parents(tiny_vision_folder, tmp_path / "lm")
    before = logits(model)
    model.requires_grad_(False)
    add_lora(model, rank=4, alpha=8, dropout=0.1).eval()
    assert torch.equal(logits(model), before)
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    linears = {"Llama": 7, "GPTNeoX": 4}[kind]
    assert len([name for name in trained if "lora_A" in name]) == 2 * linears
    assert {name for name in trained if "lora_" not in name} == {"projector.weight", "projector.bias"}
    disturb(model.language_model, only="lora_")
    disturb(model.projector)
    wanted = logits(model)
    assert (wanted - before).abs().max() > 1e-2
    save(model, tmp_path / "out", kind="lora")
    again = load(tmp_path / "out")
    assert torch.equal(logits(again), wanted)
    assert {name for name, value in again.named_parameters() if value.requires_grad} >= trained
    for lora in (model, again):
        merge_lora(lora)
        assert not any("lora" in name for name, _ in lora.named_parameters())
        assert (logits(lora) - wanted).abs().max() < 1e-5
    with pytest.raises(InputError, match="merge"):
        merge_lora(again)
    with pytest.raises(InputError, match='kind="full"'):
        save(again, tmp_path / "merged", kind="projector")
    save(again, tmp_path / "merged")
    assert torch.equal(logits(load(tmp_path / "merged")), logits(again))


@pytest.mark.parametrize("kind", ["projector", "lora"])
def test_completed_vocabulary(tmp_path, tiny_vision_folder, kind):
    """Guards against a small checkpoint that forgets the rows for <image> and <pad>, or does not know its own parents again."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", *(f"w{number}" for number in range(20))])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>").save_pretrained(tmp_path / "lm")
    causal_lm("Llama", len(words), tie_word_embeddings=kind == "lora").save_pretrained(tmp_path / "lm")
    model = LlavaMini.from_parents(tiny_vision_folder, tmp_path / "lm")
    assert len(model.tokenizer) == len(words) + 2
    if kind == "lora":
        disturb(add_lora(model, rank=2, alpha=4, dropout=0.0).eval().language_model, only="lora_")
    disturb(model.projector)
    wanted = logits(model)
    save(model, tmp_path / "out", kind=kind)
    again = load(tmp_path / "out")
    assert torch.equal(logits(again), wanted) and again.image_token_id == model.image_token_id
    if kind == "lora":
        assert (logits(merge_lora(again)) - wanted).abs().max() < 1e-5


def test_probe_sees_every_parameter(model):
    """Guards against training that a parent's fingerprint does not notice: it may leave the first number as it was."""
    before = probe(model.language_model)
    for name, value in model.language_model.named_parameters():
        kept = value.detach().clone()
        with torch.no_grad():
            value.view(-1)[1:] *= 1 + 1e-5
        assert probe(model.language_model) != before, name
        with torch.no_grad():
            value.copy_(kept)
    assert probe(model.language_model) == before


def test_lora_targets(tiny_model):
    """Guards against adapters on the output layer, which the authors leave out."""
    import re

    names = [name for name, _ in tiny_model.language_model.named_modules()]
    hit = {name.rsplit(".")[-1] for name in names if re.fullmatch(lora_targets(tiny_model.language_model), name)}
    assert hit == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_lora_kinds_are_not_mixed(tmp_path, model):
    """Guards against adapters silently dropped by a full or projector-only save."""
    with pytest.raises(InputError, match="no LoRA"):
        save(model, tmp_path / "out", kind="lora")
    add_lora(model, rank=2, alpha=2, dropout=0.0)
    for kind in ("full", "projector"):
        with pytest.raises(InputError, match="merge_lora"):
            save(model, tmp_path / "out", kind=kind)
    with pytest.raises(InputError, match="already"):
        add_lora(model)


@pytest.mark.parametrize("change", ["missing", "extra", "size"])
def test_faulty_adapters(tmp_path, model, change):
    """Guards against missing adapter keys, which peft itself only warns about."""
    add_lora(model, rank=2, alpha=2, dropout=0.0)
    save(model, tmp_path / "out", kind="lora")
    alter(tmp_path / "out", "adapter/adapter_model.safetensors", change)
    with pytest.raises(InputError, match="adapter"):
        load(tmp_path / "out")


def alter(folder, name, change):
    """Changes a weights file, and its size in config.json with it."""
    weights = load_file(folder / name)
    key = sorted(weights)[0]
    if change == "missing":
        weights.pop(key)
    elif change == "extra":
        weights["another.weight"] = torch.zeros(2)
    elif change == "size":
        weights[key] = torch.zeros(3, 3)
    save_file(weights, folder / name, {"format": "pt"})
    about = json.loads((folder / "config.json").read_text())
    about["files"][name] = (folder / name).stat().st_size
    (folder / "config.json").write_text(json.dumps(about))


@pytest.mark.parametrize("name", ["projector.safetensors", "language_model/model.safetensors", "vision_tower/model.safetensors"])
@pytest.mark.parametrize("change", ["missing", "extra", "size"])
def test_strict_loading(tmp_path, model, name, change):
    """Guards against missing weights filled at random, left-over ones ignored and sizes that differ."""
    save(model, tmp_path / "out")
    alter(tmp_path / "out", name, change)
    with pytest.raises(InputError, match=name.split("/")[0]):
        load(tmp_path / "out")


@pytest.mark.parametrize("name", ["config.json", "projector.safetensors", "language_model/model.safetensors",
                                  "language_model/tokenizer.json", "vision_tower/preprocessor_config.json"])
@pytest.mark.parametrize("how", ["gone", "half"])
def test_half_copied_folders(tmp_path, model, name, how):
    """Guards against a folder that lost files on the way, or the end of one."""
    save(model, tmp_path / "out")
    path = tmp_path / "out" / name
    data = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=name.split("/")[0]):
        load(tmp_path / "out")


def test_loader_goes_by_config_not_by_name(tmp_path, model):
    """Guards against a loader that guesses the kind from words in the folder's name."""
    save(model, tmp_path / "llava-lora-projector", kind="full")
    assert torch.equal(logits(load(tmp_path / "llava-lora-projector")), logits(model))
    about = json.loads((tmp_path / "llava-lora-projector" / "config.json").read_text())
    for change in ({"format": 99}, {"kind": "other"}, {"llava": {}}, {"sizes": about["sizes"] | {"visual_tokens": 4}}):
        (tmp_path / "llava-lora-projector" / "config.json").write_text(json.dumps(about | change))
        with pytest.raises(InputError, match="config.json"):
            load(tmp_path / "llava-lora-projector")
    with pytest.raises(InputError, match="from_transformers"):
        load(tmp_path / "parents" / "vision")
    with pytest.raises(InputError, match="no checkpoint folder"):
        load(tmp_path / "nowhere")


def test_replacing(tmp_path, model):
    """Guards against a save over something that is not a checkpoint, or over its own parents, or that mixes old and new files."""
    save(model, tmp_path / "out")
    disturb(model.projector, 1)
    save(model, tmp_path / "out", kind="projector")
    assert not (tmp_path / "out" / "language_model").exists()
    assert torch.equal(logits(load(tmp_path / "out")), logits(model))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("a cat")
    with pytest.raises(InputError, match="not a folder of this sort"):
        save(model, tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "a cat"
    save(model, tmp_path / "whole")
    child = load(tmp_path / "whole")
    with pytest.raises(InputError, match="another folder"):
        save(child, tmp_path / "whole", kind="projector")
    save(child, tmp_path / "child", kind="projector")
    assert torch.equal(logits(load(tmp_path / "child")), logits(model))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["child", "out", "parents", "photos", "whole"]


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are a Unix matter")
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_full_disk(tmp_path, model, kind):
    """Guards against a full disk that costs the checkpoint which was there, or leaves half of one."""
    import resource

    save(model, tmp_path / "out")
    before = logits(load(tmp_path / "out"))
    disturb(model.projector, 1)
    if kind == "lora":
        add_lora(model, rank=64, alpha=2, dropout=0.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # no file may grow beyond, as if the disk were full
    try:
        with pytest.raises(InputError, match="could not be written"):
            save(model, tmp_path / "out", kind=kind)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.equal(logits(load(tmp_path / "out")), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "parents"]


def test_interrupted_save(tmp_path, model):
    """Guards against a power cut between the two renames: the message says where the old checkpoint is."""
    save(model, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.before")
    (tmp_path / ".out.writing").mkdir()
    with pytest.raises(InputError, match="rename .*\\.out\\.before"):
        load(tmp_path / "out")
    save(model, tmp_path / "out")
    assert torch.equal(logits(load(tmp_path / "out")), logits(model))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "parents"]


def test_number_format(tmp_path, model):
    """Guards against float32 weights that come back rounded, and against an override that is ignored."""
    save(model, tmp_path / "out")
    assert load(tmp_path / "out").dtype == torch.float32
    half = load(tmp_path / "out", dtype=torch.bfloat16)
    assert {value.dtype for value in half.parameters()} == {torch.bfloat16}
    save(half, tmp_path / "half")
    assert load(tmp_path / "half").dtype == torch.bfloat16
