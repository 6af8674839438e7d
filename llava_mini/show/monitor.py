"""The training monitor: loss over its reference band, sample answers and time left, live while a training runs.

>>> with show.monitor(folder, show.read_band("data/results/band-tune.json")) as watch:                 # doctest: +SKIP
...     llava_mini.train(model, samples, stage, folder=folder, on_event=watch, progress=False, ...)

All that it shows it reads from the ``history.jsonl`` in the folder of the training, so a finished one can be looked at as
well, and one that runs in another process, for instance in a terminal::

>>> show.monitor("runs/mini-full/tune").follow()                                                       # doctest: +SKIP

While the cell runs, a widget is updated; when it ends, the finished drawing takes the widget's place in the output.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from matplotlib.font_manager import FontProperties

from ..errors import InputError
from ..history import History
from . import live, style
from .bands import Band
from .curves import loss_curves, read_history
from .sheet import wrap
from .twin import Html, Twin

RECENT = 50                     # steps whose mean time says how long the rest will take
CHECKS = 4                      # moments at which the still shows the sample answers
LINE, SIZE = 0.155, 8           # inches and points of a line under the curves


@dataclass(frozen=True)
class Progress:
    """How far a training is, read off its records."""

    records: list[dict]
    steps: int | None           # of the whole training, where known

    @property
    def step(self) -> int:
        return self.records[-1]["step"] if self.records else 0

    @property
    def finished(self) -> bool:
        return self.steps is not None and self.step >= self.steps

    @property
    def taken(self) -> float:
        """Seconds so far, over all starts."""
        return sum(record.get("seconds", 0.0) for record in self.records)

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take if its steps are like the last ones; None before anybody can tell."""
        recent = [record["seconds"] for record in self.records[2:] if "seconds" in record][-RECENT:]     # the first two prepare
        return None if self.steps is None or not recent else fmean(recent) * (self.steps - self.step)

    def checks(self, n: int) -> list[dict]:
        """Up to ``n`` of the records that hold sample answers, spread evenly, the first and the last among them."""
        found = [record for record in self.records if record.get("answers")]
        if len(found) <= n:
            return found
        return [found[round(i * (len(found) - 1) / (n - 1))] for i in range(n)]


class Monitor:
    """A watched training. Call it with each event (``train(on_event=...)``), or let it ``follow`` the file.

    ``folder``  of the training, as train() is told
    ``band``    a reference to draw behind the loss
    ``shown``   how many of the sample questions are shown, from the first on
    ``every``   seconds between two updates of the widget
    """

    def __init__(self, folder: str | Path, band: Band | None = None, title: str = "", shown: int = 6, every: float = 1.0):
        self.folder, self.band, self.title, self.shown, self.every = Path(folder), band, title, shown, every
        self.widget, self._steps, self._drawn, self._handle = None, None, 0.0, None
        self._stopped = threading.Event()

    # ---- what is known

    def progress(self) -> Progress:
        """How far it is, as the folder says now. Raises InputError with the line for a history that is broken."""
        records = read_history(self.folder / "history.jsonl") if History.read(self.folder / "history.jsonl").records else []
        return Progress(records, self._steps or _steps_of(self.folder, records))

    def still(self) -> style.Drawing | Html:
        """The curve with sample answers below it: what is left where no widget lives."""
        progress = self.progress()
        if not progress.records:
            words = f"{self.title or 'Training'}: no step has been taken yet."
            return Html(f"<p>{live.escape(words)}</p>", words)
        drawing = loss_curves({"this training": progress.records}, self.band, self.title or "Training")
        return _with_answers(drawing, progress.checks(CHECKS), self.shown)

    # ---- a training in this process

    def __call__(self, event: dict) -> None:
        """Takes an event of train() and updates the widget, though not more often than ``every`` seconds."""
        self._steps = event.get("steps", self._steps)
        due = time.monotonic() - self._drawn >= self.every
        if self.widget is not None and (due or "answers" in event or event["event"] in ("start", "end")):
            self._update()

    def __enter__(self) -> Monitor:
        if _in_notebook():
            from IPython.display import display

            self._make_widget()
            self._handle = display(Twin(self.widget, Html("", "A training begins.")), display_id=True)
        return self

    def __exit__(self, *error) -> None:
        if self._handle is not None:
            self._handle.update(self.still())       # in the widget's place: what a saved notebook keeps
            self.widget.close()
            self.widget = self._handle = None

    # ---- a training in another process

    def follow(self, patience: float = 600.0) -> Twin:
        """A widget that looks into the file every ``every`` seconds, until the training is finished, nothing was added
        for ``patience`` seconds, or ``stop`` is called. Its still twin shows the moment of the call."""
        self._make_widget()
        self._stopped.clear()
        if not self._update().finished:
            threading.Thread(target=self._look, args=(patience,), daemon=True).start()
        return Twin(self.widget, self.still())

    def stop(self) -> None:
        """Ends the following; the widget stays as it is."""
        self._stopped.set()

    def _look(self, patience: float) -> None:
        size, changed = -1, time.monotonic()
        while not self._stopped.wait(self.every) and time.monotonic() - changed < patience:
            with suppress(OSError, InputError):     # the file is being replaced, or is not there yet: look again
                now = (self.folder / "history.jsonl").stat().st_size
                if now != size:
                    size, changed = now, time.monotonic()
                    if self._update().finished:
                        return

    # ---- the widget

    def _make_widget(self) -> None:
        import ipywidgets

        parts = [ipywidgets.HTML(), ipywidgets.IntProgress(layout=ipywidgets.Layout(width="99%")), ipywidgets.HTML(), ipywidgets.HTML()]
        self.widget = ipywidgets.VBox(parts)
        self._update()

    def _update(self) -> Progress:
        progress = self.progress()
        head, bar, curve, answers = self.widget.children
        head.value = live.headline(self.title, progress)
        bar.max, bar.value = progress.steps or 1, progress.step
        curve.value = live.curve(progress.records, self.band)
        answers.value = live.answers(progress.checks(live.COLUMNS), self.shown)
        self._drawn = time.monotonic()
        return progress


def monitor(folder: str | Path, band: Band | None = None, title: str = "", shown: int = 6, every: float = 1.0) -> Monitor:
    """Watches the training in ``folder``; see :class:`Monitor` for what the arguments mean."""
    return Monitor(folder, band, title, shown, every)


def _steps_of(folder: Path, records: list[dict]) -> int | None:
    """Steps of the whole training, from its settings in run.json and the share of an epoch that a step was."""
    try:
        settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]
        epochs, most = settings["epochs"], settings["max_steps"]
    except (OSError, ValueError, KeyError):
        return None
    steps = [round(epochs * record["step"] / record["epoch"]) for record in records[-1:] if record.get("epoch")]
    return min([*steps, *[most] * (most is not None)]) if steps else most


def _in_notebook() -> bool:
    """Is there a notebook that would show a widget?"""
    import sys

    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def _with_answers(drawing: style.Drawing, checks: list[dict], shown: int) -> style.Drawing:
    """The drawing with sample answers below it, in words too. A line for each moment, two questions side by side if there are many."""
    if not checks:
        return drawing
    asked = checks[-1]["answers"][:shown]
    columns = 1 if len(asked) <= 2 else 2
    figure = drawing.figure
    width, height = figure.get_size_inches()
    room = width / columns - 0.3
    blocks = [_block(number, row, checks, room) for number, row in enumerate(asked)]
    rows = [blocks[start:start + columns] for start in range(0, len(blocks), columns)]
    heights = [LINE * (max(map(len, row)) + 1) for row in rows]
    below = sum(heights) + 0.25
    figure.set_size_inches(width, height + below)       # the curves stay as they are, in the upper part
    for axes in figure.axes:
        x, y, wide, high = axes.get_position().bounds
        axes.set_position((x, (y * height + below) / (height + below), wide, high * height / (height + below)))
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position((x, (y * height + below) / (height + below)))
    y = below - 0.2
    for row, high in zip(rows, heights):
        for column, block in enumerate(row):
            for number, (line, bold, colour) in enumerate(block):
                figure.text((0.15 + column * width / columns) / width, (y - number * LINE) / (height + below), line, va="top", color=colour,
                            fontproperties=_font(bold))
        y -= high
    return style.Drawing(figure, "\n".join([drawing.alt, *_in_words(asked, checks)]))


def _block(number: int, row: dict, checks: list[dict], room: float) -> list[tuple[str, bool, str]]:
    """The lines of one question: (text, bold, colour)."""
    lines = [(line, True, style.BLACK) for line in wrap(row["text"], room, 2, _font(True))]
    if "answer" in row:
        lines += [(line, False, style.MUTED) for line in wrap(f"true: {row['answer']}", room, 2, _font(False))]
    for check in checks:
        given = check["answers"][number]["given"]
        lines += [(line, False, style.BLUE) for line in wrap(f"step {check['step']}: {given.strip() or '(nothing)'}", room, 2, _font(False))]
    return lines


def _in_words(asked: list[dict], checks: list[dict]) -> list[str]:
    """The same in words, nothing shortened."""
    words = []
    for number, row in enumerate(asked):
        said = [f"step {check['step']}: {style.printable(check['answers'][number]['given']) or '(nothing)'}" for check in checks]
        truth = f" True answer: {style.printable(row['answer'])}" if "answer" in row else ""
        words.append(f"{style.printable(row['text'])}{truth} Given at {'; at '.join(said)}")
    return words


def _font(bold: bool) -> FontProperties:
    return FontProperties(family=style.RULES["font.family"], size=SIZE, weight="bold" if bold else "normal")
