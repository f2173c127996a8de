"""A copy of an ONNX file in whole numbers of 8 bits: a quarter of the size, less exact."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from thaw.errors import UserError
from thaw.evaluation.rule import DecisionRule
from thaw.handover.onnx_file import INPUT, describe, runner

FILE = "model.int8.onnx"
DENSE = ["MatMul", "Gemm"]
NOISE_IMAGES = 16  # to measure on where there are no pictures
LARGEST_CONVOLUTION_SHARE = 0.5


@dataclass(frozen=True)
class Difference:
    """How far the 8-bit file's calibrated probabilities are from those of the fp32 file.

    Attributes:
        largest: of all images and classes.
        mean: likewise.
        images: on how many images.
        noise: whether these are noise, not X-rays.
    """

    largest: float
    mean: float
    images: int
    noise: bool


def write_int8(
    target: Path, source: Path, pictures: NDArray[np.float32] | None, rule: DecisionRule, use: Mapping[str, Any]
) -> Difference:  # fmt: skip
    """Quantise an ONNX file with onnxruntime, and measure what that changes.

    With ``pictures`` every layer that onnxruntime knows in 8 bits is quantised, convolutions among them. The range of
    what it computes comes from every second picture (static quantisation, QDQ); the others measure the difference.
    Without pictures ranges are found anew for each batch (dynamic quantisation), which onnxruntime does well for dense
    layers alone: convolutions stay in fp32, so a network that consists of them is refused.

    Weights are signed and have a range for each channel (docs/log.md: with one for all, or with 7 bits of the 8, AUROC
    falls). The sums of 8-bit products overflow on x86 processors without VNNI; the difference is that of this machine.

    Args:
        target: becomes the file.
        source: what ``write_onnx`` wrote.
        pictures: (N, 1, H, W) in [0, 1], two at least; a hundred X-rays like those it will see are better.
        rule: for probabilities.
        use: what ``usage`` says.

    Raises:
        UserError: without pictures: most weights are those of convolutions.
    """
    if pictures is None:
        _check_dense(onnx.load(source))
        side = use["input"]["size"]
        measured = np.random.default_rng(0).random((NOISE_IMAGES, 1, side, side), dtype=np.float32)
    else:
        measured = pictures[1::2]
    with tempfile.TemporaryDirectory(prefix=".int8.", dir=target.parent) as folder, _quiet():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        if pictures is None:
            _forget_shapes(prepared)
            quantize_dynamic(prepared, target, DENSE, per_channel=True, weight_type=QuantType.QInt8)
        else:
            quantize_static(
                prepared, target, _Reader(pictures[::2]), QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
    model = onnx.load(target)
    describe(model, use)
    onnx.save(model, target)
    return _difference(target, source, measured, rule, noise=pictures is None)


def _forget_shapes(path: Path) -> None:
    """Of what lies between layers; onnxruntime turns the weights of dense layers round and then trips over them."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    onnx.save(model, path)


class _Reader:
    """Pictures one by one, as onnxruntime asks for them."""

    def __init__(self, pictures: NDArray[np.float32]) -> None:
        self._pictures = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT: picture[None]}


def _check_dense(model: onnx.ModelProto) -> None:
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    convolved = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    share = sum(sizes.get(name, 0) for name in convolved) / sum(sizes.values())
    if share > LARGEST_CONVOLUTION_SHARE:
        raise UserError(
            f"--int8: {share:.0%} of this network's weights are those of convolutions, which need X-rays to find the "
            "range of what they compute; add --calibrate FOLDER"
        )


def _difference(target: Path, source: Path, images: NDArray[np.float32], rule: DecisionRule, noise: bool) -> Difference:
    small, exact = (rule.probabilities(runner(path)(images)) for path in (target, source))
    apart = np.abs(small - exact)
    return Difference(float(apart.max()), float(apart.mean()), len(images), noise)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without onnxruntime's advice on how to prepare a file, which has been done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
