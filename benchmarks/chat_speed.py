"""Tokens per second of chat: model.generate() against transformers' generate() on the same language model.

::

    python -m benchmarks.chat_speed                        # an untrained model of the size of the mini profile
    python -m benchmarks.chat_speed --model data/pretrained/llava-mini

Both sides get the same prompts with the same visual features and answer greedily; their answers are compared.
They take turns within one process, so that whatever else the machine does meets both; the ratio of each turn
is taken, and the median and the extremes of the ratios are printed. Reading the picture and the vision tower
are left out on both sides: they are the same code.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from llava_mini.conversation import answer_text, render
from llava_mini.generation import Request
from llava_mini.model import LlavaMini

QUESTIONS = ["What colour is the dog?", "How many cats are there?", "Is there a boat in the picture?",
             "Where is the red umbrella?", "What is the weather like?", "Describe the picture in detail."]


def untrained(folder: Path) -> LlavaMini:
    """Random parents of about the mini profile's size; they never stop by themselves, so every answer is as long."""
    from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from llava_mini.vision import Pixels

    CLIPVisionModel(CLIPVisionConfig(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
                                     image_size=112, patch_size=14)).save_pretrained(folder / "vision")
    Pixels(112).save_pretrained(folder / "vision")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                                        pad_token="<pad>", extra_special_tokens=["<image>"])
    tokenizer.save_pretrained(folder / "language")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=2048, hidden_size=192, intermediate_size=512, num_hidden_layers=6,
                                 num_attention_heads=6, num_key_value_heads=6, max_position_embeddings=1024,
                                 tie_word_embeddings=True)).save_pretrained(folder / "language")
    return LlavaMini.from_parents(folder / "vision", folder / "language")


def _tokenizer():
    """Whole words of the prompts, and filler up to the vocabulary of a small BPE."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    from llava_mini.templates import SYSTEM_V1

    splitter = pre_tokenizers.Whitespace()
    words = {word for text in [SYSTEM_V1, "USER: ASSISTANT:", *QUESTIONS] for word, _ in splitter.pre_tokenize_str(text)}
    names = ["<unk>", "<s>", "</s>", "<pad>", "<image>", *sorted(words)]
    names += [f"word{number}" for number in range(2048 - len(names))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = splitter
    return tokenizer


def prompts(model: LlavaMini, rows: int, pictures: int) -> list[Request]:
    """Questions about ``pictures`` different pictures (given by random features)."""
    generator = torch.Generator().manual_seed(1)
    features = [torch.randn(1, model.visual_tokens, model.vision_tower.width, generator=generator) for _ in range(pictures)]
    return [Request([{"role": "user", "content": f"<image>\n{QUESTIONS[row % len(QUESTIONS)]}"}], features=features[row * pictures // rows])
            for row in range(rows)]


def theirs(model: LlavaMini, requests: list[Request], tokens: int) -> list[list[int]]:
    """Ids of the answers by transformers' generate(), the prompts padded on the left."""
    rows = [render(request.messages, model.config.template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens,
                   prompt=True).ids for request in requests]
    longest, pad, end = max(map(len, rows)), model.tokenizer.pad_token_id, model.tokenizer.eos_token_id
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])  # [rows, longest]
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    with torch.no_grad():
        embeddings = model.merge(ids, torch.cat([request.features for request in requests]))
        given = model.language_model.generate(inputs_embeds=embeddings, attention_mask=mask, max_new_tokens=tokens,
                                              do_sample=False, pad_token_id=pad, eos_token_id=end)  # [rows, new tokens]
    return [row[: row.index(end) + 1] if end in row else row for row in given.tolist()]


def compare(model: LlavaMini, requests: list[Request], tokens: int, rounds: int, clock) -> dict:
    """Tokens per second of both sides, and the ratios of the rounds."""
    speeds = {"transformers": [], "package": []}
    for number in range(rounds + 1):  # the first is for warming up
        start = clock()
        ids = theirs(model, requests, tokens)
        middle = clock()
        texts = model.generate(requests, max_new_tokens=tokens, batch_size=len(requests))
        end = clock()
        same = [answer_text(row, model.config.template, model.tokenizer) for row in ids]
        if [text.split() for text in texts] != [text.split() for text in same]:
            raise SystemExit(f"The two sides give different answers: {texts} and {same}.")
        if number:
            count = sum(map(len, ids))
            speeds["transformers"].append(count / (middle - start))
            speeds["package"].append(count / (end - middle))
    ratios = [ours / other for ours, other in zip(speeds["package"], speeds["transformers"])]
    return {side: median(values) for side, values in speeds.items()} | {"ratio": median(ratios), "least": min(ratios), "most": max(ratios)}


def main(arguments: list[str] | None = None) -> list[dict]:
    """Prints one line per case and returns the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a checkpoint folder; by default an untrained model is made")
    parser.add_argument("--tokens", type=int, default=40, help="new tokens per answer at most")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time, for a busy machine")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        model = LlavaMini.from_pretrained(options.model) if options.model else untrained(Path(folder))
        cases = [("one question", 1, 1), (f"{options.batch} pictures", options.batch, options.batch),
                 (f"{options.batch} questions, {max(1, options.batch // 4)} pictures", options.batch, max(1, options.batch // 4))]
        for name, rows, pictures in cases:
            case = compare(model, prompts(model, rows, pictures), options.tokens, options.rounds, clock)
            found.append({"case": name} | case)
            print(f"{name:28s} transformers {case['transformers']:7.0f}   package {case['package']:7.0f} tokens/s   "
                  f"ratio {case['ratio']:.2f} ({case['least']:.2f} to {case['most']:.2f})", flush=True)
    return found


if __name__ == "__main__":
    main()
