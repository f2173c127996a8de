"""Area under the ROC curve by class: the figure that chooses the epoch and heads every table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from thaw.labels import UNKNOWN


def auroc_by_class(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> list[float | None]:
    """AUROC of each class against all others; None where a class has no positive or no negative image.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely.

    Raises:
        ValueError: a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    return [_auroc(labels[:, index], scores[:, index]) for index in range(labels.shape[1])]


def macro(values: list[float | None]) -> float | None:
    """Mean over the classes that have a value; None where none has."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _auroc(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float | None:
    known = labels != UNKNOWN
    # scikit-learn warns and returns NaN here; undefined is not a number
    if len(set(labels[known].tolist())) < 2:
        return None
    return float(roc_auc_score(labels[known], scores[known]))
