"""The pictures that the vision parent looks at, drawn once and kept for as long as the drawing stays the same."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from tqdm.auto import tqdm
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from ..errors import InputError
from ..storybook.draw import draw
from ..storybook.scenes import Scene
from ..storybook.world import scenes
from .record import DRAWING, code

CHUNK = 250     # pictures that a process draws at a time


def draw_pictures(split: str, n: int, pixels: int, cache: Path) -> tuple[np.ndarray, list[Scene]]:
    """[n, pixels, pixels, 3] uint8 pictures of a split, drawn at 224 and reduced as the preprocessor does, and their scenes.

    They are kept in ``cache`` under a name that tells by which code and Pillow they were drawn: pictures of
    yesterday's storybook never meet today's scenes. Raises InputError where the cache cannot be written.
    """
    stem, made_by = f"{split}-{n}-{pixels}", f"{code(DRAWING)}-{PIL.__version__}"
    path = cache / f"{stem}-{made_by}.npy"
    try:
        if not path.exists():
            cache.mkdir(parents=True, exist_ok=True)
            room = shutil.disk_usage(cache).free
            if room < n * pixels * pixels * 3 + 2**26:      # a mapped file on a full disk would end the process without a word
                raise OSError(f"{room // 2**20} MB are free")
            _draw_into(path.with_suffix(".unfinished"), split, n, pixels)
            os.replace(path.with_suffix(".unfinished"), path)
            for old in cache.glob(f"{stem}-{'?' * 16}-*"):
                if old != path:
                    old.unlink()
        return np.load(path, mmap_mode="r"), list(scenes(split, n))
    except (OSError, ValueError) as error:
        raise InputError(f"The pictures {path} cannot be kept ({error}); delete that file or make room on the disk, "
                         "and start again.") from error


def _draw_into(path: Path, split: str, n: int, pixels: int) -> None:
    store = np.lib.format.open_memmap(path, "w+", np.uint8, (n, pixels, pixels, 3))
    chunks = [(split, start, min(CHUNK, n - start), pixels) for start in range(0, n, CHUNK)]
    with tqdm(total=n, desc=f"drawing {split}", unit="picture", mininterval=5.0) as bar:
        def keep(chunk, pictures):
            _, start, count, _ = chunk
            store[start:start + count] = pictures
            bar.update(count)

        if len(chunks) == 1:                                # not worth other processes
            keep(chunks[0], _draw_chunk(chunks[0]))
        else:
            with ProcessPoolExecutor() as pool:
                for chunk, pictures in zip(chunks, pool.map(_draw_chunk, chunks)):
                    keep(chunk, pictures)
    store.flush()
    del store                                               # Windows renames no file that is open


def _draw_chunk(chunk) -> np.ndarray:
    split, start, count, pixels = chunk
    return np.stack([np.asarray(draw(s).resize((pixels, pixels), Image.BICUBIC)) for s in scenes(split, count, start)])


def to_pixels(pictures: np.ndarray) -> torch.Tensor:
    """[n, h, w, 3] uint8 -> [n, 3, h, w] float, normalised as CLIP's preprocessor does."""
    x = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(OPENAI_CLIP_MEAN)[:, None, None]) / torch.tensor(OPENAI_CLIP_STD)[:, None, None]
