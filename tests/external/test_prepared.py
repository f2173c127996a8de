from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions
from thaw.external.prepared import SPLIT, load_other_set
from thaw.files import read_csv, write_csv, write_json, write_text
from thaw.prepared import prediction_table

CLASSES = ["Mass", "Pneumonia"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images; b.png was quarantined, a patient is called NA, and a label of d.png is not known."""
    path = tmp_path / "other"
    described = {"title": "T", "task": "multilabel", "classes": ["Viral", "Mass"], "synthetic": True}
    write_json(path / "dataset.json", described)
    rows = ["a.png,NA,1,0,M", "b.png,2,0,1,F", "c.png,007,0,1,", "d.png,4,,1,"]
    write_text(path / "labels.csv", "image,patient,Viral,Mass,sex\n" + "\n".join(rows) + "\n")
    write_csv(path / "images.csv", pd.DataFrame({"row": [0, 2, 3], "image": ["a.png", "c.png", "d.png"]}))
    np.save(path / "images.npy", np.arange(16, dtype=np.uint8).reshape(4, 2, 2))
    return path


def test_labels_are_those_of_the_models_classes(folder: Path) -> None:
    data = load_other_set(folder, {"Pneumonia": ["Viral"]}, CLASSES, "multilabel")
    assert data.of(SPLIT)[["row", "image", "patient"]].to_numpy().tolist() == [
        [0, "a.png", "NA"], [2, "c.png", "007"], [3, "d.png", "4"]
    ]  # fmt: skip
    assert data.examples(SPLIT).labels.tolist() == [[-1, 1], [-1, 0], [-1, -1]]
    assert (data.classes, data.task, data.title, data.synthetic) == (CLASSES, "multilabel", "T", True)


def test_predictions_come_back_from_the_file(folder: Path, tmp_path: Path) -> None:
    data = load_other_set(folder, {"Pneumonia": ["Viral"]}, CLASSES, "multilabel")
    table = prediction_table(data.table, data.classes, np.arange(6.0).reshape(3, 2), ["image", "patient"])
    write_csv(tmp_path / "predictions.csv", table)
    table = read_csv(tmp_path / "predictions.csv")
    assert list(table) == ["image", "patient", "label_Mass", "label_Pneumonia", "logit_Mass", "logit_Pneumonia"]
    made = Predictions.of_table(table, CLASSES, "multilabel")
    assert made.labels.tolist() == [[-1, 1], [-1, 0], [-1, -1]]
    assert made.logits.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert made.patients.tolist() == ["NA", "007", "4"]


def test_a_wrong_map_names_the_set(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^evaluate\.external other: classes: the model has no class 'Edema'"):
        load_other_set(folder, {"Edema": ["Viral"]}, CLASSES, "multilabel")
