"""Which part of an answer is about what was asked: what a caption says of other things must not answer for it.

>>> relevant("colour", "The umbrella is next to a red ball, and the dog is brown.", "What colour is the dog?")
'the dog is brown .'
>>> relevant("side", "A yellow boat to the left of a yellow boat.", "Where is the bus?")
''
"""

from __future__ import annotations

import re

from ..instruct.reading import Facts
from ..instruct.words import COLOURS, MEMBERS, NUMBERS, SIZES, Mention, category, mentions, tokens

_SIDES = r"left|right|middle|cent(?:er|re)"
_WORDS = {name: re.compile(rf"\b(?:{'|'.join(words)})\b") for name, words in (
    ("colour", COLOURS), ("count", (*NUMBERS, r"\d+")), ("size", SIZES), ("side", (_SIDES,)), ("beside", ("left", "right")))}     # of values, by aspect
# "to the left of a boat" is no place in the picture; "on the left of the picture" is.
_SEEN_FROM = re.compile(rf"\b(?:(?:to|on|at|in|from) the )?(?:{_SIDES})(?: side| part| end)? of\b(?! (?:the|this) (?:picture|image|photo|scene|frame))")
_LEAD = re.compile(rf"\W*(?:on|in|at|to) the (?:{_SIDES})\b")
_BESIDE = re.compile(r".+?(?=,?\s(?:next|beside|near|close|under|behind|above|in front|while|whereas|but)\b)", re.I)       # up to what only tells where, or of others
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|there|wears?|looks?)\b")
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|she|his|her|him|this|these)\b", re.I)
UNSURE = re.compile(r"\b(?:may|might|could|would|if|or|like|not|never|without|none|nothing|neither|probably|perhaps)\b|n't\b", re.I)
_SOMEBODY = re.compile(r"\b(?:one|you|we|they|he|she|some(?:body|one)|any(?:body|one)|every(?:body|one)|nobody)\b", re.I)
_SORTS = {        # a question of this sort -> the words of which its answer must have one
    r"\b(?:could|can|should|might|may) (?:\w+ )?eat\b": r"eat\w*|foods?|meals?|fruits?|vegetables?|snacks?|hungry|drink|picnic|cook\w*",
    r"\bwatch out\b|\bcareful\b|\bdangers?\b|\brisks?\b|\bhazards?\b":
        r"watch|careful\w*|care|danger\w*|risks?|hazard\w*|safe\w*|avoid\w*|fall\w*|slip\w*|hits?|hurt\w*|heavy|fast|strong|stop|beware|wet|cold|"
        r"accidents?|injur\w*|cautio\w*|attention|aware|traffic|collisions?|balance|mind",
    r"\b(?:should|could|can|to) (?:\w+ )?(?:wear|dress)\b":
        r"wear\w*|dress\w*|cloth\w*|coats?|raincoats?|hats?|caps?|boots|shoes|jackets?|shirts?|gloves?|scar(?:f|ves)|"
        r"warm\w*|umbrella|sunglasses|swim\w*|suits?|trousers|shorts"}


def own(question: str) -> frozenset[str]:
    """COCO's names of what a question is about: the things that it mentions, and all of a group ("How many animals ...")."""
    groups = [members for group, members in MEMBERS.items() if re.search(rf"\b{group}s?\b", question.lower())]
    return frozenset({m.category for m in mentions(question)}.union(*groups))


def relevant(aspect: str, answer: str, question: str) -> str:
    """What of an answer can tell the colour, count, size or side that is asked for; all of it where another aspect is."""
    ours = own(question)
    if aspect not in _WORDS or not ours:
        return answer
    kept, before = [], True
    for sentence in sentences(re.sub(r"^\W*(orange)\W*$", r"In \1.", answer, flags=re.I)):       # by itself it would be the fruit
        named = {m.category for m in mentions(sentence)}
        if named and not named & ours and (head := _BESIDE.match(sentence)) and not mentions(head[0]):        # "On the right, next to the dog."
            sentence, named = head[0], set()
        if named or not _PRONOUN.match(sentence):               # "It is red." goes on about what was named before
            before = bool(named & ours) or not named
        if not before:
            continue
        kept.append(_compared(sentence, question, ours) if aspect == "beside" else _own_parts(aspect, sentence, ours))
    return " ".join(part for part in kept if part)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?;:])\s+", text.strip())


def _compared(sentence: str, question: str, ours: frozenset[str]) -> str:
    """A sentence on which of two things is left of the other, told from the one that the question names first; "" where a third one is in it."""
    named = [m.category for m in mentions(sentence)]
    if set(named) - ours:
        return ""
    if len(named) == 2 and set(named) == ours and named[0] != mentions(question)[0].category and re.search(r"\b(?:left|right) of\b", sentence):
        return re.sub(r"\b(left|right)\b", lambda side: {"left": "right", "right": "left"}[side[0]], sentence)
    return sentence


def _own_parts(aspect: str, sentence: str, ours: frozenset[str]) -> str:
    """The parts of a sentence that name one of ``ours``, or nothing; other things' phrases are cut down to the noun.

    "A dog and a cat on the left": what has no value takes that of the next part, up to a verb. "On the left there is a dog and a cat": or the lead's.
    """
    words = _without_others(sentence, ours)
    words = _SEEN_FROM.sub(" ", words) if aspect == "side" else words
    lead, kept, waiting = _LEAD.match(words), [], False
    for part in re.split(r"\s+(?:and|but|while|whereas|,)\s+(?:and\s+|but\s+)?", words):
        named, valued = {m.category for m in mentions(part)}, bool(_WORDS[aspect].search(part))
        if not named or named & ours or waiting:
            if named & ours and not valued and not _VERB.search(part) and aspect == "side" and lead:
                part = f"{part} {lead[0]}"
            kept.append(part)
            waiting = not _WORDS[aspect].search(part) and not _VERB.search(part) and bool(named)
    return " ".join(kept).strip()


def _without_others(sentence: str, ours: frozenset[str]) -> str:
    """In lower case, with the phrases for other things cut down to their nouns: "a dog and two red balls" -> "a dog and balls"."""
    words, parts, at = tokens(sentence), [], 0
    for m in mentions(sentence):
        if m.category not in ours:
            parts, at = [*parts, *words[at:m.start], category(m.category).spoken], m.end
    return " ".join([*parts, *words[at:]])


def shown(question: str, answer: str) -> str | None:
    """"yes" where an answer without the word says that what is asked for is there, in all the words of the question; "no" where it denies it."""
    asked = mentions(question)[0]
    for sentence in sentences(answer):
        for m in mentions(sentence):
            if m.category == asked.category and m.determiner == "no" and set(m.colours) <= set(asked.colours) and m.size in (None, asked.size):
                return "no"
            if m.category == asked.category and m.clear and not UNSURE.search(sentence) and m.determiner != "no" and _fits(asked, m, sentence):
                return "yes"
    return None


def _fits(asked: Mention, m: Mention, sentence: str) -> bool:
    """Has what is named the colour, size and number that are asked for? Of one thing alone the whole sentence tells: "The dog is red." """
    words = tokens(sentence) if len(mentions(sentence)) == 1 else []
    colours = {*m.colours, *(COLOURS[word] for word in words if word in COLOURS)}
    sizes = {m.size, *(SIZES[word] for word in words if word in SIZES)}
    return set(asked.colours) <= colours and (asked.size is None or asked.size in sizes) and asked.number in (None, 1, m.number)


def strays(question: str, answer: str, facts: Facts) -> str | None:
    """What an answer that reasons fails to speak of: the thing that is asked about, or the matter; None where it keeps to the question.

    Of a thing that the picture has not, the question says nothing here; a pronoun stands for what was asked as long as nothing else was named.
    """
    for asks, needs in _SORTS.items():
        if re.search(asks, question, re.I) and not re.search(rf"\b(?:{needs})\b", answer, re.I) and not (
                "eat" in asks and {m.category for m in mentions(answer)} & MEMBERS["food"]):
            return "what the question asks for"
    ours = {m.category for m in mentions(question) if facts.of(m.category)}
    named = mentions(answer)
    if not ours or ours & {m.category for m in named} or "person" in ours and _SOMEBODY.search(answer):
        return None
    if any(set(tokens(answer)) & category(name).doubtful for name in ours):         # "the luggage"
        return None
    first = " ".join(tokens(answer)[:named[0].start]) if named else answer
    return None if _PRONOUN.search(first) else f"the {' or the '.join(sorted(category(name).spoken for name in ours))}"
