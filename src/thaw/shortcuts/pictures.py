"""What a glance at a picture gives: its border, its brightness, and a thumbnail of 16 x 16 pixels."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from thaw.images.duplicates import make_thumbnails
from thaw.progress import progress

THUMBNAIL_PX = 16
BORDER_SHARE = 0.02  # of a side; at least one pixel
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LEVELS = np.arange(256)
CHUNK = 256  # pictures in memory at once, in each thread

Glances = dict[str, NDArray[np.float32]]


def glance_at(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Glances:
    """Describe pictures, a few hundred at a time: the array may be larger than the memory.

    Args:
        pixels: (all rows, H, W), memory-mapped.
        rows: (N,) which of them.

    Returns:
        ``border`` (N, 8): mean and standard deviation of gray along top, bottom, left and right; ``brightness``
        (N, 9): mean, standard deviation and quantiles of gray; ``thumbnail`` (N, 256).
    """
    chunks = [rows[start : start + CHUNK] for start in range(0, max(len(rows), 1), CHUNK)]
    # Pillow and numpy leave the interpreter's lock while they compute
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        done = threads.map(lambda chunk: _glance(pixels[chunk]), chunks)
        parts = list(progress(done, "glancing at pictures", f"x {CHUNK} images", len(chunks)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _glance(pictures: NDArray[np.uint8]) -> Glances:
    described = {"border": _border(pictures), "brightness": _brightness(pictures), "thumbnail": _thumbnails(pictures)}
    return {name: values.astype(np.float32) for name, values in described.items()}


def _border(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    depth = max(1, round(BORDER_SHARE * min(pictures.shape[1:])))
    edges = (pictures[:, :depth], pictures[:, -depth:], pictures[:, :, :depth], pictures[:, :, -depth:])
    return np.stack([measure(edge, axis=(1, 2)) for edge in edges for measure in (np.mean, np.std)], axis=1)


def _brightness(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """From the histogram of each picture, which is one pass over its pixels."""
    counted = [np.bincount(picture.ravel(), minlength=len(LEVELS)) for picture in pictures]
    counts, size = np.array(counted, dtype=np.int64).reshape(-1, len(LEVELS)), pictures.shape[1] * pictures.shape[2]
    mean = counts @ LEVELS / size
    spread = np.sqrt(np.maximum(counts @ LEVELS**2 / size - mean**2, 0))
    up_to = counts.cumsum(axis=1)
    quantiles = [(up_to < quantile * size).sum(axis=1) for quantile in QUANTILES]
    return np.stack([mean, spread, *quantiles], axis=1)


def _thumbnails(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    small = make_thumbnails(pictures)
    step = small.shape[1] // THUMBNAIL_PX
    blocks = small.reshape(-1, THUMBNAIL_PX, step, THUMBNAIL_PX, step)
    thumbnails: NDArray[np.float64] = blocks.mean(axis=(2, 4)).reshape(-1, THUMBNAIL_PX**2)
    return thumbnails
