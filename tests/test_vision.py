"""vision.py: any picture file gives the right pixels or one clear sentence; Z_v is the hidden state asked for."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from llava_mini.errors import InputError
from llava_mini.vision import MODES, Pixels, VisionTower, load_picture

RED, BLUE = (200, 30, 40), (20, 60, 220)


def halves(size=(40, 30), left=RED, right=BLUE):
    """A picture that is red on the left and blue on the right."""
    picture = Image.new("RGB", size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def near(picture, place, colour, tolerance=6):
    assert picture.mode == "RGB"
    assert np.abs(np.array(picture.getpixel(place)) - np.array(colour)).max() <= tolerance, picture.getpixel(place)


@pytest.mark.parametrize("name, options", [
    ("plain.png", {}), ("plain.jpg", {"quality": 95}), ("progressive.jpg", {"quality": 95, "progressive": True}),
    ("plain.webp", {"lossless": True}), ("plain.bmp", {}),
])
def test_ordinary_files(tmp_path, name, options):
    """Guards against a reader that only knows one format, or a progressive JPEG read half."""
    halves().save(tmp_path / name, **options)
    picture = load_picture(tmp_path / name)
    near(picture, (5, 15), RED)
    near(picture, (35, 25), BLUE)


def test_cmyk_jpeg(tmp_path):
    """Guards against CMYK read as RGBA, which inverts the colours or crashes on four channels."""
    halves().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert Image.open(tmp_path / "print.jpg").mode == "CMYK"
    picture = load_picture(tmp_path / "print.jpg")
    near(picture, (5, 15), RED)
    near(picture, (35, 25), BLUE)


@pytest.mark.parametrize("mode, left, right", [("L", (70,) * 3, (90,) * 3), ("1", (0,) * 3, (255,) * 3)])
def test_grey_and_black_and_white(tmp_path, mode, left, right):
    """Guards against one-channel pictures that reach the tower with one channel."""
    halves(left=left, right=right).convert(mode).save(tmp_path / "grey.png")
    picture = load_picture(tmp_path / "grey.png")
    near(picture, (5, 15), left)
    near(picture, (35, 25), right)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "half", "RGB key"])
def test_transparency_is_laid_on_white(tmp_path, kind):
    """Guards against transparent pixels turning black, whatever colour hides below them."""
    solid = RED if kind != "LA" else (120,) * 3
    alpha = Image.new("L", (40, 30), 0)
    alpha.paste(128 if kind == "half" else 255, (0, 0, 20, 30))
    picture = halves(left=solid, right=(0, 0, 0))
    picture.putalpha(alpha)
    path, options = tmp_path / "clear.png", {}
    if kind == "LA":
        picture = picture.convert("LA")
    if kind == "P":
        picture, options = halves(right=(1, 2, 3)).quantize(4), {}
        options["transparency"] = picture.getpixel((35, 25))
    if kind == "RGB key":
        picture, options = halves(right=(1, 2, 3)), {"transparency": (1, 2, 3)}
    picture.save(path, **options)
    loaded = load_picture(path)
    near(loaded, (35, 25), (255, 255, 255))
    near(loaded, (5, 15), solid if kind != "half" else tuple((c + 255) // 2 for c in RED))


def test_sixteen_bit_grey_is_scaled(tmp_path):
    """Guards against Pillow's own conversion, which clips everything above 255 to white."""
    values = np.full((30, 40), 65535, np.uint16)
    values[:, :20] = 32768
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(values).save(tmp_path / name)
        assert Image.open(tmp_path / name).mode.startswith("I")
        picture = load_picture(tmp_path / name)
        near(picture, (5, 15), (128,) * 3, 1)
        near(picture, (35, 25), (255,) * 3, 0)
    near(load_picture(Image.fromarray(values.astype(np.int32))), (5, 15), (128,) * 3, 1)


@pytest.mark.parametrize("orientation, red_at", [(1, (5, 15)), (3, (35, 15)), (6, (15, 5)), (8, (15, 35))])
def test_exif_rotation(tmp_path, orientation, red_at):
    """Guards against phone photographs that lie on their side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "phone.jpg", quality=95, exif=exif)
    near(load_picture(tmp_path / "phone.jpg"), red_at, RED)


def test_animation_gives_its_first_frame(tmp_path):
    """Guards against the last frame, or a crash, for an animated GIF."""
    halves().save(tmp_path / "moving.gif", save_all=True, append_images=[halves(left=BLUE, right=RED)])
    near(load_picture(tmp_path / "moving.gif"), (5, 15), RED)


def broken(tmp_path, kind):
    path = tmp_path / f"{kind}.jpg"
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(data, "JPEG")
    if kind == "truncated":
        path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    elif kind == "truncated-png":
        data = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(data, "PNG")
        path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is not a picture")
    elif kind == "folder":
        path.mkdir()
    elif kind == "float":
        Image.fromarray(np.zeros((8, 8), np.float32)).save(path, "TIFF")
    elif kind == "huge":
        Image.fromarray(np.full((8, 8), 70000, np.int32)).save(path, "TIFF")
    return path


@pytest.mark.parametrize("kind", ["missing", "truncated", "truncated-png", "empty", "text", "folder", "float", "huge"])
def test_unusable_files_are_named(tmp_path, kind):
    """Guards against a crash without the file's name, and against a grey half of a truncated picture."""
    with pytest.raises(InputError, match=f"{kind}.jpg"):
        load_picture(broken(tmp_path, kind))


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
