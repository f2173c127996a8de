"""Figures of groups against scikit-learn and by hand; planted gaps; what is undefined stays None."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn import metrics as reference

from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.decisions import Thresholds
from thaw.evaluation.subgroups.figures import AUROC_RESAMPLES
from thaw.evaluation.subgroups.groups import subgroups
from thaw.evaluation.subgroups.measure import measure_subgroups
from thaw.labels import UNKNOWN, Task
from thaw.params.evaluation import SubgroupParams

CLASSES = ("Effusion", "Mass", "Nodule")
THRESHOLDS = (0.6, 0.5, 0.3)
TOO_FEW = "fewer than two groups that can be compared define it"


def cohort(images: int, seed: int = 0, a_patient: int = 3) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Covariates of patients with several images each, and whose each image is."""
    random, patient = np.random.default_rng(seed), np.arange(images) // a_patient
    ages = random.integers(5, 95, patient[-1] + 1)[patient]
    sexes, views = random.choice(["F", "M"], patient[-1] + 1)[patient], random.choice(["AP", "PA"], images)
    table = pd.DataFrame({"sex": sexes, "age": ages, "view": views, "follow_up": np.arange(images) % a_patient})
    return table, np.array([f"p{number}" for number in patient], dtype=object)


def predicted(strength: NDArray[np.floating], seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and probabilities; ``strength`` (N, 1): how far apart those with and without a finding score."""
    random = np.random.default_rng(seed)
    labels = (random.random((len(strength), 3)) < [0.3, 0.2, 0.5]).astype(np.int64)
    return labels, expit(random.normal(size=labels.shape) + strength * (labels - 0.5))


def measured(
    table: pd.DataFrame,
    patients: NDArray[np.object_],
    labels: NDArray[np.integer],
    chances: NDArray[np.floating],
    thresholds: Thresholds = THRESHOLDS,
    classes: tuple[str, ...] = CLASSES,
    task: Task = "multilabel",
    minimum: int = 30,
    resamples: int = 200,
) -> dict[str, Any]:
    groups = subgroups(table, SubgroupParams(ages=[18, 40, 60, 80], minimum=minimum))
    resampling = Resampling.of(patients, resamples, 0)
    found = measure_subgroups(labels, chances, thresholds, patients, classes, task, groups, resampling, 0.95)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_every_group_has_scikit_learns_figures() -> None:
    table, patients = cohort(900)
    labels, chances = predicted(np.ones((900, 1)))
    labels[np.random.default_rng(1).random(labels.shape) < 0.1] = UNKNOWN
    found = measured(table, patients, labels, chances)
    masks = {"all": np.ones(900, dtype=bool), "view=AP": (table["view"] == "AP").to_numpy()}
    masks["sex=F, age=40 to 59"] = ((table["sex"] == "F") & table["age"].between(40, 59)).to_numpy()
    for name, mask in masks.items():
        group = found["groups"][name]
        assert group["images"] == mask.sum()
        assert group["patients"] == len(set(patients[mask]))
        for column, label in enumerate(CLASSES):
            known = mask & (labels[:, column] != UNKNOWN)
            truth, chance = labels[known, column], chances[known, column]
            (clear, alarms), (misses, hits) = reference.confusion_matrix(truth, chance >= THRESHOLDS[column])
            assert group["positives"][label] == truth.sum()
            assert group["auroc"][label] == pytest.approx(reference.roc_auc_score(truth, chance))
            assert group["true_positive_rate"][label] == pytest.approx(hits / (hits + misses))
            assert group["false_positive_rate"][label] == pytest.approx(alarms / (alarms + clear))
            assert group["calibration"][label] == pytest.approx(chance.mean() - truth.mean())
        for figure in ("auroc", "true_positive_rate", "false_positive_rate"):
            assert group[f"{figure}_macro"] == pytest.approx(np.mean(list(group[figure].values())))
            assert group[f"{figure}_classes"] == 3
            low, high = group[f"{figure}_interval"]
            assert low < group[f"{figure}_macro"] < high
        low, high = group["underdiagnosis_rate_interval"]
        assert low < group["underdiagnosis_rate"] < high
        assert group["calibration_macro"] == pytest.approx(np.mean(np.abs(list(group["calibration"].values()))))
        assert 0 < group["expected_calibration_error"] < 1
        assert group["undefined"] == {}


def by_hand() -> dict[str, Any]:
    """Two groups of five images; every figure of them can be counted."""
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 0]] * 2)
    women = [[0.9, 0.1], [0.2, 0.3], [0.6, 0.6], [0.7, 0.1], [0.1, 0.1]]
    men = [[0.9, 0.1], [0.6, 0.1], [0.1, 0.9], [0.1, 0.1], [0.2, 0.5]]
    table = pd.DataFrame({"sex": ["F"] * 5 + ["M"] * 5, "age": np.nan, "view": "", "follow_up": np.nan})
    patients = np.array([f"p{image}" for image in range(10)], dtype=object)
    return measured(table, patients, labels, np.array(women + men), (0.5, 0.5), ("Mass", "Edema"), minimum=5)


def test_rates_and_underdiagnosis_counted_by_hand() -> None:
    found = by_hand()
    women, men = found["groups"]["sex=F"], found["groups"]["sex=M"]
    assert women["true_positive_rate"] == {"Mass": 1 / 2, "Edema": 1}
    assert women["true_positive_rate_macro"] == 3 / 4
    assert women["false_positive_rate"] == {"Mass": 2 / 3, "Edema": 0}
    # three women have a finding; nothing is found in the second of them
    assert (women["underdiagnosis_rate"], women["underdiagnosis_rate_images"]) == (pytest.approx(1 / 3), 3)
    assert men["true_positive_rate"] == {"Mass": 1, "Edema": 1}
    assert men["false_positive_rate"] == {"Mass": 0, "Edema": 1 / 4}
    assert men["underdiagnosis_rate"] == 0
    # 6 of 6 pairs; of the women's the one of 0.2 beats 1 of 3
    assert men["auroc"] == {"Mass": 1, "Edema": 1}
    assert women["auroc"] == {"Mass": pytest.approx((3 + 1) / 6), "Edema": 1}
    # five patients are too few to be sure of anything
    assert women["auroc_interval"] is None
    assert found["gaps"]["sex"]["auroc"]["reason"] == TOO_FEW


def test_a_planted_gap_is_found_and_named() -> None:
    table, patients = cohort(3000)
    weak = ((table["sex"] == "F") & (table["view"] == "AP")).to_numpy()
    labels, chances = predicted(np.where(weak, 0.3, 2.0)[:, None])
    gaps = measured(table, patients, labels, chances)["gaps"]
    crossed = gaps["sex, view"]["auroc"]
    assert crossed["worst"] == "sex=F, view=AP"
    assert crossed["gap"] > 0.25
    for factor, worst, best in (("sex", "sex=F", "sex=M"), ("view", "view=AP", "view=PA")):
        for figure in ("auroc", "true_positive_rate", "false_positive_rate"):
            gap = gaps[factor][figure]
            assert (gap["worst"], gap["best"]) == (worst, best)
            assert gap["gap"] == pytest.approx(abs(gap["best_value"] - gap["worst_value"]))
            assert 0 < gap["interval"][0] < gap["gap"] < gap["interval"][1]
            assert gap["p_value"] < 0.02


def test_a_group_that_is_scored_too_low_is_underdiagnosed_though_ranked_as_well() -> None:
    table, patients = cohort(3000)
    labels, chances = predicted(np.full((3000, 1), 2.0))
    women = (table["sex"] == "F").to_numpy()[:, None]
    chances = np.where(women, expit(logit(chances) - 1), chances)
    found = measured(table, patients, labels, chances)
    gaps = found["gaps"]["sex"]
    assert (gaps["underdiagnosis_rate"]["worst"], gaps["true_positive_rate"]["worst"]) == ("sex=F", "sex=F")
    assert gaps["false_positive_rate"]["worst"] == "sex=M"
    assert gaps["underdiagnosis_rate"]["interval"][0] > 0.02
    low, high = gaps["auroc"]["interval"]
    assert low < 0 < high
    difference = found["groups"]["sex=M"]["calibration"]["Mass"] - found["groups"]["sex=F"]["calibration"]["Mass"]
    assert difference > 0.1


def test_where_there_is_no_gap_the_interval_holds_0() -> None:
    table, patients = cohort(3000)
    labels, chances = predicted(np.ones((3000, 1)))
    gaps = measured(table, patients, labels, chances)["gaps"]
    for figure, gap in gaps["sex"].items():
        low, high = gap["interval"]
        assert low < 0 < high, figure
        assert gap["p_value"] > 0.05


def test_intervals_cover_as_often_as_they_say() -> None:
    random, covered, rounds = np.random.default_rng(0), 0, 50
    table = pd.DataFrame({"sex": ["F", "M"] * 150, "age": np.nan, "view": "", "follow_up": np.nan})
    for _ in range(rounds):
        labels, chances = predicted(np.ones((300, 1)), seed=int(random.integers(10**6)))
        patients = np.array([f"p{image}" for image in range(300)], dtype=object)
        gaps = measured(table, patients, labels, chances, resamples=100)["gaps"]
        low, high = gaps["sex"]["true_positive_rate"]["interval"]
        covered += low <= 0 <= high
    assert covered / rounds >= 0.86


def test_one_label_an_image_by_its_likeliest_class() -> None:
    table, patients = cohort(600)
    truth = np.random.default_rng(2).integers(0, 2, 600)
    scores = np.random.default_rng(3).random(600) * 0.6 + 0.4 * truth
    labels, chances = np.eye(2, dtype=int)[truth], np.stack([1 - scores, scores], axis=1)
    found = measured(table, patients, labels, chances, 0.5, ("NORMAL", "PNEUMONIA"), "multiclass")
    women = (table["sex"] == "F").to_numpy()
    missed = (scores[women & (truth == 1)] <= 0.5).mean()
    group = found["groups"]["sex=F"]
    assert group["underdiagnosis_rate"] == pytest.approx(missed)
    assert group["true_positive_rate"]["PNEUMONIA"] == pytest.approx(1 - missed)
    assert found["underdiagnosis"] == {
        "definition": "share of the images without NORMAL whose likeliest class it is",
        "reason": None,
    }


def test_classes_without_operating_point_and_without_images_stay_none() -> None:
    table, patients = cohort(300)
    labels, chances = predicted(np.ones((300, 1)))
    labels[:, 1], labels[:, 2] = 0, UNKNOWN
    found = measured(table, patients, labels, chances, (None, 0.5, 0.5))
    group = found["groups"]["all"]
    assert group["true_positive_rate"] == dict.fromkeys(CLASSES)
    assert (group["true_positive_rate_macro"], group["true_positive_rate_interval"]) == (None, None)
    assert group["false_positive_rate"]["Mass"] is not None
    assert group["auroc_classes"] == 1
    assert group["calibration"]["Nodule"] is None
    assert group["undefined"] == {"Mass": "no image with it", "Nodule": "no image whose label is known"}
    assert found["without_operating_point"] == ["Effusion"]
    assert group["underdiagnosis_rate"] is None
    assert found["gaps"]["sex"]["true_positive_rate"]["reason"] == TOO_FEW


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_equal_scores_have_no_gap_in_ranking(score: float) -> None:
    table, patients = cohort(300)
    labels = predicted(np.ones((300, 1)))[0]
    found = measured(table, patients, labels, np.full(labels.shape, score))
    gap = found["gaps"]["sex"]["auroc"]
    assert (gap["gap"], gap["worst_value"], gap["interval"], gap["p_value"]) == (0, 0.5, None, None)
    assert found["groups"]["all"]["auroc_interval"] is None


def test_no_image_and_no_known_label() -> None:
    table, patients = cohort(60)
    labels, chances = predicted(np.ones((60, 1)))
    unknown = measured(table, patients, np.full_like(labels, UNKNOWN), chances)["groups"]["all"]
    assert unknown["auroc_macro"] is None
    assert unknown["underdiagnosis_rate"] is None
    assert unknown["expected_calibration_error"] is None
    none = measured(table[:0], patients[:0], labels[:0], chances[:0])
    assert none["groups"].keys() == {"all"}
    assert (none["groups"]["all"]["images"], none["gaps"]) == (0, {})


def test_one_patient_has_figures_but_no_interval() -> None:
    table, _ = cohort(200)
    labels, chances = predicted(np.ones((200, 1)))
    found = measured(table, np.array(["p"] * 200, dtype=object), labels, chances)
    group = found["groups"]["sex=F"]
    assert group["patients"] == 1
    assert group["auroc_macro"] is not None
    assert group["auroc_interval"] is None
    assert found["gaps"]["sex"]["auroc"]["gap"] is None


def test_a_class_with_one_positive_leaves_the_gap_to_the_others() -> None:
    table, patients = cohort(600)
    labels, chances = predicted(np.ones((600, 1)))
    labels[:, 1] = 0
    labels[np.flatnonzero(table["sex"] == "F")[0], 1] = 1
    found = measured(table, patients, labels, chances)
    assert found["groups"]["sex=F"]["auroc_classes"] == 3
    assert found["groups"]["sex=M"]["auroc_classes"] == 2
    gap = found["gaps"]["sex"]["auroc"]
    assert gap["classes"] == 2
    women = found["groups"]["sex=F"]["auroc"]
    of_women = gap["worst_value"] if gap["worst"] == "sex=F" else gap["best_value"]
    assert of_women == pytest.approx((women["Effusion"] + women["Nodule"]) / 2)


def test_the_order_of_the_images_does_not_matter() -> None:
    table, patients = cohort(600)
    labels, chances = predicted(np.ones((600, 1)))
    order = np.random.default_rng(5).permutation(600)
    found = measured(table, patients, labels, chances)
    again = measured(table.iloc[order].reset_index(drop=True), patients[order], labels[order], chances[order])
    assert again["gaps"] == found["gaps"]
    assert again["groups"]["view=AP"]["auroc_interval"] == found["groups"]["view=AP"]["auroc_interval"]


def test_what_the_intervals_rest_on_is_said() -> None:
    table, patients = cohort(300)
    found = measured(table, patients, *predicted(np.ones((300, 1))), resamples=AUROC_RESAMPLES + 100, minimum=50)
    assert (found["resamples"], found["auroc_resamples"]) == (AUROC_RESAMPLES + 100, AUROC_RESAMPLES)
    assert (found["minimum"], found["confidence"], found["fewest_patients"]) == (50, 0.95, 10)
    assert found["unknown"] == {"sex": 0, "age": 0, "view": 0, "follow-up": 0}
    assert all(images < 50 for images in found["too_small"].values())
