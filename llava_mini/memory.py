"""How much memory this program has taken: what a lesson and a benchmark tell at their end."""

from __future__ import annotations

import sys
from pathlib import Path

MEBIBYTE = 2 ** 20


def memory() -> dict[str, float | None]:
    """Resident memory of this process in MiB: ``now`` and the ``peak`` so far; None where the system does not tell.

    Linux is asked for the peak of this program: getrusage() there also counts the process that started it.
    """
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return {name: int(lines[field].split()[0]) * 1024 / MEBIBYTE for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))}
    except (OSError, KeyError):
        pass
    try:
        import resource
    except ImportError:                         # Windows
        return {"now": None, "peak": None}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"now": None, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEBIBYTE}


def cost(seconds: float) -> str:
    """The cost of a whole lesson in words.

    >>> cost(107.9)                                 # doctest: +SKIP
    'Whole notebook: 108 seconds, 1.4 GB of memory at its peak'
    """
    peak = memory()["peak"]
    return f"Whole notebook: {seconds:.0f} seconds, " + ("memory unknown" if peak is None else f"{peak * MEBIBYTE / 1e9:.1f} GB of memory at its peak")
