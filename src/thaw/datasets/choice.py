"""A part of a dataset: some of its classes, or some of its patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from thaw.datasets.dataset import LEADING, TRAILING, Dataset
from thaw.errors import UserError, did_you_mean
from thaw.subsets import draw_patients


def choose_classes(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Keep ``classes``, in their order. Multiclass: images of other classes go; multilabel: they stay, without them.

    Raises:
        UserError: The dataset has no class of that name; offers the nearest.
    """
    for name in classes:
        if name not in dataset.classes:
            near = did_you_mean(name, dataset.classes)
            found = ", ".join(dataset.classes)
            raise UserError(f"dataset.classes: {dataset.source} has no class '{name}'{near}; found: {found}")
    table = dataset.table
    if dataset.task == "multiclass":
        table = table[table[list(classes)].sum(axis=1) == 1]
    notices = [*dataset.notices, *_left_out(dataset, classes, len(dataset.table) - len(table))]
    table = table[[*LEADING, *classes, *TRAILING]].reset_index(drop=True)
    return dataclasses.replace(dataset, classes=tuple(classes), table=table, notices=tuple(notices))


def draw_subset(dataset: Dataset, images: int) -> Dataset:
    """Keep about ``images`` images: whole patients, at most that many images, at least one patient.

    Always the same patients, and those of a smaller subset are among those of a larger one; see ``draw_patients``.
    """
    if images >= len(dataset.table):
        return dataset
    patients, kept = dataset.table["patient"].nunique(), draw_patients(dataset.table, dataset.classes, images)
    table = dataset.table[dataset.table["patient"].isin(kept)].reset_index(drop=True)
    told = f"a subset: {len(table):,} of {len(dataset.table):,} images, {len(kept):,} of {patients:,} patients"
    return dataclasses.replace(dataset, table=table, notices=(*dataset.notices, told))


def _left_out(dataset: Dataset, classes: Sequence[str], images: int) -> list[str]:
    others = [name for name in dataset.classes if name not in classes]
    if not others:
        return []
    gone = f", and {images} images with them" if images else ""
    named = ", ".join(f"{name}{did_you_mean(name, classes)}" for name in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return [f"classes left out (dataset.classes){gone}: {named}{more}"]
