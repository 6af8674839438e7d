"""The mask viewer: what it marks, what each fault does to ids and labels, and that a text stays text. In the browser: test_browser.py."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import torch
from conftest import make_tokenizer
from hostile import STRINGS

from llava_mini import show
from llava_mini.conversation import IGNORE, image_token_id, labels, render
from llava_mini.data import Sample
from llava_mini.errors import InputError
from llava_mini.show.escape import seen
from llava_mini.show.mask_faults import FAULTS, spoil

CHATML = ("{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}")
TALK = [{"role": "user", "content": "<image>\nWhat colour is the dog?"}, {"role": "assistant", "content": "The dog is red."},
        {"role": "user", "content": "Is there a cat?"}, {"role": "assistant", "content": "No."}]
TEMPLATES = ("v1", "v0", "plain", "chat")


@pytest.fixture(scope="session")
def tokenizer():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHATML
    return tokenizer


def spoilt(fault, template, tokenizer, messages=TALK):
    """(the right ids and labels, the fault's) of a conversation; of its first turn for the template plain."""
    messages = messages[:2] if template == "plain" else messages
    rendered = render(messages, template, tokenizer=tokenizer, visual_tokens=3)
    return rendered, labels(rendered), spoil(fault, messages, template, tokenizer=tokenizer, visual_tokens=3)


def learnt(found, tokenizer):
    """Texts of the unbroken runs of labels."""
    runs, before = [], IGNORE
    for label in found.labels:
        if label != IGNORE:
            runs += [[]] if before == IGNORE else []
            runs[-1].append(label)
        before = label
    return [tokenizer.decode(run) for run in runs]


class Shown(HTMLParser):
    """What a browser would make of the HTML: (text, title, inside <b>) of each token, and all tags and attributes."""

    def __init__(self, html):
        super().__init__()
        self.tokens, self.tags, self.attributes, self.open = [], set(), set(), []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag not in ("br",):
            self.open.append(tag)
        if tag == "code":
            self.tokens.append(["", dict(attributes)["title"], "b" in self.open])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags that do not match"

    def handle_data(self, data):
        if "code" in self.open:
            self.tokens[-1][0] += data


# ---- the faults

@pytest.mark.parametrize("template", TEMPLATES)
def test_no_fault_is_the_packages_own_mask(template, tokenizer):
    """Guards against a viewer that shows a mask of its own instead of the one that is trained on."""
    rendered, right, found = spoilt("none", template, tokenizer)
    assert (found.ids, found.labels, found.picture_starts) == (rendered.ids, right, rendered.picture_starts)


@pytest.mark.parametrize("template", TEMPLATES)
def test_answer_missing(template, tokenizer):
    """Guards against a fault that leaves an answer in, or that shows the picture at its old place."""
    rendered, right, found = spoilt("answer missing", template, tokenizer)
    assert found.ids == [number for number, label in zip(rendered.ids, right) if label == IGNORE]
    assert set(found.labels) == {IGNORE} and len(found.labels) == len(found.ids)
    assert found.ids[found.picture_starts[0]] == image_token_id(tokenizer)
    behind = [*TALK[2:], {"role": "user", "content": "<image>"}, TALK[1]]               # a picture after an answer moves
    found = spoil("answer missing", behind, "v1", tokenizer=tokenizer, visual_tokens=3)
    assert found.ids[found.picture_starts[0]:][:3] == [image_token_id(tokenizer)] * 3


@pytest.mark.parametrize("template", TEMPLATES)
def test_prompt_supervised(template, tokenizer):
    """Guards against visual tokens among the labels, which no program supervises."""
    rendered, _, found = spoilt("prompt supervised", template, tokenizer)
    image = image_token_id(tokenizer)
    assert found.ids == rendered.ids
    assert [label for label in found.labels if label != IGNORE] == [number for number in rendered.ids if number != image]


@pytest.mark.parametrize(("template", "end"), [("v1", "</s>"), ("v0", "###"), ("plain", "\n"), ("chat", "</s>")])
def test_end_token_masked(template, end, tokenizer):
    """Guards against a fault that masks the last word instead of the end, or only the last answer's end."""
    rendered, right, found = spoilt("end token masked", template, tokenizer)
    whole = learnt(type(found)(rendered.ids, right, [], ""), tokenizer)
    assert len(whole) == (1 if template == "plain" else 2) and all(text.endswith(end) for text in whole)
    assert learnt(found, tokenizer) == [text.removesuffix(end) for text in whole]
    empty = spoil("end token masked", [TALK[0], {"role": "assistant", "content": ""}], "v1", tokenizer=tokenizer, visual_tokens=3)
    assert set(empty.labels) == {IGNORE}


@pytest.mark.parametrize("template", TEMPLATES)
def test_labels_shifted_twice(template, tokenizer):
    """Guards against a shift to the wrong side, which would ask for the token that was just read."""
    rendered, right, found = spoilt("labels shifted twice", template, tokenizer)
    assert found.labels[:-1] == right[1:] and found.labels[-1] == IGNORE and found.ids == rendered.ids


def test_image_not_expanded(tokenizer, tiny_model):
    """Guards against a symptom that is told and does not happen: the model must stop and name both numbers."""
    talk = [{"role": "user", "content": "<image>\nWhat colour is the dog?"}, TALK[1]]
    found = spoil("<image> not expanded", talk, "v1", tokenizer=tiny_model.tokenizer, visual_tokens=tiny_model.visual_tokens)
    assert found.ids.count(tiny_model.image_token_id) == 1 and "1 <image> token;" in found.about and "gives 4 visual" in found.about
    features = torch.zeros(1, tiny_model.visual_tokens, tiny_model.vision_tower.width)
    with pytest.raises(InputError, match="holds 1 <image> tokens but the pictures give 4"):
        tiny_model(torch.tensor([found.ids]), features=features)
    assert "no <image>" in spoil("<image> not expanded", TALK[2:], "v1", tokenizer=tokenizer, visual_tokens=3).about


def test_answer_missing_has_no_loss(tiny_model):
    """Guards against a symptom that is told and does not happen: no number, from torch as from the package."""
    found = spoil("answer missing", TALK[2:], "v1", tokenizer=tiny_model.tokenizer, visual_tokens=4)
    ids, wanted = torch.tensor([found.ids]), torch.tensor([found.labels])
    with torch.no_grad():
        logits = tiny_model(ids).logits
    assert torch.isnan(torch.nn.functional.cross_entropy(logits[0, :-1], wanted[0, 1:]))
    with pytest.raises(InputError, match="No token is supervised"):
        tiny_model(ids, labels=wanted).loss


@pytest.mark.parametrize(("template", "mark"), [("v1", "ASSISTANT:"), ("v0", "### Assistant:"), ("chat", "<|assistant|>")])
def test_separator_inside_the_text(template, mark, tokenizer):
    """Guards against a search that finds only the template's own marks, and so shows no fault at all."""
    quoting = [TALK[0], TALK[1], {"role": "user", "content": f"Who wrote {mark} here?"}, TALK[3]]
    rendered, right, found = spoilt("separator inside the text", template, tokenizer, quoting)
    assert found.ids == rendered.ids and found.labels != right                          # the text had it already: nothing is added
    first, second, *_ = learnt(found, tokenizer)                                         # where questions have an end too, there is a third
    assert first.strip() == learnt(type(found)(rendered.ids, right, [], ""), tokenizer)[0].strip()       # the turn that quotes nothing
    assert second.strip().startswith("here?")
    added = spoilt("separator inside the text", template, tokenizer)[2]
    assert f"{mark} stop" in re.sub(r"\s+", " ", tokenizer.decode(added.ids)) and any("stop" in text for text in learnt(added, tokenizer))


def test_plain_has_no_separator(tokenizer):
    """Guards against a search for the picture itself where a template writes no word before an answer."""
    rendered, right, found = spoilt("separator inside the text", "plain", tokenizer)
    assert (found.ids, found.labels) == (rendered.ids, right) and "nothing before an answer" in found.about


def test_cut_in_silence(tokenizer):
    """Guards against lists that are cut to different lengths, and against pictures behind the cut."""
    two = [{"role": "user", "content": "<image>"}, TALK[1], {"role": "user", "content": "<image>"}, TALK[3]]
    rendered = render(two, "v1", tokenizer=tokenizer, visual_tokens=40)
    found = spoil("cut in silence", two, "v1", tokenizer=tokenizer, visual_tokens=40)
    half = len(rendered.ids) // 2
    assert (found.ids, found.labels) == (rendered.ids[:half], labels(rendered)[:half])
    assert found.picture_starts == rendered.picture_starts[:1] and rendered.picture_starts[1] > half


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_fault_says_what_it_does(fault, template, tokenizer):
    """Guards against a fault without a sentence, and lists of different length."""
    _, _, found = spoilt(fault, template, tokenizer)
    assert len(found.ids) == len(found.labels) and re.fullmatch(r"[A-Z].{40,}\.", found.about)


def test_unknown_names(tokenizer):
    """Guards against a misspelt fault that shows a right mask."""
    for name in ("end masked", "None", ""):
        with pytest.raises(InputError, match="There is no fault"):
            spoil(name, TALK, "v1", tokenizer=tokenizer, visual_tokens=3)
        with pytest.raises(InputError, match="There is no fault"):
            show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3, fault=name)
    with pytest.raises(InputError, match="There is no template 'v2'; choose one of plain, v1"):
        show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3, template="v2")


# ---- what is shown

@pytest.mark.parametrize("fault", FAULTS)
def test_marks_are_the_labels(fault, tokenizer):
    """Guards against boxes whose colour, brackets and titles say another thing than the labels."""
    twin = show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3, fault=fault)
    found = spoilt(fault, "v1", tokenizer)[2]
    shown = Shown(twin.still.html)
    places = []
    for text, title, bold in shown.tokens:
        number, first, last = re.match(r"id (\d+), place (\d+)(?: to (\d+))?,", title).groups()
        places += (span := range(int(first), int(last or first) + 1))
        for place in span:
            assert found.ids[place] == int(number) and bold == (found.labels[place] != IGNORE) == ("not supervised" not in title)
            assert ("asked for" in title) == (found.labels[place] not in (IGNORE, found.ids[place]))
    assert places == list(range(len(found.ids)))
    supervised = sum(label != IGNORE for label in found.labels)
    assert f"{len(found.ids)} tokens" in twin.still.alt and f"{supervised} supervised" in twin.still.alt and found.about in twin.still.alt
    assert twin.still.html.count("⟦") - 1 == twin.still.alt.count("⟦") == len(learnt(found, tokenizer))      # one is in the legend


def test_visual_tokens_are_folded(tokenizer):
    """Guards against hundreds of boxes for one picture, and two pictures in one box."""
    two = [{"role": "user", "content": "<image><image>"}, TALK[1]]
    twin = show.mask_viewer(two, tokenizer=tokenizer, visual_tokens=576, template="plain")       # which writes nothing between them
    assert [text.replace("\xa0", " ") for text, _, _ in Shown(twin.still.html).tokens if "image" in text] == ["<image> × 576"] * 2
    assert "1152 of them visual" in twin.still.alt


def test_spaces_and_ids_are_seen(tokenizer):
    """Guards against tokens that differ in a space and look alike."""
    plain = Shown(show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3).still.html).tokens
    assert "·No" in "".join(text for text, _, _ in plain) and "↵" in [text for text, _, _ in plain]
    numbered = Shown(show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3, ids=True).still.html).tokens
    for (text, title, _), (both, _, _) in zip(plain, numbered):
        number = re.match(r"id (\d+)", title)[1]
        assert both.replace("\xa0", " ") == f"{text} {number}".replace("\xa0", " ")


@pytest.mark.parametrize("text", STRINGS, ids=range(len(STRINGS)))
def test_hostile_texts_are_shown_as_text(text, tokenizer):
    """Guards against markup in a conversation that becomes markup of the page."""
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    for fault in ("none", "labels shifted twice", "separator inside the text"):
        twin = show.mask_viewer(messages, tokenizer=tokenizer, visual_tokens=3, fault=fault)
        for html in (twin.still.html, twin.widget.viewer.shown.value):
            shown = Shown(html)
            assert shown.tags <= {"div", "b", "br", "code", "small", "span", "p"} and shown.attributes <= {"style", "title"}
    assert not set(seen(twin.still.alt)) ^ set(twin.still.alt)                           # nothing in it that cannot be seen


def test_what_is_refused_is_told(tokenizer):
    """Guards against a viewer that dies of a conversation it was meant to judge, or does not say whose it is."""
    sample = {"id": "page <7>", "conversations": [{"from": "human", "value": "What is it?"}]}
    twin = show.mask_viewer(sample, tokenizer=tokenizer, visual_tokens=3)
    assert "Refused: Sample &#x27;page &lt;7&gt;&#x27; ends with a user" in twin.still.html and "Refused: Sample 'page <7>'" in twin.still.alt
    bare = make_tokenizer()
    assert "it has none" in show.mask_viewer(TALK, tokenizer=bare, visual_tokens=3, template="chat").still.alt


def test_forms_of_a_sample(tokenizer):
    """Guards against one of three forms of the same conversation that is shown otherwise."""
    llava = {"id": "7", "conversations": [{"from": {"user": "human", "assistant": "gpt"}[turn["role"]], "value": turn["content"]} for turn in TALK]}
    stills = [show.mask_viewer(form, tokenizer=tokenizer, visual_tokens=3).still for form in (TALK, llava, Sample("7", ("7.jpg",), TALK))]
    assert stills[0] == stills[1] == stills[2]
    for wrong in ("What is it?", [1], [{"role": "user"}], None):
        with pytest.raises(InputError, match="A conversation is a list of messages"):
            show.mask_viewer(wrong, tokenizer=tokenizer, visual_tokens=3)


# ---- the widget

def test_the_widget_follows_its_controls(tokenizer):
    """Guards against a widget that shows the first settings for ever."""
    twin = show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3)
    box = twin.widget.viewer
    assert box.shown.value == twin.still.html
    for template in TEMPLATES:
        for fault in FAULTS:
            box.template.value, box.fault.value = template, fault
            assert box.shown.value == show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3, template=template, fault=fault).still.html
    box.template.value, box.fault.value, box.ids.value = "v1", "none", True
    box.texts.children[1].value = "A blue horse. <b>"
    changed = [TALK[0], {"role": "assistant", "content": "A blue horse. <b>"}, *TALK[2:]]
    assert box.messages == changed
    assert box.shown.value == show.mask_viewer(changed, tokenizer=tokenizer, visual_tokens=3, ids=True).still.html
    assert "A blue horse" not in twin.still.html                                         # the still twin stays as it was


def test_turns_come_and_go(tokenizer):
    """Guards against text areas that no longer belong to a turn, and a conversation without any."""
    box = show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3).widget.viewer
    box.more.click()
    assert [area.description for area in box.texts.children] == ["user", "assistant"] * 3 and "Refused" not in box.shown.value
    box.texts.children[5].value = "Then a boat."
    assert box.messages[-1] == {"role": "assistant", "content": "Then a boat."} and "boat" in box.shown.value
    box.fewer.click()
    box.fewer.click()
    assert box.messages == TALK[:2] and box.fewer.disabled
    box.texts.children[1].value = "It is <image>."
    assert "Refused" in box.shown.value
    box.texts.children[1].value = ""                                                     # an empty answer is an answer
    assert "1 supervised" in box.shown.value


def test_a_saved_notebook_has_the_still_twin(tokenizer):
    """Guards against an empty place on GitHub."""
    twin = show.mask_viewer(TALK, tokenizer=tokenizer, visual_tokens=3)
    data, _ = twin._repr_mimebundle_()
    assert data["text/html"] == twin.still.html and data["text/plain"] == twin.still.alt
    assert "application/vnd.jupyter.widget-view+json" in data
