"""Which training images stand for each class on the page: always the same ones, of different patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.inspection.counts import label_columns
from thaw.inspection.material import Material

A_CLASS = 4


def choose_samples(material: Material) -> dict[str, list[int]]:
    """Class → positions in ``Material.images`` of at most four training images, each of another patient.

    Images with few other labels come first, since they show the class best; the rest is the order of a hash of their
    names, so that neither the folder nor the patient's number decides.
    """
    training = material.in_split("train")
    order = pd.DataFrame(
        {
            "patient": material.images["patient"],
            "others": (material.labels == 1).sum(axis=1),
            "key": pd.util.hash_array(material.images["image"].to_numpy(dtype=object)),
        }
    )
    return {name: _first(order, training & (column == 1)) for name, column in label_columns(material).items()}


def _first(order: pd.DataFrame, candidates: NDArray[np.bool_]) -> list[int]:
    chosen = order[candidates].sort_values(["others", "key"]).drop_duplicates("patient").head(A_CLASS)
    return [int(position) for position in chosen.index]
