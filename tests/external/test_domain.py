from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from thaw.external import domain
from thaw.external.domain import Side, check_domain


def side(seed: int, images: int = 120, width: int = 12, shift: float = 0.0, prefix: str = "") -> Side:
    """Two images a patient; ``shift`` moves the first feature."""
    features = np.random.default_rng(seed).normal(size=(images, width))
    features[:, 0] += shift
    return Side(features, np.array([f"{prefix}{image // 2}" for image in range(images)], dtype=object))


def test_a_planted_difference_is_found() -> None:
    found = check_domain(side(1), side(2, images=80, shift=4.0), 400, 0.95)
    assert found["auroc"] > 0.97
    assert 0.95 < found["low"] < found["auroc"] < found["high"] <= 1
    assert (found["images"], found["patients"]) == ([120, 80], [60, 40])
    assert found["sentence"].startswith("a linear probe tells the sets apart with AUROC ")
    assert found["sentence"].endswith(": figures across them mix what is seen with where it comes from.")
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("width", [12, 400])
def test_sets_that_do_not_differ_cannot_be_told_apart(width: int) -> None:
    found = [check_domain(side(2 * n, width=width), side(2 * n + 1, width=width), 100, 0.95) for n in range(25)]
    assert np.mean([one["auroc"] for one in found]) == pytest.approx(0.5, abs=0.04)
    # probes that are fitted on the same images move together, which the interval does not see
    within = [one for one in found if one["low"] <= 0.5 <= one["high"]]
    assert len(within) >= 17
    assert within[0]["sentence"].startswith("a linear probe does not tell the sets apart: AUROC 0.")


def test_the_same_set_twice_cannot_be_told_apart() -> None:
    same = side(1)
    found = check_domain(same, same, 400, 0.95)
    assert found["auroc"] == pytest.approx(0.5, abs=0.02)
    assert found["low"] < 0.5 < found["high"]


def test_a_name_that_both_sets_have_stands_for_two_patients() -> None:
    collides, differs = (check_domain(side(1), side(2, shift=1.0, prefix=prefix), 400, 0.95) for prefix in ("", "x"))
    assert collides["patients"] == differs["patients"] == [60, 60]
    assert collides["auroc"] == pytest.approx(differs["auroc"], abs=0.05)
    assert collides["high"] - collides["low"] == pytest.approx(differs["high"] - differs["low"], rel=0.3)


def test_images_of_a_patient_are_never_fitted_on_and_tested() -> None:
    """Patients whose images are all alike are told apart where they are known, and only there."""
    random = np.random.default_rng(0)
    sides = [
        Side(np.repeat(random.normal(size=(20, 60)), 10, axis=0), np.repeat([f"{name}{n}" for n in range(20)], 10))
        for name in "ab"
    ]
    assert check_domain(sides[0], sides[1], 100, 0.95)["auroc"] < 0.8


def test_every_fold_has_patients_of_both_sets() -> None:
    one, other = side(1, images=22), side(2, images=10)
    folds = domain._folds((one, other), 5, seed=0)
    for patients, places in ((one.patients, folds[:22]), (other.patients, folds[22:])):
        assert set(places) == {0, 1, 2, 3, 4}
        assert all(len(set(places[patients == name])) == 1 for name in patients)
    shared = dict(zip(other.patients, folds[22:], strict=True))
    assert all(shared[name] == fold for name, fold in zip(one.patients, folds[:22], strict=True) if name in shared)


@pytest.mark.parametrize("shape", [(50, 8), (8, 50), (20, 20)])
def test_the_probe_is_ridge_regression(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=shape)
    features -= features.mean(axis=0)
    target = np.arange(shape[0]) % 2 - 0.5
    expected = Ridge(alpha=domain.SHRINKAGE * shape[0], fit_intercept=False).fit(features, target).coef_
    assert domain._ridge(features, target) == pytest.approx(expected)


def test_without_shrinkage_it_is_fishers_discriminant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "SHRINKAGE", 0.0)
    random = np.random.default_rng(0)
    features, label = random.normal(size=(60, 4)), np.arange(60) % 3 == 0
    features[label] += [1, 0, -1, 2]
    ours = domain._ridge(features - features.mean(axis=0), label - label.mean())
    theirs = LinearDiscriminantAnalysis().fit(features, label).coef_[0]
    assert ours / np.linalg.norm(ours) == pytest.approx(theirs / np.linalg.norm(theirs))


def test_features_that_never_change_are_no_trouble() -> None:
    one, other = side(1), side(2, shift=4.0)
    constant = [Side(np.hstack([each.features, np.full((120, 3), 7.0)]), each.patients) for each in (one, other)]
    assert check_domain(constant[0], constant[1], 100, 0.95)["auroc"] > 0.95
    blank = Side(np.zeros((120, 3)), one.patients)
    assert check_domain(blank, blank, 100, 0.95)["auroc"] == 0.5


@pytest.mark.parametrize("images", [1, 2])
def test_one_patient_is_too_few(images: int) -> None:
    found = check_domain(side(1), side(2, images=images), 100, 0.95)
    assert (found["auroc"], found["low"], found["high"]) == (None, None, None)
    assert found["sentence"] == "whether the sets can be told apart is unknown: it takes two patients of each."


def test_two_patients_are_enough_for_a_figure() -> None:
    found = check_domain(side(1), side(2, images=4, shift=50.0), 200, 0.95)
    assert found["auroc"] == pytest.approx(1, abs=0.05)
    json.dumps(found, allow_nan=False)


def test_the_order_of_the_images_does_not_matter() -> None:
    one, other = side(1), side(2, shift=1.0)
    order = np.random.default_rng(0).permutation(120)
    turned = Side(other.features[order], other.patients[order])
    found, again = check_domain(one, other, 100, 0.95), check_domain(one, turned, 100, 0.95)
    assert found["auroc"] == pytest.approx(again["auroc"])
    assert found["low"] == pytest.approx(again["low"])
