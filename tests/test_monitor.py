"""The training monitor: what it shows, when it updates, and that nothing of it stays behind but the drawing."""

from __future__ import annotations

import html.parser
import importlib
import io
import json
import threading
import time

import pytest
from PIL import Image

from llava_mini import show
from llava_mini.show import live
from llava_mini.show.bands import Band
from llava_mini.show.style import Drawing

monitors = importlib.import_module("llava_mini.show.monitor")     # the module; its name in the package is the function's

HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><iframe src=//x>", "[a](javascript:alert(1))", "$\\frac{a}{b}$",
           "&lt;b&gt;", "\"><svg onload=alert(1)>", "'; alert(1); '", "`${alert(1)}`", "<a href='javascript:x'>y</a>", "\x00\x1b[31m\u202e", "<!-- -->", ""]
BAND = Band("a test", 3, 20, (1, 10, 20), (0.4, 0.3, 0.2), (1.2, 0.8, 0.6))


class Tags(html.parser.HTMLParser):
    """The tags of a piece of HTML, the handlers among their attributes, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.handlers, self.words = set(), [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.handlers += [name for name, value in attributes if name.startswith("on") or name in ("href", "src")]

    def handle_data(self, data):
        self.words += data


def record(step, asked=(), **more):
    row = {"step": step, "seconds": 0.5, **more}
    if step:
        row |= {"epoch": round(step / 10, 4), "loss": 2.0 / step, "rate": {"projector": 1e-3}, "gradient": {"projector": 1.0}, "samples_per_second": 8.0}
    if asked:
        row |= {"validation": 1.0, "answers": [{"text": text, "answer": "A dog.", "given": given} for text, given in asked]}
    return row


def write(folder, records, epochs=2.0, most=None):
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"settings": {"epochs": epochs, "max_steps": most}}))
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    return folder


def run(folder, steps=20, last=20):
    """A training of ``steps`` steps that has reached ``last``, asked at every tenth."""
    asked = [(f"Question {number}?", f"Answer {number}.") for number in range(3)]
    return write(folder, [record(step, asked if step % 10 == 0 else ()) for step in range(last + 1)], epochs=steps / 10)


@pytest.fixture
def notebook(monkeypatch):
    """A notebook's display that keeps what it was given."""
    import IPython.display

    shown = []

    class Handle:
        def update(self, what):
            shown.append(what)

    monkeypatch.setattr(monitors, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda what, display_id: shown.append(what) or Handle())
    return shown


def test_hostile_answers_are_text():
    """Guards against answers, questions or titles that become markup in a widget."""
    checks = [record(0, [(text, text) for text in HOSTILE])]
    progress = monitors.Progress(checks, 10)
    for title in HOSTILE:
        band = Band(title, 1, 5, (1, 2), (0.1, 0.1), (0.2, 0.2))
        found = Tags(live.headline(title, progress) + live.curve([record(1)], band) + live.answers(checks, len(HOSTILE)))
        assert found.tags <= {"b", "div", "table", "tr", "td", "th", "svg", "polygon", "polyline", "path", "line", "text", "title"}
        assert found.handlers == []
    words = Tags(live.answers(checks, len(HOSTILE))).words
    assert all(text in words for text in HOSTILE if text.isprintable())     # and nothing is lost


def test_time_left_and_steps(tmp_path):
    """Guards against a time left that counts the preparing as a step, and a watcher who cannot tell how long it will be."""
    watch = show.monitor(run(tmp_path / "a", steps=20, last=8))
    rows = watch.progress().records
    rows[1]["seconds"] = 99.0                                               # the first step of a start prepares
    write(tmp_path / "a", rows)
    progress = watch.progress()
    assert (progress.step, progress.steps, progress.finished) == (8, 20, False)
    assert progress.left == pytest.approx(12 * 0.5) and progress.taken == pytest.approx(8 * 0.5 + 99)
    write(tmp_path / "a", rows, epochs=9.0, most=8)
    assert watch.progress().finished
    assert "about" not in live.headline("", watch.progress()) and "finished" in live.headline("", watch.progress())
    assert show.monitor(tmp_path / "none").progress().steps is None
    assert live.duration(48.4) == "48 s" and live.duration(200) == "3 min 20 s" and live.duration(7500) == "2 h 5 min"


def test_the_still_has_curve_and_answers(tmp_path):
    """Guards against a twin from which the sample answers or the band are missing, in the picture or in words."""
    still = show.monitor(run(tmp_path / "a"), BAND, "Stage 1", shown=2).still()
    assert isinstance(still, Drawing) and "reference band of a test" in still.alt
    for number in range(2):
        assert f"Question {number}? True answer: A dog. Given at step 0: Answer {number}.; at step 10: Answer {number}." in still.alt
    assert "Question 2?" not in still.alt
    written = " ".join(text.get_text() for text in still.figure.texts)
    assert "Question 1?" in written and "step 20: Answer 0." in written
    with Image.open(io.BytesIO(still.png())) as picture:
        assert picture.height > picture.width * 0.8                         # the answers have room of their own
    empty = show.monitor(tmp_path / "none", title="<b>").still()
    assert "&lt;b&gt;" in empty.html and "no step" in empty.alt
    write(tmp_path / "b", [record(0, [(text, text) for text in HOSTILE])])
    assert show.monitor(tmp_path / "b", shown=99).still().png()             # nothing is taken for a formula


def test_checks_are_spread_and_keep_both_ends():
    """Guards against a table that leaves out what was said before the training or after it."""
    rows = [record(step, [("Q?", "A.")]) for step in range(9)]
    assert [row["step"] for row in monitors.Progress(rows, 8).checks(4)] == [0, 3, 5, 8]
    assert [row["step"] for row in monitors.Progress(rows[:2], 8).checks(4)] == [0, 1]
    assert monitors.Progress([record(1)], 8).checks(4) == []


def test_curve_draws_what_it_can():
    """Guards against a monitor that dies with the training it watches: at a loss that is not finite, or before the first."""
    assert live.curve([]) == ""
    drawn = live.curve([record(1), record(2) | {"loss": float("nan")}, record(3) | {"validation": float("inf")}], BAND)
    assert "nan" not in drawn and "inf" not in drawn and 'aria-label="Loss over 3 steps' in drawn
    assert live._stride(150) == 20 and live._stride(1) == 1


def test_updates_are_few(tmp_path, notebook):
    """Guards against a redraw at every step, and a display that misses the answers, or keeps its widget at the end."""
    folder, drawn = run(tmp_path / "a"), []
    with show.monitor(folder, BAND, "Stage 1", every=3600) as watch:
        watch._update = lambda update=watch._update: drawn.append(1) or update()
        watch({"event": "start", "step": 0, "steps": 20, "parts": []})
        for step in range(1, 21):
            watch({"event": "step", **record(step, [("Q?", "A.")] if step == 10 else ())})
        watch({"event": "end", "step": 20})
        head, bar, curve, answers = watch.widget.children
        assert len(drawn) == 3 and bar.value == bar.max == 20
        assert "finished" in head.value and curve.value.startswith("<svg") and "Question 1?" in answers.value
        widget = watch.widget
    assert watch.widget is None and widget.comm is None                     # closed
    assert len(notebook) == 2 and notebook[0].still.alt == "A training begins." and isinstance(notebook[1], Drawing)


def test_a_training_that_fails_is_shown_as_far_as_it_came(tmp_path, notebook):
    """Guards against a monitor that swallows the error, or hides the curve that explains it."""
    with pytest.raises(ZeroDivisionError), show.monitor(run(tmp_path / "a", last=5)):
        1 / 0
    assert "5 steps" in notebook[-1].alt


def test_follows_another_process(tmp_path):
    """Guards against a watcher that does not see what another process adds, or never ends."""
    folder = run(tmp_path / "a", steps=12, last=2)
    watch = show.monitor(folder, every=0.01)
    twin = watch.follow()
    assert "2 steps" in twin.still.alt and "text/html" not in twin._repr_mimebundle_()[0]
    (folder / "history.jsonl").write_text("")                               # a resumed training writes it anew
    time.sleep(0.05)
    run(folder, steps=12, last=12)
    wait_for(lambda: "finished" in watch.widget.children[0].value)
    wait_for(lambda: followers() == 0)
    watch = show.monitor(run(tmp_path / "b", steps=12, last=2), every=0.01)
    watch.follow()
    watch.stop()
    wait_for(lambda: followers() == 0)


def followers() -> int:
    return sum("_look" in thread.name for thread in threading.enumerate())


def wait_for(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_outside_a_notebook_it_is_silent(tmp_path, capfd):
    """Guards against text in the output of a script, and against needing a notebook at all."""
    with show.monitor(run(tmp_path / "a")) as watch:
        watch({"event": "step", **record(1)})
        assert watch.widget is None
    assert capfd.readouterr() == ("", "")


def test_a_real_training(tmp_path, notebook, tiny_vision_folder, tiny_language_folder):
    """Guards against events or files of train() that the monitor does not understand; a finished training is shown as well."""
    import trainings

    from llava_mini.training import train

    pictures, stage = trainings.make_pictures(tmp_path / "pictures"), trainings.stage("projector", max_steps=5, validate_every=2)
    for _ in range(2):                                                      # the second time it is loaded, without an event
        model = trainings.load_model(tiny_vision_folder, tiny_language_folder)
        with show.monitor(tmp_path / "run", title="Tiny", every=0.0) as watch:
            history = train(model, trainings.make_samples(12, texts=0), stage, pictures=pictures, folder=tmp_path / "run", on_event=watch, progress=False,
                            questions=[{"image": "0.png", "text": "What is it?", "answer": "Red."}])
            progress = watch.progress()
        assert progress.finished and progress.steps == 5 and len(history) == 6
        assert "5 steps" in notebook[-1].alt and "What is it? True answer: Red." in notebook[-1].alt


def test_a_saved_notebook_keeps_the_drawing_alone(tmp_path):
    """Guards against a thousand redraws, text on stderr, or a dead widget in a committed notebook: in a real kernel."""
    import nbformat
    from nbclient import NotebookClient

    source = ("from llava_mini import show\n"
              f"with show.monitor({str(run(tmp_path / 'a'))!r}, title='Stage 1', every=0.0) as watch:\n"
              "    for step in range(30):\n        watch({'event': 'step', 'step': step})\n"
              "'done'")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(book, timeout=300, kernel_name="python3", store_widget_state=False).execute()
    display, value = book.cells[0].outputs
    assert set(display.data) == {"image/png", "text/plain"} and display.metadata["image/png"]["alt"].startswith("Stage 1")
    assert value.data["text/plain"] == "'done'"
