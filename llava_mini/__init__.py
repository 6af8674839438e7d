"""llava_mini: Visual Instruction Tuning (arXiv 2304.08485) from scratch, small enough for two CPU cores.

The names below load on first use, so ``import llava_mini`` is quick and takes neither torch nor a model:

>>> import llava_mini
>>> model = llava_mini.LlavaMini.from_pretrained("data/pretrained/llava-mini")   # doctest: +SKIP
>>> model.answer("picture.jpg", "What colour is the dog?")                       # doctest: +SKIP
"""

from importlib import import_module      # and nothing from __future__: its name `annotations` would hide the module

__version__ = "0.1.0"

_HOME = {                       # public name -> the module it lives in
    "LlavaMini": "model",
    "InputError": "errors",
    "draw": "storybook.draw",
    "profile": "profiles",
    "render": "conversation",
    "train": "training",
}
_MODULES = ("annotations", "bench", "checkpoints", "conversation", "data", "evaluation", "foundations", "model", "pictures",
            "profiles", "science", "show", "storybook", "training", "vision")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str):
    if name in _HOME:
        found = getattr(import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        found = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
