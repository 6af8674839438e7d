"""convert.py, jinja.py: transformers' LLaVA gives the same pixels, ids, logits and text, both ways."""

import base64
import io
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import torch
from conftest import make_tokenizer
from PIL import Image
from tiny import KINDS, causal_lm, features_for, sequence

from llava_mini.conversation import render
from llava_mini.convert import from_transformers, to_transformers
from llava_mini.errors import InputError
from llava_mini.jinja import jinja_template, stop_ids
from llava_mini.lora import add_lora, merge_lora
from llava_mini.model import LlavaMini


def noise(seed, size=(40, 31)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


def joined(folder, vision, tokenizer, kind="Llama", lm_options=None, **options):
    """A model whose language model tells pictures and words apart: large random weights."""
    lm = causal_lm(kind, len(tokenizer), **(lm_options or {}))
    with torch.no_grad():
        for value in lm.parameters():
            if value.dim() == 2:
                value *= 8
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = LlavaMini.from_parents(vision, folder, **options)
    with torch.no_grad():
        model.projector.requires_grad_(True)
        for value in model.projector.parameters():
            value *= 3
    return model


def their_logits(folder, messages, pictures):
    """Ids and logits by transformers alone, from the folder."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    theirs = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    content = [{"type": "image", "image": picture} for picture in pictures] + [{"type": "text", "text": messages[-1]}]
    inputs = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=True, return_dict=True,
                                           return_tensors="pt", add_generation_prompt=True)
    with torch.no_grad():
        return inputs, theirs(**inputs).logits, theirs, processor


@pytest.mark.parametrize("kind, lm, options", [
    ("Llama", {}, {}),
    ("Llama", {"tie_word_embeddings": True}, {"projector": "mlp2x_gelu", "image_mode": "pad", "layer": -1, "cls": True}),
    ("Qwen2", {}, {"projector": "mlp2x_gelu", "layer": 1}),
    ("GPTNeoX", {}, {"template": "v0"}),
])
def test_export_and_import(tmp_path, tiny_vision_folder, tokenizer, kind, lm, options):
    """Guards against other pixels, one visual token too many, another projector, and settings lost on the way back."""
    model = joined(tmp_path / "lm", tiny_vision_folder, tokenizer, kind, lm, **options)
    to_transformers(model, tmp_path / "out")
    pictures, question = [noise(1), noise(2, (28, 60))], "What colour is the dog?"
    inputs, theirs, _, _ = their_logits(tmp_path / "out", [question], pictures)
    ids = render([{"role": "user", "content": "<image><image>" + question}], model.config.template, tokenizer=tokenizer,
                 visual_tokens=model.visual_tokens, prompt=True).ids
    assert inputs["input_ids"].tolist() == [ids]
    assert torch.equal(inputs["pixel_values"], model.pixels(pictures))
    back = from_transformers(tmp_path / "out")
    assert back.config == model.config and back.pixels.to_dict() == model.pixels.to_dict()
    for ours in (model, back):
        with torch.no_grad():
            logits = ours(torch.tensor([ids]), features=ours.encode(pictures)).logits
        assert (logits - theirs).abs().max() < 1e-4 and logits.abs().max() > 1
    again = back.answer(pictures, question, max_new_tokens=8)
    assert again == model.answer(pictures, question, max_new_tokens=8)


def test_their_linear_layers_are_joined(tmp_path, tiny_model):
    """Guards against a second linear layer that is dropped because ours has one."""
    from transformers import LlavaForConditionalGeneration

    to_transformers(tiny_model, tmp_path / "out")
    theirs = LlavaForConditionalGeneration.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        torch.nn.init.normal_(theirs.model.multi_modal_projector.linear_2.weight)
        torch.nn.init.normal_(theirs.model.multi_modal_projector.linear_2.bias)
    theirs.save_pretrained(tmp_path / "out")
    ours = from_transformers(tmp_path / "out")
    ids, pixels = torch.tensor([sequence(ours, ["i", 4])]), torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        difference = theirs(input_ids=ids, pixel_values=pixels).logits - ours(ids, features=ours.vision_tower(pixels)).logits
    assert difference.abs().max() < 1e-4


def test_merged_lora_is_exported(tmp_path, tiny_vision_folder, tokenizer):
    """Guards against adapters that are merged here and missing in the export."""
    model = joined(tmp_path / "lm", tiny_vision_folder, tokenizer)
    ids, features = torch.tensor([sequence(model, [2, "i", 4])]), features_for(model, 1)
    with torch.no_grad():
        before = model(ids, features=features).logits
        add_lora(model, 2, 4, 0.0).eval()
        for name, value in model.language_model.named_parameters():
            if "lora_B" in name:
                value += 0.1
        merged = merge_lora(model)(ids, features=features).logits
        to_transformers(model, tmp_path / "out")
        after = from_transformers(tmp_path / "out")(ids, features=features).logits
    assert (after - merged).abs().max() < 1e-4 and (merged - before).abs().max() > 1e-2


def test_what_cannot_be_exported(tmp_path, tiny_vision_folder, tiny_language_folder, tokenizer):
    """Guards against a language model that scales its logits, or adapters, exported as another model."""
    with pytest.raises(InputError, match="Cohere.*differ"):
        to_transformers(joined(tmp_path / "lm", tiny_vision_folder, tokenizer, "Cohere", KINDS["Cohere"]), tmp_path / "out")
    model = add_lora(LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder), 2, 2, 0.0)
    with pytest.raises(InputError, match="merge_lora"):
        to_transformers(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_imported(tmp_path, tiny_model, tiny_vision_folder):
    """Guards against another activation, an <image> token of another number, or another model read as ours."""
    import json

    to_transformers(tiny_model, tmp_path / "out")
    path = tmp_path / "out" / "config.json"
    config = json.loads(path.read_text())
    for change, said in (({"projector_hidden_act": "gelu_pytorch_tanh"}, "activation"), ({"image_token_index": 7}, "<image>"),
                         ({"vision_feature_layer": [-2, -1]}, "layer")):
        path.write_text(json.dumps(config | change))
        with pytest.raises(InputError, match=said):
            from_transformers(tmp_path / "out")
    for wrong in (tiny_vision_folder, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=wrong.name):
            from_transformers(wrong)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"])
@pytest.mark.parametrize("how", ["gone", "half"])
def test_half_copied_exports(tmp_path, tiny_model, name, how):
    """Guards against a traceback of whichever library reads the file that was lost on the way, or the end of it."""
    to_transformers(tiny_model, tmp_path / "out")
    path = tmp_path / "out" / name
    data = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"^\S*out (is no LLaVA|cannot be loaded|says that).*[.]$"):
        from_transformers(tmp_path / "out")


def test_export_replaces_exports_only(tmp_path, tiny_model):
    """Guards against an export that overwrites a checkpoint folder."""
    tiny_model.save_pretrained(tmp_path / "checkpoint")
    with pytest.raises(InputError, match="left alone"):
        tiny_model.to_transformers(tmp_path / "checkpoint")
    tiny_model.to_transformers(tmp_path / "out")
    tiny_model.to_transformers(tmp_path / "out")
    assert LlavaMini.from_transformers(tmp_path / "out").visual_tokens == 4


@pytest.mark.parametrize("space", ["never", "first", "legacy"])
@pytest.mark.parametrize("template", ["v1", "v0", "plain", "chat"])
def test_jinja_gives_the_same_ids(tmp_path, tiny_vision_folder, template, space):
    """Guards against a served prompt that differs from the trained one by a space or a system prompt."""
    from transformers import AutoProcessor

    tokenizer = make_tokenizer(space)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<s>' + m['role'] + '\\n' + m['content'] + '</s>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}")
    model = joined(tmp_path / "lm", tiny_vision_folder, tokenizer, template=template)
    model.to_transformers(tmp_path / "out")
    processor = AutoProcessor.from_pretrained(tmp_path / "out")
    draw, words = random.Random(0), "What colour is the dog ? two cats, <3 ö".split()
    for turns in (1, 3, 5) if template != "plain" else (1,):
        for system in ([], [{"role": "system", "content": "Be brief."}]):
            texts = [" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(turns)]
            roles = [("user", "assistant")[number % 2] for number in range(turns)]
            pictures = [2 if number == 0 else 1 if number == 2 else 0 for number in range(turns)]
            ours = system + [{"role": role, "content": "<image>\n" * count + text} for role, count, text in zip(roles, pictures, texts)]
            theirs = [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in system] + [
                {"role": role, "content": [{"type": "text", "text": text}, *[{"type": "image", "image": noise(1)}] * count]}
                for role, count, text in zip(roles, pictures, texts)]
            wanted = render(ours, template, tokenizer=model.tokenizer, visual_tokens=4, prompt=True).ids
            given = processor.apply_chat_template(theirs, tokenize=True, return_dict=True, add_generation_prompt=True)["input_ids"][0]
            assert tokenizer.decode(given) == tokenizer.decode(wanted) and given == wanted
    assert from_transformers(tmp_path / "out").config.template == template
    back = from_transformers(tmp_path / "out")
    assert jinja_template(back.tokenizer, template) == processor.chat_template  # exported again, nothing is wrapped twice


CHATML = ("{% for m in messages %}{{ '<s>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}")


def taught(folder, vision, template, picture, question, answer):
    """A model that learned one answer, and how it ends in that template, by heart."""
    from tokenizers import AddedToken

    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken("<|im_end|>", special=True)])
    tokenizer.chat_template = CHATML
    causal_lm("Llama", len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = LlavaMini.from_parents(vision, folder, template=template)
    messages = [{"role": "user", "content": f"<image>\n{question}"}, {"role": "assistant", "content": answer}]
    sample = render(messages, template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens)
    ids, learnt = torch.tensor([sample.ids]), torch.tensor(sample.mask)
    features = model.encode([picture])
    optimizer = torch.optim.AdamW(model.language_model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(ids, features=features).logits[0, :-1][learnt[1:]], ids[0, 1:][learnt[1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("template, mark", [("v0", "#"), ("plain", "\n"), ("chat", "")])
def test_exported_model_ends_its_answers(tmp_path, tiny_vision_folder, template, mark):
    """Guards against an exported model that talks on after ###, a line break or <|im_end|>, which are no </s>."""
    picture, question, answer = noise(5), "What colour is the dog?", "The dog is red."
    model = taught(tmp_path / "lm", tiny_vision_folder, template, picture, question, answer)
    before = model.language_model.generation_config.to_dict()
    to_transformers(model, tmp_path / "out")
    assert model.language_model.generation_config.to_dict() == before
    inputs, _, theirs, processor = their_logits(tmp_path / "out", [question], [picture])
    start = inputs["input_ids"].shape[1]
    given = theirs.generate(**inputs, max_new_tokens=40, do_sample=False)[0, start:]
    assert model.answer(picture, question, max_new_tokens=40) == answer
    assert processor.decode(given, skip_special_tokens=True) == answer + mark
    talking = theirs.generate(**inputs, max_new_tokens=40, do_sample=False, eos_token_id=model.tokenizer.eos_token_id)
    assert talking.shape[1] > start + len(given)       # with </s> alone it would not end there
    model.to_transformers(tmp_path / "again")
    assert from_transformers(tmp_path / "again").answer(picture, question, max_new_tokens=40) == answer


def test_stop_tokens(tokenizer):
    """Guards against tokens that hold a whole stop text and are overlooked, and against others that are taken for one."""
    assert stop_ids(tokenizer, "v1") == [tokenizer.eos_token_id]
    more = make_tokenizer()
    more.add_tokens(["###", ".###", "# #"])
    whole = more.convert_tokens_to_ids(["###", ".###"])
    assert stop_ids(more, "v0") == [more.eos_token_id, *whole]
    assert set(stop_ids(tokenizer, "plain")) == {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<0x0A>")}


@pytest.fixture
def server(tmp_path, tiny_vision_folder, tokenizer):
    """``transformers serve`` on loopback with an exported model; gives the model, the folder and the address."""
    model = joined(tmp_path / "lm", tiny_vision_folder, tokenizer, lm_options={"tie_word_embeddings": False}, projector="mlp2x_gelu")
    with torch.no_grad():  # control tokens and bytes come first; without them the answers are words
        model.language_model.lm_head.weight[: 5 + 256] = 0
    to_transformers(model, tmp_path / "out")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
                                "OMP_NUM_THREADS": "1"}
    program = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with open(tmp_path / "server.log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, tmp_path / "server.log")
        yield model, tmp_path / "out", f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(address, process, log, seconds=300):
    """Returns when the server answers; a server that ends, or takes too long, fails the test with its log."""
    until = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < until:
        try:
            opener.open(address, timeout=2)
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


@pytest.mark.slow
def test_served_answers_are_ours(server):
    """Guards against an export that loads but answers otherwise: through `transformers serve` and the openai client."""
    from openai import OpenAI

    model, folder, address = server
    data = io.BytesIO()
    noise(3, (60, 41)).save(data, "JPEG", quality=95)
    url = "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
    picture = Image.open(io.BytesIO(data.getvalue()))
    client = OpenAI(base_url=address, api_key="none", timeout=240, max_retries=0)
    texts = []
    for question in ("What colour is the dog?", "How many cats are there?"):
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        reply = client.chat.completions.create(model=str(folder), messages=[{"role": "user", "content": content}],
                                               temperature=0, max_tokens=12)
        assert reply.choices[0].message.content == model.answer(picture, question, max_new_tokens=12)
        prompt = render([{"role": "user", "content": f"<image>{question}"}], tokenizer=model.tokenizer, visual_tokens=4, prompt=True)
        assert reply.usage.prompt_tokens == len(prompt.ids)
        texts.append(reply.choices[0].message.content)
    chunks = client.chat.completions.create(model=str(folder), messages=[{"role": "user", "content": content}],
                                            temperature=0, max_tokens=12, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == texts[1]
    assert len(set(texts)) == 2 and all(texts)
    assert model.answer(noise(4), "What colour is the dog?", max_new_tokens=12) != texts[0]  # the picture matters
