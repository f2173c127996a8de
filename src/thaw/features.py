"""What a network makes of each image before its head, on disk: for nearest neighbours, pictures, and strangeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.files import replacing

LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Features:
    """The features of some images.

    Attributes:
        images: their names, (n,) text.
        values: (n, D) float32.
    """

    images: NDArray[np.str_]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)


def write_features(path: Path, parts: Mapping[str, Features]) -> None:
    """Write the features of several splits into one file, by the split's name, in half precision."""
    arrays: dict[str, Any] = {}
    for name, part in parts.items():
        arrays[f"{name}_images"] = part.images
        # what half precision cannot hold would become infinite, and no distance to it could be told
        arrays[name] = part.values.clip(-LARGEST, LARGEST).astype(np.float16)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_features(path: Path, split: str) -> Features:
    """The features of one split from what ``write_features`` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Features(stored[f"{split}_images"], stored[split].astype(np.float32))
