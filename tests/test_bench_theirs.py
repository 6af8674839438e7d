"""bench/theirs.py: other people's models take the benchmark. Tiny random ones of the very classes stand in for the real checkpoints."""

from __future__ import annotations

import json
import random
import shutil

import pytest
from PIL import Image

from conftest import make_tokenizer
from llava_mini.bench import theirs
from llava_mini.bench.baselines import Shot
from llava_mini.bench.schema import Question, write_answers, write_questions, write_rows
from llava_mini.bench.theirs import Theirs
from llava_mini.errors import InputError

SIZE, TEXT = 28, {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
CHAT = ("{% for message in messages %}{{ '\n' if not loop.first else '' }}{{ message['role'] | capitalize }}:{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>{% endfor %}{{ '\nAssistant:' }}")


def llama(tokenizer, **more) -> dict:
    return {"model_type": "llama", **TEXT, "num_key_value_heads": 2, "vocab_size": len(tokenizer), "max_position_embeddings": 1024, "bos_token_id": 1,
            "eos_token_id": 2, "pad_token_id": tokenizer.pad_token_id, **more}


def llava(folder, tokenizer):
    from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip import CLIPImageProcessorPil

    vision = CLIPVisionConfig(**TEXT, image_size=SIZE, patch_size=14, projection_dim=16)
    config = LlavaConfig(vision_config=vision, text_config=llama(tokenizer), image_token_index=tokenizer.convert_tokens_to_ids("<image>"), image_seq_length=4)
    pixels = CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    return LlavaForConditionalGeneration(config), LlavaProcessor(pixels, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1)


def blip2(folder, tokenizer, text="opt"):
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, Blip2QFormerConfig, Blip2VisionConfig, OPTConfig, T5Config
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    vision = Blip2VisionConfig(**TEXT, image_size=SIZE, patch_size=14)
    former = Blip2QFormerConfig(**TEXT, vocab_size=99, encoder_hidden_size=32)
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": tokenizer.pad_token_id, "vocab_size": len(tokenizer)}
    words = (OPTConfig(hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=32, max_position_embeddings=512, **ids) if text == "opt"
             else T5Config(d_model=32, d_ff=64, d_kv=16, num_layers=2, num_heads=2, decoder_start_token_id=tokenizer.pad_token_id, **ids))
    config = Blip2Config(vision_config=vision, qformer_config=former, text_config=words, num_query_tokens=3,
                         image_token_index=tokenizer.convert_tokens_to_ids("<image>"))
    return Blip2ForConditionalGeneration(config), Blip2Processor(BlipImageProcessorPil(size={"height": SIZE, "width": SIZE}), tokenizer, num_query_tokens=3)


def idefics(folder, tokenizer):
    from transformers import IdeficsConfig, IdeficsForVisionText2Text, IdeficsProcessor
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    tokenizer.add_special_tokens({"extra_special_tokens": ["<fake_token_around_image>", "<image>"]})
    config = IdeficsConfig(vocab_size=len(tokenizer), additional_vocab_size=0, **TEXT, bos_token_id=1, eos_token_id=2, pad_token_id=tokenizer.pad_token_id,
                           cross_layer_interval=1, use_resampler=False, max_position_embeddings=512,
                           vision_config={"image_size": SIZE, "patch_size": 14, "embed_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64})
    return IdeficsForVisionText2Text(config), IdeficsProcessor(IdeficsImageProcessorPil(image_size=SIZE), tokenizer)


def idefics2(folder, tokenizer):
    from transformers import Idefics2Config, Idefics2ForConditionalGeneration, Idefics2Processor
    from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil

    tokenizer.add_special_tokens({"extra_special_tokens": ["<fake_token_around_image>", "<image>", "<end_of_utterance>"]})
    config = Idefics2Config(vision_config={**TEXT, "image_size": SIZE, "patch_size": 14}, text_config=llama(tokenizer) | {"model_type": "mistral"},
                            perceiver_config={"hidden_size": 32, "resampler_n_latents": 4, "resampler_depth": 1, "resampler_n_heads": 2, "num_key_value_heads": 1,
                                              "resampler_head_dim": 16}, image_token_id=tokenizer.convert_tokens_to_ids("<image>"))
    pixels = Idefics2ImageProcessorPil(size={"shortest_edge": SIZE, "longest_edge": SIZE}, do_image_splitting=False)
    return Idefics2ForConditionalGeneration(config), Idefics2Processor(pixels, tokenizer, image_seq_len=4, chat_template=CHAT)


def idefics3(folder, tokenizer):
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    tokenizer.add_special_tokens({"extra_special_tokens": ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]})
    config = Idefics3Config(vision_config={**TEXT, "image_size": 56, "patch_size": 14}, text_config=llama(tokenizer), scale_factor=2,
                            image_token_id=tokenizer.convert_tokens_to_ids("<image>"), pad_token_id=tokenizer.pad_token_id)
    pixels = Idefics3ImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 56}, do_image_splitting=False)
    return Idefics3ForConditionalGeneration(config), Idefics3Processor(pixels, tokenizer, image_seq_len=4, chat_template=CHAT)


MAKERS = {"blip-2": blip2, "blip-2-t5": lambda folder, tokenizer: blip2(folder, tokenizer, "t5"), "idefics": idefics, "idefics2": idefics2, "idefics3": idefics3,
          "llava": llava}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """{family: folder} of tiny random models, made when first asked for."""
    import torch

    made = {}

    def get(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp("theirs") / name
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(3)
                model, processor = MAKERS[name](folder, make_tokenizer())
                for parameter in model.parameters():            # fresh weights are so small that all pictures look alike
                    parameter.data += 0.3 * torch.randn_like(parameter)
            model.save_pretrained(folder)
            processor.save_pretrained(folder)
            made[name] = str(folder)
        return made[name]

    return get


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(3):
        picture = Image.new("RGB", (40 + 10 * n, 50))
        picture.putdata([tuple(random.Random(f"{n}/{i}").randrange(256) for _ in range(3)) for i in range(picture.width * picture.height)])
        picture.save(folder / f"{n}.png")
    return folder


@pytest.mark.parametrize("name", MAKERS)
def test_every_family_answers_about_its_own_picture(checkpoints, pictures, name):
    """Guards against a prompt that the class does not take, a batch that differs from single questions, and a picture that never arrives."""
    model = Theirs(checkpoints(name), device="cpu", max_new_tokens=6)
    asked = [(pictures / "0.png", "What colour is the dog?"), (pictures / "1.png", "How many cats are there on the blue bench?"), (pictures / "2.png", "What colour is the dog?")]
    together = model(asked)
    assert together == [model([one])[0] for one in asked] and len(together) == 3 and all(isinstance(text, str) for text in together)
    assert not any("What colour" in text or "<image>" in text for text in together)                        # the answer alone, not the prompt
    other = model([(pictures / name_, "What colour is the dog?") for name_ in ("0.png", "1.png", "2.png")])
    assert len(set(other)) > 1, other


@pytest.mark.parametrize("name", MAKERS)
def test_without_a_picture(checkpoints, pictures, name):
    """Guards against a blind control that crashes after an hour, or shows a picture all the same."""
    model = Theirs(checkpoints(name), device="cpu", max_new_tokens=4)
    if name.startswith("blip-2"):
        with pytest.raises(InputError, match="cannot be asked without a picture"):
            model([(None, "What colour is the dog?")])
    else:
        assert len(model([(None, "What colour is the dog?")] * 2)) == 2 and model.prompt(None, "Why?")[0].count("<image>") == 0


def test_examples_stand_in_front_each_with_its_picture(checkpoints, pictures):
    """Guards against a few-shot prompt whose answers, pictures or order are lost."""
    shots = [Shot(pictures / "1.png", "Is there a boat?", "Yes."), Shot(pictures / "2.png", "How many?", "Two.")]
    for name in ("idefics", "idefics2", "llava"):
        model = Theirs(checkpoints(name), device="cpu", shots=shots, max_new_tokens=4)
        prompt = model.prompt(pictures / "0.png", "What is it?")
        text = "".join(piece if isinstance(piece, str) else "#" for piece in prompt)
        places = [text.index(part) for part in ("#", "Is there a boat?", "Yes.", "How many?", "Two.", "What is it?")]
        assert text.count("#") == 3 and places == sorted(places) and [piece.width for piece in prompt if not isinstance(piece, str)] == [50, 60, 40]
        assert len(model([(pictures / "0.png", "What is it?")])) == 1
    with pytest.raises(InputError, match="takes one picture in a prompt"):
        Theirs(checkpoints("blip-2"), shots=shots)


def test_prompts_are_those_of_the_families(checkpoints, pictures):
    """Guards against a model asked in another one's words."""
    def text(name, **options):
        return "".join(piece if isinstance(piece, str) else "#" for piece in Theirs(checkpoints(name), device="cpu", **options).prompt(pictures / "0.png", "Why?"))

    assert text("blip-2") == "#Question: Why? Answer:" and text("llava") == "USER: #\nWhy? ASSISTANT:" and text("idefics") == "User:#Why?\nAssistant:"
    assert text("idefics3") == "User:#Why?<end_of_utterance>\nAssistant:"                                # of its own chat template
    assert text("llava", prompt="{image} Q: {question} A:") == "# Q: Why? A:"
    with pytest.raises(InputError, match="needs {question}"):
        text("llava", prompt="Describe the picture.")
    with pytest.raises(InputError, match="places for 1 pictures"):
        Theirs(checkpoints("llava"), device="cpu").prompt(pictures / "0.png", "What does <image> mean?")


def test_an_answer_ends_where_the_user_would_speak_again():
    """Guards against an answer of a model without tuning that holds the next questions of its own making."""
    assert theirs._cut(" Two dogs.\nUser: And what else?\nAssistant: A cat.") == "Two dogs."
    assert theirs._cut("A dog.\nQuestion: Why?") == "A dog."


def test_what_it_does_not_know_is_said_in_one_sentence(checkpoints, tmp_path, tiny_language_folder):
    """Guards against a stack trace, or an hour's download, before anybody says that this class is not among those it asks."""
    with pytest.raises(InputError, match="is a LlamaForCausalLM, which this adapter does not know how to ask; it asks Blip2ForConditionalGeneration, Idefics"):
        Theirs(str(tiny_language_folder))
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        Theirs(str(tmp_path / "nowhere"))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text((theirs.Path(checkpoints("llava")) / "config.json").read_text())
    with pytest.raises(InputError, match="cannot be loaded as LlavaForConditionalGeneration"):
        Theirs(str(tmp_path / "half"))
    for options, told in (({"dtype": "int8"}, "no number format 'int8'"), ({"device": "warp"}, "warp")):
        with pytest.raises(InputError, match=told):
            Theirs(checkpoints("llava"), **options)


def test_the_command_keeps_what_is_answered_and_refuses_to_mix(checkpoints, pictures, tmp_path, capsys):
    """Guards against a run on a rented GPU that begins anew, and against answers to two prompts in one file."""
    bench = tmp_path / "bench"
    questions = [Question(n, f"{n}.png", "What colour is the dog?", "conv") for n in range(3)]
    write_questions(bench / "questions.jsonl", questions)
    write_rows(bench / "contexts.jsonl", [{"id": str(n), "image": f"{n}.png", "captions": ["A dog."], "instances": []} for n in range(3)])
    write_answers(bench / "references.jsonl", questions, ["Red."] * 3, "teacher")
    shutil.copytree(pictures, bench / "pictures")
    out = tmp_path / "llava.jsonl"
    command = [str(bench), checkpoints("llava"), "--out", str(out), "--device", "cpu", "--max-new-tokens", "3", "--batch", "2"]
    assert theirs.main(command) == 0 and "3 answers" in capsys.readouterr().out
    whole = out.read_text()
    out.write_text(whole.splitlines(keepends=True)[0] + '{"half')
    with pytest.warns(UserWarning, match="half-written"):
        assert theirs.main(command) == 0
    assert [json.loads(line)["text"] for line in out.read_text().splitlines()] == [json.loads(line)["text"] for line in whole.splitlines()]
    assert theirs.main([*command, "--prompt", "{image} {question}"]) == 1 and "model_id" in capsys.readouterr().err
    assert theirs.main([*command, "--shots", "2"]) == 1 and "go together" in capsys.readouterr().err
    assert theirs.main([*command[:3], str(tmp_path / "few.jsonl"), *command[4:], "--shots", "2", "--examples", str(bench)]) == 0
