"""Attention rollout: from which places the tokens that the head reads were mixed, layer by layer.

Abnar & Zuidema 2020 (arXiv:2005.00928), section 3, equation 1. The weights of a layer's attention, averaged over its
heads, and the way around it (the residual connection) count half each; what a token of the last layer is made of is the
product over the layers. It does not know the classes: the map of an image is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from thaw.backbones.classifier import Classifier
from thaw.backbones.networks import architecture_of
from thaw.errors import UserError
from thaw.explain.places import enlarge, evaluating, pictures, token_grid
from thaw.training.batches import ordered_batches


@torch.no_grad()
def attention_maps(
    classifier: Classifier, model: str, pixels: NDArray[np.uint8], device: torch.device, batch_size: int = 16
) -> NDArray[np.float32]:
    """Maps (n, H, W) of how much each part of an X-ray went into what the head reads.

    From 0, at the place that went into it least, because much goes in from everywhere, to 1 at each map's largest.

    The head reads the class token (of DeiT's distilled networks the mean of both tokens) or, where the network pools
    its places, their mean.

    Args:
        classifier: a vision transformer, on ``device``; it is left as it was.
        model: its backbone's name.
        pixels: (n, H, W), square.
        device: of the computation, in float32.
        batch_size: images at a time.

    Raises:
        UserError: it has layers without attention from each place to all others.
    """
    maps = np.zeros(pixels.shape, dtype=np.float32)
    with evaluating(classifier), _fused(classifier.network):
        for positions in ordered_batches(len(pixels), batch_size):
            rows = positions.numpy()
            with _Attentions() as attentions:
                classifier(pictures(pixels[rows], device))
            heat = _of_the_places(attentions.weights, classifier.network, model, len(rows))
            maps[rows] = enlarge(heat - heat.amin(dim=(1, 2), keepdim=True), pixels.shape[-1])
    return maps


def roll_out(attentions: Sequence[Tensor]) -> Tensor:
    """What each token (rows) of the last layer is made of, by token of the first (columns): (N, T, T).

    Args:
        attentions: the weights of each layer, averaged over heads, (N, T, T) with rows that add up to 1.
    """
    around = torch.eye(attentions[0].shape[-1]).to(attentions[0])
    mixed = around
    for weights in attentions:
        mixed = (weights + around) / 2 @ mixed
    return mixed


class _Attentions(TorchFunctionMode):
    """Keeps the weights of every attention that is computed while it is entered.

    Attributes:
        weights: of one attention after the other, averaged over heads, (N, T, T); of other shapes where an attention
            sees a part of the picture, or shrinks it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call ``func``, and keep the weights if it is an attention."""
        named = dict(kwargs or {})
        if func is F.multi_head_attention_forward:
            output, weights = func(*args, **{**named, "need_weights": True, "average_attn_weights": True})
            self.weights.append(weights)
            return output, weights
        if func is F.scaled_dot_product_attention:
            self.weights.append(_weights(*args, **named))
        return func(*args, **named)


def _weights(
    query: Tensor,
    key: Tensor,
    _: Tensor,
    attn_mask: Tensor | None = None,
    *__: Any,
    scale: float | None = None,
    **___: Any,
) -> Tensor:
    """What ``F.scaled_dot_product_attention`` weighs its values with, averaged over heads."""
    scores = query @ key.transpose(-2, -1) * (scale or 1 / math.sqrt(query.shape[-1]))
    if attn_mask is not None:
        barred = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if barred else scores + attn_mask
    return scores.softmax(dim=-1).mean(dim=1)


@contextmanager
def _fused(network: nn.Module) -> Iterator[None]:
    """timm's attentions call torch's own function, even where timm was told not to."""
    plain: list[Any] = [module for module in network.modules() if getattr(module, "fused_attn", None) is False]
    for module in plain:
        module.fused_attn = True
    try:
        yield
    finally:
        for module in plain:
            module.fused_attn = False


def _of_the_places(weights: Sequence[Tensor], network: nn.Module, model: str, images: int) -> Tensor:
    """Heat (N, h, w) of the places."""
    tokens = weights[0].shape[-1] if weights else 0
    grid = token_grid(network, tokens)
    if grid is None or any(one.shape != (images, tokens, tokens) for one in weights):
        raise UserError(
            f"explain.method: rollout needs a vision transformer, whose every layer attends to the whole picture; "
            f"{model} is none: use gradcam, gradcam++ or layercam"
        )
    side, others = grid
    mixed = roll_out(weights)[:, _read_by_the_head(network, model, others), others:]
    return mixed.mean(dim=1).reshape(images, side, side)


def _read_by_the_head(network: nn.Module, model: str, others: int) -> slice:
    """The tokens of which the head reads: those before the places, one for each of its layers, or else the places."""
    pooling = getattr(network, "global_pool", "token")
    return slice(len(architecture_of(model).heads)) if others and pooling == "token" else slice(others, None)
