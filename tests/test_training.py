"""training.py, loop.py, parts.py, optimizer.py: what is trained, how far each step goes, and what is told about it."""

import json

import pytest
import torch
from trainings import load_model, make_pictures, make_samples, samples_for, stage, weights

from llava_mini import conversation
from llava_mini.batches import epoch_plan
from llava_mini.data import Sample
from llava_mini.errors import InputError
from llava_mini.features import FeatureCache
from llava_mini.lora import add_lora
from llava_mini.model import LlavaMini
from llava_mini.optimizer import build_optimizer, choose_precision, rate
from llava_mini.parts import freeze, parts_table, show_parts
from llava_mini.training import LossError, make_rows, train


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def model(tiny_vision_folder, tiny_language_folder):
    return load_model(tiny_vision_folder, tiny_language_folder)


@pytest.fixture
def run(tiny_vision_folder, tiny_language_folder, pictures, tmp_path):
    """Trains a fresh model; the folder is the stage's number unless given."""
    count = []

    def run(settings, samples=None, model=None, **options):
        count.append(0)
        model = model or load_model(tiny_vision_folder, tiny_language_folder)
        options = {"pictures": pictures, "folder": tmp_path / f"run-{len(count)}", "progress": False} | options
        return train(model, samples or samples_for(settings), settings, **options)
    return run


def close(first, second, tolerance=1e-5):
    return first.curve("loss")[1] == pytest.approx(second.curve("loss")[1], rel=tolerance)


# ---- what is trained

@pytest.mark.parametrize("name, moving", [
    ("projector", {"projector"}), ("full", {"projector", "language model"}), ("lora", {"projector", "LoRA adapters"}),
])
def test_each_stage_moves_its_parts_and_no_others(model, run, name, moving):
    """Guards against training a frozen part, or leaving one out: every tensor that should move does, no other does."""
    settings = stage(name)
    freeze(model, settings)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    run(settings, model=model)
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    should = {key for key in before if ("projector" in moving and key.startswith("projector."))
              or ("LoRA adapters" in moving and "lora_" in key) or ("language model" in moving and key.startswith("language_model."))}
    assert moved == should and moved
    assert {row["part"] for row in parts_table(model) if row["state"] == "trainable"} == moving


def test_parts_table(model):
    """Guards against counting tied weights twice, and against a table that is not the truth about gradients."""
    freeze(model, stage("projector"))
    rows = {row["part"]: row for row in parts_table(model)}
    assert rows["projector"] == {"part": "projector", "state": "trainable", "parameters": 32 * 32 + 32, "gradient_norm": None}
    assert rows["language model"]["parameters"] == sum(value.numel() for value in model.language_model.parameters())
    assert rows["vision tower"]["state"] == rows["language model"]["state"] == "frozen"
    model.projector.weight.grad = torch.full((32, 32), 0.5)
    assert {row["part"]: row["gradient_norm"] for row in parts_table(model)}["projector"] == pytest.approx(16)
    assert "projector       trainable          1,056             16" in show_parts(parts_table(model))


def test_parts_table_after_the_first_step(run, capsys):
    """Guards against a column of gradients that is always empty: the table that a training shows has those of its record."""
    events = []
    history = run(stage("lora", max_steps=2), on_event=events.append, progress=True)
    [shown] = [event["parts"] for event in events if event["event"] == "parts"]
    norms = {row["part"]: row["gradient_norm"] for row in shown}
    assert norms == {"vision tower": None, "language model": None, **history.records[1]["gradient"]} and norms["LoRA adapters"] > 0
    assert show_parts(shown) in capsys.readouterr().out


def test_weights_are_trained_in_float32(tiny_vision_folder, tiny_language_folder, run):
    """Guards against small steps lost in the rounding of half-precision weights."""
    from llava_mini.model import LlavaMini

    model = LlavaMini.from_parents(tiny_vision_folder, tiny_language_folder, dtype=torch.bfloat16)
    run(stage("lora", precision="bf16", max_steps=2), model=model)
    for name, value in model.named_parameters():
        assert value.dtype == (torch.float32 if value.requires_grad else torch.bfloat16), name
    with pytest.raises(InputError, match="fp32"):
        run(stage("lora", precision="fp32", max_steps=2), model=LlavaMini.from_parents(
            tiny_vision_folder, tiny_language_folder, dtype=torch.bfloat16))


def test_stages_that_do_not_fit_the_model(model, run):
    """Guards against a misspelt stage that trains nothing, and adapters that are ignored."""
    with pytest.raises(InputError, match="projector, full, lora"):
        run(stage("ful"))
    add_lora(model, rank=2)
    with pytest.raises(InputError, match="merge"):
        run(stage("full"), model=model)
    with pytest.raises(InputError, match="rank 2"):
        run(stage("lora"), model=model)


def test_split_models_are_refused(run, monkeypatch):
    """Guards against saving a part of the weights where accelerate splits the model over processes."""
    from accelerate import Accelerator, DistributedType

    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.FSDP)
    with pytest.raises(InputError, match="FSDP"):
        run(stage("full"))


# ---- how far a step goes

def test_first_loss_is_the_mean_over_supervised_tokens(model, run, pictures):
    """Guards against a mean of means, a wrong shift or mask, and features of the wrong picture: the loss of the first
    batch is computed again without cache, rows or loop."""
    settings, samples = stage("full", max_steps=1), make_samples()
    rendered = [conversation.render(sample.messages, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens) for sample in samples]
    chosen = epoch_plan([len(one.ids) for one in rendered], settings.batch_size, settings.seed, 0)[0]
    total = tokens = 0
    for number in chosen:
        features = model.encode([pictures / name for name in samples[number].images]) if samples[number].images else None
        output = model(torch.tensor([rendered[number].ids]), features=features, labels=torch.tensor([conversation.labels(rendered[number])]))
        total, tokens = total + output.loss_sum.item(), tokens + output.supervised
    assert run(settings).curve("loss")[1] == [pytest.approx(total / tokens, rel=1e-4)]      # the cache keeps half precision


@pytest.fixture
def forwards(monkeypatch):
    """The size of every batch that a model is given in training, as [rows, tokens]."""
    seen, real = [], LlavaMini.forward

    def forward(self, ids, *arguments, **options):
        if self.training:
            seen.append(tuple(ids.shape))
        return real(self, ids, *arguments, **options)
    monkeypatch.setattr(LlavaMini, "forward", forward)
    return seen


@pytest.mark.parametrize("name", ["projector", "full"])
def test_accumulation_changes_nothing(run, tmp_path, forwards, name):
    """Guards against dividing by micro-batches instead of tokens (answers have unequal lengths here), and against an
    ``accumulate`` that is ignored: a batch really goes through the model in that many parts."""
    settings = {"epochs": 1.0, **({"template": "plain"} if name == "projector" else {})}
    once = run(stage(name, **settings), folder=tmp_path / "once")
    size = forwards[0][0]                       # 5 or 6 samples
    assert size > 4 and len(forwards) == len(once.curve("loss")[0])
    for parts in (2, 7):                        # 7 leaves a share empty
        forwards.clear()
        several = run(stage(name, accumulate=parts, **settings), folder=tmp_path / str(parts))
        assert [rows for rows, _ in forwards[:parts]] == [len(range(turn, size, parts)) or 1 for turn in range(parts)]
        assert len(forwards) == parts * len(once.curve("loss")[0])
        assert close(once, several)
        for key, value in weights(tmp_path / "once").items():
            assert torch.allclose(value, weights(tmp_path / str(parts))[key], atol=2e-4), key


@pytest.mark.parametrize("name, settings", [
    ("projector", {"template": "plain"}), ("full", {"pack": True}), ("lora", {"lora_dropout": 0.0}),
])
def test_gradient_checkpointing_changes_nothing(tiny_vision_folder, tiny_language_folder, run, name, settings):
    """Guards against checkpoints that stop the gradient on its way to the projector, or that are not made at all: a
    layer then runs twice in a step, once more on the way back."""
    histories, runs = [], {}
    for checkpointing in (False, True):
        calls, model = [], load_model(tiny_vision_folder, tiny_language_folder)
        model.language_model.model.layers[0].self_attn.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        histories.append(run(stage(name, max_steps=2, gradient_checkpointing=checkpointing, **settings), model=model))
        runs[checkpointing] = len(calls)
    assert runs == {False: 2, True: 4} and close(*histories)
    assert histories[0].records[-1]["gradient"] == pytest.approx(histories[1].records[-1]["gradient"], rel=1e-3)


def test_bf16_is_close(run):
    """Guards against an autocast that is not switched on, or spoils the loss."""
    exact, rough = run(stage("full", max_steps=3)), run(stage("full", max_steps=3, precision="bf16"))
    assert close(exact, rough, 0.02) and not close(exact, rough, 1e-6)


def test_clipping(run, monkeypatch):
    """Guards against clipping parts one by one, or not at all; the history keeps the norm before clipping."""
    norms, step = [], torch.optim.AdamW.step

    def watching(self, *arguments):
        gradients = [value.grad for group in self.param_groups for value in group["params"]]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", watching)
    record = run(stage("full", max_steps=1, clip=0.25)).records[-1]
    assert norms.pop() == pytest.approx(0.25, rel=1e-3)
    whole = sum(value**2 for value in record["gradient"].values()) ** 0.5
    assert whole > 0.3
    run(stage("full", max_steps=1, clip=0.0))
    assert norms.pop() == pytest.approx(whole, rel=1e-5)


def test_learning_rates_by_part(model, run):
    """Guards against rates set by the position of a group, and against decaying biases and norms."""
    settings = stage("full", learning_rate=1e-3, projector_learning_rate=1e-4, weight_decay=0.1, warmup=0.0)
    optimizer = build_optimizer(freeze(model, settings), settings)
    names = {id(value): name for name, value in model.named_parameters()}
    for group in optimizer.param_groups:
        for value in group["params"]:
            name = names[id(value)]
            assert group["lr"] == (1e-4 if name.startswith("projector") else 1e-3)
            assert group["weight_decay"] == (0.1 if value.ndim > 1 else 0), name
    record = run(settings).records[1]
    assert record["rate"] == {"projector": 1e-4, "language model": 1e-3}


def test_schedule():
    """Guards against a first or last step at rate 0, a jump between warm-up and cosine, and a peak that is missed."""
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert max(rates) == rates[10] == 1 and rates[0] == pytest.approx(1 / 11)
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001 and rate(55, 100, 0.1) == pytest.approx(0.5)
    assert [rate(step, 3, 0.0) for step in range(3)] == pytest.approx([1, 0.75, 0.25])
    assert rate(0, 1, 0.03) > 0 and rate(0, 1, 1.0) > 0


def test_number_of_steps(run):
    """Guards against a fraction of an epoch rounded to nothing, and max_steps without effect."""
    assert len(run(stage("full", epochs=0.5)).curve("loss")[0]) == 2        # 26 samples are 5 batches of 6 at most
    assert len(run(stage("full", epochs=0.01)).curve("loss")[0]) == 1
    assert run(stage("full", epochs=2.0)).records[-1]["epoch"] == 2.0
    assert len(run(stage("full", max_steps=3)).curve("loss")[0]) == 3


def test_a_stage_is_told_by_its_settings(model, tmp_path):
    """Guards against an AttributeError for the name of a stage."""
    with pytest.raises(InputError, match="not by 'align'; give a Stage"):
        train(model, [], "align", pictures=tmp_path, folder=tmp_path)


def test_choose_precision(model, monkeypatch):
    """Guards against a misspelt precision that trains in float32, and taking the slower one."""
    cpu = torch.device("cpu")
    assert choose_precision("bf16", model, cpu) == "bf16" and choose_precision("fp32", model, cpu) == "fp32"
    with pytest.raises(InputError, match="auto, fp32 or bf16"):
        choose_precision("fp16", model, cpu)
    for slow, fast in ((torch.float32, "bf16"), (torch.bfloat16, "fp32")):
        clock = [0.0]

        def product(tokens, weight, slow=slow, clock=clock):
            now = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
            clock[0] += 2.0 if now == slow else 1.0
            return tokens

        monkeypatch.setattr("llava_mini.optimizer.F.linear", product)
        monkeypatch.setattr("llava_mini.optimizer.time.perf_counter", lambda clock=clock: clock[0])
        assert choose_precision("auto", model, cpu) == fast
    calls = []

    def disturbed(tokens, weight):                      # something else had the processor whenever fp32 was tried, at first
        calls.append(torch.is_autocast_enabled("cpu"))
        clock[0] += 5.0 if calls[-1] else 1.0 if calls.count(False) > 8 else 9.0
        return tokens

    monkeypatch.setattr("llava_mini.optimizer.F.linear", disturbed)
    assert choose_precision("auto", model, cpu) == "fp32"


def test_it_learns(run):
    """Guards against everything being equal and nothing being learnt."""
    samples = [Sample(str(number), (f"{number}.png",), [{"role": "user", "content": "<image>\nWhat is it?"},
               {"role": "assistant", "content": answer}]) for number, answer in enumerate(["A red dog.", "Two cats", "the blue bench"])]
    losses = run(stage("full", batch_size=3, epochs=60, learning_rate=1e-2), samples).curve("loss")[1]
    assert losses[-1] < 0.5 and losses[0] > 3


# ---- samples of every kind

def test_text_only_and_several_pictures(run):
    """Guards against a batch without any picture, or with a sample of two."""
    text = [Sample(f"t{number}", (), [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]) for number in range(5)]
    two = [Sample(f"p{number}", ("0.png", "1.png"), [{"role": "user", "content": "<image><image>\nSame?"}, {"role": "assistant", "content": "No."}])
           for number in range(5)]
    for settings in (stage("full", batch_size=2), stage("full", batch_size=2, pack=True), stage("projector", batch_size=2)):
        assert run(settings, text + two).curve("loss")[1]
        assert run(settings, text).records[-1]["gradient"]["projector"] == 0


def test_the_papers_order_reaches_the_rows(model, tmp_path, pictures):
    """Guards against a recipe whose random order of picture and question is not used, or is another one at every start."""
    cache, names = FeatureCache(tmp_path / "features", model), [f"{number}.png" for number in range(8)]
    cache.look(names, pictures, progress=False)
    cache.compute(names, pictures, progress=False)

    def begins(**changes):                      # where the picture stands in each row
        rows = make_rows(model, make_samples(texts=0), stage("full", **changes), cache)
        return [row.ids.tolist().index(model.image_token_id) for row in rows]
    first, drawn = begins(), begins(image_order="random")
    assert len(set(first)) == 1 and min(drawn) == first[0] and 6 < sum(place > first[0] for place in drawn) < 18
    assert drawn == begins(image_order="random") != begins(image_order="random", seed=1)


def test_faulty_samples_are_named_before_the_first_step(run, tmp_path):
    """Guards against a sample that is too long being cut, skipped, or met an hour later; all are told at once."""
    samples = make_samples()
    for number in (3, 7):
        samples[number].messages[1]["content"] = "red and blue " * 60
    with pytest.raises(InputError) as caught:
        run(stage("full", max_length=150), samples, folder=tmp_path / "run")
    message = str(caught.value)
    assert "'sample-3'" in message and "'sample-7'" in message and "'sample-4'" not in message and "150" in message
    assert not (tmp_path / "run" / "history.jsonl").exists()
    with pytest.raises(InputError, match="'sample-3' has .* tokens where the language model can read 512; make its text shorter") as caught:
        samples[3].messages[1]["content"] = "red and blue " * 180
        run(stage("full", pack=True), samples, folder=tmp_path / "run")     # max_length is 2048, as in the paper
    assert "'sample-7'" not in str(caught.value)
    with pytest.raises(InputError, match="no samples"):
        train(None, [], stage("full"), pictures=tmp_path, folder=tmp_path / "run")


def test_faulty_pictures_are_named_before_the_first_step(run, tmp_path):
    """Guards against a picture that stops the training in the middle, and against one fault an attempt."""
    folder = make_pictures(tmp_path / "pictures")
    (folder / "1.png").write_text("no picture")
    (folder / "2.png").unlink()
    with pytest.raises(InputError, match="2.png.*missing"):
        run(stage("full"), pictures=folder)
    (folder / "2.png").write_text("neither")
    with pytest.raises(InputError, match="(?s)^2 pictures.*1.png.*2.png"):
        run(stage("full"), pictures=folder, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_first_non_finite_step_stops_with_its_samples(model, run, tmp_path, where, pictures):
    """Guards against weights spoilt by NaN, a training that goes on for nothing, and a hunt for the sample."""
    def spoil(event):
        if event == {"event": "saved", "step": 2}:
            if where == "loss":
                with torch.no_grad():
                    model.language_model.model.norm.weight.fill_(float("nan"))
            else:
                model.projector.bias.register_hook(lambda gradient: gradient * float("inf"))
    settings = stage("full", save_every=2)
    with pytest.raises(LossError, match=where) as caught:
        run(settings, model=model, folder=tmp_path / "run", on_event=spoil)
    cache = FeatureCache(tmp_path / "features", model)
    cache.look([f"{number}.png" for number in range(8)], pictures, progress=False)
    cache.reload()
    rows = make_rows(model, make_samples(), settings, cache)
    expected = epoch_plan([len(row) for row in rows], settings.batch_size, settings.seed, 0)[2]
    assert caught.value.step == 3 and caught.value.samples == [make_samples()[number].id for number in expected]
    assert all(repr(name) in str(caught.value) for name in caught.value.samples)
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "run").values())


# ---- what is told

def test_sample_answers_are_shown_in_both_stages(run, capsys):
    """Guards against sample answers that only a file knows, and a stage 1 without any."""
    questions = [{"image": f"{number}.png", "text": f"Question {number}?", "answer": f"The truth {number}."} for number in range(2)]
    for settings in (stage("projector", template="plain", max_steps=2, validate_every=1), stage("full", max_steps=2, validate_every=1)):
        history = run(settings, questions=questions, progress=True)
        shown, given = capsys.readouterr().out, [record["answers"] for record in history.records]
        for step, number in ((0, 0), (1, 1), (2, 0)):
            answer = " ".join(given[step][number]["given"].split()) or "no answer"
            answer = answer if len(answer) <= 90 else answer[:90] + " ..."
            assert f"Step {step}: Question {number}? - {answer} (right: The truth {number}.)" in shown


def test_validation_and_answers(run, tmp_path, model, pictures):
    """Guards against validation that is never done, changes the training, or is not the loss of those samples."""
    held_out = make_samples(7, texts=1, seed=5)
    questions = [{"image": "3.png", "text": "What colour is the dog?", "answer": "red"}, {"text": "Is it raining?"}]
    settings = stage("lora", validate_every=5)
    alone, told = run(settings), run(settings, validation=held_out, questions=questions, folder=tmp_path / "run", model=model)
    assert alone.curve("loss") == told.curve("loss")
    steps, losses = told.curve("validation")
    assert steps == told.curve("answers")[0] == [0, 5, 10, 15]
    total = tokens = 0
    for sample in held_out:
        one = conversation.render(sample.messages, tokenizer=model.tokenizer, visual_tokens=model.visual_tokens)
        features = model.encode([pictures / name for name in sample.images]) if sample.images else None
        output = model(torch.tensor([one.ids]), features=features, labels=torch.tensor([conversation.labels(one)]))
        total, tokens = total + output.loss_sum.item(), tokens + output.supervised
    assert losses[-1] == pytest.approx(total / tokens, rel=1e-3)
    answers = told.records[-1]["answers"]
    assert [answer["text"] for answer in answers] == [question["text"] for question in questions]
    assert answers[0]["given"] == model.answer(pictures / "3.png", questions[0]["text"], max_new_tokens=64)
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert lines == told.records


def test_events_and_records(run):
    """Guards against a widget that waits for a step that is never told, and records without what plots need."""
    events = []
    history = run(stage("full", epochs=1.0, save_every=2), on_event=events.append)
    assert [event["event"] for event in events] == ["start", "saved", "parts", "step", "step", "saved", "step", "step", "saved", "step",
                                                    "saved", "end"]
    assert events[0]["steps"] == 5 and {row["part"] for row in events[0]["parts"]} == {"vision tower", "projector", "language model"}
    assert [record["step"] for record in history.records] == [0, 1, 2, 3, 4, 5]
    assert history.seconds == pytest.approx(sum(record["seconds"] for record in history.records)) and history.records[0]["seconds"] > 0
    assert repr(history) == f"History(5 steps, loss {history.records[-1]['loss']:.3f})"
    for record in history.records[1:]:
        assert set(record) == {"step", "epoch", "loss", "rate", "gradient", "samples_per_second", "tokens_per_second", "seconds"}
        assert set(record["gradient"]) == {"projector", "language model"} and all(value > 0 for value in record["gradient"].values())


def test_the_callers_random_numbers_stay(run):
    """Guards against a training that changes what comes after it in a notebook."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(stage("lora", max_steps=2))
    assert torch.equal(torch.rand(2), expected)
