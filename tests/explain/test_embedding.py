from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from thaw.explain.embedding import by_tsne, by_umap, lay_out, principal_components, unit_length


def clouds(count=45, width=20, seed=0):
    """Three well separated clouds of ``count`` points together."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(3, width)) * 3
    return unit_length(middles[np.arange(count) % 3] + random.normal(size=(count, width)) * 0.3)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (9, 3), (60, 60)])
def test_principal_components_are_those_of_scikit_learn(shape) -> None:
    features = np.random.default_rng(1).normal(size=shape) * np.linspace(1, 3, shape[1]) + 5
    count = min(8, *shape)
    reference = PCA(count, svd_solver="full").fit(features)
    places, shares = principal_components(features, count)
    assert places == pytest.approx(reference.transform(features), abs=1e-9)
    assert shares == pytest.approx(reference.explained_variance_ratio_)


def test_axes_that_do_not_exist_are_zeros() -> None:
    places, shares = principal_components(np.array([[1.0], [3.0]]), 50)
    assert places == pytest.approx(np.array([[-1, 0], [1, 0]]))
    assert shares == pytest.approx([1, 0])


def test_rows_become_directions_and_zeros_stay() -> None:
    found = unit_length(np.array([[3, 4], [0, 0], [0, -2]], dtype=np.float32))
    assert found == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, -1]]))


@pytest.mark.parametrize("count", [5, 6, 45])
def test_tsne_keeps_neighbours_and_is_always_the_same(count) -> None:
    places, _ = principal_components(clouds(count), 50)
    found = by_tsne(places)
    assert found.shape == (count, 2)
    assert np.isfinite(found).all()
    assert np.array_equal(found, by_tsne(places))
    if count == 45:
        assert trustworthiness(places, found, n_neighbors=5) > 0.9


@pytest.mark.parametrize(
    ("features", "variance"),
    [
        (clouds(4), "defined"),
        (np.ones((1, 3)) / np.sqrt(3), None),
        (np.tile(clouds(1), (9, 1)), None),
        (np.array([[1.0, 0.0], [0.0, 1.0]] * 5), 1.0),
    ],
)
def test_too_few_or_too_equal_images_have_principal_components_alone(features, variance) -> None:
    found = lay_out(features)
    assert found.pca.shape == (len(features), 2)
    assert np.isfinite(found.pca).all()
    assert np.isnan(found.tsne).all()
    assert np.isnan(found.umap).all()
    if variance != "defined":
        assert found.variance == (variance and pytest.approx(variance))
    else:
        assert 0 < found.variance <= 1


def test_umap_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, thaw.explain.embedding; print({'umap', 'numba', 'sklearn', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.pipeline  # compiling UMAP takes ten seconds
def test_all_three_methods_place_all_images_and_are_always_the_same() -> None:
    features = clouds()
    found, again = lay_out(features), lay_out(features)
    for name in ("pca", "tsne", "umap"):
        places = getattr(found, name)
        assert places.shape == (45, 2)
        assert np.isfinite(places).all()
        assert np.array_equal(places, getattr(again, name))
        assert trustworthiness(features, places, n_neighbors=5) > 0.9
    assert np.isfinite(by_umap(principal_components(clouds(5), 50)[0])).all()
