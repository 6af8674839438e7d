"""To and from transformers' own LLaVA, with the same logits.

An exported folder is a LlavaForConditionalGeneration with a LlavaProcessor: ``pipeline("image-text-to-text")``
and ``transformers serve`` take it as it is. What has to be said differently there:

* its projector is always two linear layers. The paper's single one is the first, followed by the identity;
* its processor counts visual tokens itself, from the patch size and one CLS token which "default" drops;
* a chat template is a Jinja program. The one written here gives the ids that conversation.render gives for
  ordinary text; special tokens typed by a user are control tokens there, as everywhere in transformers;
* an answer ends at a token, never at a text: see jinja.stop_ids for the templates plain, v0 and chat.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from .errors import InputError
from .folders import whole_folder
from .jinja import TEMPLATES_IN_JINJA, jinja_template, stop_ids, strip_leading_space
from .lora import has_lora
from .model import LlavaConfig, LlavaMini
from .parents import load_strictly
from .projector import build_projector
from .vision import Pixels, VisionTower


def to_transformers(model: LlavaMini, folder: str | Path) -> None:
    """Writes the model as a LlavaForConditionalGeneration folder with its processor and chat template.

    Raises InputError for adapters that are not merged, for a language model that class cannot hold (an
    output layer with a bias or a scale of its own), and when the folder cannot be written.
    """
    if has_lora(model):
        raise InputError("The model has LoRA adapters, which transformers' LLaVA does not know; merge_lora(model) first.")
    folder = Path(folder).absolute()
    theirs = _their_model(model)
    processor = _their_processor(model)
    with whole_folder(folder, mark="vision_feature_layer") as beside:
        theirs.save_pretrained(beside)
        processor.save_pretrained(beside)


@torch.no_grad()
def _their_model(model: LlavaMini) -> nn.Module:
    from transformers import LlavaConfig as TheirConfig
    from transformers import LlavaForConditionalGeneration

    language_model, tower = model.language_model, model.vision_tower
    config = TheirConfig(
        vision_config=tower.clip.config, text_config=language_model.config, image_token_index=model.image_token_id,
        image_seq_length=model.visual_tokens, vision_feature_layer=tower.layer,
        vision_feature_select_strategy="full" if tower.cls else "default",
        projector_hidden_act="linear" if model.config.projector == "linear" else "gelu",
        tie_word_embeddings=language_model.config.tie_word_embeddings,
    )
    with torch.random.fork_rng(devices=[]):
        theirs = LlavaForConditionalGeneration(config).to(model.dtype).eval()
    theirs.model.vision_tower.load_state_dict(tower.clip.state_dict())
    projector = theirs.model.multi_modal_projector
    if model.config.projector == "linear":
        projector.linear_1.load_state_dict(model.projector.state_dict())
        nn.init.eye_(projector.linear_2.weight)
        nn.init.zeros_(projector.linear_2.bias)
    else:
        projector.linear_1.load_state_dict(model.projector[0].state_dict())
        projector.linear_2.load_state_dict(model.projector[2].state_dict())
    try:
        theirs.model.language_model.load_state_dict(language_model.base_model.state_dict())
        theirs.lm_head.load_state_dict(language_model.get_output_embeddings().state_dict())
        difference = _difference(model, theirs)
    except RuntimeError as error:  # other keys or sizes
        raise InputError(f"transformers' LLaVA cannot hold a {type(language_model).__name__} "
                         f"({str(error).splitlines()[0]}); save it as a checkpoint folder instead.") from error
    if model.dtype == torch.float32 and difference > 1e-4:
        raise InputError(f"transformers' LLaVA cannot hold a {type(language_model).__name__} (its logits would differ by "
                         f"{difference:.2g}); save it as a checkpoint folder instead.")
    if language_model.generation_config is not None:
        theirs.generation_config = deepcopy(language_model.generation_config)   # the model keeps its own
    ends = stop_ids(model.tokenizer, model.config.template)
    theirs.generation_config.eos_token_id = ends[0] if len(ends) == 1 else ends or None
    theirs.generation_config.pad_token_id = model.tokenizer.pad_token_id
    return theirs


def _difference(model: LlavaMini, theirs: nn.Module) -> float:
    """Largest difference between the logits of the two after a short text with a picture, relative to the largest.

    Sizes alone do not tell: some models scale their logits after the output layer, and their class does not.
    """
    device, size, image = model.device, model.vision_tower.size, model.image_token_id
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device, model.dtype)
    words = [token for token in range(9) if token != image]
    ids = torch.tensor([[image] * model.visual_tokens + words], device=device)  # [1, tokens]
    was_training = model.training
    ours = model.eval()(ids, features=model.vision_tower(pixels)).logits
    model.train(was_training)
    logits = theirs.to(device)(input_ids=ids, pixel_values=pixels).logits
    return float((ours - logits).abs().max() / ours.abs().max())


def _their_processor(model: LlavaMini):
    from transformers import LlavaProcessor
    from transformers.models.clip import CLIPImageProcessorPil
    from transformers.models.llava import LlavaImageProcessorPil

    settings = model.pixels.to_dict()
    kind = {"CLIPImageProcessor": CLIPImageProcessorPil, "LlavaImageProcessor": LlavaImageProcessorPil}
    image_processor = kind[settings.pop("image_processor_type")](**settings)
    return LlavaProcessor(
        image_processor=image_processor, tokenizer=strip_leading_space(model.tokenizer, model.config.template),
        patch_size=model.vision_tower.clip.config.patch_size, num_additional_image_tokens=1,
        vision_feature_select_strategy="full" if model.vision_tower.cls else "default",
        chat_template=jinja_template(model.tokenizer, model.config.template),
    )


@torch.no_grad()
def from_transformers(folder: str | Path, *, template: str | None = None, dtype: torch.dtype = torch.float32) -> LlavaMini:
    """Reads a LlavaForConditionalGeneration folder (or hub name), in evaluation mode.

    ``template``: chat template; by default that of an exported folder, or v1. Two linear layers without an
    activation between them are joined into the one they are. Raises InputError for a vision tower that is
    not CLIP, several feature layers, another activation, or an <image> token that is not the tokenizer's.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor, LlavaForConditionalGeneration

    try:
        config = AutoConfig.from_pretrained(str(folder))
        if config.model_type != "llava":
            raise ValueError(f"it holds a {config.model_type} model")
        processor = AutoProcessor.from_pretrained(str(folder))
        tokenizer = processor.tokenizer         # without a file of its own, what is found is no processor
    except Exception as error:  # JSON, tokenizer, a missing file: each with its own exception
        raise InputError(f"{folder} is no LLaVA of transformers ({(str(error).strip() or type(error).__name__).splitlines()[0]}); "
                         "name a folder with a LlavaForConditionalGeneration and its LlavaProcessor.") from None
    if config.vision_config.model_type != "clip_vision_model" or not isinstance(config.vision_feature_layer, int):
        raise InputError(f"{folder} has a {config.vision_config.model_type} tower with the feature layers "
                         f"{config.vision_feature_layer}; only one layer of a CLIP tower can be read.")
    if tokenizer.convert_tokens_to_ids("<image>") != config.image_token_id:
        raise InputError(f"{folder} says that token {config.image_token_id} stands for pictures, but <image> is "
                         f"{tokenizer.convert_tokens_to_ids('<image>')} in its tokenizer; save the two again together.")
    theirs = load_strictly(LlavaForConditionalGeneration, folder, dtype)
    projector, kind = _our_projector(theirs.model.multi_modal_projector, config.projector_hidden_act, folder)
    with torch.random.fork_rng(devices=[]):
        language_model = AutoModelForCausalLM.from_config(config.text_config, dtype=dtype)
    try:
        language_model.base_model.load_state_dict(theirs.model.language_model.state_dict())
        language_model.get_output_embeddings().load_state_dict(theirs.lm_head.state_dict())
    except RuntimeError as error:
        raise InputError(f"{folder} holds a language model that cannot stand alone ({str(error).splitlines()[0]}).") from error
    language_model.generation_config = theirs.generation_config
    cls = config.vision_feature_select_strategy == "full"
    tower = VisionTower(theirs.model.vision_tower, config.vision_feature_layer, cls)
    pixels = Pixels.from_dict(processor.image_processor.to_dict())
    if template is None:
        same = (name for name in TEMPLATES_IN_JINJA if jinja_template(tokenizer, name) == processor.chat_template)
        template = next(same, "v1")
    ours = LlavaConfig(kind, config.vision_feature_layer, cls, pixels.mode, template)
    return LlavaMini(tower, projector, language_model, tokenizer, pixels, ours).eval()


def _our_projector(theirs: nn.Module, activation: str, folder) -> tuple[nn.Module, str]:
    """Their two linear layers as one of our projectors."""
    first, second = theirs.linear_1, theirs.linear_2
    biases = [layer.bias if layer.bias is not None else torch.zeros_like(layer.weight[:, 0]) for layer in (first, second)]
    if activation == "linear":
        projector = build_projector("linear", first.in_features, second.out_features)
        projector.weight.copy_(second.weight @ first.weight)
        projector.bias.copy_(second.weight @ biases[0] + biases[1])
        return projector.to(first.weight.dtype), "linear"
    if activation != "gelu":
        raise InputError(f"{folder} has the activation {activation!r} in its projector; only 'gelu' and 'linear' can be read.")
    projector = build_projector("mlp2x_gelu", first.in_features, second.out_features)
    for ours, layer, bias in zip((projector[0], projector[2]), (first, second), biases):
        ours.weight.copy_(layer.weight)
        ours.bias.copy_(bias)
    return projector.to(first.weight.dtype), "mlp2x_gelu"
