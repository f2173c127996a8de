"""Calibration errors by hand, against scikit-learn and against their definitions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from thaw.evaluation.calibration import fit_calibration
from thaw.evaluation.calibration_error import (
    BinKind,
    calibration_before_and_after,
    decompose_brier,
    measure_calibration,
    reliability_curve,
    top_label,
)
from thaw.labels import UNKNOWN, Task

CLASSES = ["Effusion", "Mass", "Nodule"]
KINDS: list[BinKind] = ["equal_width", "equal_mass"]
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(500, 3)) * 2 - [1, 0, 2]
LABELS = (RANDOM.random((500, 3)) < expit(LOGITS / 2)).astype(np.int8)
CHANCES = expit(LOGITS)
TRUE = np.array([RANDOM.choice(3, p=softmax(row / 2)) for row in LOGITS])
ONE_LABEL, SHARED = np.eye(3, dtype=np.int8)[TRUE], softmax(LOGITS, axis=1)


def column(*values: float) -> NDArray[Any]:
    return np.array(values)[:, None]


def of_one(labels: NDArray[Any], chances: NDArray[Any], bins: int) -> dict[str, Any]:
    return measure_calibration(labels, chances, ["a"], "multilabel", bins)


def test_errors_of_five_images_by_hand() -> None:
    """Two bins of equal width: 0.1, 0.4, 0.5 with 1 of 3 and 0.6, 0.9 with 2 of 2.

    |1/3 - 1/3| · 3/5 + |3/4 - 1| · 2/5 = 0.1. Of equal mass: 0.1, 0.4 with none and 0.5, 0.6, 0.9 with all,
    |0.25 - 0| · 2/5 + |2/3 - 1| · 3/5 = 0.3.
    """
    labels, chances = column(0, 0, 1, 1, 1).astype(int), column(0.1, 0.4, 0.5, 0.6, 0.9)
    found = of_one(labels, chances, 2)
    assert found["expected_calibration_error"] == pytest.approx(0.1)
    assert found["expected_calibration_error_equal_mass"] == pytest.approx(0.3)
    assert reliability_curve(labels, chances, 2) == [
        [
            {"confidence": pytest.approx(1 / 3), "frequency": pytest.approx(1 / 3), "images": 3},
            {"confidence": pytest.approx(0.75), "frequency": 1.0, "images": 2},
        ]
    ]
    assert found["brier"]["a"] == pytest.approx((0.01 + 0.16 + 0.25 + 0.16 + 0.01) / 5)
    assert found["nll"] == pytest.approx(-np.log([0.9, 0.6, 0.5, 0.6, 0.9]).mean())


def test_top_label_error_of_several_classes_by_hand() -> None:
    """Guo et al. 2017: the likeliest class has 0.6 (wrong), 0.7 (right) and 0.9 (right), two bins: all in the upper."""
    labels = np.eye(3, dtype=int)[[1, 0, 2]]
    chances = np.array([[0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.05, 0.05, 0.9]])
    found = measure_calibration(labels, chances, CLASSES, "multiclass", 2)
    assert found["expected_calibration_error"] == pytest.approx(abs((0.6 + 0.7 + 0.9) / 3 - 2 / 3))
    assert found["brier_multiclass"] == pytest.approx((0.36 + 0.49 + 0.01 + 0.09 + 0.04 + 0.01 + 0.0025 * 2 + 0.01) / 3)
    assert found["nll"] == pytest.approx(-np.log([0.3, 0.7, 0.9]).mean())
    right, confidence = top_label(labels, chances)
    assert (right.tolist(), confidence.tolist()) == ([[0], [1], [1]], [[0.6], [0.7], [0.9]])


def test_brier_and_log_loss_are_scikit_learns() -> None:
    found = measure_calibration(LABELS, CHANCES, CLASSES, "multilabel")
    brier = [brier_score_loss(LABELS[:, place], CHANCES[:, place]) for place in range(3)]
    assert list(found["brier"].values()) == pytest.approx(brier)
    assert found["brier_macro"] == pytest.approx(np.mean(brier))
    assert found["nll"] == pytest.approx(np.mean([log_loss(LABELS[:, c], CHANCES[:, c]) for c in range(3)]))
    assert "brier_multiclass" not in found
    several = measure_calibration(ONE_LABEL, SHARED, CLASSES, "multiclass")
    assert several["nll"] == pytest.approx(log_loss(TRUE, SHARED))
    assert several["brier_multiclass"] == pytest.approx(brier_score_loss(TRUE, SHARED, labels=[0, 1, 2]))
    assert several["brier_multiclass"] == pytest.approx(3 * several["brier_macro"])


@pytest.mark.parametrize(("kind", "strategy"), [("equal_width", "uniform"), ("equal_mass", "quantile")])
def test_reliability_curves_are_scikit_learns(kind: BinKind, strategy: str) -> None:
    curves = reliability_curve(LABELS, CHANCES, 10, kind)
    for place, curve in enumerate(curves):
        frequency, confidence = calibration_curve(LABELS[:, place], CHANCES[:, place], n_bins=10, strategy=strategy)
        assert [point["frequency"] for point in curve] == pytest.approx(frequency)
        assert [point["confidence"] for point in curve] == pytest.approx(confidence)
        assert sum(point["images"] for point in curve) == 500


@pytest.mark.parametrize(("kind", "name"), [("equal_width", "classwise"), ("equal_mass", "classwise_equal_mass")])
def test_errors_are_the_mean_distance_of_the_curve_from_the_diagonal(kind: BinKind, name: str) -> None:
    sets: list[tuple[Task, Any, Any]] = [("multilabel", LABELS, CHANCES), ("multiclass", ONE_LABEL, SHARED)]
    for task, labels, chances in sets:
        found = measure_calibration(labels, chances, CLASSES, task, 12)
        for of_class, curve in zip(CLASSES, reliability_curve(labels, chances, 12, kind), strict=True):
            distances = [abs(point["confidence"] - point["frequency"]) for point in curve]
            expected = np.average(distances, weights=[point["images"] for point in curve])
            assert found[name][of_class] == pytest.approx(expected)
        assert found[f"{name}_mean"] == pytest.approx(np.mean(list(found[name].values())))


def test_bins_of_equal_mass_hold_equal_numbers_and_keep_equal_forecasts_together() -> None:
    chances = RANDOM.permutation(100)[:, None] / 100
    (curve,) = reliability_curve(np.zeros((100, 1), int), chances, 7, "equal_mass")
    assert {point["images"] for point in curve} == {14, 15}
    assert len(curve) == 7
    (tied,) = reliability_curve(np.zeros((10, 1), int), column(*[0.2] * 9, 0.9), 5, "equal_mass")
    assert [(point["confidence"], point["images"]) for point in tied] == [(pytest.approx(0.2), 9), (0.9, 1)]


def test_probabilities_of_exactly_0_and_1_have_a_bin_and_a_finite_log_loss() -> None:
    labels, chances = column(0, 1, 0, 1).astype(int), column(0, 1, 1, 0)
    found = of_one(labels, chances, 15)
    assert found["nll"] == pytest.approx(-np.log(1e-12) / 2, rel=1e-4)
    assert found["expected_calibration_error"] == 0.5
    assert [point["images"] for point in reliability_curve(labels, chances)[0]] == [2, 2]
    certain = measure_calibration(np.eye(2, dtype=int), np.eye(2), ["a", "b"], "multiclass")
    assert (certain["nll"], certain["brier_multiclass"]) == (pytest.approx(0, abs=1e-11), 0)
    assert certain["expected_calibration_error"] == 0


@some.composite
def forecasts(draw: some.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    images = draw(some.integers(1, 40))
    tied = some.integers(0, 6).map(lambda sixths: sixths / 6)
    chances = arrays.arrays(np.float64, images, elements=tied | some.floats(0, 1))
    return draw(arrays.arrays(np.int64, images, elements=some.integers(0, 1))), draw(chances)


@given(forecasts(), some.integers(1, 20))
def test_the_parts_sum_to_the_brier_score(made: tuple[NDArray[np.int64], NDArray[np.float64]], bins: int) -> None:
    truth, chance = made
    parts = decompose_brier(truth, chance, bins)
    assert parts is not None
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bins"]
    assert total == pytest.approx(np.mean((truth - chance) ** 2), abs=1e-12)
    assert min(parts["reliability"], parts["resolution"]) >= 0
    assert parts["resolution"] <= parts["uncertainty"] + 1e-12
    assert parts["uncertainty"] == pytest.approx(truth.var())


def test_murphys_three_parts_by_hand() -> None:
    """Two forecasts: 0.2 came true once in four times, 0.8 three times in four; nothing is left within bins."""
    truth, chance = np.array([0, 0, 0, 1, 0, 1, 1, 1]), np.repeat([0.2, 0.8], 4)
    expected = {"reliability": 0.05**2, "resolution": 0.25**2, "uncertainty": 0.25, "within_bins": 0.0}
    assert decompose_brier(truth, chance, 2) == pytest.approx(expected)


@given(forecasts(), some.integers(1, 20), some.randoms())
def test_nothing_depends_on_the_order_of_images(
    made: tuple[NDArray[np.int64], NDArray[np.float64]], bins: int, random: Any
) -> None:
    truth, chance = made
    order = list(range(len(truth)))
    random.shuffle(order)
    once, again = of_one(truth[:, None], chance[:, None], bins), of_one(truth[order, None], chance[order, None], bins)
    for name in ("expected_calibration_error", "expected_calibration_error_equal_mass", "brier_macro", "nll"):
        assert once[name] == pytest.approx(again[name], abs=1e-12)
        assert once[name] >= 0
    assert once["expected_calibration_error"] <= 1


def test_unknown_labels_are_left_out() -> None:
    labels = LABELS.copy()
    labels[::3, 0] = UNKNOWN
    labels[:, 2] = UNKNOWN
    found = measure_calibration(labels, CHANCES, CLASSES, "multilabel")
    known = labels[:, 0] != UNKNOWN
    alone = measure_calibration(labels[known][:, :1], CHANCES[known][:, :1], CLASSES[:1], "multilabel")
    for name in ("classwise", "classwise_equal_mass", "brier"):
        assert found[name]["Effusion"] == alone[name]["Effusion"]
        assert found[name]["Nodule"] is None
    assert found["brier_macro"] == pytest.approx((found["brier"]["Effusion"] + found["brier"]["Mass"]) / 2)
    assert found["brier_decomposition"]["resolution"]["Nodule"] is None
    assert reliability_curve(labels, CHANCES)[2] == []
    labels = ONE_LABEL.copy()
    labels[:100] = UNKNOWN
    assert measure_calibration(labels, SHARED, CLASSES, "multiclass") == measure_calibration(
        labels[100:], SHARED[100:], CLASSES, "multiclass"
    )


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_without_images_nothing_is_measured(task: Task) -> None:
    found = measure_calibration(np.zeros((0, 3), int), np.zeros((0, 3)), CLASSES, task)
    nothing = dict.fromkeys(CLASSES)
    assert found["classwise"] == found["brier"] == found["brier_decomposition"]["reliability"] == nothing
    for name in ("expected_calibration_error", "expected_calibration_error_equal_mass", "brier_macro", "nll"):
        assert found[name] is None
    assert found["brier_decomposition_macro"] == dict.fromkeys(
        ("reliability", "resolution", "uncertainty", "within_bins")
    )


def test_a_class_that_never_occurs_is_still_calibrated_or_not() -> None:
    found = of_one(np.zeros((4, 1), int), np.full((4, 1), 0.25), 15)
    assert found["expected_calibration_error"] == 0.25
    assert found["brier_decomposition"] == {
        "reliability": {"a": 0.0625},
        "resolution": {"a": 0.0},
        "uncertainty": {"a": 0.0},
        "within_bins": {"a": 0.0},
    }


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    for measured in (lambda: of_one(column(1), column(bad), 15), lambda: reliability_curve(column(1), column(bad))):
        with pytest.raises(ValueError, match="outside of 0 to 1"):
            measured()


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_before_and_after_stand_side_by_side(task: Task) -> None:
    labels = LABELS if task == "multilabel" else ONE_LABEL
    calibration = fit_calibration(LOGITS, labels, task, "temperature")
    sides = calibration_before_and_after(labels, LOGITS, calibration, CLASSES)
    before = CHANCES if task == "multilabel" else SHARED
    assert sides["before"].items() >= measure_calibration(labels, before, CLASSES, task).items()
    after = calibration.probabilities(LOGITS)
    assert sides["after"].items() >= measure_calibration(labels, after, CLASSES, task).items()
    assert sides["after"]["reliability"] == dict(zip(CLASSES, reliability_curve(labels, after), strict=True))
    assert sides["after"]["nll"] < sides["before"]["nll"]
    assert sides["after"]["expected_calibration_error"] < sides["before"]["expected_calibration_error"]
    assert ("reliability_top_label" in sides["before"]) == (task == "multiclass")
    assert json.loads(json.dumps(sides, allow_nan=False)) == sides
