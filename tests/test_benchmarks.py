"""The parts of the benchmark compute the same thing; how fast they are is not tested."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))       # benchmarks/ is not part of the installed package

from benchmarks import agreement, chat_speed, checker, common, faults, flops, package_side, setting, summary, teachers, trainer_side, training_speed, worker  # noqa: E402

# The benchmark hides GPUs from its own processes; here, in this one, the two sides would train on different devices.
both_sides = pytest.mark.skipif(torch.cuda.is_available(), reason="compares the two sides on the CPU")
ANSWERS = ["A red dog.", "Two cats on the blue bench.", "Yes, there is a green boat.", "It is big."]


@pytest.fixture(scope="module")
def tiny(tiny_vision_folder, tiny_language_folder, tmp_path_factory):
    """A setting of the tiny parents, with three pictures and samples of unequal lengths about each."""
    from llava_mini.convert import to_transformers

    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "pictures").mkdir()
    rng, samples = np.random.default_rng(0), []
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "pictures" / f"{number}.png")
        samples += [{"id": f"{number}-{i}", "image": f"{number}.png", "conversations": [
            {"from": "human", "value": "<image>\nWhat is there?"}, {"from": "gpt", "value": answer}]} for i, answer in enumerate(ANSWERS)]
    for name in ("align", "tune"):
        (folder / f"{name}.json").write_text(json.dumps(samples))
    made = setting.Setting(str(tiny_vision_folder), str(tiny_language_folder), str(folder / "transformers"), str(folder), str(folder / "tune.json"), "mlp2x_gelu")
    to_transformers(made.model(), made.transformers)
    return made


@both_sides
@pytest.mark.parametrize("stage", setting.STAGES)
def test_both_sides_give_the_same_losses(tiny, stage):
    """Guards against a benchmark of two different trainings: other tokens supervised, another mean, other weights moving."""
    found = agreement.compare(tiny, setting.stage_settings(stage, 4), tiny.samples(stage, 12))
    assert summary.disagreements(found) == []
    assert found["samples"]["packed"] == 12 and len(found["steps"]["trainer"]) == 3
    assert found["steps"]["trainer"][0] - found["steps"]["trainer"][2] > 0.01       # something was learnt


@both_sides
def test_a_linear_projector_is_the_same_on_both_sides(tiny, tmp_path):
    """Guards against the identity, with which transformers writes a linear projector, learning too."""
    from llava_mini.convert import to_transformers

    linear = replace(tiny, transformers=str(tmp_path / "transformers"), projector="linear")
    to_transformers(linear.model(), linear.transformers)
    for stage in ("align", "lora"):
        found = agreement.compare(linear, setting.stage_settings(stage, 4), linear.samples(stage, 12))
        assert summary.disagreements(found) == []


@both_sides
def test_another_mask_is_noticed(tiny, monkeypatch):
    """Guards against a comparison that finds everything equal."""
    monkeypatch.setattr(trainer_side, "labels", lambda rendered: rendered.ids)
    found = agreement.compare(tiny, setting.stage_settings("tune", 4), tiny.samples("tune", 12))
    wrong = summary.disagreements(found)
    assert "number of supervised" in wrong[0] and any("loss of step 1" in line for line in wrong)


def test_a_loss_that_is_not_a_number_is_noticed():
    """Guards against NaN, which is neither larger nor smaller than a tolerance."""
    found = {"samples": {"a": 1}, "supervised": {"a": 1}, "before": {"trainer": 1.0, "separate": 1.0, "packed": float("nan")},
             "steps": {"trainer": [1.0], "separate": [1.0]}}
    assert len(summary.disagreements(found)) == 1
    assert len(summary.disagreements(found | {"steps": {"trainer": [], "separate": []}})) == 2


@both_sides
def test_both_sides_are_measured_on_the_same_samples(tiny, tmp_path):
    """Guards against a side that is timed on fewer samples, and against counting work it is spared."""
    stage, samples = setting.stage_settings("tune", 4), tiny.samples("tune", 12)
    warm_up = replace(stage, max_steps=1)
    best = trainer_side.run(tiny, stage, samples, tmp_path / "a", warm_up, best=True)
    plain = package_side.run(tiny, stage, samples, tmp_path / "b", warm_up, pack=False)
    packed = package_side.run(tiny, stage, samples, tmp_path / "c", warm_up, pack=True)
    assert best["samples"] == plain["samples"] == packed["samples"] == 12
    assert best["flops"] > plain["flops"] > packed["flops"] > 0
    assert min(one["training"]["wall"] for one in (best, plain, packed)) > 0


@pytest.mark.parametrize("train", ["projector", "full", "lora"])
def test_formula_equals_counted_operations(tiny, train):
    """Guards against a share of the machine's speed computed from a wrong formula."""
    from torch.utils.flop_counter import FlopCounterMode

    from llava_mini.parts import freeze
    from llava_mini.profiles import Stage

    model = tiny.model()
    model.language_model.set_attn_implementation("eager")       # the counter does not know every fused attention
    model.vision_tower.clip.set_attn_implementation("eager")
    freeze(model, Stage(train=train, learning_rate=1.0, lora_rank=8, lora_dropout=0.0))
    tokens = 40
    ids = torch.full((1, tokens), 20)
    ids[:, 3: 3 + model.visual_tokens] = model.image_token_id
    labels = torch.where(torch.arange(tokens) < 30, -100, 20)[None]
    with FlopCounterMode(display=False) as counter:
        features = model.vision_tower(torch.zeros(1, 3, 28, 28))
        model.train()(ids, features=features, labels=labels).loss.backward()
    sizes = flops.sizes(model.vision_tower.clip.config, model.language_model.config, "mlp2x_gelu")
    work = flops.Work(tokens, tokens ** 2, 10, model.visual_tokens, 1)      # eager attention computes the masked half, too
    assert flops.training_flops(sizes, train, work, rank=8) == pytest.approx(counter.get_total_flops(), rel=5e-3)


def test_pairs_are_what_the_mask_allows():
    """Guards against counting what packed samples do not see of each other."""
    from llava_mini.batches import document_mask

    for parts in ([0, 5], [3, 1, 4, 2]):
        numbers = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor(parts))[None]
        assert flops.pairs(parts) == int(document_mask(numbers).sum())


def test_ratios_are_taken_round_by_round():
    """Guards against a ratio of medians, which a machine that slows down half-way would bend."""
    assert common.ratios([2.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == {"min": 2.0, "median": 2.0, "max": 3.0}
    with pytest.raises(ValueError):
        common.ratios([1.0], [1.0, 2.0])


def test_a_measurement_that_fails_says_why():
    """Guards against a benchmark that goes on without one of its measurements."""
    with pytest.raises(common.MeasurementError, match="KeyError"):
        common.measure({"kind": "nothing"})


# ---- figures that can be checked by hand

def one(number, stage, side, precision, seconds, preparing, peak):
    """A measurement of 60 samples that need 1200 operations."""
    return {"round": number, "stage": stage, "side": side, "precision": precision, "samples": 60, "flops": 1200, "loaded": 100.0, "peak": peak,
            "training": {"wall": seconds, "cpu": 99.0}, "preparing": {"wall": preparing, "cpu": 99.0}}


@pytest.fixture
def found():
    """Two rounds of one stage: seconds by hand, the machine half as fast in the second round."""
    measurements = []
    for number, slow in enumerate((1, 2)):
        measurements += [one(number, "align", "trainer-default", "fp32", 12.0 * slow, 0.0, 400.0),
                         one(number, "align", "trainer-best", "bf16", 10.0 * slow, 2.0 * slow, 500.0),
                         one(number, "align", "package-separate", "bf16", 5.0 * slow, 1.0 * slow, 300.0),
                         one(number, "align", "package-packed", "bf16", 4.0 * slow, 2.0 * slow, 250.0 + number)]
    spread = {"min": 1.0, "median": 2.5, "max": 3.0}
    case = {"case": "one", "transformers": spread, "package": spread, "ratio": spread}
    return {"agreement": {"align": {}}, "formats": {"align": {"fp32": 5.0, "bf16": 6.0}}, "precision": {"align": "bf16"},
            "matmul": [{"fp32": 400.0, "bf16": 600.0, "threads": 2}, {"fp32": 200.0, "bf16": 300.0, "threads": 2}],
            "measurements": measurements, "chat": [case, case | {"ratio": {"min": 0.5, "median": 1.75, "max": 2.0}}]}


def test_summary_of_known_seconds(found):
    """Guards against ratios upside down, preparation left out or counted twice, and a share of another format's or round's speed."""
    sides = summary.summarise(found, "wall", epochs=1)["align"]
    packed, default = sides["package-packed"], sides["trainer-default"]
    assert packed["samples_per_second"] == {"min": 7.5, "median": 11.25, "max": 15.0}               # 60 / 8, 60 / 4
    assert packed["to_best"] == {"min": 2.5, "median": 2.5, "max": 2.5}                             # 10 / 4, in both rounds
    assert packed["to_default"]["median"] == 3.0 and default["to_default"]["median"] == 1.0
    assert packed["prepared"] == {"min": 5.0, "median": 7.5, "max": 10.0}                           # 60 / (8 + 4), 60 / (4 + 2)
    assert packed["prepared_to_best"]["median"] == pytest.approx(2.0)                               # (10 + 2) / (4 + 2)
    assert packed["matmul_share"]["median"] == pytest.approx(0.5)                                   # 1200 / 4 of 600, 1200 / 8 of 300
    assert default["matmul_share"]["median"] == pytest.approx(0.25)                                 # 1200 / 12 of 400: its format is fp32
    assert packed["peak"] == {"min": 250.0, "median": 250.5, "max": 251.0} and packed["added"]["min"] == 150.0
    twice = summary.summarise(found, "wall", epochs=2)["align"]["package-packed"]
    assert twice["prepared"]["max"] == 12.0                                                         # 120 / (2 x 4 + 2)


def test_memory_that_the_system_does_not_tell(found):
    """Guards against a benchmark that fails at its end where the system tells no memory, and against a made-up number."""
    for measurement in found["measurements"]:
        measurement["loaded"] = None
    sides = summary.summarise(found, "wall", 1)["align"]
    assert "added" not in sides["trainer-best"] and sides["trainer-best"]["peak"]["median"] == 500.0


def test_aims_and_table(found):
    """Guards against an aim that is missed and not said to be, and a table that leaves a side, a case or a format out."""
    found["summary"] = summary.summarise(found, "wall", 1)
    found["aims"] = summary.aims(found)
    stage, chat = found["aims"]
    assert (stage["what"], stage["found"], stage["reached"]) == ("align", pytest.approx(2.0), True)     # the ratio with preparation is the smaller
    assert chat == {"what": "chat", "aim": 2.0, "found": 1.75, "reached": False}                        # the slowest case
    text = summary.table(found)
    for side in summary.SIDES:
        assert side in text
    assert "align: 2.0 times; found 2.00 times: reached" in text and "chat: 2.0 times; found 1.75 times: NOT REACHED" in text
    assert "5.00 samples/s in float32, 6.00 with bfloat16" in text and "2.50 (2.50-2.50)" in text and "50.0%" in text
    found["chat"] = []
    assert [one["what"] for one in summary.aims(found)] == ["align"]


def test_options(capsys):
    """Guards against a default run of hours, --quick overwriting the committed result, and a clock that counts waiting threads."""
    options = training_speed.parse([])
    assert (options.rounds, options.steps, options.batch, options.output) == (3, 16, 32, training_speed.OUTPUT)
    quick = training_speed.parse(["--quick"])
    assert (quick.rounds, quick.steps, quick.batch) == (1, 3, 8) and quick.output != training_speed.OUTPUT
    assert training_speed.parse(["--clock", "cpu", "--threads", "1"]).threads == 1
    for wrong in (["--clock", "cpu"], ["--rounds", "0"], ["--stages", "chat"]):
        with pytest.raises(SystemExit):
            training_speed.parse(wrong)
    assert "--threads 1" in capsys.readouterr().err


def test_a_whole_run(tmp_path, monkeypatch, capsys):
    """Guards against a run that asks for a measurement wrongly, takes its turns in one order only, or writes what cannot be read."""
    jobs = []
    speed = {"trainer-default": 6.0, "trainer-best": 4.0, "package-separate": 2.0, "package-packed": 1.0}

    def measure(job, threads):
        jobs.append(job)
        losses = {"trainer": [3.0], "separate": [3.0]}
        if job["kind"] == "train":
            seconds = speed[job["side"]] * (50 if job["settings"]["precision"] == "bf16" else 1)
            return {"training": {"wall": seconds, "cpu": seconds}, "preparing": {"wall": 0.5, "cpu": 0.5}, "samples": job["samples"],
                    "flops": 100, "loaded": 10.0, "peak": 20.0}
        spread = {"min": 3.0, "median": 3.0, "max": 3.0}
        return {"prepare": {"a": "setting"}, "matmul": {"fp32": 200.0, "bf16": 4.0, "threads": 2},
                "compare": {"samples": {"a": 1}, "supervised": {"a": 1}, "before": {"trainer": 1.0, "separate": 1.0, "packed": 1.0}, "steps": losses},
                "chat": [{"case": "one", "transformers": spread, "package": spread, "ratio": spread}]}[job["kind"]]

    monkeypatch.setattr(training_speed, "measure", measure)
    output = tmp_path / "results" / "found.json"
    assert training_speed.main(["--rounds", "2", "--steps", "2", "--batch", "4", "--output", str(output), "--folder", str(tmp_path)]) == 0
    timed = [(job["stage"], job["side"]) for job in jobs if job["kind"] == "train" and job["samples"] == 8]
    assert timed[:4] == [("align", side) for side in summary.SIDES] and timed[12:16] == [("align", side) for side in summary.SIDES[::-1]]
    assert {job["settings"]["precision"] for job in jobs if job["kind"] == "train" and job["samples"] == 8} == {"fp32"}     # the faster one
    found = json.loads(output.read_text())
    assert found["formats"]["tune"]["fp32"] == 50 * found["formats"]["tune"]["bf16"] and found["settings"]["output"] == ".../found.json"
    assert found["summary"]["lora"]["package-packed"]["to_best"]["median"] == 4.0
    assert [(one["what"], one["reached"]) for one in found["aims"]] == [("align", True), ("tune", True), ("chat", True)]
    assert "aim    chat: 2.0 times; found 3.00 times: reached" in capsys.readouterr().out


def test_a_measurement_of_training(tiny):
    """Guards against a worker that cannot read the jobs that are written for it."""
    from dataclasses import asdict

    job = {"setting": asdict(tiny), "stage": "tune", "samples": 8, "warm_up": 1, "settings": asdict(setting.stage_settings("tune", 4))}
    for side in summary.SIDES[1:3]:
        measured = worker.trained(job | {"side": side})
        assert measured["samples"] == 8 and measured["training"]["wall"] > 0 and measured["flops"] > 0


def test_chat_of_known_seconds():
    """Guards against one side always going first, a warm-up that is counted, and a ratio upside down."""
    now, order = [0.0], []

    def side(name, seconds, answer):
        def run():
            order.append(name)
            now[0] += seconds.pop(0)
            return answer
        return run

    ours = side("ours", [50.0, 1.0, 2.0], [" It is red. ", "two"])
    theirs = side("theirs", [70.0, 4.0, 6.0], (["It is red.", "two "], 12))
    case = chat_speed.compare(ours, theirs, 2, lambda: now[0])
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert case["package"] == {"min": 6.0, "median": 9.0, "max": 12.0}                  # 12 tokens in 1 and in 2 seconds
    assert case["transformers"] == {"min": 2.0, "median": 2.5, "max": 3.0}              # in 4 and in 6
    assert case["ratio"] == {"min": 3.0, "median": 3.5, "max": 4.0}
    with pytest.raises(common.MeasurementError, match="'two'.*'three'"):
        chat_speed.compare(lambda: ["two"], lambda: (["three"], 4), 1, lambda: 0.0)


def test_both_sides_of_chat_answer_the_same(tiny, tmp_path):
    """Guards against a chat benchmark of two different models, other prompts or padding that is seen, and tokens counted wrongly."""
    model = tiny.model()
    with torch.no_grad():
        for weight in model.language_model.parameters():
            weight *= 8 if weight.dim() == 2 else 1             # random weights of the usual size answer everything alike
    model.to_transformers(tmp_path / "exported")
    other = chat_speed.Transformers(tmp_path / "exported")
    pictures = [Image.open(tiny.pictures / f"{number}.png").convert("RGB") for number in range(3)]
    for case in (chat_speed.Case("one", tuple(pictures[:1]), ("What is there?",)),
                 chat_speed.Case("some", (*pictures, pictures[0]), ("What is there?", "Where?", "Is it big and red?", "How many?"))):
        texts, tokens = other.answer(case, 6)
        assert [text.split() for text in chat_speed.package(model, case, 6)] == [text.split() for text in texts]
        assert len(case.questions) <= tokens <= 6 * len(case.questions)


def test_cases_of_chat():
    """Guards against a batch whose questions and pictures do not belong together."""
    short, long, many, shared = chat_speed.cases(8)
    assert (len(short.pictures), len(long.pictures)) == (1, 1) and short.questions != long.questions
    assert [len({id(picture) for picture in case.pictures}) for case in (many, shared)] == [8, 2]
    assert len(many.questions) == len(shared.questions) == len(shared.pictures) == 8


def test_the_chat_command(tiny, tmp_path, capsys):
    """Guards against a command that runs in no way but the tests' own."""
    tiny.model().save_pretrained(tmp_path / "model")
    found = chat_speed.main(["--model", str(tmp_path / "model"), "--rounds", "1", "--tokens", "2", "--batch", "4"])
    assert [case["case"] for case in found] == ["one short answer", "one long answer", "4 pictures", "4 questions, 1 pictures"]
    assert all(case["ratio"]["median"] > 0 for case in found) and len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a thing of POSIX")
def test_faults_and_kills_are_counted_from_what_the_server_noted(tmp_path):
    """Guards against a count of nothing lost that would not have noticed a loss."""
    assert faults.main(["--quick", "--folder", str(tmp_path / "a")]) == 0
    found = json.loads((tmp_path / "quick-faults.json").read_text())
    assert (found["requests"], found["answers kept"], found["kills"]) == (60, 60, 3) and sum(found["faults"].values()) > 30
    assert [found[what] for what in ("requests without an answer", "requests with two answers", "asked again although the answer lay there")] == [0, 0, 0]
    folder, known = tmp_path / "a" / "answers", {0: set()}
    lines = (folder / "answers.jsonl").read_text().splitlines(keepends=True)
    (folder / "answers.jsonl").write_text("".join(lines[1:] + [lines[-1]]))
    known = dict.fromkeys(range(9), {json.loads(lines[-1])["reply"].split("-")[1]})
    lost = faults.counted(folder, known)
    assert (lost["requests without an answer"], lost["requests with two answers"]) == (1, 1) and lost["asked again although the answer lay there"] >= 1


def test_the_checkers_table_is_written_as_it_was_measured(tmp_path, capsys):
    """Guards against a committed table that the measurement did not print."""
    assert checker.main(["--quick", "--folder", str(tmp_path)]) == 0
    rates, tables = json.loads((tmp_path / "quick-checker.json").read_text())["sources"]["storybook"]["rates"], capsys.readouterr().out.split("a lie in ")[1:]
    assert list(rates) == ["0.1", "0.5"] and rates["0.1"]["without a lie"] > rates["0.5"]["without a lie"]
    for found, said in zip(rates.values(), tables):
        assert found["samples"] == 60 and sum(row["told"] for row in found["lies"].values()) == 60 - found["without a lie"]
        for lie, row in found["lies"].items():
            printed = next(line.split() for line in said.splitlines() if line.startswith(f"{lie} "))
            assert printed[-2:] == [str(row["accused"]), "-" if row["precision"] is None else f"{row['precision']:.3f}"]


def test_two_teachers_at_the_same_requests(tmp_path):
    """Guards against an answer that is neither kept nor counted among those that were not."""
    assert teachers.main(["--quick", "--folder", str(tmp_path), "--parent", str(common.ROOT / "data" / "pretrained" / "vicuna-large")]) == 0
    for found in json.loads((tmp_path / "quick-teachers.json").read_text())["teachers"].values():
        assert found["requests"] == 12 == found["can be read"] + sum(found["set aside"].values())
        assert found["can be read"] == found["samples"] + sum(found["left out by the checker"].values())


def test_the_page_has_the_committed_figures():
    """Guards against ratios in prose that no run gave. The assertion shows the lines to paste."""
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data" / "results" / "benchmark-training.json").read_text("utf-8"))
    told = (root / "benchmarks" / "README.md").read_text("utf-8").split("<!-- training -->")[1].split("<!-- /training -->")[0]
    assert [line for line in told.splitlines() if line] == summary.page(found), "\n".join(summary.page(found))
    assert found["settings"]["rounds"] == 3 and found["settings"]["steps"] == 16 and found["settings"]["clock"] == "wall" and found["chat"]
    ratios = {stage: sides["package-packed"]["prepared_to_best"]["median"] for stage, sides in found["summary"].items()}
    chat = min(case["ratio"]["median"] for case in found["chat"])
    assert (f"stage 1 is {ratios['align']:.1f} times as fast, stage 2 {ratios['tune']:.1f} times, LoRA {ratios['lora']:.1f} times, chat at least "
            f"{chat:.1f} times") in " ".join((root / "README.md").read_text("utf-8").split())
