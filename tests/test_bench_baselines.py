"""bench/baselines.py: the model after stage 1 as a captioner and with examples in front, and stage 1 itself."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from llava_mini.bench import baselines, benchmark, storybook
from llava_mini.bench.baselines import Shot
from llava_mini.errors import InputError
from llava_mini.profiles import Profile


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(4):
        Image.effect_noise((40, 40), 60 + 30 * n).convert("RGB").save(folder / f"{n}.png")
    return folder


@pytest.fixture
def shots(pictures):
    return [Shot(pictures / f"{n}.png", f"Is there a boat, number {n}?", f"Yes, {n}.") for n in range(3)]


def test_the_captioner_says_the_same_whatever_is_asked(tiny_model, pictures, shots):
    """Guards against a captioner that hears the question: it would no longer be the model that stage 1 made."""
    asked = [(pictures / "0.png", "What colour is the dog?"), (pictures / "0.png", "Why?"), (pictures / "1.png", "Why?")]
    said = baselines.answerer("captioner", tiny_model, shots)(asked)
    assert said[0] == said[1] and said == tiny_model_captions(tiny_model, [picture for picture, _ in asked])
    assert baselines.answerer("untuned", tiny_model, shots)(asked[:1]) != said[:1]             # the same model in another template


def tiny_model_captions(model, pictures) -> list[str]:
    from llava_mini.generation import Request

    return [model.generate([Request([{"role": "user", "content": "<image>"}], [picture])], template="plain")[0].strip() for picture in pictures]


def test_examples_stand_in_front_each_with_its_picture(tiny_model, pictures, shots, monkeypatch):
    """Guards against a few-shot prompt whose answers or pictures are lost, or come after the question."""
    seen = []
    monkeypatch.setattr(type(tiny_model), "generate", lambda self, requests, **options: seen.extend(requests) or [""] * len(requests))
    baselines.answerer("few-shot", tiny_model, shots)([(pictures / "3.png", "Why?")])
    assert [path.name for path in seen[0].pictures] == ["0.png", "1.png", "2.png", "3.png"]
    assert [(m["role"], m["content"]) for m in seen[0].messages] == [
        *((role, text) for n in range(3) for role, text in (("user", f"<image>\nIs there a boat, number {n}?"), ("assistant", f"Yes, {n}."))), ("user", "<image>\nWhy?")]


def test_few_shots_are_answered(tiny_model, pictures, shots):
    """Guards against a prompt of several pictures that the model itself does not take."""
    texts = baselines.few_shot(tiny_model, shots, max_new_tokens=4)([(pictures / "3.png", "Why?"), (pictures / "0.png", "Why?")])
    assert len(texts) == 2 and texts == [baselines.few_shot(tiny_model, shots, max_new_tokens=4)([(pictures / name, "Why?")])[0] for name in ("3.png", "0.png")]


def test_as_many_examples_as_fit(tiny_model, shots):
    """Guards against a prompt that fills the context, so that the answer has no room, and against examples that are cut."""
    context = tiny_model.language_model.config.max_position_embeddings
    from llava_mini.conversation import render

    def length(n, question):
        return len(render(baselines.messages(shots[:n], question), "v1", tokenizer=tiny_model.tokenizer, visual_tokens=4, prompt=True).ids)

    questions = ["Why?", "What colour is the dog on the blue bench?"]
    for n in (1, 2, 3):
        assert baselines.fitting(tiny_model, shots, questions, room=context - length(n, questions[1])) == shots[:n]
    with pytest.raises(InputError, match="No example fits"):
        baselines.fitting(tiny_model, shots, questions, room=context - length(1, questions[1]) + 1)


def test_the_storybooks_examples_are_of_all_kinds_and_of_no_judged_picture(tmp_path_factory):
    """Guards against few-shot examples that give the answers of the benchmark away, or are of one kind only."""
    folder = storybook.make(tmp_path_factory.mktemp("bench"))
    shots = benchmark.load(folder / storybook.SHOTS)
    judged = {q.image for name in storybook.BENCHES for q in benchmark.load(folder / name).questions}
    assert len(shots.questions) == 12 and len({q.image for q in shots.questions} - judged) == 12
    assert all(q.image.startswith("train-1") for q in shots.questions)          # of the training world, but none that is trained on
    chosen = baselines.shots_of(shots, folder / storybook.SHOTS)
    by = {q.text + q.image: q.category for q in shots.questions}
    assert [by[shot.question + shot.picture.name] for shot in chosen[:6]] == ["conv", "detail", "complex"] * 2 and all(shot.picture.is_file() for shot in chosen)


def test_a_stage_one_of_other_parents_is_refused_before_any_training(tiny_model, tiny_vision_folder, tiny_language_folder, tmp_path, monkeypatch):
    """Guards against a model measured against a captioner of other parents, as if the tuning made the difference, and told after minutes."""
    from llava_mini import stage_one as door

    settings = Profile("tiny", str(tiny_vision_folder), str(tiny_language_folder))
    tiny_model.save_pretrained(tmp_path / "model", kind="full")
    tiny_model.save_pretrained(tmp_path / "stage-1", kind="projector")
    monkeypatch.setattr(door, "stage_one", lambda settings, **places: (tiny_model, f"made with {places}"))
    assert baselines.stage_one(tmp_path / "model", settings=settings, runs="there") == (tiny_model, "made with {'runs': 'there'}")
    loaded, source = baselines.stage_one(tmp_path / "model", tmp_path / "stage-1")
    assert source == "the checkpoint stage-1" and loaded.config == tiny_model.config
    assert baselines.stage_one(tmp_path / "answers.jsonl", settings=settings)[0] is tiny_model          # nothing to hold it against
    about = json.loads((tmp_path / "model" / "config.json").read_text())
    about["parents"]["vision"]["sha256"] = "0" * 64
    (tmp_path / "model" / "config.json").write_text(json.dumps(about))
    monkeypatch.setattr(door, "stage_one", lambda settings: pytest.fail("trained"))
    for checkpoint in (None, tmp_path / "stage-1"):
        with pytest.raises(InputError, match="another vision parent"):
            baselines.stage_one(tmp_path / "model", checkpoint, settings=settings)
