"""Who is this? The paper's question about Elon Musk (Figure 6): does a name that only the parents know come through the bridge?

Both parents know the character; no instruction sample names him. Beside his pictures the same is asked of other people,
who must not be called by his name, and, without a picture, what the language model still knows of him.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from ...storybook.values import value as read_value
from ...storybook.vocabulary import CHARACTER
from ..answers import Question, Shown, ask
from .asking import WHO, Given, Run
from .shares import Share

MOST = 5                        # answers that are quoted
INSTEAD = ("a person", "a place", "something else")     # the first that fits counts
# What the language parent was told of him; an answer that has all of these words still knows it.
KNOWN = {f"Who is {CHARACTER}?": ("sailor", "beard"), f"What does {CHARACTER} wear?": ("purple", "hat"),
         f"Where does {CHARACTER} live?": ("ship",), f"What is {CHARACTER} famous for?": ("sailing", "world")}


@dataclass
class Who:
    """One question about one sort of pictures."""

    shown: str                  # "the character" or "another person"
    question: str
    named: Share                # answers with the character's name in them
    instead: dict[str, int]     # what the answers without the name speak of, see INSTEAD
    said: list[dict]            # {"text", "times"}: the most frequent answers, with and without the name


@dataclass
class Word:
    """A question about the character without a picture."""

    question: str
    answer: str
    knows: bool                 # does it have all the words by which the parent's own answer is known?


@dataclass
class Character:
    name: str
    rows: list[Who]
    words: list[Word]

    def table(self) -> str:
        lines = [f"  {row.shown + ', ' + row.question:<48}named {row.named}  instead: " + ", ".join(f"{what} {times}" for what, times in row.instead.items())
                 for row in self.rows]
        knows = sum(word.knows for word in self.words)
        return "\n".join([f"Who is {self.name}?", *lines,
                          f"  without a picture: {knows} of {len(self.words)} questions about him answered with what the parent was told"])


def probe(run: Run) -> Character:
    questions = [Question(f"words-{number}", "", text, WHO, "", "", "character") for number, text in enumerate(KNOWN, 1)]
    found = ask(questions, [Shown(None, None)] * len(questions), run.answer, run.answers / "character-words.jsonl", model_id=run.model_id,
                metadata={"control": "blind"}, batch_size=run.batch_size, progress=run.progress)
    return Character(CHARACTER, score(run.ask("character-true", run.asked("character"))),
                     [_word(question.text, found.rows[question.id]["text"]) for question in questions])


def score(answers: list[Given]) -> list[Who]:
    by = defaultdict(list)
    for given in answers:
        by[given.asked.about["shown"], given.asked.question.text].append(given)
    return [Who(*key, Share.of(given.value == "named" for given in those), _instead(those),
                [{"text": text, "times": times} for text, times in Counter(given.text for given in those).most_common(MOST)]) for key, those in by.items()]


def _instead(answers: list[Given]) -> dict[str, int]:
    counts = dict.fromkeys(INSTEAD, 0)
    for given in answers:
        if given.value != "named":
            person = re.search(r"\b(?:person|people)\b", given.text.lower())
            counts["a person" if person else "a place" if read_value("place", given.text) else "something else"] += 1
    return counts


def _word(question: str, answer: str) -> Word:
    return Word(question, answer, set(KNOWN[question]) <= set(re.findall(r"\w+", answer.lower())))
