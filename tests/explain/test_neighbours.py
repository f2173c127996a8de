"""Nearest training images against brute force, ties, and the image itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics.pairwise import cosine_distances

from thaw.explain import neighbours
from thaw.explain.neighbours import nearest
from thaw.features import Features


def features(values: NDArray[np.floating], prefix: str = "train") -> Features:
    names = np.array([f"{prefix}{number}" for number in range(len(values))], dtype=np.str_)
    return Features(names, values.astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 5), st.integers(0, 1000))
def test_they_are_those_of_brute_force(train: int, test: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    known, asked = random.normal(size=(train, 8)), random.normal(size=(test, 8))
    indices, distances = nearest(features(known), features(asked, "test"), count)
    expected = cosine_distances(asked, known)
    assert indices.shape == distances.shape == (test, min(count, train))
    assert distances == pytest.approx(np.sort(expected, axis=1)[:, :count], abs=2e-6)
    assert np.take_along_axis(expected, indices, axis=1) == pytest.approx(distances, abs=2e-6)
    assert all(len(set(row)) == len(row) for row in indices.tolist())


def test_of_equally_near_images_the_first_comes_first() -> None:
    known = np.array([[0, 1], [2, 0], [5, 0], [1, 0]])
    indices, distances = nearest(features(known), features(np.array([[3, 0], [0, 0]]), "test"), 4)
    assert indices.tolist() == [[1, 2, 3, 0], [0, 1, 2, 3]]
    assert distances.tolist() == [[0, 0, 0, 1], [1, 1, 1, 1]]


def test_many_copies_stay_in_order_whatever_rounding_makes_of_their_products() -> None:
    random = np.random.default_rng(0)
    known = random.normal(size=(1, 257)) * np.exp(random.normal(size=(200, 1)))
    indices, _ = nearest(features(known), features(known[:3], "test"), 200)
    assert (indices == np.arange(200)).all()


def test_an_image_is_not_its_own_neighbour() -> None:
    some = features(np.array([[1, 0], [1, 0.1], [0, 1]]))
    indices, _ = nearest(some, some, 5)
    assert indices.tolist() == [[1, 2], [0, 2], [1, 0]]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    known, asked = features(random.normal(size=(9, 4))), features(random.normal(size=(7, 4)), "test")
    whole = nearest(known, asked, 3)
    monkeypatch.setattr(neighbours, "CHUNK", 2)
    for expected, found in zip(whole, nearest(known, asked, 3), strict=True):
        assert np.array_equal(expected, found)
