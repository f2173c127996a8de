"""What prediction sets lose, patient by patient, as the threshold of probability rises.

A set holds the classes whose probability reaches a threshold, so a patient's loss changes only where the threshold
passes one of the patient's own probabilities. The changes are kept in the order of the probabilities: the mean loss of
any patients at every threshold is then one running sum, exact and without a grid of thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.labels import UNKNOWN

Loss = Literal["missed", "false_discovery"]
Labels = NDArray[np.integer]
Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]


class Curve(NamedTuple):
    """Mean loss of some patients by threshold.

    Attributes:
        thresholds: (T,), ascending.
        risks: mean loss at each, (T,), from 0 to 1; NaN where there are no patients.
        patients: how many have a loss.
    """

    thresholds: Floats
    risks: Floats
    patients: int


@dataclass(frozen=True)
class Losses:
    """The loss of every patient at every threshold, from 0 to 1: the mean over the patient's images.

    Attributes:
        at_zero: loss while the set holds every class, (patients,); NaN for patients without a loss.
        scores: probabilities where a loss changes as the threshold passes them, (changes,), ascending.
        changes: by how much, (changes,).
        owners: number of the patient whose loss changes, (changes,).
    """

    at_zero: Floats
    scores: Floats
    changes: Floats
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, at_zero: Floats, scores: Floats, changes: Floats, owners: NDArray[np.int64]) -> Losses:
        """Of changes in any order."""
        order = np.argsort(scores, kind="stable")
        return cls(at_zero, scores[order], changes[order], owners[order])

    @cached_property
    def _below_itself(self) -> NDArray[np.int64]:
        """How many scores are smaller than each score."""
        return np.searchsorted(self.scores, self.scores, side="left").astype(np.int64)

    def count(self, chosen: Chosen) -> int:
        """How many of the ``chosen`` patients, (patients,), have a loss."""
        return int(np.count_nonzero(chosen & np.isfinite(self.at_zero)))

    def curve(self, chosen: Chosen, thresholds: Floats | None = None) -> Curve:
        """Mean loss of the ``chosen`` patients, (patients,), at ascending ``thresholds``, or at every score."""
        count = self.count(chosen)
        at = self.scores if thresholds is None else thresholds
        if not count:
            return Curve(at, np.full(len(at), np.nan), 0)
        passed = self._below_itself if thresholds is None else np.searchsorted(self.scores, at, side="left")
        sums = np.zeros(len(self.scores) + 1)
        np.cumsum(np.where(chosen[self.owners], self.changes, 0), out=sums[1:])
        # the running sum may leave the range by its last bit
        risks = np.clip((np.nansum(self.at_zero[chosen]) + sums[passed]) / count, 0, 1)
        return Curve(at, risks, count)

    def risk(self, chosen: Chosen, threshold: float) -> float:
        """Mean loss of the ``chosen`` patients at one threshold; NaN where none has a loss."""
        return float(self.curve(chosen, np.array([threshold])).risks[0])


def missed(labels: Labels, probabilities: Floats, owners: NDArray[np.int64], patients: int) -> Losses:
    """Share of an image's true classes that its set misses: with one true class an image, whether it is missed.

    Images without a known true class have nothing to miss and are left out, and so are patients without any other:
    counted as 0 they would let the sets of all others miss more than was promised. The loss rises with the threshold.
    Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal risk control" (2022), arXiv 2208.02814, section 3.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        probabilities: (N, classes), from 0 to 1.
        owners: number of each image's patient, (N,).
        patients: how many patients there are.
    """
    true = labels == 1
    count = true.sum(axis=1)
    of_patient = np.bincount(owners[count > 0], minlength=patients)
    images, classes = np.nonzero(true)
    changes = 1.0 / (count[images] * of_patient[owners[images]])
    at_zero = np.where(of_patient > 0, 0.0, np.nan)
    return Losses.of(at_zero, probabilities[images, classes], changes, owners[images])


def false_discoveries(labels: Labels, probabilities: Floats, owners: NDArray[np.int64], patients: int) -> Losses:
    """Share of the classes in an image's set that are not true; 0 for an empty set.

    Unknown labels are in no set; images without a known one are left out. The loss falls with the threshold on the
    whole, but not everywhere. Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995), section 2.1. Arguments as ``missed``.
    """
    known = labels != UNKNOWN
    # the likeliest class first, unknown ones behind all others
    order = np.argsort(np.where(known, -probabilities, np.inf), axis=1, kind="stable")
    kept = np.take_along_axis(known, order, axis=1)
    wrong = np.take_along_axis(labels == 0, order, axis=1).cumsum(axis=1)
    shares = np.zeros((len(labels), labels.shape[1] + 1))
    shares[:, 1:] = wrong / np.arange(1, labels.shape[1] + 1)
    count = known.sum(axis=1)
    of_patient = np.bincount(owners[count > 0], minlength=patients)
    weights = 1.0 / np.maximum(of_patient[owners], 1)
    full = np.bincount(owners, shares[np.arange(len(labels)), count] * weights, minlength=patients)
    images, places = np.nonzero(kept)
    changes = (shares[images, places] - shares[images, places + 1]) * weights[images]
    scores = probabilities[images, order[images, places]]
    return Losses.of(np.where(of_patient > 0, full, np.nan), scores, changes, owners[images])


def image_losses(labels: Labels, members: NDArray[np.bool_], loss: Loss) -> Floats:
    """The loss of each image's set, (N,), of ``members`` (N, classes); NaN for images that have none."""
    true, known = labels == 1, labels != UNKNOWN
    if loss == "missed":
        parts, wholes, counted = true & ~members, true, true.any(axis=1)
    else:
        parts, wholes, counted = (labels == 0) & members, known & members, known.any(axis=1)
    shares = parts.sum(axis=1) / np.maximum(wholes.sum(axis=1), 1)
    return np.where(counted, shares, np.nan)
