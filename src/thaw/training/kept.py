"""What the frozen blocks of a phase give for every image, kept from the first epoch that needs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.params.schema import TrainParams
from thaw.strategies import Plan
from thaw.training.batches import Examples, ordered_batches
from thaw.training.distributed import ALONE, Group
from thaw.training.forward import Forward, augmented, draws_of_view
from thaw.training.prefix import Prefix
from thaw.training.store import Kept, Store

View = int | Literal["val"]


class KeptActivations:
    """Activations of a phase's frozen blocks for training and validation images.

    Attributes:
        views: how many augmentations of each training image there are; epoch e sees number e modulo ``views``. None:
            every epoch has its own, which later cells may use.
        shorter: what is kept of fewer of these blocks: the rest of them is computed from there.
        saved_seconds: what computing the activations again would have taken.
    """

    def __init__(
        self, prefix: Prefix, plan: Plan, train: Examples, val: Examples, settings: TrainParams, seed: int,
        views: int | None, images_at_once: int, store: Store, group: Group = ALONE,
        shorter: KeptActivations | None = None,
    ) -> None:  # fmt: skip
        self.prefix, self.train, self.val, self.settings, self.seed = prefix, train, val, settings, seed
        self.views, self.store, self.group = views, store, group
        self.shorter, self._images_at_once = shorter, images_at_once
        self._saved_seconds = 0.0
        self._digest = _digest_of(prefix, plan)
        self._kept: dict[View, Kept] = {}

    @property
    def saved_seconds(self) -> float:
        """See the class."""
        return self._saved_seconds + (0.0 if self.shorter is None else self.shorter.saved_seconds)

    def take_at_once(self, images: int) -> None:
        """Let so many images go through the frozen blocks together."""
        self._images_at_once = images
        if self.shorter is not None:
            self.shorter.take_at_once(images)

    def forward(self, epoch: int, network: nn.Module) -> Forward:
        """Logits of training images in an epoch, by the classifier or what is wrapped around it."""
        values = self.values(self.train, epoch if self.views is None else epoch % self.views)
        return lambda positions, _: self.prefix.logits(self._at(values, positions), network)

    @torch.no_grad()
    def val_logits(self, positions: Tensor) -> NDArray[np.float32]:
        """Logits (n, classes) of validation images, as ``thaw.training.inference.predict_logits`` gives them."""
        strategies.set_evaluation(self.prefix.classifier)
        values = self.values(self.val, "val")
        parts = [
            self.prefix.logits(self._at(values, some)).float().cpu()
            for some in torch.split(positions, self._images_at_once)
        ]
        return torch.cat(parts).numpy()

    def _at(self, values: Tensor, positions: Tensor) -> Tensor:
        return values[positions.to(values.device)].to(self.prefix.device, non_blocking=True)

    def values(self, examples: Examples, view: View) -> Tensor:
        """The activations (images, …) of a view, found or computed."""
        if view in self._kept:
            self._saved_seconds += self._kept[view].seconds
            return self._kept[view].values
        kept = self._get(examples, view)
        if view == "val" or self.views is not None:  # what does not come again would only fill a GPU's memory
            self._kept[view] = kept
        return kept.values

    def _get(self, examples: Examples, view: View) -> Kept:
        key, computed = self._key(examples, view), list[bool]()
        from_shorter = None
        if self.shorter is not None and not self.group.all(self.store.has(key)):
            from_shorter = self.shorter.values(examples, view)

        def compute() -> Iterable[Tensor]:
            computed.append(True)
            return self._batches(examples, view, from_shorter)

        kept = self.group.in_turns(lambda: self.store.get(key, len(examples), compute, self.prefix.device))
        if not computed:
            self._saved_seconds += kept.seconds
        return kept

    def _key(self, examples: Examples, view: View) -> str:
        settings = self.settings
        drawn = None if view == "val" else [self.seed, view, settings.augment, settings.mirror]
        # the images that are computed together decide the last bits
        decisive = [self._digest, self.store.identity, drawn, self._images_at_once, _sha256(examples.rows.tobytes())]
        return _sha256(json.dumps(decisive).encode())

    def _batches(self, examples: Examples, view: View, from_shorter: Tensor | None) -> Iterator[Tensor]:
        images_of = self._images_of(examples, view)
        for positions in ordered_batches(len(examples), self._images_at_once):
            if self.shorter is not None and from_shorter is not None:
                known = self.shorter._at(from_shorter, positions)
                yield self.prefix.activations_from(self.shorter.prefix, known)
            else:
                yield self.prefix.activations(images_of(positions))

    def _images_of(self, examples: Examples, view: View) -> Callable[[Tensor], Tensor]:
        device = self.prefix.device
        if view == "val":
            return lambda positions: examples.batch(positions, device)[0]
        draws = draws_of_view(len(examples), self.settings, self.seed, view)
        return lambda positions: augmented(examples, positions, draws[positions], self.settings, device)


def _digest_of(prefix: Prefix, plan: Plan) -> str:
    """Digest of the frozen tensors and of how they are computed with."""
    classifier: Classifier = prefix.classifier
    digest = hashlib.sha256(
        f"{classifier.network} {classifier.memory_format} {prefix.entry} {prefix.blank.shape} "
        f"{prefix.device.type} {prefix.precision}".encode()
    )
    for name, tensor in strategies.frozen_tensors(classifier, plan).items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
