"""What earlier stages left of the data, joined into one table a row an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.files import read_csv, read_json
from thaw.images.store import CONVERTED, QUARANTINED
from thaw.labels import UNKNOWN, Task

COVARIATES = ("sex", "age", "view", "follow_up")


@dataclass(frozen=True)
class Material:
    """Everything that is known before training.

    Attributes:
        dataset: ``data/dataset.json``.
        split_summary: ``reports/split.json``.
        images: all images, read or not: image, patient, split (empty: in none), source_split, sex, view, age and
            follow_up.
        rows: the row of each in ``pixels``, -1 where it could not be read; (images,) int64.
        labels: (images, classes) int8: 0, 1, or -1 for unknown.
        pixels: (all rows, H, W) uint8, memory-mapped.
        quality: image, action, reason of the images that were quarantined or converted.
    """

    dataset: dict[str, Any]
    split_summary: dict[str, Any]
    images: pd.DataFrame
    rows: NDArray[np.int64]
    labels: NDArray[np.int8]
    pixels: NDArray[np.uint8]
    quality: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of the columns of ``labels``."""
        return list(self.dataset["classes"])

    @property
    def task(self) -> Task:
        """Several labels an image, or exactly one."""
        task: Task = self.dataset["task"]
        return task

    @property
    def source(self) -> Path:
        """The folder or archive that holds the pictures."""
        return Path(self.dataset["source"])

    @property
    def read(self) -> NDArray[np.bool_]:
        """Whether each image could be read."""
        return self.rows >= 0

    def in_split(self, name: str) -> NDArray[np.bool_]:
        """The images that could be read and are in a split."""
        return self.read & (self.images["split"] == name).to_numpy()

    @property
    def quarantined(self) -> pd.DataFrame:
        """The rows of ``quality`` for images that could not be read."""
        return self.quality[self.quality["action"] == QUARANTINED]

    @property
    def converted(self) -> pd.DataFrame:
        """The rows of ``quality`` for images that were converted."""
        return self.quality[self.quality["action"] == CONVERTED]


def load_material(project: Path = Path()) -> Material:
    """Read what download, split and preprocess wrote below ``project``.

    Raises:
        UserError: A file is missing, or the array and its table do not belong together.
    """
    dataset = read_json(_existing(project / "data/dataset.json"))
    table = read_csv(_existing(project / "data/labels.csv"))
    split = read_csv(_existing(project / "data/split.csv"))[["image", "split"]]
    index = read_csv(_existing(project / "data/images.csv"))
    pixels = np.load(_existing(project / "data/images.npy"), mmap_mode="r")
    if len(index) and index["row"].max() >= len(pixels):
        raise UserError(
            f"{project / 'data/images.csv'} names rows that data/images.npy has not; run dvc repro preprocess"
        )
    table = table.merge(split, on="image", how="left", validate="1:1").merge(
        index, on="image", how="left", validate="1:1"
    )
    return Material(
        dataset=dataset,
        split_summary=read_json(_existing(project / "reports/split.json")),
        images=_described(table),
        rows=table["row"].fillna(-1).to_numpy(np.int64),
        labels=table[dataset["classes"]].astype("Int64").to_numpy(np.int64, na_value=UNKNOWN).astype(np.int8),
        pixels=pixels,
        quality=read_csv(_existing(project / "reports/quality.csv")).astype("str"),
    )


def _described(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of ``Material.images``: text empty where unknown, numbers missing."""
    images = table[["image", "patient"]].copy()
    for column in ("split", "source_split", "sex", "view"):
        images[column] = table[column].astype("object").fillna("").astype("str")
    for column in ("age", "follow_up"):
        images[column] = pd.to_numeric(table[column]).astype("float64")
    return images


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UserError(f"{path} is missing; run dvc repro")
    return path
