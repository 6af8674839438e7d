"""Figures, each a still picture with the same in words beside it (see :class:`.style.Drawing`).

>>> from llava_mini import show
>>> show.picture_sheet(items, "Unseen pictures").save("sheet.png")                              # doctest: +SKIP
>>> show.loss_curves({"mine": show.read_history("history.jsonl")}, show.read_band("band.json"))  # doctest: +SKIP
>>> show.heat_map(evaluation.confusions(questions, answers, "what", storybook.values.value))  # doctest: +SKIP
"""

from .accuracy import accuracy_bars
from .bands import Band, compare, make_band, read_band, write_band
from .boxes import boxes_and_text
from .concepts import concept_balance
from .confusion import heat_map
from .curves import loss_curves, read_history
from .patches import patch_grid, picture
from .runs import side_by_side
from .sheet import Answered, alt_text, choose, picture_sheet
from .statistics import first_words, histograms
from .style import Drawing
from .tokens import chance_bars, token_row
from .twin import Html, Twin

__all__ = ["Answered", "Band", "Drawing", "Html", "Twin", "accuracy_bars", "alt_text", "boxes_and_text", "chance_bars", "choose", "compare",
           "concept_balance", "first_words", "heat_map", "histograms", "loss_curves", "make_band",
           "patch_grid", "picture", "picture_sheet", "read_band", "read_history", "side_by_side", "token_row", "write_band"]
