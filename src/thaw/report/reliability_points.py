"""The points of a reliability diagram: one curve a cell, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BINS = 15


def reliability_points(side: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bins from low to high probability: ``confidence``, ``frequency`` and ``images``.

    With one label an image they are of the likeliest class; with several, of all classes together, bin by bin, weighted
    by their images.

    Args:
        side: ``details["calibration"]`` before or after.
    """
    return side.get("reliability_top_label") or _all_classes(side["reliability"])


def _all_classes(curves: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    bins: dict[int, list[dict[str, Any]]] = {}
    for point in (point for curve in curves.values() for point in curve):
        bins.setdefault(min(int(BINS * point["confidence"]), BINS - 1), []).append(point)
    return [_joined(points) for _, points in sorted(bins.items())]


def _joined(points: list[dict[str, Any]]) -> dict[str, Any]:
    images = sum(point["images"] for point in points)
    means = {
        name: sum(point["images"] * point[name] for point in points) / images for name in ("confidence", "frequency")
    }
    return {**means, "images": images}
