"""paper.py and outcomes.py: one command for every run, and pages that say what the results say."""

import json
import re
from pathlib import Path

import pytest

from llava_mini import ablations, outcomes, paper, show
from llava_mini.errors import InputError
from llava_mini.evaluation.findings import DIFFER, NOISE, NOT_REPRODUCED, OTHER, REPRODUCED, SAME, Finding, find
from llava_mini.evaluation.probes.result import read_behaviour
from llava_mini.evaluation.probes.words import in_words
from llava_mini.marks import fill
from llava_mini.science import ablations as schooled

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results"


def tallies(*rights, n=400):
    return [{"n": n, "correct": right, "accuracy": right / n, "low": 0.0, "high": 1.0} for right in rights]


@pytest.fixture
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


# ---- a finding

def test_a_finding_says_which_way_and_how_far():
    """Guards against an interval of another comparison than the numbers beside it, and seeds that are counted wrong."""
    found = find(tallies(360, 364), tallies(300, 304, 308), ("a", "b"), paper=(85.1, 81.9))
    assert found.here == (pytest.approx(90.5), pytest.approx(76)) and (found.outcome, found.seeds) == (REPRODUCED, 2)
    assert found.interval[0] < 14.5 < found.interval[1] and found.interval[0] > 10
    assert find(tallies(300), tallies(360), paper=(2, 1)).outcome == NOT_REPRODUCED and find(tallies(300), tallies(302)).outcome == NOISE
    assert find(tallies(360), tallies(300)).outcome == SAME and find(tallies(300), tallies(360)).outcome == OTHER      # nothing to reproduce
    assert find(tallies(300), tallies(360), claimed=False).outcome == DIFFER
    assert find(tallies(360), tallies(300)).how == "by the 95% interval of one seed"
    assert find(tallies(360), tallies(300, 302)).how == "by the 95% interval; one of the two has a single seed"


FOUND = {"Table 4": [Finding("all", "some", (85.0, 80.0), REPRODUCED, "by one", paper=(85.1, 81.9), interval=(1.0, 9.0)),
                     Finding("some", "little", (80.0, 81.0), NOISE, "by one", interval=(-4.0, 2.0))],
         "Table 8, ScienceQA": [Finding("large", "small", (70.0, 75.0), NOT_REPRODUCED, "by two", 3, paper=(90.9, 89.8), interval=(-7.0, -3.0)),
                                Finding("full", "LoRA", (90.0, 80.0), DIFFER, "by two", 3, claimed=False, interval=(8.0, 12.0)),
                                Finding("old", "older", (70.0, 60.0), SAME, "by the two")]}


def test_only_claims_are_counted():
    """Guards against a good score by comparisons of which nobody had said anything."""
    assert outcomes.summary(FOUND) == (
        "Of 2 orders in the paper's tables 4, 8: 1 reproduced, 0 within noise, 1 the other way round. "
        "By measures or on pictures for which it has no numbers: 1 of 2 in the same order, 1 within noise, 0 the other way round.")
    assert outcomes.summary({"Table 4": FOUND["Table 4"][:1]}) == "Of 1 orders in the paper's tables 4: 1 reproduced, 0 within noise, 0 the other way round."


def test_the_table_has_a_row_for_each():
    """Guards against a finding that is lost, and the name of a part beside the rows of another."""
    rows = outcomes.table(FOUND).splitlines()[2:]
    assert len(rows) == 5 and rows[0] == "| Table 4 | all | some | 85.0 and 80.0 | +1.0 to +9.0 | 1 | 85.1 and 81.9 | reproduced |"
    assert rows[1].startswith("|  | some") and rows[2].startswith("| Table 8, ScienceQA | large") and "the two differ" in rows[3] and "| - | 1 | - |" in rows[4]


def test_the_picture_draws_each_with_its_interval():
    """Guards against a point beside its interval, a claim drawn as another outcome, and the paper's number on another row."""
    drawing = show.claims(FOUND)
    axes = drawing.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Table 4", "all above some", "some above little", "Table 8, ScienceQA", "large above small",
                                                                      "full beside LoRA", "old above older"]
    points = {(round(line.get_xdata()[0], 6), line.get_ydata()[0]): line for line in axes.lines if line.get_linestyle() == "None"}
    assert {point: line.get_marker() for point, line in points.items()} == {
        (5, 1): "o", (3.2, 1): "|", (-1, 2): "o", (-5, 4): "X", (1.1, 4): "|", (10, 5): "s", (10, 6): "P"}
    assert points[5, 1].get_markerfacecolor() != points[-1, 2].get_markerfacecolor() == "white"
    spans = {line.get_ydata()[0]: tuple(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "-" and line.get_ydata()[0] == line.get_ydata()[1]}
    assert spans == {1: (1, 9), 2: (-4, 2), 4: (-7, -3), 5: (8, 12)}
    assert "all above some: 85.0 and 80.0, reproduced (by one); the paper has 85.1 and 81.9" in drawing.alt
    with pytest.raises(InputError, match="at least one finding"):
        show.claims({"Table 4": []})


# ---- the command

def test_every_part_of_the_tables_is_in_the_plan(here, tmp_path):
    """Guards against a row of the paper's tables that the one command leaves out, and a plan that calls missing what is there."""
    steps = paper.steps([0, 1, 2], tmp_path)
    words = [step.words.split()[0] + " " + step.words.split()[1] for step in steps]
    for group in ("data", "layer", "parent", "projector", "tuning"):
        assert f"ablations {group}" in words
    for group in ("layer", "form", "start", "parent"):
        assert words.index(f"science.ablations {group}") > words.index("ablations parent")      # which begin with a stage 2 of these
    assert all(not step.there and step.missing for step in steps)
    data = next(step for step in steps if step.words.startswith("ablations data"))
    assert len(data.missing) == 12 and "--only all" in data.words and "half" not in data.words
    assert all(name in ablations.GROUPS["data"] for name in data.words.split("--only ")[1].split())
    told = paper.plan([0, 1, 2], tmp_path)
    assert len(told) == len(steps) + 4 and told[-1].startswith("About 0.0 hours ") and told[-1].endswith(", and what has a ?.")
    counts = [int(row.split(" | ")[2]) for row in told[2:2 + len(steps)]]
    assert sum(counts) == len({path for step in steps for path in step.missing}) < sum(len(step.missing) for step in steps)     # shared runs once
    there = {path.name for step in paper.steps([0], RESULTS) for path in step.there}
    assert {"mini-full.json", "conversation-seed0.json"} <= there


def test_a_result_of_another_recipe_or_model_is_missing(here, tmp_path):
    """Guards against "nothing is missing" beside numbers of an older schedule, and scores of LLaVA-Bench of another model."""
    rows = [f"ablations/data/{name}-seed0.json" for name in ("detail-reasoning", "conversation-some", "conversation")]
    for name in (*rows, "bench/llava-mini.json", "bench/table-4.json", "mini-full.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((RESULTS / name).read_bytes())

    def missing():
        return {path.name for step in paper.steps([0], tmp_path) for path in step.missing}

    assert not {"mini-full.json", "llava-mini.json", "table-4.json"} & missing() and "lora-4-seed0.json" in missing()
    result = json.loads((tmp_path / "mini-full.json").read_text("utf-8"))
    result["settings"]["profile"]["tune"]["learning_rate"] = 0.5
    result["weights"] = "0" * 64
    (tmp_path / "mini-full.json").write_text(json.dumps(result), "utf-8")
    assert {"mini-full.json", "llava-mini.json", "table-4.json"} <= missing()         # of its four models one has changed


def test_a_pair_of_another_llava_is_missing(here, tmp_path):
    """Guards against hours of runs that end with "pair.json is of another LLaVA"."""
    for name in ("llava.json", "text.json", "pair.json"):
        (tmp_path / "science").mkdir(exist_ok=True)
        (tmp_path / "science" / name).write_bytes((RESULTS / "science" / name).read_bytes())

    def missing():
        return next({path.name for path in step.missing} for step in paper.steps([0], tmp_path) if step.words.startswith("science.pair"))

    assert not missing()
    for name, part in (("llava.json", {"weights": "0" * 64}), ("text.json", {"settings": {"profile": {}}})):
        path = tmp_path / "science" / name
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | part), "utf-8")
    assert missing() == {"text.json", "pair.json"}


def test_what_is_missing_is_run_and_a_failure_stops_it(here, monkeypatch, capsys):
    """Guards against hours of work that is there already, and against a page after a run that did not end."""
    asked = []
    steps = [paper.Step("first --seeds 0", lambda words: asked.append(words) or 0, [Path("a")], []),
             paper.Step("second --seeds 0", lambda words: asked.append(words) or 0, [], [Path("b")]),
             paper.Step("third x", lambda words: 1, [], [Path("c")])]
    monkeypatch.setattr(paper, "steps", lambda seeds: steps)
    monkeypatch.setattr(outcomes, "tell", lambda: pytest.fail("told"))
    assert paper.main(["--seeds", "0"]) == 1
    assert asked == [["--seeds", "0"]] and "llava_mini.third x did not end well" in capsys.readouterr().err


def test_the_hours_are_those_of_the_longest_run_of_the_same_command(here, tmp_path):
    """Guards against fine-tuning of half an hour that is told to take as long as the main job."""
    path = tmp_path / "science" / "llava.json"
    path.parent.mkdir(parents=True)
    path.write_bytes((RESULTS / "science" / "llava.json").read_bytes())
    taken = sum(json.loads(path.read_text("utf-8"))["timings"].values()) / 3600
    row = next(line for line in paper.plan([0, 1, 2], tmp_path) if "`science.ablations form " in line)
    assert row.endswith(f" | 1 | 3 | {3 * taken:.1f} |") and f"About {17 * taken:.1f} hours" in paper.plan([0, 1, 2], tmp_path)[-1]


# ---- the pages

def test_the_pages_are_those_of_the_results(here):
    """Guards against figures that drift from what was measured; ``python -m llava_mini.paper --show`` puts them right."""
    assert (RESULTS / "README.md").read_text("utf-8") == outcomes.page()
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.split("<!-- claims -->\n")[1].split("\n<!-- /claims -->")[0] == outcomes.summary(outcomes.findings())
    probes = (ROOT / "llava_mini" / "evaluation" / "README.md").read_text("utf-8")
    for name, told in in_words(read_behaviour(RESULTS / "probes" / "llava-mini" / "behaviour.json")).items():
        assert probes.split(f"<!-- probe-{name} -->\n")[1].split(f"\n<!-- /probe-{name} -->")[0] == told, name
    school = (ROOT / "llava_mini" / "science" / "README.md").read_text("utf-8")
    for mark, told in outcomes.school_page().items():
        assert school.split(f"<!-- {mark} -->\n")[1].split(f"\n<!-- /{mark} -->")[0] == told, mark


@pytest.mark.parametrize(("module", "group"), [(module, group) for module in (ablations, schooled) for group in module.GROUPS])
def test_the_tables_of_the_groups_are_those_of_their_results(module, group, here, monkeypatch):
    """Guards against a table that was edited by hand, or left from earlier results."""
    kept = {}
    monkeypatch.setattr(module, "keep", lambda path, data: kept.setdefault(path, data) and path)
    files = module.tell(group, module.Job(module.here(module.profile("mini"))))
    path = module.FOLDER / f"{group}.md"
    assert kept[path] == path.read_bytes() and all(file.exists() for file in files)


def test_a_group_of_main_jobs_alone_is_told(here, tmp_path):
    """Guards against a table of an older form, because nothing lies in the group's own folder."""
    for name in ("mini-full.json", "mini-lora.json"):
        (tmp_path / name).write_bytes((RESULTS / name).read_bytes())
    written = {path.relative_to(tmp_path).as_posix() for path in outcomes.tell(tmp_path)}
    assert {"ablations/tuning.md", "README.md", "claims.png"} <= written and not any(name.startswith("science/") for name in written)


def test_every_link_of_the_page_leads_somewhere(here):
    """Guards against a dead picture, and a file that the page names and nobody has."""
    text = (RESULTS / "README.md").read_text("utf-8")
    assert all((RESULTS / name).is_file() for name in re.findall(r"\]\(([^)#]+)\)", text))
    names = re.findall(r"`([\w*./-]+(?:\.json|/))`", text.split("## The other files")[1])
    assert "ablations/" in names and all(list(RESULTS.glob(name.rstrip("/"))) for name in names if name != "science/")        # that one is there once it was run


def test_runs_made_again_on_another_machine_stand_beside_the_first(here, tmp_path):
    """Guards against a difference of machines that is told with the numbers the wrong way round, and a sentence about nothing."""
    assert outcomes.elsewhere(tmp_path) == ""
    first = json.loads((RESULTS / "mini-full-seed1.json").read_text("utf-8"))
    again = json.loads(json.dumps(first))
    again["machine"]["processor"], again["settings"]["precision"] = "B", {"align": "bf16", "tune": "bf16"}
    again["accuracy"]["test"]["true"] = again["accuracy"]["test"]["guess"]
    (tmp_path / "other-machine").mkdir()
    (tmp_path / "mini-full-seed1.json").write_text(json.dumps(first), "utf-8")
    (tmp_path / "other-machine" / "mini-full-seed1.json").write_text(json.dumps(again), "utf-8")
    one, other = (100 * report["accuracy"]["test"]["true"]["all"]["accuracy"] for report in (first, again))
    assert outcomes.elsewhere(tmp_path).endswith(f": mini-full-seed1 {one:.1f}% on {first['machine']['processor']}, {other:.1f}% on B in bf16.") and one > 2 * other


def test_without_results_there_is_no_page(here, tmp_path):
    """Guards against a page that says of nothing that all of it came out."""
    with pytest.raises(InputError, match="no result to hold against a claim"):
        outcomes.page(tmp_path)


def test_a_place_is_filled_and_nothing_else_changes(tmp_path):
    """Guards against a table in the wrong place, and a page rewritten for nothing."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\nold\n<!-- /y -->\n", "utf-8")
    assert fill(page, {"y": "new\nlines"}) == ["y"] and fill(page, {"x": "old", "y": "new\nlines"}) == []
    assert page.read_text("utf-8") == "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\nnew\nlines\n<!-- /y -->\n"
    with pytest.raises(InputError, match="page.md: there is no place for z"):
        fill(page, {"z": ""})
