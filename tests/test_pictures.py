"""pictures.py: any picture file gives upright RGB or one clear sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from llava_mini.errors import InputError
from llava_mini.pictures import load_picture

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
    assert b"Adobe" in (tmp_path / "print.jpg").read_bytes()            # whose numbers are stored the other way round
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


def deep_png(path, values, kind, *more):
    """A PNG of 16 bits, of which Pillow cannot write every kind: its colour type, and chunks that go before the pixels."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks))


def test_sixteen_bit_grey_with_transparency(tmp_path):
    """Guards against a transparent number of 16 bits that is looked for among 8: here black would turn clear, as 32768 ends in 0."""
    values = np.zeros((30, 40), np.uint16)
    values[:, :20] = 32768
    deep_png(tmp_path / "deep.png", values, 0, (b"tRNS", struct.pack(">H", 32768)))
    picture = load_picture(tmp_path / "deep.png")
    near(picture, (5, 15), (255,) * 3, 0)
    near(picture, (35, 25), (0,) * 3, 0)


@pytest.mark.parametrize("alpha", [False, True])
def test_sixteen_bit_colour_is_scaled(tmp_path, alpha):
    """Guards against deep colour pictures that are refused, clipped, or laid on black."""
    values = np.full((30, 40, 4 if alpha else 3), 65535, np.uint16)
    values[:, :20, :3] = np.array(RED) * 257
    values[:, 20:, -1] = 0                                              # transparent, or yellow
    deep_png(tmp_path / "deep.png", values, 6 if alpha else 2)
    picture = load_picture(tmp_path / "deep.png")
    near(picture, (5, 15), RED, 1)
    near(picture, (35, 25), (255, 255, 255) if alpha else (255, 255, 0), 1)


@pytest.mark.parametrize("orientation, red_at", [(1, (5, 15)), (3, (35, 15)), (6, (15, 5)), (8, (15, 35))])
def test_exif_rotation(tmp_path, orientation, red_at):
    """Guards against phone photographs that lie on their side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "phone.jpg", quality=95, exif=exif)
    near(load_picture(tmp_path / "phone.jpg"), red_at, RED)


@pytest.mark.parametrize("kind", ["CMYK.jpg", "grey.tif", "deep.tif", "deep.png"])
def test_rotated_photographs_of_other_kinds(tmp_path, kind):
    """Guards against rotated scans that come out scrambled: Pillow reads a plain grey TIFF wrongly where it maps it from its path."""
    exif, deep = Image.Exif(), np.zeros((30, 40), np.uint16)
    exif[0x0112], deep[:, :20] = 6, 50000
    pictures = {"CMYK": halves().convert("CMYK"), "grey": Image.fromarray((deep >> 8).astype(np.uint8)), "deep": Image.fromarray(deep)}
    pictures[kind.split(".")[0]].save(tmp_path / kind, exif=exif)
    loaded = load_picture(tmp_path / kind)
    assert loaded.size == (30, 40)
    for x in (5, 25):                                                   # what was on the left is above
        near(loaded, (x, 10), RED if kind == "CMYK.jpg" else (195,) * 3)
        near(loaded, (x, 30), BLUE if kind == "CMYK.jpg" else (0,) * 3)


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
    path = broken(tmp_path, kind)
    with pytest.raises(InputError, match=f"{kind}.jpg"):
        load_picture(path)
    if kind in ("truncated", "truncated-png", "float", "huge"):         # Pillow opens these, and fails when they are used
        with Image.open(path) as opened, pytest.raises(InputError, match=f"{kind}.jpg"):
            load_picture(opened)


def test_what_is_no_picture_at_all():
    """Guards against a TypeError deep in a library, and against a picture that was closed before it was read."""
    for source in (None, 3, b"\xff\xd8", np.zeros((2, 2, 3))):
        with pytest.raises(InputError, match=f"not as {type(source).__name__}"):
            load_picture(source)
    data = io.BytesIO()
    halves().save(data, "PNG")
    with Image.open(data) as closed:
        pass
    with pytest.raises(InputError, match="that was opened is damaged .it was closed"):
        load_picture(closed)
