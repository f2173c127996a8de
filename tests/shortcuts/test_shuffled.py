from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shortcuts.made import by_brightness, prepared, random_labels, unlike_pictures
from thaw.errors import UserError
from thaw.evaluation.bootstrap import Interval
from thaw.evaluation.predictions import Predictions
from thaw.prepared import Prepared
from thaw.shortcuts.shuffled import _widened, measure_shuffled, shuffle_labels


def bright_where_ill(count: int = 300) -> Prepared:
    """Labels that brightness tells."""
    labels = random_labels(count)
    pixels = np.clip(unlike_pictures(count) * 0.5 + 60 * labels[:, :1, None].astype(np.int64), 0, 255).astype(np.uint8)
    return prepared(labels, pixels)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), images_a_patient=st.integers(1, 4))
def test_rows_of_labels_are_dealt_anew_within_training_and_within_validation(seed: int, images_a_patient: int) -> None:
    labels = random_labels(72)
    labels[5, 0] = -1
    data = prepared(labels, unlike_pictures(1), images_a_patient)
    shuffled = shuffle_labels(data, seed)
    assert shuffled.table.drop(columns=data.classes).equals(data.table.drop(columns=data.classes))
    assert shuffled.of("test").equals(data.of("test"))
    for split in ("train", "val"):
        before, after = (sorted(map(str, one.of(split)[data.classes].to_numpy().tolist())) for one in (data, shuffled))
        assert before == after
    assert shuffle_labels(data, seed).table.equals(shuffled.table)


def test_labels_of_one_patient_mostly_go_to_one_patient() -> None:
    count, each = 600, 5
    by_patient = np.repeat(random_labels(count // each), each, axis=0)
    data = prepared(by_patient, unlike_pictures(1), images_a_patient=each)
    table = shuffle_labels(data, 0).of("train")
    alike = table.groupby("patient")[data.classes].nunique().eq(1).all(axis=1)
    assert alike.all()  # all patients have as many images, so that blocks fit
    assert (table[data.classes] != data.of("train")[data.classes]).any(axis=1).mean() > 0.5


def test_shuffled_labels_tell_nothing_on_average_even_where_one_feature_tells_all() -> None:
    data = bright_where_ill()
    found = measure_shuffled(by_brightness, data, 200, 0.95, shufflings=8)
    assert len(found["auroc_by_shuffling"]) == found["shufflings"] == 8
    assert max(abs(value - 0.5) for value in found["auroc_by_shuffling"]) > 0.2  # each by itself is far off
    assert found["auroc_macro"] == pytest.approx(np.mean(found["auroc_by_shuffling"]))
    assert found["low"] < 0.5 < found["high"]
    assert found["passed"] is True


def test_labels_that_leak_are_found() -> None:
    data = bright_where_ill()

    def leaking(_: Prepared, head_seed: int) -> Predictions:
        return by_brightness(data, head_seed)  # has seen the true labels

    found = measure_shuffled(leaking, data, 200, 0.95)
    assert found["passed"] is False
    assert found["low"] > 0.5


def test_every_shuffling_has_a_seed_of_its_own() -> None:
    data, seeds, seen = bright_where_ill(60), list[int](), list[str]()

    def noting(shuffled: Prepared, head_seed: int) -> Predictions:
        seeds.append(head_seed)
        seen.append(shuffled.of("train")[data.classes].to_csv())
        return by_brightness(shuffled, head_seed)

    measure_shuffled(noting, data, 100, 0.95, shufflings=3)
    assert seeds == [0, 1, 2]
    assert len(set(seen)) == 3


def test_the_interval_holds_both_patients_and_shufflings() -> None:
    values = [0.4, 0.5, 0.6]
    student = 4.302653 * 0.1 / 3**0.5  # t for 2 degrees of freedom, 97.5 %
    assert _widened(Interval(None, None), values, 0.95) == pytest.approx((0.5 - student, 0.5 + student))
    low, high = _widened(Interval(0.3, 0.6), values, 0.95)
    assert (low, high) == pytest.approx((0.5 - np.hypot(0.2, student), 0.5 + np.hypot(0.1, student)))
    assert _widened(Interval(0.4, 0.6), [0.5, 0.5], 0.95) == pytest.approx((0.4, 0.6))


def test_what_cannot_be_shuffled_or_measured_is_one_line() -> None:
    one_patient = prepared(random_labels(4), unlike_pictures(4), images_a_patient=4)
    with pytest.raises(UserError, match=r"^labels are shuffled between patients, and train has fewer than two$"):
        shuffle_labels(one_patient, 0)
    data = bright_where_ill(60)
    ill = data.table.assign(**dict.fromkeys(data.classes, 1)).where(data.table["split"] == "test", data.table)
    with pytest.raises(UserError, match="no class has test images both with and without it"):
        measure_shuffled(by_brightness, dataclasses.replace(data, table=ill), 100, 0.95)
