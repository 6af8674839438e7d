"""Does it hang on the words? The picture before or after the question, and the same question in other words.

Order: the paper's equation 2 draws by lot which comes first; the authors' later code, and the profile "mini", put the
picture first always. Paraphrase: words of the answer key, of the teacher, and new ones (storybook_staged/phrasings.json).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass

from ..intervals import paired
from .asking import Given, Look, Run
from .shares import Share

FAMILIES = ("storybook", "teacher", "new")


@dataclass
class Order:
    """The same questions with the picture first and last."""

    kind: str                   # of question, or "all"
    first: Share
    last: Share
    same: Share                 # answers with the same value both times


@dataclass
class Phrasing:
    """One way to put a question."""

    kind: str
    family: str                 # "storybook", "teacher" or "new"
    template: str
    share: Share
    unreadable: int             # answers without a value, such as a description where yes or no was asked for


@dataclass
class Group:
    """Questions that were put in every way there is."""

    kind: str                   # or "all"
    families: dict[str, Share]  # right answers by family
    same: Share                 # questions with one and the same value, whatever the words
    right: Share                # questions answered rightly in all words


@dataclass
class Wording:
    order: list[Order]
    difference: dict            # last minus first, of all: see intervals.Difference
    phrasings: list[Phrasing]
    groups: list[Group]

    def table(self) -> str:
        lines = [f"  {row.kind:<10} first {row.first}  last {row.last}  same {row.same}" for row in self.order[:1]]
        lines += [f"  {row.kind:<10} " + "  ".join(f"{name} {row.families[name].share:.0%}" for name in FAMILIES if name in row.families)
                  + f"  same whatever the words {row.same}" for row in self.groups]
        return "\n".join(["Order of picture and question, and other words", *lines])


def probe(run: Run) -> Wording:
    asked = run.asked("everyday")
    first = run.ask("everyday-true", asked)                 # shared with the probe "picture"
    last = run.ask("everyday-last", asked, lambda one, folder: (f"{one.question.image} after the question", Look(folder / one.question.image, last=True)))
    return Wording(order(first, last), asdict(paired([given.right for given in last], [given.right for given in first])),
                   *paraphrase(run.ask("wording-true", run.asked("wording"))))


def order(first: list[Given], last: list[Given]) -> list[Order]:
    kinds = ["all", *sorted({given.asked.question.kind for given in first})]
    rows = []
    for kind in kinds:
        pairs = [(a, b) for a, b in zip(first, last, strict=True) if kind in ("all", a.asked.question.kind)]
        rows.append(Order(kind, Share.of(a.right for a, _ in pairs), Share.of(b.right for _, b in pairs), Share.of(_alike([a, b]) for a, b in pairs)))
    return rows


def paraphrase(answers: list[Given]) -> tuple[list[Phrasing], list[Group]]:
    ways, questions = defaultdict(list), defaultdict(list)
    for given in answers:
        ways[given.asked.question.kind, given.asked.about["family"], given.asked.about["template"]].append(given)
        questions[given.asked.about["question"]].append(given)
    kinds = sorted({given.asked.question.kind for given in answers})
    groups = []
    for kind in ["all", *kinds]:
        own = [those for those in questions.values() if kind in ("all", those[0].asked.question.kind)]
        families = {name: Share.of(given.right for those in own for given in those if given.asked.about["family"] == name) for name in FAMILIES}
        groups.append(Group(kind, {name: share for name, share in families.items() if share.n}, Share.of(map(_alike, own)),
                            Share.of(all(given.right for given in those) for those in own)))
    return [Phrasing(*key, Share.of(given.right for given in those), sum(given.value is None for given in those)) for key, those in ways.items()], groups


def _alike(answers: list[Given]) -> bool:
    """One value in all of them; what cannot be read is like nothing."""
    return answers[0].value is not None and len({given.value for given in answers}) == 1
