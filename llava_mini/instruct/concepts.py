"""Concept balance: from millions of captions some hundred thousand in which rare things are kept (paper, Figure 7).

    python -m llava_mini.instruct.concepts captions.jsonl align.json

The noun phrases of all captions are counted, each caption once for a phrase. Phrases in fewer than 3 captions are
skipped. From the rarest of the others to the most frequent, all captions that have the phrase are added, or a random
100 of them where there are more. A caption that was added already is not added again: it counts for every phrase
it has. So a caption is chosen if any of its phrases chose it, and each chosen one is written once, as a sample for
stage 1: a random instruction for a brief description, and the caption as the answer.

Phrases of equal frequency follow each other in the order of their letters (of their code points). The same captions,
extractor and seed give the same samples.
"""

from __future__ import annotations

import argparse
import random
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from ..commands import guarded
from ..errors import InputError
from ..files import make_folder
from ..json_files import existing
from ..json_list import write_list
from ..writer import IMAGE
from . import noun_phrases, prompts
from .captions import lines, read_captions, state

LEAST = 3           # captions: a rarer phrase is skipped
MOST = 100          # captions: of a more frequent phrase so many are drawn


@dataclass
class Counted:
    """Which caption has which phrases, in little memory: four bytes for each phrase of a caption."""

    phrases: list[str]          # in the order in which they first came
    numbers: np.ndarray         # [occurrences] place in ``phrases``, caption by caption, each once a caption
    ends: np.ndarray            # [captions] how many occurrences there are up to the end of each caption

    @property
    def captions(self) -> np.ndarray:
        """[occurrences] the caption of each occurrence, counted from 0."""
        return np.repeat(np.arange(len(self.ends), dtype=np.uint32), np.diff(self.ends, prepend=0))


@dataclass
class Balance:
    """What was chosen, and how often each phrase was there before and is there now."""

    phrases: list[str]
    before: np.ndarray          # [phrases] captions that have it
    after: np.ndarray           # [phrases] chosen captions that have it
    order: np.ndarray           # [phrases that were not skipped] their places, in the order of the walk
    added_by: np.ndarray        # [captions] place of the phrase that added it, -1 for a caption that was not chosen

    @property
    def chosen(self) -> np.ndarray:
        """[captions] was it chosen?"""
        return self.added_by >= 0

    def frequencies(self) -> tuple[dict[str, int], dict[str, int]]:
        """{phrase: captions} of all phrases before, and of the phrases that were not skipped after."""
        return (dict(zip(self.phrases, self.before.tolist())),
                {self.phrases[place]: int(self.after[place]) for place in self.order.tolist()})


def count(lists: Iterable[Iterable[str]]) -> Counted:
    """Counts the noun phrases of captions, given as one list of phrases for each caption."""
    places: dict[str, int] = {}
    numbers, ends = array("I"), array("Q")
    for phrases in lists:
        for phrase in dict.fromkeys(phrases):
            numbers.append(places.setdefault(phrase, len(places)))
        ends.append(len(numbers))
    return Counted(list(places), np.array(numbers, dtype=np.uint32), np.array(ends, dtype=np.int64))


def balance(counted: Counted, least: int = LEAST, most: int = MOST, seed: int = 0) -> Balance:
    """The walk from the rarest phrase up; ``least`` and ``most`` as in the head of this module.

    Raises InputError where no phrase is frequent enough, so that nothing would be chosen.
    """
    if not 1 <= least or not 1 <= most:
        raise InputError(f"A phrase is in one caption at least, so the bounds {least} and {most} cannot be; give numbers from 1 up.")
    phrases, numbers, captions = counted.phrases, counted.numbers, counted.captions
    before = np.bincount(numbers, minlength=len(phrases))
    kept = np.flatnonzero(before >= least)
    if not len(kept):
        raise InputError(f"None of the {len(phrases)} noun phrases is in {least} captions, so none would be chosen; "
                         "bring more captions or lower the bound.")
    order = np.array(sorted(kept.tolist(), key=lambda place: (before[place], phrases[place])))
    by_phrase = captions[np.argsort(numbers, kind="stable")]       # the captions of phrase 0, then those of phrase 1, ...
    ends = np.cumsum(before)
    added_by = np.full(len(counted.ends), -1, dtype=np.int32)
    rng = random.Random(seed)
    for place in tqdm(order.tolist(), desc="choosing captions", unit="phrase", unit_scale=True):
        members = by_phrase[ends[place] - before[place]:ends[place]]
        if len(members) > most:
            members = members[rng.sample(range(len(members)), most)]
        added_by[members[added_by[members] < 0]] = place
    after = np.bincount(numbers[added_by[captions] >= 0], minlength=len(phrases))
    return Balance(phrases, before, after, order, added_by)


def samples(captions: Iterable[tuple[str, str, str]], instructions: Sequence[str], seed: int = 0) -> Iterator[dict]:
    """Captions as samples for stage 1, with a random instruction, the picture before or after it by chance (paper, eq. 2)."""
    rng = random.Random(f"{seed}/samples")
    for name, image, caption in captions:
        if IMAGE in caption:
            raise InputError(f"A caption of {image} contains {IMAGE}, which stands for the picture; correct it: {caption}")
        question = rng.choice(instructions)
        question = f"{IMAGE}\n{question}" if rng.random() < 0.5 else f"{question}\n{IMAGE}"
        yield {"id": name, "image": image, "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": caption}]}


def choose(path, output, instructions: Sequence[str], extractor=None, least: int = LEAST, most: int = MOST, seed: int = 0) -> Balance:
    """Reads captions, balances them and writes the samples to ``output``, a .json or .jsonl file; in the captions' order.

    The captions are read twice and never in memory as a whole. ``extractor``: see noun_phrases.extractor.
    """
    output = Path(output)
    if output.suffix not in (".json", ".jsonl"):
        raise InputError(f"{output.name}: samples are written to a .json or a .jsonl file; choose such a name.")
    if not instructions or any(not text.strip() or IMAGE in text for text in instructions):
        raise InputError(f"The instructions must be texts without {IMAGE}, and at least one; correct them.")
    make_folder(output.parent)
    extractor = extractor or noun_phrases.extractor()
    before = state(Path(path))
    counted = count(extractor.of_all(caption for _, _, caption in _bar(path, "finding noun phrases", lines(Path(path)))))
    balanced = balance(counted, least, most, seed)
    chosen = balanced.chosen.tolist()

    def again() -> Iterator[tuple[str, str, str]]:
        yield from (row for row, take in zip(_bar(path, "writing samples", len(chosen)), chosen) if take)
        if state(Path(path)) != before:
            raise InputError(f"{Path(path).name} was changed while it was read; start again when it is finished.")

    write_list(output, samples(again(), instructions, seed))
    return balanced


def _bar(path, doing: str, total: int | None):
    return tqdm(read_captions(path), total=total, desc=doing, unit="caption", unit_scale=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.concepts", description=__doc__.split("\n")[0])
    parser.add_argument("captions", type=Path, help="a .jsonl file of id, image and caption; COCO's captions file; a storybook folder")
    parser.add_argument("output", type=Path, help="the samples, .json or .jsonl")
    parser.add_argument("--extractor", choices=["auto", "plain", "spacy"], default="auto",
                        help="auto: spaCy where it is installed, but plain rules for a storybook folder")
    parser.add_argument("--model", default=noun_phrases.MODEL, help=f"spaCy's (default: {noun_phrases.MODEL})")
    parser.add_argument("--processes", type=int, default=1, help="of spaCy, side by side (default: 1)")
    parser.add_argument("--least", type=int, default=LEAST, help=f"captions that a phrase must be in (default: {LEAST})")
    parser.add_argument("--most", type=int, default=MOST, help=f"captions that are drawn of a frequent phrase (default: {MOST})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--instructions", type=Path, help="a text file with one a line (default: the 11 of this course)")
    parser.add_argument("--plot", type=Path, help="a .png of the frequencies before and after")
    options = parser.parse_args(arguments)
    return guarded(lambda: _report(options))


def _instructions(path: Path) -> list[str]:
    try:
        return [line for line in existing(path, (".txt",), "instructions").read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None


def _report(options: argparse.Namespace) -> None:
    plain = options.extractor == "auto" and options.captions.is_dir()
    extractor = noun_phrases.extractor("plain" if plain else options.extractor, options.model, options.processes)
    instructions = _instructions(options.instructions) if options.instructions else prompts.instructions("brief")
    found = choose(options.captions, options.output, instructions, extractor, options.least, options.most, options.seed)
    print(f"Noun phrases by {extractor.name}: {len(found.phrases):,}, of which {len(found.order):,} are in {options.least} captions "
          "or more.")
    print(f"Captions: {len(found.chosen):,}, of which {int(found.chosen.sum()):,} were chosen and written to {options.output}.")
    if options.plot:
        from ..show.concepts import concept_balance

        print(f"Plot: {concept_balance(*found.frequencies(), most=options.most).save(options.plot)}")


if __name__ == "__main__":
    sys.exit(main())
