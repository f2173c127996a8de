from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from thaw.backbones.classifier import build_classifier
from thaw.backbones.pretrained import fetch
from thaw.features import Features
from thaw.images.decode import decode
from thaw.phantom.cohort import sample_cohort
from thaw.phantom.draw import draw_study
from thaw.training.batches import Examples
from thaw.training.inference import predict_with_features
from thaw.use.strangeness import Reference

SIZE_PX = 128


def features(count: int, seed: int, names: str = "i") -> Features:
    random = np.random.default_rng(seed)
    images = np.array([f"{names}{number:05d}" for number in range(count)])
    return Features(images, np.abs(random.normal(size=(count, 24))).astype(np.float32))


def test_distance_is_that_to_the_tenth_nearest_feature_of_unit_length() -> None:
    train, val, asked = features(300, 0), features(80, 1), features(40, 2)
    fitted = Reference.fit(train, val)
    search = NearestNeighbors(n_neighbors=10).fit(normalize(train.values))
    expected = [search.kneighbors(normalize(part.values))[0][:, -1] for part in (val, asked)]
    assert fitted.features.dtype == np.float16
    # half precision moves a feature by up to 2 ** -11 of its length
    assert np.allclose(fitted.distance(asked.values), expected[1], atol=1e-3)
    assert fitted.level == pytest.approx(np.quantile(expected[0], 0.99), abs=1e-3)


def test_one_validation_image_in_a_hundred_is_strange() -> None:
    train, val = features(500, 0), features(1000, 1)
    fitted = Reference.fit(train, val)
    assert fitted.strange(fitted.distance(val.values)).sum() == 10


def test_at_most_a_thousand_are_kept_whatever_their_order() -> None:
    train, val = features(2500, 0), features(20, 1)
    order = np.random.default_rng(2).permutation(2500)
    kept, again = Reference.fit(train, val), Reference.fit(Features(train.images[order], train.values[order]), val)
    assert kept.features.shape == (1000, 24)
    assert np.array_equal(kept.features, again.features)
    assert len(np.unique(kept.features, axis=0)) == 1000


def test_of_fewer_than_ten_the_farthest_counts() -> None:
    train = features(3, 0)
    fitted = Reference.fit(train, features(5, 1))
    distances = np.linalg.norm(normalize(train.values) - normalize(train.values[:1]), axis=1)
    assert fitted.neighbour == 3
    assert fitted.distance(train.values[:1]) == pytest.approx([distances.max()], abs=1e-3)


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_only_the_direction_of_a_feature_counts(scale: float, seed: int) -> None:
    fitted = Reference.fit(features(30, 0), features(20, 1))
    asked = features(4, seed).values
    distances = fitted.distance(asked)
    assert np.allclose(fitted.distance(asked * np.float32(scale)), distances, atol=1e-3)
    assert ((distances >= 0) & (distances <= 2)).all()


def test_a_feature_of_zeros_has_a_distance() -> None:
    fitted = Reference.fit(features(30, 0), features(20, 1))
    assert fitted.distance(np.zeros((1, 24), np.float32)) == pytest.approx([1], abs=1e-3)


def test_it_is_the_same_after_writing(tmp_path: Path) -> None:
    fitted, asked = Reference.fit(features(30, 0), features(20, 1)), features(9, 2).values
    fitted.write(tmp_path / "reference.npz")
    read = Reference.read(tmp_path / "reference.npz")
    assert (read.level, read.neighbour) == (fitted.level, fitted.neighbour)
    assert np.array_equal(read.distance(asked), fitted.distance(asked))
    with np.load(tmp_path / "reference.npz") as stored:
        assert sorted(stored) == ["features", "level", "neighbour"]  # no image's name leaves the hospital


@pytest.mark.parametrize(("train", "val"), [(0, 5), (5, 0)])
def test_without_images_there_is_nothing_to_fit(train: int, val: int) -> None:
    with pytest.raises(ValueError, match=f"{train} training and {val} validation images"):
        Reference.fit(features(train, 0), features(val, 1))


def photographs() -> list[NDArray[np.uint8]]:
    """Two of scikit-learn's, one of matplotlib's, as the pipeline would decode them."""
    files = []
    for name in ("china.jpg", "flower.jpg"):
        buffer = io.BytesIO()
        Image.fromarray(load_sample_image(name)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    files.append(Path(matplotlib.get_data_path(), "sample_data/grace_hopper.jpg").read_bytes())
    return [decode(file, SIZE_PX, None).pixels for file in files]


def test_photographs_are_strange_to_a_network_that_saw_chests() -> None:
    """A real network, ImageNet's; what it makes of 60 phantoms is the reference, of 30 more sets the level."""
    drawn = [draw_study(study, SIZE_PX, 0).pixels for study in sample_cohort(110, 0)]
    pixels = np.stack([*drawn, *photographs()])
    network = build_classifier("efficientnet_lite0", 2, 0, fetch("efficientnet_lite0", "imagenet"), SIZE_PX)
    examples = Examples(pixels, np.arange(len(pixels)), np.zeros((len(pixels), 2), np.int64))
    _, values = predict_with_features(network, "efficientnet_lite0", examples, 64, torch.device("cpu"), "fp32")
    names = np.arange(len(pixels)).astype(str)
    train, val = (Features(names[part], values[part]) for part in (slice(60), slice(60, 90)))
    fitted = Reference.fit(train, val)
    strange = fitted.strange(fitted.distance(values))
    assert strange[110:].tolist() == [True, True, True]
    assert strange[90:110].mean() <= 0.1
    farthest = fitted.distance(values[90:110]).max()
    assert fitted.distance(values[110:]).min() > 1.5 * farthest
