"""Patients dealt into equal parts for cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from thaw.folds import split_of_fold
from thaw.splitting.assignment import deal_patients
from thaw.splitting.summary import describe


def split_parts(table: pd.DataFrame, classes: Sequence[str], folds: int, seed: int) -> pd.DataFrame:
    """Return ``image, patient, split, fold`` for every row of ``table``, sorted by image.

    ``fold`` is the part that the image's patient is in, 1 to ``folds``, each about as large and stratified as
    ``split_patients`` does it. ``split`` is that of fold 1; ``thaw.folds.split_of_fold`` gives those of the others.

    Raises UserError for an empty table and for fewer patients than folds.
    """
    # the only patient with some class goes to the part named first: to the last, on which fold 1 trains
    names = [str(part) for part in range(folds, 0, -1)]
    part = deal_patients(table, classes, dict.fromkeys(names, 1 / folds), seed).astype("int64")
    rows = pd.DataFrame({
        "image": table["image"], "patient": table["patient"].astype(str), "split": split_of_fold(part, 1, folds),
        "fold": part,
    })  # fmt: skip
    return rows.sort_values("image", ignore_index=True)


def summarise_parts(split: pd.DataFrame, table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Return what ``reports/split.json`` says about the parts of ``split_parts``.

    ``folds``: for each part in order what ``summarise`` says of a split. ``notes``: a line for each class that some
    part lacks though several patients have it.
    """
    rows = split.merge(table[["image", *classes]], on="image", validate="one_to_one")
    parts = {fold: rows[rows["fold"] == fold] for fold in range(1, int(rows["fold"].max()) + 1)}
    notes = []
    for name in classes:
        positives = rows[rows[name] == 1]
        lacking = [str(fold) for fold in parts if fold not in set(positives["fold"])]
        if lacking and len(set(positives["patient"])) > 1:
            notes.append(f"{name}: absent from the test part of fold {', '.join(lacking)}")
    return {"folds": [describe(part, len(rows), classes) for part in parts.values()], "notes": notes}
