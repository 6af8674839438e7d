"""The widget of the visual-token inspector: a picture whose patches can be chosen, beside what is known of each.

Python says what there is and what is chosen, and works out the attention map; the page in the browser (``inspector.js``)
draws it and sets ``patch``, ``token``, ``layer``, ``head`` and ``relative``. A page that is loaded again draws the same again.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import anywidget
import traitlets

from .escape import seen
from .inspection import Inspection


class Lens(anywidget.AnyWidget):
    """One picture, its visual tokens as words, and where each word of a question and its answer looked."""

    _esm = Path(__file__).with_name("inspector.js")

    picture = traitlets.Unicode().tag(sync=True)            # a PNG as data URL
    alt = traitlets.Unicode().tag(sync=True)                # the picture in words
    side = traitlets.Int(1).tag(sync=True)                  # patches in a row
    readings = traitlets.List().tag(sync=True)              # [{"name", "patches": [[[word, cosine], ...], ...]}], one for each stage
    tokens = traitlets.List().tag(sync=True)                # [{"text", "said"}]; said: it is of the answer
    layers = traitlets.Int(0).tag(sync=True)
    heads = traitlets.Int(0).tag(sync=True)
    can_relate = traitlets.Bool(False).tag(sync=True)       # is there a map of a generic question?
    heat = traitlets.List().tag(sync=True)                  # for each patch, 0 to 1; 1 is the brightest of this map
    told = traitlets.Unicode().tag(sync=True)               # the map in words

    patch = traitlets.Int(0).tag(sync=True)                 # chosen, counted row by row
    token = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(-1).tag(sync=True)                # -1: the mean over all
    head = traitlets.Int(-1).tag(sync=True)
    relative = traitlets.Bool(False).tag(sync=True)

    def __init__(self, about: Inspection, **chosen):
        buffer = io.BytesIO()
        about.picture.save(buffer, format="png")
        self.about = about
        super().__init__(
            picture="data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), alt=seen(about.alt), side=about.side,
            readings=[{"name": seen(name), "patches": [[[seen(word), round(float(near), 3)] for word, near in words] for words in patches]}
                      for name, patches in about.readings.items()],
            tokens=[{"text": seen(text), "said": place >= about.first} for place, text in enumerate(about.tokens)],
            layers=about.layers, heads=about.heads, can_relate=about.generic is not None, **chosen)
        self._look()

    @traitlets.validate("patch", "token", "layer", "head")
    def _within(self, proposal):
        """Whatever a page sends stays among what there is."""
        name, value = proposal["trait"].name, proposal["value"]
        low, ends = (0, {"patch": self.side ** 2, "token": len(self.tokens)}) if name in ("patch", "token") else (-1, {"layer": self.layers, "head": self.heads})
        return min(max(value, low), max(ends[name] - 1, low))

    @traitlets.observe("token", "layer", "head", "relative")
    def _changed(self, _) -> None:
        if hasattr(self, "about"):
            self._look()

    def _look(self) -> None:
        """The map that is chosen."""
        if not self.tokens:
            return
        chosen = (self.token, self.layer, self.head, self.relative)
        values = self.about.heat(*chosen)
        with self.hold_sync():
            self.heat, self.told = [round(float(value), 4) for value in values / max(values.max(), 1e-12)], seen(self.about.told(*chosen))
