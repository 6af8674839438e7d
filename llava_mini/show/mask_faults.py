"""What code for training gets wrong between a conversation and its labels, done on purpose, to be looked at.

Every fault here starts from the ids and the mask of :func:`llava_mini.conversation.render` and spoils them as
programs in use have spoiled theirs.

>>> spoil("end token masked", messages, "v1", tokenizer=tokenizer, visual_tokens=64)     # doctest: +SKIP
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from os.path import commonprefix

from ..conversation import IGNORE, Rendered, image_token_id, labels, render, stop_ids, stop_strings
from ..errors import InputError
from ..writer import plain_text


@dataclass(frozen=True)
class Labelled:
    """What a training gets of one conversation. ``ids`` and ``labels`` have the same length."""

    ids: list[int]
    labels: list[int]              # not shifted: what the model is asked to write in the place of this token; IGNORE: nothing
    picture_starts: list[int]      # index of the first visual token of each picture
    about: str                     # what the code did, and how it shows


@dataclass(frozen=True)
class Asked:
    """A conversation and how it is to be rendered: what a fault starts from."""

    messages: list[dict]
    template: str
    tokenizer: object
    visual_tokens: int
    sample_id: str | None = None

    def render(self, messages: list[dict] | None = None, **options) -> Rendered:
        return render(self.messages if messages is None else messages, self.template, tokenizer=self.tokenizer,
                      sample_id=self.sample_id, **{"visual_tokens": self.visual_tokens, **options})


def spoil(fault: str, messages: list[dict], template: str, *, tokenizer, visual_tokens: int, sample_id: str | None = None) -> Labelled:
    """The conversation as ``fault``, a key of FAULTS, leaves it. Raises InputError as ``render`` does, and for another name."""
    if fault not in FAULTS:
        raise InputError(f"There is no fault {fault!r}; choose one of {', '.join(FAULTS)}.")
    return FAULTS[fault](Asked(messages, template, tokenizer, visual_tokens, sample_id))


def _none(asked: Asked) -> Labelled:
    rendered = asked.render()
    return Labelled(rendered.ids, labels(rendered), rendered.picture_starts,
                    "Nothing is wrong: the model learns to write its answers and the mark that ends each, and nothing else.")


def _answer_missing(asked: Asked) -> Labelled:
    rendered = asked.render()
    kept = [place for place, supervised in enumerate(rendered.mask) if not supervised]
    starts = [sum(not supervised for supervised in rendered.mask[:start]) for start in rendered.picture_starts]
    return Labelled([rendered.ids[place] for place in kept], [IGNORE] * len(kept), starts,
                    "Only what comes before an answer was put into the sequence. Nothing is left to learn: the mean loss over "
                    "no token is no number (NaN), or 0 in code that guards against that, and the model stays as it was.")


def _prompt_supervised(asked: Asked) -> Labelled:
    rendered = asked.render()
    image = image_token_id(asked.tokenizer)
    about = ("The mask leaves out the visual tokens only. Most of the loss is now about the template and the user's words: it starts high, "
             "falls fast while the template is learnt by heart, and says little about the answers.")
    if asked.template == "plain":
        about = ("The mask leaves out the visual tokens only. It makes no difference here: the template plain writes nothing but <s> "
                 "and pictures before an answer.")
    return Labelled(rendered.ids, [IGNORE if number == image else number for number in rendered.ids], rendered.picture_starts, about)


def _end_masked(asked: Asked) -> Labelled:
    rendered, place = asked.render(), 0
    found = labels(rendered)
    while place < len(found):
        end = place
        while end < len(found) and rendered.mask[end]:
            end += 1
        for masked in range(end - _end_length(rendered.ids[place:end], asked), end):
            found[masked] = IGNORE
        place = end + 1
    return Labelled(rendered.ids, found, rendered.picture_starts,
                    "The mark that ends an answer is not learnt. The usual way there: the end token also serves as padding, and all "
                    "padding is masked. The loss looks well; the answers go on and on until the limit of new tokens.")


def _end_length(run: list[int], asked: Asked) -> int:
    """How many tokens at the end of a supervised run are the template's mark for the end."""
    if run and run[-1] in stop_ids(asked.template, asked.tokenizer):
        return 1
    for stop in stop_strings(asked.template, asked.tokenizer):
        ids = plain_text(asked.tokenizer).encode(stop)
        if run[-len(ids):] == ids:
            return len(ids)
    return 0


def _shifted_twice(asked: Asked) -> Labelled:
    rendered = asked.render()
    return Labelled(rendered.ids, [*labels(rendered)[1:], IGNORE], rendered.picture_starts,
                    "The labels were moved by one place, and the model moves them once more by itself. In each place it is asked for "
                    "the token after the right one (→). The loss starts far too high, and the answers learn to skip words.")


def _not_expanded(asked: Asked) -> Labelled:
    rendered = asked.render(visual_tokens=1)
    pictures = len(rendered.picture_starts)
    about = (f"The text holds {pictures} <image> token{'s' * (pictures != 1)}; the vision tower gives {asked.visual_tokens} visual tokens "
             "for each picture. llava_mini stops and names both numbers; code that does not count shows the model one patch, or fails "
             "far from the cause."
             if pictures else "There is no <image> in this conversation, so nothing was to be expanded.")
    return Labelled(rendered.ids, labels(rendered), rendered.picture_starts, about)


def _separator(asked: Asked) -> Labelled:
    """The mask is found afterwards, by a search for the words that the template writes before and after an answer."""
    before, after = _marks(asked)
    messages = asked.messages
    said = [number for number, message in enumerate(messages) if message["role"] == "user"]
    if before and said and not any(before in messages[number]["content"] for number in said):
        quoting = f'{messages[said[-1]]["content"]} The sign says "{before} stop".'
        messages = [*messages[:said[-1]], {"role": "user", "content": quoting}, *messages[said[-1] + 1:]]
    rendered = asked.render(messages)
    if not before:
        return Labelled(rendered.ids, labels(rendered), rendered.picture_starts,
                        "This template writes nothing before an answer that could be searched for, so nothing can be mistaken for it.")
    texts = {number: token_text(number, asked.tokenizer) for number in set(rendered.ids)}
    pieces = [texts[number] for number in rendered.ids]
    starts = accumulate(map(len, pieces), initial=0)
    found = [hit.span(1) for hit in re.finditer(f"{re.escape(before)}(.*?(?:{after}|\\Z))", "".join(pieces), re.DOTALL)]
    marked = [any(first <= start < last for first, last in found) for start in starts]
    found = [number if learnt else IGNORE for number, learnt in zip(rendered.ids, marked)]
    return Labelled(rendered.ids, found, rendered.picture_starts,
                    f"The mask was made afterwards, by searching the text for {before!r}. The user's words hold it too, so a part of the "
                    "question counts as an answer and the model learns to write questions. Code that notices drops the whole sample.")


def _marks(asked: Asked) -> tuple[str, str]:
    """What the template writes before an answer, as text; a pattern for all that may end one."""
    one, other = (asked.render([{"role": "user", "content": content}], prompt=True).ids[::-1] for content in ("x", "y"))
    shared = commonprefix([one, other])[::-1] if one != other else []     # a template without the user's words has no separators
    before = "".join(token_text(number, asked.tokenizer) for number in shared).strip().rpartition("\n")[2]    # of several lines the last
    ends = [token_text(number, asked.tokenizer) for number in stop_ids(asked.template, asked.tokenizer)]
    return before, "|".join(map(re.escape, [*ends, *stop_strings(asked.template, asked.tokenizer)]))


def _cut(asked: Asked) -> Labelled:
    rendered = asked.render()
    length = len(rendered.ids) // 2
    return Labelled(rendered.ids[:length], labels(rendered)[:length], [start for start in rendered.picture_starts if start < length],
                    f"The sequence was cut after {length} tokens to fit a length, and nobody was told. What lies behind is gone: ends of "
                    "answers, whole answers, or a part of a picture, which then no longer has as many <image> tokens as visual tokens.")


def token_text(number: int, tokenizer) -> str:
    """A token as text, its leading space kept; a byte that is no character alone has its name, as in <0xC3>."""
    text = plain_text(tokenizer).decode([number])
    return text if text and "\N{REPLACEMENT CHARACTER}" not in text else str(tokenizer.convert_ids_to_tokens(number))


FAULTS: dict[str, Callable[[Asked], Labelled]] = {
    "none": _none,
    "answer missing": _answer_missing,
    "prompt supervised": _prompt_supervised,
    "end token masked": _end_masked,
    "labels shifted twice": _shifted_twice,
    "<image> not expanded": _not_expanded,
    "separator inside the text": _separator,
    "cut in silence": _cut,
}
