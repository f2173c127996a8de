"""Pairs of strategies by accuracy: how often only one of both decides rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thaw.comparison.differences import pairs_within_models
from thaw.comparison.estimate import Estimate, difference_of
from thaw.comparison.mcnemar import Discordance, mcnemar
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import Measured, Resampled
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.bootstrap import Resampling

Method = Literal["McNemar", "resampling"]


@dataclass(frozen=True)
class AccuracyDifference:
    """The accuracy of one strategy less that of another, mean over their seeds.

    Attributes:
        model: of both.
        first: strategy.
        second: strategy.
        class_name: the class whose decisions count; None for all decisions.
        first_accuracy: share of right decisions; None where no label is known.
        second_accuracy: as ``first_accuracy``.
        difference: first less second.
        low: lower end of the two-sided interval, over samples of patients.
        high: its upper end.
        first_only: decisions that only the first has right; None with several seeds.
        second_only: decisions that only the second has right; None with several seeds.
        p: two-sided, of being right equally often.
        p_holm: after Holm: of all decisions over all pairs of all models, of a class over the classes of the pair.
        different: shown by ``p_holm``.
        method: whence p; "McNemar" by patients (see ``mcnemar``) where both have one seed.
        reason: why figures are None; None where none is.
    """

    model: str
    first: str
    second: str
    class_name: str | None
    first_accuracy: float | None
    second_accuracy: float | None
    difference: float | None
    low: float | None
    high: float | None
    first_only: int | None
    second_only: int | None
    p: float | None
    p_holm: float | None
    different: bool
    method: Method
    reason: str | None


def accuracy_differences(
    measured: Sequence[Measured], resampling: Resampling, settings: ComparisonSettings
) -> list[AccuracyDifference]:
    """All decisions of every pair of strategies within each model, then (several labels an image) class by class."""
    pairs = [_Decisions(first, second, resampling) for first, second in pairs_within_models(measured)]
    differences = _family([(pair, None) for pair in pairs], settings)
    for pair in pairs:
        differences += _family([(pair, name) for name in pair.first.accuracy_by_class], settings)
    return differences


@dataclass(frozen=True)
class _Decisions:
    """Of two strategies about the same images."""

    first: Measured
    second: Measured
    resampling: Resampling

    def estimate(self, name: str | None) -> Estimate:
        identical = self.first.contender.predicts_as(self.second.contender)
        return difference_of([_accuracy(self.first, name)], [_accuracy(self.second, name)], identical)

    def discordance(self, name: str | None) -> Discordance | None:
        """McNemar's test of the class, or of all; None with several seeds."""
        if self.first.seeds > 1 or self.second.seeds > 1:
            return None
        known = self.first.known.copy()
        if name is not None:
            known[:, [other != name for other in self.first.accuracy_by_class]] = False
        patients = np.broadcast_to(self.resampling.patients[:, None], known.shape)[known]
        return mcnemar(self.first.right[0][known], self.second.right[0][known], patients)


def _family(members: Sequence[tuple[_Decisions, str | None]], settings: ComparisonSettings) -> list[AccuracyDifference]:
    estimates = [pair.estimate(name) for pair, name in members]
    tests = [pair.discordance(name) for pair, name in members]
    p_values = [
        test.p if test is not None and estimate.value is not None else estimate.p
        for test, estimate in zip(tests, estimates, strict=True)
    ]
    rows = zip(members, estimates, tests, p_values, holm(p_values), strict=True)
    return [
        _difference(pair, name, estimate, test, (p, p_holm), settings)
        for (pair, name), estimate, test, p, p_holm in rows
    ]


def _difference(
    pair: _Decisions,
    name: str | None,
    estimate: Estimate,
    test: Discordance | None,
    p_values: tuple[float | None, float | None],
    settings: ComparisonSettings,
) -> AccuracyDifference:
    low, high = estimate.interval(settings.confidence)
    p, p_holm = p_values
    return AccuracyDifference(
        model=pair.first.contender.model,
        first=pair.first.contender.strategy,
        second=pair.second.contender.strategy,
        class_name=name,
        first_accuracy=_accuracy(pair.first, name).mean,
        second_accuracy=_accuracy(pair.second, name).mean,
        difference=estimate.value,
        low=low,
        high=high,
        first_only=None if test is None else test.first_only,
        second_only=None if test is None else test.second_only,
        p=p,
        p_holm=p_holm,
        different=p_holm is not None and p_holm <= settings.level,
        method="resampling" if test is None else "McNemar",
        reason=estimate.reason,
    )


def _accuracy(measured: Measured, name: str | None) -> Resampled:
    return measured.accuracy if name is None else measured.accuracy_by_class[name]
