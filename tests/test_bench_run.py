"""LLaVA-Bench from end to end: who takes it, the result file, and the tables and pictures that are made from it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from llava_mini import show
from llava_mini.bench import baselines, benchmark, reliability, resampling, result, rules, run, tables, takers, verdicts
from llava_mini.bench.baselines import Shot
from llava_mini.bench.judge import SETTINGS
from llava_mini.bench.schema import Answer, Question, write_answers
from llava_mini.bench.takers import Bench, Taker, candidates
from llava_mini.errors import InputError
from llava_mini.instruct.connection import OFFLINE
from llava_mini.instruct.prices import Price, price

CONTEXT = "A red dog on the beach on a sunny day.\n\ndog: [0.1, 0.5, 0.3, 0.8]"
QUESTIONS = [Question(0, "0.png", "What colour is the dog?", "conv", "colour", "red"), Question(1, "0.png", "Describe the picture in detail.", "detail"),
             Question(2, "1.png", "Is there a dog?", "conv", "is-there", "yes"), Question(3, "1.png", "Why might people come here?", "complex")]
REFERENCES = ["The dog is red.", "We are on the beach and the sun is shining. There is a red dog on the left.", "Yes.", "They may want to bathe, because the sun is shining."]
FREE = {"settings": replace(SETTINGS, model=OFFLINE), "price": Price(0, 0), "budget": None, "concurrency": 4, "attempts": 2}


def small(folder: Path) -> list[Bench]:
    """Two benchmarks with the same questions."""
    (folder / "pictures").mkdir()
    for n in range(3):
        Image.effect_noise((40, 40), 60 + 40 * n).convert("RGB").save(folder / "pictures" / f"{n}.png")
    data = benchmark.Benchmark("small", QUESTIONS, {str(n): CONTEXT for n in range(4)}, {str(n): Answer(n, text, f"r{n}") for n, text in enumerate(REFERENCES)})
    return [Bench("coco", "the first", data, folder / "pictures"), Bench("wild", "the second", data, folder / "pictures")]


@pytest.fixture
def benches(tmp_path):
    return small(tmp_path)


def given(folder: Path, name: str, texts, files=("coco", "wild")) -> Path:
    for file in files:
        write_answers(folder / name / f"{file}.jsonl", QUESTIONS[:len(texts)], texts, name)
    return folder / name


def held(folder, benches, who, **options) -> dict:
    return run.run(who, benches, folder, judging=options.pop("judging", FREE), quiet=True, **options)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a run over two candidates, one of them with two seeds."""
    place = tmp_path_factory.mktemp("run")
    who = [Taker("good", "answers", given(place, "good", REFERENCES)), Taker("bad", "answers", given(place, "bad", ["Blue.", "A cow.", "No.", "A dog."])),
           Taker("bad", "answers", given(place, "worse", ["Green.", "A cow.", "", "A cow."]), 2)]
    held(place / "out", small(place), who)
    return place / "out"


@pytest.fixture
def found(out):
    """Its result, for each test anew."""
    return result.read(out / "result.json")


def test_a_model_and_all_its_baselines(tmp_path, benches, tiny_model, monkeypatch):
    """Guards against a baseline that is missing, asked with the wrong picture or by the wrong model, and against a second run that asks again."""
    monkeypatch.setattr(takers, "LONGEST", 5)
    monkeypatch.setattr(baselines, "LONGEST", 5)
    tiny_model.save_pretrained(tmp_path / "tiny", kind="full")
    loaded = []
    options = {"load": lambda folder: loaded.append(folder.name) or tiny_model, "stage_1": lambda: loaded.append("stage 1") or (tiny_model, "from here"),
               "shots": [Shot(tmp_path / "pictures" / "2.png", "Is there a cat?", "No.")]}
    who = candidates([f"LLaVA={tmp_path / 'tiny'}"])
    benches = benches[:1]
    found = held(tmp_path / "out", benches, list(who), **options)
    rows = {row["what"]: row for row in found["benches"]["coco"]["rows"]}
    assert list(rows) == ["few-shot", "captioner", "untuned", "blind", "shuffled", "model"] and loaded == ["tiny", "stage 1"]      # each once
    assert rows["few-shot"]["note"] == "1 examples in front of the question; from here" and {row["label"] for row in rows.values()} >= {"LLaVA", "LLaVA, no picture", "captioner (stage 1)"}
    shown = {what: [json.loads(line)["metadata"]["image"] for line in (tmp_path / "out" / row["runs"][0]["answers"]).read_text().splitlines()] for what, row in rows.items()}
    assert shown["blind"] == [None] * 4 and shown["shuffled"] == ["1.png", "1.png", "0.png", "0.png"] and shown["model"] == shown["captioner"] == ["0.png", "0.png", "1.png", "1.png"]
    assert found["benches"]["coco"]["panel"]["of"] == "LLaVA" and all(row["runs"][0]["scores"]["headline"] is not None for row in rows.values())
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    monkeypatch.setattr(rules, "write", lambda *args, **options: pytest.fail("asked again"))
    assert held(tmp_path / "out", benches, list(who), **options) == found
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}


def test_the_result_tells_what_the_scores_stand_on(found, out):
    """Guards against scores of which nobody knows the judge, the words, the questions or the verdicts."""
    assert found["judge"]["model"] == OFFLINE and found["judge"]["served"] == [rules.name()] and len(found["judge"]["prompt"]) == 12 and found["judge"]["from"][:2] == "20"
    assert {"python", "torch", "transformers"} <= set(found["versions"]) and found["seeds"]["intervals"] == 0
    bench = found["benches"]["coco"]
    assert (bench["questions"], bench["pictures"], len(bench["fingerprint"])) == (4, 2, 12)
    good, bad = bench["rows"]
    assert good["runs"][0]["scores"]["headline"] == 100 and len(bad["runs"]) == 2 and bad["runs"][0]["model"] == "bad"
    for one in (*good["runs"], *bad["runs"]):
        assert len((out / one["reviews"]).read_text().splitlines()) == 4 and (out / one["answers"]).is_file()
    assert bench["images"] == {"0": "0.png", "1": "0.png", "2": "1.png", "3": "1.png"} and good["runs"][0]["seed"] is None
    assert {name: pair[0] for name, pair in good["runs"][0]["pairs"].items()} == {name: pair[1] for name, pair in good["runs"][0]["pairs"].items()}
    assert good["runs"][0]["agreement"] == {"right": 2, "wrong": 0, "judged right": 2, "judged wrong": 0, "mean of right": 10.0, "mean of wrong": None, "higher": None}
    assert bad["runs"][0]["agreement"]["wrong"] == 2 and bench["panel"]["of"] == "bad" and bench["panel"]["trials"]["itself"]["scores"]["headline"] == 100


def test_tables_are_made_from_the_result(found):
    """Guards against an interval, a coverage or a mean over seeds that is not what the file says."""
    lines = tables.relative_table(found, "coco")
    assert lines[0] == "| the first | conversation | detail | complex | all | judged | exactly right |" and lines[2].startswith("| good | 100.0 (100.0 to 100.0) |")
    bad = found["benches"]["coco"]["rows"][1]["runs"]
    shares = [one["scores"]["all"]["relative"] for one in bad]
    low, high = found["benches"]["coco"]["rows"][1]["intervals"]["all"]
    assert f"{sum(shares) / 2:.1f} ({low:.1f} to {high:.1f}; seeds {min(shares):.1f} to {max(shares):.1f})" in lines[3] and "bad (2 seeds)" in lines[3] and "8 of 8" in lines[3] and lines[3].endswith("| 0.0 of 2 |")
    panel = tables.panel_table(found, "coco")
    assert len(panel) == 2 + len(reliability.TRIALS) and "| again | 4 of 4 |" in panel[-2] and panel[-1].endswith("| low scores |") and "+0.00 (0.0% of the answers)" in panel[3] and "relative score 100" in panel[4]
    assert "2 exactly right answers of all rows have a mean score of 10.00, 4 wrong ones of" in tables.agreement_line(found, "coco")
    found["benches"]["coco"]["panel"]["agreement"]["higher"] = 0.875
    assert "Of bad's answers a right one has the higher score in 87.5% of all pairs" in tables.agreement_line(found, "coco")
    assert "In brackets: the bootstrap 95% interval over pictures; where a row has several seeds also the range over the seeds." in tables.whole(found)
    assert OFFLINE in tables.judge_line(found) and "$" not in tables.judge_line(found) and tables.whole(found).count("| the first |") == 2


def test_the_example_is_of_all_candidates_with_their_scores(out):
    """Guards against a picture of one candidate's best answer, or with another question's score."""
    words = Image.open(out / "coco-example.png").info["Description"].splitlines()
    assert words[0].endswith("Why might people come here?") and words[1].startswith("reference") and words[2] == f"good (8 of 10): {REFERENCES[3]}"
    assert words[3] == "bad (3 of 10): A dog." and len(words) == 4


def test_the_cost_of_a_real_judge_by_hand(found):
    """Guards against an estimate that is off by the number of verdicts, or of tokens for a million."""
    found["judge"] |= {"verdicts": 1000, "prompt_tokens": 500_000}
    each = price("gpt-4o").of(500, 150)
    assert tables.cost_table(found)[2] == f"| gpt-4o | ${1000 * each:.2f} | ${8 * each:.2f} |" and 0 < 1000 * each < 100


def test_no_overall_score_where_a_verdict_is_lacking(tmp_path, benches, capsys):
    """Guards against a mean over the questions that happened to be answered, in the table and in the picture."""
    found = held(tmp_path / "out", benches[:1], [Taker("half", "answers", given(tmp_path, "half", REFERENCES[:2]))], with_panel=False)
    line = tables.relative_table(found, "coco")[2]
    assert line.split(" | ")[4] == "-" and "2 of 4" in line and "questions without answers: 2 of 4" in tables.whole(found)
    assert line.split(" | ")[1] == "100.0 (100.0 to 100.0; 1 of 2)" and line.split(" | ")[2] == "100.0 (100.0 to 100.0)"
    drawing = show.relative_scores(found["benches"]["coco"])
    assert "no score, 2 of 4 judged" in drawing.alt and "conversation 100.0 (100.0 to 100.0, 1 of 2 judged); detailed description 100.0 (" in drawing.alt
    assert "100.0 (1 of 2)" in [text.get_text() for axes in drawing.figure.axes for text in axes.texts]


def row_of(label, *shares, what="model", pairs=None):
    """A row as in a result, of format 1 without ``pairs``."""
    tallies = [{"relative": share, "low": share - 5, "high": share + 5, "judged": 90, "asked": 90} for share in shares]
    return {"label": label, "what": what, "runs": [{"scores": {"all": tally, "headline": tally["relative"], "kinds": {}}, "pairs": pairs} for tally in tallies]}


def verdicts_of(*rows, bench="coco", **about):
    return verdicts.verdicts({"benches": {bench: {"rows": rows, **about}}}, bench)


def test_the_order_of_table_4_gets_its_verdict():
    """Guards against a difference of noise that is called a finding, rows that nobody compares, and an order that is turned round."""
    rows = (row_of("conversation", 60, 62), row_of("all", 80, 82), row_of("detail + reasoning", 79, 81), row_of("no instruction tuning", 57, what="untuned"))
    told = verdicts_of(*rows)
    seeds = "by the 95% intervals of the two; the ranges over the seeds"
    assert told == [f"all above detail + reasoning? 81.0 and 80.0 (paper: 85.1 and 81.9): within noise ({seeds} meet).",
                    f"detail + reasoning above conversation? 80.0 and 61.0 (paper: 81.9 and 73.8): reproduced ({seeds} do not meet).",
                    "conversation above no instruction tuning? 61.0 and 57.0 (paper: 73.8 and 21.5): within noise (by the 95% intervals of the two).",
                    f"all above conversation? 81.0 and 61.0 (paper: 85.1 and 73.8): reproduced ({seeds} do not meet).",
                    "all above no instruction tuning? 81.0 and 57.0 (paper: 85.1 and 21.5): reproduced (by the 95% intervals of the two)."]
    assert "paper" not in "".join(verdicts_of(*rows, bench="wild"))             # its Table 4 is on COCO's photographs
    assert "not reproduced: it is the other way round" in verdicts_of(row_of("all", 50), row_of("conversation", 70))[0]
    assert verdicts_of(row_of("LLaVA-mini", 80), row_of("no instruction tuning", 20, what="untuned")) == []
    lacking = row_of("all", 80)
    lacking["runs"][0]["scores"]["headline"] = None
    assert verdicts_of(lacking, row_of("conversation", 20)) == []


def test_seeds_and_pictures_must_both_tell_two_rows_apart():
    """Guards against "reproduced" by three seeds on a handful of pictures, or by many pictures of seeds that overlap."""
    images = {str(n): f"{n}.png" for n in range(40)}
    good, bad, other = ({name: [10, score(int(name))] for name in images} for score in (lambda n: 8, lambda n: 4, lambda n: 10 if n % 2 else 5.6))
    near, far = row_of("conversation", 77, 79, pairs=other), row_of("conversation", 40, 42, pairs=bad)
    every = row_of("all", 80, 82, pairs=good)
    assert "reproduced (95% interval of the difference: +40.0 to +40.0; the ranges over the seeds do not meet)." in verdicts_of(every, far, images=images)[0]
    told = verdicts_of(every, near, images=images)[0]                           # seeds that do not meet, and pictures that leave it open
    assert "within noise" in told and "the ranges over the seeds do not meet" in told
    told = verdicts_of(every, row_of("conversation", 70, 81, pairs=bad), images=images)[0]
    assert "within noise" in told and "the ranges over the seeds meet" in told and "+40.0" in told
    alone = verdicts_of(row_of("all", 80, pairs=good), row_of("conversation", 40, pairs=bad), images=images)[0]
    assert alone.endswith("reproduced (95% interval of the difference: +40.0 to +40.0).")


def test_the_interval_of_several_seeds_is_that_of_their_mean():
    """Guards against three seeds that agree on a handful of pictures, and a page that calls that certain.

    Of two pictures a quarter of all draws has the first one twice and another quarter the second, so the interval ends there: with
    seeds at 8 and 6 of 10 on the first picture and at 4 and 2 on the second that is 70 and 30.
    """
    runs = [{"0": [10, 8], "1": [10, 4]}, {"0": [10, 6], "1": [10, 2]}]
    assert resampling.of_mean(runs, {"0": "a.png", "1": "b.png"}) == pytest.approx((30, 70))
    assert resampling.of_mean(runs, {"0": "a.png", "1": "a.png"}) == pytest.approx((50, 50))            # one picture is always drawn
    assert resampling.of_mean([runs[0] | {"2": [10, 10]}, runs[1]], {"0": "a.png", "1": "b.png", "2": "b.png"}) == pytest.approx((30, 70))
    found = result.intervals(runs, {"0": "a.png", "1": "b.png"}, {"0": "conv", "1": "detail"})
    assert found == {"conv": [70, 70], "detail": [30, 30], "all": [30, 70]}


def test_table_4_is_told_by_kind_too():
    """Guards against "in every column" of which nobody asked the interval, and the paper's number of another column."""
    images, kinds = {str(n): f"{n // 3}.png" for n in range(60)}, {str(n): ("conv", "detail", "complex")[n % 3] for n in range(60)}

    def row(label, *scores):
        pairs = {name: [10, scores[int(name) % 3]] for name in images}
        tallies = [{"relative": 10 * score, "judged": 20, "asked": 20} for score in scores]
        run = {"pairs": pairs, "scores": {"all": {"relative": 10 * sum(scores) / 3}, "headline": 1, "kinds": dict(zip(("conv", "detail", "complex"), tallies))}}
        return {"label": label, "what": "model", "runs": [run]}

    part = {"title": "Bench", "rows": [row("conversation", 9, 2, 6), row("all", 8, 5, 6)], "images": images, "kinds": kinds}
    told = verdicts.by_kind({"benches": {"coco": part}}, "coco")
    assert [(one.here, one.paper, one.outcome) for one in told["conversation"]] == [
        ((80, 90), (83.1, 76.5), "not reproduced: it is the other way round"), ((50, 20), (75.3, 59.8), "reproduced"), ((60, 60), (96.5, 84.9), "within noise")]
    lines = tables.kinds_table({"benches": {"coco": part}}, "coco")
    assert lines[0] == "| Bench: `all` above | conversation | detail | complex |"
    assert lines[2] == ("| conversation | -10.0 (-10.0 to -10.0), not reproduced; paper +6.6 | +30.0 (+30.0 to +30.0), reproduced; paper +15.5 | "
                        "+0.0 (+0.0 to +0.0), within noise; paper +11.6 |")
    assert tables.kinds_table({"benches": {"wild": part}}, "wild")[2].count("paper") == 0
    assert tables.kinds_table({"benches": {"coco": part | {"kinds": {}}}}, "coco") == []


def test_the_difference_draws_the_same_pictures_for_both():
    """Guards against two rows that differ on every picture by the same, and are called alike because the pictures differ."""
    images = {str(n): f"{n}.png" for n in range(20)}
    hard = {name: [10, 1 + int(name) % 9] for name in images}
    better = {name: [10, pair[1] + 1] for name, pair in hard.items()}
    one, other = row_of("a", 60, pairs=better), row_of("b", 50, pairs=hard)
    one, other = ([run["pairs"] for run in row["runs"]] for row in (one, other))
    assert resampling.of_difference(one, other, images) == pytest.approx((10, 10)) and resampling.of_difference(other, one, images) == pytest.approx((-10, -10))


def test_table_5_gets_its_verdicts_too():
    """Guards against a table whose order nobody checks, and the paper's numbers beside another benchmark than theirs."""
    rows = (row_of("few", 20, what="few-shot"), row_of("captioner (stage 1)", 40, what="captioner"), row_of("M, no picture", 72, what="blind"),
            row_of("M, another's picture", 30, what="shuffled"), row_of("M", 70))
    told = verdicts_of(*rows, bench="wild")
    assert told == ["M above captioner (stage 1)? 70.0 and 40.0 (paper, LLaVA and BLIP-2: 67.3 and 38.1): reproduced (by the 95% intervals of the two).",
                    "captioner (stage 1) above few? 40.0 and 20.0 (paper, BLIP-2 and OpenFlamingo: 38.1 and 19.1): reproduced (by the 95% intervals of the two).",
                    "M beside M, no picture: 70.0 and 72.0, within noise (by the 95% intervals of the two).",
                    "M above M, another's picture? 70.0 and 30.0: as it should be (by the 95% intervals of the two)."]
    assert [line.split(": ")[0] for line in verdicts_of(*rows)][:2] == ["M above captioner (stage 1)? 70.0 and 40.0", "captioner (stage 1) above few? 40.0 and 20.0"]
    assert "paper" not in "".join(verdicts_of(*rows))


def test_names_cannot_break_a_table():
    """Guards against a label that adds a column, or a tag that a page would run."""
    assert tables._plain("a|b <script>\n`c`") == "a\\|b \\<script\\> \\`c\\`"


def test_a_page_is_filled_and_told_apart_from_one_that_is_not(found, tmp_path):
    """Guards against tables in a page that nobody made from the files."""
    page, folder = tmp_path / "page.md", tmp_path / "results"
    page.write_text("# Page\n" + "".join(f"<!-- {mark} -->\nold\n<!-- /{mark} -->\n" for mark in tables.FILES))
    assert tables.fill(page, folder) == list(tables.FILES) and page.read_text().count("No such result is committed yet") == 4
    result.write(found, folder / "llava-mini.json")
    assert tables.fill(page, folder) == ["table-5", "panel", "cost"] and tables.fill(page, folder) == []
    (folder / "llava-mini-coco.png").write_bytes(b"")
    assert tables.fill(page, folder) == ["table-5"] and "![Relative scores of all candidates (the first)](../../" in page.read_text()
    text = page.read_text()
    assert text.startswith("# Page\n<!-- table-5 -->\n| the first |") and text.count("| the second |") == 2 and text.count("not committed") == 0
    page.write_text("# Page")
    with pytest.raises(InputError, match="no place for table-5"):
        tables.fill(page, folder)


@pytest.mark.parametrize("harm, told", [
    (lambda r: r.pop("judge"), "field judge"), (lambda r: r["benches"]["coco"]["rows"][0]["runs"][0]["scores"]["all"].update(relative=99.0), "good.all.relative"),
    (lambda r: r["benches"]["coco"]["rows"][0]["runs"][0]["scores"]["all"].update(judged=3), "good.all"), (lambda r: r.update(format=3), "field format"),
    (lambda r: r["benches"]["coco"]["rows"][0].update(runs=[]), "no run"),
    (lambda r: r["benches"]["coco"]["rows"][0]["runs"][0]["pairs"].update({"0": [10, 1]}), "good.pairs: they do not add up"),
    (lambda r: r["benches"]["coco"]["images"].pop("0"), "a question without a picture"), (lambda r: r["benches"]["coco"]["rows"][0]["runs"][0].update(seed="0"), "good.seed")])
def test_a_result_that_was_changed_by_hand_is_refused(found, tmp_path, harm, told):
    """Guards against a prettier number that finds its way into a table."""
    harm(found)
    (tmp_path / "harmed.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match=told):
        result.read(tmp_path / "harmed.json")


def test_a_result_of_the_format_before_is_read(found, tmp_path):
    """Guards against a committed result that nobody can read any more, and tables that need what it has not."""
    old = found | {"format": 1}
    for part in old["benches"].values():
        part.pop("images")
        part["panel"].pop("agreement")
        for one in (one for row in part["rows"] for one in row["runs"]):
            one.pop("pairs"), one.pop("seed")
            one["agreement"] = {name: value for name, value in one["agreement"].items() if not name.startswith("judged")}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert "exactly right answers of all rows" in tables.whole(result.read(tmp_path / "old.json"))


def test_who_takes_part(tmp_path, tiny_model):
    """Guards against a checkpoint taken for a file of answers, seeds that overwrite each other, and names that share a file."""
    tiny_model.save_pretrained(tmp_path / "model", kind="full")
    shutil.copytree(tmp_path / "model", tmp_path / "other")
    answers = given(tmp_path, "theirs", REFERENCES)
    alone = candidates([str(tmp_path / "model")])
    assert [taker.what for taker in alone] == ["few-shot", "captioner", "untuned", "blind", "shuffled", "model"] and alone[-1].label == tmp_path.name
    several = candidates([f"A={tmp_path / 'model'}", f"A={tmp_path / 'other'}", str(answers)], ["untuned"])
    assert [(t.label, t.what, t.number) for t in several] == [("no instruction tuning", "untuned", 1), ("A", "model", 1), ("A", "model", 2), ("theirs", "answers", 1)]
    bench = Bench("coco", "", None)
    assert [t.answers(tmp_path, bench).name for t in several] == ["no-instruction-tuning.jsonl", "a.jsonl", "a-2.jsonl", "theirs.jsonl"]
    assert [t.what for t in candidates([str(tmp_path / "model")], ["none"])] == ["model"] and [t.what for t in candidates([str(answers)])] == ["answers"]
    for texts, chosen, match in (([str(tmp_path / "nobody")], None, "no checkpoint and no file"), ([str(answers)], ["blind"], "without its picture"),
                                 ([f"a b={answers}", f"a-b={answers}"], None, "same files")):
        with pytest.raises(InputError, match=match):
            candidates(texts, chosen)


def test_models_of_two_runs_are_two_candidates(tmp_path, tiny_model):
    """Guards against runs/a/model and runs/b/model, both called "model" and averaged as two seeds in silence; a seed is told where the run knows it."""
    for name in ("a", "b"):
        tiny_model.save_pretrained(tmp_path / name / "model", kind="full")
    (tmp_path / "b" / "b.json").write_text('{"seed": 3}')
    both = candidates([str(tmp_path / "a" / "model"), str(tmp_path / "b" / "model")])
    assert [(taker.label, taker.number, taker.seed) for taker in both] == [("a", 1, None), ("b", 1, 3)] and takers.name_of(tmp_path / "a") == "a"
    shutil.copytree(tmp_path / "a", tmp_path / "other" / "a")
    same = [str(tmp_path / "a" / "model"), str(tmp_path / "other" / "a" / "model")]
    with pytest.raises(InputError, match="both called 'a'; give them names"):
        candidates(same)
    assert [taker.number for taker in candidates([f"A={one}" for one in same])] == [1, 2]


def test_what_is_missing_is_said_before_anything_is_asked(tmp_path, benches):
    """Guards against an hour of answers before a missing file is noticed."""
    never = {"load": lambda folder: pytest.fail("loaded")}
    one = given(tmp_path, "one", REFERENCES, files=("coco",))
    with pytest.raises(InputError, match="no answers for the benchmark wild"):
        held(tmp_path / "out", benches, [Taker("m", "model", tmp_path), Taker("one", "answers", one)], **never)
    with pytest.raises(InputError, match="one file of answers and there are 2 benchmarks"):
        held(tmp_path / "out", benches, [Taker("one", "answers", one / "coco.jsonl")], **never)
    with pytest.raises(InputError, match="no pictures are given"):
        held(tmp_path / "out", [replace(benches[0], pictures=None)], [Taker("m", "model", tmp_path)], **never)


def test_a_judge_that_costs_needs_a_budget_and_keeps_to_it_over_all_files(tmp_path, benches, capsys):
    """Guards against a budget that is granted anew to every candidate."""
    dear = FREE | {"settings": replace(FREE["settings"], max_tokens=200), "price": Price(1000.0, 1000.0)}
    who = [Taker(name, "answers", given(tmp_path, name, REFERENCES)) for name in ("a", "b", "c")]
    with pytest.raises(InputError, match="give --budget"):
        held(tmp_path / "out", benches, who, judging=dear, transport=rules.transport(), with_panel=False)
    assert "24 verdicts to come" in capsys.readouterr().out and not list((tmp_path / "out").glob("*/reviews/*.jsonl"))
    with pytest.raises(InputError, match="budget of"):
        held(tmp_path / "out", benches, who, judging=dear | {"budget": 4.0}, transport=rules.transport(), with_panel=False)
    spent = [json.loads(line)["cost"] for path in (tmp_path / "out").glob("*/reviews/*.jsonl") for line in path.read_text().splitlines()]
    assert 0 < sum(spent) <= 4.0 and len(spent) >= 3


def test_the_pictures_say_what_the_file_says(found, out):
    """Guards against a figure without words, or with other numbers than the table."""
    drawing = show.relative_scores(found["benches"]["coco"])
    assert drawing.alt.startswith("the first: score relative to the reference, with the 95% interval over pictures and a short line for each seed:")
    for rows, words in ((found["benches"]["coco"]["rows"][:1], "the 95% interval over pictures"),
                        (found["benches"]["coco"]["rows"][1:], "the 95% interval over pictures and a short line for each seed")):
        one = show.relative_scores(found["benches"]["coco"] | {"rows": rows})
        assert one.alt.splitlines()[0].endswith(f"with {words}:") and one.figure._supxlabel.get_text().endswith(f"(dashed), with {words}")
    assert "good (4 of 4 judged): conversation 100.0 (100.0 to 100.0)" in drawing.alt and "bad (8 of 8 judged, 2 seeds)" in drawing.alt
    assert Image.open(out / "coco.png").width > 600 and Image.open(out / "coco.png").info["Description"] == drawing.alt
    place = out.parent / "pictures" / "0.png"
    picture = show.answers_beside(place, "Why?", [show.Said("good", "Because $x$ <b>so</b>.", 9), show.Said("bad", "")])
    assert "good (9 of 10): Because $x$ <b>so</b>." in picture.alt and "bad: (nothing)" in picture.alt and len(picture.png()) > 1000
    with pytest.raises(InputError):
        show.answers_beside(place, "Why?", [])


def test_the_command_on_the_real_files(tmp_path, real, capsys, monkeypatch):
    """Guards against a command that runs on our own benchmarks only: GPT-4's references and the same ones moved to the next picture, all 90 questions."""
    monkeypatch.delenv("OPENAI_MODEL", raising=False)
    rows = [json.loads(line) for line in (real / "qa90_gpt4_answer.jsonl").read_text().splitlines()]
    moved = [row | {"text": rows[(n + 3) % 90]["text"], "answer_id": f"moved-{n}"} for n, row in enumerate(rows)]
    (tmp_path / "moved.jsonl").write_text("".join(json.dumps(row) + "\n" for row in moved))
    files = ["--bench", real / "qa90_questions.jsonl", "--contexts", real / "caps_boxes_coco2014_val_80.jsonl", "--references", real / "qa90_gpt4_answer.jsonl"]
    assert run.main([f"GPT-4={real / 'qa90_gpt4_answer.jsonl'}", f"next={tmp_path / 'moved.jsonl'}", *map(str, files), "--folder", str(tmp_path / "out"), "--no-panel"]) == 0
    found = result.read(tmp_path / "out" / "result.json")
    gpt, other = found["benches"]["qa90_questions"]["rows"]
    assert gpt["runs"][0]["scores"]["headline"] == 100 and gpt["runs"][0]["scores"]["all"]["judged"] == 90 and other["runs"][0]["scores"]["headline"] < 60
    assert "| GPT-4 | 100.0" in capsys.readouterr().out and (tmp_path / "out" / "qa90_questions.png").is_file()
    assert run.main(["x", *map(str, files[:2]), "--folder", str(tmp_path / "y")]) == 1 and "no checkpoint" in capsys.readouterr().err
