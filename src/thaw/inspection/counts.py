"""How many images and patients have each label, in each split, and which labels come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.inspection.material import Material
from thaw.labels import UNKNOWN
from thaw.splitting import SPLITS

ALL = "all"
NO_FINDING = "no finding"


@dataclass(frozen=True)
class LabelCount:
    """One label in one split: images of the split, images with the label and with it unknown, patients with it."""

    images: int
    positive: int
    unknown: int
    patients: int

    @property
    def prevalence(self) -> float | None:
        """Share (0..1) of the images whose label is known; None where there is none."""
        known = self.images - self.unknown
        return self.positive / known if known else None


@dataclass(frozen=True)
class Size:
    """Images that could be read, and their patients."""

    images: int
    patients: int


def parts(material: Material) -> dict[str, NDArray[np.bool_]]:
    """The images that could be read: of train, val and test, and all of them."""
    return {**{name: material.in_split(name) for name in SPLITS}, ALL: material.read}


def count_sizes(material: Material) -> dict[str, Size]:
    """Images and patients by split."""
    patients = _codes(material)
    return {name: Size(int(part.sum()), len(np.unique(patients[part]))) for name, part in parts(material).items()}


def count_labels(material: Material) -> dict[str, dict[str, LabelCount]]:
    """Class → split (train, val, test, all) → counts; the classes are those of ``label_columns``."""
    patients, where = _codes(material), parts(material)
    return {
        name: {split: _count(labels[part], patients[part]) for split, part in where.items()}
        for name, labels in label_columns(material).items()
    }


def label_columns(material: Material) -> dict[str, NDArray[np.int8]]:
    """Class → 1, 0 or unknown for each image; for several labels an image also "no finding", unless it is a class."""
    columns = {name: material.labels[:, place] for place, name in enumerate(material.classes)}
    if material.task == "multilabel" and not any(_is_no_finding(name) for name in columns):
        columns[NO_FINDING] = without_finding(material.labels)
    return columns


def without_finding(labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """1 where every label is 0, 0 where one is 1, else unknown; (rows, classes) → (rows,)."""
    undecided = np.where((labels == UNKNOWN).any(axis=1), UNKNOWN, 1)
    return np.where((labels == 1).any(axis=1), 0, undecided).astype(np.int8)


def count_together(material: Material) -> NDArray[np.int64]:
    """Images that have both labels, (classes, classes); on the diagonal those that have the one."""
    positive = (material.labels[material.read] == 1).astype(np.float64)
    return np.asarray(np.rint(positive.T @ positive), dtype=np.int64)


def _count(labels: NDArray[np.int8], patients: NDArray[np.int64]) -> LabelCount:
    positive = labels == 1
    unknown = int((labels == UNKNOWN).sum())
    return LabelCount(len(labels), int(positive.sum()), unknown, len(np.unique(patients[positive])))


def _codes(material: Material) -> NDArray[np.int64]:
    codes, _ = pd.factorize(material.images["patient"])
    return np.asarray(codes, dtype=np.int64)


def _is_no_finding(name: str) -> bool:
    return name.casefold().replace("_", " ") == NO_FINDING
