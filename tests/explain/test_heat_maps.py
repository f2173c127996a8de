"""Heat maps against their formulas, on a network small enough to write them down."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from thaw.backbones.catalog import Architecture
from thaw.backbones.classifier import Classifier, build_classifier
from thaw.explain.heat_maps import heat_maps

CPU = torch.device("cpu")
CamMethod = Literal["gradcam", "gradcam++", "layercam"]
CAMS: tuple[CamMethod, ...] = ("gradcam", "gradcam++", "layercam")


class Small(nn.Module):
    """A convolution, a ReLU, a mean of squares over places (so that gradients differ by place), a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.conv(images)).square().mean((2, 3)))
        return logits


class Detector(nn.Module):
    """Speaks for class 0 where it is bright and for no other class anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 1, 4, stride=4), nn.Linear(1, 2)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 48)
            self.conv.bias.fill_(-0.5)
            self.head.weight.copy_(torch.tensor([[1.0], [-1.0]]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(F.relu(self.conv(images), inplace=True).mean((2, 3)))
        return logits


def made(network: nn.Module, blocks: str = "conv|relu") -> Classifier:
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Classifier(network, Architecture("torchvision", "made", (("stem", blocks),), ("head",), black, white))


def noise(count: int, size_px: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size_px, size_px), dtype=np.uint8)


def by_hand(classifier: Classifier, pixels: NDArray[np.uint8], targets: NDArray[np.int64], method: str) -> Any:
    """The published formula in float64, enlarged and divided by the maximum."""
    network: Any = classifier.network
    images = torch.from_numpy(pixels).double().unsqueeze(1) / 255
    activations = F.relu(F.conv2d(images.expand(-1, 3, -1, -1), network.conv.weight.double(),
                                  network.conv.bias.double(), stride=2)).detach().requires_grad_()  # fmt: skip
    logits = F.linear(activations.square().mean((2, 3)), network.head.weight.double(), network.head.bias.double())
    (gradients,) = torch.autograd.grad(logits[torch.arange(len(targets)), torch.from_numpy(targets)].sum(), activations)
    activations = activations.detach()
    if method == "gradcam":
        heat = (gradients.mean((2, 3), keepdim=True) * activations).sum(1)
    elif method == "layercam":
        heat = (gradients.relu() * activations).sum(1)
    else:
        below = 2 * gradients**2 + activations.sum((2, 3), keepdim=True) * gradients**3
        alpha = torch.where(gradients > 0, gradients**2 / below, 0)
        heat = ((alpha * gradients.relu()).sum((2, 3), keepdim=True) * activations).sum(1)
    full = F.interpolate(heat.relu().unsqueeze(1), pixels.shape[1:], mode="bilinear", align_corners=False)[:, 0]
    largest = full.amax((1, 2), keepdim=True)
    return (full / torch.where(largest > 0, largest, 1)).numpy()


@pytest.mark.parametrize("method", CAMS)
@pytest.mark.parametrize("size_of_head", [1.0, 1e-4])
def test_maps_follow_the_formula(method: CamMethod, size_of_head: float) -> None:
    """However small the gradients are."""
    torch.manual_seed(0)
    classifier = made(Small())
    with torch.no_grad():
        classifier.network.get_submodule("head").weight.mul_(size_of_head)
    pixels, targets = noise(5, 12), np.array([0, 1, 2, 0, 1])
    maps = heat_maps(classifier, "made", pixels, targets, method, None, CPU, batch_size=2)
    np.testing.assert_allclose(maps, by_hand(classifier, pixels, targets, method), atol=1e-3)
    assert maps.dtype == np.float32


def test_frozen_parameters_and_no_gradient_mode_change_nothing() -> None:
    torch.manual_seed(0)
    classifier, pixels, targets = made(Small()), noise(2, 12), np.array([0, 1])
    wanted = heat_maps(classifier, "made", pixels, targets, "gradcam", None, CPU)
    for parameter in classifier.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        assert np.array_equal(heat_maps(classifier, "made", pixels, targets, "gradcam", None, CPU), wanted)
    assert np.ptp(wanted) > 0


@pytest.mark.parametrize("method", CAMS)
def test_maps_point_at_what_the_network_sees(method: CamMethod) -> None:
    pixels = np.full((2, 32, 32), 90, dtype=np.uint8)
    pixels[0, 8:16, 20:28] = 255
    pixels[1, 24:28, 4:8] = 200
    maps = heat_maps(made(Detector(), "conv"), "made", pixels, np.array([0, 0]), method, None, CPU)
    np.testing.assert_allclose(maps[0, 10:14, 22:26], 1, rtol=1e-6)
    assert np.unravel_index(maps[1].argmax(), (32, 32)) in {(row, column) for row in (25, 26) for column in (5, 6)}
    assert maps[0, :, :12].max() == maps[0, 24:].max() == maps[1, :, 16:].max() == 0
    assert maps.max(axis=(1, 2)).tolist() == [1, 1]


def test_where_nothing_speaks_for_a_class_the_map_is_zero() -> None:
    maps = heat_maps(made(Detector(), "conv"), "made", noise(2, 32), np.array([1, 1]), "gradcam", None, CPU)
    assert (maps == 0).all()


@pytest.mark.parametrize(
    ("model", "method"),
    [("resnet18", "gradcam"), ("densenet121", "layercam"), ("timm/vit_tiny_patch16_224", "gradcam++")],
)
def test_the_classifier_is_left_as_it_was(model: str, method: CamMethod) -> None:
    classifier = build_classifier(model, 3, seed=0, size_px=64).train()
    for number, (parameter, module) in enumerate(zip(classifier.parameters(), classifier.modules(), strict=False)):
        parameter.requires_grad_(number % 2 == 0)
        parameter.grad = torch.ones_like(parameter) if number % 4 == 0 else None
        module.training = number % 3 > 0
    tensors = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    flags = [(parameter.requires_grad, parameter.grad) for parameter in classifier.parameters()]
    modes = [module.training for module in classifier.modules()]

    maps = heat_maps(classifier, model, noise(3, 64), np.array([0, 1, 2]), method, None, CPU)

    assert maps.shape == (3, 64, 64)
    assert np.isfinite(maps).all()
    assert set(maps.max(axis=(1, 2)).tolist()) <= {0, 1}
    assert maps.max() == 1
    assert maps.min() >= 0
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in classifier.state_dict().items())
    assert all(
        (parameter.requires_grad, parameter.grad is gradient) == (asks, True)
        for parameter, (asks, gradient) in zip(classifier.parameters(), flags, strict=True)
    )
    assert [module.training for module in classifier.modules()] == modes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in classifier.modules())
    assert torch.is_grad_enabled()


def test_no_image_gives_no_map() -> None:
    none = np.empty((0, 12, 12), dtype=np.uint8)
    assert heat_maps(made(Small()), "made", none, np.empty(0, dtype=np.int64), "gradcam", None, CPU).shape == (
        0,
        12,
        12,
    )
