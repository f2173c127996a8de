"""Losses by task, with weights for rare classes computed from the training labels alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from thaw.labels import UNKNOWN, Task
from thaw.params.schema import LossParams

_ROUNDING = 1e-9  # 0.28 × 50 is a little more than 14 in floating point, and must not be rounded up to 15


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


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of logits (B, classes) against labels (B, classes): the mean over all that counts in a batch.

    Several labels an image: binary cross-entropy, the mean over the known labels. Labels that are ``UNKNOWN`` have no
    part in it ("U-Ignore" of Irvin et al., CheXpert, AAAI 2019, section 3). ``rarity`` multiplies the term of the
    positives (``pos_weight`` of ``torch.nn.BCEWithLogitsLoss``).

    One label an image: cross-entropy, the mean over the images, each with the ``rarity`` of its class as its weight
    (``weight`` of ``torch.nn.CrossEntropyLoss``).

    ``name: focal`` multiplies each term by (1 - p_t)^gamma, where p_t is the probability of what is right (Lin et al.
    2017, arXiv:1708.02002, equation 4), and, if ``alpha`` is given, by alpha for a positive label and 1 - alpha for a
    negative one (equation 5). Alpha weighs positives against negatives, so it has no part where an image has exactly
    one label; there the class weights are the equation's alpha_t (section 3.1). With several labels an image, alpha
    and ``rarity`` are both multiplied in. The mean is over the labels or images, as above, not over the positives as
    for the paper's detector.

    ``smoothing`` s mixes the label with the uniform distribution: 1 - s + s / classes for the class of the image and
    s / classes for others (Szegedy et al. 2016, arXiv:1512.00567, section 7); 1 - s / 2 and s / 2 for a label that is
    present or absent. In the focal loss each outcome has the factor of its own probability, weighted by its share.

    ``hardest`` h below 1: only the ceil(h × n) largest losses of a batch's n images that have a known label count, and
    the loss is their mean (online hard example mining, Shrivastava et al. 2016, arXiv:1604.03540, section 4; the
    average top-k loss of Fan et al. 2017, arXiv:1705.08826, taken over a batch). The loss of an image is the mean over
    its known labels, or its cross-entropy times the weight of its class.

    Attributes:
        task: several labels an image, or exactly one.
        settings: ``train.loss`` of params.yaml.
        rarity: (classes,) float32 weights of the classes, on the device of the logits; None: all 1.
    """

    task: Task
    settings: LossParams
    rarity: Tensor | None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch, computed in float32; 0 where no label is known.

        Args:
            logits: (B, classes) of any floating type.
            target: (B, classes) float, 0, 1 or, in a multilabel task, ``UNKNOWN``.
        """
        costs, counts = self._costs(logits.float(), target), self._counts(target)
        if self.settings.hardest < 1:
            images = costs.sum(1)
            if self.task == "multilabel":
                images = images / counts.sum(1).clamp(min=1)
            return _mean_of_hardest(images, counts.sum(1) > 0, self.settings.hardest)
        return costs.sum() / _or_one(counts.sum())

    def weight(self, target: Tensor) -> Tensor:
        """How much a batch counts beside others: the number that its mean is divided by.

        It is the number of known labels, or the sum of the images' class weights. A batch cut into parts then has the
        loss sum(loss(part) × weight(part)) / weight(batch). Where ``hardest`` is below 1 it is the number of images
        with a known label; each part then has its own hardest images, so the sum need not be the batch's loss.

        Args:
            target: (B, classes), as for the loss.
        """
        counts = self._counts(target)
        if self.settings.hardest < 1:
            return (counts.sum(1) > 0).float().sum()
        return counts.sum()

    def plain(self) -> Loss:
        """The same loss of all images and without label smoothing, for curves."""
        return replace(self, settings=self.settings.model_copy(update={"hardest": 1.0, "smoothing": 0.0}))

    def _counts(self, target: Tensor) -> Tensor:
        """What each cost counts: (B, classes), 1 for a known label; or (B, 1), the weight of the image's class."""
        if self.task == "multilabel":
            return (target != UNKNOWN).float()
        if self.rarity is None:
            return torch.ones_like(target[:, :1], dtype=torch.float32)
        return self.rarity[target.argmax(1, keepdim=True)]

    def _costs(self, logits: Tensor, target: Tensor) -> Tensor:
        """Weighted losses: (B, classes), 0 for an unknown label; or (B, 1), one an image."""
        focal, smoothing = self.settings.name == "focal", self.settings.smoothing
        if self.task == "multilabel":
            known = (target != UNKNOWN).float()
            present = target * known * (1 - smoothing) + smoothing / 2
            return known * (self._focal_binary(logits, present) if focal else self._binary(logits, present))
        if focal:
            return self._focal_class(logits, target * (1 - smoothing) + smoothing / target.shape[1])
        return F.cross_entropy(
            logits, target.argmax(1), weight=self.rarity, reduction="none", label_smoothing=smoothing
        ).unsqueeze(1)

    def _binary(self, logits: Tensor, present: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, present, pos_weight=self.rarity, reduction="none")

    def _focal_binary(self, logits: Tensor, present: Tensor) -> Tensor:
        gamma, alpha = self.settings.gamma, self.settings.alpha
        log_present, log_absent = F.logsigmoid(logits), F.logsigmoid(-logits)
        # powers of probabilities through their logarithms, whose gradients stay finite where a probability is 0
        positive = -present * (gamma * log_absent).exp() * log_present
        negative = -(1 - present) * (gamma * log_present).exp() * log_absent
        if self.rarity is not None:
            positive = positive * self.rarity
        return positive + negative if alpha is None else alpha * positive + (1 - alpha) * negative

    def _focal_class(self, logits: Tensor, shares: Tensor) -> Tensor:
        log_probabilities = logits.log_softmax(1)
        # the power's gradient at 0 is infinite for a gamma below 1, and the loss there is 0 all the same
        others = (1 - log_probabilities.exp()).clamp(min=torch.finfo(torch.float32).eps)
        costs = -shares * others**self.settings.gamma * log_probabilities
        return (costs if self.rarity is None else costs * self.rarity).sum(1, keepdim=True)


def make_loss(task: Task, labels: NDArray[np.int64], settings: LossParams, device: torch.device) -> Loss:
    """The loss that ``settings`` describes, with the weights of rare classes if they ask for them.

    Args:
        task: several labels an image, or exactly one.
        labels: (N, classes) of the training split, for the weights.
        settings: ``train.loss`` of params.yaml; its ``sampling`` has no part here.
        device: where the logits will be.
    """
    if not settings.class_weights:
        return Loss(task, settings, None)
    weights = positive_weights if task == "multilabel" else class_weights
    return Loss(task, settings, torch.from_numpy(weights(labels, settings.max_class_weight)).to(device))


def _mean_of_hardest(losses: Tensor, known: Tensor, share: float) -> Tensor:
    """Mean of the largest ``share`` of the losses (B,) that are ``known`` (B,), without waiting for the device."""
    kept = (known.double().sum() * share - _ROUNDING).ceil()
    ranked = torch.where(known, losses, -1.0).sort(descending=True).values  # a loss is never below 0
    counted = torch.arange(len(losses), device=losses.device) < kept
    return torch.where(counted, ranked, 0.0).sum() / _or_one(kept.float())


def _or_one(count: Tensor) -> Tensor:
    return torch.where(count > 0, count, 1.0)
