"""Picture to pixels to Z_v: everything that happens before the projector (paper, section 4.1).

::

    photo.jpg --load_picture--> RGB picture --Pixels--> [n, 3, size, size] --VisionTower--> Z_v [n, tokens, width]

The tower is a CLIP vision transformer, frozen in both trainings. Z_v is the grid of patch features of
one hidden state: the paper takes the one before the last layer, because the last layer is shaped by the
contrastive loss and keeps less of what is where (Table 8).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from .errors import InputError
from .pictures import load_picture

PREPROCESSOR = "preprocessor_config.json"
MODES = ("crop", "pad")
_WIDEST = 100  # longer side over shorter side; beyond it, resizing the shorter side asks for gigabytes


class Pixels:
    """Pictures to the normalised tensor that a CLIP vision tower was trained on.

    ``mode="crop"`` (the paper) resizes the shorter side to ``size``, bicubic, and cuts out the centre;
    ``mode="pad"`` (LLaVA-1.5) pads to a square with the mean colour first, so that nothing is cut off.

    >>> Pixels(224)([load_picture("dog.jpg")]).shape
    torch.Size([1, 3, 224, 224])
    """

    # CLIP's own mean and standard deviation of red, green and blue, for values in 0..1
    MEAN = (0.48145466, 0.4578275, 0.40821073)
    STD = (0.26862954, 0.26130258, 0.27577711)

    def __init__(self, size: int = 224, mean: Sequence[float] = MEAN, std: Sequence[float] = STD, mode: str = "crop"):
        from transformers import CLIPImageProcessorPil  # the Pillow one: no torchvision needed

        if mode not in MODES:
            raise InputError(f"There is no image mode {mode!r}; choose one of {', '.join(MODES)}.")
        self.size, self.mean, self.std, self.mode = int(size), tuple(mean), tuple(std), mode
        self._processor = CLIPImageProcessorPil(
            size={"shortest_edge": self.size}, crop_size={"height": self.size, "width": self.size},
            image_mean=list(self.mean), image_std=list(self.std),
        )

    @property
    def padding_colour(self) -> tuple[int, int, int]:
        """The mean colour in 0..255, cut to whole numbers as in the authors' code: (122, 116, 104) for CLIP."""
        return tuple(int(value * 255) for value in self.mean)

    def square(self, picture: Image.Image) -> Image.Image:
        """The picture in the middle of a square of the mean colour."""
        width, height = picture.size
        if width == height:
            return picture
        side = max(width, height)
        square = Image.new("RGB", (side, side), self.padding_colour)
        square.paste(picture, ((side - width) // 2, (side - height) // 2))
        return square

    def __call__(self, pictures: Sequence[Image.Image | str | Path]) -> torch.Tensor:
        """Pictures or paths to float32 [n, 3, size, size]. Raises InputError for one that cannot be used."""
        ready = []
        for source in pictures:
            picture = load_picture(source)
            if max(picture.size) > _WIDEST * min(picture.size):
                name = "A picture" if isinstance(source, Image.Image) else f"The picture {source}"
                raise InputError(f"{name} is {picture.width} x {picture.height} pixels, too narrow to be resized; cut it first.")
            ready.append(self.square(picture) if self.mode == "pad" else picture)
        if not ready:
            return torch.zeros(0, 3, self.size, self.size)
        return self._processor(ready, return_tensors="pt")["pixel_values"]  # [n, 3, size, size]

    def to_dict(self) -> dict:
        """The content of preprocessor_config.json, readable by transformers' CLIP or LLaVA image processor."""
        kind = "CLIPImageProcessor" if self.mode == "crop" else "LlavaImageProcessor"  # only LLaVA's knows padding
        return {
            "image_processor_type": kind, "do_convert_rgb": True, "do_pad": self.mode == "pad", "do_resize": True,
            "size": {"shortest_edge": self.size}, "resample": 3, "do_center_crop": True,
            "crop_size": {"height": self.size, "width": self.size}, "do_rescale": True, "rescale_factor": 1 / 255,
            "do_normalize": True, "image_mean": list(self.mean), "image_std": list(self.std),
        }

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes preprocessor_config.json into the folder."""
        (Path(folder) / PREPROCESSOR).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_dict(cls, values: dict, mode: str | None = None) -> Pixels:
        """From the content of a preprocessor_config.json; ``mode`` overrides what it says about padding.

        Raises InputError where the file asks for steps other than resize, crop and normalise.
        """
        size, crop = values.get("size", 224), values.get("crop_size", values.get("size", 224))
        size = size.get("shortest_edge", size.get("height")) if isinstance(size, dict) else size
        crop = crop.get("height", crop.get("shortest_edge")) if isinstance(crop, dict) else crop
        steps = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
        plain = all(values.get(step, True) for step in steps) and values.get("resample", 3) == 3
        if not plain or size != crop or abs(values.get("rescale_factor", 1 / 255) - 1 / 255) > 1e-6:
            raise InputError(
                f"{PREPROCESSOR} asks for other steps than CLIP's (bicubic resize, centre crop to the same size, "
                "rescale by 1/255, normalise); use a CLIP vision tower."
            )
        mode = mode or ("pad" if values.get("do_pad") else "crop")
        return cls(size, values.get("image_mean", cls.MEAN), values.get("image_std", cls.STD), mode)

    @classmethod
    def from_pretrained(cls, folder: str | Path, mode: str | None = None) -> Pixels:
        """From a folder (or hub name) that holds preprocessor_config.json."""
        from transformers.utils import cached_file

        try:
            path = Path(cached_file(str(folder), PREPROCESSOR))
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} has no readable {PREPROCESSOR} ({str(error).splitlines()[0]}); "
                             "copy it from where the vision tower came from.") from None
        return cls.from_dict(values, mode)


class VisionTower(nn.Module):
    """A frozen CLIP vision transformer that gives Z_v, the features of one hidden state.

    ``layer`` counts hidden states as transformers does: 0 is the embedding, -1 the last layer (without
    the norm that follows it), -2 the one before (the paper's choice). ``cls=True`` keeps the CLS token
    in front of the patches. Layers after the chosen one are kept but not run.
    """

    def __init__(self, clip: nn.Module, layer: int = -2, cls: bool = False):
        super().__init__()
        states = clip.config.num_hidden_layers + 1  # hidden states: the embedding and one after each layer
        if not -states <= layer < states:
            raise InputError(f"The vision tower has {states} hidden states; layer {layer} does not exist, "
                             f"choose {-states} to {states - 1}.")
        self.clip, self.layer, self.cls = clip, layer, cls
        self._depth = layer % states  # how many encoder layers are run
        self.requires_grad_(False)
        self.eval()

    @classmethod
    def from_pretrained(cls_, folder: str | Path, layer: int = -2, cls: bool = False,
                        dtype: torch.dtype = torch.float32, extra: bool = True) -> VisionTower:
        """From a folder or hub name that holds a CLIPVisionModel or a whole CLIPModel.

        Raises InputError if it holds something else, or weights are missing (or left over, with ``extra=False``).
        """
        from transformers import AutoConfig, CLIPModel, CLIPVisionModel

        from .parents import load_strictly

        kinds = {"clip": CLIPModel, "clip_vision_model": CLIPVisionModel}
        try:
            kind = AutoConfig.from_pretrained(str(folder)).model_type
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} is no vision tower ({str(error).splitlines()[0]}); "
                             "name a folder with a CLIP model.") from None
        if kind not in kinds:
            raise InputError(f"{folder} holds a {kind} model; the vision tower must be a CLIP model.")
        model = load_strictly(kinds[kind], folder, dtype, extra)
        return cls_(model.vision_model if kind == "clip" else model, layer, cls)

    @property
    def size(self) -> int:
        """Height and width of the pixels, in pixels."""
        return self.clip.config.image_size

    @property
    def width(self) -> int:
        """Length of one visual token."""
        return self.clip.config.hidden_size

    @property
    def visual_tokens(self) -> int:
        """Visual tokens of one picture: THE number that text, merge, caches and export all ask for here."""
        return (self.size // self.clip.config.patch_size) ** 2 + (1 if self.cls else 0)

    def check(self, features: torch.Tensor, what: str = "The features") -> None:
        """Raises InputError unless these are of this tower: [n, visual_tokens, width]."""
        if tuple(features.shape[1:]) != (self.visual_tokens, self.width):
            raise InputError(f"{what} have the sizes {list(features.shape)} where this vision tower gives "
                             f"[n, {self.visual_tokens}, {self.width}]; encode the pictures with this model.")

    def train(self, mode: bool = True) -> VisionTower:
        """Stays in evaluation mode, whatever the model around it does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, size, size] to Z_v [n, visual_tokens, width]."""
        if pixels.shape[0] == 0:
            return pixels.new_zeros(0, self.visual_tokens, self.width)
        if tuple(pixels.shape[1:]) != (3, self.size, self.size):
            raise InputError(f"The vision tower takes pixels [n, 3, {self.size}, {self.size}], "
                             f"not {list(pixels.shape)}; use its own Pixels.")
        hidden = self.clip.pre_layrnorm(self.clip.embeddings(pixels))  # [n, 1 + patches, width]
        for layer in self.clip.encoder.layers[: self._depth]:
            hidden = layer(hidden, None)
        return hidden if self.cls else hidden[:, 1:]  # [n, visual_tokens, width]
