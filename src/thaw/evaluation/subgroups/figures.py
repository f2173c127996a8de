"""The figures of one group of patients by class, on its images and in every sample of patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.bootstrap import Resampling, interval, macro_of, share
from thaw.evaluation.subgroups.groups import Mask
from thaw.evaluation.subgroups.judged import Judged
from thaw.evaluation.subgroups.underdiagnosis import Underdiagnosis
from thaw.labels import UNKNOWN

AUROC = "auroc"
TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE = "true_positive_rate", "false_positive_rate"
UNDERDIAGNOSIS_RATE = "underdiagnosis_rate"
HIGHER_IS_BETTER = {AUROC: True, TRUE_POSITIVE_RATE: True, FALSE_POSITIVE_RATE: False, UNDERDIAGNOSIS_RATE: False}
AUROC_RESAMPLES = 500  # AUROC alone takes long; more samples would move the ends of its intervals by little


@dataclass(frozen=True)
class Figure:
    """One figure of one group; NaN where undefined.

    Attributes:
        values: by class, (classes,); an underdiagnosis rate has one value alone.
        samples: the same in every sample of patients, (resamples, classes).
    """

    values: NDArray[np.float64]
    samples: NDArray[np.float64]

    @property
    def macro(self) -> float:
        """Mean over the classes that have a value; NaN where none has."""
        return float(macro_of(self.values[None])[0])

    @property
    def defined(self) -> int:
        """How many classes have a value."""
        return int(np.isfinite(self.values).sum())


def fewer(resampling: Resampling) -> Resampling:
    """The same patients, drawn at most ``AUROC_RESAMPLES`` times."""
    return replace(resampling, resamples=min(resampling.resamples, AUROC_RESAMPLES))


def figures_of(
    judged: Judged, missed: Underdiagnosis, mask: Mask, resampling: Resampling, of_auroc: Resampling
) -> Mapping[str, Figure]:
    """AUROC, true and false positive rate and underdiagnosis rate of the images in ``mask``, (N,).

    Samples are of all patients, so that two groups' figures belong together sample by sample.

    Args:
        judged: all images.
        missed: all images.
        mask: those of the group.
        resampling: for the rates.
        of_auroc: for AUROC.
    """
    ranking = auroc_of(judged.labels, judged.probabilities, mask, of_auroc)
    return {AUROC: ranking, **_rates_of(judged, missed, mask, resampling)}


def auroc_of(labels: NDArray[np.integer], scores: NDArray[np.floating], mask: Mask, resampling: Resampling) -> Figure:
    """AUROC by class, from labels and scores (N, classes), of the images in ``mask``, (N,)."""
    values = np.array(auroc_by_class(labels[mask], scores[mask]), dtype=np.float64)  # None becomes NaN
    return Figure(values, resampling.auroc(np.where(mask[:, None], labels, UNKNOWN), scores))


def ends_of(samples: NDArray[np.float64], confidence: float) -> list[float] | None:
    """Both ends of the percentile interval of a figure's ``samples``, (resamples,).

    None where fewer than half of them define the figure, or where they do not move it: it then rests on too few
    patients, or is perfect, and an interval of no width would promise too much.
    """
    low, high = interval(samples, confidence)
    return None if low is None or high is None or low == high else [low, high]


def _rates_of(judged: Judged, missed: Underdiagnosis, mask: Mask, resampling: Resampling) -> dict[str, Figure]:
    """Quotients of sums: one product of matrices gives all of them for all samples."""
    chosen = mask[:, None] & judged.decidable
    positive, negative = chosen & (judged.labels == 1), chosen & (judged.labels == 0)
    ill, missed_ill = ((mask & flags)[:, None] for flags in (missed.ill, missed.missed))
    parts = [positive & judged.decisions, negative & judged.decisions, missed_ill]
    columns = np.concatenate([*parts, positive, negative, ill], axis=1)
    sums = np.concatenate([columns.sum(axis=0, keepdims=True), resampling.sums(columns)])
    rates = share(*np.split(sums, 2, axis=1))
    width = len(judged.classes)
    by_figure = np.split(rates, [width, 2 * width], axis=1)
    names = (TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE, UNDERDIAGNOSIS_RATE)
    return {name: Figure(rate[0], rate[1:]) for name, rate in zip(names, by_figure, strict=True)}
