"""Predictions are the interface: every metric can be computed from their table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thaw.prepared import Prepared
from thaw.stages.evaluate import metrics_of_test, prediction_table

CLASSES = ["Effusion", "Mass"]
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
    table = prediction_table(DATA, "test", np.array([[2.0, -1], [-1, 3], [-2, -2]]))
    assert list(table) == ["image", "patient", "split", "label_Effusion", "label_Mass", "logit_Effusion", "logit_Mass"]
    assert table.iloc[0].tolist() == ["b", "1", "test", 1, 0, 2.0, -1.0]


def test_metrics_are_of_the_test_images_alone() -> None:
    right = prediction_table(DATA, "test", np.array([[2.0, -1], [-1, 3], [-2, -2]]))
    wrong = prediction_table(DATA, "val", np.array([[-9.0, 9]]))
    metrics = metrics_of_test(pd.concat([wrong, right]), CLASSES, "multilabel", 0.5)
    assert metrics["auroc_macro"] == 1
    assert metrics["accuracy"] == 1
