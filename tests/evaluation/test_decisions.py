"""Counts, rates and their averages against scikit-learn; each undefined one is None and says why."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn import metrics as reference

from thaw.evaluation.decisions import decide, measure_choice, measure_decisions
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(0)
CLASSES = ["Effusion", "Mass", "Nodule"]
COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
RATES = ("precision", "recall", "specificity", "f1", "balanced_accuracy", "kappa", "mcc")
LABELS = (RANDOM.random((200, 3)) < [0.3, 0.1, 0.5]).astype(int)
DECISIONS = (RANDOM.random((200, 3)) < 0.2 + 0.6 * LABELS).astype(int)
Whole = NDArray[np.integer]


def of_scikit_learn(truth: Whole, decided: Whole) -> dict[str, float | None]:
    """Every rate of one class; None by the rules that the docstring of ``measure_decisions`` states."""
    positive, negative = bool((truth == 1).any()), bool((truth == 0).any())
    given_, refused = bool((decided == 1).any()), bool((decided == 0).any())
    both = positive and negative
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "precision": float(reference.precision_score(truth, decided)) if given_ else None,
            "recall": float(reference.recall_score(truth, decided)) if positive else None,
            "specificity": float(reference.recall_score(truth, decided, pos_label=0)) if negative else None,
            "f1": float(reference.f1_score(truth, decided)) if positive else None,
            "balanced_accuracy": float(reference.balanced_accuracy_score(truth, decided)) if both else None,
            "kappa": float(reference.cohen_kappa_score(truth, decided)) if both else None,
            "mcc": float(reference.matthews_corrcoef(truth, decided)) if both and given_ and refused else None,
        }


def measured_choice(truth: Whole, chosen: Whole, classes: Sequence[str]) -> dict[str, Any]:
    one = np.eye(len(classes), dtype=np.int8)
    return measure_choice(one[truth], one[chosen], classes)


@settings(deadline=None)
@given(
    arrays.arrays(np.int8, (9, 2), elements=some.sampled_from([0, 1, UNKNOWN])),
    arrays.arrays(np.int64, (9, 2), elements=some.integers(0, 1)),
)
def test_every_rate_of_known_labels_is_scikit_learns(labels: Whole, decisions: Whole) -> None:
    found = measure_decisions(labels, decisions, ["a", "b"])
    for index, name in enumerate(["a", "b"]):
        known = labels[:, index] != UNKNOWN
        truth, decided = labels[known, index], decisions[known, index]
        expected = of_scikit_learn(truth, decided)
        assert {rate: found[rate][name] for rate in RATES} == pytest.approx(expected, abs=1e-12)
        negative, alarms, missed, right = np.bincount(2 * truth + decided, minlength=4).tolist()
        assert [found[count][name] for count in COUNTS] == [right, alarms, negative, missed]
        undefined = {rate for rate, value in expected.items() if value is None}
        assert set(found["undefined_decisions"].get(name, {})) == undefined
    for rate in RATES:
        values = [value for value in found[rate].values() if value is not None]
        assert found["macro_classes"][rate] == len(values)
        assert found[f"{rate}_macro"] == (pytest.approx(np.mean(values)) if values else None)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("rate", ["precision", "recall", "f1"])
def test_averages_are_scikit_learns(rate: str, average: str) -> None:
    expected = getattr(reference, f"{rate}_score")(LABELS, DECISIONS, average=average)
    assert measure_decisions(LABELS, DECISIONS, CLASSES)[f"{rate}_{average}"] == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_a_class_never_given_is_left_out_of_precision_but_counts_in_f1(average: str) -> None:
    decisions = DECISIONS.copy()
    decisions[:, 0] = 0
    found = measure_decisions(LABELS, decisions, CLASSES)
    expected = reference.precision_score(LABELS, decisions, average=average, zero_division=np.nan)
    assert found[f"precision_{average}"] == pytest.approx(expected)
    assert found[f"f1_{average}"] == pytest.approx(reference.f1_score(LABELS, decisions, average=average))
    assert (found["precision"]["Effusion"], found["recall"]["Effusion"], found["f1"]["Effusion"]) == (None, 0, 0)
    assert found["macro_classes"] == {**dict.fromkeys(RATES, 3), "precision": 2, "mcc": 2}
    why = {"precision": "no image was given it", "mcc": "no image was given it"}
    assert found["undefined_decisions"] == {"Effusion": why}


def test_micro_averages_pool_the_known_labels() -> None:
    labels = LABELS.copy()
    labels[::3, 1] = UNKNOWN
    known = labels != UNKNOWN
    found = measure_decisions(labels, DECISIONS, CLASSES)
    for rate in ("precision", "recall", "f1"):
        expected = getattr(reference, f"{rate}_score")(labels[known], DECISIONS[known])
        assert found[f"{rate}_micro"] == pytest.approx(expected)


def test_everything_right_is_exactly_1() -> None:
    labels = (RANDOM.random((16_807, 3)) < [0.5, 0.013, 0.3]).astype(np.int8)
    found = measure_decisions(labels, labels, CLASSES)
    assert [found[rate] for rate in RATES] == [dict.fromkeys(CLASSES, 1.0)] * 7
    opposite = measure_decisions(labels, 1 - labels, CLASSES)
    assert opposite["mcc"] == dict.fromkeys(CLASSES, -1.0)


def test_counts_do_not_overflow() -> None:
    """The product under the root of MCC exceeds 64 bits here."""
    labels = np.zeros((200_000, 1), np.int8)
    labels[:100_000] = 1
    decisions = np.roll(labels, 25_000)
    assert measure_decisions(labels, decisions, ["Mass"])["mcc"] == {"Mass": 0.5}
    both = [np.hstack([kind, 1 - kind]) for kind in (labels, decisions)]
    assert measure_choice(*both, ["yes", "no"])["mcc"] == 0.5


@pytest.mark.parametrize(
    ("label", "decision", "reasons"),
    [
        (1, 1, dict.fromkeys(["specificity", "balanced_accuracy", "kappa", "mcc"], "no image without it")),
        (
            0,
            0,
            {
                "precision": "no image was given it",
                **dict.fromkeys(["recall", "f1", "balanced_accuracy", "kappa", "mcc"], "no image with it"),
            },
        ),
        (UNKNOWN, 1, dict.fromkeys(RATES, "no image whose label is known")),
    ],
)
def test_images_of_one_kind_leave_rates_undefined(label: int, decision: int, reasons: dict[str, str]) -> None:
    found = measure_decisions(np.full((4, 1), label), np.full((4, 1), decision), ["Mass"])
    assert found["undefined_decisions"] == {"Mass": reasons}
    assert {rate for rate in RATES if found[rate]["Mass"] is None} == set(reasons)


def test_a_class_given_to_every_image_has_no_mcc() -> None:
    found = measure_decisions(np.array([[0], [1]]), np.array([[1], [1]]), ["Mass"])
    assert found["undefined_decisions"] == {"Mass": {"mcc": "every image was given it"}}
    assert (found["kappa"], found["balanced_accuracy"]) == ({"Mass": 0}, {"Mass": 0.5})


@pytest.mark.parametrize("images", [0, 5])
def test_no_known_label_is_undefined_and_warns_of_nothing(images: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure_decisions(np.full((images, 2), UNKNOWN), np.zeros((images, 2), int), ["a", "b"])
    averages = [f"{rate}_macro" for rate in RATES]
    averages += [f"{rate}_{average}" for rate in ("precision", "recall", "f1") for average in ("weighted", "micro")]
    assert found == {
        **{count: {"a": 0, "b": 0} for count in COUNTS},
        **{rate: {"a": None, "b": None} for rate in RATES},
        **dict.fromkeys(averages),
        "macro_classes": dict.fromkeys(RATES, 0),
        "undefined_decisions": dict.fromkeys("ab", dict.fromkeys(RATES, "no image whose label is known")),
    }


def test_fifteen_labels_with_one_never_positive() -> None:
    classes = [f"finding {number}" for number in range(15)]
    labels, decisions = RANDOM.integers(0, 2, (80, 15)), RANDOM.integers(0, 2, (80, 15))
    labels[:, 14] = 0
    found = measure_decisions(labels, decisions, classes)
    assert found["macro_classes"] == {**dict.fromkeys(RATES, 14), "precision": 15, "specificity": 15}
    assert found["precision_micro"] == pytest.approx(reference.precision_score(labels, decisions, average="micro"))
    assert list(found["undefined_decisions"]) == ["finding 14"]


@settings(deadline=None)
@given(
    arrays.arrays(np.int64, 12, elements=some.integers(0, 3)), arrays.arrays(np.int64, 12, elements=some.integers(0, 3))
)
def test_one_class_an_image_is_measured_as_scikit_learn_does(truth: Whole, chosen: Whole) -> None:
    found = measured_choice(truth, chosen, ["a", "b", "c", "d"])
    one_class, one_given = len(set(truth.tolist())) == 1, len(set(chosen.tolist())) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["accuracy"] == reference.accuracy_score(truth, chosen)
        assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, chosen))
        kappa = None if one_class else pytest.approx(reference.cohen_kappa_score(truth, chosen), abs=1e-12)
        mcc = None if one_class or one_given else reference.matthews_corrcoef(truth, chosen)
    assert found["kappa"] == kappa
    assert found["mcc"] == (None if mcc is None else pytest.approx(mcc, abs=1e-12))
    table = [[found["confusion"][true][given_] for given_ in "abcd"] for true in "abcd"]
    assert table == reference.confusion_matrix(truth, chosen, labels=range(4)).tolist()
    assert set(found["undefined_choice"]) == {name for name in ("kappa", "mcc") if found[name] is None}


def test_two_classes_have_the_mcc_kappa_and_balanced_accuracy_of_either() -> None:
    truth, chosen = LABELS[:, 0], DECISIONS[:, 0]
    found = measured_choice(truth, chosen, ["no", "yes"])
    by_class = measure_decisions(truth[:, None], chosen[:, None], ["yes"])
    for name in ("mcc", "kappa", "balanced_accuracy"):
        assert found[name] == pytest.approx(by_class[name]["yes"])


def test_choices_say_why_they_are_undefined() -> None:
    one_class = measured_choice(np.array([1, 1]), np.array([0, 1]), ["a", "b"])
    assert one_class == {
        "accuracy": 0.5,
        "balanced_accuracy": 0.5,
        "kappa": None,
        "mcc": None,
        "confusion": {"a": {"a": 0, "b": 0}, "b": {"a": 1, "b": 1}},
        "undefined_choice": {"kappa": "all images are of one class", "mcc": "all images are of one class"},
    }
    one_given = measured_choice(np.array([0, 1]), np.array([1, 1]), ["a", "b"])
    assert (one_given["kappa"], one_given["mcc"]) == (0, None)
    assert one_given["undefined_choice"] == {"mcc": "all images were given one class"}


@pytest.mark.parametrize("images", [0, 3])
def test_choices_for_images_of_unknown_class_are_undefined(images: int) -> None:
    found = measure_choice(np.full((images, 2), UNKNOWN), np.tile([1, 0], (images, 1)), ["a", "b"])
    names = ("accuracy", "balanced_accuracy", "kappa", "mcc")
    assert found == {
        **dict.fromkeys(names),
        "confusion": {true: {"a": 0, "b": 0} for true in "ab"},
        "undefined_choice": dict.fromkeys(names, "no image whose label is known"),
    }


def test_images_of_unknown_class_do_not_count_in_choices() -> None:
    truth, chosen = RANDOM.integers(0, 3, 60), RANDOM.integers(0, 3, 60)
    labels, decisions = np.eye(3, dtype=np.int8)[truth], np.eye(3, dtype=np.int8)[chosen]
    labels[::4] = UNKNOWN
    known = np.arange(60) % 4 != 0
    assert measure_choice(labels, decisions, CLASSES) == measured_choice(truth[known], chosen[known], CLASSES)


@pytest.mark.parametrize("row", [[0, 0], [1, 1]])
def test_no_class_or_several_are_no_choice(row: list[int]) -> None:
    with pytest.raises(ValueError, match="no class or several"):
        measure_choice(np.array([[1, 0]]), np.array([row]), ["a", "b"])


def test_what_is_measured_can_be_written() -> None:
    labels = LABELS.astype(np.int8)
    labels[:, 2] = UNKNOWN
    found = measure_decisions(labels, DECISIONS, CLASSES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    chosen = measured_choice(np.array([0, 1, 1]), np.array([0, 1, 0]), ["a", "b"])
    assert json.loads(json.dumps(chosen, allow_nan=False)) == chosen


def test_exactly_one_class_is_decided_for_in_multiclass() -> None:
    assert decide(np.array([[0.2, 0.5, 0.5]]), "multiclass", 0.9).tolist() == [[0, 1, 0]]


def test_a_score_that_reaches_the_threshold_is_enough() -> None:
    assert decide(np.array([[0.0, 0.5, 0.49, 1.0]]), "multilabel", 0.5).tolist() == [[0, 1, 0, 1]]
    assert decide(np.array([[0.0, 1.0]]), "multilabel", 0.0).tolist() == [[1, 1]]


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_a_threshold_a_class_decides_class_by_class(task: Any) -> None:
    scores = np.array([[0.2, 0.3, 0.5], [0.05, 0.95, 0.0], [0.0, 0.0, 1.0]])
    assert decide(scores, task, [0.1, 0.3, None]).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_thresholds_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="2 thresholds for 3 classes"):
        decide(np.zeros((1, 3)), "multilabel", [0.5, 0.5])
