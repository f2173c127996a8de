"""Random numbers for every pixel, out of two draws of its image: a hash of the draws and of the pixel's place.

A generator would give an image other numbers in another batch, and a GPU others than a CPU. Hashing is arithmetic of
whole numbers, the same bits everywhere; the Gaussian deviates come from a table that is always computed on the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = 2**32 - 1
_TABLE_BITS = 12


def _quantiles() -> Tensor:
    """The middles of 4096 equally likely slices of the normal distribution, scaled to a standard deviation of 1."""
    middles = (torch.arange(2**_TABLE_BITS, dtype=torch.float64) + 0.5) / 2**_TABLE_BITS
    deviates: Tensor = torch.special.ndtri(middles)
    return (deviates / deviates.std(correction=0)).float()


_GAUSSIAN = _quantiles()


def gaussian(seeds: Tensor, height: int, width: int) -> Tensor:
    """Independent deviates (n, 1, height, width) of mean 0, standard deviation 1, within 3.7 of 0.

    Args:
        seeds: (n, 2) draws in [-1, 1].
        height: in pixels.
        width: in pixels.
    """
    hashes = pixel_hashes(seeds, height, width)
    deviates = _GAUSSIAN.to(seeds.device).index_select(0, (hashes >> (32 - _TABLE_BITS)).flatten())
    return deviates.view(hashes.shape)


def uniform(seeds: Tensor, height: int, width: int) -> Tensor:
    """Independent numbers (n, 1, height, width) in [0, 1) out of ``seeds`` (n, 2)."""
    return (pixel_hashes(seeds, height, width) >> 8).float() / 2**24


def pixel_hashes(seeds: Tensor, height: int, width: int) -> Tensor:
    """Hashes (n, 1, height, width) of 32 bits, int64, out of ``seeds`` (n, 2) in [-1, 1] and each pixel's index."""
    # torch.rand gives multiples of 2**-24, so this loses nothing of a draw
    words = ((seeds.double() + 1) * 2**23).long()
    key = _mix(_mix(words[:, 0]) ^ words[:, 1])
    pixels = _mix(torch.arange(height * width, device=seeds.device))
    return _mix(key[:, None] ^ pixels).view(-1, 1, height, width)


def _mix(words: Tensor) -> Tensor:
    """Mueller's integer hash of 32 bits; its multiplier is small enough for products to fit into 63."""
    words = ((words >> 16) ^ words) * 0x45D9F3B & _WORD
    words = ((words >> 16) ^ words) * 0x45D9F3B & _WORD
    return (words >> 16) ^ words
