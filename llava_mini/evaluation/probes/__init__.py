"""Behavioural probes of a finished model: does it look, bind, count, know where, invent, name, and hang on words?

(What can be read from the vision tower's features is another matter: :mod:`...foundations.probes`.)

>>> from llava_mini.evaluation import probes
>>> result, found = probes.run_probes(probes.answerer(model), "runs/probes", name="mini", weights=fingerprint(model))  # doctest: +SKIP
>>> print(found["binding"].table())                                                                                  # doctest: +SKIP
"""

from .runner import PROBES, run_probes
from .asking import Asked, Given, Look, Run, answerer
from .result import Behaviour, read_behaviour, write_behaviour
from .shares import Share, plain

__all__ = ["Asked", "Behaviour", "Given", "Look", "PROBES", "Run", "Share", "answerer", "plain", "read_behaviour", "run_probes", "write_behaviour"]
