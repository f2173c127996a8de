"""Whether two sets of images can be told apart by what a network makes of them: then figures across them mix causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.bootstrap import Interval, Resampling, interval

FOLDS = 5
# of the mean variance of a feature; it keeps the probe steady where there are about as many images as features
SHRINKAGE = 0.1

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """One of the two sets.

    Attributes:
        features: (N, D), finite.
        patients: whose images they are, (N,).
    """

    features: NDArray[np.floating]
    patients: NDArray[np.object_]


def check_domain(inside: Side, outside: Side, resamples: int, confidence: float, seed: int = 0) -> dict[str, Any]:
    """How well a linear probe tells the sets apart on patients that it was not fitted on.

    The probe is Fisher's discriminant with shrinkage: ridge regression on the set (Hastie, Tibshirani and Friedman,
    "The Elements of Statistical Learning", 2nd edition, section 3.4.1 and exercise 4.2), fitted in each of five folds
    on the patients of the others. That a classifier tells two samples apart is itself a test of their difference:
    Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017. A patient's name that both sets have is
    in the same fold of both, so that one and the same image is not fitted on and tested; in all else the two are
    different people.

    The interval is for these probes, which are not fitted anew on each sample of patients: where the sets do not differ
    a 95 % interval leaves 0.5 out one time in six (simulated), not in twenty. It parts 0.6 from 0.9, not from 0.5.

    Args:
        inside: of the model's own test images.
        outside: of the other set.
        resamples: samples of patients for the interval.
        confidence: of the interval.
        seed: of the folds and the samples.

    Returns:
        ``auroc`` of the set by the probe, its interval ``low`` and ``high``, ``images`` and ``patients`` of the two
        sets, and a ``sentence``. The first three are None where a set has fewer than two patients.
    """
    sides = (inside, outside)
    count = [len(np.unique(side.patients.astype(str))) for side in sides]
    told = {"images": [len(side.patients) for side in sides], "patients": count}
    if min(count) < 2:
        undefined = "whether the sets can be told apart is unknown: it takes two patients of each."
        return {"auroc": None, "low": None, "high": None, **told, "sentence": undefined}
    features = np.concatenate([side.features for side in sides]).astype(np.float64)
    is_outside = np.repeat([0, 1], told["images"])
    scores = _out_of_fold(features, is_outside, _folds(sides, min(FOLDS, *count), seed))
    (auroc,) = auroc_by_class(is_outside[:, None], scores[:, None])
    names = [f"{place} {name}" for place, side in enumerate(sides) for name in side.patients]
    samples = Resampling.of(np.array(names, dtype=object), resamples, seed).auroc(is_outside[:, None], scores[:, None])
    ends = interval(samples[:, 0], confidence)
    return {"auroc": auroc, **ends._asdict(), **told, "sentence": _sentence(auroc, ends, confidence)}


def _folds(sides: tuple[Side, Side], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of every image, inside first; each fold has patients of both sets."""
    inside, outside = (np.unique(side.patients.astype(str)) for side in sides)
    both = np.intersect1d(inside, outside)
    random = np.random.default_rng(seed)
    both = random.permutation(both)
    parts = []
    for side, names in zip(sides, (inside, outside), strict=True):
        dealt = np.concatenate([both, random.permutation(np.setdiff1d(names, both))])
        fold = {name: place % folds for place, name in enumerate(dealt.tolist())}
        parts.append([fold[name] for name in side.patients.astype(str).tolist()])
    return np.array([*parts[0], *parts[1]], dtype=np.int64)


def _out_of_fold(features: Numbers, is_outside: NDArray[np.int64], folds: NDArray[np.int64]) -> Numbers:
    """Scores from 0 to 1 by probes that were fitted on the other folds.

    They are places within the fold: the probes of two folds have no common scale.
    """
    scores = np.zeros(len(features))
    for fold in range(int(folds.max()) + 1):
        tested = folds == fold
        fitted, target = features[~tested], is_outside[~tested] - is_outside[~tested].mean()
        middle, spread = fitted.mean(axis=0), fitted.std(axis=0)
        spread[spread == 0] = 1
        direction = _ridge((fitted - middle) / spread, target)
        places = np.unique((features[tested] - middle) / spread @ direction, return_inverse=True)[1]
        scores[tested] = (places + 0.5) / (places.max() + 1)
    return scores


def _ridge(features: Numbers, target: Numbers) -> Numbers:
    """Coefficients (D,) for standardised features (N, D), by the smaller of the two equivalent systems."""
    count, width = features.shape
    if count >= width:
        covariance = features.T @ features / count + SHRINKAGE * np.eye(width)
        return np.linalg.solve(covariance, features.T @ target / count)
    products = features @ features.T / count + SHRINKAGE * np.eye(count)
    coefficients: Numbers = features.T @ np.linalg.solve(products, target) / count
    return coefficients


def _sentence(auroc: float | None, ends: Interval, confidence: float) -> str:
    if ends.low is None or ends.high is None:
        return f"a linear probe tells the sets apart with AUROC {auroc:.2f}; too few patients for an interval."
    found = f"AUROC {auroc:.2f} ({100 * confidence:g} % interval {ends.low:.2f} to {ends.high:.2f})"
    if ends.low <= 0.5:
        return f"a linear probe does not tell the sets apart: {found}."
    mixed = "figures across them mix what is seen with where it comes from"
    return f"a linear probe tells the sets apart with {found}: {mixed}."
