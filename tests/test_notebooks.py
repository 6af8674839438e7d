"""What every lesson must be: whole, executed, clean, readable by everybody.

The rules are functions from a notebook to a list of faults, so that they are tried on faulty notebooks too.
nbmake runs the lessons; here only what is committed is looked at. To execute a lesson and keep its outputs::

    python notebooks/frame.py --execute 00
"""

from __future__ import annotations

import ast
import copy
import re
import statistics
import warnings
from pathlib import Path

import nbformat
import pytest
from frame import MEMORY, TIME, stated

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST, MEDIAN = 25, 8                 # lines of a code cell
LARGEST = 2_000_000                     # bytes of a notebook file
MACHINE_PATH = re.compile(r"(?<![\w.:/>-])/(?:home|root|work|tmp|Users|mnt|media|opt|var|usr|private|content|kaggle|workspace)/[\w.-]"
                          r"|\b[A-Za-z]:\\+(?:Users|Windows|Program|Temp)")
SHARE = re.compile(r"\d\s?%|\b0\.\d")
COST = re.compile(r"^Whole notebook: (\d+) seconds, ([\d.]+) GB of memory at its peak$", re.MULTILINE)
FIVE = ("02", "05", "06", "07", "09")       # the first lessons; together they have MINUTES
MINUTES = 20


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def outputs(book):
    """(cell id, output) of all code cells."""
    return [(cell.id, output) for cell in code_cells(book) for output in cell.outputs]


def texts(output) -> list[str]:
    """All that an output says in words, pictures left out."""
    found = [output.get("text", ""), *output.get("traceback", [])]
    found += [str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/")]
    found += [str(about.get("alt", "")) for about in output.get("metadata", {}).values() if isinstance(about, dict)]
    return found


def printed(book) -> str:
    return "\n".join(output.get("text", "") for _, output in outputs(book))


# ---- the rules

def sound(book) -> list[str]:
    """A valid notebook with an id for every cell."""
    faults = []
    ids = [cell.get("id") for cell in book.cells]
    if None in ids or len(set(ids)) < len(ids):
        faults.append("cells without an id, or two with the same")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbformat.validate(copy.deepcopy(book))                  # it mends what it can: in a copy
    except nbformat.ValidationError as error:
        faults.append(f"not a valid notebook: {str(error).splitlines()[0]}")
    if (book.nbformat, book.nbformat_minor) < (4, 5):
        faults.append(f"format {book.nbformat}.{book.nbformat_minor} has no cell ids; save it as 4.5")
    if not book.cells or book.cells[0].cell_type != "markdown" or not book.cells[0].source.startswith("# "):
        faults.append("the first cell is not the lesson's title")
    return faults


def kernel(book) -> list[str]:
    """The kernel that every Jupyter has, and no state of widgets."""
    faults = []
    name = book.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        faults.append(f"the kernel is {name!r} and not 'python3'")
    if "widgets" in book.metadata or any("widgets" in cell.metadata for cell in book.cells):
        faults.append("there is widget state in the metadata")
    return faults


def short(book) -> list[str]:
    """Short cells: one idea each."""
    lengths = {cell.id: len(cell.source.strip().splitlines()) for cell in code_cells(book)}
    faults = [f"cell {name} has {length} lines" for name, length in lengths.items() if length > LONGEST]
    if not lengths or statistics.median(lengths.values()) > MEDIAN:
        faults.append(f"no code, or a median of more than {MEDIAN} lines")
    return faults


def executed(book) -> list[str]:
    """Run once from top to bottom, with an output under each cell and no error among them."""
    faults = [f"cell {cell.id} has no output" for cell in code_cells(book) if not cell.outputs]
    counts = [cell.execution_count for cell in code_cells(book)]
    if counts != list(range(1, len(counts) + 1)):
        faults.append(f"not run once from top to bottom: the counts are {counts}")
    faults += [f"cell {name} ended in {output.ename}" for name, output in outputs(book) if output.output_type == "error"]
    faults += [f"cell {name} printed to stderr: {output.text[:80]!r}" for name, output in outputs(book)
               if output.output_type == "stream" and output.name == "stderr"]
    for cell in code_cells(book):
        names = [output.get("name") for output in cell.outputs]
        if any(one and one == other for one, other in zip(names, names[1:])):
            faults.append(f"cell {cell.id}: its printed text is in pieces; execute it as the head of this file says")
    return faults


def anonymous(book) -> list[str]:
    """No path of the machine it was written or run on."""
    said = [(cell.get("id"), cell.source) for cell in book.cells] + [(name, text) for name, output in outputs(book) for text in texts(output)]
    own = [str(ROOT), str(Path.home())]
    faults = [f"cell {name} shows the path {found[0]!r}" for name, text in said if (found := MACHINE_PATH.search(text))]
    return faults + [f"cell {name} shows {path!r}" for name, text in said for path in own if len(path) > 5 and path in text]


def described(book) -> list[str]:
    """Every picture has words for those who cannot see it; a widget has a still twin."""
    faults = []
    for name, output in outputs(book):
        data = output.get("data", {})
        for kind in data:
            if kind.startswith("image/") and len(output.metadata.get(kind, {}).get("alt", "").strip()) < 12:
                faults.append(f"cell {name}: a picture without alt text; return a show.Drawing")
        if any("widget-view" in kind for kind in data) and not {"image/png", "text/html"} & set(data):
            faults.append(f"cell {name}: a widget without a still twin")
        faults += [f"cell {name}: HTML with a picture without alt text" for tag in re.findall(r"<img\b[^>]*>", str(data.get("text/html", "")))
                   if not re.search(r"\balt\s*=\s*(?:'[^']+'|\"[^\"]+\")", tag)]
    for cell in book.cells:
        if cell.cell_type == "markdown":
            for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", cell.source):
                faults += [f"cell {cell.id}: the picture {target} has no alt text"] * (not alt.strip())
                faults += [f"cell {cell.id}: the picture {target} lies on somebody's server"] * ("://" in target)
    return faults


def honest(book) -> list[str]:
    """States what it costs, asks for predictions, and the committed run kept to its budget."""
    minutes, memory = stated(book, TIME), stated(book, MEMORY)
    faults = [f"the first cell states no {what}" for what, value in (("**Time:** … N minutes", minutes), ("**Memory:** … N GB", memory)) if value is None]
    if not any("**Before you run:**" in cell.source for cell in book.cells if cell.cell_type == "markdown"):
        faults.append("no prediction is asked for (**Before you run:**)")
    cost = COST.search(printed(book))
    if not cost:
        faults.append("no cell printed 'Whole notebook: N seconds, N.N GB of memory at its peak'")
    elif faults == [] and (int(cost[1]) > 60 * minutes or float(cost[2]) > memory):
        faults.append(f"it took {cost[1]} seconds and {cost[2]} GB where {minutes} minutes and {memory} GB are stated")
    return faults


def complete(book) -> list[str]:
    """Begins with what the reader will be able to do and what it rebuilds, ends with a recap, things to try and where to go from there."""
    first = book.cells[0].source if book.cells else ""
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    faults = [f"the first cell has no {part}" for part in ("**You will be able to**", "**Paper:**") if part not in first]
    if "**Paper:**" in first and not re.search(r"\*\*Paper:\*\*(?:.|\n(?!\n))*?(?:[Ss]ection|Table|Figure)", first):
        faults.append("the first cell names no section, table or figure of the paper")
    parts = {"a recap": "## Recap", "something to try": "**Try it", "a place to go on": "## (?:Where to read on|What comes next)"}
    return faults + [f"there is not {what}" for what, mark in parts.items() if not re.search(mark.replace("*", r"\*"), prose)]


def current(book) -> list[str]:
    """The outputs are of this code: what a cell prints in any case stands in what it printed."""
    faults = []
    for cell in code_cells(book):
        said = "\n".join(text for output in cell.outputs for text in texts(output))
        tree = compile(cell.source, cell.get("id", ""), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed_ = [argument for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
                    and getattr(node.value.func, "id", "") == "print" for argument in node.value.args]
        words = [part.value for argument in printed_ for part in (argument.values if isinstance(argument, ast.JoinedStr) else [argument])
                 if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        gone = [line.strip() for word in words for line in word.splitlines() if line.strip() not in said]
        faults += [f"cell {cell.id} prints {word!r} and its output has no such words; execute it again" for word in gone[:1]]
    return faults


def derived(book) -> list[str]:
    """No result in the prose, where the next run would not change it: cells print theirs, or return Markdown."""
    return [f"cell {cell.id} states {found[0]!r} in its text; let a cell print it" for cell in book.cells
            if cell.cell_type == "markdown" and (found := SHARE.search(cell.source))]


RULES = (sound, kernel, short, executed, anonymous, described, honest, complete, current, derived)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson(lesson, rule):
    """Guards against lessons that were committed half-done: unexecuted, broken, with somebody's paths or without alt text."""
    book = nbformat.v4.reads(lesson.read_text("utf-8"))          # nbformat.read would mend some faults
    assert rule(book) == [], f"{lesson.name}: {rule.__doc__}"


@pytest.mark.parametrize("lesson", [path for path in LESSONS if path.name[:2] in FIVE], ids=lambda path: path.stem)
def test_a_page_of_it_needs_no_kernel(lesson):
    """Guards against a lesson that is empty where nobody runs it: as HTML it has every picture, and no widget, that its outputs have."""
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_filename(str(lesson))
    pictures = sum("image/png" in output.get("data", {}) for _, output in outputs(nbformat.read(lesson, 4)))
    assert len(re.findall(r'<img[^>]+src="data:image/png;base64,', page)) >= pictures > 0 and "application/vnd.jupyter.widget-view" not in page


def test_there_are_lessons():
    """Guards against a test that is green because it found nothing to look at."""
    assert "00_tour" in [lesson.stem for lesson in LESSONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_is_not_too_heavy(lesson):
    """Guards against megabytes that GitHub does not show and every clone carries."""
    assert lesson.stat().st_size < LARGEST


def test_the_five_lessons_are_done_in_twenty_minutes():
    """Guards against five budgets that each are kept and together are an afternoon: as stated, and as the committed runs took."""
    books = [nbformat.v4.reads(lesson.read_text("utf-8")) for lesson in LESSONS if lesson.stem[:2] in FIVE]
    assert len(books) == len(FIVE) and sum(stated(book, TIME) for book in books) <= MINUTES
    assert sum(int(COST.search(printed(book))[1]) for book in books) <= 60 * MINUTES


# ---- the rules themselves

def good():
    """A lesson without a fault."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    picture = new_output("display_data", {"image/png": "aGk=", "text/plain": "A dog"}, metadata={"image/png": {"alt": "A red dog on a beach."}})
    cost = new_output("stream", name="stdout", text="Whole notebook: 59 seconds, 1.4 GB of memory at its peak\n")
    return new_notebook(cells=[
        new_markdown_cell("# Lesson\n**You will be able to** look.\n\n**Time:** 1 minute on two cores. **Memory:** 2 GB.\n\n**Paper:** section 3.",
                          id="title"),
        new_markdown_cell("**Before you run:** what will it say? ![a dog](dog.png)", id="ask"),
        new_code_cell("show(dog)", id="dog", execution_count=1, outputs=[picture]),
        new_code_cell("print(f'Whole notebook: {59} seconds, {1.4} GB of memory at its peak')", id="cost", execution_count=2, outputs=[cost]),
        new_markdown_cell("## Recap\n\n**Try it**\n\n1. Look.\n\n## Where to read on\n\nThe paper.", id="recap"),
    ], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def output_of(book, number=2):
    return book.cells[number].outputs[0]


def error(book):
    book.cells[2].outputs.append(nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]))


def on_stderr(book):
    book.cells[2].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="Loading weights"))


def html(book, text):
    book.cells[2].outputs.append(nbformat.v4.new_output("display_data", {"text/html": text}))


def says(book, text):
    book.cells[2].outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))


FAULTS = [
    (sound, lambda b: b.cells[2].pop("outputs")), (sound, lambda b: b.cells[1].update(id="title")), (sound, lambda b: b.cells.pop(0)),
    (sound, lambda b: b.update(nbformat_minor=4)),
    (kernel, lambda b: b.metadata.kernelspec.update(name="venv")), (kernel, lambda b: b.metadata.update(widgets={"state": {}})),
    (short, lambda b: b.cells[2].update(source="x\n" * 26)), (short, lambda b: [c.update(source="x\n" * 9) for c in b.cells[2:]]),
    (executed, lambda b: b.cells[2].update(outputs=[])), (executed, lambda b: b.cells[2].update(execution_count=None)),
    (executed, lambda b: b.cells[3].update(execution_count=7)), (executed, error), (executed, on_stderr), (executed, lambda b: (says(b, "a"), says(b, "b"))),
    (anonymous, lambda b: b.cells[1].update(source="see /home" + "/ann/course")), (anonymous, lambda b: says(b, "saved: '/tmp" + "/x/y.png'")),
    (anonymous, lambda b: says(b, "in C:" + r"\Users\ann")), (anonymous, lambda b: says(b, f"{ROOT}/data")),
    (anonymous, lambda b: output_of(b).metadata["image/png"].update(alt="The file /work" + "/dog.png")),
    (described, lambda b: output_of(b).update(metadata={})), (described, lambda b: output_of(b).metadata["image/png"].update(alt=" ")),
    (described, lambda b: b.cells[1].update(source="![](dog.png)")), (described, lambda b: b.cells[1].update(source="![dog](https://a.b/c.png)")),
    (described, lambda b: html(b, '<img src="dog.png">')), (described, lambda b: html(b, "<img alt='' src='dog.png'>")),
    (described, lambda b: output_of(b).update(data={"application/vnd.jupyter.widget-view+json": {}})),
    (honest, lambda b: b.cells[0].update(source="# Lesson\n**Memory:** 2 GB.")), (honest, lambda b: b.cells[0].update(source="# Lesson\n**Time:** 1 minute.")),
    (honest, lambda b: b.cells[1].update(source="Look:")), (honest, lambda b: b.cells[3].update(outputs=[])),
    (honest, lambda b: output_of(b, 3).update(text="Whole notebook: 61 seconds, 1.4 GB of memory at its peak")),
    (honest, lambda b: output_of(b, 3).update(text="Whole notebook: 6 seconds, 2.4 GB of memory at its peak")),
    (complete, lambda b: b.cells.pop()), (complete, lambda b: b.cells[4].update(source="## Recap\n\n**Try it**\n\n1. Look.")),
    (complete, lambda b: b.cells[0].update(source=b.cells[0].source.replace("section 3", "all of it"))),
    (complete, lambda b: b.cells[0].update(source=b.cells[0].source.replace("**You will be able to**", "Learn to"))),
    (current, lambda b: b.cells[3].update(source="print(f'All of it: {59} seconds')")), (current, lambda b: b.cells[2].update(source="print('A cat')")),
    (derived, lambda b: b.cells[1].update(source="It gets 91 % right.")), (derived, lambda b: b.cells[1].update(source="The loss ends at 0.17.")),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_passes(rule):
    """Guards against rules that nothing can keep."""
    assert rule(good()) == []


@pytest.mark.parametrize(("rule", "spoil"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_faulty_lesson_does_not(rule, spoil):
    """Guards against rules that nothing can break; a notebook without outputs breaks ``executed``."""
    book = copy.deepcopy(good())
    spoil(book)
    assert rule(book)


@pytest.mark.parametrize("text", ["data/pretrained/llava-mini", "and/or", "https://jupyter.org/content/x", "../shared/tmp/x", "1/tmp" + "/2"])
def test_relative_paths_are_allowed(text):
    """Guards against a rule on paths that forbids the paths of the course itself, and addresses."""
    book = good()
    says(book, text)
    assert anonymous(book) == []
