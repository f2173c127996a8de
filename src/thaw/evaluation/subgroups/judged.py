"""What a model said of images, by probability and by yes or no, beside what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.decisions import Thresholds, decide
from thaw.labels import Task


@dataclass(frozen=True)
class Judged:
    """N images.

    Attributes:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        probabilities: (N, classes), finite.
        decisions: (N, classes), which classes each image is given.
        decidable: (classes,), False for classes without an operating point, which no image is given.
        classes: in the order of the columns.
        task: several labels an image, or exactly one.
    """

    labels: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    decisions: NDArray[np.bool_]
    decidable: NDArray[np.bool_]
    classes: tuple[str, ...]
    task: Task

    @classmethod
    def of(
        cls,
        labels: NDArray[np.integer],
        probabilities: NDArray[np.floating],
        thresholds: Thresholds,
        classes: Sequence[str],
        task: Task,
    ) -> Judged:
        """Decide as ``thaw.evaluation.decisions.decide`` does."""
        decisions = decide(probabilities, task, thresholds) == 1
        if isinstance(thresholds, int | float):
            decidable = np.ones(len(classes), dtype=bool)
        else:
            decidable = np.array([one is not None for one in thresholds], dtype=bool)
        return cls(labels, probabilities, decisions, decidable, tuple(classes), task)
