"""A frozen backbone computed once: what it gives for every image is kept, and put in its place from then on.

While only the head is trained, the backbone gives the same features for the same image in every epoch. The network
itself is not taken apart: it is called with one blank image, and where the head begins the kept features are put in.
Whatever stands between head and logits (dropout, say) runs as it always does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from thaw.backbones.classifier import HEAD, Classifier
from thaw.strategies import Plan
from thaw.training.device import Precision, autocast


def trains_head_alone(classifier: Classifier, plan: Plan) -> bool:
    """Whether nothing but the head's parameters moves, no statistics either."""
    parts = [(name, rate is not None) for name, rate in plan.parameters.items()] + list(plan.buffers.items())
    return all(classifier.block_of(name) == HEAD for name, moves in parts if moves)


def head_entry(classifier: Classifier) -> nn.Module | None:
    """The largest module that holds the head and nothing of the backbone; None where there are several heads."""
    owners = {
        name.rpartition(".")[0]
        for name, _ in classifier.network.named_parameters()
        if classifier.block_of(name) == HEAD
    }
    if len(owners) != 1:
        return None
    (path,) = owners
    while (parent := path.rpartition(".")[0]) and _is_heads(classifier, parent):
        path = parent
    return classifier.network.get_submodule(path)


def _is_heads(classifier: Classifier, path: str) -> bool:
    inside = [name for name, _ in classifier.network.named_parameters() if name.startswith(f"{path}.")]
    return all(classifier.block_of(name) == HEAD for name in inside)


class _HeadReached(Exception):  # noqa: N818 - not an error
    """Ends a forward pass before the head, whose dropout would use up random numbers."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def _stop(_: nn.Module, inputs: tuple[Any, ...]) -> None:
    raise _HeadReached(inputs[0])


class Backbone:
    """The frozen backbone of a classifier: its features, and logits from features alone.

    Args:
        classifier: in the modes in which it is trained.
        entry: what ``head_entry`` gave.
        size_px: side of the images.
        device, precision: of the computation.
    """

    def __init__(
        self, classifier: Classifier, entry: nn.Module, size_px: int, device: torch.device, precision: Precision
    ) -> None:
        self.classifier, self.entry, self.precision, self.device = classifier, entry, precision, device
        self.blank = torch.zeros(1, 1, size_px, size_px, device=device)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """What reaches the head, (B, …), of images (B, 1, H, W) in [0, 1]."""
        with _hooked(self.entry, _stop), autocast(self.device, self.precision):
            try:
                self.classifier(images)
            except _HeadReached as reached:
                return reached.features
        raise RuntimeError("the network gave logits without passing its head")

    def logits(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of what ``features`` gave; gradients reach the head."""
        with _hooked(self.entry, lambda *_: (features.clone(),)), autocast(self.device, self.precision):
            logits: Tensor = self.classifier(self.blank)
        return logits

    def repeats_itself(self, images: Tensor) -> bool:
        """Whether images give the same features twice: no dropout is at work before the head."""
        one, other = self.features(images), self.features(images)
        return one.shape[0] == len(images) and torch.equal(one, other)


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()
