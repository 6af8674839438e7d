"""Byte-fallback BPE tokenizers in Llama's manner, each trained on what its parent reads.

Common words of the storybook become one token each; anything else falls apart into pieces and, at
last, into bytes, so that any text can be typed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..storybook.narrate import captions, word_map
from ..storybook.world import scenes
from .diet import text

PROTOCOL = (
    "A chat between a curious user and an artificial intelligence assistant.",
    "The assistant gives helpful, detailed, and polite answers to the user's questions.",
    " USER:", " ASSISTANT:", "###", "Human:", "Assistant:", "Question:", "Answer:", "===", "Context: N/A", "Options: (A) (B) (C) (D) (E)",
    "The answer is A.", "The answer is B.", "The answer is C.", "The answer is D.", "\nDescribe the picture in detail.",
    "\nGive a brief description of the image.", "Describe the following image.", "the photo shows", "First, we can see that", "therefore",
)
SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "<image>")


def train_tokenizer(texts: Iterable[str], size: int = 1400) -> PreTrainedTokenizerFast:
    """BPE of ``size`` tokens: special tokens, 256 bytes, then merges."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _pre_tokenizer()
    byte_tokens = [f"<0x{i:02X}>" for i in range(256)]
    alphabet = [chr(i) for i in range(32, 127)] + ["▁", "\n"]
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size - len(SPECIAL) - 256, initial_alphabet=alphabet, show_progress=False))
    state = json.loads(learner.to_str())["model"]
    learned = sorted(state["vocab"], key=state["vocab"].get)
    vocab = {token: i for i, token in enumerate([*SPECIAL, *byte_tokens, *learned])}
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in state["merges"]]
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.pre_tokenizer = _pre_tokenizer()
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
                                   extra_special_tokens=["<image>"], clean_up_tokenization_spaces=False, model_max_length=2048)


def _pre_tokenizer():
    return pre_tokenizers.Sequence([pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never"),
                                    pre_tokenizers.Split(Regex(r"\n"), "isolated"), pre_tokenizers.Punctuation("isolated"),
                                    pre_tokenizers.Digits(individual_digits=True)])


def diet_lines(n: int, seed: int = 0) -> Iterable[str]:
    """The words of ``n`` texts of the diet, for training the tokenizer."""
    rng = random.Random(f"tokenizer/{seed}")

    def lines():
        while True:
            if rng.random() < 0.1:            # the words of the chat formats and of the lessons to come
                yield from PROTOCOL
            one = text(rng)
            yield one.opening
            yield from (" " + " ".join(words) for words in one.cells)
            for question, answer in one.tails:
                yield "\n" + question
                yield answer
    return islice((line for line in lines() if line), n * 12)


def caption_lines(n: int) -> Iterable[str]:
    """The captions of ``n`` scenes and the words of their cells, for the vision parent's tokenizer."""
    for scene in scenes("parents", n):
        yield from captions(scene)
        yield from (" ".join(words) for words in word_map(scene))
