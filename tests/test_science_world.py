"""The storybook ScienceQA: its schema, splits, letters and answers, checked by other means than those that made it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from PIL import Image

from llava_mini.data import read_samples
from llava_mini.errors import InputError
from llava_mini.science import looking, nature, prompts, sentences, society, words, world
from llava_mini.science.extract import read
from llava_mini.science.problems import COLUMNS, FIELDS, SPLITS, columns, read_problems
from llava_mini.science.score import constant, score
from llava_mini.storybook.vocabulary import CATEGORIES
from llava_mini.storybook.world import scenes

PICTURES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return world.make(tmp_path_factory.mktemp("science") / "set", pictures=PICTURES, workers=1)


@pytest.fixture(scope="module")
def problems(folder):
    return read_problems(folder, pictures=folder / "images")


@pytest.fixture(scope="module")
def everything(problems):
    return list(problems.by_id.values())


def test_the_schema_is_the_real_one(folder, problems, everything):
    """Guards against a set that the authors' own scripts, or our reader, cannot take."""
    rows = json.loads((folder / "problems.json").read_text("utf-8"))
    assert all(tuple(row) == FIELDS for row in rows.values()) and list(rows) == [str(n) for n in range(1, len(rows) + 1)]
    splits = json.loads((folder / "pid_splits.json").read_text("utf-8"))
    assert sorted(splits["trainval"]) == sorted(splits["train"] + splits["val"]) and set(splits["train"]) | set(splits["val"]) | set(splits["test"]) == set(rows)
    assert sorted(path.name for path in folder.iterdir()) == ["about.json", "images", "pid_splits.json", "problems.json"]
    pictures = [one for one in everything if one.image]
    shown = Counter((one.split, (folder / "images" / one.picture).read_bytes()) for one in pictures)
    assert len(shown) == PICTURES and len(list(folder.rglob("*.jpg"))) == len(pictures)
    assert all(3 <= number <= world.QUESTIONS["train"] for (split, _), number in shown.items() if split == "train")
    assert all(number == 1 for (split, _), number in shown.items() if split != "train")
    with Image.open(folder / "images" / pictures[0].picture) as picture:
        assert picture.size == (224, 224) and picture.format == "JPEG"


def test_every_column_has_its_share(problems, everything):
    """Guards against a table with an empty or nearly empty column, in any split."""
    assert sum(not one.image for one in everything) > 1800
    for split in SPLITS:
        counts = Counter(name for one in problems.of(split) for name in columns(one))
        assert set(counts) == set(COLUMNS)
        assert all(counts[name] >= 0.15 * counts["Avg"] for name in ("NAT", "SOC", "LAN", "TXT", "NO", "G1-6", "G7-12"))
    assert {one.grade for one in everything} == set(range(1, 13)) and {len(one.choices) for one in everything} == {2, 3, 4, 5}
    assert any(one.image and one.hint for one in everything)
    assert max(Counter(one.skill for one in everything).values()) < 0.05 * len(everything) and len({one.skill for one in everything}) > 60


def test_always_the_same_letter_wins_nothing(problems):
    """Guards against right answers that gather at one letter: with n choices each letter is right in 1 of n, give or take one question."""
    for split in SPLITS:
        answers = defaultdict(Counter)
        for one in problems.of(split):
            answers[len(one.choices)][one.answer] += 1
        for n, counts in answers.items():
            assert set(counts) == set(range(n)) and max(counts.values()) - min(counts.values()) <= 1
        assert constant(problems.of(split)).all.correct == pytest.approx(sum(1 / len(one.choices) for one in problems.of(split)), abs=4)


def test_the_longest_or_shortest_choice_wins_little(everything):
    """Guards against keys that stand out by their length. One point in twenty above chance is let pass."""
    chance = sum(1 / len(one.choices) for one in everything) / len(everything)
    for pick in (max, min):
        right = sum(one.choices[one.answer] == pick(one.choices, key=len) for one in everything) / len(everything)
        assert right < chance + 0.05


def test_splits_share_no_question_text_or_picture(folder, problems):
    """Guards against test questions, texts or pictures that were seen in training."""
    seen = {split: {(one.question, one.hint, frozenset(one.choices)) for one in problems.of(split) if not one.image} for split in SPLITS}
    hints = {split: {(one.skill, one.hint) for one in problems.of(split) if one.hint and not one.image} for split in SPLITS}
    drawn = {split: {(folder / "images" / one.picture).read_bytes() for one in problems.of(split) if one.image} for split in SPLITS}
    for kind in (seen, hints, drawn):
        assert not (kind["train"] & kind["test"] or kind["train"] & kind["val"] or kind["val"] & kind["test"])
        assert all(kind[split] for split in SPLITS)
    assert sum(map(len, seen.values())) == sum(not one.image for one in problems.by_id.values())          # and none comes twice in one


@pytest.mark.parametrize("skill", ["Capitals of countries", "Form the plural", "Compare animals by their legs", "Find opposites"])
def test_splits_share_no_fact(problems, skill):
    """Guards against asking in test for the capital that was learnt in train, perhaps the other way round."""
    facts = {split: {frozenset((one.question.rstrip("?").split()[-1], one.choices[one.answer])) for one in problems.of(split) if one.skill == skill}
             for split in SPLITS}
    if skill == "Compare animals by their legs":            # the animal is the fact, whether it is asked for or asked about
        facts = {split: {re.search(r"has (an? \w+)\?|$", one.question)[1] or one.choices[one.answer] for one in problems.of(split) if one.skill == skill}
                 for split in SPLITS}
    if skill == "Capitals of countries":
        facts = {split: {re.search(r"(?:capital of|country is) ([\w ]+?)(?: the capital)?\?", one.question)[1] for one in problems.of(split) if one.skill == skill} |
                        {one.choices[one.answer] for one in problems.of(split) if one.skill == skill} for split in SPLITS}
    assert all(facts.values()) and not facts["train"] & facts["test"] and not facts["train"] & facts["val"] and not facts["val"] & facts["test"]


def test_choices_differ_and_lecture_and_solution_are_there(everything):
    """Guards against two equal choices, of which one would be wrong, and an answer without a reason."""
    for one in everything:
        assert len(set(one.choices)) == len(one.choices) and one.lecture.strip() and one.solution.strip().endswith((".", "!", "?"))
        assert "{" not in f"{one.question}{one.hint}{one.lecture}{one.solution}{one.choices}" and "  " not in prompts.question(one)


def test_the_solution_names_the_answer_and_no_letter(everything):
    """Guards against solutions of another question, and letters that were right before the choices were put in order."""
    for one in everything:
        assert one.choices[one.answer].lower().strip(".") in one.solution.lower(), (one.question, one.solution, one.choices[one.answer])
        assert read(one.solution, 5).index is None and read(one.lecture, 5).index is None


def of(everything, skill):
    found = [one for one in everything if one.skill == skill]
    assert len(found) > 5
    return [(one, one.choices[one.answer]) for one in found]


def test_answers_to_texts_are_right(everything):
    """Guards against wrong keys: the texts are read and reckoned again here."""
    for one, right in of(everything, "Decide by majority"):
        votes = {name.lower(): int(n) for name, n in re.findall(r"([A-Z][\w ]+) gets (\d+) vote", one.hint)}
        assert max(votes, key=votes.get) == right and set(one.choices) == set(votes)
    for one, right in of(everything, "Put events in order"):
        years = {name.lower(): int(year) for name, year in re.findall(r"(The [\w ]+) was built in (\d+)", one.hint)}
        assert (min if "first" in one.question else max)(years, key=years.get) == right and set(one.choices) == set(years)
    for one, right in of(everything, "Compare the speeds of moving objects"):
        speeds = {name.lower(): int(way) / int(time) for name, way, time in re.findall(r"(An? [\w ]+) moves (\d+) metres in (\d+) seconds", one.hint)}
        assert (max if "fastest" in one.question else min)(speeds, key=speeds.get) == right and len(set(speeds.values())) == len(speeds)
    for one, right in of(everything, "Calculate density"):
        grams, volume = re.search(r"(\d+) grams.* (\d+) cubic", one.hint).groups()
        assert right == f"{int(grams) // int(volume)} g/cm³" and int(grams) % int(volume) == 0
    for one, right in of(everything, "Calculate a profit"):
        number, price, spent = map(int, re.findall(r"\d+", one.hint))
        assert right == f"{number * price - spent} coins"
    for one, right in of(everything, "Shortage and surplus"):
        _, there, wanted = map(int, re.findall(r"\d+", one.hint))
        assert right == ("a surplus" if there > wanted else "a shortage")
    for one, right in of(everything, "Read a grid map"):
        at = {name.lower(): (int(c), int(r)) for name, c, r in re.findall(r"(The \w+) is in column (\d), row (\d)", one.hint)}
        way, start = re.search(r"directly (north|south) of (the \w+)", one.question).groups()
        column, row = at[start]
        assert at[right] == (column, row + (1 if way == "south" else -1)) and len(set(at.values())) == 5
    for one, right in of(everything, "Use Punnett squares"):
        left, other = re.search(r"parents are (\w\w) and (\w\w)", one.hint).groups()
        recessive = sum(x == y == "a" for x in left for y in other)
        weak = re.search(r"allele a for (.+)\. The", one.hint)[1]
        assert right == f"{recessive if weak in one.question else 4 - recessive} of 4"
    for one, right in of(everything, "Compare concentrations of solutions"):
        share = {name.lower(): int(spoons) / int(water) for name, spoons, water in re.findall(r"(The \w+ jar) has (\d+) spoons? of [\w ]+ in (\d+) litre", one.hint)}
        assert max(share, key=share.get) == right and set(one.choices) == set(share) and len(set(share.values())) == len(share)
    for one, right in of(everything, "Compare strengths of magnetic forces"):
        gaps = {name: int(gap) for name, gap in re.findall(r"In (the \w+ pair) the gap is (\d+)", one.hint)}
        assert (min if "strongest" in one.question else max)(gaps, key=gaps.get) == right
    for one, right in of(everything, "Temperature and thermal energy"):
        assert str(max(int(n) for n in re.findall(r"\d+", one.hint))) in right
    for one, right in of(everything, "Identify magnets that attract or repel"):
        left, other = re.search(r"The (\w+) pole of .* the (\w+) pole of", one.hint).groups()
        assert right == f"They will {'repel' if left == other else 'attract'} each other."
    for one, right in of(everything, "Read clocks of other places"):
        ahead, way, hour = re.search(r"(\d) hours? apart\. .* lies (east|west) .* it is (\d+):00", one.hint).groups()
        assert right == f"{int(hour) + int(ahead) * (1 if way == 'east' else -1)}:00"
    for one, right in of(everything, "Cardinal directions"):
        start, turn = re.search(r"looks (\w+) and then makes a (half turn|quarter turn to the left|quarter turn to the right)", one.hint).groups()
        compass = ["north", "east", "south", "west"]
        assert right == compass[(compass.index(start) + {"half turn": 2, "quarter turn to the right": 1, "quarter turn to the left": 3}[turn]) % 4]


GROUPS = {"Compare animals by their legs": nature.LEGS, "Identify mammals, birds, fish and others": nature.CLASSES, "Float or sink": nature.FLOATS,
          "Tell living from non-living things": nature.ALIVE, "What a magnet attracts": nature.PULLED, "Physical and chemical changes": nature.CHANGES,
          "Goods and services": society.TRADE, "How things travel": society.TRAVEL, "Classify figures of speech": sentences.FIGURES,
          "Nouns, verbs, adjectives and pronouns": words.SORTS, "Count syllables": words.SYLLABLES}


@pytest.mark.parametrize("skill", GROUPS)
def test_one_choice_only_is_of_the_group_that_is_asked_for(everything, skill):
    """Guards against two right choices, such as two animals with six legs, and against the wrong one of two groups."""
    of_ = {one: group for group, members in GROUPS[skill].items() for one in members}
    for one, right in of(everything, skill):
        if right in of_:
            assert [choice for choice in one.choices if of_[choice] == of_[right]] == [right] and of_[right] in one.question
        else:                                           # the other way round: a member is named, the groups are the choices
            named = max((name for name in of_ if name in one.question), key=len)
            assert of_[named] == right


@pytest.mark.parametrize("skill", ["Capitals of countries", "People and their work", "Find opposites", "Find words of like meaning"])
def test_what_was_right_in_training_is_no_choice_in_test(problems, skill):
    """Guards against wrong choices that a model refuses, or takes, only because it has learnt the answers by heart."""
    right = {one.choices[one.answer] for one in problems.of("train") if one.skill == skill}
    tested = {choice for one in problems.of("test") if one.skill == skill for choice in one.choices}
    assert right and tested and not right & tested


def test_one_choice_only_rhymes(everything):
    """Guards against a second word that rhymes, or an odd one out that is none."""
    of_ = {word: sound for sound, group in words.RHYMES.items() for word in group}
    for one, right in of(everything, "Find words that rhyme"):
        sounds = [of_[word] for word in one.choices]
        if "others" in one.question:
            assert len(sounds) == 4 and sounds.count(of_[right]) == 1 and len(set(sounds)) == 2
        else:
            asked = re.search(r"with (\w+)", one.question)[1]
            assert [word for word in one.choices if of_[word] == of_[asked]] == [right] and right != asked


def test_answers_about_words_are_right(everything):
    """Guards against wrong keys where the alphabet decides."""
    for one, right in of(everything, "Put words in alphabetical order"):
        assert right == (min if "first" in one.question else max)(one.choices)
    for one, right in of(everything, "Use guide words"):
        start, end = re.search(r"guide words (\w+) and (\w+)", one.question).groups()
        assert [word for word in one.choices if start < word < end] == [right]


def test_answers_about_pictures_are_right(tmp_path):
    """Guards against keys that the picture does not show: every maker's answer is held against the scene itself."""
    from llava_mini.storybook.folder import make_folder

    n = 60
    book = make_folder(tmp_path / "book", "val", n, questions_per_picture=world.ALL_KINDS, workers=1)
    asked = Counter()
    for page, scene in zip(looking.read_pages(book, "val"), scenes("val", n), strict=True):
        here = Counter(thing.category for thing in scene.things)
        assert (page.place, page.weather, page.count) == (scene.place, scene.weather, dict(here))
        middle = {t.category: (t.box[0] + t.box[2]) / 2 for t in scene.things if here[t.category] == 1}
        for maker in looking.MAKERS:
            draft = maker(random.Random(1), page)
            if draft is None:
                continue
            asked[maker.__name__] += 1
            bare = {name.split(" ", 1)[-1]: name for name in (draft.right, *draft.wrong)}
            assert draft.right not in draft.wrong and 1 <= len(draft.wrong) <= 4
            if maker is looking.alive:
                assert draft.right.split(" ", 1)[1] in here and not any(name in here for name in bare if name in looking.ANIMALS and bare[name] != draft.right)
            if maker is looking.heaviest:
                assert draft.right.split(" ", 1)[1] == max(here, key=looking.KILOGRAMS.get)
            if maker is looking.first:
                assert draft.right == min(here)
            if maker is looking.farthest:
                assert draft.right.split(" ", 1)[1] == (min if "west" in draft.question else max)(middle, key=middle.get)
            if maker is looking.towards:
                what, other = re.fullmatch(r"Is the (.+) east or west of the (.+)\?", draft.question).groups()
                assert draft.right == ("west" if middle[what] < middle[other] else "east")
            if maker is looking.adjective:
                assert draft.right in {thing.colour for thing in scene.things if f"the {thing.category} in" in draft.question or f"the {thing.category}" in draft.question}
            if maker is looking.number:
                words = {f"one {c}": (c, 1) for c in here} | {f"{w} {CATEGORIES[c].plural}": (c, k) for c in here for k, w in ((2, "two"), (3, "three"), (4, "four"))}
                category, count = words[draft.right]
                assert here[category] == count
            if maker is looking.rhyme:
                fits = {looking.RHYMES[c] for c in here if c in looking.RHYMES}
                assert draft.right in fits and not fits & set(draft.wrong)
            if maker is looking.sign:
                assert [c for c in here if c in looking.ANIMALS and looking.ANIMALS[c] == draft.right]
    assert set(asked) == {maker.__name__ for maker in looking.MAKERS}


def test_each_problem_has_its_own_picture(folder, problems, tmp_path):
    """Guards against pictures that land beside another question: each file is found again among the storybook's."""
    from llava_mini.storybook.folder import make_folder

    n = PICTURES * 3 // 5
    book = make_folder(tmp_path / "book", "train", n, workers=1)
    scene_of = {(book / "pictures" / f"train-{number:06d}.jpg").read_bytes(): scene for number, scene in enumerate(scenes("train", n), 1)}
    checked = Counter()
    for one in problems.of("train"):
        if one.image:
            scene, right = scene_of[(folder / "images" / one.picture).read_bytes()], one.choices[one.answer]
            checked[one.skill] += 1
            if one.skill == "Name kinds of places":
                assert right == looking.KINDS[scene.place]
            if one.skill == "Tell the weather from the sky":
                assert right == looking.SKIES[scene.weather]
            if one.skill == "Get ready for the weather":
                assert right in looking.NEEDED[scene.weather]
            if one.skill in ("Find a living thing", "Compare the mass of things"):
                assert right.split(" ", 1)[1] in {thing.category for thing in scene.things}
    assert 3 * n < sum(checked.values()) <= n * world.QUESTIONS["train"] and checked["Name kinds of places"] and checked["Tell the weather from the sky"]


def test_the_page_tells_how_many_there_are():
    """Guards against the size of an earlier set in README.md."""
    page = (Path(world.__file__).with_name("README.md")).read_text("utf-8")
    pictures = sum(world.PICTURES * world.DEAL.count(split) // len(world.DEAL) * world.QUESTIONS[split] for split in SPLITS)
    questions = len(world._without_pictures(0, world.EACH)) + pictures
    assert f"About {round(questions, -2):,} questions" in page and f"{round(pictures, -2):,} of them about {world.PICTURES:,} pictures" in page


def test_samples_of_the_set_train(folder, problems, tmp_path):
    """Guards against samples whose pictures lie elsewhere, and targets whose letter is not read back as the key."""
    prompts.write_samples(tmp_path / "train.json", problems.of("train"))
    assert len(read_samples(tmp_path / "train.json", folder / "images")) == len(problems.of("train"))
    for form in prompts.FORMS:
        report = score(problems.of("test"), {one.id: prompts.target(one, form) for one in problems.of("test")})
        assert report.all.correct == report.all.n and not report.problems


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    """Guards against the order of a set or a hash that decides what is asked; another process has another one."""
    code = f"from llava_mini.science import world; world.make({str(tmp_path / 'again')!r}, pictures={PICTURES}, workers=1)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[1], env=os.environ | {"PYTHONHASHSEED": "7"})
    for name in ("problems.json", "pid_splits.json", "about.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_another_seed_deals_other_facts():
    """Guards against a seed that changes nothing."""
    one, other = (world._without_pictures(seed, 5) for seed in (0, 1))
    assert one == world._without_pictures(0, 5) and one != other


def test_nothing_is_made_twice_and_nothing_else_is_overwritten(folder, tmp_path):
    """Guards against redrawing what is there, and against a mistyped folder that loses its files."""
    before = (folder / "problems.json").stat().st_mtime_ns
    assert world.make(folder, pictures=PICTURES) == folder and (folder / "problems.json").stat().st_mtime_ns == before
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="left alone"):
        world.make(tmp_path, pictures=5, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "about.json").write_text('{"science": 1}')       # an older set beside one's own file
    with pytest.raises(InputError, match="left alone"):
        world.make(tmp_path, pictures=5, workers=1)
    assert (tmp_path / "mine.txt").exists()
    (tmp_path / "mine.txt").unlink()
    world.make(tmp_path, pictures=5, each=5, workers=1)
    assert {path.name for path in tmp_path.iterdir()} == world.FILES
    with pytest.raises(InputError, match="at least 5 pictures"):
        world.make(tmp_path / "few", pictures=2)


def test_the_command_ends_in_a_table_or_a_sentence(folder, tmp_path, capsys):
    """Guards against a command that says nothing of what it made, or ends in a traceback."""
    assert world.main([str(folder), "--pictures", str(PICTURES)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == list(COLUMNS)
    (tmp_path / "x").write_text("")
    assert world.main([str(tmp_path / "x"), "--pictures", "5", "--workers", "1"]) == 1
    assert "x" in capsys.readouterr().err


def test_the_language_parent_can_read_all_of_it(problems):
    """Guards against questions that the mini parent's context or vocabulary does not hold: long rows of bytes, or more tokens than fit."""
    from transformers import AutoConfig, AutoTokenizer

    from llava_mini.conversation import render
    from llava_mini.science.lessons import lessons, lessons_for_a_teacher

    parent = Path(__file__).parents[1] / "data" / "pretrained" / "vicuna-large"
    tokenizer, context = AutoTokenizer.from_pretrained(parent), AutoConfig.from_pretrained(parent).max_position_embeddings
    some = [*lessons(problems.of("test")), *lessons_for_a_teacher(problems.of("test"))]
    rendered = [render(one.messages, "v1", tokenizer=tokenizer, visual_tokens=64) for one in some]
    assert max(len(one.ids) for one in rendered) < context / 2
    pieces = [token for one in rendered for token in tokenizer.convert_ids_to_tokens(one.ids)]
    assert sum(piece.startswith("<0x") for piece in pieces) < 0.01 * len(pieces)
