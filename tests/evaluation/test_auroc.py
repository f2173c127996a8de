"""AUROC from ranks against scikit-learn's from the curve, and against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from thaw.evaluation.auroc import auroc_by_class, macro
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random((200, 3)) < [0.3, 0.1, 0.5]).astype(int)
LOGITS = RANDOM.normal(size=(200, 3)) + LABELS


def of_scikit_learn(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float | None:
    known = labels != UNKNOWN
    if set(labels[known].tolist()) != {0, 1}:
        return None
    return float(roc_auc_score(labels[known], scores[known]))


@some.composite
def predictions(draw: some.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Labels with unknown ones and scores with many ties or none, of both precisions."""
    shape = (draw(some.integers(0, 30)), draw(some.integers(0, 4)))
    labels = draw(arrays.arrays(np.int64, shape, elements=some.sampled_from([0, 1, UNKNOWN])))
    kind, width = draw(some.sampled_from([(np.float32, 32), (np.float64, 64)]))
    tied = some.integers(-2, 2).map(float)
    untied = some.floats(-(2.0**90), 2.0**90, width=width, allow_subnormal=False)
    return labels, draw(arrays.arrays(kind, shape, elements=tied) | arrays.arrays(kind, shape, elements=untied))


@given(predictions())
def test_every_class_is_scikit_learns(made: tuple[NDArray[np.int64], NDArray[np.floating]]) -> None:
    labels, scores = made
    found = auroc_by_class(labels, scores)
    assert len(found) == labels.shape[1]
    for value, truth, score in zip(found, labels.T, scores.T, strict=True):
        expected = of_scikit_learn(truth, score)
        assert value == (expected if expected is None else pytest.approx(expected, abs=1e-12))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_many_images_with_unknown_labels_and_ties_are_scikit_learns(kind: type[np.floating]) -> None:
    labels = RANDOM.choice([0, 1, UNKNOWN], size=(20_000, 5), p=[0.85, 0.1, 0.05])
    scores = RANDOM.random((20_000, 5)).astype(kind)
    scores[:, 0] = scores[:, 0].round(2)
    expected = [of_scikit_learn(*columns) for columns in zip(labels.T, scores.T, strict=True)]
    assert auroc_by_class(labels, scores) == pytest.approx(expected, abs=1e-12)


@given(some.lists(some.tuples(some.booleans(), some.integers(-30, 30)), min_size=2, max_size=40))
def test_auroc_is_the_chance_that_a_positive_scores_higher(pairs: list[tuple[bool, int]]) -> None:
    """Hanley & McNeil 1982: ties count a half; and a monotone change of the scores changes nothing."""
    labels = np.array([[int(label)] for label, _ in pairs])
    scores = np.array([[float(score)] for _, score in pairs])
    positive, negative = scores[labels[:, 0] == 1, 0], scores[labels[:, 0] == 0, 0]
    found = auroc_by_class(labels, scores)[0]
    if not len(positive) or not len(negative):
        assert found is None
        return
    wins = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    assert found == pytest.approx(wins)
    assert auroc_by_class(labels, np.exp(scores / 10)) == [found]


def test_labels_of_few_bits_are_counted_in_full() -> None:
    """300 positives do not fit into the int8 that labels may have."""
    labels = np.repeat([[1], [0]], 300, axis=0)
    scores = np.arange(600.0)[::-1, None]
    assert auroc_by_class(labels.astype(np.int8), scores) == [1.0]
    assert auroc_by_class(labels.astype(np.int8), -scores) == [0.0]


def test_one_class_only_is_undefined_not_a_half() -> None:
    assert auroc_by_class(np.ones((5, 1), int), np.zeros((5, 1))) == [None]
    assert auroc_by_class(np.full((5, 1), UNKNOWN), np.zeros((5, 1))) == [None]


def test_equal_scores_are_chance() -> None:
    assert auroc_by_class(np.array([[0], [1], [1]]), np.ones((3, 1))) == [0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("label", [1, UNKNOWN])
def test_scores_that_are_no_numbers_are_refused(bad: float, label: int) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        auroc_by_class(np.array([[0], [label]]), np.array([[0.0], [bad]]))


def test_the_scores_given_stay_as_they_are() -> None:
    labels, scores = LABELS.copy(), LOGITS.copy()
    labels[::4] = UNKNOWN
    auroc_by_class(labels, scores)
    assert np.array_equal(scores, LOGITS)


def test_the_mean_is_of_the_classes_that_have_a_value() -> None:
    assert macro([0.5, None, 1.0]) == 0.75
    assert macro([None, None]) is None
