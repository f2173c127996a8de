"""A metric by class together with what it is in every sample of patients, so that metrics can be subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.bootstrap import Interval, Resampling, interval, macro_of, share
from thaw.labels import UNKNOWN

Labels = NDArray[np.integer]
Scores = NDArray[np.floating]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A metric by class, NaN where it is undefined.

    Attributes:
        values: of all images, (classes,).
        samples: of every sample of patients, (resamples, classes).
        patients: on how many it rests, (classes,); the fewer where it rests on two kinds.
    """

    values: Numbers
    samples: Numbers
    patients: NDArray[np.int64]

    def __sub__(self, other: Figure) -> Figure:
        """The difference by class: of two sets whose patients are drawn independently, or of one set, paired."""
        fewer = np.minimum(self.patients, other.patients)
        return Figure(self.values - other.values, self.samples - other.samples, fewer)

    def macro(self) -> Figure:
        """The mean over the defined classes, as a figure of one class; it rests on the patients of the broadest."""
        patients = np.array([self.patients[np.isfinite(self.values)].max(initial=0)])
        return Figure(macro_of(self.values[None]), macro_of(self.samples)[:, None], patients)

    def told(self, confidence: float) -> list[dict[str, float | None]]:
        """``value``, ``low`` and ``high`` of each class; None where undefined, or where nothing could have moved."""
        return [
            {"value": float(value) if np.isfinite(value) else None, **self._ends(column, confidence)}
            for column, value in enumerate(self.values)
        ]

    def _ends(self, column: int, confidence: float) -> dict[str, float | None]:
        ends = interval(self.samples[:, column], confidence)
        # what rests on one patient, or is the same in every sample, would seem to be certain
        if not np.isfinite(self.values[column]) or self.patients[column] < 2 or ends.low == ends.high:
            ends = Interval(None, None)
        return ends._asdict()


def mean_of(figures: Sequence[Figure]) -> Figure:
    """The mean of figures of the same images and samples, such as those of several seeds."""
    values, samples = (np.mean([getattr(one, name) for one in figures], axis=0) for name in ("values", "samples"))
    return Figure(values, samples, figures[0].patients)


def auroc_figure(labels: Labels, scores: Scores, resampling: Resampling) -> Figure:
    """AUROC of each class against all other images whose label is known.

    Args:
        labels: (N, classes), 0, 1 or ``UNKNOWN``.
        scores: (N, classes).
        resampling: of the patients of these images.
    """
    values = np.array([np.nan if value is None else value for value in auroc_by_class(labels, scores)])
    fewer = np.minimum(_patients_with(labels == 1, resampling), _patients_with(labels == 0, resampling))
    return Figure(values, resampling.auroc(labels, scores), fewer)


def decision_figures(
    labels: Labels, scores: Scores, thresholds: Sequence[float | None], resampling: Resampling
) -> dict[str, Figure]:
    """``sensitivity`` and ``specificity`` of the decisions ``score >= threshold``; undefined without a threshold."""
    usable = np.array([threshold is not None for threshold in thresholds], dtype=bool)
    decided = scores >= np.array([np.inf if threshold is None else threshold for threshold in thresholds])
    positive, negative = (labels == 1) & usable, (labels == 0) & usable
    return {
        "sensitivity": _share_figure(positive & decided, positive, resampling),
        "specificity": _share_figure(negative & ~decided, negative, resampling),
    }


def gap_figure(labels: Labels, probabilities: Scores, resampling: Resampling) -> Figure:
    """Mean predicted probability less observed share of each class: above 0 where risks are overstated.

    Calibration in the large: Cox, "Two further applications of a model for binary regression", Biometrika 45 (1958);
    Van Calster et al., "Calibration: the Achilles heel of predictive analytics", BMC Medicine 17 (2019).
    """
    known = labels != UNKNOWN
    return _share_figure(np.where(known, probabilities - labels, 0), known, resampling)


def _share_figure(parts: NDArray[Any], wholes: Flags, resampling: Resampling) -> Figure:
    summed, counted = np.split(resampling.sums(np.hstack([parts, wholes])), 2, axis=1)
    values = share(parts.sum(axis=0, dtype=np.float64), wholes.sum(axis=0))
    return Figure(values, share(summed, counted), _patients_with(wholes, resampling))


def _patients_with(images: Flags, resampling: Resampling) -> NDArray[np.int64]:
    """Patients who have one of the images, by class."""
    return np.array([len(np.unique(resampling.patients[column])) for column in images.T], dtype=np.int64)
