"""One folder for one model: written whole or not at all, read strictly or not at all.

::

    config.json             format, kind, how the parts are joined, sizes, parents and their sha256, files
    projector.safetensors
    language_model/         transformers' format with the tokenizer      kind "full"
    adapter/                peft's format                                kind "lora"
    vision_tower/           CLIPVisionModel and preprocessor_config.json, unless the parent is referred to

"projector" and "lora" folders are small: they refer to their parents by relative path and fingerprint.
What a folder holds is read from config.json, never guessed from its name.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import torch

from .errors import InputError
from .folders import before, whole_folder
from .lora import add_lora, has_lora, load_adapter, merge_lora, save_adapter
from .model import LlavaConfig, LlavaMini
from .parents import Parent, load_language, probe
from .projector import build_projector, load_projector
from .vision import Pixels, VisionTower

__all__ = ["KINDS", "add_lora", "load", "merge_lora", "save"]
KINDS = ("full", "projector", "lora")
FORMAT = 1  # of config.json; raised when an older reader could misread a folder


def save(model: LlavaMini, folder: str | Path, kind: str = "full", refer_to_parents: bool = False) -> None:
    """Writes a checkpoint folder; one of that name is replaced only when the new one is complete on disk.

    ``kind``: "full" (everything), "projector" (after stage 1) or "lora" (projector and adapters).
    ``refer_to_parents`` leaves the frozen vision tower out of a full folder too.
    Raises InputError, and leaves the disk as it was, when the kind would lose trained weights, when the
    folder is something else, or when the disk is full.
    """
    folder = Path(folder).absolute()
    referred = {"full": ["vision"] if refer_to_parents else [], "projector": ["vision", "language"], "lora": ["vision", "language"]}
    if kind not in KINDS:
        raise InputError(f"There is no checkpoint kind {kind!r}; choose one of {', '.join(KINDS)}.")
    _check_kind(model, kind)
    references = {role: _reference(model, role, folder) for role in referred[kind]}
    with whole_folder(folder, mark="llava") as beside:
        _write(model, beside, kind, references)


def load(folder: str | Path, *, vision: str | Path | None = None, language: str | Path | None = None,
         dtype: torch.dtype | None = None) -> LlavaMini:
    """Reads a checkpoint folder, in evaluation mode.

    ``vision`` and ``language`` say where referred-to parents are now, if they were moved; ``dtype`` overrides
    the number format it was saved in. Raises InputError for anything missing, left over or of another size.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    about = _read_about(folder)
    config, dtype = LlavaConfig(**about["llava"]), dtype or getattr(torch, about["dtype"])
    places = {"vision": vision, "language": language}
    for role, parent in about["parents"].items():
        if parent["referred"]:
            places[role] = places[role] or parent.get("hub") or folder / parent["folder"]
            found = Parent(role, str(places[role]), "").fingerprint
            if found != parent["sha256"]:
                raise InputError(f"{places[role]} is not the {role} parent that {folder} was trained with (its files have "
                                 "another fingerprint); name the right folder.")
    vision_folder, language_folder = places["vision"] or folder / "vision_tower", places["language"] or folder / "language_model"
    if about["kind"] == "full":
        model = _join(vision_folder, language_folder, config, dtype, own_tower=not about["parents"].get("vision", {}).get("referred"))
    else:
        model = LlavaMini.from_parents(vision_folder, language_folder, **asdict(config), dtype=dtype)
    sizes = _sizes(model)
    for name, value in about["sizes"].items():
        if sizes.get(name) != value:
            raise InputError(f"{folder / 'config.json'} says {name} = {value}, but its parts give {sizes.get(name)}; "
                             "files of two checkpoints were mixed, copy it again.")
    try:
        weights = load_file(folder / "projector.safetensors")
    except Exception as error:  # safetensors has its own exceptions
        raise InputError(f"{folder / 'projector.safetensors'} cannot be read ({error}); copy it again.") from None
    load_projector(model.projector, {key: value.to(dtype) for key, value in weights.items()}, folder / "projector.safetensors")
    if about["kind"] == "lora":
        load_adapter(model, folder / "adapter")
    return model.eval()


def _join(vision_folder, language_folder, config, dtype, own_tower) -> LlavaMini:
    """The parts of a full folder; they become the parents of what is trained from it."""
    tower = VisionTower.from_pretrained(vision_folder, config.layer, config.cls, dtype, extra=not own_tower)
    language_model, tokenizer = load_language(language_folder, dtype, extra=False)
    projector = build_projector(config.projector, tower.width, language_model.get_input_embeddings().weight.shape[1]).to(dtype)
    parents = {"vision": Parent("vision", str(vision_folder), probe(tower.clip)),
               "language": Parent("language", str(language_folder), probe(language_model))}
    pixels = Pixels.from_pretrained(vision_folder, config.image_mode)
    return LlavaMini(tower, projector, language_model, tokenizer, pixels, config, parents)


def _check_kind(model: LlavaMini, kind: str) -> None:
    """A kind that leaves trained weights behind is refused."""
    if has_lora(model) != (kind == "lora"):
        raise InputError('The model has LoRA adapters; save it with kind="lora", or merge_lora(model) first.' if has_lora(model)
                         else 'The model has no LoRA adapters; save it with kind="full" or "projector".')
    if kind != "full":
        parent = model.parents.get("language")
        if parent is None or probe(model.language_model) != parent.probe:
            raise InputError('The language model is not that of the parents any more, and kind="' + kind
                             + '" would lose what it learned; save it with kind="full".')


def _reference(model: LlavaMini, role: str, folder: Path) -> dict:
    """How config.json refers to a parent: relative path (or hub name) and fingerprint."""
    parent = model.parents.get(role)
    if parent is None:
        raise InputError(f'The {role} parent of this model is not known; save it whole with kind="full".')
    place, target = parent.folder, folder.resolve()
    if target == place or target in place.parents:
        raise InputError(f"{folder} holds the {role} parent this checkpoint would refer to; choose another folder.")
    reference = {"referred": True, "sha256": parent.fingerprint}
    if not Path(parent.name).is_dir():
        return reference | {"hub": parent.name}
    try:
        return reference | {"folder": Path(os.path.relpath(place, target)).as_posix()}
    except ValueError:  # on Windows, another drive
        return reference | {"folder": place.as_posix()}


def _sizes(model: LlavaMini) -> dict[str, int]:
    words = model.language_model.get_input_embeddings().weight
    return {"visual_tokens": model.visual_tokens, "vision_width": model.vision_tower.width,
            "language_width": words.shape[1], "vocabulary": words.shape[0]}


def _write(model: LlavaMini, folder: Path, kind: str, references: dict) -> None:
    from safetensors.torch import save_file

    weights = {key: value.detach().contiguous().cpu() for key, value in model.projector.state_dict().items()}
    save_file(weights, folder / "projector.safetensors", {"format": "pt"})
    if kind == "lora":
        save_adapter(model, folder / "adapter")
    if kind == "full":
        model.language_model.save_pretrained(folder / "language_model")
        model.tokenizer.save_pretrained(folder / "language_model")
    if "vision" not in references:
        model.vision_tower.clip.save_pretrained(folder / "vision_tower")
        model.pixels.save_pretrained(folder / "vision_tower")
    parents = references | {role: {"referred": False, "sha256": _known_fingerprint(parent)}
                            for role, parent in model.parents.items() if role not in references}
    about = {
        "format": FORMAT, "kind": kind, "llava": asdict(model.config), "dtype": str(model.dtype).removeprefix("torch."),
        "sizes": _sizes(model), "parents": parents,
        "files": {path.relative_to(folder).as_posix(): _bytes(path) for path in sorted(folder.rglob("*")) if path.is_file()},
    }
    (folder / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _bytes(path: Path) -> int | None:
    """Size of a weights file; None for text, which git may give other line ends on Windows."""
    return path.stat().st_size if path.suffix == ".safetensors" else None


def _known_fingerprint(parent: Parent) -> str | None:
    """None where the parent is not needed any more and has gone."""
    try:
        return parent.fingerprint
    except InputError:
        return None


def _read_about(folder: Path) -> dict:
    """config.json, checked against the files there."""
    path, old = folder / "config.json", before(folder)
    if not folder.is_dir():
        help_ = f"a save was interrupted, rename {old} to it" if old.is_dir() else "check the name"
        raise InputError(f"There is no checkpoint folder {folder}; {help_}.")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        kind, number, known = about["kind"], about["format"], {field.name for field in fields(LlavaConfig)}
        complete = set(about["llava"]) == known and {"dtype", "sizes", "parents", "files"} <= about.keys()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or not that of a checkpoint ({error}); copy the folder again, "
                         "or use from_transformers for transformers' format.") from None
    if number != FORMAT or kind not in KINDS or not complete:
        raise InputError(f"{path} has format {number} and kind {kind!r}, which this version does not read; "
                         f"it reads format {FORMAT} and the kinds {', '.join(KINDS)}.")
    for name, size in about["files"].items():
        file = folder / name
        if not file.is_file() or _bytes(file) != size:
            found = f"has {file.stat().st_size} bytes instead of {size}" if file.is_file() else "is missing"
            raise InputError(f"The checkpoint {folder} is incomplete: {name} {found}; copy it again.")
    return about
