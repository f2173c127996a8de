"""A network as ONNX, with all that is needed to use it in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from thaw.backbones.classifier import Classifier
from thaw.errors import UserError
from thaw.handover.agreement import Logits, check_agreement
from thaw.use.package import Package

FILE, METADATA, INPUT, OUTPUT = "model.onnx", "thaw", "image", "logits"
LARGEST_BYTES = 2_000_000_000  # an ONNX file is one protobuf message, and these end at 2 GiB
BATCH = 16
STEPS = (
    "turn the picture upright (Exif), 8-bit gray (ITU-R 601-2 luma of colours)",
    "crop_from null: resize the whole picture to size; else resize its shorter side to crop_from and crop the centre",
    "bicubic, antialiased, in 8 bits, as Pillow's Image.resize(size, BICUBIC, box) does it",
    "divide by 255",
)


def usage(package: Package) -> dict[str, Any]:
    """What a program needs to know to use the network, in plain data; it goes into the metadata under ``thaw``."""
    said = ("model", "strategy", "seed", "dataset", "synthetic", "classes", "task")
    return {
        **{name: package.description[name] for name in said},
        "input": {
            "name": INPUT, "shape": ["batch", 1, package.size_px, package.size_px], "values": "gray, 0 to 1",
            "size": package.size_px, "crop_from": package.crop_from_px, "steps": list(STEPS),
        },
        "output": {"name": OUTPUT, "shape": ["batch", len(package.classes)], "values": "logits"},
        **package.rule.to_json(),
        "prediction_set": {"method": package.set_method, "level": package.set_level},
        "notices": list(package.notices),
    }  # fmt: skip


def write_onnx(
    target: Path, program: ExportedProgram, classifier: Classifier, size_px: int, use: Mapping[str, Any]
) -> float:  # fmt: skip
    """Write a captured network as ONNX, and compare it, run by onnxruntime on the CPU, with torch.

    The input ``image`` is float32 (batch, 1, H, W), gray from 0 to 1, with any number of images; the output
    ``logits`` is float32 (batch, classes). Weights stay in fp32.

    Args:
        target: becomes the file.
        program, classifier, size_px: see ``thaw.handover.torch_file``.
        use: what ``usage`` says.

    Returns:
        The largest difference, see ``check_agreement``.

    Raises:
        DisagreementError: it is too large.
        UserError: the network is too large for one file.
    """
    if 4 * sum(tensor.numel() for tensor in classifier.state_dict().values()) > LARGEST_BYTES:
        raise UserError("this network is too large for one ONNX file (2 GB); use --format torch")
    exported: Any = torch.onnx.export(
        program, (), input_names=[INPUT], output_names=[OUTPUT], dynamic_shapes=({0: "batch"},), dynamo=True,
        verbose=False,
    )  # fmt: skip
    model: onnx.ModelProto = exported.model_proto
    _without_origins(model)
    describe(model, use)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    return check_agreement(runner(target), classifier, size_px)


def describe(model: onnx.ModelProto, use: Mapping[str, Any]) -> None:
    """Put ``use`` into the metadata of a model."""
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA: json.dumps(use, allow_nan=False)})


def runner(path: Path) -> Logits:
    """The file as a function from images (N, 1, H, W) to logits (N, classes)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return np.concatenate([session.run([OUTPUT], {INPUT: part})[0] for part in parts])

    return logits


def _without_origins(model: onnx.ModelProto) -> None:
    """Leave out where in the source each operation comes from: it would name folders of this machine."""
    graph, functions = model.graph, model.functions
    inner = (node for function in functions for node in function.node)
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (graph, *graph.node, *values, *functions, *inner):
        del part.metadata_props[:]
