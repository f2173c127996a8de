"""The one form that every dataset takes: a table of images, patients and findings, and where the pictures lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from thaw.errors import UserError
from thaw.labels import Task

LEADING = ("image", "patient")
TRAILING = ("sex", "age", "view", "follow_up", "source_split")
RESERVED = (*LEADING, *TRAILING, "split", "row")  # columns of the pipeline's tables: no class may have such a name


@dataclass(frozen=True)
class Dataset:
    """Images with labels.

    Attributes:
        title: Its name for people, as reports show it.
        task: ``multilabel`` (any number of findings an image) or ``multiclass`` (exactly one; two classes: binary).
        classes: The findings, in the order of the model's outputs.
        table: One row an image, sorted by image: ``image`` (path inside ``source``), ``patient``, a 0/1 column for
            each class (multilabel: empty where the label is not known), then ``sex`` (M, F), ``age`` (years),
            ``view`` (PA, AP), ``follow_up`` (number) and ``source_split`` (the set's own), empty where unknown.
        source: The folder, .zip or .tar that holds the images.
        synthetic: Whether the pictures are drawn, not taken.
        notices: One-line limits, shown in reports.
    """

    title: str
    task: Task
    classes: tuple[str, ...]
    table: pd.DataFrame
    source: Path
    synthetic: bool
    notices: tuple[str, ...]

    def validated(self) -> Self:
        """Return itself, or raise UserError naming the first class, image or row that breaks the form."""
        if self.table.empty:
            raise UserError(f"{self.source}: no image found")
        check_classes(self.classes, self.task, self.source)
        self._check_columns()
        self._check_labels()
        return self

    def _check_columns(self) -> None:
        columns = [*LEADING, *self.classes, *TRAILING]
        if list(self.table.columns) != columns:
            raise UserError(f"{self.source}: the table's columns are {list(self.table.columns)}, not {columns}")
        repeated = self.table["image"][self.table["image"].duplicated()]
        if not repeated.empty:
            raise UserError(f"{self.source}: '{repeated.iloc[0]}' is listed more than once; keep one row an image")
        nameless = self.table["image"][self.table["patient"].fillna("").astype(str).str.strip() == ""]
        if not nameless.empty:
            raise UserError(f"{self.source}: '{nameless.iloc[0]}' has no patient; every image needs one")

    def _check_labels(self) -> None:
        labels = self.table[list(self.classes)]
        wrong = ~labels.isin([0, 1])
        if self.task == "multilabel":
            wrong &= labels.notna()
        if wrong.to_numpy().any():
            row, column = (int(place[0]) for place in wrong.to_numpy().nonzero())
            found = f"'{self.classes[column]}' of '{self.table['image'].iloc[row]}' is {labels.to_numpy()[row, column]}"
            raise UserError(f"{self.source}: {found}; labels are 0 or 1")
        if self.task == "multilabel":
            return
        several = self.table["image"][labels.sum(axis=1) != 1]
        if not several.empty:
            raise UserError(f"{self.source}: '{several.iloc[0]}' must have exactly one class")
        absent = [name for name in self.classes if not labels[name].any()]
        if absent:
            raise UserError(f"{self.source}: no image of class '{absent[0]}'")


def check_classes(classes: Sequence[str], task: Task, source: Path) -> None:
    """Raise UserError for too few classes, or one whose name is empty, repeated or a column of the pipeline."""
    least = 2 if task == "multiclass" else 1
    if len(classes) < least:
        raise UserError(f"{source}: {task} needs {least} or more classes, found {list(classes)}")
    for name in classes:
        if name in RESERVED or not name.strip() or classes.count(name) > 1:
            rule = f"class names are not empty, differ from each other and are none of {', '.join(RESERVED)}"
            raise UserError(f"{source}: '{name}' cannot name a class: {rule}")


def finding_table(images: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Bring a table that has ``image``, ``patient`` and the classes into ``Dataset.table``'s form.

    Missing covariates are added empty; other columns are left out; rows are sorted by image.
    """
    table = images.reindex(columns=[*LEADING, *classes, *TRAILING])
    for column in ("sex", "view", "source_split"):
        table[column] = table[column].astype("object").fillna("").astype("str")
    for column in ("age", "follow_up"):
        table[column] = table[column].astype("Int64")
    table[list(classes)] = table[list(classes)].astype("Int64")
    return table.sort_values("image", ignore_index=True)


def one_of(labels: pd.Series[str], classes: Sequence[str]) -> pd.DataFrame:
    """Return a 0/1 column for each class from one class name a row."""
    return pd.DataFrame({name: (labels == name).astype("int64") for name in classes})
