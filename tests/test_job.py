"""job.py, pipeline.py, report.py, main.py, release.py: the main job with tiny parents, a dozen pictures and three steps a stage."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from trainings import Server, tiny_job

from llava_mini import checkpoints, pipeline, show
from llava_mini.errors import InputError
from llava_mini.evaluation import read_result
from llava_mini.features import fingerprint
from llava_mini.job import Job
from llava_mini.pipeline import run
from llava_mini.commands import guarded
from llava_mini.main import carry_out, main
from llava_mini.profiles import profile
from llava_mini.release import release, save_model
from llava_mini.report import find_band
from llava_mini.seconds import Seconds

CALLS = []                                      # what the trainings of this file have told, see ``watch``


def watch(event):
    if event["event"] in ("start", "parts", "step"):
        CALLS.append(event)


def steps():
    """How many steps were taken since the last call."""
    taken = sum(event["event"] == "step" for event in CALLS)
    CALLS.clear()
    return taken


def written(folder):
    """Every file of the job with its time and content; the feature cache looks at its pictures anew each time."""
    return {path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*"))
            if path.is_file() and "features" not in path.parts}


@pytest.fixture(scope="module")
def parents(tiny_vision_folder, tiny_language_folder):
    return tiny_vision_folder, tiny_language_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("job") / "a"


@pytest.fixture(scope="module")
def finished(parents, folder):
    """The job done once, in this process."""
    steps()
    done = carry_out(tiny_job(*parents, folder), folder / "results", folder / "results", watch)
    return done, steps()


def test_from_parents_to_picture_sheet(finished, folder):
    """Guards against a main job that no test has run: every part leaves what it should, under one name."""
    done, taken = finished
    assert taken == 6
    for place in (folder / "results", done.job.folder):
        assert {path.name for path in (place / "tiny-full-6").iterdir()} == {
            "history-align.jsonl", "history-tune.jsonl", "loss-align.png", "loss-tune.png", "confusion-what.png", "sheet.png"}
    result = read_result(folder / "results" / "tiny-full-6.json")
    assert result == read_result(done.job.folder / "tiny-full-6.json") and result.name == "tiny-full-6"
    assert result.settings["profile"]["name"] == "tiny"
    assert result.timings.keys() == {"draw", "teach", "align", "tune", "evaluate"} and all(value > 0 for value in result.timings.values())
    for split in ("test", "unseen_pairs"):      # the controls belong to every split
        assert result.accuracy[split].keys() == {"true", "blind", "blank", "shuffled", "guess"}
        assert result.accuracy[split]["true"]["all"]["missing"] == 0
    assert result.weights == fingerprint(checkpoints.load(folder / "runs" / "tiny-full-6" / "model"))
    history = show.read_history(folder / "results" / "tiny-full-6" / "history-align.jsonl")
    assert [len(record.get("answers", [])) for record in history] == [2, 0, 0, 2]       # stage 1 answers too
    assert history[0]["answers"][0]["answer"] and history[0]["answers"][0]["text"]


def test_the_second_call_does_nothing(finished, parents, folder, capsys):
    """Guards against steps taken, answers asked and results dated twice, and against hiding the sheet among the lines."""
    before = written(folder)
    carry_out(tiny_job(*parents, folder), folder / "results", folder / "results", watch)
    assert steps() == 0 and written(folder) == before
    assert capsys.readouterr().out.splitlines()[-1] == f"Picture sheet: {folder / 'results' / 'tiny-full-6' / 'sheet.png'}"


def test_lora_shares_stage_1_and_new_weights_replace_the_old(finished, parents, folder):
    """Guards against repeating stage 1 for LoRA, a model folder that cannot be read back, and old answers scored as
    those of a model that was trained anew under the same name."""
    one = run(tiny_job(*parents, folder, lora=True), watch)
    assert steps() == 3 and one.job.name == "tiny-lora-6"
    assert one.histories["align"] == finished[0].histories["align"] and one.seconds["align"] == finished[0].seconds["align"]
    assert fingerprint(checkpoints.load(one.job.folder / "model")) == one.weights != finished[0].weights
    shutil.rmtree(one.job.folder / "lora")      # what a user does after a refused resume
    other = run(tiny_job(*parents, folder, lora=True, learning_rate=1e-2), watch)
    assert steps() == 3 and other.weights != one.weights and other.answers != one.answers
    assert fingerprint(checkpoints.load(other.job.folder / "model")) == other.weights
    rows = [json.loads(line) for line in (other.answers / "test-true.jsonl").read_text().splitlines()]
    assert {row["model_id"] for row in rows} == {f"tiny-lora-6-{other.weights[:12]}"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked after loading the libraries")
def test_killed_in_stage_2_ends_the_same(finished, parents, folder, tmp_path):
    """Guards against a killed job that ends with other numbers, or counts only the time of its last start."""
    server, other = Server(*parents, tmp_path), folder.parent / "killed"
    try:
        assert server.job(other, kill_at=2)["killed"]
        assert not (other / "results").exists()
        kept = show.read_history(other / "runs" / "tiny-full-6" / "tune" / "history.jsonl")[:2]     # the newest state is of step 1
        assert not server.job(other)["failed"]
    finally:
        server.close()
    one, two = (read_result(place / "results" / "tiny-full-6.json") for place in (folder, other))
    assert (two.accuracy, two.settings, two.weights) == (one.accuracy, one.settings, one.weights)
    history = show.read_history(other / "results" / "tiny-full-6" / "history-tune.jsonl")
    assert two.timings["tune"] == pytest.approx(sum(record["seconds"] for record in history), abs=1e-3)
    assert history[:2] == kept and two.timings["tune"] > sum(record["seconds"] for record in kept) > 0
    assert two.timings["draw"] == one.timings["draw"] > 0       # drawn once, for both


def test_release(finished, parents, folder):
    """Guards against results, bands and a finished model that nobody can make again, or that change when nothing did."""
    jobs = [tiny_job(*parents, folder), replace(tiny_job(*parents, folder, name="tiny-full-6-seed1"), seed=1)]
    results, model = folder / "results", folder / "pretrained" / "llava-mini"
    release(jobs, results, model)
    assert {path.name for path in results.iterdir()} == {"tiny-full-6", "tiny-full-6.json", "tiny-full-6-seed1.json", "band-align.json",
                                                         "band-tune.json"}
    assert fingerprint(checkpoints.load(model)) == read_result(results / "tiny-full-6.json").weights
    assert not Path(json.loads((model / "config.json").read_text())["parents"]["vision"]["folder"]).is_absolute()
    past, now = checkpoints.load(model.with_name("llava-mini-stage-1")), checkpoints.load(model)
    assert json.loads((model.with_name("llava-mini-stage-1") / "config.json").read_text())["kind"] == "projector"
    assert fingerprint(past.vision_tower) == fingerprint(now.vision_tower) and fingerprint(past.projector) != fingerprint(now.projector)
    fresh = pipeline.join(jobs[0])
    assert fingerprint(past.language_model) == fingerprint(fresh.language_model) and fingerprint(past.projector) != fingerprint(fresh.projector)
    band, history = show.read_band(results / "band-tune.json"), show.read_history(results / "tiny-full-6" / "history-tune.jsonl")
    assert band.seeds == (0, 1) and band.runs == 2 and band.of["steps"] == 3 and band.of["pictures"] == 6
    assert show.compare(history, band).inside == show.compare(history, band).compared > 0
    assert find_band(jobs[0], "tune", history, results) == band
    for other in (replace(jobs[0], train=7), tiny_job(*parents, folder, learning_rate=1.0)):
        assert find_band(other, "tune", history, results) is None
    assert find_band(jobs[0], "tune", history[:-1], results) is None
    before = written(model)
    save_model(finished[0], model)
    assert written(model) == before
    save_model(replace(finished[0], weights="other"), model)
    assert written(model) != before


def test_bad_input_and_ctrl_c_end_in_one_sentence(tmp_path, monkeypatch, capsys):
    """Guards against tracebacks, and an exit status of success, from the command line."""
    monkeypatch.chdir(tmp_path)
    for arguments, words in ((["--profile", "maxi"], "no profile 'maxi'"), ([], "start this command in the course's own folder"),
                             (["--profile", "paper-7b", "--name", "../x"], "cannot be called '../x'")):
        assert main(arguments) == 1
        told = capsys.readouterr().err.strip()
        assert words in told and "\n" not in told

    def stopped():
        raise KeyboardInterrupt
    assert guarded(stopped) == 130 and capsys.readouterr().err.strip() == "Stopped; give the same command to go on."
    assert list(tmp_path.iterdir()) == []


def test_names_say_what_differs():
    """Guards against a seed or size that lands in, and is refused by, the folder of another run."""
    mini = profile("mini")
    assert [Job(mini).name, Job(mini, lora=True).name, Job(mini, seed=2).name, Job(mini, True, 1, 200).name] == [
        "mini-full", "mini-lora", "mini-full-seed2", "mini-lora-200-seed1"]
    for name in ("a/b", "..", "stage-1", "features", ".hidden"):
        with pytest.raises(InputError, match="cannot be called"):
            Job(mini, name=name)


def test_seconds_add_up(tmp_path):
    """Guards against times of the last start alone, and a part without work that changes them."""
    state, path = [0], tmp_path / "seconds.json"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            with Seconds(path).of("part", lambda: state[0]):
                state[0] += 1
                raise KeyboardInterrupt
    twice = Seconds(path).known["part"]
    with Seconds(path).of("part", lambda: state[0]):
        pass
    assert Seconds(path).known == {"part": twice} and twice > 0
    path.write_text("{")
    assert Seconds(path).known == {}
