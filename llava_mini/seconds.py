"""What each part of a job has taken, kept beside its work and added up over its starts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import make_folder, write_safely


class Seconds:
    """Seconds by part, in a JSON file. ``known`` is what the file says.

    A part that finds its work done takes no time worth telling, and must not change the file:

    >>> seconds = Seconds("answers/seconds.json")
    >>> with seconds.of("evaluate", lambda: Path("answers/test.jsonl").stat().st_size):
    ...     ask_what_is_missing()
    """

    def __init__(self, path):
        self.path = Path(path)
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            self.known = {part: float(seconds) for part, seconds in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self.known: dict[str, float] = {}   # none yet, or damaged: times are not worth stopping for

    @contextmanager
    def of(self, part: str, state: Callable[[], object], anew: bool = False) -> Iterator[None]:
        """Counts what happens inside for ``part``, if it changes what ``state()`` returns, also when it is broken off.

        ``anew``: such work begins from nothing, so its time takes the place of the time before.
        """
        before, begin = state(), time.perf_counter()
        try:
            yield
        finally:
            if state() != before:
                self.known[part] = time.perf_counter() - begin + (0.0 if anew else self.known.get(part, 0.0))
                make_folder(self.path.parent)
                write_safely(self.path, (json.dumps(self.known, indent=1) + "\n").encode())
