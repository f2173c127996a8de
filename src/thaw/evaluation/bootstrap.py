"""Intervals by drawing patients with replacement: all images of a patient are drawn together.

Images of one patient resemble each other, so drawing images one by one understates how much a figure would move
with other patients. Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 8 (units that are drawn
as a whole) and 13 (percentile intervals); Field and Welsh, "Bootstrapping clustered data", Journal of the Royal
Statistical Society B 69 (2007), section 2 (the cluster bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# what one array of a chunk of samples may take; several are alive at once
CHUNK_BYTES = 2 * 2**20
SMALLEST_CHUNK = 16

Counts = NDArray[np.float64]


class Interval(NamedTuple):
    """Lower and upper end; both None where too few resamples define the figure."""

    low: float | None
    high: float | None


class _Ranking(NamedTuple):
    """Where a class's images rank among the scores that its positives have, highest first, as sparse counts.

    Attributes:
        positives: how many of each patient have each score, (scores, patients).
        negatives: how many of each patient have so many of the scores above them, (scores + 1, patients).
    """

    positives: Any
    negatives: Any


@dataclass(frozen=True)
class Resampling:
    """So many samples of patients, the same for everything that is measured on the same images.

    Counts of images are exact, so AUROC and sums of whole numbers are the same to the last bit in any order of the
    images.

    Attributes:
        patients: number of the patient of each image, from 0 without gaps, (N,).
        resamples: how many samples are drawn.
        seed: of the draws.
    """

    patients: NDArray[np.int64]
    resamples: int
    seed: int = 0

    @classmethod
    def of(cls, patients: NDArray[np.object_], resamples: int, seed: int = 0) -> Resampling:
        """Of the patients' names (N,); the draws depend on the set of names, not on the order of the images."""
        return cls(np.unique(patients.astype(str), return_inverse=True)[1].astype(np.int64), resamples, seed)

    @cached_property
    def drawn(self) -> NDArray[np.float32]:
        """How often each sample holds each patient, (resamples, patients): 4 bytes each, kept."""
        count = int(self.patients.max()) + 1 if len(self.patients) else 0
        random, drawn = np.random.default_rng(self.seed), np.zeros((self.resamples, count), dtype=np.float32)
        if count:
            for row in drawn:
                row[:] = np.bincount(random.integers(0, count, count), minlength=count)
        return drawn

    def sums(self, columns: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum of each column (N, columns) over each sample's images, (resamples, columns).

        With it any figure made of counts is resampled in one product of matrices. Entries must be finite.
        """
        by_patient = self._images() @ columns.astype(np.float64)
        sums = np.zeros((self.resamples, columns.shape[1]))
        for rows, weights in self._chunks(self.drawn.shape[1]):
            sums[rows] = weights.T @ by_patient
        return sums

    def auroc(self, labels: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """AUROC by sample and class, (resamples, classes); NaN where a sample lacks positives or negatives.

        The statistic of Mann and Whitney (1947) with counts: every negative is beaten by the positives above it and by
        half of those beside it. O(N log N) for the ranking, then O(N) a sample.

        Args:
            labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
            scores: (N, classes), larger for more likely.

        Raises:
            ValueError: a score is not a finite number.
        """
        return self._by_class(labels, scores, _auroc, halve_ties=True)

    def average_precision(self, labels: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Average precision by sample and class, (resamples, classes); NaN where AUROC is.

        The mean over a sample's positives of the precision when all images that score as high count as found: the sum
        of precision times the rise of recall, without interpolation.

        Args:
            labels: (N, classes), 0, 1 or ``UNKNOWN``, which is left out.
            scores: (N, classes), larger for more likely.

        Raises:
            ValueError: a score is not a finite number.
        """
        return self._by_class(labels, scores, _average_precision, halve_ties=False)

    def _by_class(
        self,
        labels: NDArray[np.integer],
        scores: NDArray[np.floating],
        figure: Callable[[Counts, Counts], Counts],
        halve_ties: bool,
    ) -> NDArray[np.float64]:
        if not np.isfinite(scores).all():
            raise ValueError("scores hold NaN or infinity")
        rankings = [self._ranking(truth, score, halve_ties) for truth, score in zip(labels.T, scores.T, strict=True)]
        values = np.full((self.resamples, len(rankings)), np.nan)
        for rows, weights in self._chunks(len(labels)):
            for column, ranking in enumerate(rankings):
                if ranking is not None:
                    values[rows, column] = figure(ranking.positives @ weights, ranking.negatives @ weights)
        return values

    def _ranking(self, labels: NDArray[np.integer], scores: NDArray[np.floating], halve_ties: bool) -> _Ranking | None:
        """Of one class; None where it has no positive or no negative image.

        A negative that has a positive's score ranks above it; or half of it above and half below.
        """
        positive, negative = labels == 1, labels == 0
        if not positive.any() or not negative.any():
            return None
        falling, at = np.unique(-scores[positive], return_inverse=True)
        above = np.searchsorted(falling, -scores[negative], "left")
        not_below = np.searchsorted(falling, -scores[negative], "right") if halve_ties else above
        patients, shape = self.patients[negative], (len(falling) + 1, self.drawn.shape[1])
        return _Ranking(
            _counts(at, self.patients[positive], (len(falling), shape[1])),
            (_counts(above, patients, shape) + _counts(not_below, patients, shape)) / 2,
        )

    def _images(self) -> Any:
        """Which images are whose, sparse (patients, N)."""
        images = np.arange(len(self.patients))
        return _counts(self.patients, images, (self.drawn.shape[1], len(images)))

    def _chunks(self, length: int) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Some samples after others, with how often they hold each patient, (patients, samples of the chunk)."""
        size = max(SMALLEST_CHUNK, CHUNK_BYTES // (8 * max(length, 1)))
        for start in range(0, self.resamples, size):
            rows = slice(start, min(start + size, self.resamples))
            yield rows, np.ascontiguousarray(self.drawn[rows].T, dtype=np.float64)


def macro_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over classes by sample, (resamples,), of values (resamples, classes); a sample leaves out what it lacks."""
    defined = np.isfinite(values)
    return share(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def share(parts: NDArray[np.number], wholes: NDArray[np.number]) -> NDArray[np.float64]:
    """Quotients of counts of the same shape; NaN where the whole is 0."""
    quotients: NDArray[np.float64] = np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)
    return quotients


def interval(values: NDArray[np.float64], confidence: float) -> Interval:
    """Percentile interval of a figure's values (resamples,); NaN ones are left out.

    None at both ends where fewer than half of the samples define the figure.
    """
    defined = values[np.isfinite(values)]
    if 2 * len(defined) < len(values) or not len(defined):
        return Interval(None, None)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def _counts(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> Any:
    """How often each pair of a row and a column occurs, sparse."""
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _auroc(positives: Counts, negatives: Counts) -> Counts:
    """By sample, of counts (scores, samples) and (scores + 1, samples)."""
    above = np.cumsum(positives, axis=0)
    return share(np.einsum("rs,rs->s", negatives[1:], above), above[-1] * negatives.sum(axis=0))


def _average_precision(positives: Counts, negatives: Counts) -> Counts:
    """By sample, of counts (scores, samples) and (scores + 1, samples)."""
    found, given = np.cumsum(positives, axis=0), np.cumsum(positives + negatives[:-1], axis=0)
    # before the first image that a sample holds there is nothing to divide by, and nothing to add
    summed = np.einsum("rs,rs->s", positives, found / np.maximum(given, 1))
    return share(summed, np.where(negatives.any(axis=0), found[-1], 0))
