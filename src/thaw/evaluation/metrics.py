"""Metrics of one set of predictions; what is undefined stays None, never 0 or 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.decisions import Labels, Thresholds, decide, measure_choice, measure_decisions
from thaw.evaluation.probabilities import probabilities
from thaw.evaluation.ranking import measure_ranking
from thaw.labels import UNKNOWN, Task


def measure(
    labels: Labels, logits: NDArray[np.floating], classes: Sequence[str], task: Task, threshold: float
) -> dict[str, Any]:
    """All metrics of predictions (N, classes): those of ``measure_ranking`` and, at ``threshold``, of ``measure_at``.

    Per-class ones are mappings from class to value. Unknown labels (``UNKNOWN``) are left out of every metric.
    """
    scores = probabilities(logits, task)
    return {**measure_ranking(labels, scores, classes), **measure_at(labels, scores, classes, task, threshold)}


def measure_at(
    labels: Labels, scores: NDArray[np.floating], classes: Sequence[str], task: Task, thresholds: Thresholds
) -> dict[str, Any]:
    """The metrics of the decisions that ``decide`` takes at ``thresholds``, as ``measure_decisions`` names them.

    Where the likeliest class is chosen (multiclass, one threshold) also those of ``measure_choice``: its balanced
    accuracy, kappa and MCC are one figure for all classes, and the figures of each class against the rest are then
    ``balanced_accuracy_by_class``, ``kappa_by_class`` and ``mcc_by_class``.

    ``accuracy`` is the share of images whose likeliest class is right, or in a multilabel task the share of right
    yes/no decisions over all images and classes. It is None where several classes compete by thresholds of their own.
    """
    decisions = decide(scores, task, thresholds)
    measured = measure_decisions(labels, decisions, classes)
    if task == "multilabel":
        right = (decisions == labels)[labels != UNKNOWN]
        return {"accuracy": float(right.mean()) if right.size else None, **measured}
    if not isinstance(thresholds, int | float):
        return {"accuracy": None, **measured}
    choice = measure_choice(labels, decisions, classes)
    by_class = {f"{name}_by_class": table for name, table in measured.items() if name in choice}
    return {**measured, **by_class, **choice}
