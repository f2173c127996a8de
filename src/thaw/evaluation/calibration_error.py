"""How far probabilities are from how often they come true.

Forecasts are put into bins, of equal width or of equal numbers of images, and each bin's mean probability is held
against the share of its images that have the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import macro
from thaw.evaluation.calibration import Calibration
from thaw.evaluation.probabilities import probabilities as uncalibrated
from thaw.labels import UNKNOWN, Task

Labels = NDArray[np.integer]
Chances = NDArray[np.floating]
BinKind = Literal["equal_width", "equal_mass"]

# of a probability that the logarithm sees: one certain and wrong forecast would make the mean infinite
SMALLEST_CHANCE = 1e-12
CLASSWISE: dict[str, BinKind] = {"classwise": "equal_width", "classwise_equal_mass": "equal_mass"}
PARTS_OF_BRIER = ("reliability", "resolution", "uncertainty", "within_bins")


class _Bins(NamedTuple):
    """Non-empty bins (B,): how many images, their mean probability, and the share that has the class."""

    images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]


def measure_calibration(
    labels: Labels, probabilities: Chances, classes: Sequence[str], task: Task, bins: int = 15
) -> dict[str, Any]:
    """Calibration errors, Brier scores and log loss; what no image can tell is None.

    Classes are measured one against all others on the images whose label of the class is known. Means go over the
    classes that have such an image. With one label an image, an image of unknown label is left out of what is measured
    on all classes at once.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        probabilities: (N, classes), from 0 to 1.
        classes: in the order of the columns.
        task: several labels an image, or exactly one.
        bins: how many.

    Returns:
        - ``expected_calibration_error``: in bins of equal width, of the likeliest class (one label an image: Naeini,
          Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo et
          al., ICML 2017, section 2), or the mean of the classes' (several labels);
          ``expected_calibration_error_equal_mass``: the same in bins of equal numbers of images.
        - ``classwise``: class to error in bins of equal width, and ``classwise_mean``; ``classwise_equal_mass`` and its
          ``classwise_equal_mass_mean``. Nixon et al., "Measuring calibration in deep learning", CVPR workshops 2019
          (static and adaptive calibration error).
        - ``brier``: class to mean squared error, and ``brier_macro``, their mean; ``brier_multiclass`` (one label an
          image), the sum over the classes: Brier, "Verification of forecasts expressed in terms of probability",
          Monthly Weather Review 78 (1950).
        - ``brier_decomposition``: part to class to value, and ``brier_decomposition_macro``, part to mean: see
          ``decompose_brier``.
        - ``nll``: log loss, of the true class (one label an image) or the mean of the classes' (several); probabilities
          are kept ``SMALLEST_CHANCE`` away from 0 and 1.

    Raises:
        ValueError: a probability is not from 0 to 1.
    """
    _check(probabilities)
    columns = [_known(*column) for column in zip(labels.T, probabilities.T, strict=True)]
    measures: dict[str, Any] = {}
    for name, kind in CLASSWISE.items():
        errors = [_expected_error(*column, bins, kind) for column in columns]
        measures |= {name: dict(zip(classes, errors, strict=True)), f"{name}_mean": macro(errors)}
    brier = [_mean((truth - chance) ** 2) for truth, chance in columns]
    decomposed = [decompose_brier(*column, bins) for column in columns]
    parts = {part: [None if of_class is None else of_class[part] for of_class in decomposed] for part in PARTS_OF_BRIER}
    measures |= {
        "expected_calibration_error": measures["classwise_mean"],
        "expected_calibration_error_equal_mass": measures["classwise_equal_mass_mean"],
        "brier": dict(zip(classes, brier, strict=True)),
        "brier_macro": macro(brier),
        "brier_decomposition": {part: dict(zip(classes, values, strict=True)) for part, values in parts.items()},
        "brier_decomposition_macro": {part: macro(values) for part, values in parts.items()},
        "nll": macro([_mean(_log_loss(*column)) for column in columns]),
    }
    return measures if task == "multilabel" else measures | _of_all_classes(labels, probabilities, bins)


def decompose_brier(truth: Labels, chance: Chances, bins: int = 15) -> dict[str, float] | None:
    """Parts of one class's Brier score: reliability - resolution + uncertainty + within_bins is the score.

    Reliability (lower is better), resolution (higher is better) and uncertainty are those of Murphy, "A new vector
    partition of the probability score", Journal of Applied Meteorology 12 (1973), between bins of equal numbers of
    images: in bins of equal width all forecasts of a rare finding fall into the first. ``within_bins`` is the variance
    of the forecasts within bins less twice their covariance with the outcomes: Stephenson, Coelho and Jolliffe, "Two
    extra components in the Brier score decomposition", Weather and Forecasting 23 (2008).

    Args:
        truth: (K,), 0 or 1.
        chance: (K,), from 0 to 1.
        bins: how many.

    Returns:
        The four parts; None without images.
    """
    if not len(truth):
        return None
    binned, prevalence = _binned(truth, chance, bins, "equal_mass"), float(truth.mean())
    shares = binned.images / len(truth)
    reliability = float(shares @ (binned.confidence - binned.frequency) ** 2)
    resolution = float(shares @ (binned.frequency - prevalence) ** 2)
    place = np.unique(_places(chance, bins, "equal_mass"), return_inverse=True)[1]
    beside = chance - binned.confidence[place]
    within = float(np.mean(beside**2 - 2 * beside * (truth - binned.frequency[place])))
    uncertainty = prevalence * (1 - prevalence)
    return dict(zip(PARTS_OF_BRIER, (reliability, resolution, uncertainty, within), strict=True))


def reliability_curve(
    labels: Labels, probabilities: Chances, bins: int = 15, kind: BinKind = "equal_width"
) -> list[list[dict[str, Any]]]:
    """The points of each class's reliability diagram, bin by bin; empty bins are left out.

    Murphy and Winkler, "Reliability of subjective probability forecasts of precipitation and temperature", Applied
    Statistics 26 (1977).

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        probabilities: (N, classes), from 0 to 1.
        bins: how many.
        kind: of equal width or of equal numbers of images.

    Returns:
        For each class its bins from low to high: ``confidence``, the mean probability, ``frequency``, the share of the
        images that have the class, and ``images``, how many.

    Raises:
        ValueError: a probability is not from 0 to 1.
    """
    _check(probabilities)
    curves = []
    for column in zip(labels.T, probabilities.T, strict=True):
        points = zip(*_binned(*_known(*column), bins, kind), strict=True)
        curves.append(
            [{"confidence": float(mean), "frequency": float(share), "images": int(n)} for n, mean, share in points]
        )
    return curves


def top_label(labels: Labels, probabilities: Chances) -> tuple[NDArray[np.int64], Chances]:
    """Whether the likeliest class of each image is right, and its probability, both (N, 1) as of a single class.

    For one label an image; an image of unknown label stays ``UNKNOWN``.
    """
    likeliest = probabilities.argmax(axis=1)[:, None]
    right = np.take_along_axis(labels, likeliest, axis=1).astype(np.int64)
    right[(labels == UNKNOWN).any(axis=1)] = UNKNOWN
    return right, np.take_along_axis(probabilities, likeliest, axis=1)


def calibration_before_and_after(
    labels: Labels, logits: Chances, calibration: Calibration, classes: Sequence[str], bins: int = 15
) -> dict[str, dict[str, Any]]:
    """``measure_calibration`` and ``reliability`` ``before`` and ``after`` a calibration that was fitted elsewhere.

    ``reliability`` maps each class to its points in bins of equal width; with one label an image
    ``reliability_top_label`` has those of the likeliest class. Labels and logits are (N, classes).
    """
    sides: dict[str, dict[str, Any]] = {}
    for side, chances in (
        ("before", uncalibrated(logits, calibration.task)),
        ("after", calibration.probabilities(logits)),
    ):
        sides[side] = measure_calibration(labels, chances, classes, calibration.task, bins)
        sides[side]["reliability"] = dict(zip(classes, reliability_curve(labels, chances, bins), strict=True))
        if calibration.task == "multiclass":
            sides[side]["reliability_top_label"] = reliability_curve(*top_label(labels, chances), bins)[0]
    return sides


def _of_all_classes(labels: Labels, probabilities: Chances, bins: int) -> dict[str, float | None]:
    """What one label an image lets measure over all classes at once."""
    known = (labels != UNKNOWN).all(axis=1)
    truth, chances = labels[known], probabilities[known].astype(np.float64)
    right, confidence = top_label(truth, chances)
    of_truth = np.take_along_axis(chances, truth.argmax(axis=1)[:, None], axis=1)
    return {
        "expected_calibration_error": _expected_error(right[:, 0], confidence[:, 0], bins, "equal_width"),
        "expected_calibration_error_equal_mass": _expected_error(right[:, 0], confidence[:, 0], bins, "equal_mass"),
        "brier_multiclass": _mean(((truth - chances) ** 2).sum(axis=1)),
        "nll": _mean(-np.log(np.clip(of_truth, SMALLEST_CHANCE, 1 - SMALLEST_CHANCE))),
    }


def _expected_error(truth: Labels, chance: Chances, bins: int, kind: BinKind) -> float | None:
    """Mean distance of probability and frequency over the bins, weighted by their images."""
    if not len(truth):
        return None
    images, confidence, frequency = _binned(truth, chance, bins, kind)
    return float(images @ np.abs(confidence - frequency) / len(truth))


def _binned(truth: Labels, chance: Chances, bins: int, kind: BinKind) -> _Bins:
    place = _places(chance, bins, kind)
    images = np.bincount(place, minlength=bins)
    filled = images > 0
    sums = (np.bincount(place, values, bins)[filled] for values in (chance, truth))
    return _Bins(images[filled], *(total / images[filled] for total in sums))


def _places(chance: Chances, bins: int, kind: BinKind) -> NDArray[np.int64]:
    """Number of each forecast's bin, (K,), from 0; equal forecasts are always in one bin.

    Bins of equal width are open below and closed above, as Guo et al. 2017 have them; the first has 0 too. Bins of
    equal mass divide the ranks, where equal forecasts share their mean rank.
    """
    if kind == "equal_width":
        return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], chance, side="left").astype(np.int64)
    _, place, images = np.unique(chance, return_inverse=True, return_counts=True)
    # whole numbers: twice the middle of each run's ranks, counted from 0 to twice the images
    middles = 2 * images.cumsum() - images
    numbers: NDArray[np.int64] = middles[place] * bins // (2 * max(len(chance), 1))
    return numbers


def _log_loss(truth: Labels, chance: Chances) -> NDArray[np.float64]:
    kept = np.clip(chance, SMALLEST_CHANCE, 1 - SMALLEST_CHANCE).astype(np.float64)
    loss: NDArray[np.float64] = -np.log(np.where(truth == 1, kept, 1 - kept))
    return loss


def _known(truth: Labels, chance: Chances) -> tuple[Labels, Chances]:
    known = truth != UNKNOWN
    return truth[known].astype(np.int64), chance[known].astype(np.float64)


def _mean(values: NDArray[np.floating]) -> float | None:
    return float(values.mean()) if values.size else None


def _check(probabilities: Chances) -> None:
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities hold values outside of 0 to 1, or NaN")
