"""bench/table_4.py: which models stand in which row."""

from trainings import tiny_job

from llava_mini import ablations, checkpoints
from llava_mini.bench import tables, takers
from llava_mini.bench.table_4 import ROWS
from llava_mini.bench.table_4 import takers as rows
from llava_mini.features import fingerprint
from llava_mini.main import carry_out
from llava_mini.stage_one import after


def test_rows_are_those_of_the_paper():
    """Guards against a row that the verdicts do not know, or data that nobody can train on."""
    assert [*ROWS, takers.BASELINE_LABELS["untuned"]] == list(tables.TABLE_4)
    assert set(ROWS.values()) <= ablations.GROUPS["data"].keys()


def test_each_seed_is_in_each_row(tiny_vision_folder, tiny_language_folder, tmp_path):
    """Guards against seeds that are mixed up, and a last row that has been tuned after all."""
    base = tiny_job(tiny_vision_folder, tiny_language_folder, tmp_path / "a")
    job = ablations.job_of("data", "all", 0, base)
    carry_out(job)
    found = rows([0], base)
    assert [taker.label for taker in found] == list(tables.TABLE_4) and [taker.what for taker in found] == ["model"] * len(ROWS) + ["untuned"]
    assert [taker.source for taker in found[:2]] == [job.folder / "model", base.runs / "data-detail-reasoning-seed0" / "model"]
    last = checkpoints.load(found[-1].source)
    assert fingerprint(last) == fingerprint(after(job)) != fingerprint(checkpoints.load(job.folder / "model"))
    assert rows([0], base) == found                                     # a second call saves over the first
