"""data/results and data/pretrained/llava-mini: what is committed belongs together and to today's settings."""

import json
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest

from llava_mini import checkpoints, show
from llava_mini.evaluation import read_result
from llava_mini.features import fingerprint
from llava_mini.job import HELD_OUT, Job
from llava_mini.pipeline import made_from
from llava_mini.profiles import profile

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results"
JOBS = {"mini-full": Job(profile("mini")), "mini-lora": Job(profile("mini"), lora=True)}
STAGES = {"align": "mini-full", "tune": "mini-full", "lora": "mini-lora"}


def _committed(name: str) -> None:
    if name != "mini-full" and not (RESULTS / f"{name}.json").exists():
        pytest.skip(f"{name} is not committed yet; python -m llava_mini.release makes it")


def test_results_can_be_read_and_are_called_what_they_are():
    """Guards against a result that was renamed, cut or edited by hand, and one whose pictures are of another run."""
    found = [path for path in sorted(RESULTS.glob("*.json")) if "accuracy" in json.loads(path.read_text("utf-8"))]
    assert "mini-full" in {path.stem for path in found} <= {*JOBS, *(f"{name}-seed{n}" for name in JOBS for n in range(1, 10))}
    for path in found:
        assert read_result(path).name == path.stem


@pytest.mark.parametrize("name", list(JOBS))
def test_results_are_of_todays_settings(name):
    """Guards against numbers of an earlier profile, and a run whose histories or pictures were left out."""
    _committed(name)
    result, job = read_result(RESULTS / f"{name}.json"), JOBS[name]
    unused = {"align", "tune", "lora", "science", "science_start", "letters"} - set(job.stages)         # trainings of the profile that this run does not have
    told, today = ({part: value for part, value in profile.items() if part not in unused}
                   for profile in (result.settings["profile"], json.loads(json.dumps(asdict(job.settings)))))
    assert told == today and set(job.stages) <= set(told)
    assert (result.settings["pictures"], result.settings["held out"], result.seed) == (job.train, HELD_OUT, 0)
    made, today = result.settings["made from"], made_from(job)
    assert {part: made[part] for part in ("vision", "language")} == {part: today[part] for part in ("vision", "language")}
    assert {path.name for path in (RESULTS / name).iterdir()} == {
        "sheet.png", "confusion-what.png", *(f"{what}-{stage}.{end}" for stage in job.stages for what, end in (("loss", "png"), ("history", "jsonl")))}


def test_lora_keeps_up_and_the_controls_stay_behind():
    """Guards against LoRA more than five points behind full tuning, and against right answers that needed no picture."""
    full = read_result(RESULTS / "mini-full.json").accuracy
    for split in ("test", "unseen_pairs"):
        share = {control: report["all"]["accuracy"] for control, report in full[split].items()}
        assert all(share[control] < share["true"] / 2 for control in ("blind", "blank", "shuffled", "guess")), share
    _committed("mini-lora")
    lora = read_result(RESULTS / "mini-lora.json").accuracy
    assert abs(full["test"]["true"]["all"]["accuracy"] - lora["test"]["true"]["all"]["accuracy"]) <= 0.05


@pytest.mark.parametrize("stage", list(STAGES))
def test_reference_bands_hold_their_runs(stage):
    """Guards against a band of another schedule, and one that the committed run itself would not pass."""
    name = STAGES[stage]
    _committed(name)
    band = show.read_band(RESULTS / f"band-{stage}.json")
    history = show.read_history(RESULTS / name / f"history-{stage}.jsonl")
    assert band.fits(JOBS[name].training(stage) | {"steps": history[-1]["step"]})
    assert band.runs == len(band.seeds) and 0 in band.seeds and band.steps[-1] == history[-1]["step"]
    verdict = show.compare(history, band)
    assert verdict.compared > 0 and verdict.inside >= (0.95 if band.runs > 1 else 0.9) * verdict.compared      # between its steps a band is a straight line


def test_the_finished_model_is_that_of_the_result():
    """Guards against a llava-mini beside numbers that another one reached."""
    assert fingerprint(checkpoints.load(ROOT / "data" / "pretrained" / "llava-mini")) == read_result(RESULTS / "mini-full.json").weights


def test_the_tour_shows_the_committed_result():
    """Guards against a notebook whose outputs are of an earlier model."""
    tour = nbformat.read(ROOT / "notebooks" / "00_tour.ipynb", 4)
    said = "".join(output.get("text", "") for cell in tour.cells for output in cell.get("outputs", []))
    for split, by in read_result(RESULTS / "mini-full.json").accuracy.items():
        tally = by["true"]["all"]
        assert f"{tally['accuracy']:.1%} of {tally['n']:5,} right" in said, split
