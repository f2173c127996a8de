"""ROC and precision-recall curves of a model: a panel a class, a line a strategy."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.ranking import reasons_undefined
from thaw.labels import UNKNOWN
from thaw.report.curve_points import MACRO, PRECISION_RECALL, ROC, CurveKind, curves_of
from thaw.report.panels import FAINT, legend, panels, shortened
from thaw.report.results import Results
from thaw.report.statistics import predictions_of
from thaw.report.style import colours, heading, house_style, light_grid

COLUMNS = 5
MOST_VALUES = 5  # AUROC is written in a panel for no more strategies than fit


@house_style()
def roc_curves(results: Results, model: str) -> Figure:
    """True over false positive rate of the test images, and AUROC: the macro average, then every class.

    Of several seeds the first: scores of different networks are not on one scale. With one label an image, each class
    stands against all others.
    """
    figure, drawn = _curves(results, model, ROC)
    colour = colours(results.strategies)
    predictions = _predictions(results, model)
    aurocs = {strategy: _aurocs(made) for strategy, made in predictions.items()}
    for name, axes in drawn.items():
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle="--", zorder=1)
        if len(aurocs) <= MOST_VALUES:
            _write_values(axes, {colour[strategy]: values[name] for strategy, values in aurocs.items()})
    return figure


@house_style()
def precision_recall_curves(results: Results, model: str) -> Figure:
    """Precision over recall of the test images: the macro average, then every class; dashed: the share of positives.

    Of several seeds the first. With one label an image, each class stands against all others.
    """
    figure, drawn = _curves(results, model, PRECISION_RECALL)
    first = next(iter(_predictions(results, model).values()))
    shares = _shares(first)
    for name, axes in drawn.items():
        axes.axhline(shares[name], color=FAINT, linewidth=0.8, linestyle="--", zorder=1)
    return figure


def _predictions(results: Results, model: str) -> dict[str, Predictions]:
    """What the first seed of each strategy says."""
    return {
        strategy: predictions_of(results.seeds_of(model, strategy)[0], results)
        for of, strategy in results.pairs
        if of == model
    }


def _curves(results: Results, model: str, kind: CurveKind) -> tuple[Figure, dict[str, Axes]]:
    """The figure, and the panels that have curves."""
    predictions, colour = _predictions(results, model), colours(results.strategies)
    curves = {strategy: curves_of(made, kind) for strategy, made in predictions.items()}
    first = next(iter(predictions.values()))
    names, reasons = list(next(iter(curves.values()))), reasons_undefined(first.labels, first.classes)
    columns = min(COLUMNS, len(names))
    figure, made = panels(len(names), COLUMNS, (max(6.5, 1.85 * columns + 0.4), 2.0))
    drawn = {}
    for number, (axes, name) in enumerate(zip(made, names, strict=True)):
        lines = {strategy: points for strategy in curves if (points := curves[strategy][name]) is not None}
        for strategy, points in lines.items():
            axes.plot(points[:, 0], points[:, 1], color=colour[strategy], linewidth=1.2)
        _dress(axes, name, kind, left=number % columns == 0, below=number + columns >= len(names))
        if lines:
            drawn[name] = axes
        else:
            axes.text(0.5, 0.5, f"no curve:\n{reasons.get(name, 'no class has one')}", ha="center", color=FAINT)
    chance = "chance" if kind is ROC else "share of positives"
    legend(figure, colour, Line2D([], [], color=FAINT, linewidth=0.8, linestyle="--", label=chance), marker="")
    seed = results.seeds_of(model, next(iter(predictions)))[0].cell.seed
    heading(figure, results.subject, f"{kind.name} of {model}, seed {seed}")
    return figure, drawn


def _dress(axes: Axes, name: str, kind: CurveKind, *, left: bool, below: bool) -> None:
    axes.set(title=shortened(name), xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set(xlabel=kind.axes[0] if below else "", ylabel=kind.axes[1] if left else "")
    light_grid(axes, "both")


def _aurocs(predictions: Predictions) -> dict[str, float | None]:
    values = auroc_by_class(predictions.labels, predictions.scores)
    return {MACRO: macro(values), **dict(zip(predictions.classes, values, strict=True))}


def _shares(predictions: Predictions) -> dict[str, float]:
    """Share of positives among the images whose label is known; of the macro average, the mean of the defined ones."""
    positive, known = (predictions.labels == 1).sum(axis=0), (predictions.labels != UNKNOWN).sum(axis=0)
    shares = positive / np.maximum(known, 1)
    defined = (positive > 0) & (positive < known)
    mean = float(shares[defined].mean()) if defined.any() else 0.0
    return {MACRO: mean, **dict(zip(predictions.classes, shares.tolist(), strict=True))}


def _write_values(axes: Axes, values: dict[str, float | None]) -> None:
    """A value a colour, from the lower right corner up, the first on top."""
    for line, (colour, value) in enumerate(reversed(values.items())):
        height = 0.08 + 0.11 * line
        axes.plot([0.7], [height], "s", color=colour, markersize=4)
        axes.text(0.76, height, f"{value:.3f}", va="center_baseline", fontsize=7)
