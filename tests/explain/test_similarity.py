from __future__ import annotations

import copy
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from thaw.backbones.catalog import Architecture
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.explain.similarity import block_products, block_similarity, linear_cka, unbiased_hsic

CPU = torch.device("cpu")


def products(features):
    centred = features - features.mean(axis=0)
    return centred @ centred.T


def of_quadruples(one, other):
    """The U-statistic of HSIC: the mean over all ordered quadruples of different images."""
    values = [
        one[i, j] * other[i, j] + one[i, j] * other[q, r] - 2 * one[i, j] * other[i, q]
        for i, j, q, r in permutations(range(len(one)), 4)
    ]
    return np.mean(values)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 6))
def test_hsic_is_the_mean_over_quadruples(seed, count) -> None:
    random = np.random.default_rng(seed)
    one, other = (products(random.normal(size=(count, width))) for width in (3, 7))
    assert unbiased_hsic(one, other) == pytest.approx(of_quadruples(one, other))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_cka_does_not_see_rotation_and_scale(seed, scale) -> None:
    random = np.random.default_rng(seed)
    features, others = random.normal(size=(12, 6)), random.normal(size=(12, 4))
    turned = scale * features @ np.linalg.qr(random.normal(size=(6, 6)))[0] + 3
    assert linear_cka(products(features), products(turned)) == pytest.approx(1)
    alike = linear_cka(products(features), products(others))
    assert linear_cka(products(turned), products(others)) == pytest.approx(alike, abs=1e-9)
    assert 0 <= alike <= 1


def test_cka_of_many_images_is_that_of_the_published_formula() -> None:
    """Kornblith et al. 2019, section 3: |Y'X|² / (|X'X| |Y'Y|) with centred features; the bias is gone with many."""
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 5)) * [1, 2, 3, 1, 1]
    y = x[:, :3] + random.normal(size=(1000, 3))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    biased = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert linear_cka(x @ x.T, y @ y.T) == pytest.approx(biased, abs=0.01)


def test_features_without_relation_are_near_zero_though_they_are_many() -> None:
    random = np.random.default_rng(0)
    one, other = (products(random.normal(size=(64, 20_000))) for _ in range(2))
    biased = (one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other))
    assert biased > 0.9
    assert linear_cka(one, other) < 0.1


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 32, 32), np.uint8)


@pytest.fixture(scope="module")
def network():
    return build_classifier("resnet18", 2, seed=0, size_px=32)


def test_a_network_is_like_itself_and_only_later_blocks_feel_a_change(network, pixels) -> None:
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.network.layer3[0].conv1.weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    found = block_similarity(changed, network, pixels, CPU)
    assert [block["block"] for block in found] == ["stem", "layer1", "layer2", "layer3", "layer4"]
    values = [block["cka"] for block in found]
    assert values[:3] == pytest.approx([1, 1, 1])
    assert values[3] < 0.99
    itself = [block["cka"] for block in block_similarity(network, copy.deepcopy(network), pixels, CPU)]
    assert itself == pytest.approx([1] * 5)


def test_a_blocks_output_is_what_its_last_module_gives(network, pixels) -> None:
    images = torch.from_numpy(pixels).unsqueeze(1).float() / 255
    net = network.eval().network
    with torch.no_grad():
        stem = net.bn1(net.conv1((images - network.mean) / network.std))
        layer1 = net.layer1(net.maxpool(net.relu(stem.clone())))
    found = block_products(network, images)
    for name, output in (("stem", stem), ("layer1", layer1)):
        assert found[name] == pytest.approx(products(output.flatten(1).double().numpy()), rel=1e-3, abs=1e-2)


class Dead(nn.Module):
    """A stem, a block that gives the same for every image, one that answers with no tensor last, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=8)
        self.dead = nn.Conv2d(4, 4, 1)
        self.pair = nn.MultiheadAttention(4, 1, batch_first=True)
        self.head = nn.Linear(4, 2)
        nn.init.zeros_(self.dead.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        seen = self.stem(images)
        tokens = (seen + self.dead(seen)).flatten(2).transpose(1, 2)
        return self.head(self.pair(tokens, tokens, tokens)[0].mean(dim=1))


def test_blocks_that_do_not_vary_or_give_no_rows_are_none(pixels) -> None:
    blocks = (("stem", "stem"), ("dead", "dead"), ("pair", "pair"))
    classifier = Classifier(Dead(), Architecture("torchvision", "dead", blocks, ("head",)))
    found = block_similarity(classifier, copy.deepcopy(classifier), pixels, CPU)
    assert found == [
        {"block": "stem", "cka": pytest.approx(1)}, {"block": "dead", "cka": None}, {"block": "pair", "cka": None},
    ]  # fmt: skip


def test_three_images_are_too_few(network, pixels) -> None:
    found = block_similarity(network, network, pixels[:3], CPU)
    assert found == [{"block": name, "cka": None} for name in network.block_names[:-1]]


def test_hooks_are_gone_afterwards(network, pixels) -> None:
    block_similarity(network, network, pixels, CPU)
    assert not any(module._forward_hooks for module in network.network.modules())
