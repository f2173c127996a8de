"""A part of a dataset: some of its classes, or some of its patients."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from thaw.datasets.dataset import LEADING, TRAILING, Dataset
from thaw.errors import UserError, did_you_mean


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

    Always the same patients, and those of a smaller subset are among those of a larger one: patients are brought into
    one order, in which every stratum (patients by their rarest finding) is spread evenly, and the longest fitting
    beginning of it is kept. Within a stratum the order is a hash of the patient.
    """
    if images >= len(dataset.table):
        return dataset
    order = _stratified_order(dataset.table, dataset.classes)
    counts = dataset.table["patient"].value_counts().reindex(order).cumsum()
    kept = order[: max(int((counts <= images).sum()), 1)]
    table = dataset.table[dataset.table["patient"].isin(kept)].reset_index(drop=True)
    told = f"a subset: {len(table):,} of {len(dataset.table):,} images, {len(kept):,} of {len(order):,} patients"
    return dataclasses.replace(dataset, table=table, notices=(*dataset.notices, told))


def _stratified_order(table: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    has = table.groupby("patient")[list(classes)].max().fillna(0).astype("int64") > 0
    by_rarity = has.sum().sort_values(kind="stable").index
    # a patient without any finding belongs to the last stratum
    stratum = np.where(has.any(axis=1), has[by_rarity].to_numpy().argmax(axis=1), len(classes))
    keys = [hashlib.sha256(patient.encode()).digest() for patient in has.index]
    patients = pd.DataFrame({"patient": has.index, "stratum": stratum, "key": keys}).sort_values(["stratum", "key"])
    groups = patients.groupby("stratum")["patient"]
    patients["place"] = (groups.cumcount() + 0.5) / groups.transform("size")
    order: list[str] = patients.sort_values(["place", "stratum"])["patient"].tolist()
    return order


def _left_out(dataset: Dataset, classes: Sequence[str], images: int) -> list[str]:
    others = [name for name in dataset.classes if name not in classes]
    if not others:
        return []
    gone = f", and {images} images with them" if images else ""
    named = ", ".join(f"{name}{did_you_mean(name, classes)}" for name in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return [f"classes left out (dataset.classes){gone}: {named}{more}"]
