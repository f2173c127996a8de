"""Depthwise convolutions in bf16 on a CPU, their gradients made of those that oneDNN computes fast.

For a depthwise convolution oneDNN, which computes torch's convolutions on a CPU, has fast kernels in bf16 of these:
the forward pass, the gradient of its inputs at stride 1, and the gradient of a weight of up to three columns. For all
else it takes kernels of dense convolutions, sixteen times the work or more, and EfficientNet-Lite0 would train slower
in bf16 than in fp32. But what is slow can be put together from what is fast, the same sums in another order: a
convolution of stride 2 is one of stride 1 of which every second row and column is kept, and the gradient of five
columns is that of three beside that of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

FAST_COLUMNS = 3  # of a kernel, in the gradient of its weight


class FastDepthwise(TorchFunctionMode):
    """While it is entered, depthwise convolutions of any library's layers have fast gradients.

    Only under bf16 autocast on a CPU, and where gradients are wanted: everything else runs as it always does. Logits
    keep their bits, gradients are the same but for bf16's rounding, and no network is changed.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call ``func``, or what stands for it."""
        named = kwargs or {}
        if func is F.conv2d and torch.is_grad_enabled() and _casts_to_bf16():
            called = _Convolution(*args, **named)
            if called.is_slow():
                return called.fast()
        return func(*args, **named)


def _casts_to_bf16() -> bool:
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


@dataclass(frozen=True)
class _Convolution:
    """The arguments of ``F.conv2d``, under its own names."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def is_slow(self) -> bool:
        """Whether oneDNN has no fast gradients of it, and this module has."""
        is_depthwise = self.input.dim() == 4 and self.groups == self.input.shape[1] == self.weight.shape[0] > 1
        # autocast leaves float64 as it is
        is_cast = self.input.device.type == "cpu" and self.input.dtype != torch.float64
        if not (is_depthwise and is_cast) or isinstance(self.padding, str) or _pair(self.dilation) != (1, 1):
            return False
        rows, columns = self.weight.shape[2:]
        vertical, horizontal = _pair(self.padding)
        slow = _pair(self.stride) != (1, 1) or columns > FAST_COLUMNS
        return slow and vertical < rows and horizontal < columns

    def fast(self) -> Tensor:
        """What autocast gives, with fast gradients."""
        bias = None if self.bias is None else self.bias.to(torch.bfloat16)
        lowered = self.input.to(torch.bfloat16), self.weight.to(torch.bfloat16), bias
        output: Tensor = _Depthwise.apply(*lowered, _pair(self.stride), _pair(self.padding))
        return output


class _Depthwise(torch.autograd.Function):
    """``F.conv2d`` with the gradients of this module; those that nobody asks for are not computed."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        of_inputs, of_weight, *_ = ctx.needs_input_grad
        ctx.save_for_backward(inputs if of_weight else None, weight if of_inputs else None)
        ctx.shapes, ctx.stride, ctx.padding = (inputs.shape, weight.shape), stride, padding
        return F.conv2d(inputs, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        inputs_shape, weight_shape = ctx.shapes
        return (
            None if weight is None else _of_inputs(gradient, weight, inputs_shape, ctx.stride, ctx.padding),
            None if inputs is None else _of_weight(gradient, inputs, weight_shape, ctx.stride, ctx.padding),
            gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None,
            None,
            None,
        )


def _of_inputs(
    gradient: Tensor, weight: Tensor, inputs_shape: torch.Size, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The gradient of what comes in: what the kernel, turned round, makes of the gradient with zeros between.

    See Dumoulin & Visin 2016, arXiv:1603.07285, section 4.5.
    """
    (count, channels, height, width), (rows, columns) = inputs_shape, weight.shape[2:]
    around = (rows - 1 - padding[0], columns - 1 - padding[1])
    if stride != (1, 1):
        spread = gradient.new_zeros(
            count, height + 2 * padding[0] - rows + 1, width + 2 * padding[1] - columns + 1, channels
        ).permute(0, 3, 1, 2)
        spread[:, :, :: stride[0], :: stride[1]] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), None, 1, around, 1, channels)


def _of_weight(
    gradient: Tensor, inputs: Tensor, weight_shape: torch.Size, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The gradient of the weight, a few columns of the kernel at a time, each from the part of the inputs it saw."""
    channels, _, rows, columns = weight_shape
    parts = []
    for first in range(0, columns, FAST_COLUMNS):
        count = min(FAST_COLUMNS, columns - first)
        if count == columns:
            seen, around = inputs, padding
        else:
            left, width = padding[1] - first, (gradient.shape[3] - 1) * stride[1] + count
            # a negative padding cuts off
            seen, around = F.pad(inputs, (left, width - left - inputs.shape[3])), (padding[0], 0)
        blank = gradient.new_empty(channels, 1, rows, count)
        _, part, _ = torch.ops.aten.convolution_backward(
            gradient, seen, blank, None, stride, around, (1, 1), False, (0, 0), channels, (False, True, False)
        )
        parts.append(part)
    return torch.cat(parts, dim=3)


def _pair(value: Any) -> tuple[int, int]:
    """One number for both directions, or one for each."""
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))
