"""Losses by task, with weights for rare classes computed from the training labels alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from thaw.labels import UNKNOWN, Task

Loss = Callable[[Tensor, Tensor], Tensor]


def class_weights(labels: NDArray[np.int64], largest: float) -> NDArray[np.float32]:
    """Weight N / (classes × images of the class) of each class, at most ``largest`` (scikit-learn's "balanced").

    Args:
        labels: (N, classes), one 1 a row.
        largest: cap; a class without images gets it too.
    """
    counts = labels.sum(axis=0)
    weights = len(labels) / (labels.shape[1] * np.maximum(counts, 1))
    return np.where(counts > 0, np.minimum(weights, largest), largest).astype(np.float32)


def positive_weights(labels: NDArray[np.int64], largest: float) -> NDArray[np.float32]:
    """``pos_weight`` negatives / positives of each class, at most ``largest``; 1 where there is no positive.

    Unknown labels count as neither.
    """
    positives = (labels == 1).sum(axis=0)
    weights = (labels == 0).sum(axis=0) / np.maximum(positives, 1)
    return np.where(positives > 0, np.minimum(weights, largest), 1.0).astype(np.float32)


def make_loss(task: Task, labels: NDArray[np.int64], weighted: bool, largest: float, device: torch.device) -> Loss:
    """The loss of logits (B, classes) against labels (B, classes): BCE (multilabel) or cross-entropy.

    Labels are 0, 1 or, in a multilabel task, ``UNKNOWN``: those have no part in the loss ("U-Ignore" of Irvin et al.,
    CheXpert, AAAI 2019, section 3).

    Args:
        task: several labels an image, or exactly one.
        labels: (N, classes) of the training split, for the weights.
        weighted: whether rare classes weigh more.
        largest: cap of the weights.
        device: where the logits will be.
    """
    if task == "multilabel":
        weight = torch.from_numpy(positive_weights(labels, largest)).to(device) if weighted else None
        return lambda logits, target: _known_bce(logits.float(), target, weight)
    weight = torch.from_numpy(class_weights(labels, largest)).to(device) if weighted else None
    return lambda logits, target: F.cross_entropy(logits.float(), target.argmax(1), weight=weight)


def _known_bce(logits: Tensor, target: Tensor, positive_weight: Tensor | None) -> Tensor:
    """Mean binary cross-entropy over the labels that are known; 0 where none is."""
    known = (target != UNKNOWN).float()
    losses = F.binary_cross_entropy_with_logits(logits, target * known, pos_weight=positive_weight, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
