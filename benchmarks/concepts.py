"""Time and peak memory of the concept balance of 3.3 million captions, as many as Conceptual Captions has.

    python -m benchmarks.concepts               3.3 million captions; some minutes, 600 MB of disk
    python -m benchmarks.concepts --quick       30,000; shows that it runs

The captions are made up: phrases of one to three words, drawn from two million by Zipf's law (the frequency of a phrase
falls with its rank), so most are rare and one is in every twentieth caption. These are more different phrases than the
paper found, and so more to remember. A process of its own then does what `python -m llava_mini.instruct.concepts` does,
with the plain rules, from the file to the written samples. spaCy is not measured. Aims: 10 minutes and 4 GB on two cores. The result goes to data/results/benchmark-concepts.json (with --quick:
beside the captions), all numbers and whether the aims were reached.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from llava_mini.files import make_folder
from llava_mini.memory import MEBIBYTE, memory

from .common import ROOT, MeasurementError, about, aims, keep, verdicts

OUTPUT = Path("data/results/benchmark-concepts.json")
CAPTIONS, QUICK = 3_300_000, 30_000
PHRASES = 2_000_000                     # that may be drawn
EXPONENT, SHIFT = 1.0, 2.7              # frequency ~ 1 / (rank + shift) ** exponent (Zipf and Mandelbrot)
AIMS = {"seconds": 600.0, "peak memory in GB": 4.0}
FORMS = ("a {} with the {} in {}.", "the {} on a {}", "{} and {} near the {} at {}", "there is a {} behind {}", "a {}", "two of the {} under a {} in the {}")
SYLLABLES = [a + b for a in "bdfgklmnprtvz" for b in "aou"]
COLOURS = ("", "", "", "red ", "blue ", "small ", "big ", "old ", "wooden ", "small red ")


def phrase(rank: int) -> str:
    """The made-up phrase of a rank: no two ranks have the same, and the plain rules take each for one phrase.

    >>> phrase(0), phrase(4), phrase(1234567)
    ('bababa', 'blue bababa', 'old nafadabu')
    """
    rest, adjective = divmod(rank, len(COLOURS))
    name = ""
    while len(name) < 6 or rest:
        rest, syllable = divmod(rest, len(SYLLABLES))
        name += SYLLABLES[syllable]
    # three of COLOURS are empty, as bare nouns are frequent; their names differ by an ending
    return COLOURS[adjective] + name + ("", "k", "p")[adjective if adjective < 3 else 0]


def write_captions(path: Path, n: int, seed: int = 0) -> int:
    """Writes ``n`` captions as {"id", "image", "caption"}; returns how many different phrases they have."""
    rng = np.random.default_rng(seed)
    heights = np.cumsum(1.0 / (np.arange(PHRASES) + SHIFT) ** EXPONENT)
    holes = [form.count("{}") for form in FORMS]
    used = np.zeros(PHRASES, dtype=bool)
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, n, 50_000):
            forms = rng.integers(0, len(FORMS), min(50_000, n - start))
            ranks = np.searchsorted(heights, rng.random((len(forms), max(holes))) * heights[-1])
            rows = []
            for number, (form, drawn) in enumerate(zip(forms.tolist(), ranks.tolist()), start):
                drawn = drawn[:holes[form]]
                used[drawn] = True
                name = f"GCC_train_{number:09}"
                rows.append(f'{{"id": "{name}", "image": "{name}.jpg", "caption": "{FORMS[form].format(*map(phrase, drawn))}"}}\n')
            file.writelines(rows)
    return int(used.sum())


def work(captions: Path, output: Path) -> dict:
    """What the command does, with the time of its parts. Runs in a process of its own."""
    from llava_mini.instruct import concepts, noun_phrases, prompts

    seconds, balance = {}, concepts.balance
    began, processor = time.perf_counter(), time.process_time()

    def timed(*arguments):
        seconds["reading and noun phrases"] = time.perf_counter() - began
        found = balance(*arguments)
        seconds["balance"] = time.perf_counter() - began - seconds["reading and noun phrases"]
        return found

    concepts.balance = timed
    found = concepts.choose(captions, output, prompts.instructions("brief"), noun_phrases.PlainRules())
    seconds["all"] = time.perf_counter() - began
    seconds["of the processor"] = time.process_time() - processor
    seconds["writing samples"] = seconds["all"] - seconds["balance"] - seconds["reading and noun phrases"]
    return {"captions": len(found.chosen), "chosen": int(found.chosen.sum()), "phrases_told": len(found.phrases), "kept": len(found.order),
            "most_frequent": int(found.before.max()), "seconds": seconds, "memory": memory()}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concepts", description=__doc__.split("\n")[0])
    parser.add_argument("--captions", type=int, default=CAPTIONS, help=f"how many (default: {CAPTIONS:,})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} captions")
    parser.add_argument("--folder", type=Path, default=Path("data/cache/benchmark"), help="for captions and samples, which are removed at the end")
    parser.add_argument("--output", type=Path, default=None, help=f"default: {OUTPUT}")
    parser.add_argument("--work", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.captions < 1:
        parser.error("--captions must be at least 1")
    full = options.captions == CAPTIONS and not options.quick
    options.captions = min(options.captions, QUICK) if options.quick else options.captions
    options.output = options.output or (OUTPUT if full else options.folder / "quick-concepts.json")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.work:
        print(json.dumps(work(*options.work)))
        return 0
    make_folder(options.folder)
    captions, samples = options.folder / "captions.jsonl", options.folder / "captions-samples.json"
    phrases = write_captions(captions, options.captions)
    try:
        done = subprocess.run([sys.executable, "-m", "benchmarks.concepts", "--work", str(captions.absolute()), str(samples.absolute())],
                              cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise MeasurementError("The concept balance failed; what it said stands above.")
        found = json.loads(done.stdout.splitlines()[-1])
        found["file_mb"] = captions.stat().st_size / 1e6
    finally:
        captions.unlink(missing_ok=True)
        samples.unlink(missing_ok=True)
    peak, full = found["memory"]["peak"], options.captions == CAPTIONS
    reached = {"seconds": found["seconds"]["all"], "peak memory in GB": None if peak is None else peak * MEBIBYTE / 1e9}
    found |= {**about("concepts"), "phrases": phrases, "aims": aims(AIMS, reached, full), "full": full}
    keep(found, options.output)
    print(f"{found['captions']:,} captions ({found['file_mb']:.0f} MB), {found['phrases_told']:,} noun phrases, {found['kept']:,} in 3 captions "
          f"or more, {found['chosen']:,} captions chosen.")
    print("Seconds: " + ", ".join(f"{part} {value:.1f}" for part, value in found["seconds"].items()))
    print(verdicts(found["aims"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
