"""DeLong's and Obuchowski's variances against their formulas, pair by pair, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.delong import clustered_delong, delong, delong_interval, delong_test
from thaw.labels import UNKNOWN

Images = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.object_]]


@some.composite
def images(draw: some.DrawFn) -> Images:
    """Two scores of images, some of unknown label; at least two patients each with positives and with negatives."""
    count = draw(some.integers(0, 25))
    label = some.sampled_from([0, 1, UNKNOWN])
    labels = draw(arrays.arrays(np.int64, count, elements=label))
    tied, untied = some.integers(-2, 2).map(float), some.floats(-1e30, 1e30)
    scores = draw(arrays.arrays(np.float64, (count + 4, 2), elements=draw(some.sampled_from([tied, untied]))))
    names = draw(some.lists(some.sampled_from(["a", "b", "c", "10", "9"]), min_size=count, max_size=count))
    return np.append(labels, [0, 1, 0, 1]), scores, np.array([*names, "a", "a", "b", "b"], dtype=object)


def kernel(scores: NDArray[np.float64], labels: NDArray[np.int64], column: int) -> NDArray[np.float64]:
    """psi of every positive (rows) and negative (columns): 1, a half or 0 (DeLong et al. 1988, equation 1)."""
    positives, negatives = scores[labels == 1, column], scores[labels == 0, column]
    return np.greater.outer(positives, negatives) + np.equal.outer(positives, negatives) / 2


def direct_covariance(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """S10 / m + S01 / n of all pairs, O(N^2)."""
    kernels = [kernel(scores, labels, column) for column in range(scores.shape[1])]
    of_positives = np.array([each.mean(axis=1) for each in kernels])
    of_negatives = np.array([each.mean(axis=0) for each in kernels])
    return np.cov(of_positives) / of_positives.shape[1] + np.cov(of_negatives) / of_negatives.shape[1]


def direct_clustered(made: Images) -> NDArray[np.float64]:
    """Obuchowski 1997, patient by patient: S10 / M + S01 / N + (S11 + its transpose) / (M N)."""
    labels, scores, patients = made
    kernels = [kernel(scores, labels, column) for column in range(2)]
    owners = {label: patients[labels == label] for label in (0, 1)}
    positives, negatives = len(owners[1]), len(owners[0])
    with_positives, with_negatives = sorted(set(owners[1])), sorted(set(owners[0]))
    everybody = sorted({*with_positives, *with_negatives})

    def centred(name: str, column: int, label: int) -> float:
        components = kernels[column].mean(axis=1 if label else 0)[owners[label] == name]
        return float(components.sum() - len(components) * kernels[column].mean())

    covariance = np.zeros((2, 2))
    for r in range(2):
        for s in range(2):
            s10 = sum(centred(name, r, 1) * centred(name, s, 1) for name in with_positives)
            s01 = sum(centred(name, r, 0) * centred(name, s, 0) for name in with_negatives)
            s11 = sum(centred(name, r, 1) * centred(name, s, 0) for name in everybody)
            s11 += sum(centred(name, s, 1) * centred(name, r, 0) for name in everybody)
            s10 *= len(with_positives) / ((len(with_positives) - 1) * positives)
            s01 *= len(with_negatives) / ((len(with_negatives) - 1) * negatives)
            s11 *= len(everybody) / (len(everybody) - 1)
            covariance[r, s] = s10 / positives + s01 / negatives + s11 / (positives * negatives)
    return covariance


@given(images())
@settings(deadline=None)
def test_delong_is_its_formula_over_all_pairs(made: Images) -> None:
    labels, scores, _ = made
    auroc, covariance = delong(labels, scores)
    both = np.stack([labels, labels], axis=1)
    assert auroc.tolist() == pytest.approx(auroc_by_class(both, scores), abs=1e-12)
    assert covariance == pytest.approx(direct_covariance(labels, scores), abs=1e-12)


@given(images())
@settings(deadline=None)
def test_the_components_are_those_of_sun_and_xu_from_midranks(made: Images) -> None:
    """Sun and Xu 2014: V10 = (TZ - TX) / n and V01 = 1 - (TZ - TY) / m, with midranks among all, X or Y."""
    labels, scores, _ = made
    positives, negatives = scores[labels == 1], scores[labels == 0]
    m, n = len(positives), len(negatives)
    together = rankdata(np.vstack([positives, negatives]), axis=0)
    of_positives = (together[:m] - rankdata(positives, axis=0)) / n
    of_negatives = 1 - (together[m:] - rankdata(negatives, axis=0)) / m
    expected = np.cov(of_positives, rowvar=False) / m + np.cov(of_negatives, rowvar=False) / n
    assert delong(labels, scores)[1] == pytest.approx(expected, abs=1e-12)


@given(images())
@settings(deadline=None)
def test_the_clustered_covariance_is_obuchowskis_patient_by_patient(made: Images) -> None:
    labels, scores, patients = made
    auroc, covariance = clustered_delong(labels, scores, patients)
    assert np.array_equal(auroc, delong(labels, scores)[0])
    assert covariance == pytest.approx(direct_clustered(made), abs=1e-12)
    assert covariance == pytest.approx(covariance.T, abs=1e-15)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


@given(images())
@settings(deadline=None)
def test_with_one_image_a_patient_the_clustered_covariance_is_the_plain_one(made: Images) -> None:
    labels, scores, _ = made
    clustered = clustered_delong(labels, scores, np.arange(len(labels)))[1]
    assert clustered == pytest.approx(delong(labels, scores)[1], abs=1e-12)


def test_a_case_worked_by_hand() -> None:
    """Positives 3 and 1 against negatives 2, 0 and 1 (tied).

    3 beats all, 1 beats one and ties one: components 1 and 1/2, AUROC 3/4, their variance 1/8. The negatives are beaten
    by half, by all and by three quarters: 1/2, 1, 3/4, variance 1/16. So the variance is 1/16 + 1/48 = 1/12.
    """
    labels, scores = np.array([1, 0, 0, 1, 0, UNKNOWN]), np.array([[3.0], [2], [0], [1], [1], [9]])
    auroc, covariance = delong(labels, scores)
    assert auroc.tolist() == [0.75]
    assert covariance == pytest.approx(np.array([[1 / 12]]))


def test_two_patients_with_both_labels_worked_by_hand() -> None:
    """Scores as above: patient a has 3, 2 and 0, patient b has 1 and the other 1.

    Sums less the mean 3/4: positives 1/4 and -1/4; negatives (1/2 + 1 - 3/2) = 0 and 0. So only the positives count:
    2 / 1 times (1/16 + 1/16), over 2 squared: 1/16.
    """
    labels, scores = np.array([1, 0, 0, 1, 0]), np.array([[3.0], [2], [0], [1], [1]])
    covariance = clustered_delong(labels, scores, np.array(["a", "a", "a", "b", "b"], dtype=object))[1]
    assert covariance == pytest.approx(np.array([[1 / 16]]))


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], [UNKNOWN, UNKNOWN], []])
def test_without_positives_or_negatives_there_is_no_auroc(labels: list[int]) -> None:
    truth, scores = np.array(labels, dtype=int), np.zeros((len(labels), 1))
    with pytest.raises(ValueError, match="at least one positive and one negative"):
        delong(truth, scores)
    with pytest.raises(ValueError, match="at least one positive and one negative"):
        clustered_delong(truth, scores, truth)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        delong(np.array([0, 1]), np.array([[0.0], [np.nan]]))


def test_the_spread_of_one_positive_is_not_known() -> None:
    auroc, covariance = delong(np.array([1, 0, 0]), np.array([[1.0], [0], [2]]))
    assert auroc.tolist() == [0.5]
    assert np.isnan(covariance).all()
    patients = np.array(["a", "a", "b", "c"], dtype=object)
    labels, scores = np.array([1, 1, 0, 0]), np.arange(4.0)[:, None]
    assert np.isfinite(delong(labels, scores)[1]).all()
    assert np.isnan(clustered_delong(labels, scores, patients)[1]).all()
    assert delong_test(np.array([0.5, 0.6]), np.full((2, 2), np.nan)) == (None, None)
    assert delong_interval(0.5, np.nan, 0.95) == (None, None)


@given(images())
@settings(deadline=None)
def test_equal_rankings_do_not_differ(made: Images) -> None:
    labels, scores, patients = made
    twice = np.stack([scores[:, 0], rankdata(scores[:, 0])], axis=1)
    assert delong_test(*delong(labels, twice)) == (None, None)
    assert delong_test(*clustered_delong(labels, twice, patients)) == (None, None)


def test_the_test_is_normal_and_changes_sign_with_the_order() -> None:
    covariance = np.array([[0.0004, 0.0001], [0.0001, 0.0003]])
    z, p = delong_test(np.array([0.83, 0.80]), covariance)
    assert z == pytest.approx(0.03 / np.sqrt(0.0005))
    assert z is not None
    assert p == pytest.approx(2 * norm.sf(z))
    assert delong_test(np.array([0.80, 0.83]), covariance[::-1, ::-1]) == (-z, p)


def test_an_interval_is_symmetric_on_the_logit_and_stays_below_one() -> None:
    low, high = delong_interval(0.98, 0.02**2, 0.95)
    assert low is not None
    assert high is not None
    assert 0.98 + 1.96 * 0.02 > 1 > high > 0.98 > low > 0.8
    middle = np.log(0.98 / 0.02)
    assert np.log(high / (1 - high)) - middle == pytest.approx(norm.ppf(0.975) * 0.02 / (0.98 * 0.02))
    assert middle - np.log(low / (1 - low)) == pytest.approx(norm.ppf(0.975) * 0.02 / (0.98 * 0.02))
    assert delong_interval(1.0, 0.0, 0.95) == (None, None)
    assert delong_interval(0.0, 0.0, 0.95) == (None, None)
    assert delong_interval(0.5, 0.0, 0.95) == pytest.approx((0.5, 0.5))


def test_the_clustered_variance_is_the_one_that_data_sets_of_patients_show() -> None:
    """60 patients with 8 images, half of each label in every other patient, whose scores share the patient's shift.

    300 data sets: the standard error of their variance is 8 %.
    """
    random = np.random.default_rng(11)
    patients = np.repeat(np.arange(60), 8)
    labels = np.where(patients % 3 == 0, np.arange(480) % 2, patients % 3 - 1)
    found, plain, clustered = [], [], []
    for _ in range(300):
        scores = (labels + random.normal(size=60)[patients] + random.normal(scale=0.5, size=480))[:, None]
        auroc, variance = clustered_delong(labels, scores, patients)
        found.append(auroc[0])
        clustered.append(variance[0, 0])
        plain.append(delong(labels, scores)[1][0, 0])
    assert np.mean(clustered) / np.var(found) == pytest.approx(1, abs=0.25)
    assert np.mean(plain) / np.var(found) < 0.5


def test_two_scores_of_many_images_go_together() -> None:
    """All pairs would be 10^10; normal scores 1 apart, the second with more noise."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200_000)
    clear = random.normal(size=200_000) + labels
    scores = np.stack([clear, clear + random.normal(size=200_000)], axis=1)
    auroc, covariance = delong(labels, scores)
    assert auroc == pytest.approx(norm.cdf([1 / np.sqrt(2), 1 / 2]), abs=0.005)
    assert covariance[1, 1] > covariance[0, 0] > covariance[0, 1] > 0
    z, p = delong_test(auroc, covariance)
    assert z is not None
    assert z > 50
    assert p == 0
