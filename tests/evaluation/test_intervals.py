"""Intervals of the metrics: what they hold, and where there is none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from thaw.evaluation.bootstrap import Resampling, interval
from thaw.evaluation.delong import clustered_delong, delong_interval
from thaw.evaluation.intervals import measure_intervals
from thaw.evaluation.metrics import measure_at
from thaw.evaluation.ranking import measure_ranking
from thaw.labels import UNKNOWN

RANDOM = np.random.default_rng(5)
PATIENTS = RANDOM.integers(0, 120, 400).astype(str).astype(object)
CLASSES = ["Mass", "Edema", "Hernia"]
LABELS = (RANDOM.random((400, 3)) < [0.4, 0.2, 0.1]).astype(np.int8)
SCORES = 1 / (1 + np.exp(-RANDOM.normal(size=(400, 3)) - LABELS))
LABELS[::9, 1] = UNKNOWN
THRESHOLDS = [0.5, 0.6, 0.7]
OVERALL = ["auroc_macro", "average_precision_macro", "f1_macro", "accuracy"]
BY_CLASS = ["auroc", "average_precision", "sensitivity", "specificity", "precision", "f1", "auroc_delong"]
POINT_NAMES = {"sensitivity": "recall", "auroc_delong": "auroc"}


def multilabel(labels: Any = LABELS, scores: Any = SCORES, patients: Any = PATIENTS, **more: Any) -> dict[str, Any]:
    given = {"thresholds": THRESHOLDS, "classes": CLASSES, "resamples": 300, "confidence": 0.95, "seed": 1} | more
    return measure_intervals(labels, scores, patients=patients, task="multilabel", **given)


def one_class(labels: list[int], scores: list[float], patients: str, **more: Any) -> dict[str, Any]:
    """Of a single class at the threshold 0.5, a letter for each image's patient."""
    columns = np.array(labels)[:, None], np.array(scores)[:, None], np.array(list(patients), dtype=object)
    return multilabel(*columns, **{"thresholds": [0.5], "classes": ["Mass"]} | more)


def test_every_interval_holds_the_metric_itself() -> None:
    found = multilabel()
    point = measure_ranking(LABELS, SCORES, CLASSES) | measure_at(LABELS, SCORES, CLASSES, "multilabel", THRESHOLDS)
    assert list(found) == ["resamples", "confidence", "patients", *OVERALL, *BY_CLASS, "undefined"]
    assert (found["resamples"], found["confidence"], found["undefined"]) == (300, 0.95, {})
    assert found["patients"] == len(set(PATIENTS))
    for name in OVERALL:
        low, high = found[name]
        assert low < point[name] < high
    for name in BY_CLASS:
        assert list(found[name]) == CLASSES
        for label, (low, high) in found[name].items():
            assert 0 <= low < point[POINT_NAMES.get(name, name)][label] < high <= 1
    assert json.loads(json.dumps(found)) == found


def test_the_figures_of_a_sample_are_those_of_its_images() -> None:
    """Each image repeated as often as the sample holds its patient, and measured anew."""
    labels, scores, patients = LABELS[:60], SCORES[:60], PATIENTS[:60]
    resampling = Resampling.of(patients, 3, 1)
    points = []
    for weights in resampling.drawn:
        rows = np.repeat(np.arange(60), weights[resampling.patients].astype(int))
        ranking = measure_ranking(labels[rows], scores[rows], CLASSES)
        points.append(ranking | measure_at(labels[rows], scores[rows], CLASSES, "multilabel", THRESHOLDS))
    found = multilabel(labels, scores, patients, resamples=3)
    for name in OVERALL:
        assert found[name] == pytest.approx(interval(np.array([point[name] for point in points]), 0.95))
    for name in set(BY_CLASS) - {"auroc_delong"}:
        values = [[point[POINT_NAMES.get(name, name)][label] for label in CLASSES] for point in points]
        for label, column in zip(CLASSES, np.array(values, dtype=float).T, strict=True):
            assert found[name][label] == pytest.approx(interval(column, 0.95))


def test_delongs_interval_is_of_the_clustered_variance() -> None:
    auroc, variance = clustered_delong(LABELS[:, 1], SCORES[:, [1]], PATIENTS)
    expected = delong_interval(auroc[0], variance[0, 0], 0.9)
    assert multilabel(confidence=0.9)["auroc_delong"]["Edema"] == pytest.approx(expected)


def test_delong_and_the_samples_agree() -> None:
    found = multilabel(resamples=2000)
    for label in CLASSES:
        assert found["auroc_delong"][label] == pytest.approx(found["auroc"][label], abs=0.03)


def test_the_order_of_the_images_changes_nothing_and_a_seed_does() -> None:
    order = RANDOM.permutation(400)
    expected, found = multilabel(), multilabel(LABELS[order], SCORES[order], PATIENTS[order])
    assert found == expected | {"auroc_delong": found["auroc_delong"]}
    for label in CLASSES:
        assert found["auroc_delong"][label] == pytest.approx(expected["auroc_delong"][label])
    assert multilabel(seed=2)["auroc"] != expected["auroc"]


def test_higher_confidence_is_wider() -> None:
    narrow, wide = multilabel(confidence=0.8), multilabel(confidence=0.99)
    for name in OVERALL:
        assert wide[name][0] < narrow[name][0] < narrow[name][1] < wide[name][1]


def test_accuracy_with_one_label_an_image_is_of_the_likeliest_class() -> None:
    truth = RANDOM.integers(0, 3, 400)
    logits = RANDOM.normal(size=(400, 3)) + 2 * np.eye(3)[truth]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.eye(3, dtype=np.int8)[truth]
    found = measure_intervals(labels, scores, [0.4] * 3, PATIENTS, CLASSES, "multiclass", 300, 0.95, 1)
    right = (scores.argmax(axis=1) == truth)[:, None]
    resampling = Resampling.of(PATIENTS, 300, 1)
    shares = resampling.sums(right) / resampling.sums(np.ones_like(right))
    assert found["accuracy"] == pytest.approx(interval(shares[:, 0], 0.95))
    point = measure_at(labels, scores, CLASSES, "multiclass", [0.4] * 3)
    for label, (low, high) in found["sensitivity"].items():
        assert low < point["recall"][label] < high


def test_a_class_without_a_threshold_is_never_decided_for() -> None:
    found = multilabel(thresholds=[0.5, None, 0.7])
    assert found["sensitivity"]["Edema"][0] == 0
    assert found["precision"]["Edema"] is None
    assert found["undefined"] == {
        "precision": {"Edema": "fewer than 2 patients who were given it"},
        "f1": {"Edema": "the same in nearly every sample of patients"},
    }


def test_a_class_with_one_label_only_has_no_interval_of_its_ranking() -> None:
    labels = LABELS.copy()
    labels[:, 2] = 0
    found = multilabel(labels)
    assert found["auroc"]["Hernia"] is found["auroc_delong"]["Hernia"] is found["sensitivity"]["Hernia"] is None
    assert found["specificity"]["Hernia"] is not None
    assert found["undefined"]["auroc"] == {"Hernia": "fewer than 2 patients with it, or without it"}
    assert found["undefined"]["sensitivity"] == {"Hernia": "fewer than 2 patients with it"}
    both = multilabel(labels[:, :2], SCORES[:, :2], classes=CLASSES[:2], thresholds=THRESHOLDS[:2])
    assert found["auroc_macro"] == both["auroc_macro"]


def test_a_single_positive_says_nothing_of_other_patients() -> None:
    found = one_class([1, 0, 0, 0, 0], [0.7, 0.8, 0.2, 0.1, 0.3], "abcde")
    assert found["auroc"] == found["sensitivity"] == found["f1"] == {"Mass": None}
    assert found["auroc_macro"] is None
    assert found["undefined"]["auroc_macro"] == "no class has an interval"
    assert found["specificity"]["Mass"] is not None


def test_one_patient_has_no_interval_at_all() -> None:
    found = one_class([1, 0, 1, 0], [0.7, 0.8, 0.2, 0.1], "pppp")
    assert found["patients"] == 1
    for name in BY_CLASS:
        assert found[name] == {"Mass": None}
    for name in OVERALL:
        assert found[name] is None
    assert set(found["undefined"]) == {*BY_CLASS, *OVERALL}


def test_equal_scores_are_chance_without_an_interval() -> None:
    found = one_class([1, 0, 1, 0, 1, 0, 1, 0], [0.5] * 8, "abcdefgh")
    assert found["auroc"] == found["auroc_delong"] == {"Mass": None}
    assert found["undefined"]["auroc"] == {"Mass": "the same in nearly every sample of patients"}


def test_probabilities_of_0_and_1_that_are_all_right_leave_shares_their_exact_bound() -> None:
    """4 of 4 patients: the share p with p ** 4 = 0.025; 3 of 3 among those with the class, 2 of 2 without."""
    found = one_class([1, 0, 1, 0, 1], [1, 0, 1, 0, 1], "abbcd")
    assert found["accuracy"] == pytest.approx([0.025 ** (1 / 4), 1])
    assert found["sensitivity"]["Mass"] == pytest.approx([0.025 ** (1 / 3), 1])
    assert found["specificity"]["Mass"] == pytest.approx([0.025 ** (1 / 2), 1])
    assert found["precision"]["Mass"] == pytest.approx([0.025 ** (1 / 3), 1])
    assert found["auroc"]["Mass"] is found["auroc_delong"]["Mass"] is found["f1"]["Mass"] is None
    wrong = one_class([1, 0, 1, 0, 1], [0, 1, 0, 1, 0], "abbcd")
    assert wrong["sensitivity"]["Mass"] == pytest.approx([0, 1 - 0.025 ** (1 / 3)])


def test_no_known_label_and_no_image() -> None:
    for count in (5, 0):
        found = one_class([UNKNOWN] * count, [0.5] * count, "abcde"[:count])
        for name in OVERALL:
            assert found[name] is None
        assert found["undefined"]["accuracy"] == "fewer than 2 patients whose label is known"


def test_as_many_thresholds_as_classes() -> None:
    with pytest.raises(ValueError, match="2 thresholds for 3 classes"):
        multilabel(thresholds=[0.5, 0.5])
