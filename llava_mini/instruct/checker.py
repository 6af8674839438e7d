"""Is a sample fit to be learnt from? Its form, its words, and whether it contradicts what the context says.

    python -m llava_mini.instruct.checker samples.json data/cache/storybook/train-8000
    python -m llava_mini.instruct.checker samples.json captions_val2014.json --examples 10

The faults, each found or not for a whole sample:

* "format": the turns are not a human's and the assistant's by turns, or not texts;
* "image mark": not exactly one <image>, in the first question;
* "empty turn", "repeated turn";
* "mentions captions": the answer speaks of captions, boxes or coordinates, which nobody sees in a picture;
* "absent thing", "denied thing", "wrong colour", "wrong number", "wrong size", "wrong side", "wrong place", "wrong weather":
  against the facts of the context, as far as it has them (see reading.py and claims.py).

How good the checker is, :mod:`.measure` tells with a teacher that lies at known rates.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .. import annotations
from ..annotations import Record, context
from ..commands import guarded
from ..conversation import IMAGE
from ..errors import InputError
from ..json_files import existing, read_lines
from ..json_list import read_list
from .claims import contradictions
from .reading import read
from .words import mentions

EXAMPLES = 3                # of each reason
ALIKE = 0.6                 # two questions with the same answer that share so many of their words are one
REASONS = ("format", "image mark", "empty turn", "repeated turn", "mentions captions", "absent thing", "denied thing", "wrong colour",
           "wrong number", "wrong size", "wrong side", "wrong place", "wrong weather")
_SHARE = r"-?(?:[01](?:\.\d+)?|\.\d+)"         # of the width or height, as the boxes have them
_SOURCES = re.compile(r"\b(?:captions?|bounding[- ]box(?:es)?|bbox(?:es)?|annotations?|annotators?|coordinates?)\b|"
                      r"\b(?:provided|given) (?:text|descriptions?|information)\b|\[\s*-?[01]?\.\d+\s*,|"
                      r"\baccording to the (?:text|descriptions?|boxes|(?:\w+ )?sentences?)\b|"
                      r"\b(?:text|descriptions?|sentences?) (?:given|provided|says?|states?|mentions?|tells?)\b|\blist of (?:boxes|objects|sentences)\b|"
                      # boxes that say something, or end at an edge of the picture; things of cardboard do neither
                      r"\bthe boxes (?:show|say|tell|state|mention|indicate)\b|"
                      r"\b(?:its|their) box(?:es)? (?:is|are|ends?|begins?|starts?) (?:at|near) the \w+ (?:edge|border)\b(?! of the (?!picture|image|photo|frame))|"
                      rf"[\[(]\s*(?=[^\])]*\.\d){_SHARE}(?:\s*,\s*{_SHARE}){{1,3}}\s*[\])]|\b[xy][12]?\s*[=:]\s*{_SHARE}\b|"
                      r"\b(?:at|from) [01]?\.\d+\s*,\s*[01]?\.\d+|"
                      rf"\b(?:from|between) {_SHARE} (?:to|and) {_SHARE} of the (?:width|height|picture|image|photo)\b", re.I)


@dataclass(frozen=True)
class Fault:
    """Something wrong with a sample."""

    reason: str                 # one of REASONS
    text: str                   # the words that are wrong, or what is amiss


@dataclass
class Report:
    """What was found in a set; ``str(report)`` tells it."""

    samples: int = 0
    faulty: int = 0
    reasons: dict[str, int] = field(default_factory=dict)               # {reason: samples}
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)    # {reason: [(sample id, text)]}

    def add(self, sample: dict, faults: list[Fault], examples: int = EXAMPLES) -> None:
        self.samples += 1
        self.faulty += bool(faults)
        for reason, text in {fault.reason: fault.text for fault in faults}.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            if len(self.examples.setdefault(reason, [])) < examples:
                self.examples[reason].append((str(sample.get("id")), text))

    def __str__(self) -> str:
        lines = [f"{self.samples:,} samples, {self.faulty:,} with a fault ({100 * self.faulty / max(1, self.samples):.1f}%)"]
        for reason in sorted(self.reasons, key=lambda name: (-self.reasons[name], name)):
            lines.append(f"\n{self.reasons[reason]:>7,}  {reason}")
            lines += [f"         {name}: {text[:160]}" for name, text in self.examples[reason]]
        return "\n".join(lines)


def check(sample: dict, record: Record) -> list[Fault]:
    """The faults of one sample in LLaVA's schema; ``record`` is its picture in words. An empty list: none was found."""
    conversations = sample.get("conversations")
    if not isinstance(conversations, list) or not conversations or not all(
            isinstance(turn, dict) and isinstance(turn.get("value"), str) for turn in conversations):
        return [Fault("format", "conversations is not a list of turns with texts")]
    roles = [turn.get("from") for turn in conversations]
    if roles != ["human", "gpt"] * (len(roles) // 2):
        return [Fault("format", f"the speakers are {', '.join(map(str, roles[:6]))}")]
    faults = []
    marks = [turn["value"].count(IMAGE) for turn in conversations]
    if marks[0] != 1 or sum(marks) != 1:
        faults.append(Fault("image mark", f"{sum(marks)} marks, {marks[0]} of them in the first question"))
    texts = [turn["value"].replace(IMAGE, " ").strip() for turn in conversations]
    pairs = list(zip(texts[::2], texts[1::2]))
    faults += _form(pairs)
    facts = read(context(record))
    for question, answer in pairs:
        faults += [Fault(*found) for found in contradictions(question, answer, facts)]
    return faults


def _form(pairs: list[tuple[str, str]]) -> list[Fault]:
    """Faults that the words alone show."""
    faults, seen = [], []
    for question, answer in pairs:
        if not re.search(r"\w", question) or not re.search(r"\w", answer):
            faults.append(Fault("empty turn", question or answer or "neither question nor answer"))
        asked = re.findall(r"\w+", question.lower()), answer, [(m.category, m.colours) for m in mentions(question)]
        if asked[0] and any(_same(asked, other) for other in seen):
            faults.append(Fault("repeated turn", question))
        seen.append(asked)
        if match := _SOURCES.search(question) or _SOURCES.search(answer):
            text = match.string
            faults.append(Fault("mentions captions", text[max(0, match.start() - 40):match.end() + 40]))
    return faults


def _same(one: tuple, other: tuple) -> bool:
    """Is a turn (words of the question, answer, things asked about) another one over again?

    The order counts: whether the dog is to the left of the person is not whether the person is to the left of the dog.
    """
    (words, answer, about), (others, said, about_others) = one, other
    if words == others:
        return True
    shared, all_ = set(words) & set(others), set(words) | set(others)
    return answer == said and about == about_others and len(shared) >= ALIKE * len(all_)


def check_set(path, records: list[Record], examples: int = EXAMPLES) -> Report:
    """Checks a file of samples. Each is joined to its picture by the field image, or else id.

    Raises InputError for broken JSON, a sample that is no object, and a picture that is not among the records.
    """
    path = existing(path, (".json", ".jsonl"), "samples")
    by_image, by_id = {record.image: record for record in records}, {record.id: record for record in records}
    items = read_lines(path) if path.suffix == ".jsonl" else ((number, item) for number, _, item in read_list(path, "samples"))
    report = Report()
    for number, sample in items:
        if isinstance(sample, InputError):
            raise InputError(f"{path.name}, line {number}: {sample}")
        if not isinstance(sample, dict):
            raise InputError(f"{path.name}, sample {number}: it is not an object; correct or remove it.")
        record = by_image.get(str(sample.get("image"))) or by_id.get(str(sample.get("id")))
        if record is None:
            raise InputError(f"{path.name}, sample {number}: its picture {sample.get('image')!r} is not among the annotations; "
                             "give the annotations that the set was made from.")
        report.add(sample, check(sample, record), examples)
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.instruct.checker", description=__doc__.split("\n")[0])
    parser.add_argument("samples", type=Path, help="the set, in LLaVA's schema: .json or .jsonl")
    parser.add_argument("annotations", type=Path, help="what it was made from: a storybook folder, COCO's captions, or a .jsonl")
    parser.add_argument("--instances", type=Path, help="COCO's instances_*.json, if it does not lie beside the captions")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"shown for each reason (default: {EXAMPLES})")
    args = parser.parse_args(arguments)
    return guarded(lambda: print(check_set(args.samples, annotations.load(args.annotations, args.instances), args.examples)))


if __name__ == "__main__":
    sys.exit(main())
