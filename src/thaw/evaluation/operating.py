"""Sensitivity at a fixed specificity, and the reverse: what the ROC curve of these images passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.ranking import reasons_undefined
from thaw.labels import UNKNOWN


def measure_fixed_points(
    labels: NDArray[np.integer],
    scores: NDArray[np.floating],
    classes: Sequence[str],
    sensitivity: float,
    specificity: float,
) -> dict[str, Any]:
    """The highest specificity of each class at a sensitivity of at least so much, and the reverse.

    These describe the ROC curve: each threshold is chosen on the very images that are measured, as no threshold can be
    in use, and is optimistic for other images; Leeflang, Moons, Reitsma and Zwinderman, "Bias in sensitivity and
    specificity caused by data-driven selection of optimal cutoff values", Clinical Chemistry 54 (2008). What a model
    would attain in use is measured at thresholds fitted on validation images.

    A class is given to the images whose score reaches the threshold, and images of equal score pass it together:
    Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006), algorithm 1. Nothing is
    interpolated between two thresholds.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely.
        classes: in the order of the columns.
        sensitivity: the least share of positives that must be found, from 0 to 1.
        specificity: the least share of negatives that must be left alone, from 0 to 1.

    Returns:
        ``specificity_at_sensitivity`` and ``sensitivity_at_specificity``, each ``{class: {"value", "threshold"}}``. A
        threshold of None beside a value lies above every score. Where a class lacks positives or negatives both are
        None, and ``undefined`` says why by class.

    Raises:
        ValueError: a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    specific: dict[str, Any] = {}
    sensitive: dict[str, Any] = {}
    for name, truth, score in zip(classes, labels.T, scores.T, strict=True):
        curve = _curve(truth, score)
        specific[name] = _best(curve.thresholds, curve.specificity, curve.sensitivity, sensitivity)
        sensitive[name] = _best(curve.thresholds, curve.sensitivity, curve.specificity, specificity)
    return {
        "specificity_at_sensitivity": specific,
        "sensitivity_at_specificity": sensitive,
        "undefined": reasons_undefined(labels, classes),
    }


class _Curve(NamedTuple):
    """The points of one class, (points,), from above every score down to the lowest; none where it is undefined."""

    thresholds: NDArray[np.floating]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]


def _curve(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> _Curve:
    known = labels != UNKNOWN
    positive = labels[known] == 1
    if positive.all() or not positive.any():
        return _Curve(np.empty(0), np.empty(0), np.empty(0))
    rising, places = np.unique(scores[known], return_inverse=True)
    found, alarms = (
        np.append(0, np.bincount(places[chosen], minlength=len(rising))[::-1].cumsum())
        for chosen in (positive, ~positive)
    )
    # shares of whole numbers, so that 9 of 10 is 0.9 exactly
    return _Curve(np.append(np.inf, rising[::-1]), found / found[-1], (alarms[-1] - alarms) / alarms[-1])


def _best(
    thresholds: NDArray[np.floating], wanted: NDArray[np.float64], given: NDArray[np.float64], least: float
) -> dict[str, float | None]:
    """The highest ``wanted`` where ``given`` is at least so much; of equal ones that with the highest ``given``."""
    allowed = np.flatnonzero(given >= least)
    if not len(allowed):
        return {"value": None, "threshold": None}
    best = allowed[np.lexsort((given[allowed], wanted[allowed]))[-1]]
    threshold = float(thresholds[best])
    return {"value": float(wanted[best]), "threshold": threshold if np.isfinite(threshold) else None}
