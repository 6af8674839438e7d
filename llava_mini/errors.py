"""The one exception a reader of this course is meant to see, and how it names many things."""

from collections.abc import Sequence

NAMED = 5               # how many of many things a sentence names


class InputError(ValueError):
    """Something the user brought cannot be used.

    The message is one sentence that says what is wrong, where (file, line, field or sample id)
    and what to do about it::

        raise InputError("samples.json, sample 'cat-17': the picture cat-17.jpg is missing; "
                         "put it into pictures/ or remove the sample.")
    """


def few(things: Sequence) -> str:
    """The first few of many: ``"4, 7, 9, 11, 12 and 1,340 more"``."""
    more = len(things) - NAMED
    return ", ".join(map(str, things[:NAMED])) + (f" and {more:,} more" if more > 0 else "")
