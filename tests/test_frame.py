"""The frame of the lessons: are all in step with it, does the setup cell find or fetch the course, is the time table right?"""

from __future__ import annotations

import copy
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import frame
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[1]
SIDE_BY_SIDE = runpy.run_path(str(ROOT / "course.py"))["SIDE_BY_SIDE"]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINKS = {"Open in Colab": "https://colab.example/github/{path}/blob/main/{file}", "View on GitHub": "{repository}/blob/main/{file}"}
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_is_in_step(lesson):
    """Guards against lessons with a setup cell, links or leftovers of their own; python notebooks/frame.py mends it."""
    assert lesson.read_text("utf-8") == frame.in_frame(lesson), f"{lesson.name} is out of step; call python notebooks/frame.py"


def book():
    """A lesson as an editor leaves it, with everything that has to go."""
    shown = new_output("execute_result", {WIDGET: {"model_id": "1"}, "text/html": "<p>x</p>", "text/plain": "x"}, execution_count=2,
                       metadata={WIDGET: {"colab": 1}, "image/png": {"alt": "words"}})
    said = [new_output("stream", name="stdout", text=text) for text in ("10%\r50%\r", "100%\r\nfirst\n", "second\n")]
    return new_notebook(cells=[
        new_markdown_cell("# 01 · A lesson\n\n**Time:** 12 minutes. **Memory:** 3 GB.", id="title"),
        new_code_cell("import old", id="setup", execution_count=1, metadata={"execution": {"iopub.status.idle": "2026"}, "tags": ["skip-execution"]}),
        new_code_cell("show()", id="show", execution_count=2, outputs=[shown, *said], metadata={"collapsed": True}),
    ], metadata={"widgets": {"state": {}}, "kernelspec": {"name": "venv", "display_name": "mine"}, "language_info": {"name": "python", "version": "3.11.7"},
                 "vscode": {}})


def framed(one, address="", file="notebooks/01_lesson.ipynb"):
    one = copy.deepcopy(one)
    frame.frame(one, file, address, LINKS)
    nbformat.validate(one)
    return one


def test_leftovers_go_and_the_lesson_stays():
    """Guards against widget numbers, timings and progress bars in what every clone carries, and against a tool that takes more than that."""
    one = framed(book())
    shown, said = one.cells[2].outputs
    assert dict(shown.data) == {"text/html": "<p>x</p>", "text/plain": "x"} and dict(shown.metadata) == {"image/png": {"alt": "words"}}
    assert said.text == "100%\nfirst\nsecond\n"
    assert one.cells[2].source == "show()" and one.cells[2].execution_count == 2 and not one.cells[2].metadata
    assert dict(one.cells[1].metadata) == {"tags": ["skip-execution"]}
    assert one.metadata.kernelspec.name == "python3" and set(one.metadata) == {"kernelspec", "language_info"}
    assert framed(one) == one                                                          # once is enough


def test_a_widget_without_a_twin_is_refused():
    """Guards against a tool that removes the only thing there was to see, and so hides the fault from test_notebooks."""
    one = book()
    del one.cells[2].outputs[0].data["text/html"]
    with pytest.raises(ValueError, match="cell show .* still twin"):
        framed(one)


def test_every_lesson_gets_the_same_setup_cell():
    """Guards against setup cells that drift apart, and a lesson that has none."""
    one, bare = framed(book()), book()
    del bare.cells[1]
    assert [cell.id for cell in framed(bare).cells] == ["title", "setup", "show"]
    assert framed(bare).cells[1].source == one.cells[1].source != "import old"
    assert len(one.cells[1].source.splitlines()) <= 25


def test_links_come_from_one_place():
    """Guards against dead badges while there is no address, and old ones that stay when it changes."""
    one = book()
    assert framed(one).cells[0].source == one.cells[0].source and 'address, course = "", here' in framed(one).cells[1].source
    linked = framed(one, "https://git.example/ann/llava")
    assert linked.cells[0].source.split("\n")[2] == (
        "[Open in Colab](https://colab.example/github/ann/llava/blob/main/notebooks/01_lesson.ipynb) · "
        "[View on GitHub](https://git.example/ann/llava/blob/main/notebooks/01_lesson.ipynb)")
    assert '"https://git.example/ann/llava"' in linked.cells[1].source
    moved = framed(linked, "https://git.example/bob/course.git")
    assert moved.cells[0].source.count("Open in Colab") == 1 and "ann" not in moved.cells[0].source and "/bob/course/blob/" in moved.cells[0].source
    assert framed(moved).cells[0].source == one.cells[0].source


def test_the_address_of_the_course():
    """Guards against an address that is written anywhere else: what pyproject.toml says, or nothing."""
    address, links = frame.published()
    assert (address == "" or address.startswith("https://")) and links
    for lesson in LESSONS:
        said = lesson.read_text("utf-8")
        assert address or not any(f"[{text}](" in said for text in links)


def test_the_command(tmp_path, monkeypatch, capsys):
    """Guards against a check that is always green, and one that changes files."""
    monkeypatch.setattr(frame, "LESSONS", tmp_path)
    monkeypatch.setattr(frame.in_frame, "__defaults__", (tmp_path,))
    (tmp_path / "pyproject.toml").write_text('[project]\n[tool.llava-mini.links]\na = "{repository}"\n')
    lesson = tmp_path / "01_lesson.ipynb"
    nbformat.write(book(), lesson)
    before = lesson.read_bytes()
    assert frame.main(["--check"]) == 1 and lesson.read_bytes() == before and "out of step" in capsys.readouterr().out
    assert frame.main([]) == 0 and lesson.read_bytes() != before
    assert frame.main(["--check", "01"]) == 0
    with pytest.raises(SystemExit):
        frame.main(["--check", "02"])


# ---- the setup cell, in places where the course is and is not

FAKE = {"llava_mini/__init__.py": "__version__ = '0.1'", "torch.py": "__version__ = '2'",
        "transformers.py": "from types import SimpleNamespace as N\n__version__ = '5'\nutils = N(logging=N(disable_progress_bar=lambda: print('quiet')))"}
PIP = "import sys\nopen('pip-calls', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"


def lay(folder, **more):
    """A small course whose packages are fakes."""
    for name, text in {**FAKE, **more}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run_setup(place, address="", before="", modules=("peft", "openai", "matplotlib", "anywidget")):
    """What a Python prints that runs the setup cell in ``place``; the packages that it looks for are fakes beside it."""
    tools = lay(place.parent / "tools", **{f"{name}.py": "" for name in modules}, **{"pip/__init__.py": "", "pip/__main__.py": PIP})
    (tools / "llava_mini" / "__init__.py").unlink()
    (tools / "llava_mini").rmdir()
    code = f"{before}{frame.SETUP.replace('ADDRESS', repr(address))}\nprint(Path.cwd() == course, sys.path[0] == str(course), started > 0)"
    return subprocess.run([sys.executable, "-S", "-c", code], cwd=place, env={**os.environ, "PYTHONPATH": str(tools)},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("place", ["course", "course/notebooks", "."])
def test_setup_finds_the_course(tmp_path, place):
    """Guards against a lesson that runs only where it was written: in the course's folder, in notebooks/ or in the one above."""
    lay(tmp_path / "home" / "course")
    (tmp_path / "home" / "course" / "notebooks").mkdir()
    (tmp_path / "home" / "locked").mkdir(mode=0)
    done = run_setup(tmp_path / "home" / place if place != "." else tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("quiet\nllava-mini 0.1, Python 3.") and done.stdout.endswith("True True True\n")
    assert not list(tmp_path.rglob("pip-calls"))                                       # nothing is installed, so no network is needed


def test_setup_where_there_is_no_course(tmp_path):
    """Guards against a traceback about imports in place of a sentence that says what to do."""
    place = tmp_path / "home"
    place.mkdir()
    done = run_setup(place)
    assert done.returncode and done.stderr.strip().splitlines()[-1].startswith("AssertionError: The course is not in this folder")


def test_setup_fetches_the_course(tmp_path):
    """Guards against hosted notebooks, which bring the lesson alone: the course is cloned from its address and installed, once."""
    source = lay(tmp_path / "source")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=source, check=True)
    place = tmp_path / "home"
    place.mkdir()
    for _ in range(2):                                                                 # the second time it is there
        done = run_setup(place, address=source.as_uri())
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("True True True\n")
    assert (place / "pip-calls").read_text().split() == ["install", "--quiet", "-e", str(place / "llava-mini")]


def test_setup_installs_what_is_missing(tmp_path):
    """Guards against a cloned course in a Python without its packages, as VS Code and Codespaces start it."""
    lay(tmp_path / "home")
    done = run_setup(tmp_path / "home", modules=("peft",))
    assert done.returncode == 0 and "Installing" in done.stdout, done.stderr
    assert (tmp_path / "home" / "pip-calls").read_text().split()[-1] == str(tmp_path / "home")


def test_setup_lets_colab_show_widgets(tmp_path):
    """Guards against Colab hiding every widget that is not Google's own."""
    lay(tmp_path / "home", **{"google/__init__.py": "", "google/colab/__init__.py": "", "google/colab/output.py":
                              "def enable_custom_widget_manager(): print('allowed')"})
    assert "allowed" not in run_setup(tmp_path / "home").stdout
    done = run_setup(tmp_path / "home", before="import sys\nsys.path.insert(0, '')\nimport google.colab\n")
    assert "allowed" in done.stdout, done.stderr


# ---- the table of times

FAKES = """
import pytest
class Lesson(pytest.File):
    def collect(self): yield Item.from_parent(self, name=self.path.name)
class Item(pytest.Item):
    nbmake = True
    def runtest(self): pass
def pytest_collect_file(file_path, parent):
    return Lesson.from_parent(parent, path=file_path) if file_path.suffix == ".ipynb" else None
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    call.duration = {"01_quick": 50.0, "02_late": 130.0, "03_slow": 250.0}[item.path.stem]
    return (yield)
"""


@pytest.mark.parametrize("beside", [[], ["-v", *SIDE_BY_SIDE]], ids=["one process", "side by side"])
def test_the_table_of_times(tmp_path, beside):
    """Guards against budgets that nobody looks at: the table is printed, a late lesson is marked, one over twice its budget fails.

    And against two lessons at once, which would wait for each other's folders.
    """
    (tmp_path / "fakes.py").write_text(FAKES)
    shutil.copy(ROOT / "conftest.py", tmp_path)
    for name in ("01_quick", "02_late", "03_slow"):
        nbformat.write(new_notebook(cells=[new_markdown_cell("# x\n**Time:** 2 minutes. **Memory:** 3 GB.")]), tmp_path / f"{name}.ipynb")
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:nbmake", "-p", "no:cacheprovider", "-p", "fakes", *beside], cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "notebooks")])}, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    for line in ("lesson    states     took     memory stated", "01_quick  2 min         50 s  3 GB", "02_late   2 min        130 s  3 GB   longer than stated",
                 "03_slow   2 min        250 s  3 GB   longer than stated", "together  6 min        430 s"):
        assert line in lines, done.stdout + done.stderr
    assert "03_slow.ipynb took 250 seconds and states 2 minutes" in done.stdout and "1 failed, 2 passed" in lines[-1]
    assert len(set(re.findall(r"^\[(gw\d)\].*\.ipynb", done.stdout, re.M))) == bool(beside)
