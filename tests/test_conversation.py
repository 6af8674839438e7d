"""Ids and loss mask of conversations: exactly what is supervised, and what no text can do to it."""

from __future__ import annotations

import json
import random
import re
import warnings

import pytest
from conftest import CORPUS, make_tokenizer

from llava_mini.conversation import (IGNORE, IMAGE, Rendered, answer_text, from_llava, image_token_id, labels, render,
                                     show_mask, stop_ids, stop_strings)
from llava_mini.errors import InputError
from llava_mini.templates import SYSTEM_V0, SYSTEM_V1
from llava_mini.writer import plain_text

CHATML = ("{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}")
LLAMA2 = ("{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
          "{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}")
TEXT_ENDS = ("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n--\n' }}{% endfor %}"
             "{% if add_generation_prompt %}assistant:{% endif %}")
SPACES = ("never", "first", "legacy")


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


TALK = [user("<image>\nWhat colour is the dog?"), assistant("The dog is red."), user("Is there a cat?"), assistant("")]
CAPTION = [user("Describe it.\n<image>"), assistant("A red dog.")]


def with_chat(template, space="never"):
    tokenizer = make_tokenizer(space)
    tokenizer.chat_template = template
    return tokenizer


def spans(rendered):
    """The ids of each unbroken run of supervised tokens."""
    runs, previous = [], False
    for number, supervised in zip(rendered.ids, rendered.mask):
        if supervised:
            runs += [] if previous else [[]]
            runs[-1].append(number)
        previous = supervised
    return runs


def supervised(rendered, tokenizer):
    return [tokenizer.convert_ids_to_tokens(run) for run in spans(rendered)]


# --- exactly what is learnt -------------------------------------------------------------------------------


def test_v1_supervises_each_answer_and_its_end_token(tokenizer):
    """Guards against the mask that covers the question, forgets </s>, or drops an empty answer."""
    rendered = render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2)
    assert supervised(rendered, tokenizer) == [["▁The", "▁do", "g", "▁is", "▁", "re", "d.", "</s>"], ["</s>"]]
    assert show_mask(rendered, tokenizer, colour=False) == (
        f"<s>{SYSTEM_V1} USER: <image> x2\nWhat colour is the dog? ASSISTANT:⟦ The dog is red.</s>⟧"
        " USER: Is there a cat? ASSISTANT:⟦</s>⟧")


def test_v0_supervises_each_answer_and_its_stop(tokenizer):
    """Guards against a v0 that trains v1 text, and against answers that never learn to stop."""
    rendered = render(TALK, "v0", tokenizer=tokenizer, visual_tokens=2)
    stop = ["<0x23>"] * 3                                    # ### in a tokenizer that has no # of its own
    assert supervised(rendered, tokenizer) == [["▁The", "▁do", "g", "▁is", "▁", "re", "d.", *stop], stop]
    assert show_mask(rendered, tokenizer, colour=False) == (
        f"<s>{SYSTEM_V0}### Human: <image> x2\nWhat colour is the dog?### Assistant:⟦ The dog is red.###⟧"
        " Human: Is there a cat?### Assistant:⟦###⟧")


def test_plain_keeps_pictures_and_caption_only(tokenizer):
    """Guards against instructions that leak into stage 1, and against captions without an end."""
    rendered = render(CAPTION, "plain", tokenizer=tokenizer, visual_tokens=3)
    assert tokenizer.convert_ids_to_tokens(rendered.ids) == [
        "<s>", *["<image>"] * 3, "A", "▁", "re", "d", "▁do", "g", ".", "<0x0A>"]
    assert rendered.mask == [False] * 4 + [True] * 8
    assert rendered.picture_starts == [1]
    empty = render([user("<image>"), assistant("")], "plain", tokenizer=tokenizer, visual_tokens=3)
    assert supervised(empty, tokenizer) == [["<0x0A>"]]


@pytest.mark.parametrize("template, first, second", [
    (CHATML, ["The", "▁do", "g", "▁is", "▁", "re", "d.", "</s>"], ["</s>"]),
    (LLAMA2, ["▁The", "▁do", "g", "▁is", "▁", "re", "d.", "▁", "</s>"], ["▁", "▁", "</s>"]),
    (TEXT_ENDS, ["▁The", "▁do", "g", "▁is", "▁", "re", "d.", "<0x0A>", "<0x2D>", "<0x2D>", "<0x0A>"],
     ["▁", "<0x0A>", "<0x2D>", "<0x2D>", "<0x0A>"]),
])
def test_chat_supervises_what_the_model_has_to_write(template, first, second):
    """Guards against supervising the next turn's header, or none of the end mark."""
    tokenizer = with_chat(template)
    assert supervised(render(TALK, "chat", tokenizer=tokenizer, visual_tokens=2), tokenizer) == [first, second]


def test_a_system_message_replaces_the_default(tokenizer):
    """Guards against a system message that is dropped, doubled or supervised."""
    messages = [{"role": "system", "content": "Be brief."}, *TALK]
    v1 = show_mask(render(messages, "v1", tokenizer=tokenizer, visual_tokens=1), tokenizer, colour=False)
    v0 = show_mask(render(messages, "v0", tokenizer=tokenizer, visual_tokens=1), tokenizer, colour=False)
    assert v1.startswith("<s>Be brief. USER: <image> x1\nWhat") and v0.startswith("<s>Be brief.### Human: <image> x1")
    chat = with_chat(CHATML)
    assert show_mask(render(messages, "chat", tokenizer=chat, visual_tokens=1), chat,
                     colour=False).startswith("<|system|>\nBe brief.</s>\n<|user|>\n<image> x1")


# --- generation sees what training saw ----------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("template", ["plain", "v1", "v0", CHATML, LLAMA2, TEXT_ENDS])
def test_prompt_is_the_beginning_of_the_training_ids(space, template):
    """Guards against a space or token that differs between training and generation (every turn)."""
    tokenizer, name = make_tokenizer(space), template if template in ("plain", "v1", "v0") else "chat"
    tokenizer.chat_template = template
    talk = CAPTION if name == "plain" else [*TALK, user(" Where  is <image> it?"), assistant("  On\nthe bench ")]
    whole = render(talk, name, tokenizer=tokenizer, visual_tokens=3)
    for turn in range(1, len(talk), 2):
        prompt = render(talk[:turn], name, tokenizer=tokenizer, visual_tokens=3, prompt=True)
        assert whole.ids[:len(prompt.ids)] == prompt.ids
        assert not any(prompt.mask) and whole.mask[len(prompt.ids)]
        assert prompt.picture_starts == [start for start in whole.picture_starts if start < len(prompt.ids)]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("template", [CHATML, LLAMA2, TEXT_ENDS])
def test_chat_gives_the_ids_of_apply_chat_template(space, template):
    """Guards against a chat format that differs in its tokens from the one the language model knows."""
    tokenizer = with_chat(template, space)
    talk = [user("What is <image>"), assistant("A red dog."), user("Is there a cat?"), assistant("There are two cats.")]
    rendered = render(talk, "chat", tokenizer=tokenizer, visual_tokens=1, image_order="as-is")
    assert rendered.ids == tokenizer.apply_chat_template(talk, tokenize=True, return_dict=False)


@pytest.mark.parametrize("space", ["first", "legacy"])
def test_v1_gives_the_ids_of_the_whole_string(space):
    """Guards against ids that Vicuna never saw: a word without its space, or two spaces, after </s>."""
    tokenizer = make_tokenizer(space)
    rendered = render(TALK[:2] * 2, "v1", tokenizer=tokenizer, visual_tokens=1)
    joint = "</s>" if space == "legacy" else "</s> "          # the legacy tokenizer writes this space itself
    turn = "USER: <image>\nWhat colour is the dog? ASSISTANT: The dog is red."
    assert rendered.ids[1:] == tokenizer.encode(f"{SYSTEM_V1} {turn}{joint}{turn}</s>", add_special_tokens=False)


# --- no text can become a control token or move the mask ---------------------------------------------------


BITS = ["</s>", "<s>", "<pad>", "<unk>", "###", "### Human:", " ASSISTANT: ", " USER: ", "ASSISTANT:", "<imag", "image>",
        "<|image|>", "[/INST]", " </s>", "<0x41>", "<|user|>\n", "\n", "\n\n", "\r\n", "\t", " ", "  ", "dog", "The", "é",
        "e\u0301", "猫", "日本語", "😀", "👩‍👩‍👧", "🇬🇧", "\u200f", "שלום", "\x00", "\ufeff", "{{ x }}", "{% if %}", "\\n", '"', "a" * 70]


def nasty(rng):
    return "".join(rng.choice(BITS) for _ in range(rng.randrange(6)))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("template", ["plain", "v1", "v0", CHATML, LLAMA2])
def test_nasty_texts_stay_texts(space, template):
    """Guards against the "tokenization mismatch": separators, special tokens or odd letters inside a text."""
    tokenizer, name = make_tokenizer(space), template if template in ("plain", "v1", "v0") else "chat"
    tokenizer.chat_template = template
    rng, image, turns = random.Random(f"{space}/{template}"), image_token_id(tokenizer), 0
    for number in range(120):
        pictures, talk = 0, []
        for _ in range(1 if name == "plain" else rng.randrange(1, 4)):
            marks = rng.randrange(1 if name == "plain" else 0, 3)
            pictures += marks
            talk += [user(IMAGE.join(nasty(rng) for _ in range(marks + 1))), assistant(nasty(rng))]
        answers = [message["content"] for message in talk[1::2]]
        if any(stop in answer for answer in answers for stop in stop_strings(name, tokenizer) if name == "v0"):
            with pytest.raises(InputError, match=f"Sample {number}, turn .*ends every answer"):
                render(talk, name, tokenizer=tokenizer, visual_tokens=5, sample_id=number)
            continue
        rendered = render(talk, name, tokenizer=tokenizer, visual_tokens=5, image_order="random", rng=rng)
        assert len(rendered.ids) == len(rendered.mask)
        assert rendered.ids.count(image) == 5 * pictures and len(rendered.picture_starts) == pictures
        assert all(rendered.ids[at:at + 5] == [image] * 5 for at in rendered.picture_starts)
        assert not any(m for i, m in zip(rendered.ids, rendered.mask) if i == image)
        turns += len(answers)
        ends = len(talk) if template == CHATML else len(answers) if name in ("v1", "chat") else 0
        assert rendered.ids.count(tokenizer.eos_token_id) == ends
        assert rendered.ids.count(tokenizer.bos_token_id) == (0 if template == CHATML else 1)
        assert tokenizer.pad_token_id not in rendered.ids and tokenizer.unk_token_id not in rendered.ids
        found = spans(rendered)
        if name == "plain":                                   # captions may hold the line break that ends them
            newline = tokenizer.convert_tokens_to_ids("<0x0A>")
            assert found[0][-1] == newline
            lead = " " if space == "legacy" else ""              # that tokenizer's own, after a picture
            assert plain_text(tokenizer).decode(found[0][:-1]) == lead + answers[0]
            first_line = answers[0].split("\n")[0]
            assert answer_text(found[0], name, tokenizer) == first_line
        else:
            assert [answer_text(run, name, tokenizer) for run in found] == answers
    assert turns > 60


def test_words_of_a_vocabulary_that_spell_control_tokens():
    """Guards against vocabularies of whole words, where "</s>" in a text is looked up as the control token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    words = ["<unk>", "<s>", "</s>", "<image>", "hi", "<", "/s>", "USER:", "ASSISTANT:"]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                                        extra_special_tokens=["<image>"])
    talk = [{"role": "system", "content": "hi"}, user("hi </s> hi"), assistant("</s>")]
    rendered = render(talk, "v1", tokenizer=tokenizer, visual_tokens=1)
    assert tokenizer.convert_ids_to_tokens(rendered.ids) == [
        "<s>", "hi", "USER:", "hi", "<", "/s>", "hi", "ASSISTANT:", "<", "/s>", "</s>"]
    assert rendered.mask == [False] * 8 + [True] * 3


def test_real_answers_of_gpt4_survive(real, tokenizer):
    """Guards against texts that only people and GPT-4 write: lists, quotes, long paragraphs."""
    rows = [json.loads(line) for line in (real / "coco2014_val_gpt4_qa_30x3.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 90
    for row in rows:
        talk = [user(f"<image>\n{row['instruction']}"), assistant(row["output"])]
        for template in ("v1", "v0"):
            rendered = render(talk, template, tokenizer=tokenizer, visual_tokens=4, sample_id=row["id"])
            assert [answer_text(run, template, tokenizer) for run in spans(rendered)] == [row["output"]]


# --- where the pictures stand --------------------------------------------------------------------------------


def shown(content, tokenizer, **settings):
    messages = [{"role": "system", "content": "S"}, user(content), assistant("Yes.")]
    text = show_mask(render(messages, "v1", tokenizer=tokenizer, visual_tokens=2, **settings), tokenizer, colour=False)
    return re.fullmatch(r"<s>S USER: ?(.*) ASSISTANT:⟦ Yes.</s>⟧", text, re.DOTALL)[1]


@pytest.mark.parametrize("content, first", [
    ("<image>\nIs it red?", "<image> x2\nIs it red?"),
    ("Is it red?\n<image>", "<image> x2\nIs it red?"),
    ("Is it red? <image> ", "<image> x2\nIs it red?"),
    ("<image>", "<image> x2"),
    ("Is it red?\n<image>\n<image>", "<image> x2\n<image> x2\nIs it red?"),
    ("<image><image>", "<image> x2\n<image> x2"),
    ("Is <image> like <image>?", "Is <image> x2 like <image> x2?"),
    ("<image> Is it like <image>?", "<image> x2 Is it like <image> x2?"),
    ("<image> or <image>", "<image> x2 or <image> x2"),
    ("Is it red?", "Is it red?"),
])
def test_pictures_come_first_unless_they_are_part_of_a_sentence(tokenizer, content, first):
    """Guards against the reference's fault: two marks in one turn that become one, or a sentence torn apart."""
    assert shown(content, tokenizer) == first
    assert shown(content, tokenizer, image_order="as-is") == content.replace(IMAGE, "<image> x2")


def test_random_order_is_a_fair_coin_for_the_first_turn(tokenizer):
    """Guards against an order that is never, always, or in later turns too, [question, image] (equation 2)."""
    rng = random.Random(0)
    seen = [shown("<image>\nIs it red?", tokenizer, image_order="random", rng=rng) for _ in range(200)]
    assert set(seen) == {"<image> x2\nIs it red?", "Is it red?\n<image> x2"}
    assert 70 < seen.count("<image> x2\nIs it red?") < 130
    talk = [user("<image>\nIs it?"), assistant("Yes."), user("And\n<image>"), assistant("No.")]
    for _ in range(20):
        rendered = render(talk, "v1", tokenizer=tokenizer, visual_tokens=2, image_order="random", rng=rng)
        assert "USER: <image> x2\nAnd" in show_mask(rendered, tokenizer, colour=False)


def test_several_pictures_each_get_their_span(tokenizer):
    """Guards against picture_starts that miss neighbouring pictures or count tokens instead of pictures."""
    talk = [user("<image><image>\nWhat?"), assistant("Dogs."), user("And <image> that?"), assistant("A cat.")]
    rendered = render(talk, "v1", tokenizer=tokenizer, visual_tokens=4, image_order="as-is")
    image = image_token_id(tokenizer)
    assert len(rendered.picture_starts) == 3 and rendered.picture_starts[1] == rendered.picture_starts[0] + 4
    covered = [at for start in rendered.picture_starts for at in range(start, start + 4)]
    assert covered == [at for at, number in enumerate(rendered.ids) if number == image]
    assert show_mask(rendered, tokenizer, colour=False).count("<image> x4") == 3


# --- too long ------------------------------------------------------------------------------------------------


def test_too_long_is_an_error_that_names_sample_and_sizes(tokenizer):
    """Guards against the silent [:max_length]."""
    length = len(render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2).ids)
    assert len(render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2, max_length=length).ids) == length
    with pytest.raises(InputError, match=rf"'cat-17' has {length} tokens \(2 of them visual\).* allows {length - 1}"):
        render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2, max_length=length - 1, sample_id="cat-17")


def test_cut_takes_text_from_the_end_and_says_so(tokenizer):
    """Guards against cuts without a word, and against ids and mask of different lengths."""
    whole = render(TALK[:2], "v1", tokenizer=tokenizer, visual_tokens=2)
    settings = dict(tokenizer=tokenizer, visual_tokens=2, max_length=len(whole.ids) - 3, too_long="cut", sample_id="cat-17")
    with pytest.warns(UserWarning, match="'cat-17'.* last 3 tokens were cut off"):
        cut = render(TALK[:2], "v1", **settings)
    assert (cut.ids, cut.mask, cut.picture_starts) == (whole.ids[:-3], whole.mask[:-3], whole.picture_starts)


def test_cut_never_touches_a_picture_or_what_precedes_it(tokenizer):
    """Guards against a picture whose span is cut through or lost while its features remain."""
    talk = [user("<image>\nWhat?"), assistant("A dog."), user("<image>\nAnd?"), assistant("A cat.")]
    whole = render(talk, "v1", tokenizer=tokenizer, visual_tokens=6)
    end = whole.picture_starts[-1] + 6
    for allowed in range(10, len(whole.ids)):
        settings = dict(tokenizer=tokenizer, visual_tokens=6, max_length=allowed, too_long="cut", sample_id=3)
        if allowed < end:
            with pytest.raises(InputError, match=f"Sample 3 .* picture.* at least {end} tokens"):
                render(talk, "v1", **settings)
        else:
            with pytest.warns(UserWarning, match="Sample 3"):
                assert render(talk, "v1", **settings).ids == whole.ids[:allowed]


def test_nothing_left_to_learn_is_an_error_that_shows_the_text(tokenizer):
    """Guards against the NaN loss of a sample whose answer was cut away."""
    prompt = render(TALK[:1], "v1", tokenizer=tokenizer, visual_tokens=2, prompt=True)
    with warnings.catch_warnings(), pytest.raises(InputError, match=r"(?s)'cat-17' has no supervised .*USER: <image> x2\nWhat"):
        warnings.simplefilter("ignore")
        render(TALK[:2], "v1", tokenizer=tokenizer, visual_tokens=2, max_length=len(prompt.ids), too_long="cut",
               sample_id="cat-17")


def test_a_prompt_is_never_cut(tokenizer):
    """Guards against a prompt without its assistant tag."""
    settings = dict(tokenizer=tokenizer, visual_tokens=2, prompt=True, sample_id="cat-17")
    length = len(render(TALK[:1], "v1", **settings).ids)
    with pytest.raises(InputError, match="'cat-17' has .* raise max_length"):
        render(TALK[:1], "v1", **settings, max_length=length - 1, too_long="cut")


# --- refused, with the sample's name -------------------------------------------------------------------------


@pytest.mark.parametrize("messages, settings, says", [
    ([], {}, "no turns"),
    ([{"role": "system", "content": "Hello."}], {}, "system's turn that has no answer"),
    ([*TALK, user("And?")], {}, "ends with a user's turn.*prompt=True"),
    (TALK, {"prompt": True}, "nothing to answer"),
    ([user("a"), user("b"), assistant("c")], {}, "turn 1: .*user's where the assistant's"),
    ([user("a"), assistant("b"), assistant("c")], {}, "turn 2: .*assistant's where the user's"),
    ([assistant("a"), user("b"), assistant("c")], {}, "turn 0: .*assistant's where the user's"),
    ([user("a"), {"role": "system", "content": "b"}, assistant("c")], {}, "turn 1: .*system's"),
    ([{"role": "tool", "content": "a"}, assistant("c")], {}, "turn 0: unknown role 'tool'"),
    ([user("a"), {"role": "assistant"}], {}, r"turn 1 \(assistant\): the text is None"),
    ([user("a"), {"role": "assistant", "content": ["b"]}], {}, "must be a string"),
    (["a", "b"], {}, "turn 0: 'a' is not a message"),
    ([user("a"), assistant("It is <image>.")], {}, r"turn 1 \(assistant\): <image> stands for a picture"),
    ([{"role": "system", "content": "<image>"}, *TALK], {}, r"turn 0 \(system\): <image> stands for"),
    ([user("a"), assistant("## A\n### B")], {"template": "v0"}, "turn 1: the answer contains '###'"),
    (TALK, {"template": "plain"}, "4 turns but the template plain"),
    ([user("a"), assistant("b")], {"template": "plain"}, "no <image> mark"),
    (TALK, {"template": "chat"}, "chat template, but it has none"),
])
def test_conversations_that_cannot_be_rendered_name_the_sample(tokenizer, messages, settings, says):
    """Guards against a bad sample that is skipped, masked whole, or blamed on nobody."""
    with pytest.raises(InputError, match=f"(?s)^Sample 'cat-17'.*{says}"):
        render(messages, **{"template": "v1", **settings}, tokenizer=tokenizer, visual_tokens=2, sample_id="cat-17")


@pytest.mark.parametrize("settings, says", [
    ({"template": "v2"}, "no template 'v2'; choose one of plain, v1, v0, chat"),
    ({"image_order": "last"}, "no image order 'last'"),
    ({"image_order": "random"}, "rng=random.Random"),
    ({"max_length": 20, "too_long": "drop"}, "no way 'drop'"),
])
def test_unknown_settings_are_refused(tokenizer, settings, says):
    """Guards against a misspelt setting that silently means something else."""
    with pytest.raises(InputError, match=says):
        render(TALK, **{"template": "v1", **settings}, tokenizer=tokenizer, visual_tokens=2)


def each(body, after=""):
    return "{% for m in messages %}" + body + "{% endfor %}" + after


TAG = "{% if add_generation_prompt %}assistant:{% endif %}"


@pytest.mark.parametrize("template, says", [
    (each("{{ m['role'] + ': ' + m['content'] | trim + eos_token }}", TAG), "alters the text of a message"),
    (each("{{ m['role'] + ':' + (m['content'] | replace('dog', 'cat')) + eos_token }}", TAG), "alters the text"),
    (each("{{ m['role'] + ':' + m['content'] + m['content'] + eos_token }}", TAG), "drops, repeats or reorders"),
    (each("{% if loop.last %}{{ m['role'] + ':' + m['content'] + eos_token }}{% endif %}", TAG), "drops, repeats"),
    (each("{{ m['role'] + ':' + m['content'] }}", TAG), "no mark after an answer"),
    (each("{{ m['role'] + '=' + m['content'] + eos_token }}", TAG), "prompt for generation ends"),
    (each("{{ raise_exception('No pictures, please.') }}"), "No pictures, please"),
    ("{% for m in messages %}", "cannot be written by the tokenizer's chat template"),
])
def test_chat_templates_that_would_spoil_the_mask_are_refused(template, says):
    """Guards against a mask that is guessed where the template does not allow an exact one."""
    tokenizer = with_chat(template)
    talk = [user(" What colour is the dog?"), assistant("The dog is red.")]
    with pytest.raises(InputError, match=f"(?s){says}.*choose another template"):
        render(talk, "chat", tokenizer=tokenizer, visual_tokens=2, sample_id="cat-17")


def test_a_changed_chat_template_is_not_remembered():
    """Guards against the cached skeleton of a template that was replaced on the same tokenizer."""
    tokenizer = with_chat(CHATML)
    before = render(TALK, "chat", tokenizer=tokenizer, visual_tokens=2)
    tokenizer.chat_template = LLAMA2
    after = render(TALK, "chat", tokenizer=tokenizer, visual_tokens=2)
    assert show_mask(before, tokenizer, colour=False).startswith("<|user|>")
    assert show_mask(after, tokenizer, colour=False).startswith("<s>[INST] ")


def test_a_tokenizer_without_an_image_token_is_refused():
    """Guards against <image> that is spelt out in letters, or becomes <unk>."""
    from transformers import PreTrainedTokenizerFast
    bare = PreTrainedTokenizerFast(tokenizer_object=make_plain_backend(), eos_token="</s>", unk_token="<unk>")
    with pytest.raises(InputError, match="no <image> token.*resize_token_embeddings"):
        image_token_id(bare)
    with pytest.raises(InputError, match="no <image> token"):
        render(TALK, "v1", tokenizer=bare, visual_tokens=2)
    bare.add_special_tokens({"extra_special_tokens": [IMAGE]})      # the remedy of the message works at once
    assert render(TALK, "v1", tokenizer=bare, visual_tokens=2).ids.count(image_token_id(bare)) == 2


def make_plain_backend():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<unk>", "</s>"]))
    return backend


def test_a_tokenizer_without_begin_token_begins_with_the_text():
    """Guards against a None among the ids with tokenizers in the manner of GPT-2 and Qwen."""
    from tokenizers import decoders
    from transformers import PreTrainedTokenizerFast
    backend = make_plain_backend()
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", extra_special_tokens=[IMAGE])
    rendered = render([user("<image>\nWas <s> 猫?"), assistant("</s> 😀")], "v1", tokenizer=tokenizer, visual_tokens=1)
    assert show_mask(rendered, tokenizer, colour=False) == (
        f"{SYSTEM_V1} USER: <image> x1\nWas <s> 猫? ASSISTANT:⟦ </s> 😀</s>⟧")
    assert rendered.ids.count(tokenizer.eos_token_id) == 1


# --- the small things around it ------------------------------------------------------------------------------


def test_from_llava_maps_speakers_and_keeps_text():
    """Guards against swapped speakers and stripped text."""
    turns = [{"from": "system", "value": "S"}, {"from": "human", "value": "<image>\n q "}, {"from": "gpt", "value": ""}]
    assert from_llava(turns, "cat-17") == [{"role": "system", "content": "S"}, user("<image>\n q "), assistant("")]


@pytest.mark.parametrize("turns, says", [
    ([{"from": "robot", "value": "a"}], "turn 0: unknown speaker 'robot'.*human, gpt, system"),
    ([{"from": ["human"], "value": "a"}], "turn 0: unknown speaker"),
    ([{"from": "human"}], "turn 0: expected .*'from' and 'value'"),
    (["hello"], "turn 0: expected"),
    ([{"from": "human", "value": 3}], "turn 0: the field 'value' is 3"),
    ({"from": "human"}, "must be a list"),
])
def test_from_llava_refuses_by_sample_turn_and_field(turns, says):
    """Guards against a KeyError without a name."""
    with pytest.raises(InputError, match=f"^Sample 'cat-17'.*{says}"):
        from_llava(turns, "cat-17")


def test_labels_are_the_supervised_ids_unshifted(tokenizer):
    """Guards against an off-by-one in the labels: the shift belongs to the model."""
    assert labels(Rendered([5, 6, 7], [False, True, True], [])) == [IGNORE, 6, 7]
    rendered = render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2)
    assert [i for i in labels(rendered) if i != IGNORE] == [i for run in spans(rendered) for i in run]
    assert IGNORE == -100


def test_show_mask_in_colour_marks_the_same_tokens(tokenizer):
    """Guards against colours that cover other tokens than the mask does."""
    rendered = render(TALK, "v1", tokenizer=tokenizer, visual_tokens=2)
    text = show_mask(rendered, tokenizer)
    assert re.findall(r"\033\[1;32m(.*?)\033\[0m", text) == [" The dog is red.</s>", "</s>"]
    assert re.sub(r"\033\[[\d;]*m", "", text) == re.sub("[⟦⟧]", "", show_mask(rendered, tokenizer, colour=False))


@pytest.mark.parametrize("template, chat, ids, strings", [
    ("v1", None, ["</s>"], []), ("v0", None, ["</s>"], ["###"]), ("plain", None, ["</s>"], ["\n"]),
    ("chat", CHATML, ["</s>"], []), ("chat", LLAMA2, ["</s>"], []), ("chat", TEXT_ENDS, ["</s>"], ["\n--\n"]),
])
def test_generation_stops_where_the_template_ends_an_answer(template, chat, ids, strings):
    """Guards against a generation that runs on into the next user's turn."""
    tokenizer = with_chat(chat)
    assert tokenizer.convert_ids_to_tokens(stop_ids(template, tokenizer)) == ids
    assert stop_strings(template, tokenizer) == strings


def test_an_end_of_turn_that_is_not_the_end_token_stops_too():
    """Guards against models such as ChatML's, whose turns end with a token other than </s>."""
    tokenizer = with_chat(CHATML.replace("eos_token", "'<|im_end|>'"))
    tokenizer.add_special_tokens({"extra_special_tokens": [IMAGE, "<|im_end|>"]})
    assert tokenizer.convert_ids_to_tokens(stop_ids("chat", tokenizer)) == ["<|im_end|>", "</s>"]
    rendered = render([user("Is it?"), assistant("<|im_end|> no")], "chat", tokenizer=tokenizer, visual_tokens=1)
    assert supervised(rendered, tokenizer)[0][-1] == "<|im_end|>"
    assert rendered.ids.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 2


def test_answer_text_stops_at_the_stop_and_joins_nothing(tokenizer):
    """Guards against answers with the joining space, a stop, or the start of the next turn in them."""
    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False)
    assert answer_text([*ids(" A dog."), tokenizer.eos_token_id, *ids(" USER: more")], "v1", tokenizer) == "A dog."
    assert answer_text(ids(" A dog.### Human: more"), "v0", tokenizer) == "A dog."
    assert answer_text(ids("A dog.\nA cat."), "plain", tokenizer) == "A dog."
    assert answer_text(ids("  two spaces"), "v1", tokenizer) == " two spaces"
    assert answer_text([], "v1", tokenizer) == ""
