"""The same training in two real processes (gloo, as accelerate and torchrun start them) and in one."""

import json
import sys

import pytest
import torch
from trainings import Server, make_pictures, stage, weights

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked after loading the libraries")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def server(tiny_vision_folder, tiny_language_folder, pictures):
    server = Server(tiny_vision_folder, tiny_language_folder, pictures)
    yield server
    server.close()


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("settings", [
    stage("projector", template="plain", batch_size=5),
    stage("full", pack=True, accumulate=2),
    stage("lora", batch_size=7, lora_dropout=0.0),
], ids=["align", "tune", "lora"])
def test_two_processes_equal_one(server, tmp_path, settings):
    """Guards against losses averaged over processes instead of tokens, samples seen by both or by none, gradients
    exchanged for every micro-batch or not at all, a process left waiting at the end of an epoch (batches of odd size)
    or in a batch without pictures."""
    folders = {}
    for processes in (1, 2):
        folders[processes] = tmp_path / str(processes) / "run"
        assert not server.train(folders[processes], settings, processes=processes)["failed"]
    one, two = history(folders[1]), history(folders[2])
    assert [record["step"] for record in one] == [record["step"] for record in two]
    for alone, shared in zip(one, two):
        for key in {"loss", "validation"} & set(alone):
            assert shared[key] == pytest.approx(alone[key], rel=1e-5)
        assert shared.get("gradient", {}) == pytest.approx(alone.get("gradient", {}), rel=1e-3)
    for key, value in weights(folders[1]).items():
        assert torch.allclose(value, weights(folders[2])[key], atol=2e-4), key


def test_a_killed_pair_goes_on_as_one(server, tmp_path):
    """Guards against states that only the same number of processes can read."""
    settings = stage("full", batch_size=5)
    assert not server.train(tmp_path / "whole" / "run", settings)["failed"]
    assert server.train(tmp_path / "killed" / "run", settings, processes=2, kill_after=7)["killed"]
    assert not server.train(tmp_path / "killed" / "run", settings)["failed"]
    expected = [record["loss"] for record in history(tmp_path / "whole" / "run")[1:]]
    assert [record["loss"] for record in history(tmp_path / "killed" / "run")[1:]] == pytest.approx(expected, rel=1e-5)


def test_bad_input_of_one_process_stops_both(server, pictures, tmp_path):
    """Guards against a process that waits for ever, or ends in a network error, because another has met a bad picture:
    the pictures are dealt out in large shares, so here only the first process reads any."""
    good = (pictures / "3.png").read_bytes()
    (pictures / "3.png").write_text("no picture")
    try:
        assert server.train(tmp_path / "run", stage("full"), processes=2)["failed"]
    finally:
        (pictures / "3.png").write_bytes(good)
    for rank in (0, 1):
        assert "1 picture cannot be used" in (tmp_path / f"error-{rank}.txt").read_text(), rank


def test_main_job_in_two_processes(server, tmp_path):
    """Guards against a job that every process draws, answers and saves for itself: lines twice, folders torn."""
    answer = server.job(tmp_path / "pair", processes=2)
    assert not answer["failed"]
    folder = tmp_path / "pair" / "runs" / "tiny-full-6"
    assert [record["step"] for record in history(folder / "tune")] == [0, 1, 2, 3]
    result = json.loads((tmp_path / "pair" / "results" / "tiny-full-6.json").read_text())
    assert not [report["problems"] for by in result["accuracy"].values() for report in by.values() if report["problems"]]
