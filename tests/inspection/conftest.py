"""A small made-up set of X-rays, as the stages before would leave it, in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from thaw.inspection.material import Material

Make = Callable[..., Material]
SPLITS = ("train", "train", "val", "test")
NO_QUALITY = pd.DataFrame({"image": [], "action": [], "reason": []}, dtype="str")


def unlike_pictures(count: int, size_px: int = 48) -> NDArray[np.uint8]:
    """Pictures of which no two are alike."""
    noise = np.random.default_rng(0).normal(size=(count, size_px, size_px))
    smooth = gaussian_filter(noise, (0, 2, 2))
    return np.clip(128 + 400 * smooth, 0, 255).astype(np.uint8)


def described(count: int) -> pd.DataFrame:
    """Two images a patient; patients dealt to the splits two, one and one."""
    number = np.arange(count)
    patient = pd.Series(number // 2)
    return pd.DataFrame(
        {
            "image": [f"person{patient:04d}_{place}.png" for place, patient in enumerate(number // 2)],
            "patient": patient.map("person{:04d}".format),
            "split": [SPLITS[place // 2 % 4] for place in number],
            "source_split": "",
            "sex": np.where(number // 2 % 2, "F", "M"),
            "view": np.where(number % 2, "AP", "PA"),
            "age": (20.0 + number // 2) % 90,
            "follow_up": (number % 2).astype(float),
        }
    )


@pytest.fixture
def make_material(tmp_path: Path) -> Make:
    """Material of 160 images without any fault; give ``labels``, ``pixels``, ``quality``, ``rows``, a column or a key
    of the dataset to change it."""

    def make(
        labels: Any = None,
        pixels: NDArray[np.uint8] | None = None,
        quality: pd.DataFrame = NO_QUALITY,
        rows: Any = None,
        columns: dict[str, Any] | None = None,
        **dataset: Any,
    ) -> Material:
        if labels is None:
            # 3 and 5 share no factor with the splits' and views' rhythm of 8
            labels = np.stack([np.arange(160) % 3 == 0, np.arange(160) % 5 == 0], axis=1)
        labels = np.asarray(labels, dtype=np.int8)
        classes = ["Mass", "Edema", "Hernia"][: labels.shape[1]]
        told = {"name": "table", "title": "A set", "task": "multilabel", "classes": classes, "synthetic": False}
        told |= {"notices": ["licence: none"], "source": str(tmp_path), "images": len(labels), "patients": 80}
        return Material(
            dataset=told | dataset,
            split_summary={"by": "patient", "seed": 0},
            images=described(len(labels)).assign(**(columns or {})),
            rows=np.arange(len(labels)) if rows is None else np.asarray(rows),
            labels=labels,
            pixels=unlike_pictures(len(labels)) if pixels is None else pixels,
            quality=quality,
        )

    return make
