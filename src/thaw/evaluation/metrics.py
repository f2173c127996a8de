"""Metrics of one set of predictions; what is undefined stays None, never 0 or 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN, Task

Labels = NDArray[np.integer]
Values = list[float | None]


def decide(scores: NDArray[np.floating], task: Task, threshold: float) -> NDArray[np.int64]:
    """Decisions (N, classes) of 0 or 1: the likeliest class, or every class whose probability reaches ``threshold``."""
    if task == "multilabel":
        return (scores >= threshold).astype(np.int64)
    likeliest = scores.argmax(axis=1)
    decisions: NDArray[np.int64] = (likeliest[:, None] == np.arange(scores.shape[1])).astype(np.int64)
    return decisions


def measure(
    labels: Labels, logits: NDArray[np.floating], classes: Sequence[str], task: Task, threshold: float
) -> dict[str, Any]:
    """All metrics of predictions (N, classes), by name; per-class ones as mappings from class to value.

    ``accuracy`` is the share of images whose likeliest class is right (multiclass), or the share of right yes/no
    decisions over all images and classes (multilabel). Macro averages go over the classes for which the metric is
    defined: AUROC needs an image with and one without the class, recall one with it, precision one decision for it.
    Unknown labels (``UNKNOWN``) are left out of every metric.
    """
    scores = probabilities(logits, task)
    decisions = decide(scores, task, threshold)
    auroc = auroc_by_class(labels, scores)
    precision, recall, f1 = _at_threshold(labels, decisions)
    right = (decisions == labels).all(axis=1) if task == "multiclass" else (decisions == labels)[labels != UNKNOWN]
    metrics: dict[str, Any] = {
        "auroc_macro": macro(auroc),
        "f1_macro": macro(f1),
        "accuracy": float(right.mean()) if right.size else None,
        "auroc": dict(zip(classes, auroc, strict=True)),
        "precision": dict(zip(classes, precision, strict=True)),
        "recall": dict(zip(classes, recall, strict=True)),
        "f1": dict(zip(classes, f1, strict=True)),
    }
    if task == "multiclass":
        metrics["confusion"] = confusion(labels, decisions, classes)
    return metrics


def confusion(labels: Labels, decisions: Labels, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many images of each true class (outer key) were given each class (inner key)."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (labels.argmax(axis=1), decisions.argmax(axis=1)), 1)
    return {
        true: {given: int(counts[row, column]) for column, given in enumerate(classes)}
        for row, true in enumerate(classes)
    }


def _at_threshold(labels: Labels, decisions: Labels) -> tuple[Values, Values, Values]:
    """Precision, recall and F1 by class; None where nothing was decided for, or nothing is of, the class."""
    positive, decided = labels == 1, (decisions == 1) & (labels != UNKNOWN)
    found, existing, given = (positive & decided).sum(axis=0), positive.sum(axis=0), decided.sum(axis=0)
    # F1 is asked for where the class exists; a class that is never found has F1 0, one without images has none
    either = np.where(existing > 0, existing + given, 0)
    return _shares(found, given), _shares(found, existing), _shares(2 * found, either)


def _shares(parts: Labels, wholes: Labels) -> Values:
    return [float(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]


def rounded(metrics: Any, digits: int = 6) -> Any:
    """The same nested metrics with floats rounded, so that files differ only where results do."""
    if isinstance(metrics, dict):
        return {name: rounded(value, digits) for name, value in metrics.items()}
    return round(metrics, digits) if isinstance(metrics, float) else metrics
