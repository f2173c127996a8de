"""A backbone with a head for our classes, and the block that every tensor and module of it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from thaw.backbones.catalog import Architecture
from thaw.backbones.fitting import mismatches
from thaw.backbones.networks import architecture_of, build_network, check_size, fit_size
from thaw.errors import UserError

HEAD = "head"


class Classifier(nn.Module):
    """A network of the catalogue or of timm that reads gray X-rays and gives one logit a class.

    Attributes:
        network: the library's model, its last layer replaced.
        block_names: the blocks in the order in which an image passes them, the head last.
        memory_format: of the images that the network sees; see ``set_channels_last``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, architecture: Architecture) -> None:
        super().__init__()
        self.network = network
        self.memory_format = torch.contiguous_format
        self.block_names = (*(name for name, _ in architecture.blocks), HEAD)
        self._patterns = [(name, re.compile(rf"(?:{pattern})(\..*)?")) for name, pattern in architecture.blocks]
        self.register_buffer("mean", torch.tensor(architecture.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, gray: Tensor) -> Tensor:
        """Logits (N, classes) of gray images (N, 1, H, W) in [0, 1]; the gray channel is repeated to three."""
        coloured = ((gray - self.mean) / self.std).contiguous(memory_format=self.memory_format)
        logits: Tensor = self.network(coloured)
        return logits

    def set_channels_last(self, wanted: bool) -> None:
        """Keep weights and images channel after channel in each pixel (faster convolutions), or plane after plane."""
        self.memory_format = torch.channels_last if wanted else torch.contiguous_format
        self.to(memory_format=self.memory_format)

    def block_of(self, path: str) -> str:
        """The block that a parameter, buffer or module of ``network`` belongs to; what is in no block is the head's."""
        return next((name for name, pattern in self._patterns if pattern.fullmatch(path)), HEAD)


def build_classifier(
    name: str, classes: int, seed: int, pretrained: Mapping[str, Tensor] | None = None, size_px: int = 224
) -> Classifier:
    """Build a backbone of the catalogue or of timm with a head for ``classes`` and pictures of ``size_px``.

    The head's weights come from ``seed`` alone, so that they are the same for every strategy and whatever the
    backbone starts from. Without ``pretrained`` (tensors of the backbone by name, in the shapes of its original
    picture size) the backbone's come from it too.

    Raises:
        UserError: there is no such backbone, or it cannot take this size.
    """
    check_size(name, classes, size_px)
    network = build_network(name, classes, seed)
    if pretrained is not None:
        network.load_state_dict({**network.state_dict(), **pretrained}, strict=True)
    fit_size(network, name, size_px)
    classifier = Classifier(network, architecture_of(name))
    classifier.set_channels_last(True)
    return classifier


def load_tensors(classifier: Classifier, tensors: Mapping[str, Tensor], what: str) -> None:
    """Load all tensors of ``classifier.network``, the head's included.

    Raises:
        UserError: names or shapes differ; the line begins with ``what``, the file or folder they come from.
    """
    differing = mismatches(classifier.network.state_dict(), tensors)
    if differing:
        raise UserError(f"{what} does not fit this network and these labels: {differing}")
    classifier.network.load_state_dict(tensors, strict=True)


def backbone_tensors(name: str) -> dict[str, Tensor]:
    """The tensors (by name) that pretrained weights of this backbone must give: all but the head's."""
    with torch.device("meta"):
        network = build_network(name, classes=2, seed=0)
    heads = tuple(f"{head}." for head in architecture_of(name).heads)
    return {path: tensor for path, tensor in network.state_dict().items() if not path.startswith(heads)}
