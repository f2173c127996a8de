"""How far a difference between strategies would move with other test patients and other seeds.

Patients are drawn with replacement, the same for all strategies. Seeds are drawn at random too, but a handful cannot
stand for all: drawing three with replacement understates their variance by a third, and counts twice what patients do
to one training and not to another. So their share is computed instead of drawn, by the components of variance of
studies with several readers and several cases, a training in place of a reader who reads for one strategy only:
Obuchowski and Rockette, "Hypothesis testing of diagnostic accuracy for multiple readers and multiple tests",
Communications in Statistics - Simulation and Computation 24 (1995); Hillis, "A marginal-mean ANOVA approach for
analyzing multireader multicase radiological imaging data", Statistics in Medicine 33 (2014), the design with readers
nested within tests; Beiden, Wagner and Campbell, "Components-of-variance models and multiple-bootstrap experiments",
Academic Radiology 7 (2000), which takes the components from samples of patients as here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from thaw.comparison.resampled import Resampled
from thaw.evaluation.bootstrap import Interval

# differences and errors below it are rounding
TINY = 1e-9
UNDEFINED = "the test images do not define it"
SPARSE = "fewer than half of the samples of test patients define it"
FEW = "it rests on too few patients"
FLAT = "the samples of test patients do not move it"


@dataclass(frozen=True)
class Estimate:
    """A difference and what is known of its error.

    Attributes:
        value: the difference; None where it is undefined.
        standard_error: None where it cannot be told.
        freedom: degrees of freedom of the standard error; infinite where that is 0 for sure.
        reason: why something is None.
    """

    value: float | None
    standard_error: float | None = None
    freedom: float = math.inf
    reason: str | None = None

    def interval(self, confidence: float) -> Interval:
        """Two-sided, by Student's distribution; with ``confidence`` 1 - 2a the one that tests at level a on each side.

        Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
        """
        if self.value is None or self.standard_error is None:
            return Interval(None, None)
        if self.standard_error == 0:
            return Interval(self.value, self.value)
        reach = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.standard_error
        return Interval(self.value - reach, self.value + reach)

    @property
    def p(self) -> float | None:
        """Two-sided p-value of no difference; 1 for a difference of 0 whose error cannot be told."""
        if self.value is None:
            return None
        if abs(self.value) <= TINY:
            return 1.0
        if self.standard_error is None:
            return None
        return min(1.0, 2 * self._tail(abs(self.value) / self.standard_error))

    def p_not_above(self, bound: float) -> float | None:
        """One-sided p-value of the difference being ``bound`` or less."""
        if self.value is None or self.standard_error is None:
            return None
        if self.standard_error == 0:
            return 0.0 if self.value > bound else 1.0
        return self._tail((self.value - bound) / self.standard_error)

    def negative(self) -> Estimate:
        """The same difference the other way round."""
        return dataclasses.replace(self, value=None if self.value is None else -self.value)

    def _tail(self, distance: float) -> float:
        return float(stdtr(self.freedom, -distance))


def difference_of(first: Sequence[Resampled], second: Sequence[Resampled], identical: bool = False) -> Estimate:
    """Mean of the ``first`` figures less mean of the ``second``, each the mean over its seeds.

    The squared standard error is the variance over samples of patients of this very difference, plus for every figure
    with several seeds what these differ on the test patients beyond what the samples of patients explain, divided by
    the number of seeds. With a single seed nothing is added: the difference is then one between these trainings.

    Samples of n patients understate a variance by the share (n - 1) / n for an average, which matters where a class has
    few patients; it is made good, and the degrees of freedom are n less the number of averages. Those of the sum by
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946), with
    seeds less 1 for the seeds of a figure, as Hillis (2014) has them.

    Args:
        first: figures on the same samples and patients as ``second``; several to average over, such as one a model.
        second: as ``first``.
        identical: both come from the same scores, so that a difference of 0 is certain.
    """
    figures = [*first, *second]
    weights = [1 / len(first)] * len(first) + [-1 / len(second)] * len(second)
    value = sum(weight * float(figure.values.mean()) for weight, figure in zip(weights, figures, strict=True))
    if not math.isfinite(value):
        return Estimate(None, reason=UNDEFINED)
    if identical:
        return Estimate(0.0, 0.0)
    moved = np.sum([weight * one.samples.mean(axis=1) for weight, one in zip(weights, figures, strict=True)], axis=0)
    moved, patients, freedom = moved[np.isfinite(moved)], figures[0].patients, figures[0].freedom
    if freedom < 1:
        return Estimate(value, reason=FEW)
    if 2 * len(moved) < len(figures[0].samples) or len(moved) < 2:
        return Estimate(value, reason=SPARSE)
    shares = [_SeedShare.of(figure, weight) for weight, figure in zip(weights, figures, strict=True)]
    of_patients = float(moved.var(ddof=1)) * patients / freedom
    variance = of_patients + sum(share.excess for share in shares)
    if variance <= TINY**2:
        return Estimate(value, reason=FLAT)
    loose = of_patients**2 / freedom + sum(share.whole**2 / share.freedom for share in shares if share.whole > 0)
    return Estimate(value, math.sqrt(variance), variance**2 / loose)


@dataclass(frozen=True)
class _SeedShare:
    """What a figure's seeds bring to the variance of a difference.

    Attributes:
        excess: beyond what the samples of patients hold already.
        whole: all that differs from seed to seed, of which the degrees of freedom are few.
        freedom: seeds less 1.
    """

    excess: float
    whole: float
    freedom: int

    @classmethod
    def of(cls, figure: Resampled, weight: float) -> _SeedShare:
        seeds = len(figure.values)
        if seeds < 2:
            return cls(0.0, 0.0, 0)
        factor = weight**2 / seeds
        observed, explained = float(figure.values.var(ddof=1)), _explained(figure.samples)
        return cls(factor * max(observed - explained, 0.0), factor * max(observed, explained), seeds - 1)


def _explained(samples: NDArray[np.float64]) -> float:
    """Variance between seeds that other patients alone would bring: they move one training and not another."""
    defined = samples[np.isfinite(samples).all(axis=1)]
    return float((defined - defined.mean(axis=0)).var(axis=1, ddof=1).mean()) if len(defined) else 0.0
