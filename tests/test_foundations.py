"""The parents' trainings: what they read, what their losses mean, and that a killed run goes on."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import nn

from llava_mini.conversation import render
from llava_mini.foundations import vicuna
from llava_mini.foundations.clip import patch_loss, region_phrases
from llava_mini.foundations.diet import Text, cloze, text
from llava_mini.foundations.loop import raise_parent
from llava_mini.foundations.probes import Attentive, Linear, fit, score
from llava_mini.foundations.tokenizer import diet_lines, train_tokenizer
from llava_mini.storybook.narrate import word_map
from llava_mini.storybook.questions import questions
from llava_mini.storybook.world import scenes


@pytest.fixture(scope="module")
def own_tokenizer():
    return train_tokenizer(diet_lines(300), size=700)


def test_tokenizer_gives_any_text_back(own_tokenizer):
    """Guards against a vocabulary in which somebody's question cannot be typed."""
    for words in ("What colour is the dog?", " two  spaces", "Zürich 東京 🙂\n\ttab", "</s> <image>", ""):
        ids = own_tokenizer(words, add_special_tokens=False).input_ids
        if "</s>" not in words:                       # the package's own render keeps these apart, see test_conversation
            assert own_tokenizer.decode(ids) == words
    assert len(own_tokenizer("What colour is the dog?", add_special_tokens=False).input_ids) < 10


def test_texts_follow_from_their_number():
    """Guards against a resumed training that reads other texts."""
    assert text(random.Random("diet/0/3/1")) == text(random.Random("diet/0/3/1"))


def test_no_question_is_ever_asked_about_a_map():
    """Guards against stage 2 being done in secret while the parent is raised."""
    for i in range(300):
        one = text(random.Random(i))
        if one.cells:
            assert not one.opening and not any("?" in beginning + rest for beginning, rest in one.tails)


def test_cloze_gives_the_sentence_and_leaves_out_what_only_the_map_tells():
    """Guards against a beginning that already holds the answer."""
    for i, scene in enumerate(scenes("parents", 200)):
        for fact in questions(scene, random.Random(i)):
            beginning, rest = cloze(fact)
            if fact.kind == "is-there":
                assert beginning.endswith(":") and rest == f" {fact.value}."
            else:
                assert beginning + rest == fact.answer and (not beginning or fact.value in rest.lower())


def _chat():
    return Text("chat", "A red dog.", (), (("Is it red?", "Yes."), ("What is it?", "A dog.")))


def test_batch_is_the_packages_own_chat_format(own_tokenizer):
    """Guards against a parent raised in a format that LLaVA later does not speak."""
    reader = vicuna.Reader(own_tokenizer)
    opening, tails, masks = reader.row(_chat())
    for (question, answer), tail, mask in zip(_chat().tails, tails, masks):
        messages = [{"role": "user", "content": f"A red dog.\n{question}"}, {"role": "assistant", "content": answer}]
        whole = render(messages, "v1", tokenizer=own_tokenizer, visual_tokens=0)
        assert opening + tail == whole.ids and [False] * len(opening) + mask == whole.mask


def test_shared_opening_gives_the_losses_of_separate_texts(own_tokenizer):
    """Guards against a mask or positions through which one continuation sees another."""
    torch.manual_seed(0)
    model = vicuna.LlamaForCausalLM(vicuna.LlamaConfig(vocab_size=len(own_tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                                       num_attention_heads=2, num_key_value_heads=2)).eval()
    reader = vicuna.Reader(own_tokenizer)
    scene = next(scenes("train", 1))
    for one in (_chat(), Text("map", "", tuple(word_map(scene)), (("", "A dog."), ("", "A dog and a cat."), ("", "Two cars.")))):
        together = vicuna.next_word_losses(model, reader.batch([one, _chat()]))
        alone = torch.cat([vicuna.next_word_losses(model, reader.batch([Text(one.kind, one.opening, one.cells, (tail,))])) for tail in one.tails])
        assert torch.allclose(together[:len(alone)], alone, atol=1e-5)


def test_answers_right_counts_whole_answers(own_tokenizer, monkeypatch):
    """Guards against a score that counts tokens and calls them answers."""
    batch = vicuna.Reader(own_tokenizer).batch([_chat()])
    logits = nn.functional.one_hot(batch.targets, len(own_tokenizer)).float()
    monkeypatch.setattr(vicuna, "next_word_logits", lambda model, batch: logits)
    assert vicuna.answers_right(None, batch) == 1.0
    logits[-1] = 1 - logits[-1]                       # the last token of the second of two answers
    assert vicuna.answers_right(None, batch) == 0.5


def test_patch_loss_by_hand():
    """Guards against phrases that are true of a patch being pushed away from it."""
    tokens, phrases = torch.eye(2), torch.eye(2)
    true = torch.tensor([[True, False], [True, True]])
    loss = patch_loss(tokens, phrases, true, torch.tensor([1.0, 0.0]), torch.tensor(0.0))
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-6)
    alone = patch_loss(tokens, phrases, true, torch.tensor([0.0, 1.0]), torch.tensor(0.0))
    assert alone.item() == pytest.approx(0.0, abs=1e-6)          # nothing is false of it: nothing to tell apart


def test_phrases_are_true_of_their_own_cell():
    """Guards against a vision parent taught with wrong phrases."""
    for scene in scenes("parents", 60):
        for cell in set(word_map(scene)):
            assert all(set(p) <= set(cell) for p in region_phrases(cell)), cell
    assert ("red", "car") in region_phrases(("small", "red", "car", "c", "5")) and ("c", "5") in region_phrases(("sand", "c", "5"))


def _raise(folder, steps, stop=None):
    torch.manual_seed(0)
    model = nn.Linear(4, 1)

    def loss_of(step):
        if step == stop:
            raise KeyboardInterrupt
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return {"loss": (model(x) - x.sum(1, keepdim=True)).pow(2).mean()}

    curve = raise_parent(model, loss_of, steps=steps, learning_rate=0.05, folder=folder, save_every=10)
    return model.state_dict(), [{k: v for k, v in row.items() if k != "seconds"} for row in curve]


def test_interrupted_parent_equals_uninterrupted(tmp_path):
    """Guards against an hour of training that goes on from the wrong place."""
    whole, curve = _raise(tmp_path / "whole", 60)
    with pytest.raises(KeyboardInterrupt):
        _raise(tmp_path / "cut", 60, stop=47)
    resumed, again = _raise(tmp_path / "cut", 60)
    assert all(torch.equal(whole[k], resumed[k]) for k in whole) and curve == again and curve[-1]["loss"] < curve[0]["loss"]


def test_probes_read_what_is_there_and_not_what_is_not():
    """Guards against probes that find accuracy in noise, or miss what is plainly written."""
    torch.manual_seed(0)
    classes = torch.randint(0, 4, (200,))
    tokens = torch.randn(200, 9, 16)
    tokens[:, 4, :4] += 6 * torch.eye(4)[classes]
    rows = (list(range(200)), [4] * 200, classes.tolist())
    elsewhere = (list(range(200)), [0] * 200, classes.tolist())
    learn, test = tuple(r[:150] for r in rows), tuple(r[150:] for r in rows)
    assert score(fit(Linear(16, 4), tokens, learn), tokens, test)[0] >= 48
    assert score(fit(Linear(16, 4), tokens, tuple(r[:150] for r in elsewhere)), tokens, tuple(r[150:] for r in elsewhere))[0] < 25
    assert score(fit(Attentive(16, 4), tokens, tuple(r[:150] for r in elsewhere), steps=400), tokens, tuple(r[150:] for r in elsewhere))[0] > 35
