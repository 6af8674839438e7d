"""A widget with its still twin: the mouse gets the widget; GitHub, nbmake, a PDF and a screen reader get the twin.

>>> Twin(widget, still=Html("<pre>…</pre>", "What the widget shows, in words"))    # doctest: +SKIP

A notebook that is saved keeps the twin in its outputs. What is kept of the widget is the number of an object
in a process that has ended; `notebooks/frame.py` removes it before a notebook is committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .style import Drawing


@dataclass(frozen=True)
class Html:
    """A piece of HTML and the same in words. Whoever makes one escapes what models and users wrote (``html.escape``)."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.alt


@dataclass
class Twin:
    """What a notebook cell returns to show ``widget`` where widgets live and ``still`` everywhere else."""

    widget: Any             # an ipywidgets widget, or None where there is only the still twin to show
    still: Drawing | Html

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data, about = {"text/plain": self.still.alt}, {}
        if isinstance(self.still, Drawing):
            data["image/png"], about["image/png"] = self.still._repr_png_()
        else:
            data["text/html"] = self.still.html
        if self.widget is not None:
            live, _ = _bundle(self.widget)
            data |= {kind: value for kind, value in live.items() if "widget-view" in kind}
            about |= _where(self.widget)
        return data, about

    def __repr__(self) -> str:
        return self.still.alt


def _bundle(widget) -> tuple[dict, dict]:
    """What a widget sends to be shown, and what it says about it."""
    bundle = widget._repr_mimebundle_() or {}
    return bundle if isinstance(bundle, tuple) else (bundle, {})


def _where(widget) -> dict:
    """For Colab: where the browser finds what shows an anywidget. The widget says so itself; a box around it does not."""
    own = {kind: value for kind, value in _bundle(widget)[1].items() if "widget-view" in kind}
    return own or next(filter(None, map(_where, getattr(widget, "children", ()))), {})
