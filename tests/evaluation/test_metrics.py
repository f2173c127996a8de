"""Metrics against scikit-learn and hand-computed cases; what is undefined stays undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn import metrics as reference

from thaw.evaluation.metrics import decide, measure, rounded
from thaw.evaluation.probabilities import probabilities
from thaw.labels import UNKNOWN

CLASSES = ["Effusion", "Mass", "Nodule"]
RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random((200, 3)) < [0.3, 0.1, 0.5]).astype(int)
LOGITS = RANDOM.normal(size=(200, 3)) + LABELS


def test_multilabel_metrics_are_scikit_learns() -> None:
    found = measure(LABELS, LOGITS, CLASSES, "multilabel", 0.4)
    scores = 1 / (1 + np.exp(-LOGITS))
    decisions = scores >= 0.4
    assert found["auroc_macro"] == pytest.approx(reference.roc_auc_score(LABELS, scores, average="macro"))
    assert found["f1_macro"] == pytest.approx(reference.f1_score(LABELS, decisions, average="macro"))
    assert found["accuracy"] == pytest.approx(1 - reference.hamming_loss(LABELS, decisions))
    for index, name in enumerate(CLASSES):
        truth, given_ = LABELS[:, index], decisions[:, index]
        assert found["precision"][name] == pytest.approx(reference.precision_score(truth, given_))
        assert found["recall"][name] == pytest.approx(reference.recall_score(truth, given_))
    assert "confusion" not in found


def test_multiclass_metrics_are_scikit_learns() -> None:
    truth = RANDOM.integers(0, 3, 200)
    found = measure(np.eye(3, dtype=int)[truth], LOGITS, CLASSES, "multiclass", 0.5)
    given_ = LOGITS.argmax(1)
    expected = reference.roc_auc_score(truth, softmax(LOGITS, axis=1), multi_class="ovr", average="macro")
    assert found["auroc_macro"] == pytest.approx(expected)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(truth, given_))
    assert found["f1_macro"] == pytest.approx(reference.f1_score(truth, given_, average="macro"))
    table = [[found["confusion"][true][guess] for guess in CLASSES] for true in CLASSES]
    assert table == reference.confusion_matrix(truth, given_).tolist()


@given(
    arrays.arrays(np.int64, (12, 2), elements=some.sampled_from([0, 1, UNKNOWN])),
    arrays.arrays(np.float64, (12, 2), elements=some.integers(-2, 2).map(float)),
)
def test_decisions_are_counted_as_scikit_learn_does(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> None:
    # one known image more, so that scikit-learn has something to count in every class
    labels, logits = np.vstack([labels, [[0, 0]]]), np.vstack([logits, [[-1.0, -1.0]]])
    found = measure(labels, logits, ["a", "b"], "multilabel", 0.5)
    for index, name in enumerate(["a", "b"]):
        known = labels[:, index] != UNKNOWN
        truth, decided = labels[known, index], logits[known, index] >= 0
        three = reference.precision_recall_fscore_support(
            truth, decided, labels=[1], average=None, zero_division=np.nan
        )[:3]
        precision, recall, f1 = (None if np.isnan(value[0]) else float(value[0]) for value in three)
        assert (found["precision"][name], found["recall"][name]) == (precision, recall)
        assert found["f1"][name] == (f1 if truth.any() else None)


def test_a_class_without_positives_has_no_auroc_and_is_left_out_of_the_mean() -> None:
    labels = LABELS.copy()
    labels[:, 1] = 0
    found = measure(labels, LOGITS, CLASSES, "multilabel", 0.5)
    assert found["auroc"]["Mass"] is None
    assert found["recall"]["Mass"] is None
    assert found["f1"]["Mass"] is None
    assert found["auroc_macro"] == pytest.approx((found["auroc"]["Effusion"] + found["auroc"]["Nodule"]) / 2)


def test_a_class_that_is_never_decided_for_has_no_precision_but_f1_of_zero() -> None:
    logits = LOGITS.copy()
    logits[:, 0] = -50
    found = measure(LABELS, logits, CLASSES, "multilabel", 0.5)
    assert found["precision"]["Effusion"] is None
    assert found["recall"]["Effusion"] == 0
    assert found["f1"]["Effusion"] == 0


def test_probabilities_by_task() -> None:
    logits = np.array([[0.0, 0.0], [100.0, -100.0]])
    assert probabilities(logits, "multilabel").tolist() == [[0.5, 0.5], [1.0, pytest.approx(0)]]
    assert probabilities(logits, "multiclass").sum(axis=1).tolist() == [1, 1]


def test_exactly_one_class_is_decided_for_in_multiclass() -> None:
    assert decide(np.array([[0.2, 0.5, 0.5]]), "multiclass", 0.9).tolist() == [[0, 1, 0]]


def test_rounding_keeps_the_shape() -> None:
    assert rounded({"a": {"b": 0.123456789, "c": None}, "n": 3}) == {"a": {"b": 0.123457, "c": None}, "n": 3}


def test_unknown_labels_are_left_out_of_every_metric() -> None:
    labels = LABELS.copy()
    labels[::3, 0] = UNKNOWN
    labels[:, 2] = UNKNOWN
    found = measure(labels, LOGITS, CLASSES, "multilabel", 0.4)
    known = labels[:, 0] != UNKNOWN
    alone = measure(labels[known, :1], LOGITS[known, :1], CLASSES[:1], "multilabel", 0.4)
    for name in ("auroc", "precision", "recall", "f1"):
        assert found[name]["Effusion"] == alone[name]["Effusion"]
        assert found[name]["Nodule"] is None
    decisions = 1 / (1 + np.exp(-LOGITS)) >= 0.4
    right = np.concatenate([(decisions == labels)[known, 0], (decisions == labels)[:, 1]])
    assert found["accuracy"] == pytest.approx(right.mean())
