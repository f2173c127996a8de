"""Where the logits of training images come from: the whole network, or kept activations of its frozen blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from thaw.params.schema import TrainParams
from thaw.training.augmentation import augment, draw
from thaw.training.batches import Examples
from thaw.training.device import Precision, autocast
from thaw.training.randomness import stream

Forward = Callable[[Tensor, Tensor], Tensor]  # positions in the split, places in the epoch -> logits (B, classes)


def views_of(settings: TrainParams) -> int | None:
    """How many augmentations of an image frozen blocks see; None: another one in every epoch."""
    if settings.augment == "none" and not settings.mirror:
        return 1
    return settings.frozen_views


def augmented(
    examples: Examples, chosen: Tensor, draws: Tensor, settings: TrainParams, device: torch.device
) -> Tensor:  # fmt: skip
    """Images (B, 1, H, W) of the positions ``chosen``, augmented by their ``draws`` (B, …)."""
    images, _ = examples.batch(chosen, device)
    return augment(images, draws.to(device), settings.augment, settings.mirror)


def draws_of_view(count: int, settings: TrainParams, seed: int, view: int) -> Tensor:
    """The random numbers that augment each of ``count`` images in one view, by their position in the split."""
    return draw(count, settings.augment, stream(seed, "augmentation", view))


def from_images(
    network: nn.Module, examples: Examples, positions: Tensor, settings: TrainParams, seed: int, epoch: int,
    views: int | None, device: torch.device, precision: Precision,
) -> Forward:  # fmt: skip
    """Logits of augmented images by the whole network.

    An image's augmentation is drawn by its position in the split, the same in any batch; where sampling may draw an
    image twice and every epoch is augmented anew, by its place in the epoch.

    Args:
        network: in training mode where it is trained.
        examples: the training split.
        positions: (N,) the epoch's images in order.
        settings: augmentation and sampling.
        seed, epoch: of the random numbers; epochs count from 0 over all phases.
        views: how many augmentations come again and again; None: every epoch has its own.
        device, precision: of the computation.
    """
    by_place = views is None and settings.loss.sampling != "uniform"
    draws = draws_of_view(len(positions), settings, seed, epoch if views is None else epoch % views)

    def forward(chosen: Tensor, places: Tensor) -> Tensor:
        images = augmented(examples, chosen, draws[places if by_place else chosen], settings, device)
        with autocast(device, precision):
            logits: Tensor = network(images)
        return logits

    return forward
