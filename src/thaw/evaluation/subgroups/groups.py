"""Who belongs to which group: by sex, age band, view and follow-up, and by two of these at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.params.evaluation import SubgroupParams

# samples of fewer patients vary too little: Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference
# with clustered errors", Review of Economics and Statistics 90 (2008)
FEWEST_PATIENTS = 10

COVARIATES = ("sex", "age", "view", "follow_up")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Subgroup:
    """Some of the images.

    Attributes:
        name: such as ``sex=F`` or ``sex=F, view=AP``.
        factors: what tells its images from others: sex, age, view or follow-up, or two of them.
        mask: which images belong to it, (N,).
    """

    name: str
    factors: tuple[str, ...]
    mask: Mask

    @property
    def images(self) -> int:
        """How many it has."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Grouping:
    """All groups of the same N images.

    Attributes:
        groups: those with enough images, first by one factor, then by two.
        unknown: factor → images for which it is not known; they are in none of its groups.
        too_small: group → images, of the groups that have too few to be measured.
        minimum: images that a group needs.
    """

    groups: tuple[Subgroup, ...]
    unknown: Mapping[str, int]
    too_small: Mapping[str, int]
    minimum: int

    def by_factors(self) -> dict[tuple[str, ...], list[Subgroup]]:
        """The groups that the same factor, or the same two, tell apart."""
        divided: dict[tuple[str, ...], list[Subgroup]] = {}
        for group in self.groups:
            divided.setdefault(group.factors, []).append(group)
        return divided


def covariates_of(images: NDArray[np.object_], table: pd.DataFrame) -> pd.DataFrame:
    """The covariates of ``images`` (N,), in their order, from a table that has ``image`` and the covariates.

    Raises:
        UserError: an image is not in the table; names the first.
    """
    rows = table.set_index(table["image"].astype("str"))[list(COVARIATES)]
    names = pd.Index(images.astype(str))
    absent = names[~names.isin(rows.index)]
    if len(absent):
        raise UserError(f"data/labels.csv has no row for image {absent[0]!r} of the predictions; run dvc repro")
    found: pd.DataFrame = rows.loc[names].reset_index(drop=True)
    return found


def subgroups(covariates: pd.DataFrame, settings: SubgroupParams) -> Grouping:
    """Divide images by sex, age band, view and follow-up, and by every two of these.

    A group of two factors that holds the same images as a group of one of them is not made: it says nothing new.

    Args:
        covariates: (N rows, in the order of the predictions) ``sex``, ``age`` in years, ``view`` and ``follow_up`` (0
            for a patient's first image, larger for later ones); empty where unknown.
        settings: the years at which age bands begin (none: no groups by age), and the images that a group needs.
    """
    masks = {
        "sex": _by_text(covariates["sex"]),
        "age": _by_age(covariates["age"], sorted(settings.ages)),
        "view": _by_text(covariates["view"]),
        "follow-up": _by_visit(covariates["follow_up"]),
    }
    if not settings.ages:
        del masks["age"]
    single = [
        Subgroup(f"{factor}={level}", (factor,), mask)
        for factor, levels in masks.items()
        for level, mask in levels.items()
    ]
    kept = [group for group in single if group.images >= settings.minimum]
    crossed = list(_crossings(kept))
    return Grouping(
        groups=(*kept, *(group for group in crossed if group.images >= settings.minimum)),
        unknown={factor: len(covariates) - _covered(levels) for factor, levels in masks.items()},
        too_small={group.name: group.images for group in (*single, *crossed) if 0 < group.images < settings.minimum},
        minimum=settings.minimum,
    )


def patients_of(group: Subgroup, patients: NDArray[np.object_]) -> int:
    """How many patients a group's images are of; ``patients``: of all images, (N,)."""
    return len(np.unique(patients[group.mask].astype(str)))


def _by_text(values: pd.Series[str]) -> dict[str, Mask]:
    text = values.astype("object").where(values.notna(), "").astype("str").to_numpy(object)
    return {name: np.asarray(text == name, dtype=bool) for name in sorted(set(text) - {""})}


def _by_age(values: pd.Series[float], begins: Sequence[int]) -> dict[str, Mask]:
    """Bands from one of ``begins`` to the year before the next; the first and the last are open."""
    if not begins:
        return {}
    ages = values.to_numpy(np.float64, na_value=np.nan)
    bands = {f"under {begins[0]}": ages < begins[0]}
    bands |= {f"{begin} to {end - 1}": (ages >= begin) & (ages < end) for begin, end in pairwise(begins)}
    return bands | {f"{begins[-1]} or more": ages >= begins[-1]}


def _by_visit(values: pd.Series[float]) -> dict[str, Mask]:
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    return {"first": numbers == 0, "later": numbers > 0}


def _crossings(single: Sequence[Subgroup]) -> Iterator[Subgroup]:
    for one, other in combinations(single, 2):
        if one.factors != other.factors:
            both = Subgroup(f"{one.name}, {other.name}", (*one.factors, *other.factors), one.mask & other.mask)
            if both.images not in (one.images, other.images):
                yield both


def _covered(levels: Mapping[str, Mask]) -> int:
    """How many images are in one of these groups, which do not overlap."""
    return int(sum(mask.sum() for mask in levels.values()))
