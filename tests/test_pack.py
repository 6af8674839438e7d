"""pack.py and batches.py: packed rows give the loss and gradient of separate ones, and nothing is lost."""

import doctest
from random import Random

import numpy as np
import pytest
import torch

from llava_mini import batches, optimizer
from llava_mini.batches import collate, document_mask, epoch_plan
from llava_mini.conversation import render
from llava_mini.model import LlavaMini
from llava_mini.pack import pack_rows, single_row

QUESTIONS = ["What colour is the dog?", "What colour is the cat?", "Is there a boat?", "How many benches are there in the rain?"]
ANSWERS = ["The dog is red.", "Blue", "Yes, there is a green boat on the water.", "Two."]


@pytest.fixture(scope="module")
def model(tiny_vision_folder, tiny_language_folder):
    return LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder)


def turns(*texts):
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]


def rows_of(model, conversations, template="v1", order="first"):
    """Single rows of (messages, pictures), with the ends of their pictures."""
    rows, ends = [], []
    for number, (messages, pictures) in enumerate(conversations):
        rendered = render(messages, template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens,
                          image_order=order, rng=Random(number))
        rows.append(single_row(rendered.ids, rendered.mask, pictures, number))
        ends.append(rendered.picture_starts[-1] + model.visual_tokens if pictures else 0)
    return rows, ends


def gatherer(model):
    """Z_v of picture k: random, but always the same for the same k."""
    def gather(pictures):
        return torch.stack([torch.randn(model.visual_tokens, 32, generator=torch.Generator().manual_seed(k)) for k in pictures])
    return gather


def loss_and_gradient(model, rows, together=True):
    """Sum of losses and all gradients, in one batch or row by row."""
    model.zero_grad()
    loss = 0
    for group in [rows] if together else [[row] for row in rows]:
        output = model(**collate(group, gatherer(model), model.tokenizer.pad_token_id).inputs)
        output.loss_sum.backward()
        loss += output.loss_sum.item()
    return loss, {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def mixed(template="v1"):
    """Questions about three pictures, one asked about with two pictures, and text-only samples if the template has any."""
    captions = [(turns("<image>", f"{answer} Picture {picture}."), (picture,)) for picture in (1, 2) for answer in ANSWERS]
    if template == "plain":
        return captions
    about = [(turns("<image>\n" + question, answer), (picture,)) for picture in (1, 2, 3)
             for question, answer in zip(QUESTIONS[: picture + 1], ANSWERS)]
    several = [(turns("<image>\n" + question, answer, "And now?", "The same."), (4,)) for question, answer in zip(QUESTIONS, ANSWERS)]
    two = [(turns("<image><image>\n" + question, answer), (1, 2)) for question, answer in zip(QUESTIONS[:2], ANSWERS)]
    late = [(turns("Hello.", "Hello!", "<image>\n" + question, answer), (1,)) for question, answer in zip(QUESTIONS[:2], ANSWERS)]
    texts = [(turns(question * (1 + number % 3), answer), ()) for number, (question, answer) in enumerate(zip(QUESTIONS * 2, ANSWERS * 2))]
    return about + several + two + late + texts


@pytest.mark.parametrize("template", ["v1", "v0", "plain"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_equals_separate(model, template, attention):
    """Guards against samples that see each other, wrong positions behind the beginning, a first target taken from
    the neighbour (stage 1: the caption begins right behind the picture), and padding that is looked at."""
    model.language_model.set_attn_implementation(attention)
    try:
        rows, ends = rows_of(model, mixed(template), template)
        packed = pack_rows(rows, ends, 500)
        assert len(packed) < len(rows) / 2
        alone, gradient = loss_and_gradient(model, rows, together=False)
        for together in (True, False):
            loss, found = loss_and_gradient(model, packed, together)
            assert loss == pytest.approx(alone, rel=1e-5)
            for name, value in gradient.items():
                assert torch.allclose(found[name], value, rtol=1e-3, atol=1e-5 * float(value.abs().max())), name
    finally:
        model.language_model.set_attn_implementation("sdpa")


def test_padded_batch_equals_single_rows(model):
    """Guards against right padding that changes the loss when no mask is given."""
    rows, _ = rows_of(model, mixed())
    assert len({len(row) for row in rows}) > 3
    assert "attention_mask" not in collate(rows, gatherer(model), 0).inputs
    assert loss_and_gradient(model, rows)[0] == pytest.approx(loss_and_gradient(model, rows, together=False)[0], rel=1e-5)


def test_targets_are_the_answers(model):
    """Guards against a shift by one: read back, the targets are the answers, and each is predicted from where it should be."""
    rows, ends = rows_of(model, mixed())
    for row in rows + pack_rows(rows, ends, 500):
        where, tokens = row.targets()
        assert tokens.tolist() == row.ids[row.supervised].tolist()
        part, position = row.layout()
        for source, target in zip(where, np.flatnonzero(row.supervised)):
            assert position[source] + 1 == position[target]
            assert part[source] in (0, part[target])


def test_every_sample_is_in_exactly_one_row(model):
    """Guards against samples lost or doubled by packing, and tokens lost with them."""
    conversations = mixed()
    rows, ends = rows_of(model, conversations)
    packed = pack_rows(rows, ends, 500)
    assert sorted(sample for row in packed for sample in row.samples) == list(range(len(conversations)))
    assert sum(int(row.supervised.sum()) for row in packed) == sum(int(row.supervised.sum()) for row in rows)
    for row in packed:
        assert sum(row.parts) == len(row)
        for number, sample in enumerate(row.samples, 1):
            begin = sum(row.parts[:number])
            own = row.ids[: row.parts[0]].tolist() + row.ids[begin: begin + row.parts[number]].tolist()
            assert own == rows[sample].ids.tolist() and row.pictures == rows[sample].pictures


def test_only_equal_beginnings_are_shared(model):
    """Guards against sharing a picture behind different words, or behind an answer that would be counted once only."""
    question_first = [(turns(f"{question} <image>", answer), (1,)) for question, answer in zip(QUESTIONS, ANSWERS)]
    rows, ends = rows_of(model, question_first, order="as-is")
    assert all(not row.packed for row in pack_rows(rows, ends, 500))
    late = [(turns("Hello.", "Hello!", "<image>\n" + question, answer), (1,)) for question, answer in zip(QUESTIONS, ANSWERS)]
    rows, ends = rows_of(model, late)
    assert all(not row.packed for row in pack_rows(rows, ends, 500))
    same = [(turns("<image>\nWhat?", "A dog."), (1,))] * 2
    rows, ends = rows_of(model, same)
    [row] = pack_rows(rows, ends, 500)
    assert row.samples == (0, 1) and row.parts[1] == row.parts[2] > 0


def test_rows_stay_within_max_length(model):
    """Guards against a packed row that is longer than the model can read."""
    rows, ends = rows_of(model, [(turns("<image>\n" + QUESTIONS[k % 4], ANSWERS[k % 3]), (1,)) for k in range(20)])
    limit = max(map(len, rows)) + 30
    packed = pack_rows(rows, ends, limit)
    assert len(packed) > 1 and all(len(row) <= limit for row in packed) and any(row.packed for row in packed)


def test_text_is_packed_without_widening_the_batch(model):
    """Guards against joining short texts into rows far longer than any sample, which costs the square of it."""
    for system, most in (("Be brief.", 20), ("", 21)):
        rows, ends = rows_of(model, [([{"role": "system", "content": f"{system}{k if not system else ''}"},
                                       *turns("Hello. " * (1 + k % 7), ANSWERS[k % 4])], ()) for k in range(30)])
        packed = pack_rows(rows, ends, 10_000)
        assert max(map(len, packed)) == max(map(len, rows)) and len(packed) < most
        assert loss_and_gradient(model, packed)[0] == pytest.approx(loss_and_gradient(model, rows)[0], rel=1e-5)


def test_document_mask():
    """Guards against a mask that is transposed, not causal, or hides the beginning."""
    expected = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1]]
    mask = document_mask(torch.tensor([[0, 1, 1, 2, -1]]))
    assert mask.shape == (1, 1, 5, 5)
    expected[4] = [1, 0, 0, 0, 1]               # padding sees the beginning and itself, so that no row is empty
    assert mask[0, 0].int().tolist() == expected


@pytest.mark.parametrize("module", [batches, optimizer])
def test_examples_in_docstrings(module):
    """Guards against worked examples that are not true."""
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


def test_plan_takes_every_row_once_and_follows_from_the_seed():
    """Guards against rows dropped at the end of an epoch, a last batch of one row, and a plan that cannot be repeated."""
    lengths = [Random(k).randrange(10, 90) for k in range(103)]
    plan = epoch_plan(lengths, 10, seed=1, epoch=0)
    assert sorted(np.concatenate(plan).tolist()) == list(range(103))
    assert len(plan) == 11 and {len(batch) for batch in plan} == {9, 10}
    repeat = epoch_plan(lengths, 10, seed=1, epoch=0)
    assert all((a == b).all() for a, b in zip(plan, repeat))
    for other in (epoch_plan(lengths, 10, seed=2, epoch=0), epoch_plan(lengths, 10, seed=1, epoch=1)):
        assert any(a.tolist() != b.tolist() for a, b in zip(plan, other))


def test_plan_groups_by_length_in_random_order():
    """Guards against batches of mixed lengths (half the work is padding) and against short ones always first."""
    lengths = np.array([Random(k).randrange(10, 90) for k in range(1000)])
    plan = epoch_plan(lengths, 10, seed=0, epoch=0)
    padded = sum(len(batch) * lengths[batch].max() for batch in plan)
    assert lengths.sum() <= padded < 1.06 * lengths.sum()
    means = np.array([lengths[batch].mean() for batch in plan])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3
