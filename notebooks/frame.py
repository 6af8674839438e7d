"""What all lessons have in common: the setup cell, the line of links, clean outputs. One command puts them in step.

    python notebooks/frame.py                      # every lesson gets its frame
    python notebooks/frame.py --check              # says which are out of step; changes nothing
    python notebooks/frame.py --execute            # runs every lesson, in order, and keeps the outputs
    python notebooks/frame.py --execute 02 05      # these only: names, or how names begin

The address of the course stands in pyproject.toml and nowhere else. Nothing else in a lesson is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
TIME = re.compile(r"\*\*Time:\*\*[^.\n]*?\b(\d+) minutes?")        # what the first cell states
MEMORY = re.compile(r"\*\*Memory:\*\*[^.\n]*?\b(\d+) GB")
OF_A_CELL = ("tags", "nbmake")                                     # metadata that is meant; the rest are traces of an editor or a run
SETUP = '''# The same in every lesson; notebooks/frame.py writes it. Finds the course, or fetches it, and starts a clock.
import importlib.util, os, platform, subprocess, sys, time
from pathlib import Path

started, here = time.perf_counter(), Path.cwd()
places = [here, *here.parents, *here.iterdir()]
course = next((place for place in places if os.path.isfile(place / "llava_mini" / "__init__.py")), None)
missing = course is None or not all(map(importlib.util.find_spec, ("torch", "transformers", "peft", "openai", "matplotlib", "anywidget")))
if course is None:
    address, course = ADDRESS, here / "llava-mini"
    assert address, "The course is not in this folder, nor above or inside it: copy or clone the whole course here first (see README)."
    subprocess.run(["git", "clone", "--depth", "1", address, str(course)], check=True)
if missing:
    print("Installing what the course needs; this takes minutes. If an import fails afterwards, restart the kernel and begin again.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", str(course)], check=True)
os.chdir(course)
sys.path.insert(0, str(course))
if "google.colab" in sys.modules:   # where widgets that a package brings along must be allowed
    importlib.import_module("google.colab.output").enable_custom_widget_manager()

import llava_mini, torch, transformers
transformers.utils.logging.disable_progress_bar()
print(f"llava-mini {llava_mini.__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
      f"transformers {transformers.__version__}, {os.cpu_count()} cores")'''


def published(root: Path = ROOT) -> tuple[str, dict[str, str]]:
    """The repository's address ("" while there is none) and the templates of the links, from pyproject.toml."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["project"].get("urls", {}).get("Repository", "").rstrip("/"), settings["tool"]["llava-mini"]["links"]


def stated(book, pattern: re.Pattern) -> int | None:
    """The number that the first cell states, of minutes (TIME) or GB (MEMORY)."""
    found = pattern.search(book.cells[0].source) if book.cells else None
    return int(found[1]) if found else None


def frame(book, file: str, address: str, links: dict[str, str]) -> None:
    """Gives a lesson (as nbformat reads it) its setup cell and its links, and cleans it. ``file``: its path in the repository.

    Raises ValueError, with the cell, for a widget that nobody without a kernel would see.
    """
    title, *others = book.cells
    title.source = _with_links(title.source, file, address, links)
    setup = next((cell for cell in others if cell.id == "setup"), None)
    if setup is None:
        setup = nbformat.v4.new_code_cell(id="setup")
        book.cells.insert(1, setup)
    setup.source = SETUP.replace("ADDRESS", json.dumps(address))
    clean(book)


def _with_links(source: str, file: str, address: str, links: dict[str, str]) -> str:
    """The title cell with one line of links below its heading, or with none while the course has no address."""
    old = "|".join(map(re.escape, links))
    source = re.sub(rf"^\[(?:{old})\]\([^)\n]*\).*\n\n", "", source, flags=re.MULTILINE)
    if not address:
        return source
    words = {"repository": address, "path": urlsplit(address).path.strip("/").removesuffix(".git"), "file": file}
    line = " · ".join(f"[{text}]({template.format(**words)})" for text, template in links.items())
    heading, rest = source.split("\n", 1)
    return f"{heading}\n\n{line}\n\n{rest.lstrip()}"


def clean(book) -> None:
    """Takes out what belongs to one run or one editor: numbers of widgets, their state, timings, pieces of one printed text."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": book.metadata.get("language_info", {"name": "python"})})
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({name: value for name, value in cell.metadata.items() if name in OF_A_CELL})
        if cell.cell_type == "code":
            cell.outputs = _joined([_without_widget(output, cell.id) for output in cell.outputs])


def _without_widget(output, name: str):
    data = output.get("data", {})
    gone = [kind for kind in data if kind.startswith("application/vnd.jupyter.widget-")]
    if gone and not {"image/png", "text/html"} & set(data):
        raise ValueError(f"cell {name} shows a widget without a still twin; return a show.Twin (a progress bar: switch it off)")
    for kind in gone:
        del data[kind]
        output.metadata.pop(kind, None)
    return output


def _joined(outputs: list) -> list:
    """Printed text that came in pieces as one, without the lines that were overwritten (a progress bar's)."""
    kept = []
    for output in outputs:
        if kept and output.output_type == "stream" and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n"))
    return kept


def in_frame(path: Path, root: Path = ROOT) -> str:
    """The whole text of a lesson's file as it should be."""
    book = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    frame(book, path.relative_to(root).as_posix(), *published(root))
    return nbformat.v4.writes(book) + "\n"


def execute(path: Path) -> float:
    """Runs a lesson from top to bottom and keeps its outputs; the seconds it took. One that fails leaves its file as it was."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--log-level=WARN", "--ExecutePreprocessor.timeout=-1",
                   "--ExecutePreprocessor.record_timing=False", "--ExecutePreprocessor.store_widget_state=False",
                   "--ExecutePreprocessor.kernel_name=python3", "--output-dir", folder, path.name]
        subprocess.run(command, cwd=path.parent, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        path.write_text((Path(folder) / path.name).read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    return time.monotonic() - began


def main(arguments: list[str]) -> int:
    """Carries out one command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; say which lessons are out of step")
    parser.add_argument("--execute", action="store_true", help="run the lessons and keep their outputs")
    parser.add_argument("names", nargs="*", help="lessons, by the beginning of their names; default: all")
    given = parser.parse_args(arguments)
    lessons = [path for path in sorted(LESSONS.glob("*.ipynb")) if not given.names or path.name.startswith(tuple(given.names))]
    if not lessons:
        parser.error(f"no lesson's name begins with {' or '.join(given.names)}")
    wrong = 0
    for path in lessons:
        try:
            wanted = in_frame(path)
            if given.check:
                wrong += (out := path.read_text(encoding="utf-8") != wanted)
                print(f"{path.name}: {'out of step; call python notebooks/frame.py' if out else 'in step'}")
                continue
            path.write_text(wanted, encoding="utf-8", newline="\n")
            if given.execute:
                print(f"{path.name}: running", flush=True)
                print(f"{path.name}: {execute(path):.0f} seconds")
                path.write_text(in_frame(path), encoding="utf-8", newline="\n")
        except ValueError as error:
            wrong += 1
            print(f"{path.name}: {error}")
        except subprocess.CalledProcessError:
            wrong += 1
            print(f"{path.name}: failed; what went wrong stands above, and its outputs are the old ones")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
