"""What happened in a training, step by step: history.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

from .errors import InputError
from .files import write_safely


class History:
    """The records of a training, one dict a step, kept as lines of a JSONL file.

    A record of a step has ``step`` (from 1), ``epoch``, ``loss`` (nats per supervised token), ``rate`` and
    ``gradient`` (by part), ``samples_per_second`` and ``tokens_per_second`` (visual tokens included, padding
    not). Where validation was due it also has ``validation`` (a loss) and ``answers`` (question, answer, and
    the true answer where it is known); so has the record of step 0, before anything was learnt. ``seconds`` is
    the time since the record before, with the checks and the saving in between; the first record of each start
    counts what came before it too (reading pictures and samples).

    >>> history = train(...)
    >>> steps, losses = history.curve("loss")
    """

    def __init__(self, path):
        self.path = Path(path)
        self.records: list[dict] = []

    @classmethod
    def read(cls, path) -> History:
        """The history in that file, empty where there is none. Raises InputError with the line that is broken.

        A last line without its end is one that a killed run was writing; it is not part of the history.
        """
        history = cls(path)
        lines = history.path.read_text(encoding="utf-8").split("\n")[:-1] if history.path.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                history.records.append(json.loads(line))
            except json.JSONDecodeError:
                raise InputError(f"{history.path}, line {number}: not valid JSON; restore the file, or choose another folder.") from None
        return history

    def append(self, record: dict, write: bool = True) -> None:
        """Adds a record, to the file at once; of several processes only one writes."""
        self.records.append(record)
        if not write:
            return
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        except OSError as error:
            raise InputError(f"{self.path} cannot be written ({error.strerror}); make room on the disk and start again, "
                             "the training goes on from its last state.") from error

    def rewind(self, step: int, write: bool = True) -> None:
        """Forgets what came after ``step``, in the file too: those steps will be taken again."""
        self.records = [record for record in self.records if record["step"] <= step]
        if not write:
            return
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in self.records]
        write_safely(self.path, "".join(lines).encode())

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of one quantity, where it was recorded: "loss", "validation", "samples_per_second", ..."""
        return series(self.records, name)

    @property
    def seconds(self) -> float:
        """What the training took, over all its starts; steps that a kill undid are not in it."""
        return sum(record.get("seconds", 0.0) for record in self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        losses, checks = self.curve("loss")[1], self.curve("validation")[1]
        told = [f"{len(losses)} steps"]
        told += [f"{name} {values[-1]:.3f}" for name, values in (("loss", losses), ("validation", checks)) if values]
        return f"History({', '.join(told)})"


def series(records, name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one quantity, where the records have it."""
    points = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    return [step for step, _ in points], [value for _, value in points]
