"""All probes of one model, one after the other; what was answered once is not asked again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ...locks import alone
from ...seconds import Seconds
from ...storybook_staged.folder import make
from ...storybook_staged.pages import Sizes
from ..answers import Answerer
from . import absent, binding, character, counting, picture, position, wording
from .asking import Run
from .result import NAMES, Behaviour, new_behaviour
from .shares import plain

PROBES = dict(zip(NAMES, (picture.probe, binding.probe, counting.probe, position.probe, absent.probe, character.probe, wording.probe)))
STAGED = Path("data/cache/probes")


def run_probes(answer: Answerer, folder, *, name: str, weights: str, staged=STAGED, sizes: Sizes = Sizes(), seed: int = 0, batch_size: int = 64,
               settings: dict | None = None, progress: bool = True) -> tuple[Behaviour, dict]:
    """Asks everything that is not answered yet; returns the result, and {probe: its dataclass} with a ``table()`` each.

    ``answer``    :func:`.asking.answerer` of a model, or any function of (picture or Look or None, question) pairs
    ``folder``    answers are kept in ``folder/answers/<weights and pictures>``: other weights never meet them
    ``staged``    where the pictures are, or are drawn to; ``sizes``: how many of each sort

    Safe to kill at any moment and to call again. Raises InputError while another process works in the folder.
    """
    staged = Path(staged)
    with alone(staged.parent / f".{staged.name}.drawing"):      # two models may be probed at a time
        make(staged, sizes, seed=seed)
    about = (staged / "about.json").read_text(encoding="utf-8")
    answers = Path(folder) / "answers" / hashlib.sha256(json.dumps([weights, about]).encode()).hexdigest()[:12]
    with alone(Path(folder)):
        run = Run(answer, staged, answers, f"{name}-{weights[:12]}", seed, batch_size, progress)
        seconds = Seconds(answers / "seconds.json")
        found = {}
        for probe, work in PROBES.items():
            with seconds.of(probe, lambda: sum(path.stat().st_size for path in answers.glob("*.jsonl"))):
                found[probe] = work(run)
    settings = {"staged": json.loads(about), **(settings or {})}
    return new_behaviour(name, seed=seed, weights=weights, settings=settings, probes=plain(found), timings=seconds.known), found
