"""The module that heat maps are taken from, in every family of backbones."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from thaw.backbones.catalog import ARCHITECTURES, Architecture
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.backbones.networks import architecture_of, build_network
from thaw.errors import UserError
from thaw.explain.places import (
    Places,
    activations_and_gradients,
    enlarge,
    evaluating,
    find_places,
    places_block,
    token_grid,
)

FIRST, LAST = "channels first", "channels last"
EXPECTED = {
    "resnet18": Places("layer4", "layer4", FIRST, 7),
    "densenet121": Places("denseblock4", "features.norm5", FIRST, 7),
    "efficientnet_b0": Places("final", "features.8", FIRST, 7),
    "efficientnet_v2_s": Places("final", "features.7", FIRST, 7),
    "efficientnet_lite0": Places("final", "bn2", FIRST, 7),
    "vgg16": Places("stage5", "features.29", FIRST, 14),
    "vgg16_bn": Places("stage5", "features.42", FIRST, 14),
    "mobilenet_v2": Places("final", "features.18", FIRST, 7),
    "mobilenet_v3_small": Places("final", "features.12", FIRST, 7),
    "convnext_tiny": Places("stage4", "features.7", FIRST, 7),
    "swin_t": Places("stage4", "norm", LAST, 7),
    "timm/convnext_atto": Places("stages3", "stages.3", FIRST, 7),
    "timm/resnet10t": Places("layer4", "layer4", FIRST, 7),
    "timm/swin_tiny_patch4_window7_224": Places("layers3", "norm", LAST, 7),
    "timm/vgg11_bn": Places("features25", "features.26", FIRST, 14),
}


@functools.cache
def on_meta(model: str) -> Classifier:
    with torch.device("meta"):
        return Classifier(build_network(model, classes=5, seed=0), architecture_of(model))


def vision_transformer(size_px: int = 64) -> Classifier:
    """torchvision's, as narrow as can be."""
    network = VisionTransformer(
        image_size=size_px, patch_size=16, num_layers=12, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3
    )
    nn.init.normal_(network.heads.head.weight)
    return Classifier(network, ARCHITECTURES["vit_b_16"])


class Turned(nn.Module):
    """Channels last, as many as there are places a side in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(3, 5), nn.Linear(5, 8), nn.Linear(8, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.second(self.first(images.permute(0, 2, 3, 1))).mean((1, 2)))
        return logits


class Overwritten(nn.Module):
    """A ReLU that is no module changes what the block gave."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(nn.functional.relu(self.conv(images), inplace=True).square().mean((2, 3)))
        return logits


def made(network: nn.Module, blocks: str) -> Classifier:
    return Classifier(network, Architecture("torchvision", "made", (("stem", blocks),), ("head",)))


@pytest.mark.parametrize("model", EXPECTED)
def test_the_last_places_of_every_family(model: str) -> None:
    assert find_places(on_meta(model), model, None, 224) == EXPECTED[model]


@pytest.mark.parametrize("model", ["densenet169", "efficientnet_b4", "mobilenet_v3_large", "resnet50"])
def test_larger_ones_of_a_family_have_the_same_places(model: str) -> None:
    places = find_places(on_meta(model), model, None, 96)
    assert (places.side, places.other_tokens) == (3, 0)


def test_behind_the_last_attention_only_the_class_token_counts() -> None:
    classifier = vision_transformer()
    assert find_places(classifier, "vit_b_16", None, 64) == Places(
        "layer11", "encoder.layers.encoder_layer_10", "tokens", 4, 1
    )
    assert find_places(classifier, "vit_b_16", "stem", 64) == Places("stem", "encoder.dropout", "tokens", 4, 1)
    with pytest.raises(
        UserError, match=r"^explain.block: layer12: vit_b_16 keeps no places behind it; use one of stem"
    ):
        find_places(classifier, "vit_b_16", "layer12", 64)


def test_timms_transformer() -> None:
    model = "timm/vit_tiny_patch16_224"
    classifier = build_classifier(model, 3, seed=0, size_px=64)
    assert find_places(classifier, model, None, 64) == Places("blocks10", "blocks.10", "tokens", 4, 1)


def test_the_block_can_be_named() -> None:
    assert find_places(on_meta("resnet18"), "resnet18", "layer2", 224) == Places("layer2", "layer2", FIRST, 28)
    assert find_places(on_meta("swin_t"), "swin_t", "stage1", 384) == Places("stage1", "features.2", LAST, 48)
    assert places_block(on_meta("resnet18"), "resnet18", "stem", 64) == "stem"


def test_a_small_picture_has_places_in_earlier_blocks_alone() -> None:
    assert find_places(on_meta("resnet18"), "resnet18", None, 32) == Places("layer3", "layer3", FIRST, 2)


@pytest.mark.parametrize(
    ("model", "block", "size_px", "message"),
    [
        (
            "resnet18", "layr4", 64,
            "explain.block: layr4: resnet18 has no such block; use one of stem, layer1, layer2, layer3, layer4 "
            "(did you mean 'layer4'?)",
        ),
        (
            "resnet18", "head", 32,
            "explain.block: head: resnet18 has no such block; use one of stem, layer1, layer2, layer3",
        ),
        (
            "vgg16", "hidden", 32,
            "explain.block: hidden: vgg16 keeps no places behind it; use one of stage1, stage2, stage3, stage4, stage5",
        ),
        ("resnet18", None, 2, "resnet18 keeps no places of a picture of 2 pixels; use a larger preprocess.size"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_used_is_told(model: str, block: str | None, size_px: int, message: str) -> None:
    with pytest.raises(UserError) as raised:
        places_block(on_meta(model), model, block, size_px)
    assert str(raised.value) == message


def test_where_all_sides_are_equal_the_output_before_tells_the_channels() -> None:
    assert find_places(made(Turned(), "first|second"), "made", None, 8) == Places("stem", "second", LAST, 8)
    assert find_places(made(Turned(), "second"), "made", None, 8) == Places("stem", "second", FIRST, 8)


@pytest.mark.parametrize(
    ("tokens", "told", "grid"),
    [(196, None, (14, 0)), (197, None, (14, 1)), (198, None, (14, 2)), (201, 5, (14, 5)), (196, 1, (14, 0)),
     (9, 5, (2, 5)), (1, None, None), (2, None, None), (200, None, None)],
)  # fmt: skip
def test_tokens_that_are_no_places(tokens: int, told: int | None, grid: tuple[int, int] | None) -> None:
    network = nn.Identity()
    if told is not None:
        network.num_prefix_tokens = told
    assert token_grid(network, tokens) == grid


def test_outputs_become_channels_and_places() -> None:
    grid = torch.arange(24.0).view(1, 6, 2, 2)
    turned = grid.permute(0, 2, 3, 1)
    tokens = torch.cat([torch.full((1, 2, 6), -1.0), turned.reshape(1, 4, 6)], dim=1)
    assert torch.equal(Places("a", "b", "channels first", 2).of(grid), grid)
    assert torch.equal(Places("a", "b", "channels last", 2).of(turned), grid)
    assert torch.equal(Places("a", "b", "tokens", 2, 2).of(tokens), grid)


def test_what_the_next_layer_overwrites_counts_as_the_modules_own() -> None:
    classifier = made(Overwritten(), "conv").eval()
    images, targets = torch.rand(3, 1, 6, 6), torch.tensor([0, 1, 0])
    activations, gradients = activations_and_gradients(classifier, Places("stem", "conv", FIRST, 4), images, targets)
    with torch.no_grad():
        positive = classifier.network.conv((images - classifier.mean) / classifier.std).relu()
        wanted = 2 * positive / 16 * classifier.network.head.weight[targets][:, :, None, None]
    torch.testing.assert_close(activations, positive)
    torch.testing.assert_close(gradients, wanted)
    assert torch.is_grad_enabled()


def test_looking_for_places_leaves_the_classifier_as_it_was() -> None:
    classifier = vision_transformer().train()
    classifier.network.heads.eval()
    modes = [module.training for module in classifier.modules()]
    with evaluating(classifier):
        assert not any(module.training for module in classifier.modules())
    find_places(classifier, "vit_b_16", None, 64)
    assert [module.training for module in classifier.modules()] == modes
    assert not any(module._forward_hooks for module in classifier.modules())


def test_places_become_pixels() -> None:
    heat = torch.tensor([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[3.0, 3.0], [3.0, 3.0]]])
    maps = enlarge(heat, 4)
    np.testing.assert_allclose(maps[0], np.tile([1, 0.75, 0.25, 0], (4, 1)))
    assert (maps[1] == 0).all()
    assert (maps[2] == 1).all()
    assert maps.dtype == np.float32
