"""Which images an epoch sees, and in what order: each once, or those of rare classes more often."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thaw.labels import Task


def image_weights(labels: NDArray[np.int64], task: Task) -> NDArray[np.float64]:
    """Weights (N,) by which images are drawn so that every class is equally likely; float64.

    One label an image: 1 / images of its class, so each class that has images is drawn equally often (class-balanced
    sampling: Kang et al. 2020, arXiv:1910.09217, section 3, equation 1 with q = 0).

    Several labels an image: the mean, over its positive labels, of 1 / positives of the label. An image without any
    positive label is of one more class, "none of them"; unknown labels are not positive. Where no image has more than
    one positive label this is the rule above. Images with several labels take the mean and not the sum: they would
    otherwise be drawn the oftener the more labels they have. The price is that the classes are then only nearly
    balanced.

    Args:
        labels: (N, classes) 0, 1 or ``thaw.labels.UNKNOWN``; one 1 a row in a multiclass task.
        task: several labels an image, or exactly one.
    """
    positive = labels == 1
    inverse = 1 / np.maximum(positive.sum(axis=0), 1)
    weights: NDArray[np.float64] = positive @ inverse
    if task == "multilabel":
        found = positive.sum(axis=1)
        weights /= np.maximum(found, 1)
        weights[found == 0] = 1 / max((found == 0).sum(), 1)
    return weights


def epoch_positions(
    labels: NDArray[np.int64], task: Task, sampling: Literal["uniform", "balanced"], generator: torch.Generator
) -> Tensor:
    """Positions (N,) int64 of the images that one epoch sees, in order.

    Args:
        labels: (N, classes) of the training split.
        task: several labels an image, or exactly one.
        sampling: ``uniform``: every image once, in random order; ``balanced``: N draws with replacement by
            ``image_weights``. Together with class weights in the loss, rare classes are favoured twice.
        generator: on the CPU; the same state gives the same positions.
    """
    if sampling == "uniform":
        return torch.randperm(len(labels), generator=generator)
    weights = torch.from_numpy(image_weights(labels, task))
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)
