"""Made-up sets of X-rays, in memory, into which shortcuts and leaks are planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from thaw.evaluation.predictions import Predictions
from thaw.inspection.material import Material
from thaw.labels import UNKNOWN
from thaw.prepared import Prepared

CLASSES = ["Mass", "Edema"]
DEALT = ("train", "train", "train", "val", "test", "test")


def unlike_pictures(count: int, size_px: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures of which no two are alike."""
    noise = np.random.default_rng(seed).normal(size=(count, size_px, size_px))
    return np.clip(128 + 200 * gaussian_filter(noise, (0, 1.5, 1.5)), 0, 255).astype(np.uint8)


def image_table(count: int, images_a_patient: int = 2) -> pd.DataFrame:
    """So many images; half of the patients are trained on, a third is tested on."""
    number = np.arange(count) // images_a_patient
    return pd.DataFrame(
        {
            "image": [f"{place}.png" for place in range(count)],
            "patient": [f"p{patient:04d}" for patient in number],
            "split": [DEALT[patient % len(DEALT)] for patient in number],
            "source_split": "", "sex": "", "view": "", "age": np.nan, "follow_up": np.nan,
        }
    )  # fmt: skip


def random_labels(count: int, seed: int = 1, classes: int = len(CLASSES)) -> NDArray[np.int8]:
    """Labels that nothing tells, (count, classes)."""
    return np.random.default_rng(seed).integers(0, 2, (count, classes)).astype(np.int8)


def material(
    labels: NDArray[np.int8], pixels: NDArray[np.uint8] | None = None, columns: dict[str, Any] | None = None,
    quality: pd.DataFrame | None = None, rows: Any = None, **dataset: Any,
) -> Material:  # fmt: skip
    """Material of so many images as there are labels; ``columns`` of the table of images may be changed."""
    told = {"name": "table", "title": "A set", "task": "multilabel", "classes": CLASSES[: labels.shape[1]],
            "synthetic": False, "source": ".", "notices": []}  # fmt: skip
    empty = pd.DataFrame({"image": [], "action": [], "reason": []}, dtype="str")
    return Material(
        dataset=told | dataset,
        split_summary={},
        images=image_table(len(labels)).assign(**(columns or {})),
        rows=np.arange(len(labels)) if rows is None else np.asarray(rows),
        labels=labels,
        pixels=unlike_pictures(len(labels)) if pixels is None else pixels,
        quality=empty if quality is None else quality,
    )


def properties(count: int, **columns: Any) -> pd.DataFrame:
    """File properties, all alike but for ``columns``."""
    alike = pd.DataFrame({"width": 1024.0, "height": 1024.0, "mode": "L", "format": "PNG"}, index=range(count))
    return alike.assign(**columns)


def prepared(labels: NDArray[np.int8], pixels: NDArray[np.uint8], images_a_patient: int = 2) -> Prepared:
    """The same as training reads it."""
    classes = CLASSES[: labels.shape[1]]
    table = image_table(len(labels), images_a_patient)[["image", "patient", "split"]]
    table.insert(0, "row", np.arange(len(labels)))
    known = pd.DataFrame(labels, columns=classes).astype("Int64").replace(UNKNOWN, pd.NA)
    return Prepared(pixels, table.join(known), classes, "multilabel", "A set", synthetic=False)


def by_brightness(data: Prepared, head_seed: int) -> Predictions:
    """A stand-in for a training: learns from the labels it is given whether bright pictures have a class."""
    bright = {split: data.pixels[data.of(split)["row"]].mean(axis=(1, 2)) for split in ("train", "test")}
    labels = {split: data.of(split)[data.classes].to_numpy(np.int64) for split in ("train", "test")}
    slopes = [np.cov(bright["train"], column)[0, 1] for column in labels["train"].T]
    logits = (bright["test"][:, None] - bright["test"].mean()) / 100 * np.sign(slopes)
    images, patients = (data.of("test")[name].to_numpy(object) for name in ("image", "patient"))
    return Predictions(images, patients, labels["test"].astype(np.int8), logits, tuple(data.classes), data.task)


def png(path: Path, pixels: NDArray[Any]) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
