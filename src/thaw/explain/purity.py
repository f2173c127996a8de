"""How pure the neighbourhoods of features are: whether images lie beside others of their label, sex, view or set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
BLOCK = 512  # images compared with all others at a time
NOT_KNOWN, ONE_VALUE, ONE_PATIENT = "known of no image", "the same for all images", "all images are of one patient"


def neighbourhood_purity(
    features: NDArray[np.floating], values: NDArray[np.str_], patients: NDArray[np.str_], neighbours: int = NEIGHBOURS
) -> dict[str, Any]:
    """The mean share of an image's nearest images that have its value.

    Nearest by the cosine of features, among images of other patients whose value is known: two images of one patient
    are alike for reasons that no value explains.

    Args:
        features: (n, D), rows of length 1.
        values: (n,), empty where unknown; such images are left out.
        patients: whose images they are, (n,).
        neighbours: how many nearest images are looked at, or all where there are fewer.

    Returns:
        ``value``, from 0 to 1; ``chance``: what images drawn at random from those of other patients would give, which
        is computed exactly; ``reason``: why both are None, else None.
    """
    known = values != ""
    features, values, patients = features[known], values[known], patients[known]
    reason = _why_undefined(values, patients)
    if reason is not None:
        return {"value": None, "chance": None, "reason": reason}
    rows = [slice(start, start + BLOCK) for start in range(0, len(values), BLOCK)]
    shares = np.concatenate([_shares(features, values, patients, block, neighbours) for block in rows])
    value, chance = shares.mean(axis=0)
    return {"value": float(value), "chance": float(chance), "reason": None}


def _why_undefined(values: NDArray[np.str_], patients: NDArray[np.str_]) -> str | None:
    if len(values) == 0:
        return NOT_KNOWN
    if len(np.unique(values)) == 1:
        return ONE_VALUE
    return ONE_PATIENT if len(np.unique(patients)) == 1 else None


def _shares(
    features: NDArray[np.floating], values: NDArray[np.str_], patients: NDArray[np.str_], rows: slice, neighbours: int
) -> NDArray[np.float64]:
    """Of each image in ``rows`` the share of its nearest, and of all, images of other patients that have its value."""
    same = values[rows, None] == values
    others = patients[rows, None] != patients
    likeness = np.where(others, features[rows] @ features.T, -np.inf)
    count = min(neighbours, len(values))
    nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    # an image with few others has some of its own patient among these
    near = np.take_along_axis(others, nearest, axis=1)
    pure = np.take_along_axis(same, nearest, axis=1) & near
    return np.stack([pure.sum(axis=1) / near.sum(axis=1), (same & others).sum(axis=1) / others.sum(axis=1)], axis=1)
