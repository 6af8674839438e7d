"""What a set of instruction samples is made of (paper, section 3): kinds, turns, lengths, first words, pictures.

Everything is plain dicts of counts, ready for JSON and for the drawings in ``llava_mini.show.statistics``.

>>> about = statistics(samples)                                                                  # doctest: +SKIP
>>> about["kinds"]["conversation"], about["first_words"]["what"]["colour"]                       # doctest: +SKIP
(500, 812)
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from statistics import median

from ..conversation import IMAGE

KIND = "kind"               # the field of a sample that tells its kind, where it has one
UNKNOWN = "unknown"


def statistics(samples: list[dict]) -> dict:
    """Counts over samples in LLaVA's schema.

    ``samples``          their number
    ``kinds``            {kind: samples}
    ``turns``            {kind: {questions in a sample: samples}}
    ``question_words``   {kind: {words in a question: questions}}; ``answer_words`` likewise
    ``lengths``          {kind: {"questions": {n, mean, median, shortest, longest}, "answers": {...}}}, in words
    ``first_words``      {first word: {second word: questions}} of all questions
    ``pictures``         see overlap()
    """
    kinds, turns, words = Counter(), defaultdict(Counter), (defaultdict(Counter), defaultdict(Counter))
    questions = []
    for sample in samples:
        kind, pairs = kind_of(sample), pairs_of(sample)
        kinds[kind] += 1
        turns[kind][len(pairs)] += 1
        for pair in pairs:
            questions.append(pair[0])
            for counts, text in zip(words, pair):
                counts[kind][len(text.split())] += 1
    turns, asked, answered = ({kind: dict(sorted(counts.items())) for kind, counts in table.items()} for table in (turns, *words))
    return {"samples": len(samples), "kinds": dict(kinds), "turns": turns, "question_words": asked, "answer_words": answered,
            "lengths": {kind: {"questions": lengths(asked.get(kind, {})), "answers": lengths(answered.get(kind, {}))} for kind in kinds},
            "first_words": first_words(questions), "pictures": overlap(samples)}


def kind_of(sample: dict) -> str:
    """The kind that a sample names itself by."""
    return str(sample.get(KIND) or UNKNOWN)


def pairs_of(sample: dict) -> list[tuple[str, str]]:
    """(question, answer) of a sample, without the mark of the picture. An unanswered question has an empty answer."""
    pairs: list[list[str]] = []
    for turn in sample["conversations"]:
        text = re.sub(r"\s*<image>\s*", " ", turn["value"]).strip()
        if turn["from"] == "human":
            pairs.append([text, ""])
        elif turn["from"] == "gpt" and pairs:
            pairs[-1][1] = f"{pairs[-1][1]} {text}".strip()
    return [(question, answer) for question, answer in pairs]


def first_two(question: str) -> tuple[str, str]:
    """The first two words of a question in small letters, without punctuation and the picture; "" where there is none.

    >>> first_two("<image>\\nWhat's on the table?")
    ("what's", 'on')
    """
    words = re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", question.replace(IMAGE, " ").lower()[:200])
    return (*words, "", "")[:2]


def first_words(questions) -> dict[str, dict[str, int]]:
    """{first word: {second word: questions}}, the most frequent first; "" where there is no second word.

    >>> first_words(["What is it?", "What colour is it?", "Why?"])
    {'what': {'is': 1, 'colour': 1}, 'why': {'': 1}}
    """
    counts: dict = defaultdict(Counter)
    for first, second in map(first_two, questions):
        counts[first][second] += 1
    return {word: dict(after.most_common()) for word, after in sorted(counts.items(), key=lambda pair: -pair[1].total())}


def lengths(counts: dict[int, int]) -> dict:
    """{n, mean, median, shortest, longest} of {length: how often}."""
    every = [length for length, times in counts.items() for _ in range(times)]
    if not every:
        return {"n": 0, "mean": 0.0, "median": 0.0, "shortest": 0, "longest": 0}
    return {"n": len(every), "mean": round(sum(every) / len(every), 2), "median": float(median(every)), "shortest": min(every), "longest": max(every)}


def overlap(samples: list[dict]) -> dict:
    """What pictures have in common.

    ``n``            different pictures
    ``by_kinds``     {"conversation + detail": pictures that have samples of just these kinds}
    ``samples``      {samples of one picture: pictures}
    ``questions``, ``answers``   texts in all, how many are different, and the share that another picture has word for word
    """
    kinds, numbers = defaultdict(set), Counter()
    of_text: dict = {"questions": defaultdict(set), "answers": defaultdict(set)}
    told = {"questions": Counter(), "answers": Counter()}
    for sample in samples:
        picture = str(sample.get("image", ""))
        kinds[picture].add(kind_of(sample))
        numbers[picture] += 1
        for pair in pairs_of(sample):
            for name, text in zip(("questions", "answers"), pair):
                of_text[name][text].add(picture)
                told[name][text] += 1
    result = {"n": len(numbers), "by_kinds": dict(Counter(" + ".join(sorted(names)) for names in kinds.values())),
              "samples": dict(sorted(Counter(numbers.values()).items()))}
    for name, texts in told.items():
        n = sum(texts.values())
        elsewhere = sum(times for text, times in texts.items() if len(of_text[name][text]) > 1)
        result[name] = {"n": n, "different": len(texts), "in_other_pictures": round(elsewhere / n, 4) if n else 0.0}
    return result
