"""Figures by their properties: what texts they hold, where the marks lie, that the files open."""

from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path

import matplotlib
import pytest
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from PIL import Image

from llava_mini import show
from llava_mini.errors import InputError
from llava_mini.evaluation.answers import Answers, Question
from llava_mini.evaluation.confusion import Confusion
from llava_mini.show import bands, sheet, style

HOSTILE = [r"$\nonsense{$", r"$\frac{a}{b}$ \ x_2^{", "A" * 5000, "word " * 2000, "", " \n\t ", "<b>&amp;%d{}</b>", "\x00\ud800", "日本語 🙂 שלום", "$", "\\"]


def texts(figure) -> list[str]:
    return [artist.get_text() for artist in figure.findobj(matplotlib.text.Text) if artist.get_text()]


def item(given: str = "It is red.", right: bool = True, size=(32, 32), question: str = "What colour is it?") -> sheet.Answered:
    return sheet.Answered(Image.new("RGB", size, "red"), question, "It is blue.", given, right)


# ---- style

def luminance(colour: str) -> float:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_neighbouring_curves_differ_without_colour():
    """Guards against a palette in which two curves look alike on a grey print."""
    for (one, dash), (other, other_dash) in zip(style.CURVES, (*style.CURVES[1:], style.CURVES[0])):
        assert dash != other_dash and abs(luminance(one) - luminance(other)) > 0.05
    shades = [luminance(style.SHADES(i / 10)[:3]) for i in range(11)]
    assert all(a - b > 0.03 for a, b in zip(shades, shades[1:]))                 # darker all the way


def test_drawing_changes_nothing_outside(tmp_path):
    """Guards against figures that change the reader's own plots, or pile up in pyplot."""
    before = dict(matplotlib.rcParams)
    show.picture_sheet([item()]).save(tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before
    import sys

    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_reader_settings_do_not_reach_the_figure():
    """Guards against figures that depend on somebody's matplotlibrc."""
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "black", "text.parse_math": True}):
        changed = show.picture_sheet([item("$x$")]).png()
    assert changed == show.picture_sheet([item("$x$")]).png()


def test_printable_shows_what_cannot_be_drawn():
    """Guards against control characters that break the drawing or vanish from it."""
    assert style.printable("a\x00b\n\tc\ud800\u202e") == "a<U+0000>b c<U+D800><U+202E>"
    assert style.printable("$ \\ é 日") == "$ \\ é 日"


def test_save_fails_with_one_sentence(tmp_path):
    """Guards against a traceback, or a torn picture, where a folder cannot be made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot be made a folder"):
        show.picture_sheet([item()]).save(tmp_path / "file" / "a.png")


# ---- sheet

def test_sheet_shows_question_truth_answer_and_mark(tmp_path):
    """Guards against a sheet that hides the truth or tells right from wrong by colour alone."""
    drawing = show.picture_sheet([item(), item("It is green.", right=False)], "Unseen")
    found = texts(drawing.figure)
    assert found[:2] == ["Unseen: 1 of 2 right", "✓ right, ✗ wrong"]
    assert found.count("What colour is it?") == 2 and found.count("true: It is blue.") == 2
    assert "✓ given: It is red." in found and "✗ given: It is green." in found
    frames = [axes.patches[0].get_linestyle() for axes in drawing.figure.axes]
    assert len(set(frames)) == 2
    assert "2. What colour is it? True answer: It is blue. Given answer, wrong: It is green." in drawing.alt
    path = drawing.save(tmp_path / "new" / "sheet.png")
    with Image.open(path) as picture:
        picture.load()
        assert picture.text["Description"] == drawing.alt
        assert picture.width >= 2 * sheet.CELL * style.DPI and picture.height >= sheet.CELL * style.DPI
    assert [file.name for file in path.parent.iterdir()] == ["sheet.png"]
    assert texts(show.picture_sheet([item(right=False)], "Mistakes", count=False).figure)[:2] == ["Mistakes", "✓ right, ✗ wrong"]


def test_hostile_texts_are_drawn_as_they_are(tmp_path):
    """Guards against mathtext, control characters or endless answers that break the sheet or spill over."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = show.picture_sheet([item(text, question=text) for text in HOSTILE])
        data = drawing.png()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size[1] < 4000 and "A" * 5000 in picture.text["Description"]
    found = texts(drawing.figure)
    assert r"✓ given: $\frac{a}{b}$ \ x_2^{" in found and "✓ given: $" in found and "✓ given: \\" in found
    assert found.count("✓ given: (nothing)") == 2 and found.count("(nothing)") == 2
    assert any(text.endswith(" characters)") for text in found) and "✓ given: <U+0000><U+D800>" in found
    renderer = drawing.figure.canvas.get_renderer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        boxes = [artist.get_window_extent(renderer) for artist in drawing.figure.texts[1:]]
    column = (sheet.CELL + sheet.GAP) * drawing.figure.dpi
    assert all(box.width <= sheet.CELL * drawing.figure.dpi * 1.02 for box in boxes)
    lines = sorted((round(box.x0 / column), -box.y1, -box.y0) for box in boxes)
    assert all(a[0] != b[0] or b[1] >= a[2] - 4 for a, b in zip(lines, lines[1:]))   # no line lies on another (4: descenders)


@pytest.mark.parametrize("text", ["A" * 500, "one two three " * 40, "x " + "B" * 200, "an-answer-without-spaces " * 9])
def test_wrap_keeps_every_character_or_counts_it(text):
    """Guards against characters that fall between two lines, and a wrong number of characters left out."""
    font = FontProperties(size=9)
    whole = sheet.wrap(text, 1.5, 999, font)
    assert "".join(whole).replace(" ", "") == text.replace(" ", "")
    *head, last = sheet.wrap(text, 1.5, 3, font)
    assert head == whole[:2]
    kept, number = last.split("… (+")
    shown = len("".join([*head, kept]).replace(" ", ""))
    rest = int(number.split()[0])
    hidden = " ".join(text.split())[-rest:]
    assert shown + len(hidden.replace(" ", "")) == len(text.replace(" ", ""))


def test_pictures_keep_their_shape_and_must_be_readable(tmp_path):
    """Guards against stretched pictures, and a traceback for a file that is none."""
    drawing = show.picture_sheet([item(size=(400, 100))])
    drawing.png()
    box = drawing.figure.axes[0].get_window_extent()
    assert box.width / box.height == pytest.approx(4, rel=0.05)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    for path, reason in ((broken, "not a picture"), (tmp_path / "none.jpg", "missing")):
        with pytest.raises(InputError, match=f"{path.name} is {reason}"):
            show.picture_sheet([sheet.Answered(path, "?", "a", "b", True)])
    with pytest.raises(InputError, match="at least one picture"):
        show.picture_sheet([])


def test_the_sheet_shows_what_the_model_sees(tmp_path):
    """Guards against a second way of opening pictures, in which a phone's photograph lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30), "blue").save(tmp_path / "phone.jpg", exif=exif)
    drawing = show.picture_sheet([sheet.Answered(tmp_path / "phone.jpg", "?", "a", "b", True)])
    drawing.png()
    box = drawing.figure.axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("name", ["extreme_ironing.jpg", "waterview.jpg"])
def test_real_photographs(real, name):
    """Guards against large or wide photographs that the sheet cannot take."""
    with Image.open(io.BytesIO(show.picture_sheet([sheet.Answered(real / "photos" / name, "What is unusual?", "?", "?", False)]).png())) as picture:
        assert abs(picture.width - (sheet.CELL + 0.24) * style.DPI) < 8


def test_choice_for_a_sheet_is_fair(tmp_path):
    """Guards against a sheet of successes, of one kind, or of one picture."""
    questions = [Question(f"{i}{kind}", f"{i}.jpg", f"{kind} {i}?", kind, "yes", "yes") for i in range(6) for kind in ("colour", "count")]
    answers = Answers(Path("a.jsonl"), rows={q.id: {"text": "yes" if q.kind == "colour" else "no"} for q in questions[:-1]})
    chosen = show.choose(questions, answers, lambda kind, text, question: text, "pictures", n=6, seed=1)
    assert sorted(item.picture.name for item in chosen) == [f"{i}.jpg" for i in range(6)]
    assert [item.right for item in chosen] == [True, False] * 3 and chosen[0].picture.parent == Path("pictures")
    assert chosen == show.choose(questions, answers, lambda kind, text, question: text, "pictures", n=6, seed=1)
    assert len(show.choose(questions, answers, lambda *_: None, "pictures", n=99)) == 12


# ---- confusion

def test_heat_map_has_counts_and_names():
    """Guards against a map whose axes are swapped or unnamed, or whose counts cannot be read on the shade."""
    table = Confusion("colour", ("blue", "red"), ((9, 1, 0, 0), (3, 4, 2, 1)), (("red", "blue", 3),))
    drawing = show.heat_map(table)
    axes = drawing.figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("given answer", "true answer (questions)")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["blue", "red", "other", "unreadable"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["blue (10)", "red (10)"]
    cells = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    assert cells == {(0, 0): ("9", "white"), (1, 0): ("1", "black"), (0, 1): ("3", "black"), (1, 1): ("4", "black"),
                     (2, 1): ("2", "black"), (3, 1): ("1", "black")}
    assert axes.images[0].get_array()[1].tolist() == [0.3, 0.4, 0.2, 0.1]
    assert axes.get_title(loc="left") == "colour: 13 of 20 right" and "3 x red answered as blue" in drawing.alt
    assert drawing.png() == drawing.png()


@pytest.mark.parametrize("n", [1, 2, 26])
def test_heat_map_cuts_no_label(n):
    """Guards against names cut off at the edge, and cells too small for their counts, for few values and many."""
    labels = tuple(f"a very long traffic light {i} $x$" for i in range(n))
    counts = tuple(tuple(100 * (i == j) for j in range(n + 2)) for i in range(n))
    drawing = show.heat_map(Confusion("what", labels, counts, ()))
    with Image.open(io.BytesIO(drawing.png())) as picture:
        grey = picture.convert("L")
        for box in ((0, 0, grey.width, 4), (0, grey.height - 4, grey.width, grey.height), (0, 0, 4, grey.height), (grey.width - 4, 0, grey.width, grey.height)):
            assert grey.crop(box).getextrema()[0] > 250                        # a white edge all round: no ink was cut
    renderer = drawing.figure.canvas.get_renderer()
    axes = drawing.figure.axes[0]
    cell = axes.get_window_extent(renderer).width / (n + 2)
    assert all(text.get_window_extent(renderer).width < cell for text in axes.texts)


# ---- curves

def history(*losses: float, start: int = 1) -> list[dict]:
    return [{"step": step, "loss": loss, "rate": {"projector": 1e-3}} for step, loss in enumerate(losses, start)]


def test_smooth_is_a_mean_over_the_last_values():
    """Guards against a mean that looks into the future, which would flatter the last step."""
    assert bands.smooth([4, 2, 6, 8], 2) == [4, 3, 4, 7]


def test_band_holds_the_runs_it_was_made_from():
    """Guards against a band of unsmoothed losses, of mismatched steps, or without its margin."""
    band = bands.make_band([history(4, 2, 6, 8, 2), history(2, 2, 2, 2, 2, 9)], "mini", window=2, margin=0.5, every=2)
    assert band.steps == (2, 4, 5) and band.low == (1, 1, 1) and band.high == (4.5, 10.5, 7.5) and band.runs == 2
    assert band.at(3) == (1, 7.5) and band.at(5) == (1, 7.5) and band.at(1) is band.at(6) is None
    for history_ in ([], [history(1, float("nan"), 1)]):
        with pytest.raises(InputError, match="mini: a band needs trainings"):
            bands.make_band(history_, "mini", window=1)


def test_verdict_counts_steps():
    """Guards against a verdict that forgets one side, or calls a broken loss fine."""
    band = bands.Band("mini", 3, 1, (2, 6), (1, 1), (2, 2))
    found = bands.compare(history(9, 1.5, 2, 1, 2.5, 0.5, 7, float("nan")), band)
    assert (found.inside, found.above, found.below, found.beyond, found.first_outside) == (3, 1, 1, 3, 5)
    assert str(found) == ("The loss is inside the reference band of mini at 3 of 5 steps, above it at 1 and below it at 1 "
                          "(first outside at step 5); the band says nothing about 3 other steps.")
    assert str(bands.compare(history(1, 1, start=2), band)) == "The loss is inside the reference band of mini at 2 of 2 steps."
    assert bands.compare(history(float("nan"), start=3), band).above == 1
    assert "Nothing to compare" in str(bands.compare(history(1, start=7), band))


def test_band_file_round_trip_and_faults(tmp_path):
    """Guards against a damaged reference that passes every run."""
    path = tmp_path / "band.json"
    of = {"profile": "mini", "pictures": 9000, "stage": {"epochs": 1.0}, "steps": 5}
    band = bands.Band("mini", 3, 20, (1, 5), (0.5, 0.25), (2.0, 1.0), of, (0, 1, 2))
    bands.write_band(band, path)
    assert bands.read_band(path) == band and band.fits(dict(of)) and not band.fits({**of, "pictures": 200})
    good = json.loads(path.read_text())
    for change, message in (({"low": None}, "not a reference band"), ({"high": [1]}, "field steps"), ({"steps": [5, 1]}, "field steps"), ({"steps": []}, "field steps"),
                            ({"of": None}, "not a reference band")):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(InputError, match=f"band.json.*{message}"):
            bands.read_band(path)
    del good["window"]
    path.write_text(json.dumps(good))
    with pytest.raises(InputError, match="field 'window': missing"):
        bands.read_band(path)


@pytest.mark.parametrize("lines, message", [
    (['{"step": 1, "loss": 1}', "{oops", '{"step": 3}'], "line 2: not valid JSON"), (['{"loss": 1}'], "line 1: the field 'step'"),
    (['{"step": 1, "loss": "1"}'], "line 1: the field 'loss' is '1'"), (['{"step": 2}', '{"step": 1}'], "line 2: step 1 comes after step 2"),
    (['{"step": 1}', '{"step": 1}'], "line 2: step 1 comes after step 1"), (['{"step": 1, "rate": {"projector": "x"}}'], "line 1: the field 'projector'"),
    (["[1]"], "line 1: the field 'step'"), ([], "no step in it"),
])
def test_faulty_history_names_file_and_line(tmp_path, lines, message):
    """Guards against a curve drawn from half of a file, or of two trainings at once."""
    path = tmp_path / "history.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(InputError, match=f"history.jsonl.*{message}"):
        show.read_history(path)


def test_history_of_a_running_training(tmp_path):
    """Guards against a figure that cannot be drawn while the training writes its next line."""
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1, "loss": 1.5}\n{"step": 2, "lo')
    assert show.read_history(path) == [{"step": 1, "loss": 1.5}]


def test_curves_have_units_band_and_verdict():
    """Guards against axes without units, a missing band, and a verdict that is only in the picture."""
    rows = history(*(3 / step for step in range(1, 101)))
    for row in rows[9::10]:
        row["validation"] = row["loss"] * 1.1
    band = bands.make_band([rows], "mini, stage 2", window=5, every=1)
    drawing = show.loss_curves({"mine $x$": rows}, band, "Stage 2")
    upper, lower = drawing.figure.axes
    assert upper.get_ylabel() == "loss (nats per supervised token)" and lower.get_xlabel() == "step (optimizer updates)"
    assert lower.get_ylabel() == "learning rate" and upper.get_yscale() == "log"
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "reference: mini, stage 2 (1 run)", "mine $x$ (mean of the last 5 steps)", "mine $x$, validation"]
    verdict = "The loss is inside the reference band of mini, stage 2 at 96 of 96 steps; the band says nothing about 4 other steps."
    assert upper.get_title(loc="left") == verdict and verdict in drawing.alt and "100 steps, loss 3 at first" in drawing.alt
    validation = next(line for line in upper.lines if line.get_marker() == "D")
    assert list(validation.get_xdata()) == list(range(10, 101, 10))
    drawing.figure.draw_without_rendering()
    assert drawing.png() == drawing.png()
    assert not any("mathdefault" in text for text in texts(drawing.figure))
    with Image.open(io.BytesIO(drawing.png())) as picture:
        assert picture.text["Description"] == drawing.alt


def test_long_verdicts_do_not_run_into_the_title():
    """Guards against titles on top of each other when several runs are judged."""
    rows = history(*range(1, 50))
    band = bands.make_band([rows], "a reference with a rather long name, stage 2, of some model or other", window=2)
    figure = show.loss_curves({f"run {i} of many": rows for i in range(4)}, band, "Stage 2").figure
    renderer = figure.canvas.get_renderer()
    title, verdicts = figure._suptitle.get_window_extent(renderer), figure.axes[0]._left_title.get_window_extent(renderer)
    assert title.y0 >= verdicts.y1 and verdicts.y0 >= figure.axes[0].get_window_extent(renderer).y1


def test_learning_rates_by_part():
    """Guards against a projector whose own learning rate is not to be seen."""
    rows = [{"step": step, "loss": 1.0, "rate": {"projector": 1e-3 / step, "language_model": 2e-5, "other": 2e-5}} for step in range(1, 9)]
    lower = show.loss_curves({"mine": rows}).figure.axes[1]
    assert {line.get_label(): line.get_ydata()[1] for line in lower.lines} == {"projector": 5e-4, "language_model and other": 2e-5}
    assert lower.get_legend() is not None and show.loss_curves({"mine": history(1, 2)}).figure.axes[1].get_legend() is None
    near = [row | {"rate": {"projector": 1e-4, "language_model": 2e-5}} for row in rows]
    assert [lower.get_yscale(), show.loss_curves({"mine": near}).figure.axes[1].get_yscale()] == ["log", "linear"]
    lower.figure.draw_without_rendering()
    ticks = [label.get_text() for label in lower.get_yticklabels()]
    assert "0.0001" in ticks and not any("$" in tick for tick in ticks)


def test_several_runs_without_band_and_with_broken_losses():
    """Guards against a crash on the very runs one wants to look at: diverged, zero, or without any loss yet."""
    drawing = show.loss_curves({"one": history(1, float("nan"), 2), "two": history(0, 1, 2), "none": [{"step": 0, "validation": 3.0}],
                                **{str(i): history(1) for i in range(7)}})
    assert drawing.figure.axes[0].get_yscale() == "linear"
    drawing.png()
    with pytest.raises(InputError, match="at least one run"):
        show.loss_curves({})


def test_the_page_names_what_is_there():
    """Guards against a page that tells of calls which have gone, and a widget that it leaves out."""
    page = (Path(show.__file__).parent / "README.md").read_text("utf-8")
    named = set(re.findall(r"`show\.(\w+)", page)) | {name for line in page.split("## Pictures")[1].splitlines() for name in re.findall(r"`([a-z_]+)`", line)}
    assert all(hasattr(show, name) for name in named), named
    assert {"mask_viewer", "inspector", "scene_editor", "chat", "monitor"} <= named
    assert all((Path(show.__file__).parents[2] / path).exists() for path in re.findall(r"`((?:tests|data)/[\w./-]+)`", page))
