"""Area under the ROC curve by class: the figure that chooses the epoch and heads every table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thaw.labels import UNKNOWN


def auroc_by_class(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> list[float | None]:
    """AUROC of each class against all others; None where a class has no positive or no negative image.

    It is the share of all pairs of a positive and a negative image in which the positive scores higher, ties counted
    half: U / (positives × negatives), with U from the sum of the positives' ranks. Mann and Whitney, "On a test of
    whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18
    (1947), section 2; Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", Radiology 143 (1982).

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely.

    Raises:
        ValueError: a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    positives, negatives = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    # images of unknown label rank above all others, where they move nobody's rank
    ranks = _rank_sums(np.where(labels == UNKNOWN, np.inf, scores), labels == 1)
    wins, pairs = ranks - positives * (positives + 1) / 2, positives * negatives
    return [float(won / of) if of else None for won, of in zip(wins, pairs, strict=True)]


def macro(values: list[float | None]) -> float | None:
    """Mean over the classes that have a value; None where none has."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _rank_sums(scores: NDArray[np.floating], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum over the ``chosen`` images of their ranks in each column, from 1 up; equal scores share their mean rank."""
    columns = np.ascontiguousarray(scores.T)
    order = columns.argsort(axis=1)
    ordered = np.take_along_axis(columns, order, axis=1)
    differs = np.ones(ordered.shape, dtype=bool)
    differs[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    # runs of equal scores, numbered through all columns one after another
    starts = np.flatnonzero(differs)
    middles = (starts + np.append(starts[1:], ordered.size) - 1) / 2
    places = middles[differs.ravel().cumsum() - 1].reshape(ordered.shape)
    before = np.arange(len(columns))[:, None] * columns.shape[1]
    ranks = np.where(np.take_along_axis(chosen.T, order, axis=1), places - before + 1, 0)
    sums: NDArray[np.float64] = ranks.sum(axis=1)
    return sums
