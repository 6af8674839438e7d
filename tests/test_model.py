"""model.py and projector.py: the merge, the mask, the loss, and any causal language model."""

import re

import pytest
import torch
from tiny import KINDS, causal_lm, features_for, pad, sequence

from llava_mini.errors import InputError
from llava_mini.generation import Request
from llava_mini.model import IGNORE, LlavaMini
from llava_mini.projector import build_projector, load_authors_projector


@pytest.fixture(scope="module", params=list(KINDS))
def any_model(request, tmp_path_factory, tiny_vision_folder, tokenizer):
    """A LlavaMini with each kind of language model in turn."""
    folder = tmp_path_factory.mktemp("lm")
    causal_lm(request.param, len(tokenizer), **KINDS[request.param]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return LlavaMini.from_parents(tiny_vision_folder, folder).eval()


def test_merge_puts_each_picture_in_its_place(tiny_model):
    """Guards against visual tokens of one picture landing in another's place, or words overwritten."""
    rows = [sequence(tiny_model, [3, "i", 2, "i"]), sequence(tiny_model, [5]), sequence(tiny_model, ["i", 7])]
    ids, _ = pad(tiny_model, rows)
    features = features_for(tiny_model, 3)
    merged = tiny_model.merge(ids, features)
    where = ids == tiny_model.image_token_id
    assert torch.equal(merged[where].view(3, 4, -1), tiny_model.projector(features))
    assert torch.equal(merged[~where], tiny_model.language_model.get_input_embeddings()(ids)[~where])


@pytest.mark.parametrize("pictures, words, said", [(2, ["i"], "4 .*8"), (0, ["i", "i"], "8 .*0"), (1, [3], "0 .*4")])
def test_mismatch_is_one_clear_error(tiny_model, pictures, words, said):
    """Guards against image tokens != image features passing silently (too many) or as IndexError (too few)."""
    ids = torch.tensor([sequence(tiny_model, words)])
    with pytest.raises(InputError, match=said):
        tiny_model(ids, features=features_for(tiny_model, pictures))


@pytest.mark.parametrize("size", [(1, 5, 32), (2, 2, 32), (1, 4, 16), (4, 32)], ids=str)
def test_features_of_another_tower_are_the_same_error_everywhere(tiny_model, size):
    """Guards against two halves taken for one picture, and against torch's words about the sizes of matrices."""
    words, sizes = re.escape(f"have the sizes {list(size)} where this vision tower gives [n, 4, 32]; encode the pictures"), torch.zeros(size)
    with pytest.raises(InputError, match=f"^The features {words}"):
        tiny_model(torch.tensor([sequence(tiny_model, ["i", 2])]), features=sizes)
    messages = [{"role": "user", "content": "<image>What?"}]
    good, bad = Request(messages, features=features_for(tiny_model, 1)), Request(messages, features=sizes)
    for number, requests in enumerate(([bad], [good, bad])):
        with pytest.raises(InputError, match=f"^Sample 'request {number}': its features {words}"):
            tiny_model.generate(requests)


def test_right_total_in_wrong_rows(tiny_model):
    """Guards against a picture whose tokens are split over two rows though the total is right."""
    ids = torch.tensor([sequence(tiny_model, ["i"]), sequence(tiny_model, ["i"])])
    ids[0, 1], ids[1, 0] = 9, tiny_model.image_token_id
    with pytest.raises(InputError, match="Row 0"):
        tiny_model(ids, features=features_for(tiny_model, 2))


@pytest.mark.parametrize("left", [False, True])
def test_padded_equals_unpadded(any_model, left):
    """Guards against padding that shifts positions or is attended to; several pictures, one, none."""
    rows = [sequence(any_model, [3, "i", 2, "i", 1]), sequence(any_model, [5], 1), sequence(any_model, ["i", 7], 2)]
    features = features_for(any_model, 3)
    ids, mask = pad(any_model, rows, left)
    together = any_model(ids, mask, features).logits
    single = [features[:2], None, features[2:]]
    for row, own in enumerate(single):
        alone = any_model(torch.tensor([rows[row]]), features=own).logits[0]
        assert (together[row][mask[row].bool()] - alone).abs().max() < 1e-5


def test_loss_equals_full_logits(any_model):
    """Guards against an off-by-one in the shift and against models that scale their logits after the output layer."""
    ids, mask = pad(any_model, [sequence(any_model, ["i", 9]), sequence(any_model, [6], 1)])
    labels = ids.masked_fill((torch.arange(ids.shape[1]) < 7) | (mask == 0), IGNORE)
    labels[1, 3] = ids[1, 3]
    features = features_for(any_model, 1)
    output = any_model(ids, mask, features, labels)
    logits = any_model(ids, mask, features).logits
    wanted, count = 0.0, 0
    for row in range(2):
        for place in range(1, ids.shape[1]):
            if labels[row, place] != IGNORE:
                wanted = wanted - logits[row, place - 1].log_softmax(-1)[labels[row, place]]
                count += 1
    assert output.supervised == count > 3 and output.logits is None
    assert torch.allclose(output.loss_sum, wanted, atol=1e-4) and torch.allclose(output.loss, wanted / count, atol=1e-5)
    rows, places = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    again = any_model(ids, mask, features, targets=(rows, places, labels[rows, places + 1]))
    assert torch.equal(again.loss_sum, output.loss_sum)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_document_mask_equals_separate_sequences(any_model, attention):
    """Guards against a 4D mask that is ignored, inverted or added as 0/1, so that packed samples see each other."""
    any_model.language_model.set_attn_implementation(attention)
    prefix, tails = sequence(any_model, ["i"]), [sequence(any_model, [n], n)[1:] for n in (5, 3, 6)]
    ids = torch.tensor([prefix + sum(tails, [])])
    length, features = ids.shape[1], features_for(any_model, 1)
    mask = torch.zeros(1, 1, length, length, dtype=torch.bool)
    positions = torch.arange(length)[None].clone()
    mask[..., : len(prefix), : len(prefix)] = torch.ones(len(prefix), len(prefix)).tril().bool()
    start = len(prefix)
    for tail in tails:
        end = start + len(tail)
        mask[..., start:end, : len(prefix)] = True
        mask[..., start:end, start:end] = torch.ones(len(tail), len(tail)).tril().bool()
        positions[0, start:end] = torch.arange(len(prefix), len(prefix) + len(tail))
        start = end
    packed = any_model(ids, mask, features, position_ids=positions).logits[0, len(prefix):]
    alone = [any_model(torch.tensor([prefix + tail]), features=features).logits[0, len(prefix):] for tail in tails]
    any_model.language_model.set_attn_implementation("sdpa")
    assert (packed - torch.cat(alone)).abs().max() < 1e-5
    with pytest.raises(InputError, match="position_ids"):
        any_model(ids, mask, features)


def test_no_supervised_token(tiny_model):
    """Guards against a NaN loss from labels that are all -100."""
    ids = torch.tensor([sequence(tiny_model, [5])])
    output = tiny_model(ids, labels=torch.full_like(ids, IGNORE))
    assert output.supervised == 0 and float(output.loss_sum.detach()) == 0
    with pytest.raises(InputError, match="supervised"):
        output.loss  # noqa: B018


def test_gradients(tiny_model):
    """Guards against a merge that cuts the gradient, and a text-only batch that has none for the projector."""
    tiny_model.train()
    try:
        for words, features in (["i", 4], features_for(tiny_model, 1)), ([4], None):
            ids = torch.tensor([sequence(tiny_model, words)])
            tiny_model.zero_grad()
            tiny_model(ids, features=features, labels=ids.masked_fill(ids == tiny_model.image_token_id, IGNORE)).loss.backward()
            gradient = tiny_model.projector.weight.grad
            assert gradient is not None and (gradient.abs().sum() > 0) == (features is not None)
        assert all(p.grad is None for p in tiny_model.vision_tower.parameters())
    finally:
        tiny_model.zero_grad()
        tiny_model.eval()


def test_joining_is_deterministic(tiny_vision_folder, tiny_language_folder):
    """Guards against a projector that depends on what was drawn before, or that disturbs the caller's draws."""
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder, seed=5)
    assert torch.equal(torch.rand(3), expected)
    second = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder, seed=5)
    other = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder, seed=6)
    assert torch.equal(first.projector.weight, second.projector.weight)
    assert not torch.equal(first.projector.weight, other.projector.weight)
    assert first.parents == second.parents


@pytest.mark.parametrize("tied", [True, False])
def test_vocabulary_is_completed(tmp_path, tiny_vision_folder, tied):
    """Guards against a language model without <image> or <pad>, and against new rows drawn at random."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2, "dog": 3}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    bare = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    bare.save_pretrained(tmp_path)
    old = causal_lm("Llama", 4, tie_word_embeddings=tied)
    old.save_pretrained(tmp_path)
    model, again = (LlavaMini.from_parents(tiny_vision_folder, tmp_path) for _ in range(2))
    assert model.image_token_id == 4 and model.tokenizer.pad_token_id == 5
    assert model.tokenizer("<image> dog", add_special_tokens=False).input_ids == [4, 3]
    for part in ("get_input_embeddings", "get_output_embeddings"):
        weight, before = getattr(model.language_model, part)().weight, getattr(old, part)().weight
        assert weight.shape[0] == 6 and torch.equal(weight[:4], before)
        assert torch.allclose(weight[4:], before.mean(0).expand(2, -1))
        assert torch.equal(weight, getattr(again.language_model, part)().weight)
    ids = torch.tensor([[1, 4, 4, 4, 4, 3]])
    assert model(ids, features=features_for(model, 1)).logits.shape == (1, 6, 6)


def test_the_tokenizer_is_the_one_that_was_saved(any_model, tokenizer):
    """Guards against AutoTokenizer, which puts another class around the vocabulary for some models (Qwen2)."""
    text = "What colour is the dög? ASSISTANT: A red one."
    assert any_model.tokenizer(text).input_ids == tokenizer(text).input_ids


def test_parents_that_do_not_fit(tmp_path, tiny_vision_folder, tiny_language_folder):
    """Guards against a missing parent or weights lost on the way being replaced by random numbers."""
    import shutil

    from safetensors.torch import load_file, save_file

    with pytest.raises(InputError, match="nowhere"):
        LlavaMini.from_parents(tiny_vision_folder, tmp_path / "nowhere")
    with pytest.raises(InputError, match="nowhere"):
        LlavaMini.from_parents(tmp_path / "nowhere", tiny_language_folder)
    shutil.copytree(tiny_language_folder, tmp_path / "lm")
    weights = load_file(tmp_path / "lm" / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, tmp_path / "lm" / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="up_proj"):
        LlavaMini.from_parents(tiny_vision_folder, tmp_path / "lm")
    (tmp_path / "lm" / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match="incomplete"):
        LlavaMini.from_parents(tiny_vision_folder, tmp_path / "lm")


def test_encode(tiny_model, tmp_path):
    """Guards against paths and pictures treated differently, and against a batch that mixes its pictures."""
    from PIL import Image

    pictures = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    pictures[1].save(tmp_path / "blue.png")
    together = tiny_model.encode([pictures[0], tmp_path / "blue.png"])
    assert together.shape == (2, 4, 32) and not together.requires_grad
    assert torch.allclose(together[1:], tiny_model.encode([pictures[1]]), atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("kind, keys", [("linear", ["weight", "bias"]), ("mlp2x_gelu", ["0.weight", "0.bias", "2.weight", "2.bias"])])
def test_authors_projector(tmp_path, kind, keys):
    """Guards against stage-1 files of the authors that load with other numbers, or not at all."""
    from safetensors.torch import save_file

    projector = build_projector(kind, 6, 10)
    assert list(projector.state_dict()) == keys
    weights = {f"model.mm_projector.{key}": value for key, value in projector.state_dict().items()}
    torch.save(weights, tmp_path / "mm_projector.bin")
    save_file(weights, tmp_path / "mm_projector.safetensors")
    features = torch.randn(3, 6)
    for name in ("mm_projector.bin", "mm_projector.safetensors"):
        assert torch.equal(load_authors_projector(tmp_path / name)(features), projector(features))
    weights.popitem()
    torch.save(weights, tmp_path / "short.bin")
    (tmp_path / "text.bin").write_text("no projector")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.bin")
    for name in ("short.bin", "text.bin", "other.bin", "missing.bin"):
        with pytest.raises(InputError, match=name):
            load_authors_projector(tmp_path / name)


def test_gelu_is_the_exact_one():
    """Guards against tanh-GELU, which moves the logits by 1e-3."""
    projector = build_projector("mlp2x_gelu", 4, 4)
    x = torch.linspace(-3, 3, 4)
    hidden = projector[0](x)
    wanted = projector[2](hidden * 0.5 * (1 + torch.erf(hidden / 2 ** 0.5)))
    assert torch.allclose(projector(x), wanted, atol=1e-6)
    with pytest.raises(InputError, match="linear, mlp2x_gelu"):
        build_projector("cubic", 4, 4)
