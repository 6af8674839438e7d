"""annotations.py: captions and boxes from three kinds of file, and the text that a teacher is shown."""

import json

import pytest

import llava_mini
from llava_mini.annotations import Record, context, load, stream
from llava_mini.boxes import Box
from llava_mini.errors import InputError
from llava_mini.storybook.folder import make_folder
from llava_mini.storybook.world import scenes

LINE = {"id": "000000000009", "image": "000000000009.jpg", "captions": ["A red bus.", "A street."],
        "instances": [{"category": "bus", "bbox": [0.24, 0.1, 1.0, 0.584]}]}
CAPTIONS = {"images": [{"id": 9, "file_name": "000000000009.jpg", "width": 200, "height": 100},
                       {"id": 4, "file_name": "000000000004.jpg", "width": 640, "height": 480}],
            "annotations": [{"id": 1, "image_id": 9, "caption": "A red bus."}, {"id": 2, "image_id": 4, "caption": "A dog."},
                            {"id": 3, "image_id": 9, "caption": "A street."}]}
INSTANCES = {"images": CAPTIONS["images"], "categories": [{"id": 6, "name": "bus"}, {"id": 18, "name": "dog"}],
             "annotations": [{"id": 71, "image_id": 9, "category_id": 6, "bbox": [48, 10, 152, 48.4], "segmentation": [[1, 2, 3, 4]]}]}


def coco(folder, captions=CAPTIONS, instances=INSTANCES):
    (folder / "captions_val2017.json").write_text(json.dumps(captions))
    if instances is not None:
        (folder / "instances_val2017.json").write_text(json.dumps(instances))
    return folder / "captions_val2017.json"


def lines(folder, *items):
    path = folder / "caps_boxes.jsonl"
    path.write_text("".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items))
    return path


def complaint(path, instances=None):
    with pytest.raises(InputError) as caught:
        load(path, instances)
    return str(caught.value)


def changed(table, field, row=0, **values):
    """A copy of COCO's file with one row changed; ... removes a field."""
    rows = [dict(item) for item in table[field]]
    rows[row] = {key: value for key, value in (rows[row] | values).items() if value is not ...}
    return table | {field: rows}


def test_context_is_the_text_that_llavas_teacher_saw():
    """Guards against other spacing, order or number of decimals than the paper's prompts have (Table 14)."""
    record = Record("1", "1.jpg", None, ("A bus. ", " Two\nlines."), (Box("bus", (0.24, 0.0, 1.0, 0.58449)), Box("dog", (1 / 3, 0, 1, 0.0004))))
    assert context(record) == "A bus.\nTwo lines.\n\nbus: [0.24, 0.0, 1.0, 0.584]\ndog: [0.333, 0.0, 1.0, 0.0]"
    assert context(Record("1", "1.jpg", None, ("A bus.",))) == "A bus."


def test_coco_and_lines_give_the_same_records(tmp_path):
    """Guards against pixels taken for shares, width and height taken for a corner, and captions of another picture."""
    bus, dog = load(coco(tmp_path))
    [line] = load(lines(tmp_path, LINE))
    assert (bus.id, bus.image, bus.captions, bus.boxes) == (line.id, line.image, line.captions, line.boxes)
    assert bus.size == (200, 100) and line.size is None and dog == Record("000000000004", "000000000004.jpg", (640, 480), ("A dog.",), ())
    assert context(bus) == context(line) == "A red bus.\nA street.\n\nbus: [0.24, 0.1, 1.0, 0.584]"
    assert list(stream(tmp_path / "caps_boxes.jsonl")) == [line] and list(stream(tmp_path / "captions_val2017.json")) == [bus, dog]
    assert llava_mini.annotations.load is load


def test_lines_are_streamed(tmp_path):
    """Guards against a stream that reads the whole file before it gives the first picture."""
    records = stream(lines(tmp_path, LINE, "{", LINE))
    assert next(records).id == LINE["id"]
    with pytest.raises(InputError, match="line 2"):
        next(records)


def test_where_the_boxes_of_coco_come_from(tmp_path):
    """Guards against the boxes of another set, and against boxes wanted where there are none."""
    path = coco(tmp_path)
    (tmp_path / "instances_val2017.json").rename(tmp_path / "other.json")
    assert [record.boxes for record in load(path)] == [(), ()]
    assert load(path, tmp_path / "other.json")[0].boxes[0].category == "bus"
    assert "none.json: there is no such file" in complaint(path, tmp_path / "none.json")
    assert "no second file" in complaint(lines(tmp_path, LINE), path)
    more = changed(INSTANCES, "images", 1, id=5)
    more["annotations"] = more["annotations"] + [{"id": 72, "image_id": 5, "category_id": 18, "bbox": [0, 0, 9, 9]}]
    assert [record.image for record in load(coco(tmp_path, instances=more))] == ["000000000009.jpg", "000000000004.jpg"]
    assert "give two files of the same pictures" in complaint(coco(tmp_path, instances=changed(INSTANCES, "images", file_name="train.jpg")))


def test_the_storybook_comes_in_by_the_same_door(tmp_path):
    """Guards against a world whose own files the package cannot read, or reads as something else than was drawn."""
    folder = make_folder(tmp_path / "world", "val", 8, workers=1)
    records = load(folder)
    assert [record.id for record in records] == [f"val-{n:06d}" for n in range(1, 9)]
    for record, scene in zip(records, scenes("val", 8)):
        assert (folder / "pictures" / record.image).is_file() and record.size == (224, 224) and len(record.captions) == 5
        assert len(record.boxes) == len(scene.things)
        for box, thing in zip(record.boxes, scene.things):
            assert box.category in (thing.category, "sports " + thing.category)
            assert box.box == pytest.approx(thing.box, abs=1e-3)
    (folder / "instances.json").unlink()
    assert "instances.json: there is no such file" in complaint(folder)


def test_real_captions_and_boxes(real):
    """Guards against a schema that only our own files have."""
    path = real / "caps_boxes_coco2014_val_80.jsonl"
    records = load(path)
    assert len(records) == 80 and any(not record.boxes for record in records)
    for record, text in zip(records, path.read_text(encoding="utf-8").splitlines()):
        told = context(record).split("\n")
        assert told[:len(record.captions)] == [caption.strip() for caption in record.captions]
        assert all(box.split(": ", 1)[1] in text for box in told[len(record.captions) + 1:])       # to the letter


@pytest.mark.parametrize("item, words", [
    (LINE | {"id": None}, ["'id'"]),
    (LINE | {"image": 3}, ["'image'", "a number"]),
    (LINE | {"image": ""}, ["'image'", "empty"]),
    (LINE | {"captions": []}, ["'captions'", "at least one"]),
    (LINE | {"captions": "A bus."}, ["'captions'", "a list"]),
    (LINE | {"captions": ["A bus.", None]}, ["'captions', number 2", "null"]),
    (LINE | {"captions": ["A \ud83d."]}, ["'captions', number 1", "\\ud83d"]),
    ({key: value for key, value in LINE.items() if key != "instances"}, ["'instances'", "missing"]),
    (LINE | {"instances": [["bus", 0, 0, 1, 1]]}, ["'instances', number 1", "a list"]),
    (LINE | {"instances": [{"bbox": [0, 0, 1, 1]}]}, ["'category'", "null"]),
    (LINE | {"id": "000000000008"}, ["000000000008", "comes twice"]),
    ([LINE], ["a list"]),
    ("{", ["not valid JSON"]),
])
def test_faulty_lines_are_named(tmp_path, item, words):
    """Guards against a KeyError, or a picture left out in silence, where a line is not what it should be."""
    before = LINE | {"id": "000000000008"}
    message = complaint(lines(tmp_path, before, item, LINE))
    assert message.startswith("caps_boxes.jsonl" + (", line 2: " if "comes twice" not in words else ": ")) and "\n" not in message
    assert all(word in message for word in words), message
    with pytest.raises(InputError):
        list(stream(tmp_path / "caps_boxes.jsonl"))


BOXES = [([0.5, 0.1, 0.4, 0.2], "inverted or has no area"), ([0.1, 0.5, 0.2, 0.4], "inverted"), ([0.1, 0.1, 0.1, 0.2], "no area"),
         ([-0.2, 0.1, 0.4, 0.2], "outside the picture"), ([0.1, 0.1, 1.02, 0.2], "outside"), ([0.1, 0.1, 0.2, 3], "outside"),
         ([1.0, 0.1, 1.0005, 0.2], "outside"), ([0.1, float("nan"), 0.2, 0.3], "four numbers"), ([0.1, 0.1, float("inf"), 0.3], "four numbers"),
         ([0.1, 0.1, 0.2], "four numbers"), ([True, 0.1, 1, 0.2], "four numbers"), ("0 0 1 1", "four numbers"), (None, "four numbers")]


@pytest.mark.parametrize("bbox, words", BOXES)
def test_impossible_boxes_are_refused(tmp_path, bbox, words):
    """Guards against a teacher who is told of things outside the picture, in lines and in COCO's pixels alike."""
    message = complaint(lines(tmp_path, LINE | {"instances": [*LINE["instances"], {"category": "dog", "bbox": bbox}]}))
    assert message.startswith("caps_boxes.jsonl, line 1: field 'instances', number 2, field 'bbox': ") and words in message and "remove" in message
    if isinstance(bbox, list) and len(bbox) == 4 and not any(value is True for value in bbox):
        bbox = [200 * bbox[0], 100 * bbox[1], 200 * (bbox[2] - bbox[0]), 100 * (bbox[3] - bbox[1])]
    message = complaint(coco(tmp_path, instances=changed(INSTANCES, "annotations", bbox=bbox)))
    assert message.startswith("instances_val2017.json, annotation 71: field 'bbox': ") and words in message and "remove" in message


def test_boxes_that_overshoot_by_rounding_are_clipped(tmp_path):
    """Guards against COCO's own boxes being refused for a fraction of a pixel, and against numbers beyond 0 and 1."""
    [record, _] = load(coco(tmp_path, instances=changed(INSTANCES, "annotations", bbox=[-0.4, 0, 200.9, 100.6])))
    assert record.boxes[0].box == (0.0, 0.0, 1.0, 1.0)
    assert "outside the picture of 200 x 100 pixels" in complaint(coco(tmp_path, instances=changed(INSTANCES, "annotations", bbox=[0, 0, 201.2, 100])))
    [record] = load(lines(tmp_path, LINE | {"instances": [{"category": "bus", "bbox": [-0.001, 0.2, 1.001, 0.3]}]}))
    assert record.boxes[0].box == (0.0, 0.2, 1.0, 0.3)
    assert "outside the picture (0 to 1)" in complaint(lines(tmp_path, LINE | {"instances": [{"category": "bus", "bbox": [0, 0, 1.002, 1]}]}))


@pytest.mark.parametrize("captions, instances, words", [
    (changed(CAPTIONS, "annotations", 1, image_id=5), INSTANCES, ["captions_val2017.json, annotation 2:", "'image_id'", "no picture 5"]),
    (changed(CAPTIONS, "annotations", 1, image_id=[4]), INSTANCES, ["annotation 2:", "'image_id'"]),
    (changed(CAPTIONS, "annotations", 1, caption=7), INSTANCES, ["annotation 2:", "'caption'", "a number"]),
    (changed(CAPTIONS, "annotations", 1, caption=" \n"), INSTANCES, ["annotation 2:", "'caption'", "empty"]),
    (changed(CAPTIONS, "annotations", 1, image_id=9), INSTANCES, ["captions_val2017.json, image 4:", "no caption"]),
    (changed(CAPTIONS, "images", 1, id=9), INSTANCES, ["captions_val2017.json, image 9:", "taken by 000000000009.jpg"]),
    (changed(CAPTIONS, "images", 1, file_name=...), INSTANCES, ["image 4:", "'file_name'"]),
    (changed(CAPTIONS, "images", 1, width=0), INSTANCES, ["image 4:", "'width'", "above 0"]),
    (changed(CAPTIONS, "images", 1, file_name="000000000009.png"), None, ["'000000000009' comes twice"]),
    (CAPTIONS | {"annotations": [3]}, INSTANCES, ["annotation number 1:", "a number"]),
    (CAPTIONS | {"images": {}}, INSTANCES, ["captions_val2017.json, field 'images'"]),
    ([LINE], INSTANCES, ["captions_val2017.json, field 'images'"]),
    ({"images": [], "annotations": []}, None, ["no pictures"]),
    (INSTANCES, None, ["annotation 71:", "'caption'", "give the captions file first"]),
    (CAPTIONS, changed(INSTANCES, "annotations", category_id=7), ["instances_val2017.json, annotation 71:", "'category_id'", "no category 7"]),
    (CAPTIONS, changed(INSTANCES, "annotations", image_id=8), ["instances_val2017.json, annotation 71:", "no picture 8"]),
    (CAPTIONS, changed(INSTANCES, "categories", name=None), ["instances_val2017.json, category 6:", "'name'"]),
    (CAPTIONS, {key: value for key, value in INSTANCES.items() if key != "categories"}, ["instances_val2017.json, field 'categories'"]),
])
def test_faults_of_coco_files_are_named(tmp_path, captions, instances, words):
    """Guards against a KeyError deep in a file of half a million annotations, and against annotations lost in silence."""
    message = complaint(coco(tmp_path, captions, instances))
    assert all(word in message.split("\n")[0] for word in words), message


def test_pixels_need_the_size_of_the_picture(tmp_path):
    """Guards against a division by nothing where the images have no width and height."""
    images = [{"id": image["id"], "file_name": image["file_name"]} for image in CAPTIONS["images"]]
    assert "annotation 71: field 'bbox': the picture has no width" in complaint(coco(tmp_path, CAPTIONS | {"images": images}, INSTANCES | {"images": images}))
    assert load(coco(tmp_path, CAPTIONS, INSTANCES | {"images": images}))[0].boxes[0].box[2] == 1.0


def test_ten_faults_are_told_at_once_and_broken_files_by_line(tmp_path):
    """Guards against one fault a run, against a thousand of them, and against broken JSON without its place."""
    message = complaint(lines(tmp_path, *[{}] * 12, LINE))
    assert message.count("\n") == 10 and message.endswith("... and 2 more faulty entries.")
    path = coco(tmp_path)
    path.write_text('{"images": [],\n "annotations": ]}')
    assert "captions_val2017.json, line 2, column 17: not valid JSON" in complaint(path)
    assert "there is no such file" in complaint(tmp_path / "none.json") and ".jsonl" in complaint(tmp_path / "none.csv")
