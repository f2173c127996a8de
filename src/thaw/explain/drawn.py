"""Test images, each with a class that is looked for in it: drawn by a rule, so that they are the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from thaw.prepared import Prepared

Pair = tuple[str, str]  # an image and a class


@dataclass(frozen=True)
class Examples:
    """Some images with classes; an image may stand there several times, with different ones.

    Attributes:
        pairs: image and class, (n,).
        pixels: (n, H, W).
        targets: numbers of the classes, (n,).
        patients: whose images they are, (n,).
    """

    pairs: Sequence[Pair]
    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    patients: NDArray[np.object_]

    @classmethod
    def of(cls, data: Prepared, pairs: Sequence[Pair]) -> Examples:
        """With the pictures of the prepared data."""
        images = [image for image, _ in pairs]
        targets = np.array([data.classes.index(name) for _, name in pairs], dtype=np.int64)
        patients = data.table.set_index("image")["patient"].loc[images].to_numpy(object)
        return cls(pairs, pixels_of(data, images), targets, patients)


def pixels_of(data: Prepared, images: Sequence[str]) -> NDArray[np.uint8]:
    """The pixels (n, H, W) of these images."""
    rows = data.table.set_index("image")["row"].loc[list(images)]
    return np.asarray(data.pixels[rows.to_numpy(np.int64)])


def draw_images(data: Prepared, count: int) -> list[str]:
    """At most so many test images, those first whose names have the smallest hash."""
    return sorted(data.of("test")["image"], key=_hash)[:count]


def positive_pairs(data: Prepared) -> list[Pair]:
    """Every test image with each class that it is labelled with.

    Images stand in the order of ``draw_images``, an image's classes together in the order of a hash: every beginning of
    the list is a draw that no class and no patient leads.
    """
    images = data.of("test")["image"].tolist()
    rows, columns = np.nonzero(data.examples("test").labels == 1)
    pairs = [(images[row], data.classes[column]) for row, column in zip(rows, columns, strict=True)]
    return sorted(pairs, key=lambda pair: (_hash(pair[0]), _hash("/".join(pair))))


def of_images(pairs: Sequence[Pair], images: int) -> list[Pair]:
    """All pairs of the first so many images."""
    chosen = set(islice(dict.fromkeys(image for image, _ in pairs), images))
    return [pair for pair in pairs if pair[0] in chosen]


def one_an_image(pairs: Iterable[Pair], images: int) -> list[Pair]:
    """The first pair of each of the first so many images."""
    first: dict[str, str] = {}
    for image, name in pairs:
        first.setdefault(image, name)
    return list(islice(first.items(), images))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
