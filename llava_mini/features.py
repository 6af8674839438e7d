"""Z_v of every distinct picture, computed once and kept on disk.

The vision tower is frozen in every stage (paper, section 4.2), so its output for a picture never
changes: three epochs need one pass of CLIP, not three. The cache is a folder::

    features/<fingerprint of tower, layer, CLS, pixel settings>/
        about.json                  what the fingerprint stands for
        known.json                  picture file -> size, time, digest of its content
        <digest>.safetensors        Z_v of up to 128 pictures

Pictures are keyed by content: two names of one file share an entry, a changed file gets a new one.
A shard appears under its name only when it is complete, so a killed run loses 128 pictures at most.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from tqdm.auto import tqdm

from .data import refuse_pictures
from .errors import InputError
from .files import make_folder, write_safely

SHARD, BATCH = 128, 32      # pictures in one file, and in one pass of the tower; SHARD is a multiple of BATCH


class FeatureCache:
    """Z_v by picture file.

    >>> cache = FeatureCache("runs/features", model)
    >>> cache.look(["000001.jpg"], "pictures")           # is it there, and is it known?
    >>> cache.compute(["000001.jpg"], "pictures")        # only where missing
    >>> cache.gather(cache.numbers(["000001.jpg"])).shape
    torch.Size([1, 64, 128])

    On disk the features are float16, which moves them by a relative 5e-4 at most, an eighth of what
    bfloat16 training does to them anyway; a shard with a value beyond 60,000 is kept in float32.
    """

    def __init__(self, folder, model):
        self.tower, self.pixels = model.vision_tower, model.pixels
        about = {"tower": fingerprint(self.tower), "layer": self.tower.layer, "cls": self.tower.cls,
                 "pixels": self.pixels.to_dict()}
        self.key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = Path(folder) / self.key
        make_folder(self.folder)
        write_safely(self.folder / "about.json", json.dumps(about, indent=2).encode())
        self.digests: dict[str, str] = {}       # picture name -> digest of its content
        self._shards: list[torch.Tensor] = []   # each [pictures, tokens, width], mapped from its file
        self._place: dict[str, int] = {}        # digest -> shard * SHARD + row
        self._files: set[str] = set()           # the shard files in use

    def look(self, names, pictures, *, samples=(), write=True, progress=True) -> None:
        """Learns the content of every picture file of the folder ``pictures``, from the file or from an earlier look.

        Raises ONE InputError that lists every missing file; ``samples`` are there to count who needs it.
        """
        known, faults = self._read_known(), []
        for name in tqdm(names, unit="picture", desc="pictures", disable=not progress, delay=2):
            path = Path(pictures) / name
            try:
                status, key = path.stat(), str(path.absolute())
                if known.get(key, [])[:2] != [status.st_size, status.st_mtime_ns]:
                    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
                    known[key] = [status.st_size, status.st_mtime_ns, digest]
                self.digests[name] = known[key][2]
            except OSError:
                faults.append((name, InputError(f"The picture {path} is missing; check the name and the pictures folder.")))
        refuse_pictures(faults, samples)
        if write:
            for left in self.folder.glob(".*.tmp"):     # of a killed run; an hour old, so nobody writes it now
                with suppress(OSError):                     # it may be gone by now
                    if time.time() - left.stat().st_mtime > 3600:
                        left.unlink()
            write_safely(self.folder / "known.json", json.dumps(known).encode())

    def digest(self, names) -> str:
        """One digest of the contents of these pictures, which were looked at."""
        return hashlib.sha256("".join(self.digests[name] for name in names).encode()).hexdigest()

    def compute(self, names, pictures, *, samples=(), process=0, processes=1, progress=True) -> None:
        """Computes what is missing for the pictures that were looked at.

        With several processes each computes its share; call ``reload()`` after all have ended. Raises ONE
        InputError that lists every unreadable picture, after all good ones have been kept.
        """
        self.reload()
        first: dict[str, str] = {}              # digest -> first name of that content, where missing here
        for name in names:
            if self.digests[name] not in self._place:
                first.setdefault(self.digests[name], name)
        todo, faults = list(first.items()), []
        # Whole shards are dealt out: after a kill the rest falls into the same batches, so Z_v comes out bit for bit.
        shards = [todo[start: start + SHARD] for start in range(0, len(todo), SHARD)][process::processes]
        if shards:
            with tqdm(total=sum(map(len, shards)), unit="picture", desc="visual features", disable=not progress) as bar:
                for shard in shards:
                    self._compute(shard, Path(pictures), faults, bar)
        self.reload()
        refuse_pictures(faults, samples)

    def numbers(self, names) -> list[int]:
        """The place of each picture name in the cache, for ``gather``."""
        return [self._place[self.digests[name]] for name in names]

    def gather(self, numbers) -> torch.Tensor:
        """Z_v of the pictures with these numbers, float32 [n, tokens, width]."""
        if not len(numbers):
            return torch.zeros(0, self.tower.visual_tokens, self.tower.width)
        rows = [self._shards[number // SHARD][number % SHARD] for number in numbers]
        if len({row.dtype for row in rows}) > 1:
            rows = [row.float() for row in rows]
        return torch.stack(rows).float()        # [n, tokens, width]

    def reload(self) -> None:
        """Maps the shards that were written since the last look; features are read from disk when used."""
        for file in sorted(self.folder.glob("*.safetensors")):
            if file.name in self._files:
                continue
            try:
                with safe_open(file, "pt") as shard:
                    digests = json.loads(shard.metadata()["pictures"])
                self._shards.append(load_file(file)["features"])
            except (SafetensorError, OSError, KeyError, TypeError, ValueError):
                warnings.warn(f"{file.name} in the feature cache is damaged; its pictures are computed again.", stacklevel=2)
                with suppress(OSError):     # if it cannot be removed, the new one still takes its place
                    file.unlink()
                continue
            self._files.add(file.name)
            for row, digest in enumerate(digests):
                self._place.setdefault(digest, (len(self._shards) - 1) * SHARD + row)

    def _compute(self, shard, pictures, faults, bar) -> None:
        """Z_v of one shard, a list of (digest, name): pictures are read by threads while the tower works."""
        def load(name):
            try:
                return self.pixels([pictures / name])               # [1, 3, size, size]
            except InputError as error:
                return error

        weight = next(self.tower.parameters())
        digests, features = [], []
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            ahead = deque(pool.submit(load, name) for _, name in shard)
            for start in range(0, len(shard), BATCH):
                batch = [(item, ahead.popleft().result()) for item in shard[start: start + BATCH]]
                faults += [(name, error) for (_, name), error in batch if isinstance(error, InputError)]
                good = [(digest, pixels) for (digest, _), pixels in batch if not isinstance(pixels, InputError)]
                if good:
                    pixels = torch.cat([pixels for _, pixels in good])  # [n, 3, size, size]
                    found = self.tower(pixels.to(weight.device, weight.dtype)).float().cpu()  # [n, tokens, width]
                    features.append(found)
                    digests += [digest for digest, _ in good]
                bar.update(len(batch))
        if digests:
            found = torch.cat(features)                             # [pictures, tokens, width]
            found = found if found.abs().max() > 60_000 else found.half()
            name = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
            data = save({"features": found.contiguous()}, {"pictures": json.dumps(digests)})
            write_safely(self.folder / f"{name}.safetensors", data)

    def _read_known(self) -> dict:
        """known.json, or nothing where there is none; it only saves reading pictures again."""
        try:
            return json.loads((self.folder / "known.json").read_text())
        except (OSError, ValueError):
            return {}


def fingerprint(*modules) -> str:
    """A digest of all weights and buffers of the modules: names, types, sizes and values."""
    digest = hashlib.sha256()
    for module in modules:
        for name, value in module.state_dict().items():
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
