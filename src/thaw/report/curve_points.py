"""ROC and precision-recall curves: all their points, few enough to draw, and their mean over classes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.predictions import Predictions
from thaw.labels import UNKNOWN

Points = NDArray[np.float64]

MACRO = "macro average"
MOST = 150
TOLERANCE = 0.002  # of both axes, which go from 0 to 1: less than a line is thick
GRID = 201


def roc_points(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> Points | None:
    """False and true positive rate at every score as a threshold, from (0, 0) to (1, 1).

    Args:
        labels: (N,), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N,), larger for more likely; equal ones pass a threshold together.

    Returns:
        (K, 2); the area below the line through them is the AUROC. None without positives or without negatives.
    """
    counts = _counts(labels, scores)
    if counts is None:
        return None
    found, alarms = counts
    return np.concatenate([np.zeros((1, 2)), np.column_stack([alarms / alarms[-1], found / found[-1]])])


def precision_recall_points(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> Points | None:
    """Recall and precision as a staircase: between two recalls attained, the precision of the higher one.

    No line is drawn from point to point, which would promise more than is attained: Davis and Goadrich, "The
    relationship between precision-recall and ROC curves", ICML (2006). It ends where all positives are found.

    Args:
        labels: (N,), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N,), larger for more likely; equal ones pass a threshold together.

    Returns:
        (2 K, 2), the left and the right end of each of K steps; the area below them is the average precision. None
        without positives or without negatives.
    """
    counts = _counts(labels, scores)
    if counts is None:
        return None
    found, alarms = counts
    gains = np.diff(found, prepend=0) > 0
    right, height = (found / found[-1])[gains], (found / (found + alarms))[gains]
    left = np.concatenate([[0.0], right[:-1]])
    return np.column_stack([np.column_stack([left, right]).ravel(), np.repeat(height, 2)])


def mean_roc(curves: Sequence[Points]) -> Points:
    """Mean true positive rate at each false positive rate, from curves of ``roc_points``.

    Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006), section 9.1: vertical averaging.
    """
    rates = np.linspace(0, 1, GRID)
    mean = np.mean([np.interp(rates, curve[:, 0], curve[:, 1]) for curve in curves], axis=0)
    return np.concatenate([np.zeros((1, 2)), np.column_stack([rates, mean])])


def mean_precision_recall(curves: Sequence[Points]) -> Points:
    """Mean precision at each recall, from curves of ``precision_recall_points``."""
    recalls = np.linspace(0, 1, GRID)[1:]
    heights = [curve[1::2, 1][np.searchsorted(curve[1::2, 0], recalls)] for curve in curves]
    return np.column_stack([recalls, np.mean(heights, axis=0)])


@dataclass(frozen=True)
class CurveKind:
    """A kind of curve.

    Attributes:
        name: for people.
        axes: names of its two axes.
        points: from labels and scores of one class to points.
        mean: of several such curves.
    """

    name: str
    axes: tuple[str, str]
    points: Callable[[NDArray[np.integer], NDArray[np.floating]], Points | None]
    mean: Callable[[Sequence[Points]], Points]


ROC = CurveKind("ROC curves", ("false positive rate", "true positive rate"), roc_points, mean_roc)
PRECISION_RECALL = CurveKind(
    "precision-recall curves", ("recall", "precision"), precision_recall_points, mean_precision_recall
)


def curves_of(predictions: Predictions, kind: CurveKind, most: int = MOST) -> dict[str, Points | None]:
    """The macro average (of several classes) and every class against all others; None where undefined.

    Args:
        predictions: of one network.
        kind: of curve.
        most: points of each, at most.
    """
    columns = zip(predictions.classes, predictions.labels.T, predictions.scores.T, strict=True)
    by_class = {name: kind.points(labels, scores) for name, labels, scores in columns}
    defined = [curve for curve in by_class.values() if curve is not None]
    macro = {} if len(by_class) == 1 else {MACRO: kind.mean(defined) if defined else None}
    return {
        name: None if curve is None else thinned(curve, most) for name, curve in (*macro.items(), *by_class.items())
    }


def thinned(points: Points, most: int = MOST, tolerance: float = TOLERANCE) -> Points:
    """At most ``most`` of the points of a line, the first and the last among them.

    The point farthest from the line is added until none is farther than ``tolerance``: Douglas and Peucker,
    "Algorithms for the reduction of the number of points required to represent a digitized line or its caricature",
    Cartographica 10 (1973), with the farthest point of all first.

    Args:
        points: (K, 2) in order.
        most: 2 or more.
        tolerance: distance that does not matter, in the unit of the points.
    """
    kept = sorted({0, len(points) - 1})
    pieces = [_farthest(points, 0, len(points) - 1)]
    while len(kept) < most:
        nearness, place, first, last = heapq.heappop(pieces)
        if -nearness <= tolerance:
            break
        kept.append(place)
        for ends in ((first, place), (place, last)):
            heapq.heappush(pieces, _farthest(points, *ends))
    return points[sorted(kept)]


def _farthest(points: Points, first: int, last: int) -> tuple[float, int, int, int]:
    """The point farthest from the line between two others: its distance below 0, so that a heap has it on top."""
    inner, along = points[first + 1 : last] - points[first], points[last] - points[first]
    if not len(inner):
        return 0.0, first, first, last
    length = float(along @ along)
    share = np.clip(inner @ along / length, 0, 1) if length else np.zeros(len(inner))
    distances = np.hypot(*(inner - share[:, None] * along).T)
    farthest = int(distances.argmax())
    return -float(distances[farthest]), first + 1 + farthest, first, last


def _counts(
    labels: NDArray[np.integer], scores: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Positives and negatives whose score reaches each score, from the highest down, (K,) each."""
    known = labels != UNKNOWN
    positive, ranked = labels[known] == 1, scores[known]
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-ranked, kind="stable")
    last = np.append(np.flatnonzero(np.diff(ranked[order])), len(order) - 1)
    found = positive[order].cumsum()[last]
    return found, last + 1 - found
