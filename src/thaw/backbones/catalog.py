"""The backbones thaw knows, as data: who builds them, how they are cut into blocks, what input they expect.

A block is a name and a regular expression over module paths; the blocks stand in the order in which an image
passes them, and the head comes last. A new backbone is one entry here (and its weights one line in params.yaml).
This module needs no torch: params.yaml is checked against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Colour = tuple[float, float, float]
IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Architecture:
    """One backbone.

    Attributes:
        library: which library builds it.
        identifier: its name there.
        blocks: (block name, regular expression over module paths), stem first.
        head: path of the linear layer that is replaced by ours.
        mean: per-channel mean of the input in [0, 1] that the pretrained weights expect.
        std: per-channel standard deviation likewise.
        options: further arguments of the library's builder.
    """

    library: Literal["torchvision", "timm"]
    identifier: str
    blocks: tuple[tuple[str, str], ...]
    head: str
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD
    options: Mapping[str, Any] = field(default_factory=dict)


def _resnet(identifier: str) -> Architecture:
    stages = tuple((f"layer{number}", f"layer{number}") for number in range(1, 5))
    return Architecture("torchvision", identifier, (("stem", "conv1|bn1"), *stages), head="fc")


def _densenet(identifier: str) -> Architecture:
    blocks = (
        ("stem", r"features\.(conv0|norm0)"),
        ("denseblock1", r"features\.(denseblock1|transition1)"),
        ("denseblock2", r"features\.(denseblock2|transition2)"),
        ("denseblock3", r"features\.(denseblock3|transition3)"),
        ("denseblock4", r"features\.(denseblock4|norm5)"),
    )
    return Architecture("torchvision", identifier, blocks, head="classifier")


def _inverted_residuals(identifier: str, *stages: str) -> Architecture:
    """EfficientNet and MobileNetV2: ``stages`` are the indices in ``features`` from stem to last convolution."""
    names = ["stem", *(f"stage{number}" for number in range(1, len(stages) - 1)), "final"]
    blocks = tuple((name, rf"features\.({stage})") for name, stage in zip(names, stages, strict=True))
    return Architecture("torchvision", identifier, blocks, head="classifier.1")


_LITE0 = Architecture(
    # the variant with TensorFlow's padding, in which these weights were trained
    library="timm",
    identifier="tf_efficientnet_lite0",
    blocks=(
        ("stem", "conv_stem|bn1"),
        *((f"stage{number + 1}", rf"blocks\.{number}") for number in range(7)),
        ("final", "conv_head|bn2"),
    ),
    head="classifier",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    options={"bn_eps": 1e-3},
)

ARCHITECTURES: dict[str, Architecture] = {
    "efficientnet_lite0": _LITE0,
    "efficientnet_b0": _inverted_residuals("efficientnet_b0", *(str(index) for index in range(9))),
    "densenet121": _densenet("densenet121"),
    # stages by the table of the MobileNetV2 paper (Sandler et al. 2018, Table 2)
    "mobilenet_v2": _inverted_residuals(
        "mobilenet_v2", "0", "1", "2|3", "4|5|6", "7|8|9|10", "11|12|13", "14|15|16", "17", "18"
    ),
    "resnet18": _resnet("resnet18"),
    "resnet50": _resnet("resnet50"),
}
