"""Pictures that occur more than once, and whether their copies disagree in split, labels or patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.images.duplicates import MOST_IMAGES, exact_groups, make_thumbnails, near_groups, perceptual_hashes
from thaw.inspection.material import Material
from thaw.progress import progress


@dataclass(frozen=True)
class CopyGroup:
    """One picture and its copies.

    Attributes:
        members: positions in ``Material.images``, at least two.
        identical: whether all have the same pixels; else some are only nearly the same.
        splits: the splits they are in, sorted.
        labels_differ: whether their labels are not all the same.
        patients: how many patients they are said to show.
    """

    members: tuple[int, ...]
    identical: bool
    splits: tuple[str, ...]
    labels_differ: bool
    patients: int

    @property
    def crosses(self) -> bool:
        """Whether the copies are in more than one split."""
        return len(self.splits) > 1

    @property
    def flagged(self) -> bool:
        """Whether the copies disagree in anything."""
        return self.crosses or self.labels_differ or self.patients > 1


@dataclass(frozen=True)
class Copies:
    """All groups of copies, those that disagree first; ``near_searched``: whether near-duplicates were looked for."""

    groups: tuple[CopyGroup, ...]
    near_searched: bool

    @property
    def flagged(self) -> list[CopyGroup]:
        """The groups that disagree."""
        return [group for group in self.groups if group.flagged]


def find_copies(material: Material, most_images: int = MOST_IMAGES) -> Copies:
    """Find identical pictures, and nearly identical ones where no more than ``most_images`` differ in any pixel.

    Among drawn pictures only identical ones: one hand draws all their anatomy, so that strangers look like copies.
    """
    positions = np.flatnonzero(material.read)
    rows = material.rows[positions]
    exact = exact_groups(_pictures(material, rows, "comparing pixels"))
    firsts = np.unique(exact)
    near_searched = len(firsts) <= most_images and not material.dataset["synthetic"]
    groups = exact
    if near_searched:
        hashes = perceptual_hashes(_pictures(material, rows[firsts], "hashing"))
        small = make_thumbnails(_pictures(material, rows[firsts], "shrinking"))
        groups = firsts[near_groups(hashes, small)][np.searchsorted(firsts, exact)]
    found = [_describe(material, positions[members], exact[members]) for members in _several(groups)]
    order = sorted(found, key=lambda group: (not group.crosses, not group.flagged, group.members))
    return Copies(tuple(order), near_searched)


def _pictures(material: Material, rows: NDArray[np.int64], what: str) -> Iterator[NDArray[np.uint8]]:
    # one row of the memory map at a time: the array may be larger than the memory
    yield from progress((material.pixels[row] for row in rows), what, "images", len(rows))


def _several(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The positions of every group of at least two."""
    sizes = pd.Series(groups).value_counts()
    shared = np.flatnonzero(np.isin(groups, sizes.index[sizes > 1]))
    return [shared[places] for places in pd.Series(groups[shared]).groupby(groups[shared]).indices.values()]


def _describe(material: Material, members: NDArray[np.int64], exact: NDArray[np.int64]) -> CopyGroup:
    images, labels = material.images.iloc[members], material.labels[members]
    return CopyGroup(
        members=tuple(members.tolist()),
        identical=len(set(exact.tolist())) == 1,
        splits=tuple(sorted(set(images["split"]) - {""})),
        labels_differ=bool((labels != labels[0]).any()),
        patients=int(images["patient"].nunique()),
    )
