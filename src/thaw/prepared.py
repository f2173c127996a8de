"""The prepared data as training and evaluation read it: the array of images joined with labels, patients and split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.files import read_csv, read_json
from thaw.labels import UNKNOWN, Task
from thaw.training.batches import Examples


@dataclass(frozen=True)
class Prepared:
    """Everything known of the images that were read.

    Attributes:
        pixels: (rows, H, W) uint8, memory-mapped.
        table: one row an image: row, image, patient, split and a 0/1 column for each class, empty where unknown.
        classes: the classes in the order of the logits.
        task: several labels an image, or exactly one.
        title: the dataset's name for people.
        synthetic: whether the images are drawn.
    """

    pixels: NDArray[np.uint8]
    table: pd.DataFrame
    classes: list[str]
    task: Task
    title: str
    synthetic: bool

    def examples(self, split: str) -> Examples:
        """The images and labels of one split, in the order of ``of(split)``.

        Raises:
            UserError: the split holds no image.
        """
        part = self.of(split)
        if part.empty:
            raise UserError(f"no image is left in {split}; see reports/split.json and reports/quality.csv")
        labels = part[self.classes].to_numpy(np.int64, na_value=UNKNOWN)
        return Examples(self.pixels, part["row"].to_numpy(np.int64), labels)

    @property
    def patient_overlap(self) -> float:
        """Share of the test images (0..1) whose patient is trained on too; above 0 the test figures are too good."""
        return float(self.of("test")["patient"].isin(self.of("train")["patient"]).mean())

    def of(self, split: str) -> pd.DataFrame:
        """The rows of ``table`` that belong to a split."""
        return self.table[self.table["split"] == split]


def load_prepared(folder: Path = Path("data")) -> Prepared:
    """Read what download, split and preprocess wrote into ``folder``."""
    dataset = read_json(folder / "dataset.json")
    labels = read_csv(folder / "labels.csv", columns=["image", *dataset["classes"]])
    labels[dataset["classes"]] = labels[dataset["classes"]].astype("Int64")
    split = read_csv(folder / "split.csv")
    rows = read_csv(folder / "images.csv")
    # an inner join: quarantined images have no row
    table = rows.merge(split, on="image", validate="1:1").merge(labels, on="image", validate="1:1")
    pixels = np.load(folder / "images.npy", mmap_mode="r")
    return Prepared(pixels, table, dataset["classes"], dataset["task"], dataset["title"], dataset["synthetic"])
