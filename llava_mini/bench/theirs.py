"""Other people's models take LLaVA-Bench: BLIP-2, IDEFICS (the open Flamingo) and LLaVA-1.5, as transformers has them (paper, Table 5).

    python -m llava_mini.bench.theirs data/cache/bench/coco Salesforce/blip2-flan-t5-xl --out runs/bench/blip2/coco.jsonl
    python -m llava_mini.bench.theirs data/cache/bench/coco HuggingFaceM4/idefics-9b --shots 4 --examples data/cache/bench/shots \\
        --out runs/bench/idefics/coco.jsonl
    python -m llava_mini.bench.theirs data/cache/bench/coco llava-hf/llava-1.5-7b-hf --out runs/bench/llava-1.5/coco.jsonl --batch 16

A checkpoint is a folder or a hub name; its config says what it is, never its name. A GPU is used where there is one.
The answers are in the authors' schema, greedy, and kept as they come: killed at any moment, the same command goes on where it
was, and a file of other weights or of another prompt is refused. ``python -m llava_mini.bench.run BLIP-2=runs/bench/blip2 ...``
judges them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..commands import guarded
from ..errors import InputError
from ..pictures import load_picture
from . import benchmark
from .answering import CONTROLS, LONGEST, answer
from .baselines import Shot, shots_of
from .schema import read_questions

IMAGE = "<image>"
STOPS = ("\nUser:", "\nQuestion:", "\nUSER:", "<end_of_utterance>")        # a model that was not tuned to stop goes on with a turn of the user's


@dataclass(frozen=True)
class Family:
    """How the models of one class are asked. ``{image}`` is where the picture stands, in ``turn`` and in ``after`` an answered example."""

    model: str                              # class of transformers
    turn: str = "User:{image}{question}{end}\nAssistant:"
    after: str = " {answer}{end}\n"         # behind the turn of an example
    pictures: str = "many"                  # in one prompt: "many", or "one", and that one it must have
    interleaved: bool = False               # does its processor take texts and pictures in one list?


FAMILIES = {
    "blip-2": Family("Blip2ForConditionalGeneration", "{image}Question: {question} Answer:", pictures="one"),
    "idefics": Family("IdeficsForVisionText2Text", interleaved=True),
    "idefics2": Family("Idefics2ForConditionalGeneration"),
    "idefics3": Family("Idefics3ForConditionalGeneration"),
    "llava": Family("LlavaForConditionalGeneration", "USER: {image}\n{question} ASSISTANT:", " {answer}</s>"),
}


def family_of(checkpoint: str) -> Family:
    """The family of a folder or hub name. Raises InputError for a class that is not among them, and where there is no config."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(checkpoint)
    except (OSError, ValueError) as error:
        raise InputError(f"{checkpoint} cannot be read as a checkpoint of transformers ({str(error).strip().splitlines()[0]}); name a folder with a "
                         "config.json, or a name on the hub that can be reached from here.") from None
    named = (config.architectures or [""])[0]
    family = FAMILIES.get(config.model_type)
    if family is None or named not in ("", family.model):
        raise InputError(f"{checkpoint} is a {named or config.model_type}, which this adapter does not know how to ask; it asks "
                         f"{', '.join(one.model for one in FAMILIES.values())}.")
    return family


class Theirs:
    """A loaded checkpoint, an answerer like any other: ``theirs([(picture or None, question), ...])`` gives the texts.

    >>> Theirs("llava-hf/llava-1.5-7b-hf", device="cuda", dtype="float16")([("dog.jpg", "What colour is the dog?")])    # doctest: +SKIP

    ``device``  "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps", or "spread" over all GPUs and the memory
    ``dtype``   "auto" (float32 on a CPU, on a GPU bfloat16 where it has that, else float16), or a name of torch's
    ``prompt``  instead of the chat template or the family's own turn: a text with {question}, and {image} where the picture stands
    ``shots``   examples in front of the question, for families that take several pictures

    Raises InputError for a class that is not known, a folder that is incomplete, and options that do not go together.
    """

    def __init__(self, checkpoint: str, *, device: str = "auto", dtype: str = "auto", prompt: str | None = None, shots: Sequence[Shot] = (),
                 max_new_tokens: int = LONGEST):
        import torch
        import transformers

        self.family, self.shots, self.limit = family_of(checkpoint), list(shots), max_new_tokens
        if self.shots and self.family.pictures == "one":
            raise InputError(f"{self.family.model} takes one picture in a prompt, so it cannot be shown examples; leave out --shots.")
        if prompt is not None and ("{question}" not in prompt or prompt.count("{image}") != 1):
            raise InputError("A prompt of your own needs {question} once or more and {image} exactly once; add what is missing.")
        place = device if device != "auto" else "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self.dtype = _number_format(dtype, place, torch)
        try:
            kind = getattr(transformers, self.family.model)
            self.model, report = kind.from_pretrained(checkpoint, dtype=self.dtype, output_loading_info=True, **({"device_map": "auto"} if place == "spread" else {}))
            self.processor = transformers.AutoProcessor.from_pretrained(checkpoint)
        except Exception as error:              # safetensors, JSON, sizes, a missing package: each with its own exception
            raise InputError(f"{checkpoint} cannot be loaded as {self.family.model} ({str(error).strip().splitlines()[0]}); see that it is complete, "
                             "processor and tokenizer too.") from error
        if report["missing_keys"] or report["mismatched_keys"]:
            raise InputError(f"{checkpoint} lacks weights of {self.family.model} ({', '.join(sorted(report['missing_keys'])[:3]) or 'of other sizes'}); "
                             "copy it again.")
        try:
            self.model = (self.model if place == "spread" else self.model.to(place)).eval()
        except RuntimeError as error:
            raise InputError(f"{checkpoint} does not go onto {place} ({str(error).splitlines()[0]}); choose another --device or --dtype.") from None
        tokenizer = self.processor.tokenizer
        tokenizer.padding_side = "left"         # the answer of each row follows on its question
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        template = prompt is None and getattr(self.processor, "chat_template", None)
        self.chat = bool(template) and self.family.pictures == "many" and not self.family.interleaved
        if prompt is not None:
            self.family = replace(self.family, turn=prompt)
        self.end = "<end_of_utterance>" if "<end_of_utterance>" in tokenizer.get_vocab() else ""

    def name(self, checkpoint: str) -> str:
        """A model_id: another one for other weights, another prompt or other examples."""
        from ..parents import probe

        how = [self.family.turn, self.chat and self.processor.chat_template, self.limit, [[str(s.picture.name), s.question, s.answer] for s in self.shots]]
        return f"{Path(checkpoint).name}-{probe(self.model)[:12]}-{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:6]}"

    def prompt(self, picture, question: str) -> list:
        """Texts and pictures in the order in which the model reads them."""
        turns = [*((shot.picture, shot.question, shot.answer) for shot in self.shots), (picture, question, None)]
        if self.chat:
            messages = []
            for shown, asked, said in turns:
                messages.append({"role": "user", "content": [*([{"type": "image"}] if shown is not None else []), {"type": "text", "text": asked}]})
                messages += [{"role": "assistant", "content": [{"type": "text", "text": said}]}] if said is not None else []
            text = self.processor.apply_chat_template(messages, add_generation_prompt=True)
        else:
            text = ""
            for shown, asked, said in turns:
                turn = self.family.turn.replace("{end}", self.end).replace("{image}\n", "{image}" if shown is None else "{image}\n")
                text += turn.replace("{image}", "" if shown is None else IMAGE).replace("{question}", asked)
                text += "" if said is None else self.family.after.replace("{end}", self.end).replace("{answer}", said)
        parts, shown = text.split(IMAGE), [load_picture(turn[0]) for turn in turns if turn[0] is not None]
        if len(parts) != len(shown) + 1:
            raise InputError(f"The prompt has {len(parts) - 1} places for {len(shown)} pictures, since {IMAGE} stands in a question or the chat template has none "
                             "for pictures; write the question differently, or give --prompt.")
        pieces = [piece for pair in zip(parts, [*shown, ""]) for piece in pair]
        return [piece for piece in pieces if not isinstance(piece, str) or piece]

    def __call__(self, batch: list) -> list[str]:
        import torch

        if self.family.pictures == "one" and any(picture is None for picture, _ in batch):
            raise InputError(f"{self.family.model} cannot be asked without a picture; take another control than blind.")
        prompts = [self.prompt(picture, question) for picture, question in batch]
        inputs = self._inputs(prompts).to(self.model.device, dtype=self.dtype)
        with torch.inference_mode():
            written = self.model.generate(**inputs, max_new_tokens=self.limit, do_sample=False, **self._never())  # [rows, tokens]
        ids = inputs["input_ids"]
        if written.shape[1] >= ids.shape[1] and bool((written[:, :ids.shape[1]] == ids).all()):    # some give the prompt back, some do not
            written = written[:, ids.shape[1]:]
        return [_cut(text) for text in self.processor.batch_decode(written, skip_special_tokens=True)]

    def _inputs(self, prompts: list[list]):
        """What the model takes: ids, attention mask and pixels of a batch."""
        if self.family.interleaved:
            return self.processor(text=prompts, add_end_of_utterance_token=False, return_tensors="pt")
        pictures = [[piece for piece in prompt if not isinstance(piece, str)] for prompt in prompts]
        if self.family.pictures == "one":
            texts, pictures = ["".join(piece for piece in prompt if isinstance(piece, str)) for prompt in prompts], [row[0] for row in pictures]
        else:
            texts = ["".join(piece if isinstance(piece, str) else IMAGE for piece in prompt) for prompt in prompts]
        return self.processor(text=texts, images=pictures if any(pictures) else None, padding=True, return_tensors="pt")

    def _never(self) -> dict:
        """The marks around pictures are none of an answer's words."""
        if not self.family.interleaved:
            return {}
        ids = [self.processor.tokenizer.convert_tokens_to_ids(word) for word in (IMAGE, "<fake_token_around_image>")]
        return {"bad_words_ids": [[number] for number in ids if isinstance(number, int)]}


def _number_format(name: str, place: str, torch):
    if name == "auto":
        if place.startswith("cuda") or place == "spread" and torch.cuda.is_available():
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.float32
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise InputError(f"There is no number format {name!r}; choose auto, float32, bfloat16 or float16.")
    return found


def _cut(text: str) -> str:
    """The answer alone: without the turn of the user's with which it goes on."""
    for stop in STOPS:
        text = text.split(stop, 1)[0]
    return text.strip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m llava_mini.bench.theirs", description=__doc__.split("\n")[0])
    new = parser.add_argument
    new("bench", type=Path, help="a benchmark's folder, or the file of its questions (then give --pictures)")
    new("checkpoint", help="a folder of transformers' format, or a name on the hub")
    new("--out", type=Path, required=True, help="the answers, .jsonl")
    new("--pictures", type=Path, help="folder of the pictures (default: pictures/ in the benchmark's folder)")
    new("--control", choices=CONTROLS, default="true", help="which picture is shown (default: the question's own)")
    new("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps, or spread over all GPUs (default: auto)")
    new("--dtype", default="auto", help="auto, float32, bfloat16 or float16 (default: auto)")
    new("--batch", type=int, default=8, help="questions at a time (default: 8)")
    new("--prompt", help="instead of the chat template or the family's own, such as '{image}Question: {question} Short answer:'")
    new("--shots", type=int, default=0, help="examples in front of the question, as Flamingo is asked (default: 0)")
    new("--examples", type=Path, help="a benchmark's folder to take them from, such as data/cache/bench/shots")
    new("--max-new-tokens", type=int, default=LONGEST, help=f"of an answer (default: {LONGEST})")
    args = parser.parse_args(arguments)
    return guarded(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    if not args.bench.is_dir() and args.pictures is None:
        raise InputError(f"{args.bench.name} is not a folder; give --pictures with it.")
    if args.batch < 1 or args.max_new_tokens < 1 or args.shots < 0 or bool(args.shots) != bool(args.examples):
        raise InputError("--batch and --max-new-tokens are at least 1, and --shots and --examples go together; correct them.")
    questions = read_questions(args.bench / benchmark.QUESTIONS if args.bench.is_dir() else args.bench)
    shots = shots_of(benchmark.load(args.examples), args.examples)[:args.shots] if args.shots else []
    theirs = Theirs(args.checkpoint, device=args.device, dtype=args.dtype, prompt=args.prompt, shots=shots, max_new_tokens=args.max_new_tokens)
    found = answer(questions, theirs, pictures=args.pictures or args.bench / "pictures", path=args.out, model_id=theirs.name(args.checkpoint),
                   control=args.control, batch_size=args.batch)
    print(f"{len(found.rows)} answers: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
