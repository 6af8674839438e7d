"""evaluation/probes: hand-made answers with hand-computed results, and models of whom one knows how they do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from llava_mini.errors import InputError
from llava_mini.evaluation import accuracy, probes
from llava_mini.evaluation.answers import Question
from llava_mini.evaluation.probes import Look, Share, absent, asking, binding, character, counting, position, result, runner, wording
from llava_mini.evaluation.probes.__main__ import main
from llava_mini.evaluation.probes.asking import Asked, Given
from llava_mini.storybook_staged.folder import PROBES, make
from llava_mini.storybook_staged.pages import Sizes

SMALL = Sizes(everyday=6, binding=2, counting=2, position=1, character=2, phrasings=2, training=30)


def given(truth: str, said: str | None, kind: str = "is-there", **about) -> Given:
    return Given(Asked(Question("q", "p.jpg", "?", kind, "", truth), about), said or "mumble", said)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    return make(tmp_path_factory.mktemp("staged") / "set", SMALL)


@pytest.fixture(scope="module")
def key(staged):
    """(picture, question) -> a right answer, of everything that is asked; the partners' questions are among them."""
    return {(row["image"], row["text"]): row["answer"] for probe in PROBES for row in rows_of(staged, probe)}


def rows_of(staged, probe) -> list[dict]:
    return [json.loads(line) for line in (staged / f"{probe}.jsonl").read_text().splitlines()]


def perfect(key):
    """Knows every answer, by the picture whose features it is given."""
    def answer(batch):
        return [_know(key, picture, text) for picture, text in batch]
    return answer


def _know(key, picture, text):
    if isinstance(picture, Look):
        picture = picture.features_of or picture.picture
    if picture is None or isinstance(picture, Image.Image):
        return "A sailor with a beard, in purple, with a hat, whose ship is famous for sailing around the world." if "Captain Plum" in text else "mumble"
    return key.get((picture.name, text), "mumble")         # a shuffled picture, of which this was never asked


def run(answer, staged, folder, **options):
    found = runner.run_probes(answer, folder, name="fake", weights="0" * 64, staged=staged, sizes=SMALL, progress=False, **options)
    return found[0].probes, found[1], found[0]


# ---- hand-made answers

def test_a_share_is_its_counts():
    """Guards against a share without its interval, and a division by nothing."""
    middle, half = (3 + 1.9208) / 7.8416, 1.96 * (0.75 * 0.25 / 4 + 3.8416 / 64) ** 0.5 / 1.9604          # z^2 = 3.8416
    assert Share.of([True, True, False, True]).as_dict() == pytest.approx(
        {"right": 3, "n": 4, "share": 0.75, "low": middle - half, "high": middle + half}, abs=1e-6)
    assert Share(0, 0).as_dict() == {"right": 0, "n": 0, "share": 0.0, "low": 0.0, "high": 1.0}


def test_pope_by_hand():
    """Guards against precision and recall exchanged, unreadable answers that vanish, and a question that counts for one strategy only."""
    every, two = ["random", "popular", "adversarial"], ["random", "popular"]
    answers = [given("yes", "yes", category="dog", strategies=every), given("yes", "yes", category="cat", strategies=every),
               given("yes", "no", category="cow", strategies=every), given("yes", None, category="car", strategies=every),
               given("no", "yes", category="bus", strategies=two), given("no", "no", category="cup", strategies=two),
               given("no", "no", category="cake", strategies=two), given("no", None, category="bird", strategies=two),
               given("no", "yes", category="bus", strategies=["adversarial"])]
    found = absent.score(answers)
    random = found.strategies[0]
    assert (random.true_yes, random.false_yes, random.true_no, random.false_no, random.unreadable) == (2, 1, 2, 1, 2)
    assert (random.accuracy, random.precision, random.recall, random.yes) == (Share(4, 8), Share(2, 3), Share(2, 4), Share(3, 8))
    assert random.f1 == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))                    # 4/7
    assert [row.accuracy for row in found.strategies] == [Share(4, 8), Share(4, 8), Share(2, 5)]
    assert found.invented == [{"category": "bus", "said": 2, "asked": 2}]


@pytest.mark.parametrize("always, accuracy_, precision, recall, f1, yes", [("yes", 0.5, 0.5, 1.0, 2 / 3, 1.0), ("no", 0.5, 0.0, 0.0, 0.0, 0.0)])
def test_who_always_says_the_same(always, accuracy_, precision, recall, f1, yes):
    """Guards against numbers that flatter a model which says yes to everything, or divide by zero when it never does."""
    answers = [given(truth, always, category="dog", strategies=["random"]) for truth in ("yes", "no") * 5]
    row = absent.score(answers).strategies[0]
    assert (row.accuracy.share, row.precision.share, row.recall.share, row.yes.share) == (accuracy_, precision, recall, yes)
    assert row.f1 == pytest.approx(f1)


def pair(truth: str, original: str | None, other: str | None, number: int, swap: str = "colours") -> list[Given]:
    """Answers to one question of a set; the truth of the other picture is the other colour."""
    about = {"set": number, "asked": "colour", "label": "colour"}
    return [given(truth, original, "colour", picture="original", **about), given("blue" if truth == "red" else "red", other, "colour", picture=swap, **about)]


def test_pairs_by_hand():
    """Guards against single answers counted as pairs: 6 of 10 answers are right here, and 2 of 5 pairs."""
    answers = [*pair("red", "red", "blue", 1), *pair("red", "red", "blue", 2), *pair("red", "red", "red", 3), *pair("red", "blue", "blue", 4),
               *pair("red", None, "green", 5)]
    whole, colour = binding.score(answers)
    assert (whole.kind, colour.kind, colour.swap) == ("all", "colour", "colours")
    assert (colour.single, colour.pairs, colour.same, colour.crossed) == (Share(6, 10), Share(2, 5), Share(2, 5), Share(2, 10))
    assert (whole.single, whole.pairs) == (colour.single, colour.pairs)
    assert binding.score(list(reversed(answers))) == [whole, colour]


def test_a_coin_and_a_blind_one_have_the_chance_that_is_printed():
    """Guards against a wrong level of chance: of all four outcomes of two tosses one is right; one answer for both never is."""
    tosses = [answer for number, (one, other) in enumerate([("red", "red"), ("red", "blue"), ("blue", "red"), ("blue", "blue")])
              for answer in pair("red", one, other, number)]
    row = binding.score(tosses)[0]
    assert (row.single.share, row.pairs.share) == (row.single_chance, row.pair_chance) == (0.5, 0.25)
    blind = binding.score([answer for number in range(4) for answer in pair("red", "red", "red", number)])[0]
    assert (blind.single.share, blind.pairs.share, blind.same.share) == (0.5, 0.0, 1.0)


def test_a_question_whose_answer_stays_makes_no_pair():
    """Guards against "where is the ball" after colours were exchanged, which everybody gets right twice."""
    about = {"set": 1, "asked": "where", "label": "where"}
    assert binding.score([given("left", "left", "where", picture="original", **about), given("left", "left", "where", picture="colours", **about)]) == []


def test_counting_by_hand():
    """Guards against means over unreadable answers, and numbers that change places in the confusion."""
    found = counting.score([given("two", "two", "count", number=2), given("two", "four", "count", number=2), given("two", None, "count", number=2),
                            given("five", "four", "count", number=5), given("five", None, "count", number=5)])
    two, five = found.numbers
    assert (two.share, two.mean, two.trained) == (Share(1, 3), 3.0, True) and (five.share, five.mean, five.trained) == (Share(0, 2), 4.0, False)
    assert {word: n for word, n in two.said.items() if n} == {"two": 1, "four": 1, "unreadable": 1}
    assert (found.all, found.off, found.chance) == (Share(1, 5), 1.0, 0.5)                        # (0 + 2 + 1) / 3
    assert counting.score([given("one", None, "count", number=1)]).numbers[0].mean is None


def test_position_by_hand():
    """Guards against rows and columns exchanged."""
    def at(row, column, down, across, truth, said):
        return given(truth, said, "where", row=row, column=column, down=down, across=across, usual=row > 4)

    found = position.score([at(0, 7, "top", "right", "right", "right"), at(0, 7, "top", "right", "right", "left"), at(7, 0, "bottom", "left", "left", "left"),
                            at(7, 1, "bottom", "left", "left", None)])
    assert {(one.row, one.column): one.share for one in found.cells} == {(0, 7): Share(1, 2), (7, 0): Share(1, 1), (7, 1): Share(0, 1)}
    assert {(one.down, one.across): one.share for one in found.thirds} == {("top", "right"): Share(1, 2), ("bottom", "left"): Share(1, 2)}
    assert {one.usual: one.share for one in found.usual} == {False: Share(1, 2), True: Share(1, 2)}
    assert found.said == {"right": {"right": 1, "left": 1}, "left": {"left": 1, "unreadable": 1}} and found.chance == {"where": 0.5} and found.grid == 8


def test_wording_by_hand():
    """Guards against agreement of two answers that say nothing, and an average over ways in place of questions."""
    first = [given("yes", "yes"), given("no", "yes"), given("yes", None), given("red", "red", "colour")]
    last = [given("yes", "yes"), given("no", "no"), given("yes", None), given("red", "blue", "colour")]
    whole, colour, there = wording.order(first, last)
    assert (whole.kind, whole.first, whole.last, whole.same) == ("all", Share(2, 4), Share(2, 4), Share(1, 4))
    assert (colour.kind, colour.same, there.kind, there.same) == ("colour", Share(0, 1), "is-there", Share(1, 3))

    def way(question, family, template, said):
        return given("red", said, "colour", question=question, family=family, template=template)

    ways, (every, one) = wording.paraphrase([way("1", "storybook", "a", "red"), way("1", "new", "b", "red"), way("2", "storybook", "a", "red"),
                                             way("2", "new", "b", "blue"), way("3", "storybook", "a", "blue"), way("3", "new", "b", "blue"),
                                             way("4", "storybook", "a", None), way("4", "new", "b", None)])
    assert {(w.family, w.template): (w.share, w.unreadable) for w in ways} == {("storybook", "a"): (Share(2, 4), 1), ("new", "b"): (Share(1, 4), 1)}
    assert every.families == {"storybook": Share(2, 4), "new": Share(1, 4)} and (every.same, every.right) == (Share(2, 4), Share(1, 4))
    assert replace(every, kind="colour") == one


def test_names_by_hand():
    """Guards against half a name, and other answers that are sorted wrongly."""
    def who(text, shown="the character"):
        return asking._given(Asked(Question("q", "p.jpg", "Who is this?", "who", "", "named"), {"shown": shown}), text)

    found, other = character.score([who("This is captain plum."), who("A person in purple."), who("We are on the beach."), who("Captain!"),
                                    who("We are on the beach."), who("Captain Plum", "another person")])
    assert (found.shown, found.named, found.instead) == ("the character", Share(1, 5), {"a person": 1, "a place": 2, "something else": 1})
    assert found.said[0] == {"text": "We are on the beach.", "times": 2}
    assert (other.shown, other.named) == ("another person", Share(1, 1))
    wear = "What does Captain Plum wear?"
    assert character._word(wear, "Purple clothes and a tall hat.").knows and not character._word(wear, "Purple, so purple.").knows


# ---- models of whom one knows how they do

def test_who_knows_everything_gets_everything(staged, key, tmp_path):
    """Guards against a question that cannot be answered rightly, and foreign features scored by the wrong picture."""
    data, found, whole = run(perfect(key), staged, tmp_path)
    assert data["picture"]["reports"]["true"]["all"]["accuracy"] == 1.0
    assert data["picture"]["reports"]["blind"]["all"]["correct"] == 0 < data["picture"]["reports"]["blind"]["all"]["n"]
    features = found["picture"].features
    assert features.own.right == 0 < features.own.n and features.other.share == features.same_words.share == features.before.share == 1.0
    assert {row.pairs.share for row in found["binding"].rows} == {1.0}
    assert {(row.swap, row.kind) for row in found["binding"].rows} == {(swap, kind) for swap in binding.SWAPS for kind in ("all", "is-there", "colour", "what")} \
        | {("categories", "where"), ("categories", "what is on the left")}
    assert found["counting"].all.share == 1.0 and [row.mean for row in found["counting"].numbers] == [1, 2, 3, 4, 5, 6]
    assert {cell.share.share for cell in found["position"].cells} == {1.0} and len(found["position"].cells) == 3 * 64
    assert {(row.f1, row.yes.share, row.accuracy.share) for row in found["absent"].strategies} == {(1.0, 0.5, 1.0)}
    assert [row.named.share for row in found["character"].rows] == [1.0] * 3 + [0.0] * 3 and all(word.knows for word in found["character"].words)
    assert found["wording"].order[0].same.share == found["wording"].groups[0].right.share == 1.0
    assert all(isinstance(probe.table(), str) and len(probe.table().splitlines()) > 1 for probe in found.values())
    assert whole.settings["staged"]["seed"] == 0 and set(whole.timings) == set(result.NAMES) and whole.weights == "0" * 64


def test_who_does_not_look_has_no_pair_and_half_of_the_yes(staged, key, tmp_path):
    """Guards against probes that can be passed without the picture."""
    rows, habit = [row for probe in PROBES for row in rows_of(staged, probe)], {}
    for row in rows:
        habit.setdefault(row["text"], "yes" if row["category"] == "is-there" else row["answer"])
    data, found, _ = run(lambda batch: [habit.get(text, "mumble") for _, text in batch], staged, tmp_path)
    assert {row.pairs.right for row in found["binding"].rows} == {0} and {row.same.share for row in found["binding"].rows} == {1.0}
    assert {row.single.share for row in found["binding"].rows if row.kind == "is-there"} == {0.5}
    assert {(row.accuracy.share, row.precision.share, row.recall.share, row.yes.share, row.f1) for row in found["absent"].strategies} == {(0.5, 0.5, 1.0, 1.0, 2 / 3)}
    reports = data["picture"]["reports"]
    assert reports["true"]["all"] == reports["blind"]["all"] == reports["blank"]["all"] == reports["shuffled"]["all"]
    assert found["wording"].order[0].same == Share(n := len(rows_of(staged, "everyday")), n)


def test_what_was_answered_is_not_asked_again(staged, key, tmp_path):
    """Guards against a killed run that begins anew, or ends with another result than one that was not killed."""
    know, asked = perfect(key), Counter()

    def mortal(batch, lives=500):
        if sum(asked.values()) >= lives:
            raise KeyboardInterrupt
        asked.update((repr(picture), text) for picture, text in batch)
        return know(batch)

    with pytest.raises(KeyboardInterrupt):
        run(mortal, staged, tmp_path / "killed")
    before = sum(asked.values())
    files = {path.name: path.read_bytes() for path in tmp_path.glob("killed/answers/*/*.jsonl")}
    assert 500 <= before and sum(data.count(b"\n") for data in files.values()) == before
    data, _, again = run(lambda batch: mortal(batch, 10**9), staged, tmp_path / "killed")
    for path in tmp_path.glob("killed/answers/*/*.jsonl"):
        assert path.read_bytes().startswith(files.get(path.name, b""))
    whole, _, first = run(know, staged, tmp_path / "whole")
    assert data == whole
    n = sum(len(path.read_text().splitlines()) for path in tmp_path.glob("whole/answers/*/*.jsonl"))
    assert sum(asked.values()) == n
    run(lambda batch: pytest.fail("asked again"), staged, tmp_path / "whole")
    path = result.write_behaviour(first, tmp_path / "r.json")
    stamp = path.read_bytes()
    assert result.write_behaviour(replace(first, date="2030-01-01T00:00:00+00:00"), path).read_bytes() == stamp
    assert result.write_behaviour(replace(first, seed=1), path).read_bytes() != stamp


def test_other_weights_never_meet_these_answers(staged, key, tmp_path):
    """Guards against a better model that inherits the answers of the one before it."""
    run(perfect(key), staged, tmp_path)
    found = runner.run_probes(lambda batch: ["mumble"] * len(batch), tmp_path, name="fake", weights="1" * 64, staged=staged, sizes=SMALL, progress=False)
    assert found[1]["counting"].all.right == 0 and len(list((tmp_path / "answers").iterdir())) == 2


# ---- the model itself

def test_the_answerer_shows_what_a_look_says(tiny_model, tmp_path, monkeypatch):
    """Guards against foreign features that never arrive, and a picture last that is quietly put first."""
    paths = []
    for number, colour in enumerate(("red", "blue")):
        paths.append(tmp_path / f"{colour}.png")
        Image.effect_noise((28, 28), 40 + 60 * number).convert("RGB").save(paths[-1])
    answer, usual = asking.answerer(tiny_model, max_new_tokens=8), accuracy.answerer(tiny_model, max_new_tokens=8)
    questions = ["What colour is the dog?", "Is there a boat?"]
    plain = usual([(path, text) for path in paths for text in questions])
    assert answer([(path, text) for path in paths for text in questions]) == plain
    assert answer([(Look(other, features_of=path), text) for path, other in zip(paths, paths[::-1]) for text in questions]) == plain
    assert answer([(None, text) for text in questions]) == usual([(None, text) for text in questions])
    from llava_mini import generation
    seen, original = [], generation._generate

    def spy(model, requests, ids, *rest):           # a random model says the same of any picture: look at what it gets
        seen.extend(zip(requests, ids))
        return original(model, requests, ids, *rest)

    monkeypatch.setattr(generation, "_generate", spy)
    own, other = (tiny_model.encode([path]) for path in paths)
    assert not own.allclose(other)
    answer([(Look(paths[0], features_of=paths[1]), questions[0]), (Look(paths[0], last=True), questions[0])])
    assert seen[0][0].features.equal(other) and seen[1][0].features.equal(own)
    image = tiny_model.tokenizer.convert_tokens_to_ids("<image>")
    for (_, ids), first in zip(seen, (True, False)):
        words, places = tiny_model.tokenizer.convert_ids_to_tokens(ids), [place for place, token in enumerate(ids) if token == image]
        before, after = "".join(words[:places[0]]), "".join(words[places[-1]:])
        assert len(places) == tiny_model.visual_tokens and ("dog" in after, "dog" in before) == (first, not first)


# ---- files

def test_a_result_is_read_as_it_was_written(staged, key, tmp_path):
    """Guards against numbers that change on the way, and a share that somebody edited."""
    whole = run(perfect(key), staged, tmp_path)[2]
    path = result.write_behaviour(whole, tmp_path / "r.json")
    assert probes.read_behaviour(path) == whole
    data = json.loads(path.read_text())
    data["probes"]["binding"]["rows"][0]["pairs"]["share"] = 0.5
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"r\.json, field probes\.binding\.rows\.0\.pairs\.share: 0\.5 where .* give 1\.0"):
        probes.read_behaviour(path)
    del data["probes"]["counting"]
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"field probes\.counting: missing"):
        probes.read_behaviour(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="field format"):
        probes.read_behaviour(path)


@pytest.mark.parametrize("arguments, words", [
    ([], "There is no model to probe"), (["nowhere", "--batch-size", "0"], "must be 1 or more"), (["--show", "nowhere.json"], "there is no such file")])
def test_bad_input_is_told_in_one_sentence(arguments, words, capsys, monkeypatch, tmp_path):
    """Guards against a traceback for whoever forgets an argument."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    told = capsys.readouterr().err.strip()
    assert words in told and "\n" not in told


def test_a_damaged_set_is_told(staged, tmp_path):
    """Guards against a KeyError for questions that another program wrote."""
    row = json.loads((staged / "counting.jsonl").read_text().splitlines()[0])
    del row["about"]
    (tmp_path / "counting.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match="counting.jsonl, line 1: the field 'about' is missing"):
        asking.Run(None, tmp_path, tmp_path / "answers", "m").asked("counting")
    run_ = asking.Run(lambda batch: pytest.fail("asked"), staged, tmp_path / "answers", "m")
    asked = [replace(one, question=replace(one.question, image="gone.jpg")) for one in run_.asked("counting")]
    with pytest.raises(InputError, match="pictures of the questions are not there"):
        run_.ask("counting-true", asked)


def test_the_probes_take_no_torch():
    """Guards against tables and figures of a result that need a deep-learning library."""
    code = "import sys, llava_mini.evaluation.probes; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True).stdout.strip() == "False"
