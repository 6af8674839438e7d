"""Any picture file as upright 8-bit RGB. The one way in which pictures are opened."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .errors import InputError

_EIGHT_BIT = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV")     # modes that Pillow converts to RGB as they are
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")         # Pillow's own conversion would clip these to white
# What Pillow raises for broken files; the AssertionError is for one that was closed before it was read.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, AssertionError)


def load_picture(source: str | Path | Image.Image) -> Image.Image:
    """The picture at a path (or an opened one) as upright 8-bit RGB.

    EXIF rotation is applied, transparent pixels are laid on white, 16-bit grey is scaled to 8 bits, an
    animation gives its first frame. Raises InputError, with the path, for a file that is missing,
    truncated or not a picture.

    >>> load_picture(Image.new("L", (3, 2), 90)).getpixel((0, 0))
    (90, 90, 90)
    """
    if isinstance(source, Image.Image):
        return _readable(source, str(getattr(source, "filename", "") or "that was opened"))
    if not isinstance(source, (str, Path)):
        raise InputError(f"A picture is given as a path or as a PIL image, not as {type(source).__name__}; open it with PIL first.")
    path = Path(source)
    if not path.is_file():
        raise InputError(f"The picture {path} is missing; check the name and the pictures folder.")
    try:
        # as a file, not as a path: Pillow maps a plain grey TIFF from its path with the sides of a rotated one swapped
        with open(path, "rb") as file, Image.open(file) as picture:
            return _readable(picture, str(path))
    except Image.UnidentifiedImageError:
        raise InputError(f"{path} is not a picture that can be read; save it as JPEG or PNG, or remove it.") from None
    except Image.DecompressionBombError as error:
        raise InputError(f"The picture {path} has too many pixels ({error}); make it smaller.") from None
    except InputError:
        raise
    except _BROKEN as error:
        raise _damaged(str(path), error) from None


def _readable(picture: Image.Image, name: str) -> Image.Image:
    """The picture read to its end, which Pillow puts off until somebody looks, and converted."""
    try:
        picture.load()
        return _to_rgb(picture, name)
    except InputError:
        raise
    except _BROKEN as error:
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"The picture {name} is damaged ({str(error) or 'it was closed before it was read'}); copy it again or remove it.")


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    """Upright RGB of any picture Pillow can open."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in _SIXTEEN_BIT:
        picture = picture.convert("I")
        low, high = picture.getextrema()
        if low < 0 or high > 65535:
            raise InputError(f"The picture {name} holds numbers outside 0 to 65535; save it as 8-bit or 16-bit PNG.")
        clear = picture.info.pop("transparency", None)                  # in 16 bits too: it goes before they are scaled
        deep, picture = picture, picture.point(lambda value: value * (1 / 257) + 0.5).convert("L")
        if clear is not None:
            picture.putalpha(Image.fromarray((np.asarray(deep) != clear) * np.uint8(255)))
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    if picture.mode not in _EIGHT_BIT:
        raise InputError(f"The picture {name} has the colour mode {picture.mode}; save it as RGB.")
    return picture.convert("RGB")
