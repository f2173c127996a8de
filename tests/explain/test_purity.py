from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaw.explain import purity
from thaw.explain.embedding import unit_length
from thaw.explain.purity import neighbourhood_purity


def by_hand(features, values, patients, neighbours):
    shares, chances = [], []
    for place in range(len(values)):
        if values[place] == "":
            continue
        others = [
            other for other in range(len(values)) if values[other] != "" and patients[other] != patients[place]
        ]  # fmt: skip
        others.sort(key=lambda other: -float(features[place] @ features[other]))
        alike = [values[other] == values[place] for other in others]
        shares.append(np.mean(alike[:neighbours]))
        chances.append(np.mean(alike))
    return np.mean(shares), np.mean(chances)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 40), st.integers(3, 8), st.integers(1, 12))
def test_against_brute_force(seed, count, people, neighbours) -> None:
    random = np.random.default_rng(seed)
    features = unit_length(random.normal(size=(count, 5)))
    patients = random.integers(0, people, count).astype(str)
    values = random.choice(["M", "F", "F", ""], count)
    patients[:2], values[:2] = ["0", "1"], ["M", "F"]
    found = neighbourhood_purity(features, values, patients, neighbours)
    assert [found["value"], found["chance"]] == pytest.approx(by_hand(features, values, patients, neighbours))
    assert found["reason"] is None


def test_blocks_of_images_give_the_same(monkeypatch) -> None:
    random = np.random.default_rng(0)
    features = unit_length(random.normal(size=(50, 4)))
    values, patients = random.choice(["a", "b", "c"], 50), random.integers(0, 20, 50).astype(str)
    whole = neighbourhood_purity(features, values, patients)
    monkeypatch.setattr(purity, "BLOCK", 7)
    assert neighbourhood_purity(features, values, patients) == pytest.approx(whole)


def test_two_clouds_are_pure_where_values_follow_them_and_at_chance_where_not() -> None:
    random = np.random.default_rng(1)
    cloud = np.repeat(["left", "right"], 300)
    features = unit_length(random.normal(size=(600, 8)) + np.where(cloud == "left", 6, -6)[:, None])
    patients = np.arange(600).astype(str)
    known = neighbourhood_purity(features, cloud, patients)
    assert known == {"value": 1.0, "chance": pytest.approx(299 / 599), "reason": None}
    shuffled = neighbourhood_purity(features, random.permutation(cloud), patients)
    assert shuffled["value"] == pytest.approx(shuffled["chance"], abs=0.03)


def test_images_of_the_same_patient_are_no_neighbours() -> None:
    features = unit_length(np.array([[1, 0], [1, 0.01], [0, 1], [0.01, 1]]))
    values = np.array(["a", "a", "b", "b"])
    assert neighbourhood_purity(features, values, np.array(list("1122")), 1)["value"] == 0
    assert neighbourhood_purity(features, values, np.array(list("1234")), 1)["value"] == 1


@pytest.mark.parametrize(
    ("values", "patients", "reason"),
    [
        (["", "", ""], "123", "known of no image"),
        (["M", "M", ""], "123", "the same for all images"),
        (["M", "F", ""], "112", "all images are of one patient"),
    ],
)
def test_what_cannot_be_measured_is_none_with_a_reason(values, patients, reason) -> None:
    found = neighbourhood_purity(np.eye(3), np.array(values), np.array(list(patients)))
    assert found == {"value": None, "chance": None, "reason": reason}
