"""Pairs of strategies of one model by macro AUROC: is one better, are they equal, is one no worse?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from thaw.comparison.contender import Contender
from thaw.comparison.estimate import Estimate, difference_of
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import Measured, measure_contenders
from thaw.comparison.settings import ComparisonSettings


@dataclass(frozen=True)
class Difference:
    """The macro AUROC of one strategy less that of another, mean over their seeds.

    Attributes:
        model: of both; None for the mean over all models.
        first: strategy.
        second: strategy.
        first_auroc: its macro AUROC; None where undefined.
        second_auroc: its macro AUROC; None where undefined.
        difference: first less second.
        low: lower end of the two-sided interval at ``confidence``.
        high: its upper end.
        inner_low: lower end of the interval at 2 ``confidence`` - 1, which claims of equality rest on.
        inner_high: its upper end.
        standard_error: of the difference.
        freedom: degrees of freedom of the standard error; None where there is none or it is 0 for sure.
        seeds: the fewer of both; with 1 the difference is one between these trainings, not between strategies.
        p: two-sided, of no difference.
        p_holm: after Holm over all pairs of the family.
        p_first_no_worse: one-sided, of the first being worse by the margin or more; after Holm over the family.
        p_second_no_worse: the same of the second.
        different: shown by ``p_holm``; the better one is where the sign of ``difference`` points.
        equivalent: shown to differ by less than the margin: neither is worse.
        first_no_worse: the first is shown to be worse by less than the margin, if at all.
        second_no_worse: the same of the second.
        reason: why figures are None; None where none is.
    """

    model: str | None
    first: str
    second: str
    first_auroc: float | None
    second_auroc: float | None
    difference: float | None
    low: float | None
    high: float | None
    inner_low: float | None
    inner_high: float | None
    standard_error: float | None
    freedom: float | None
    seeds: int
    p: float | None
    p_holm: float | None
    p_first_no_worse: float | None
    p_second_no_worse: float | None
    different: bool
    equivalent: bool
    first_no_worse: bool
    second_no_worse: bool
    reason: str | None

    def seen_from(self, strategy: str) -> Difference:
        """The same pair with ``strategy``, one of both, first."""
        if strategy == self.first:
            return self
        return dataclasses.replace(
            self,
            first=self.second,
            second=self.first,
            first_auroc=self.second_auroc,
            second_auroc=self.first_auroc,
            difference=_negative(self.difference),
            low=_negative(self.high),
            high=_negative(self.low),
            inner_low=_negative(self.inner_high),
            inner_high=_negative(self.inner_low),
            p_first_no_worse=self.p_second_no_worse,
            p_second_no_worse=self.p_first_no_worse,
            first_no_worse=self.second_no_worse,
            second_no_worse=self.first_no_worse,
        )


@dataclass(frozen=True)
class Pair:
    """Two strategies to compare, each as measured in the same models, in the same order."""

    model: str | None
    first: Sequence[Measured]
    second: Sequence[Measured]

    @property
    def estimate(self) -> Estimate:
        """The difference of their macro AUROC."""
        identical = all(
            one.contender.predicts_as(other.contender) for one, other in zip(self.first, self.second, strict=True)
        )
        return difference_of(
            [one.auroc_macro for one in self.first], [other.auroc_macro for other in self.second], identical
        )


def pairs_within_models(measured: Sequence[Measured]) -> list[tuple[Measured, Measured]]:
    """All pairs of strategies of the same model, model by model, in the order of the strategies."""
    models = dict.fromkeys(one.contender.model for one in measured)
    return [pair for model in models for pair in combinations([m for m in measured if m.contender.model == model], 2)]


def compare_pairs(contenders: Sequence[Contender], settings: ComparisonSettings) -> list[Difference]:
    """All pairs of strategies within each model; they are one family.

    Raises:
        UserError: the contenders are not of the same images (see ``aligned``).
        ValueError: there is no contender.
    """
    measured, _ = measure_contenders(contenders, settings)
    return differences_within(measured, settings)


def differences_within(measured: Sequence[Measured], settings: ComparisonSettings) -> list[Difference]:
    """As ``compare_pairs``, of contenders that are measured already."""
    pairs = [Pair(one.contender.model, [one], [other]) for one, other in pairs_within_models(measured)]
    return family_of(pairs, settings)


def family_of(pairs: Sequence[Pair], settings: ComparisonSettings) -> list[Difference]:
    """The differences of pairs that are one family.

    p-values come from the standard error and Student's distribution, not from counting samples: so they agree with the
    intervals and are not bounded below by the number of samples, which Holm would multiply.

    Claims of "no worse" are a family too. Of a pair at most one side can truly be worse by the margin, so at most as
    many of these hypotheses are true as there are pairs, and ``holm`` multiplies by no more. With a single pair it is
    the two one-sided tests of ``Estimate.interval`` as they stand.
    """
    estimates = [pair.estimate for pair in pairs]
    adjusted = holm([estimate.p for estimate in estimates])
    no_worse = holm(
        [side.p_not_above(-settings.margin) for estimate in estimates for side in (estimate, estimate.negative())],
        at_most=sum(estimate.standard_error is not None for estimate in estimates),
    )
    sides = zip(no_worse[::2], no_worse[1::2], strict=True)
    return [
        _difference(pair, estimate, p_holm, of_sides, settings)
        for pair, estimate, p_holm, of_sides in zip(pairs, estimates, adjusted, sides, strict=True)
    ]


def mean_auroc(measured: Sequence[Measured]) -> float | None:
    """Mean over models of the macro AUROC; None where one is undefined."""
    values = [one.auroc_macro.mean for one in measured]
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined and len(defined) == len(values) else None


def _difference(
    pair: Pair,
    estimate: Estimate,
    p_holm: float | None,
    no_worse: tuple[float | None, float | None],
    settings: ComparisonSettings,
) -> Difference:
    low, high = estimate.interval(settings.confidence)
    inner_low, inner_high = estimate.interval(2 * settings.confidence - 1)
    first, second = (p is not None and p <= settings.level for p in no_worse)
    return Difference(
        model=pair.model,
        first=pair.first[0].contender.strategy,
        second=pair.second[0].contender.strategy,
        first_auroc=mean_auroc(pair.first),
        second_auroc=mean_auroc(pair.second),
        difference=estimate.value,
        low=low,
        high=high,
        inner_low=inner_low,
        inner_high=inner_high,
        standard_error=estimate.standard_error,
        freedom=None if math.isinf(estimate.freedom) else estimate.freedom,
        seeds=min(one.seeds for one in (*pair.first, *pair.second)),
        p=estimate.p,
        p_holm=p_holm,
        p_first_no_worse=no_worse[0],
        p_second_no_worse=no_worse[1],
        different=p_holm is not None and p_holm <= settings.level,
        equivalent=first and second,
        first_no_worse=first,
        second_no_worse=second,
        reason=estimate.reason,
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else -value
