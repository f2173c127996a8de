"""Operations on batches that several policies use, each image by a strength of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

# images (n, 1, H, W) and the random numbers of each, (n,) or (n, k), to changed images of the same shape
Operation = Callable[[Tensor, Tensor], Tensor]


def per_image(values: Tensor) -> Tensor:
    """Values (n,) as (n, 1, 1, 1), to be combined with images."""
    return values.view(-1, 1, 1, 1)


def change(images: Tensor, positions: Tensor, operation: Operation, numbers: Tensor) -> Tensor:
    """Images of which those at ``positions`` are changed by ``operation`` and clamped to [0, 1].

    Args:
        images: (B, 1, H, W).
        positions: (n,) of the batch.
        operation: what happens to them.
        numbers: (B, …) random numbers; the operation is given those of its images.
    """
    if len(positions) == 0:
        return images
    changed = operation(images[positions], numbers[positions]).clamp(0, 1)
    return images.index_copy(0, positions, changed)


def warp(images: Tensor, matrix: Tensor) -> Tensor:
    """Images whose every pixel is taken, bilinearly, from where a matrix sends it; black comes in from outside.

    Args:
        images: (n, 1, H, W).
        matrix: (n, 2, 3) from new to old coordinates (x, y, 1), which run from -1 to 1 over the image.
    """
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)


def sharpen(images: Tensor, amount: Tensor) -> Tensor:
    """Images (n, 1, H, W) with ``amount`` (n,) times their fine detail added: -1 smooths, 1 doubles it.

    Detail is the difference from PIL's ``SMOOTH`` filter, 3 x 3 pixels of weight 1 about one of weight 5, and as in
    ``PIL.ImageEnhance.Sharpness`` the outermost pixels stay as they are.
    """
    rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    squares = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inner = images[:, :, 1:-1, 1:-1]
    detail = inner - (squares + 4 * inner) / 13
    return images + per_image(amount) * F.pad(detail, (1, 1, 1, 1))
