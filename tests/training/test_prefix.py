"""Where the frozen blocks end, and that the rest gives the whole network's logits from their activations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from thaw.backbones.classifier import Classifier, build_classifier
from thaw.strategies import plans, set_training
from thaw.training.prefix import Prefix, find_prefix

from .made import phase

IMAGES = torch.rand(5, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def prefix_of(model: str, thaw: Any, precision: Any = "fp32") -> tuple[Classifier, Prefix | None]:
    classifier = build_classifier(model, 3, seed=0, size_px=64)
    (plan,) = plans(classifier, phase(thaw))
    return classifier, find_prefix(classifier, plan, IMAGES[:2], precision)


@pytest.mark.parametrize(
    ("model", "thaw", "entry"),
    [
        ("resnet18", "head", "fc"),
        ("resnet18", {"last": 1}, "layer4"),
        ("resnet18", {"last": 2}, "layer3"),
        ("efficientnet_b0", "head", "classifier"),
        ("efficientnet_lite0", {"last": 1}, "conv_head"),
        ("efficientnet_lite0", {"last": 2}, "blocks.6"),
        ("densenet121", {"last": 1}, "features.denseblock4"),
        ("vgg16", "head", "classifier.5"),  # dropout between the frozen layers and the head
        ("swin_t", {"last": 2}, "features.5"),
        ("timm/resnet10t", {"last": 1}, "layer4"),
    ],
)
def test_the_rest_gives_the_networks_own_logits(model: str, thaw: Any, entry: str) -> None:
    """Dropout included, which draws the same numbers."""
    classifier, prefix = prefix_of(model, thaw)
    assert prefix is not None
    assert prefix.entry == entry
    (plan,) = plans(classifier, phase(thaw))
    ends = []
    for way in (classifier, lambda images: prefix.logits(prefix.activations(images))):
        set_training(classifier, plan)
        torch.manual_seed(1)
        logits = way(IMAGES)
        classifier.zero_grad()
        logits.square().sum().backward()
        trained = {name for name, rate in plan.parameters.items() if rate is not None}
        grads = {n: p.grad for n, p in classifier.network.named_parameters() if n in trained and p.grad is not None}
        assert grads.keys() == trained
        ends.append((logits.detach(), grads))
    assert torch.allclose(ends[0][0], ends[1][0], atol=1e-5)
    assert all(torch.allclose(ends[0][1][name], ends[1][1][name], rtol=1e-3, atol=1e-4) for name in ends[0][1])


@pytest.mark.parametrize("thaw", ["norm", "bias", "all", {"from": "stem"}, [{"last": 1}, "norm"]])
def test_a_first_block_that_moves_leaves_nothing_to_keep(thaw: Any) -> None:
    assert prefix_of("resnet18", thaw)[1] is None


def test_a_network_without_normalisation_keeps_its_frozen_blocks_beside_norm() -> None:
    _, prefix = prefix_of("vgg16", [{"last": 1}, "norm"])
    assert prefix is not None
    assert prefix.entry == "classifier"


def test_bf16_activations_stay_bf16() -> None:
    _, prefix = prefix_of("resnet18", {"last": 1}, "bf16")
    assert prefix is not None
    assert prefix.activations(IMAGES).dtype == torch.bfloat16


def test_frozen_blocks_do_not_run_where_their_activations_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, prefix = prefix_of("resnet18", {"last": 1})
    assert prefix is not None
    activations, sizes = prefix.activations(IMAGES), list[int]()
    convolve = nn.Conv2d._conv_forward

    def spy(self: nn.Conv2d, images: torch.Tensor, *arguments: Any) -> torch.Tensor:
        sizes.append(len(images))
        return convolve(self, images, *arguments)

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", spy)
    prefix.logits(activations)
    assert sizes == [len(IMAGES)] * 5  # the convolutions of layer4; none for the blank image
    sizes.clear()
    classifier(IMAGES)
    assert len(sizes) == 20


def test_a_network_that_cannot_be_cut_is_left_whole() -> None:
    classifier = build_classifier("resnet18", 2, seed=0)
    (plan,) = plans(classifier, phase("head"))
    inner = classifier.network.forward
    classifier.network.forward = lambda images: inner(images) + images.mean()  # type: ignore[method-assign]
    assert find_prefix(classifier, plan, IMAGES[:2], "fp32") is None


def test_a_prefix_that_does_not_repeat_itself_is_left_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda self, gray: forward(self, gray + torch.rand_like(gray)))
    assert prefix_of("resnet18", "head")[1] is None
