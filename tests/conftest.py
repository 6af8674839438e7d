"""Fixtures shared by all tests: a tokenizer and two tiny random parents, made here, nothing fetched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

# Set here and not in the package: a test never reaches for the network, and tests share the machine.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SPECIALS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}

CORPUS = [
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful,"
    " detailed, and polite answers to the user's questions.",
    " USER: What colour is the dog? ASSISTANT: The dog is red.",
    " USER: How many cats are there? ASSISTANT: There are two cats on the blue bench.",
    " Human: Is there a boat? Assistant: Yes, there is a green boat on the water.",
    " What is the person holding? A big yellow umbrella in the rain.",
]


def make_tokenizer(space: str = "never"):
    """A byte-fallback BPE tokenizer of about 400 tokens, learnt from CORPUS.

    ``space`` says who writes the space before the first word: "never" (text is taken as it is),
    "first" (Metaspace adds one at the start of the text, as newer Llama files do) or "legacy" (one is
    prepended to the text and after every special token, as the files of Llama 1, 2 and Vicuna do).
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    learner.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=150, show_progress=False))
    learnt = json.loads(learner.to_str())["model"]

    # Specials and bytes come first; a merge names its parts, so learnt tokens may be renumbered.
    names = [*SPECIALS.values(), "<image>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += sorted(learnt["vocab"], key=learnt["vocab"].get)
    vocab = {name: number for number, name in enumerate(names)}
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learnt["merges"]]
    backend = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tail = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if space == "legacy":
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=space)
    backend.decoder = decoders.Sequence(tail if space == "never" else [*tail, decoders.Strip(" ", 1, 0)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **SPECIALS, extra_special_tokens=["<image>"])


@pytest.fixture(scope="session")
def tokenizer():
    """Small byte-fallback BPE tokenizer with <s>, </s>, <pad>, <unk> and <image>. Do not change it in a test."""
    return make_tokenizer()


@pytest.fixture(scope="session")
def tiny_vision_folder(tmp_path_factory):
    """Folder of a random CLIPVisionModel (28 pixels, patches of 14: 4 visual tokens, 32 wide)."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel
    from transformers.models.clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("parents") / "vision"
    config = CLIPVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2,
                              image_size=28, patch_size=14, projection_dim=16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        CLIPVisionModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_language_folder(tmp_path_factory, tokenizer):
    """Folder of a random LlamaForCausalLM (2 layers, 32 wide, tied embeddings) with the tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("parents") / "language"
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=512,
                         tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id,
                         eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of real photographs and files beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no ../shared/real beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_vision_folder, tiny_language_folder):
    """LlavaMini of the two tiny parents, in evaluation mode. Do not change its weights in a test."""
    from llava_mini.model import LlavaMini

    return LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder).eval()
