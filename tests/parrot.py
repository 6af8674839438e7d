"""A stand-in for a model in tests of widgets: it says what it was told to, through the same ``chat()`` as a LlavaMini."""

from __future__ import annotations

import itertools
import time


class Parrot:
    """Says ``words`` whatever it is asked; with None it goes on for ever, a word every ``pause`` seconds.

    ``heard()`` is called before each word. ``pictures`` notes the size of each picture that it was shown, None for none.
    """

    def __init__(self, words, pause: float = 0.0, heard=lambda: None):
        self.words, self.pause, self.heard, self.pictures = words, pause, heard, []

    def chat(self, **options):
        return _Chat(self)

    def answer(self, picture, question, stream=False, **options):
        pieces = self.chat().say(question, picture, stream=True)
        return pieces if stream else "".join(pieces)


class _Chat:
    """Remembers like generation.Chat: a turn that its listener leaves stands as far as it was heard, one that fails does not."""

    def __init__(self, parrot: Parrot):
        self.parrot, self.messages = parrot, []

    def say(self, text, picture=None, stream=True):
        said = ""
        if picture is not None or not self.messages:
            self.parrot.pictures.append(picture and picture.size)
        try:
            for word in itertools.repeat("on and ") if self.parrot.words is None else self.parrot.words:
                self.parrot.heard()
                time.sleep(self.parrot.pause or (0.001 if self.parrot.words is None else 0))
                said += word
                yield word
        except GeneratorExit:
            pass
        self.messages += [{"role": "user", "content": text}, {"role": "assistant", "content": said}]
