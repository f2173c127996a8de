"""The policy ``randaugment`` (Cubuk et al. 2020, arXiv:1909.13719): random operations of one fixed magnitude.

The operations are those of the paper that mean something for gray images (its "color" does not), with the ranges
that torchvision's ``RandAugment`` gives them. Unlike there, shearing keeps the middle of the image where it is, and
pixels are interpolated.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thaw.training.augmentation.operations import Operation, change, per_image, sharpen, warp

# N and M that the paper chose for ResNet-50 on ImageNet, M on a scale from 0 to 30
NUMBER, MAGNITUDE, SCALE = 2, 9, 30
# columns: the operations, their signs, two that nothing uses, and mirroring
RANDAUGMENT_DRAWS = 7

# at full scale, as in torchvision, which has them from AutoAugment (Cubuk et al. 2019)
_TURN_DEGREES, _SHEAR, _SHIFT, _ENHANCEMENT, _POSTERIZED_BITS = 30.0, 0.3, 150 / 331, 0.9, 4


def randaugment(images: Tensor, draws: Tensor) -> Tensor:
    """Images (B, 1, H, W) in [0, 1] after two operations each, drawn from ``OPERATIONS`` with replacement.

    Args:
        images: (B, 1, H, W) in [0, 1].
        draws: (B, RANDAUGMENT_DRAWS): columns 0 and 1 choose, 2 and 3 give the sign where an operation has one.
    """
    for step in range(NUMBER):
        share = (draws[:, step] + 1) / 2
        choice = (share * len(OPERATIONS)).long().clamp(max=len(OPERATIONS) - 1)
        sign = torch.where(draws[:, NUMBER + step] < 0, -1.0, 1.0)
        images = _each_its_own(images, choice, sign * (MAGNITUDE / SCALE))
    return images


def _each_its_own(images: Tensor, choice: Tensor, levels: Tensor) -> Tensor:
    """Images after the operation that each has in ``choice`` (B,), one call an operation."""
    counts = torch.bincount(choice, minlength=len(OPERATIONS)).tolist()
    for operation, positions in zip(OPERATIONS.values(), torch.split(choice.argsort(), counts), strict=True):
        images = change(images, positions, operation, levels)
    return images


def _identity(images: Tensor, _: Tensor) -> Tensor:
    return images


def _autocontrast(images: Tensor, _: Tensor) -> Tensor:
    darkest, brightest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    span = brightest - darkest
    return torch.where(span > 0, (images - darkest) / span, images)


def _equalize(images: Tensor, _: Tensor) -> Tensor:
    """``PIL.ImageOps.equalize`` on 256 levels."""
    levels = _gray_levels(images).flatten(1)
    image = torch.arange(len(images), device=images.device)[:, None]
    # whole numbers are counted in any order with the same result, so this is deterministic on a GPU too
    histogram = torch.bincount((256 * image + levels).flatten(), minlength=256 * len(images)).view(-1, 256)
    darker = histogram.cumsum(1) - histogram
    step = (levels.shape[1] - histogram.gather(1, levels.amax(1, keepdim=True))) // 255
    table = ((darker + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalized = table.gather(1, levels).view(images.shape).float() / 255
    return torch.where(per_image(step > 0), equalized, images)


def _rotate(images: Tensor, levels: Tensor) -> Tensor:
    angle = math.radians(_TURN_DEGREES) * levels
    matrix, aspect = _unmoved(images), images.shape[3] / images.shape[2]
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.cos(angle)
    matrix[:, 0, 1], matrix[:, 1, 0] = -torch.sin(angle) / aspect, torch.sin(angle) * aspect
    return warp(images, matrix)


def _shear_x(images: Tensor, levels: Tensor) -> Tensor:
    matrix = _unmoved(images)
    matrix[:, 0, 1] = _SHEAR * levels * images.shape[2] / images.shape[3]
    return warp(images, matrix)


def _shear_y(images: Tensor, levels: Tensor) -> Tensor:
    matrix = _unmoved(images)
    matrix[:, 1, 0] = _SHEAR * levels * images.shape[3] / images.shape[2]
    return warp(images, matrix)


def _translate_x(images: Tensor, levels: Tensor) -> Tensor:
    matrix = _unmoved(images)
    matrix[:, 0, 2] = 2 * _SHIFT * levels
    return warp(images, matrix)


def _translate_y(images: Tensor, levels: Tensor) -> Tensor:
    matrix = _unmoved(images)
    matrix[:, 1, 2] = 2 * _SHIFT * levels
    return warp(images, matrix)


def _unmoved(images: Tensor) -> Tensor:
    return torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)


def _posterize(images: Tensor, levels: Tensor) -> Tensor:
    dropped_bits = (_POSTERIZED_BITS * levels.abs()).round().long()
    step = per_image(torch.ones_like(dropped_bits) << dropped_bits)
    return (_gray_levels(images) // step * step).float() / 255


def _solarize(images: Tensor, levels: Tensor) -> Tensor:
    return torch.where(images >= per_image(1 - levels.abs()), 1 - images, images)


def _brightness(images: Tensor, levels: Tensor) -> Tensor:
    return images * per_image(1 + _ENHANCEMENT * levels)


def _contrast(images: Tensor, levels: Tensor) -> Tensor:
    # a sum of whole numbers, because a sum of fractions depends on its order, and that on the size of the batch
    total = _gray_levels(images).sum((1, 2, 3))
    mean = per_image(total.double() / (255 * images[0].numel())).float()
    return mean + (images - mean) * per_image(1 + _ENHANCEMENT * levels)


def _sharpness(images: Tensor, levels: Tensor) -> Tensor:
    return sharpen(images, _ENHANCEMENT * levels)


def _gray_levels(images: Tensor) -> Tensor:
    """The nearest of 256 gray levels, int64."""
    return (images * 255).round().long()


# images and the levels of each (n,), from -1 to 1, where 1 is the paper's magnitude 30, to changed images
OPERATIONS: dict[str, Operation] = {
    "identity": _identity,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "posterize": _posterize,
    "solarize": _solarize,
    "brightness": _brightness,
    "contrast": _contrast,
    "sharpness": _sharpness,
}
