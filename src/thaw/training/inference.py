"""Logits of many images from a network that is not being trained."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.training.batches import Examples, ordered_batches
from thaw.training.device import Precision, autocast


@torch.no_grad()
def predict_logits(
    classifier: Classifier, examples: Examples, batch_size: int, device: torch.device, precision: Precision
) -> NDArray[np.float32]:
    """Logits (n, classes) of the images of ``examples``, in their order."""
    strategies.set_evaluation(classifier)
    logits = []
    for positions in ordered_batches(len(examples), batch_size):
        images, _ = examples.batch(positions, device)
        with autocast(device, precision):
            logits.append(classifier(images).float().cpu())
    return torch.cat(logits).numpy()
