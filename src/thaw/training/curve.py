"""One point of a learning curve: how a network does on one split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN, Task

DECISION_THRESHOLD = 0.5


@dataclass(frozen=True)
class Curve:
    """How a network does on one split after one epoch; AUROC is None where no class has both kinds of images."""

    loss: float
    accuracy: float
    auroc_macro: float | None


def measure_curve(
    logits: NDArray[np.float32], labels: NDArray[np.int64], task: Task, loss: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
) -> Curve:  # fmt: skip
    """The point of a split's logits and labels (N, classes); where the loss is not finite, the rest is left undefined.

    Args:
        logits, labels: of the images of the split.
        task: several labels an image, or exactly one.
        loss: of all the images at once.
        device: where it is computed.
    """
    value = float(loss(torch.from_numpy(logits).to(device), torch.from_numpy(labels).float().to(device)))
    if not np.isfinite(value):
        return Curve(value, 0.0, None)
    scores = probabilities(logits, task)
    return Curve(value, accuracy(scores, labels, task), macro(auroc_by_class(labels, scores)))


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.int64], task: Task) -> float:
    """Share of images whose likeliest class is right (multiclass), or of right decisions at 0.5 (multilabel).

    Decisions on unknown labels do not count; 0 where none is known.
    """
    if task == "multiclass":
        return float((scores.argmax(1) == labels.argmax(1)).mean())
    right = (scores >= DECISION_THRESHOLD) == labels
    return float(right.sum() / max((labels != UNKNOWN).sum(), 1))
