"""Figures class by class: confusion matrices (one class an image), AUROC of each class (several an image)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from thaw.report.average import average
from thaw.report.results import Results
from thaw.report.style import colours, heading, light_grid

LONGEST_NAME = 22
CHANCE = 0.5  # AUROC of guessing


def confusion_matrices(results: Results) -> Figure:
    """A panel a cell: test images of each true class (row) by the class they were given (column)."""
    classes, count = results.subject.classes, len(results.cells)
    side = min(1.3 + 0.4 * len(classes), 4.5)
    columns = min(count, 3 if side > 3 else 6)
    figure, panels = _panels(count, columns, (max(6.5, columns * side + 1.8), side + 0.6), share=False)
    for number, (axes, result) in enumerate(zip(panels, results.cells, strict=True)):
        image = _matrix(axes, _counts(result.metrics["confusion"], classes))
        axes.set_title(f"{result.cell.model}\n{result.cell.strategy}, seed {result.cell.seed}")
        _name_classes(axes, classes, left=number % columns == 0, below=number + columns >= count)
    figure.colorbar(image, ax=panels, label="share of the true class", shrink=0.8 * columns / count, aspect=15)
    heading(figure, results.subject, "confusion on the test images")
    return figure


def auroc_by_class(results: Results) -> Figure:
    """Test AUROC of every class, sorted by the headline's: a panel a model, a dot a strategy, a line over its seeds."""
    models, colour = results.models, colours(results.strategies)
    classes = _sorted_classes(results)
    columns = min(len(models), 5)
    figure, panels = _panels(len(models), columns, (max(7, 2.2 + 2.8 * columns), 0.6 + 0.3 * len(classes)), share=True)
    for axes, model in zip(panels, models, strict=True):
        for offset, strategy in zip(_offsets(len(colour)), colour, strict=True):
            values = [[seed.metrics["auroc"][name] for seed in results.seeds_of(model, strategy)] for name in classes]
            _dots(axes, values, offset, colour[strategy])
        _auroc_axes(axes, model, len(classes))
    panels[0].set_yticks(range(len(classes)), [_shortened(name) for name in classes])
    panels[0].set_ylim(len(classes) - 0.5, -0.5)
    handles = [Line2D([], [], marker="o", color=colour[name], label=name) for name in colour]
    chance = Line2D([], [], color="#777777", linewidth=0.8, linestyle="--", label="chance")
    figure.legend(handles=[*handles, chance], loc="outside lower center", ncols=min(len(handles) + 1, 8))
    heading(figure, results.subject, "AUROC by class (lines: range over seeds)")
    return figure


def _panels(count: int, columns: int, size: tuple[float, float], *, share: bool) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels in rows; ``size``: inches of the whole width, and of one row's height."""
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(size[0], rows * size[1] + 1), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False).flatten().tolist()
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def _matrix(axes: Axes, counts: NDArray[np.int64]) -> AxesImage:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8 if len(counts) < 8 else 6)
    return image


def _counts(confusion: dict[str, dict[str, int]], classes: Sequence[str]) -> NDArray[np.int64]:
    return np.array([[confusion[true][given] for given in classes] for true in classes], dtype=np.int64)


def _name_classes(axes: Axes, classes: Sequence[str], *, left: bool, below: bool) -> None:
    """Name the classes beside the outer panels only."""
    places, names, none = range(len(classes)), [_shortened(name) for name in classes], [""] * len(classes)
    axes.set_yticks(places, names if left else none)
    axes.set_xticks(places, names if below else none, rotation=40, ha="right", rotation_mode="anchor")
    axes.set(ylabel="true class" if left else "", xlabel="given class" if below else "")
    axes.tick_params(length=0, labelsize=8)


def _auroc_axes(axes: Axes, model: str, classes: int) -> None:
    for row in range(0, classes, 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F3F3F3", zorder=0)
    axes.axvline(CHANCE, color="#777777", linewidth=0.8, linestyle="--")
    axes.set(title=model, xlabel="test AUROC")
    axes.tick_params(labelbottom=True)
    light_grid(axes, "x")


def _sorted_classes(results: Results) -> list[str]:
    """Classes by falling AUROC of the headline, undefined ones last."""
    seeds = results.seeds_of(results.models[0], results.selected)
    means = {name: average([seed.metrics["auroc"][name] for seed in seeds]) for name in results.subject.classes}
    return sorted(means, key=lambda name: -math.inf if means[name] is None else means[name], reverse=True)


def _offsets(count: int) -> NDArray[np.float64]:
    """Where each strategy's dots stand within the row of a class, so that equal ones do not hide each other."""
    return np.linspace(-0.27, 0.27, count) if count > 1 else np.zeros(1)


def _dots(axes: Axes, values: Sequence[Sequence[float | None]], offset: float, colour: str) -> None:
    """One strategy's column of dots; ``values`` by class and seed."""
    for row, seeds in enumerate(values):
        defined = [value for value in seeds if value is not None]
        if not defined:
            axes.text(CHANCE, row + offset, " undefined", va="center", fontsize=5, color=colour)
            continue
        axes.plot([min(defined), max(defined)], [row + offset] * 2, color=colour, linewidth=1)
        axes.plot(np.mean(defined), row + offset, "o", color=colour, markersize=5)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
