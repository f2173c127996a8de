"""What a model said about images, beside what is true: ``image, patient, split, label_<class> …, logit_<class> …``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.evaluation.metrics import measure
from thaw.evaluation.probabilities import probabilities
from thaw.evaluation.rounding import rounded
from thaw.labels import UNKNOWN, Task


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for N images.

    Attributes:
        images: names, (N,).
        patients: whose images they are, (N,).
        labels: (N, classes) int8: 0, 1 or ``UNKNOWN``.
        logits: (N, classes) float64, finite.
        classes: in the order of the columns.
        task: several labels an image, or exactly one.
    """

    images: NDArray[np.object_]
    patients: NDArray[np.object_]
    labels: NDArray[np.int8]
    logits: NDArray[np.float64]
    classes: tuple[str, ...]
    task: Task

    @classmethod
    def of_table(cls, table: pd.DataFrame, classes: Sequence[str], task: Task) -> Predictions:
        """The rows of a table of predictions; an empty label is unknown.

        Raises:
            UserError: a logit is NaN or infinite; names the first such image.
        """
        labels = table[[f"label_{name}" for name in classes]].astype("Int64").to_numpy(np.int8, na_value=UNKNOWN)
        logits = table[[f"logit_{name}" for name in classes]].to_numpy(np.float64)
        images, patients = table["image"].to_numpy(object), table["patient"].astype(str).to_numpy(object)
        broken = ~np.isfinite(logits).all(axis=1)
        if broken.any():
            raise UserError(
                f"{broken.sum()} images have logits that are no finite numbers, {images[broken][0]!r} first"
            )
        return cls(images, patients, labels, logits, tuple(classes), task)

    @cached_property
    def scores(self) -> NDArray[np.floating]:
        """Probabilities (N, classes), not calibrated."""
        return probabilities(self.logits, self.task)

    def where(self, chosen: NDArray[np.bool_]) -> Predictions:
        """Those of the ``chosen`` images, (N,)."""
        return Predictions(
            self.images[chosen],
            self.patients[chosen],
            self.labels[chosen],
            self.logits[chosen],
            self.classes,
            self.task,
        )

    def __len__(self) -> int:
        return len(self.images)


def metrics_of(predictions: pd.DataFrame, classes: Sequence[str], task: Task, threshold: float) -> dict[str, Any]:
    """The metrics of all rows, as ``measure`` names them, rounded."""
    made = Predictions.of_table(predictions, classes, task)
    metrics: dict[str, Any] = rounded(measure(made.labels, made.logits, classes, task, threshold))
    return metrics
