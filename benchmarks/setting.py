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
    world: str                      # storybook folder: pictures/, align.json
    taught: str                     # what the teacher wrote about its pictures
    projector: str                  # "mlp2x_gelu", which both know as it is, or "linear"

    @property
    def pictures(self) -> Path:
        return Path(self.world) / "pictures"

    def samples(self, stage: str, number: int) -> list:
        """The first samples of a stage. Raises InputError if there are fewer."""
        from llava_mini.data import read_samples
        from llava_mini.taught import read_taught

        path = Path(self.world) / "align.json" if stage == "align" else Path(self.taught)
        found = (read_samples if stage == "align" else read_taught)(path, self.pictures)
        if len(found) < number:
            raise InputError(f"The stage {stage} is to be measured on {number} samples but {path.name} holds {len(found)}; draw more pictures.")
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


def prepare(folder: str, *, pictures: int, projector: str) -> Setting:
    """Draws the pictures and exports the joined model for the Trainer. Raises InputError where a parent is missing."""
    from llava_mini.convert import to_transformers
    from llava_mini.storybook.folder import make_folder
    from llava_mini.taught import taught_folder, teach

    place = Path(folder)
    world = make_folder(place / f"storybook-{pictures}", "train", pictures, workers=1)
    taught = teach(world, taught_folder(world))
    setting = Setting(str(PARENTS["vision"]), str(PARENTS["language"]), str(place / f"transformers-{projector}"), str(world), str(taught), projector)
    to_transformers(setting.model(), setting.transformers)
    return setting
