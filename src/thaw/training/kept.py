"""What the frozen blocks of a phase give for every image, kept from the first epoch that needs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
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
        shorter: what may be kept of fewer of these blocks, the nearest first: the rest is computed from the first that
            is there, or from the last, which is then computed too.
        saved_seconds: what computing the activations again would have taken.
    """

    def __init__(
        self, prefix: Prefix, plan: Plan, train: Examples, val: Examples, settings: TrainParams, seed: int,
        views: int | None, images_at_once: int, store: Store, group: Group = ALONE,
        shorter: Sequence[KeptActivations] = (),
    ) -> None:  # fmt: skip
        self.prefix, self.train, self.val, self.settings, self.seed = prefix, train, val, settings, seed
        self.views, self.store, self.group = views, store, group
        self.shorter, self._images_at_once = shorter, images_at_once
        self._saved_seconds = 0.0
        self._plan = plan
        self._kept: dict[View, Kept] = {}

    @property
    def saved_seconds(self) -> float:
        """See the class."""
        return self._saved_seconds + sum(shorter.saved_seconds for shorter in self.shorter)

    def take_at_once(self, images: int) -> None:
        """Let so many images go through the frozen blocks together."""
        self._images_at_once = images
        for shorter in self.shorter:
            shorter.take_at_once(images)

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

    def is_there(self, examples: Examples, view: View) -> bool:
        """Whether a view need not be computed by any process."""
        return self.group.all(self.store.has(self._key(examples, view)))

    def _get(self, examples: Examples, view: View) -> Kept:
        begin, known, computed = None, None, list[bool]()
        if self.shorter and not self.is_there(examples, view):
            begin = next((one for one in self.shorter if one.is_there(examples, view)), self.shorter[-1])
            known = begin.values(examples, view)

        def compute() -> Iterable[Tensor]:
            computed.append(True)
            return self._batches(examples, view, begin, known)

        key = self._key(examples, view)
        kept = self.group.in_turns(lambda: self.store.get(key, len(examples), compute, self.prefix.device))
        if not computed:
            self._saved_seconds += kept.seconds
        return kept

    @cached_property
    def _digest(self) -> str:
        return _digest_of(self.prefix, self._plan)

    def _key(self, examples: Examples, view: View) -> str:
        settings = self.settings
        drawn = None if view == "val" else [self.seed, view, settings.augment, settings.mirror]
        # the images that are computed together decide the last bits
        decisive = [self._digest, self.store.identity, drawn, self._images_at_once, _sha256(examples.rows.tobytes())]
        return _sha256(json.dumps(decisive).encode())

    def _batches(
        self, examples: Examples, view: View, begin: KeptActivations | None, known: Tensor | None
    ) -> Iterator[Tensor]:  # fmt: skip
        images_of = self._images_of(examples, view)
        for positions in ordered_batches(len(examples), self._images_at_once):
            if begin is not None and known is not None:
                yield self.prefix.activations_from(begin.prefix, begin._at(known, positions))
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
