"""Tiny random language models and sequences that several tests make."""

import torch

torch.set_num_threads(1)  # in models of this size threads only wait for each other, and so for every other program


def causal_lm(kind, vocabulary, **options):
    """A tiny random language model of that kind."""
    import transformers

    small = {"vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4, "max_position_embeddings": 256, "pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2} | options
    if kind in ("Llama", "Qwen2"):
        small["num_key_value_heads"] = 2
    torch.manual_seed(3)
    config = getattr(transformers, f"{kind}Config")(**small)
    return transformers.AutoModelForCausalLM.from_config(config)


# two ways of counting positions, and one that scales its logits after the output layer
KINDS = {"Llama": {}, "Qwen2": {}, "GPTNeoX": {}, "GPT2": {}, "Cohere": {"logit_scale": 0.5}}


def sequence(model, words, seed=0):
    """Ids with pictures: a number in ``words`` is that many words, "i" one picture."""
    generator = torch.Generator().manual_seed(seed)
    ids = [model.tokenizer.bos_token_id]
    image = model.image_token_id            # a completed vocabulary ends in it: no word may be one
    for word in words:
        if word == "i":
            ids += [model.image_token_id] * model.visual_tokens
        else:
            ids += torch.randint(10, image if image > 10 else len(model.tokenizer), (word,), generator=generator).tolist()
    return ids


def pad(model, rows, left=False):
    """Rows of ids to (ids, mask), padded to one length."""
    longest = max(map(len, rows))
    fill = [[model.tokenizer.pad_token_id] * (longest - len(row)) for row in rows]
    ids = torch.tensor([f + r if left else r + f for f, r in zip(fill, rows)])
    seen = [[0] * len(f) + [1] * len(r) if left else [1] * len(r) + [0] * len(f) for f, r in zip(fill, rows)]
    return ids, torch.tensor(seen)


def features_for(model, pictures, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(pictures, model.visual_tokens, model.vision_tower.width, generator=generator)
