"""Attention and nearest words: that they are the model's own, and what each number stands for."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from tiny import features_for

from llava_mini import attention
from llava_mini.conversation import render
from llava_mini.errors import InputError
from llava_mini.nearest import Words, nearest_words, read_patches, words_of

QUESTION = "What colour is the dog?"


def prompt_of(model, question=QUESTION):
    return render([{"role": "user", "content": f"<image>\n{question}"}], model.config.template, tokenizer=model.tokenizer,
                  visual_tokens=model.visual_tokens, prompt=True)


def test_weights_are_shares_and_the_logits_are_the_models(tiny_model):
    """Guards against maps of another computation than the one that answers, and against weights before the softmax."""
    ids, features = prompt_of(tiny_model).ids, features_for(tiny_model, 1)
    weights, logits = attention.attend(tiny_model, ids, features)
    layers, heads = tiny_model.language_model.config.num_hidden_layers, tiny_model.language_model.config.num_attention_heads
    assert list(weights.shape) == [len(ids), layers, heads, len(ids)]
    assert torch.allclose(weights.sum(-1), torch.ones(len(ids), layers, heads), atol=1e-5)
    future = torch.triu(torch.ones(len(ids), len(ids)), 1).bool()
    assert float(weights.permute(1, 2, 0, 3)[:, :, future].abs().max()) == 0
    with torch.no_grad():
        usual = tiny_model(torch.tensor([ids]), features=features).logits[0]
    assert torch.allclose(logits, usual, atol=1e-4)


def test_the_model_is_left_as_it_was(tiny_model):
    """Guards against a look inside that leaves the slow attention, or training mode, behind, even where it fails."""
    kind = tiny_model.language_model.config._attn_implementation
    tiny_model.language_model.train()
    with pytest.raises(InputError):
        attention.attend(tiny_model, prompt_of(tiny_model).ids, features_for(tiny_model, 2))
    attention.attend(tiny_model, prompt_of(tiny_model).ids, features_for(tiny_model, 1))
    assert tiny_model.language_model.config._attn_implementation == kind != "eager" and tiny_model.language_model.training
    tiny_model.eval()


def test_a_token_of_the_answer_is_looked_at_where_it_is_chosen(tiny_model):
    """Guards against maps that are off by one: those of the token after the one that was clicked."""
    features = features_for(tiny_model, 1)
    seen = attention.look(tiny_model, features, QUESTION, "The dog is red.")
    prompt = prompt_of(tiny_model)
    whole = render([{"role": "user", "content": f"<image>\n{QUESTION}"}, {"role": "assistant", "content": "The dog is red."}], tiny_model.config.template,
                   tokenizer=tiny_model.tokenizer, visual_tokens=tiny_model.visual_tokens)
    weights, logits = attention.attend(tiny_model, whole.ids, features)
    start, said = prompt.picture_starts[0], len(prompt.ids)
    behind = start + tiny_model.visual_tokens
    assert seen.first == said - behind and len(seen.tokens) == len(seen.weights) == len(whole.ids) - behind
    assert torch.equal(seen.patches[0], weights[behind, :, :, start:behind])                           # read in its own place
    assert torch.equal(seen.patches[seen.first], weights[said - 1, :, :, start:behind])                # chosen in the place before
    assert torch.equal(seen.logits, logits[said - 1: -1])
    assert "".join(seen.tokens[seen.first:-1]).strip() == "The dog is red." and seen.tokens[-1] == "</s>"
    assert torch.allclose(seen.question, attention.over_question(tiny_model, features, QUESTION), atol=1e-6)


def test_the_answer_is_the_models_own(tiny_model):
    """Guards against looking at an answer that the model would not give: each token is the likeliest where it is chosen."""
    picture = Image.new("RGB", (40, 30), (200, 30, 30))
    seen = attention.look(tiny_model, picture, QUESTION, max_new_tokens=6)
    assert seen.answer == tiny_model.answer(picture, QUESTION, max_new_tokens=6).strip()
    assert len(seen.logits) == len(seen.tokens) - seen.first


def test_relative_is_one_for_the_generic_question_and_divides_by_it_elsewhere(tiny_model):
    """Guards against a ratio the wrong way round, of single heads, or of another generic question."""
    features = features_for(tiny_model, 1)
    assert torch.allclose(attention.relative(tiny_model, features, attention.GENERIC), torch.ones(2, tiny_model.visual_tokens), atol=1e-5)
    mine, anyway = (attention.over_question(tiny_model, features, text).mean(1) for text in (QUESTION, attention.GENERIC))
    assert torch.allclose(attention.relative(tiny_model, features, QUESTION), mine / anyway, rtol=1e-4)
    assert not torch.allclose(mine / anyway, torch.ones_like(mine), rtol=1e-3)
    maps = torch.tensor([[[0.2, 0.0], [0.4, 0.0]]])             # heads that differ: the quotient of the means is 0.3 / 0.2
    assert torch.allclose(attention.ratio(maps, torch.tensor([[[0.1, 0.0], [0.3, 0.0]]])), torch.tensor([[1.5, 0.0]]))     # no division by zero


@pytest.mark.parametrize(("picture", "question", "words"), [
    (torch.zeros(2, 4, 32), QUESTION, "one picture at a time"), (torch.zeros(1, 4, 32), "<image> What is it?", "mark")])
def test_bad_input_is_named(tiny_model, picture, question, words):
    """Guards against several pictures of which only the first is looked at, and marks that shift every place."""
    for function in (attention.look, attention.over_question, attention.relative):
        with pytest.raises(InputError, match=words):
            function(tiny_model, picture, question)


# ---- words

def test_the_nearest_word_is_the_one_in_the_same_direction(tiny_model):
    """Guards against dot products in the place of cosines: a long word would be near everything."""
    words = Words(["long", "right"], torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    near = nearest_words(torch.tensor([[1.0, 3.0], [-2.0, 0.0]]), words, 2)
    assert [one.word for one in near[0]] == ["right", "long"] and near[0][0].cosine == pytest.approx(3 / 10 ** 0.5)
    assert near[1][1].cosine == pytest.approx(-1)
    own = words_of(tiny_model)
    table = tiny_model.language_model.get_input_embeddings().weight.detach()
    ids = tiny_model.tokenizer.convert_tokens_to_ids(["▁" + own.names[0], "▁" + own.names[-1]])
    assert [one[0].word for one in nearest_words(17 * table[ids], own, 1)] == [own.names[0], own.names[-1]]


def test_words_are_whole_words_of_letters(tiny_model):
    """Guards against readings full of bytes, brackets and pieces of words."""
    names = words_of(tiny_model).names
    assert "the" in names and "What" in names
    assert all(name.isalpha() and len(name) >= 3 and "▁" not in name for name in names)
    with pytest.raises(InputError, match="No token"):
        words_of(tiny_model, shortest=100)


def test_each_picture_and_patch_is_read(tiny_model):
    """Guards against readings of the wrong patch, and against Z_v that is read without the projector."""
    features = features_for(tiny_model, 2)
    readings = read_patches(tiny_model, features, 3)
    assert [len(reading) for reading in readings] == [tiny_model.visual_tokens] * 2 and len(readings[0][0]) == 3
    alone = nearest_words(tiny_model.projector(features[1, 2:3]), words_of(tiny_model), 3)
    assert [word for word, _ in readings[1][2]] == [word for word, _ in alone[0]]


# ---- the model after stage 1

@pytest.fixture
def settings(tiny_vision_folder, tiny_language_folder):
    """A profile of the two tiny parents."""
    from dataclasses import replace

    from llava_mini.profiles import profile

    return replace(profile("mini"), vision=str(tiny_vision_folder), language=str(tiny_language_folder))


def test_stage_one_is_taken_from_where_it_is(settings, tmp_path):
    """Guards against training again what is there, and against taking the past of another model for this one's."""
    import json

    from safetensors.torch import save_file

    from llava_mini import pipeline
    from llava_mini.features import FeatureCache
    from llava_mini.job import Job
    from llava_mini.parents import probe
    from llava_mini.stage_one import _left, stage_one

    job = Job(settings, held_out={}, runs=tmp_path / "runs", world=tmp_path / "world")
    model = pipeline.join(job)
    inputs = {"model": probe(torch.nn.ModuleList([model.projector, model.language_model])), "vision": FeatureCache(job.runs / "features", model).key}
    state = job.runs / "stage-1" / "mine" / "state-00000007"
    state.mkdir(parents=True)
    weights = {f"projector.{name}": torch.full_like(value, 0.25) for name, value in model.projector.state_dict().items()}
    save_file(weights, state / "weights.safetensors")

    def write(inputs, finished=True):
        (state.parent / "run.json").write_text(json.dumps({"inputs": inputs}))
        (state / "state.json").write_text(json.dumps({"step": 7, "finished": finished}))

    for other in ({**inputs, "model": "another"}, {**inputs, "vision": "another"}):
        write(other)
        assert _left(model, job) is None
    write(inputs, finished=False)
    assert _left(model, job) is None
    write(inputs)
    found, source = stage_one(settings, saved=tmp_path / "none", runs=job.runs, world=job.world)
    assert "training" in source and "mine" in source and all(float(value.detach().min()) == float(value.detach().max()) == 0.25 for value in found.projector.parameters())

    found.save_pretrained(tmp_path / "saved", kind="projector")
    write({**inputs, "model": "another"})
    again, source = stage_one(settings, saved=tmp_path / "saved", runs=job.runs, world=job.world)
    assert "checkpoint" in source and torch.equal(again.projector.weight, found.projector.weight)
