"""Pages with places for tables, ``<!-- table-5 -->`` to ``<!-- /table-5 -->``, which commands fill from results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .errors import InputError
from .files import write_safely


def fill(page: Path, texts: Mapping[str, str]) -> list[str]:
    """Puts each text into its place of the page; returns the marks whose texts have changed. Raises InputError for a place that is not there."""
    text = before = page.read_text(encoding="utf-8")
    changed = []
    for mark, new in texts.items():
        start, end = f"<!-- {mark} -->\n", f"\n<!-- /{mark} -->"
        if start not in text or end not in text:
            raise InputError(f"{page.name}: there is no place for {mark}; put the lines {start.strip()} and {end.strip()} where it belongs.")
        head, rest = text.split(start, 1)
        old, tail = rest.split(end, 1)
        changed += [mark] * (old != new)
        text = head + start + new + end + tail
    if text != before:
        write_safely(page, text.encode())
    return changed
