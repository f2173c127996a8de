"""Kinds of prediction sets against MAPIE, which has no notion of patients: one image a patient."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.risk_control import MultiLabelClassificationController
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from thaw.evaluation.conformal.sets import (
    Cohort,
    class_conditional,
    false_discovery_rate,
    false_negative_rate,
    marginal,
    methods_of,
    sets,
)
from thaw.labels import UNKNOWN
from thaw.params.evaluation import ConformalParams

SETTINGS = ConformalParams(risk=0.1, confidence=0.9, repeats=0)
RANDOM = np.random.default_rng(0)


class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model whose probabilities are its input."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.classes_ = np.arange(count)

    def fit(self, *_: NDArray[np.generic]) -> Given:
        return self

    def predict_proba(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(inputs)

    def predict(self, inputs: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(inputs).argmax(axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def single_label(images: int, classes: int = 4) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    truth = RANDOM.integers(0, classes, images)
    odds = np.exp(RANDOM.normal(size=(images, classes)) + 2 * np.eye(classes)[truth])
    return np.eye(classes, dtype=int)[truth], odds / odds.sum(axis=1, keepdims=True)


def several_labels(images: int, classes: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels = (RANDOM.random((images, classes)) < 0.3).astype(int)
    labels[labels.sum(axis=1) == 0, 0] = 1  # MAPIE asks for a true class in every image
    return labels, 1 / (1 + np.exp(-(3 * labels - 1.5 + RANDOM.normal(size=labels.shape))))


def alone(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Cohort:
    """Every image of a patient of its own."""
    return Cohort.of(labels, probabilities, np.array([f"{number:05}" for number in range(len(labels))], dtype=object))


def everyone(cohort: Cohort) -> NDArray[np.bool_]:
    return np.ones(cohort.patients, dtype=bool)


@pytest.mark.parametrize(("images", "risk"), [(10, 0.1), (19, 0.1), (99, 0.1), (333, 0.05), (1000, 0.3), (57, 0.2)])
def test_marginal_sets_are_mapies(images: int, risk: float) -> None:
    labels, probabilities = single_label(images)
    new = single_label(500)[1]
    cohort = alone(labels, probabilities)
    level = marginal(cohort, SETTINGS.model_copy(update={"risk": risk})).levels(everyone(cohort))
    reference = SplitConformalClassifier(Given(4), confidence_level=1 - risk, conformity_score="lac", prefit=True)
    reference.conformalize(probabilities, labels.argmax(axis=1))
    assert np.array_equal(sets(new, level), reference.predict_set(new)[1][:, :, 0])


@pytest.mark.parametrize("risk", [0.053, 0.107, 0.31])
def test_false_negative_rates_are_controlled_at_mapies_threshold(risk: float) -> None:
    """MAPIE tries a grid of thresholds: its is the last one up to ours, which is exact."""
    labels, probabilities = several_labels(200)
    cohort = alone(labels, probabilities)
    on_average = false_negative_rate(cohort, SETTINGS.model_copy(update={"risk": risk}))[0]
    grid = np.linspace(0, 1, 201)[:-1]
    reference = MultiLabelClassificationController(
        lambda inputs: inputs, risk="recall", method="crc", target_level=1 - risk, predict_params=grid
    ).calibrate(probabilities, labels)
    (level,) = on_average.levels(everyone(cohort))
    assert level is not None
    assert reference.best_predict_param.tolist() == [grid[grid < level].max()]


def test_rcps_allows_no_larger_sets_than_mapies_wider_bound() -> None:
    """Hoeffding-Bentkus is never above Hoeffding's simple bound, the nearest that MAPIE has."""
    labels, probabilities = several_labels(200)
    cohort = alone(labels, probabilities)
    (level,) = false_negative_rate(cohort, SETTINGS)[1].levels(everyone(cohort))
    grid = np.linspace(0, 1, 201)[:-1]
    reference = MultiLabelClassificationController(
        lambda inputs: inputs,
        risk="recall",
        method="rcps",
        rcps_bound="hoeffding",
        target_level=0.9,
        confidence_level=0.9,
        predict_params=grid,
    ).calibrate(probabilities, labels)
    assert level is not None
    assert reference.best_predict_param[0] <= level
    assert level < 0.9


def test_learn_then_test_comes_to_rcps_but_for_its_grid() -> None:
    cohort = alone(*several_labels(400))
    _, exact, by_grid = (method.levels(everyone(cohort))[0] for method in false_negative_rate(cohort, SETTINGS))
    assert exact is not None
    assert by_grid is not None
    assert exact - 0.01 < by_grid <= exact


def test_false_discoveries_are_controlled_where_mapie_controls_precision() -> None:
    """Where no set is empty; MAPIE counts an empty set as wholly wrong, and pays Bonferroni for the grid."""
    labels, probabilities = several_labels(2000)
    probabilities[np.arange(2000), labels.argmax(axis=1)] = 1 - RANDOM.random(2000) * 1e-6
    cohort = alone(labels, probabilities)
    (level,) = false_discovery_rate(cohort, SETTINGS).levels(everyone(cohort))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = MultiLabelClassificationController(
            lambda inputs: inputs,
            risk="precision",
            method="ltt",
            target_level=0.9,
            confidence_level=0.9,
            predict_params=np.linspace(0.3, 0.9, 13),
        ).calibrate(probabilities, labels)
    assert level is not None
    assert level <= reference.best_predict_param[0] <= level + 0.1


def test_every_class_has_the_level_of_its_own_patients() -> None:
    labels, probabilities = single_label(300)
    cohort = alone(labels, probabilities)
    found = class_conditional(cohort, SETTINGS).levels(everyone(cohort))
    for place, level in enumerate(found):
        own = np.sort(probabilities[labels[:, place] == 1, place])
        assert level == own[int(np.floor(0.1 * (len(own) + 1))) - 1]


def test_a_class_of_too_few_patients_is_in_every_set() -> None:
    labels = np.eye(2, dtype=int)[[0] * 20 + [1] * 8]
    probabilities = np.where(labels == 1, 0.9, 0.1)
    cohort = alone(labels, probabilities)
    levels = class_conditional(cohort, SETTINGS).levels(everyone(cohort))
    assert levels == (0.9, None)
    assert sets(np.array([[0.95, 0.05], [0.2, 0.8]]), levels).tolist() == [[True, True], [False, True]]


def test_images_of_one_patient_are_one() -> None:
    """Eight patients are too few for a tenth, however many images they have."""
    labels, probabilities = single_label(80)
    patients = np.repeat(np.array([f"{number}" for number in range(8)], dtype=object), 10)
    cohort = Cohort.of(labels, probabilities, patients)
    method = marginal(cohort, SETTINGS)
    assert method.levels(everyone(cohort)) == (None,)
    assert method.reason([everyone(cohort)]) == "a promise of 0.1 needs 9 patients in each half, and a half has 8"


def test_halves_depend_on_the_names_of_the_patients_alone() -> None:
    labels, probabilities = single_label(50)
    patients = np.array([f"{number % 21}" for number in range(50)], dtype=object)
    order = RANDOM.permutation(50)
    halves = []
    for rows in (np.arange(50), order):
        cohort = Cohort.of(labels[rows], probabilities[rows], patients[rows])
        half = cohort.halve(np.random.default_rng(3))
        assert half.sum() == 10
        halves.append(dict(zip(patients[rows].tolist(), half[cohort.owners].tolist(), strict=True)))
    assert halves[0] == halves[1]


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="probabilities hold NaN, or numbers below 0 or above 1"):
        alone(np.array([[UNKNOWN, 1]]), np.array([[bad, 0.5]]))


def test_the_principal_method_comes_first() -> None:
    cohort = alone(*single_label(30))
    assert [method.name for method in methods_of(cohort, "multiclass", SETTINGS)] == ["marginal", "class_conditional"]
    assert [method.name for method in methods_of(cohort, "multilabel", SETTINGS)] == [
        "false_negative_rate_crc",
        "false_negative_rate_rcps",
        "false_negative_rate_ltt",
        "false_discovery_rate_ltt",
    ]
