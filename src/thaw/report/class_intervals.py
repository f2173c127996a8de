"""AUROC of every class with its interval: a dot a strategy."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.report.average import average
from thaw.report.panels import CHANCE, FAINT, Dot, dot_rows, legend, no_interval, panels, row_height, shortened
from thaw.report.results import CellResult, Results
from thaw.report.style import colours, heading, house_style, light_grid

COLUMNS = 4


@house_style()
def auroc_intervals(results: Results) -> Figure:
    """Test AUROC of every class, sorted by the headline's: a panel a model, a dot a strategy on its interval.

    Of several seeds the first, value and interval. Pooled folds have no intervals by class.
    """
    models, colour = results.models, colours(results.strategies)
    classes = _sorted_classes(results)
    columns = min(len(models), COLUMNS)
    height = 0.6 + row_height(len(colour)) * len(classes)
    figure, made = panels(len(models), COLUMNS, (max(7, 2.2 + 2.6 * columns), height))
    for axes, model in zip(made, models, strict=True):
        of_model = [strategy for of, strategy in results.pairs if of == model]
        dots = {name: _dots(results.seeds_of(model, name)[0], classes) for name in of_model}
        dot_rows(axes, [shortened(name) for name in classes], dots, colour)
        axes.axvline(CHANCE, color=FAINT, linewidth=0.8, linestyle="--", zorder=1)
        axes.set(title=model, xlabel="test AUROC")
        light_grid(axes, "x")
    chance = Line2D([], [], color=FAINT, linewidth=0.8, linestyle="--", label="chance")
    legend(figure, colour, no_interval(), chance)
    seed = results.cells[0].cell.seed
    heading(figure, results.subject, f"AUROC by class, seed {seed}{_lines(results)}")
    return figure


def _lines(results: Results) -> str:
    """What the lines are."""
    details = results.cells[0].details
    return f" (lines: {details['intervals']['confidence']:.0%} intervals)" if details else ""


def _dots(result: CellResult, classes: list[str]) -> list[Dot]:
    ends = result.details["intervals"]["auroc"] if result.details else {}
    reasons = result.metrics.get("undefined", {})
    return [Dot(result.metrics["auroc"][name], ends.get(name), reasons.get(name, "")) for name in classes]


def _sorted_classes(results: Results) -> list[str]:
    """Classes by falling AUROC of the headline, undefined ones last."""
    seeds = results.seeds_of(results.models[0], results.selected)
    means = {name: average([seed.metrics["auroc"][name] for seed in seeds]) for name in results.subject.classes}
    return sorted(means, key=lambda name: -math.inf if means[name] is None else means[name], reverse=True)
