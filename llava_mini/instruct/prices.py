"""What a run costs: a table of prices that you can edit, and estimates of tokens before anything is sent.

The table is ``prices.json`` beside this module, or a file of your own with the same shape. Its entries are examples:
look at your provider's page before you rely on them. Tokens before a run are ESTIMATES, from the real tokenizer where
``tiktoken`` is installed and knows the model, otherwise from the number of characters; tokens after an answer are the server's own count.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..json_files import existing, is_number, read_json

TABLE = Path(__file__).with_name("prices.json")
CHARACTERS_PER_TOKEN = 3.8              # of English prose; numbers and other scripts have fewer, so this is a rule of thumb
TOKENS = ("prompt_tokens", "completion_tokens")     # in a reply's usage
TOKENS_PER_MESSAGE = 4                  # the marks of a message's beginning, role and end


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens."""

    prompt: float
    completion: float
    batch: float = 1.0                  # what the Batch API charges, as a share of it

    def of(self, prompt_tokens: float, completion_tokens: float, batch: bool = False) -> float:
        """Dollars for so many tokens."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6 * (self.batch if batch else 1)


def price(model: str, table: str | Path | None = None) -> Price:
    """The price of a model. Raises InputError for a table that is not one, and for a model that is not in it.

    >>> price("offline").of(1000, 1000)
    0.0
    """
    path = existing(table or TABLE, (".json",), "prices")
    content = read_json(path)
    models = content.get("models") if isinstance(content, dict) else None
    if not isinstance(models, dict):
        raise InputError(f'{path.name}: must be an object with a field "models"; see {TABLE.name} in the package for its shape.')
    if model not in models:
        raise InputError(f"{path.name} has no price for the model {model!r}; give --price PROMPT COMPLETION in dollars for a million "
                         "tokens (0 0 for a server of your own), or add it there.")
    entry = models[model] if isinstance(models[model], dict) else {}
    values = {name: entry.get(name, 1 if name == "batch" else None) for name in ("prompt", "completion", "batch")}
    for name, value in values.items():
        if not is_number(value) or value < 0:
            raise InputError(f"{path.name}, model {model!r}, field {name!r}: must be a number of at least 0; "
                             "write dollars for a million tokens.")
    return Price(**{name: float(value) for name, value in values.items()})


def counter(model: str):
    """A function from a text to its number of tokens, and whether it is the model's own tokenizer that counts.

    Where ``tiktoken`` does not know the model, is not installed or cannot load its files, characters are counted.
    """
    if importlib.util.find_spec("tiktoken") is not None:
        try:
            encode = importlib.import_module("tiktoken").encoding_for_model(model).encode_ordinary
            return (lambda text: len(encode(text))), True
        except Exception:               # an unknown model is a KeyError; without network the files cannot come, in many ways
            pass
    return (lambda text: -(-len(text.encode("utf-8", "replace")) // CHARACTERS_PER_TOKEN)), False


def prompt_tokens(messages: list[dict], count) -> int:
    """An estimate of the tokens of a prompt; ``count`` is that of ``counter``."""
    return int(sum(count(message["content"]) + TOKENS_PER_MESSAGE for message in messages)) + TOKENS_PER_MESSAGE
