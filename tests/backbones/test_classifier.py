"""Every backbone of the catalogue, cut into blocks."""

from __future__ import annotations

import re

import pytest
import torch

from thaw.backbones.catalog import ARCHITECTURES
from thaw.backbones.classifier import HEAD, backbone_tensors, build_classifier

MODELS = list(ARCHITECTURES)


@pytest.mark.parametrize("model", MODELS)
def test_every_tensor_belongs_to_exactly_one_block_or_the_head(model: str) -> None:
    classifier = build_classifier(model, 3, seed=0)
    patterns = [re.compile(rf"({pattern})\..*") for _, pattern in ARCHITECTURES[model].blocks]
    head = ARCHITECTURES[model].head + "."
    counts = dict.fromkeys(classifier.block_names, 0)
    for name in classifier.network.state_dict():
        matches = sum(pattern.fullmatch(name) is not None for pattern in patterns)
        assert matches + name.startswith(head) == 1, name
        counts[classifier.block_of(name)] += 1
    assert min(counts.values()) > 0


@pytest.mark.parametrize("model", MODELS)
def test_blocks_stand_in_the_order_of_the_forward_pass(model: str) -> None:
    classifier = build_classifier(model, 2, seed=0).eval()
    seen: list[str] = []

    def note(name: str) -> None:
        block = classifier.block_of(name)
        if block not in seen:
            seen.append(block)

    for name, module in classifier.network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_pre_hook(lambda *_, name=name: note(name))
    with torch.no_grad():
        classifier(torch.rand(1, 1, 64, 64))
    assert tuple(seen) == classifier.block_names


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("classes", [2, 14])
def test_the_head_follows_the_classes(model: str, classes: int) -> None:
    classifier = build_classifier(model, classes, seed=0).eval()
    with torch.no_grad():
        assert classifier(torch.rand(2, 1, 64, 64)).shape == (2, classes)


def test_the_head_depends_on_the_seed_alone() -> None:
    def head(seed: int, pretrained: bool) -> torch.Tensor:
        tensors = {name: torch.ones(t.shape, dtype=t.dtype) for name, t in backbone_tensors("resnet18").items()}
        classifier = build_classifier("resnet18", 5, seed, tensors if pretrained else None)
        return classifier.network.get_submodule("fc").get_parameter("weight")

    assert torch.equal(head(1, pretrained=True), head(1, pretrained=False))
    assert not torch.equal(head(1, pretrained=True), head(2, pretrained=True))


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    build_classifier("resnet18", 2, seed=0)
    assert torch.equal(torch.rand(1), expected)


def test_gray_is_normalised_and_repeated_to_three_channels() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    classifier.network = torch.nn.Identity()
    gray = torch.rand(2, 1, 4, 4)
    mean, std = torch.tensor(ARCHITECTURES["resnet18"].mean), torch.tensor(ARCHITECTURES["resnet18"].std)
    expected = torch.stack([(gray[:, 0] - mean[channel]) / std[channel] for channel in range(3)], dim=1)
    assert torch.allclose(classifier(gray), expected)


def test_the_block_of_the_root_and_containers_is_the_head() -> None:
    classifier = build_classifier("densenet121", 2, seed=0)
    assert classifier.block_of("") == HEAD
    assert classifier.block_of("features") == HEAD
    assert classifier.block_of("features.denseblock1.denselayer1") == "denseblock1"
    # layer1 must not claim what only begins like it
    assert build_classifier("resnet18", 2, seed=0).block_of("layer11.conv") == HEAD
