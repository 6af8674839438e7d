"""data.py's streaming doors, json_list.py and instruct/validate.py: files of other people."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path

import pytest

from llava_mini import json_list
from llava_mini.data import Fault, Sample, read_samples, scan_samples, stream_samples
from llava_mini.errors import InputError
from llava_mini.instruct import validate as module
from llava_mini.instruct.statistics import first_two
from llava_mini.instruct.validate import validate

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))       # benchmarks/ is not part of the installed package


def item(number=1, question="<image>\nWhat is it?", answer="A dog.", **fields):
    row = {"id": f"s{number}", "image": f"{number}.jpg",
           "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]} | fields
    return {key: value for key, value in row.items() if value is not ...}


def written(folder, items, name="samples.json", **how):
    path = folder / name
    text = json.dumps(items, **how) if name.endswith(".json") else "".join(json.dumps(one) + "\n" for one in items)
    path.write_text(text, encoding="utf-8")
    return path


# ---- a JSON list item by item

def listed(path):
    return list(json_list.read_list(path, "things"))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 2 ** 20])
@pytest.mark.parametrize("how", [{}, {"indent": 2}, {"ensure_ascii": False}])
def test_the_same_items_whatever_the_pieces(tmp_path, monkeypatch, chunk, how):
    """Guards against values cut in two by the end of a piece: numbers, escapes, characters of several bytes, literals."""
    monkeypatch.setattr(json_list, "CHUNK", chunk)
    items = [{"a": [1, 2.5e-3, True, None]}, "\u00e9\u54c8\U0001f642 \\ \"", -12345, 0, False, [], {}, [[{"b": "x" * 50}]], "\u2028", 7]
    path = tmp_path / "a.json"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + json.dumps(items, **how).encode() + b"\n ")
        found = listed(path)
        assert [value for _, _, value in found] == items and [number for number, _, _ in found] == list(range(1, 11))
        if how == {"indent": 2}:
            text = json.dumps(items, indent=2).split("\n")
            assert all(text[line - 1].strip().startswith(json.dumps(value)[0]) for _, line, value in found)
    path.write_bytes(b" [ ] ")
    assert listed(path) == []


@pytest.mark.parametrize("chunk", [1, 5, 2 ** 20])
@pytest.mark.parametrize("text", ['[\n{"id": "a",\n "image": }\n]', '[1,\n2,\n]', '[1 2]', '[1,\n 2', '["abc', '["a\nb"]', '[1] 2', '[tru]', '[1]\n]', '["\\x"]',
                                  '[', '[,1]', '[{"a": 1}\n{"a": 2}]', '{"a": 1', '', '[1,, 2]'])
def test_broken_json_as_python_tells_it(tmp_path, monkeypatch, text, chunk):
    """Guards against a place that is wrong because the text came in pieces: line and column are those of Python's own reader."""
    monkeypatch.setattr(json_list, "CHUNK", chunk)
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        listed(path)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        told = f"a.json, line {error.lineno}, column {error.colno}: "
        # Python points at the comma before a missing item, or behind it, according to its version
        assert str(caught.value).startswith(told) or "trailing comma" in error.msg or text == "[1,\n2,\n]", (str(caught.value), told)


def test_bytes_that_are_no_text(tmp_path, monkeypatch):
    """Guards against a byte counted from the start of a piece, and half a character at the end of the file."""
    path = tmp_path / "a.json"
    for chunk in (1, 4, 2 ** 20):
        monkeypatch.setattr(json_list, "CHUNK", chunk)
        for mark in (b"", b"\xef\xbb\xbf"):
            for data, at in ((b'["\xc3\xa9", "\xff"]', 8), (b'["abc\xc3', 5)):
                path.write_bytes(mark + data)
                with pytest.raises(InputError, match=f"byte {at + len(mark)} is not UTF-8"):
                    listed(path)


def test_memory_is_that_of_a_piece(tmp_path):
    """Guards against a reader that keeps the text it has passed, and streaming that gathers what it gave."""
    for name in ("samples.json", "samples.jsonl"):
        path = written(tmp_path, [item(i, answer="word " * 400) for i in range(5000)], name)        # 10 MB
        assert sum(1 for _ in stream_samples(path)) == 5000                                         # what is made once is not counted
        tracemalloc.start()
        for _ in stream_samples(path):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6e6, (name, peak)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_written_lists_are_read_back(tmp_path, name):
    """Guards against a list that is not JSON (none, one, several items), and half a file under the name of a whole one."""
    for items in ([], [{"a": "\u00e9\n"}], [1, "two", {"three": [3]}]):
        assert json_list.write_list(tmp_path / name, iter(items)) == len(items)
        text = (tmp_path / name).read_text("utf-8")
        assert (json.loads(text) if name.endswith("json") else [json.loads(line) for line in text.splitlines()]) == items

    def breaks():
        yield 1
        raise KeyError("midway")

    with pytest.raises(KeyError):
        json_list.write_list(tmp_path / name, breaks())
    assert (tmp_path / name).read_text("utf-8") == text and [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(InputError, match="cannot be written"):
        json_list.write_list(tmp_path / "none" / name, [1])


# ---- streaming and scanning

@pytest.mark.parametrize("name", ["samples.json", "samples.jsonl"])
def test_streamed_and_read_are_the_same(tmp_path, name):
    """Guards against two doors that take a file differently."""
    path = written(tmp_path, [item(1), item(2, image=..., question="Why?"), item(3, image=["a.jpg", "b.jpg"], question="<image> or <image>?")], name)
    assert list(stream_samples(path)) == read_samples(path) == list(scan_samples(path)) and len(read_samples(path)) == 3


def test_streaming_gives_what_comes_before_a_fault(tmp_path):
    """Guards against a stream that skips a faulty sample, or reads the whole file before the first one."""
    path = written(tmp_path, [item(1), item(2), item(3, answer=None), item(4)], indent=1)
    stream = stream_samples(path)
    assert [next(stream).id, next(stream).id] == ["s1", "s2"]
    with pytest.raises(InputError, match=r"samples.json, item 3 \(line \d+\): Sample 's3', turn 1"):
        next(stream)
    path.write_text("[]")
    with pytest.raises(InputError, match="no samples"):
        list(stream_samples(path))
    with pytest.raises(InputError, match="no such file"):
        next(stream_samples(tmp_path / "none.json"))


def test_all_that_is_wrong_with_one_sample(tmp_path):
    """Guards against a second fault that shows only when the first is mended, and one that follows from another only."""
    path = written(tmp_path, [{"image": 3, "conversations": [{"from": "human", "value": "Why?"}]}, item(2, question="What?"), 5])
    first, second, third = scan_samples(path, tmp_path)
    assert [fault.field for fault in first] == ["id", "image", "conversations"]
    assert all(fault.place == "samples.json, item 1 (line 1)" for fault in first)
    assert [fault.field for fault in second] == ["conversations", "image"] and "0 <image> marks for 1 picture" in str(second[0])
    assert len(third) == 1 and "not a sample but a number" in str(third[0])
    with pytest.raises(InputError) as caught:
        read_samples(path)
    assert len(str(caught.value).splitlines()) == 3                     # one line for each sample


def test_samples_before_broken_json_are_told_too(tmp_path):
    """Guards against a break on the last line that hides every fault before it."""
    path = tmp_path / "samples.json"
    path.write_text("[\n" + json.dumps(item(1, id=None)) + ",\n" + json.dumps(item(2)) + ",\n{]")
    faulty, sound, broken = scan_samples(path)
    assert faulty[0].field == "id" and sound.id == "s2" and broken[0].field == "" and "line 4, column 2" in str(broken[0])
    with pytest.raises(InputError) as caught:
        read_samples(path)
    assert "item 1 (line 2)" in str(caught.value) and "line 4, column 2: not valid JSON" in str(caught.value)


def test_remedies_hold_no_name():
    """Guards against as many kinds of fault as there are samples."""
    for text in ("Sample 'a; b: c', field 'image': there is no picture a.jpg in x; put it there.", "Sample 'q': gone; put it there."):
        assert Fault("", "image", text).remedy == "put it there."
    assert Fault("", "", "Sample 'a', turn 0: expected an object.").remedy == "expected an object."


# ---- the validator

def faulty_file(folder, name="theirs.json"):
    """20 samples, of which items 3 to 9 are faulty in five ways, and odd ones at the end."""
    rows = [item(i) for i in range(1, 21)]
    rows[2] = item(3, id=...)
    rows[3] = item(4, conversations=[{"from": "user", "value": "x"}])
    rows[4] = item(5, conversations=[{"from": "assistant", "value": "x"}])
    rows[5], rows[6] = item(6, question="What?"), item(7, image=...)
    rows[7], rows[8] = item(8, answer=None), {"id": "s9", "conversations": "none"}
    rows[15] = item(16, image="C:\\pictures\\16.jpg")
    rows[16] = item(17, question="<image>\nWhat is <img>?", answer="")
    rows[17] = item(18, answer="It is ### red.")
    rows[18] = item(19, answer="long " * 2000)
    rows[19] = item(1)
    return written(folder, rows, name, **({"indent": 2} if name.endswith(".json") else {}))


@pytest.mark.parametrize("name", ["theirs.json", "theirs.jsonl"])
def test_faults_by_kind_with_counts_and_examples(tmp_path, name):
    """Guards against a kind of fault that is left out, lumped together or told once for each sample."""
    report = validate(faulty_file(tmp_path, name), examples=1)
    assert (report.samples, report.faulty) == (13, 7) and not report.sound
    counts = {kind: found.count for kind, found in report.faults.items()}
    assert counts == {"field 'id': write one.": 1, "field 'conversations': use one of human, gpt, system.": 2,
                      "field 'conversations': write one mark for each picture.": 2, "field 'conversations': it must be a string.": 1,
                      "field 'conversations': the field 'conversations' must be a list of turns.": 1}
    assert all(len(found.examples) == 1 for found in report.faults.values())
    example = report.faults["field 'conversations': use one of human, gpt, system."].examples[0]
    assert ("line 4:" if name.endswith("l") else "item 4 (line ") in example and "'s4', turn 0: unknown speaker 'user'" in example
    told = str(report)
    assert "20 samples, of which 7 are faulty" in told and "... and 1 more" in told and "5 kinds of faults" in told


def test_remarks(tmp_path):
    """Guards against oddities that pass unseen, and against calling them faults."""
    report = validate(faulty_file(tmp_path))
    words = {kind.split(";")[0]: found for kind, found in report.remarks.items()}
    assert {kind: found.count for kind, found in words.items()} == {
        "the same pictures and text as an earlier sample": 1, "an answer is empty, so the model learns to say nothing": 1,
        "something like <image> that stands for no picture": 1, "a picture's path that fits one machine only": 1,
        "a mark of a chat format in the text, at which the authors' code ignores the sample": 1,
        "more than 8,000 characters, perhaps too long for 2,048 tokens": 1}
    assert words["the same pictures and text as an earlier sample"].examples == ["sample 20, id 's1'"]
    asked = [{"from": "human", "value": "<image>Why?"}, {"from": "gpt", "value": "So."}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
    later = [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "So."}, {"from": "human", "value": "<image>"}, {"from": "gpt", "value": "So."}]
    report = validate(written(tmp_path, [item(1, conversations=asked), item(2, conversations=later)], "b.json"))
    assert report.sound and [kind.split(";")[0] for kind in report.remarks] == [
        "a question is asked twice", "a question is empty", "<image> stands in a later turn than the first, which other trainers do not expect"]
    assert validate(written(tmp_path, [item(1), item(2)], "c.json")).remarks == {}


def test_summary_by_hand(tmp_path):
    """Guards against counts of samples, turns, pictures, words and first words that are wrong by one, or of answers."""
    talk = [{"from": "system", "value": "Be kind."}, {"from": "human", "value": "How many dogs?\n<image>"}, {"from": "gpt", "value": "Two big dogs."},
            {"from": "human", "value": "what's that"}, {"from": "gpt", "value": "A cat."}]
    rows = [item(1), item(2, image="1.jpg"), item(3, image=..., question="Why?"), item(4, conversations=talk),
            item(5, image=["1.jpg", "9.jpg"], question="<image> <image> What is THIS?")]
    report = validate(written(tmp_path, rows))
    assert (report.samples, report.text_only, report.several, len(report.pictures)) == (5, 1, 1, 3)
    assert report.turns == {1: 4, 2: 1} and report.words == {2: 5, 3: 1}
    assert report.first_words == {"what": {"is": 3}, "why": {"": 1}, "how": {"many": 1}, "what's": {"that": 1}}
    told = str(report)
    assert "Sound samples: 5 about 3 pictures; 1 with text only, 1 with several pictures." in told
    assert "Questions in a sample: 1 to 2, 1 in the middle. Words in an answer: 2 to 3, 2 in the middle." in told
    assert "First words of the 6 questions" in told and "what 3 (is)" in told and "why 1 (none)" in told
    assert first_two("<image>") == ("", "") and first_two("Don\u2019t, please!") == ("don\u2019t", "please")


def test_pictures_must_be_there(tmp_path):
    """Guards against a picture that is missed only in training; each sample that needs it is told."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.jpg").write_bytes(b"")                                  # not opened, so not read
    report = validate(written(tmp_path, [item(1), item(2), item(3, image="2.jpg"), item(4, image="x" * 5000)]), tmp_path / "pictures")
    (kind, found), = report.faults.items()
    assert kind == "field 'image': put it there or remove the sample." and found.count == 3 and report.samples == 1
    with pytest.raises(InputError, match="no folder"):
        validate(tmp_path / "samples.json", tmp_path / "none")


def test_empty_and_broken_files(tmp_path):
    """Guards against an empty file that passes for sound, and a break that ends in a traceback."""
    path = written(tmp_path, [])
    assert not validate(path).sound and "holds none" in str(validate(path))
    path.write_text('[{"id": ')
    assert "line 1, column 9: not valid JSON" in str(validate(path))
    path.write_text('{"data": []}')
    assert "must hold a list of samples, not an object" in str(validate(path))


def test_the_command(tmp_path, capsys):
    """Guards against an exit status that tells a script that a faulty file is sound, and a missing file that ends in a traceback."""
    assert module.main([str(written(tmp_path, [item(1), item(2)]))]) == 0
    assert "2 samples, of which 0 are faulty" in capsys.readouterr().out
    assert module.main([str(faulty_file(tmp_path)), "--examples", "2"]) == 1
    assert module.main([str(tmp_path / "none.json")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_files_in_the_form_of_the_public_ones(tmp_path):
    """Guards against refusing what the authors' three files hold: the mark last, ids that repeat, folders, whole numbers, more fields."""
    rows = [item(1, id="000000033471", image="000000033471.jpg", question="What are the colors of the bus in the image?\n<image>"),
            item(2, id="000000033471", image="000000033471.jpg"),                                               # 150K
            item(3, id="GCC_train_002582585", image="GCC_train_002582585.jpg", question="Provide a brief description.\n<image>"),   # 595K
            item(4, id="004539375", image="00453/004539375.jpg", question="Render a clear summary.\n<image>"),   # 558K
            item(5, id=2354786, image="vg/VG_100K/2354786.jpg", model="")]
    samples = read_samples(written(tmp_path, rows, indent=2))
    assert isinstance(samples[4], Sample) and samples[4].id == "2354786" and samples[3].images == ("00453/004539375.jpg",)
    assert validate(tmp_path / "samples.json").remarks == {}


def test_the_benchmark_runs(tmp_path, capsys):
    """Guards against a benchmark of files that are not in the schema, and one that hides an aim it misses."""
    from benchmarks import read_samples as benchmark

    output = tmp_path / "found.json"
    assert benchmark.main(["--samples", "300", "--rounds", "1", "--folder", str(tmp_path), "--output", str(output)]) == 0
    found = json.loads(output.read_text("utf-8"))
    assert set(found["doors"]) == {"read .json", "read .jsonl", "stream .json", "stream .jsonl", "validate .json"}
    assert all(one["samples"] == 300 and one["seconds"]["min"] > 0 for one in found["doors"].values())
    assert [aim["what"] for aim in found["aims"]] == ["seconds", "peak memory in GB"] and "aim" in capsys.readouterr().out
