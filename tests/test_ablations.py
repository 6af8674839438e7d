"""ablations.py and show/runs.py: runs that differ in one thing, and the table that is made of their results alone."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from trainings import tiny_job

from llava_mini import ablations, show
from llava_mini.comparison import made_on
from llava_mini.errors import InputError
from llava_mini.evaluation import read_result
from llava_mini.evaluation.findings import NOISE, find
from llava_mini.job import Job
from llava_mini.profiles import profile


@pytest.fixture(scope="module")
def base(tiny_vision_folder, tiny_language_folder, tmp_path_factory):
    return tiny_job(tiny_vision_folder, tiny_language_folder, tmp_path_factory.mktemp("ablations") / "a")


@pytest.fixture(scope="module")
def folder(base):
    """Two variants, run once."""
    folder = base.runs.parent / "results" / "ablations"
    ablations.compare("data", ["all", "half"], [0], base, folder)
    return folder


def test_each_variant_leaves_its_result(base, folder):
    """Guards against a comparison in which the variants were the same run."""
    half, whole = read_result(folder / "data" / "half-seed0.json"), read_result(folder.parent / "tiny-full-6.json")
    assert (whole.name, half.name) == ("tiny-full-6", "data-half-seed0") and whole.weights != half.weights
    assert (whole.settings["data"], half.settings["data"]) == ("all", "half")
    assert set(whole.settings["precision"]) == {"align", "tune"} and set(whole.settings["precision"].values()) <= {"fp32", "bf16"}
    assert whole.settings["made from"] == half.settings["made from"] and set(whole.settings["made from"]) == {"vision", "language", "storybook", "teacher"}


def test_what_is_there_is_not_run_again_and_what_was_made_from_something_else_is(base, folder, monkeypatch):
    """Guards against days of repeated work, and against old numbers beside new ones."""
    monkeypatch.setattr(ablations, "carry_out", lambda job: pytest.fail("run again"))
    ablations.compare("data", ["all", "half"], [0], base, folder)
    asked = []
    monkeypatch.setattr(ablations, "carry_out", lambda job: asked.append(job.name))
    monkeypatch.setattr(ablations, "made_from", lambda job: {"vision": "another"})
    ablations.compare("data", ["half"], [0, 1], base, folder)
    assert asked == ["data-half-seed0", "data-half-seed1"]


def test_another_recipe_is_run_again_and_not_shown_beside_the_old(base, folder, monkeypatch):
    """Guards against a changed learning rate that changes no number, and against two recipes in one row; and against days of work for a stage not run."""
    asked = []
    monkeypatch.setattr(ablations, "carry_out", lambda job: asked.append(job.name))
    other = replace(base, settings=replace(base.settings, tune=replace(base.settings.tune, learning_rate=0.5)))
    ablations.compare("data", ["half"], [0], other, folder)
    assert asked == ["data-half-seed0"]
    with pytest.raises(InputError, match="other settings"):
        ablations.found("data", other, folder)
    ablations.compare("data", ["half"], [0], replace(base, settings=replace(base.settings, lora=replace(base.settings.lora, learning_rate=0.5))), folder)
    assert asked == ["data-half-seed0"]


def test_equal_models_are_seldom_told_apart():
    """Guards against a verdict that finds a difference in one of ten comparisons of a model with itself."""
    from random import Random

    rng = Random(0)
    def seeds():
        return [{"n": 400, "correct": right, "accuracy": right / 400} for right in (sum(rng.random() < 0.8 for _ in range(400)) for _ in range(3))]
    assert sum(find(seeds(), seeds()).outcome != NOISE for _ in range(200)) <= 10


def test_table_and_picture_say_what_the_results_say(base, folder):
    """Guards against a table with numbers of its own."""
    table, picture = ablations.tell("data", base, folder)
    half = read_result(folder / "data" / "half-seed0.json").accuracy
    row = next(line for line in table.read_text().splitlines() if line.startswith("| half of it | 1 |"))
    for split in ablations.SPLITS:
        assert f"{half[split]['true']['all']['accuracy']:.1%} (" in row
    tally = half["test"]["true"]["all"]
    assert row.endswith(f" {tally['unreadable'] / tally['n']:.1%} |")
    guess = read_result(folder.parent / "tiny-full-6.json").accuracy["test"]["guess"]["all"]
    assert f"| *most frequent answer* | - | {guess['accuracy']:.1%} | " in table.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_result_of_another_run_or_another_world_is_refused(base, folder, tmp_path):
    """Guards against a renamed file, one that nobody reads, and against runs on different pictures in one table."""
    tmp_path = tmp_path / "ablations"
    (tmp_path / "data").mkdir(parents=True)
    result = json.loads((folder / "data" / "half-seed0.json").read_text())
    for name in ("half-seed1", "detail-seed0", "half-seed0 (copy)", "quarter-seed0", "all-seed0"):       # the unchanged run lies elsewhere
        path = tmp_path / "data" / f"{name}.json"
        path.write_text(json.dumps(result))
        with pytest.raises(InputError, match=rf"{re.escape(name)}.json: .*; put it back under its name"):
            ablations.found("data", base, tmp_path)
        path.unlink()
    (tmp_path / "data" / "half-seed0.json").write_text(json.dumps(result))
    result["name"], result["settings"]["made from"] = "tiny-full-6", result["settings"]["made from"] | {"storybook": "another"}
    result["settings"]["data"] = "all"
    (tmp_path.parent / "tiny-full-6.json").write_text(json.dumps(result))
    with pytest.raises(InputError, match="different states of the storybook"):
        ablations.found("data", base, tmp_path)
    with pytest.raises(InputError, match="no result in"):
        ablations.tell("data", base, tmp_path / "empty")
    with pytest.raises(InputError, match="choose among all, half"):
        ablations.job_of("data", "quarter", 0, base)


@pytest.mark.parametrize("group", list(ablations.GROUPS))
def test_variants_differ_in_what_they_say(group):
    """Guards against a comparison of a run with itself, and a name that two of them share."""
    base = Job(profile("mini"))
    jobs = [ablations.job_of(group, name, seed, base) for name in ablations.GROUPS[group] for seed in (0, 1)]
    assert len({job.name for job in jobs}) == len(jobs) and jobs[0] == base
    assert len({(str(job.settings), job.lora, job.data, job.seed) for job in jobs}) == len(jobs)


def test_the_ranks_share_the_run_that_the_main_job_has_made():
    """Guards against twenty minutes for a LoRA that lies there under another name."""
    base = Job(profile("mini"))
    jobs = {name: ablations.job_of("tuning", name, 1, base) for name in ablations.GROUPS["tuning"]}
    assert jobs["lora-16"] == replace(base, lora=True, seed=1, name="") and jobs["lora-16"].name == "mini-lora-seed1"
    assert jobs["lora-4"].name == "tuning-lora-4-seed1" and jobs["lora-4"].settings.lora.lora_rank == 4


def test_runs_of_several_machines_are_told():
    """Guards against a comparison of layers that is one of processors too, without a word."""
    def made(seed, processor, gpu=None, **precision):
        return SimpleNamespace(seed=seed, machine={"processor": processor, "gpu": gpu}, settings={"precision": precision} if precision else {})

    assert made_on({"all": [made(0, "A"), made(1, "A")]}) == []
    assert made_on({"all": [made(0, "A"), made(1, "B", align="bf16", tune="fp32")], "half": [made(0, "A"), made(0, "A", "G", tune="bf16")]}) == [
        "Made on several kinds of machine, on which a seed gives other weights (seeds behind the labels): A: all 0, half 0; B, bf16, fp32: all 1; G, bf16: half 0."]


def test_each_claim_of_the_papers_gets_its_verdict():
    """Guards against a claim that is read the wrong way round, and against a verdict on what no paper claims."""
    def runs(*rights):
        return [SimpleNamespace(accuracy={"test": {"true": {"all": {"n": 400, "correct": right, "accuracy": right / 400, "low": 0.0, "high": 1.0}}}})
                for right in rights]

    data = {"all": runs(360, 364), "half": runs(300, 304), "conversation": runs(330, 361), "detail-reasoning": runs(370, 380)}
    assert ablations.verdicts("data", data) == [
        "all of it beside half of it: 90.5 and 75.5, the two differ (by the 95% interval and the ranges over 2 seeds).",
        "all of it above conversation only? 90.5 and 86.4: within noise (by the 95% interval and the ranges over 2 seeds).",
        "all of it above detail + reasoning? 90.5 and 93.8: the other order (by the 95% interval and the ranges over 2 seeds)."]
    assert ablations.verdicts("projector", {"linear": runs(300), "mlp": runs(360)}) == [
        "mlp2x_gelu above linear? 90.0 and 75.0: the same order (by the 95% interval of one seed)."]
    assert ablations.verdicts("layer", {"last": runs(300)}) == []


def test_seeds_are_pooled_and_their_range_is_told():
    """Guards against an average of averages, and against a range that is an interval of one seed."""
    def report(*counts):
        tallies = [{"n": n, "correct": right, "accuracy": right / n, "low": 0.0, "high": 1.0} for right, n in counts]
        return {"all": tallies[0], "kinds": {"what": tallies[1]}}

    drawing = show.side_by_side({"one": [report((1, 2), (1, 2))], "two": [report((3, 4), (0, 2)), report((1, 4), (2, 2))]})
    assert "all: one 50.0%, two 50.0%" in drawing.alt and "what: one 50.0%, two 50.0%" in drawing.alt
    texts = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert "50.0%\n0.0 to 100.0" in texts and "50.0%\n25.0 to 75.0" in texts
    with pytest.raises(InputError, match="same kinds"):
        show.side_by_side({"one": [report((1, 2), (1, 2))], "other": [{"all": {}, "kinds": {}}]})
