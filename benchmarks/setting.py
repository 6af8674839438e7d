"""What both sides are given: the same weights, the same pictures, the same samples, the same schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from llava_mini.errors import InputError
from llava_mini.profiles import Stage, profile

STAGES = ("align", "tune", "lora")
NEVER = 10 ** 9                     # steps between states: none is written while the clock runs, on either side
PARENTS = {"vision": Path("data/pretrained/clip"), "language": Path("data/pretrained/vicuna-large")}


@dataclass(frozen=True)
class Setting:
    """Folders as texts, so that a setting can be written down as JSON."""

    vision: str                     # the parents, for the package
    language: str
    transformers: str               # the joined model as LlavaForConditionalGeneration and LlavaProcessor, for the Trainer
    world: str                      # storybook folder: pictures/, align.json, tune.json
    projector: str                  # "mlp2x_gelu", which both know as it is, or "linear"

    @property
    def pictures(self) -> Path:
        return Path(self.world) / "pictures"

    def samples(self, stage: str, number: int) -> list:
        """The first samples of a stage. Raises InputError if there are fewer."""
        from llava_mini.data import read_samples

        name = "align.json" if stage == "align" else "tune.json"
        found = read_samples(Path(self.world) / name, self.pictures)
        if len(found) < number:
            raise InputError(f"The stage {stage} is to be measured on {number} samples but {name} holds {len(found)}; draw more pictures.")
        return found[:number]

    def model(self):
        """The package's model."""
        from llava_mini.model import LlavaMini

        return LlavaMini.from_parents(self.vision, self.language, projector=self.projector)


def stage_settings(stage: str, batch: int, precision: str = "fp32") -> Stage:
    """The mini profile's stage with ``batch`` samples a step, as both sides can run it: one learning rate, no warm-up.

    (The Trainer's warm-up begins at a rate of 0 and the package's above it; without it both have the same cosine.)
    """
    return replace(getattr(profile("mini"), stage), batch_size=batch, epochs=1.0, max_steps=None, warmup=0.0, precision=precision, pack=False,
                   projector_learning_rate=None, lora_dropout=0.0, weight_decay=0.0, validate_every=NEVER, save_every=NEVER)


def prepare(folder: str, *, pictures: int, projector: str, random: bool, texts: int = 5000) -> Setting:
    """Draws the pictures, makes random parents if asked to, and exports the joined model for the Trainer."""
    from llava_mini.convert import to_transformers
    from llava_mini.storybook.folder import make_folder

    place = Path(folder)
    parents = random_parents(place / "parents", texts) if random else PARENTS
    world = make_folder(place / f"storybook-{pictures}", "train", pictures, workers=1)
    setting = Setting(str(parents["vision"]), str(parents["language"]), str(place / f"transformers-{projector}"), str(world), projector)
    to_transformers(setting.model(), setting.transformers)
    return setting


def random_parents(folder: Path, texts: int) -> dict[str, Path]:
    """Untrained parents of the mini parents' sizes; the tokenizer is learnt from ``texts`` lines of the diet."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

    from llava_mini.foundations.tokenizer import diet_lines, train_tokenizer
    from llava_mini.vision import Pixels

    torch.manual_seed(0)
    vision, language = folder / "clip", folder / "vicuna"
    CLIPVisionModel(CLIPVisionConfig(hidden_size=128, intermediate_size=512, num_hidden_layers=6, num_attention_heads=4, image_size=112,
                                     patch_size=14, projection_dim=128)).save_pretrained(vision)
    Pixels(112).save_pretrained(vision)
    tokenizer = train_tokenizer(diet_lines(texts))
    LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=192, intermediate_size=512, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=6,
        max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id)).save_pretrained(language)
    tokenizer.save_pretrained(language)
    return {"vision": vision, "language": language}
