"""The two commands that raise the parents, from end to end with tiny sizes: resume, folders, records, pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from llava_mini.errors import InputError
from llava_mini.foundations import album, clip, probes, vicuna
from llava_mini.foundations.loop import raise_parent
from llava_mini.storybook.vocabulary import UNSEEN_PAIRS
from llava_mini.storybook.world import scenes

torch.set_num_threads(1)
CLIP = clip.Settings(width=32, layers=2, heads=2, text_width=32, text_layers=1, embedding=16, pixels=32, patch=4, pictures=12, steps=4,
                     batch=3, phrases=12, texts=30, exam=4)
VICUNA = vicuna.Size(32, 2, 2, 48, steps=4, batch=2, texts=30, exam=40, primer=0)


def make(name, folder, cache, **changes):
    """The command of that parent; returns its curve without the clock."""
    if name == "clip":
        curve = clip.make(folder, replace(CLIP, **changes), cache)
    else:
        curve = vicuna.make(folder, replace(VICUNA, **changes))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in curve]


def watch(monkeypatch, asked, stop=None):
    """Saves and evaluates at every second step, notes the steps asked for, and is killed at ``stop``."""
    def raised(modules, loss_of, **options):
        def noted(step):
            if step == stop:
                raise KeyboardInterrupt
            asked.append(step)
            return loss_of(step)
        return raise_parent(modules, noted, save_every=2, evaluate_every=2, **options)

    for module in (clip, vicuna):
        monkeypatch.setattr(module, "raise_parent", raised)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "curve.json"}


@pytest.fixture(scope="module")
def parents(tmp_path_factory):
    """Both parents raised without interruption: {name: folder}, {name: curve}, the cache of pictures."""
    place = tmp_path_factory.mktemp("raised")
    with pytest.MonkeyPatch.context() as monkeypatch:
        watch(monkeypatch, [])
        curves = {name: make(name, place / name, place / "cache") for name in ("clip", "vicuna")}
    return {name: place / name for name in curves}, curves, place / "cache"


@pytest.mark.parametrize("name", ["clip", "vicuna"])
def test_killed_and_run_again_is_the_same_parent(tmp_path, monkeypatch, parents, name):
    """Guards against a resumed command that makes another parent, starts anew, or trains a finished one again."""
    folders, curves, cache = parents
    watch(monkeypatch, [], stop=3)
    with pytest.raises(KeyboardInterrupt):
        make(name, tmp_path / name, cache)
    assert not (tmp_path / name).exists()                     # nothing half done under the parent's name
    asked = []
    watch(monkeypatch, asked)
    assert make(name, tmp_path / name, cache) == curves[name]
    assert asked == [2, 3] and contents(tmp_path / name) == contents(folders[name])
    monkeypatch.setattr(clip, "draw_pictures", None)          # a finished training needs no pictures
    assert make(name, tmp_path / name, cache) == curves[name]
    assert asked == [2, 3] and contents(tmp_path / name) == contents(folders[name])


def test_the_two_make_a_llava(parents):
    """Guards against parents that only this module can read, or whose preprocessor sees other pictures than they were raised on."""
    from llava_mini.model import LlavaMini
    from llava_mini.storybook.draw import draw

    folders, _, cache = parents
    model = LlavaMini.from_parents(folders["clip"], folders["vicuna"])
    pictures, scenes = album.draw_pictures("parents_test", 4, 32, cache)
    assert model.visual_tokens == 64 and isinstance(model.answer(draw(scenes[0]), "Hello!", max_new_tokens=4), str)
    assert torch.allclose(model.pixels([draw(scenes[2])])[0], album.to_pixels(pictures[2:3])[0], atol=1e-5)


@pytest.mark.parametrize("name, settings", [("clip", {"pictures": 12, "ground_weight": 0.06}), ("vicuna", {"width": 32, "exam": 40})])
def test_curve_tells_what_made_it(parents, name, settings):
    """Guards against a curve beside settings that leave out what decided it."""
    record = json.loads((parents[0][name] / "curve.json").read_text())
    assert record["settings"].items() >= settings.items() and record["core_seconds"] == round(record["curve"][-1]["seconds"])
    assert [row["step"] for row in record["curve"]] == [2, 4] and record["curve"][-1]["seconds"] > 0
    if name == "vicuna":
        assert record["settings"]["reader"].keys() == {"cell_scale", "word_dropout", "cell_noise", "pool"}
        assert record["settings"]["diet"].keys() >= {"share_of_maps", "share_of_chats", "share_of_sentences", "tails_per_map", "tails_per_chat"}
        assert record["settings"] == vicuna.settings_of(VICUNA)


def test_no_parent_is_lost_and_nothing_else_is_overwritten(tmp_path, monkeypatch, parents):
    """Guards against half a parent under its name, the good one gone, and against somebody's folder replaced by a parent."""
    folder = tmp_path / "vicuna"
    shutil.copytree(parents[0]["vicuna"], folder)
    before = contents(folder)

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(vicuna.PreTrainedTokenizerFast, "save_pretrained", full)
        with pytest.raises(InputError, match="could not be written"):
            make("vicuna", folder, None, steps=1)
    assert contents(folder) == before and sorted(path.name for path in tmp_path.iterdir()) == [".vicuna", "vicuna"]
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "mine.jpg").write_bytes(b"mine")
    for name in ("clip", "vicuna"):
        with pytest.raises(InputError, match="left alone"):
            make(name, photos, None)
    assert (photos / "mine.jpg").read_bytes() == b"mine"


def test_probes_of_a_raised_tower(parents):
    """Guards against a question, a layer or a probe that is missing, and against columns and rows that are mixed up."""
    rows = probes.probe_table(parents[0]["clip"], learn=8, test=4, steps=3, cache=parents[2])
    asked = {(question, probe) for question, names in probes.ASKED.items() for probe in names}
    assert len(rows) == 3 * len(asked) and {(row["question"], row["probe"]) for row in rows} == asked and ("column", "linear") in asked
    assert all(0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1 and row["right"] <= row["n"] for row in rows)
    assert {row["n"] for row in rows if row["question"] == "place"} == {4}
    lines = probes.as_table(rows).splitlines()
    assert len(lines) == 2 + 3 and {line.count("|") for line in lines} == {len(asked) + 2}
    assert [line.startswith("| **") for line in lines[2:]] == [False, True, False]          # before the last: the one LLaVA reads


def test_probes_of_unseen_pairs_look_at_nothing_else():
    """Guards against a figure for unseen pairs that is mostly about pairs which LLaVA was shown."""
    found = list(scenes("unseen_pairs", 30))
    only, every = probes.targets(found, 8, UNSEEN_PAIRS), probes.targets(found, 8)
    assert len(only["category"][2]) == sum((thing.colour, thing.category) in UNSEEN_PAIRS for scene in found for thing in scene.things)
    assert 0 < len(only["category"][2]) < len(every["category"][2])
    part = probes._part(every, 10, 20)
    assert part["place"][2] == every["place"][2][10:20] and set(part["colour"][0]) == set(range(10))


def test_probes_ask_for_the_patch_of_the_thing():
    """Guards against "column" being the row, and against a probe that looks at another patch than its answer tells of."""
    rows = probes.targets(list(scenes("parents_test", 30)), 8)
    (numbers, at, column), (_, at_too, row) = rows["column"], rows["row"]
    assert at == at_too == [r * 8 + c for c, r in zip(column, row)] == rows["category"][1] and len(set(column)) > 4
    assert numbers == sorted(numbers) and rows["place"][1] is None
    things = list(zip(numbers, rows["category"][2]))
    alike = [things.count(thing) - 1 for thing in things]       # class 0 is "one"; the character counts as a person, and is not asked about
    assert all(more in (index, index - 1) for more, index in zip(alike, rows["number"][2])) and sum(map(int.__eq__, alike, rows["number"][2])) > 0.9 * len(alike)


def train(folder, steps=4, recipe=None, width=3, factor=1.0):
    torch.manual_seed(0)
    model = nn.ModuleDict({"layers": nn.Sequential(nn.Linear(2, width)), "head": nn.Linear(width, 1)})
    x = torch.ones(4, 2)
    return raise_parent(model, lambda step: {"loss": (model["head"](model["layers"](x)) * factor).pow(2).mean()}, steps=steps, learning_rate=0.01,
                        folder=folder, recipe=recipe, save_every=2)


def test_state_of_another_training_is_refused(tmp_path):
    """Guards against a left-over state that goes on with other settings, or comes out finished under new ones."""
    train(tmp_path / "a", recipe={"batch": 8, "code": "x", "seed": 0})
    with pytest.raises(InputError, match=r"batch was 8 and is 9, code was 'x' and is 'y'.*delete"):
        train(tmp_path / "a", recipe={"batch": 9, "code": "y", "seed": 0})
    with pytest.raises(InputError, match="4 steps and 3 were asked for"):
        train(tmp_path / "a", steps=3, recipe={"batch": 8, "code": "x", "seed": 0})
    path = tmp_path / "a" / "state.safetensors"
    with safe_open(path, "pt") as file:
        about = file.metadata()
    save_file(load_file(path), path, {"step": about["step"], "curve": about["curve"]})       # as they were written before recipes
    with pytest.warns(UserWarning, match="does not say with which settings"):
        curve, threads = train(tmp_path / "a", recipe={"batch": 9})
    assert curve == json.loads(about["curve"]) and threads == 1
    with pytest.raises(InputError, match="of other sizes.*delete"):
        train(tmp_path / "a", width=5)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="can be read.*delete"):
        train(tmp_path / "a")


def test_threads_are_those_of_the_training(tmp_path, monkeypatch):
    """Guards against a finished training that is saved again on other threads and looks cheaper than it was."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    train(tmp_path / "a", recipe={"batch": 8})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert train(tmp_path / "a", recipe={"batch": 8})[1] == 2
    assert train(tmp_path / "b", recipe={"batch": 8})[1] == 1


def test_loss_that_is_not_finite(tmp_path):
    """Guards against hours spent on weights that are no numbers, and against a traceback."""
    with pytest.raises(InputError, match="loss of step 0 .* is (inf|nan); lower the learning rate, delete"):
        train(tmp_path / "a", factor=float("inf"))
    assert not (tmp_path / "a" / "state.safetensors").exists()


def test_old_pictures_never_meet_new_scenes(tmp_path, monkeypatch):
    """Guards against a cache that outlives a change of the drawing, and against one that is drawn at every start."""
    drawn = []
    draw_chunk = album._draw_chunk
    monkeypatch.setattr(album, "_draw_chunk", lambda chunk: drawn.append(chunk) or draw_chunk(chunk))
    (tmp_path / "parents-3-16.npy").write_bytes(b"somebody's")
    pictures, scenes = album.draw_pictures("parents", 3, 16, tmp_path)
    again, same = album.draw_pictures("parents", 3, 16, tmp_path)
    assert len(drawn) == 1 and np.array_equal(pictures, again) and scenes == same and pictures.shape == (3, 16, 16, 3)
    monkeypatch.setattr(album, "code", lambda patterns: "0" * 16)                            # the storybook has changed
    album.draw_pictures("parents", 3, 16, tmp_path)
    assert len(drawn) == 2
    assert len(list(tmp_path.glob("parents-3-16-*"))) == 1 and (tmp_path / "parents-3-16.npy").read_bytes() == b"somebody's"
    monkeypatch.setattr(album.shutil, "disk_usage", lambda folder: type("Room", (), {"free": 10**6}))
    with pytest.raises(InputError, match="0 MB are free"):
        album.draw_pictures("parents", 4, 16, tmp_path)


def test_chunks_make_the_same_pictures(tmp_path, monkeypatch):
    """Guards against pictures that other processes draw and that land beside other scenes."""
    whole, _ = album.draw_pictures("parents", 5, 16, tmp_path / "a")
    monkeypatch.setattr(album, "CHUNK", 2)
    monkeypatch.setattr(album, "ProcessPoolExecutor", _InLine)
    parts, _ = album.draw_pictures("parents", 5, 16, tmp_path / "b")
    assert np.array_equal(whole, parts) and len(np.unique(whole.reshape(5, -1), axis=0)) == 5


class _InLine:
    """A pool without processes."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    map = staticmethod(map)
