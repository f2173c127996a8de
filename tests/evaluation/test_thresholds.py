"""Thresholds against each definition written out image by image, and samples against images repeated for real."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn import metrics as reference

from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.thresholds import fit_thresholds, grid_thresholds, threshold_stability, why_undefined
from thaw.labels import UNKNOWN
from thaw.params.evaluation import GridParams, OperatingPointParams

METHODS = ["f1", "youden", "sensitivity", "cost"]
GRID = {"start": 0.05, "stop": 0.4, "step": 0.01}
RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random((300, 3)) < [0.3, 0.05, 0.5]).astype(np.int8)
SCORES = 1 / (1 + np.exp(1 - RANDOM.normal(size=(300, 3)) - LABELS))


def rule(method: str, grid: dict[str, float] | None = None, **other: float) -> OperatingPointParams:
    given_: dict[str, Any] = {"sensitivity": 0.9, "specificity": 0.9, "miss_cost": 5.0}
    return OperatingPointParams.model_validate(given_ | {"method": method, "grid": grid} | other)


def column(*values: float) -> NDArray[Any]:
    return np.array(values)[:, None]


def written_out(labels: NDArray[Any], scores: NDArray[Any], chosen: OperatingPointParams) -> float | None:
    """The best threshold of one class in exact fractions, one candidate and one image at a time."""
    pairs = [(label == 1, score) for label, score in zip(labels, scores, strict=True) if label != UNKNOWN]
    positives, negatives = sum(label for label, _ in pairs), sum(not label for label, _ in pairs)
    candidates = {score for _, score in pairs} if chosen.grid is None else set(grid_thresholds(chosen.grid).tolist())
    if not positives or not negatives or not any(0 < sum(s >= t for _, s in pairs) < len(pairs) for t in candidates):
        return None
    best, threshold = Fraction(0), None
    for candidate in sorted(candidates, reverse=True):
        found = sum(label and score >= candidate for label, score in pairs)
        alarms = sum(not label and score >= candidate for label, score in pairs)
        missed = positives - found
        merit = {
            "f1": Fraction(2 * found, 2 * found + alarms + missed),
            "youden": Fraction(found, positives) + Fraction(negatives - alarms, negatives) - 1,
            "sensitivity": Fraction(int(found / positives >= chosen.sensitivity)),
            "cost": Fraction(chosen.miss_cost) * positives - (Fraction(chosen.miss_cost) * missed + alarms),
        }[chosen.method]
        if merit > best:
            best, threshold = merit, candidate
    return threshold


@some.composite
def a_class(draw: some.DrawFn) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    images = draw(some.integers(0, 25))
    labels = draw(arrays.arrays(np.int8, (images, 1), elements=some.sampled_from([0, 1, 1, UNKNOWN])))
    tied = some.integers(0, 8).map(lambda eighths: eighths / 8)
    scores = arrays.arrays(np.float64, (images, 1), elements=tied | some.floats(0, 1))
    return labels, draw(scores)


@given(
    a_class(),
    some.sampled_from(METHODS),
    some.sampled_from([None, GRID, {"start": 0.125, "stop": 0.875, "step": 0.125}]),
    some.sampled_from([0.25, 0.5, 1.0, 3.0, 5.0]),
    some.sampled_from([0.1, 0.5, 0.75, 0.9]),
)
def test_the_threshold_is_the_best_when_all_are_tried(
    made: tuple[NDArray[np.int8], NDArray[np.float64]],
    method: str,
    grid: dict[str, float] | None,
    miss_cost: float,
    sensitivity: float,
) -> None:
    labels, scores = made
    chosen = rule(method, grid, miss_cost=miss_cost, sensitivity=sensitivity)
    found = fit_thresholds(labels, scores, chosen)
    assert found == [written_out(labels[:, 0], scores[:, 0], chosen)]
    assert [reason is None for reason in why_undefined(labels, scores, chosen)] == [found[0] is not None]


def test_best_f1_and_youden_are_those_of_scikit_learns_curves() -> None:
    for truth, score, best_f1, best_youden in zip(
        LABELS.T,
        SCORES.T,
        fit_thresholds(LABELS, SCORES, rule("f1")),
        fit_thresholds(LABELS, SCORES, rule("youden")),
        strict=True,
    ):
        precision, recall, _ = reference.precision_recall_curve(truth, score)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        assert reference.f1_score(truth, score >= best_f1) == pytest.approx(f1.max())
        false_alarms, found, thresholds = reference.roc_curve(truth, score, drop_intermediate=False)
        assert best_youden == thresholds[(found - false_alarms).argmax()]


def test_youden_by_hand() -> None:
    """At 0.6: two of three found, one of four false alarms, 2/3 + 3/4 - 1 = 5/12; at 0.3 it is 1 + 1/2 - 1 = 1/2."""
    labels, scores = column(1, 0, 1, 0, 1, 0, 0), column(0.9, 0.8, 0.6, 0.5, 0.3, 0.2, 0.1)
    assert fit_thresholds(labels, scores, rule("youden")) == [0.3]


def test_costs_by_hand() -> None:
    labels, scores = column(1, 0, 0, 1, 0), column(0.9, 0.8, 0.7, 0.6, 0.5)
    assert fit_thresholds(labels, scores, rule("cost", miss_cost=1)) == [0.9]  # one missed, against two false alarms
    assert fit_thresholds(labels, scores, rule("cost", miss_cost=2)) == [0.9]  # equal costs: the highest threshold
    assert fit_thresholds(labels, scores, rule("cost", miss_cost=3)) == [0.6]


@pytest.mark.parametrize("share", [0.07, 0.29, 0.57, 0.9])
def test_a_sensitivity_of_so_many_hundredths_is_reached_by_as_many_of_a_hundred(share: float) -> None:
    labels, scores = np.repeat([[1], [0]], 100, axis=0), np.arange(200, 0, -1)[:, None] / 200
    assert fit_thresholds(labels, scores, rule("sensitivity", sensitivity=share)) == [scores[round(100 * share) - 1, 0]]


def test_the_published_grid_has_36_thresholds_and_both_ends() -> None:
    grid = grid_thresholds(GridParams.model_validate(GRID))
    assert grid.tolist() == [round(hundredths / 100, 2) for hundredths in range(5, 41)]
    uneven = grid_thresholds(GridParams(start=0.1, stop=0.5, step=0.3))
    assert uneven.tolist() == [0.1, 0.4]
    thresholds = fit_thresholds(LABELS, SCORES, rule("f1", GRID))
    assert set(thresholds) <= set(grid.tolist())


def test_a_score_on_the_grid_reaches_it() -> None:
    """0.05 + 10 × 0.01 is 0.15000000000000002 in floating point."""
    assert fit_thresholds(column(1, 0), column(0.15, 0.14), rule("f1", GRID)) == [0.15]


@pytest.mark.parametrize("method", METHODS)
def test_classes_are_fitted_each_by_itself_and_in_any_order_of_images(method: str) -> None:
    labels = LABELS.copy()
    labels[::5, 2] = UNKNOWN
    found = fit_thresholds(labels, SCORES, rule(method))
    order = RANDOM.permutation(len(labels))
    assert fit_thresholds(labels[order], SCORES[order], rule(method)) == found
    assert [fit_thresholds(labels[:, [c]], SCORES[:, [c]], rule(method))[0] for c in range(3)] == found
    known = labels[:, 2] != UNKNOWN
    assert fit_thresholds(labels[known][:, [2]], SCORES[known][:, [2]], rule(method)) == found[2:]


@pytest.mark.parametrize(
    ("labels", "scores", "chosen", "why"),
    [
        (column(UNKNOWN, UNKNOWN), column(0.1, 0.2), rule("f1"), "no image of known label"),
        (np.zeros((0, 1)), np.zeros((0, 1)), rule("cost"), "no image of known label"),
        (column(0, 0, UNKNOWN), column(0.1, 0.2, 0.3), rule("youden"), "no positive image"),
        (column(1, 1), column(0.1, 0.2), rule("sensitivity"), "no negative image"),
        (column(1, 0), column(0.5, 0.5), rule("f1"), "all scores are equal"),
        (column(1, 0), column(0.6, 0.5), rule("f1", GRID), "all scores are on one side of the grid"),
        (column(0, 1), column(0.3, 0.01), rule("f1", GRID), "no threshold of the grid finds a positive image"),
        (column(0, 1), column(0.9, 0.1), rule("youden"), "no threshold is better than chance"),
        (column(1, 1, 0), column(0.3, 0.01, 0), rule("sensitivity", GRID), "of the grid has a sensitivity of 0.9"),
        (column(0, 1), column(0.9, 0.1), rule("cost", miss_cost=1), "no threshold costs less than to call no image"),
    ],
)
def test_no_threshold_is_made_up(
    labels: NDArray[Any], scores: NDArray[np.float64], chosen: OperatingPointParams, why: str
) -> None:
    assert fit_thresholds(labels, scores, chosen) == [None]
    (reason,) = why_undefined(labels, scores, chosen)
    assert reason is not None
    assert reason.endswith(why)
    patients = np.arange(len(labels)).astype(object)
    assert threshold_stability(labels, scores, patients, chosen, 100, 0.9) == [None]


def test_fifteen_classes_of_which_one_never_occurs() -> None:
    labels, scores = (RANDOM.random((200, 15)) < 0.2).astype(np.int8), RANDOM.random((200, 15))
    labels[:, 6] = 0
    found = fit_thresholds(labels, scores, rule("f1"))
    assert [place for place, threshold in enumerate(found) if threshold is None] == [6]
    assert why_undefined(labels, scores, rule("f1"))[6] == "no positive image"
    stability = threshold_stability(labels, scores, np.arange(200).astype(object), rule("f1"), 100, 0.9)
    assert [place for place, its in enumerate(stability) if its is None] == [6]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        fit_thresholds(column(1, 0), column(bad, 0.5), rule("f1"))


@pytest.mark.parametrize("grid", [None, GRID])
@pytest.mark.parametrize("method", METHODS)
def test_samples_give_the_threshold_of_their_images_repeated(method: str, grid: dict[str, float] | None) -> None:
    labels, scores, chosen = LABELS[:80, :2].copy(), SCORES[:80, :2].round(2), rule(method, grid, miss_cost=20)
    labels[::7, 0] = UNKNOWN
    patients = np.random.default_rng(1).integers(0, 30, 80).astype(str).astype(object)
    resampling = Resampling.of(patients, 150, seed=4)
    repeated: list[list[float | None]] = []
    for drawn in resampling.drawn.astype(int):
        images = np.repeat(np.arange(80), drawn[resampling.patients])
        repeated.append(fit_thresholds(labels[images], scores[images], chosen))
    stability = threshold_stability(labels, scores, patients, chosen, 150, 0.9, seed=4)
    for its, thresholds in zip(stability, zip(*repeated, strict=True), strict=True):
        defined = [threshold for threshold in thresholds if threshold is not None]
        assert its is not None
        assert its["undefined"] == pytest.approx(1 - len(defined) / 150)
        assert [its["low"], its["high"]] == pytest.approx(np.quantile(defined, [0.05, 0.95]).tolist())


def test_stability_does_not_depend_on_the_order_of_images_and_takes_its_samples_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patients = RANDOM.integers(0, 100, 300).astype(str).astype(object)
    once = threshold_stability(LABELS, SCORES, patients, rule("f1"), 100, 0.95)
    order = RANDOM.permutation(300)
    monkeypatch.setattr("thaw.evaluation.thresholds.CHUNK_BYTES", 8 * 300 * 7)
    assert threshold_stability(LABELS[order], SCORES[order], patients[order], rule("f1"), 100, 0.95) == once


def test_the_interval_of_one_positive_image_says_how_often_it_is_missing() -> None:
    """A sample of 50 patients lacks a given one with a chance of (49 / 50)^50 = 0.364."""
    labels, scores = (np.arange(50)[:, None] == 40).astype(np.int8), np.arange(50)[:, None] / 50
    (its,) = threshold_stability(labels, scores, np.arange(50).astype(object), rule("f1"), 2000, 0.9)
    assert its is not None
    assert (its["low"], its["high"]) == (0.8, 0.8)
    assert its["undefined"] == pytest.approx(0.98**50, abs=0.04)


def test_one_patient_moves_nothing_and_rare_ones_leave_no_interval() -> None:
    one = threshold_stability(LABELS, SCORES, np.full(300, "a", object), rule("f1"), 100, 0.9)
    thresholds = fit_thresholds(LABELS, SCORES, rule("f1"))
    assert one == [{"low": t, "high": t, "undefined": 0.0} for t in thresholds]
    # the only negative image and the only positive one are in the same sample with a chance of about 0.4
    labels, scores = column(1, 0, *[UNKNOWN] * 48).astype(np.int8), np.linspace(1, 0, 50)[:, None]
    (its,) = threshold_stability(labels, scores, np.arange(50).astype(object), rule("f1"), 500, 0.9)
    assert its is not None
    assert (its["low"], its["high"]) == (None, None)
    assert 0.5 < its["undefined"] < 0.7
