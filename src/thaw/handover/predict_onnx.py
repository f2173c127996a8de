"""What an exported network says of X-rays, as CSV. Needs numpy, Pillow and onnxruntime; not thaw, not torch.

    python predict_onnx.py IMAGE... [--model model.onnx]

Not a medical device; for research only. Reads 8-bit gray or colour pictures (PNG, JPEG ...); DICOM, 16-bit and
transparent ones, and the warning where a picture is no chest X-ray, need thaw: python -m thaw predict.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def pixels(path: str, size: int, crop_from: int | None) -> Any:
    """The square that the network sees, float32 (1, 1, size, size) from 0 to 1."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode not in ("L", "RGB") or picture.has_transparency_data:
        sys.exit(f"{path}: a picture of mode {picture.mode}, or with transparency; use python -m thaw predict")
    gray = picture.convert("L")
    width, height = gray.size
    box = (0.0, 0.0, float(width), float(height))
    if crop_from is not None:
        side = min(width, height) * size / crop_from
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, min(left + side, width), min(top + side, height))
    resized = gray.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(resized, dtype=np.float32)[None, None] / 255


def probabilities(logits: Any, use: dict[str, Any]) -> Any:
    """Calibrated probabilities (N, classes) of logits (N, classes)."""
    method, fitted = use["calibration"]["method"], use["calibration"]["parameters"]
    several = use["task"] == "multilabel"
    plain = sigmoid if several else softmax
    if method == "none":
        return plain(logits)
    if method == "temperature":
        temperatures = np.full(logits.shape[1], fitted["temperature"], dtype=float)
        temperatures[fitted["not_fitted"]] = 1
        return plain(logits / temperatures)
    if method == "vector":
        return plain(logits * np.array(fitted["slope"]) + np.array(fitted["bias"]))
    if method == "platt":
        odds = logits if several else against_others(logits)
        each = sigmoid(odds * np.array(fitted["slope"]) + np.array(fitted["bias"]))
    else:
        each = on_steps(plain(logits), fitted)
    total = each.sum(axis=1, keepdims=True)
    return each if several else np.where(total > 0, each / np.where(total > 0, total, 1), plain(logits))


def on_steps(chances: Any, fitted: dict[str, Any]) -> Any:
    """Isotonic calibration: straight lines between knots, rounded so that no pair of images turns round."""
    for column, (scores, heights) in enumerate(zip(fitted["scores"], fitted["probabilities"], strict=True)):
        if scores:
            knot = np.minimum(np.searchsorted(scores, chances[:, column]), len(scores) - 1)
            level = np.interp(chances[:, column], scores, heights)
            chances[:, column] = np.minimum(level, np.array(heights)[knot])
    return chances


def sigmoid(values: Any) -> Any:
    """From log-odds to probabilities."""
    return (1 + np.tanh(values / 2)) / 2


def softmax(values: Any) -> Any:
    """Probabilities that add up to 1 over the classes."""
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def against_others(values: Any) -> Any:
    """Log-odds of each class against all others."""
    columns = [np.delete(values, column, axis=1) for column in range(values.shape[1])]
    return values - np.stack([np.logaddexp.reduce(others, axis=1) for others in columns], axis=1)


def main() -> None:
    """Print image, then the probability of each class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--model", default=str(Path(__file__).with_name("model.onnx")))
    given = parser.parse_args()
    session = onnxruntime.InferenceSession(given.model, providers=["CPUExecutionProvider"])
    use = json.loads(session.get_modelmeta().custom_metadata_map["thaw"])
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", *use["classes"]])
    for path in given.images:
        image = pixels(path, use["input"]["size"], use["input"]["crop_from"])
        logits = session.run(["logits"], {"image": image})[0].astype(np.float64)
        writer.writerow([path, *(f"{chance:.6g}" for chance in probabilities(logits, use)[0])])


if __name__ == "__main__":
    main()
