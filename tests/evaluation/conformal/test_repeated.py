"""The check of promises on repeated halvings: kept ones are found kept, broken ones broken."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from thaw.evaluation.conformal import check_promise, measure_conformal
from thaw.evaluation.conformal.losses import Curve
from thaw.evaluation.conformal.repeated import _checked
from thaw.evaluation.conformal.sets import Cohort, Method, marginal
from thaw.params.evaluation import ConformalParams

SETTINGS = ConformalParams(risk=0.2, confidence=0.8, repeats=60)
RANDOM = np.random.default_rng(0)


def several_labels(
    images: int, classes: int, patients: int
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.object_]]:
    labels = (RANDOM.random((images, classes)) < 0.2).astype(np.int8)
    probabilities = 1 / (1 + np.exp(-(3.0 * labels - 2 + RANDOM.normal(size=labels.shape))))
    return labels, probabilities, np.array([f"{row % patients}" for row in range(images)], dtype=object)


def single_label(images: int, patients: int) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.object_]]:
    truth = RANDOM.choice(3, images, p=[0.6, 0.37, 0.03])
    odds = np.exp(RANDOM.normal(size=(images, 3)) + 2 * np.eye(3)[truth])
    owners = np.array([f"{row % patients}" for row in range(images)], dtype=object)
    return np.eye(3, dtype=np.int8)[truth], odds / odds.sum(axis=1, keepdims=True), owners


def test_promises_of_several_labels_hold() -> None:
    found = check_promise(*several_labels(900, 4, 300), "multilabel", SETTINGS, seed=0)
    assert list(found) == [
        "false_negative_rate_crc",
        "false_negative_rate_rcps",
        "false_negative_rate_ltt",
        "false_discovery_rate_ltt",
    ]
    for checked in found.values():
        assert checked["held"] is True
        assert checked["attained"] == checked["repeats"] == len(checked["risks"]) == 60
        assert checked["mean"] == pytest.approx(np.mean(checked["risks"]))
        assert checked["above"] == pytest.approx(np.mean(np.array(checked["risks"]) > 0.2))
    on_average, sure = found["false_negative_rate_crc"], found["false_negative_rate_rcps"]
    assert on_average["mean"] == pytest.approx(0.2, abs=0.02)
    assert on_average["above"] > 0.2
    assert "violations" not in on_average
    assert sure["violations"] <= 0.2
    assert (sure["allowed"], sure["violation_error"]) == pytest.approx((0.2, np.sqrt(0.2 * 0.8 / 60)))


def test_classes_are_checked_one_by_one() -> None:
    """The third class has too few patients in most halves: what is said of it rests on the others."""
    found = check_promise(*single_label(400, 200), "multiclass", SETTINGS, seed=0)
    by_class = found["class_conditional"]["by_class"]
    assert [checked["attained"] for checked in by_class[:2]] == [60, 60]
    assert 0 < by_class[2]["attained"] < 60
    assert [checked["mean"] for checked in by_class[:2]] == pytest.approx([0.2, 0.2], abs=0.03)
    assert found["class_conditional"]["held"] is True
    assert found["marginal"]["held"] is True
    assert "by_class" not in found["marginal"]


def test_the_first_halving_is_the_one_that_is_measured() -> None:
    labels, probabilities, patients = single_label(200, 200)
    once = SETTINGS.model_copy(update={"repeats": 1})
    found = check_promise(labels, probabilities, patients, "multiclass", once, seed=4)["marginal"]
    _, members = measure_conformal(labels, probabilities, patients, ["a", "b", "c"], "multiclass", SETTINGS, seed=4)
    cohort = Cohort.of(labels, probabilities, patients)
    second = ~cohort.halve(np.random.default_rng(4))[cohort.owners]
    assert found["risks"] == pytest.approx([(labels[second].astype(bool) & ~members[second]).sum() / second.sum()])
    assert (found["monte_carlo_error"], found["held"]) == (None, None)


@pytest.mark.parametrize("confidence", [None, 0.8])
def test_a_method_that_breaks_its_promise_is_found_out(confidence: float | None) -> None:
    """It promises 0.2 and lets a third be missed."""
    cohort = Cohort.of(*single_label(300, 300))
    honest = marginal(cohort, SETTINGS)

    def careless(curve: Curve) -> float:
        return float(curve.thresholds[curve.risks <= 0.33][-1])

    method = Method("careless", "missed", honest.losses, careless, 0.2, confidence)
    random = np.random.default_rng(0)
    checked = _checked(method, [cohort.halve(random) for _ in range(60)])
    assert checked["held"] is False
    assert checked["above"] > 0.9
    assert confidence is None or checked["violations"] > 0.9


def test_without_repeats_or_patients_nothing_is_said() -> None:
    labels, probabilities, patients = single_label(40, 40)
    nothing = {"attained": 0, "mean": None, "monte_carlo_error": None}
    never = check_promise(
        labels, probabilities, patients, "multiclass", SETTINGS.model_copy(update={"repeats": 0}), seed=0
    )
    expected = {"promised": 0.2, "confidence": None, "repeats": 0, "risks": [], **nothing, "above": None, "held": None}
    assert never == {"marginal": expected, "class_conditional": {**expected, "by_class": [nothing] * 3}}
    lonely = check_promise(labels[:1], probabilities[:1], patients[:1], "multilabel", SETTINGS, seed=0)
    assert lonely["false_discovery_rate_ltt"] == {
        **expected,
        "confidence": 0.8,
        "repeats": 60,
        "violations": None,
        "allowed": None,
        "violation_error": None,
    }
    json.dumps([never, lonely], allow_nan=False)


def test_halvings_of_a_large_test_set_are_quick() -> None:
    """16,800 images of 14 classes, not fewer than a test set of NIH: 200 halvings in 30 seconds, so 50 in a quarter."""
    material = several_labels(16_800, 14, 4_600)
    begun = time.process_time()
    found = check_promise(*material, "multilabel", SETTINGS.model_copy(update={"repeats": 50}), seed=0)
    assert time.process_time() - begun < 7.5
    assert all(checked["held"] for checked in found.values())
