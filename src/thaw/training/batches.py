"""The images of a split, handed out in batches straight from the memory-mapped array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """The images and labels of one split.

    Attributes:
        pixels: (all images, H, W) uint8, usually memory-mapped.
        rows: (n,) rows of ``pixels`` that belong to the split.
        labels: (n, classes) 0, 1 or ``thaw.labels.UNKNOWN``.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, chosen: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Gray images (B, 1, H, W) in [0, 1] and labels (B, classes), both float32, of the positions ``chosen``."""
        pixels = torch.from_numpy(self.pixels[self.rows[chosen.numpy()]]).to(device, non_blocking=True)
        return pixels.unsqueeze(1).float().div_(255), self.targets(chosen, device)

    def targets(self, chosen: Tensor, device: torch.device) -> Tensor:
        """The labels (B, classes) of the positions ``chosen``, float32."""
        return torch.from_numpy(self.labels[chosen.numpy()]).to(device, non_blocking=True).float()


def cut(positions: Tensor, size: int) -> list[Tensor]:
    """Cut positions into batches of ``size``, in order.

    A last batch of one image would give BatchNorm nothing to normalise over, so it joins the batch before.
    """
    batches = list(torch.split(positions, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def ordered_batches(count: int, batch_size: int) -> Iterator[Tensor]:
    """Positions 0 … count-1 in order, cut into batches."""
    yield from torch.split(torch.arange(count), batch_size)
