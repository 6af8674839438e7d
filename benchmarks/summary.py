"""From single measurements to ratios with their spread, what was aimed at, and the table that is printed."""

from __future__ import annotations

from .chat_speed import line
from .common import ratios, spread

SIDES = ("trainer-default", "package-packed", "trainer-best", "package-separate")       # in the order of their turns
AIMS = {"align": 2.0, "tune": 1.5, "chat": 2.0}         # times the other side's speed at its best
TOLERANCE = 1e-3        # nats; the package keeps features in float16, which moves a loss by a tenth of that at most


def disagreements(found: dict) -> list[str]:
    """What differs between the sides, in words, in what agreement.compare() returns; empty if they compute the same."""
    wrong = [f"The number of {name} differs: {found[name]}." for name in ("samples", "supervised") if len(set(found[name].values())) > 1]
    losses = {f"loss before training ({name})": (found["before"]["trainer"], found["before"][name]) for name in ("separate", "packed")}
    theirs, ours = found["steps"]["trainer"], found["steps"]["separate"]
    if len(theirs) != len(ours) or not ours:
        wrong.append(f"The Trainer took {len(theirs)} steps and the package {len(ours)}.")
    losses |= {f"loss of step {step}": both for step, both in enumerate(zip(theirs, ours), 1)}
    # not (difference < tolerance): so that a loss that is not a number differs, too
    return wrong + [f"The {name} is {a:.6f} for the Trainer and {b:.6f} for the package." for name, (a, b) in losses.items()
                    if not abs(a - b) < TOLERANCE]


def summarise(found: dict, clock: str, epochs: int) -> dict:
    """{stage: {side: numbers}} of ``found``, see training_speed; every number is a dict of min, median and max over the rounds.

    samples_per_second    without preparation
    prepared              the same with the preparation in it, spread over ``epochs``
    to_best, to_default   ratios of samples_per_second to the Trainer's, within a round
    prepared_to_best      ratio of ``prepared`` to the Trainer's at its best, which prepares its pictures too
    peak, added           MiB: of the process, and above what the libraries and the loaded model take
    matmul_share          operations that this side needs, per second, over those of a large matrix product in the same number format
    """
    summary = {}
    for stage in found["agreement"]:
        taken = {side: [one for one in found["measurements"] if (one["stage"], one["side"]) == (stage, side)] for side in SIDES}
        speed = {side: [one["samples"] / one["training"][clock] for one in taken[side]] for side in SIDES}
        prepared = {side: [one["samples"] * epochs / (one["training"][clock] * epochs + one["preparing"][clock]) for one in taken[side]]
                    for side in SIDES}
        summary[stage] = {side: {
            "samples_per_second": spread(speed[side]), "prepared": spread(prepared[side]),
            "to_best": ratios(speed[side], speed["trainer-best"]), "to_default": ratios(speed[side], speed["trainer-default"]),
            "prepared_to_best": ratios(prepared[side], prepared["trainer-best"]),
            "matmul_share": ratios([one["flops"] / one["training"][clock] for one in taken[side]],
                                   [found["matmul"][one["round"]][one["precision"]] for one in taken[side]]),
            **{name: spread(values) for name, values in _memory(taken[side]).items()},
        } for side in SIDES}
    return summary


def _memory(taken: list[dict]) -> dict[str, list[float]]:
    """Peak and added MiB, where the system told them."""
    return {name: values for name, values in {
        "peak": [one["peak"] for one in taken if one["peak"] is not None],
        "added": [one["peak"] - one["loaded"] for one in taken if None not in (one["peak"], one["loaded"])],
    }.items() if values}


def aims(found: dict) -> list[dict]:
    """For everything that AIMS names and ``found`` holds: the ratio aimed at, the one found, and whether that is enough.

    A stage counts as it is trained in the main job, packed, by the smaller of its median ratios with and
    without preparation; chat by the smallest of the cases' medians.
    """
    measured = {}
    for stage, sides in found["summary"].items():
        packed = sides["package-packed"]
        measured[stage] = min(packed["to_best"]["median"], packed["prepared_to_best"]["median"])
    if found["chat"]:
        measured["chat"] = min(case["ratio"]["median"] for case in found["chat"])
    return [{"what": name, "aim": aim, "found": measured[name], "reached": measured[name] >= aim} for name, aim in AIMS.items() if name in measured]


def table(found: dict) -> str:
    """The summary as text: medians, with the extremes of the ratios; then the number formats, and what was aimed at."""
    lines = [f"{'stage':6} {'side':16} {'samples/s':>9}  {'to Trainer at best':>20}  {'prepared':>18}  {'to default':>10}  "
             f"{'peak MiB':>8}  {'added':>6}  {'matmul':>6}"]
    for stage, sides in found["summary"].items():
        for side in sorted(sides):
            one = sides[side]
            def middle(name, one=one):
                return f"{one[name]['median']:.0f}" if name in one else "-"
            lines.append(f"{stage:6} {side:16} {one['samples_per_second']['median']:9.1f}  {_ratio(one['to_best']):>20}  "
                         f"{_ratio(one['prepared_to_best']):>18}  {one['to_default']['median']:10.2f}  {middle('peak'):>8}  {middle('added'):>6}  "
                         f"{one['matmul_share']['median']:6.1%}")
    lines += [line(case) for case in found["chat"]]
    for stage, speeds in found["formats"].items():
        lines.append(f"{stage:6} Trainer at best in batches of eight: {speeds['fp32']:.2f} samples/s in float32, {speeds['bf16']:.2f} with bfloat16 "
                     f"autocast; at best means {found['precision'][stage]}")
    for name in sorted(set(found["precision"].values())):
        rate = spread([one[name] / 1e9 for one in found["matmul"]])
        lines.append(f"matrix products: {rate['median']:.0f} ({rate['min']:.0f}-{rate['max']:.0f}) billion operations a second, {name}, "
                     f"{found['matmul'][0]['threads']} threads")
    lines += [f"aim    {one['what']}: {one['aim']:.1f} times; found {one['found']:.2f} times: {'reached' if one['reached'] else 'NOT REACHED'}"
              for one in found["aims"]]
    return "\n".join(lines)


def page(found: dict) -> list[str]:
    """The lines of README.md in this folder: the package's two ways of training, and the chat, beside transformers at its best."""
    names = {"align": "stage 1", "tune": "stage 2, full", "lora": "stage 2, LoRA"}
    lines = ["| | samples/s, Trainer at its best | package | ratio | ratio, prepared | ratio to Trainer's default | peak MiB, Trainer | package |", "|---" * 8 + "|"]
    for stage, sides in found["summary"].items():
        best = sides["trainer-best"]
        for side, how in (("package-packed", "packed"), ("package-separate", "a row for each sample")):
            one = sides[side]
            lines.append(f"| {names[stage]}, {how} | {best['samples_per_second']['median']:.1f} | {one['samples_per_second']['median']:.1f} | {_ratio(one['to_best'])} | "
                         f"{_ratio(one['prepared_to_best'])} | {_ratio(one['to_default'])} | "
                         + " | ".join(f"{side['peak']['median']:.0f}" if "peak" in side else "-" for side in (best, one)) + " |")
    shares = ", ".join(f"{names[stage]} {sides['package-packed']['matmul_share']['median']:.0%} (Trainer {sides['trainer-best']['matmul_share']['median']:.0%})"
                       for stage, sides in found["summary"].items())
    return [*lines, f"- Share of the machine's matrix products, packed: {shares}.", *[f"- Chat, {case['case']}: transformers {' '.join(line(case).split('transformers')[1].split())}." for case in found["chat"]],
            *[f"- Aim for {names.get(one['what'], one['what'])}: {one['aim']:.1f} times; found {one['found']:.2f} times: "
              f"{'reached' if one['reached'] else 'NOT reached'}." for one in found["aims"]]]


def _ratio(numbers: dict[str, float]) -> str:
    return f"{numbers['median']:.2f} ({numbers['min']:.2f}-{numbers['max']:.2f})"
