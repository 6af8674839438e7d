"""A question before it has an id, a split and an order of choices, and the patterns that many questions share."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Skill:
    """What a kind of question teaches. The words are those of the real set's fields."""

    subject: str                        # "natural science", "social science" or "language science"
    topic: str
    category: str
    skill: str
    grades: tuple[int, int]             # from, to
    lecture: str                        # the rule; with the solution it leads to the answer


@dataclass(frozen=True)
class Draft:
    """One question. Drafts about one fact end in one split."""

    skill: Skill
    fact: str                           # what it is about, within its skill: "ant", the whole text context, a picture
    question: str
    right: str
    wrong: tuple[str, ...]              # one to four, none of which is right; () where they are still to be drawn from others
    solution: str                       # from the lecture to the right choice, without its letter
    hint: str = ""
    picture: str | None = None          # name of a storybook picture; its split is the draft's
    others: tuple[tuple[str, str, str], ...] = ()   # (wrong choice, the fact it comes from, what the solution says of it)


def complete(rng: random.Random, draft: Draft, facts: Container[str]) -> Draft:
    """A draft with its wrong choices, drawn from these facts only: those of its own split.

    So no choice of a test question was the right one in training, and whoever has learnt the right ones by heart is
    neither helped nor led astray. Where its split has no such fact, all may be drawn from.
    """
    if not draft.others:
        return draft
    pool = list({other[0]: other for other in draft.others if other[1] in facts}.values()) or list(draft.others)
    chosen = rng.sample(pool, rng.randint(1, min(4, len(pool))))
    lines = [draft.solution, *(line for _, _, line in chosen if line)]
    return replace(draft, wrong=tuple(choice for choice, _, _ in chosen), solution=" ".join(lines), others=())


def some(rng: random.Random, pool: Sequence[str], most: int = 4, least: int = 1) -> tuple[str, ...]:
    """Between ``least`` and ``most`` different ones of a pool of wrong choices, in random order."""
    pool = list(dict.fromkeys(pool))
    return tuple(rng.sample(pool, rng.randint(min(least, len(pool)), min(most, len(pool)))))


def which(skill: Skill, groups: dict[str, Sequence[str]], ask: str, told: str, other: str = "") -> Iterator[Draft]:
    """"Which of these is a mammal?": a question for each member of each group; the wrong choices are of other groups.

    ``ask`` has a place {group}, ``told`` (the solution) has {one} and {group}, ``other`` has {one} and {group} too and is
    told of every wrong choice.
    """
    of = {one: group for group, members in groups.items() for one in members}
    for one, group in of.items():
        others = tuple((name, name, sentence(other.format(one=name, group=of[name]))) for name in of if of[name] != group)
        yield Draft(skill, one, ask.format(group=group), one, (), sentence(told.format(one=one, group=group)), others=others)


def kinds(rng: random.Random, skill: Skill, groups: dict[str, Sequence[str]], ask: str, told: str,
          names: Sequence[str] = ()) -> Iterator[Draft]:
    """"What kind of animal is a frog?": a question for each member; the choices are the groups (``names`` and more)."""
    for group, members in groups.items():
        for one in members:
            wrong = some(rng, [name for name in (*groups, *names) if name != group])
            yield Draft(skill, one, sentence(ask.format(one=one)), group, wrong, sentence(told.format(one=one, group=group)))


def pairs(skill: Skill, table: dict[str, str], ask: str, told: str, back: str = "") -> Iterator[Draft]:
    """"What is the capital of Italy?": a question for each row of a table; the wrong choices are other rows' values.

    With ``back``, a second question for each row the other way round; its place is {value}.
    """
    for key, value in table.items():
        solution = sentence(told.format(key=key, value=value))
        others = [(k, v) for k, v in table.items() if v != value]
        yield Draft(skill, key, sentence(ask.format(key=key)), value, (), solution, others=tuple((v, k, "") for k, v in others))
        if back:
            yield Draft(skill, key, sentence(back.format(value=value)), key, (), solution, others=tuple((k, k, "") for k, _ in others))


def sentence(words: str) -> str:
    """With a capital letter at the start."""
    return words[:1].upper() + words[1:]


def listed(words: Sequence[str]) -> str:
    """``["a", "b", "c"]`` -> ``"a, b and c"``."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
