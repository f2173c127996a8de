"""Figures of prediction sets: by hand, apart from their own patients, and where nothing can be promised."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from thaw.evaluation.conformal import measure_conformal
from thaw.evaluation.conformal.measure import figures_of
from thaw.evaluation.conformal.sets import Cohort, class_conditional, marginal, sets
from thaw.labels import UNKNOWN
from thaw.params.evaluation import ConformalParams

SETTINGS = ConformalParams(risk=0.1, confidence=0.9, repeats=0)
CLASSES = ["Effusion", "Mass", "Nodule"]
FIGURES = ["risk", "standard_error", "coverage", "size", "empty", "full"]
RANDOM = np.random.default_rng(0)


def names(numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([f"patient {number}" for number in numbers], dtype=object)


def material(images: int, patients: int) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.object_]]:
    """Several labels an image, some of them unknown."""
    labels = RANDOM.choice([0, 1, UNKNOWN], (images, 3), p=[0.7, 0.25, 0.05]).astype(np.int8)
    probabilities = 1 / (1 + np.exp(-(3.0 * labels - 1.5 + RANDOM.normal(size=labels.shape))))
    return labels, probabilities, names(np.arange(images) % patients)


def single_label(images: int, patients: int) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.object_]]:
    truth = RANDOM.integers(0, 3, images)
    odds = np.exp(RANDOM.normal(size=(images, 3)) + 2 * np.eye(3)[truth])
    return np.eye(3, dtype=np.int8)[truth], odds / odds.sum(axis=1, keepdims=True), names(np.arange(images) % patients)


def test_figures_by_hand() -> None:
    """Patient 0 has two images, of which one misses one finding of two; patient 1 has one with a wrong class."""
    labels = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, UNKNOWN]])
    members = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 0]]).astype(bool)
    owners = np.array([0, 0, 1, 2])
    found = figures_of(labels, members, owners, CLASSES, "missed")
    assert found == {
        "images": 4,
        "patients": 2,
        "risk": 0.125,
        "standard_error": pytest.approx(0.125),
        "coverage": 0.75,
        "size": 1.25,
        "empty": 0.25,
        "full": 0.25,
        "class_coverage": {"Effusion": 1.0, "Mass": 0.5, "Nodule": None},
    }
    wrong = figures_of(labels, members, owners, CLASSES, "false_discovery")
    assert (wrong["patients"], wrong["risk"]) == (3, pytest.approx((0 + 2 / 3 + 0) / 3))


def test_sets_of_each_half_come_from_the_other_half() -> None:
    labels, probabilities, patients = single_label(400, 150)
    results, members = measure_conformal(labels, probabilities, patients, CLASSES, "multiclass", SETTINGS, seed=5)
    cohort = Cohort.of(labels, probabilities, patients)
    first = cohort.halve(np.random.default_rng(5))
    for half, other, name in ((first, ~first, "second_half"), (~first, first, "first_half")):
        level = marginal(cohort, SETTINGS).levels(other)
        rows = half[cohort.owners]
        assert results["marginal"]["thresholds"][name] == level[0]
        assert np.array_equal(members[rows], sets(probabilities[rows], level))
    everyone = class_conditional(cohort, SETTINGS).levels(np.ones(150, dtype=bool))
    assert results["class_conditional"]["thresholds"]["all"] == dict(zip(CLASSES, everyone, strict=True))
    covered = figures_of(labels, members, cohort.owners, CLASSES, "missed")
    assert {name: results["marginal"][name] for name in covered} == covered
    assert 0.85 < covered["coverage"] < 0.96
    assert covered["risk"] == pytest.approx(1 - covered["coverage"])


def test_a_patients_own_labels_do_not_move_the_patients_sets() -> None:
    labels, probabilities, patients = single_label(200, 100)
    mine = patients == "patient 7"
    _, before = measure_conformal(labels, probabilities, patients, CLASSES, "multiclass", SETTINGS, seed=0)
    changed = labels.copy()
    changed[mine] = 1 - changed[mine]
    _, after = measure_conformal(changed, probabilities, patients, CLASSES, "multiclass", SETTINGS, seed=0)
    assert np.array_equal(before[mine], after[mine])


def test_every_method_of_several_labels_keeps_its_promise_here() -> None:
    labels, probabilities, patients = material(3000, 1000)
    results, members = measure_conformal(labels, probabilities, patients, CLASSES, "multilabel", SETTINGS, seed=0)
    assert list(results) == [
        "false_negative_rate_crc",
        "false_negative_rate_rcps",
        "false_negative_rate_ltt",
        "false_discovery_rate_ltt",
    ]
    for method in results.values():
        assert method["reason"] is None
        assert method["always"] == []
        assert 0 < method["risk"] <= 0.1 + 3 * method["standard_error"]
    assert [method["confidence"] for method in results.values()] == [None, 0.9, 0.9, 0.9]
    assert members.mean(axis=1).sum() * 3 == pytest.approx(results["false_negative_rate_crc"]["size"] * 3000)
    # surer sets are larger
    sizes = [method["size"] for method in results.values()]
    assert sizes[0] < sizes[1] <= sizes[2]


def test_groups_are_measured_with_the_sets_of_all() -> None:
    labels, probabilities, patients = material(600, 200)
    men = np.arange(600) % 2 == 0
    groups = {"men": men, "nobody": np.zeros(600, dtype=bool)}
    results, members = measure_conformal(labels, probabilities, patients, CLASSES, "multilabel", SETTINGS, 0, groups)
    found = results["false_negative_rate_crc"]["groups"]
    owners = np.unique(patients.astype(str), return_inverse=True)[1]
    assert found["men"] == figures_of(labels[men], members[men], owners[men], CLASSES, "missed")
    assert found["nobody"] == {
        "images": 0,
        "patients": 0,
        **dict.fromkeys(FIGURES),
        "class_coverage": dict.fromkeys(CLASSES),
    }


def test_the_order_of_the_images_does_not_matter() -> None:
    labels, probabilities, patients = material(300, 120)
    order = RANDOM.permutation(300)
    one, members = measure_conformal(labels, probabilities, patients, CLASSES, "multilabel", SETTINGS, 1)
    other, again = measure_conformal(
        labels[order], probabilities[order], patients[order], CLASSES, "multilabel", SETTINGS, 1
    )
    assert np.array_equal(members[order], again)
    assert json.dumps(rounded(one)) == json.dumps(rounded(other))


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return round(value, 9) if isinstance(value, float) else value


def test_a_promise_that_cannot_be_kept_is_not_made() -> None:
    labels, probabilities, patients = single_label(60, 12)
    results, members = measure_conformal(
        labels, probabilities, patients, CLASSES, "multiclass", SETTINGS, 0, {"all": np.ones(60, dtype=bool)}
    )
    found = results["marginal"]
    assert found["reason"] == "a promise of 0.1 needs 9 patients in each half, and a half has 6"
    assert found["thresholds"]["first_half"] is found["thresholds"]["second_half"] is None
    assert isinstance(found["thresholds"]["all"], float)
    assert [found[name] for name in FIGURES] == [None] * 6
    assert [found["groups"]["all"][name] for name in FIGURES] == [None] * 6
    assert (found["images"], found["patients"]) == (60, 12)
    assert members.all()


def test_a_class_without_patients_is_in_every_set_and_said_so() -> None:
    labels, probabilities, patients = single_label(400, 200)
    two = labels[:, 2] == 0
    results, _ = measure_conformal(labels[two], probabilities[two], patients[two], CLASSES, "multiclass", SETTINGS, 0)
    found = results["class_conditional"]
    assert found["always"] == ["Nodule"]
    assert found["reason"] is None
    assert [thresholds["Nodule"] for thresholds in found["thresholds"].values()] == [None] * 3
    assert found["class_coverage"]["Nodule"] is None
    assert found["size"] > 1
    assert results["marginal"]["always"] == []


def test_where_no_class_has_patients_enough_nothing_is_said_of_its_sets() -> None:
    labels, probabilities, patients = single_label(60, 12)
    results, _ = measure_conformal(labels, probabilities, patients, CLASSES, "multiclass", SETTINGS, 0)
    found = results["class_conditional"]
    assert found["always"] == CLASSES
    assert found["reason"].startswith("a promise of 0.1 needs 9 patients of each class in each half, and a half has ")


def test_false_discoveries_everywhere_have_no_level() -> None:
    labels = np.zeros((100, 3), dtype=np.int8)
    results, _ = measure_conformal(
        labels, np.ones((100, 3)), names(np.arange(100)), CLASSES, "multilabel", SETTINGS, seed=0
    )
    found = results["false_discovery_rate_ltt"]
    assert found["reason"] == "at every level too many classes of a set are wrong to promise 0.1"
    assert found["risk"] is None
    found = results["false_negative_rate_crc"]
    assert found["reason"] == "a promise of 0.1 needs 9 patients in each half, and a half has 0"


@given(
    shape=some.tuples(some.integers(0, 8), some.integers(1, 3)),
    data=some.data(),
    risk=some.sampled_from([0.1, 0.5, 0.9]),
)
def test_any_images_give_figures_or_a_reason(shape: tuple[int, int], data: some.DataObject, risk: float) -> None:
    """One patient, one class, no known label, probabilities of 0 and 1, ties: all of it can be written as JSON."""
    settings = ConformalParams(risk=risk, confidence=0.5, repeats=0)
    unknown = data.draw(arrays.arrays(np.int8, shape, elements=some.sampled_from([0, 1, UNKNOWN])))
    probabilities = data.draw(arrays.arrays(np.float32, shape, elements=some.sampled_from([0.0, 0.5, 1.0])))
    patients = names(data.draw(arrays.arrays(np.int64, shape[0], elements=some.integers(0, 5))))
    classes, groups = CLASSES[: shape[1]], {"one": np.arange(shape[0]) == 0}
    for task, labels in (
        ("multilabel", unknown),
        ("multiclass", np.eye(shape[1], dtype=np.int8)[np.abs(unknown[:, 0]) % shape[1]]),
    ):
        results, members = measure_conformal(labels, probabilities, patients, classes, task, settings, 0, groups)
        assert members.shape == shape
        assert members.dtype == bool
        json.dumps(results, allow_nan=False)
        for method in results.values():
            lacking = method["risk"] is None
            assert lacking == (method["reason"] is not None or method["patients"] == 0)
