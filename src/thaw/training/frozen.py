"""The frozen blocks of the epoch at hand: which augmentations they see, and whether what they give is kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from thaw.backbones.classifier import Classifier
from thaw.params.schema import TrainParams
from thaw.strategies import Plan
from thaw.training.batches import Examples
from thaw.training.boundary import Boundary, boundaries_to_use, find_boundaries, first_that_moves
from thaw.training.device import GIB, Precision
from thaw.training.distributed import ALONE, Group
from thaw.training.forward import Forward, views_of
from thaw.training.kept import KeptActivations
from thaw.training.prefix import Prefix, find_prefix
from thaw.training.store import Store

FEW = 2  # images that the network is tried out with


def few_of(examples: Examples, device: torch.device) -> Tensor:
    """The first images (B, 1, H, W) of a split."""
    return examples.batch(torch.arange(min(FEW, len(examples))), device)[0]


class FrozenBlocks:
    """What a training keeps of its frozen blocks, decided anew whenever other blocks are thawed.

    Where every epoch is augmented anew, nothing comes again in this training; it is kept for those that follow it with
    another strategy and the same seed, which see the same augmentations.

    Attributes:
        views: how many augmentations of each image the frozen blocks see; None: every epoch has its own.
        kept: their activations; None where they are computed in every epoch.
        saved_seconds: what computing again what was kept would have taken so far.
    """

    def __init__(
        self, classifier: Classifier, train: Examples, val: Examples, settings: TrainParams, seed: int,
        device: torch.device, precision: Precision, store: Store | None, group: Group = ALONE,
    ) -> None:  # fmt: skip
        self.classifier, self.train, self.val, self.settings = classifier, train, val, settings
        self.seed, self.device, self.precision, self.store, self.group = seed, device, precision, store, group
        self.views: int | None = None
        self.kept: KeptActivations | None = None
        self._plan: Plan | None = None
        self._images_at_once = group.images_of_each(settings.batch_size)
        self._saved_before = 0.0
        self._keeps_training = False
        self._found_boundaries: list[Boundary] | None = None

    def look_at(self, plan: Plan, epochs: int) -> None:
        """Prepare for an epoch of ``plan``, which ``epochs`` epochs follow."""
        if plan is self._plan:
            return
        self._saved_before, self.kept = self.saved_seconds, None
        few = few_of(self.train, self.device)
        prefix = find_prefix(self.classifier, plan, few, self.precision)
        prefix = prefix if self.group.all(prefix is not None) else None
        self.views = None if prefix is None else views_of(self.settings)
        self._keeps_training = self.views is not None or self.settings.loss.sampling == "uniform"
        if prefix is not None and self.store is not None:
            self.kept = self._if_it_fits(prefix, plan, epochs, few, self.store)
        self._plan = plan  # last: where the memory did not suffice, it is looked at again

    def forward(self, epoch: int) -> Forward | None:
        """Logits of training images in an epoch, counted from 0 over all phases; None where nothing is kept of them."""
        if self.kept is None or not self._keeps_training:
            return None
        return self.kept.forward(epoch, self.group.exchanging(self.classifier))

    @property
    def saved_seconds(self) -> float:
        """See the class."""
        return self._saved_before + (0.0 if self.kept is None else self.kept.saved_seconds)

    @property
    def images_at_once(self) -> int:
        """How many images go through the frozen blocks together."""
        return self._images_at_once

    @images_at_once.setter
    def images_at_once(self, count: int) -> None:
        self._images_at_once = count
        if self.kept is not None:
            self.kept.take_at_once(count)

    def _if_it_fits(
        self, prefix: Prefix, plan: Plan, epochs: int, few: Tensor, store: Store
    ) -> KeptActivations | None:  # fmt: skip
        image_bytes = prefix.activations(few).nbytes // len(few)
        views = min(epochs, self.views or epochs)

        def fits(more_bytes: int) -> bool:
            count = len(self.val) + len(self.train) * views * self._keeps_training
            return self.group.all(store.fits((image_bytes + more_bytes) * count))

        if self._keeps_training and not fits(0):
            self._keeps_training = False
            self._say_too_large(image_bytes * len(self.train) * views)
        if not fits(0):
            return None
        usable = boundaries_to_use(self._boundaries(few), first_that_moves(self.classifier, plan), fits)
        shorter = [self._kept(boundary.prefix, boundary.plan, store) for boundary in usable]
        return self._kept(prefix, plan, store, shorter)

    def _boundaries(self, few: Tensor) -> list[Boundary]:
        if self._found_boundaries is None:
            self._found_boundaries = list(find_boundaries(self.classifier, few, self.precision))
        return self._found_boundaries

    def _kept(
        self, prefix: Prefix, plan: Plan, store: Store, shorter: Sequence[KeptActivations] = ()
    ) -> KeptActivations:  # fmt: skip
        return KeptActivations(
            prefix, plan, self.train, self.val, self.settings, self.seed, self.views, self._images_at_once, store,
            self.group, shorter,
        )  # fmt: skip

    def _say_too_large(self, size_bytes: int) -> None:
        if self.group.rank == 0:
            print(
                f"the frozen blocks' activations would take {size_bytes / GIB:.1f} GiB of disk, more than is free or "
                f"train.cache_gib ({self.settings.cache_gib:g}) allows: they are computed in every epoch",
                file=sys.stderr,
            )
