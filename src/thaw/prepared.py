"""The prepared data as training and evaluation read it: the array of images joined with labels, patients and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import read_csv, read_json
from thaw.folds import split_of_fold
from thaw.labels import UNKNOWN, Task
from thaw.subsets import draw_patients

if TYPE_CHECKING:
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
        # imported here: it brings torch, which takes two seconds; what is wrong with the data is told without it
        from thaw.training.batches import Examples

        labels = part[self.classes].to_numpy(np.int64, na_value=UNKNOWN)
        return Examples(self.pixels, part["row"].to_numpy(np.int64), labels)

    @property
    def patient_overlap(self) -> float:
        """Share of the test images (0..1) whose patient is trained on too; above 0 the test figures are too good."""
        return float(self.of("test")["patient"].isin(self.of("train")["patient"]).mean())

    def of(self, split: str) -> pd.DataFrame:
        """The rows of ``table`` that belong to a split."""
        return self.table[self.table["split"] == split]


def load_prepared(folder: Path = Path("data"), cell: Cell | None = None) -> Prepared:
    """Read what download, split and preprocess wrote into ``folder``.

    Args:
        folder: where the prepared data lie.
        cell: its ``fold`` says which part to test on, its ``subset`` how many images to train on; validation and test
            images stay all. None: the split as it stands.

    Raises:
        UserError: the data are not split into such folds, or there are fewer training images than the subset asks for.
    """
    dataset = read_json(folder / "dataset.json")
    labels = read_csv(folder / "labels.csv", columns=["image", *dataset["classes"]])
    labels[dataset["classes"]] = labels[dataset["classes"]].astype("Int64")
    split = read_csv(folder / "split.csv")
    rows = read_csv(folder / "images.csv")
    if cell is not None and cell.fold is not None:
        split["split"] = _split_of_fold(split, cell.fold)
    # an inner join: quarantined images have no row
    table = rows.merge(split.drop(columns="fold", errors="ignore"), on="image", validate="1:1")
    table = table.merge(labels, on="image", validate="1:1")
    if cell is not None and cell.subset is not None:
        table = _with_fewer_to_train(table, dataset["classes"], cell.subset)
    pixels = np.load(folder / "images.npy", mmap_mode="r")
    return Prepared(pixels, table, dataset["classes"], dataset["task"], dataset["title"], dataset["synthetic"])


def prediction_table(
    part: pd.DataFrame, classes: Sequence[str], logits: NDArray[np.floating], names: Sequence[str]
) -> pd.DataFrame:
    """One row an image: ``names``, then label_<class> … (empty where unknown) and logit_<class> …

    Args:
        part: rows of a ``Prepared.table``.
        classes: in the order of the logits.
        logits: (rows, classes).
        names: further columns of ``part`` that are kept.
    """
    scores = pd.DataFrame(logits, columns=[f"logit_{name}" for name in classes], index=part.index)
    return pd.concat([part[list(names)], part[list(classes)].add_prefix("label_"), scores], axis=1)


def _split_of_fold(split: pd.DataFrame, fold: int) -> pd.Series[str]:
    if "fold" not in split or split["fold"].isna().any():
        raise UserError(f"fold {fold}: the data are not split into folds; set split.folds in params.yaml")
    folds = int(split["fold"].max())
    if fold > folds:
        raise UserError(f"fold {fold}: the data are split into {folds} folds; use 1 to {folds}")
    return split_of_fold(split["fold"], fold, folds)


def _with_fewer_to_train(table: pd.DataFrame, classes: list[str], images: int) -> pd.DataFrame:
    training = table["split"] == "train"
    if images > training.sum():
        raise UserError(f"subset {images}: there are only {training.sum()} training images; ask for fewer (subsets)")
    kept = draw_patients(table[training], classes, images)
    return table[~training | table["patient"].isin(kept)].reset_index(drop=True)
