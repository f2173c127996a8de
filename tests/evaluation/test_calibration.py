"""Calibrations against scikit-learn's, general optimisers and the properties that their papers state."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.calibration import Calibration, fit_calibration
from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN, Task
from thaw.params.evaluation import CalibrationMethod

METHODS: list[CalibrationMethod] = ["none", "temperature", "platt", "isotonic", "vector"]
TASKS: list[Task] = ["multilabel", "multiclass"]
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(600, 3)) * 2 - [1, 0, 2]
LABELS = (RANDOM.random((600, 3)) < expit(LOGITS / 3 + [0, 0.5, 0])).astype(np.int8)
TRUE = np.array([RANDOM.choice(3, p=softmax(row / 3 + [0, 0.5, 0])) for row in LOGITS])
ONE_LABEL = np.eye(3, dtype=np.int8)[TRUE]


def labels_of(task: Task) -> NDArray[np.int8]:
    labels: NDArray[np.int8] = LABELS if task == "multilabel" else ONE_LABEL
    return labels


def likelihood(labels: NDArray[Any], chances: NDArray[Any], task: Task) -> float:
    """Mean negative logarithm of the chance of what is true."""
    if task == "multiclass":
        return float(log_loss(labels.argmax(axis=1), chances, labels=range(labels.shape[1])))
    return float(np.mean([log_loss(truth, chance) for truth, chance in zip(labels.T, chances.T, strict=True)]))


def column(*values: float) -> NDArray[Any]:
    return np.array(values)[:, None]


@pytest.mark.parametrize("task", TASKS)
def test_the_temperature_is_that_of_a_general_search(task: Task) -> None:
    labels = labels_of(task)
    fitted = fit_calibration(LOGITS, labels, task, "temperature")
    expected = minimize_scalar(
        lambda t: likelihood(labels, probabilities(LOGITS / t, task), task), bounds=(0.1, 20), method="bounded"
    ).x
    assert fitted.parameters == {"temperature": pytest.approx(expected, abs=1e-4), "not_fitted": []}
    assert fitted.probabilities(LOGITS) == pytest.approx(probabilities(LOGITS / expected, task), abs=1e-5)


def test_the_temperature_of_a_hand_made_case() -> None:
    """Logit 2, right three times of four: the best probability is 3/4, whose log-odds are log 3 = 2 / T."""
    logits, labels = column(2, 2, 2, 2, -2, -2, -2, -2), column(1, 1, 1, 0, 0, 0, 0, 1).astype(np.int8)
    assert fit_calibration(logits, labels, "multilabel", "temperature").parameters["temperature"] == pytest.approx(
        2 / np.log(3)
    )


def test_platt_is_scikit_learns() -> None:
    fitted = fit_calibration(LOGITS, LABELS, "multilabel", "platt").probabilities(LOGITS)
    for place in range(3):
        expected = _SigmoidCalibration().fit(LOGITS[:, place], LABELS[:, place]).predict(LOGITS[:, place])
        assert fitted[:, place] == pytest.approx(expected, abs=1e-5)


def test_platt_of_several_classes_is_each_against_the_others_on_log_odds() -> None:
    chances = softmax(LOGITS, axis=1)
    each = [
        _SigmoidCalibration().fit(logit(chances[:, c]), ONE_LABEL[:, c]).predict(logit(chances[:, c])) for c in range(3)
    ]
    expected = np.stack(each, axis=1) / np.sum(each, axis=0)[:, None]
    fitted = fit_calibration(LOGITS, ONE_LABEL, "multiclass", "platt")
    assert fitted.probabilities(LOGITS) == pytest.approx(expected, abs=1e-5)


def test_log_odds_of_certain_classes_stay_finite() -> None:
    """A softmax of 200 against 0 rounds to 1, whose log-odds would be infinite."""
    logits = np.vstack([LOGITS, [[200, 0, 0], [0, 300, -50]]])
    labels = np.vstack([ONE_LABEL, np.eye(3, dtype=np.int8)[[0, 1]]])
    fitted = fit_calibration(logits, labels, "multiclass", "platt")
    assert np.isfinite(fitted.parameters["slope"]).all()
    assert fitted.probabilities(logits).sum(axis=1) == pytest.approx(1)


def test_isotonic_is_scikit_learns_on_other_images_too() -> None:
    others = RANDOM.normal(size=(200, 3)) * 4
    logits = LOGITS.round(1)  # many equal scores
    fitted = fit_calibration(logits, LABELS, "multilabel", "isotonic")
    for place in range(3):
        reference = IsotonicRegression(out_of_bounds="clip").fit(expit(logits[:, place]), LABELS[:, place])
        for images in (logits, others):
            expected = reference.predict(expit(images[:, place]))
            assert fitted.probabilities(images)[:, place] == pytest.approx(expected, abs=1e-9)


def test_isotonic_by_hand() -> None:
    """0, 1, 0, 1 by rising score pools the middle two to 1/2; half way between knots is the mean of both."""
    fitted = fit_calibration(logit(column(0.2, 0.4, 0.6, 0.8)), column(0, 1, 0, 1), "multilabel", "isotonic")
    assert fitted.parameters["scores"] == [pytest.approx([0.2, 0.4, 0.6, 0.8])]
    assert fitted.parameters["probabilities"] == [[0, 0.5, 0.5, 1]]
    found = fitted.probabilities(logit(column(0.1, 0.3, 0.5, 0.7, 0.9)))
    assert found[:, 0] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_isotonic_of_several_classes_sums_to_one_and_never_divides_by_nothing() -> None:
    fitted = fit_calibration(LOGITS, ONE_LABEL, "multiclass", "isotonic")
    assert fitted.probabilities(LOGITS).sum(axis=1) == pytest.approx(1)
    nothing: dict[str, Any] = {"scores": [[0.0, 1.0]] * 2, "probabilities": [[0.0, 0.0]] * 2, "not_fitted": []}
    logits = np.array([[1.0, 2.0]])
    assert np.array_equal(Calibration("isotonic", "multiclass", nothing).probabilities(logits), softmax(logits, axis=1))


def test_vector_scaling_of_several_labels_is_logistic_regression() -> None:
    fitted = fit_calibration(LOGITS, LABELS, "multilabel", "vector").parameters
    for place in range(3):
        expected = LogisticRegression(C=np.inf, tol=1e-8).fit(LOGITS[:, [place]], LABELS[:, place])
        assert fitted["slope"][place] == pytest.approx(expected.coef_[0, 0], abs=1e-4)
        assert fitted["bias"][place] == pytest.approx(expected.intercept_[0], abs=1e-4)


def test_vector_scaling_of_one_label_finds_what_made_the_labels_and_no_step_is_better() -> None:
    logits = RANDOM.normal(size=(20_000, 3)) * 2
    slope, bias = np.array([0.5, 1.5, 1.0]), np.array([0.5, -0.5, 0.0])
    chances = softmax(logits * slope + bias, axis=1)
    truth = (RANDOM.random((20_000, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    labels = np.eye(3, dtype=np.int8)[truth]
    fitted = fit_calibration(logits, labels, "multiclass", "vector")
    assert fitted.parameters["slope"] == pytest.approx(slope, abs=0.1)
    assert fitted.parameters["bias"] == pytest.approx(bias, abs=0.1)
    assert sum(fitted.parameters["bias"]) == pytest.approx(0)
    best = likelihood(labels, fitted.probabilities(logits), "multiclass")
    for name in ("slope", "bias"):
        for step in np.vstack([np.eye(3), -np.eye(3)]) * 1e-3:
            moved = fitted.parameters | {name: (np.array(fitted.parameters[name]) + step).tolist()}
            other = Calibration("vector", "multiclass", moved)
            assert likelihood(labels, other.probabilities(logits), "multiclass") >= best - 1e-12


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", ["temperature", "platt", "vector"])
def test_calibration_lowers_the_likelihood_on_the_images_it_was_fitted_on(
    method: CalibrationMethod, task: Task
) -> None:
    labels = labels_of(task)
    after = fit_calibration(LOGITS, labels, task, method).probabilities(LOGITS)
    assert likelihood(labels, after, task) < likelihood(labels, probabilities(LOGITS, task), task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_calibration_comes_back_from_json_and_does_not_depend_on_the_order(
    method: CalibrationMethod, task: Task
) -> None:
    labels = labels_of(task)
    fitted = fit_calibration(LOGITS, labels, task, method)
    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    found = fitted.probabilities(LOGITS)
    assert np.array_equal(again.probabilities(LOGITS), found)
    assert ((found >= 0) & (found <= 1)).all()
    assert fit_calibration(LOGITS, labels, task, method) == fitted
    order = RANDOM.permutation(len(labels))
    moved = fit_calibration(LOGITS[order], labels[order], task, method)
    assert moved.probabilities(LOGITS) == pytest.approx(found, abs=1e-6)
    if task == "multiclass":
        assert found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("task", TASKS)
def test_none_leaves_probabilities_as_they_are(task: Task) -> None:
    fitted = fit_calibration(LOGITS, labels_of(task), task, "none")
    assert np.array_equal(fitted.probabilities(LOGITS), probabilities(LOGITS, task))
    assert fitted.parameters == {}


@some.composite
def a_few_images(draw: some.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Labels and logits with ties, and far enough from each other that no probability rounds to its neighbour's."""
    shape = (draw(some.integers(1, 25)), 2)
    logits = draw(arrays.arrays(np.float64, shape, elements=some.integers(-4, 4).map(lambda halves: halves / 2)))
    return logits, draw(arrays.arrays(np.int8, shape, elements=some.sampled_from([0, 1, UNKNOWN])))


@given(a_few_images(), some.sampled_from(["temperature", "platt"]))
def test_monotone_methods_keep_the_ranking(
    made: tuple[NDArray[np.float64], NDArray[np.int8]], method: CalibrationMethod
) -> None:
    logits, labels = made
    after = fit_calibration(logits, labels, "multilabel", method).probabilities(logits)
    for before, chance in zip(logits.T, after.T, strict=True):
        order = np.argsort(before, kind="stable")
        assert ((np.diff(chance[order]) > 0) == (np.diff(before[order]) > 0)).all()
    assert auroc_by_class(labels, after) == auroc_by_class(labels, logits)


@given(a_few_images())
def test_isotonic_turns_no_pair_round_and_raises_auroc_where_it_was_fitted(
    made: tuple[NDArray[np.float64], NDArray[np.int8]],
) -> None:
    """Ties that it makes are those of the ROC curve's convex hull: Fawcett and Niculescu-Mizil, 2007."""
    logits, labels = made
    fitted = fit_calibration(logits, labels, "multilabel", "isotonic")
    after = fitted.probabilities(logits)
    for place in range(2):
        line = np.linspace(-4, 4, 200)
        assert (np.diff(fitted.probabilities(np.stack([line, line], axis=1))[:, place]) >= 0).all()
    for old, new in zip(auroc_by_class(labels, logits), auroc_by_class(labels, after), strict=True):
        assert (old is None and new is None) or (old is not None and new is not None and new >= old - 1e-12)


@given(arrays.arrays(np.float64, (20, 3), elements=some.floats(-8, 8)), some.lists(some.integers(0, 2), min_size=20))
def test_temperature_keeps_the_likeliest_class(logits: NDArray[np.float64], classes: list[int]) -> None:
    labels = np.eye(3, dtype=np.int8)[classes[:20]]
    after = fit_calibration(logits, labels, "multiclass", "temperature").probabilities(logits)
    rows = np.arange(20)
    assert (after[rows, logits.argmax(axis=1)] == after.max(axis=1)).all()


@pytest.mark.parametrize("method", METHODS[1:])
def test_unknown_labels_are_left_out_and_classes_do_not_touch_each_other(method: CalibrationMethod) -> None:
    labels = LABELS.copy()
    labels[::3, 1] = UNKNOWN
    both = fit_calibration(LOGITS, labels, "multilabel", method).probabilities(LOGITS)
    known = labels[:, 1] != UNKNOWN
    alone = fit_calibration(LOGITS[known][:, [1]], labels[known][:, [1]], "multilabel", method)
    if method != "temperature":
        assert np.array_equal(both[:, [1]], alone.probabilities(LOGITS[:, [1]]))
    else:
        changed = LOGITS.copy()
        changed[~known, 1] = 50
        assert fit_calibration(changed, labels, "multilabel", method) == fit_calibration(
            LOGITS, labels, "multilabel", method
        )


@pytest.mark.parametrize("method", METHODS[1:])
def test_an_image_of_unknown_label_tells_nothing_where_there_is_one_label(method: CalibrationMethod) -> None:
    labels = ONE_LABEL.copy()
    labels[:50] = UNKNOWN
    without = fit_calibration(LOGITS[50:], labels[50:], "multiclass", method).probabilities(LOGITS)
    assert fit_calibration(LOGITS, labels, "multiclass", method).probabilities(LOGITS) == pytest.approx(without)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("value", [0, 1, UNKNOWN])
def test_a_class_of_one_label_value_keeps_its_probabilities(value: int, method: CalibrationMethod) -> None:
    labels = LABELS.copy()
    labels[:, 1] = value
    fitted = fit_calibration(LOGITS, labels, "multilabel", method)
    assert fitted.parameters["not_fitted"] == [1]
    assert np.array_equal(fitted.probabilities(LOGITS)[:, 1], expit(LOGITS[:, 1]))


@pytest.mark.parametrize("method", METHODS[1:])
def test_an_absent_class_does_not_stop_the_others(method: CalibrationMethod) -> None:
    labels = np.where(TRUE == 2, 0, TRUE)
    fitted = fit_calibration(LOGITS, np.eye(3, dtype=np.int8)[labels], "multiclass", method)
    assert fitted.parameters["not_fitted"] == ([] if method == "temperature" else [2])
    assert fitted.probabilities(LOGITS).sum(axis=1) == pytest.approx(1)
    if method == "vector":
        assert (fitted.parameters["slope"][2], fitted.parameters["bias"][2]) == (1, 0)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("task", TASKS)
def test_equal_logits_can_be_fitted_by_nothing(task: Task, method: CalibrationMethod) -> None:
    logits = np.zeros((600, 3))
    fitted = fit_calibration(logits, labels_of(task), task, method)
    if (method, task) != ("vector", "multiclass"):
        assert fitted.parameters["not_fitted"] == [0, 1, 2]
        assert fitted.probabilities(logits) == pytest.approx(probabilities(logits, task))
    else:  # biases alone can match how often each class occurs
        assert fitted.probabilities(logits)[0] == pytest.approx(ONE_LABEL.mean(axis=0), abs=1e-4)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("task", TASKS)
def test_no_images_fit_nothing(task: Task, method: CalibrationMethod) -> None:
    fitted = fit_calibration(np.zeros((0, 3)), np.zeros((0, 3), np.int8), task, method)
    assert fitted.parameters["not_fitted"] == [0, 1, 2]
    assert fitted.probabilities(LOGITS) == pytest.approx(probabilities(LOGITS, task))


def test_worse_than_chance_is_not_turned_round() -> None:
    labels = np.stack([LABELS[:, 0], 1 - LABELS[:, 1], LABELS[:, 2]], axis=1)
    assert fit_calibration(LOGITS, labels, "multilabel", "platt").parameters["not_fitted"] == [1]
    assert fit_calibration(LOGITS, 1 - LABELS, "multilabel", "temperature").parameters == {
        "temperature": 1.0,
        "not_fitted": [0, 1, 2],
    }
    assert fit_calibration(LOGITS, labels, "multilabel", "vector").parameters["slope"][1] < 0


@pytest.mark.parametrize("task", TASKS)
def test_separable_labels_have_no_best_temperature_and_no_best_slope(task: Task) -> None:
    logits = np.array([[3.0, -1.0], [2.0, -2.0], [-1.0, 3.0], [-2.0, 1.0]])
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.int8)
    for method in ("temperature", "vector"):
        fitted = fit_calibration(logits, labels, task, method)
        assert fitted.parameters["not_fitted"] == [0, 1]
        assert np.array_equal(fitted.probabilities(logits), probabilities(logits, task))
    platt = fit_calibration(logits, labels, "multilabel", "platt")  # its targets are 3/4 and 1/4
    assert platt.parameters["not_fitted"] == []
    assert 0.1 < platt.probabilities(logits).min() < platt.probabilities(logits).max() < 0.9


def test_one_positive_image_is_enough() -> None:
    labels = (np.arange(600)[:, None] == 7).astype(np.int8)
    for method in METHODS[1:]:
        found = fit_calibration(LOGITS[:, :1], labels, "multilabel", method).probabilities(LOGITS[:, :1])
        assert np.isfinite(found).all()
