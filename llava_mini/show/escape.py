"""What models and users wrote, as HTML that shows it letter by letter and does nothing else.

>>> as_text("<b>$x$</b>")
'&lt;b&gt;<span>$</span>x<span>$</span>&lt;/b&gt;'
"""

from __future__ import annotations

import html
import re
import unicodedata

# Controls, direction marks and other formats, lone surrogates, private and unassigned places, line and paragraph separators.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_MATHS = re.compile(r"[$\\]")


def seen(text: str) -> str:
    """The text with each character that cannot be seen as its number, as in <U+202E>; line ends and tabs stay."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN else f"<U+{ord(c):04X}>" for c in text)


def as_text(text: str) -> str:
    """HTML, for the inside of an element, whose text is exactly ``seen(text)``.

    Jupyter also typesets mathematics in HTML outputs. A formula must lie in one piece of text, so each ``$`` and
    ``\\`` gets an element of its own: no sanitizer removes that, while classes that forbid typesetting do get lost.
    """
    return _MATHS.sub(lambda mark: f"<span>{mark[0]}</span>", html.escape(seen(text)))
