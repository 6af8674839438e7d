"""What the teacher is asked: system message, a few examples, and one picture in words (paper, section 3, Tables 13 to 16).

Everything that is said lies in text files beside this module, so that it can be read and changed without code::

    few_shots/system/seeing.txt         what the teacher is given; the beginning of every system message
    few_shots/system/<kind>.txt         what it is to write, and in which form
    few_shots/<set>/<kind>-<n>.txt      an example: the picture in words, a line of ten dashes, the answer
    instructions/brief.txt              11 ways to ask for a short description, for stage 1
    instructions/detailed.txt           16 ways to ask for a long one, for the samples of the kind "detail"

Two sets of examples are there: "storybook" speaks the storybook's words, "photo" is about photographs in COCO's
manner. As in the paper's files there are 2 conversations, whose examples have no boxes, 3 descriptions and
3 examples of reasoning.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..annotations import Record, context
from ..errors import InputError

KINDS = ("conversation", "detail", "reasoning")
SETS = ("storybook", "photo")
DIVIDER = "-" * 10                      # between the picture and the answer in a file of an example
HERE = Path(__file__).parent


def messages(record: Record, kind: str, few_shots: str | Path = "storybook") -> list[dict]:
    """The chat messages that ask for one kind of text about one picture.

    The system message, the examples as pairs of user and assistant, and last the picture: exactly
    ``annotations.context(record)``. ``few_shots`` is "storybook", "photo" or a folder of your own with files of the same
    names. Raises InputError for an unknown kind or set, and for a file that is not as described above.
    """
    return [*opening(kind, few_shots), query(record)]


def opening(kind: str, few_shots: str | Path = "storybook") -> list[dict]:
    """All messages but the last: they are the same for every picture. Reads the files."""
    pairs = [message for picture, answer in examples(kind, few_shots)
             for message in ({"role": "user", "content": picture}, {"role": "assistant", "content": answer})]
    return [{"role": "system", "content": system(kind)}, *pairs]


def query(record: Record) -> dict:
    """The last message: the picture in words."""
    return {"role": "user", "content": context(record)}


def digest(asked: list[dict]) -> str:
    """Fingerprint of messages, 12 hexadecimal digits: tells whether an answer was given to this very prompt."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def system(kind: str) -> str:
    """The system message of a kind. The words "conversation", "detailed description" and "complex reasoning" tell which."""
    _check(kind)
    return "\n\n".join(_read(HERE / "few_shots" / "system" / f"{name}.txt") for name in ("seeing", kind))


def examples(kind: str, few_shots: str | Path = "storybook") -> list[tuple[str, str]]:
    """The examples of a kind: (picture in words, answer), in the order of their names."""
    _check(kind)
    folder = HERE / "few_shots" / few_shots if few_shots in SETS else Path(few_shots)
    found = sorted(folder.glob(f"{kind}-*.txt"))
    if not found:
        raise InputError(f"There are no examples {kind}-1.txt, {kind}-2.txt, ... in {folder}; choose the few-shots \"storybook\", "
                         "\"photo\" or a folder that has them.")
    return [_example(path) for path in found]


def instructions(name: str) -> list[str]:
    """The 11 questions for a short description ("brief") or the 16 for a long one ("detailed")."""
    return _read(HERE / "instructions" / f"{name}.txt").split("\n")


def _example(path: Path) -> tuple[str, str]:
    parts = _read(path).split(f"\n{DIVIDER}\n")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise InputError(f"{path.name}: an example is a picture in words, one line of ten dashes and an answer; write it so.")
    return parts[0], parts[1]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text ({error}); restore the file.") from None


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"There is no kind {kind!r}; choose one of {', '.join(KINDS)}.")
