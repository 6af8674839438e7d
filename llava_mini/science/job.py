"""What a run on ScienceQA is: which model begins, what it learns, and where all of it lies.

::

    data/cache/science/                 the storybook's set (world.py); or any folder with problems.json, pid_splits.json, images/
    runs/science/<name>/training/       fine-tuning; killed and started again it goes on
    runs/science/<name>/model/          the finished model
    runs/science/<name>/answers/<weights and problems>/     one line for each answer, and results.json in the authors' format
    runs/science/<name>/<name>.json     the result, see record.py

:mod:`.tuning` trains, :mod:`.run` is the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..job import Job as MainJob
from ..profiles import Profile, Stage
from .prompts import FORMS, REASONING

STARTS = ("aligned", "fresh", "tuned")      # after stage 1 (the paper's), without it, after stage 2
STORYBOOK = Path("data/cache/science")
RUNS = Path("runs/science")
VALIDATION = 64                             # problems of the split val whose loss is watched
CURVE = 200                                 # problems of the split val that are asked after every epoch


@dataclass(frozen=True)
class Job:
    """One run.

    A blind run begins with the language parent as it is: after stage 1 or 2 it would have learnt from pictures. Raises
    InputError for a form, a start or a name that cannot be, for a blind run that would begin otherwise, and for problems of
    your own without a word on what to begin with: stage 1 is the storybook's, and nobody would notice.
    """

    settings: Profile
    form: str = REASONING                   # of what the model learns to say, see prompts.FORMS
    start: str = ""                         # one of STARTS, or the folder of a checkpoint; by default that of the profile
    eyes: bool = True                       # False: the same training and questions, and never a picture
    seed: int = 0
    curve: int = CURVE                      # 0: nothing is asked between the epochs
    name: str = ""                          # of the run; by default made of what differs: llava, text, llava-fresh-seed1
    problems: Path = STORYBOOK
    runs: Path = RUNS
    main: MainJob | None = None             # where stages 1 and 2 come from; by default the main job of the same profile and seed
    main_name: str = ""                     # of its run, where it is not the one that the main job itself would have

    def __post_init__(self):
        if self.form not in FORMS:
            raise InputError(f"There is no form {self.form!r} of an answer; choose one of {', '.join(FORMS)}.")
        usual = self.settings.science_start if self.eyes else "fresh"
        start = self.start or usual
        if start not in STARTS and not (Path(start) / "config.json").is_file():
            raise InputError(f"A run cannot begin with {start!r}; choose one of {', '.join(STARTS)}, or the folder of a checkpoint.")
        if not self.eyes and start != "fresh":
            raise InputError(f"A run without pictures cannot begin with {start!r}, which may have learnt from pictures; leave out --start.")
        if not self.start and self.eyes and self.main is None and self.problems != STORYBOOK:
            raise InputError(f"{self.problems} holds problems of your own, and the stages before them would be trained on the storybook; give "
                             f"--start with the folder of your checkpoint (README.md tells how it is made), or say --start {usual}.")
        main = self.main or MainJob(self.settings, seed=self.seed)
        name = self.name or "-".join(["llava" if self.eyes else "text", *[self.settings.name] * (self.settings.name != "mini"),
                                      *[self.form] * (self.form != REASONING),
                                      *[Path(start).name] * (start != usual),
                                      *[f"seed{self.seed}"] * (self.seed != 0)])
        if name != Path(name).name or name.startswith(".") or name == "features":
            raise InputError(f"A run cannot be called {name!r}; give it a name that makes a folder of its own, such as my-run.")
        main = replace(main, settings=self.settings, seed=self.seed, name=self.main_name)
        for field, value in (("start", start), ("name", name), ("main", main)):
            object.__setattr__(self, field, value)

    @property
    def stage(self) -> Stage:
        """The fine-tuning."""
        return replace(self.settings.stage("science"), seed=self.seed)

    @property
    def kind(self) -> str:
        """How the checkpoint is written."""
        return "lora" if self.stage.train == "lora" else "full"

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    @property
    def images(self) -> Path:
        return self.problems / "images"
