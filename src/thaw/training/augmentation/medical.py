"""The policy ``medical``: ``light``, then what differs between X-ray units, and a hidden patch.

Strengths and chances are of the order of nnU-Net's (Isensee et al., Nature Methods 2021, as in its code: chances of
0.1 to 0.3, Gaussian blur of 0.5 to 1 pixels, gamma of 0.7 to 1.5), or below where a stronger change could hide a
nodule or a faint opacity.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from thaw.training.augmentation.light import LIGHT_DRAWS, light
from thaw.training.augmentation.noise import gaussian, uniform
from thaw.training.augmentation.operations import Operation, change, per_image, sharpen

# of each change by itself: an image sees one and a half of the five on average, and one in six sees none
CHANCE = 0.3
# largest standard deviation: 5 of 255 gray levels
NOISE = 0.02
# tube voltage and display window bend the scale of grays; the inverse is as likely
GAMMA = 1.3
# share of local contrast that the unit's own processing adds or has not added
LOCAL_CONTRAST = 0.4
# local is within an eighth of the side, wider than a rib or a nodule, narrower than a lung
_CELLS = 8
# the paper's smallest share of the image and its aspect ratios; its largest share, 0.4, would hide a whole lung
ERASED, ASPECT = (0.02, 0.1), 1 / 0.3


def medical(images: Tensor, draws: Tensor) -> Tensor:
    """Images (B, 1, H, W) in [0, 1] changed as ``light`` does, then each of the five ways with a chance of 0.3.

    Args:
        images: (B, 1, H, W) in [0, 1].
        draws: (B, MEDICAL_DRAWS): those of ``light``, then for each way one that decides and those of its strength.
    """
    images = light(images, draws)
    first = LIGHT_DRAWS
    for operation, count in _OPERATIONS:
        positions = (draws[:, first] < 2 * CHANCE - 1).nonzero().flatten()
        images = change(images, positions, operation, draws[:, first + 1 : first + 1 + count])
        first += 1 + count
    return images


def focus(images: Tensor, numbers: Tensor) -> Tensor:
    """Smooth or sharpen images (n, 1, H, W) by ``numbers`` (n, 1): from 0.7 pixels of blur to twice the fine detail."""
    return sharpen(images, numbers[:, 0])


def detector_noise(images: Tensor, numbers: Tensor) -> Tensor:
    """Add Gaussian noise to images (n, 1, H, W); ``numbers`` (n, 3) are its strength and two seeds."""
    deviation = per_image(NOISE * (numbers[:, 0] + 1) / 2)
    return images + deviation * gaussian(numbers[:, 1:], images.shape[2], images.shape[3])


def gamma(images: Tensor, numbers: Tensor) -> Tensor:
    """Raise images (n, 1, H, W) to a power between 1 / 1.3 and 1.3, by ``numbers`` (n, 1)."""
    return images.pow(per_image(torch.exp(math.log(GAMMA) * numbers[:, 0])))


def local_contrast(images: Tensor, numbers: Tensor) -> Tensor:
    """Stretch or flatten images (n, 1, H, W) about their local mean, by ``numbers`` (n, 1).

    This is unsharp masking with a wide mask, the coarse end of the processing in digital radiography (Vuylsteke &
    Schoeters 1994, "Multiscale image contrast amplification", Proc. SPIE 2167).
    """
    cells = F.adaptive_avg_pool2d(images, _CELLS)
    mean = F.interpolate(cells, size=images.shape[2:], mode="bilinear", align_corners=False)
    return images + per_image(LOCAL_CONTRAST * numbers[:, 0]) * (images - mean)


def erase(images: Tensor, numbers: Tensor) -> Tensor:
    """Replace a rectangle of images (n, 1, H, W) by random grays (Zhong et al. 2020, arXiv:1708.04896, algorithm 1).

    Args:
        images: (n, 1, H, W).
        numbers: (n, 6): area, aspect ratio (the ratio and its inverse are equally likely), place, two seeds.
    """
    height, width = images.shape[2:]
    share, _, down, across = ((numbers[:, :4] + 1) / 2).unbind(1)
    area = (ERASED[0] + (ERASED[1] - ERASED[0]) * share) * (height * width)
    aspect = torch.exp(math.log(ASPECT) * numbers[:, 1])
    inside_rows = _stretch(height, torch.sqrt(area * aspect), down).view(-1, 1, height, 1)
    inside_columns = _stretch(width, torch.sqrt(area / aspect), across).view(-1, 1, 1, width)
    return torch.where(inside_rows & inside_columns, uniform(numbers[:, 4:], height, width), images)


def _stretch(side: int, length: Tensor, place: Tensor) -> Tensor:
    """Which of ``side`` pixels lie in a stretch of ``length`` (n,); ``place`` (n,) goes from 0, first, to 1, last."""
    length = length.round().clamp(1, side)
    start = (place * (side - length)).round()
    pixels = torch.arange(side, device=length.device)
    return (pixels >= start[:, None]) & (pixels < (start + length)[:, None])


# in the order in which they happen in a unit, with how many numbers each needs
_OPERATIONS: tuple[tuple[Operation, int], ...] = (
    (focus, 1),
    (detector_noise, 3),
    (gamma, 1),
    (local_contrast, 1),
    (erase, 6),
)
MEDICAL_DRAWS = LIGHT_DRAWS + sum(1 + count for _, count in _OPERATIONS)
