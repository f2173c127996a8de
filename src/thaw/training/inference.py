"""What a network that is not being trained makes of many images: logits, and what its head was given."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.backbones.networks import architecture_of
from thaw.training.batches import Examples, ordered_batches
from thaw.training.device import Precision, autocast


@torch.no_grad()
def predict_logits(
    classifier: Classifier, examples: Examples, batch_size: int, device: torch.device, precision: Precision
) -> NDArray[np.float32]:
    """Logits (n, classes) of the images of ``examples``, in their order."""
    strategies.set_evaluation(classifier)
    logits = []
    for positions in ordered_batches(len(examples), batch_size):
        images, _ = examples.batch(positions, device)
        with autocast(device, precision):
            logits.append(classifier(images).float().cpu())
    return torch.cat(logits).numpy()


def predict_with_features(
    classifier: Classifier, model: str, examples: Examples, batch_size: int, device: torch.device, precision: Precision
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Logits (n, classes) and the features before the head, (n, D), of the images of ``examples``, in their order.

    Where the head is given many places or tokens of an image, their mean; where there are two heads (DeiT's distilled
    networks), the features of both side by side.

    Args:
        classifier: on ``device``; it is left in evaluation mode.
        model: its backbone's name.
        examples: the images.
        batch_size: images at a time.
        device, precision: of the computation.
    """
    given: dict[str, list[NDArray[np.float32]]] = {path: [] for path in architecture_of(model).heads}
    with ExitStack() as hooks:
        for path, parts in given.items():
            handle = classifier.network.get_submodule(path).register_forward_pre_hook(_keep(parts))
            hooks.callback(handle.remove)
        logits = predict_logits(classifier, examples, batch_size, device, precision)
    return logits, np.concatenate([np.concatenate(parts) for parts in given.values()], axis=1)


def _keep(parts: list[NDArray[np.float32]]) -> Callable[..., None]:
    def hook(head: nn.Module, inputs: tuple[Any, ...]) -> None:
        parts.append(_pooled(head, inputs[0]).cpu().numpy())

    return hook


def _pooled(head: nn.Module, given: Tensor) -> Tensor:
    """(N, D) of the (N, D, H, W) that a convolution is given, or the (N, …, D) that a linear layer is given."""
    last = given.movedim(1, -1) if isinstance(head, nn.Conv2d) else given
    return last.float().reshape(len(last), -1, last.shape[-1]).mean(dim=1)
