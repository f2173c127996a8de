"""Whether an exported network says what torch says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from thaw.backbones.classifier import Classifier

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]

BATCHES = (1, 3)  # images at once: one alone, and more than one
# of a logit, relative to its size where that is above 1; sums in another order differ by a hundredth of it
TOLERANCE = 1e-4


class DisagreementError(Exception):
    """An exported network gives other logits than torch does."""


def check_agreement(exported: Logits, classifier: Classifier, size_px: int) -> float:
    """Compare an exported network with the one it was made of, on noise, in batches of ``BATCHES``.

    Args:
        exported: logits (N, classes) of images (N, 1, H, W) in [0, 1].
        classifier: on the CPU, in evaluation mode.
        size_px: side of the pictures.

    Returns:
        The largest difference of a logit, divided by its size where that is above 1.

    Raises:
        DisagreementError: that is above ``TOLERANCE``, or a logit is not a finite number.
    """
    largest = 0.0
    for batch in BATCHES:
        images = np.random.default_rng(batch).random((batch, 1, size_px, size_px), dtype=np.float32)
        with torch.no_grad():
            expected = classifier(torch.from_numpy(images)).numpy()
        difference = float((np.abs(exported(images) - expected) / np.maximum(np.abs(expected), 1)).max())
        if not difference <= TOLERANCE:  # NaN too
            raise DisagreementError(
                f"with {batch} images at once its logits differ from torch's by {difference:.2g}, "
                f"more than {TOLERANCE:g}"
            )
        largest = max(largest, difference)
    return largest
