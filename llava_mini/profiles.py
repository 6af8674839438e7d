"""The one place of configuration: which parents, which schedule.

A :class:`Profile` names two parents (a vision tower and a language model), how they are joined,
and one :class:`Stage` for each of the three trainings. ``mini`` runs on two CPU cores in minutes;
``paper-7b`` and ``paper-13b`` carry the schedules of Visual Instruction Tuning (arXiv 2304.08485,
section 5 and appendix) for real CLIP and real LLMs. ``t4`` is for one GPU of 16 GB: a language model of
1.1 billion parameters by LoRA alone. (All of it in float32 with AdamW's averages would be 17.6 GB.)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .errors import InputError


@dataclass(frozen=True)
class Stage:
    """One training: what moves, and how fast."""

    train: str                              # "projector", "full" (projector + LM) or "lora"
    learning_rate: float                    # of the LM or the adapters; of the projector in stage 1
    projector_learning_rate: float | None = None  # None: the same as learning_rate
    batch_size: int = 32                    # rows per optimizer step, over all processes: samples, or packed pictures
    epochs: float = 1.0                     # passes over the samples; may be a fraction
    max_steps: int | None = None            # stop earlier, schedule included
    warmup: float = 0.03                    # share of the steps with a rising learning rate
    weight_decay: float = 0.0
    clip: float = 1.0                       # largest gradient norm; 0 switches clipping off
    template: str = "v1"                    # chat template, see conversation.TEMPLATES
    image_order: str = "first"              # "first", or "random" as in the paper's equation 2
    max_length: int = 2048                  # tokens; a longer sample is an error, never cut through the picture
    accumulate: int = 1                     # micro-batches per optimizer step
    pack: bool = False                      # samples of one picture share its visual tokens (document mask)
    gradient_checkpointing: bool = False
    precision: str = "auto"                 # "auto" times both and takes the faster, "fp32", "bf16"
    validate_every: int = 50                # steps between validation losses and sample answers
    save_every: int = 50                    # steps between checkpoints
    lora_rank: int = 64
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Profile:
    """Two parents, how they are joined, and the trainings.

    Raises InputError when a training of stage 2 teaches another chat template than the model will speak.
    """

    name: str
    vision: str                             # folder or hub name of a CLIP vision tower
    language: str                           # folder or hub name of a causal language model
    projector: str = "linear"               # "linear" (paper) or "mlp2x_gelu" (LLaVA-1.5)
    projector_scale: float = 1.0            # times the usual initial weights, see projector.build_projector
    vision_layer: int = -2                  # which hidden state: -2 is before the last layer
    vision_cls: bool = False                # keep the CLS token among the visual tokens
    image_mode: str = "crop"                # "crop" (paper) or "pad" (LLaVA-1.5)
    template: str = "v1"
    align: Stage = field(default_factory=lambda: Stage(train="projector", learning_rate=2e-3, batch_size=128, template="plain"))
    tune: Stage | None = field(default_factory=lambda: Stage(train="full", learning_rate=2e-5, batch_size=32, epochs=3.0))
    lora: Stage = field(default_factory=lambda: Stage(train="lora", learning_rate=2e-5, batch_size=128, epochs=1.0))
    science: Stage | None = None            # fine-tuning on ScienceQA, which takes the place of stage 2 (section 5.2)
    science_start: str = "aligned"          # it begins after stage 1 ("aligned", the paper's) or after stage 2 ("tuned")
    letters: bool = True                    # it writes the letter itself; False: the choice in words, see science/choosing.py

    def __post_init__(self):
        for name in ("tune", "lora", "science"):
            stage = getattr(self, name)
            if stage is not None and stage.template != self.template:
                raise InputError(f"The profile {self.name} speaks the template {self.template!r} and its stage {name!r} "
                                 f"teaches {stage.template!r}; give both the same.")

    def stage(self, name: str) -> Stage:
        """The training of that name. Raises InputError when there is none."""
        names = ("align", "tune", "lora", "science")
        stage = getattr(self, name) if name in names else None
        if stage is None:
            known = [other for other in names if getattr(self, other) is not None]
            raise InputError(f"The profile {self.name} has no stage {name!r}; choose one of {', '.join(known)}.")
        return stage


_PAPER_7B = Profile(
    name="paper-7b", vision="openai/clip-vit-large-patch14", language="lmsys/vicuna-7b-v1.3",
    align=Stage(train="projector", learning_rate=2e-3, batch_size=128, template="plain", gradient_checkpointing=True),
    tune=Stage(train="full", learning_rate=2e-5, batch_size=32, epochs=3.0, gradient_checkpointing=True, image_order="random"),
    lora=Stage(train="lora", learning_rate=2e-5, batch_size=128, gradient_checkpointing=True, image_order="random"),
    science=Stage(train="full", learning_rate=2e-5, batch_size=32, epochs=12.0, gradient_checkpointing=True),
)

PROFILES = {
    "mini": Profile(
        name="mini", vision="data/pretrained/clip", language="data/pretrained/vicuna-large", projector_scale=0.04,
        science_start="tuned", letters=False,
        align=Stage(train="projector", learning_rate=1e-3, batch_size=32, epochs=0.6, template="plain", pack=True),
        tune=Stage(train="full", learning_rate=8e-4, batch_size=24, epochs=1.25, pack=True, projector_learning_rate=4e-4),
        lora=Stage(train="lora", learning_rate=3e-3, batch_size=24, epochs=1.25, pack=True, projector_learning_rate=4e-4,
                   lora_rank=16, lora_alpha=32, lora_dropout=0.0),
        science=Stage(train="full", learning_rate=8e-4, batch_size=16, epochs=6.0, pack=True, projector_learning_rate=4e-4),
    ),
    "t4": replace(
        _PAPER_7B, name="t4", language="TinyLlama/TinyLlama-1.1B-Chat-v1.0", tune=None,
        align=replace(_PAPER_7B.align, accumulate=16),       # micro-batches of 8
        lora=Stage(train="lora", learning_rate=2e-4, projector_learning_rate=2e-5, batch_size=128, accumulate=32,
                   lora_rank=128, lora_alpha=256, gradient_checkpointing=True),
        science=Stage(train="lora", learning_rate=2e-4, projector_learning_rate=2e-5, batch_size=32, epochs=12.0, accumulate=8,
                      lora_rank=128, lora_alpha=256, gradient_checkpointing=True),
    ),
    "paper-7b": _PAPER_7B,
    "paper-13b": replace(_PAPER_7B, name="paper-13b", language="lmsys/vicuna-13b-v1.3"),
}


def profile(name: str) -> Profile:
    """The profile of that name. Raises InputError that lists the names if there is none."""
    if name not in PROFILES:
        raise InputError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
