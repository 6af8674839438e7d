"""Lesson 09: what the reader writes there is what the package does. The notebook's own cells are run, not a copy of them."""

from __future__ import annotations

import ast
import json
import random
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import features_for

from llava_mini import attention
from llava_mini.nearest import Near

ROOT = Path(__file__).resolve().parents[1]
BOOK = json.loads((ROOT / "notebooks" / "09_looking_inside.ipynb").read_text("utf-8"))
CELLS = {cell["id"]: "".join(cell["source"]) for cell in BOOK["cells"] if cell["cell_type"] == "code"}
SHOWN = {cell["id"]: cell["outputs"] for cell in BOOK["cells"] if cell["cell_type"] == "code"}


def said(cell: str) -> str:
    """All that a cell printed or showed in words in the committed run."""
    parts = [part for output in SHOWN[cell] for part in (output.get("text", ""), *(output.get("data", {}).get(kind, "")
             for kind in ("text/plain", "text/markdown")))]
    return "\n".join("".join(part) for part in parts)


def taken(*cells, **known):
    """The functions, imports and constants of some cells, run in the order given, with ``known`` in the place of what stands before them."""
    names = dict(known)
    for cell in cells:
        tree = ast.parse(CELLS[cell])
        kept = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom))
                or (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.targets[0].id.isupper())]
        exec(compile(ast.Module(kept, []), cell, "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def lesson(tiny_model):
    return taken("attention", "shares", "mean-over", "ratio", model=tiny_model, torch=torch)


def test_the_readers_attention_is_the_packages(lesson, tiny_model):
    """Guards against a lesson whose drafts look at other places than the package does."""
    features = features_for(tiny_model, 1)
    for question in ("What colour is the dog?", "Is there a boat?"):
        weights, logits = lesson.all_attention(question, features)
        own, own_logits = attention.attend(tiny_model, lesson.prompt_for(question).ids, features)
        assert torch.allclose(weights.permute(2, 0, 1, 3), own, atol=1e-6) and torch.allclose(logits[0], own_logits, atol=1e-5)
        assert torch.allclose(lesson.over_question(question, features), attention.over_question(tiny_model, features, question), atol=1e-6)
        assert torch.allclose(lesson.relative_attention(question, features), attention.relative(tiny_model, features, question), rtol=1e-4)
    assert lesson.GENERIC == attention.GENERIC
    assert tiny_model.language_model.config._attn_implementation == "sdpa"


def test_to_picture_is_the_part_that_the_text_says(lesson, tiny_model):
    """Guards against columns that are no patches, and rows that are no words behind the picture."""
    features = features_for(tiny_model, 1)
    part = lesson.to_picture("What is it?", features)
    prompt = lesson.prompt_for("What is it?")
    behind = prompt.picture_starts[0] + tiny_model.visual_tokens
    assert list(part.shape[2:]) == [len(prompt.ids) - behind, tiny_model.visual_tokens]
    assert torch.equal(part[:, :, -1], lesson.all_attention("What is it?", features)[0][:, :, -1, prompt.picture_starts[0]:behind])


def page(number=100_005):
    from llava_mini.storybook.world import scenes

    return next(scenes("test", 1, start=number))


def test_the_key_and_what_counts_as_truly_read():
    """Guards against words of the spot ("a", "1") that make every patch true, and against a third word that counts."""
    lesson = taken("key", "truly", side=8)
    key = lesson.key_of(page())
    assert len(key) == 64 and not any({"a", "b", "1", "8"} & words for words in key) and {"sky", "sunny"} == key[0]
    words = [Near("wall", 0.5), Near("sky", 0.4), Near("sunny", 0.3)]
    assert lesson.truly_read([words, words[:1] + words[:1] + words[1:], words], [{"sky"}, {"sky"}, {"dog"}]) == [True, False, False]


def test_what_lies_on_a_thing():
    """Guards against shares of the whole row in the place of shares of the picture."""
    lesson = taken("key", "passed-on-numbers", side=8, torch=torch)
    key = lesson.key_of(page())
    umbrella = [patch for patch, words in enumerate(key) if "umbrella" in words]
    weights = torch.zeros(2, 64)
    weights[0, umbrella[0]], weights[0, 0], weights[1, 63] = 0.03, 0.01, 0.2
    assert lesson.on_thing(weights, page(), "umbrella").tolist() == pytest.approx([0.75, 0.0])


def test_grey_covers_the_patches_and_nothing_else():
    """Guards against rows taken for columns, and against a picture that stays grey for the next experiment."""
    from llava_mini.storybook.draw import draw

    lesson = taken("grey", side=8)
    before = draw(page())
    after = lesson.greyed(before, [1, torch.tensor(16)])
    assert before.tobytes() == draw(page()).tobytes()
    assert after.getpixel((28, 0)) == after.getpixel((55, 27)) == after.getpixel((0, 56)) == after.getpixel((27, 83)) == (128, 128, 128)
    after.paste(before.crop((28, 0, 56, 28)), (28, 0))
    after.paste(before.crop((0, 56, 28, 84)), (0, 56))
    assert after.tobytes() == before.tobytes()


def test_the_exchange_changes_two_colours_and_nothing_else():
    """Guards against an exchange that leaves a picture as it was, makes a pair that no training shows, or takes a person's clothes."""
    from dataclasses import replace

    from llava_mini.storybook.vocabulary import UNSEEN_PAIRS
    from llava_mini.storybook.world import scenes

    lesson, found = taken("swap"), 0
    for scene in scenes("test", 60, start=100_800):
        exchange = lesson.exchanged(scene)
        if exchange is None:
            continue
        one, other, new = exchange
        found += 1
        changed = [(a, b) for a, b in zip(scene.things, new.things) if a != b]
        assert {(a.category, b.colour) for a, b in changed} == {(one.category, other.colour), (other.category, one.colour)} and len(changed) == 2
        assert all(replace(b, colour=a.colour) == a for a, b in changed) and one.colour != other.colour
        assert "person" not in (one.category, other.category) and not {(b.colour, b.category) for _, b in changed} & UNSEEN_PAIRS
        assert replace(new, things=scene.things) == scene
    assert found >= 25


def test_wrong_wiring_is_put_back():
    """Guards against a mistake on purpose that is not made, or that stays in the model for the rest of the lesson."""
    seen = []

    def generate(requests, **_):
        seen.append((model.projector, [request.features for request in requests], {request.messages[0]["content"] for request in requests}))
        return [" It is red. "] * len(requests)

    model = SimpleNamespace(projector="its own", generate=generate)
    many = taken("rewired").MANY
    lesson = taken("rewired", model=model, tested=[SimpleNamespace(text="What is it?")] * many)
    features = torch.arange(float(many))[:, None, None]
    for given in (lesson.answers(features), lesson.answers(features, "another"), lesson.answers()):
        assert given == ["It is red."] * many and model.projector == "its own"
    assert [projector for projector, _, _ in seen] == ["its own", "another", "its own"]
    assert [float(row) for row in seen[1][1]] == list(range(many)) and seen[1][1][0].shape == (1, 1, 1) and seen[2][1] == [None] * many
    assert [texts for _, _, texts in seen] == [{"<image>\nWhat is it?"}] * 2 + [{"What is it?"}]


def test_told_apart_counts_both_sides():
    """Guards against a probe that is right because it says "him" to everything, or because it is tested on what made it."""
    lesson = taken("eye", torch=torch)
    rng = random.Random(0)
    noise = torch.tensor([[rng.gauss(0, 1) for _ in range(3)] for _ in range(24)])
    assert lesson.told_apart(noise + torch.tensor([9.0, 0, 0]), noise) == 24
    first = torch.cat([noise[:12] + torch.tensor([9.0, 0, 0]), noise[12:]])             # only the half that it learns from differs
    assert lesson.told_apart(first, noise) == 12


def test_the_verdict_needs_a_difference():
    """Guards against points of accuracy that so few questions cannot prove, and against blind answers praised as seeing."""
    good = {"as it should be": [True] * 38 + [False] * 2, "no picture at all": [True] * 12 + [False] * 28, "same": [True] * 36 + [False] * 4,
            "half": [True] * 28 + [False] * 12, "blind": [True] * 13 + [False] * 27}
    from llava_mini.evaluation import paired

    lesson = taken("symptom-words", good=good, paired=paired, MANY=40)
    assert "no symptom" in lesson.verdict("same") and "still better" in lesson.verdict("half") and "no better than without" in lesson.verdict("blind")
    assert lesson.verdict("half").startswith("25 points")


def test_what_the_prose_says_holds_of_the_committed_run():
    """Guards against sentences that were true of an earlier model."""
    changed = {part: answers for part, *answers in re.findall(r"^(\w+) +changed in stage 1: (\w+) +changed in stage 2: (\w+)", said("fresh"), re.M)}
    assert changed == {"vision_tower": ["no", "no"], "projector": ["yes", "yes"], "language_model": ["no", "yes"]}
    after = re.search(r"^after stage 1 +(.*)$", said("read"), re.M)[1]
    assert "one" in after.split() and "umbrella" in after.split()
    shares = {name: float(share) for name, share in re.findall(r"^([^:\n]+): \d+ of \d+, ([\d.]+)%", said("count"), re.M)}
    for stage in ("after stage 1", "after stage 2"):                        # "things are read better than what is behind them"
        assert shares[f"{stage}, things"] > shares[f"{stage}, behind them"] > shares["before stage 1, behind them"]
        assert shares[f"{stage}, things, by their name"] < shares[f"{stage}, things"]
    *_, row = map(int, re.findall(r"\d+", said("attention")))
    assert 64 / row > 0.5                                                   # "most of the row is picture"
    first = {word: float(share) for word, share in re.findall(r"^(\S+|\(line end\)) +([\d.]+)%", said("shares"), re.M)}
    assert max(first, key=first.get) == "(line end)" and max(set(first) - {"(line end)"}, key=first.get) == "umbrella"
    own = {word: int(share) for share, word in re.findall(r"(\d+)% +when (\S+) +is read", said("passed-on-numbers"))}
    assert own["umbrella"] == max(own.values()) > 50                        # "the name of the thing looks at the thing"
    assert "**layer 1**" in said("best")                                    # "why can the first layer be enough?"
    assert said("experiment-words").count("is better than") == 2
    named = {name: int(right) for name, right in re.findall(r"^(.*): (\d+) of 12,", said("tie-count"), re.M)}
    before, him, other = (named[name] for name in ("finished model, him", "tied to Plum, him", "tied to Plum, the ordinary person"))
    assert before <= 1 and him >= 8 and other <= 3                          # "a handful of samples makes the tie"
    assert named["tied to Brill, him"] >= him - 3                           # "an invented name, nearly as well"
    assert "**last layer:** no symptom" in said("symptom-words")
    kept = list(map(int, re.findall(r"(\d+) right before, (\d+) after", said("tie-cost"))[0]))
    assert kept[1] > kept[0] - 16                                           # the rest is not lost by it


def test_grey_on_other_things_spares_the_one_that_is_asked_about():
    """Guards against a control that paints the thing itself, or the background."""
    lesson = taken("key", "experiment", side=8, lots=random.Random(0))
    key, painted = lesson.key_of(page()), lesson.on_others(page(), "umbrella")
    assert 0 < len(painted) <= 8 and len(set(painted)) == len(painted)
    assert all("umbrella" not in key[patch] and key[patch] & {"small", "big"} for patch in painted)


def test_the_umbrella_is_left_where_the_prose_says_so():
    """Guards against a map of layer 1 that is brightest somewhere else since the model was trained anew."""
    key = taken("key", side=8).key_of(page())
    row = re.search(r"^layer 1: brightest are (.*)$", said("ratio"), re.M)[1]
    places = [8 * (int(row) - 1) + int(column) - 1 for row, column in re.findall(r"row (\d+) column (\d+)", row)]
    assert len(places) == 3 and sum("umbrella" in key[place] for place in places) >= 2
