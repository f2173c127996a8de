"""Smaller sets out of one: whole patients, stratified, always the same, and small ones lie in large ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd


def draw_patients(table: pd.DataFrame, classes: Sequence[str], images: int) -> list[str]:
    """The patients of a subset of at most ``images`` images, but of one patient at least.

    Patients are brought into one order, in which every stratum (patients by their rarest finding) is spread evenly, and
    the longest fitting beginning of it is kept. Within a stratum the order is a hash of the patient.

    Args:
        table: one row an image, with ``patient`` and a 0/1 column for each class, empty where unknown.
        classes: the columns that make the strata.
        images: how many images to keep.
    """
    order = _stratified_order(table, classes)
    counts = table["patient"].value_counts().reindex(order).cumsum()
    return order[: max(int((counts <= images).sum()), 1)]


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
