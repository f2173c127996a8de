"""Heat maps on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.files import replacing

SIDE = 56  # of a stored map: eight times the 7 x 7 places that most networks have left at 224 pixels


def shrink(maps: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Maps (n, H, W), of 0 or more, as they are stored: (n, 56, 56), each stretched so that its own maximum is 255.

    Every stored place is the mean over the area that it covers. A map without heat stays 0.
    """
    height, width = maps.shape[1:]
    small = _areas(height) @ maps @ _areas(width).T
    largest = small.max(axis=(1, 2), keepdims=True)
    stretched: NDArray[np.uint8] = np.rint(255 * small / np.where(largest > 0, largest, 1)).astype(np.uint8)
    return stretched


def write_maps(path: Path, maps: Mapping[tuple[str, str], NDArray[np.uint8]]) -> None:
    """Write stored maps by image and class: arrays ``image`` (n,), ``class`` (n,) and ``map`` (n, 56, 56)."""
    names = np.array(list(maps), dtype=np.str_).reshape(-1, 2)
    values = np.array(list(maps.values()), dtype=np.uint8).reshape(-1, SIDE, SIDE)
    arrays: dict[str, Any] = {"image": names[:, 0], "class": names[:, 1], "map": values}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_maps(path: Path) -> dict[tuple[str, str], NDArray[np.uint8]]:
    """What ``write_maps`` wrote: (56, 56) by image and class."""
    with np.load(path, allow_pickle=False) as stored:
        names = zip(stored["image"].tolist(), stored["class"].tolist(), strict=True)
        return dict(zip(names, stored["map"], strict=True))


def _areas(length: int) -> NDArray[np.float64]:
    """Which share each of ``length`` pixels has in each stored place along one side, (56, length); rows add up to 1."""
    edges = np.arange(SIDE + 1)[:, None] * (length / SIDE)
    pixels = np.arange(length)[None, :]
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    shares: NDArray[np.float64] = np.clip(overlap, 0, None) * (SIDE / length)
    return shares
