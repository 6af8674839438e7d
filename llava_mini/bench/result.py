"""The result of a run over benchmarks, as one JSON file: what the tables and pictures are made from, and nothing else.

::

    {"format": 2, "name": "llava-mini", "date": UTC, "commit", "versions", "machine", "seeds": {...},
     "judge": {"model": "offline", "served": ["rule-judge"], "prompt": fingerprint of the prompt's fixed words, "temperature", "from", "to", "cost",
               "verdicts", "prompt_tokens"},
     "benches": {"coco": {"title", "questions", "pictures", "fingerprint", "images": {question id: picture}, "kinds": {question id: kind},
                          "rows": [row, ...], "panel": {...} or null}}}

    row    {"label": "LLaVA", "what": "model", "note": "", "runs": [one for each seed], "intervals": {kind: [low, high]} of the mean of several seeds}
    run    {"model": id, "seed": number or null, "answers": file, "reviews": file, "scores": see scores.Scores.as_dict,
            "pairs": {question id: [reference's score, candidate's score]}, "agreement": {...} or null}
    panel  {"of": label, "trials": {name: {"scores", "moved", "moved at all"}}, "itself equal": share, "agreement": {...} or null}

Files are named as they lie in the folder of the run. An overall score ("headline") is null while a verdict is lacking.
Earlier files of format 2 have no kinds and intervals. Format 1, which can still be read, has no images, seeds and pairs either, and in "agreement" leaves out what was not judged.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path

from ..errors import InputError
from ..evaluation import results
from ..files import make_folder, write_safely
from ..json_files import is_number
from .benchmark import Benchmark
from .reliability import MOVES, Agreement, Panel
from .resampling import of_mean
from .scores import Scores

FORMAT, READS = 2, (1, 2)
FIELDS = {"name": str, "date": str, "versions": dict, "machine": dict, "seeds": dict, "judge": dict, "benches": dict}


def fingerprint(bench: Benchmark) -> str:
    """Of the questions, contexts and references, 12 hexadecimal digits: scores of different ones are not to be compared."""
    rows = [[q.id, q.image, q.text, q.category, q.kind, q.value, bench.contexts[str(q.id)], bench.references[str(q.id)].text] for q in bench.questions]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]


def of_bench(bench: Benchmark, title: str, rows: list[dict], panel: dict | None) -> dict:
    """The part of one benchmark."""
    images, kinds = ({str(q.id): getattr(q, name) for q in bench.questions} for name in ("image", "category"))
    for row in rows:
        if len(row["runs"]) > 1:
            row["intervals"] = intervals([run["pairs"] for run in row["runs"]], images, kinds)
    return {"title": title, "questions": len(bench.questions), "pictures": len({q.image for q in bench.questions}),
            "fingerprint": fingerprint(bench), "images": images, "kinds": kinds, "rows": rows, "panel": panel}


def intervals(runs: list[dict], images: dict[str, str], kinds: dict[str, str]) -> dict[str, list[float]]:
    """Bootstrap 95% intervals of the mean over the seeds, of each kind of question, and of "all"; none where runs lack different verdicts."""
    found = {}
    for kind in (*dict.fromkeys(kinds.values()), "all"):
        parts = [{name: pair for name, pair in pairs.items() if kind in ("all", kinds[name])} for pairs in runs]
        if parts[0] and all(set(part) == set(parts[0]) for part in parts):
            found[kind] = [round(value, 4) for value in of_mean(parts, images)]
    return found


def of_run(model: str, answers: str, reviews: str, scores: Scores, agreement: Agreement, seed: int | None = None) -> dict:
    """The part of one candidate, or one seed of it, on one benchmark."""
    return {"model": model, "seed": seed, "answers": answers, "reviews": reviews, "scores": scores.as_dict(),
            "pairs": {name: list(pair) for name, pair in scores.pairs.items()}, "agreement": of_agreement(agreement)}


def of_agreement(found: Agreement) -> dict | None:
    """Exact answers right and wrong, all of them; of those that were judged the judge's mean scores. None where no question has one."""
    if not found.asked:
        return None
    means = {f"mean of {name}": round(sum(group) / len(group), 4) if group else None for name, group in (("right", found.right), ("wrong", found.wrong))}
    judged = {"judged right": len(found.right), "judged wrong": len(found.wrong)}
    return {"right": found.correct, "wrong": found.asked - found.correct, **judged, **means, "higher": None if found.higher is None else round(found.higher, 4)}


def of_panel(label: str, found: Panel) -> dict:
    """The trials of a panel."""
    trials = {}
    for name, scores in found.trials.items():
        shift = found.shift(name) if name in MOVES else None
        trials[name] = {"scores": scores.as_dict(), "moved": round(shift[1], 4) if shift else None, "moved at all": round(shift[2], 4) if shift else None}
    equal = found.equal()
    return {"of": label, "trials": trials, "itself equal": None if equal is None else round(equal, 4), "agreement": of_agreement(found.agreement)}


def new(name: str, judge: dict, seeds: dict, benches: dict) -> dict:
    """A result of now, of this machine and these versions."""
    return {"format": FORMAT, "name": name, "date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "commit": results.commit(),
            "versions": results.versions(), "machine": results.machine(), "seeds": seeds, "judge": judge, "benches": benches}


def write(result: dict, path) -> Path:
    """Writes a result, whole or not at all; one that tells the same already is left as it is, with its date."""
    path = Path(path)
    check(result, path)
    make_folder(path.parent)
    if path.exists():
        try:
            if _told(read(path)) == _told(json.loads(json.dumps(result))):
                return path
        except InputError:
            pass                                # of an earlier format, or spoilt: it can be made again
    write_safely(path, (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    return path


def _told(result: dict) -> dict:
    return {key: value for key, value in result.items() if key not in ("date", "commit", "versions", "machine")}


def read(path) -> dict:
    """A result, checked. Raises InputError that names file and field."""
    path = Path(path)
    try:
        result = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make it with python -m llava_mini.bench.run.") from None
    except ValueError:
        raise InputError(f"{path}: not JSON; make it again with python -m llava_mini.bench.run.") from None
    check(result, path)
    return result


def check(result: object, path: Path) -> None:
    """Raises InputError for the first field that is missing, of a wrong type, or at odds with another."""
    def fail(field: str, what: str):
        raise InputError(f"{path}, field {field}: {what}; make it again with python -m llava_mini.bench.run.")

    if not isinstance(result, dict) or result.get("format") not in READS:
        fail("format", f"this version reads {' and '.join(map(str, READS))}")
    for field, type_ in FIELDS.items():
        if not isinstance(result.get(field), type_):
            fail(field, "missing or of the wrong type")
    for name, bench in result["benches"].items():
        for row in bench.get("rows", []) if isinstance(bench, dict) else fail(f"benches.{name}", "not an object"):
            where = f"benches.{name}.{row.get('label')}"
            if not row.get("runs"):
                fail(where, "no run")
            for run in row["runs"]:
                _check_scores(run.get("scores"), where, fail)
                if result["format"] > 1:
                    _check_pairs(run, bench.get("images"), bench.get("kinds"), where, fail)
            for kind, interval in row.get("intervals", {}).items():
                if not (isinstance(interval, list) and len(interval) == 2 and all(map(is_number, interval))):
                    fail(f"{where}.intervals.{kind}", "not two numbers")


def _check_scores(scores: object, where: str, fail) -> None:
    try:
        tallies, whole = {**scores["kinds"], "all": scores["all"]}, scores["all"]
        for kind, tally in tallies.items():
            relative = 100 * tally["candidate"] / tally["reference"] if tally["judged"] else None
            if (relative is None) != (tally["relative"] is None) or (relative is not None and abs(relative - tally["relative"]) > 1e-3):
                fail(f"{where}.{kind}.relative", f"{tally['relative']!r} where the sums give {relative!r}")
        if sum(tally["judged"] for tally in scores["kinds"].values()) != whole["judged"]:
            fail(f"{where}.all.judged", "not the sum over the kinds")
        if scores["headline"] is not None and (whole["judged"] < whole["asked"] or not is_number(scores["headline"])):
            fail(f"{where}.headline", "there is one although verdicts are lacking")
    except (KeyError, TypeError, AttributeError):
        fail(where, "its scores are not whole")


def _check_pairs(run: dict, images: object, kinds: object, where: str, fail) -> None:
    """The scores of each question must add up to the sums, and each question must have its picture and, where the file tells them, its kind."""
    try:
        pairs, whole = run["pairs"], run["scores"]["all"]
        sums = [sum(pair[place] for pair in pairs.values()) for place in (0, 1)]
        if len(pairs) != whole["judged"] or any(abs(one - whole[name]) > 1e-3 for one, name in zip(sums, ("reference", "candidate"))):
            fail(f"{where}.pairs", "they do not add up to the sums")
        if not set(pairs) <= set(images):
            fail(f"{where}.pairs", "there is a question without a picture")
        if kinds is not None and not set(pairs) <= set(kinds):
            fail(f"{where}.pairs", "there is a question without a kind")
        if run["seed"] is not None and type(run["seed"]) is not int:
            fail(f"{where}.seed", "not a whole number")
    except (KeyError, TypeError, AttributeError, IndexError):
        fail(f"{where}.pairs", "the scores of each question are not whole")
