"""AUROC and average precision by class and on average, against scikit-learn; undefined classes say why."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import average_precision_score, roc_auc_score

from thaw.evaluation.ranking import average_precision_by_class, measure_ranking, reasons_undefined, weighted
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(0)
CLASSES = ["Effusion", "Mass", "Nodule"]
LABELS = (RANDOM.random((200, 3)) < [0.3, 0.1, 0.5]).astype(int)
SCORES = (RANDOM.normal(size=(200, 3)) + LABELS).round(1)  # with ties
AVERAGES = [
    (figure, average) for figure in ("auroc", "average_precision") for average in ("macro", "weighted", "micro")
]
OF_SCIKIT_LEARN = {"auroc": roc_auc_score, "average_precision": average_precision_score}


def of_scikit_learn(figure: str, labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float | None:
    known = labels != UNKNOWN
    if set(labels[known].tolist()) != {0, 1}:
        return None
    return float(OF_SCIKIT_LEARN[figure](labels[known], scores[known]))


@some.composite
def predictions(draw: some.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Labels with unknown ones and scores with many ties or none, of both precisions."""
    shape = (draw(some.integers(0, 30)), draw(some.integers(0, 4)))
    labels = draw(arrays.arrays(np.int64, shape, elements=some.sampled_from([0, 1, UNKNOWN])))
    kind, width = draw(some.sampled_from([(np.float32, 32), (np.float64, 64)]))
    tied = some.sampled_from([0.0, 0.25, 0.5, 1.0])
    untied = some.floats(0, 1, width=width)
    return labels, draw(arrays.arrays(kind, shape, elements=tied) | arrays.arrays(kind, shape, elements=untied))


@settings(deadline=None)
@given(predictions())
def test_average_precision_is_scikit_learns(made: tuple[NDArray[np.int64], NDArray[np.floating]]) -> None:
    labels, scores = made
    expected = [of_scikit_learn("average_precision", *columns) for columns in zip(labels.T, scores.T, strict=True)]
    assert average_precision_by_class(labels, scores) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(predictions())
def test_every_figure_is_scikit_learns_on_the_known_labels(
    made: tuple[NDArray[np.int64], NDArray[np.floating]],
) -> None:
    labels, scores = made
    classes = [str(index) for index in range(labels.shape[1])]
    found = measure_ranking(labels, scores, classes)
    positives = dict(zip(classes, (labels == 1).sum(axis=0), strict=True))
    for figure in OF_SCIKIT_LEARN:
        expected = [of_scikit_learn(figure, *columns) for columns in zip(labels.T, scores.T, strict=True)]
        assert list(found[figure].values()) == pytest.approx(expected, abs=1e-12)
        defined = {name: value for name, value in zip(classes, expected, strict=True) if value is not None}
        assert {name for name in classes if name not in found["undefined"]} == set(defined)
        assert (found["classes"], found["classes_measured"]) == (len(classes), len(defined))
        pooled = of_scikit_learn(figure, labels.ravel(), scores.ravel())
        assert found[f"{figure}_micro"] == (None if pooled is None else pytest.approx(pooled, abs=1e-12))
        if not defined:
            assert (found[f"{figure}_macro"], found[f"{figure}_weighted"]) == (None, None)
            continue
        values, weights = list(defined.values()), [positives[name] for name in defined]
        assert found[f"{figure}_macro"] == pytest.approx(np.mean(values))
        assert found[f"{figure}_weighted"] == pytest.approx(np.average(values, weights=weights))


@pytest.mark.parametrize(("figure", "average"), AVERAGES)
def test_averages_of_several_labels_an_image_are_scikit_learns(figure: str, average: str) -> None:
    expected = OF_SCIKIT_LEARN[figure](LABELS, SCORES, average=average)
    assert measure_ranking(LABELS, SCORES, CLASSES)[f"{figure}_{average}"] == pytest.approx(expected)


@pytest.mark.parametrize(("figure", "average"), AVERAGES)
def test_averages_of_one_class_an_image_are_scikit_learns(figure: str, average: str) -> None:
    truth, scores = RANDOM.integers(0, 3, 150), softmax(RANDOM.normal(size=(150, 3)), axis=1)
    options = {"multi_class": "ovr"} if figure == "auroc" else {}
    expected = OF_SCIKIT_LEARN[figure](truth, scores, average=average, **options)
    found = measure_ranking(np.eye(3, dtype=int)[truth], scores, CLASSES)
    assert found[f"{figure}_{average}"] == pytest.approx(expected)


def test_both_classes_of_a_binary_task_have_the_auroc_of_one_score() -> None:
    truth, positive = LABELS[:, 0], softmax(RANDOM.normal(size=(200, 2)), axis=1)[:, 1]
    found = measure_ranking(np.stack([1 - truth, truth], 1), np.stack([1 - positive, positive], 1), ["no", "yes"])
    expected = pytest.approx(roc_auc_score(truth, positive))
    assert (found["auroc"]["no"], found["auroc"]["yes"], found["auroc_macro"]) == (expected, expected, expected)
    assert found["average_precision"]["yes"] == pytest.approx(average_precision_score(truth, positive))
    assert found["average_precision"]["no"] == pytest.approx(average_precision_score(1 - truth, 1 - positive))


def test_images_of_equal_score_pass_a_threshold_together() -> None:
    """Worked by hand: of the scores 3, 2, 2, 1 the labels are 0, 1, 0, 1."""
    labels, scores = np.array([[0], [1], [0], [1]]), np.array([[3.0], [2.0], [2.0], [1.0]])
    assert average_precision_by_class(labels, scores) == [pytest.approx(0.5 * (1 / 3) + 0.5 * (2 / 4))]
    assert average_precision_by_class(labels[::-1], scores[::-1]) == average_precision_by_class(labels, scores)


def test_equal_scores_are_chance() -> None:
    """Chance is the share of positives for average precision, a half for AUROC."""
    found = measure_ranking(np.array([[0], [1], [0], [0]]), np.ones((4, 1)), ["Mass"])
    assert (found["average_precision"], found["auroc"]) == ({"Mass": 0.25}, {"Mass": 0.5})


def test_a_single_positive_has_the_precision_of_its_place() -> None:
    assert average_precision_by_class(np.eye(1, 5, 2, dtype=np.int8).T, np.arange(5.0)[:, None]) == [1 / 3]


def test_undefined_classes_say_why_and_are_left_out_of_the_averages() -> None:
    labels = np.hstack([LABELS[:, :1], np.zeros((200, 1), int), np.ones((200, 1), int), np.full((200, 1), UNKNOWN)])
    found = measure_ranking(labels, RANDOM.random((200, 4)), ["a", "b", "c", "d"])
    assert found["undefined"] == {
        "b": "no image with it",
        "c": "no image without it",
        "d": "no image whose label is known",
    }
    assert (found["classes"], found["classes_measured"]) == (4, 1)
    for figure in OF_SCIKIT_LEARN:
        assert [found[figure][name] for name in "bcd"] == [None, None, None]
        assert found[f"{figure}_macro"] == found[f"{figure}_weighted"] == found[figure]["a"]


@pytest.mark.parametrize("place", range(3))
def test_no_finding_is_counted_and_left_out_of_a_second_mean(place: int) -> None:
    classes = list(CLASSES)
    classes[place] = "No Finding"
    found = measure_ranking(LABELS, SCORES, classes)
    others = [name for name in classes if name != "No Finding"]
    for figure in OF_SCIKIT_LEARN:
        values = found[figure]
        assert found[f"{figure}_macro"] == pytest.approx(np.mean(list(values.values())))
        assert found[f"{figure}_macro_without_no_finding"] == pytest.approx(np.mean([values[name] for name in others]))
    assert (found["classes_measured"], found["classes_measured_without_no_finding"]) == (3, 2)
    assert not [name for name in measure_ranking(LABELS, SCORES, CLASSES) if name.endswith("no_finding")]


def test_fifteen_labels_of_which_no_finding_is_never_positive() -> None:
    classes = [f"finding {number}" for number in range(14)] + ["No Finding"]
    labels = RANDOM.integers(0, 2, (60, 15))
    labels[:, 14] = 0
    found = measure_ranking(labels, RANDOM.random((60, 15)), classes)
    assert (found["classes"], found["classes_measured"], found["classes_measured_without_no_finding"]) == (15, 14, 14)
    assert found["auroc_macro"] == found["auroc_macro_without_no_finding"]
    assert found["undefined"] == {"No Finding": "no image with it"}


@pytest.mark.parametrize("images", [0, 7])
def test_no_image_with_a_known_label_is_undefined_and_warns_of_nothing(images: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure_ranking(np.full((images, 2), UNKNOWN), np.zeros((images, 2)), ["Mass", "No Finding"])
    none = dict.fromkeys(["Mass", "No Finding"])
    averages = ("macro", "weighted", "micro", "macro_without_no_finding")
    expected = {f"{figure}_{average}": None for figure in OF_SCIKIT_LEARN for average in averages}
    counts = {"classes": 2, "classes_measured": 0, "classes_measured_without_no_finding": 0}
    why = dict.fromkeys(none, "no image whose label is known")
    assert found == {**expected, **counts, "auroc": none, "average_precision": none, "undefined": why}


def test_scores_of_exactly_0_and_1_and_few_bits_are_counted_in_full() -> None:
    """300 positives do not fit into the int8 that labels may have."""
    labels = np.repeat([[1], [0]], 300, axis=0).astype(np.int8)
    found = measure_ranking(labels, labels.astype(np.float32), ["Mass"])
    assert [found[f"{figure}_{average}"] for figure, average in AVERAGES] == [1.0] * 6


def test_what_is_measured_can_be_written() -> None:
    labels = LABELS.astype(np.int8)
    labels[:, 2] = UNKNOWN
    found = measure_ranking(labels, SCORES.astype(np.float32), CLASSES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        average_precision_by_class(np.array([[0], [1]]), np.array([[0.0], [bad]]))
    with pytest.raises(ValueError, match="NaN or infinity"):
        measure_ranking(np.array([[0], [1]]), np.array([[0.0], [bad]]), ["Mass"])


def test_a_weighted_mean_leaves_out_what_is_undefined() -> None:
    assert weighted([0.5, None, 1.0], np.array([1, 5, 3])) == 0.875
    assert weighted([None], np.array([2])) is None
    assert weighted([0.5], np.array([0])) is None


def test_reasons_are_of_undefined_classes_alone() -> None:
    assert reasons_undefined(np.array([[0, 1], [1, 1]]), ["a", "b"]) == {"b": "no image without it"}
