"""From logits to probabilities, by task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from thaw.labels import Task


def probabilities(logits: NDArray[np.floating], task: Task) -> NDArray[np.floating]:
    """Probabilities (N, classes): each class by itself (multilabel) or summing to 1 over the classes (multiclass)."""
    result: NDArray[np.floating] = expit(logits) if task == "multilabel" else softmax(logits, axis=1)
    return result
