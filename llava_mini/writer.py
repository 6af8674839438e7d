"""The pen of a chat template: writes token ids and the loss mask together, in one pass.

A template (:mod:`.templates`, :mod:`.chat_template`) calls a :class:`Writer` piece by piece and says of
each piece whether it is supervised. Three kinds of piece exist and can never turn into one another:

* text: whatever it spells. ``</s>`` or ``<image>`` inside a text become the tokens of their letters;
* control: one token by its id (``<s>``, ``</s>``, ``<|im_end|>``), written by templates only;
* a picture: ``visual_tokens`` copies of the ``<image>`` id, where the visual tokens will be put.

Each piece is tokenised by itself, so its tokens do not depend on its neighbours, the mask cannot shift,
and what generation sees is exactly a prefix of what training saw. The price is one decision: the space
between two words belongs to the *second* piece, as in all word-wise tokenizers. An answer after
``ASSISTANT:`` is thus the piece ``" red"``, and the model learns to write that space itself.

Some tokenizers write a space of their own before a text ("dummy prefix": Llama 1, 2, Vicuna). It is
found by trying (:meth:`PlainText.encode`) and written exactly where such a tokenizer, given the whole
string, would write it: at the start, and for some after each control token. Elsewhere it is left out.
"""

from __future__ import annotations

import json
import re
import weakref
from functools import lru_cache

from .errors import InputError

IMAGE = "<image>"


def image_token_id(tokenizer) -> int:
    """The id of ``<image>``. Raises InputError if the tokenizer has no such added token."""
    number = tokenizer.get_added_vocab().get(IMAGE)
    if number is None:
        raise InputError(f"The tokenizer has no {IMAGE} token; add it with "
                         f"tokenizer.add_special_tokens({{'extra_special_tokens': ['{IMAGE}']}}) and give the "
                         "language model an embedding for it (model.resize_token_embeddings).")
    return number


class PlainText:
    """A tokenizer as seen by text that must stay text. Get one with :func:`plain_text`."""

    def __init__(self, tokenizer):
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise InputError(f"{type(tokenizer).__name__} is not a fast tokenizer; load it with "
                             "AutoTokenizer.from_pretrained(folder, use_fast=True).")
        from tokenizers import Tokenizer

        self._decode = tokenizer.decode
        special = {token.content: (number, token) for number, token in tokenizer.added_tokens_decoder.items()
                   if token.special or number in tokenizer.all_special_ids}
        self.control = {content: number for content, (number, _) in special.items()}
        for content in tokenizer.all_special_tokens:
            self.control.setdefault(content, tokenizer.convert_tokens_to_ids(content))
        self._never = set(self.control.values()) - {tokenizer.unk_token_id}
        longest_first = sorted(self.control, key=len, reverse=True)
        self._literal = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        # Like the tokenizer itself, a control token in markup may swallow the white space beside it.
        self._markup = re.compile("|".join(
            ("", r"\s*")[name in special and special[name][1].lstrip] + f"({re.escape(name)})"
            + ("", r"\s*")[name in special and special[name][1].rstrip] for name in longest_first) or "(?!)")

        layout = json.loads(backend.to_str())
        layout["truncation"] = layout["padding"] = None
        whole = Tokenizer.from_str(json.dumps(layout))
        layout["normalizer"] = _without_prefix(layout["normalizer"])
        layout["pre_tokenizer"] = _without_prefix(layout["pre_tokenizer"])
        self._raw = Tokenizer.from_str(json.dumps(layout))
        self._raw.encode_special_tokens = True      # do not look for special tokens in the text
        self._cached = lru_cache(50_000)(self._pieces)
        control = next((name for name, number in self.control.items() if number in self._never), None)
        self._space = {"text": "no", "start": self._rule(whole, ""),
                       "control": self._rule(whole, control) if control else "no"}
        self._anchor = self.encode("a")             # a neighbour, so that a leading space survives decoding
        self._anchor_text = self._decode(self._anchor, clean_up_tokenization_spaces=False)

    def _rule(self, whole, before: str) -> str:
        """What the tokenizer does to a text after ``before``: adds a space never, where missing, or always."""
        def seen(text):
            return whole.encode(before + text, add_special_tokens=False).ids[1 if before else 0:]
        if seen("a") == self._pieces("a"):
            return "no"
        return "if missing" if seen(" a") == self._pieces(" a") else "always"

    def adds_space(self, context: str) -> bool:
        """Does the tokenizer write a space of its own before a text at "start", after "control" or "text"?"""
        return self._space[context] != "no"

    def encode(self, text: str, context: str = "text") -> list[int]:
        """Ids of ``text`` that follows other "text", a "control" token, or nothing ("start")."""
        if not text:
            return []
        rule = self._space[context]
        if rule == "always" or (rule == "if missing" and not text.startswith(" ")):
            text = " " + text
        return list(self._cached(text))             # questions and system messages come back all the time

    def _pieces(self, text: str) -> list[int]:
        ids = self._raw.encode(text, add_special_tokens=False).ids
        if self._never.isdisjoint(ids):
            return ids
        # The vocabulary itself spells a control token (whole-word vocabularies do): break the word up.
        ids, done = [], 0
        for cut in [hit.start() + 1 for hit in self._literal.finditer(text)] + [len(text)]:
            ids += self._raw.encode(text[done:cut], add_special_tokens=False).ids
            done = cut
        if self._never.isdisjoint(ids):
            return ids
        raise InputError(f"The tokenizer reads {text!r} as a control token even in parts; use another tokenizer.")

    def markup(self, text: str) -> list[str | int]:
        """Text of a template, split into plain text and the ids of its control tokens."""
        pieces, done = [], 0
        for hit in self._markup.finditer(text):
            pieces += [text[done:hit.start()], self.control[hit[hit.lastindex]]]
            done = hit.end()
        return [piece for piece in [*pieces, text[done:]] if piece != ""]

    def decode(self, ids: list[int]) -> str:
        """The text of ``ids`` as it stands after other text: a leading space is kept."""
        text = self._decode(self._anchor + list(ids), clean_up_tokenization_spaces=False)
        return text[len(self._anchor_text):]


def _without_prefix(part):
    """A normalizer or pre-tokenizer (as JSON) that writes no space of its own before the text."""
    if part is None or part["type"] == "Prepend":
        return None
    if part["type"] == "Sequence":
        name = "normalizers" if "normalizers" in part else "pretokenizers"
        return {**part, name: [kept for kept in map(_without_prefix, part[name]) if kept]}
    if part["type"] == "Metaspace":
        return {**part, "prepend_scheme": "never"}
    return {**part, "add_prefix_space": False} if part["type"] == "ByteLevel" else part


_KNOWN: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def plain_text(tokenizer) -> PlainText:
    """The PlainText of a tokenizer, made once and again whenever its special tokens change."""
    state = (len(tokenizer), tuple(tokenizer.all_special_ids))
    if tokenizer not in _KNOWN or _KNOWN[tokenizer][0] != state:
        _KNOWN[tokenizer] = (state, PlainText(tokenizer))
    return _KNOWN[tokenizer][1]


class Writer:
    """Builds ``ids``, ``mask`` (True = supervised) and ``picture_starts`` as a template dictates.

    ``where`` names the sample in errors. Nothing is supervised in a ``prompt``.
    """

    def __init__(self, tokenizer, visual_tokens: int, where: str, prompt: bool):
        self.tokenizer, self.plain = tokenizer, plain_text(tokenizer)
        self.visual_tokens, self.where, self.prompt = visual_tokens, where, prompt
        self.ids: list[int] = []
        self.mask: list[bool] = []
        self.picture_starts: list[int] = []
        self._context = "start"

    def _add(self, ids: list[int], supervised: bool, context: str) -> None:
        if ids:
            self.ids += ids
            self.mask += [supervised and not self.prompt] * len(ids)
            self._context = context

    def begin(self) -> None:
        """The tokenizer's <s>; nothing if it has none (GPT-2, Qwen)."""
        if self.tokenizer.bos_token_id is not None:
            self._add([self.tokenizer.bos_token_id], False, "start")

    def end(self, supervised: bool) -> None:
        """The tokenizer's </s>."""
        if self.tokenizer.eos_token_id is None:
            raise InputError("The tokenizer has no end token, so an answer could never end; set tokenizer.eos_token.")
        self._add([self.tokenizer.eos_token_id], supervised, "control")

    def text(self, text: str, supervised: bool = False) -> None:
        self._add(self.plain.encode(text, self._context), supervised, "text")

    def word(self, text: str) -> None:
        """A text with one space before it: ours, or the tokenizer's own where it writes one here anyway."""
        ours = self._context != "start" and not self.plain.adds_space(self._context)
        self.text(" " + text if ours else text)

    def markup(self, text: str, supervised: bool = False) -> None:
        """Text of a chat template, in which control tokens are meant."""
        for piece in self.plain.markup(text):
            if isinstance(piece, int):
                self._add([piece], supervised, "control")
            else:
                self.text(piece, supervised)

    def user(self, content: str) -> None:
        """A user's text, never supervised; each <image> in it is a picture."""
        first, *rest = content.split(IMAGE)
        self.text(first)
        for text in rest:
            self.picture()
            self.text(text)

    def picture(self) -> None:
        self.picture_starts.append(len(self.ids))
        self._add([image_token_id(self.tokenizer)] * self.visual_tokens, False, "control")
