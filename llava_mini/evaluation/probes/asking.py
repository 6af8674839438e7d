"""How a probe asks: staged questions in, answers with their values out, each kept in a file the moment it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...json_files import read_lines
from ...storybook.values import value as read_value
from ...storybook.vocabulary import CHARACTER
from .. import controls
from ..accuracy import check_key
from ..answers import Answerer, Question, Shown, ask, read_questions

WHO = "who"                     # the one kind of question whose answers the storybook does not read: is the character named?
LONGEST = 40                    # new tokens of an answer


@dataclass(frozen=True)
class Look:
    """A picture that is shown in an unusual way; answerers of :func:`answerer` understand it in a picture's place."""

    picture: Path | None
    features_of: Path | None = None     # the Z_v of this picture take the place of its own
    last: bool = False                  # the picture comes after the question


@dataclass(frozen=True)
class Asked:
    """A staged question, and what its probe has to know of it."""

    question: Question
    about: dict


@dataclass(frozen=True)
class Given:
    """What was answered to it."""

    asked: Asked
    text: str
    value: str | None           # what the answer says; None where that cannot be read

    @property
    def right(self) -> bool:
        return self.value == self.asked.question.value


@dataclass(frozen=True)
class Run:
    """A model's answerer, the staged pictures (see :mod:`...storybook_staged.folder`), and where its answers go."""

    answer: Answerer            # a list of (picture, question) in, texts out
    staged: Path
    answers: Path               # folder
    model_id: str               # another one for other weights: their answers are refused, never mixed in
    seed: int = 0               # of the shuffled pictures
    batch_size: int = 64
    progress: bool = True

    @property
    def pictures(self) -> Path:
        return Path(self.staged) / "pictures"

    def asked(self, probe: str) -> list[Asked]:
        """The questions of a probe. InputError with file and line for whatever is wrong with them."""
        path = Path(self.staged) / f"{probe}.jsonl"
        questions = read_questions(path, probe)
        about = {}
        for number, row in read_lines(path):
            if not isinstance(row.get("about"), dict):
                raise InputError(f"{path}, line {number}: the field 'about' is missing; delete the folder {path.parent.name}, and it is made anew.")
            about[row["question_id"]] = row["about"]
        check_key([question for question in questions if question.kind != WHO], read_value)
        return [Asked(question, about[question.id]) for question in questions]

    def ask(self, name: str, asked: Sequence[Asked], look: Callable[[Asked, Path], tuple[str, Look]] | None = None) -> list[Given]:
        """Asks what ``<name>.jsonl`` in the folder of answers does not hold yet; returns all answers, in the order of the questions.

        ``look(asked, folder)``: the unusual way in which the picture is shown, and a name for it; left out, each question has its picture.
        """
        questions = [one.question for one in asked]
        shown = controls.shown("true", questions, self.pictures)            # also: are all pictures there?
        if look is not None:
            shown = [Shown(*look(one, self.pictures)) for one in asked]
        found = ask(questions, shown, self.answer, Path(self.answers) / f"{name}.jsonl", model_id=self.model_id,
                    metadata={"control": name.rpartition("-")[2]}, batch_size=self.batch_size, progress=self.progress)
        return [_given(one, found.rows[one.question.id]["text"]) for one in asked]


def _given(asked: Asked, text: str) -> Given:
    question = asked.question
    if question.kind == WHO:
        return Given(asked, text, "named" if CHARACTER.lower() in text.lower() else "not named")
    return Given(asked, text, read_value(question.kind, text, question.text))


def answerer(model, **options) -> Answerer:
    """A LlavaMini as the probes ask it: greedy, a batch at a time; understands :class:`Look`. ``options`` go to ``generate``."""
    from .. import accuracy

    options = {"max_new_tokens": LONGEST, **options}
    usual = accuracy.answerer(model, **options)

    def answer(batch: list) -> list[str]:
        if not any(isinstance(picture, Look) for picture, _ in batch):
            return usual(batch)
        return [text.strip() for text in _unusual(model, batch, options["max_new_tokens"])]

    return answer


def _unusual(model, batch: list, limit: int) -> list[str]:
    """Answers where features are exchanged or the picture comes last; one batch."""
    from ...conversation import IMAGE, render
    from ...generation import Request, _generate            # generate() itself puts every picture first

    looks = [picture for picture, _ in batch]
    shown = [look.features_of or look.picture for look in looks]
    distinct = list(dict.fromkeys(shown))
    features = dict(zip(distinct, model.encode(distinct).split(1)))         # each [1, visual_tokens, vision width]
    requests = [Request([{"role": "user", "content": f"{question}\n{IMAGE}" if look.last else f"{IMAGE}\n{question}"}], features=features[one])
                for (_, question), look, one in zip(batch, looks, shown)]
    template = model.config.template
    ids = [render(request.messages, template, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens, image_order="as-is", prompt=True).ids
           for request in requests]
    texts = [""] * len(batch)
    for number, piece in _generate(model, requests, ids, limit, 0.0, 1.0, 0, template, len(batch), True, False):
        texts[number] += piece
    return texts
