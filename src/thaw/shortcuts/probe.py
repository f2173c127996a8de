"""A linear probe: how well a few numbers about each image foretell its labels, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.evaluation.bootstrap import Resampling
from thaw.labels import UNKNOWN
from thaw.shortcuts.scored import score

# of squared weights against squared errors, features being scaled to variance 1; the strongest first
PENALTIES = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)

Features = NDArray[np.float32]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Cohort:
    """The images that are probed.

    Attributes:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        split: of each image, (N,).
        patients: of each image, (N,).
        classes: in the order of the columns.
    """

    labels: Labels
    split: NDArray[np.object_]
    patients: NDArray[np.object_]
    classes: tuple[str, ...]

    def of(self, split: str) -> NDArray[np.bool_]:
        """Which images are in a split, (N,)."""
        return np.asarray(self.split == split, dtype=bool)


def measure_probe(features: Features, cohort: Cohort, resampling: Resampling, confidence: float) -> dict[str, Any]:
    """Fit on training images, choose the penalty on validation images, measure on test images.

    The probe is regularised least squares on the 0/1 labels. For two classes its direction is Fisher's linear
    discriminant (Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.1.5), and AUROC asks for the
    direction alone. The penalty is that of Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal
    problems", Technometrics 12 (1970), equation 2.1.

    Args:
        features: (N, k) finite.
        cohort: the N images.
        resampling: of the patients of its test images.
        confidence: of the interval.

    Returns:
        ``features`` (how many vary among training images), ``penalty``, ``auroc_macro`` with ``low`` and ``high``,
        ``auroc`` (class → value) and ``reason``: why there is no figure, None where there is one. A class that training
        images have not both with and without is not probed.
    """
    train, test = cohort.of("train"), cohort.of("test")
    scaled, labels = _scaled(features, train), _learnable(cohort.labels, train)
    empty = dict.fromkeys(("penalty", "auroc_macro", "low", "high"))
    nothing = {"features": scaled.shape[1], **empty, "auroc": dict.fromkeys(cohort.classes)}
    if (reason := _why_not(scaled, labels, test)) is not None:
        return {**nothing, "reason": reason}
    weights = ridge_weights(scaled[train], labels[train], PENALTIES)
    chosen = _best(weights, scaled[cohort.of("val")], labels[cohort.of("val")])
    scored = score(labels[test], scaled[test] @ weights[chosen], resampling)
    return {
        "features": scaled.shape[1],
        "penalty": PENALTIES[chosen],
        **scored.described(confidence),
        "auroc": dict(zip(cohort.classes, scored.by_class, strict=True)),
        "reason": "no class has test images both with and without it" if scored.macro is None else None,
    }


def ridge_weights(features: Features, labels: Labels, penalties: Sequence[float]) -> NDArray[np.float64]:
    """Weights of regularised least squares, (penalties, k, classes); zeros for a class whose labels nobody knows.

    For each class they minimise the mean over the images whose label is known of (y - mean y - (x - mean x) · w)², plus
    penalty · |w|².

    Args:
        features: (N, k).
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        penalties: above 0.
    """
    weights = np.zeros((len(penalties), features.shape[1], labels.shape[1]))
    # classes whose labels are known of the same images share what takes longest
    known, pattern_of = np.unique(labels != UNKNOWN, axis=1, return_inverse=True)
    for number, images in enumerate(known.T):
        if images.any():
            columns = np.flatnonzero(pattern_of.ravel() == number)
            weights[:, :, columns] = _solve(features[images], labels[np.ix_(images, columns)], penalties)
    return weights


def _solve(features: Features, labels: Labels, penalties: Sequence[float]) -> NDArray[np.float64]:
    centred = features - features.mean(axis=0)
    targets = (labels - labels.mean(axis=0)).astype(np.float32)
    variances, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(features))
    along = axes.T @ ((centred.T @ targets).astype(np.float64) / len(features))
    return np.stack([axes @ (along / (np.maximum(variances, 0) + penalty)[:, None]) for penalty in penalties])


def _scaled(features: Features, train: NDArray[np.bool_]) -> Features:
    """Mean 0 and variance 1 over the training images; what is constant among them is left out."""
    if not train.any():
        return features[:, :0]
    mean, spread = features[train].mean(axis=0, dtype=np.float64), features[train].std(axis=0, dtype=np.float64)
    varies = spread > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    scaled: Features = ((features[:, varies] - mean[varies]) / spread[varies]).astype(np.float32)
    return scaled


def _learnable(labels: Labels, train: NDArray[np.bool_]) -> Labels:
    """The labels, all unknown of classes that training images have not both with and without."""
    both = (labels[train] == 1).any(axis=0) & (labels[train] == 0).any(axis=0)
    return np.where(both, labels, UNKNOWN).astype(np.int8)


def _why_not(scaled: Features, labels: Labels, test: NDArray[np.bool_]) -> str | None:
    if not test.any():
        return "there are no test images"
    if (labels == UNKNOWN).all():
        return "no class has training images both with and without it"
    return None if scaled.shape[1] else "it is unknown or the same for all training images"


def _best(weights: NDArray[np.float64], features: Features, labels: Labels) -> int:
    """The place of the penalty with the highest macro AUROC; of equal ones, or without any, the strongest."""
    found = [macro(auroc_by_class(labels, features @ some)) for some in weights]
    return int(np.argmax([-1.0 if value is None else value for value in found]))
