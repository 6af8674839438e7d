"""resume.py: a training killed with kill -9 at any moment ends exactly like one that was left alone."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from trainings import Server, load_model, make_pictures, make_samples, samples_for, stage, weights

import llava_mini.resume as resume
from llava_mini.errors import InputError
from llava_mini.resume import RunFolder
from llava_mini.training import train

needs_fork = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked after loading the libraries")
STAGES = {
    "align": stage("projector", template="plain", epochs=7.0),
    "tune": stage("full", pack=True, epochs=14.0, accumulate=2),
    "lora": stage("lora", batch_size=8, epochs=11.0, save_every=3),    # a kill undoes steps that the history has
    "tune in bf16": stage("full", pack=True, epochs=7.0, precision="bf16"),
}
TIMES = ("samples_per_second", "tokens_per_second", "seconds")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def server(tiny_vision_folder, tiny_language_folder, pictures):
    server = Server(tiny_vision_folder, tiny_language_folder, pictures)
    yield server
    server.close()


@pytest.fixture
def parents(tiny_vision_folder, tiny_language_folder):
    return tiny_vision_folder, tiny_language_folder


def records(folder):
    """The history without the times, which differ from run to run."""
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


def bytes_of(folder):
    state = sorted(folder.glob("state-*"))[-1]
    return {path.name: path.read_bytes() for path in sorted(state.iterdir())}


@needs_fork
@pytest.mark.parametrize("name", list(STAGES))
def test_killed_equals_uninterrupted(server, tmp_path, name):
    """Guards against every way to resume not quite exactly: batches taken twice or left out, moments or step counts
    lost, dropout that goes on differently, a half-written state taken for a whole one, a history with gaps."""
    settings, draw = STAGES[name], random.Random(name)
    assert server.train(tmp_path / "whole" / "run", settings)["failed"] is False
    kills = [{"kill_after": 0, "wait": draw.uniform(0, 0.3)}]
    kills += [{"kill_after": draw.randint(2, 9), "wait": draw.uniform(0, 0.02)} for _ in range(4)]
    kills += [{"kill_in_save": draw.randint(2, 5)}, {"kill_in_save": 1 + draw.randint(1, 3) * 2}]
    draw.shuffle(kills)
    folder, killed = tmp_path / "killed" / "run", 0
    for kill in kills:
        answer = server.train(folder, settings, **kill)
        assert not answer["failed"]
        killed += answer["killed"]
    assert killed >= 5
    assert server.train(folder, settings) | {"seconds": 0} == {"killed": False, "failed": False, "seconds": 0}
    assert records(folder) == records(tmp_path / "whole" / "run")
    assert bytes_of(folder) == bytes_of(tmp_path / "whole" / "run")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert len(list(folder.glob("state-*"))) == resume.KEEP


@pytest.mark.parametrize("name", list(STAGES))
def test_interrupted_in_a_notebook(parents, pictures, tmp_path, name):
    """Guards against going on with the weights that an interrupted cell left in memory, or refusing them."""
    settings = STAGES[name]
    options = {"pictures": pictures, "progress": False}
    whole = train(load_model(*parents), samples_for(settings), settings, folder=tmp_path / "whole", **options)
    model = load_model(*parents)
    for when in (1, 4, 5):
        def interrupt(event):
            if event["event"] == "step" and event["step"] == when:
                raise KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            train(model, samples_for(settings), settings, folder=tmp_path / "run", on_event=interrupt, **options)
        shutil.rmtree(tmp_path / "run" / f"state-{when:08d}", ignore_errors=True)
    history = train(model, samples_for(settings), settings, folder=tmp_path / "run", **options)
    assert history.curve("loss") == whole.curve("loss")
    for key, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "run")[key]), key
        assert torch.equal(value, dict(model.named_parameters())[key]), key


def test_finished_training_is_not_repeated(parents, pictures, tmp_path):
    """Guards against training twice as long when a notebook is run again, and against forgetting what was learnt."""
    settings = STAGES["tune"]
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    first = train(load_model(*parents), samples_for(settings), settings, **options)
    before, events, fresh = bytes_of(tmp_path / "run"), [], load_model(*parents)
    again = train(fresh, samples_for(settings), settings, on_event=events.append, **options)
    assert again.records == first.records and events == [] and bytes_of(tmp_path / "run") == before
    for key, value in weights(tmp_path / "run").items():
        assert torch.equal(dict(fresh.named_parameters())[key], value)


def other_sample(samples):
    samples[3].messages[1]["content"] += " or not"
    return samples


@pytest.mark.parametrize("change, word", [
    ({"settings": stage("full", learning_rate=1e-3)}, "learning_rate = 0.003, not 0.001"),
    ({"settings": stage("full", batch_size=5)}, "batch_size = 6, not 5"),
    ({"samples": other_sample(make_samples())}, "other samples"),
    ({"samples": make_samples(23)}, "other samples"),
    ({"picture": True}, "a file has changed"),
    ({"weights": "language_model"}, "other weights"),
    ({"weights": "vision_tower"}, "another vision tower"),
])
def test_another_training_in_the_same_folder_is_refused(parents, tmp_path, change, word):
    """Guards against going on with half of one training and half of another."""
    options = {"pictures": make_pictures(tmp_path / "pictures"), "folder": tmp_path / "run", "progress": False}
    model = load_model(*parents)
    train(load_model(*parents), make_samples(), stage("full", max_steps=2), **options | {"folder": tmp_path / "other"})
    train(model, make_samples(), stage("full"), **options)
    before, model = bytes_of(tmp_path / "run"), load_model(*parents)
    if change.get("picture"):
        (tmp_path / "pictures" / "1.png").write_bytes((tmp_path / "pictures" / "2.png").read_bytes())
    if "weights" in change:
        with torch.no_grad():
            next(getattr(model, change["weights"]).parameters()).view(-1)[0] += 0.5
    with pytest.raises(InputError) as caught:
        train(model, change.get("samples", make_samples()), change.get("settings", stage("full")), **options)
    assert word in str(caught.value) and str(tmp_path / "run") in str(caught.value) and "\n" not in str(caught.value)
    assert bytes_of(tmp_path / "run") == before


def test_saving_more_or_less_often_is_the_same_training(parents, pictures, tmp_path):
    """Guards against refusing a resume because of a setting that changes nothing in the result."""
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    train(load_model(*parents), make_samples(), stage("full"), **options)
    assert len(train(load_model(*parents), make_samples(), stage("full", save_every=7, validate_every=9), **options)) > 5


def test_full_disk(parents, pictures, tmp_path, monkeypatch):
    """Guards against a half-written state, or a traceback without a remedy, when the disk is full."""
    resource = pytest.importorskip("resource")          # Windows has none
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    train(load_model(*parents), make_samples(), stage("full", save_every=100), **options | {"folder": tmp_path / "whole"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(event):
        if event["event"] == "step" and event["step"] == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))     # no file may grow beyond this
    try:
        with pytest.raises(InputError, match="make room on the disk"):
            train(load_model(*parents), make_samples(), stage("full"), on_event=fill, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in RunFolder(tmp_path / "run", {}).states()] == ["state-00000001", "state-00000002"]
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
    train(load_model(*parents), make_samples(), stage("full"), **options)
    assert bytes_of(tmp_path / "run")["weights.safetensors"] == bytes_of(tmp_path / "whole")["weights.safetensors"]


def test_one_process_at_a_time(parents, pictures, tmp_path):
    """Guards against two trainings that write into one history, and against a lock that outlives its process."""
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    hold = ("import sys, time; from pathlib import Path; from llava_mini.locks import alone\n"
            "with alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)")
    other = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "run")], stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[1])
    try:
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(InputError, match="^Another process is at work in .*run; wait until it has ended, or choose another folder.$"):
            train(load_model(*parents), make_samples(), stage("full", max_steps=1), **options)
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]
    finally:
        other.kill()
        other.communicate()
    assert len(train(load_model(*parents), make_samples(), stage("full", max_steps=1), **options)) == 2


def test_folder_that_cannot_be_made(parents, pictures, tmp_path):
    """Guards against the system's own error, without a remedy, where a file stands in the way of a folder."""
    (tmp_path / "file").write_text("")
    for options in ({"folder": tmp_path / "file" / "run", "cache": tmp_path / "features"}, {"folder": tmp_path / "run", "cache": tmp_path / "file"}):
        with pytest.raises(InputError, match="cannot be made a folder.*choose another"):
            train(load_model(*parents), make_samples(), stage("full"), pictures=pictures, progress=False, **options)


def test_damaged_state_says_what_to_do(parents, pictures, tmp_path):
    """Guards against a traceback from safetensors; following the advice works."""
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    train(load_model(*parents), make_samples(), stage("full"), **options)
    before, newest = bytes_of(tmp_path / "run"), sorted((tmp_path / "run").glob("state-*"))[-1]
    path = newest / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"{newest.name} is damaged.*remove it"):
        train(load_model(*parents), make_samples(), stage("full"), **options)
    shutil.rmtree(newest)
    train(load_model(*parents), make_samples(), stage("full"), **options)
    assert bytes_of(tmp_path / "run") == before


def test_broken_run_folder(parents, pictures, tmp_path):
    """Guards against starting anew over states whose description is lost, and against a bare JSON error."""
    options = {"pictures": pictures, "folder": tmp_path / "run", "progress": False}
    train(load_model(*parents), make_samples(), stage("full"), **options)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(InputError, match="run.json"):
        train(load_model(*parents), make_samples(), stage("full"), **options)
    os.remove(tmp_path / "run" / "run.json")
    with pytest.raises(InputError, match="no run.json"):
        train(load_model(*parents), make_samples(), stage("full"), **options)
