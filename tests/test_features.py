"""features.py: Z_v once per picture, kept over kills, changed files and changed towers."""

import json
import os

import pytest
import torch
from PIL import Image

import llava_mini.features as features
from llava_mini.data import Sample
from llava_mini.errors import InputError
from llava_mini.features import FeatureCache
from llava_mini.model import LlavaMini


@pytest.fixture
def pictures(tmp_path):
    """Seven noisy pictures; number 6 is a copy of number 0."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        pixels = torch.randint(256, (40, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(number))
        Image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    (folder / "6.png").write_bytes((folder / "0.png").read_bytes())
    return folder


NAMES = [f"{number}.png" for number in range(7)]


class Counting(torch.nn.Module):
    """A vision tower that counts the pictures it is shown."""

    def __init__(self, tower):
        super().__init__()
        self.tower, self.shown = tower, 0

    def __getattr__(self, name):
        return super().__getattr__(name) if name in ("tower", "shown") else getattr(self.tower, name)

    def forward(self, pixels):
        self.shown += len(pixels)
        return self.tower(pixels)


class Model:
    """What the cache needs of a model."""

    def __init__(self, model):
        self.vision_tower, self.pixels = Counting(model.vision_tower), model.pixels


def filled(folder, model, pictures, names=NAMES, **options):
    cache = FeatureCache(folder, model)
    cache.look(names, pictures, progress=False)
    cache.compute(names, pictures, progress=False, **options)
    return cache


def test_cached_equals_computed(tmp_path, tiny_model, pictures):
    """Guards against features of the wrong picture, a lost order, and accuracy lost on disk."""
    cache = filled(tmp_path / "cache", tiny_model, pictures)
    order = ["3.png", "0.png", "5.png", "3.png", "6.png"]
    found, fresh = cache.gather(cache.numbers(order)), tiny_model.encode([pictures / name for name in order])
    assert found.dtype == torch.float32 and found.shape == fresh.shape
    assert (found - fresh).abs().max() <= 1e-3 * fresh.abs().max()
    assert torch.equal(found[0], found[3]) and torch.equal(found[1], found[4])
    assert cache.gather([]).shape == (0, *fresh.shape[1:])


def test_every_distinct_picture_is_computed_once(tmp_path, tiny_model, pictures):
    """Guards against encoding a picture again in the next run, in the next stage, or under its second name."""
    model = Model(tiny_model)
    filled(tmp_path / "cache", model, pictures)
    assert model.vision_tower.shown == 6
    for name in NAMES:                          # a file that was touched, or drawn again with the same content
        os.utime(pictures / name, ns=(1, 1))
    filled(tmp_path / "cache", model, pictures)
    assert model.vision_tower.shown == 6


def test_changed_picture_is_computed_again(tmp_path, tiny_model, pictures):
    """Guards against features of a picture that is not there any more, even if its size and name stay."""
    before = filled(tmp_path / "cache", tiny_model, pictures)
    old = before.gather(before.numbers(["1.png"]))
    (pictures / "1.png").write_bytes((pictures / "2.png").read_bytes())
    after = filled(tmp_path / "cache", tiny_model, pictures)
    new = after.gather(after.numbers(["1.png"]))
    assert not torch.equal(old, new) and torch.equal(new, after.gather(after.numbers(["2.png"])))
    assert before.digest(["1.png"]) != after.digest(["1.png"])


@pytest.mark.parametrize("change", [{"layer": -1}, {"cls": True}, {"image_mode": "pad"}, "weights"])
def test_another_tower_has_another_cache(tmp_path, tiny_model, tiny_vision_folder, tiny_language_folder, change):
    """Guards against mixing features of two towers, layers or ways to cut a picture."""
    other = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder, **(change if change != "weights" else {}))
    same = FeatureCache(tmp_path, tiny_model).key
    if change == "weights":
        assert FeatureCache(tmp_path, other).key == same
        with torch.no_grad():
            next(other.vision_tower.parameters()).view(-1)[5] += 1e-3
    assert FeatureCache(tmp_path, other).key != same


def test_killed_run_goes_on_bit_for_bit(tmp_path, tiny_model, pictures, monkeypatch):
    """Guards against losing all features of a killed run, half-written files, and features that depend on where it
    was killed (then the training after it would not repeat exactly)."""
    monkeypatch.setattr(features, "SHARD", 2)
    monkeypatch.setattr(features, "BATCH", 2)
    whole = filled(tmp_path / "whole", tiny_model, pictures)
    model, real_write, written = Model(tiny_model), features.write_safely, []

    def dying(path, data):
        if path.suffix == ".safetensors":
            if len(written) == 2:
                (path.parent / f".{path.name}.1.tmp").write_bytes(data[: len(data) // 2])
                raise KeyboardInterrupt
            written.append(path)
        real_write(path, data)

    monkeypatch.setattr(features, "write_safely", dying)
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path / "killed", model, pictures)
    monkeypatch.setattr(features, "write_safely", real_write)
    model.vision_tower.shown = 0
    killed = filled(tmp_path / "killed", model, pictures)
    assert model.vision_tower.shown == 2        # four of six were kept
    assert torch.equal(killed.gather(killed.numbers(NAMES)), whole.gather(whole.numbers(NAMES)))


def test_processes_share_the_work(tmp_path, tiny_model, pictures, monkeypatch):
    """Guards against every process of a training encoding every picture."""
    monkeypatch.setattr(features, "SHARD", 2)
    models, caches = [Model(tiny_model), Model(tiny_model)], []
    for model in models:
        cache = FeatureCache(tmp_path / "cache", model)
        cache.look(NAMES, pictures, progress=False)
        cache.reload()
        caches.append(cache)
    caches[1].compute(NAMES, pictures, process=1, processes=2, progress=False)
    monkeypatch.setattr(caches[0], "reload", lambda: None)      # both begin at the same moment
    caches[0].compute(NAMES, pictures, process=0, processes=2, progress=False)
    assert [model.vision_tower.shown for model in models] == [4, 2]
    monkeypatch.undo()


def test_all_bad_pictures_are_listed_and_good_ones_kept(tmp_path, tiny_model, pictures):
    """Guards against one broken picture an attempt, and against computing the good ones again after the repair."""
    good = (pictures / "4.png").read_bytes()
    (pictures / "2.png").write_text("no picture")
    (pictures / "4.png").write_bytes(good[:300])
    model, samples = Model(tiny_model), [Sample("x", ("4.png",), []), Sample("y", ("4.png", "1.png"), [])]
    with pytest.raises(InputError) as caught:
        filled(tmp_path / "cache", model, pictures, samples=samples)
    message = str(caught.value)
    assert "2.png" in message and "4.png" in message and "1.png" not in message and "need it: 2" in message
    (pictures / "2.png").write_bytes(good)
    (pictures / "4.png").write_bytes(good)
    model.vision_tower.shown = 0
    filled(tmp_path / "cache", model, pictures)
    assert model.vision_tower.shown == 1


def test_missing_pictures_are_listed(tmp_path, tiny_model, pictures):
    """Guards against finding the missing pictures one by one, or only when they are due."""
    (pictures / "2.png").unlink()
    (pictures / "5.png").unlink()
    with pytest.raises(InputError, match="(?s)^2 pictures.*2.png.*5.png"):
        FeatureCache(tmp_path / "cache", tiny_model).look(NAMES, pictures, progress=False)


def test_damaged_shard_is_told_and_made_again(tmp_path, tiny_model, pictures):
    """Guards against a crash, or garbage in, when the disk damaged a file of the cache."""
    cache = filled(tmp_path / "cache", tiny_model, pictures)
    before = cache.gather(cache.numbers(NAMES))
    [shard] = cache.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-100])
    (cache.folder / "known.json").write_text("{")
    with pytest.warns(UserWarning, match="damaged"):
        again = filled(tmp_path / "cache", tiny_model, pictures)
    assert torch.equal(again.gather(again.numbers(NAMES)), before)


def test_full_disk(tmp_path, tiny_model, pictures):
    """Guards against half a file under a shard's name, or a traceback without a remedy, when the disk is full."""
    resource = pytest.importorskip("resource")          # Windows has none
    cache = FeatureCache(tmp_path / "cache", tiny_model)
    cache.look(NAMES, pictures, progress=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))                # no file may grow beyond this
    try:
        with pytest.raises(InputError, match="safetensors cannot be written .*make room on the disk"):
            cache.compute(NAMES, pictures, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in cache.folder.iterdir()} == {"about.json", "known.json"}
    assert len(filled(tmp_path / "cache", tiny_model, pictures).numbers(NAMES)) == 7


def test_large_values_are_not_cut(tmp_path, tiny_model, pictures):
    """Guards against features that become infinite in float16."""
    model = Model(tiny_model)
    with torch.no_grad():
        real = model.vision_tower.forward
        model.vision_tower.forward = lambda pixels: real(pixels) * 1e6
    cache = filled(tmp_path / "cache", model, pictures)
    found = cache.gather(cache.numbers(NAMES))
    assert torch.isfinite(found).all() and found.abs().max() > 65504


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="Linux only")
def test_features_stay_on_disk(tmp_path, tiny_model, pictures):
    """Guards against reading the whole cache into memory: the features are mapped from their file."""
    cache = filled(tmp_path / "cache", tiny_model, pictures)
    [shard] = cache.folder.glob("*.safetensors")
    with open("/proc/self/maps") as maps:
        assert any(str(shard) in line for line in maps)
    assert set(json.loads((cache.folder / "about.json").read_text())) == {"tower", "layer", "cls", "pixels"}
