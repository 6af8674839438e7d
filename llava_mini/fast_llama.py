"""A quicker engine for small plain Llamas in float32, with the same logits as transformers' forward.

In a model of a few million parameters the fifteen Python layers around each step cost more than its
arithmetic. Here a layer is about 15 calls, the cache never grows by copying, the last layer of a prompt is
computed for its last token only, and what prompts have in common at their beginning is read once.
"""

from __future__ import annotations

import weakref

import torch
from torch.nn import functional as F

from .decoding import AnyDecoder, Prompt, left_padded, shared_beginnings
from .model import LlavaMini

_SMALL = 50_000_000  # parameters; above, the arithmetic dominates and a second copy of the weights costs memory


def decoder_for(model: LlavaMini, fast: bool = True):
    """The quickest engine for this model; ``fast=False`` always gives the general one."""
    return LlamaDecoder(model) if fast and _is_small_plain_llama(model) else AnyDecoder(model)


def _is_small_plain_llama(model: LlavaMini) -> bool:
    """Whether LlamaDecoder computes what this language model computes (LoRA and other classes: no)."""
    from transformers import LlamaForCausalLM

    language_model = model.language_model
    if type(language_model) is not LlamaForCausalLM or model.dtype != torch.float32:
        return False
    config = language_model.config
    return (language_model.num_parameters() <= _SMALL and config.hidden_act == "silu" and not config.attention_bias
            and not config.mlp_bias and config.rope_parameters["rope_type"] == "default")


class _Weights:
    """Copies of a Llama's matrices, laid out for few calls per step.

    Query, key and value are one matrix, gate and up another; the scale of each RMS norm is multiplied into
    the matrix behind it. Rows of query and key are reordered so that the two numbers which the rotary
    embedding turns together are neighbours, one complex number: a score is a sum over all of them and does
    not depend on their order.
    """

    def __init__(self, language_model):
        config, decoder = language_model.config, language_model.model
        self.heads, self.groups, self.width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.epsilon, self.rotary = config.rms_norm_eps, decoder.rotary_emb
        self.layers = []
        for layer in decoder.layers:
            attention, mlp = layer.self_attn, layer.mlp
            inwards = torch.cat([self._paired(attention.q_proj.weight), self._paired(attention.k_proj.weight),
                                 attention.v_proj.weight]) * layer.input_layernorm.weight
            gates = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]) * layer.post_attention_layernorm.weight
            self.layers.append([matrix.t().contiguous() for matrix in
                                (inwards, attention.o_proj.weight, gates, mlp.down_proj.weight)])
        self.head = (language_model.lm_head.weight * decoder.norm.weight).t().contiguous()  # [width, vocabulary]

    def _paired(self, weight: torch.Tensor) -> torch.Tensor:
        """Per head: first half, second half -> alternating."""
        return weight.view(-1, 2, self.width // 2, weight.shape[-1]).transpose(1, 2).flatten(0, 2)


_KNOWN: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # language model -> (state, _Weights)


def _weights(language_model) -> _Weights:
    """The copies, made again whenever a weight has changed."""
    values = list(language_model.parameters())
    versions = [(value.data_ptr(), value._version) for value in values]
    sample = torch.cat([value.flatten()[:2] for value in values]).tolist()  # changes through .data have no version
    if language_model not in _KNOWN or _KNOWN[language_model][0] != (versions, sample):
        _KNOWN[language_model] = ((versions, sample), _Weights(language_model))
    return _KNOWN[language_model][1]


class LlamaDecoder:
    """The engine; its methods are those of AnyDecoder."""

    def __init__(self, model: LlavaMini):
        self.model, self.weights = model, _weights(model.language_model)
        self.embedding = model.language_model.get_input_embeddings().weight

    def start(self, prompts: list[Prompt], features: torch.Tensor | None, room: int) -> torch.Tensor:
        """Reads the prompts; ``room`` more tokens can follow. Logits of the next token [rows, vocabulary]."""
        shared, split = shared_beginnings(prompts, self.model.image_token_id, self.model.visual_tokens)
        first = max((len(prompt.ids) for prompt in shared), default=0)
        rest = [Prompt(prompt.ids[len(shared[number].ids):], prompt.pictures[len(shared[number].pictures):])
                if shared else prompt for prompt, number in zip(prompts, split)]
        length, device = first + max(len(prompt.ids) for prompt in rest) + room, self.model.device
        weights, self.used = self.weights, 0
        cos, sin = weights.rotary(torch.zeros(1, device=device), torch.arange(length, device=device)[None])  # [1, length, width]
        self.turns = torch.complex(cos[0, :, : weights.width // 2], sin[0, :, : weights.width // 2])  # [length, width / 2]
        self._allocate(len(shared) or len(prompts), first if shared else length)
        if shared:
            self._read(shared, features, last=False)
            self._spread(torch.tensor(split, device=device), length)
        logits = self._read(rest, features, last=True)
        self.bias = None if self.visible.all() else _bias(self.visible)[:, None, None]  # [rows, 1, 1, length]
        return logits

    def _allocate(self, rows: int, length: int) -> None:
        """An empty cache: per layer keys and values, each [rows, groups, length, width]."""
        weights, options = self.weights, {"device": self.model.device}
        shape = (rows, weights.groups, length, weights.width)
        self.cache = [(torch.empty(shape, **options), torch.empty(shape, **options)) for _ in weights.layers]
        self.visible = torch.ones(rows, length, dtype=torch.bool, **options)  # false where the cache holds padding
        self.lengths, self.bias = torch.zeros(rows, dtype=torch.long, **options), None

    def _spread(self, split: torch.Tensor, length: int) -> None:
        """From one row for each beginning to one for each prompt, with room for ``length`` tokens."""
        cache, visible, lengths, used = self.cache, self.visible, self.lengths, self.used
        self._allocate(len(split), length)
        for new, old in zip(self.cache, cache):
            for part, old_part in zip(new, old):
                part[:, :, :used] = old_part[split]
        self.visible[:, :used], self.lengths = visible[split], lengths[split]

    def keep(self, rows: torch.Tensor) -> None:
        """Drops all other rows."""
        self.cache = [(keys[rows], values[rows]) for keys, values in self.cache]
        self.visible, self.lengths = self.visible[rows], self.lengths[rows]
        self.bias = None if self.bias is None else self.bias[rows]

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.weights.epsilon)

    def _read(self, prompts: list[Prompt], features: torch.Tensor | None, last: bool) -> torch.Tensor | None:
        """Fills the cache with a piece of every row; logits [rows, vocabulary] after it if it is the ``last``."""
        weights, device = self.weights, self.model.device
        ids, seen = left_padded([prompt.ids for prompt in prompts], self.model.tokenizer.pad_token_id, device)
        pictures = [number for prompt in prompts for number in prompt.pictures]
        x = self.model.merge(ids, features[pictures] if pictures else None)  # [rows, tokens, width]
        rows, tokens = ids.shape
        start, end = self.used, self.used + tokens
        self.visible[:, start:end] = seen
        positions = (self.lengths[:, None] + seen.cumsum(1) - 1).clamp(min=0)  # [rows, tokens]
        turns = self.turns[positions][:, :, None]  # [rows, tokens, 1, width / 2]
        slots = torch.arange(end, device=device)
        past = slots <= slots[start:, None]  # [tokens, end]
        bias = _bias((self.visible[:, None, None, :end] & past) | (slots == slots[start:, None]))  # padding sees itself: no NaN
        for number, ((inwards, outwards, gates, down), (keys, values)) in enumerate(zip(weights.layers, self.cache)):
            qkv = torch.matmul(self._norm(x), inwards).unflatten(-1, (-1, weights.width))  # [rows, tokens, heads, width]
            qk = _turned(qkv[:, :, : weights.heads + weights.groups], turns).transpose(1, 2)  # [rows, heads, tokens, width]
            keys[:, :, start:end] = qk[:, weights.heads:]
            values[:, :, start:end] = qkv[:, :, weights.heads + weights.groups:].transpose(1, 2)
            query = qk[:, : weights.heads]
            if number == len(weights.layers) - 1:  # of the last layer only the last token is needed
                if not last:
                    break
                x, query, bias = x[:, -1:], query[:, :, -1:], bias[:, :, -1:]
            repeat = weights.heads // weights.groups
            mixed = F.scaled_dot_product_attention(
                query, keys[:, :, :end].repeat_interleave(repeat, 1) if repeat > 1 else keys[:, :, :end],
                values[:, :, :end].repeat_interleave(repeat, 1) if repeat > 1 else values[:, :, :end], attn_mask=bias)
            x = x + torch.matmul(mixed.transpose(1, 2).flatten(2), outwards)  # [rows, tokens, width]
            gate, up = torch.matmul(self._norm(x), gates).chunk(2, -1)
            x = x + torch.matmul(F.silu(gate) * up, down)
        self.used, self.lengths = end, self.lengths + seen.sum(1)
        return torch.mm(self._norm(x[:, -1]), weights.head) if last else None

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Appends a token to every row [rows]. Logits of the next [rows, vocabulary]."""
        weights, x = self.weights, self.embedding[tokens]  # [rows, width]
        rows, slot, heads, groups = len(tokens), self.used, weights.heads, weights.groups
        turns = self.turns[self.lengths][:, None]  # [rows, 1, width / 2]
        bias = None if self.bias is None else self.bias[..., : slot + 1]  # [rows, 1, 1, slot + 1]
        for (inwards, outwards, gates, down), (keys, values) in zip(weights.layers, self.cache):
            qkv = torch.mm(self._norm(x), inwards).view(rows, heads + 2 * groups, weights.width)
            qk = _turned(qkv[:, : heads + groups], turns)  # [rows, heads + groups, width]
            keys[:, :, slot], values[:, :, slot] = qk[:, heads:], qkv[:, heads + groups:]
            # the heads that share a key stand where attention expects several query tokens
            query = qk[:, :heads].view(rows, groups, heads // groups, weights.width)
            mixed = F.scaled_dot_product_attention(query, keys[:, :, : slot + 1], values[:, :, : slot + 1], attn_mask=bias)
            x = torch.addmm(x, mixed.reshape(rows, -1), outwards)  # [rows, width]
            gate, up = torch.mm(self._norm(x), gates).chunk(2, -1)
            x = torch.addmm(x, F.silu(gate).mul_(up), down)
        self.used, self.lengths = slot + 1, self.lengths + 1
        return torch.mm(self._norm(x), weights.head)


def _turned(pairs: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of [..., width] whose neighbours form pairs, by unit complex numbers [..., width / 2]."""
    numbers = torch.view_as_complex(pairs.unflatten(-1, (-1, 2)))
    return torch.view_as_real(numbers * turns).flatten(-2)


def _bias(visible: torch.Tensor) -> torch.Tensor:
    """What is added to the scores: 0 where visible, minus infinity elsewhere."""
    return torch.zeros(visible.shape, device=visible.device).masked_fill_(~visible, float("-inf"))
