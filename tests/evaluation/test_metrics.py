"""Metrics against scikit-learn and hand-computed cases; what is undefined stays undefined."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn import metrics as reference

from thaw.evaluation.decisions import decide, measure_decisions
from thaw.evaluation.metrics import measure, measure_at
from thaw.evaluation.probabilities import probabilities
from thaw.evaluation.ranking import measure_ranking
from thaw.evaluation.rounding import rounded
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


@settings(deadline=None)
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


def test_the_parts_are_measured_together() -> None:
    labels, scores = LABELS.astype(np.int8), probabilities(LOGITS, "multilabel")
    found = measure(labels, LOGITS, CLASSES, "multilabel", 0.4)
    decided = measure_decisions(labels, decide(scores, "multilabel", 0.4), CLASSES)
    assert found == {**measure_ranking(labels, scores, CLASSES), **decided, "accuracy": found["accuracy"]}
    truth = [LABELS[:, index] for index in range(3)]
    expected = [reference.cohen_kappa_score(one, scores[:, index] >= 0.4) for index, one in enumerate(truth)]
    assert found["kappa_macro"] == pytest.approx(np.mean(expected))


def test_choices_have_one_agreement_for_all_classes_and_one_against_the_rest() -> None:
    truth, chosen = LABELS.argmax(1), LOGITS.argmax(1)
    found = measure(np.eye(3, dtype=np.int8)[truth], LOGITS, CLASSES, "multiclass", 0.5)
    for name, of_scikit_learn in (
        ("balanced_accuracy", reference.balanced_accuracy_score),
        ("kappa", reference.cohen_kappa_score),
        ("mcc", reference.matthews_corrcoef),
    ):
        assert found[name] == pytest.approx(of_scikit_learn(truth, chosen))
        expected = {one: of_scikit_learn(truth == at, chosen == at) for at, one in enumerate(CLASSES)}
        assert found[f"{name}_by_class"] == pytest.approx(expected)
        assert found[f"{name}_macro"] == pytest.approx(np.mean(list(expected.values())))
    assert found["recall"] == dict(zip(CLASSES, reference.recall_score(truth, chosen, average=None), strict=True))


def test_one_threshold_for_all_classes_is_that_threshold_for_each() -> None:
    scores = probabilities(LOGITS, "multilabel")
    found = measure_at(LABELS, scores, CLASSES, "multilabel", 0.4)
    assert found == measure_at(LABELS, scores, CLASSES, "multilabel", [0.4] * 3)
    whole = measure(LABELS, LOGITS, CLASSES, "multilabel", 0.4)
    assert found == {name: whole[name] for name in found}
    assert not [name for name in found if "auroc" in name or "average_precision" in name]


def test_a_threshold_a_class_measures_each_class_by_itself() -> None:
    scores, thresholds = probabilities(LOGITS, "multilabel"), [0.3, 0.6, None]
    found = measure_at(LABELS, scores, CLASSES, "multilabel", thresholds)
    decided = scores >= [0.3, 0.6, 2]
    assert found["accuracy"] == pytest.approx((decided == LABELS).mean())
    assert found["f1_macro"] == pytest.approx(reference.f1_score(LABELS, decided, average="macro"))
    assert found["precision"]["Nodule"] is None


def test_classes_that_compete_by_thresholds_of_their_own_make_no_choice() -> None:
    labels, scores = np.eye(3, dtype=np.int8)[LABELS.argmax(1)], probabilities(LOGITS, "multiclass")
    found = measure_at(labels, scores, CLASSES, "multiclass", [0.2, 0.4, 0.5])
    assert found["accuracy"] is None
    assert "confusion" not in found
    decided = scores >= [0.2, 0.4, 0.5]
    assert found["f1_macro"] == pytest.approx(reference.f1_score(labels, decided, average="macro"))
    assert set(found["kappa"]) == set(CLASSES)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize("label", [0, 1, UNKNOWN])
@pytest.mark.parametrize("logit", [0.0, 800.0])
@pytest.mark.parametrize("images", [0, 1, 5])
def test_images_of_one_kind_are_measured_without_a_warning(task: Any, label: int, logit: float, images: int) -> None:
    labels = np.full((images, 2), label if task == "multilabel" else min(label, 0), np.int8)
    labels[:, 0] = label
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(labels, np.tile([logit, -logit], (images, 1)), ["a", "b"], task, 0.5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["auroc_macro"] is None
    assert (found["accuracy"] is None) == (images == 0 or label == UNKNOWN or (task == "multiclass" and label == 0))


def test_images_of_unknown_class_are_left_out_of_a_choice() -> None:
    labels = np.eye(3, dtype=np.int8)[LABELS.argmax(1)]
    labels[::4] = UNKNOWN
    known = np.arange(200) % 4 != 0
    found = measure(labels, LOGITS, CLASSES, "multiclass", 0.5)
    assert found == measure(labels[known], LOGITS[known], CLASSES, "multiclass", 0.5)


def test_the_order_of_images_does_not_matter() -> None:
    labels, logits = LABELS.copy(), LOGITS.round(1)
    labels[::3, 0] = UNKNOWN
    order = RANDOM.permutation(200)
    found = measure(labels, logits, CLASSES, "multilabel", 0.5)
    assert rounded(measure(labels[order], logits[order], CLASSES, "multilabel", 0.5), 12) == rounded(found, 12)


def test_rounding_keeps_the_shape() -> None:
    values = {"a": {"b": 0.123456789, "c": None}, "n": 3, "ends": [0.123456789, None], "why": "no image"}
    assert rounded(values) == {"a": {"b": 0.123457, "c": None}, "n": 3, "ends": [0.123457, None], "why": "no image"}


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
