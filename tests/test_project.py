"""The project's own files: do they agree with each other, and does course.py keep its word?"""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(text("pyproject.toml"))["project"]


def load_course(folder):
    """The module course.py of a folder; it takes that folder for the project."""
    spec = importlib.util.spec_from_file_location("course", folder / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(name, python, system="linux"):
    """{package: exact version} that a requirement file gives on that Python and system."""
    found = {}
    for line in text(f"requirements/{name}.txt").splitlines():
        if not line or line.startswith(("#", "-r ")):
            continue
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate({"python_version": python, "sys_platform": system}):
            continue
        (clause,) = wanted.specifier
        package = canonicalize_name(wanted.name)
        assert clause.operator == "==" and "*" not in clause.version, f"{name}.txt: {line} is not an exact version"
        assert package not in found, f"{name}.txt: {package} stands twice for Python {python}"
        found[package] = clause.version
    return found


def ranges(lines, python="3.11"):
    """{package: its range of versions} on that Python, from a list in pyproject.toml."""
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each.specifier for each in wanted
            if not each.marker or each.marker.evaluate({"python_version": python, "extra": ""})}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["core", "dev"])
def test_pins_agree_with_pyproject(name, python):
    """A package added to one list only, or a pin outside the range that the metadata promises."""
    own = project()
    wanted = ranges(own["dependencies"] if name == "core" else own["optional-dependencies"]["dev"], python)
    pinned = pins(name, python)
    assert pinned.keys() == wanted.keys()
    wrong = {package: version for package, version in pinned.items() if version not in wanted[package]}
    assert not wrong, f"outside pyproject's ranges on Python {python}: {wrong}"


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_agrees_with_pins(python):
    """A pin changed without remaking the lock: pip would then find no solution at all."""
    locked = pins("lock", python)
    for name in ("core", "dev"):
        different = {package: version for package, version in pins(name, python).items()
                     if locked.get(package) != version}
        assert not different, f"not so in lock.txt on Python {python}: {different}"


def imported(source):
    """The packages that Python code imports from outside its own folder, by the first word of their names."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names)


def test_what_is_imported_is_declared():
    """Guards against a package that is only there because another one happens to need it."""
    assert imported("import os, torch.nn as nn\nfrom . import x\ndef f():\n    from PIL import Image") == {"torch", "PIL"}
    code = {folder: [path.read_text("utf-8") for path in (ROOT / folder).rglob("*.py")] for folder in ("llava_mini", "tests", "benchmarks")}
    cells = [cell for path in sorted((ROOT / "notebooks").glob("*.ipynb")) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    code["notebooks"] = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code" and not re.search(r"^\s*[%!]", "".join(cell["source"]), re.M)]
    own = {"llava_mini", "benchmarks", "course", "frame"} | {path.stem for path in (ROOT / "tests").glob("*.py")}
    core = {package for python in PYTHONS for package in pins("core", python)} | {"pil"}       # pillow's name in code
    dev = core | {package for python in PYTHONS for package in pins("dev", python)} | {"ipython"}     # a notebook's own language
    for folder, sources in code.items():
        names = {canonicalize_name(name) for source in sources for name in imported(source) - own}
        assert {"torch", "pil"} <= names and names <= (core if folder == "llava_mini" else dev), folder


def test_lock_knows_other_systems():
    """Packages that only Windows or a Mac needs are missing from a lock that is made on Linux."""
    assert {"colorama", "pywinpty"} <= pins("lock", "3.11", "win32").keys()
    assert "appnope" in pins("lock", "3.11", "darwin")
    assert not {"colorama", "pywinpty", "appnope"} & pins("lock", "3.11").keys()


def test_pinned_files_are_installed_together():
    """dev.txt stands for everything: it includes core.txt, and course.py's digest covers all files."""
    assert "-r core.txt" in text("requirements/dev.txt").splitlines()
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "requirements").glob("*.txt")}
    assert files == set(load_course(ROOT).REQUIREMENTS)


def test_python_versions_agree():
    """course.py, the metadata, its classifiers and environment.yml each name Python versions."""
    course, own = load_course(ROOT), project()
    supported = SpecifierSet(own["requires-python"])
    assert [f"3.{minor}" for minor in range(6, 20) if f"3.{minor}" in supported] == list(PYTHONS)
    assert tuple(f"{major}.{minor}" for major, minor in (course.OLDEST, course.NEWEST)) == (PYTHONS[0], PYTHONS[-1])
    named = [line.rsplit(" ", 1)[1] for line in own["classifiers"] if "Python :: 3." in line]
    assert named == list(PYTHONS)
    (conda,) = re.findall(r"^ +- python=(\S+)$", text("environment.yml"), re.M)
    assert conda in PYTHONS


def test_environment_yml_points_at_the_same_pins():
    """A second list of versions for conda users would drift away from the first."""
    lines = text("environment.yml").splitlines()
    assert f"name: {project()['name']}" in lines
    inner = [line.strip(" -") for line in lines[lines.index("  - pip:") + 1:]]
    assert inner == ["r requirements/dev.txt", "c requirements/lock.txt", "e ."]


def test_citation_agrees_with_metadata():
    """A release that changes the version in one place only."""
    import llava_mini

    own = project()
    cited = dict(re.findall(r'^([a-z-]+): "?([^"\n]+)"?$', text("CITATION.cff"), re.M))
    authors = text("CITATION.cff").split("\nauthors:\n")[1].split("\nreferences:")[0]
    assert cited["title"].split(":")[0] == own["name"]
    assert cited["version"] == own["version"] == llava_mini.__version__
    assert cited["license"] == own["license"]
    assert re.findall(r'name: "(.+)"', authors) == [author["name"] for author in own["authors"]]


def test_licence_is_apache():
    """A licence file that was cut, or is another one than the metadata say."""
    licence = text("LICENSE")
    assert project()["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    for number in range(1, 10):
        assert f"\n   {number}. " in licence
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documented_commands_exist(document):
    """A command that the documents name and the code no longer has."""
    words = text(document)
    course = load_course(ROOT)
    assert set(re.findall(r"python course\.py (\w+)", words)) <= course.COMMANDS.keys()
    (targets,) = re.findall(r"^([\w ]+):\n\t@", text("Makefile"), re.M)
    assert set(re.findall(r"\bmake (\w+)`", words)) <= set(targets.split())
    for module in re.findall(r"python -m (llava_mini[\w.]*)", words):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"there is no {module}"


def test_readme_names_the_two_commands_first():
    """The README's first commands are the main job and the tests, and the Makefile has them all."""
    course = load_course(ROOT)
    named = re.findall(r"^python course\.py (\w+)", text("README.md"), re.M)
    assert named[:3] == ["run", "test", "lab"]
    (targets,) = re.findall(r"^([\w ]+):\n\t@", text("Makefile"), re.M)
    assert set(targets.split()) == course.COMMANDS.keys()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_links_exist(document):
    """A picture or page that a document points at and nobody committed."""
    words = re.sub(r"<!--.*?-->", "", text(document), flags=re.S)
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", words) + re.findall(r'src="([^"]+)"', words)
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def test_ci_runs_the_documented_test_command():
    """A pipeline that is green because it runs something else than users do."""
    script = text(".ci/run")
    assert "set -euo pipefail" in script
    assert re.search(r"^make test\b", script, re.M) and "`make test`" in text("README.md")


# course.py in a small project of its own: no packages, and a pip that only notes what it is asked.

MAIN = "import json, os, sys\nprint(json.dumps([sys.argv[1:], os.getcwd(), sys.prefix]))\nsys.exit(int(sys.argv[-1]))\n"
PIP = """import pathlib, sys
answer = pathlib.Path("pip-answer.txt")
with open("pip-calls.txt", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
print(answer.read_text() if answer.exists() else "Collecting nothing")
sys.exit(answer.exists())
"""


@pytest.fixture
def small(tmp_path):
    """A project folder with course.py, pinned files without pins, and a .venv whose pip is a fake."""
    shutil.copy(ROOT / "course.py", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("core", "dev", "lock"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("# nothing\n")
    (tmp_path / "llava_mini").mkdir()
    (tmp_path / "llava_mini" / "__init__.py").write_text("")
    (tmp_path / "llava_mini" / "main.py").write_text(MAIN)
    make_venv(tmp_path)
    return tmp_path


def make_venv(folder):
    venv.create(folder / ".venv", with_pip=False)
    (site,) = [*(folder / ".venv").glob("[Ll]ib/**/site-packages")]
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").write_text("")
    (site / "pip" / "__main__.py").write_text(PIP)


def call(folder, *arguments):
    return subprocess.run([sys.executable, "course.py", *arguments], cwd=folder, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def pip_calls(folder):
    path = folder / "pip-calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def test_second_call_redoes_nothing(small):
    """A set-up that installs again on each call, or loses the arguments or the exit status of the program."""
    first = call(small, "run", "--steps", "3")
    assert first.returncode == 3, first.stderr
    assert "Ready after" in first.stdout and len(pip_calls(small)) == 1
    second = call(small, "run", "two words", "0")
    assert second.returncode == 0 and len(pip_calls(small)) == 1
    arguments, folder, prefix = json.loads(second.stdout)
    assert arguments == ["two words", "0"]
    assert Path(folder) == small and Path(prefix) == small / ".venv"


def test_changed_pins_are_installed(small):
    """A stamp that does not look at the requirement files keeps old packages for ever."""
    assert call(small, "setup").returncode == 0
    (small / "requirements" / "lock.txt").write_text("# something\n")
    assert call(small, "setup").returncode == 0
    assert len(pip_calls(small)) == 2
    assert "-c requirements/lock.txt" in pip_calls(small)[1]


def test_package_is_importable_from_anywhere(small):
    """Notebooks run in their own folder: without a path entry they would not find llava_mini."""
    assert call(small, "setup").returncode == 0
    moved = small.parent / "müved"
    small.rename(moved)
    python = load_course(moved).venv_python()
    answer = subprocess.run([python, "-c", "import llava_mini; print(ascii(llava_mini.__file__))"],
                            cwd=moved.parent, stdout=subprocess.PIPE, check=True, encoding="ascii")
    assert ascii(str(moved / "llava_mini" / "__init__.py")) == answer.stdout.strip()


def test_unfinished_venv_is_made_anew(small, monkeypatch):
    """A set-up killed half-way leaves packages without all their files, which pip takes for installed."""
    course = load_course(small)
    course.STATE.write_text(course.UNFINISHED)
    leftover = small / ".venv" / "leftover"
    leftover.touch()
    monkeypatch.setattr(course, "create", lambda: make_venv(small))
    assert course.main(["setup"]) == 0
    assert not leftover.exists() and course.is_ready()


def test_broken_python_is_mended_but_a_users_venv_is_kept(small, monkeypatch, capsys):
    """The Python below .venv was removed: ours is made anew, one the user made is never deleted."""
    course = load_course(small)
    assert course.main(["setup"]) == 0
    monkeypatch.setattr(course, "create", lambda: make_venv(small))
    Path(course.venv_python()).unlink()
    assert course.main(["setup"]) == 0 and course.is_ready()
    course.STATE.unlink()
    Path(course.venv_python()).unlink()
    assert course.main(["setup"]) == 1
    assert "was not made by course.py" in capsys.readouterr().err and (small / ".venv").exists()


def test_failed_installation_is_not_ready(small):
    """A failed pip that still leaves the stamp would never be repeated."""
    (small / "pip-answer.txt").write_text("ERROR: a strange thing\n")
    failed = call(small, "run", "0")
    assert failed.returncode == 1 and "setup.log" in failed.stderr
    assert "a strange thing" in (small / ".venv" / "setup.log").read_text()
    (small / "pip-answer.txt").unlink()
    assert call(small, "run", "0").returncode == 0


def test_failure_before_installing_keeps_what_works(small):
    """After `git pull` on a train, a failed look-up must not cost the environment that worked so far."""
    assert call(small, "setup").returncode == 0
    state = small / ".venv" / "course-state"
    working = state.read_text()
    (small / "requirements" / "core.txt").write_text("# another\n")
    (small / "pip-answer.txt").write_text("Network is unreachable\n")
    assert call(small, "setup").returncode == 1
    assert state.read_text() == working
    (small / "pip-answer.txt").write_text("Installing collected packages: numpy\nNo space left on device\n")
    assert call(small, "setup").returncode == 1
    assert state.read_text() == load_course(small).UNFINISHED


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to one process is a thing of POSIX")
def test_ctrl_c_stops_pip_too(small):
    """A pip that goes on alone would write into the .venv that the next call makes anew."""
    lines = "import os, time\nopen('pip-id', 'w').write(str(os.getpid()))\n" \
            "print('Installing collected packages: a', flush=True)\ntime.sleep(60)\n"
    assert call(small, "setup").returncode == 0
    next((small / ".venv").glob("lib/**/pip/__main__.py")).write_text(lines)
    (small / "requirements" / "core.txt").write_text("# another\n")
    running = subprocess.Popen([sys.executable, "-u", "course.py", "setup"], cwd=small, encoding="utf-8", stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a background shell ignores it
    while not running.stdout.readline().startswith("Installing"):
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1 and "Stopped" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((small / "pip-id").read_text()), 0)
    assert (small / ".venv" / "course-state").read_text() == load_course(small).UNFINISHED


@pytest.mark.parametrize("said, sentence", [
    ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"Temporary failure in name "
     "resolution\")'\nERROR: No matching distribution found for torch==2.13.0", "cannot be reached"),
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ("ERROR: No matching distribution found for torch==2.13.0", "has no torch==2.13.0 for this computer"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "certificate was not accepted"),
    ("OSError: [Errno 13] Permission denied: 'x.so'", "could not be written"),
])
def test_pip_troubles_get_one_sentence(small, said, sentence):
    """Forty lines of pip's output in place of what to do."""
    (small / "pip-answer.txt").write_text(said)
    failed = call(small, "setup")
    assert failed.returncode == 1 and sentence in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0), (2, 7, 18)])
def test_wrong_python_is_refused(version):
    """An old Python would fail minutes later, in the middle of pip's search for packages."""
    course = load_course(ROOT)
    with pytest.raises(course.Problem, match=r"needs 3\.10 to 3\.13"):
        course.check_python(version)
    course.check_python((3, 10, 0))
    course.check_python((3, 13, 9))


def test_set_up_without_venv_module_or_space(small, monkeypatch, capsys):
    """Debian leaves out ensurepip; a disk that fills up half-way leaves a puzzle."""
    course = load_course(small)
    shutil.rmtree(small / ".venv")
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000_000))
    assert course.main(["setup"]) == 1
    assert "1.0 GB free" in capsys.readouterr().err
    monkeypatch.setattr(course.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
    assert course.main(["setup"]) == 1
    assert "has no ensurepip module" in capsys.readouterr().err
    assert not (small / ".venv").exists()


def test_two_set_ups_at_once(small):
    """A second terminal must wait, and then find everything done, instead of deleting the first one's work."""
    course = load_course(small)
    with course.one_at_a_time():
        second = subprocess.Popen([sys.executable, "-u", "course.py", "run", "0"], cwd=small, encoding="utf-8",
                                  stdout=subprocess.PIPE)
        assert "waiting for it" in second.stdout.readline()
        course.install()
        course.STATE.write_text(course.fingerprint())
    rest, _ = second.communicate(timeout=60)
    assert second.returncode == 0 and "Ready after" not in rest and len(pip_calls(small)) == 1


def test_unknown_command_lists_the_known(small):
    """A typing error must not start a set-up."""
    wrong = call(small, "tset")
    assert wrong.returncode == 2 and "'tset'" in wrong.stderr and not pip_calls(small)
    for name in load_course(small).COMMANDS:
        assert f"python course.py {name}" in wrong.stderr and f"python course.py {name}" in call(small).stdout


def test_progress_counts(tmp_path):
    """A set-up that stays silent for minutes looks as if it hung."""
    course = load_course(ROOT)
    lines = ["Collecting torch==2.13.0 (from -r core.txt)\n", "Collecting numpy<3,>=2 (from torch)\n"]
    assert course.progress([], tmp_path)[0] == "Fetching"
    assert course.progress(lines, tmp_path) == ("Fetching", "2 packages, now numpy")
    (tmp_path / "numpy-2.dist-info").mkdir()
    lines.append("Installing collected packages: numpy, torch\n")
    assert course.progress(lines, tmp_path) == ("Installing", "1 of 2 packages")


def test_lock_is_made_from_two_reports(tmp_path):
    """A lock made from one Python only lacks what the oldest needs; a local version exists on no index."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / "requirements" / "lock.py")
    lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lock)
    report = {"install": [{"metadata": {"name": name, "version": version}} for name, version in
                          (("Torch", "2.13.0+cpu"), ("nvidia-cublas", "13.1"), ("jupyter_core", "5.9"))]}
    new = lock.versions(report)
    assert new == {"torch": "2.13.0", "jupyter-core": "5.9"}
    made = lock.lock({"torch": "2.13.0", "jupyter-core": "5.8", "tomli": "2.5"}, new)
    assert set(made) - set(lock.ELSEWHERE) == {
        "torch==2.13.0", 'tomli==2.5; python_version < "3.11"',
        'jupyter-core==5.9; python_version >= "3.11"', 'jupyter-core==5.8; python_version < "3.11"'}
