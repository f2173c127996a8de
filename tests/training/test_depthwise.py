from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from thaw.backbones.classifier import build_classifier
from thaw.training.depthwise import FastDepthwise
from thaw.training.device import autocast

CPU = torch.device("cpu")
BF16_ERROR = 2**-6  # of the largest value: some roundings of 2**-8


def tensors(shape: Sequence[int], kernel: tuple[int, int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (N, C, H, W), a depthwise weight and a bias, float32, on values that bf16 holds."""
    random = torch.Generator().manual_seed(seed)
    shapes = (shape, (shape[1], 1, *kernel), shape[1:2])
    inputs, weight, bias = (torch.randn(*size, generator=random).bfloat16().float() for size in shapes)
    return inputs.contiguous(memory_format=torch.channels_last), weight, bias


def gradients(leaves: Sequence[Tensor], fast: bool | None, **options: Any) -> tuple[Tensor, list[Tensor | None]]:
    """The convolution and the gradients of inputs, weight and bias; ``fast`` None: in float32."""
    own = [leaf.detach().clone().requires_grad_(leaf.requires_grad) for leaf in leaves]
    inputs, weight, bias = own
    mode = FastDepthwise() if fast else nullcontext()
    with torch.autocast("cpu", torch.bfloat16, enabled=fast is not None), mode:
        output = F.conv2d(inputs, weight, bias, **options, groups=inputs.shape[1])
    upstream = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    output.backward(upstream.to(output.dtype))  # type: ignore[no-untyped-call]
    return output.detach(), [leaf.grad for leaf in own]


def check_close(found: Tensor | None, exact: Tensor | None) -> None:
    assert found is not None
    assert exact is not None
    assert found.shape == exact.shape
    assert found.dtype == torch.float32
    assert float((found - exact).abs().max()) <= BF16_ERROR * float(exact.abs().max())


def check_gradients(leaves: Sequence[Tensor], **options: Any) -> None:
    """Forward has the bits of autocast; the gradients are those of float32 but for bf16's rounding."""
    for leaf in leaves:
        leaf.requires_grad_()
    output, found = gradients(leaves, fast=True, **options)
    assert torch.equal(output, gradients(leaves, fast=False, **options)[0])
    for one, other in zip(found, gradients(leaves, fast=None, **options)[1], strict=True):
        check_close(one, other)


def node_of(layer: nn.Module, inputs: Tensor) -> str:
    """The name of the autograd function that computed a layer's output."""
    with autocast(CPU, "bf16"):
        return type(layer(inputs).grad_fn).__name__


@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("side", [14, 15])
def test_gradients_are_those_of_float32(stride: Any, kernel: int, side: int) -> None:
    check_gradients(tensors((3, 16, side, side), (kernel, kernel)), stride=stride, padding=kernel // 2)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(2, 20), st.integers(7, 12), st.integers(7, 12)),
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_gradients_are_right_for_every_shape(
    shape: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], seed: int
) -> None:
    check_gradients(tensors(shape, kernel, seed), stride=stride, padding=padding)


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (1, 2), (0, 1)])
def test_what_is_frozen_has_no_gradient_and_is_not_kept_for_one(frozen: tuple[int, ...]) -> None:
    leaves = tensors((2, 8, 9, 9), (5, 5))
    for number, leaf in enumerate(leaves):
        leaf.requires_grad_(number not in frozen)
    found, exact = (gradients(leaves, fast, stride=2, padding=2)[1] for fast in (True, None))
    for number, (one, other) in enumerate(zip(found, exact, strict=True)):
        if number in frozen:
            assert one is None
        else:
            check_close(one, other)
    with autocast(CPU, "bf16"):
        output: Any = F.conv2d(leaves[0], leaves[1], leaves[2], 2, 2, groups=8)
    # inputs are kept for the weight's gradient, the weight for the inputs'
    kept_inputs, kept_weight = (tensor is not None for tensor in output.grad_fn.saved_tensors)
    assert (kept_inputs, kept_weight) == (1 not in frozen, 0 not in frozen)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.Conv2d(8, 16, 5, 2, 2, groups=8),
        nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8),
        nn.Conv2d(8, 8, 5, padding="same", groups=8),
        nn.Conv2d(1, 1, 5, padding=2),
    ],
)
def test_other_convolutions_are_left_to_torch(layer: nn.Conv2d) -> None:
    inputs = torch.randn(2, layer.in_channels, 9, 9)
    assert node_of(layer, inputs) != "_DepthwiseBackward"
    own = copy.deepcopy(layer)
    with autocast(CPU, "bf16"):
        layer(inputs).float().square().sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        own(inputs).float().square().sum().backward()
    for one, other in zip(layer.parameters(), own.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("layer", [nn.Conv2d(8, 8, 3, 2, 1, groups=8), Conv2dSame(8, 8, 5, 2, groups=8)])
def test_layers_of_torch_and_timm_are_met_and_stay_what_they_are(layer: nn.Module) -> None:
    inputs, names = torch.randn(2, 8, 9, 9), list(layer.state_dict())
    assert node_of(layer, inputs) == "_DepthwiseBackward"
    assert list(layer.state_dict()) == names
    with autocast(CPU, "bf16"):
        again = pickle.loads(pickle.dumps(copy.deepcopy(layer)))
        assert torch.equal(again(inputs), layer(inputs))
    assert type(again) is type(layer)


def test_in_float32_float64_and_without_gradients_nothing_changes() -> None:
    layer, inputs = nn.Conv2d(8, 8, 5, 2, 2, groups=8), torch.randn(2, 8, 9, 9)
    ordinary = layer(inputs)
    with FastDepthwise():
        assert torch.equal(layer(inputs), ordinary)
        assert type(layer(inputs).grad_fn).__name__ == type(ordinary.grad_fn).__name__
    assert node_of(layer.double(), inputs.double()) == type(ordinary.grad_fn).__name__
    layer = layer.float()
    with torch.no_grad(), autocast(CPU, "bf16"):
        fast = layer(inputs)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast, layer(inputs))


def test_a_whole_network_has_the_logits_of_autocast_and_its_gradients_but_for_rounding() -> None:
    classifier = build_classifier("efficientnet_lite0", 3, 0, None, 64).train()
    gray, names = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(0)), list(classifier.state_dict())
    logits, found = [], []
    for context in (autocast(CPU, "bf16"), torch.autocast("cpu", torch.bfloat16)):
        torch.manual_seed(0)
        classifier.zero_grad()
        with context:
            logits.append(classifier(gray).float())
        logits[-1].square().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in classifier.parameters() if p.grad is not None]))
    assert torch.equal(logits[0], logits[1])
    assert float(F.cosine_similarity(found[0], found[1], dim=0)) > 0.99
    assert list(classifier.state_dict()) == names
