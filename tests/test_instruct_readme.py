"""llava_mini/instruct/README.md: its figures are those of the committed benchmarks, its commands those of the package."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "llava_mini" / "instruct" / "README.md").read_text(encoding="utf-8")


def result(name: str) -> dict:
    return json.loads((ROOT / "data" / "results" / f"benchmark-{name}.json").read_text("utf-8"))


def between(mark: str) -> list[str]:
    return [line for line in PAGE.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0].splitlines() if line]


def checker_table() -> list[str]:
    rates = result("checker")["sources"]["storybook"]["rates"]
    lines = ["| lie | " + " | ".join(f"told at {float(rate):.0%} | recall | precision" for rate in rates) + " |", "|---|" + "---|---|---|" * len(rates)]
    for lie in next(iter(rates.values()))["lies"]:
        rows = [found["lies"].get(lie, {"told": 0, "recall": None, "precision": None}) for found in rates.values()]
        cells = [[str(row["told"]), *("-" if row[name] is None else f"{row[name]:.3f}" for name in ("recall", "precision"))] for row in rows]
        lines.append(f"| {lie} | " + " | ".join(cell for row in cells for cell in row) + " |")
    for rate, found in rates.items():
        lines.append(f"- At {float(rate):.0%}: {found['samples']:,} texts, {found['without a lie']:,} of them without a lie; of these {found['accused without a lie']} accused.")
    return lines


def faults_told() -> list[str]:
    found = result("faults")
    return [f"{found['pictures']} pictures, {found['requests']:,} requests, {sum(found['faults'].values()):,} faulty replies, {found['kills']} times `kill -9`: "
            f"{found['requests without an answer']} requests without an answer, {found['requests with two answers']} with two, "
            f"{found['asked again although the answer lay there']} asked again although the answer lay there, {found['answers under way at a kill']} answers under way at a kill."]


def teachers_table() -> list[str]:
    lines = ["| teacher | requests | can be read | samples | set aside, or left out by the checker | seconds each |", "|---|---|---|---|---|---|"]
    for name, found in result("teachers")["teachers"].items():
        lost = ", ".join(f"{number} {what}" for part in ("set aside", "left out by the checker") for what, number in found[part].items()) or "-"
        lines.append(f"| {name} | {found['requests']} | {found['can be read']} | {found['samples']} | {lost} | {found['seconds for each']:.2f} |")
    return lines


def scale_table() -> list[str]:
    samples, concepts = result("read-samples"), result("concepts")
    door = samples["doors"]["read .json"]
    rows = [(f"a list of all samples of a file of {samples['samples']:,}", door["seconds"]["median"], door["processor"]["median"], door["peak_gb"]["median"], samples["aims"]),
            (f"concept balance of {concepts['captions']:,} captions", concepts["seconds"]["all"], concepts["seconds"]["of the processor"],
             concepts["memory"]["peak"] * 2 ** 20 / 1e9, concepts["aims"])]
    lines = ["| what | seconds | of the processor | peak memory | aims |", "|---|---|---|---|---|"]
    for what, seconds, processor, memory, aims in rows:
        reached = "; ".join(f"{aim['aim']:g} {'s' if 'seconds' in aim['what'] else 'GB'} {'reached' if aim['reached'] else 'NOT reached'}" for aim in aims)
        lines.append(f"| {what} | {seconds:.1f} | {processor:.1f} | {memory:.2f} GB | {reached} |")
    return lines


def data_table() -> list[str]:
    return [line for line in (ROOT / "data" / "results" / "ablations" / "data.md").read_text("utf-8").splitlines() if line]


def test_tables_are_those_of_the_benchmarks():
    """Guards against figures that drift from what was measured. The assertion shows the lines to paste."""
    assert between("checker") == checker_table(), "\n".join(checker_table())
    assert between("teachers") == teachers_table(), "\n".join(teachers_table())
    assert between("faults") == faults_told(), "\n".join(faults_told())
    assert between("scale") == scale_table(), "\n".join(scale_table())
    assert between("data") == data_table(), "\n".join(data_table())


def test_the_benchmarks_were_run_in_full_and_nothing_was_lost():
    """Guards against a quick trial that passes for the real thing."""
    found = result("faults")
    assert found["full"] and found["kills"] == 20 and sum(found["faults"].values()) >= 1000 and found["pictures"] == 500
    assert (found["requests without an answer"], found["requests with two answers"], found["asked again although the answer lay there"]) == (0, 0, 0)
    assert all(result(name)["full"] for name in ("checker", "teachers", "read-samples", "concepts"))


def test_each_kind_alone_and_half_of_the_set_were_tried():
    """Guards against a table of the sets that did well."""
    tried = {path.name.split("-seed")[0] for path in (ROOT / "data" / "results" / "ablations" / "data").glob("*.json")}
    assert tried >= {"half", "conversation", "detail", "reasoning"} and (ROOT / "data" / "results" / "mini-full.json").exists()      # that is all of it


def test_pictures_are_there():
    """Guards against dead pictures."""
    found = re.findall(r"\]\(([^)#]+\.png)\)", PAGE)
    assert len(found) == 6 and all((ROOT / "llava_mini" / "instruct" / name).resolve().is_file() for name in found)


def test_the_options_of_every_command_exist(monkeypatch):
    """Guards against a page that tells to give an option which its command refuses."""
    commands = re.findall(r"python -m (llava_mini\.[\w.]+) ((?:[^`\n\\]|\\\n)+)", PAGE)
    assert len(commands) > 8
    for module, rest in commands:
        options = set(re.findall(r"(--[\w-]+)", rest.split("   #")[0]))
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8") + (ROOT / "llava_mini" / "instruct" / "plan.py").read_text("utf-8")
        for option in options - {"--conversation", "--detail", "--reasoning"}:
            assert f'"{option}"' in source, (module, option)


def test_every_command_exists():
    """Guards against a page that tells to type what is not there."""
    modules = set(re.findall(r"python -m ((?:llava_mini|benchmarks)[\w.]+)", PAGE))
    assert len(modules) >= 8 and all((ROOT / f"{module.replace('.', '/')}.py").exists() for module in modules), modules
