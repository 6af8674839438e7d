"""The parts of the parents' trainings: what they read, what their losses mean, what their optimizers do."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from llava_mini.conversation import render
from llava_mini.foundations import vicuna
from llava_mini.foundations.clip import Settings, all_words_in, candidates, patch_loss, region_phrases
from llava_mini.foundations.diet import FIRST_TABLES, TABLES, Text, cloze, entry, looked_up, primer, tables, text
from llava_mini.foundations.loop import optimizers_of, raise_parent
from llava_mini.foundations.muon import Muon, orthogonal
from llava_mini.foundations.probes import Attentive, Linear, fit, score
from llava_mini.foundations.tokenizer import diet_lines, train_tokenizer
from llava_mini.storybook.narrate import word_map
from llava_mini.storybook.phrases import noun, side
from llava_mini.storybook.questions import questions
from llava_mini.storybook.vocabulary import CATEGORIES, NUMBERS, UNSEEN_PAIRS
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


def test_the_primer_is_maps_and_tables():
    """Guards against first pages that hold what cannot be looked up yet, or nothing at all."""
    for i in range(50):
        page = primer(random.Random(i))
        assert page.cells and page.tails and all(heading in FIRST_TABLES for heading, _ in page.tails)


def test_no_question_is_ever_asked_about_a_map():
    """Guards against stage 2 being done in secret while the parent is raised."""
    for i in range(300):
        one = text(random.Random(i))
        if one.cells:
            assert not one.opening and not any("?" in beginning + rest for beginning, rest in one.tails)


def facts(n=200):
    return [fact for i, scene in enumerate(scenes("parents", n)) for fact in questions(scene, random.Random(i))]


def test_cloze_gives_the_sentence_and_leaves_out_what_only_the_map_tells():
    """Guards against a beginning that already holds the answer."""
    for fact in facts():
        beginning, rest = cloze(fact)
        if beginning.endswith(":"):                   # presence, numbers and sides come as entries
            assert fact.kind in ("is-there", "count", "relation")
            assert rest == (f" {fact.answer}" if fact.kind == "is-there" else f" {fact.value}.")
        else:
            assert beginning + rest == fact.answer and (not beginning or fact.value in rest.lower())


def test_entries_name_what_is_asked_and_learn_the_value():
    """Guards against an entry that two things of a scene would fill in differently, or whose question tells its answer."""
    forms = {}
    for fact in facts():
        asked, answer = entry(fact)
        if asked.endswith(":"):
            assert answer == (f" {fact.answer}" if fact.kind == "is-there" else f" {fact.value}.") and asked[0].isupper()
            forms.setdefault(fact.kind, []).append((asked, fact))
        else:
            assert asked + answer == fact.answer
    assert forms.keys() >= {"colour", "size", "where", "count", "is-there", "place", "weather"}
    for asked, fact in forms["colour"]:
        thing = asked.removeprefix("Colour of the ").removesuffix(":")
        assert thing in fact.text.lower() and fact.value not in asked.lower()
    for asked, fact in forms["count"]:
        plural = asked.removeprefix("Number of ").removesuffix(":")
        assert f"How many {plural} " in fact.text
    for asked, fact in forms["is-there"]:             # "A red car:" stands for "Is there a red car?"
        assert fact.text.endswith(f" {asked.removesuffix(':').lower()}?")


def test_what_is_asked_for_stands_before_the_colon():
    """Guards against forms that keep a small parent from finding a thing by its look, its side or what it touches."""
    found = {form.split(" ")[1] + " " + form.split(" ")[2] for fact in facts() for form, _ in [entry(fact)] if form.startswith("Thing ")}
    assert found == {"that is", "on the", "held by", "under the"}
    for fact in facts():
        form, answer = entry(fact)
        if fact.kind in ("what", "relation") and form.startswith("Thing ") and not form.startswith("Thing that"):
            assert answer == f" {fact.value}." and form.removesuffix(":").split(" the ")[1] in fact.text


def test_looked_up_both_ways():
    """Guards against a place that is asked of two equal things, and against cells told in other words than the map's."""
    asked, pairs = set(), []
    for i, scene in enumerate(scenes("parents", 60)):
        cells = word_map(scene)
        for form, answer in looked_up(scene, cells, random.Random(i)):
            asked.add(form.split(" ")[0])
            at = (form.removeprefix("At ") if form.startswith("At ") else answer.strip(" ."))[:2]
            fitting = [t for t in scene.things if form == f"Cell of the {noun(t)}:"]
            pairs.append(answer == " nowhere.")
            if answer == " nowhere.":
                assert not fitting and any(noun(replace(t, colour=o.colour, character=False)) in form for t in scene.things for o in scene.things)
                continue
            cell = next(cell for cell in cells if cell[-2:] == tuple(at))
            if form.startswith("At "):
                assert answer == f" {' '.join(w for w in cell[:-3] if w != 'centre')}." and "centre" in cell
            else:
                alike = fitting or [t for t in scene.things if form == f"Cell of the {t.category}:"]
                assert len(alike) == 1 and not alike[0].character
                assert "centre" in cell                               # a thing in front may hide it there
    assert asked == {"At", "Cell"} and 0.15 < sum(pairs) / len(pairs) < 0.5


def test_tables_list_what_the_map_holds():
    """Guards against rows that contradict the map, and against rows that two things would claim."""
    headings, checked = set(), []
    for i, scene in enumerate(scenes("parents", 100)):
        map_ = word_map(scene)
        for heading, told in tables(scene, random.Random(i), n=len(TABLES)):
            headings.add(heading)
            for row in told.removesuffix(".").removeprefix(" ").split(", "):
                (name, value) = row.split(" ", 1) if heading == "By side:" else row.rsplit(" ", 1)
                if heading == "Things:":
                    value, name = row.split(" ", 1)
                if heading == "Checks:":
                    colour, category = name.split(" ", 1)
                    checked.append(value)
                    assert (value == "yes") == any((t.colour, t.category) == (colour, category) for t in scene.things)
                    assert {colour} <= {t.colour for t in scene.things} and {category} <= {t.category for t in scene.things}
                elif heading == "Cells:":
                    shown = next(cell for cell in map_ if value == "".join(cell[-2:]))
                    assert name in shown or "centre" in shown        # a thing in front may hide it there
                elif heading == "By side:":
                    here = [t for t in scene.things if side(t).endswith(name)]
                    assert [t.category for t in here] == [value]
                elif heading == "Numbers:":
                    category = next(c.name for c in CATEGORIES.values() if c.plural == name)
                    assert value == NUMBERS[sum(t.category == category for t in scene.things)]
                else:
                    of_value = [t for t in scene.things if value in (t.colour, t.size, (side(t) or "").split(" ")[-1])]
                    assert len([t for t in of_value if t.category == name]) == 1 and (heading != "Things:" or len(of_value) == 1)
    assert headings == set(TABLES) and 0.4 < checked.count("yes") / len(checked) < 0.6


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
    loss = patch_loss(tokens, phrases, true, torch.tensor([1.0, 0.0]), torch.ones(2), torch.tensor(0.0))
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-6)
    alone = patch_loss(tokens, phrases, true, torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor(0.0))
    assert alone.item() == pytest.approx(0.0, abs=1e-6)          # nothing is false of it: nothing to tell apart
    phrases, true = torch.eye(2)[[0, 1, 1]], torch.tensor([[True, True, False], [False, True, True]])
    loss = patch_loss(tokens, phrases, true, torch.tensor([1.0, 0.0]), torch.tensor([3.0, 1.0, 1.0]), torch.tensor(0.0))
    assert loss.item() == pytest.approx((3 * math.log(1 + math.exp(-1)) + math.log(2)) / 4, abs=1e-6)


def test_phrases_are_true_of_their_own_cell():
    """Guards against a vision parent taught with wrong phrases."""
    for scene in scenes("parents", 60):
        for cell in set(word_map(scene)):
            assert all(set(p) <= set(cell) for p in region_phrases(cell)), cell
    assert ("red", "car") in region_phrases(("small", "red", "car", "one", "c", "5")) and ("c", "5") in region_phrases(("sand", "c", "5"))


def test_every_word_of_a_step_is_asked_for():
    """Guards against a column, a row or a middle that is never asked for, and so cannot be read from a patch."""
    for scene in scenes("parents", 20):
        kinds = sorted(set(word_map(scene)))
        asked = candidates(random.Random(0), kinds, Settings(phrases=7))
        assert {p[0] for p in asked if len(p) == 1} == {word for kind in kinds for word in kind}
        longer = [p for p in asked if len(p) > 1]
        assert len(longer) == len(set(longer)) == 7 and all_words_in(longer, kinds).any(0).all()


def test_all_words_in_by_hand():
    """Guards against a phrase that counts as false of a patch it is true of, or the other way round."""
    kinds = [("small", "red", "car", "c", "5"), ("sand", "c", "5"), ("big", "red", "bus", "centre", "a", "1")]
    phrases = [("red",), ("red", "car"), ("c", "5"), ("centre", "bus"), ("small", "bus")]
    wanted = [[set(phrase) <= set(kind) for phrase in phrases] for kind in kinds]
    assert all_words_in(phrases, kinds).tolist() == wanted and any(map(any, wanted)) and not any(row[-1] for row in wanted)


def test_the_language_parent_is_asked_for_unseen_pairs_in_vain_too():
    """Guards against a pair that LLaVA never saw and whose parent knows that it is always there: that yes would be no answer."""
    said = Counter(answer.rstrip(".").rsplit(" ", 1)[-1] if ", so " in answer else answer.split(",")[0].strip().lower()
                   for i in range(1500) for question, answer in text(random.Random(i)).tails
                   if any(f"{colour} {name}" in question.lower() and ("?" in question or question.lower().startswith("a")) for colour, name in UNSEEN_PAIRS))
    assert said["yes"] > 20 and 0.5 < said["no"] / said["yes"] < 2, said


@pytest.mark.parametrize("shape", [(6, 6), (4, 10), (10, 4)])
def test_orthogonal_levels_the_singular_values(shape):
    """Guards against an iteration that leaves weak directions weak, or turns the wide way round."""
    torch.manual_seed(0)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[1]))
    way = orthogonal(matrix)
    values = torch.linalg.svdvals(way)
    assert way.shape == matrix.shape and values.min() > 0.6 and values.max() < 1.3
    left, right = torch.linalg.svd(matrix, full_matrices=False)[::2]
    assert ((left.T @ way @ right.T).diag() > 0.6).all()              # ... and the same directions, not others


def test_muon_by_hand():
    """Guards against a step of another size, a momentum without look-ahead, and weight decay that depends on the gradient."""
    p = nn.Parameter(torch.full((2, 8), 2.0))
    optimizer = Muon([p], lr=0.1, momentum=0.9, weight_decay=0.5)
    momentum = torch.zeros(2, 8)
    wanted = p.detach().clone()
    for seed in range(3):
        p.grad = torch.randn(2, 8, generator=torch.Generator().manual_seed(seed))
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * p.grad
        way = orthogonal(0.1 * p.grad + 0.9 * momentum)
        wanted = (1 - 0.1 * 0.5) * wanted - 0.1 * 0.2 * 8 ** 0.5 * way
        assert torch.allclose(p, wanted, atol=1e-6)
    kept = p.detach().clone()
    p.grad = None                                                     # nothing learnt, nothing moved
    optimizer.step()
    assert torch.equal(p, kept)
    with pytest.raises(ValueError, match="matrices only"):
        Muon([nn.Parameter(torch.zeros(3))])


@pytest.mark.parametrize("kind", ["clip", "vicuna"])
def test_every_weight_has_one_optimizer(own_tokenizer, kind):
    """Guards against weights that stand still, move twice, or vectors and embeddings given to Muon."""
    from llava_mini.foundations import clip

    if kind == "clip":
        model = clip.Parent(clip.Settings(width=16, layers=2, heads=2, text_width=16, text_layers=1, embedding=8, pixels=28), own_tokenizer)
    else:
        model = vicuna.LlamaForCausalLM(vicuna.LlamaConfig(vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                                                           num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=True))
    muon, adam = optimizers_of(model, 0.05)
    names = {id(p): name for name, p in model.named_parameters()}
    by = [[names[id(p)] for group in optimizer.param_groups for p in group["params"]] for optimizer in (muon, adam)]
    assert sorted(by[0] + by[1]) == sorted(names.values())
    assert by[0] and all(".layers." in name and name.endswith(".weight") and "norm" not in name for name in by[0])
    assert not [name for name in by[1] if ".layers." in name and name.endswith(".weight") and "norm" not in name]
    decayed = [names[id(p)] for p in adam.param_groups[0]["params"]]
    assert any("embed" in name for name in decayed)
    assert all(p.ndim <= 1 for p in adam.param_groups[1]["params"]) and adam.param_groups[1]["weight_decay"] == 0


def _raise(folder, steps, stop=None):
    torch.manual_seed(0)
    model = nn.Linear(4, 1)

    def loss_of(step):
        if step == stop:
            raise KeyboardInterrupt
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return {"loss": (model(x) - x.sum(1, keepdim=True)).pow(2).mean()}

    curve, _ = raise_parent(model, loss_of, steps=steps, learning_rate=0.05, folder=folder, save_every=10)
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
