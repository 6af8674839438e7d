"""ScienceQA: problems, prompts, extraction, result files and the nine columns, on hand-made files with hand-computed results."""

from __future__ import annotations

import json
import re
from math import sqrt

import pytest

from llava_mini.data import read_samples
from llava_mini.errors import InputError
from llava_mini.science import answering, extract, files, prompts
from llava_mini.science.problems import COLUMNS, columns, read_problems
from llava_mini.science.score import constant, main, score, table

ANT = {"question": "Which animal has six legs?", "choices": ["an ant", "a dog"], "answer": 0, "hint": "", "image": None, "task": "closed choice",
       "grade": "grade2", "subject": "natural science", "topic": "biology", "category": "Animals", "skill": "Count legs",
       "lecture": "Insects have six legs.", "solution": "An ant is an insect.", "split": "test"}


def problem(**fields) -> dict:
    return {name: value for name, value in (ANT | fields).items() if value is not ...}


# Six problems; their columns are worked out by hand in the test of the columns.
SIX = {"1": problem(),
       "2": problem(subject="social science", hint="A map.", image="image.png", grade="grade7", answer=1),
       "3": problem(subject="language science", hint="A text.", grade="grade12", choices=["a", "b", "c"], answer=2),
       "4": problem(image="image.png", grade="grade6", answer=1),
       "5": problem(subject="social science", grade="grade1"),
       "6": problem(hint="  ", grade="grade8", split="train")}


def written(folder, problems=None, splits=..., name="problems.json"):
    path = folder / name
    path.write_text(problems if isinstance(problems, str) else json.dumps(SIX if problems is None else problems), encoding="utf-8")
    if splits is not ...:
        (folder / "pid_splits.json").write_text(splits if isinstance(splits, str) else json.dumps(splits), encoding="utf-8")
    return path


def complaint(call, *given, **named) -> str:
    with pytest.raises(InputError) as caught:
        call(*given, **named)
    return str(caught.value)


@pytest.fixture
def six(tmp_path):
    written(tmp_path, splits={"train": ["6"], "test": ["1", "2", "3", "4", "5"]})
    return read_problems(tmp_path)


# ---- problems

def test_reads_a_folder_and_its_splits(tmp_path, six):
    """Guards against lost fields, splits in another order, and a file without pid_splits.json that cannot be read."""
    assert [one.id for one in six.of("test")] == ["1", "2", "3", "4", "5"] and [one.id for one in six.of("train")] == ["6"]
    assert {name: one.as_json() for name, one in six.by_id.items()} == SIX
    two = six.by_id["2"]
    assert (two.letter, two.picture, two.grade) == ("B", "test/2/image.png", 7)
    (tmp_path / "alone").mkdir()
    alone = read_problems(written(tmp_path / "alone", name="sqa.json"))
    assert alone.splits == {"train": ("6",), "test": ("1", "2", "3", "4", "5")}
    assert "choose one of train, test" in complaint(alone.of, "minitest")


@pytest.mark.parametrize(("fields", "told"), [
    ({"choices": ["one"]}, "field 'choices': 1 of them; write two to 5"), ({"choices": list("abcdef")}, "field 'choices': 6 of them"),
    ({"choices": ["a", 3]}, "field 'choices', number 2: must be a text"), ({"choices": "ab"}, "field 'choices': must be a list"),
    ({"answer": 2}, "field 'answer': 2 is not one of the 2 choices; write a number from 0 to 1"), ({"answer": -1}, "field 'answer': -1"),
    ({"answer": True}, "field 'answer': must be the number"), ({"answer": "A"}, "field 'answer': must be the number"),
    ({"grade": "grade13"}, "field 'grade': 'grade13'"), ({"grade": 2}, "field 'grade': 2"), ({"subject": "science"}, "field 'subject': 'science' is unknown"),
    ({"split": "dev"}, "field 'split': 'dev' is unknown"), ({"hint": None}, "field 'hint': must be a text, not null"), ({"question": " "}, "field 'question'"),
    ({"image": "a/b.png"}, "field 'image': must be a file name without folders"), ({"image": ".."}, "field 'image'"), ({"image": ""}, "field 'image'"),
    ({"lecture": ...}, "field 'lecture': missing"), ({"solution": "\ud83d"}, "field 'solution': character 0"), ({"topic": 5}, "field 'topic'"),
])
def test_a_faulty_problem_is_told_with_file_id_field_and_remedy(tmp_path, fields, told):
    """Guards against a wrong problem that is taken in, or told without its place."""
    message = complaint(read_problems, written(tmp_path, SIX | {"x7": problem(**fields)}))
    assert message.startswith(f"problems.json, problem 'x7', {told}") and "; " in message and "\n" not in message


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b", ""])
def test_an_id_is_no_way_out_of_the_folder(tmp_path, name):
    """Guards against pictures that are looked for, or written, outside the set: an id is part of a path."""
    assert "an id is part of a file's path" in complaint(read_problems, written(tmp_path, {name: problem()}))


def test_all_faults_at_once_and_no_more_than_ten(tmp_path):
    """Guards against mending a file one fault at a time, and against a thousand lines of complaints."""
    both = complaint(read_problems, written(tmp_path, {"1": problem(grade="x", answer=5), "2": 7, "3": problem()}))
    assert [line.split(":")[0] for line in both.splitlines()] == ["problems.json, problem '1', field 'grade'", "problems.json, problem '1', field 'answer'",
                                                                  "problems.json, problem '2'"]
    many = complaint(read_problems, written(tmp_path, {str(n): problem(grade="x") for n in range(30)}))
    assert len(many.splitlines()) == 11 and many.endswith("and 20 more faulty problems.")


@pytest.mark.parametrize(("text", "told"), [
    ("[]", "not a list"), ("{}", "not an empty one"), ('{"1": ', "line 1, column 7: not valid JSON"), (f'{{"1": {json.dumps(ANT)}, "1": {json.dumps(ANT)}}}', "'1' stands twice"),
])
def test_a_file_that_is_no_set_of_problems(tmp_path, text, told):
    """Guards against a traceback for a broken file, and against the silent loss of an id given twice."""
    assert told in complaint(read_problems, written(tmp_path, text))


@pytest.mark.parametrize(("splits", "told"), [
    ({"test": ["1", "9"]}, "split 'test': there is no problem '9' in problems.json"), ({"test": ["1", "1"]}, "split 'test': the id '1' comes 2 times"),
    ({"val": ["1"]}, "split 'val': problem '1' says in its field 'split' that it is of 'test'"), ({"test": "1"}, "split 'test': must be a list of ids, not a text"),
    ({"test": [None]}, "split 'test': None is no id"), ('{"test": [], "test": []}', "'test' stands twice"), ("[1]", "must hold an object of splits"),
])
def test_faulty_splits(tmp_path, splits, told):
    """Guards against test problems that slip into training by a wrong list of ids."""
    message = complaint(read_problems, written(tmp_path, splits=splits))
    assert message.startswith("pid_splits.json") and told in message


def test_extra_splits_and_numbers_as_ids(tmp_path):
    """Guards against refusing the real set, which has minitest and trainval besides, or ids written as numbers."""
    written(tmp_path, splits={"test": ["1", "2", "3", "4", "5"], "minitest": [1, 3], "trainval": ["6"]})
    assert [one.id for one in read_problems(tmp_path).of("minitest")] == ["1", "3"]


def test_missing_pictures_are_told_before_anything_starts(tmp_path):
    """Guards against a training that dies at the first missing picture."""
    written(tmp_path)
    place = tmp_path / "images" / "test" / "2" / "image.png"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    message = complaint(read_problems, tmp_path, pictures=tmp_path / "images")
    assert message.startswith("problems.json, problem '4', field 'image': there is no picture test/4/image.png") and "\n" not in message


def test_columns_by_hand(six):
    """Guards against IMG and TXT that exclude each other, NO that includes hints of spaces, and grade 6 among the upper ones."""
    assert {name: columns(one) for name, one in six.by_id.items()} == {
        "1": ("NAT", "NO", "G1-6", "Avg"), "2": ("SOC", "TXT", "IMG", "G7-12", "Avg"), "3": ("LAN", "TXT", "G7-12", "Avg"),
        "4": ("NAT", "IMG", "G1-6", "Avg"), "5": ("SOC", "NO", "G1-6", "Avg"), "6": ("NAT", "NO", "G7-12", "Avg")}


# ---- prompts

def test_the_layout_is_the_authors(six):
    """Guards against a prompt in another layout than the one LLaVA was tuned and measured with."""
    assert prompts.question(six.by_id["1"]) == "Which animal has six legs?\nContext: N/A\nOptions: (A) an ant (B) a dog"
    assert prompts.question(six.by_id["3"]) == "Which animal has six legs?\nContext: A text.\nOptions: (A) a (B) b (C) c"
    assert prompts.target(six.by_id["2"]) == "Insects have six legs. An ant is an insect. The answer is B."
    assert prompts.target(six.by_id["2"], "answer-first") == "The answer is B. BECAUSE: Insects have six legs. An ant is an insect."
    assert prompts.target(six.by_id["2"], "answer") == "The answer is B."
    assert "choose one of reasoning-first" in complaint(prompts.target, six.by_id["2"], "backwards")


def test_empty_lecture_and_solution_leave_the_answer(tmp_path):
    """Guards against targets that begin with a space or end in BECAUSE, where the real set has no lecture."""
    found = read_problems(written(tmp_path, {"1": problem(lecture="", solution=""), "2": problem(lecture=" ")})).by_id
    assert {prompts.target(found["1"], form) for form in prompts.FORMS} == {"The answer is A."}
    assert prompts.target(found["2"]) == "An ant is an insect. The answer is A."


def test_samples_are_read_by_the_trainers_door(tmp_path, six):
    """Guards against a picture mark where there is no picture, or none where there is one."""
    path = tmp_path / "samples.json"
    assert prompts.write_samples(path, six.of("test")) == 5
    assert ["image" in row for row in json.loads(path.read_text("utf-8"))] == [False, True, False, True, False]
    samples = read_samples(path)
    assert [one.images for one in samples] == [(), ("test/2/image.png",), (), ("test/4/image.png",), ()]
    assert samples[1].messages[0]["content"] == "<image>\n" + prompts.question(six.by_id["2"])
    assert samples[0].messages == [{"role": "user", "content": prompts.question(six.by_id["1"])}, {"role": "assistant", "content": prompts.target(six.by_id["1"])}]
    last = prompts.sample(six.by_id["2"], image_last=True)["conversations"][0]["value"]
    assert last == prompts.question(six.by_id["2"]) + "\n<image>"


def test_a_picture_mark_in_the_words_is_refused(tmp_path):
    """Guards against a second picture mark that comes in with somebody's text."""
    found = read_problems(written(tmp_path, {"1": problem(hint="see <image>")})).by_id["1"]
    assert "Problem '1'" in complaint(prompts.sample, found)


def test_a_text_only_model_is_told_of_the_picture_it_does_not_see(six):
    """Guards against a blind model that is asked as if it saw, and so cannot say that it does not know."""
    seen, blind = prompts.text_only(six.by_id["1"]), prompts.text_only(six.by_id["2"])
    assert seen[1]["content"] == prompts.question(six.by_id["1"]) and "not shown" in blind[1]["content"]
    assert not any("<image>" in message["content"] for message in blind)


# ---- extraction

@pytest.mark.parametrize("text", [
    "The answer is B.", "B", "b", "(b)", "B.", "b)", "B. It floats", "(B) It floats", "Wood floats.\nB", "Wood floats.\n(b)", "**B**", "The answer is **B**.", r"\boxed{B}",
    "Answer: (B)", "answer: b", "LECTURE: x\nSOLUTION: y\n###\nANSWER: B.", "Ｂ", "The answer is B because wood floats.", "The correct option is B",
    "(A) a stone (B) a cork\nThe answer is B.", "A. a stone\nB. a cork\nThe answer is B.", "Die Antwort ist B.", "答案是B。", "答案是：B", "答案：B", "the answer is b", "the answer is: b", "So it must be (B)",
    "The answer is B. BECAUSE: A stone sinks.", "The answer is B. I repeat: the answer is B.", 'The answer is "B".', "The answer is 'B'.", "The answer is “B”.",
    'The answer is "B. It floats".', '"B"', 'Answer: "B"', "The answer is «b».", "The answer is B.\n\nBECAUSE: option: A", "Choice: A is wrong. The answer is B.",
    "Option: B", "The answer is option: B"])
def test_a_letter_is_read(text):
    """Guards against right answers that count as wrong because of how they are written."""
    assert extract.read(text, 3) == extract.Reading(1)


@pytest.mark.parametrize(("text", "reason"), [
    ("", "empty"), (" \n", "empty"), ("The answer is A. The answer is B.", "two answers"), ("B. The answer is C.", "two answers"), ("A or B", "two answers"),
    ('The answer is "A". The answer is "B".', "two answers"), ('The answer is "A" or "B".', "two answers"), ("Option: A\nOption: B", "two answers"),
    ("The answer is A. The correct option is B.", "two answers"), ('The answer is "A dog".', "no letter"), ('He said "A" and left.', "no letter"),
    ("B. The answer is C. Wood floats.", "two answers"), ("The answer is A.\nB", "two answers"), ("The answer is (a) or (b).", "two answers"),
    ("(A) a stone (B) a cork", "two answers"), ("The answer is D.", "no such option"), ("E", "no such option"), ("狗", "another script"), ("Ответ: Б", "another script"),
    ("Das weiß ich nicht.", "no letter"), ("The answer is a dog.", "no letter"), ("Wood floats, so the answer is a", "no letter"), ("The answer is A dog.", "no letter"), ("A dog", "no letter"),
    ("It holds vitamin C.", "no letter"), ("The answer is not B.", "no letter"), ("The answer is I think so.", "no letter"), ("FAILED", "no letter"), ("42", "no letter")])
def test_what_cannot_be_read_is_refused_with_its_reason(text, reason):
    """Guards against a guess that counts as an answer."""
    assert extract.read(text, 3) == extract.Reading(None, reason) and reason in extract.REASONS


@pytest.mark.parametrize(("text", "index"), [
    ("B", 1), ("B. It floats", 1), ("Wood floats. The answer is B.", 1), ("B. The answer is C.", 1), ("b", None), ("(b)", None), ("B.", None), ("", None),
    ("The answer is B. I repeat: the answer is B.", 1), ("The answer is B. The answer is B.", None), ("The answer is C.", 2), ("The answer is D.", None), ("E", None)])
def test_the_authors_rule(text, index):
    """Guards against published numbers that are compared with those of another rule under the authors' name."""
    assert extract.authors(text, 3) == index


# ---- scores

SAID = {"1": "Insects have six legs. The answer is A.", "2": "The answer is A.", "3": "(c)", "4": "A or B"}      # 5 is not answered


def test_nine_columns_by_hand(six):
    """Guards against unread or missing answers that drop out of n, and columns that count the wrong problems."""
    report = score(six.of("test"), SAID)
    assert {name: (t.n, t.correct, t.unreadable, t.missing) for name, t in report.columns.items()} == {
        "NAT": (2, 1, 1, 0), "SOC": (2, 0, 0, 1), "LAN": (1, 1, 0, 0), "TXT": (2, 1, 0, 0), "IMG": (2, 0, 1, 0), "NO": (2, 1, 0, 1),
        "G1-6": (3, 1, 1, 1), "G7-12": (2, 1, 0, 0), "Avg": (5, 2, 1, 1)}
    assert report.chosen == [0, 0, 2, None, None] and report.right == [True, False, True, False, False]
    assert dict(report.reasons) == {"two answers": 1}
    assert (report.authors.n, report.authors.correct, report.authors.unreadable, report.authors.missing) == (5, 1, 2, 1)       # "(c)" is none to them
    assert report.problems == ["The answers: 1 problem has no answer (5); they count as wrong.", "The answers: 1 unread (two answers: 4); they count as wrong."]
    z2 = 1.96 ** 2                                          # Wilson's interval of 2 of 5
    middle, half = (2 + z2 / 2) / (5 + z2), 1.96 * sqrt(2 * 3 / 5 + z2 / 4) / (5 + z2)
    assert report.all.interval == pytest.approx((middle - half, middle + half))
    assert json.loads(json.dumps(report.as_dict()))["columns"]["Avg"]["accuracy"] == 0.4


def test_the_table_shows_counts_intervals_and_what_is_unread(six):
    """Guards against a headline without its intervals, or a number for a column without problems."""
    lines = table({"ours": score(six.of("test"), SAID), "always A": constant(six.of("train"))}).splitlines()
    assert lines[0].split() == list(COLUMNS)
    assert lines[1].split() == ["ours", "50.00", "0.00", "100.00", "50.00", "0.00", "50.00", "33.33", "50.00", "40.00"]
    assert lines[4].split() == ["n", "2", "2", "1", "2", "2", "2", "3", "2", "5"] and lines[5].split()[-1] == "1" and lines[6].split() == ["missing", *"010001101"]
    assert lines[7].split() == "by the authors' own rule of reading a letter 20.00, 2 unread".split()
    assert lines[8].startswith("! ") and lines[10].split() == ["always", "A", "100.00", "-", "-", "-", "-", "100.00", "-", "100.00", "100.00"]


def test_scoring_refuses_what_does_not_go_together(six):
    """Guards against a score over no problems, and answers to other problems that vanish."""
    assert "no problems" in complaint(score, [], {})
    assert "(9)" in complaint(score, six.of("test"), {"9": "A"}) and "(9)" in complaint(files.write_results, "x.json", six.of("test"), {"9": "A"})


# ---- result files

def test_our_file_is_the_authors_format_and_comes_back_the_same(tmp_path, six):
    """Guards against a file that the authors' scripts cannot read, and a score that changes on the way through a file."""
    path = tmp_path / "out" / "result.json"
    files.write_results(path, six.of("test"), SAID)
    assert json.loads(path.read_text("utf-8")) == {"acc": 40.0, "correct": 2, "count": 5, "results": {"1": 0, "2": 0, "3": 2, "4": -1, "5": -1},
                                                   "outputs": SAID | {"5": "FAILED"}}
    found = files.read_results(path, six.of("test"))
    assert found.texts == SAID and not found.problems and not found.indices
    assert score(six.of("test"), found).columns == score(six.of("test"), SAID).columns


def test_a_file_of_indices_alone_is_scored(tmp_path, six):
    """Guards against counting -1 as the last choice, or as an answer at all."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"acc": 20.0, "correct": 1, "count": 5, "results": {"1": 0, "2": 0, "3": -1, "4": 0, "5": -1}}))
    report = score(six.of("test"), files.read_results(path, six.of("test")))
    assert report.chosen == [0, 0, None, 0, None] and report.all.missing == 2 and report.all.correct == 1


def test_a_small_a_is_a_letter_where_it_can_be_no_article():
    """Guards against the one small letter that is never read."""
    assert all(extract.read(text, 3).index == 0 for text in ("Answer: a", "Wood floats.\nanswer: a", "the answer is: a", "The answer is a."))


def test_the_command_scores_a_file(tmp_path, six, capsys):
    """Guards against nine columns that only Python can print, and a fault of the file that the command keeps to itself."""
    (tmp_path / "mine.json").write_text(json.dumps({"outputs": {"1": "The answer is A.", "99": "A"}}))
    assert main([str(tmp_path), str(tmp_path / "mine.json")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^mine +100.00", told, re.M) is None and re.search(r"^  n .* 5$", told, re.M) and "! mine.json, outputs: '99' is not among the problems" in told
    assert main([str(tmp_path), str(tmp_path / "mine.json"), "--split", "minitest"]) == 1 and "choose one of train, test" in capsys.readouterr().err


def test_an_index_beside_no_answer_is_no_answer(tmp_path, six):
    """Guards against letters that were drawn by lot for what a model had not answered, and are right now and then."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"correct": 2, "results": {"1": 0, "2": 0, "3": 2, "4": 0, "5": -1},
                                "outputs": {"1": "The answer is A.", "2": "FAILED", "3": "FAILED", "5": "FAILED"}}))
    found = files.read_results(path, six.of("test"))
    assert found.texts == {"1": "The answer is A."} and found.indices == {"4": 0}

    assert found.problems[0].startswith("result.json, results: 2 ids have an index although their output is 'FAILED' (2, 3); ")
    assert found.problems[1:] == ["result.json, correct: 2, but the file's own results give 1; they count."]           # 3 would be right by lot
    report = score(six.of("test"), found)
    assert report.chosen == [0, None, None, 0, None] and report.all.missing == 3


def test_a_faulty_result_file_is_counted_and_named(tmp_path, six):
    """Guards against faults that stop the reading, or pass in silence."""
    path = tmp_path / "result.json"
    path.write_text('{"acc": 99.0, "correct": 1, "count": 5, "results": {"1": 1, "2": 0, "3": 7, "4": 0, "5": -1, "99": 0},'
                    ' "outputs": {"1": "The answer is A.", "2": "A", "2": "B", "3": "c", "5": 8, "98": "A"}}')
    found = files.read_results(path, six.of("test"))
    assert found.texts == {"1": "The answer is A.", "2": "B", "3": "c"} and found.indices == {"4": 0}
    told = ["'2' comes twice", "outputs: '5' has a number", "outputs: '98' is not among", "results: '1' has 1, but its text is read as 0",
            "results: '2' has 0, but its text is read as 1", "results: '3' has 7", "results: '99' is not among"]
    assert len(found.problems) == len(told)
    for problem_, words in zip(found.problems, told):
        assert problem_.startswith("result.json") and words in problem_
    assert [line for line in score(six.of("test"), found).problems if "no answer (5)" in line]


def test_a_thousand_unknown_ids_are_one_sentence(tmp_path, six):
    """Guards against a result file of all splits, scored on one, that prints a line for each of thousands of ids, and ids that go uncounted."""
    others = {f"x{number}": "A" for number in range(1000)}
    texts = others | {"1": "The answer is A."}
    (tmp_path / "a.json").write_text(json.dumps({"outputs": texts, "results": dict.fromkeys(texts, 0)}))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"question_id": name, "text": text}) + "\n" for name, text in texts.items()))
    first = "1,000 ids are not among the problems ('x0', 'x1', 'x2', 'x3', 'x4' and 995 more); they are not counted."
    for name, told in (("a.json", [f"a.json, outputs: {first}", f"a.json, results: {first}"]), ("b.jsonl", [f"b.jsonl: {first}"])):
        found = files.read_results(tmp_path / name, six.of("test"))
        assert found.problems == told and found.texts == {"1": "The answer is A."} and not found.indices


def test_many_faults_of_one_sort_are_a_few_and_a_number(tmp_path):
    """Guards against a line for every problem where the file's letters were read by another rule."""
    everything = read_problems(written(tmp_path, {str(n): problem() for n in range(20)})).of("test")
    (tmp_path / "a.json").write_text(json.dumps({"outputs": {str(n): "A" for n in range(20)}, "results": {str(n): 1 for n in range(20)}}))
    told = files.read_results(tmp_path / "a.json", everything).problems
    assert len(told) == 6 and "has 1, but its text is read as 0" in told[0] and told[-1] == "a.json, results: 15 more of the sort just told."


def test_a_file_that_says_the_same_keeps_its_date_and_another_is_written(tmp_path, six):
    """Guards against results.json that tells what extract.py read once, beside scores of what it reads today."""
    path = tmp_path / "result.json"
    files.write_results(path, six.of("test"), SAID)
    before = path.stat().st_mtime_ns
    files.write_results(path, six.of("test"), SAID)
    assert path.stat().st_mtime_ns == before
    files.write_results(path, six.of("test"), SAID | {"4": "B"})
    assert json.loads(path.read_text())["results"]["4"] == 1


def test_wrong_sums_are_named(tmp_path, six):
    """Guards against believing an accuracy that its own rows do not give."""
    path = tmp_path / "result.json"
    files.write_results(path, six.of("test"), SAID)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"acc": 90.92, "correct": 4}))
    problems = files.read_results(path, six.of("test")).problems
    assert len(problems) == 2 and "correct: 4, but the file's own results give 2" in problems[0] and "acc: 90.92" in problems[1]


@pytest.mark.parametrize(("text", "told"), [("[]", "an object with results and outputs"), ('{"acc": 1}', "an object with results and outputs"), ("{", "not valid JSON"),
                                            ('{"outputs": []}', "an object with results and outputs")])
def test_a_file_that_is_no_result_file(tmp_path, six, text, told):
    """Guards against a score of zero for a file of another kind."""
    path = tmp_path / "result.json"
    path.write_text(text)
    assert told in complaint(files.read_results, path, six.of("test"))


def test_answers_a_line_with_broken_unknown_and_doubled_ones(tmp_path, six):
    """Guards against an answer file whose bad lines end the reading or go unnamed."""
    path = tmp_path / "answers.jsonl"
    path.write_text('{"question_id": "1", "text": "A"}\n{"question_id": 2, "text": "B"}\n{broken\n{"question_id": "1", "text": "B"}\n{"question_id": "77", "text": "B"}\n'
                    '{"question_id": "3"}\n')
    found = files.read_results(path, six.of("test"))
    assert found.texts == {"1": "A", "2": "B"}
    assert [words in line for line, words in zip(found.problems, ("line 3", "line 4", "line 6", "'77' is not among"))] == [True] * 4 and len(found.problems) == 4
    assert score(six.of("test"), found).all.correct == 2 and score(six.of("test"), found).all.missing == 3


# ---- asking a model

def test_a_model_is_asked_with_its_pictures_and_goes_on_where_it_was(tmp_path, six):
    """Guards against pictures shown to text-only problems, blind runs that see, and answers asked twice."""
    from PIL import Image
    for name in ("2", "4"):
        (tmp_path / "images" / "test" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / "test" / name / "image.png")
    asked = []

    def parrot(batch):
        asked.extend(batch)
        return ["The answer is A." for _ in batch]

    given = {"images": tmp_path / "images", "model_id": "m", "progress": False, "batch_size": 2}
    found = answering.answer(six.of("test"), parrot, path=tmp_path / "a.jsonl", **given)
    assert [picture and picture.name for picture, _ in asked] == [None, "image.png", None, "image.png", None]
    assert asked[1][1] == prompts.question(six.by_id["2"]) and score(six.of("test"), found).all.correct == 2
    assert answering.answer(six.of("test"), parrot, path=tmp_path / "a.jsonl", **given).texts == found.texts and len(asked) == 5
    answering.answer(six.of("test"), parrot, path=tmp_path / "b.jsonl", control="blind", **given)
    assert [picture for picture, _ in asked[5:]] == [None] * 5
    answering.answer(six.of("test"), parrot, path=tmp_path / "d.jsonl", control="shuffled", **given)
    assert [picture and picture.parent.name for picture, _ in asked[10:]] == [None, "4", None, "2", None]
    assert "no control 'deaf'" in complaint(answering.answer, six.of("test"), parrot, path=tmp_path / "e.jsonl", control="deaf", **given)
    assert "two pictures" in complaint(answering.answer, six.of("test")[:2], parrot, path=tmp_path / "e.jsonl", control="shuffled", **given)
    (tmp_path / "images" / "test" / "4" / "image.png").unlink()
    assert "test/4/image.png" in complaint(answering.answer, six.of("test"), parrot, path=tmp_path / "c.jsonl", **given)


def test_a_real_model_answers_with_and_without_a_picture(tmp_path, tiny_model):
    """Guards against prompts that the model's own generation does not take."""
    from PIL import Image

    from llava_mini.evaluation import answerer
    pair = read_problems(written(tmp_path, {name: SIX[name] for name in "12"})).of("test")
    (tmp_path / "images" / "test" / "2").mkdir(parents=True)
    Image.new("RGB", (28, 28), "red").save(tmp_path / "images" / "test" / "2" / "image.png")
    found = answering.answer(pair, answerer(tiny_model, max_new_tokens=3), images=tmp_path / "images", path=tmp_path / "a.jsonl", model_id="tiny", progress=False)
    assert set(found.texts) == {"1", "2"} and score(pair, found).all.n == 2


# ---- the real thing

def test_the_real_excerpt_goes_through(real, tmp_path):
    """Guards against a reader that only our own files please. Counts were taken from the file by hand."""
    problems = read_problems(real / "scienceqa_problems_240.json")
    assert {split: len(ids) for split, ids in problems.splits.items()} == {"train": 136, "val": 47, "test": 57}
    report = constant(list(problems.by_id.values()))
    assert {name: tally.n for name, tally in report.columns.items()} == {"NAT": 145, "SOC": 32, "LAN": 63, "TXT": 124, "IMG": 108, "NO": 88,
                                                                         "G1-6": 153, "G7-12": 87, "Avg": 240}
    perfect = score(problems.of("test"), {one.id: prompts.target(one) for one in problems.of("test")})
    assert perfect.all.correct == 57 and not perfect.problems
    assert prompts.write_samples(tmp_path / "train.jsonl", problems.of("train")) == 136
    assert len(read_samples(tmp_path / "train.jsonl")) == 136
