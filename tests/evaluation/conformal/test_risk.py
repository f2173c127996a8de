"""Thresholds with a promise: by hand, against their definitions, and over many calibrations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from mapie.risk_control import methods as mapie
from numpy.typing import NDArray
from scipy.stats import binom

from thaw.evaluation.conformal.losses import Curve, Losses, false_discoveries, missed
from thaw.evaluation.conformal.risk import GRID, crc, hoeffding_bentkus, learn_then_test, patients_needed, rcps

RISK, CONFIDENCE, CALIBRATIONS, CALIBRATION_PATIENTS = 0.2, 0.8, 400, 60


def population(patients: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Patients of one to four images that resemble each other; some are harder than others."""
    random = np.random.default_rng(seed)
    owners = np.repeat(np.arange(patients), random.integers(1, 5, patients))
    labels = (random.random((len(owners), 3)) < [0.5, 0.2, 0.1]).astype(int)
    skill = random.normal(1.5, 1.0, patients)[owners, None]
    return labels, 1 / (1 + np.exp(-(skill * (2 * labels - 1) + random.normal(size=labels.shape)))), owners


PATIENTS = 2000
MISSED = missed(*population(PATIENTS), PATIENTS)
WRONG = false_discoveries(*population(PATIENTS), PATIENTS)
EVERYONE = np.ones(PATIENTS, dtype=bool)


def calibrations() -> list[NDArray[np.bool_]]:
    random = np.random.default_rng(1)
    return [random.permutation(PATIENTS) < CALIBRATION_PATIENTS for _ in range(CALIBRATIONS)]


def one_image_each(probabilities: list[float]) -> Curve:
    """Of patients with one image whose true class has this probability."""
    count = len(probabilities)
    labels, owners = np.ones((count, 1), dtype=int), np.arange(count)
    return missed(labels, np.array(probabilities)[:, None], owners, count).curve(np.ones(count, dtype=bool))


curves = some.lists(some.integers(0, 20).map(lambda number: number / 20) | some.floats(0, 1), min_size=1, max_size=60)
fractions = some.floats(0.01, 0.99)


def test_conformal_risk_control_by_hand() -> None:
    """Of nine patients one may be missed: (1 + 1) / 10 <= 0.2; of ties none."""
    assert crc(one_image_each([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), 0.2) == 0.2
    assert crc(one_image_each([0.3, 0.3, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), 0.2) == 0.3
    assert crc(one_image_each([0.0, 0.2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), 0.3) == 1.0


def test_too_few_patients_have_no_threshold() -> None:
    assert crc(one_image_each([0.5] * 8), 0.1) is None
    assert crc(one_image_each([0.5] * 9), 0.1) == 0.5
    assert rcps(one_image_each([0.5] * 21), 0.1, 0.9) is None
    assert rcps(one_image_each([0.5] * 22), 0.1, 0.9) == 0.5
    nobody = Curve(np.empty(0), np.empty(0), 0)
    assert [crc(nobody, 0.9), rcps(nobody, 0.9, 0.1), learn_then_test(nobody, 0.9, 0.1, "lowest")] == [None] * 3


@given(fractions, fractions)
def test_patients_needed_are_the_fewest(risk: float, confidence: float) -> None:
    on_average, with_confidence = patients_needed(risk), patients_needed(risk, confidence)
    assert 1 / (on_average + 1) <= risk + 1e-8
    assert on_average == 1 or 1 / on_average > risk - 1e-8
    assert (1 - risk) ** with_confidence <= 1 - confidence + 1e-8
    assert with_confidence == 1 or (1 - risk) ** (with_confidence - 1) > 1 - confidence - 1e-8


@given(curves, fractions)
def test_conformal_risk_control_takes_the_highest_threshold_that_keeps_the_promise(
    probabilities: list[float], risk: float
) -> None:
    """Also: fitted on all patients, they themselves lose less than was promised to others."""
    curve, count = one_image_each(probabilities), len(probabilities)
    kept = [at for at in probabilities if (sum(p < at for p in probabilities) + 1) / (count + 1) <= risk + 1e-9]
    assert crc(curve, risk) == (max(kept) if kept else None)


@given(curves, fractions, fractions)
def test_rcps_takes_the_highest_threshold_whose_p_value_is_small(
    probabilities: list[float], risk: float, confidence: float
) -> None:
    curve = one_image_each(probabilities)
    small = hoeffding_bentkus(curve.risks, curve.patients, risk) <= 1 - confidence + 1e-9
    enough = len(probabilities) >= patients_needed(risk, confidence)
    assert rcps(curve, risk, confidence) == (curve.thresholds[small].max() if enough and small.any() else None)


@given(curves, fractions, fractions)
def test_rcps_is_learn_then_test_where_the_loss_is_monotone(
    probabilities: list[float], risk: float, confidence: float
) -> None:
    curve = one_image_each(probabilities)
    assert rcps(curve, risk, confidence) == learn_then_test(curve, risk, confidence, "lowest")


@given(curves, fractions, fractions, fractions)
def test_who_accepts_more_risk_gets_no_larger_sets(
    probabilities: list[float], one: float, other: float, confidence: float
) -> None:
    curve = one_image_each(probabilities)
    for find in (crc, lambda curve, risk: rcps(curve, risk, confidence)):
        strict, loose = find(curve, min(one, other)), find(curve, max(one, other))
        assert strict is None or (loose is not None and strict <= loose)


@given(curves, fractions, some.floats(0.65, 0.99))
def test_confidence_is_paid_with_larger_sets(probabilities: list[float], risk: float, confidence: float) -> None:
    curve = one_image_each(probabilities)
    sure, on_average = rcps(curve, risk, confidence), crc(curve, risk)
    assert sure is None or (on_average is not None and sure <= on_average)


def test_learn_then_test_stops_at_the_first_threshold_that_fails() -> None:
    curve = Curve(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0.0, 0.3, 0.0, 0.01, 0.0]), 100)
    assert learn_then_test(curve, 0.1, 0.9, "highest") == 0.3
    assert learn_then_test(curve, 0.1, 0.9, "lowest") == 0.1
    assert learn_then_test(curve._replace(risks=np.full(5, 0.1)), 0.1, 0.9, "lowest") is None
    assert learn_then_test(curve._replace(risks=np.zeros(5)), 0.1, 0.9, "highest") == 0.1


@pytest.mark.parametrize("patients", [1, 22, 500])
@pytest.mark.parametrize("risk", [0.05, 0.5])
def test_p_values_are_the_formula_and_mapies(patients: int, risk: float) -> None:
    means = np.arange(patients + 1) / patients
    expected = []
    for mean in means:
        below = min(mean, risk)
        relative = (below * math.log(below / risk) if below else 0.0) + (1 - below) * math.log((1 - below) / (1 - risk))
        bentkus = math.e * binom.cdf(round(patients * mean), patients, risk)
        expected.append(min(math.exp(-patients * relative), bentkus))
    found = hoeffding_bentkus(means, patients, risk)
    assert found == pytest.approx(expected)
    # at other places MAPIE's count of losses may be rounded up by one
    between = np.minimum(means + 0.3 / patients, 1)
    reference = mapie.compute_hoeffding_bentkus_p_value(between, patients, risk)[:, 0]
    assert hoeffding_bentkus(between, patients, risk) == pytest.approx(reference)


def test_conformal_risk_control_holds_on_average_and_is_not_wasteful() -> None:
    """At most the promise, and, as the theorem's other half says, at least it less 2 / (n + 1)."""
    risks = [MISSED.risk(~chosen, level(crc(MISSED.curve(chosen), RISK))) for chosen in calibrations()]
    error = float(np.std(risks) / np.sqrt(CALIBRATIONS))
    count = np.mean([MISSED.count(chosen) for chosen in calibrations()])
    assert RISK - 2 / (count + 1) - 3 * error <= np.mean(risks) <= RISK + 3 * error


def test_without_the_correction_the_promise_breaks() -> None:
    """So the simulation can tell: the highest threshold whose mean loss itself is at most the risk loses more."""
    random, risks = np.random.default_rng(2), []
    for _ in range(CALIBRATIONS):
        chosen = random.permutation(PATIENTS) < 15
        curve = MISSED.curve(chosen)
        risks.append(MISSED.risk(~chosen, float(curve.thresholds[curve.risks <= RISK][-1])))
    assert np.mean(risks) > RISK + 3 * np.std(risks) / np.sqrt(CALIBRATIONS)


@pytest.mark.parametrize("method", ["rcps", "missed by grid", "wrong by grid"])
def test_methods_with_confidence_break_the_promise_no_more_often_than_they_may(method: str) -> None:
    allowed = 1 - CONFIDENCE + 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / CALIBRATIONS)
    losses: Losses = WRONG if method == "wrong by grid" else MISSED
    risks = []
    for chosen in calibrations():
        if method == "rcps":
            threshold = rcps(losses.curve(chosen), RISK, CONFIDENCE)
        else:
            safest = "highest" if losses is WRONG else "lowest"
            threshold = learn_then_test(losses.curve(chosen, GRID), RISK, CONFIDENCE, safest)
        risks.append(losses.risk(EVERYONE, level(threshold)))
    assert np.mean(np.array(risks) > RISK) <= allowed
    assert np.mean(risks) > RISK / 2


def level(threshold: float | None) -> float:
    assert threshold is not None
    return threshold
