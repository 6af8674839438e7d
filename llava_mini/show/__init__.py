"""Figures, each a still picture with the same in words beside it (see :class:`.style.Drawing`).

>>> from llava_mini import show
>>> show.picture_sheet(items, "Unseen pictures").save("sheet.png")                              # doctest: +SKIP
>>> show.loss_curves({"mine": show.read_history("history.jsonl")}, show.read_band("band.json"))  # doctest: +SKIP
>>> show.heat_map(evaluation.confusions(questions, answers, "what", storybook.values.value))  # doctest: +SKIP
"""

from .accuracy import accuracy_bars
from .bands import Band, compare, make_band, read_band, write_band
from .bench import Said, answers_beside, relative_scores
from .boxes import boxes_and_text
from .chat import chat
from .claims import claims
from .concepts import concept_balance
from .confusion import heat_map
from .curves import loss_curves, read_history
from .heat import heat_maps
from .inspector import inspector
from .mask_viewer import mask_viewer
from .monitor import monitor
from .patches import patch_grid, picture
from .probes import probe_figures
from .runs import side_by_side
from .science import science_columns, science_epochs
from .scene_editor import scene_editor
from .shares import share_bars
from .sheet import Answered, alt_text, choose, picture_sheet
from .statistics import first_words, histograms
from .style import Drawing
from .tokens import chance_bars, token_row
from .twin import Html, Twin

__all__ = ["Answered", "Band", "Drawing", "Html", "Said", "Twin", "accuracy_bars", "alt_text", "answers_beside", "boxes_and_text",
           "chance_bars", "chat", "choose", "claims", "compare", "concept_balance", "first_words", "heat_map", "heat_maps", "histograms",
           "inspector", "loss_curves", "make_band", "mask_viewer", "monitor", "patch_grid", "picture", "picture_sheet", "probe_figures",
           "read_band", "read_history", "scene_editor", "science_columns", "science_epochs", "share_bars", "side_by_side", "token_row",
           "write_band"]
