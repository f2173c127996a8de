"""The policy ``light``: small turns, shifts, zooms and changes of exposure."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thaw.training.augmentation.operations import per_image, warp

# within what positioning and exposure vary from one chest X-ray to the next
TURN_DEGREES, SHIFT, ZOOM, BRIGHTNESS, CONTRAST = 7.0, 0.04, 0.06, 0.08, 0.12
# six numbers of this policy, and the one that decides on mirroring
LIGHT_DRAWS = 7


def light(images: Tensor, draws: Tensor) -> Tensor:
    """Images (B, 1, H, W) turned, shifted, zoomed and re-exposed by the first six of their draws (B, K)."""
    moved = warp(images, _matrix(draws))
    contrast = per_image(1 + CONTRAST * draws[:, 4])
    brightness = per_image(BRIGHTNESS * draws[:, 5])
    return ((moved - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)


def _matrix(draws: Tensor) -> Tensor:
    angle = draws[:, 0] * math.radians(TURN_DEGREES)
    zoom = 1 + ZOOM * draws[:, 1]
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    # coordinates run from -1 to 1, so a shift by a share of the width is twice that share
    across, down = draws[:, 2] * SHIFT * 2, draws[:, 3] * SHIFT * 2
    return torch.stack([torch.stack([cosine, -sine, across], 1), torch.stack([sine, cosine, down], 1)], 1)
