"""Copies of a picture that lie in more than one split: what was trained on is tested on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaw.images.duplicates import MAX_DISTANCE_BITS, MOST_IMAGES, perceptual_hashes
from thaw.inspection.copies import find_copies
from thaw.inspection.material import Material
from thaw.progress import progress
from thaw.splitting import SPLITS

HASH_BITS = 256
BLOCK = 2048  # pictures compared with as many others at a time
CHUNK = 256  # pictures hashed at a time, in each thread
EXAMPLES, NAMES = 5, 4


def measure_copies(material: Material, most_images: int = MOST_IMAGES) -> dict[str, Any]:
    """Look for the same picture in several splits, pixel for pixel and, but for drawn pictures, by perceptual hash.

    Up to ``most_images`` pictures every one is compared with every other, as the stage inspect does it. Of more, those
    are compared whose hash is nearest to one of another split, as many as that limit allows: copies whose hashes differ
    in more than ``distance_bits`` are then overlooked.

    Returns:
        ``pictures``: how many have copies in more than one split; ``test_images``: how many test images are among
        them; ``method`` ("identical" or "near"); ``distance_bits`` (None: not by hash); ``examples`` (``images``,
        ``splits``, ``identical``).
    """
    placed = material.read & material.images["split"].isin(SPLITS).to_numpy()
    distance = None if material.dataset["synthetic"] else MAX_DISTANCE_BITS
    if distance is not None and placed.sum() > most_images:
        positions = np.flatnonzero(placed)
        hashes = _hashes(material.pixels, material.rows[positions])
        nearest = nearest_across(hashes, material.images["split"].to_numpy(object)[positions])
        distance = _widest(nearest, most_images)
        placed[positions[nearest > distance]] = False
    found = find_copies(replace(material, rows=np.where(placed, material.rows, -1)), most_images)
    groups = [group for group in found.groups if group.crosses]
    names, split = material.images["image"], material.images["split"]
    examples = [
        {"images": [str(names.iloc[member]) for member in group.members[:NAMES]], "splits": list(group.splits),
         "identical": group.identical}
        for group in groups[:EXAMPLES]
    ]  # fmt: skip
    return {
        "pictures": len(groups),
        "test_images": sum(int((split.iloc[list(group.members)] == "test").sum()) for group in groups),
        "method": "near" if found.near_searched else "identical",
        "distance_bits": distance if found.near_searched else None,
        "examples": examples,
    }


def nearest_across(hashes: NDArray[np.uint64], split: NDArray[np.object_]) -> NDArray[np.int64]:
    """In how many bits each hash differs from the nearest one of another split, (N,); 257 where there is no other.

    Args:
        hashes: as ``perceptual_hashes`` makes them, (N, 4).
        split: of each picture, (N,).
    """
    # of rows of -1 and 1 the product is the number of equal bits less that of different ones
    signs = 2 * np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1).astype(np.float32) - 1
    alike = np.full(len(hashes), -HASH_BITS - 2, np.float32)
    for one, other in combinations(SPLITS, 2):
        lefts, rights = _blocks(split == one), _blocks(split == other)
        for left in lefts:
            for right in rights:
                products = signs[left] @ signs[right].T
                alike[left] = np.maximum(alike[left], products.max(axis=1))
                alike[right] = np.maximum(alike[right], products.max(axis=0))
    return ((HASH_BITS - alike) / 2).astype(np.int64)


def _blocks(chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    places = np.flatnonzero(chosen)
    return [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]


def _widest(nearest: NDArray[np.int64], most_images: int) -> int:
    """The largest distance, up to the one that copies may have, within which are no more than so many pictures."""
    within = np.bincount(nearest, minlength=MAX_DISTANCE_BITS + 1).cumsum()[: MAX_DISTANCE_BITS + 1]
    return max(int((within <= most_images).sum()) - 1, 0)


def _hashes(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        done = threads.map(lambda chunk: perceptual_hashes(pixels[chunk]), chunks)
        return np.concatenate(list(progress(done, "hashing", f"x {CHUNK} images", len(chunks))))
