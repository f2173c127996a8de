"""Operations on batches that several policies use, each image by a strength of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
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
    grid = _affine_grid(matrix, *images.shape[2:])
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)


def _affine_grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """``F.affine_grid`` (n, height, width, 2) but for the last bit, at a twelfth of its time on a CPU.

    torch multiplies every pixel's coordinates with the matrix; but old coordinates are a sum of what the column gives
    and what the row gives.
    """
    columns, rows = (_middles(side, matrix.device) for side in (width, height))
    of_columns = matrix[:, :, 0, None] * columns
    of_rows = matrix[:, :, 1, None] * rows + matrix[:, :, 2, None]
    grid = matrix.new_empty(len(matrix), height, width, 2)
    for axis in (0, 1):
        torch.add(of_columns[:, axis, None, :], of_rows[:, axis, :, None], out=grid[..., axis])
    return grid


def _middles(side: int, device: torch.device) -> Tensor:
    """The middles of ``side`` pixels, from -1 to 1 over the image."""
    return (2 * torch.arange(side, device=device) + 1) / side - 1


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
