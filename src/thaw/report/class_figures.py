"""Confusion matrices, where an image has one class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from thaw.report.panels import ON_LIGHT, panels, shortened
from thaw.report.results import Results
from thaw.report.style import heading


def confusion_matrices(results: Results) -> Figure:
    """A panel a cell: test images of each true class (row) by the class they were given (column)."""
    classes, count = results.subject.classes, len(results.cells)
    side = min(1.3 + 0.4 * len(classes), 4.5)
    columns = min(count, 3 if side > 3 else 6)
    figure, made = panels(count, columns, (max(6.5, columns * side + 1.8), side + 0.6), share=False)
    for number, (axes, result) in enumerate(zip(made, results.cells, strict=True)):
        image = _matrix(axes, _counts(result.metrics["confusion"], classes))
        axes.set_title(f"{result.cell.model}\n{result.cell.strategy}, seed {result.cell.seed}")
        _name_classes(axes, classes, left=number % columns == 0, below=number + columns >= count)
    figure.colorbar(image, ax=made, label="share of the true class", shrink=0.8 * columns / count, aspect=15)
    heading(figure, results.subject, "confusion on the test images")
    return figure


def _matrix(axes: Axes, counts: NDArray[np.int64]) -> AxesImage:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else ON_LIGHT
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8 if len(counts) < 8 else 6)
    return image


def _counts(confusion: dict[str, dict[str, int]], classes: Sequence[str]) -> NDArray[np.int64]:
    return np.array([[confusion[true][given] for given in classes] for true in classes], dtype=np.int64)


def _name_classes(axes: Axes, classes: Sequence[str], *, left: bool, below: bool) -> None:
    """Name the classes beside the outer panels only."""
    places, names, none = range(len(classes)), [shortened(name) for name in classes], [""] * len(classes)
    axes.set_yticks(places, names if left else none)
    axes.set_xticks(places, names if below else none, rotation=40, ha="right", rotation_mode="anchor")
    axes.set(ylabel="true class" if left else "", xlabel="given class" if below else "")
    axes.tick_params(length=0, labelsize=8)
