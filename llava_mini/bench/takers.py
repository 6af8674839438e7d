"""Who takes the benchmarks: models, baselines and other people's files of answers; and the answering itself, each weight loaded once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..report import keep
from . import baselines
from .answering import LONGEST, answer, load_model, name_of
from .benchmark import Benchmark
from .schema import read_answers

BASELINE_LABELS = {"few-shot": "few examples, no instruction tuning", "captioner": "captioner (stage 1)", "untuned": "no instruction tuning",
                   "blind": "{}, no picture", "shuffled": "{}, another's picture"}      # in the order of the table


@dataclass(frozen=True)
class Bench:
    """One benchmark with its pictures."""

    name: str                           # of its folder and files: "coco"
    title: str                          # in tables
    data: Benchmark
    pictures: Path | None = None        # None: nobody can be asked, answers have to be given


@dataclass(frozen=True)
class Taker:
    """One candidate, or one seed of it."""

    label: str                          # in tables; seeds of one have the same
    what: str                           # "model", "answers", or the name of a baseline
    source: Path | None = None          # the checkpoint, or where the answers come from; None: the model after stage 1
    number: int = 1                     # of the seed
    note: str = ""                      # below tables
    seed: int | None = None             # that it was trained with, where that is known

    def answers(self, folder: Path, bench: Bench) -> Path:
        """Where its answers lie."""
        return folder / bench.name / "answers" / f"{self._file()}.jsonl"

    def _file(self) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-") or "candidate"
        return name + (f"-{self.number}" if self.number > 1 else "")


def reviews_of(taker: Taker, folder: Path, bench: Bench) -> Path:
    """Where the verdicts on its answers lie."""
    return folder / bench.name / "reviews" / taker.answers(folder, bench).name


def _seed_of(folder: Path) -> int | None:
    """The seed of a finished run, from the result beside its model; None where there is no such."""
    try:
        seed = json.loads((folder.absolute().parent / f"{name_of(folder)}.json").read_bytes())["seed"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return seed if type(seed) is int else None


def candidates(texts: Sequence[str], chosen: Sequence[str] | None = None) -> list[Taker]:
    """The takers that ``[NAME=]WHAT`` name, baselines first, as in the paper's Table 5.

    ``chosen``: the baselines; None for all of them where a single checkpoint is given, and for none otherwise. Raises
    InputError for what is not there, for names that give the same files, for two without a NAME that would be seeds of one, and
    for controls without a model.
    """
    takers: list[Taker] = []
    unnamed = set()
    for text in texts:
        label, _, what = text.rpartition("=") if "=" in text and not Path(text).exists() else ("", "", text)
        path = Path(what)
        if not path.exists():
            raise InputError(f"There is no checkpoint and no file of answers {what}; name one that is there, or NAME=ONE.")
        model = path.is_dir() and (path / "config.json").exists()
        named, label = bool(label), label or (name_of(path) if model else path.absolute().name if path.is_dir() else path.stem)
        number = 1 + sum(taker.label == label for taker in takers)
        unnamed |= set() if named else {label}
        if number > 1 and label in unnamed:
            raise InputError(f"Two candidates are both called {label!r}; give them names, as in A={what}: the same one for seeds of one model, else different ones.")
        takers.append(Taker(label, "model" if model else "answers", path, number, seed=_seed_of(path) if model else None))
    models = [taker for taker in takers if taker.what == "model"]
    if chosen is None:
        chosen = list(BASELINE_LABELS) if len(models) == 1 and len(takers) == 1 else []
    chosen = [name for name in BASELINE_LABELS if name in chosen and "none" not in chosen]
    if not models and set(chosen) & set(baselines.CONTROLS):
        raise InputError("The baselines blind and shuffled ask a model without its picture; give a checkpoint, or leave them out.")
    before = [Taker(BASELINE_LABELS[name].format(models[0].label if models else ""), name, models[0].source if name in baselines.CONTROLS else None)
              for name in chosen]
    everyone = [*before, *takers]
    files = [taker._file() for taker in everyone]
    if len(set(files)) < len(files):
        twice = next(taker.label for taker in everyone if files.count(taker._file()) > 1)
        raise InputError(f"Two candidates would write the same files as {twice!r}; give them names that differ in letters or digits.")
    return everyone


def answer_all(takers: list[Taker], benches: Sequence[Bench], folder: Path, *, load: Callable = load_model, stage_1: Callable | None = None,
               shots: list | None = None, quiet: bool = False) -> None:
    """Everybody answers what is not answered yet; notes on the baselines go into their takers (in the list).

    Raises InputError for pictures and files of answers that are missing, before anything is asked.
    """
    for taker in takers:
        for bench in benches:
            if taker.what == "answers":
                given = taker.source / f"{bench.name}.jsonl" if taker.source.is_dir() else taker.source
                if not given.exists():
                    raise InputError(f"{taker.source} has no answers for the benchmark {bench.name}; put them there as {given.name}.")
                if len(benches) > 1 and not taker.source.is_dir():
                    raise InputError(f"{taker.source.name} is one file of answers and there are {len(benches)} benchmarks; choose one with --only or --bench, or "
                                     "give a folder with a file for each.")
                read_answers(given, bench.data.questions)
                keep(taker.answers(folder, bench), given.read_bytes())
            elif bench.pictures is None:
                raise InputError(f"{taker.label} is to answer and no pictures are given; give --pictures.")
    model, source, origin = None, object(), ""
    for place, taker in sorted(enumerate(takers), key=lambda pair: str(pair[1].source)):         # those with the same weights together
        if taker.what == "answers":
            continue
        if taker.source != source:
            model, source, origin = None, taker.source, ""          # the one before is let go first
            model, origin = stage_1() if taker.source is None else (load(taker.source), "")
        takers[place] = _answer(replace(taker, note=origin), model, benches, folder, shots, quiet)


def _answer(taker: Taker, model, benches: Sequence[Bench], folder: Path, shots: list | None, quiet: bool) -> Taker:
    """One taker answers all benchmarks; returned with a note where there is something to say."""
    from .. import evaluation
    from ..features import fingerprint

    name = taker.what if taker.source is None else name_of(taker.source)
    if taker.what in baselines.AFTER_STAGE_1:
        if taker.what == "few-shot":
            shots = baselines.fitting(model, shots, [question.text for bench in benches for question in bench.data.questions])
            name, taker = f"{name}-{len(shots)}", replace(taker, note=f"{len(shots)} examples in front of the question; {taker.note}")
        asked = baselines.answerer(taker.what, model, shots)
    else:
        asked = evaluation.answerer(model, max_new_tokens=LONGEST)
    for bench in benches:
        answer(bench.data.questions, asked, pictures=bench.pictures, path=taker.answers(folder, bench), model_id=f"{name}-{fingerprint(model)[:12]}",
               control=taker.what if taker.what in baselines.CONTROLS else "true", batch_size=baselines.BATCH.get(taker.what, 16), progress=not quiet)
    return taker
