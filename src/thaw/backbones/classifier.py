"""A backbone with a head for our classes, and the block that every tensor and module of it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from thaw.backbones.catalog import ARCHITECTURES, Architecture

HEAD = "head"
HEAD_INITIAL_STD = 0.01


class Classifier(nn.Module):
    """A network of the catalogue that reads gray X-rays and gives one logit a class.

    Attributes:
        network: the library's model, its last linear layer replaced.
        block_names: the blocks in the order in which an image passes them, the head last.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, architecture: Architecture) -> None:
        super().__init__()
        self.network = network
        self.block_names = (*(name for name, _ in architecture.blocks), HEAD)
        self._patterns = [(name, re.compile(rf"(?:{pattern})(\..*)?")) for name, pattern in architecture.blocks]
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, gray: Tensor) -> Tensor:
        """Logits (N, classes) of gray images (N, 1, H, W) in [0, 1]; the gray channel is repeated to three."""
        coloured = ((gray - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(coloured)
        return logits

    def block_of(self, path: str) -> str:
        """The block that a parameter, buffer or module of ``network`` belongs to; what is in no block is the head's."""
        return next((name for name, pattern in self._patterns if pattern.fullmatch(path)), HEAD)


def build_classifier(name: str, classes: int, seed: int, pretrained: Mapping[str, Tensor] | None = None) -> Classifier:
    """Build a backbone of the catalogue with a head for ``classes``.

    The head's weights come from ``seed`` alone, so that they are the same for every strategy and whatever the
    backbone starts from. Without ``pretrained`` (tensors of the backbone by name) the backbone's come from it too.
    """
    architecture = ARCHITECTURES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(architecture)
        _replace_head(network, architecture.head, classes, torch.Generator().manual_seed(seed))
    if pretrained is not None:
        network.load_state_dict({**network.state_dict(), **pretrained}, strict=True)
    return Classifier(network, architecture).to(memory_format=torch.channels_last)


def backbone_tensors(name: str) -> dict[str, Tensor]:
    """The tensors (by name) that pretrained weights of this backbone must give: all but the head's."""
    architecture = ARCHITECTURES[name]
    with torch.device("meta"):
        network = _network(architecture)
    head = architecture.head + "."
    return {path: tensor for path, tensor in network.state_dict().items() if not path.startswith(head)}


def _network(architecture: Architecture) -> nn.Module:
    # imported here: each takes a second or more, and only one of them is needed
    if architecture.library == "timm":
        import timm

        network: nn.Module = timm.create_model(architecture.identifier, pretrained=False, **architecture.options)
    else:
        import torchvision

        network = torchvision.models.get_model(architecture.identifier, weights=None, **architecture.options)
    return network


def _replace_head(network: nn.Module, path: str, classes: int, generator: torch.Generator) -> None:
    old = network.get_submodule(path)
    if not isinstance(old, nn.Linear):
        raise TypeError(f"the catalogue names {path} as the head, but that is a {type(old).__name__}")
    head = nn.Linear(old.in_features, classes)
    nn.init.normal_(head.weight, std=HEAD_INITIAL_STD, generator=generator)
    nn.init.zeros_(head.bias)
    network.set_submodule(path, head)
