"""What stage 2 learns from: instruction data by a teacher that cannot see (the paper's section 3).

The teacher reads the captions and boxes of the training pictures and writes conversations, detailed descriptions and
reasoning about them. Without a key and a network it is the offline storyteller (:mod:`.instruct.storyteller`), which is
asked by the same client and checked by the same checker as any other::

    <folder>/answers.jsonl               what it said; a run that was stopped asks only for what is missing
    <folder>/samples.json                the finished set, in LLaVA's schema
    <folder>/samples.left-out.jsonl      what the checker refused, with its reasons

Conversations are long, and the later answers in one can be read off the earlier ones. So a few turns stay together, for
the model to learn that a conversation goes on, and every other question stands alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from .conversation import IMAGE
from .data import Sample, read_samples

WANTED = {"conversation": "all", "detail": "25%", "reasoning": "25%"}      # pictures, by kind of text
TOGETHER = 3            # turns of a conversation that stay one sample
CONCURRENCY = 16        # requests under way at a time; the storyteller needs no more to be busy


def teach(pictures: Path, folder: Path, wanted: dict = WANTED) -> Path:
    """Has the storyteller write about a storybook folder; returns the file of samples. What is there is not asked again.

    The same pictures and the same code give the same samples. Raises InputError as ``instruct.generate`` and
    ``instruct.dataset`` do.
    """
    from .annotations import load
    from .instruct.checker import check
    from .instruct.dataset import ANSWERS, SAMPLES, write
    from .instruct.generate import generate
    from .instruct.plan import Plan, choose

    samples = folder / SAMPLES
    if not samples.exists():
        records = load(pictures)
        generate(Plan(choose(records, wanted)), folder, concurrency=CONCURRENCY, quiet=True)
        counts = write(records, folder / ANSWERS, samples, check=check)
        left = sum(number for what, number in counts.items() if what.startswith("left out"))
        print(f"The teacher wrote {counts.total() - left:,} samples; {left} more were left out by the checker, see {folder}.")
    return samples


def taught_folder(pictures: Path, wanted: dict = WANTED) -> Path:
    """Where the teaching about a storybook folder belongs: another place whenever it would be other teaching."""
    about = [(pictures / "about.json").read_text(encoding="utf-8"), wanted, _code()]
    return pictures.with_name(f"{pictures.name}-taught-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]}")


def _code() -> str:
    """Fingerprint of everything that decides what is written: prompts, storyteller, checker."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (Path(__file__).parent / "instruct").rglob("*") if path.suffix in (".py", ".md", ".txt", ".json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_taught(samples: Path, pictures: Path) -> list[Sample]:
    """The samples for training: of a conversation the first turns as one sample, then one for each further turn.

    Raises InputError as ``data.read_samples`` does.
    """
    return [part for sample in read_samples(samples, pictures) for part in parted(sample)]


def parted(sample: Sample) -> list[Sample]:
    """The samples of one: its first turns together, each further turn alone, with the picture's mark before its question.

    The sample is as ``instruct.dataset`` writes it: one picture, question and answer in turn.

    >>> ids = [part.id for part in parted(Sample("7", ("7.jpg",), five_turns))]
    ['7', '7-4', '7-5']
    """
    turns = list(zip(sample.messages[::2], sample.messages[1::2]))
    parts = [replace(sample, messages=[message for turn in turns[:TOGETHER] for message in turn])]
    for number, (question, answer) in enumerate(turns[TOGETHER:], TOGETHER + 1):
        question = question | {"content": f"{IMAGE}\n{question['content']}"}
        parts.append(replace(sample, id=f"{sample.id}-{number}", messages=[question, answer]))
    return parts
