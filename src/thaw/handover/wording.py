"""Phases of a strategy and lists of names in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def joined(names: Sequence[str]) -> str:
    """A list as a sentence has it.

    >>> joined(["head"]), joined(["head", "biases"]), joined(["a", "b", "c"])
    ('head', 'head and biases', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def phase_rows(phases: Sequence[Mapping[str, Any]], costs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A row of a table for each phase.

    Args:
        phases: as model.json has them: ``thaw.params.strategy.Phase`` in plain data.
        costs: ``phases`` of cost.json, in the same order; their ``blocks`` say at what rate each was trained.
    """
    rows = []
    for number, (phase, cost) in enumerate(zip(phases, costs, strict=True), start=1):
        rates = {one["block"]: one["learning_rate"] for one in cost["blocks"] if one["trainable"]}
        low, high = min(rates.values(), default=phase["lr"]), max(rates.values(), default=phase["lr"])
        rows.append({
            "phase": str(number),
            "thawed": thawed(phase["thaw"]),
            "blocks trained": ", ".join(rates),
            "besides": "; ".join(_besides(phase, first=number == 1)),
            "epochs": str(phase["epochs"]),
            "learning rate": f"{high:g}" if low == high else f"{low:g} to {high:g}",
        })  # fmt: skip
    return rows


def thawed(thaw: Mapping[str, int] | Sequence[str | Mapping[str, Any]]) -> str:
    """What a phase thaws, in words.

    >>> thawed(["head"]), thawed([{"last": 1}, "norm"]), thawed({"first": 4, "final": 0})
    ('head', 'head, last block and normalisation layers', 'head and last 4 to 0 blocks, one less at a time')
    """
    if isinstance(thaw, Mapping):
        direction = "more" if thaw["final"] > thaw["first"] else "less"
        return f"head and last {thaw['first']} to {thaw['final']} blocks, one {direction} at a time"
    if "all" in thaw:
        return "everything"
    return joined(["head", *filter(None, map(_part, thaw))])


def _part(part: str | Mapping[str, Any]) -> str:
    match part:
        case {"last": 0} | "head":
            return ""
        case {"last": 1}:
            return "last block"
        case {"last": count}:
            return f"last {count} blocks"
        case {"from": block}:
            return f"{block} with all blocks after it"
        case _:
            return {"norm": "normalisation layers", "bias": "biases"}[str(part)]


def _besides(phase: Mapping[str, Any], first: bool) -> list[str]:
    """What is unusual about a phase."""
    schedule = phase["schedule"]
    named = (
        schedule if isinstance(schedule, str) else " ".join(f"{key} {value}" for key, value in (schedule or {}).items())
    )
    start = {"best": "the best epoch before", "last": "the last epoch before", "pretrained": "the pretrained weights"}
    said = {
        f"begins with {start[phase['start']]}": not first,
        f"rate: {named}": bool(named),
        f"rate rises over {phase['warmup']:g} epochs": phase["warmup"] > 0,
        f"ends after {phase['patience']} epochs without a better one": phase["patience"] is not None,
        "BatchNorm statistics estimated anew first": phase["adapt_norm"],
    }
    return [words for words, holds in said.items() if holds]
