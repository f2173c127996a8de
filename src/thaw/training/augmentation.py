"""Augmentation of batches on the device they are on, the same function for CPU and GPU.

Every image's random numbers are drawn by its position in the split, before the batches are formed, so the result
depends neither on the order of the batches nor on their size.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Policy = Literal["light", "none"]

# within what positioning and exposure vary from one chest X-ray to the next
TURN_DEGREES, SHIFT, ZOOM, BRIGHTNESS, CONTRAST = 7.0, 0.04, 0.06, 0.08, 0.12
_DRAWS = 7


def draw(count: int, generator: torch.Generator) -> Tensor:
    """Random numbers (count, 7) in [-1, 1] for the images of an epoch."""
    return torch.rand(count, _DRAWS, generator=generator) * 2 - 1


def augment(images: Tensor, draws: Tensor, policy: Policy, mirror: bool) -> Tensor:
    """Turn, shift, zoom and re-expose each image by its own random numbers.

    Args:
        images: (B, 1, H, W) in [0, 1].
        draws: (B, 7) in [-1, 1] from ``draw``.
        policy: ``light``, or ``none`` for no change but mirroring.
        mirror: flip every second image, on average, left to right.
    """
    if mirror:
        flipped = (draws[:, 6] > 0).view(-1, 1, 1, 1)
        images = torch.where(flipped, images.flip(3), images)
    if policy == "none":
        return images
    moved = F.grid_sample(images, _grid(draws, images.shape), mode="bilinear", align_corners=False)
    contrast = (1 + CONTRAST * draws[:, 4]).view(-1, 1, 1, 1)
    brightness = (BRIGHTNESS * draws[:, 5]).view(-1, 1, 1, 1)
    return ((moved - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)


def _grid(draws: Tensor, shape: torch.Size) -> Tensor:
    angle = draws[:, 0] * math.radians(TURN_DEGREES)
    zoom = 1 + ZOOM * draws[:, 1]
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    # grid coordinates run from -1 to 1, so a shift by a share of the width is twice that share
    across, down = draws[:, 2] * SHIFT * 2, draws[:, 3] * SHIFT * 2
    matrix = torch.stack([torch.stack([cosine, -sine, across], 1), torch.stack([sine, cosine, down], 1)], 1)
    return F.affine_grid(matrix, list(shape), align_corners=False)
