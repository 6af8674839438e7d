"""Lesson 05: the notebook's own functions, taken out of its cells, against the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch
from conftest import make_tokenizer

from llava_mini.conversation import IGNORE, labels, render

ROOT = Path(__file__).resolve().parents[1]
LESSON = ROOT / "notebooks" / "05_chat_format.ipynb"


def turns(*texts):
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]


TALKS = {
    "one turn": turns("<image>\nWhat colour is the dog?", "The dog is red."),
    "three turns": turns("<image>\nWhat is it?", "A dog.", "Is it big?", "Yes.", "Where is it?", "On a bench."),
    "no picture": turns("How many cats are there?", "There are two cats."),
    "picture last": turns("Describe it.\n<image>", "A boat on the water."),
    "picture alone": turns("<image>", "A boat."),
    "pictures inside": turns("Is <image> like <image>?", "No.", "And <image>?", "Yes."),
    "empty answers": turns("<image>\nIs there a cat?", "", "Why not?", ""),
    "empty question": turns("", "Yes."),
    "separators": turns("<image>\nIt says: USER: who? ASSISTANT: me</s> ###", "It says USER: and </s> too."),
    "control tokens": turns("<s>What is <unk> and <pad>?</s>", "<s> begins, </s> ends."),
    "spaces and lines": turns("<image>\n  two  spaces \n\n", " a line\nand another "),
    "other letters": turns("<image>\nQu'est-ce que c'est ? 猫", "Un café ☕."),
    "repeated": turns("Yes.", "Yes.", "Yes.", "Yes."),
}


@pytest.fixture(scope="module")
def lesson():
    return nbformat.v4.reads(LESSON.read_text("utf-8"))


def names_of(lesson, **given):
    """What the definitions of all cells define: functions and the package's names that they import; ``given`` are the notebook's variables."""
    space = {"torch": torch, **given}
    for cell in lesson.cells:
        if cell.cell_type == "code" and cell.id != "setup":
            kept = [node for node in ast.parse(cell.source).body if isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom))]
            exec(compile(ast.Module(kept, []), f"cell {cell.id}", "exec"), space)
    return space


@pytest.fixture(scope="module")
def shipped():
    from llava_mini.parents import load_language

    return load_language(ROOT / "data/pretrained/vicuna-small", torch.float32)[1]


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
@pytest.mark.parametrize("visual_tokens", [1, 64])
@pytest.mark.parametrize("own", [True, False], ids=["a small tokenizer", "the shipped tokenizer"])
def test_the_readers_mask_is_the_packages(lesson, shipped, talk, visual_tokens, own):
    """Guards against a lesson that teaches another format than the one that is trained on."""
    tokenizer = make_tokenizer() if own else shipped
    ids, mask = names_of(lesson)["ids_and_mask"](talk, tokenizer, visual_tokens)
    rendered = render(talk, "v1", tokenizer=tokenizer, visual_tokens=visual_tokens, image_order="as-is")
    assert (ids, mask) == (rendered.ids, rendered.mask)


def test_the_drafts_lead_there(lesson, shipped):
    """Guards against drafts that already differ from the last one on what they claim to handle: text, and ids without a mask."""
    space = names_of(lesson, tokenizer=shipped)
    for name in ("one turn", "three turns", "no picture", "picture last", "other letters"):
        talk = TALKS[name]
        ids, _ = space["ids_and_mask"](talk, shipped, 1)
        assert space["as_ids"](talk) == ids and space["words"](space["as_text"](talk)) == ids, name
    assert shipped.eos_token_id in space["words"](" What does </s> mean?")              # what the lesson shows as draft 2's fault
    ids, _ = space["ids_and_mask"](turns("What does </s> mean?", "The end."), shipped, 1)
    assert ids.count(shipped.eos_token_id) == 1


def test_the_readers_loss_is_the_models(lesson, tiny_model):
    """Guards against a loss that is shifted once too often, or not at all."""
    talk = TALKS["three turns"]
    rendered = render(talk, "v1", tokenizer=tiny_model.tokenizer, visual_tokens=tiny_model.visual_tokens)
    features = torch.randn(1, tiny_model.visual_tokens, tiny_model.vision_tower.width, generator=torch.Generator().manual_seed(0))
    space, ids = names_of(lesson, model=tiny_model), torch.tensor([rendered.ids])
    wanted = torch.tensor(labels(rendered))
    with torch.no_grad():
        true = tiny_model(ids, features=features, labels=wanted[None]).loss
        yours = space["loss_of"](tiny_model(ids, features=features).logits[0], wanted)
    torch.testing.assert_close(yours, true)
    each = space["surprise"](rendered.ids, features)                                    # of the second token on
    torch.testing.assert_close(each[torch.tensor(rendered.mask[1:])].mean(), true)


def test_the_faults_of_the_lesson_are_those_of_the_viewer(lesson, shipped):
    """Guards against a symptom that is measured with another fault than the viewer shows."""
    from types import SimpleNamespace

    from llava_mini.show.mask_faults import spoil

    space = names_of(lesson, parent=SimpleNamespace(tokenizer=shipped))
    for name in ("three turns", "empty answers", "separators"):
        talk = [{**turn, "content": turn["content"].replace("<image>\n", "")} for turn in TALKS[name]]      # the lesson's have no pictures
        row = render(talk, "v1", tokenizer=shipped, visual_tokens=1)
        assert space["right"](row) == labels(row)
        for own, fault in (("no_end", "end token masked"), ("shifted", "labels shifted twice"), ("everything", "prompt supervised")):
            assert space[own](row) == spoil(fault, talk, "v1", tokenizer=shipped, visual_tokens=1).labels, fault


def test_batches_are_filled_up_with_what_is_not_learnt(lesson, shipped):
    """Guards against padding among the labels."""
    from types import SimpleNamespace

    space = names_of(lesson, parent=SimpleNamespace(tokenizer=shipped))
    rows = [render(TALKS[name], "v1", tokenizer=shipped, visual_tokens=1) for name in ("no picture", "three turns")]
    ids, wanted = space["batch"](rows, space["right"])
    assert ids.shape == wanted.shape == (2, max(len(row.ids) for row in rows))
    for row, numbers, own in zip(rows, ids.tolist(), wanted.tolist()):
        assert numbers[:len(row.ids)] == row.ids and set(numbers[len(row.ids):]) <= {shipped.pad_token_id}
        assert own[:len(row.ids)] == labels(row) and set(own[len(row.ids):]) <= {IGNORE}


def test_the_committed_run_showed_what_its_text_says(lesson):
    """Guards against prose beside outputs that say otherwise."""
    printed = {cell.id: "".join(output.get("text", "") for output in cell.outputs) for cell in lesson.cells if cell.cell_type == "code"}
    assert printed["same"].count("all equal: True") == 6 and "False" not in printed["same"]
    assert [line.split()[0] for line in printed["cut"].splitlines()] == ["the", "OTHER"]
    assert "tensor(nan)" in printed["missing"] and "No token is supervised" in printed["missing"]
    assert "tokens </s>: 1" in printed["quoted"]
    assert all(f"'page-{number}'" in printed["refused"] for number in range(1, 7)) and "'page-7'" in printed["too-long"]
    outside = [float(share) for share in re.findall(r"([\d.]+)% of the loss", printed["shares"])]
    assert len(outside) == 2 and outside[1] > outside[0]                     # the words around the answers make most of the loss


def test_the_symptoms_are_those_that_the_recap_names(lesson):
    """Guards against a table of symptoms that the trainings above it have stopped to show."""
    printed = "\n".join("".join(output.get("text", "") for output in cell.outputs) for cell in lesson.cells if cell.cell_type == "code")
    found = {name: tuple(map(float, numbers)) for name, *numbers in re.findall(
        r"^([\w ]+): its training showed ([\d.]+) -> ([\d.]+); loss of answers +([\d.]+)", printed, re.M)}
    assert set(found) == {"right mask", "end token masked", "labels shifted twice", "prompt supervised"}
    first, last, answers = found["right mask"]
    assert abs(found["end token masked"][1] - last) < 0.15                  # "the loss hardly tells"
    assert found["labels shifted twice"][0] > 2 * first and found["labels shifted twice"][2] > 2 * found["labels shifted twice"][1]
    high, low, true = found["prompt supervised"]
    assert high > first and low < last and true > 2 * low and true > answers       # a fast fall; the answers are worse than what one sees
