"""How often probabilities are right: reliability diagrams before and after calibration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.report.results import Results
from thaw.report.style import heading, light_grid

SIDES = {"before": "#999999", "after": "#0072B2"}
COLUMNS = 4
AXES = ("confidence", "frequency")


def reliability(results: Results) -> Figure:
    """A panel a model and strategy (first seed): share of positives over mean probability, in bins.

    With one label an image it is the likeliest class; with several, all classes together, bin by bin. The area of a
    point grows with the images in its bin.
    """
    pairs = results.pairs
    rows = math.ceil(len(pairs) / COLUMNS)
    columns = min(len(pairs), COLUMNS)
    figure = Figure(figsize=(max(6.5, 2.8 * columns), 1 + 2.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten().tolist()
    for axes in panels[len(pairs) :]:
        axes.remove()
    for axes, (model, strategy) in zip(panels, pairs, strict=False):
        axes.plot([0, 1], [0, 1], color="#777777", linewidth=0.8, linestyle="--")
        for side, colour in SIDES.items():
            _curve(axes, results.seeds_of(model, strategy)[0].details["calibration"][side], colour)
        axes.set(title=f"{model}\n{strategy}", xlabel="probability", ylabel="share of positives", aspect="equal")
        light_grid(axes, "both")
    lines = [Line2D([], [], marker="o", color=colour, label=f"{side} calibration") for side, colour in SIDES.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=2)
    heading(figure, results.subject, "reliability on the test images")
    return figure


def _curve(axes: Axes, side: dict[str, Any], colour: str) -> None:
    points = side.get("reliability_top_label") or _all_classes(side["reliability"])
    if not points:
        return
    probability, frequency = ([point[name] for point in points] for name in AXES)
    images = np.array([point["images"] for point in points])
    axes.plot(probability, frequency, color=colour, linewidth=1)
    axes.scatter(probability, frequency, 8 + 60 * images / images.max(), colour)


def _all_classes(curves: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One curve of all classes' points: those in the same fifteenth of the scale joined, weighted by their images."""
    bins: dict[int, list[dict[str, Any]]] = {}
    for point in (point for curve in curves.values() for point in curve):
        bins.setdefault(min(int(15 * point["confidence"]), 14), []).append(point)
    joined = []
    for _, points in sorted(bins.items()):
        images = sum(point["images"] for point in points)
        means = {
            name: sum(point["images"] * point[name] for point in points) / images
            for name in ("confidence", "frequency")
        }
        joined.append({**means, "images": images})
    return joined
