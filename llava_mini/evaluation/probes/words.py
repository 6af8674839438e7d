"""What each probe came to, in a sentence or two made from its result: beside the figures of a page and of a report."""

from __future__ import annotations

from collections.abc import Mapping

from .result import Behaviour

LISTED = "random", "popular", "adversarial"


def in_words(result: Behaviour) -> dict[str, str]:
    """Sentences by the name of the probe, in the order of the result."""
    makers = {"picture": _picture, "binding": _binding, "counting": _counting, "position": _position, "absent": _absent, "character": _character,
              "wording": _wording}
    return {name: makers[name](probe) for name, probe in result.probes.items()}


def _picture(probe: Mapping) -> str:
    right = {name: f"{100 * report['all']['accuracy']:.1f}%" for name, report in probe["reports"].items()}
    others = "".join(f", {words} {right[name]}" for name, words in (("blind", "without one"), ("shuffled", "with another's")) if name in right)
    return (f"With its own picture {right['true']} of the answers are right{others}. With another picture's features {_percent(probe['features']['other'])} "
            f"are right for that one and {_percent(probe['features']['own'])} for the question's own.")


def _binding(probe: Mapping) -> str:
    whole = [row for row in probe["rows"] if row["kind"] == "all"]
    rest = min((row for row in probe["rows"] if row["kind"] != "all"), key=lambda row: row["pairs"]["share"] - row["pair_chance"], default=None)
    told = "; ".join(f"{row['swap']} exchanged, {_percent(row['pairs'])} of the pairs (chance: {row['pair_chance']:.0%})" for row in whole)
    worst = f" The least: {rest['kind']}, {rest['swap']} exchanged, {_interval(rest['pairs'])}, where chance gives {rest['pair_chance']:.0%}." if rest else ""
    return f"Both of a pair are right: {told}.{worst}"


def _counting(probe: Mapping) -> str:
    numbers = ", ".join(f"{row['number']}: {_percent(row['share'])}{'' if row['trained'] else ' (never in training)'}" for row in probe["numbers"])
    return f"Right answers by the true number: {numbers}."


def _position(probe: Mapping) -> str:
    shares = {(row["kind"], row["usual"]): row["share"] for row in probe["usual"]}
    told = "; ".join(f"{kind} {_percent(shares[kind, True])} and {_percent(shares[kind, False])}"
                     for kind in dict.fromkeys(row["kind"] for row in probe["usual"]) if {(kind, True), (kind, False)} <= set(shares))
    return f"Right answers where the thing is at a height at which training pictures have it, and where it is at another: {told}."


def _absent(probe: Mapping) -> str:
    rows = {row["name"]: row for row in probe["strategies"]}
    told = "; ".join(f"{name} {_interval(rows[name]['accuracy'])}, with yes in {_percent(rows[name]['yes'])} of all" for name in LISTED if name in rows)
    return f"Right answers, where half of the things asked for are there: {told}."


def _character(probe: Mapping) -> str:
    rows = [row["named"] for row in probe["rows"] if row["shown"] == "the character"]
    knows = sum(row["knows"] for row in probe["words"])
    return (f"Shown, {probe['name']} is named in {sum(row['right'] for row in rows)} of {sum(row['n'] for row in rows)} answers. Asked in words alone, "
            f"the model knows something of {probe['name']} in {knows} of {len(probe['words'])} answers.")


def _wording(probe: Mapping) -> str:
    order = next(row for row in probe["order"] if row["kind"] == "all")
    families = next(row["families"] for row in probe["groups"] if row["kind"] == "all")
    words = ", ".join(f"{name} words {_percent(share)}" for name, share in families.items())
    return f"Picture first {_percent(order['first'])}, picture last {_percent(order['last'])}. By whose words: {words}."


def _percent(share: Mapping) -> str:
    return f"{100 * share['share']:.1f}%"


def _interval(share: Mapping) -> str:
    return f"{_percent(share)} ({100 * share['low']:.0f} to {100 * share['high']:.0f}%)"
