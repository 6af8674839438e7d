"""What an answer claims, held against what the context says. Only a plain contradiction counts.

Sentences with a "may", a "no" or the like claim little and are passed over; so is every claim about which the context is
silent. What is left is read as in :mod:`.words`: noun phrases with their numbers, sizes and colours, "the dog is red",
"on the left there is", and short answers ("Two.") together with their question.

>>> from llava_mini.instruct.reading import read
>>> contradictions("How many dogs are there?", "Two.", read("A red dog on the beach on a sunny day.\\n\\ndog: [0.1, 0.5, 0.3, 0.8]"))
[('wrong number', 'Two.')]
"""

from __future__ import annotations

import re

from .places import PLACES, SAME
from .reading import Facts
from .words import COLOURS, NUMBERS, SIZES, Mention, mentions, tokens

_HEDGED = re.compile(r"\b(?:may|might|could|would|should|can(?! (?:be seen|count|see)\b)|cannot|if|when|usually|often|never|seldom|like|likely|probably|perhaps|possibly|without|"
                     r"not|no|nor|nothing|nobody|none|neither|belongs?|such|instead|than|unless|imagine|seems?|appears?|suggest\w*|or)\b|n't\b")
_ASKS_THERE = re.compile(r"(?:is|are) there\b|(?:do|can) (?:you|one|we) see\b|does the (?:picture|image|photo) show\b|"
                         r"(?:is|are) .* (?:in the (?:picture|image|photo|scene)|visible)\?")
_ASKS_NUMBER = re.compile(r"how many\b|(?:can you |please )?count the\b|what is the (?:total )?number of\b")
_SIDE = re.compile(r"\b(?:on|in|at) the (left|right|middle|cent(?:er|re))\b(?: side| part)?(?: of the (?:picture|image|photo|scene))?(?! of\b)")
_SEEN_FROM = re.compile(r"\b(?:to|on) the (left|right) of\b(?! the (?:picture|image|photo|scene))")
_SIDES = {"left": "on the left", "right": "on the right", "middle": "in the middle", "center": "in the middle", "centre": "in the middle"}
_WEATHER = {"sunny": "sunny", "sun is shining": "sunny", "sun shines": "sunny", "raining": "rainy", "rainy": "rainy", "it rains": "rainy",
            "rain is falling": "rainy", "cloudy": "cloudy", "clouds cover": "cloudy", "it is night": "night", "at night": "night"}
_DENIES = re.compile(r"(?:no, )?(?:there (?:is|are)|(?:one|we|you) sees?) no ")
_VERDICT = re.compile(r", so (yes|no)\W*$")               # behind the evidence: "The car is brown, so no."
_COUNTING = re.compile(r"(?:in all |together |in total )?(?:there (?:is|are)|one can count)\b(?! also)")
_SHOWN = re.compile(r"\b(?:there (?:is|are)|sees?|seen|shows?|visible|on the (?:left|right)|in the (?:middle|background|foreground|picture|image))\b")
_TOUCHING = re.compile(r"\b(?:hold|holds|holding|carrying|wearing|under|behind|beside|next|between|with|riding|front)\b|\bon (?!the (?:left|right)\b)|"
                       r"\bof the (?!picture|image|photo|scene)")

_IT_IS = re.compile(rf"\bit (?:is|looks) (?:an? )?({'|'.join((*COLOURS, *SIZES))})(?: one| in colou?r)?(?=\W*$|[,;])")
# Beside these a sentence holds nothing else that "it" might mean.
_COATS = ("fur", "hair", "feathers", "paint")              # what has their colour has it too
_BARE = set("""there is are here also and , . ; one you we i see sees can be seen a the it visible stands sits lies big small large little
clearly right""".split())


def contradictions(question: str, answer: str, facts: Facts) -> list[tuple[str, str]]:
    """(reason, sentence) for what the answer says against the facts, one for each reason."""
    found, before = _answered(question, answer, facts), ""
    for sentence in re.split(r"(?<=[.!?;])\s+", _VERDICT.sub(".", answer.strip())):
        hedged = _HEDGED.search(sentence.lower())
        if not hedged:
            found += [(reason, sentence) for reason in _asserted(sentence, facts)]
            found += [(reason, sentence) for reason in _of_it(sentence.lower(), before, facts)]
        elif _denies(sentence.lower(), facts):
            found.append(("denied thing", sentence))
        before = "" if hedged else sentence.lower()
    return list({reason: (reason, text) for reason, text in reversed(found)}.values())[::-1]


def _answered(question: str, answer: str, facts: Facts) -> list[tuple[str, str]]:
    """Contradictions of an answer that is understood only with its question."""
    asked, said, about = question.lower().strip(), answer.lower().strip(), mentions(question)
    if len(about) != 1:
        return []
    one, found = about[0], []
    if _ASKS_THERE.match(asked):
        there = _is_there(one, facts)
        verdict = _VERDICT.search(said)
        yes = re.match(r"yes\b", said) or verdict and verdict[1] == "yes"
        no = re.match(r"no\b", said) or verdict and verdict[1] == "no"
        if yes and there is False:
            found.append("wrong colour" if facts.of(one.category) else "absent thing")
        if no and there is True:
            found.append("denied thing")
    elif _ASKS_NUMBER.match(asked):
        numbers = [NUMBERS.index(word) if word in NUMBERS else int(word) for word in tokens(said) if word in NUMBERS or word.isdigit()]
        right = _count(one, facts)
        if right is not None and not _SIDE.search(asked) and len(numbers) == 1 and numbers[0] != right:
            found.append("wrong number")
    elif re.search(r"\bcolou?r", asked) and not mentions(answer):
        colours = {COLOURS[word] for word in tokens(said) if word in COLOURS}
        if len(colours) == 1 and facts.of(one.category) and not _possible(one.category, colours.pop(), facts):
            found.append("wrong colour")
    elif asked.startswith("where") and not mentions(answer) and (side := _SIDE.search(said)) and _elsewhere(one, _SIDES[side[1]], facts):
        found.append("wrong side")
    return [(reason, answer) for reason in found]


def _asserted(sentence: str, facts: Facts) -> list[str]:
    """Reasons why a sentence that asserts something is wrong."""
    text, words, here, found = sentence.lower(), tokens(sentence), mentions(sentence), []
    sides = {_SIDES[name] for name in _SIDE.findall(text)}
    for m in here:
        some = m.determiner not in ("", "a", "an") if m.plural else True        # "a friend of people", "carries a few people" are sayings
        if facts.absent(m.category) and (some or m.colours or _SHOWN.search(text)):
            found.append("absent thing")
        if not facts.of(m.category) or m.determiner == "no":
            continue
        colour, size = _said_of(m, words)
        if colour and not _possible(m.category, colour, facts):
            found.append("wrong colour")
            continue                                        # of a thing that is not there number and side are no matter
        if size and _never_of_size(m.category, size, facts):
            found.append("wrong size")
        right = _count(m, facts)
        if right is not None and (m.determiner in NUMBERS or m.determiner.isdigit()):
            everything = _COUNTING.match(text) and not sides and not _TOUCHING.search(text)
            if m.number > right or everything and m.number != right:
                found.append("wrong number")
        if right == 1 and m.plural and words[m.start:m.start + 2] in (["pair", "of"], ["couple", "of"]):       # of one thing there is no pair
            found.append("wrong number")
        if len(sides) == 1 and not _TOUCHING.search(text) and _elsewhere(m, next(iter(sides)), facts):
            found.append("wrong side")
    if (seen := _SEEN_FROM.search(text)) and len(here) == 2:
        one, other = (facts.of(m.category) if facts.counts.get(m.category) == 1 else [] for m in here)
        if one and other and (left := facts.left_of(one[0], other[0])) is not None and left != (seen[1] == "left"):
            found.append("wrong side")
    others = (place for place in PLACES.values() if facts.place and SAME.get(place.name, place.name) != facts.place.name)
    if facts.place and facts.place.phrase not in text and any(place.phrase in text for place in others):
        found.append("wrong place")
    weathers = {weather for words_, weather in _WEATHER.items() if words_ in text}
    if facts.weather and weathers and facts.weather not in weathers:
        found.append("wrong weather")
    return found


def _denies(text: str, facts: Facts) -> bool:
    """Does a sentence say that there is no such thing in the whole picture, where there is one?"""
    about = mentions(text)
    return bool(_DENIES.match(text)) and len(about) == 1 and not _SIDE.search(text) and not _TOUCHING.search(text) and _is_there(about[0], facts) is True


def _of_it(text: str, before: str, facts: Facts) -> list[str]:
    """Reasons why what a sentence says of "it" is wrong, where that can only be the one thing named just before."""
    match = _IT_IS.search(text)
    if not match or any(word in COLOURS for word in tokens(text[match.end():])):        # "it is blue, white and red"
        return []
    named = text[:match.start()].strip() or before
    about, words = mentions(named), tokens(named)
    if len(about) != 1 or about[0].plural or about[0].category == "person" or not facts.of(about[0].category):
        return []
    rest = " ".join(words[:about[0].start] + words[about[0].end:])
    if words[-1] not in ("and", ",", ";", ".", "!"):                                    # "the dog sees it is blue"
        return []
    if not set(tokens(_SIDE.sub(" ", rest))) <= _BARE:
        return []
    if match[1] in SIZES:
        return ["wrong size"] * _never_of_size(about[0].category, SIZES[match[1]], facts)
    return ["wrong colour"] * (not _possible(about[0].category, COLOURS[match[1]], facts))


def _said_of(m: Mention, words: list[str]) -> tuple[str | None, str | None]:
    """Colour and size that a sentence gives a thing, within its phrase or behind it: "the dog on the left is red"."""
    colour, size, at = m.colours[0] if len(m.colours) == 1 else None, m.size, m.end
    if words[at:at + 2] in (["on", "the"], ["in", "the"]) and words[at + 2:at + 3] and words[at + 2] in _SIDES:
        at += 3
    if words[at:at + 1] == [","] and words[at + 1:at + 2] and words[at + 1] in COLOURS and words[at + 2:at + 4] in (["in", "colour"], ["in", "color"]):
        return COLOURS[words[at + 1]], size
    if words[at:at + 1] in (["has"], ["have"]) and words[at + 2:at + 3] and words[at + 1] in COLOURS and words[at + 2] in _COATS:
        return COLOURS[words[at + 1]], size
    if words[at:at + 3] in (["'s", "colour", "is"], ["'s", "color", "is"]) and words[at + 3:at + 4] and words[at + 3] in COLOURS:
        return COLOURS[words[at + 3]], size
    if words[at:at + 2] in ([",", "which"], [",", "that"]):
        at += 2
    if words[at:at + 1] and words[at] in ("is", "are", "looks", "look", "wears", "wear"):
        at += 3 if words[at + 1:at + 3] == ["dressed", "in"] else 2 if words[at + 1:at + 2] == ["wearing"] else 1
        if words[at:at + 1] in (["a"], ["an"]) and words[at + 2:at + 3] == ["one"]:              # "is a blue one"
            words, at = words[:at + 2] + words[at + 3:], at + 1
        word, behind = (words[at:at + 1] or [""])[0], (words[at + 1:at + 2] or ["."])[0]
        one = behind != "and" or words[at + 2:at + 3] == [] or words[at + 2] not in COLOURS         # "red and white" is not red
        if one and (not behind.isalpha() or behind in ("in", "on", "because", "so", "while", "and")):
            colour, size = COLOURS.get(word, colour), SIZES.get(word, size)
    before = words[max(0, m.start - 3):m.start]
    if len(before) == 3 and before[0] in COLOURS and before[1] in ("thing", "object", "animal") and before[2] == "is":
        colour = COLOURS[before[0]]
    return colour, size


def _never_of_size(name: str, size: str, facts: Facts) -> bool:
    return facts.told and not any(look[0] == name and look[2] in (size, None) for look in facts.looks)


def _possible(name: str, colour: str, facts: Facts) -> bool:
    if facts.told:
        return any(look[0] == name and look[1] in (colour, None) for look in facts.looks)
    return facts.colours.get(name, colour) == colour


def _looks(m: Mention, facts: Facts) -> int | None:
    """How many things have the colour and size of a phrase; None where the captions leave some of it open."""
    colour = m.colours[0] if len(m.colours) == 1 else None
    own = [look for look in facts.looks if look[0] == m.category]
    if len(m.colours) > 1 or colour and any(look[1] is None for look in own) or m.size and any(look[2] is None for look in own):
        return None
    return sum((colour is None or look[1] == colour) and (m.size is None or look[2] == m.size) for look in own)


def _count(m: Mention, facts: Facts) -> int | None:
    if facts.told:
        return _looks(m, facts)
    return facts.counts.get(m.category) if not m.colours and not m.size else None


def _is_there(m: Mention, facts: Facts) -> bool | None:
    if facts.absent(m.category):
        return False
    if facts.told:
        number = _looks(m, facts)
        return None if number is None else number > 0
    if not facts.of(m.category) or m.size or len(m.colours) > 1:
        return None
    return True if not m.colours else facts.colours[m.category] == m.colours[0] if m.category in facts.colours else None


def _elsewhere(m: Mention, side: str, facts: Facts) -> bool:
    """Is it certain that nothing of the phrase is on that side?"""
    things = [t for t in facts.of(m.category) if len(m.colours) != 1 or t.colour in (m.colours[0], None)]
    return m.category in facts.counts and bool(things) and all(t.side and t.side != side for t in things)
