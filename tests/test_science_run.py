"""science/run.py, pair.py and what they stand on: ScienceQA from end to end with tiny parents and a dozen hand-made problems."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from trainings import tiny_job

from llava_mini import pipeline, show
from llava_mini.errors import InputError
from llava_mini.evaluation import read_result
from llava_mini.instruct.connection import Settings
from llava_mini.instruct.offline import Offline
from llava_mini.instruct.storyteller import Written
from llava_mini.profiles import Stage, profile
from llava_mini.science import ablations, asking, choosing, ensemble, lessons, pair, prompts, record, tables, tuning
from llava_mini.science.files import read_results
from llava_mini.science.job import Job
from llava_mini.science.problems import read_problems
from llava_mini.science.run import carry_out, main
from llava_mini.science.score import score
from llava_mini.science.server import Server

SPLITS = {"train": ("1", "2", "3", "4", "5", "6", "7"), "val": ("8", "9"), "test": ("10", "11", "12", "13")}
SEEN = ("1", "2", "3", "9", "11", "13")         # with a picture
SUBJECTS = ("natural science", "social science", "language science")


def problem(name: str, split: str) -> dict:
    number = int(name)
    return {"question": f"Is it a dog or {number} cats?", "choices": ["the dog", "the cat"], "answer": number % 2, "hint": "It is red." if number % 3 else "",
            "image": "image.png" if name in SEEN else None, "task": "closed choice", "grade": f"grade{number % 12 + 1}", "subject": SUBJECTS[number % 3],
            "topic": "t", "category": "c", "skill": f"skill {number % 2}", "lecture": "Look.", "solution": f"It is {['the dog', 'the cat'][number % 2]}.",
            "split": split}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set like the real one: problems, splits, pictures."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("set") / "problems"
    for split, names in SPLITS.items():
        for name in names:
            if name in SEEN:
                (folder / "images" / split / name).mkdir(parents=True)
                Image.new("RGB", (28, 28), (20 * int(name), 40, 90)).save(folder / "images" / split / name / "image.png")
    (folder / "problems.json").write_text(json.dumps({name: problem(name, split) for split, names in SPLITS.items() for name in names}))
    (folder / "pid_splits.json").write_text(json.dumps(SPLITS))
    return folder


@pytest.fixture(scope="module")
def job(folder, tiny_vision_folder, tiny_language_folder, tmp_path_factory):
    """A run of four steps: two epochs of two batches."""
    main_job = tiny_job(tiny_vision_folder, tiny_language_folder, tmp_path_factory.mktemp("science") / "main")
    stage = Stage("full", learning_rate=3e-3, precision="fp32", batch_size=4, epochs=2.0, save_every=1, validate_every=2)
    return Job(replace(main_job.settings, science=stage), curve=2, problems=folder, runs=main_job.runs / "science", main=main_job)


@pytest.fixture(scope="module")
def tuned(job):
    """The same after stage 2, as mini does it."""
    return replace(job, settings=replace(job.settings, science_start="tuned"), start="", name="", runs=job.runs / "tuned")


@pytest.fixture(scope="module", autouse=True)
def short():
    """A random model never stops by itself; a dozen tokens are enough here."""
    from llava_mini.science import answering

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "LONGEST", 6)
        yield


@pytest.fixture(scope="module")
def done(job):
    return carry_out(job)


def test_from_stage_1_to_the_result(job, done, folder):
    """Guards against an end-to-end run that no test has run: training, curve, answers, controls, result."""
    result = read_result(job.folder / "llava-tiny.json")
    assert result.name == "llava-tiny" and (result.settings["form"], result.settings["start"]) == ("reasoning-first", "aligned")
    assert set(result.accuracy) == {"test", "test pictures", "val, epoch 1", "val, epoch 2"}
    test, pictures = result.accuracy["test"], result.accuracy["test pictures"]
    assert test["true"]["all"]["n"] == 4 and pictures.keys() == {"true", "blind", "shuffled", "guess"}
    assert {by["all"]["n"] for by in pictures.values()} == {2} and result.accuracy["val, epoch 2"]["true"]["all"]["n"] == 2
    assert {name: test["true"]["columns"][name]["n"] for name in ("NAT", "SOC", "LAN", "TXT", "IMG", "NO", "G1-6", "G7-12", "Avg")} == {
        "NAT": 1, "SOC": 2, "LAN": 1, "TXT": 3, "IMG": 2, "NO": 1, "G1-6": 2, "G7-12": 2, "Avg": 4}
    assert test["true"]["skills"]["skill 1"] == {"n": 2, "correct": test["true"]["skills"]["skill 1"]["correct"], "chance": 0.5}
    assert test["true"]["chance"]["Avg"] == 0.5 and test["guess"]["all"]["correct"] == 2
    assert set(result.settings["made from"]) == {"vision", "language", "storybook", "problems", "questions"}
    # the model began with the projector of stage 1
    begun = pipeline.join(job.main)
    assert not any(name.startswith("tune") for name in map(str, job.main.folder.glob("*"))) and pipeline.training(job.main, "align", begun)["folder"].exists()


def test_the_authors_format_tells_the_same(job, done, folder):
    """Guards against a result file that says something else than the answers do."""
    test = read_problems(folder).of("test")
    ours, answers = read_results(done.answers / "results.json", test), read_results(done.answers / "test-true.jsonl", test)
    assert score(test, ours).chosen == score(test, answers).chosen and not ours.problems and set(answers.texts) == set(SPLITS["test"])
    before = (done.answers / "results.json").read_bytes()
    (done.answers / "results.json").write_text("{}")                # as if letters had been read otherwise then
    tuning.ask(job, done.model, done.weights, done.problems)
    assert (done.answers / "results.json").read_bytes() == before
    rows = [json.loads(line) for line in (done.answers / "test-blind.jsonl").read_text().splitlines()]
    assert [row["metadata"]["image"] for row in rows] == [None, None]
    rows = {row["question_id"]: row for row in map(json.loads, (done.answers / "test-shuffled.jsonl").read_text().splitlines())}
    assert rows["11"]["metadata"]["image"] == "test/13/image.png" and rows["13"]["metadata"]["image"] == "test/11/image.png"


def test_the_result_of_the_pictures_does_not_complain_of_the_rest(done):
    """Guards against "not among the problems" of answers that the same run gave to problems without a picture."""
    pictures = record.accuracy(done)["test pictures"]
    assert len(pictures) == 4 and not [line for report in pictures.values() for line in report["problems"] if "among the problems" in line]


def test_what_is_done_is_not_done_again(job, done):
    """Guards against an hour of training for a table that is there already."""
    before = {path: path.stat().st_mtime_ns for path in job.folder.rglob("*.json*")}
    events = []
    assert carry_out(job, on_event=events.append).weights == done.weights and not any(event["event"] == "step" for event in events)
    assert {path: path.stat().st_mtime_ns for path in job.folder.rglob("*.json*")} == before


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(job, done):
    """Guards against a curve, or weights, of another training after a kill: stopped in the middle of an epoch's questions and in a step."""
    other = replace(job, name="stopped")
    for stop_at in (2, 3):
        def stop(event, stop_at=stop_at):
            if event["event"] == "step" and event["step"] == stop_at:
                raise KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            carry_out(other, on_event=stop)
    again = carry_out(other)
    assert again.weights == done.weights
    for name in ("training/val-epoch-1.jsonl", "training/val-epoch-2.jsonl"):
        texts = [[json.loads(line)["text"] for line in (one.folder / name).read_text().splitlines()] for one in (other, job)]
        assert texts[0] == texts[1]


def test_what_differs_between_runs_is_in_their_names_and_weights(job, done):
    """Guards against an ablation of a run with itself."""
    jobs = {"fresh": replace(job, start="fresh", name="", curve=0), "form": replace(job, form="answer-first", name="", curve=0),
            "blind": replace(job, eyes=False, start="", name="", curve=0)}
    assert [one.name for one in jobs.values()] == ["llava-tiny-fresh", "llava-tiny-answer-first", "text-tiny"]
    found = {name: carry_out(one) for name, one in jobs.items()}
    assert len({one.weights for one in found.values()} | {done.weights}) == 4
    blind = read_result(jobs["blind"].folder / "text-tiny.json")
    assert (blind.settings["eyes"], blind.settings["start"]) == (False, "fresh") and set(blind.accuracy) == {"test", "test pictures"} and set(blind.accuracy["test pictures"]) == {"true", "guess"}
    asked = [json.loads(line) for line in (found["blind"].answers / "test-true.jsonl").read_text().splitlines()]
    assert [row["metadata"]["image"] for row in asked] == [None] * 4


def test_a_blind_run_has_never_seen_a_picture(job, tuned, done, monkeypatch):
    """Guards against a control for "what words alone are worth" that begins with what pictures have taught: stage 1 or 2."""
    monkeypatch.setattr("llava_mini.training.train", lambda *_, **__: pytest.fail("a stage was trained"))
    for one in (job, tuned):
        blind = replace(one, eyes=False, start="", name="")
        assert (blind.start, blind.name) == ("fresh", "text-tiny")
        begun, parents = tuning.begin(blind).state_dict(), pipeline.join(one.main).state_dict()
        assert all(value.equal(parents[name]) for name, value in begun.items())
        for start in ("aligned", "tuned", str(job.folder / "model")):
            with pytest.raises(InputError, match="which may have learnt from pictures"):
                replace(blind, start=start)


def test_problems_of_your_own_need_a_word_on_the_beginning(job, folder, tmp_path, capsys, monkeypatch):
    """Guards against a stage 1 on the storybook's pictures that nobody asked for, before days on real ones."""
    with pytest.raises(InputError, match="give --start with the folder of your checkpoint .* or say --start aligned"):
        Job(job.settings, problems=folder)
    assert Job(job.settings, problems=folder, start="aligned").start == "aligned" and Job(job.settings, problems=folder, eyes=False).start == "fresh"
    monkeypatch.chdir(ROOT)
    for command in (main, pair.main):
        assert command(["--problems", str(folder), "--profile", "paper-7b"]) == 1 and "give --start" in capsys.readouterr().err


def test_stage_1_on_your_own_data_is_what_a_run_begins_with(job, done, tmp_path):
    """Guards against a page whose way to a checkpoint does not lead to one: the kind "projector" is taken, and its lines can be run."""
    model = pipeline.join(job.main)
    with torch.no_grad():
        model.projector.weight += 1
    model.save_pretrained(tmp_path / "model", kind="projector")
    own = replace(job, start=str(tmp_path / "model"), name="")
    assert own.name == "llava-tiny-model" and tuning.begin(own).projector.weight.equal(model.projector.weight)
    code = PAGE.read_text("utf-8").split("```python\n")[1].split("```")[0]
    given, stage = {}, []
    stand_in = SimpleNamespace(save_pretrained=lambda *told, **options: given.update(saved=told, **options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llava_mini.pipeline.join", lambda main_job: stand_in)
        patch.setattr("llava_mini.data.read_samples", lambda *_: ["a sample"])
        patch.setattr("llava_mini.training.train", lambda model, samples, told, *, pictures, folder: stage.append(told))
        exec(code, {})
    assert stage == [profile("paper-7b").align] and given == {"saved": ("runs/my-stage-1/model",), "kind": "projector"}


def test_a_run_may_begin_with_a_checkpoint(job, done):
    """Guards against a reader with stage 1 of their own (the paper's profiles) who cannot use it."""
    own = replace(job, start=str(job.folder / "model"), name="own", curve=0)
    assert replace(own, name="").name == "llava-tiny-model"
    assert tuning.begin(own).language_model.get_input_embeddings().weight.equal(done.model.language_model.get_input_embeddings().weight)


def test_the_finished_model_of_the_main_job_is_what_it_begins_with(tuned, tmp_path):
    """Guards against a stage 2 that is trained again, and against a model of another layer or parent that passes for it."""
    own = replace(tuned, main=replace(tuned.main, runs=tmp_path))
    assert tuning.after_stage_2(own) is None
    model = pipeline.join(own.main)
    with torch.no_grad():
        model.projector.weight += 1
    model.save_pretrained(own.main.folder / "model")
    assert tuning.begin(own).projector.weight.equal(model.projector.weight)
    other = replace(own, settings=replace(own.settings, vision_layer=-1))
    assert other.main.folder == own.main.folder and tuning.after_stage_2(other) is None


def test_bad_jobs_are_refused(job, tmp_path):
    """Guards against a traceback, or hours of work, for a misspelt word."""
    for changes, words in (({"form": "poem"}, "no form 'poem'"), ({"start": "middle"}, "cannot begin with 'middle'"), ({"name": "a/b"}, "a folder of its own")):
        with pytest.raises(InputError, match=words):
            replace(job, **{"name": "", **changes})
    with pytest.raises(InputError, match="no stage 'science'"):
        _ = replace(job, settings=replace(job.settings, science=None)).stage
    assert profile("paper-13b").science.epochs == 12 and profile("paper-7b").science.learning_rate == 2e-5 and profile("paper-7b").science.batch_size == 32


def test_the_command_says_what_is_missing(tmp_path, capsys, monkeypatch):
    """Guards against a command that ends in a traceback."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1 and "start this command in the course's own folder" in capsys.readouterr().err
    assert pair.main(["--llava", "x.json"]) == 1 and "both --llava and --text" in capsys.readouterr().err


# ---- lessons

def test_lessons_without_eyes_differ_in_the_pictures_alone(folder):
    """Guards against a control that is asked something else."""
    train = read_problems(folder).of("train")
    seeing, blind = lessons.lessons(train), lessons.lessons(train, eyes=False)
    assert [one.images for one in seeing] == [(f"train/{name}/image.png",) if name in SEEN else () for name in SPLITS["train"]]
    assert not any(one.images for one in blind)
    assert [one.messages[0]["content"].replace("<image>\n", "") for one in seeing] == [one.messages[0]["content"] for one in blind]
    assert [one.messages[1] for one in seeing] == [one.messages[1] for one in blind]
    assert lessons.lessons(train, "answer-first")[0].messages[1]["content"].startswith("The answer is B. BECAUSE: ")


def test_a_teacher_passes_where_it_needs_the_picture_and_is_shown_both_answers(folder):
    """Guards against a teacher that guesses about pictures, and a judge that learns a place instead of a reason."""
    train = read_problems(folder).of("train")
    found = {one.id: one.messages for one in lessons.lessons_for_a_teacher(train)}
    assert [found[name][-1]["content"] == lessons.PASS for name in SPLITS["train"]] == [name in SEEN for name in SPLITS["train"]]
    many = [replace(one, id=f"{one.id}-{turn}") for one in train for turn in range(40)]
    judged = [sample for sample in lessons.lessons_for_a_teacher(many) if sample.id.endswith("-judged")]
    assert 100 < len(judged) < 180
    right = [sample.messages[1]["content"].split("First model: ")[1].split("\n")[0].endswith(sample.messages[2]["content"]) for sample in judged]
    assert 0.35 < sum(right) / len(right) < 0.65
    assert all(sample.messages[2]["content"] in sample.messages[1]["content"] for sample in judged)


def test_a_false_answer_tells_of_a_wrong_choice(folder):
    """Guards against a false answer that is true, or whose letter and reasons disagree."""
    import random
    one = read_problems(folder).by_id["1"]
    assert lessons.false_answer(one, random.Random(0)) == "Look. It is the dog. The answer is A."


# ---- two models together

@pytest.fixture(scope="module")
def together(job, done):
    results = job.runs / "results"
    return results, pair.of_runs(job, None, results)


def test_the_pair_of_two_runs(job, done, together):
    """Guards against rules that were applied to other answers than those of the two runs."""
    results, path = together
    result = read_result(path)
    assert {path.name for path in results.iterdir()} == {"llava-tiny.json", "text-tiny.json", "pair-tiny.json"}
    assert result.weights == done.weights and result.accuracy["test"].keys() == {"true", "text-only", "complement", "judge"}
    assert result.accuracy["test"]["true"]["all"] == read_result(results / "llava-tiny.json").accuracy["test"]["true"]["all"]
    rows = result.accuracy["test"]["judge"]["disagreements"]
    assert rows["all"]["n"] == rows["picture"]["n"] + rows["no picture"]["n"] <= 4
    asked = [json.loads(line) for line in next((job.folder / "asked").glob("*/text-only.jsonl")).read_text().splitlines()]
    assert len(asked) == 4 and sum("which is not shown" in row["prompt"] for row in asked) == 2
    assert (job.folder / "pair-tiny-judge-results.json").exists()
    test, test_of = read_problems(job.problems).of("test"), result.accuracy["test"]
    both = score(test, read_results(job.folder / "pair-tiny-judge-results.json", test)).right
    alone = score(test, read_results(done.answers / "test-true.jsonl", test)).right
    assert test_of["judge"]["against"]["LLaVA"] == {"n": 4, "gained": sum(a and not b for a, b in zip(both, alone)),
                                                    "lost": sum(b and not a for a, b in zip(both, alone))}
    assert set(test_of["complement"]["against"]) == {"LLaVA", "text-only", "judge"}


def test_who_alone_was_right_is_counted_for_each_other_row():
    """Guards against a lead that is counted for the other side, or beside another row than it is called."""
    rights = {"LLaVA": [True, True, False, False], "text-only": [False, False, False, True], "judge": [True, False, True, True]}
    found = pair.against({name: SimpleNamespace(right=right) for name, right in rights.items()}, "judge")
    assert found == {"LLaVA": {"n": 4, "gained": 2, "lost": 1}, "text-only": {"n": 4, "gained": 2, "lost": 0}}


def test_result_files_of_two_models_go_together(folder, tmp_path):
    """Guards against a rule that needs our own runs: the authors' two files, GPT-4's and LLaVA's, are enough."""
    key = {"10": 0, "11": 1, "12": 0, "13": 1}
    llava = {"outputs": {name: f"The answer is {'AB'[index]}." for name, index in key.items()} | {"10": "The answer is B."}}
    text = {"results": {"10": 0, "11": -1, "12": 1, "13": 1}}
    for name, data in (("llava", llava), ("text", text)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    result = read_result(pair.of_files(folder, tmp_path / "llava.json", tmp_path / "text.json", None, tmp_path / "out"))
    found = {name: by["all"]["correct"] for name, by in result.accuracy["test"].items()}
    assert found == {"true": 3, "text-only": 2, "complement": 3, "judge": 3}
    assert (result.accuracy["test"]["judge"]["asked"], result.accuracy["test"]["judge"]["undecided"]) == (2, 2)
    assert result.accuracy["test"]["judge"]["disagreements"]["all"] == {"n": 3, "both": 1, "wrong": 0, "text_only": 1, "llava": 1, "neither": 0, "judge": 1}


@pytest.fixture
def wire(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return Offline(lambda messages, rng, lie: Written("The answer is B."), "judge-0613")


def test_a_server_judges_two_files_and_is_asked_once(folder, tmp_path, wire):
    """Guards against a judge that is paid again at the next start, a result that does not say who judged, and --results that is passed over."""
    for name, letter in (("llava", "A"), ("text", "B")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"outputs": {key: f"The answer is {letter}." for key in SPLITS["test"]}}))
    server = Server(Settings("some/model"), transport=wire)
    for _ in range(2):
        path = pair.of_files(folder, tmp_path / "llava.json", tmp_path / "text.json", server, tmp_path / "out", tmp_path / "results")
        result = read_result(path)
        assert result.accuracy["test"]["judge"]["all"]["correct"] == 2 and wire.served == {"ok": 4}
    assert path == tmp_path / "results" / "pair-llava-text-some-model.json"
    assert (result.settings["asked"]["served"], result.settings["asked"]["answers"]) == (["judge-0613"], 4)
    text = tables.tell(tmp_path / "results", pair="llava-text-some-model")[0].read_text()
    assert "| LLaVA + text.json (judge) | " in text and "## Table 10" in text and "- LLaVA + text.json (judge) above LLaVA? " in text


def test_a_pair_with_a_server_reaches_the_tables(job, done, together, wire, tmp_path):
    """Guards against a server's answers that were paid for and stand in no table, and its tables in place of those of the parent."""
    results, _ = together
    path = pair.of_runs(job, Server(Settings("some/model"), transport=wire), None)
    assert path.name == "pair-some-model-tiny.json" and read_result(path).settings["text-only"]["model"] == "some/model"
    for source in (*results.glob("*.json"), path):
        (tmp_path / source.name.replace("-tiny", "")).write_bytes(source.read_bytes())
    assert [one.name for one in tables.tell(tmp_path, pair="some/model")] == ["tables-some-model.md", "columns-some-model.png", "epochs-some-model.png"]
    text = (tmp_path / "tables-some-model.md").read_text()
    assert "| text-only some/model, may pass (GPT-4's part) | 0.00 |" in text and "+ language parent" not in text       # it says B; the one problem of NAT has the key A
    with pytest.raises(InputError, match="There is no .*pair-other.json"):
        tables.tell(tmp_path, pair="other")
    assert tables.main([str(tmp_path), "--pair", "some/model"]) == 0


def test_the_command_hands_results_on_for_files_too(folder, tmp_path, capsys):
    """Guards against an option that is taken and does nothing."""
    for name, letter in (("llava", "A"), ("text", "B")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"outputs": {key: f"The answer is {letter}." for key in SPLITS["test"]}}))
    options = ["--problems", folder, "--llava", tmp_path / "llava.json", "--text", tmp_path / "text.json", "--out", tmp_path / "out", "--results", tmp_path / "r"]
    assert pair.main(list(map(str, options))) == 0 and f"Written: {tmp_path / 'r' / 'pair-llava-text.json'}" in capsys.readouterr().out
    text = tables.tell(tmp_path / "r", pair="llava-text")[0].read_text()
    assert "- LLaVA + text.json (complement) beside LLaVA: " in text and "(judge) above" not in text      # nobody judged


def test_what_was_asked_is_kept_and_another_model_is_refused(tmp_path):
    """Guards against answers lost in a kill, answers of two models in one file, and a failure that is kept as an answer."""
    asked = []

    def flaky(prompts):
        asked.extend(prompt[-1]["content"] for prompt in prompts)
        return [None if prompt[-1]["content"] == "b" and asked.count("b") == 1 else prompt[-1]["content"].upper() for prompt in prompts]

    prompts = [[{"role": "user", "content": text}] for text in "abca"]
    ask = asking.kept(flaky, tmp_path / "a.jsonl", model_id="m", batch_size=2, progress=False)
    assert ask(prompts) == ["A", None, "C", "A"] and asked == ["a", "b", "c"]
    with open(tmp_path / "a.jsonl", "a") as file:
        file.write('{"question_id": "half')
    with pytest.warns(UserWarning, match="half-written"):
        assert ask(prompts) == ["A", "B", "C", "A"] and asked == ["a", "b", "c", "b"]
    with pytest.raises(InputError, match="model_id is 'm' where this run has 'n'"):
        asking.kept(flaky, tmp_path / "a.jsonl", model_id="n", progress=False)(prompts)


# ---- runs side by side

def test_ablations_run_what_is_missing_and_tell_what_is_there(tuned, tmp_path, monkeypatch):
    """Guards against runs that are made twice, and a table with numbers of its own."""
    ablations.compare("start", ["fresh", "tuned"], [0], tuned, tmp_path)
    monkeypatch.setattr(ablations, "carry_out", lambda job: pytest.fail("run again"))
    ablations.compare("start", ["fresh", "tuned"], [0], tuned, tmp_path)
    ablations.compare("form", ["reasoning"], [0], tuned, tmp_path)                                  # the unchanged run, which all groups share
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [f"{tuned.name}.json", "start/fresh-seed0.json"]
    other = replace(tuned, settings=replace(tuned.settings, science=replace(tuned.settings.science, learning_rate=1e-3)), name="")
    with pytest.raises(pytest.fail.Exception, match="run again"):
        ablations.compare("start", ["fresh"], [0], other, tmp_path)                                 # another recipe is another run
    assert ablations.recipe(ablations.job_of("start", "fresh", 0, replace(tuned, settings=replace(tuned.settings, tune=None)))) == ablations.recipe(
        ablations.job_of("start", "fresh", 0, tuned))                                               # a stage that was not run has no say
    table, picture, curve = ablations.tell("start", tuned, tmp_path)
    fresh = read_result(tmp_path / "start" / "fresh-seed0.json")
    assert fresh.name == "start-fresh-seed0" and fresh.accuracy["val, epoch 2"]["true"]["all"]["n"] == 2
    row = next(line for line in table.read_text().splitlines() if line.startswith("| without stage 1 | 1 |"))
    assert f"| {fresh.accuracy['test']['true']['all']['accuracy']:.1%} (" in row and row.endswith("| 85.81 |")
    assert picture.read_bytes().startswith(b"\x89PNG") and curve.name == "start-epochs.png"
    (tmp_path / "start" / "aligned-seed0.json").write_bytes((tmp_path / "start" / "fresh-seed0.json").read_bytes())
    with pytest.raises(InputError, match="put it back under its name"):
        ablations.found("start", tuned, tmp_path)
    with pytest.raises(InputError, match="no result in"):
        ablations.tell("start", tuned, tmp_path / "empty")


def run_of(correct: int, n: int = 400, curve=(), seed: int = 0):
    """As much of a result as the verdicts read."""
    def tally(right, n):
        return {"n": n, "correct": right, "accuracy": right / n, "low": 0.0, "high": 1.0}

    return SimpleNamespace(seed=seed, accuracy={"test": {"true": {"all": tally(correct, n)}}} |
                           {f"val, epoch {k}": {"true": {"all": tally(right, 100)}} for k, right in enumerate(curve, 1)})


def test_each_claim_of_the_paper_gets_its_verdict():
    """Guards against a difference of noise that is called a finding, and a finding that is called the paper's when it is the opposite."""
    def of(one, other):
        return ablations.verdicts("start", {"aligned": one, "fresh": other})

    assert of([run_of(300)], [run_of(200)]) == ["after stage 1 above without stage 1? 75.0 and 50.0 (paper: 90.92 and 85.81): reproduced (by the 95% interval of one seed)."]
    assert "not reproduced: it is the other way round" in of([run_of(200)], [run_of(300)])[0] and "within noise" in of([run_of(200)], [run_of(205)])[0]
    assert "reproduced (by the 95% interval and the ranges over 2 seeds)" in of([run_of(300), run_of(301)], [run_of(248), run_of(249)])[0]
    assert "within noise (by the 95% interval and the ranges" in of([run_of(300), run_of(310)], [run_of(200), run_of(301)])[0]      # the ranges meet
    assert "within noise" in of([run_of(300), run_of(301)], [run_of(298), run_of(299)])[0]                                          # the interval holds zero
    assert "the two differ" in ablations.verdicts("start", {"aligned": [run_of(300)], "tuned": [run_of(380)]})[0] and not of([], [run_of(1)])


def test_how_much_sooner_reasons_first_is_there():
    """Guards against an epoch that is counted from 0, or read off one seed."""
    curves = {"reasoning": [run_of(0, curve=(40, 60, 70)), run_of(0, curve=(20, 60, 90), seed=1)], "answer": [run_of(0, curve=(10, 50, 55))]}
    assert ablations.sooner(curves) == ("Over the epochs, on held-out problems: answer first is at best 55.0% within 3 epochs; reasons first reaches that "
                                        "after epoch 2, when the two have 60.0 and 50.0: within noise (by the 95% interval; one of the two has a single seed).")
    curves["reasoning"] = [run_of(0, curve=(20, 90, 90)), run_of(0, curve=(20, 90, 90), seed=1)]
    assert ablations.sooner(curves).endswith("after epoch 2, when the two have 90.0 and 50.0: the same order (by the 95% interval; one of the two has a single seed).")
    curves["answer"] = [run_of(0, curve=(10, 50, 95))]
    assert "does not reach that within 3 epochs" in ablations.sooner(curves) and ablations.sooner({"reasoning": curves["reasoning"]}) is None


@pytest.mark.parametrize("group", list(ablations.GROUPS))
def test_variants_differ_in_what_they_say(group):
    """Guards against a comparison of a run with itself, and a name that two of them share."""
    base = Job(profile("mini"))
    jobs = [ablations.job_of(group, name, seed, base) for name in ablations.GROUPS[group] for seed in (0, 1)]
    assert len({one.name for one in jobs}) == len(jobs) and jobs.count(base) == 1 and "llava-seed1" in {one.name for one in jobs}
    assert len({(str(one.settings), one.form, one.start, one.seed) for one in jobs}) == len(jobs)
    runs: dict[str, str] = {}
    for one in jobs:                        # stages 1 and 2 of different settings never share a folder
        assert runs.setdefault(one.main.name, str((replace(one.settings, science=None), one.seed))) == str((replace(one.settings, science=None), one.seed))
    assert all(one.main.seed == one.seed and one.main.settings == one.settings for one in jobs)


# ---- the real problems

def test_the_real_excerpt_is_learnt_and_asked(real, job, tmp_path):
    """Guards against an end-to-end run that only our own problems go through. Those that the tiny context holds, without pictures."""
    rows = json.loads((real / "scienceqa_problems_240.json").read_text("utf-8"))
    words = ("question", "hint", "lecture", "solution")
    rows = {name: row for name, row in rows.items() if not row["image"] and len(" ".join([*row["choices"], *(row[part] for part in words)])) < 500}
    (tmp_path / "problems.json").write_text(json.dumps(rows))
    splits = {split: [name for name, row in rows.items() if row["split"] == split] for split in ("train", "val", "test")}
    (tmp_path / "pid_splits.json").write_text(json.dumps(splits))
    assert all(splits.values())
    settings = replace(job.settings, science=replace(job.settings.science, max_steps=1))
    done = carry_out(replace(job, settings=settings, eyes=False, start="", name="real", problems=tmp_path))
    assert record.accuracy(done)["test"]["true"]["all"]["n"] == len(splits["test"])


# ---- tables and pictures

def test_the_tables_say_what_the_results_say(job, together, tmp_path):
    """Guards against a table with numbers of its own, and rows that are swapped."""
    results, _ = together
    for path in results.glob("*.json"):
        (tmp_path / path.name.replace("-tiny", "")).write_bytes(path.read_bytes())
    files = tables.tell(tmp_path)
    assert [path.name for path in files] == ["tables.md", "columns.png", "epochs.png"]
    text = files[0].read_text()
    found = {name: read_result(tmp_path / f"{name}.json").accuracy["test"] for name in tables.NAMES}
    lines = text.splitlines()
    for label, report in (("LLaVA", found["llava"]["true"]), ("language parent, same questions, no pictures", found["text"]["true"]),
                          ("LLaVA + language parent (complement)", found["pair"]["complement"]), ("LLaVA + language parent (judge)", found["pair"]["judge"])):
        row, below = next(pair_ for pair_ in zip(lines, lines[1:]) if pair_[0].startswith(f"| {label} |"))
        assert row.split(" | ")[1:] == [f"{100 * tally['accuracy']:.2f}" for tally in report["columns"].values()][:-1] + [
            f"{100 * report['columns']['Avg']['accuracy']:.2f} |"]
        doubts = [f"{100 * tally['low']:.1f}-{100 * tally['high']:.1f} ({tally['unreadable'] + tally['missing']})" for tally in report["columns"].values()]
        assert below == f"| *95% (no letter)* | {' | '.join(doubts)} |"
        assert f"{label} {report['all']['unreadable']} and {report['all']['missing']}" in next(line for line in lines if line.startswith("Answers without"))
    assert "| random choice | 50.00 | 50.00 |" in text and "| *problems* | 1 | 2 | 1 | 3 | 2 | 1 | 2 | 2 | 4 |" in text
    theirs = found["llava"]["true"]["authors"]
    assert theirs["n"] == 4 and f"narrower rule: LLaVA {100 * theirs['accuracy']:.2f} (unread: {theirs['unreadable']}), the language parent without" in text
    assert "## Table 10" in text and "| LLaVA, with the picture | " in text and "text-only language parent, may pass (GPT-4's part) " in text
    assert all(f"- LLaVA {words} " in text for words in ("above language parent, no pictures?", "+ language parent (complement) beside LLaVA:",
                                                         "+ language parent (judge) above LLaVA?", "+ language parent (judge) above LLaVA + language parent (complement)?"))
    assert "| *the paper's LLaVA* | 90.36 |" in text and "| *the paper's judge* | - | - | - | - | - | - | - | - | 92.53 |" in text
    passed = found["pair"]["text-only"]["columns"]["IMG"]
    assert f"Of the text-only model's, {passed['unreadable'] + passed['missing']} are about pictures" in text


def pair_of(**against) -> dict:
    """As much of a pair's result as the claims read: right answers of 400, and for a rule who alone was right."""
    def report(correct, rule=None):
        found = {"all": {"n": 400, "correct": correct, "accuracy": correct / 400}}
        return found | ({"against": {"LLaVA": {"n": 400, **dict(zip(("gained", "lost"), against[rule]))}}} if rule in against else {})

    test = {"text-only": report(200), "true": report(300), "complement": report(304, "complement"), "judge": report(312, "judge")}
    return {"pair": SimpleNamespace(settings={"text-only": {"model": "gpt-4o", "weights": None}}, accuracy={"test": test})}


def test_the_claims_on_the_rules_by_hand():
    """Guards against two sets of answers to the same problems that are compared as if they were of different ones, and a noise that is called a finding.

    Of 400 problems 20 gained and 8 lost: 12/400 = 3.0 points; Bonett and Price take 21/402 and 9/402, so the difference is
    12/402 with the half 1.96 * sqrt((30/402 - (12/402)**2) / 402) = 0.0265, from +0.3 to +5.6. Unpaired, 312 and 300 of 400 are noise.
    """
    one = tables.claims(pair_of(complement=(5, 1), judge=(20, 8)))
    assert one[0].startswith("LLaVA + gpt-4o (complement) beside LLaVA: 76.00 and 75.00 (paper: 90.97 and 90.92), within noise (paired 95% interval ")
    assert one[1] == ("LLaVA + gpt-4o (judge) above LLaVA? 78.00 and 75.00 (paper: 92.53 and 90.92): reproduced (paired 95% interval of the "
                      "difference: +0.3 to +5.6).")
    assert one[2].startswith("LLaVA + gpt-4o (judge) above LLaVA + gpt-4o (complement)? 78.00 and 76.00 (paper: 92.53 and 90.97): within noise (unpaired ")
    assert "within noise (unpaired" in tables.claims(pair_of())[1]
    assert "not reproduced: it is the other way round (paired" in tables.claims(pair_of(judge=(20, 80)))[1]
    assert "within noise (paired 95% interval" in tables.claims(pair_of(judge=(7, 7)))[1] and tables.claims({}) == []
    assert "the two differ (paired" in tables.claims(pair_of(complement=(60, 10)))[0]            # the paper has no claim there


def test_llava_is_held_against_the_parent_that_cannot_pass():
    """Guards against a lead over a model that passed on every picture, which is no lead."""
    def result(correct):
        return SimpleNamespace(accuracy={"test": {"true": {"all": {"n": 400, "correct": correct, "accuracy": correct / 400}}}})

    assert tables.claims({"llava": result(300), "text": result(200)}) == [
        "LLaVA above language parent, no pictures? 75.00 and 50.00 (paper, LLaVA and GPT-4 without pictures: 90.92 and 82.69): reproduced "
        "(unpaired 95% interval of the difference: +18.4 to +31.3)."]


def test_results_of_different_problems_or_weights_are_refused(together, tmp_path):
    """Guards against a table whose rows were asked different questions, or whose ensemble is of an older LLaVA."""
    results, _ = together
    rows = {path.name.replace("-tiny", ""): json.loads(path.read_text()) for path in results.glob("*.json")}

    def written(name, change):
        for file, row in rows.items():
            row = json.loads(json.dumps(row))
            if file == name:
                change(row)
            (tmp_path / file).write_text(json.dumps(row))

    written("text.json", lambda row: row["settings"]["made from"].update(problems="others"))
    with pytest.raises(InputError, match="of different problems"):
        tables.read(tmp_path)
    written("llava.json", lambda row: row.update(weights="others"))
    with pytest.raises(InputError, match="of another LLaVA"):
        tables.read(tmp_path)
    with pytest.raises(InputError, match="no result in"):
        tables.read(tmp_path / "none")


def test_pictures_of_columns_and_epochs():
    """Guards against a cell in the wrong place, pooled seeds that are averaged, and a picture of nothing."""
    drawing = show.science_columns({"one": {"NAT": 0.25, "Avg": 0.5}, "other": {"Avg": 0.75}})
    cells = {text.get_position(): text.get_text() for text in drawing.figure.axes[0].texts}
    assert cells == {(0, 0): "25.0%", (1, 0): "50.0%", (1, 1): "75.0%"} and "other: Avg 75.0%" in drawing.alt

    def tally(correct, n):
        return {"n": n, "correct": correct, "accuracy": correct / n, "low": 0.1, "high": 0.9}

    drawing = show.science_epochs({"a": [{1: tally(1, 2), 2: tally(2, 2)}], "b": [{1: tally(0, 2)}, {1: tally(3, 4), 2: tally(1, 4)}]})
    assert "a (1 seed): epoch 1 50.0%, epoch 2 100.0%" in drawing.alt and "b (2 seeds): epoch 1 50.0%" in drawing.alt
    for call, given in ((show.science_columns, {}), (show.science_epochs, {}), (show.science_epochs, {"a": [{}]})):
        with pytest.raises(InputError):
            call(given)


# ---- the page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "llava_mini" / "science" / "README.md"


def test_the_committed_tables_come_from_the_committed_results(monkeypatch):
    """Guards against tables that were edited by hand, or left from earlier results."""
    folder = ROOT / "data" / "results" / "science"
    if not (folder / "tables.md").exists():
        pytest.skip("no result is committed yet")
    kept = []
    monkeypatch.setattr(tables, "keep", lambda path, data: kept.append((path, data)) or path)
    tables.tell(folder)
    assert kept[0] == (folder / "tables.md", (folder / "tables.md").read_bytes())


def test_the_commands_of_the_page_are_there():
    """Guards against a page that tells of options which have gone."""
    commands = re.findall(r"^python -m (llava_mini\.science\.\w+)(.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {"llava_mini.science.run", "llava_mini.science.pair", "llava_mini.science.tables", "llava_mini.science.ablations"} <= {name for name, _ in commands}
    for name, rest in commands:
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text("utf-8") + "".join(
            (ROOT / f"llava_mini/science/{part}.py").read_text("utf-8") for part in ("run", "server"))
        assert all(f'"{option}"' in source for option in re.findall(r"--[a-z-]+", rest)), (name, rest)


# ---- answers in words

def test_the_options_of_every_problem_are_read_back(folder):
    """Guards against a choice that is cut in two, or options of another line."""
    for one in read_problems(folder).by_id.values():
        assert prompts.options(prompts.question(one)) == one.choices
        assert prompts.options(ensemble.messages(one, "The answer is A.", "The answer is B.")[1]["content"]) == one.choices
    with pytest.raises(InputError, match="no line of options"):
        prompts.options("Which animal has six legs?")


def test_a_choice_is_weighed_as_if_it_stood_alone(tiny_model, folder):
    """Guards against a packed row whose choices see each other, tokens counted for the wrong choice, and a long choice that loses for its length."""
    from llava_mini.conversation import labels, render

    choices, picture = ("the dog", "a big yellow umbrella", "the cat"), folder / "images" / "train" / "1" / "image.png"
    messages = [{"role": "user", "content": "<image>\nWhat is it?\nContext: N/A\nOptions: (A) the dog (B) a big yellow umbrella (C) the cat"}]
    asked = [choosing.Weighed(messages, [picture], "It is red.", choices), choosing.Weighed([{"role": "user", "content": "Is it?"}], [], "", ("yes", "no"))]
    found = choosing.weigh(tiny_model, asked)
    assert [len(chances) for chances in found] == [3, 2]
    whole = [render([*messages, {"role": "assistant", "content": f"It is red. The answer is {choice}."}], tokenizer=tiny_model.tokenizer,
                    visual_tokens=tiny_model.visual_tokens) for choice in choices]
    common = next(i for i, column in enumerate(zip(*(one.ids for one in whole))) if len(set(column)) > 1)
    for one, chance in zip(whole, found[0]):
        with torch.no_grad():
            alone = tiny_model(torch.tensor([one.ids]), features=tiny_model.encode([picture]),
                               labels=torch.tensor([[-100] * common + labels(one)[common:]]))
        assert chance == pytest.approx(-float(alone.loss), abs=1e-4)
    assert choosing.choose(tiny_model, asked) == [max(range(len(chances)), key=chances.__getitem__) for chances in found]


def test_a_model_without_letters_says_its_reasons_and_the_letter_is_looked_up(tiny_model, monkeypatch):
    """Guards against reasons that are lost, a pass that is made an answer, and reasons that are asked for where the letter comes first."""
    from llava_mini.generation import Request

    said = ["It is red. The answer is the cow.", lessons.PASS]
    monkeypatch.setattr(tiny_model, "generate", lambda requests, **options: said[:len(requests)], raising=False)
    monkeypatch.setattr(choosing, "choose", lambda model, asked: [1 for _ in asked])
    text = "What?\nContext: N/A\nOptions: (A) the dog (B) the cat"
    requests = [Request([{"role": "user", "content": text}]), Request([{"role": "user", "content": text}])]
    assert choosing.say(tiny_model, requests) == ["It is red. The answer is B.", lessons.PASS]
    monkeypatch.setattr(tiny_model, "generate", lambda requests, **options: pytest.fail("asked for reasons"), raising=False)
    assert choosing.say(tiny_model, requests, "answer-first") == ["The answer is B."] * 2


def test_lessons_in_words_name_the_right_choice(folder):
    """Guards against a letter that is taught to a model which is asked for words."""
    train = read_problems(folder).of("train")
    assert lessons.lessons(train, letters=False)[0].messages[1]["content"] == "Look. It is the cat. The answer is the cat."
    assert lessons.lessons(train, "answer-first", letters=False)[0].messages[1]["content"] == "The answer is the cat. BECAUSE: Look. It is the cat."
    judged = [one for one in lessons.lessons_for_a_teacher(train, letters=False) if one.id.endswith("-judged")]
    assert judged and all(re.fullmatch(r"The answer is the (dog|cat)\.", one.messages[-1]["content"]) for one in judged)


def test_a_run_in_words_goes_through(job, done):
    """Guards against a profile without letters, as mini is, that no run has tried."""
    assert profile("mini").letters is False and profile("paper-7b").letters
    words = carry_out(replace(job, settings=replace(job.settings, letters=False), name="words", curve=0))
    test = words.problems.of("test")
    report = score(test, read_results(words.answers / "test-true.jsonl", test))
    assert words.weights != done.weights and None not in report.chosen and not report.reasons
