"""The rules of this repository, checked on its own files."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "llava_mini"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 250
# LlavaMini's methods that hand on to a module above it (model.answer, .save_pretrained): only there, only inside.
SHORTCUTS = {"llava_mini.model": {"llava_mini.checkpoints", "llava_mini.convert", "llava_mini.generation"}}


def name_of(path: Path) -> str:
    """The dotted name of a module file; a package is named by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def imports_of(name: str, path: Path) -> set[str]:
    """The modules of the package that a module imports, wherever in its text the import stands."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text("utf-8"))
    found, inside_functions = set(), set()
    for node in ast.walk(tree):
        targets = set()
        if isinstance(node, ast.Import):
            targets = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[:len(package.split(".")) - (node.level - 1)] if node.level else []
            source = ".".join([*up, *filter(None, [node.module])])
            modules = {f"{source}.{alias.name}" for alias in node.names} & set(NAMES)
            # "from . import x" takes the module x; "from .x import f" takes x itself
            targets = modules if len(modules) == len(node.names) else modules | {source}
        (found if node in tree.body else inside_functions).update(targets)
    inside_functions -= SHORTCUTS.get(name, set())
    return ((found | inside_functions) & set(NAMES)) - {name}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The first import cycle that a walk meets from each module, as lists of names."""
    done, found = set(), []

    def walk(name, path):
        if name in path:
            found.append([*path[path.index(name):], name])
        elif name not in done:
            for other in sorted(graph[name]):
                walk(other, [*path, name])
            done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return found


def python(code: str, *arguments: str, cwd=None) -> str:
    """What a fresh Python prints for ``code``, with the checkout on its path."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.dont_write_bytecode = True\n" + code
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_module_is_one_idea_of_at_most_250_lines():
    """Guards against modules that grow until nobody reads them."""
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in NAMES.items()}
    assert "llava_mini.writer" in lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_the_cycle_finder_finds_cycles():
    """Guards against a test of imports that could never fail."""
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]


def test_imports_run_one_way():
    """Guards against modules that need each other, also where the import hides in a function."""
    graph = {name: imports_of(name, path) for name, path in NAMES.items()}
    assert "llava_mini.writer" in graph["llava_mini.conversation"]
    assert cycles(graph) == []


def test_the_scene_stays_in_the_storybook():
    """Guards against a model, a teacher or a training that looks at the answer key instead of the picture.

    Only the storybook and the two parents' own upbringing touch scenes; elsewhere folders are drawn and answers read (:mod:`values` knows words alone).
    """
    keys = {f"llava_mini.storybook.{name}" for name in ("scenes", "world", "narrate", "phrases", "ordinary", "presence", "questions", "draw")}
    upbringing = ("llava_mini.storybook", "llava_mini.foundations")
    looking = {name: sorted(imports_of(name, path) & keys) for name, path in NAMES.items() if not name.startswith(upbringing)}
    # Two modules know the scene of a page that the reader composes in the scene editor; what leaves them is a picture, captions and boxes.
    editor = {"llava_mini.show.page": {"draw", "narrate", "phrases", "scenes", "world"}, "llava_mini.show.standing": {"phrases", "scenes", "world"}}
    for name, allowed in editor.items():
        assert {found.rpartition(".")[2] for found in looking.pop(name)} == allowed
    users = {name for name, path in NAMES.items() if imports_of(name, path) & set(editor)}
    assert users == {"llava_mini.show.page", "llava_mini.show.scene_editor"}
    assert {found for names in looking.values() for found in names} == set()
    raised = [name for name, path in NAMES.items() if not name.startswith("llava_mini.foundations")
              and any(other.startswith("llava_mini.foundations") for other in imports_of(name, path))]
    assert raised == []


def unused_imports(tree: ast.Module) -> list[str]:
    """Names that a module imports and never mentions again."""
    imported = {(alias.asname or alias.name).split(".")[0] for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names if getattr(node, "module", "") != "__future__"}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    handed_on = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}   # __all__
    return sorted(imported - used - handed_on)


def test_nothing_is_imported_in_vain():
    """Guards against imports that stay behind when the code that needed them has gone."""
    assert unused_imports(ast.parse("from __future__ import annotations\nimport a, b.c\nfrom d import e as f\nf(a)")) == ["b"]
    assert {name: left for name, path in NAMES.items() if path.name != "__init__.py"
            and (left := unused_imports(ast.parse(path.read_text("utf-8"))))} == {}


def test_packages_are_packages():
    """Guards against folders without __init__.py, which a wheel would leave out."""
    assert [str(path.parent.relative_to(ROOT)) for path in MODULES if not (path.parent / "__init__.py").exists()] == []


def test_import_takes_no_torch():
    """Guards against a public face that loads a deep-learning library to print its version."""
    loaded = python("import llava_mini; llava_mini.InputError; llava_mini.profile('mini'); "
                    "print(llava_mini.__version__, *sorted({m.split('.')[0] for m in sys.modules}))").split()
    assert re.fullmatch(r"\d+\.\d+\.\d+", loaded[0])
    assert "llava_mini" in loaded and not {"torch", "transformers", "matplotlib", "numpy"} & set(loaded)


def test_one_version_number():
    """Guards against a release whose package, metadata and citation disagree."""
    import llava_mini
    stated = {name: re.search(r"^version\W+([\w.]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)[1]
              for name in ("pyproject.toml", "CITATION.cff")}
    assert set(stated.values()) == {llava_mini.__version__}


def test_every_public_name_is_there():
    """Guards against a name in __all__ that leads nowhere, and against misspelt names that do not raise."""
    import llava_mini
    assert set(llava_mini.__all__) <= set(dir(llava_mini))
    for name in llava_mini.__all__:
        assert getattr(llava_mini, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Llava'"):
        llava_mini.Llava


def work_at_import(tree: ast.Module) -> list[int]:
    """Lines of top-level statements that act instead of defining."""
    def acts(node):
        if isinstance(node, ast.If):                      # if TYPE_CHECKING, if __name__ == "__main__"
            return "TYPE_CHECKING" not in ast.dump(node.test) and "__main__" not in ast.dump(node.test)
        if isinstance(node, ast.Expr):                    # a docstring is a value, a call is work
            return not isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return any("environ" in ast.dump(part) for part in ast.walk(node) if isinstance(part, ast.Attribute))
        return not isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return [node.lineno for node in tree.body if acts(node)]


def test_modules_only_define():
    """Guards against seeding, environment changes, loops and calls at import time."""
    assert work_at_import(ast.parse("import torch\n'doc'\nx = f()\ntorch.manual_seed(0)\nfor a in x: f(a)\n"
                                    "os.environ['A'] = 'b'\nwith x: pass")) == [4, 5, 6, 7]
    assert {name: lines for name, path in NAMES.items()
            if (lines := work_at_import(ast.parse(path.read_text("utf-8"))))} == {}


def test_importing_everything_changes_nothing(tmp_path):
    """Guards against imports that seed, set the environment, touch files or reach for the network."""
    code = """
import os, random, socket
import numpy, torch, transformers, matplotlib.pyplot, accelerate, peft   # what these do is not our doing
def state():
    return (dict(os.environ), random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist(),
            torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), os.listdir("."),
            matplotlib.get_backend(), str(matplotlib.rcParams))
def no_network(*_, **__):
    raise OSError("a module reached for the network")
socket.socket.connect = socket.create_connection = no_network
before = state()
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
print([number for number, (a, b) in enumerate(zip(before, state())) if a != b])
"""
    assert python(code, *(name for name in sorted(NAMES) if not name.endswith("__main__")), cwd=tmp_path) == "[]"


# Written so that this file does not hold what it looks for.
PLACES = re.compile(r"(?<![\w.~$}/])/(?:work|root|tmp|home/\w+|Users/\w+|mnt/\w+|private/var)/|\b[A-Z]:\\{1,2}Users\\")
HOSTS = re.compile(r"(?<![\d.=])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?![\d.])")
INDEX = re.compile(r"(?:index-url|trusted-host|find-links)[ =]+(\S+)")


def faults(text: str) -> list[str]:
    """Machine paths, private addresses and package hosts of somebody's own in a text."""
    indexes = [m[0] for m in INDEX.finditer(text)]
    here = socket.gethostname()                           # a plain word as a host name would be found in any prose
    names = [here] if len(here) >= 8 and re.search(r"\d", here) and here in text else []
    return [m[0] for pattern in (PLACES, HOSTS) for m in pattern.finditer(text)] + indexes + names


def test_no_tracked_file_knows_a_machine():
    """Guards against paths, addresses and package hosts of the machine on which a file was written."""
    slash = "/"
    assert faults(f"see {slash}tmp{slash}x") and faults(f'"{slash}home{slash}ann{slash}x"') and faults("at 10.1.2" + ".3")
    assert faults("--index-" + "url https://mirror.example/simple")
    assert not faults(f"127.0.0.1, data{slash}tmp{slash}x, version 10.1.2, curand==10.4.0.35, ~{slash}work{slash}x")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        try:
            text = path.read_text("utf-8") if path.is_file() and path.stat().st_size < 8_000_000 else ""
        except UnicodeDecodeError:
            continue                                     # a picture or weights
        if wrong := faults(text):
            found[name] = sorted(set(wrong))
    assert found == {}


def test_every_public_name_is_what_it_says():
    """Guards against `from llava_mini import annotations` giving Python's own feature of that name."""
    code = ("from types import ModuleType; import llava_mini; "
            "assert all(isinstance(getattr(llava_mini, name), ModuleType) for name in llava_mini._MODULES); "
            "from llava_mini import annotations; annotations.load")
    subprocess.run([sys.executable, "-c", code], check=True)
