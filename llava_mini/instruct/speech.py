"""How the storyteller puts things into words."""

from __future__ import annotations

from .words import NUMBERS, category


UNCOUNTED = ("broccoli",)


def article(words: str) -> str:
    """``"apple"`` -> ``"an apple"``; what is not counted has none."""
    if words.endswith(UNCOUNTED):
        return words
    return ("an " if words[0] in "aeiou" else "a ") + words


def noun(name: str, colour: str | None = None, size: str | None = None, number: int = 1) -> str:
    """``noun("dog", "red", "big")`` -> ``"big red dog"``; people wear their colour: ``"person in red"``."""
    word = category(name).spoken if number == 1 else category(name).plural
    if name == "person" and colour:
        word, colour = f"{word} in {colour}", None
    return " ".join(filter(None, (size, colour, word)))


def some(name: str, number: int = 1, colour: str | None = None, size: str | None = None) -> str:
    """``some("dog", 2, "red")`` -> ``"two red dogs"``; one has its article."""
    words = noun(name, colour, size, number)
    return article(words) if number == 1 else f"{NUMBERS[number]} {words}"


def listed(parts) -> str:
    """``["a", "b", "c"]`` -> ``"a, b and c"``."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def sentence(words: str) -> str:
    """With a capital letter and a full stop."""
    words = words[0].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else words + "."


def be(number: int) -> str:
    return "is" if number == 1 else "are"
