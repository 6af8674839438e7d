"""Tokens per second of chat: the package against transformers with the same model exported.

::

    python -m benchmarks.chat_speed                                     # the finished llava-mini
    python -m benchmarks.chat_speed --model runs/main/model

The other side is what one would use instead: the exported folder, loaded as LlavaForConditionalGeneration with
its LlavaProcessor, and its generate(). Both sides go the whole way, from opened pictures and typed questions to
the texts of the answers, greedily, in float32 on the CPU, and the answers must be the same. They take turns
within one process, each being the first in every other round, so that whatever else the machine does meets
both; the ratio is taken within a round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from llava_mini.errors import InputError
from llava_mini.generation import Request
from llava_mini.model import LlavaMini

from .common import MeasurementError, ratios, spread

MODEL = Path("data/pretrained/llava-mini")
QUESTIONS = ("What is on the left?", "How many people are there?", "Is there a red car?", "Where is the dog?",
             "What is the weather like?", "Describe the picture in detail.")


@dataclass(frozen=True)
class Case:
    """Questions that are asked at once, and the picture of each (several may have the same)."""

    name: str
    pictures: tuple
    questions: tuple[str, ...]


def cases(batch: int) -> list[Case]:
    """One question with a short answer, one with a long one, a batch of pictures, a batch with four questions a picture."""
    from llava_mini.storybook.draw import draw
    from llava_mini.storybook.world import scenes

    drawn = tuple(draw(scene) for scene in scenes("test", batch))
    asked = tuple(QUESTIONS[row % len(QUESTIONS)] for row in range(batch))
    few = max(1, batch // 4)
    return [Case("one short answer", drawn[:1], QUESTIONS[:1]), Case("one long answer", drawn[:1], QUESTIONS[-1:]),
            Case(f"{batch} pictures", drawn, asked), Case(f"{batch} questions, {few} pictures", tuple(drawn[row * few // batch] for row in range(batch)), asked)]


class Transformers:
    """The exported model as its users run it."""

    def __init__(self, folder: Path):
        from transformers import AutoProcessor, LlavaForConditionalGeneration

        self.model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.processor.tokenizer.padding_side = "left"      # rows of a batch end together, where their answers begin

    def answer(self, case: Case, tokens: int) -> tuple[list[str], int]:
        """The texts, and how many tokens they took, end marks included."""
        asked = [[{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": question}]}]
                 for picture, question in zip(case.pictures, case.questions)]
        inputs = self.processor.apply_chat_template(asked, tokenize=True, return_dict=True, return_tensors="pt",
                                                    add_generation_prompt=True, padding=True)
        with torch.inference_mode():
            rows = self.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        new = rows[:, inputs["input_ids"].shape[1]:]                                            # [rows, new tokens]
        end = self.processor.tokenizer.eos_token_id
        return (self.processor.batch_decode(new, skip_special_tokens=True),
                sum(row.index(end) + 1 if end in row else len(row) for row in new.tolist()))


def package(model: LlavaMini, case: Case, tokens: int) -> list[str]:
    """The texts by the package."""
    requests = [Request([{"role": "user", "content": f"<image>\n{question}"}], [picture])
                for picture, question in zip(case.pictures, case.questions)]
    return model.generate(requests, max_new_tokens=tokens, batch_size=len(requests))


def compare(ours: Callable[[], list[str]], theirs: Callable[[], tuple[list[str], int]], rounds: int, clock: Callable[[], float]) -> dict:
    """Tokens per second of both sides and the ratios of the rounds, each with its spread.

    ``theirs`` tells how many tokens the texts have; ours are the same texts. Raises MeasurementError if not.
    """
    speeds = {"package": [], "transformers": []}
    for number in range(rounds + 1):                        # the first is for warming up
        seconds, given = {}, {}
        for side in ("package", "transformers") if number % 2 else ("transformers", "package"):
            begin = clock()
            given[side] = (ours if side == "package" else theirs)()
            seconds[side] = clock() - begin
        texts, tokens = given["transformers"]
        for own, other in zip(given["package"], texts, strict=True):
            if own.split() != other.split():
                raise MeasurementError(f"The two sides give different answers, so nothing is measured: the package {own!r}, transformers {other!r}.")
        for side in speeds if number else ():
            speeds[side].append(tokens / seconds[side])
    return {side: spread(values) for side, values in speeds.items()} | {"ratio": ratios(speeds["package"], speeds["transformers"])}


def line(case: dict) -> str:
    """One case as text; medians, with the extremes of the ratio.

    >>> one = {"min": 1.0, "median": 2.0, "max": 4.0}
    >>> line({"case": "one", "transformers": one, "package": one, "ratio": one})
    'chat   one                        transformers     2, package     2 tokens/s, ratio 2.00 (1.00-4.00)'
    """
    ratio = case["ratio"]
    return (f"chat   {case['case']:26} transformers {case['transformers']['median']:5.0f}, package {case['package']['median']:5.0f} tokens/s, "
            f"ratio {ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})")


def main(arguments: list[str] | None = None) -> list[dict]:
    """Prints one line per case and returns the numbers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help=f"a checkpoint folder (default: {MODEL})")
    parser.add_argument("--tokens", type=int, default=48, help="new tokens per answer at most (default: 48)")
    parser.add_argument("--rounds", type=int, default=10, help="measurements of each case (default: 10)")
    parser.add_argument("--batch", type=int, default=16, help="questions of a batch (default: 16)")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time, for a busy machine")
    options = parser.parse_args(arguments)
    if min(options.tokens, options.rounds, options.batch) < 1:
        parser.error("--tokens, --rounds and --batch must be at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[options.clock]
    model, found = LlavaMini.from_pretrained(options.model), []
    with tempfile.TemporaryDirectory() as folder:
        model.to_transformers(Path(folder) / "exported")
        other = Transformers(Path(folder) / "exported")
        for case in cases(options.batch):
            found.append({"case": case.name} | compare(lambda: package(model, case, options.tokens), lambda: other.answer(case, options.tokens),
                                                       options.rounds, clock))
            print(line(found[-1]), flush=True)
    return found


if __name__ == "__main__":
    try:
        main()
    except (InputError, MeasurementError) as error:
        sys.exit(str(error))
