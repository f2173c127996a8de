"""Losses by threshold against the sets themselves, image by image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from thaw.evaluation.conformal.losses import Loss, Losses, false_discoveries, image_losses, missed
from thaw.labels import UNKNOWN

MADE = {"missed": missed, "false_discovery": false_discoveries}


def by_loop(labels: NDArray[np.int8], members: NDArray[np.bool_], loss: Loss) -> list[float]:
    """The definition, image by image."""
    values = []
    for truth, given_ in zip(labels, members, strict=True):
        true, wrong = given_[truth == 1], given_[truth == 0]
        if loss == "missed":
            values.append((~true).mean() if len(true) else np.nan)
        elif not (truth != UNKNOWN).any():
            values.append(np.nan)
        else:
            values.append(wrong.sum() / max(true.sum() + wrong.sum(), 1))
    return values


@some.composite
def cases(
    draw: some.DrawFn,
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with unknown ones, probabilities with many ties or none, owners, and which patients are chosen."""
    shape = (draw(some.integers(0, 12)), draw(some.integers(1, 4)))
    labels = draw(arrays.arrays(np.int8, shape, elements=some.sampled_from([0, 1, UNKNOWN])))
    tied, untied = some.integers(0, 4).map(lambda number: number / 4), some.floats(0, 1)
    probabilities = draw(
        arrays.arrays(np.float64, shape, elements=tied) | arrays.arrays(np.float64, shape, elements=untied)
    )
    owners = draw(arrays.arrays(np.int64, shape[0], elements=some.integers(0, 4)))
    return labels, probabilities, owners, draw(arrays.arrays(np.bool_, 5))


@pytest.mark.parametrize("loss", ["missed", "false_discovery"])
@given(made=cases(), threshold=some.floats(0, 1))
def test_the_curve_is_the_mean_over_the_patients_of_what_their_sets_lose(
    loss: Loss,
    made: tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]],
    threshold: float,
) -> None:
    labels, probabilities, owners, chosen = made
    losses = MADE[loss](labels, probabilities, owners, 5)
    curve = losses.curve(chosen)
    assert curve.thresholds.tolist() == sorted(curve.thresholds.tolist())
    for at, found in [*zip(curve.thresholds, curve.risks, strict=True), (threshold, losses.risk(chosen, threshold))]:
        values = np.array(by_loop(labels, probabilities >= at, loss))
        means = [
            values[mine].mean()
            for patient in np.flatnonzero(chosen)
            if (mine := (owners == patient) & ~np.isnan(values)).any()
        ]
        assert curve.patients == losses.count(chosen) == len(means)
        assert found == pytest.approx(np.mean(means) if means else np.nan, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("loss", ["missed", "false_discovery"])
@given(made=cases(), threshold=some.floats(0, 1))
def test_losses_of_images_are_their_definition(
    loss: Loss,
    made: tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]],
    threshold: float,
) -> None:
    labels, probabilities, _, _ = made
    members = probabilities >= threshold
    assert image_losses(labels, members, loss).tolist() == pytest.approx(by_loop(labels, members, loss), nan_ok=True)


def test_a_patient_with_two_images_counts_once() -> None:
    """Patient 0 misses half of the first image's findings from 0.3 on, and the second image's from 0.8 on."""
    labels = np.array([[1, 1, 0], [0, 1, UNKNOWN], [0, 0, 1], [0, 0, 0]])
    probabilities = np.array([[0.2, 0.9, 0.5], [0.6, 0.7, 0.4], [0.1, 0.1, 0.6], [0.9, 0.9, 0.9]])
    losses = missed(labels, probabilities, np.array([0, 0, 1, 2]), 3)
    assert losses.scores.tolist() == [0.2, 0.6, 0.7, 0.9]
    assert losses.changes.tolist() == [0.25, 1.0, 0.5, 0.25]
    assert losses.owners.tolist() == [0, 1, 0, 0]
    assert losses.at_zero.tolist() == pytest.approx([0, 0, np.nan], nan_ok=True)
    curve = losses.curve(np.array([True, True, True]), np.array([0.0, 0.2, 0.3, 0.65, 0.8, 1.0]))
    assert curve.risks.tolist() == [0, 0, 0.125, 0.625, 0.875, 1]
    assert curve.patients == 2


def test_false_discoveries_need_not_fall_with_the_threshold() -> None:
    """The likeliest class is wrong, so the set of it alone is worse than the set of two."""
    losses = false_discoveries(np.array([[0, 1]]), np.array([[0.9, 0.8]]), np.array([0]), 1)
    curve = losses.curve(np.array([True]), np.array([0.5, 0.85, 0.95]))
    assert curve.risks.tolist() == [0.5, 1.0, 0.0]


def test_nobody_has_no_risk() -> None:
    losses: Losses = missed(np.zeros((2, 2)), np.full((2, 2), 0.5), np.array([0, 1]), 2)
    assert losses.count(np.array([True, True])) == 0
    assert np.isnan(losses.risk(np.array([True, True]), 0.5))
