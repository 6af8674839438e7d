"""Vision tower + projector + language model, and the one place where they meet (paper, section 4.1).

The text already holds one <image> id for every visual token (conversation.render writes them), so the
merge replaces those embeddings and nothing changes its length: ids, mask and labels stay aligned.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from .conversation import IGNORE, image_token_id
from .errors import InputError
from .parents import Parent, complete_vocabulary, load_language, probe
from .projector import build_projector
from .vision import Pixels, VisionTower


@dataclass
class LlavaConfig:
    """How the two parents are joined."""

    projector: str = "linear"   # "linear" (paper) or "mlp2x_gelu" (LLaVA-1.5)
    layer: int = -2             # hidden state of the vision tower, -2 is before the last layer
    cls: bool = False           # keep the CLS token among the visual tokens
    image_mode: str = "crop"    # "crop" (paper) or "pad" (LLaVA-1.5)
    template: str = "v1"        # chat template of the conversation module


@dataclass
class Output:
    """What a forward pass gives."""

    loss_sum: torch.Tensor | None   # sum over supervised tokens, float32; None without labels
    supervised: int                 # how many tokens that sum is over
    logits: torch.Tensor | None     # [batch, tokens, vocabulary]; None with labels, where most are never computed

    @property
    def loss(self) -> torch.Tensor:
        """Mean over supervised tokens, in nats. Raises InputError if there are none (the mean would be NaN)."""
        if self.loss_sum is None or not self.supervised:
            raise InputError("No token is supervised, so there is no loss; give labels that are not all -100.")
        return self.loss_sum / self.supervised


class LlavaMini(nn.Module):
    """A LLaVA made of any CLIP vision tower and any causal language model of transformers.

    >>> model = LlavaMini.from_parents("data/pretrained/clip", "data/pretrained/vicuna-large")
    >>> model.answer("dog.jpg", "What colour is the dog?")
    """

    def __init__(self, vision_tower: VisionTower, projector: nn.Module, language_model: nn.Module, tokenizer,
                 pixels: Pixels, config: LlavaConfig, parents: dict[str, Parent] | None = None):
        super().__init__()
        self.vision_tower, self.projector, self.language_model = vision_tower, projector, language_model
        self.tokenizer, self.pixels, self.config = tokenizer, pixels, config
        self.parents = parents or {}  # "vision" and "language", where known
        self.image_token_id = image_token_id(tokenizer)
        self._takes_positions = "position_ids" in inspect.signature(language_model.forward).parameters
        if pixels.size != vision_tower.size:
            raise InputError(f"Pictures are made {pixels.size} pixels wide but the vision tower takes {vision_tower.size}; "
                             "use the preprocessor_config.json of that tower.")
        rows = language_model.get_input_embeddings().weight.shape[0]
        if rows < len(tokenizer):
            raise InputError(f"The tokenizer has {len(tokenizer)} tokens but the language model only {rows}; "
                             "use the tokenizer it was saved with.")

    @classmethod
    def from_parents(cls_, vision_folder: str | Path, language_folder: str | Path, *, projector: str = "linear",
                     layer: int = -2, cls: bool = False, image_mode: str = "crop", template: str = "v1",
                     projector_scale: float = 1.0, seed: int = 0, dtype: torch.dtype = torch.float32) -> LlavaMini:
        """Joins two trained parents (folders or hub names) with a fresh projector drawn from ``seed``, its weights
        times ``projector_scale``.

        A language model without <image> or a padding token gets them, its embedding grown by their mean.
        Raises InputError for a folder that does not hold such a parent, completely.
        """
        config = LlavaConfig(projector, layer, cls, image_mode, template)
        pixels = Pixels.from_pretrained(vision_folder, image_mode)
        tower = VisionTower.from_pretrained(vision_folder, layer, cls, dtype)
        language_model, tokenizer = load_language(language_folder, dtype)
        complete_vocabulary(language_model, tokenizer)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(seed)
            bridge = build_projector(projector, tower.width, language_model.get_input_embeddings().weight.shape[1], projector_scale)
        parents = {"vision": Parent("vision", str(vision_folder), probe(tower.clip)),
                   "language": Parent("language", str(language_folder), probe(language_model))}
        return cls_(tower, bridge.to(dtype), language_model, tokenizer, pixels, config, parents).eval()

    @property
    def visual_tokens(self) -> int:
        """Visual tokens of one picture, as the vision tower counts them."""
        return self.vision_tower.visual_tokens

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.projector.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the word embeddings."""
        return self.language_model.get_input_embeddings().weight.dtype

    def encode(self, pictures: Sequence[Image.Image | str | Path]) -> torch.Tensor:
        """Pictures or paths to Z_v [n, visual_tokens, vision width], without gradient."""
        return self.vision_tower(self.pixels(pictures).to(self.device))

    def merge(self, ids: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
        """Word embeddings with H_v in the place of the <image> ids: [batch, tokens, language width].

        ``ids`` [batch, tokens]; ``features`` Z_v [n, visual_tokens, vision width] of all pictures in reading
        order, row by row, or None. Raises InputError for features of another tower, and if ids and features do not count the same.
        """
        if features is not None:
            self.vision_tower.check(features)
        embeddings = self.language_model.get_input_embeddings()(ids)  # [batch, tokens, language width]
        where = ids == self.image_token_id  # [batch, tokens]
        marks, given = int(where.sum()), 0 if features is None else features.shape[0] * features.shape[1]
        if marks != given:
            raise InputError(f"The text holds {marks} <image> tokens but the pictures give {given} visual tokens; "
                             f"every picture needs {self.visual_tokens}, so render the text with visual_tokens={self.visual_tokens}.")
        if not marks:
            # a text-only batch in training: a zero that keeps the projector in the graph, as DDP and backward() expect
            if self.training and torch.is_grad_enabled() and any(p.requires_grad for p in self.projector.parameters()):
                nothing = self.projector(embeddings.new_zeros(1, self.vision_tower.width)).sum() * 0
                embeddings = embeddings + nothing.to(embeddings.dtype)
            return embeddings
        if len(uneven := (where.sum(1) % self.visual_tokens).nonzero()):
            row = int(uneven[0])
            raise InputError(f"Row {row} of the batch holds {int(where[row].sum())} <image> tokens; every picture needs exactly "
                             f"{self.visual_tokens}.")
        weight = next(self.projector.parameters())
        visual = self.projector(features.to(device=weight.device, dtype=weight.dtype))  # [n, visual_tokens, language width]
        visual = visual.to(embeddings.dtype).flatten(0, 1)  # [n * visual_tokens, language width]
        return embeddings.index_put(where.nonzero(as_tuple=True), visual)

    def forward(self, ids: torch.Tensor, attention_mask: torch.Tensor | None = None,
                features: torch.Tensor | None = None, labels: torch.Tensor | None = None,
                position_ids: torch.Tensor | None = None,
                targets: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None) -> Output:
        """Loss (with labels) or logits (without).

        ids             [batch, tokens]
        attention_mask  [batch, tokens], true where there is a token, padding on either side; or a boolean
                        document mask [batch, 1, tokens, tokens], true where a row may look, with position_ids
        features        Z_v [n, visual_tokens, vision width], see merge()
        labels          [batch, tokens], -100 where not supervised; shifted here: token t+1 is predicted at t
        targets         instead of labels: (rows, positions, tokens) [m] each, token i is predicted at that
                        place; several may share one place (samples packed behind one picture)

        Logits are computed at supervised places only. Raises InputError for ids and features that differ.
        """
        embeddings = self.merge(ids, features)
        options = {"use_cache": False}
        if attention_mask is not None and attention_mask.dim() == 4:
            if position_ids is None:
                raise InputError("A document mask needs position_ids, which restart in every document.")
            options["attention_mask"] = self._document_mask(attention_mask, embeddings.dtype)
        elif attention_mask is not None:
            options["attention_mask"] = attention_mask
            if position_ids is None:
                position_ids = (attention_mask.long().cumsum(1) - 1).clamp(min=0)  # [batch, tokens]
        if position_ids is not None and self._takes_positions:
            options["position_ids"] = position_ids
        if labels is not None:
            rows, positions = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)  # [m], [m]
            targets = rows, positions, labels[rows, positions + 1]
        if targets is None:
            return Output(None, 0, self.language_model(inputs_embeds=embeddings, **options).logits)
        rows, positions, tokens = targets
        with logits_only_at(self.language_model, rows, positions):
            logits = self.language_model(inputs_embeds=embeddings, **options).logits  # [1, m, vocabulary]
        loss_sum = F.cross_entropy(logits[0].float(), tokens, reduction="sum")
        return Output(loss_sum, len(tokens), None)

    def _document_mask(self, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The boolean mask in the form that the language model's attention takes without changing it."""
        kind = self.language_model.config._attn_implementation
        mask = mask | torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device)  # padding sees itself: no NaN
        if kind == "sdpa":
            return mask
        if kind == "eager":  # adds the mask to the scores
            return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
        raise InputError(f"A document mask works with the attention 'sdpa' or 'eager', not {kind!r}; load the model with one of them.")

    # ---- the rest of the public face; the work is done in the modules named

    def generate(self, requests, **options):
        """Answers to a batch of requests, see generation.generate."""
        from .generation import generate
        return generate(self, requests, **options)

    def answer(self, picture: Image.Image | str | Path | None, question: str, **options) -> str:
        """One answer about one picture (or None), see generation.answer."""
        from .generation import answer
        return answer(self, picture, question, **options)

    def chat(self, **options):
        """A conversation that remembers its turns, see generation.Chat."""
        from .generation import Chat
        return Chat(self, **options)

    def save_pretrained(self, folder: str | Path, **options) -> None:
        """Writes a checkpoint folder, see checkpoints.save."""
        from .checkpoints import save
        save(self, folder, **options)

    @classmethod
    def from_pretrained(cls, folder: str | Path, **options) -> LlavaMini:
        """Reads a checkpoint folder, see checkpoints.load."""
        from .checkpoints import load
        return load(folder, **options)

    def to_transformers(self, folder: str | Path) -> None:
        """Exports to LlavaForConditionalGeneration, see convert.to_transformers."""
        from .convert import to_transformers
        to_transformers(self, folder)

    @classmethod
    def from_transformers(cls, folder: str | Path, **options) -> LlavaMini:
        """Imports a LlavaForConditionalGeneration folder, see convert.from_transformers."""
        from .convert import from_transformers
        return from_transformers(folder, **options)


@contextmanager
def logits_only_at(language_model: nn.Module, rows: torch.Tensor, positions: torch.Tensor):
    """Within it, the language model gives logits [1, m, vocabulary] of the places (rows[i], positions[i]) only.

    The choice is made in front of the output layer, so whatever a model does to its logits afterwards
    (scaling, soft capping) still happens.
    """
    def pick(_, inputs):
        return (inputs[0][rows, positions].unsqueeze(0), *inputs[1:])  # [1, m, width]

    handle = language_model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()
