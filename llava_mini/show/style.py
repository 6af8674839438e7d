"""One look for every figure: colours, sizes, fonts, and the drawing as a thing with a text twin.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart; they are
ordered here so that neighbours differ in lightness too, and curves also differ in line style, so
that a grey print can be read.
"""

from __future__ import annotations

import io
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from ..files import make_folder, write_safely

BLACK, BLUE, ORANGE, GREEN, PINK, RED = "#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"
CURVES = ((BLUE, "-"), (ORANGE, "--"), (BLACK, ":"), (GREEN, "-."), (PINK, (0, (6, 1, 1, 1, 1, 1))))  # colour, line style
RIGHT, WRONG = ("\N{CHECK MARK}", BLUE), ("\N{BALLOT X}", RED)                  # symbol, colour
BAND = "#D9D9D9"
MUTED = "#595959"                                                               # small print; 7:1 on white
SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#9EC9E2", "#3B8BC0", "#08306B"])  # lightness falls evenly
DARK = 0.7                                      # of these: from here on black print is harder to read on them than white

DPI = 120
SIZES = {"font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9,
         "legend.fontsize": 9}
RULES = {**SIZES, "font.family": ["DejaVu Sans"], "figure.dpi": DPI, "savefig.dpi": DPI, "figure.facecolor": "white",
         "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#E5E5E5",
         "axes.axisbelow": True, "lines.linewidth": 1.8, "legend.frameon": False, "axes.titlelocation": "left",
         "text.parse_math": False,  # "$" and "\" in an answer are what they are
         "savefig.bbox": "tight", "savefig.pad_inches": 0.12}  # no text is ever cut off at the edge


def context():
    """Context manager with the style, whatever the reader has set; nothing outside it changes."""
    defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    return matplotlib.rc_context({**defaults, **RULES})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches. It is not known to pyplot, so nothing is left behind."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def settle(figure: Figure) -> None:
    """Arrange the parts of a figure by their sizes, and leave it so: it looks the same each time it is drawn."""
    figure.set_layout_engine("constrained")
    for _ in range(2):                           # the second pass knows the sizes of wrapped titles
        figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")


def printable(text: str) -> str:
    """The text with everything that cannot be drawn made visible: control characters, lone surrogates.

    Line ends and tabs become spaces, other characters of this sort their number, as in <U+0007>.
    """
    text = " ".join(text.split())
    return "".join(f"<U+{ord(c):04X}>" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") else c for c in text)


@dataclass
class Drawing:
    """A finished figure and the same in words (``alt``), for those who cannot see it.

    Jupyter shows the picture; ``print(drawing)`` the words; ``save`` writes both into one PNG.
    """

    figure: Figure
    alt: str

    def png(self) -> bytes:
        """The picture as PNG bytes, the words in its text chunk "Description"; the same bytes every time."""
        buffer = io.BytesIO()
        with context(), warnings.catch_warnings():
            # A script the font does not have is drawn as boxes; the words of the picture still have it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(buffer, format="png", metadata={"Description": self.alt, "Software": None})
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the PNG, whole or not at all. InputError if it cannot be written."""
        path = Path(path)
        make_folder(path.parent)
        write_safely(path, self.png())
        return path

    def _repr_png_(self) -> tuple[bytes, dict]:
        """For notebooks: of 256 colours, which nobody sees and which takes a third of the bytes; every clone carries them."""
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self.png())) as picture:
            picture.convert("RGB").quantize(256).save(buffer, format="png", optimize=True)
        return buffer.getvalue(), {"alt": self.alt}     # kept beside the picture, as IPython's own Image does

    def __repr__(self) -> str:
        return self.alt
