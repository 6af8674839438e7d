"""A benchmark: its questions, their pictures in words, and the reference answers, read together and held against each other.

A folder of :mod:`.storybook` has all three; of the authors' benchmarks give the files one by one::

    of_files("qa90_questions.jsonl", "caps_boxes_coco2014_val_80.jsonl", "qa90_gpt4_answer.jsonl")
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .schema import Answer, Question, read_answers, read_contexts, read_questions

QUESTIONS, CONTEXTS, REFERENCES = "questions.jsonl", "contexts.jsonl", "references.jsonl"


@dataclass(frozen=True)
class Benchmark:
    """Everything that does not depend on the model under test. Keys are the texts of the questions' ids."""

    name: str
    questions: list[Question]
    contexts: dict[str, str]            # the picture in words
    references: dict[str, Answer]       # Assistant 1: written from the context alone, as GPT-4 wrote the paper's


def load(folder) -> Benchmark:
    """The benchmark of a folder. Raises InputError with the first ten faults of whichever file has some."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; make the benchmarks with python -m llava_mini.bench.storybook.")
    return of_files(folder / QUESTIONS, folder / CONTEXTS, folder / REFERENCES, folder.name)


def of_files(questions, contexts, references, name: str | None = None) -> Benchmark:
    """A benchmark of three files. Raises InputError for a question without a context or without exactly one reference."""
    asked = read_questions(questions)
    return Benchmark(name or Path(questions).stem, asked, read_contexts(contexts, asked), read_answers(references, asked).whole("references").rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which benchmark is meant."""
    parser.add_argument("bench", type=Path, help="a benchmark's folder, or the file of its questions (then give --contexts and --references)")
    parser.add_argument("answers", type=Path, help="the candidate's answers, one a line")
    parser.add_argument("--contexts", type=Path, help="captions and boxes: .jsonl, COCO's captions_*.json or a storybook folder")
    parser.add_argument("--references", type=Path, help="the reference answers, one a line")


def of_arguments(args: argparse.Namespace) -> Benchmark:
    """The benchmark that the options name. Raises InputError where they do not name all of it."""
    if args.bench.is_dir():
        return of_files(args.bench / QUESTIONS, args.contexts or args.bench / CONTEXTS, args.references or args.bench / REFERENCES, args.bench.name)
    if not args.contexts or not args.references:
        raise InputError(f"{args.bench.name} is not a folder; give --contexts and --references with it.")
    return of_files(args.bench, args.contexts, args.references)
