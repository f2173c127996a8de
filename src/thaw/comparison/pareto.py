"""Which strategies no other beats in AUROC and in every cost at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """What a strategy brings and costs; None where it is not known."""

    auroc: float | None
    seconds: float | None
    memory_gib: float | None
    trainable: float | None


def pareto_front(points: Sequence[Point]) -> list[bool]:
    """Whether each point is on the front: no other is at least as good in everything and better in something.

    More AUROC is better, less of all else. Two points are compared in what is known of both; where nothing is, neither
    is better. Figures are taken as they are, without their uncertainty. After Pareto, "Manual of Political Economy"
    (1906).
    """
    return [not any(_dominates(other, point) for other in points) for point in points]


def _dominates(one: Point, other: Point) -> bool:
    both = zip(_higher_better(one), _higher_better(other), strict=True)
    gains = [mine - theirs for mine, theirs in both if mine is not None and theirs is not None]
    return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)


def _higher_better(point: Point) -> list[float | None]:
    return [point.auroc, *(None if cost is None else -cost for cost in point[1:])]
