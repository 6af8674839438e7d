"""instruct/portrait.py: the numbers and drawings of a set of instruction data."""

import json

import pytest

from llava_mini.instruct import portrait
from llava_mini.storybook.folder import make_folder
from llava_mini.taught import teach


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portrait")
    pictures = make_folder(folder / "train-40", "train", 40, workers=1)
    return pictures, teach(pictures, folder / "taught")


def test_everything_is_drawn_and_counted(taught, tmp_path):
    """Guards against a drawing that is left out, and numbers of another file."""
    pictures, samples = taught
    assert portrait.main([str(samples), str(pictures), "--folder", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "statistics.json", "first-words.png", "questions.png", "words.png", "context.png", "concepts.png"}
    rows, about = json.loads(samples.read_text()), json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert about["samples"] == len(rows) == 60 and about["kinds"] == {"conversation": 40, "detail": 10, "reasoning": 10}
    assert sum(sum(after.values()) for after in about["first_words"].values()) == sum(len(row["conversations"]) // 2 for row in rows)


def test_lines_are_read_like_a_list_and_faults_are_refused(taught, tmp_path, capsys):
    """Guards against a .jsonl that counts otherwise, against statistics of what no training takes, and a picture that is not there."""
    pictures, samples = taught
    lines = tmp_path / "samples.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in json.loads(samples.read_text())))
    assert portrait.of_samples(lines) == portrait.of_samples(samples)
    lines.write_text('{"id": "1"}\n')
    assert portrait.main([str(lines), "--folder", str(tmp_path / "out")]) == 1 and "conversations" in capsys.readouterr().err
    assert portrait.main([str(samples), str(pictures), "--picture", "nobody", "--folder", str(tmp_path / "out")]) == 1
    assert "no picture 'nobody'" in capsys.readouterr().err
