"""The letter that a model's text chooses, or why none can be read. Nothing is guessed.

The authors take a bare letter, else a letter at the start ("B. ...", whatever comes after it), else "The answer is B."
where that stands once; all else is wrong to them, see :func:`authors`. Here more ways of writing are read ("(b)", "Answer: B",
a letter on the last line, bold type, quotation marks, the word for answer in some other languages), and two answers that differ are refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

EMPTY, TWO, NO_OPTION, SCRIPT, NONE = "empty", "two answers", "no such option", "another script", "no letter"
REASONS = (EMPTY, TWO, NO_OPTION, SCRIPT, NONE)
OPTIONS = ("A", "B", "C", "D", "E")             # the letters that the authors know

_ONE = r"(?:\([A-Ha-h]\)|[A-H](?![\w'’]))"          # a letter as part of a sentence; small ones only in brackets
_SAYS = (r"(?i:answer|choice|option|antwort|respuesta|réponse|risposta|resposta|antwoord|svaret|ответ)"
         r"(?:\s+(?i:is|was|would be|must be|should be|ist|es|est|è|é|är|er)\b\s*:?|\s*[:=])\s*(?i:(?:option|choice|letter)\s+)?"
         r"|(?:答案|答え|正解|정답)\s*(?:是|は|은)?\s*:?\s*")
_STATED = re.compile(rf"(?:{_SAYS})[\"“„«]?({_ONE}(?:\s*(?:,|/|&|or|and)\s*{_ONE})*)")
_LABEL = re.compile(r"(?i:option|choice)\s*[:=]")     # "option: B" may be of a list, so "The answer is A" goes before it
_SMALL = re.compile(r"(?i:\banswer(?:\s+is(?!\s+a\s*\Z)|\s+is\s*:|\s*:))\s*([a-h])[.!]?\s*$", re.MULTILINE)       # "the answer is a" was cut off before a noun
_ARTICLE = re.compile(r"A\s+(?!(?:because|since|as|and|or|for)\b)[a-z]")    # "The answer is A dog" names no letter
_LETTERS = re.compile(r"\(([A-Ha-h])\)|([A-H])")
_BARE = re.compile(r"[(\[]?([A-Ha-h])[)\]]?[.:。]?")
_LEADING = re.compile(r"(?:\(([A-Ha-h])\)|([A-H])[.):])(?=\s)")
_OPTION = re.compile(r"\([A-Ha-h]\)|(?<!\w)[A-H][.)](?=\s)")
_BRACKETS = re.compile(r"\(([A-Ha-h])\)")
_MARKUP = re.compile(r"\\(?:boxed|text|mathbf)\{([^{}]*)\}|[*`$]|__")
_QUOTED = re.compile(r"(?<!\w)[\"'“”„‘’«]([A-Ha-h][.]?)[\"'”“’»](?!\w)")      # "B" in quotation marks of its own


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one text."""

    index: int | None                   # of the choice, from 0; None where nothing could be read
    reason: str = ""                    # one of REASONS where nothing could be read


def read(text: str, choices: int) -> Reading:
    """The choice that ``text`` makes among so many ``choices``.

    >>> read("Insects have six legs. The answer is A.", 2)
    Reading(index=0, reason='')
    >>> read("A or B", 2).reason, read("The answer is E.", 2).reason, read("狗", 2).reason, read("a dog", 2).reason
    ('two answers', 'no such option', 'another script', 'no letter')
    """
    text = _MARKUP.sub(lambda found: found[1] or "", unicodedata.normalize("NFKC", text)).strip()
    text = _QUOTED.sub(r"\1", text)
    if not text:
        return Reading(None, EMPTY)
    found = _stated(text) | _at_the_ends(text) or {letter.upper() for letter in _BRACKETS.findall(text.splitlines()[-1])}
    if len(found) > 1:
        return Reading(None, TWO)
    if not found:
        foreign = any(sign.isalpha() for sign in text) and not re.search(r"[A-Za-z]", text)
        return Reading(None, SCRIPT if foreign else NONE)
    index = ord(found.pop()) - ord("A")
    return Reading(index) if index < choices else Reading(None, NO_OPTION)


def authors(text: str, choices: int) -> int | None:
    """The choice by the authors' rule, to compare with published numbers; None where that rule reads none, which counts as wrong.

    >>> authors("B", 3), authors("B. It floats", 3), authors("It floats. The answer is B.", 3), authors("Answer: B", 3)
    (1, 1, 1, None)
    """
    stated = re.findall(r"The answer is ([A-Z]).", text)
    letter = text if text in OPTIONS else text[0] if text[:1] in OPTIONS and text[1:3] == ". " else stated[0] if len(stated) == 1 else ""
    index = OPTIONS.index(letter) if letter in OPTIONS else choices
    return index if index < choices else None


def _stated(text: str) -> set[str]:
    """The letters after "the answer is" and its like; those after "option:" only where there is nothing else."""
    letters, labels = {small.upper() for small in _SMALL.findall(text)}, set()
    for found in _STATED.finditer(text):
        if not _ARTICLE.match(text, found.start(1)):
            (labels if _LABEL.match(found[0]) else letters).update((one or other).upper() for one, other in _LETTERS.findall(found[1]))
    return letters or labels


def _at_the_ends(text: str) -> set[str]:
    """A letter that begins the text ("B. It floats") or is all of its last line; lists of the options are no answer."""
    if joined := re.fullmatch(rf"({_ONE}(?:\s*(?:,|/|&|or|and)\s*{_ONE})+)[.]?", text):
        return {(one or other).upper() for one, other in _LETTERS.findall(joined[1])}
    lines, letters = [line.strip() for line in text.splitlines()], set()
    if last := _BARE.fullmatch(lines[-1]):
        letters.add(last[1].upper())
    first = _LEADING.match(lines[0] + " ")
    if first and len(_OPTION.findall(_STATED.sub(" ", lines[0]) + " ")) <= 1 and not any(_LEADING.match(line + " ") for line in lines[1:-1]):
        letters.add((first[1] or first[2]).upper())
    return letters
