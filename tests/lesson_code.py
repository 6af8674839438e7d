"""The code of a committed lesson, for tests that run the notebook's own functions and not a copy of them."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


class Lesson:
    """A notebook, by its file's name without the ending: ``Lesson("06_align")``."""

    def __init__(self, name: str):
        self.book = nbformat.v4.reads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
        self.code = {cell.id: cell for cell in self.book.cells if cell.cell_type == "code"}
        self.prose = "\n".join(cell.source for cell in self.book.cells if cell.cell_type == "markdown")

    def names(self, *names: str, **known) -> dict:
        """Functions and constants by name, made from the lesson's cells; the last draft counts. ``known``: what the cells before have made."""
        for cell in self.code.values():
            for node in ast.parse(cell.source).body:
                targets = [node.name] if isinstance(node, ast.FunctionDef) else [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
                if set(targets) & set(names):
                    exec(compile(ast.Module([node], []), cell.id, "exec"), known)
        assert set(names) <= set(known), set(names) - set(known)
        return known

    def printed(self, cell: str) -> str:
        """What a cell printed in the committed run."""
        return "".join(output.get("text", "") for output in self.code[cell].outputs)
