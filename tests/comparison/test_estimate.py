"""Standard errors of differences: patients, seeds, and both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp
from scipy.stats import t as student

from thaw.comparison.estimate import FEW, FLAT, SPARSE, UNDEFINED, Estimate, difference_of
from thaw.comparison.resampled import Resampled
from thaw.evaluation.bootstrap import Interval

RANDOM = np.random.default_rng(0)


def figure(values: list[float], spread: float = 0.01, resamples: int = 500, patients: int = 10**9) -> Resampled:
    samples = np.array(values) + spread * RANDOM.normal(size=(resamples, len(values)))
    return Resampled(np.array(values), samples, patients)


def test_with_one_seed_each_it_is_the_spread_of_the_samples() -> None:
    first, second = figure([0.8]), figure([0.77])
    found = difference_of([first], [second])
    moved = (first.samples - second.samples)[:, 0]
    assert found.value == pytest.approx(0.03)
    assert found.standard_error == pytest.approx(moved.std(ddof=1))
    assert found.freedom == pytest.approx(10**9)
    assert found.p == pytest.approx(2 * norm.sf(0.03 / moved.std(ddof=1)))
    assert found.interval(0.95) == pytest.approx(norm.interval(0.95, 0.03, moved.std(ddof=1)))


def test_few_patients_have_a_larger_error_and_few_degrees_of_freedom() -> None:
    first, second = figure([0.8], patients=5), figure([0.77], patients=5)
    moved = (first.samples - second.samples)[:, 0]
    found = difference_of([first], [second])
    assert found.standard_error == pytest.approx(moved.std(ddof=1) * math.sqrt(5 / 4))
    assert found.freedom == pytest.approx(4)
    assert difference_of([figure([0.8], patients=1)], [figure([0.7], patients=1)]) == Estimate(
        pytest.approx(0.1), reason=FEW
    )


def test_several_seeds_have_the_components_of_obuchowski_and_rockette() -> None:
    """Var = (MS_1 + MS_2) / seeds + Cov2_1 + Cov2_2 - 2 Cov3, with Hillis' degrees of freedom; MS beyond the error."""
    seeds = 3
    first, second = figure([0.80, 0.84, 0.79]), figure([0.77, 0.72, 0.75])
    covariance = np.cov(np.hstack([first.samples, second.samples]).T)
    within = [covariance[:3, :3], covariance[3:, 3:]]
    same_test = sum((block.sum() - np.trace(block)) / (seeds * (seeds - 1)) for block in within)
    other_test = covariance[:3, 3:].mean()
    squares = [np.var(one.values, ddof=1) for one in (first, second)]
    expected = sum(squares) / seeds + same_test - 2 * other_test
    freedom = expected**2 / sum((of / seeds) ** 2 / (seeds - 1) for of in squares)
    found = difference_of([first], [second])
    assert found.standard_error is not None
    assert found.standard_error**2 == pytest.approx(expected, rel=0.01)
    assert found.freedom == pytest.approx(freedom, rel=0.02)


def test_seeds_that_differ_less_than_patients_explain_add_nothing() -> None:
    first, second = figure([0.80, 0.80, 0.80]), figure([0.77])
    moved = first.samples.mean(axis=1) - second.samples[:, 0]
    assert difference_of([first], [second]).standard_error == pytest.approx(moved.std(ddof=1))


def test_where_patients_do_not_matter_it_is_students_test_of_the_seeds() -> None:
    values = [0.80, 0.84, 0.79, 0.83]
    first, second = figure(values, spread=1e-9), figure([0.75], spread=1e-9)
    found, expected = difference_of([first], [second]), ttest_1samp(values, 0.75)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-4)
    assert found.interval(0.9) == pytest.approx(tuple(np.array(expected.confidence_interval(0.9)) - 0.75), rel=1e-4)
    assert found.p_not_above(0.01) == pytest.approx(ttest_1samp(values, 0.76, alternative="greater").pvalue, rel=1e-4)


def test_a_mean_over_models_has_a_share_of_the_variance_of_each() -> None:
    first, second = [figure([0.8]), figure([0.9])], [figure([0.75]), figure([0.85])]
    moved = sum(one.samples for one in first) / 2 - sum(other.samples for other in second) / 2
    found = difference_of(first, second)
    assert found.value == pytest.approx(0.05)
    assert found.standard_error == pytest.approx(np.std(moved, ddof=1))


def test_the_interval_excludes_what_the_p_value_rejects() -> None:
    estimate = Estimate(0.03, 0.012, freedom=4.0)
    low, _ = estimate.interval(0.95)
    assert low is not None
    assert low == pytest.approx(0.03 - 0.012 * student.ppf(0.975, 4))
    assert (low > 0) == ((estimate.p or 1) < 0.05)
    assert estimate.p_not_above(low) == pytest.approx(0.025)


def test_the_same_scores_differ_by_0_for_sure() -> None:
    found = difference_of([figure([0.8])], [figure([0.8])], identical=True)
    assert (found, found.p, found.interval(0.95)) == (Estimate(0.0, 0.0), 1.0, Interval(0.0, 0.0))
    assert (found.p_not_above(-0.01), found.p_not_above(0.01)) == (0.0, 1.0)


def test_what_cannot_be_told_is_none_with_a_reason() -> None:
    flat, nothing = figure([0.8], spread=0), figure([math.nan])
    found = difference_of([flat], [figure([0.7], spread=0)])
    assert found == Estimate(pytest.approx(0.1), reason=FLAT)
    assert (found.p, found.p_not_above(0), found.interval(0.95)) == (None, None, Interval(None, None))
    assert difference_of([flat], [flat]).p == 1.0
    assert difference_of([flat], [nothing]) == Estimate(None, reason=UNDEFINED)
    rare = figure([0.8])
    rare.samples[: len(rare.samples) // 2 + 1] = np.nan
    assert difference_of([rare], [flat]) == Estimate(pytest.approx(0), reason=SPARSE)
