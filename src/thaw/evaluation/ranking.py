"""How well scores rank images, with no threshold: AUROC and average precision, by class and averaged over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.labels import UNKNOWN

NO_FINDING = "No Finding"
NONE_KNOWN, NONE_WITH, NONE_WITHOUT = "no image whose label is known", "no image with it", "no image without it"


def average_precision_by_class(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> list[float | None]:
    """Average precision of each class; None where a class has no positive or no negative image.

    It is the sum over the thresholds, from the highest score down, of the precision there times the recall gained
    there; images of equal score pass a threshold together. No line is drawn between two thresholds: that would promise
    more than is attained. Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), section 8.4;
    Davis and Goadrich, "The relationship between precision-recall and ROC curves", ICML (2006). Chance is the share of
    positives, so classes and test sets of different shares do not compare. Without negatives it is 1 whatever the
    scores are, which says nothing: hence None.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely.

    Raises:
        ValueError: a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    return [_average_precision(*columns) for columns in zip(labels.T, scores.T, strict=True)]


def measure_ranking(
    labels: NDArray[np.integer], scores: NDArray[np.floating], classes: Sequence[str]
) -> dict[str, Any]:
    """AUROC and average precision of each class against all other images, and three averages of each.

    ``_macro`` is the mean over the classes that have a value, ``_weighted`` the same weighted by their positive images,
    ``_micro`` the figure of all pairs of an image and a class in one ranking; Manning, Raghavan and Schütze,
    "Introduction to Information Retrieval" (2008), section 13.6. ``classes`` counts all classes, ``classes_measured``
    those that the macro average goes over, ``undefined`` says of each other class why. NIH's results are published as
    means over its 14 findings: where "No Finding" is a class too, ``_without_no_finding`` leaves it out.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely; on one scale for all classes.
        classes: in the order of the columns.

    Raises:
        ValueError: a score is not a finite number.
    """
    undefined = reasons_undefined(labels, classes)
    measured: dict[str, Any] = {"classes": len(classes), "classes_measured": len(classes) - len(undefined)}
    measured["undefined"] = undefined
    if NO_FINDING in classes:
        findings = [name for name in classes if name not in (NO_FINDING, *undefined)]
        measured["classes_measured_without_no_finding"] = len(findings)
    positives = (labels == 1).sum(axis=0)
    for figure, by_class in (("auroc", auroc_by_class), ("average_precision", average_precision_by_class)):
        values = by_class(labels, scores)
        measured[figure] = dict(zip(classes, values, strict=True))
        measured[f"{figure}_macro"] = macro(values)
        measured[f"{figure}_weighted"] = weighted(values, positives)
        measured[f"{figure}_micro"] = by_class(labels.reshape(-1, 1), scores.reshape(-1, 1))[0]
        if NO_FINDING in classes:
            others = [value for name, value in measured[figure].items() if name != NO_FINDING]
            measured[f"{figure}_macro_without_no_finding"] = macro(others)
    return measured


def reasons_undefined(labels: NDArray[np.integer], classes: Sequence[str]) -> dict[str, str]:
    """Why a ranking of images (N, classes) has no figure, by class; classes that have one are not in it."""
    positives, negatives = (labels == 1).any(axis=0), (labels == 0).any(axis=0)
    return {
        name: NONE_WITHOUT if positive else NONE_WITH if negative else NONE_KNOWN
        for name, positive, negative in zip(classes, positives, negatives, strict=True)
        if not (positive and negative)
    }


def weighted(values: Sequence[float | None], weights: NDArray[np.integer]) -> float | None:
    """Mean of the values that are defined, each with its weight; None where no weight is left."""
    pairs = [(value, int(weight)) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else None


def _average_precision(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float | None:
    known = labels != UNKNOWN
    positive = labels[known] == 1
    if positive.all() or not positive.any():
        return None
    order = scores[known].argsort()[::-1]
    ordered = scores[known][order]
    # the last image of every run of equal scores
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    found = positive[order].cumsum()[ends]
    gained = np.diff(found, prepend=0)
    return float((gained * (found / (ends + 1))).sum() / found[-1])
