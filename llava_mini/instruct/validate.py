"""Is a file of samples fit for training? All that is wrong in it, with line, field and remedy, and what it holds.

    python -m llava_mini.instruct.validate samples.json
    python -m llava_mini.instruct.validate samples.json --pictures pictures

Faults are what read_samples refuses. They are told by kind, with their number and the first examples. Remarks are
about samples that can be read and trained on, but hardly as they were meant. The file is read item by item and no
picture is opened. The exit status is 1 where there are faults.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from ..commands import guarded
from ..conversation import IMAGE
from ..data import Sample, scan_samples
from ..errors import InputError
from .statistics import first_two

EXAMPLES = 3                    # of each kind of fault
LONGEST = 8_000                 # characters, about 2,000 tokens of English
SHOWN = 12                      # first words of questions
_MISSPELT = re.compile(r"<\s*/?\s*(?:image|img|picture|pic|photo)\s*/?\s*>", re.IGNORECASE)
_MARKS = ("</s>", "###", "USER:", "ASSISTANT:", "<|im_start|>", "<|im_end|>", "[INST]")


@dataclass
class Kind:
    """How often something was found, and the first times."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What a file holds and what is wrong in it; ``str(report)`` tells it."""

    name: str
    samples: int = 0                                            # that are sound
    faulty: int = 0                                             # samples with at least one fault
    faults: dict[str, Kind] = field(default_factory=dict)       # {"field 'image': put it there or ...": Kind}
    remarks: dict[str, Kind] = field(default_factory=dict)
    text_only: int = 0
    several: int = 0                                            # samples with more than one picture
    pictures: set[str] = field(default_factory=set)
    turns: Counter = field(default_factory=Counter)             # {questions of a sample: samples}
    words: Counter = field(default_factory=Counter)             # {words of an answer: answers}
    first_words: dict[str, Counter] = field(default_factory=dict)   # {first word of a question: {next word: questions}}

    @property
    def sound(self) -> bool:
        return not self.faults and self.samples > 0

    def __str__(self) -> str:
        return "\n".join([*self._summary(), *_told(self.faults, "faults, which must be mended"),
                          *_told(self.remarks, "remarks, which may be as they should")])

    def _summary(self) -> Iterator[str]:
        yield f"{self.name}: {self.samples + self.faulty:,} samples, of which {self.faulty:,} are faulty."
        if not self.samples:
            return
        yield (f"Sound samples: {self.samples:,} about {len(self.pictures):,} pictures; {self.text_only:,} with text only, "
               f"{self.several:,} with several pictures.")
        yield f"Questions in a sample: {_spread(self.turns)}. Words in an answer: {_spread(self.words)}."
        total = Counter({word: sum(after.values()) for word, after in self.first_words.items()})
        common = [f"{word or '(none)'} {number:,} ({self.first_words[word].most_common(1)[0][0] or 'none'})"
                  for word, number in total.most_common(SHOWN)]
        yield (f"First words of the {sum(total.values()):,} questions, with the most frequent next one: {', '.join(common)}"
               + (f"; {len(total) - SHOWN:,} other words." if len(total) > SHOWN else "."))


def validate(path, pictures=None, examples: int = EXAMPLES) -> Report:
    """Reads a file of samples to its end. ``pictures``: the folder in which every picture must be.

    Raises InputError where there is no such file, or where its ending is neither .json nor .jsonl.
    """
    report = Report(Path(path).name)
    seen: set[int] = set()
    if pictures is not None and not Path(pictures).is_dir():
        raise InputError(f"There is no folder {pictures} of pictures; check its path.")
    for number, found in enumerate(tqdm(scan_samples(path, pictures), desc="reading samples", unit="sample", unit_scale=True), 1):
        if not isinstance(found, Sample):
            report.faulty += 1
            for fault in found:
                kind = f"field {fault.field!r}: {fault.remedy}" if fault.field else fault.remedy
                _note(report.faults, kind, str(fault), examples)
            continue
        _add(report, found)
        for kind, example in _remarks(found, seen):
            _note(report.remarks, kind, f"sample {number}, id {found.id!r}{example}", examples)
    if not report.samples and not report.faulty:
        _note(report.faults, "write at least one sample.", f"{report.name}: the file holds none", examples)
    return report


def _add(report: Report, sample: Sample) -> None:
    questions = [message["content"] for message in sample.messages if message["role"] == "user"]
    report.samples += 1
    report.text_only += not sample.images
    report.several += len(sample.images) > 1
    report.pictures.update(sample.images)
    report.turns[len(questions)] += 1
    report.words.update(len(message["content"].split()) for message in sample.messages if message["role"] == "assistant")
    for word, after in map(first_two, questions):
        report.first_words.setdefault(word, Counter())[after] += 1


def _remarks(sample: Sample, seen: set[int]) -> Iterator[tuple[str, str]]:
    """(kind, what it is about) of everything odd in a sound sample; ``seen`` grows by its contents."""
    texts = [message["content"] for message in sample.messages]
    contents = hash((sample.images, *texts))
    if contents in seen:
        yield "the same pictures and text as an earlier sample; remove one", ""
    seen.add(contents)
    questions = [text.replace(IMAGE, "").strip() for text, message in zip(texts, sample.messages) if message["role"] == "user"]
    if len(set(questions)) < len(questions):
        yield "a question is asked twice; remove one", ""
    if not all(questions):
        yield "a question is empty; write one, unless a picture alone is to be answered", ""
    if any(not message["content"].strip() for message in sample.messages if message["role"] == "assistant"):
        yield "an answer is empty, so the model learns to say nothing; write one", ""
    if any(IMAGE in text for text in texts[2 + (sample.messages[0]["role"] == "system"):]):
        yield f"{IMAGE} stands in a later turn than the first, which other trainers do not expect; move it", ""
    if sum(map(len, texts)) > LONGEST:
        yield (f"more than {LONGEST:,} characters, perhaps too long for 2,048 tokens; shorten or split it",
               f", {sum(map(len, texts)):,} characters")
    for text in texts:
        for wrong in _MISSPELT.findall(text):
            if wrong != IMAGE:
                yield f"something like {IMAGE} that stands for no picture; write {IMAGE} or spell it otherwise", f", {wrong}"
        for mark in _MARKS:
            if mark in text:
                yield "a mark of a chat format in the text, at which the authors' code ignores the sample; spell it otherwise", f", {mark}"
    for name in sample.images:
        if name.startswith(("/", "~")) or "\\" in name or re.match(r"[A-Za-z]:", name):
            yield "a picture's path that fits one machine only; write it relative to the pictures folder, with /", f", {name}"


def _note(kinds: dict[str, Kind], name: str, example: str, examples: int) -> None:
    kind = kinds.setdefault(name, Kind())
    kind.count += 1
    if len(kind.examples) < examples:
        kind.examples.append(example)


def _told(kinds: dict[str, Kind], what: str) -> Iterator[str]:
    if not kinds:
        return
    yield f"\n{len(kinds)} kind{'s' * (len(kinds) > 1)} of {what}:"
    for name, kind in sorted(kinds.items(), key=lambda one: (-one[1].count, one[0])):
        yield f"\n{kind.count:>9,} x {name}"
        yield from (f"            {example}" for example in kind.examples)
        if kind.count > len(kind.examples):
            yield f"            ... and {kind.count - len(kind.examples):,} more"


def _spread(counts: Counter) -> str:
    """Smallest, median and largest of counted numbers.

    >>> _spread(Counter({1: 2, 5: 2, 9: 1}))
    '1 to 9, 5 in the middle'
    """
    half, total, middle = sum(counts.values()), 0, 0
    for middle in sorted(counts):
        total += counts[middle]
        if 2 * total >= half:
            break
    return f"{min(counts):,} to {max(counts):,}, {middle:,} in the middle"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.validate", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="samples in LLaVA's schema, .json or .jsonl")
    parser.add_argument("--pictures", type=Path, help="folder in which every picture must be")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"of each kind that are shown (default: {EXAMPLES})")
    options = parser.parse_args(arguments)
    return guarded(lambda: _main(options))


def _main(options: argparse.Namespace) -> bool:
    report = validate(options.file, options.pictures, options.examples)
    print(report)
    return report.sound


if __name__ == "__main__":
    sys.exit(main())
