from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.shortcuts.made import prepared, random_labels, unlike_pictures
from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions
from thaw.labels import UNKNOWN
from thaw.prepared import Prepared
from thaw.shortcuts.leakage import measure_leakage, split_anew


def by_memory(data: Prepared, head_seed: int) -> Predictions:
    """A stand-in for a training: knows the labels of the patients it was trained on, and nothing else."""
    train, test = data.of("train"), data.of("test")
    known = train.groupby("patient")[data.classes].mean().reindex(test["patient"]).fillna(0.5)
    labels = test[data.classes].to_numpy(np.int64, na_value=UNKNOWN).astype(np.int8)
    logits = known.to_numpy(np.float64) + 1e-3 * np.random.default_rng(head_seed).normal(size=labels.shape)
    images, patients = (test[name].to_numpy(object) for name in ("image", "patient"))
    return Predictions(images, patients, labels, logits, tuple(data.classes), data.task)


def chronic(count: int = 600, images_a_patient: int = 4) -> Prepared:
    """All images of a patient have the same labels."""
    labels = np.repeat(random_labels(count // images_a_patient), images_a_patient, axis=0)
    return prepared(labels, unlike_pictures(1), images_a_patient)


@pytest.mark.parametrize("unit", ["patient", "image"])
def test_a_new_split_has_the_shares_of_the_old_one(unit: str) -> None:
    data = chronic()
    dealt = split_anew(data, unit, 0)
    assert set(dealt.table["image"]) == set(data.table["image"])
    assert list(dealt.table.columns.sort_values()) == list(data.table.columns.sort_values())
    for split in ("train", "val", "test"):
        assert len(dealt.of(split)) == pytest.approx(len(data.of(split)), abs=4)
    assert (dealt.patient_overlap > 0.8) if unit == "image" else (dealt.patient_overlap == 0)
    assert split_anew(data, unit, 0).table.equals(dealt.table)
    assert not split_anew(data, unit, 1).table.equals(dealt.table)


def test_rows_stay_with_their_images_and_images_in_no_split_stay_out() -> None:
    data = chronic(60)
    part = dataclasses.replace(data, table=data.table.assign(split=data.table["split"].where(data.table.index > 7, "")))
    dealt = split_anew(part, "image", 0)
    assert sorted(dealt.table["row"]) == list(range(8, 60))
    assert (dealt.table["image"] == dealt.table["row"].map("{}.png".format)).all()


def test_what_a_split_by_image_would_have_claimed() -> None:
    found = measure_leakage(by_memory, chronic(), 0, 200, 0.95)
    assert list(found) == ["patient", "image", "difference"]
    assert found["patient"]["low"] < 0.5 < found["patient"]["high"]
    assert found["patient"]["shared"] == 0
    assert found["image"]["shared"] > 0.8
    assert found["image"]["auroc_macro"] > 0.9
    assert found["patient"]["test_images"] == pytest.approx(found["image"]["test_images"], abs=4)
    difference = found["difference"]
    assert difference["auroc_macro"] == found["image"]["auroc_macro"] - found["patient"]["auroc_macro"]
    assert 0 < difference["low"] < difference["auroc_macro"] < difference["high"]


def test_where_every_patient_has_one_image_nothing_leaks() -> None:
    found = measure_leakage(by_memory, chronic(300, images_a_patient=1), 0, 200, 0.95)
    assert found["image"]["shared"] == 0
    assert found["difference"]["low"] < 0 < found["difference"]["high"]


def test_what_cannot_be_split_or_measured_is_one_line() -> None:
    with pytest.raises(UserError, match="1 patient cannot fill"):
        split_anew(two_splits_of_one_patient(), "patient", 0)
    ill = prepared(np.ones((60, 2), np.int8), unlike_pictures(1))
    with pytest.raises(UserError, match="split by patient, no class has test images both with and without it"):
        measure_leakage(by_memory, ill, 0, 100, 0.95)


def two_splits_of_one_patient() -> Prepared:
    data = prepared(random_labels(6), unlike_pictures(1), images_a_patient=6)
    return dataclasses.replace(data, table=data.table.assign(split=["train"] * 3 + ["test"] * 3))
