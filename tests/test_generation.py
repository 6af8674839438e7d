"""generation.py, decoding.py, fast_llama.py, streaming.py: the same text, however it is asked for."""

import random
import warnings

import pytest
import torch
from tiny import causal_lm

from llava_mini.conversation import render
from llava_mini.decoding import AnyDecoder, Prompt, shared_beginnings
from llava_mini.errors import InputError
from llava_mini.fast_llama import LlamaDecoder, decoder_for
from llava_mini.generation import Request
from llava_mini.lora import add_lora
from llava_mini.model import LlavaMini
from llava_mini.streaming import Answer

WORDS = "what colour is the dog how many cats are there on a blue bench in rain".split()


@pytest.fixture(scope="module", params=["Llama", "Llama with groups", "Qwen2", "GPTNeoX"])
def talker(request, tmp_path_factory, tiny_vision_folder, tokenizer):
    """A LlavaMini whose random language model does not repeat one token, of each kind in turn."""
    kind, options = request.param.split()[0], {"num_key_value_heads": 4} if request.param == "Llama" else {}
    folder = tmp_path_factory.mktemp("lm")
    lm = causal_lm(kind, len(tokenizer), **options | {"tie_word_embeddings": False})
    with torch.no_grad():
        for value in lm.parameters():
            if value.dim() == 2:
                value *= 8  # random weights of the usual size give nearly the same logits everywhere
        lm.get_output_embeddings().weight[tokenizer.convert_tokens_to_ids("<image>")] = 0  # never the likeliest
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return LlavaMini.from_parents(tiny_vision_folder, folder)


def a_request(model, seed, pictures=None):
    """Some turns with up to two pictures, none of the same length."""
    draw = random.Random(seed)
    pictures = draw.randrange(3) if pictures is None else pictures
    said = [" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(3)]
    messages = [{"role": "user", "content": "<image>\n" * (pictures > 0) + said[0]}, {"role": "assistant", "content": said[1]},
                {"role": "user", "content": "<image>\n" * (pictures > 1) + said[2]}]
    features = torch.randn(pictures, model.visual_tokens, model.vision_tower.width, generator=torch.Generator().manual_seed(seed))
    return Request(messages, features=features)


def plainly(model, request, steps, template="v1"):
    """Greedy ids the slow and simple way: the whole sequence through forward() for every token."""
    ids = render(request.messages, template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens, prompt=True).ids
    new = []
    with torch.no_grad():
        for _ in range(steps):
            features = request.features if len(request.features) else None
            new.append(int(model(torch.tensor([ids + new]), features=features).logits[0, -1].argmax()))
            if new[-1] == model.tokenizer.eos_token_id:
                break
    return new


def text_of(model, ids, template="v1"):
    answer = Answer(template, model.tokenizer)
    return "".join(answer.add(token) for token in ids) + ("" if answer.ended else answer.end())


@pytest.mark.parametrize("fast", [True, False])
def test_greedy_equals_the_simple_way(talker, fast):
    """Guards against a cache, positions or a mask that differ from reading the whole sequence each time."""
    for seed in range(3):
        request = a_request(talker, seed, pictures=seed)
        ids = plainly(talker, request, 12)
        assert len(set(ids)) > 3, "the model repeats itself, so the test would show nothing"
        assert talker.generate([request], max_new_tokens=12, fast=fast) == [text_of(talker, ids)]


@pytest.mark.parametrize("options", [{}, {"fast": False}, {"temperature": 0.8, "top_p": 0.9}], ids=str)
def test_batched_equals_single(talker, options):
    """Guards against answers that depend on their neighbours: padding, shared draws, rows dropped or mixed up."""
    requests = [a_request(talker, seed) for seed in range(7)]
    together = talker.generate(requests, max_new_tokens=10, seed=5, **options)
    single = [talker.generate([request], max_new_tokens=10, seed=5 + number, **options)[0] for number, request in enumerate(requests)]
    assert together == single
    assert talker.generate(requests, max_new_tokens=10, seed=5, batch_size=3, **options) == single
    assert len(set(together)) > 3


def test_engines(talker):
    """Guards against a fast engine that is never used, or used where it does not apply; its logits are the same."""
    kind = type(talker.language_model).__name__
    assert isinstance(decoder_for(talker), LlamaDecoder) == (kind == "LlamaForCausalLM")
    assert isinstance(decoder_for(talker, fast=False), AnyDecoder)
    if kind != "LlamaForCausalLM":
        return
    requests = [a_request(talker, seed, pictures=1) for seed in range(4)]
    prompts = [Prompt(render(request.messages, tokenizer=talker.tokenizer, visual_tokens=4, prompt=True).ids, (row,))
               for row, request in enumerate(requests)]
    features = torch.cat([request.features for request in requests])
    engines = decoder_for(talker), decoder_for(talker, fast=False)
    with torch.inference_mode():
        logits = [engine.start(prompts, features, 8) for engine in engines]
        for step in range(6):
            scale = logits[1].abs().max()
            assert (logits[0] - logits[1]).abs().max() < 1e-5 * scale
            tokens = logits[1].argmax(-1)
            if step == 2:
                kept = torch.tensor([3, 0])
                for engine in engines:
                    engine.keep(kept)
                tokens = tokens[kept]
            logits = [engine.step(tokens) for engine in engines]


def test_training_is_seen_by_the_fast_engine(tiny_vision_folder, tiny_language_folder):
    """Guards against the fast engine's copies outliving the weights they were made of."""
    model = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder)
    request = a_request(model, 1, pictures=1)
    for way in ("in place", "through data", "replaced"):
        model.generate([request], max_new_tokens=2)
        weight = model.language_model.model.layers[0].mlp.down_proj.weight
        change = torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(way)))
        with torch.no_grad():
            if way == "in place":
                weight += change
            elif way == "through data":
                weight.data.mul_(-3).add_(change)
            else:
                model.language_model.model.layers[0].mlp.down_proj.weight = torch.nn.Parameter(weight * -2 + change)
        prompt = Prompt(render(request.messages, tokenizer=model.tokenizer, visual_tokens=4, prompt=True).ids, (0,))
        with torch.inference_mode():
            fast, slow = (decoder_for(model, fast).start([prompt], request.features, 1) for fast in (True, False))
        assert (fast - slow).abs().max() < 1e-4, way
    add_lora(model, rank=2, alpha=2, dropout=0.0)
    assert isinstance(decoder_for(model), AnyDecoder)


@pytest.mark.parametrize("questions, pictures", [(["a b", "c", "d e f"], [0, 0, 0]), (["a", "b c"], [0, 1]),
                                                 (["a", "b", "c", "d"], [0, 0, 1, 1]), (["a"], [0]), (["a", "b"], [None, 0])])
def test_shared_beginnings(tiny_model, questions, pictures):
    """Guards against a beginning that is cut inside a picture, taken for another picture's, or leaves nothing after it."""
    prompts = []
    for question, picture in zip(questions, pictures):
        messages = [{"role": "user", "content": question if picture is None else f"<image>\n{question}"}]
        ids = render(messages, tokenizer=tiny_model.tokenizer, visual_tokens=4, prompt=True).ids
        prompts.append(Prompt(ids, () if picture is None else (picture,)))
    shared, split = shared_beginnings(prompts, tiny_model.image_token_id, 4)
    assert bool(shared) == (len(prompts) > 1)
    for prompt, number in zip(prompts, split if shared else []):
        ids = shared[number].ids
        assert prompt.ids[: len(ids)] == ids and len(ids) < len(prompt.ids)
        assert ids.count(tiny_model.image_token_id) == 4 * len(shared[number].pictures)
        assert prompt.pictures[: len(shared[number].pictures)] == shared[number].pictures
    if pictures == [0, 0, 0]:
        assert len(shared) == 1 and shared[0].pictures == (0,)
    same = [Prompt([1, *[tiny_model.image_token_id] * 4], (0,))] * 2  # a prompt of the template plain ends in a picture
    assert shared_beginnings(same, tiny_model.image_token_id, 4)[0] == [Prompt([1])]


def test_drawing(talker):
    """Guards against a seed without effect, a temperature that is ignored and a top_p that keeps too much."""
    request = a_request(talker, 3, pictures=1)

    def ask(**options):
        return talker.generate([request] * 6, max_new_tokens=8, **options)

    assert ask(temperature=1.0, seed=1) == ask(temperature=1.0, seed=1) != ask(temperature=1.0, seed=2)
    assert len(set(ask(temperature=2.0, seed=1))) > 1
    greedy = ask()
    assert ask(temperature=1e-4) == greedy and ask(temperature=3.0, top_p=1e-6) == greedy
    same = [Request(request.messages, features=request.features, seed=9)] * 2
    first, second = talker.generate(same, max_new_tokens=8, temperature=2.0)
    assert first == second


def test_draws_follow_the_probabilities():
    """Guards against a biased draw: an off-by-one in the search, or the cut of top_p one token too early."""
    from llava_mini.generation import _Draw

    logits = torch.tensor([[0.5, 0.2, 0.3]]).log().expand(4000, 3)
    counts = torch.bincount(_Draw(1.0, 1.0, 1, list(range(4000)), "cpu")(logits, 0), minlength=3) / 4000
    assert torch.allclose(counts, torch.tensor([0.5, 0.2, 0.3]), atol=0.03)
    counts = torch.bincount(_Draw(1.0, 0.7, 1, list(range(4000)), "cpu")(logits, 0), minlength=3) / 4000
    assert torch.allclose(counts, torch.tensor([0.625, 0.0, 0.375]), atol=0.03)


@pytest.mark.parametrize("template", ["v1", "v0", "plain", "chat"])
def test_stream_joins_to_the_answer(talker, tokenizer, template):
    """Guards against pieces that overlap, lose text, or differ from the answer given at once."""
    talker.tokenizer.chat_template = (
        "{% for m in messages %}{{ '<s>' + m['role'] + ': ' + m['content'] + '\\n</s>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<s>assistant: ' }}{% endif %}")
    requests = [Request([{"role": "user", "content": "<image>\nWhat?"}], features=a_request(talker, seed, 1).features) for seed in range(3)]
    whole = talker.generate(requests, max_new_tokens=30, template=template)
    pieces = list(talker.generate(requests, max_new_tokens=30, template=template, stream=True))
    assert ["".join(piece for row, piece in pieces if row == number) for number in range(3)] == whole
    assert all(piece for _, piece in pieces) and len(pieces) > len(requests)


def test_stream_is_lazy(tiny_model):
    """Guards against a stream that computes everything first, and a model left in evaluation mode by a listener who leaves."""
    model, seen = tiny_model, []
    model.train()
    handle = model.language_model.register_forward_hook(lambda *_: seen.append(1))
    try:
        stream = model.answer(None, "What?", stream=True, max_new_tokens=40, fast=False, temperature=2.0)
        next(stream)
        assert len(seen) < 20 and torch.is_inference_mode_enabled() is False
        stream.close()
        assert model.training
    finally:
        handle.remove()
        model.eval()


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("stream", [True, False])
def test_whole_characters_only(tokenizer, stream):
    """Guards against halves of characters (bytes) in the stream, and a loss of bytes that never become one."""
    answer = Answer("v1", tokenizer, stream)
    ids = ids_of(tokenizer, " A dög 🐕 <3")
    assert len(ids) > 10
    pieces = [answer.add(token) for token in [*ids, tokenizer.eos_token_id]]
    assert "".join(pieces) == "A dög 🐕 <3" and answer.ended
    assert not any("\ufffd" in piece for piece in pieces)
    bad = [tokenizer.convert_tokens_to_ids("<0xC3>"), *ids_of(tokenizer, "a"), tokenizer.convert_tokens_to_ids("<0xF0>")]
    texts = []
    for way in (True, False):
        answer = Answer("v1", tokenizer, way)
        texts.append("".join(answer.add(token) for token in [*ids_of(tokenizer, "ö"), *bad]) + answer.end())
    assert texts[0] == texts[1] == "ö\ufffda\ufffd"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text, wanted", [(" A dog.### Human: more", "A dog."), (" A # and ## here###", "A # and ## here"),
                                          (" no stop ##", "no stop ##"), ("###", ""), ("x###", "x")])
def test_stop_texts(tokenizer, stream, text, wanted):
    """Guards against a stop text in the answer, one that spans tokens, and text held back for good."""
    answer, pieces = Answer("v0", tokenizer, stream), []
    for token in ids_of(tokenizer, text):
        pieces.append(answer.add(token))
        assert "###" not in "".join(pieces)
        if answer.ended:
            break
    assert answer.ended == ("###" in text)
    assert "".join(pieces) + ("" if answer.ended else answer.end()) == wanted


def test_stray_control_tokens_are_no_text(tokenizer):
    """Guards against <pad> or <image> spelled out in an answer, which the next turn would take for a picture."""
    answer = Answer("v1", tokenizer)
    ids = [tokenizer.pad_token_id, *ids_of(tokenizer, " dog"), tokenizer.convert_tokens_to_ids("<image>"), tokenizer.bos_token_id]
    assert "".join(map(answer.add, ids)) + answer.end() == "dog"


def test_limits(talker):
    """Guards against one token too many, and an answer cut by the context without a word."""
    request = a_request(talker, 0, pictures=1)
    assert talker.generate([request], max_new_tokens=1) == [text_of(talker, plainly(talker, request, 1))]
    long = Request([{"role": "user", "content": "dog " * 44}])
    length = len(render(long.messages, tokenizer=talker.tokenizer, visual_tokens=4, prompt=True).ids)
    old = talker.language_model.config.max_position_embeddings
    try:
        talker.language_model.config.max_position_embeddings = length + 3
        with pytest.warns(UserWarning, match="cut after 3 tokens"):
            short = talker.generate([long], max_new_tokens=9)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert talker.generate([long], max_new_tokens=3) == short
        talker.language_model.config.max_position_embeddings = length
        with pytest.raises(InputError, match=f"Sample 'request 0' has {length} tokens"):
            talker.generate([long])
    finally:
        talker.language_model.config.max_position_embeddings = old


@pytest.mark.parametrize("marks, pictures", [(1, 0), (0, 1), (2, 1)])
def test_pictures_must_match_the_marks(tiny_model, marks, pictures):
    """Guards against a picture that is silently ignored, or a mark without one."""
    from PIL import Image

    request = Request([{"role": "user", "content": "<image>" * marks + "What?"}], [Image.new("RGB", (30, 30))] * pictures)
    with pytest.raises(InputError, match=f"Sample 'request 1' has {marks} .* {pictures} pictures"):
        tiny_model.generate([Request([{"role": "user", "content": "Hm?"}]), request])


@pytest.mark.parametrize("options", [{"max_new_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}, {"batch_size": 0}, {"template": "v9"}])
def test_faulty_options(tiny_model, options):
    """Guards against options that would give nonsense, or nothing at all, without a word."""
    with pytest.raises(InputError):
        tiny_model.generate([Request([{"role": "user", "content": "Hm?"}])], **options)
    with pytest.raises(InputError, match="list"):
        tiny_model.generate(Request([{"role": "user", "content": "Hm?"}]))


def test_each_picture_is_encoded_once(tiny_model, tmp_path, monkeypatch):
    """Guards against the tower running once per question, and against mixing up pictures that share a batch."""
    from PIL import Image

    paths = []
    for colour in ("red", "blue"):
        paths.append(tmp_path / f"{colour}.png")
        Image.new("RGB", (30, 30), colour).save(paths[-1])
    requests = [Request([{"role": "user", "content": f"<image>\n{word}?"}], [paths[number % 2]]) for number, word in enumerate(WORDS)]
    counts, encode = [], tiny_model.encode
    monkeypatch.setattr(tiny_model, "encode", lambda pictures: (counts.append(len(pictures)), encode(pictures))[1])
    together = tiny_model.generate(requests, max_new_tokens=6)
    assert counts == [2]
    assert together == [tiny_model.answer(path, f"{word}?", max_new_tokens=6) for word, path in zip(WORDS, paths * len(WORDS))]


def test_chat_remembers(tiny_model):
    """Guards against a chat that forgets its turns or pictures, or keeps a turn that failed."""
    from PIL import Image

    red, blue = Image.new("RGB", (30, 30), "red"), Image.new("RGB", (30, 30), "blue")
    chat = tiny_model.chat(system="Be kind.", max_new_tokens=5)
    first = chat.say("What is this?", red)
    assert first == tiny_model.generate([Request([{"role": "system", "content": "Be kind."},
                                                  {"role": "user", "content": "<image>\nWhat is this?"}], [red])], max_new_tokens=5)[0]
    with pytest.raises(InputError):
        chat.say("And <image> this?")
    second = "".join(chat.say("And this?", [blue, red], stream=True))
    assert [m["content"] for m in chat.messages] == ["Be kind.", "<image>\nWhat is this?", first, "<image>\n<image>\nAnd this?", second]
    again = tiny_model.generate([Request(chat.messages[:-1], [red, blue, red])], max_new_tokens=5)[0]
    assert second == again
    stream = chat.say("Tell me more.", stream=True, )
    heard = next(stream)
    stream.close()
    assert chat.messages[-2:] == [{"role": "user", "content": "Tell me more."}, {"role": "assistant", "content": heard}]
