"""Predictions are the interface: every metric can be computed from their table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaw.evaluation.predictions import metrics_of
from thaw.files import read_csv, write_csv
from thaw.prepared import Prepared, prediction_table

CLASSES, NAMES = ["Effusion", "Mass"], ["image", "patient", "split"]
TABLE = pd.DataFrame(
    {
        "row": range(5),
        "image": list("abcde"),
        "patient": ["1", "1", "2", "3", "3"],
        "split": ["val", "test", "test", "test", "train"],
        "Effusion": [1, 1, 0, 0, 1],
        "Mass": [0, 0, 1, 0, 0],
    }
)
DATA = Prepared(np.zeros((5, 2, 2), np.uint8), TABLE, CLASSES, "multilabel", "T", synthetic=True)


def test_predictions_name_image_patient_split_labels_and_logits() -> None:
    table = prediction_table(DATA.of("test"), CLASSES, np.array([[2.0, -1], [-1, 3], [-2, -2]]), NAMES)
    assert list(table) == ["image", "patient", "split", "label_Effusion", "label_Mass", "logit_Effusion", "logit_Mass"]
    assert table.iloc[0].tolist() == ["b", "1", "test", 1, 0, 2.0, -1.0]


def test_metrics_can_be_computed_again_from_the_table() -> None:
    table = prediction_table(DATA.of("test"), CLASSES, np.array([[2.0, -1], [-1, 3], [-2, -2]]), NAMES)
    metrics = metrics_of(table, CLASSES, "multilabel", 0.5)
    assert (metrics["auroc_macro"], metrics["accuracy"]) == (1, 1)


@pytest.mark.parametrize("unknown", [0, 1])
def test_a_table_read_back_gives_the_same_metrics(unknown: int, tmp_path: Path) -> None:
    data = dataclasses.replace(DATA, table=TABLE.astype({"Mass": "Int64"}))
    data.table.loc[data.table.index[:unknown], "Mass"] = pd.NA
    parts = [data.of(split) for split in ("val", "test")]
    tables = [prediction_table(part, CLASSES, np.ones((len(part), 2)), NAMES) for part in parts]
    write_csv(tmp_path / "predictions.csv", pd.concat(tables))
    again = read_csv(tmp_path / "predictions.csv")
    tested = again[again["split"] == "test"]
    assert tested["image"].tolist() == list("bcd")
    assert metrics_of(tested, CLASSES, "multilabel", 0.5) == metrics_of(tables[1], CLASSES, "multilabel", 0.5)
