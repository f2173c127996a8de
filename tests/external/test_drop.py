from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from thaw.evaluation.calibration import Calibration
from thaw.external.drop import measure_external, resamplings

from .made import AS_IT_IS, predictions, ranked, settings


def test_every_figure_by_hand() -> None:
    inner = predictions([1, 1, 0, 0], [2.0, 1.0, -1.0, -2.0])
    outer = predictions([1, 1, 0, 0, 0], [2.0, -3.0, 1.0, -1.0, -2.0])
    found = measure_external(inner, outer, AS_IT_IS, [0.5], settings())
    assert (found["classes"], found["undefined"]) == (["Mass"], {})
    assert (found["inside"]["images"], found["outside"]["patients"]) == (4, 5)
    values = {side: {name: found[side][name]["Mass"]["value"] for name in ("auroc", "sensitivity", "specificity")}
              for side in ("inside", "outside", "drop")}  # fmt: skip
    assert values["inside"] == {"auroc": 1.0, "sensitivity": 1.0, "specificity": 1.0}
    assert values["outside"] == {"auroc": 0.5, "sensitivity": 0.5, "specificity": pytest.approx(2 / 3)}
    assert values["drop"] == {"auroc": 0.5, "sensitivity": 0.5, "specificity": pytest.approx(1 / 3)}
    assert found["drop"]["auroc_macro"]["value"] == 0.5


def test_a_planted_drop_is_found() -> None:
    inner, outer = ranked(150, 2.0, seed=1), ranked(150, 0.5, seed=2)
    found = measure_external(inner, outer, AS_IT_IS, [0.5], settings())
    aurocs = [roc_auc_score(made.labels[:, 0], made.logits[:, 0]) for made in (inner, outer)]
    drop = found["drop"]["auroc_macro"]
    assert drop["value"] == pytest.approx(aurocs[0] - aurocs[1])
    assert 0.1 < drop["low"] < drop["value"] < drop["high"]
    assert found["inside"]["auroc_macro"]["low"] < aurocs[0] < found["inside"]["auroc_macro"]["high"]


def test_the_same_set_drops_by_nothing_within_an_interval_of_two_samples() -> None:
    made = ranked(100, 1.0, seed=3)
    found = measure_external(made, made, AS_IT_IS, [0.5], settings())
    for name in ("auroc", "sensitivity", "specificity"):
        drop = found["drop"][name]["Mass"]
        assert drop["value"] == 0
        assert drop["low"] < 0 < drop["high"]


def test_the_two_sets_are_drawn_independently() -> None:
    made = ranked(100, 1.0, seed=3)
    inside, outside = (
        sample.auroc(made.labels, made.scores)[:, 0] for sample in resamplings(made, made, settings(resamples=2000))
    )
    assert abs(np.corrcoef(inside, outside)[0, 1]) < 0.1
    assert np.var(inside - outside) == pytest.approx(np.var(inside) + np.var(outside), rel=0.15)


def test_calibration_and_thresholds_are_used_as_they_are() -> None:
    # log-odds of 0 become probabilities of 0.2: the threshold of 0.3 calls nothing
    calibration = Calibration("platt", "multilabel", {"slope": [1.0], "bias": [np.log(0.25)], "not_fitted": []})
    inner = predictions([1, 0, 0, 0, 0], np.zeros(5))
    outer = predictions([1, 1, 1, 0], np.zeros(4))
    found = measure_external(inner, outer, calibration, [0.3], settings())
    assert found["outside"]["sensitivity"]["Mass"]["value"] == 0
    assert found["outside"]["specificity"]["Mass"]["value"] == 1
    assert found["inside"]["calibration_gap"]["Mass"]["value"] == pytest.approx(0)
    assert found["outside"]["calibration_gap"]["Mass"]["value"] == pytest.approx(0.2 - 0.75)
    assert found["inside"]["calibration_error"]["Mass"] == pytest.approx(0)
    assert found["outside"]["calibration_error"]["Mass"] == pytest.approx(0.55)
    lower = measure_external(inner, outer, calibration, [0.1], settings())
    assert lower["outside"]["sensitivity"]["Mass"]["value"] == 1


def test_only_classes_that_both_sets_can_measure_are_averaged() -> None:
    classes = ("Mass", "Edema", "Nodule", "Hernia")
    inner = predictions([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], np.eye(4)[:3], classes=classes)
    outer = predictions([[1, 0, 1, -1], [0, 0, 0, -1]], np.eye(4)[:2], classes=classes)
    found = measure_external(inner, outer, AS_IT_IS, [0.5, 0.5, 0.5, 0.5], settings())
    assert found["classes"] == ["Mass"]
    assert found["undefined"] == {"Edema": "outside: no image with it", "Nodule": "inside: no image with it"}
    assert found["inside"]["auroc_macro"]["value"] == found["inside"]["auroc"]["Mass"]["value"] == 1


def test_unknown_labels_are_left_out() -> None:
    outer = predictions([1, -1, 0, -1], [1.0, -5.0, 0.0, 5.0])
    found = measure_external(predictions([1, 0], [1, 0]), outer, AS_IT_IS, [0.5], settings())
    assert found["outside"]["auroc"]["Mass"]["value"] == 1
    assert found["outside"]["images"] == 4


def test_one_class_of_a_softmax_is_measured_against_the_rest() -> None:
    random = np.random.default_rng(0)
    labels, logits = np.eye(2)[np.arange(20) % 2], random.normal(size=(20, 2))
    two = {"classes": ("NORMAL", "PNEUMONIA"), "task": "multiclass"}
    outer = labels.copy()
    outer[:, 0] = -1
    found = measure_external(
        predictions(labels, logits, **two), predictions(outer, logits, **two), Calibration("none", "multiclass", {}),
        [None, 0.5], settings(),
    )  # fmt: skip
    assert found["classes"] == ["PNEUMONIA"]
    expected = roc_auc_score(labels[:, 1], logits[:, 1] - logits[:, 0])
    assert found["outside"]["auroc"]["PNEUMONIA"]["value"] == pytest.approx(expected)
    assert found["drop"]["auroc"]["PNEUMONIA"]["value"] == 0


@pytest.mark.parametrize("labels", [[-1, -1], [1, 1], [0, -1]])
def test_without_a_class_to_measure_all_is_none(labels: list[int]) -> None:
    found = measure_external(predictions([1, 0], [1, 0]), predictions(labels, [1, 0]), AS_IT_IS, [0.5], settings())
    assert found["classes"] == []
    assert found["drop"] == {
        "auroc_macro": {"value": None, "low": None, "high": None}, "auroc": {}, "sensitivity": {}, "specificity": {}
    }  # fmt: skip
    json.dumps(found, allow_nan=False)


def test_a_class_without_a_threshold_has_no_decisions_but_a_ranking() -> None:
    found = measure_external(ranked(20, 1.0, 1), ranked(20, 1.0, 2), AS_IT_IS, [None], settings())
    assert found["drop"]["sensitivity"]["Mass"] == {"value": None, "low": None, "high": None}
    assert found["inside"]["specificity"]["Mass"]["value"] is None
    assert found["drop"]["auroc"]["Mass"]["low"] is not None
    json.dumps(found, allow_nan=False)


def test_what_rests_on_one_patient_has_no_interval() -> None:
    outer = predictions([1, 0, 1, 0], [0.0, 1.0, 2.0, 0.5], ["one"] * 4)
    found = measure_external(ranked(20, 1.0, 1), outer, AS_IT_IS, [0.5], settings())
    assert found["outside"]["auroc_macro"] == {"value": 0.5, "low": None, "high": None}
    assert found["drop"]["auroc_macro"]["low"] is None
    assert found["drop"]["auroc_macro"]["value"] is not None


@pytest.mark.parametrize("logit", [0.0, 1000.0, -1000.0])
def test_equal_scores_and_certain_probabilities_are_measured(logit: float) -> None:
    made = predictions([1, 0, 1, 0], np.full(4, logit))
    found = measure_external(made, made, AS_IT_IS, [0.5], settings())
    assert found["inside"]["auroc_macro"] == {"value": 0.5, "low": None, "high": None}
    assert found["drop"]["auroc_macro"]["value"] == 0
    json.dumps(found, allow_nan=False)


def test_the_order_of_the_images_does_not_matter() -> None:
    inner, outer = ranked(30, 1.0, 1), ranked(30, 0.5, 2)
    order = np.random.default_rng(0).permutation(60)
    turned = predictions(outer.labels[order], outer.logits[order], outer.patients[order])
    found, again = (measure_external(inner, made, AS_IT_IS, [0.5], settings())["drop"] for made in (outer, turned))
    assert found["auroc_macro"] == pytest.approx(again["auroc_macro"])


def test_predictions_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="different classes"):
        measure_external(
            predictions([1], [1]), predictions([1], [1], classes=("Edema",)), AS_IT_IS, [0.5], settings()
        )  # fmt: skip
