"""The policies by name: how many random numbers an image needs, and what they do to it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from thaw.training.augmentation.light import LIGHT_DRAWS, light
from thaw.training.augmentation.medical import MEDICAL_DRAWS, medical
from thaw.training.augmentation.randaugment import RANDAUGMENT_DRAWS, randaugment

Policy = Literal["none", "light", "medical", "randaugment"]

_DRAWS: dict[Policy, int] = {
    "none": LIGHT_DRAWS,
    "light": LIGHT_DRAWS,
    "medical": MEDICAL_DRAWS,
    "randaugment": RANDAUGMENT_DRAWS,
}
# the same column in every policy
_MIRROR = 6


def draw(count: int, policy: Policy, generator: torch.Generator) -> Tensor:
    """Random numbers (count, K) in [-1, 1] for the images of an epoch; K depends on the policy."""
    return torch.rand(count, _DRAWS[policy], generator=generator) * 2 - 1


def augment(images: Tensor, draws: Tensor, policy: Policy, mirror: bool) -> Tensor:
    """Change each image by its own random numbers.

    An image becomes the same whatever the batch it is in. A GPU rounds sines and powers differently from a CPU; the
    noise of ``medical`` is the same on both.

    Args:
        images: (B, 1, H, W) in [0, 1].
        draws: (B, K) in [-1, 1] from ``draw`` for the same policy, on the device of ``images``.
        policy: ``none`` for no change but mirroring; the others are explained in the modules of their names.
        mirror: flip every second image, on average, left to right.

    Returns:
        (B, 1, H, W) in [0, 1].
    """
    if mirror:
        flipped = (draws[:, _MIRROR] > 0).view(-1, 1, 1, 1)
        images = torch.where(flipped, images.flip(3), images)
    match policy:
        case "none":
            return images
        case "light":
            return light(images, draws)
        case "medical":
            return medical(images, draws)
        case "randaugment":
            return randaugment(images, draws)
