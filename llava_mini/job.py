"""What a job is: two parents, the pictures, the data of stage 2, full or LoRA; and where all of it lies.

::

    data/cache/storybook/<split>-<n>/       the pictures, drawn where they are missing
    data/cache/storybook/<split>-<n>-taught-<what it is>/   what a teacher wrote about them, see :mod:`.taught`
    runs/stage-1/<what it is>/              stage 1, shared by the runs that would do the same
    runs/<name>/tune/ or lora/              stage 2
    runs/<name>/model/, weights.txt         the finished model, and the fingerprint of its weights
    runs/<name>/answers/<weights, pictures>/
    runs/<name>/<name>.json, *.png          the result and its pictures, see :mod:`.report`

:mod:`.pipeline` does it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .errors import InputError
from .profiles import Profile, Stage
from .taught import MIXES

TRAIN, VALIDATION = 8000, 64                # pictures
HELD_OUT = {"test": 500, "unseen_pairs": 400, "unseen_place": 150, "unseen_counts": 150}
_FREE = ("seed", "save_every", "validate_every")        # settings that make no other training for a band


@dataclass(frozen=True)
class Job:
    """What is to be done, and where. Raises InputError for a name that cannot be a folder of its own."""

    settings: Profile
    lora: bool = False                      # in stage 2, instead of full fine-tuning
    seed: int = 0
    train: int = TRAIN                      # pictures
    validation: int = VALIDATION
    held_out: dict = field(default_factory=lambda: dict(HELD_OUT))  # split -> pictures
    data: str = "all"                       # what stage 2 learns from: a name in taught.MIXES
    name: str = ""                          # of the run; by default made of what differs: mini-full, mini-lora-half-seed1
    runs: Path = Path("runs")
    world: Path = Path("data/cache/storybook")

    def __post_init__(self):
        if self.data not in MIXES:
            raise InputError(f"There is no data {self.data!r} for stage 2; choose one of {', '.join(MIXES)}.")
        name = self.name or "-".join([self.settings.name, self.kind, *[self.data] * (self.data != "all"), *[str(self.train)] * (self.train != TRAIN),
                                      *[f"seed{self.seed}"] * (self.seed != 0)])
        if name != Path(name).name or name.startswith(".") or name in ("stage-1", "features"):
            raise InputError(f"A run cannot be called {name!r}; give it a name that makes a folder of its own, such as my-run.")
        object.__setattr__(self, "name", name)

    @property
    def kind(self) -> str:
        return "lora" if self.lora else "full"

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    @property
    def stages(self) -> dict[str, Stage]:
        """The two trainings, in order."""
        return {name: replace(self.settings.stage(name), seed=self.seed) for name in ("align", "lora" if self.lora else "tune")}

    @property
    def splits(self) -> dict[str, int]:
        return {"train": self.train, "val": self.validation, **self.held_out}

    def pictures(self, split: str) -> Path:
        """The storybook folder of a split."""
        return self.world / f"{split}-{self.splits[split]}"

    def training(self, stage: str) -> dict:
        """What a reference band has to be of, to lie behind the loss of that stage; the number of steps apart."""
        settings = {key: value for key, value in asdict(self.stages[stage]).items() if key not in _FREE}
        data = {} if stage == "align" else {"data": self.data}
        return {"profile": self.settings.name, "pictures": self.train, "stage": settings, **data}


@dataclass
class Finished:
    """A job that is done, before anything is told about it."""

    job: Job
    model: object                           # LlavaMini
    weights: str                            # fingerprint of all of them
    histories: dict[str, Path]              # stage -> history.jsonl
    reports: dict                           # split -> control -> Report
    asked: dict[str, list]                  # split -> questions
    answers: Path                           # folder
    seconds: dict[str, float]               # by part
