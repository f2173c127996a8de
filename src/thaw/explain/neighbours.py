"""The training images that a network finds most like a given one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from thaw.features import Features

CHUNK = 1024  # images at a time: against 5,000 training images a table of 20 MB
DIGITS = 6  # of float32's seven: products of equal images differ in the last


def nearest(train: Features, test: Features, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest images of ``train`` to each of ``test``, by the cosine of their features.

    The distance is 1 - cosine, from 0 (same direction) to 2, rounded to six decimals; features that are all zero are at
    distance 1 from everything. An image is not its own neighbour: one of the same name is passed over. Of equally near
    images that which stands first in ``train`` comes first.

    Args:
        train: those that may be neighbours.
        test: those whose neighbours are wanted, (n,) images.
        count: how many; fewer where ``train`` does not hold so many others.

    Returns:
        Positions in ``train``, and distances, (n, count) each, nearest first.
    """
    own = _positions(train, test)
    width = min(count, len(train) - int((own >= 0).any()))
    indices = np.zeros((len(test), width), dtype=np.int64)
    distances = np.zeros((len(test), width), dtype=np.float32)
    directions = _unit(train.values).T
    for start in range(0, len(test), CHUNK):
        rows = slice(start, start + CHUNK)
        away = np.round(np.maximum(1 - _unit(test.values[rows]) @ directions, 0), DIGITS)
        same = np.flatnonzero(own[rows] >= 0)
        away[same, own[rows][same]] = np.inf
        indices[rows] = np.argsort(away, axis=1, kind="stable")[:, :width]
        distances[rows] = np.take_along_axis(away, indices[rows], axis=1)
    return indices, distances


def neighbours_of(
    images: Sequence[str], train: Features, test: Features, count: int
) -> dict[str, list[tuple[str, float]]]:
    """Name and distance of the images of ``train`` nearest to each of some ``images`` of ``test``; see ``nearest``."""
    wanted = np.isin(test.images, list(images))
    some = Features(test.images[wanted], test.values[wanted])
    indices, distances = nearest(train, some, count)
    return {
        str(image): [(str(train.images[place]), float(away)) for place, away in zip(places, aways, strict=True)]
        for image, places, aways in zip(some.images, indices, distances, strict=True)
    }


def _positions(train: Features, test: Features) -> NDArray[np.int64]:
    """Where each image of ``test`` stands in ``train``, -1 where it does not, (n,)."""
    places = {str(name): place for place, name in enumerate(train.images)}
    return np.array([places.get(str(name), -1) for name in test.images], dtype=np.int64)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (values / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit
