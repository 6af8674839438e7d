"""One answer on the scales of the rule-based judge: what the context supports, contradicts, and finds left out.

Scores run from 1 to 10. A question whose answer the context knows (a colour, a number, a side) is answered or not; a
description is weighed by how much of the picture it names, and where; an answer that reasons, by whether it draws a
conclusion at all, what it names as evidence, and how much of it has to do with the picture. Length as such counts for
nothing: what is said twice, and what an answer says about itself ("Let me look with care"), is passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from ..instruct.claims import contradictions
from ..instruct.reading import Facts, read
from ..instruct.speech import noun
from ..instruct.words import COLOURS, NUMBERS, category, mentions, tokens
from ..storybook.vocabulary import WEATHER
from .asked import Asked, asked, said
from .clauses import shown, strays
from .counted import miscounted, numbers, of_groups

ENOUGH = 0.8                # of what a picture shows; a description with so much of it is complete
GROUNDED = 0.4              # of the words of an answer that reasons; the rest is what it concludes
_DESCRIBE = re.compile(r"\b(?:describe|description|detail(?:s|ed)?|elaborate|everything|all (?:the things|that)|explain the visual|paragraph|"
                       r"what is (?:where|going on)|report|what does it show|what does one see|one side to the other|main features|analy[sz]e the image|"
                       r"what do you (?:see|think is going)|which people, animals|tell me (?:about|what)|the rest of the picture|summari[sz]e|paint(?:er)?|"
                       r"about this (?:photo|picture|image)|this photo about|characteristics)\b", re.I)
_SO = re.compile(r"\b(?:because|so|since|therefore|thus|may|might|could|probably|likely|perhaps|suggests?|indicates?|means|belongs?|without|as a result|"
                 r"implies|would|plausible|to (?:keep|protect|avoid|give)|should|must|ought|needs?|one can|people can|watch out|take care|careful|wears?|inferred)\b", re.I)
_PLAIN = re.compile(r"(?:what (?:is|are|does|do)|which|where|who|is|are|does|do|how many)\b", re.I)       # begins a question that asks for no conclusion
_WHY = re.compile(r"\b(?:why|reasons?|how (?:can|could|might|should|would|do|does)|inferred|potential|possible|purpose|and how)\b", re.I)      # unless one of these is in it
_ITSELF = re.compile(r"\b(?:I|me|my|(?:this|the|my) (?:answer|question)|to say|once more|in other words|in short|to sum up|to repeat)\b")
_CLAUSE = re.compile(r"[.!?;]\s+|,\s+(?:so|but|because|since|and) |\s+because ")
_NAMES = {"there": "whether it is there", "side": "where it is", "beside": "on which side it is", "thing": "what it is", "odd": "what is odd",
          "inside": "whether it is inside"}
_STOP = set("""the and that this with from into they them their there here where which what when while who whom whose are was were been being has have had
does did not but for its his her our your you can could may might will would shall should one two some any all each every both such than then very also
just only more most much many other another same see sees seen show shows shown look looks picture image photo scene visible appear appears yes because
since probably likely""".split())
_NO_EVIDENCE = {*COLOURS, "left", "right", "middle", "small", "big"}       # by themselves: "On the left." tells nothing of a picture


@dataclass(frozen=True)
class Weighed:
    """The score of one answer and what it stands on."""

    score: int                                  # 1 to 10
    supported: tuple[str, ...] = ()             # what it says that the context says too
    contradicted: tuple[tuple[str, str], ...] = ()      # (reason, sentence)
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"supported: {', '.join(self.supported)}" if self.supported else "nothing of it is supported by the context"]
        parts += [f"contradicted: {', '.join(f'{reason} ({sentence!r})' for reason, sentence in self.contradicted)}"] * bool(self.contradicted)
        parts += [f"left out: {', '.join(self.left_out)}"] * bool(self.left_out)
        return "; ".join(parts) + "."


def weigh(question: str, answer: str, context: str) -> Weighed:
    """Weighs an answer by the context alone; the other answer plays no part, and so neither does the order."""
    if not re.search(r"\w", answer):
        return Weighed(1, (), (), ("everything",))
    facts, answer = read(context), matter(answer, context)
    wrong = _contradicted(question, answer, facts)
    what = asked(question, facts)
    if what.right:
        named = frozenset(name for name in what.right if what.aspect == "name" and name in answer.lower())       # however it is written
        values = named or said(what.aspect, answer, question)
        if what.aspect == "there" and not values and not wrong and (verdict := shown(question, answer)):      # a caption says yes in its own way
            values = frozenset([verdict])
        if what.aspect != "inside" or values != what.right:                 # else it is asked how one can tell, too
            return _exact(what, values, wrong, answer)
    elif _DESCRIBE.search(question):
        return _description(answer, facts, wrong)
    return _open(question, answer, context, facts, wrong)


def matter(answer: str, context: str) -> str:
    """The answer without sentences that come again, and without those about itself that name nothing of the picture.

    >>> matter("Let me look with care. A dog. A dog.", "A red dog.")
    'A dog.'
    """
    sentences = re.split(r"(?<=[.!?;:])\s+", answer.strip())
    kept = list(dict.fromkeys(one for one in sentences if not (_ITSELF.search(one) and not mentions(one) and not content(one) & content(context))))
    return " ".join(kept) or answer


def _contradicted(question: str, answer: str, facts: Facts) -> list[tuple[str, str]]:
    """(reason, words) of everything that the context contradicts, a statement once for each reason.

    The checker names one sentence for a reason, and passes over a sentence with a "may" in it; here each clause is looked at
    for itself, since what a guess rests on is no guess: "It is raining, so they may be wet."
    """
    whole = re.sub(r"^\W*(orange)\W*$", r"In \1.", answer, flags=re.I)       # by itself it would be the fruit
    clauses, kept = _CLAUSE.split(answer.strip()), []
    each = [one for clause in clauses if len(clauses) > 1 for one in contradictions("", f"{clause.rstrip('.!?')}.", facts)]
    for reason, words in contradictions(question, whole, facts) + each + of_groups(answer, facts):
        bare = words.strip(" .,;:!?")
        if not any(reason == other and (bare in said_ or said_.strip(" .,;:!?") in bare) for other, said_ in kept):
            kept.append((reason, words))
    return kept


def _exact(what: Asked, values: frozenset, wrong: list, answer: str) -> Weighed:
    """10 for a right answer, 2 for a wrong one, 3 where nothing is said on the matter; two points less for each other contradiction."""
    right, name = ", ".join(sorted(what.right)), _NAMES.get(what.aspect, f"the {what.aspect}")
    if not values:
        return Weighed(max(1, 3 - len(wrong)), (), tuple(wrong), (f"{name} ({right})",))
    if values <= what.right:
        return Weighed(max(2, 10 - 2 * len(wrong)), (f"{name} ({', '.join(sorted(values))})",), tuple(wrong))
    wrong = wrong or [(f"wrong answer to {name}", answer.strip())]
    return Weighed(max(1, 3 - len(wrong)), (), tuple(wrong), (f"{name} ({right})",))


def _description(answer: str, facts: Facts, wrong: list) -> Weighed:
    """1 + 9 x (share of the picture that is named) x (share of what is said that holds); a contradiction weighs as two supported facts."""
    there, known = salient(facts), {words for _, words in wrong}
    wrong = wrong + [one for one in miscounted(answer, facts) if one[1] not in known]
    here = [name for name, test in there.items() if test(answer)]
    share = min(1.0, len(here) / max(1.0, ENOUGH * len(there)))
    holds = len(here) / (len(here) + 2 * len(wrong)) if here else 0.0
    return Weighed(round(1 + 9 * share * holds), tuple(here), tuple(wrong), tuple(name for name in there if name not in here))


def _open(question: str, answer: str, context: str, facts: Facts, wrong: list) -> Weighed:
    """1, and four points for evidence from the picture, three for a conclusion where one is asked for, two for keeping to the picture.

    The points are halved by one contradiction, divided by three for two, and so on. Without the conclusion that is asked for
    an answer is beside the point, however true it is: 3 with evidence, 2 without, and one less for each contradiction. So it
    is where it does not speak of the thing, or the matter, that is asked about.
    """
    known, words = content(context) | content(question), content(answer)
    evidence = sorted((words & content(context)) - _NO_EVIDENCE)
    things = {category(m.category).spoken for m in mentions(answer) if facts.of(m.category)}
    things |= {WEATHER[name] for name in said("weather", answer, "") & {facts.weather}}
    concludes = bool(_SO.search(answer)) or not (_WHY.search(question) or not _PLAIN.match(question.strip()))
    grounded = min(1.0, len(words & known) / (GROUNDED * len(words))) if words else 0.0
    found = bool(evidence or things)
    astray = strays(question, answer, facts)
    left_out = [*["anything of the picture"] * (not found), *["a reason or a conclusion"] * (not concludes), *[astray] * bool(astray)]
    score = round(1 + (4 * found + 3 + 2 * grounded) / (1 + len(wrong))) if concludes and not astray else max(1, 2 + found - len(wrong))
    return Weighed(score, (*sorted(things), *(word for word in evidence if word not in content(" ".join(things)))), tuple(wrong), tuple(left_out))


def salient(facts: Facts) -> dict:
    """What a description should name: {in words: test of an answer}. Things, how many, their colours, where they are, place, weather, what touches what.

    Of free captions also the words that two of them share, for what several people mention is what one sees.
    """
    tests = {}
    for name in dict.fromkeys(thing.category for thing in facts.things):
        tests[category(name).spoken] = lambda text, name=name: any(m.category == name for m in mentions(text))
    for name, number in facts.counts.items() if facts.told else ():
        if number > 1:
            tests[f"{NUMBERS[number]} {category(name).plural}"] = lambda text, name=name, number=number: number in numbers(text, name)
    for name, colour in sorted({(look[0], look[1]) for look in facts.looks if look[1] and not look[3]} | set(facts.colours.items())):
        tests[noun(name, colour)] = lambda text, name=name, colour=colour: _together(text, (name,), colour)
    for name, side in dict.fromkeys((thing.category, thing.side) for thing in facts.things if thing.side and facts.told):
        tests[f"{category(name).spoken} {side}"] = lambda text, name=name, side=side: _together(text, (name,), side=side)
    if facts.place:
        tests[facts.place.phrase] = lambda text: facts.place.name in tokens(text)
    if facts.weather:
        tests[WEATHER[facts.weather]] = lambda text: bool(said("weather", text, "") & {facts.weather})
    for kind, one, _, other, _ in facts.relations:
        tests[f"{category(one).spoken} {kind} {category(other).spoken}"] = lambda text, pair=(one, other): _together(text, pair)
    if not facts.told:
        boxed = content(" ".join(tests))
        shared = Counter(word for caption in facts.captions for word in content(caption) - boxed)
        for word in sorted(word for word, n in shared.items() if n > 1):
            tests[word] = lambda text, word=word: word in content(text)
    return tests


@lru_cache(maxsize=4096)
def content(text: str) -> frozenset[str]:
    """The words that carry meaning, in a common form: "walking" and "walks" are "walk"."""
    return frozenset(re.sub(r"(?<=[a-z]{3})(?:ing|ed|(?<!s)s)$", "", word) for word in tokens(text) if word.isalpha() and len(word) > 2 and word not in _STOP)


def _together(text: str, names: tuple[str, ...], colour: str | None = None, side: str = "") -> bool:
    """Does one sentence name all of these, and the colour, and the side?"""
    for sentence in re.split(r"(?<=[.!?;])\s+", text):
        here = {m.category for m in mentions(sentence)}
        if set(names) <= here and side in sentence.lower() and (colour is None or colour in {COLOURS.get(word) for word in tokens(sentence)}):
            return True
    return False
