"""What the tests of the training share: a few samples, short stages, and a server that trains in processes of their own.

Run as a script it is that server: it loads the libraries and a tiny model once and forks a real process for
each job, so that a test can kill twenty trainings without waiting for twenty starts of Python.
"""

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

WORDS = ["dog", "cat", "boat", "umbrella", "bench"]
PICTURES = 8


def make_pictures(folder):
    """Eight small pictures of one colour each."""
    from PIL import Image

    folder.mkdir(parents=True)
    draw = random.Random(0)
    for number in range(PICTURES):
        Image.new("RGB", (30, 40), tuple(draw.randrange(256) for _ in range(3))).save(folder / f"{number}.png")
    return folder


def make_samples(count=24, texts=2, seed=0):
    """Samples of unequal length about the pictures, three for each in a row, and some without a picture."""
    from llava_mini.data import Sample

    draw, samples = random.Random(seed), []
    for number in range(count):
        turns = [{"role": "user", "content": f"<image>\nWhat colour is the {draw.choice(WORDS)}?"},
                 {"role": "assistant", "content": "It is " + " and ".join(draw.choices(["red", "blue", "green"], k=draw.randint(1, 6)))}]
        samples.append(Sample(f"sample-{number}", (f"{number // 3 % PICTURES}.png",), turns))
    for number in range(texts):
        samples.append(Sample(f"text-{number}", (), [{"role": "user", "content": "Is it raining " * (1 + number)},
                                                     {"role": "assistant", "content": "Yes."}]))
    return samples


def stage(train, **changes):
    """A short stage; dropout in LoRA, so that random numbers matter."""
    from llava_mini.profiles import Stage

    settings = {"train": train, "learning_rate": 3e-3, "batch_size": 6, "epochs": 3.0, "precision": "fp32", "pack": False,
                "validate_every": 4, "save_every": 1, "lora_rank": 4, "lora_dropout": 0.2, "template": "v1"}
    return Stage(**settings | changes)


def samples_for(settings):
    """In stage 1 (template plain) every sample needs a picture."""
    return make_samples(texts=0 if settings.template == "plain" else 2)


def load_model(vision, language):
    from llava_mini.model import LlavaMini

    return LlavaMini.from_parents(vision, language)


def weights(folder):
    """The weights in the newest state of a training, by name."""
    from safetensors.torch import load_file

    return load_file(sorted(Path(folder).glob("state-*"))[-1] / "weights.safetensors")


def tiny_job(vision, language, folder, lora=False, name="", **changes):
    """A main job of twelve pictures and three steps a stage, all of it in ``folder``."""
    from llava_mini.job import Job
    from llava_mini.profiles import Profile, Stage

    same = {"learning_rate": 3e-3, "precision": "fp32", "pack": True, "batch_size": 3, "epochs": 2.0, "max_steps": 3, "save_every": 1, "validate_every": 3}
    settings = Profile("tiny", str(vision), str(language), align=Stage("projector", template="plain", **same),
                       tune=Stage("full", **same | changes), lora=Stage("lora", lora_rank=2, lora_dropout=0.0, **same | changes))
    return Job(settings, lora=lora, name=name, train=6, validation=2, held_out={"test": 2, "unseen_pairs": 2},
               runs=Path(folder) / "runs", world=Path(folder).parent / "world")


class Server:
    """Trains in real processes: ``train`` runs one job and tells how it ended."""

    def __init__(self, vision, language, pictures):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen([sys.executable, __file__, str(vision), str(language), str(pictures)], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def train(self, folder, stage, processes=1, kill_after=None, kill_in_save=None, wait=0.0):
        """One training in ``folder``. ``kill_after``: SIGKILL ``wait`` seconds after that many events;
        ``kill_in_save``: SIGKILL by itself with the file of that number (from 1) half written."""
        return self.ask({"folder": str(folder), "stage": asdict(stage), "processes": processes, "kill_after": kill_after,
                         "kill_in_save": kill_in_save, "wait": wait})

    def ask(self, job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the training server has stopped"
        return json.loads(answer)

    def job(self, folder, kill_at=None, processes=1):
        """The main job of ``tiny_job``, as the command line does it; ``kill_at``: SIGKILL by itself in that event of stage 2."""
        return self.ask({"job": str(folder), "kill_at": kill_at, "processes": processes, "kill_after": None, "kill_in_save": None})

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def serve(vision, language, pictures):
    import accelerate  # noqa: F401  (all imports before the first fork)
    import peft  # noqa: F401
    import torch

    import llava_mini.resume as resume
    from llava_mini.profiles import Stage
    from llava_mini.training import train

    torch.set_num_threads(1)                    # no thread pool, which a fork would break
    model, out = load_model(vision, language), os.dup(1)
    os.dup2(2, 1)                               # only answers go to the caller

    def work(job, pipe, rank, port):
        if job["processes"] > 1:                # what torchrun and accelerate launch tell their processes
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(job["processes"]), LOCAL_WORLD_SIZE=str(job["processes"]),
                              MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), ACCELERATE_USE_CPU="true", GLOO_SOCKET_IFNAME="lo")
        if job["kill_in_save"]:
            real, left = resume.save_file, [job["kill_in_save"]]

            def half(tensors, path):
                real(tensors, path)
                left[0] -= 1
                if not left[0]:
                    os.truncate(path, path.stat().st_size // 2)
                    os.kill(os.getpid(), signal.SIGKILL)
            resume.save_file = half
        if "job" in job:
            from llava_mini.commands import guarded
            from llava_mini.main import carry_out

            seen = []

            def watch(event):
                seen.append(event["event"])
                if job["kill_at"] and seen.count("start") == 2 and event["event"] == "step" and event["step"] == job["kill_at"]:
                    os.kill(os.getpid(), signal.SIGKILL)
            here = Path(job["job"])
            return guarded(lambda: carry_out(tiny_job(vision, language, here), here / "results", here, watch))

        def event(_):
            os.write(pipe, b"e")
            time.sleep(0.005)                   # on a busy machine the killer needs time to come

        settings = Stage(**job["stage"])
        train(model, samples_for(settings), settings, pictures=pictures, folder=job["folder"], progress=False,
              validation=make_samples(5, texts=0, seed=1), on_event=event)

    for line in sys.stdin:
        job = json.loads(line)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        read, write = os.pipe()
        children = []
        for rank in range(job["processes"]):
            child = os.fork()
            if not child:
                code = 1
                try:
                    os.close(read)
                    code = work(job, write, rank, port) or 0
                except BaseException as error:
                    import traceback
                    traceback.print_exc()
                    Path(job["folder"]).parent.joinpath(f"error-{rank}.txt").write_text(str(error))
                finally:
                    os._exit(code)
            children.append(child)
        os.close(write)
        begin, events = time.monotonic(), 0
        while job["kill_after"] is not None and events < job["kill_after"] and os.read(read, 1):
            events += 1
        if job["kill_after"] is not None:
            select.select([], [], [], job["wait"])
            for child in children:
                os.kill(child, signal.SIGKILL)  # a child that has just ended is not waited for yet, so its number is still its own
        while os.read(read, 65536):
            pass
        os.close(read)
        codes = [os.waitpid(child, 0)[1] for child in children]
        answer = {"killed": any(os.WIFSIGNALED(code) for code in codes), "failed": any(os.WIFEXITED(code) and os.WEXITSTATUS(code) for code in codes),
                  "seconds": time.monotonic() - begin}
        os.write(out, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    serve(*sys.argv[1:])
