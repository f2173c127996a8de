"""Networks as their libraries build them, with a head for our classes and for pictures of our size."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from thaw.backbones import timm_models
from thaw.backbones.catalog import ARCHITECTURES, Architecture
from thaw.errors import UserError, did_you_mean

HEAD_INITIAL_STD = 0.01


def architecture_of(name: str) -> Architecture:
    """The blocks and all else that is known of a backbone: a name of the catalogue, or ``timm/<name>``.

    Raises:
        UserError: there is no such backbone, or it has no classifier.
    """
    if name.startswith("timm/"):
        return timm_models.timm_architecture(name)
    if name not in ARCHITECTURES:
        known = f"{', '.join(ARCHITECTURES)}, or timm/<name>"
        raise UserError(f"{name}: use one of {known}{did_you_mean(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def build_network(name: str, classes: int, seed: int) -> nn.Module:
    """The library's network with random weights from ``seed``, and a head for ``classes``.

    The head's weights are Normal(0, 0.01) with zero biases and come from the seed alone: they are the same for every
    strategy and whatever the rest of the network starts from.
    """
    architecture = architecture_of(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _library_network(architecture)
        _replace_head(network, name, architecture, classes)
    generator = torch.Generator("cpu").manual_seed(seed)
    for path in architecture.heads:
        head: Any = network.get_submodule(path)
        with torch.no_grad():
            drawn = torch.empty(head.weight.shape, device="cpu").normal_(std=HEAD_INITIAL_STD, generator=generator)
            head.weight.copy_(drawn)
            if head.bias is not None:
                head.bias.zero_()
    return network


def fit_size(network: Any, name: str, size_px: int) -> None:
    """Make a network, its weights loaded, ready for pictures of ``size_px`` pixels a side.

    Convolutional networks take any size. The position embeddings of transformers are interpolated, as their library
    does it (Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2, and others after it).

    Raises:
        UserError: the network cannot take this size.
    """
    patch = _patch(network)
    if patch is not None and size_px % patch:
        raise UserError(
            f"preprocess.size: {size_px}: {name} reads patches of {patch} pixels; use a multiple of {patch}"
        )
    if architecture_of(name).library == "timm":
        _fit_timm(network, name, size_px)
    elif hasattr(network, "image_size"):
        _fit_vision_transformer(network, size_px)


def check_size(name: str, classes: int, size_px: int) -> None:
    """Send an empty batch of ``size_px`` through the network's shapes alone, without any memory or arithmetic.

    Raises:
        UserError: the network cannot take this size, or does not give one logit a class.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
        network = build_network(name, classes, seed=0)
        fit_size(network, name, size_px)
        try:
            logits = network(torch.zeros(2, 3, size_px, size_px))
        except Exception as error:  # each library and layer has its own way to refuse
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise UserError(f"preprocess.size: {size_px}: {name} cannot take this size ({reason})") from None
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, classes):
        raise UserError(f"{name}: this network does not give one logit a class while it trains; use another")


def _library_network(architecture: Architecture) -> nn.Module:
    # imported here: each takes a second or more, and only one of them is needed
    if architecture.library == "timm":
        network: nn.Module = timm_models.create(architecture.identifier, **architecture.options)
    else:
        import torchvision

        network = torchvision.models.get_model(architecture.identifier, weights=None, **architecture.options)
    return network


def _replace_head(network: nn.Module, name: str, architecture: Architecture, classes: int) -> None:
    if architecture.library == "timm":
        timm_models.reset_head(name, network, classes)
        return
    (path,) = architecture.heads
    old = network.get_submodule(path)
    if not isinstance(old, nn.Linear):
        raise TypeError(f"the catalogue names {path} as the head, but that is a {type(old).__name__}")
    network.set_submodule(path, nn.Linear(old.in_features, classes))


def _patch(network: Any) -> int | None:
    """Pixels a side of a transformer's patches, where pictures must hold a whole number of them."""
    if hasattr(network, "image_size"):
        return int(network.patch_size)
    if hasattr(network, "set_input_size"):
        size = getattr(getattr(network, "patch_embed", None), "patch_size", None)
        return None if size is None else int(size[0] if isinstance(size, tuple) else size)
    return None


def _fit_timm(network: Any, name: str, size_px: int) -> None:
    native = network.pretrained_cfg["input_size"][1:]
    if not hasattr(network, "set_input_size") or tuple(native) == (size_px, size_px):
        return
    try:
        network.set_input_size(img_size=size_px)
    except Exception as error:  # as above
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"preprocess.size: {size_px}: {name} cannot take this size ({reason})") from None


def _fit_vision_transformer(network: Any, size_px: int) -> None:
    from torchvision.models.vision_transformer import interpolate_embeddings

    key = "encoder.pos_embedding"
    with torch.no_grad():
        state = interpolate_embeddings(size_px, network.patch_size, {key: network.get_parameter(key)})
    network.encoder.pos_embedding = nn.Parameter(state[key].detach())
    network.image_size = size_px
