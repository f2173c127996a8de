"""The metrics of a table of predictions: ``image, patient, split, label_<class> …, logit_<class> …``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from thaw.evaluation.metrics import measure, rounded
from thaw.labels import UNKNOWN, Task


def metrics_of(predictions: pd.DataFrame, classes: Sequence[str], task: Task, threshold: float) -> dict[str, Any]:
    """The metrics of all rows, as ``measure`` names them, rounded; an empty label is unknown."""
    labels = predictions[[f"label_{name}" for name in classes]].astype("Int64").to_numpy(np.int64, na_value=UNKNOWN)
    logits = predictions[[f"logit_{name}" for name in classes]].to_numpy(np.float64)
    metrics: dict[str, Any] = rounded(measure(labels, logits, classes, task, threshold))
    return metrics
