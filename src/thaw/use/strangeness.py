"""Whether an image is unlike those that a network was trained on, so that what it says of it means nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaw.features import Features

MOST_FEATURES = 1000  # of training images
NEIGHBOUR = 10
QUANTILE = 0.99


@dataclass(frozen=True)
class Reference:
    """Deep nearest neighbours: how far an image's features lie from those of training images.

    Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022, arXiv:2204.06507,
    section 3: the distance of the feature, scaled to unit length, to its k-th nearest among the training images' ones,
    against a level that most images of the same kind do not reach. Random parts of the training images do nearly as
    well as all (their section 4.3).

    Attributes:
        features: of training images, unit length, (n, D), in half precision as they are stored; without names.
        neighbour: k, which neighbour counts, from 1.
        level: the distance above which an image is strange.
    """

    features: NDArray[np.float16]
    neighbour: int
    level: float

    @classmethod
    def fit(cls, train: Features, val: Features) -> Reference:
        """Keep at most 1,000 training images, and set the level so that 1 in 100 validation images is above it.

        The validation images are of other patients, so that the level is not that of images which the network knows.

        Raises:
            ValueError: there are no training or no validation images.
        """
        if not len(train) or not len(val):
            raise ValueError(f"{len(train)} training and {len(val)} validation images; each needs one or more")
        kept = _unit_length(train.values[_spread(train.images)]).astype(np.float16)
        unfitted = cls(kept, min(NEIGHBOUR, len(kept)), np.inf)
        return cls(kept, unfitted.neighbour, float(np.quantile(unfitted.distance(val.values), QUANTILE)))

    def distance(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Of the features (n, D) of n images to their k-th nearest training image, (n,), from 0 to 2."""
        asked = _unit_length(features.astype(np.float32))
        # half precision leaves the stored ones not quite of unit length
        squares = (asked**2).sum(axis=1)[:, None] + (self._stored**2).sum(axis=1) - 2 * asked @ self._stored.T
        nearest = np.partition(squares, self.neighbour - 1, axis=1)[:, self.neighbour - 1]
        distances: NDArray[np.float64] = np.sqrt(np.clip(nearest, 0, None)).astype(np.float64)
        return distances

    def strange(self, distances: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which distances (n,) are above the level."""
        above: NDArray[np.bool_] = distances > self.level
        return above

    def write(self, path: Path) -> None:
        """Write what ``read`` reads."""
        with path.open("wb") as file:
            np.savez(file, features=self.features, neighbour=self.neighbour, level=self.level)

    @classmethod
    def read(cls, path: Path) -> Reference:
        """What ``write`` wrote."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return cls(stored["features"], int(stored["neighbour"]), float(stored["level"]))

    @cached_property
    def _stored(self) -> NDArray[np.float32]:
        return self.features.astype(np.float32)


def _spread(images: NDArray[np.str_]) -> NDArray[np.intp]:
    """Positions of at most ``MOST_FEATURES`` images, evenly spread over their names, whatever their order."""
    order = np.argsort(images, kind="stable")
    chosen: NDArray[np.intp] = order[np.linspace(0, len(order) - 1, min(MOST_FEATURES, len(order))).astype(np.intp)]
    return chosen


def _unit_length(features: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (features / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled
