"""instruct/noun_phrases.py, instruct/captions.py and instruct/concepts.py: concepts and their balance, by hand."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from llava_mini.data import read_samples
from llava_mini.errors import InputError
from llava_mini.instruct import concepts, noun_phrases
from llava_mini.instruct.captions import read_captions
from llava_mini.instruct.concepts import balance, choose, count

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))       # benchmarks/ is not part of the installed package

ASKED = ["Describe it briefly.", "What is this?"]


@pytest.fixture(scope="module")
def rules():
    return noun_phrases.PlainRules()


def balanced(lists, **bounds):
    """(order of the walk as phrases, {caption: the phrase that added it})"""
    found = balance(count(lists), **bounds)
    return [found.phrases[place] for place in found.order], {i: found.phrases[place] for i, place in enumerate(found.added_by) if place >= 0}


# ---- noun phrases

@pytest.mark.parametrize("caption, phrases", [
    ("A small red car and a big brown dog in the park.", ["small red car", "big brown dog", "park"]),
    ("There are a small purple cat, two people in blue and an orange book in the rain.", ["small purple cat", "two people", "orange book", "rain"]),
    ("The sky is cloudy in the mountains, where one sees a traffic light.", ["sky", "mountains", "traffic light"]),
    ("A dog on the left and three dogs on the right.", ["dog", "left", "three dogs", "right"]),
    ("The brown umbrella is big.", ["brown umbrella"]),
    ("Strangely, a red cow is in the kitchen.", ["red cow", "kitchen"]),
    ("This is Captain Plum.", ["captain plum"]),
    ("A person in orange holding a cup on a sunny day.", ["person", "cup", "sunny day"]),
    ("A dog, a dog and the dog.", ["dog"]),
    # COCO's manner
    ("A man rides a horse next to parked cars.", ["man", "horse", "cars"]),
    ("a red and white bus stops at a bus stop", ["red and white bus", "bus stop"]),
    ("Two people taking apart their wii controllers to replace batteries", ["two people", "wii controllers", "batteries"]),
    ("There is food on a man's big, round plate", ["food", "man's big, round plate"]),
    ("It is raining.", []),
    ("", []),
    ("!!! ... ,", []),
])
def test_plain_rules(rules, caption, phrases):
    """Guards against verbs and adjectives that pass for things, phrases torn apart or run together, and one told twice."""
    assert rules.phrases(caption) == phrases
    assert list(rules.of_all([caption, "A cat."])) == [phrases, ["cat"]]


def test_articles_and_capitals_make_no_other_concept(rules):
    """Guards against "A dog", "the dog" and "DOG" being three concepts, and one and two dogs the same."""
    texts = ("A dog.", "THE DOG", "some dog", "his dog", "another dog")
    assert {tuple(rules.phrases(text)) for text in texts} == {("dog",)}
    assert rules.phrases("two dogs") == ["two dogs"]


def test_plain_rules_on_real_captions(real, rules):
    """Guards against rules that work on made-up captions only: COCO's own categories must be among what their captions name."""
    named = seen = empty = 0
    for line in (real / "caps_boxes_coco2014_val_80.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        words = {word for caption in row["captions"] for phrase in rules.phrases(caption) for word in phrase.split()}
        empty += sum(not rules.phrases(caption) for caption in row["captions"])
        for category in {one["category"] for one in row["instances"]}:
            last = category.split()[-1]
            if any(last in caption.lower().replace(".", "").split() for caption in row["captions"]):
                seen += 1
                named += last in words
    assert seen > 60 and named / seen > 0.95 and empty <= 8, (named, seen, empty)


class FakeSpacy(ModuleType):
    """Stands in for spaCy: "model" is installed and makes a chunk of every two words."""

    def __init__(self):
        super().__init__("spacy")

    @staticmethod
    def load(name, exclude):
        if name != "model":
            raise OSError(f"[E050] Can't find model {name!r}.")
        assert "ner" in exclude and not {"tagger", "parser", "attribute_ruler"} & set(exclude)      # noun chunks need these

        def pipe(texts, batch_size, n_process):
            for text in texts:
                words = text.split()
                yield SimpleNamespace(noun_chunks=[SimpleNamespace(text=" ".join(words[i:i + 2])) for i in range(0, len(words), 2)])

        return SimpleNamespace(pipe=pipe)


def test_spacy_where_it_is_installed(monkeypatch):
    """Guards against chunks with articles, pronouns or twice; and against another extractor than the one that was asked for.

    spaCy itself is not among the course's packages: a stand-in with its two calls takes its place here.
    """
    monkeypatch.setitem(sys.modules, "spacy", FakeSpacy())
    found = noun_phrases.extractor("auto", "model")
    assert found.name == "spaCy, model"
    assert found.phrases("The Dog a dog that this two dogs") == ["dog", "two dogs"]
    assert noun_phrases.extractor("auto", "other").name == noun_phrases.extractor("plain", "model").name == "plain rules"
    with pytest.raises(InputError, match="no model 'other'.*spacy download other"):
        noun_phrases.extractor("spacy", "other")
    with pytest.raises(InputError, match="choose auto, plain or spacy"):
        noun_phrases.extractor("nltk")


def test_the_real_spacy(tmp_path):
    """Guards against a stand-in that answers otherwise than spaCy: a model is saved and loaded, its own noun chunks are read.

    No model can be had without a network, so a small component that knows this one sentence's grammar parses it.
    """
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed, and the course does not need it")
    nouns = {"dog", "dogs", "car", "he"}

    @spacy.Language.component("one_sentence")
    def one_sentence(document):
        last = len(document) - 1
        for token in reversed(document):
            noun = token.text in nouns
            last = token.i if noun else last
            token.pos_ = ("PRON" if token.text == "he" else "NOUN") if noun else "VERB" if token.text == "sees" else "ADJ"
            token.dep_ = "nsubj" if noun else "ROOT" if token.text == "sees" else "amod"
        root = next(token for token in document if token.text == "sees")
        for token in document:
            token.head = root if token.text in nouns | {"sees"} else next(other for other in document[token.i:] if other.text in nouns)
        return document

    model = spacy.blank("en")
    model.add_pipe("one_sentence")
    model.to_disk(tmp_path / "model")
    found = noun_phrases.extractor("spacy", str(tmp_path / "model"))
    assert found.phrases("the Big red dog sees two dogs the car he") == ["big red dog", "two dogs", "car"]


def test_without_spacy(monkeypatch):
    """Guards against a run that needs spaCy, and against one that was told to use it and does not."""
    monkeypatch.setitem(sys.modules, "spacy", None)                 # import spacy fails
    assert noun_phrases.extractor().name == "plain rules"
    with pytest.raises(InputError, match="pip install spacy"):
        noun_phrases.extractor("spacy")


# ---- the balance

def test_a_phrase_counts_once_a_caption():
    """Guards against "a dog and a dog" counting as two captions with dogs."""
    counted = count([["dog", "cat", "dog"], [], ["dog"]])
    assert counted.phrases == ["dog", "cat"] and counted.numbers.tolist() == [0, 1, 0]
    assert counted.ends.tolist() == [2, 2, 3] and counted.captions.tolist() == [0, 0, 2]


def test_exactly_three_are_enough_and_two_are_not():
    """Guards against a bound that is off by one: below 3 is skipped, 3 is not."""
    order, added = balanced([["three"], ["two"], ["three"], ["two"], ["three"]])
    assert order == ["three"] and added == {0: "three", 2: "three", 4: "three"}


def test_rarest_first_and_every_caption_once():
    """Guards against the walk from the other end, and a caption that is added by each of its phrases.

    dog is in 5 captions, cat in 4, owl in 3: owl adds 0, 1, 2; cat adds 3 and 4 of its 1, 2, 3, 4; dog only 5 of its 0, 1, 3, 4, 5.
    """
    lists = [["dog", "owl"], ["dog", "cat", "owl"], ["owl", "cat"], ["cat", "dog"], ["dog", "cat"], ["dog"], ["rare"], []]
    order, added = balanced(lists)
    assert order == ["owl", "cat", "dog"]
    assert added == {0: "owl", 1: "owl", 2: "owl", 3: "cat", 4: "cat", 5: "dog"}
    found = balance(count(lists))
    assert found.chosen.tolist() == [True] * 6 + [False] * 2
    assert found.frequencies() == ({"dog": 5, "owl": 3, "cat": 4, "rare": 1}, {"owl": 3, "cat": 4, "dog": 5})


def test_ties_follow_the_letters():
    """Guards against an order that hangs on which caption came first, and so on the order of the file."""
    lists = [["zebra"]] * 3 + [["ant"]] * 3 + [["mole"]] * 3 + [["big"]] * 4 + [["\xe9cu"]] * 3
    assert balanced(lists)[0] == balanced(lists[::-1])[0] == ["ant", "mole", "zebra", "\xe9cu", "big"]
    # the first in the order adds the captions that several have
    assert balanced([["zebra", "ant"]] * 3)[1] == {0: "ant", 1: "ant", 2: "ant"}


@pytest.mark.parametrize("frequency", [99, 100, 101, 1000])
def test_a_hundred_of_more_than_a_hundred(frequency):
    """Guards against drawing already at 100, more or fewer than 100, with repetition, or always the first ones."""
    found = balance(count([["dog"]] * frequency + [["rare"]] * 2))
    assert found.chosen.sum() == min(frequency, 100) and not found.chosen[-2:].any()
    if frequency == 1000:
        assert found.chosen[500:].sum() > 20
        assert (found.chosen == balance(count([["dog"]] * 1000)).chosen[:1000].tolist() + [False] * 2).all()      # the same seed
        assert (found.chosen != balance(count([["dog"]] * 1000 + [["rare"]] * 2), seed=1).chosen).any()


def test_drawn_among_all_captions_of_the_phrase():
    """Guards against topping up to 100 with captions that nothing chose: the 100 may hold some that were added before.

    owl adds its 50 captions, which all have a dog; dog then draws 100 of its 1,000: about 5 of them are added already.
    """
    found = balance(count([["dog", "owl"]] * 50 + [["dog"]] * 950))
    by = Counter(found.phrases[place] for place in found.added_by[found.chosen])
    assert by["owl"] == 50 and 85 <= by["dog"] <= 100
    assert found.frequencies()[1] == {"owl": 50, "dog": 50 + by["dog"]}


def test_against_the_plain_words_of_the_paper():
    """Guards against index errors of the quick version: a slow one with sets and lists chooses the same captions."""
    rng = np.random.default_rng(0)
    lists = [[f"p{int(n)}" for n in rng.zipf(1.5, rng.integers(0, 5)) if n < 400] for _ in range(3000)]
    members: dict[str, list[int]] = {}
    for caption, phrases in enumerate(lists):
        for phrase in set(phrases):
            members.setdefault(phrase, []).append(caption)
    import random
    draw, chosen = random.Random(5), {}
    for phrase in sorted((p for p in members if len(members[p]) >= 3), key=lambda p: (len(members[p]), p)):
        some = members[phrase]
        some = [some[i] for i in draw.sample(range(len(some)), 20)] if len(some) > 20 else some
        for caption in some:
            chosen.setdefault(caption, phrase)
    assert len(chosen) > 300 and balanced(lists, most=20, seed=5)[1] == chosen


def test_nothing_to_choose():
    """Guards against an empty set that is written as if all were well."""
    for lists in ([], [[]], [["dog"]] * 2):
        with pytest.raises(InputError, match="none would be chosen"):
            balance(count(lists))
    with pytest.raises(InputError, match="from 1 up"):
        balance(count([["dog"]] * 5), least=0)


# ---- from captions to samples

def lines(folder, rows, name="captions.jsonl"):
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


CAPTIONS = [{"id": f"{i:09}", "image": f"{i:09}.jpg", "caption": text} for i, text in enumerate(
    ["A dog.", "the dog in a park", "a dog, an umbrella", "a lonely owl", "a caf\xe9 in the park", "dogs"])]


@pytest.mark.parametrize("name", ["align.json", "align.jsonl"])
def test_samples_for_stage_1(tmp_path, name):
    """Guards against a caption that is changed, another picture's, or lost; a file that our own reader refuses; and a fixed order."""
    out = tmp_path / "new" / name
    found = choose(lines(tmp_path, CAPTIONS), out, ASKED, noun_phrases.PlainRules())
    samples = read_samples(out)
    assert found.chosen.tolist() == [True, True, True, False, False, False]
    assert [(s.id, s.images[0], s.messages[1]["content"]) for s in samples] == [(r["id"], r["image"], r["caption"]) for r in CAPTIONS[:3]]
    questions = {s.messages[0]["content"] for s in samples}
    assert questions <= {f"<image>\n{text}" for text in ASKED} | {f"{text}\n<image>" for text in ASKED}
    again = out.with_name(f"again-{name}")
    choose(tmp_path / "captions.jsonl", again, ASKED, noun_phrases.PlainRules())
    assert again.read_bytes() == out.read_bytes()
    assert sorted(path.name for path in out.parent.iterdir()) == sorted([name, again.name])        # no temporary file stays


def test_instructions_and_places_of_the_picture_are_drawn():
    """Guards against one instruction for all, or the picture always on one side."""
    drawn = Counter(sample["conversations"][0]["value"] for sample in concepts.samples([("a", "a.jpg", "A dog.")] * 400, ASKED))
    assert len(drawn) == 4 and min(drawn.values()) > 60
    with pytest.raises(InputError, match="a.jpg contains <image>"):
        list(concepts.samples([("a", "a.jpg", "An <image>.")], ASKED))


def test_several_captions_of_a_picture(tmp_path, real):
    """Guards against pictures with five captions giving one, and against the same caption twice."""
    path = lines(tmp_path, [{"id": 7, "image": "7.jpg", "captions": ["A dog.", "A cat.", "A dog."], "instances": []}])
    assert list(read_captions(path)) == [("7-c0", "7.jpg", "A dog."), ("7-c1", "7.jpg", "A cat.")]
    photos = real / "caps_boxes_coco2014_val_80.jsonl"
    told = [(row["image"], caption) for row in map(json.loads, photos.read_text("utf-8").splitlines()) for caption in row["captions"]]
    assert {(image, caption) for _, image, caption in read_captions(photos)} == set(told) and len(told) >= 400
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "captions.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "b.jpg"}], "annotations": [
        {"id": 1, "image_id": 1, "caption": "A dog."}]}))
    (tmp_path / "book" / "instances.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert list(read_captions(tmp_path / "book")) == [("b-c0", "b.jpg", "A dog.")]


@pytest.mark.parametrize("row, words", [
    ('{"id": ', "not valid JSON"), ([1], "a list"), ({"image": "a.jpg", "caption": "x"}, "'id'"), ({"id": 1, "caption": "x"}, "'image'"),
    ({"id": 1, "image": "a.jpg"}, "'caption'"), ({"id": 1, "image": "a.jpg", "caption": " "}, "'caption'"),
    ({"id": 1, "image": "a.jpg", "captions": "x"}, "'captions'"), ({"id": 1, "image": "a.jpg", "captions": ["x", 3]}, "'captions', number 2"),
])
def test_faulty_captions(tmp_path, row, words):
    """Guards against captions that are skipped in silence, and a fault without its line."""
    path = lines(tmp_path, [CAPTIONS[0], row, CAPTIONS[1]])
    with pytest.raises(InputError, match="captions.jsonl, line 2: ") as caught:
        choose(path, tmp_path / "out.json", ASKED, noun_phrases.PlainRules())
    assert words in str(caught.value) and not (tmp_path / "out.json").exists()


def test_ten_faults_are_enough(tmp_path):
    """Guards against three million messages for a file of another form."""
    with pytest.raises(InputError) as caught:
        list(read_captions(lines(tmp_path, ["[]"] * 50)))
    assert len(str(caught.value).splitlines()) == 10


def test_what_cannot_be_done(tmp_path, monkeypatch):
    """Guards against tracebacks, an output of a form nobody reads, and samples of a file that changed between the two readings."""
    path = lines(tmp_path, CAPTIONS)
    for arguments, words in (((path, tmp_path / "out.txt", ASKED), ".jsonl"), ((path, tmp_path / "o.json", []), "instructions"),
                             ((path, tmp_path / "o.json", ["What is <image>?"]), "without <image>"),
                             ((tmp_path / "none.jsonl", tmp_path / "o.json", ASKED), "no such file")):
        with pytest.raises(InputError, match=words):
            choose(*arguments, extractor=noun_phrases.PlainRules())
    real_balance = concepts.balance

    def meanwhile(*arguments):
        with open(path, "a") as file:
            file.write(json.dumps(CAPTIONS[0]) + "\n")
        return real_balance(*arguments)

    monkeypatch.setattr(concepts, "balance", meanwhile)
    with pytest.raises(InputError, match="was changed while it was read"):
        choose(path, tmp_path / "o.json", ASKED, noun_phrases.PlainRules())
    assert not (tmp_path / "o.json").exists()


def test_the_command(tmp_path, capsys):
    """Guards against a command that runs in no way but the tests' own, and faults that end in a traceback."""
    path, out = lines(tmp_path, CAPTIONS), tmp_path / "align.json"
    assert concepts.main([str(path), str(out), "--extractor", "plain", "--plot", str(tmp_path / "plot.png")]) == 0
    said = capsys.readouterr().out
    assert "plain rules" in said and "Captions: 6, of which 3 were chosen" in said and (tmp_path / "plot.png").stat().st_size > 5000
    (tmp_path / "mine.txt").write_text("Tell me.\n\n", encoding="utf-8")
    assert concepts.main([str(path), str(out), "--extractor", "plain", "--least", "2", "--instructions", str(tmp_path / "mine.txt")]) == 0
    samples = read_samples(out)
    assert len(samples) == 4 and all("Tell me." in s.messages[0]["content"] for s in samples)      # "park" is in two
    assert concepts.main([str(path), str(out), "--least", "9", "--extractor", "plain"]) == 1
    assert "none would be chosen" in capsys.readouterr().err


def test_the_benchmark_runs(tmp_path, capsys):
    """Guards against a benchmark of captions that the rules read otherwise than they were made, and one that says nothing of its aims."""
    from benchmarks import concepts as benchmark

    output = tmp_path / "found.json"
    assert benchmark.main(["--captions", "3000", "--folder", str(tmp_path), "--output", str(output)]) == 0
    found = json.loads(output.read_text("utf-8"))
    assert found["captions"] == 3000 and 0 < found["chosen"] <= 3000 and found["phrases_told"] == found["phrases"]
    assert found["seconds"]["all"] > 0 and [aim["what"] for aim in found["aims"]] == ["seconds", "peak memory in GB"]
    assert "aim" in capsys.readouterr().out
