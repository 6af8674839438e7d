"""vision.py: pictures give the right pixels or one clear sentence; Z_v is the hidden state asked for."""

import numpy as np
import pytest
import torch
from PIL import Image

from llava_mini.errors import InputError
from llava_mini.vision import MODES, Pixels, VisionTower


def test_too_narrow_is_refused():
    """Guards against a strip of 1 x 5000 pixels that resizing would blow up to gigabytes."""
    with pytest.raises(InputError, match="1 x 5000"):
        Pixels(28)([Image.new("RGB", (1, 5000))])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(60, 31), (31, 60), (28, 28), (13, 9)])
def test_pixels_equal_transformers(tmp_path, mode, size):
    """Guards against preprocessing that differs from transformers' own, from the very file we write."""
    from transformers.models.clip import CLIPImageProcessorPil
    from transformers.models.llava import LlavaImageProcessorPil

    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    pixels = Pixels(28, mode=mode)
    pixels.save_pretrained(tmp_path)
    theirs = {"crop": CLIPImageProcessorPil, "pad": LlavaImageProcessorPil}[mode].from_pretrained(tmp_path)
    ours = pixels([Image.fromarray(noise)])
    assert ours.shape == (1, 3, 28, 28) and ours.dtype == torch.float32
    assert torch.equal(ours, theirs([Image.fromarray(noise)], return_tensors="pt")["pixel_values"])
    again = Pixels.from_pretrained(tmp_path)
    assert again.to_dict() == pixels.to_dict() and torch.equal(again([Image.fromarray(noise)]), ours)


def test_crop_cuts_and_pad_keeps():
    """Guards against the two modes being swapped: the left edge of a wide picture is only seen with pad."""
    picture = Image.new("RGB", (84, 28), (255, 255, 255))
    picture.paste((0, 0, 0), (0, 0, 14, 28))
    crop, pad = Pixels(28, mode="crop"), Pixels(28, mode="pad")
    white = (1 - torch.tensor(Pixels.MEAN)) / torch.tensor(Pixels.STD)  # [3]
    assert torch.allclose(crop([picture])[0], white[:, None, None].expand(3, 28, 28), atol=1e-5)
    assert pad([picture])[0, :, 14, 0].max() < -1.4  # black kept
    assert pad([picture])[0, :, 0].abs().max() < 0.02  # the mean colour above and below
    assert pad.padding_colour == (122, 116, 104)


def test_other_preprocessing_is_refused():
    """Guards against a tower trained on other pixels (another filter, another crop) used as if it were CLIP."""
    for change in ({"resample": 2}, {"do_center_crop": False}, {"crop_size": {"height": 20, "width": 20}}):
        with pytest.raises(InputError, match="CLIP"):
            Pixels.from_dict(Pixels(28).to_dict() | change)
    with pytest.raises(InputError, match="image mode"):
        Pixels(28, mode="stretch")


@pytest.mark.parametrize("mode", MODES)
def test_real_photographs(real, mode):
    """Guards against photographs as they really are: sizes, profiles, progressive coding."""
    photos = sorted((real / "photos").glob("*.jpg"))
    assert len(photos) == 5
    pixels = Pixels(56, mode=mode)(photos)
    assert pixels.shape == (5, 3, 56, 56) and torch.isfinite(pixels).all()
    assert (pixels.flatten(1).std(1) > 0.3).all()  # none is blank


@pytest.mark.parametrize("layer", [0, 1, 3, -1, -2, -4])
@pytest.mark.parametrize("cls", [False, True])
def test_features_are_the_hidden_state(tiny_vision_folder, layer, cls):
    """Guards against an off-by-one in the layer, a post-layernorm too many and a CLS token in the grid."""
    tower = VisionTower.from_pretrained(tiny_vision_folder, layer, cls)
    pixels = torch.randn(2, 3, 28, 28)
    wanted = tower.clip(pixels, output_hidden_states=True).hidden_states[layer]
    features = tower(pixels)
    assert features.shape == (2, tower.visual_tokens, tower.width) == (2, 5 if cls else 4, 32)
    assert torch.equal(features, wanted if cls else wanted[:, 1:])


def test_tower_from_a_whole_clip(tmp_path):
    """Guards against random weights where the folder holds text and image tower under other key names."""
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    clip = CLIPModel(CLIPConfig(text_config=small | {"vocab_size": 50},
                                vision_config=small | {"image_size": 28, "patch_size": 14}, projection_dim=8))
    clip.save_pretrained(tmp_path)
    tower = VisionTower.from_pretrained(tmp_path, -1, True)
    pixels = torch.randn(1, 3, 28, 28)
    assert torch.equal(tower(pixels), clip.vision_model(pixels).last_hidden_state)


def test_tower_is_frozen(tiny_vision_folder):
    """Guards against a tower that trains, or that train() puts into training mode."""
    tower = VisionTower.from_pretrained(tiny_vision_folder)
    torch.nn.Sequential(tower).train()
    assert not tower.training and not tower.clip.training
    assert not any(p.requires_grad for p in tower.parameters())
    assert not tower(torch.randn(1, 3, 28, 28, requires_grad=True)).requires_grad
    assert tower(torch.zeros(0, 3, 28, 28)).shape == (0, 4, 32)


def test_unusable_towers(tiny_vision_folder, tiny_language_folder, tmp_path):
    """Guards against a language model, a missing folder, a wrong layer or missing weights taken silently."""
    from safetensors.torch import load_file, save_file

    with pytest.raises(InputError, match="hidden states"):
        VisionTower.from_pretrained(tiny_vision_folder, layer=-5)
    with pytest.raises(InputError, match="llama"):
        VisionTower.from_pretrained(tiny_language_folder)
    with pytest.raises(InputError, match="nowhere"):
        VisionTower.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"\[n, 3, 28, 28\]"):
        VisionTower.from_pretrained(tiny_vision_folder)(torch.zeros(1, 3, 56, 56))
    weights = load_file(tiny_vision_folder / "model.safetensors")
    del weights[sorted(weights)[3]]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text((tiny_vision_folder / "config.json").read_text())
    with pytest.raises(InputError, match="missing"):
        VisionTower.from_pretrained(tmp_path)
