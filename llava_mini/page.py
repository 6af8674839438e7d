"""One HTML file made of chapters with tables and pictures: what :mod:`.handout` puts its results on.

The file needs nothing beside it, pictures lie within, and whatever it is given is text: no answer of a model becomes markup.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}th,td{border-bottom:1px solid #ccc;padding:.25rem .7rem;text-align:left}
td:not(:first-child){font-variant-numeric:tabular-nums}img{max-width:100%}figure{margin:1rem 0}
nav li{display:inline-block;margin-right:1rem}section{break-inside:avoid-page}code{background:#f2f2f2;padding:.1rem .3rem}
.lacking{border-left:4px solid #E69F00;padding-left:1rem}"""


@dataclass
class Part:
    """A chapter of the page."""

    title: str
    html: list[str] = field(default_factory=list)   # already escaped
    lacking: str = ""           # the command that would measure it, where nothing is there

    @property
    def anchor(self) -> str:
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower())


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def table(lines: list[str]) -> str:
    """A Markdown table, or several with lines of text among them, as HTML. All of it is escaped."""
    out, rows = [], []

    def close():
        if rows:
            head, *body = rows
            out.append("<table><thead><tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head) + "</tr></thead><tbody>"
                       + "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body) + "</tbody></table>")
            rows.clear()

    for line in lines:
        cells = [_text(cell) for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and set(line) <= set("|-: "):
            continue
        if line.startswith("|"):
            rows.append(cells)
            continue
        close()
        if line.strip():
            out.append(f"<h3>{escape(line.strip('# '))}</h3>" if line.startswith("#") else paragraph(line.lstrip("- ")))
    close()
    return "\n".join(out)


def _text(cell: str) -> str:
    """What a cell of a Markdown table says, without its marks and with what they hide given back."""
    cell = re.sub(r"^\*([^*].*[^*\\])\*$", r"\1", cell.strip())               # all of it in italics
    return re.sub(r"\\([|<>`*_\[\]\\])", r"\1", re.sub(r"(?<!\\)(?:\*\*|`)", "", cell))


def figure(drawing) -> str:
    """A show.Drawing, or the path of a PNG that one has saved, within the page."""
    if isinstance(drawing, Path):
        from PIL import Image

        data = drawing.read_bytes()
        with Image.open(drawing) as picture:
            alt = str(picture.info.get("Description", drawing.stem))
    else:
        data, alt = drawing.png(), drawing.alt
    return f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></figure>'


def whole(name: str, parts: list[Part]) -> str:
    """The whole page, with a link to each chapter at its top."""
    body = "".join(f'<section id="{part.anchor}"><h2>{escape(part.title)}</h2>' + "\n".join(part.html)
                   + (f'<p class="lacking">Not measured yet: <code>{escape(part.lacking)}</code></p>' if part.lacking and not part.html else "")
                   + "</section>\n" for part in parts)
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.title)}</a></li>' for part in parts)
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(name)}: report</title><style>{STYLE}</style></head><body><h1>{escape(name)}</h1>"
            f"<p>Made from results by <code>python -m llava_mini.handout</code>.</p><nav><ul>{links}</ul></nav>\n{body}</body></html>\n")
