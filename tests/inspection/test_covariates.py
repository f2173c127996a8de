"""Patients, ages and views, and the view that gives a label away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from thaw.inspection.covariates import describe_covariates
from thaw.inspection.material import Material


def test_patients_are_counted_by_their_images(make_material: Callable[..., Material]) -> None:
    patients = ["a"] * 3 + ["b"] * 3 + ["c", "d"]
    found = describe_covariates(make_material([[1]] * 8, columns={"patient": patients}))
    assert found.images_a_patient == {1: 2, 3: 2}
    assert found.follow_ups == 4


def test_missing_and_impossible_values_are_counted_and_left_out(make_material: Callable[..., Material]) -> None:
    columns = {"age": [40, np.nan, 414, 60], "sex": ["F", "", "M", "F"], "view": ["", "", "", "PA"]}
    found = describe_covariates(make_material([[1]] * 4, columns=columns))
    assert found.missing == {"sex": 1, "age": 1, "view": 3, "follow_up": 0}
    assert found.implausible_ages == 1
    assert {sex: ages.tolist() for sex, ages in found.ages.items()} == {"F": [40, 60]}
    assert found.views["all"] == {"unknown": 3, "PA": 1}
    assert found.view_of_label == {}, "one known view tells nothing"


def test_a_view_that_goes_with_a_label_has_its_auroc(make_material: Callable[..., Material]) -> None:
    labels = np.zeros((100, 2))
    labels[:50, 0] = 1
    labels[::2, 1] = 1
    views = ["AP"] * 40 + ["PA"] * 10 + ["AP"] * 10 + ["PA"] * 40
    found = describe_covariates(make_material(labels, columns={"view": views})).view_of_label
    assert found["Mass"].view == "AP"
    assert found["Mass"].auroc == pytest.approx(0.8)
    assert found["Mass"].shares == {"AP": 0.8, "PA": 0.2}
    assert found["Edema"].auroc == pytest.approx(0.5)


def test_unknown_views_and_labels_tell_nothing_of_each_other(make_material: Callable[..., Material]) -> None:
    labels = np.array([[1]] * 30 + [[0]] * 30 + [[-1]] * 30)
    views = ["AP", "PA", ""] * 30
    found = describe_covariates(make_material(labels, columns={"view": views})).view_of_label["Mass"]
    assert found.auroc == pytest.approx(0.5)
    assert sum(found.shares.values()) == pytest.approx(1)


def test_few_images_give_no_auroc(make_material: Callable[..., Material]) -> None:
    labels = np.zeros((100, 2))
    labels[:19, 0] = 1
    found = describe_covariates(make_material(labels)).view_of_label
    assert found["Mass"].auroc is None
    assert found["Mass"].shares
    assert found["Edema"].shares == {}


def test_rare_views_are_put_together(make_material: Callable[..., Material]) -> None:
    views = [f"view {place % 12}" for place in range(160)]
    found = describe_covariates(make_material(columns={"view": views})).views["all"]
    assert len(found) == 9
    assert sum(found.values()) == 160
