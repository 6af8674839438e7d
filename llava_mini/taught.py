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
from .errors import InputError
from .profiles import Stage

WANTED = {"conversation": "all", "detail": "25%", "reasoning": "25%"}      # pictures, by kind of text
# What stage 2 may learn from instead: the share of the pictures whose text of a kind is used. "conversation-some" is that of
# the paper's Table 4: conversations and a little of the rest.
MIXES = {
    "all": {"conversation": 1.0, "detail": 1.0, "reasoning": 1.0},
    "half": {"conversation": 0.5, "detail": 0.5, "reasoning": 0.5},
    "conversation": {"conversation": 1.0},
    "detail": {"detail": 1.0},
    "reasoning": {"reasoning": 1.0},
    "detail-reasoning": {"detail": 1.0, "reasoning": 1.0},
    "conversation-some": {"conversation": 1.0, "detail": 0.05, "reasoning": 0.1},
}
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
    about = [(pictures / "about.json").read_text(encoding="utf-8"), wanted, code()]
    return pictures.with_name(f"{pictures.name}-taught-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]}")


def code() -> str:
    """Fingerprint of everything that decides what is written: prompts, storyteller, checker."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (Path(__file__).parent / "instruct").rglob("*") if path.suffix in (".py", ".md", ".txt", ".json") and path.name != "README.md"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_taught(samples: Path, pictures: Path, mix: str = "all") -> list[Sample]:
    """The samples for training: of a conversation the first turns as one sample, then one for each further turn.

    ``mix`` is a name in MIXES. Raises InputError as ``data.read_samples`` does, and for a mix of samples that do not tell their kind.
    """
    chosen = read_samples(samples, pictures)
    if mix != "all":
        kinds = [row.get("kind") for row in json.loads(samples.read_text(encoding="utf-8"))]
        if unknown := set(kinds) - set(MIXES["all"]):
            raise InputError(f"{samples}, field 'kind': {unknown.pop()!r} is no kind of text, so no part of the set can be chosen; train on all of it.")
        chosen = [sample for sample, kind in zip(chosen, kinds, strict=True) if _lot(sample.id) < MIXES[mix].get(kind, 0.0)]
    return [part for sample in chosen for part in parted(sample)]


def _lot(picture: str) -> float:
    """A number in [0, 1) that belongs to a picture: a larger share takes the same pictures and more."""
    return int.from_bytes(hashlib.sha256(f"mix/{picture}".encode()).digest()[:8], "big") / 2**64


def as_long(stage: Stage, samples: list[Sample], whole: list[Sample]) -> Stage:
    """The stage with as many steps over fewer samples as it has over the whole set.

    What is compared is what there is to learn from, not how long it is looked at.
    """
    def rows(of: list[Sample]) -> int:
        return len({sample.images for sample in of}) if stage.pack else len(of)

    return replace(stage, epochs=stage.epochs * rows(whole) / rows(samples))


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
