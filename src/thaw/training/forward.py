"""Where the logits of training images come from: the whole network, or features of a frozen backbone that were kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw import strategies
from thaw.params.schema import TrainParams
from thaw.training.augmentation import augment, draw
from thaw.training.batches import Examples, ordered_batches
from thaw.training.device import Precision, autocast
from thaw.training.randomness import stream
from thaw.training.reuse import Backbone

Forward = Callable[[Tensor, Tensor], Tensor]  # positions in the split, places in the epoch -> logits (B, classes)


def from_images(
    network: nn.Module, examples: Examples, positions: Tensor, settings: TrainParams, seed: int, epoch: int,
    device: torch.device, precision: Precision,
) -> Forward:  # fmt: skip
    """Logits of augmented images by the whole network.

    An image's augmentation is drawn by its position in the split, the same in any batch; where sampling may draw an
    image twice, by its place in the epoch.

    Args:
        network: in training mode where it is trained.
        examples: the training split.
        positions: (N,) the epoch's images in order.
        settings: augmentation and sampling.
        seed, epoch: of the random numbers; epochs count from 0 over all phases.
        device, precision: of the computation.
    """
    draws = draw(len(positions), settings.augment, stream(seed, "augmentation", epoch))
    if settings.loss.sampling == "uniform":
        draws = draws[positions]

    def forward(chosen: Tensor, places: Tensor) -> Tensor:
        images, _ = examples.batch(chosen, device)
        images = augment(images, draws[places].to(device), settings.augment, settings.mirror)
        with autocast(device, precision):
            logits: Tensor = network(images)
        return logits

    return forward


class KeptFeatures:
    """Features of all images of a phase that trains the head alone, computed when they are first asked for.

    Attributes:
        views: how many augmentations of each training image there are; epoch e sees number e modulo ``views``.
    """

    def __init__(self, backbone: Backbone, train: Examples, val: Examples, settings: TrainParams, seed: int) -> None:
        self.backbone, self.train, self.val, self.settings, self.seed = backbone, train, val, settings, seed
        self.views = kept_views(settings) or 1
        self._kept: dict[int | Literal["val"], Tensor] = {}

    def forward(self, epoch: int) -> Forward:
        """Logits of training images in an epoch, from features."""
        features = self._features(self.train, epoch % self.views)
        return lambda positions, _: self.backbone.logits(features[positions.to(features.device)])

    @torch.no_grad()
    def val_logits(self) -> NDArray[np.float32]:
        """Logits (n, classes) of the validation images, as ``thaw.training.inference.predict_logits`` gives them."""
        strategies.set_evaluation(self.backbone.classifier)
        features = self._features(self.val, "val")
        parts = [
            self.backbone.logits(features[positions.to(features.device)]).float().cpu()
            for positions in ordered_batches(len(self.val), self.settings.batch_size)
        ]
        return torch.cat(parts).numpy()

    def _features(self, examples: Examples, view: int | Literal["val"]) -> Tensor:
        if view not in self._kept:
            self._kept[view] = self._computed(examples, view)
        return self._kept[view]

    def _computed(self, examples: Examples, view: int | Literal["val"]) -> Tensor:
        settings, device = self.settings, self.backbone.device
        parts = []
        if view != "val":
            draws = draw(len(examples), settings.augment, stream(self.seed, "augmentation", view))
        for positions in ordered_batches(len(examples), settings.batch_size):
            images, _ = examples.batch(positions, device)
            if view != "val":
                images = augment(images, draws[positions].to(device), settings.augment, settings.mirror)
            parts.append(self.backbone.features(images))
        return torch.cat(parts)


def kept_views(settings: TrainParams) -> int | None:
    """How many augmentations of an image a frozen backbone sees; None: another one in every epoch."""
    if settings.augment == "none" and not settings.mirror:
        return 1
    return settings.frozen_views
