"""handout.py: one page with all that was measured of a model."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from llava_mini import handout
from llava_mini.errors import InputError
from llava_mini.evaluation import read_result, write_result
from llava_mini.evaluation.probes import read_behaviour
from llava_mini.page import table

RESULTS = Path(__file__).resolve().parents[1] / "data" / "results"


class Reader(HTMLParser):
    """Collects what a browser would find: tags, attributes, text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.pictures, self.words, self.cells = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append(dict(attributes))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        self.words.append(data)
        if self.cells:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The page of the committed run."""
    path = handout.write(RESULTS, "mini-full", output=tmp_path_factory.mktemp("page") / "report.html",
                         bench_folder=RESULTS / "bench" / "llava-mini.json", probes_folder=RESULTS / "probes" / "llava-mini")
    return Reader(path.read_text(encoding="utf-8"))


def test_all_figures_of_the_result_are_on_the_page(committed):
    """Guards against a page that leaves out a split or a kind, or gives another share than the result."""
    for split, reports in read_result(RESULTS / "mini-full.json").accuracy.items():
        for kind, tally in {"all": reports["true"]["all"], **reports["true"]["kinds"]}.items():
            at = [number for number, cell in enumerate(committed.cells) if cell.strip() == kind]
            rows = [[cell.strip() for cell in committed.cells[number:number + 4]] for number in at]
            wanted = [kind, f"{tally['n']:,}", f"{100 * tally['accuracy']:.1f}%", f"{100 * tally['low']:.1f} to {100 * tally['high']:.1f}%"]
            assert wanted in rows, (split, kind)


def test_the_page_is_one_file_and_every_picture_has_words(committed):
    """Guards against a page that is empty on another computer, or for somebody who cannot see."""
    assert len(committed.pictures) >= 5 + 4 + 8         # of the run, of the bench, of the probes
    assert sum("what each of them says" in picture["alt"] for picture in committed.pictures) == 2
    assert all(picture["src"].startswith("data:image/png;base64,") and len(picture["alt"]) > 20 for picture in committed.pictures)
    assert not {"script", "link", "iframe"} & set(committed.tags)


def test_every_probe_has_its_table(committed):
    """Guards against figures whose numbers nobody can read off, and a table that tells others than the result."""
    found = read_behaviour(RESULTS / "probes" / "llava-mini" / "behaviour.json").probes
    cells = [cell.strip() for cell in committed.cells]
    for row in found["counting"]["numbers"]:
        share = row["share"]
        wanted = [str(row["number"]), "yes" if row["trained"] else "no", str(share["n"]), f"{share['share']:.1%} ({100 * share['low']:.0f} to {100 * share['high']:.0f}%)"]
        assert any(cells[at:at + 4] == wanted for at in range(len(cells))), row
    for row in found["absent"]["strategies"]:
        assert f"{row['f1']:.3f}" in cells[cells.index(row["name"]):][:6]
    assert {"foreign ones: right for the picture", "bottom right", found["character"]["words"][0]["question"]} <= set(cells)


def test_bench_and_probes_are_found_by_the_weights(tmp_path, monkeypatch, capsys):
    """Guards against a page without what was measured, with that of another model, and against stumbling over a stranger's broken file."""
    runs = tmp_path / "runs"
    for name in ("bench/other", "bench/mine", "probes/broken", "probes/mine"):
        (runs / name).mkdir(parents=True)
    text = (RESULTS / "bench" / "llava-mini.json").read_text()
    (runs / "bench/mine/result.json").write_text(text)
    weights = read_result(RESULTS / "mini-full.json").weights
    (runs / "bench/other/result.json").write_text(text.replace(weights[:12], "f" * 12))
    (runs / "probes/mine/behaviour.json").write_bytes((RESULTS / "probes/llava-mini/behaviour.json").read_bytes())
    (runs / "probes/broken/behaviour.json").write_text("{")                                 # the newest
    monkeypatch.setattr(handout, "RUNS", runs)
    monkeypatch.setattr(handout, "RESULTS", tmp_path / "none")
    school = runs / "science" / "llava"                                                     # of a training that began with another model
    school.mkdir(parents=True)
    (school / "tables.md").write_text("## Table 7\n\n| a |\n|---|\n| of my own |\n")
    result = read_result(RESULTS / "mini-full.json")
    write_result(replace(result, name="llava", settings=result.settings | {"begun with": "0123456789ab"}), school / "llava.json")
    words = " ".join(Reader(handout.write(RESULTS, "mini-full", output=tmp_path / "report.html").read_text(encoding="utf-8")).words)
    assert words.count("Not measured yet") == 1 and "llava_mini.science.run" in words       # ScienceQA alone
    write_result(replace(result, name="llava", settings=result.settings | {"begun with": weights[:12]}), school / "llava.json")
    words = " ".join(Reader(handout.write(RESULTS, "mini-full", output=tmp_path / "report.html").read_text(encoding="utf-8")).words)
    assert "Not measured yet" not in words and "of my own" in words
    several = json.loads(text)                                                              # as Table 4: this model beside others of its kind
    next(row for row in several["benches"]["coco"]["rows"] if row["what"] == "untuned")["what"] = "model"
    (runs / "bench/mine/result.json").write_text(json.dumps(several))
    words = " ".join(Reader(handout.write(RESULTS, "mini-full", output=tmp_path / "report.html").read_text(encoding="utf-8")).words)
    assert words.count("Not measured yet") == 1 and "llava_mini.bench.run" in words
    assert "Not on the page, " in (said := capsys.readouterr().out) and "broken" in said and "other" not in said


def test_the_page_of_a_committed_run_lies_among_the_runs(tmp_path, monkeypatch):
    """Guards against a page of a megabyte among the committed results."""
    monkeypatch.setattr(handout, "RUNS", tmp_path)
    before = sorted(path for path in RESULTS.rglob("*"))
    assert handout.write(RESULTS, "mini-full") == tmp_path / "mini-full" / "report.html" and sorted(path for path in RESULTS.rglob("*")) == before


def test_what_is_not_measured_is_named(tmp_path, monkeypatch):
    """Guards against a chapter that is missing in silence."""
    monkeypatch.setattr(handout, "RUNS", tmp_path)
    monkeypatch.setattr(handout, "RESULTS", tmp_path)
    told = " ".join(Reader(handout.write(RESULTS, "mini-full", output=tmp_path / "report.html").read_text(encoding="utf-8")).words)
    for command in ("llava_mini.bench.run", "llava_mini.evaluation.probes", "llava_mini.science.run"):
        assert f"python -m {command}" in told
    assert told.count("Not measured yet") == 3


def test_what_a_model_said_stays_text(tmp_path):
    """Guards against an answer, a label or a name that a browser would run."""
    evil = "<script>alert(1)</script> <img src=x onerror=alert(2)> **bold** | cell"
    history = [{"step": step, "loss": 1.0, "samples": 1, "answers": [{"text": evil, "answer": "red", "given": evil}]} for step in (1, 2)]
    (tmp_path / "mini-full").mkdir()
    (tmp_path / "mini-full" / "history-tune.jsonl").write_text("\n".join(map(json.dumps, history)))
    (tmp_path / "mini-full" / "loss-tune.png").write_bytes((RESULTS / "mini-full" / "loss-tune.png").read_bytes())
    (tmp_path / "mini-full.json").write_bytes((RESULTS / "mini-full.json").read_bytes())
    page = Reader(handout.write(tmp_path, "mini-full").read_text(encoding="utf-8"))
    assert "script" not in page.tags and all("onerror" not in picture for picture in page.pictures)
    assert " ".join(page.words).count("<script>alert(1)</script>") == 3


def test_tables_by_hand():
    """Guards against rows that lose a cell, and a separator that becomes a row."""
    html = table(["## Head", "| a | b |", "|---|---|", "| 1 | **2** |", "", "- text < text", "| c | d |", "| 3 | 4 |"])
    assert re.sub(r"\s+", "", html) == ('<h3>Head</h3><table><thead><tr><thscope="col">a</th><thscope="col">b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr>'
                                        '</tbody></table><p>text&lt;text</p><table><thead><tr><thscope="col">c</th><thscope="col">d</th></tr></thead><tbody><tr>'
                                        '<td>3</td><td>4</td></tr></tbody></table>')


def test_marks_that_a_table_hides_come_back():
    """Guards against a label that is shown with the backslashes of its Markdown."""
    assert "<td>my_model | x*`</td>" in table([r"| a | b |", r"|---|---|", r"| my\_model \| x\*\` | `2` |"]) and "<td>2</td>" in table(["| a |", "| `2` |"])
    assert "<td>95% (no letter)</td><td>3*</td>" in table(["| a | b |", "| *95% (no letter)* | 3* |"])


def test_science_shows_its_own_pictures_and_says_what_it_began_with(tmp_path):
    """Guards against pictures of ablations among those of one model, and a training that began with another one."""
    for name in ("columns.png", "layer.png"):
        (tmp_path / name).write_bytes((RESULTS / "mini-full" / "loss-tune.png").read_bytes())
    (tmp_path / "tables.md").write_text("## Table 7\n\n| a | b |\n|---|---|\n| LLaVA | 1 |\n")
    result = read_result(RESULTS / "mini-full.json")
    write_result(replace(result, name="llava", settings=result.settings | {"begun with": "0123456789ab"}), tmp_path / "llava.json")
    html = "".join(handout.science(tmp_path, result).html)
    assert html.count("<img") == 1 and "began with another model (0123456789ab)" in html
    write_result(replace(result, name="llava", settings=result.settings | {"begun with": result.weights[:12]}), tmp_path / "llava.json")
    assert "another model" not in "".join(handout.science(tmp_path, result).html)


def test_a_result_that_is_not_there_and_one_of_another_model(tmp_path):
    """Guards against a page that mixes two models, and a traceback for a wrong folder."""
    with pytest.raises(InputError, match="holds no result"):
        handout.write(tmp_path)
    result = read_result(RESULTS / "mini-full.json")
    write_result(replace(result, weights="0" * 64), tmp_path / "mini-full.json")
    with pytest.raises(InputError, match="of another model"):
        handout.write(tmp_path, "mini-full", probes_folder=RESULTS / "probes" / "llava-mini")
    with pytest.raises(InputError, match="is about .*llava-mini-.* and not about mini-full"):
        handout.write(tmp_path, "mini-full", bench_folder=RESULTS / "bench" / "llava-mini.json")
