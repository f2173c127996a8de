from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from tests.shortcuts.made import CLASSES, image_table, random_labels
from thaw.evaluation.bootstrap import Resampling
from thaw.labels import UNKNOWN
from thaw.shortcuts.probe import PENALTIES, Cohort, measure_probe, ridge_weights


def cohort_of(labels: NDArray[np.int8], split: Any = None) -> Cohort:
    table = image_table(len(labels))
    dealt = table["split"].to_numpy(object) if split is None else np.asarray(split, dtype=object)
    return Cohort(labels, dealt, table["patient"].to_numpy(object), tuple(CLASSES))


def measured(features: NDArray[Any], cohort: Cohort, resamples: int = 200) -> dict[str, Any]:
    resampling = Resampling.of(cohort.patients[cohort.of("test")], resamples)
    return measure_probe(features.astype(np.float32), cohort, resampling, 0.95)


@given(seed=st.integers(0, 2**32 - 1), penalty=st.sampled_from(PENALTIES), unknown=st.floats(0, 0.5))
def test_the_weights_are_those_of_ridge_regression(seed: int, penalty: float, unknown: float) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(60, 5)).astype(np.float32)
    labels = random.integers(0, 2, (60, 3)).astype(np.int8)
    labels[random.random((60, 3)) < unknown] = UNKNOWN
    labels[:, 2] = labels[:, 1]
    weights = ridge_weights(features, labels, [penalty])[0]
    for column, found in zip(labels.T, weights.T, strict=True):
        known = column != UNKNOWN
        expected = Ridge(alpha=penalty * known.sum()).fit(features[known], column[known]).coef_
        assert found == pytest.approx(expected, abs=1e-4)


def test_for_two_classes_the_direction_is_fishers_discriminant() -> None:
    random = np.random.default_rng(0)
    labels = (random.random(400) < 0.1).astype(np.int8)
    features = (random.normal(size=(400, 4)) + labels[:, None] * [1.0, 0, 0.5, 0]).astype(np.float32)
    found = ridge_weights(features, labels[:, None], [1e-9])[0, :, 0]
    expected = LinearDiscriminantAnalysis().fit(features, labels).coef_[0]
    assert found / np.linalg.norm(found) == pytest.approx(expected / np.linalg.norm(expected), abs=1e-3)


def test_a_class_that_nobody_knows_has_no_weights() -> None:
    labels = np.stack([[0, 1] * 10, [UNKNOWN] * 20], axis=1).astype(np.int8)
    weights = ridge_weights(np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), labels, [1.0, 0.1])
    assert weights.shape == (2, 3, 2)
    assert weights[:, :, 0].all()
    assert not weights[:, :, 1].any()


def test_a_feature_that_tells_a_label_is_found_and_measured_on_test_images() -> None:
    labels, random = random_labels(600), np.random.default_rng(2)
    features = np.stack([labels[:, 0] + random.normal(size=600), random.normal(size=600)], axis=1)
    cohort = cohort_of(labels)
    found = measured(1e4 + 100 * features, cohort)
    test = cohort.of("test")
    assert found["auroc"]["Mass"] == pytest.approx(roc_auc_score(labels[test, 0], features[test, 0]), abs=0.02)
    assert found["auroc"]["Mass"] > 0.7
    assert 0.4 < found["auroc"]["Edema"] < 0.6
    assert found["auroc_macro"] == pytest.approx(sum(found["auroc"].values()) / 2)
    assert found["low"] < found["auroc_macro"] < found["high"]
    assert (found["features"], found["reason"]) == (2, None)
    assert found["penalty"] in PENALTIES


def test_validation_chooses_the_penalty() -> None:
    labels, random = random_labels(240, classes=2), np.random.default_rng(0)
    noise = random.normal(size=(240, 100))
    weak = labels[:, :1] + 3 * random.normal(size=(240, 10))
    overfitted = measured(np.concatenate([weak, noise], axis=1), cohort_of(labels))
    assert overfitted["penalty"] >= 0.1
    without_validation = np.where(image_table(240)["split"] == "val", "train", image_table(240)["split"])
    assert measured(noise, cohort_of(labels, without_validation))["penalty"] == max(PENALTIES)


def test_the_order_of_the_images_does_not_matter() -> None:
    labels, features = random_labels(300), np.random.default_rng(0).normal(size=(300, 6))
    cohort, order = cohort_of(labels), np.random.default_rng(1).permutation(300)
    mixed = Cohort(labels[order], cohort.split[order], cohort.patients[order], cohort.classes)
    one, other = measured(features, cohort), measured(features[order], mixed)
    assert one.pop("auroc") == pytest.approx(other.pop("auroc"), abs=1e-3)
    assert {name: one[name] for name in ("features", "penalty", "reason")} == {
        name: other[name] for name in ("features", "penalty", "reason")
    }
    for name in ("auroc_macro", "low", "high"):
        assert one[name] == pytest.approx(other[name], abs=2e-3)


NOTHING = {"penalty": None, "auroc_macro": None, "low": None, "high": None, "auroc": {"Mass": None, "Edema": None}}


def test_what_cannot_be_measured_is_none_with_a_reason() -> None:
    labels, features = random_labels(60), np.random.default_rng(0).normal(size=(60, 3))
    constant = measured(np.full((60, 3), 7.1), cohort_of(labels))
    assert constant == {**NOTHING, "features": 0, "reason": "it is unknown or the same for all training images"}
    no_columns = measured(np.empty((60, 0)), cohort_of(labels))
    assert no_columns == constant
    untested = measured(features, cohort_of(labels, ["train"] * 60))
    assert untested == {**NOTHING, "features": 3, "reason": "there are no test images"}
    untrained = measured(features, cohort_of(labels, ["test"] * 60))
    one_sided = measured(features, cohort_of(np.ones_like(labels)))
    reason = "no class has training images both with and without it"
    assert untrained == {**NOTHING, "features": 0, "reason": reason}
    assert one_sided == {**NOTHING, "features": 3, "reason": reason}
    assert measured(features, cohort_of(np.full_like(labels, UNKNOWN))) == one_sided


def test_a_class_without_both_labels_is_left_out() -> None:
    labels, features = random_labels(120), np.random.default_rng(0).normal(size=(120, 3))
    train, test = cohort_of(labels).of("train"), cohort_of(labels).of("test")
    labels[train, 1] = 0
    found = measured(features, cohort_of(labels))
    assert found["auroc"]["Edema"] is None
    assert found["auroc_macro"] == found["auroc"]["Mass"] is not None
    labels[test] = 1
    undefined = measured(features, cohort_of(labels))
    assert (undefined["auroc_macro"], undefined["low"]) == (None, None)
    assert undefined["reason"] == "no class has test images both with and without it"


def test_one_test_patient_has_an_interval_of_no_width() -> None:
    labels = random_labels(60)
    split = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    labels[50:60, 0] = [0, 1] * 5
    cohort = cohort_of(labels, split)
    cohort = Cohort(labels, cohort.split, np.array(["p"] * 60, dtype=object), cohort.classes)
    found = measured(np.random.default_rng(0).normal(size=(60, 3)), cohort)
    assert found["low"] == pytest.approx(found["auroc_macro"]) == pytest.approx(found["high"])
