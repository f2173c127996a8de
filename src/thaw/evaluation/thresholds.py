"""The probability from which each class counts as present, fitted on validation images, and how firmly it stands.

Every class is decided by itself: an image has it where its score is the threshold or more. Of thresholds that are
equally good the highest is taken. A class has no threshold where nothing speaks for one: see ``why_undefined``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import CHUNK_BYTES, Resampling, interval
from thaw.labels import UNKNOWN
from thaw.params.evaluation import GridParams, OperatingPointParams

Labels = NDArray[np.integer]
Scores = NDArray[np.floating]
Numbers = NDArray[np.float64]


class _Candidates(NamedTuple):
    """The thresholds of one class, from the highest down, and its images of known label, by falling score.

    Attributes:
        thresholds: (T,).
        images: (K,), numbers of the images.
        positive: (K,), whether the image has the class.
        reached: (T,), how many images have a score of the threshold or more.
    """

    thresholds: Numbers
    images: NDArray[np.int64]
    positive: NDArray[np.bool_]
    reached: NDArray[np.int64]


class _Counts(NamedTuple):
    """Images of R samples at T thresholds: positives found and images called (R, T); all of each label (R, 1)."""

    found: Numbers
    called: Numbers
    positives: Numbers
    negatives: Numbers


def fit_thresholds(labels: Labels, scores: Scores, rule: OperatingPointParams) -> list[float | None]:
    """The best threshold of each class by ``rule``; None where there is none.

    The candidates are the scores of the class's images of known label, or the values of ``rule.grid``.

    - ``f1``: the largest F1, 2 TP / (2 TP + FP + FN). Van Rijsbergen, "Information Retrieval" (1979), chapter 7;
      Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", ECML PKDD 2014.
    - ``youden``: the largest sensitivity + specificity - 1. Youden, "Index for rating diagnostic tests", Cancer 3
      (1950).
    - ``sensitivity``: the highest threshold whose sensitivity is ``rule.sensitivity`` or more.
    - ``cost``: the smallest ``rule.miss_cost`` FN + FP. Elkan, "The foundations of cost-sensitive learning", IJCAI
      2001, section 1, with the cost of a false alarm as the unit.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), larger for more likely.
        rule: of the choice.

    Raises:
        ValueError: a score is not a finite number.
    """
    chosen: list[float | None] = []
    for candidates in _by_class(labels, scores, rule.grid):
        best = int(_best(rule, _of_all(candidates))[0])
        chosen.append(float(candidates.thresholds[best]) if best >= 0 else None)
    return chosen


def why_undefined(labels: Labels, scores: Scores, rule: OperatingPointParams) -> list[str | None]:
    """Why each class has no threshold, in words; None for a class that ``fit_thresholds`` gives one.

    A threshold needs an image with and one without the class, and scores on both of its sides. It must also be
    worth more than none: F1 above 0, sensitivity above the share of false alarms (``youden``), the sensitivity asked
    for, cost below that of missing all positives.

    Raises:
        ValueError: a score is not a finite number.
    """
    every = [(candidates, _of_all(candidates)) for candidates in _by_class(labels, scores, rule.grid)]
    return [_reason(rule, *each) if _best(rule, each[1])[0] < 0 else None for each in every]


def threshold_stability(
    labels: Labels,
    scores: Scores,
    patients: NDArray[np.object_],
    rule: OperatingPointParams,
    resamples: int,
    confidence: float,
    seed: int = 0,
) -> list[dict[str, Any] | None]:
    """How far each class's threshold moves when it is fitted on other samples of the validation patients.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
        scores: (N, classes), finite.
        patients: whose images they are, (N,); drawn with replacement, all images of one together.
        rule: of the choice.
        resamples: how many samples of patients.
        confidence: of the interval.
        seed: of the draws.

    Returns:
        For each class None where it has no threshold, or ``low`` and ``high``, the percentile interval of the samples'
        thresholds (None where fewer than half of the samples have one), and ``undefined``, the share without one.
    """
    resampling = Resampling.of(patients, resamples, seed)
    stability: list[dict[str, Any] | None] = []
    for candidates in _by_class(labels, scores, rule.grid):
        if _best(rule, _of_all(candidates))[0] < 0:
            stability.append(None)
            continue
        best = np.concatenate([_best(rule, counts) for counts in _of_samples(candidates, resampling)])
        ends = interval(np.where(best >= 0, candidates.thresholds[best], np.nan), confidence)
        stability.append({"low": ends.low, "high": ends.high, "undefined": float((best < 0).mean())})
    return stability


def grid_thresholds(grid: GridParams) -> Numbers:
    """From ``start`` up to and with ``stop``, rounded so that 0.05 and ten steps of 0.01 are 0.15 to the last bit."""
    steps = int(np.floor((grid.stop - grid.start) / grid.step + 1e-9))
    return np.round(grid.start + grid.step * np.arange(steps + 1), 12)


def _by_class(labels: Labels, scores: Scores, grid: GridParams | None) -> Iterator[_Candidates]:
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinity")
    for truth, score in zip(labels.T, scores.T.astype(np.float64), strict=True):
        known = np.flatnonzero(truth != UNKNOWN)
        images = known[np.argsort(-score[known], kind="stable")]
        rising = score[images][::-1]
        thresholds = np.unique(rising)[::-1] if grid is None else grid_thresholds(grid)[::-1]
        reached = len(images) - np.searchsorted(rising, thresholds, side="left")
        yield _Candidates(thresholds, images, truth[images] == 1, reached)


def _of_all(candidates: _Candidates) -> _Counts:
    return _counts(candidates, np.ones((1, len(candidates.images))))


def _of_samples(candidates: _Candidates, resampling: Resampling) -> Iterator[_Counts]:
    patients = resampling.patients[candidates.images]
    rows = max(1, CHUNK_BYTES // (8 * max(len(patients), 1)))
    for start in range(0, resampling.resamples, rows):
        yield _counts(candidates, resampling.drawn[start : start + rows, patients])


def _counts(candidates: _Candidates, weights: NDArray[np.floating]) -> _Counts:
    """Counts from ``weights`` (R, K), how often each sample holds each image; the same as if it were repeated."""
    passed = np.zeros((2, len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, dtype=np.float64, out=passed[0, :, 1:])
    np.cumsum(weights * candidates.positive, axis=1, dtype=np.float64, out=passed[1, :, 1:])
    called, found = passed[:, :, candidates.reached]
    positives = passed[1, :, -1:]
    return _Counts(found, called, positives, passed[0, :, -1:] - positives)


def _best(rule: OperatingPointParams, counts: _Counts) -> NDArray[np.int64]:
    """Place of each sample's best threshold, (R,); -1 where it has none."""
    if not counts.called.shape[1]:
        return np.full(len(counts.called), -1)
    merit = _merit(rule, counts)
    best = merit.argmax(axis=1)  # the first of equals, which is the highest threshold
    better = np.take_along_axis(merit, best[:, None], axis=1)[:, 0] > 0
    return np.where(better & (counts.negatives[:, 0] > 0) & _parts(counts), best, -1)


def _merit(rule: OperatingPointParams, counts: _Counts) -> Numbers:
    """What is largest at the best threshold, (R, T), and 0 where no image is called or the class has no positive.

    Youden's index is kept in whole numbers, and the cost as what is saved against missing all: equals stay equal.
    """
    found, called, positives, negatives = counts
    if rule.method == "f1":
        return 2 * found / np.maximum(called + positives, 1)
    if rule.method == "youden":
        return found * negatives - (called - found) * positives
    if rule.method == "cost":
        return rule.miss_cost * found - (called - found)
    return (found / np.maximum(positives, 1) >= rule.sensitivity).astype(np.float64)


def _parts(counts: _Counts) -> NDArray[np.bool_]:
    """Whether any threshold has images on both sides, (R,)."""
    images = counts.positives + counts.negatives
    both: NDArray[np.bool_] = (counts.called > 0) & (counts.called < images)
    parts: NDArray[np.bool_] = np.any(both, axis=1)
    return parts


def _reason(rule: OperatingPointParams, candidates: _Candidates, counts: _Counts) -> str:
    if not len(candidates.images):
        return "no image of known label"
    if not candidates.positive.any():
        return "no positive image"
    if candidates.positive.all():
        return "no negative image"
    if not _parts(counts)[0]:
        return "all scores are equal" if rule.grid is None else "all scores are on one side of the grid"
    return {
        "f1": "no threshold of the grid finds a positive image",
        "youden": "no threshold is better than chance",
        "sensitivity": f"no threshold of the grid has a sensitivity of {rule.sensitivity:g}",
        "cost": "no threshold costs less than to call no image",
    }[rule.method]
