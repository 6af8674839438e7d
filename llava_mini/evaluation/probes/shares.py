"""Counts with their intervals, in dataclasses and in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass

from ..intervals import wilson


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's 95% interval. Of nothing the share is 0 and the interval everything."""

    right: int
    n: int

    @classmethod
    def of(cls, hits: Iterable[bool]) -> Share:
        hits = [bool(hit) for hit in hits]
        return cls(sum(hits), len(hits))

    @property
    def share(self) -> float:
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.n)

    def as_dict(self) -> dict:
        low, high = self.interval
        return {"right": self.right, "n": self.n, "share": round(self.share, 6), "low": round(low, 6), "high": round(high, 6)}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.share:5.1f}% of {self.n:<4} ({100 * low:.0f} to {100 * high:.0f}%)"


def plain(value):
    """A dataclass of rows as JSON keeps it: dicts, lists, numbers and texts; a Share with its interval."""
    if isinstance(value, Share):
        return value.as_dict()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
