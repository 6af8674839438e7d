"""How good is a model? Exact answers by kind of question, with intervals and controls.

>>> from llava_mini import evaluation
>>> questions = evaluation.read_questions("questions.jsonl")                             # doctest: +SKIP
>>> reports = evaluation.evaluate(questions, evaluation.answerer(model), storybook.values.value,
...                               pictures="pictures", folder="runs/answers", model_id="mini")  # doctest: +SKIP
>>> print(evaluation.table(reports["test"], "test"))                                     # doctest: +SKIP
"""

from . import probes
from .accuracy import Report, Tally, answerer, as_dict, evaluate, guess, score, table
from .answers import Answers, Question, read_answers, read_questions
from .confusion import Confusion, confusion as confusions
from .controls import CONTROLS
from .intervals import paired, unpaired, wilson
from .results import Result, new_result, read_result, write_result

__all__ = ["Answers", "CONTROLS", "Confusion", "Question", "Report", "Result", "Tally", "answerer", "as_dict", "confusions",
           "evaluate", "guess", "new_result", "paired", "probes", "read_answers", "read_questions", "read_result", "score",
           "table", "unpaired", "wilson", "write_result"]
