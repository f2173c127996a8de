"""Pictures that occur more than once: pixel for pixel, or re-encoded, resized, brightened or slightly cropped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from thaw.errors import UserError

Pixels = NDArray[np.uint8]
HASH_SIDE = 16  # a hash has 16 x 16 bits
THUMBNAIL_PX = 32
MOST_IMAGES = 20_000  # every picture is compared with every other: twice the pictures take four times as long
# Found on real X-rays (docs/log.md): copies cropped by 2 % differ in up to 52 bits, and pictures of different patients
# are at most 0.919 alike, two exposures that look like one child included.
MAX_DISTANCE_BITS = 64
MIN_LIKENESS = 0.92
ZOOMS = (1.0, 0.98, 0.96)  # share of a side that is left of a thumbnail when a crop is tried
DETAIL_PX = 2.0  # all chests share their broad shading; what tells them apart is finer than this (Gaussian sigma)
BLOCK_ROWS = 256
BLOCK_PAIRS = 4096


def exact_groups(pictures: Iterable[Pixels]) -> NDArray[np.int64]:
    """Return for each picture the position of the first one with the same pixels; any number of pictures.

    Args:
        pictures: uint8 (H, W) each, or one array (N, H, W), memory-mapped or not; read one after another.
    """
    first: dict[bytes, int] = {}
    digests = (hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest() for picture in pictures)
    groups = [first.setdefault(digest, position) for position, digest in enumerate(digests)]
    return np.array(groups, dtype=np.int64)


def perceptual_hashes(pictures: Iterable[Pixels]) -> NDArray[np.uint64]:
    """Return 256-bit hashes, uint64 (N, 4): signs of the low frequencies of a cosine transform about their median.

    Similar pictures differ in few bits. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    2010, section 3.2.1, as ImageHash's ``phash`` computes it; about 1,200 pictures of 224 px a second.
    """
    bits = [imagehash.phash(Image.fromarray(picture), hash_size=HASH_SIDE).hash.ravel() for picture in pictures]
    packed = np.packbits(np.array(bits, dtype=bool).reshape(-1, HASH_SIDE * HASH_SIDE), axis=1)
    return packed.view(np.uint64)


def make_thumbnails(pictures: Iterable[Pixels]) -> Pixels:
    """Return the pictures as uint8 (N, 32, 32), averaged over areas and squeezed to the square."""
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = [np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX)) for picture in pictures]
    return np.array(small, dtype=np.uint8).reshape(-1, *size)


def near_groups(
    hashes: NDArray[np.uint64],
    thumbnails: Pixels,
    max_distance_bits: int = MAX_DISTANCE_BITS,
    min_likeness: float = MIN_LIKENESS,
) -> NDArray[np.int64]:
    """Return for each picture the position of the first one of its group; a picture without a copy is its own group.

    Two pictures are copies where their hashes differ in at most ``max_distance_bits`` and their thumbnails are at least
    ``min_likeness`` alike: the correlation (-1..1) of their fine detail, at the best of a few crops of either. A group
    is all that copies join, also by way of a third picture. Memory: about 12 KiB a picture.

    Args:
        hashes: As ``perceptual_hashes`` makes them, (N, 4).
        thumbnails: As ``make_thumbnails`` makes them, (N, 32, 32), in the same order.
        max_distance_bits: 0..256.
        min_likeness: -1..1.

    Raises:
        UserError: More than 20,000 pictures: the time grows with the square of their number.
    """
    count = len(hashes)
    if count > MOST_IMAGES:
        limit = f"near-duplicates are searched among at most {MOST_IMAGES:,} pictures, not {count:,}"
        raise UserError(f"{limit}: every one is compared with every other; take a subset")
    detail = _detail(thumbnails)
    near_pairs = _near_pairs(hashes, max_distance_bits)
    pairs = [near[:, _likeness(detail, near) >= min_likeness] for near in near_pairs]
    joined = np.concatenate([np.empty((2, 0), np.int64), *pairs], axis=1)
    links = coo_array((np.ones(joined.shape[1], bool), (joined[0], joined[1])), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[group], dtype=np.int64)


def _near_pairs(hashes: NDArray[np.uint64], max_distance_bits: int) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of positions (2, at most 4,096) whose hashes are near."""
    for start in range(0, len(hashes), BLOCK_ROWS):
        block, others = hashes[start : start + BLOCK_ROWS], hashes[start:]
        distance = np.zeros((len(block), len(others)), np.uint16)
        for word in range(hashes.shape[1]):
            distance += np.bitwise_count(block[:, None, word] ^ others[None, :, word])
        pairs = np.stack(np.nonzero(np.triu(distance <= max_distance_bits, 1))) + start
        for first in range(0, pairs.shape[1], BLOCK_PAIRS):
            yield pairs[:, first : first + BLOCK_PAIRS]


def _likeness(detail: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the best correlation of each pair over crops of either picture; ``detail`` (zooms, N, pixels)."""
    one, other = pairs
    crops = [(0, zoom) for zoom in range(len(ZOOMS))] + [(zoom, 0) for zoom in range(1, len(ZOOMS))]
    tried = [np.einsum("ij,ij->i", detail[left, one], detail[right, other]) for left, right in crops]
    return np.asarray(np.max(tried, axis=0), dtype=np.float32)


def _detail(thumbnails: Pixels) -> NDArray[np.float32]:
    """Return the fine detail of each thumbnail at each zoom, of mean 0 and length 1: float32 (zooms, N, 1024)."""
    detail = np.zeros((len(ZOOMS), len(thumbnails), THUMBNAIL_PX**2), np.float32)
    for plane, zoom in zip(detail, ZOOMS, strict=True):
        stretch = _stretch(zoom)
        for start in range(0, len(thumbnails), BLOCK_PAIRS):
            cropped = stretch @ thumbnails[start : start + BLOCK_PAIRS].astype(np.float32) @ stretch.T
            fine = (cropped - gaussian_filter(cropped, (0, DETAIL_PX, DETAIL_PX))).reshape(len(cropped), -1)
            fine -= fine.mean(axis=1, keepdims=True)
            length = np.linalg.norm(fine, axis=1, keepdims=True)
            # a constant picture has no detail and is like nothing
            plane[start : start + BLOCK_PAIRS] = np.divide(fine, length, out=np.zeros_like(fine), where=length > 1e-3)
    return detail


def _stretch(zoom: float) -> NDArray[np.float32]:
    """Return the matrix (32, 32) that stretches the central share ``zoom`` of a side over it, linearly."""
    middle = (THUMBNAIL_PX - 1) / 2
    places = middle + (np.arange(THUMBNAIL_PX) - middle) * zoom
    left = np.minimum(places.astype(int), THUMBNAIL_PX - 2)
    matrix = np.zeros((THUMBNAIL_PX, THUMBNAIL_PX), np.float32)
    matrix[np.arange(THUMBNAIL_PX), left] = left + 1 - places
    matrix[np.arange(THUMBNAIL_PX), left + 1] = places - left
    return matrix
