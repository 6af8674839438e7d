"""bench/table_4.py: which models stand in which row."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from trainings import tiny_job

from llava_mini import ablations, checkpoints
from llava_mini.bench import table_4, takers, verdicts
from llava_mini.bench.table_4 import ROWS
from llava_mini.bench.table_4 import takers as rows
from llava_mini.features import fingerprint
from llava_mini.main import carry_out
from llava_mini.stage_one import after


def test_rows_are_those_of_the_paper():
    """Guards against a row that the verdicts do not know, or data that nobody can train on."""
    assert [*ROWS, takers.BASELINE_LABELS["untuned"]] == list(verdicts.TABLE_4)
    assert set(ROWS.values()) <= ablations.GROUPS["data"].keys()


def test_each_seed_is_in_each_row(tiny_vision_folder, tiny_language_folder, tmp_path):
    """Guards against seeds that are mixed up, and a last row that has been tuned after all."""
    base = tiny_job(tiny_vision_folder, tiny_language_folder, tmp_path / "a")
    job = ablations.job_of("data", "all", 0, base)
    carry_out(job)
    found = rows([0], base)
    assert [taker.label for taker in found] == list(verdicts.TABLE_4) and [taker.what for taker in found] == ["model"] * len(ROWS) + ["untuned"]
    assert [taker.source for taker in found[:2]] == [job.folder / "model", base.runs / "data-detail-reasoning-seed0" / "model"]
    last = checkpoints.load(found[-1].source)
    assert fingerprint(last) == fingerprint(after(job)) != fingerprint(checkpoints.load(job.folder / "model"))
    assert rows([0], base) == found                                     # a second call saves over the first
    assert {taker.number for taker in found} == {1} and {taker.seed for taker in found} == {0}


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A fresh clone: results are kept, runs are not. Trainings and the bench itself are fakes that write down what they were told."""
    seen = SimpleNamespace(trained=[], ran=[], headline=50.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_MODEL", raising=False)

    def carry_out(job):
        seen.trained.append(job.name)
        (job.folder / "model").mkdir(parents=True)
        (job.folder / "model" / "config.json").write_text("{}")

    def run(who, benches, folder, *, judging, with_panel, name):
        seen.ran.append((who, folder, name))
        scores = {"headline": seen.headline}
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "result.json").write_text(json.dumps(name))
        return {"benches": {"coco": {"rows": [{"runs": [{"scores": scores}]}]}}}

    monkeypatch.setattr(table_4, "here", lambda settings: settings)
    monkeypatch.setattr(table_4, "carry_out", carry_out)
    monkeypatch.setattr(table_4, "run", run)
    monkeypatch.setattr(table_4, "load", lambda folder: None)
    monkeypatch.setattr(table_4.ablations, "compare", lambda *told: print("There already"))
    monkeypatch.setattr(table_4.stage_one, "after", lambda job: job.seed)
    monkeypatch.setattr(table_4.checkpoints, "save", lambda model, folder, kind: None)
    monkeypatch.setattr(table_4.storybook, "make", lambda folder: folder)
    monkeypatch.setattr(table_4.tables, "whole", lambda found: "")
    return seen


def test_models_that_are_missing_are_trained_although_their_results_are_kept(clone):
    """Guards against a clone in which "There already" is said of a result and its model is looked for in vain."""
    assert table_4.main(["--seeds", "2", "1"]) == 0
    assert len(clone.trained) == 2 * len(ROWS) and "mini-full-seed2" in clone.trained and "data-conversation-seed1" in clone.trained
    clone.trained.clear()
    assert table_4.main(["--seeds", "2", "1"]) == 0 and clone.trained == []
    who = clone.ran[0][0]
    assert [(taker.seed, taker.number) for taker in who if taker.label == "all"] == [(2, 3), (1, 2)]        # by the seed, whatever stands beside it
    assert [(taker.seed, taker.number) for taker in who if taker.what == "untuned"] == [(2, 3), (1, 2)]


def test_each_judge_has_a_folder_and_a_result_of_its_own(clone):
    """Guards against the second example of the command's own help, whose verdicts would be refused beside those of the first."""
    assert table_4.main(["--results"]) == table_4.main(["--judge", "gpt-4o", "--budget", "5", "--results"]) == table_4.main(["--folder", "mine"]) == 0
    assert [(folder.as_posix(), name) for _, folder, name in clone.ran] == [
        ("runs/bench/table-4", "table-4"), ("runs/bench/table-4-gpt-4o", "table-4-gpt-4o"), ("mine", "table-4")]
    assert sorted(path.name for path in Path("data/results/bench").iterdir()) == ["table-4-gpt-4o.json", "table-4.json"]
    assert table_4.name_for("org/Big Model") == "table-4-org-big-model"


def test_the_exit_status_tells_of_a_verdict_that_is_lacking(clone):
    """Guards against a script that takes a table with holes for a finished one."""
    clone.headline = None
    assert table_4.main([]) == 1
