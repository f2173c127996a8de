"""Sensitivity at a fixed specificity and the reverse: against every threshold tried, and scikit-learn's curve."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from thaw.evaluation.operating import measure_fixed_points
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(0)
TABLES = ("specificity_at_sensitivity", "sensitivity_at_specificity")
NOWHERE = {"value": None, "threshold": None}
ABOVE = 2.0  # every score


def column(values: list[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)[:, None]


def tried(labels: NDArray[np.integer], scores: NDArray[np.floating], threshold: float | None) -> tuple[float, float]:
    """Sensitivity and specificity at a threshold, of known labels."""
    decided = scores >= (ABOVE if threshold is None else threshold)
    return float(decided[labels == 1].mean()), float((~decided[labels == 0]).mean())


@settings(deadline=None)
@given(
    arrays.arrays(np.int64, 14, elements=some.sampled_from([0, 1, UNKNOWN])),
    arrays.arrays(np.float64, 14, elements=some.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | some.floats(0, 1)),
    some.sampled_from([0.0, 0.5, 0.9, 1.0]),
    some.sampled_from([0.0, 1 / 3, 0.8, 1.0]),
)
def test_no_threshold_does_better(
    labels: NDArray[np.int64], scores: NDArray[np.float64], sensitivity: float, specificity: float
) -> None:
    found = measure_fixed_points(labels[:, None], scores[:, None], ["Mass"], sensitivity, specificity)
    first, second = (found[table]["Mass"] for table in TABLES)
    known = labels != UNKNOWN
    truth, score = labels[known], scores[known]
    if set(truth.tolist()) != {0, 1}:
        assert (first, second) == (NOWHERE, NOWHERE)
        assert set(found["undefined"]) == {"Mass"}
        return
    attained = [tried(truth, score, threshold) for threshold in (None, *score.tolist())]
    assert first["value"] == max(specific for sensitive, specific in attained if sensitive >= sensitivity)
    assert second["value"] == max(sensitive for sensitive, specific in attained if specific >= specificity)
    assert found["undefined"] == {}
    # the thresholds attain these values, and of equal ones the better in the other respect is named
    most_sensitive = max(sensitive for sensitive, specific in attained if specific == first["value"])
    assert tried(truth, score, first["threshold"]) == (most_sensitive, first["value"])
    most_specific = max(specific for sensitive, specific in attained if sensitive == second["value"])
    assert tried(truth, score, second["threshold"]) == (second["value"], most_specific)


def test_many_images_lie_on_scikit_learns_curve() -> None:
    labels = (RANDOM.random((4_000, 3)) < [0.3, 0.02, 0.5]).astype(np.int8)
    scores = (1 / (1 + np.exp(-RANDOM.normal(size=(4_000, 3)) - labels))).astype(np.float32)
    found = measure_fixed_points(labels, scores, ["a", "b", "c"], 0.9, 0.95)
    for index, name in enumerate("abc"):
        alarms, sensitive, _ = roc_curve(labels[:, index], scores[:, index], drop_intermediate=False)
        expected = 1 - alarms[sensitive >= 0.9].min(), sensitive[1 - alarms >= 0.95].max()
        assert tuple(found[table][name]["value"] for table in TABLES) == pytest.approx(expected)


def test_worked_by_hand() -> None:
    """Negatives at 0.1, 0.2, 0.6, 0.6; positives at 0.3, 0.6, 0.8, 0.9."""
    labels = np.array([[0], [0], [0], [0], [1], [1], [1], [1]])
    scores = column([0.1, 0.2, 0.6, 0.6, 0.3, 0.6, 0.8, 0.9])
    found = measure_fixed_points(labels, scores, ["Mass"], 0.75, 0.75)
    assert found == {
        "specificity_at_sensitivity": {"Mass": {"value": 0.5, "threshold": 0.3}},
        "sensitivity_at_specificity": {"Mass": {"value": 0.5, "threshold": 0.8}},
        "undefined": {},
    }


def test_nine_of_ten_are_nine_tenths() -> None:
    labels = np.array([[1]] * 10 + [[0]] * 10)
    scores = column([0.1, *[0.9] * 9, *[0.2] * 9, 0.95])
    found = measure_fixed_points(labels, scores, ["Mass"], 0.9, 0.9)
    assert found["specificity_at_sensitivity"] == {"Mass": {"value": 0.9, "threshold": 0.9}}
    assert found["sensitivity_at_specificity"] == {"Mass": {"value": 0.9, "threshold": 0.9}}


def test_equal_scores_leave_all_or_nothing() -> None:
    found = measure_fixed_points(np.array([[0], [1], [0]]), column([0.5, 0.5, 0.5]), ["Mass"], 0.9, 0.9)
    assert found["specificity_at_sensitivity"] == {"Mass": {"value": 0.0, "threshold": 0.5}}
    assert found["sensitivity_at_specificity"] == {"Mass": {"value": 0.0, "threshold": None}}


def test_a_single_positive_and_scores_of_exactly_0_and_1() -> None:
    found = measure_fixed_points(np.array([[0], [1], [0]]), column([0.0, 1.0, 1.0]), ["Mass"], 0.9, 0.5)
    assert found["specificity_at_sensitivity"] == {"Mass": {"value": 0.5, "threshold": 1.0}}
    assert found["sensitivity_at_specificity"] == {"Mass": {"value": 1.0, "threshold": 1.0}}


def test_a_perfect_ranking_has_both() -> None:
    found = measure_fixed_points(np.array([[0], [1]]), column([0.2, 0.7]), ["Mass"], 1.0, 1.0)
    assert [found[table]["Mass"] for table in TABLES] == [{"value": 1.0, "threshold": 0.7}] * 2


@pytest.mark.parametrize(
    ("label", "reason"),
    [(0, "no image with it"), (1, "no image without it"), (UNKNOWN, "no image whose label is known")],
)
def test_one_kind_of_label_is_undefined(label: int, reason: str) -> None:
    found = measure_fixed_points(np.full((3, 1), label), column([0.1, 0.2, 0.3]), ["Mass"], 0.9, 0.9)
    assert found == {**{table: {"Mass": NOWHERE} for table in TABLES}, "undefined": {"Mass": reason}}


def test_no_images_are_undefined() -> None:
    found = measure_fixed_points(np.empty((0, 1), int), np.empty((0, 1)), ["Mass"], 0.9, 0.9)
    assert [found[table]["Mass"] for table in TABLES] == [NOWHERE, NOWHERE]


def test_the_order_of_images_does_not_matter() -> None:
    labels, scores = RANDOM.integers(-1, 2, (50, 2)), RANDOM.random((50, 2)).round(1)
    order = RANDOM.permutation(50)
    found = measure_fixed_points(labels, scores, ["a", "b"], 0.9, 0.9)
    assert measure_fixed_points(labels[order], scores[order], ["a", "b"], 0.9, 0.9) == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        measure_fixed_points(np.array([[0], [1]]), column([np.nan, 0.5]), ["Mass"], 0.9, 0.9)
