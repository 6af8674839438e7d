"""Prompts, their files, and how answers are read."""

from __future__ import annotations

import re

import pytest

from llava_mini.annotations import Record, context, load
from llava_mini.boxes import Box
from llava_mini.errors import InputError
from llava_mini.instruct import answers, prompts
from llava_mini.instruct.prompts import KINDS, SETS

WORDS = {"conversation": "conversation", "detail": "detailed description", "reasoning": "complex reasoning"}
RECORD = Record("7", "7.jpg", None, ("A dog sits.", "a brown dog"), (Box("dog", (0.25, 0.5, 0.75, 1.0)),))


@pytest.mark.parametrize("few_shots", SETS)
@pytest.mark.parametrize("kind", KINDS)
def test_messages_are_system_examples_and_the_picture(kind, few_shots):
    """Guards against a prompt whose examples are out of step, or whose last message is not the context itself."""
    messages = prompts.messages(RECORD, kind, few_shots)
    pairs = {"conversation": 2, "detail": 3, "reasoning": 3}[kind]
    assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * pairs, "user"]
    assert messages[-1]["content"] == context(RECORD)
    assert len({m["content"] for m in messages}) == len(messages)


@pytest.mark.parametrize("kind", KINDS)
def test_the_system_message_alone_tells_the_kind(kind):
    """Guards against words by which a reader of the prompt would take it for another kind."""
    system = prompts.system(kind)
    assert {other: system.lower().count(word) for other, word in WORDS.items()} == {other: int(other == kind) for other in KINDS}
    for few_shots in SETS:
        rest = "\n".join(m["content"] for m in prompts.messages(RECORD, kind, few_shots)[1:]).lower()
        assert not any(word in rest for word in WORDS.values())


@pytest.mark.parametrize("few_shots", SETS)
@pytest.mark.parametrize("kind", KINDS)
def test_examples_keep_the_form_that_is_asked_for(kind, few_shots):
    """Guards against examples that teach the wrong form, or that speak of captions, boxes or coordinates."""
    for picture, answer in prompts.examples(kind, few_shots):
        turns = answers.turns(kind, answer)
        assert len(turns) >= 4 if kind == "conversation" else len(turns) == 1
        assert not re.search(r"\bcaption|\bbox\b|\bboxes\b|coordinate|described|\d\.\d", answer)
        captions, _, boxes = picture.partition("\n\n")
        assert len(captions.split("\n")) == 5
        assert bool(boxes) == (kind != "conversation")              # as in the paper's files
        for line in boxes.split("\n") if boxes else ():
            name, numbers = re.fullmatch(r"([a-z ]+): \[(.*)\]", line).groups()
            box = tuple(map(float, numbers.split(", ")))
            record = Record("1", "1.jpg", None, ("x",), (Box(name, box),))
            assert context(record).endswith(line)                   # the very way in which contexts are written
            assert 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1


def test_the_storybooks_examples_show_nothing_held_out():
    """Guards against examples that give away the pairs, the place or the numbers that are held out of the training."""
    from llava_mini.storybook.vocabulary import CATEGORIES, UNSEEN_PAIRS, UNSEEN_PLACE

    text = "\n".join(part for kind in KINDS for example in prompts.examples(kind, "storybook") for part in example).lower()
    assert UNSEEN_PLACE not in text and not re.search(r"\b(?:five|six) \w+ ?\w* ?(?:%s)\b" % "|".join(c.plural for c in CATEGORIES.values()), text)
    assert [pair for pair in UNSEEN_PAIRS if " ".join(pair) in text] == []
    assert "brown dog" in text                                      # the search finds what is there


def test_instructions():
    """Guards against a list that lost or doubled a line, and against empty ones."""
    brief, detailed = prompts.instructions("brief"), prompts.instructions("detailed")
    assert len(set(brief)) == 11 and len(set(detailed)) == 16 and not set(brief) & set(detailed)
    for line in brief + detailed:
        assert line == line.strip() and line[-1] in ".?" and "<image>" not in line


def test_own_few_shots_and_their_faults(tmp_path):
    """Guards against a wrong folder, kind or file that ends in a traceback or in a prompt without examples."""
    (tmp_path / "detail-1.txt").write_text("A cat.\n----------\nA cat is here.\n")
    assert prompts.examples("detail", tmp_path) == [("A cat.", "A cat is here.")]
    assert prompts.digest(prompts.messages(RECORD, "detail", tmp_path)) != prompts.digest(prompts.messages(RECORD, "detail"))
    (tmp_path / "detail-2.txt").write_text("A cat.\nA cat is here.\n")
    with pytest.raises(InputError, match="detail-2.txt: an example is"):
        prompts.examples("detail", tmp_path)
    with pytest.raises(InputError, match="There are no examples reasoning-1.txt"):
        prompts.messages(RECORD, "reasoning", tmp_path)
    with pytest.raises(InputError, match="There is no kind 'poem'"):
        prompts.messages(RECORD, "poem")


def test_prompts_for_real_pictures(real):
    """Guards against real captions that a prompt cannot carry."""
    found = load(real / "caps_boxes_coco2014_val_80.jsonl")
    digests = {prompts.digest(prompts.messages(record, kind, "photo")) for record in found for kind in KINDS}
    assert len(digests) == 240 and all(re.fullmatch("[0-9a-f]{12}", one) for one in digests)


def block(*pairs):
    return "\n===\n".join(f"{label}:\n{text}" for pair in pairs for label, text in zip(("Question", "Answer"), pair))


TWO = block(("What is it?", "A dog."), ("Where?", "In the park."))


@pytest.mark.parametrize("text", [
    TWO, TWO + "\n===\n", TWO + "\n===", TWO.replace("\n", "\r\n"), f"```\n{TWO}\n```", f"```text\n{TWO}\n```", TWO.replace("===", "====="),
    TWO.replace(":\n", ": "), TWO.replace("\n===\n", "\n\n===\n\n"), re.sub(r"(\w+):\n", r"**\1:**\n", TWO), TWO.replace("Question:", "Question 1:"),
])
def test_what_is_forgiven(text):
    """Guards against paying again for answers in which nothing is in doubt."""
    assert answers.turns("conversation", text) == [("What is it?", "A dog."), ("Where?", "In the park.")]


def test_texts_are_kept_as_they_are():
    """Guards against a reader that loses lines of an answer, or takes a colon or an equals sign within it for a part of the form."""
    answer = "Two things:\n\n- a dog; 1 + 1 == 2\n- \"Answer\" is on a sign."
    assert answers.turns("reasoning", block(("Why?", answer))) == [("Why?", answer)]
    assert answers.turns("detail", "  Ein Hund läuft über die Straße.\n") == [("", "Ein Hund läuft über die Straße.")]
    assert answers.turns("conversation", block(("Colour?", "Red"), ("Number?", "Two"))) == [("Colour?", "Red"), ("Number?", "Two")]


@pytest.mark.parametrize("kind, text, finish, reason", [
    ("detail", "", "stop", "empty"), ("detail", None, "stop", "empty"), ("conversation", " \n ", "stop", "empty"), ("detail", "```\n```", "stop", "empty"),
    ("detail", "", "length", "cut off"), ("detail", "A dog is in the park.", "length", "cut off"), ("detail", "A dog is in the", "stop", "cut off"),
    ("detail", "A dog is in the park.", "content_filter", "refused"), ("detail", "I'm sorry, but I can't help with that.", "stop", "refused"),
    ("detail", "I’m sorry, I cannot see it.", "stop", "refused"), ("detail", "As an AI language model, I see nothing.", "stop", "refused"),
    ("detail", "I cannot describe this picture, for it is not there.", "stop", "refused"),
    ("reasoning", block(("Why?", "I'm sorry, but I cannot help with that.")), "stop", "refused"),
    ("detail", "Question:\nWhat?\n===\nAnswer:\nA dog is here.", "stop", "format"), ("detail", "Answer:\nA dog is in the park.", "stop", "format"),
    ("detail", "{}<>#@!%&*{}<>#@ab cxyzabcxyz.", "stop", "format"), ("detail", "A dog.", "stop", "format"),
    ("detail", "<image>\nA dog is in the park.", "stop", "format"), ("detail", "A dog \ud83d is in the park.", "stop", "format"),
    ("conversation", "A dog is in the park.", "stop", "format"), ("conversation", TWO.replace("\n===\n", "\n"), "stop", "format"),
    ("conversation", TWO.replace("\n===\nAnswer", "\nAnswer", 1), "stop", "format"), ("conversation", TWO.replace("Answer", "Reply"), "stop", "format"),
    ("conversation", TWO.replace("A dog.", ""), "stop", "format"), ("conversation", TWO.replace("Question:\nW", "Answer:\nW", 1), "stop", "format"),
    ("conversation", "Here it is:\n" + TWO, "stop", "format"), ("conversation", TWO + "\n===\nQuestion:\nWho?", "stop", "cut off"),
    ("conversation", TWO + "\n===\nQuestion:\nWho?\n===\nAnswer:", "stop", "cut off"), ("conversation", TWO + "\n===\nQuest", "stop", "cut off"),
    ("conversation", TWO + "\n===\nQuestion:\nWho?\n===\nAnswer:\nIt is a", "stop", "cut off"), ("reasoning", TWO, "stop", "format"),
    ("reasoning", block(("Why?", "Because the dog is")), "stop", "cut off"),
])
def test_what_is_set_aside(kind, text, finish, reason):
    """Guards against half answers, refusals and wrong forms that get into the set, and against a wrong reason for leaving them out."""
    with pytest.raises(answers.Malformed) as caught:
        answers.turns(kind, text, finish)
    assert caught.value.reason == reason and reason in answers.REASONS


def test_every_cut_of_an_answer_is_noticed_or_harmless():
    """Guards against an answer cut anywhere that is taken for a whole one with half a sentence in it."""
    whole = answers.turns("conversation", TWO)
    for end in range(len(TWO)):
        try:
            found = answers.turns("conversation", TWO[:end])
        except answers.Malformed:
            continue
        assert found == whole[:len(found)], TWO[:end]
