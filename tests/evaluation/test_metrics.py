"""Metrics against scikit-learn and hand-computed cases; what is undefined stays undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.special import softmax
from sklearn import metrics as reference

from thaw.evaluation.auroc import auroc_by_class, macro
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


def test_one_class_only_is_undefined_not_a_half() -> None:
    labels = np.ones((5, 1), int)
    assert auroc_by_class(labels, np.zeros((5, 1))) == [None]
    assert macro([None, None]) is None


def test_equal_scores_are_chance() -> None:
    assert auroc_by_class(np.array([[0], [1], [1]]), np.ones((3, 1))) == [0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN"):
        auroc_by_class(np.array([[0], [1]]), np.array([[0.0], [bad]]))


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
    assert auroc_by_class(labels, np.exp(scores / 10))[0] == pytest.approx(wins)


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
