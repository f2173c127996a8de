"""The backbones thaw knows, as data: who builds them, how they are cut into blocks, what input they expect.

A block is a name and a regular expression over module and parameter paths; the blocks stand in the order in which an
image passes them, and the head comes last. Normalisation layers and transitions belong to the block before them. A new
backbone of torchvision is one entry in ``ARCHITECTURES`` and one line under weights in params.yaml; the tests of this
package then check its cut, its head and its input sizes by themselves. Every model of timm is known as timm/<name>
without an entry, cut as timm itself groups its layers (``timm_models``).
This module needs no torch: params.yaml is checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Colour = tuple[float, float, float]
Blocks = tuple[tuple[str, str], ...]
TIMM = re.compile(r"timm/[a-z0-9_]+(\.[a-z0-9_]+)?")
IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Architecture:
    """One backbone.

    Attributes:
        library: which library builds it.
        identifier: its name there.
        blocks: (block name, regular expression over module and parameter paths), in the order of the forward pass.
        heads: paths of the last layers, which are replaced by ours; more than one where the network averages several.
        mean: per-channel mean of the input in [0, 1] that the pretrained weights expect.
        std: per-channel standard deviation likewise.
        options: further arguments of the library's builder.
    """

    library: Literal["torchvision", "timm"]
    identifier: str
    blocks: Blocks
    heads: tuple[str, ...]
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD
    options: Mapping[str, Any] = field(default_factory=dict)


def _torchvision(identifier: str, blocks: Blocks, head: str) -> Architecture:
    return Architecture("torchvision", identifier, blocks, (head,))


def _resnet(identifier: str) -> Architecture:
    stages = tuple((f"layer{number}", f"layer{number}") for number in range(1, 5))
    return _torchvision(identifier, (("stem", "conv1|bn1"), *stages), "fc")


def _densenet(identifier: str) -> Architecture:
    blocks = (
        ("stem", r"features\.(conv0|norm0)"),
        ("denseblock1", r"features\.(denseblock1|transition1)"),
        ("denseblock2", r"features\.(denseblock2|transition2)"),
        ("denseblock3", r"features\.(denseblock3|transition3)"),
        ("denseblock4", r"features\.(denseblock4|norm5)"),
    )
    return _torchvision(identifier, blocks, "classifier")


def _features(*stages: str, last: str) -> Blocks:
    """Blocks stem, stage1, stage2, ..., ``last``, from the indices in ``features`` that belong to each."""
    names = ["stem", *(f"stage{number}" for number in range(1, len(stages) - 1)), last]
    return tuple((name, rf"features\.({stage})") for name, stage in zip(names, stages, strict=True))


def _efficientnet(identifier: str, stages: int) -> Architecture:
    """Stem, stages and the last convolution are one module each."""
    indices = [str(index) for index in range(stages + 2)]
    return _torchvision(identifier, _features(*indices, last="final"), "classifier.1")


def _mobilenet_v3(identifier: str, *stages: str) -> Architecture:
    blocks = (*_features(*stages, last="final"), ("hidden", r"classifier\.[01]"))
    return _torchvision(identifier, blocks, "classifier.3")


def _vgg(identifier: str, *stages: tuple[int, int]) -> Architecture:
    """``stages``: first and last index in ``features`` of the layers between two poolings."""
    parts = ["|".join(str(index) for index in range(first, last + 1)) for first, last in stages]
    blocks = tuple((f"stage{number}", rf"features\.({part})") for number, part in enumerate(parts, start=1))
    return _torchvision(identifier, (*blocks, ("hidden", r"classifier\.[0-4]")), "classifier.6")


# ConvNeXt and Swin shrink the picture between their stages
_SHRINKING = (
    ("stem", r"features\.0"),
    ("stage1", r"features\.[12]"),
    ("stage2", r"features\.[34]"),
    ("stage3", r"features\.[56]"),
)
_CONVNEXT = (*_SHRINKING, ("stage4", r"features\.7|classifier\.0"))
_SWIN = (*_SHRINKING, ("stage4", r"features\.7|norm"))
_VIT = (
    # tokens and positions are parameters outside any layer
    ("stem", r"class_token|conv_proj|encoder\.(pos_embedding|dropout)"),
    *((f"layer{number + 1}", rf"encoder\.layers\.encoder_layer_{number}") for number in range(11)),
    ("layer12", r"encoder\.(layers\.encoder_layer_11|ln)"),
)

_LITE0 = Architecture(
    # the variant with TensorFlow's padding, in which these weights were trained
    library="timm",
    identifier="tf_efficientnet_lite0",
    blocks=(
        ("stem", "conv_stem|bn1"),
        *((f"stage{number + 1}", rf"blocks\.{number}") for number in range(7)),
        ("final", "conv_head|bn2"),
    ),
    heads=("classifier",),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    options={"bn_eps": 1e-3},
)

ARCHITECTURES: dict[str, Architecture] = {
    "efficientnet_lite0": _LITE0,
    "convnext_tiny": _torchvision("convnext_tiny", _CONVNEXT, "classifier.2"),
    "densenet121": _densenet("densenet121"),
    "densenet169": _densenet("densenet169"),
    **{name: _efficientnet(name, stages=7) for name in (f"efficientnet_b{number}" for number in range(5))},
    "efficientnet_v2_s": _efficientnet("efficientnet_v2_s", stages=6),
    # stages by the table of the MobileNetV2 paper (Sandler et al. 2018, Table 2)
    "mobilenet_v2": _torchvision(
        "mobilenet_v2",
        _features("0", "1", "2|3", "4|5|6", "7|8|9|10", "11|12|13", "14|15|16", "17", "18", last="final"),
        "classifier.1",
    ),
    # stages of equal output in the tables of the MobileNetV3 paper (Howard et al. 2019, Tables 1 and 2)
    "mobilenet_v3_large": _mobilenet_v3(
        "mobilenet_v3_large", "0", "1", "2|3", "4|5|6", "7|8|9|10", "11|12", "13|14|15", "16"
    ),
    "mobilenet_v3_small": _mobilenet_v3("mobilenet_v3_small", "0", "1", "2|3", "4|5|6", "7|8", "9|10|11", "12"),
    **{name: _resnet(name) for name in ("resnet18", "resnet34", "resnet50", "resnet101")},
    "swin_t": _torchvision("swin_t", _SWIN, "head"),
    "vgg16": _vgg("vgg16", (0, 3), (5, 8), (10, 15), (17, 22), (24, 29)),
    "vgg16_bn": _vgg("vgg16_bn", (0, 5), (7, 12), (14, 22), (24, 32), (34, 42)),
    "vit_b_16": _torchvision("vit_b_16", _VIT, "heads.head"),
}
