"""How often probabilities are right: reliability diagrams before and after calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.report.panels import panels
from thaw.report.reliability_points import reliability_points
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
    figure, made = panels(len(pairs), COLUMNS, (max(6.5, 2.8 * min(len(pairs), COLUMNS)), 2.9))
    for axes, (model, strategy) in zip(made, pairs, strict=True):
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
    points = reliability_points(side)
    if not points:
        return
    probability, frequency = ([point[name] for point in points] for name in AXES)
    images = np.array([point["images"] for point in points])
    axes.plot(probability, frequency, color=colour, linewidth=1)
    axes.scatter(probability, frequency, 8 + 60 * images / images.max(), colour)
