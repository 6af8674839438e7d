"""One measurement in a process of its own: ``python -m benchmarks.worker JOB.json FOUND.json``."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from llava_mini.profiles import Stage

from .setting import Setting, prepare

WARM_UP = 2         # steps


def matmul(seconds: float, clock: str) -> dict:
    """Operations a second of a product of two large matrices, in float32 and bfloat16: the best of several."""
    import torch

    now, rates = {"wall": time.perf_counter, "cpu": time.process_time}[clock], {}
    for name, kind, width in (("fp32", torch.float32, 1024), ("bf16", torch.bfloat16, 512)):
        a, b = torch.rand(width, width).to(kind), torch.rand(width, width).to(kind)
        until, best = now() + seconds, float("inf")
        while now() < until:
            begin = now()
            a @ b
            best = min(best, now() - begin)
        rates[name] = 2 * width ** 3 / best
    return rates | {"threads": torch.get_num_threads()}


def trained(job: dict) -> dict:
    """One training of one side."""
    import accelerate  # noqa: F401  (imported here, so that neither side pays for it while the clock runs)
    import peft  # noqa: F401

    setting, stage = Setting(**job["setting"]), Stage(**job["settings"])
    samples = setting.samples(job["stage"], job["samples"])
    warm_up = replace(stage, max_steps=WARM_UP)
    with tempfile.TemporaryDirectory() as folder:
        if job["side"].startswith("trainer"):
            from . import trainer_side
            return trainer_side.run(setting, stage, samples, Path(folder), warm_up, best=job["side"] == "trainer-best")
        from . import package_side
        return package_side.run(setting, stage, samples, Path(folder), warm_up, pack=job["side"] == "package-packed")


def compared(job: dict) -> dict:
    from .agreement import compare

    setting = Setting(**job["setting"])
    return compare(setting, Stage(**job["settings"]), setting.samples(job["stage"], job["samples"]))


def chatted(job: dict) -> list[dict]:
    """Tokens per second of chat, see chat_speed: of the finished model, or of an untrained one."""
    from .chat_speed import main as chat

    model = Path("data/pretrained/llava-mini")
    known = ["--model", str(model)] if model.exists() and not job["random"] else []
    return chat(["--rounds", str(job["rounds"]), "--clock", job["clock"], *known])


KINDS = {"prepare": lambda job: asdict(prepare(**job["options"])), "matmul": lambda job: matmul(job["seconds"], job["clock"]), "train": trained,
         "compare": compared, "chat": chatted}


def main() -> None:
    given, found = sys.argv[1:]
    job = json.loads(Path(given).read_text(encoding="utf-8"))
    Path(found).write_text(json.dumps(KINDS[job["kind"]](job)), encoding="utf-8")


if __name__ == "__main__":
    main()
