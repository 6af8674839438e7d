"""Does the picture matter? The same questions with the true picture, none, a grey one, a shuffled one, and with foreign features.

The last goes one step further than shuffling. Of the picture itself nothing is changed; behind the vision tower its
features Z_v are replaced by those of another picture, of which the same question has another answer. If all that the
language model knows of a picture is Z_v, its answers must now be right for the other one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...storybook.values import value as read_value
from .. import accuracy
from .asking import Look, Run
from .shares import Share


@dataclass
class Exchanged:
    """Answers with the features of another picture, to questions that it answers otherwise."""

    before: Share               # right, with the picture's own features
    own: Share                  # right for the picture itself, with the other's features
    other: Share                # right for the picture whose features they are
    same_words: Share           # word for word what was answered about that other picture


@dataclass
class Picture:
    reports: dict               # "true", "blind", "blank", "shuffled", "guess" -> report, as evaluation.as_dict gives it
    features: Exchanged

    def table(self) -> str:
        names = {"true": "true picture", "blind": "no picture", "blank": "grey picture", "shuffled": "shuffled picture", "guess": "most frequent answer"}
        lines = [f"  {names[name]:<44}{Share(report['all']['correct'], report['all']['n'])}" for name, report in self.reports.items()]
        rows = {"own features, questions with such a partner": self.features.before, "foreign features: right for the picture": self.features.own,
                "foreign features: right for the other one": self.features.other, "foreign features: the same words as there": self.features.same_words}
        return "\n".join(["Does the picture matter?", *lines, *(f"  {name:<44}{share}" for name, share in rows.items())])


def probe(run: Run) -> Picture:
    """The controls of :mod:`..controls`, and the exchange of features."""
    asked = run.asked("everyday")
    reports = accuracy.evaluate([one.question for one in asked], run.answer, read_value, pictures=run.pictures, folder=run.answers,
                                model_id=run.model_id, seed=run.seed, control_splits=("everyday",), batch_size=run.batch_size, progress=run.progress)
    true = {given.asked.question.id: given for given in run.ask("everyday-true", asked)}          # on disk already: nothing is asked
    partnered = [one for one in asked if "partner" in one.about]
    found = run.ask("everyday-features", partnered, lambda one, folder: (
        f"{one.question.image} with the features of {one.about['partner_image']}", Look(folder / one.question.image, folder / one.about["partner_image"])))
    return Picture(accuracy.as_dict(reports)["everyday"], Exchanged(
        Share.of(true[given.asked.question.id].right for given in found), Share.of(given.right for given in found),
        Share.of(given.value == given.asked.about["partner_value"] for given in found),
        Share.of(given.text == true[given.asked.about["partner"]].text for given in found)))
