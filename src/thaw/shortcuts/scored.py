"""Macro AUROC of scores for test images, and the same on every sample of their patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.bootstrap import Resampling, interval, macro_of


@dataclass(frozen=True)
class Scored:
    """How well scores rank test images.

    Attributes:
        by_class: AUROC by class; None where the images have not both.
        macro: mean over the classes that have a value; None where none has.
        samples: macro AUROC on each sample of patients, (resamples,), NaN where it is undefined.
    """

    by_class: list[float | None]
    macro: float | None
    samples: NDArray[np.float64]

    def described(self, confidence: float) -> dict[str, Any]:
        """``auroc_macro``, and ``low`` and ``high``, the ends of its interval over patients."""
        ends = interval(self.samples, confidence)
        return {"auroc_macro": self.macro, "low": ends.low, "high": ends.high}


def score(labels: NDArray[np.integer], scores: NDArray[np.floating], resampling: Resampling) -> Scored:
    """Score the images that ``resampling`` was made of.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        scores: (N, classes), finite, larger for more likely.
        resampling: of the patients of the N images.
    """
    by_class = auroc_by_class(labels, scores)
    return Scored(by_class, macro(by_class), macro_of(resampling.auroc(labels, scores)))
