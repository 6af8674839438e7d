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

WIDTH = 1024        # of the matrices: large enough for the best rate, and one product takes two seconds at most


def matmul(seconds: float, clock: str) -> dict:
    """Operations a second of a product of two large matrices, in float32 and bfloat16: the best of ``seconds`` each."""
    import torch

    now, rates = {"wall": time.perf_counter, "cpu": time.process_time}[clock], {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = torch.rand(WIDTH, WIDTH).to(kind), torch.rand(WIDTH, WIDTH).to(kind)
        until, best = now() + seconds, float("inf")
        while now() < until:
            begin = now()
            a @ b
            best = min(best, now() - begin)
        rates[name] = 2 * WIDTH ** 3 / best
    return rates | {"threads": torch.get_num_threads()}


def trained(job: dict) -> dict:
    """One training of one side."""
    import accelerate  # noqa: F401  (imported here, so that neither side pays for it while the clock runs)
    import peft  # noqa: F401

    setting, stage = Setting(**job["setting"]), Stage(**job["settings"])
    samples = setting.samples(job["stage"], job["samples"])
    warm_up = replace(stage, max_steps=job["warm_up"])
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
    """Tokens per second of chat, see chat_speed."""
    from .chat_speed import main as chat

    return chat(["--rounds", str(job["rounds"]), "--clock", job["clock"]])


KINDS = {"prepare": lambda job: asdict(prepare(**job["options"])), "matmul": lambda job: matmul(job["seconds"], job["clock"]), "train": trained,
         "compare": compared, "chat": chatted}


def main() -> None:
    given, found = sys.argv[1:]
    job = json.loads(Path(given).read_text(encoding="utf-8"))
    Path(found).write_text(json.dumps(KINDS[job["kind"]](job)), encoding="utf-8")


if __name__ == "__main__":
    main()
