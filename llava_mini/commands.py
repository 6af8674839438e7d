"""What all commands of the package have in common: how they end when something is amiss."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .errors import InputError


def guarded(work: Callable[[], object]) -> int:
    """The exit status of ``work()``: bad input (1) and Ctrl-C (130) end in one sentence on stderr, not in a traceback.

    Where ``work`` returns True or False it says whether all was well; anything else counts as well.
    """
    try:
        return int(work() is False)
    except InputError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; give the same command to go on.", file=sys.stderr)
        return 130
