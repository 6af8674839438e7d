"""The picture of the scene editor, on which things are taken by the mouse or chosen with the keyboard.

Python says what there is (``picture``, ``things``, ``chosen``); the page in the browser (``scene_editor.js``) sends what
the reader does: {"do": "choose", "number"}, {"do": "move", "number", "x", "y"} or {"do": "remove", "number"}. Nothing is
decided there: a move that is refused leaves things as they were, and ``again()`` puts the frames back.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import anywidget
import traitlets
from PIL import Image


class Board(anywidget.AnyWidget):
    """A picture with a frame around each thing."""

    _esm = Path(__file__).with_name("scene_editor.js")

    picture = traitlets.Unicode().tag(sync=True)        # a PNG as data URL
    alt = traitlets.Unicode().tag(sync=True)            # the picture in words
    things = traitlets.List().tag(sync=True)            # [{"name", "box": [x0, y0, x1, y1] in 0..1}]
    chosen = traitlets.Int(0).tag(sync=True)            # number of the chosen thing

    def show(self, picture: Image.Image, alt: str, things: list[dict], chosen: int) -> None:
        """All at once, so that no frame is ever beside its thing."""
        buffer = io.BytesIO()
        picture.save(buffer, format="png")
        with self.hold_sync():
            self.picture = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
            self.alt, self.things, self.chosen = alt, things, chosen

    def again(self) -> None:
        """Draws the frames where the things are."""
        self.send({"do": "draw"})
