"""Pairs of strategies class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thaw.comparison.differences import pairs_within_models
from thaw.comparison.estimate import FEW, FLAT, TINY, UNDEFINED, Estimate, difference_of
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import Measured
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.delong import clustered_delong

Method = Literal["DeLong", "resampling"]


@dataclass(frozen=True)
class ClassDifference:
    """The AUROC of one strategy less that of another for one class, mean over their seeds.

    Attributes:
        model: of both.
        first: strategy.
        second: strategy.
        class_name: the class.
        first_auroc: None where undefined.
        second_auroc: None where undefined.
        difference: first less second.
        low: lower end of the two-sided interval.
        high: its upper end.
        standard_error: of the difference.
        p: two-sided, of no difference.
        p_holm: after Holm over the classes of this pair.
        different: shown by ``p_holm``.
        method: whence the standard error.
        reason: why figures are None; None where none is.
    """

    model: str
    first: str
    second: str
    class_name: str
    first_auroc: float | None
    second_auroc: float | None
    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    p: float | None
    p_holm: float | None
    different: bool
    method: Method
    reason: str | None


def class_differences(
    measured: Sequence[Measured], resampling: Resampling, settings: ComparisonSettings
) -> list[ClassDifference]:
    """Every class of every pair of strategies within each model; the classes of a pair are a family.

    Where both have one seed, by DeLong's covariance with patients as clusters, and Student's distribution with as many
    degrees of freedom as patients with the class, or without it if they are fewer, less 1. Several seeds are compared
    by the samples of patients and the seeds' own differences, as the macro AUROC is: averaging scores over seeds, to
    have one curve, would test an ensemble, which nobody trained and which is better than its members.
    """
    pairs = pairs_within_models(measured)
    curves = {model: _Curves.of(measured, model, resampling) for model in {pair[0].contender.model for pair in pairs}}
    return [
        difference
        for first, second in pairs
        for difference in _of_pair(first, second, curves[first.contender.model], settings)
    ]


@dataclass(frozen=True)
class _Curves:
    """DeLong's covariance between the strategies of a model that have one seed.

    Attributes:
        places: of the strategies in the covariances.
        covariances: by class, (strategies, strategies); classes without an AUROC have none.
    """

    places: dict[str, int]
    covariances: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, measured: Sequence[Measured], model: str, resampling: Resampling) -> _Curves:
        single = [one for one in measured if one.contender.model == model and one.seeds == 1]
        covariances = {}
        for column, (name, auroc) in enumerate(single[0].auroc.items() if single else ()):
            if auroc.mean is not None:
                predictions = [one.contender.predictions[0] for one in single]
                scores = np.stack([made.scores[:, column] for made in predictions], axis=1)
                labels = predictions[0].labels[:, column]
                covariances[name] = clustered_delong(labels, scores, resampling.patients)[1]
        return cls({one.contender.strategy: place for place, one in enumerate(single)}, covariances)

    def difference(self, first: Measured, second: Measured, name: str, identical: bool) -> Estimate:
        one, other = first.auroc[name].mean, second.auroc[name].mean
        if one is None or other is None:
            return Estimate(None, reason=UNDEFINED)
        if identical:
            return Estimate(0.0, 0.0)
        places = [self.places[first.contender.strategy], self.places[second.contender.strategy]]
        covariance = self.covariances[name][np.ix_(places, places)]
        variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        freedom = first.auroc[name].freedom
        if freedom < 1:
            return Estimate(one - other, reason=FEW)
        if variance <= TINY**2:
            return Estimate(one - other, reason=FLAT)
        return Estimate(one - other, math.sqrt(variance), freedom)


def _of_pair(first: Measured, second: Measured, curves: _Curves, settings: ComparisonSettings) -> list[ClassDifference]:
    method: Method = "DeLong" if first.seeds == second.seeds == 1 else "resampling"
    identical = first.contender.predicts_as(second.contender)
    estimates = [
        curves.difference(first, second, name, identical)
        if method == "DeLong"
        else difference_of([first.auroc[name]], [second.auroc[name]], identical)
        for name in first.auroc
    ]
    adjusted = holm([estimate.p for estimate in estimates])
    return [
        _difference(first, second, name, estimate, p_holm, method, settings)
        for name, estimate, p_holm in zip(first.auroc, estimates, adjusted, strict=True)
    ]


def _difference(
    first: Measured,
    second: Measured,
    name: str,
    estimate: Estimate,
    p_holm: float | None,
    method: Method,
    settings: ComparisonSettings,
) -> ClassDifference:
    low, high = estimate.interval(settings.confidence)
    return ClassDifference(
        model=first.contender.model,
        first=first.contender.strategy,
        second=second.contender.strategy,
        class_name=name,
        first_auroc=first.auroc[name].mean,
        second_auroc=second.auroc[name].mean,
        difference=estimate.value,
        low=low,
        high=high,
        standard_error=estimate.standard_error,
        p=estimate.p,
        p_holm=p_holm,
        different=p_holm is not None and p_holm <= settings.level,
        method=method,
        reason=estimate.reason,
    )
