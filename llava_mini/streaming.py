"""Token ids of an answer to text, piece by piece: whole characters only, no stop mark, no markup.

A character may be spread over several tokens (bytes), a stop text such as ``###`` too. So a piece is held
back while it could still become something else; the pieces of an answer joined are always its text.
"""

from __future__ import annotations

from .conversation import TEMPLATES
from .writer import plain_text

_UNFINISHED = "\ufffd"  # how a decoder writes bytes that are no character (yet)
_LONGEST = 8            # tokens after which such bytes are given up: a character has at most 4 bytes


class Answer:
    """The text of one answer as it grows. ``add`` and ``end`` return what has become certain since.

    With ``stream=False`` nothing is decoded before the end, unless a stop text has to be found.
    """

    def __init__(self, template: str, tokenizer, stream: bool = True):
        self.ends = TEMPLATES[template].ends(tokenizer)
        plain = plain_text(tokenizer)
        self._decode, self._control = plain.decode, set(plain.control.values())
        self._lazy = not stream and not self.ends.strings
        self._stream, self.ended = stream, False
        self._waiting: list[int] = []   # ids that are not text yet
        self._text, self._given = "", 0  # all text so far, and how much of it was handed out

    def add(self, token: int) -> str:
        """Takes the next token; sets ``ended`` if it, or the text it completes, is a stop."""
        if token in self.ends.ids:
            return self.end()
        if token in self._control:  # a stray <pad> or <image> is no text
            return ""
        self._waiting.append(token)
        if self._lazy:
            return ""
        self._read()
        if any(stop in self._text for stop in self.ends.strings):
            return self.end()
        return self._certain() if self._stream else ""

    def end(self) -> str:
        """The rest."""
        self.ended = True
        if self._lazy:
            waiting, self._waiting = self._waiting, []
            self._text = self._decode(waiting)
            if _UNFINISHED in self._text:  # bytes that are no characters: read as when streaming, for the same text
                self._text = ""
                for token in waiting:
                    self._waiting.append(token)
                    self._read()
        self._text += self._decode(self._waiting)
        for stop in self.ends.strings:
            self._text = self._text.split(stop, 1)[0]
        return self._hand_out(len(self._text.removesuffix(self.ends.trail)))

    def _read(self) -> None:
        """Moves waiting ids to the text once they are whole characters."""
        fresh = self._decode(self._waiting)
        if not fresh.endswith(_UNFINISHED) or len(self._waiting) >= _LONGEST:
            self._text += fresh
            self._waiting = []

    def _certain(self) -> str:
        """What can be handed out: not the beginning of a stop, and not the mark's own leading space alone."""
        if len(self._text) < len(self.ends.lead):
            return ""
        marks = [*self.ends.strings, *filter(None, [self.ends.trail])]
        held = max((size for mark in marks for size in range(1, len(mark) + 1) if self._text.endswith(mark[:size])), default=0)
        return self._hand_out(len(self._text) - held)

    def _hand_out(self, end: int) -> str:
        start = max(self._given, len(self.ends.lead) if self._text.startswith(self.ends.lead) else 0)
        piece, self._given = self._text[start:end], max(self._given, end)
        return piece
