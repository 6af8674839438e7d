"""A model for text alone, as a function: many prompts in, as many texts out. It is the text-only model and the judge; see server.py too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from ..errors import InputError
from ..evaluation.answers import repair
from ..files import make_folder
from ..json_files import read_lines

Ask = Callable[[Sequence[list[dict]]], Sequence["str | None"]]      # messages of each prompt -> its text, None where there is none


def by_model(model, letters: bool = True, **options) -> Ask:
    """A model of this package as the text-only model or the judge. ``options`` go to ``model.generate``.

    Without ``letters`` its answers are words, and their letters are looked up, see choosing.py.
    """
    from ..generation import Request
    from .answering import LONGEST
    from .choosing import say

    def ask(prompts: Sequence[list[dict]]) -> list[str | None]:
        asked, given = [Request(messages) for messages in prompts], {"max_new_tokens": LONGEST, "batch_size": 64, **options}
        return [text.strip() for text in model.generate(asked, **given)] if letters else say(model, asked, **given)

    return ask


def kept(ask: Ask, path, *, model_id: str, batch_size: int = 64, progress: bool = True) -> Ask:
    """A model's ``ask`` with its texts kept in a file (JSONL), a batch at a time as it gives them, and no prompt asked twice.

    ``model_id``: another one for another model; a file of another model is refused with InputError. What got no answer is
    not kept, so the next call asks for it again.
    """
    path = Path(path)

    def known() -> dict[str, str]:
        repair(path)
        rows = [row for _, row in read_lines(path)] if path.exists() else []
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("question_id", "text", "model_id")):
                raise InputError(f"{path}, answer {number}: not written here; choose another folder.")
            if row["model_id"] != model_id:
                raise InputError(f"{path}, answer {number}: model_id is {row['model_id']!r} where this run has {model_id!r}; delete the "
                                 "file or give this run another folder.")
        return {row["question_id"]: row["text"] for row in rows}

    def answer(prompts: Sequence[list[dict]]) -> list[str | None]:
        make_folder(path.parent)
        texts, keys = known(), [digest(prompt) for prompt in prompts]
        todo = [(key, prompt) for key, prompt in dict(zip(keys, prompts)).items() if key not in texts]
        with tqdm(total=len(todo), desc=path.stem, unit="answer", disable=not progress or not todo) as bar, open(path, "ab") as file:
            for start in range(0, len(todo), batch_size):
                batch = todo[start:start + batch_size]
                for (key, prompt), text in zip(batch, ask([prompt for _, prompt in batch]), strict=True):
                    if text is not None:
                        texts[key] = text
                        row = {"question_id": key, "prompt": prompt[-1]["content"], "text": text, "model_id": model_id}
                        file.write(json.dumps(row).encode() + b"\n")
                file.flush()
                bar.update(len(batch))
        return [texts.get(key) for key in keys]

    return answer


def digest(prompt: list[dict]) -> str:
    """What tells one prompt from another."""
    return hashlib.sha256(json.dumps(prompt).encode()).hexdigest()[:22]
