"""Features of images laid out in the plane, so that they can be looked at: PCA, t-SNE and UMAP.

A picture of this kind shows who lies beside whom; distances between groups and their sizes mean little in t-SNE and
UMAP (Wattenberg, Viégas and Johnson, "How to use t-SNE effectively", Distill 2016, doi:10.23915/distill.00002).
``thaw.explain.purity`` says the same as figures, measured in the full space of features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FEWEST_IMAGES = 5
DIMENSIONS = 50
SEED = 0
PERPLEXITY = 30.0
NEIGHBOURS = 15
NO_SPREAD = 1e-12  # mean square along an axis; rows of features have length 1

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Layouts:
    """The places of n images in the plane, each (n, 2); NaN where a method cannot place them.

    Attributes:
        pca: along the two axes of largest variance.
        tsne: by t-SNE.
        umap: by UMAP.
        variance: share of the features' variance along the two axes, 0 to 1; None where all features are equal.
    """

    pca: Numbers
    tsne: Numbers
    umap: Numbers
    variance: float | None


def unit_length(features: NDArray[np.floating]) -> Numbers:
    """Features (n, D) as directions: rows of length 1, as cosines compare them; rows of zeros stay so."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    directions: Numbers = features / np.where(lengths > 0, lengths, 1)
    return directions


def lay_out(features: Numbers) -> Layouts:
    """Place images in the plane by three methods; the same features give the same places.

    t-SNE and UMAP begin with the first two principal components, which keeps how groups lie to each other, and read the
    first 50 of them: noise is left out and time is saved (Kobak and Berens, "The art of using t-SNE for single-cell
    transcriptomics", Nature Communications 10, 2019). They need 5 images that differ in two directions.

    Args:
        features: (n, D), rows of length 1.
    """
    # sums in another order differ in their last bit, and t-SNE makes much of little: one thread
    with threadpool_limits(1):
        places, shares = principal_components(features, DIMENSIONS)
        pca, spread = places[:, :2], (places**2).mean(axis=0)[:2]
        variance = float(shares[:2].sum()) if spread[0] > NO_SPREAD else None
        if len(features) < FEWEST_IMAGES or spread[1] <= NO_SPREAD:
            nowhere = np.full_like(pca, np.nan)
            return Layouts(pca, nowhere, nowhere, variance)
        return Layouts(pca, by_tsne(places), by_umap(places), variance)


def principal_components(features: NDArray[np.floating], count: int) -> tuple[Numbers, Numbers]:
    """Places (n, c) of features (n, D) along their axes of largest variance, and the share of it on each axis, (c,).

    By singular value decomposition (Jolliffe, "Principal Component Analysis", 2nd edition 2002, section 3.5). Each axis
    points to where its largest loading is positive. c is ``count``, fewer where n or D is smaller, but at least 2: axes
    that do not exist are zeros.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    left, spread, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    variance, missing = spread**2, max(2 - len(spread), 0)
    shares = variance / max(float(variance.sum()), np.finfo(np.float64).tiny)
    places = np.pad((left * spread * signs)[:, :count], ((0, 0), (0, missing)))
    return places, np.pad(shares[:count], (0, missing))


def by_tsne(places: Numbers) -> Numbers:
    """t-SNE (van der Maaten and Hinton, JMLR 9, 2008) in Barnes-Hut's approximation, (n, 2).

    Args:
        places: principal components (n, c); the layout begins with the first two of them.
    """
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(places) - 1) / 3)
    start = places[:, :2] / places[:, 0].std() * 1e-4  # as scikit-learn scales it
    method = TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=SEED, n_jobs=1)
    laid_out: Numbers = method.fit_transform(places).astype(np.float64)
    return laid_out


def by_umap(places: Numbers) -> Numbers:
    """UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426) with its own defaults, (n, 2).

    Args:
        places: principal components (n, c); the layout begins with the first two of them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that are not installed, and of what a seed turns off
        # imported here: compiling it takes some ten seconds a process
        from umap import UMAP

        neighbours = min(NEIGHBOURS, len(places) - 1)
        method = UMAP(n_neighbors=neighbours, init=places[:, :2], random_state=SEED, n_jobs=1)
        laid_out: Numbers = method.fit_transform(places).astype(np.float64)
    return laid_out
