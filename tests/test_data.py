"""data.py: the LLaVA schema, and every way in which a file can be wrong."""

import json
import sys

import pytest
from PIL import Image

from llava_mini.data import Sample, picture_names, read_samples
from llava_mini.errors import InputError

GOOD = {"id": "a", "image": "a.png", "conversations": [{"from": "human", "value": "<image>\nWhat is it?"},
                                                       {"from": "gpt", "value": "A dog."}]}
TEXT = {"id": 7, "conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Why?"},
                                   {"from": "gpt", "value": "Because."}]}


def written(folder, items, name="samples.json"):
    path = folder / name
    lines = "".join(json.dumps(item) + "\n" for item in items)
    path.write_text(json.dumps(items) if name.endswith(".json") else lines, encoding="utf-8")
    return path


def changed(**fields):
    return {key: value for key, value in (GOOD | fields).items() if value is not ...}


def complaint(path, pictures=None):
    with pytest.raises(InputError) as caught:
        read_samples(path, pictures)
    return str(caught.value)


@pytest.mark.parametrize("name", ["samples.json", "samples.jsonl"])
def test_reads_both_formats_alike(tmp_path, name):
    """Guards against a lost turn, role or picture, ids of another type, and a text-only sample refused."""
    samples = read_samples(written(tmp_path, [GOOD, TEXT], name))
    assert samples == [
        Sample("a", ("a.png",), [{"role": "user", "content": "<image>\nWhat is it?"}, {"role": "assistant", "content": "A dog."}]),
        Sample("7", (), [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"},
                         {"role": "assistant", "content": "Because."}]),
    ]


def test_several_pictures_in_order(tmp_path):
    """Guards against taking only the first of several pictures, or sorting them."""
    two = changed(image=["b.png", "a.png"], conversations=[{"from": "human", "value": "<image> or <image>?"}, GOOD["conversations"][1]])
    samples = read_samples(written(tmp_path, [two, GOOD]))
    assert samples[0].images == ("b.png", "a.png")
    assert picture_names(samples) == ["b.png", "a.png"]


def test_text_in_other_scripts_and_a_byte_order_mark(tmp_path):
    """Guards against reading with the machine's own encoding, and against Notepad's mark at the start."""
    item = changed(conversations=[{"from": "human", "value": "<image> Où est-il, 哪里?"}, {"from": "gpt", "value": "là"}])
    for name in ("samples.json", "samples.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(item if name.endswith("l") else [item], ensure_ascii=False).encode())
        assert read_samples(path)[0].messages[0]["content"] == "<image> Où est-il, 哪里?"


@pytest.mark.parametrize("item, words", [
    (changed(id=...), ["'id'", "missing"]),
    (changed(id=None), ["'id'"]),
    (changed(image=""), ["'a'", "'image'"]),
    (changed(image=["a.png", 3]), ["'a'", "'image'"]),
    (changed(image=["a.png", "b.png"]), ["'a'", "'conversations'", "1 <image> mark for 2 pictures"]),
    (changed(image=...), ["'a'", "1 <image> mark for 0 pictures"]),
    (changed(conversations=...), ["'a'", "'conversations'", "missing"]),
    (changed(conversations="hello"), ["'a'", "'conversations'"]),
    (changed(conversations=[{"from": "bot", "value": "x"}]), ["'a'", "'bot'", "human, gpt"]),
    (changed(conversations=[{"from": "human", "value": None}]), ["'a'", "turn 0", "'value'"]),
    (changed(conversations=[{"from": ["human"], "value": "x"}]), ["'a'", "turn 0"]),
    (changed(conversations=GOOD["conversations"][:1]), ["'a'", "no answer"]),
    (changed(conversations=GOOD["conversations"][::-1]), ["'a'", "turn 0"]),
    (changed(conversations=[]), ["'a'", "no turns"]),
    (changed(conversations=[GOOD["conversations"][0], {"from": "gpt", "value": "A \ud83d."}]), ["'a'", "turn 1", "character 2", "\\ud83d"]),
    (changed(image="\ud83d.png"), ["'a'", "'image'", "\\ud83d"]),
    (changed(id="\ud83d"), ["'id'", "\\ud83d"]),
    ([GOOD], ["a list"]),
    ("hello", ["a text"]),
])
@pytest.mark.parametrize("name, place", [("samples.json", "item 2"), ("samples.jsonl", "line 2")])
def test_every_fault_names_file_place_sample_and_field(tmp_path, item, words, name, place):
    """Guards against a KeyError, a sample skipped in silence, or an error that does not say where to look."""
    message = complaint(written(tmp_path, [TEXT, item, GOOD], name))
    assert "\n" not in message
    for word in [name, place, *words]:
        assert word in message, message


def test_all_faults_are_told_at_once(tmp_path):
    """Guards against one fault a run: a file with thirty is mended thirty times."""
    message = complaint(written(tmp_path, [GOOD] + [changed(id=None)] * 30, "samples.jsonl"))
    assert "line 2:" in message and "line 11:" in message and "line 12:" not in message
    assert "20 more" in message


def test_broken_json_says_where(tmp_path):
    """Guards against an error without the line; a JSONL file under the name .json is told apart."""
    path = tmp_path / "samples.json"
    path.write_text('[\n{"id": "a",\n "image": }\n]')
    assert "samples.json, line 3" in complaint(path)
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD))
    assert ".jsonl" in complaint(path)
    lines = tmp_path / "samples.jsonl"
    lines.write_text(json.dumps(GOOD) + "\n\n" + json.dumps(GOOD)[:-5] + "\n" + json.dumps(GOOD) + "\n")
    assert "samples.jsonl, line 3: column" in complaint(lines)
    lines.write_bytes(json.dumps(GOOD).encode() + b'\n{"id": "\xff"}\n')
    assert "line 2: byte 8" in complaint(lines)


@pytest.mark.parametrize("value", ["[" * 200_000] + ["9" * 5000] * hasattr(sys, "get_int_max_str_digits"))
def test_json_that_python_cannot_take_in(tmp_path, value):
    """Guards against a RecursionError, or a ValueError about digits, without the file's name."""
    for name, start in (("samples.json", "["), ("samples.jsonl", "")):
        path = tmp_path / name
        path.write_text(f'{start}{{"id": {value}')
        assert f"{name}{', line 1' if name.endswith('l') else ''}: JSON that cannot be taken in" in complaint(path)


@pytest.mark.parametrize("text, word", [("[]", "no samples"), ('{"data": []}', "list"), ("", "line 1")])
def test_files_without_samples(tmp_path, text, word):
    """Guards against a training on nothing."""
    path = tmp_path / "samples.json"
    path.write_text(text)
    assert word in complaint(path)


def test_wrong_path_and_ending(tmp_path):
    """Guards against a bare FileNotFoundError, and against guessing at a CSV file."""
    assert "no such file" in complaint(tmp_path / "none.json")
    assert ".jsonl" in complaint(tmp_path / "samples.csv")


def test_missing_picture_is_found_before_training(tmp_path):
    """Guards against a picture that is missed an hour into the training; names the line that needs it."""
    (tmp_path / "pictures").mkdir()
    path = written(tmp_path, [TEXT, GOOD], "samples.jsonl")
    message = complaint(path, tmp_path / "pictures")
    assert "line 2" in message and "'a'" in message and "a.png" in message
    Image.new("RGB", (9, 9)).save(tmp_path / "pictures" / "a.png")
    assert len(read_samples(path, tmp_path / "pictures")) == 2
