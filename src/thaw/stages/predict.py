"""predict: what one cell's model says of validation and test images, and what it sees in them.

Reads     the parameter evaluate.batch_size; the prepared data, models/trained/<cell>/.
Writes    reports/predict/<cell>/predictions.csv (image, patient, split, label_<class> …, logit_<class> … of every
          validation and test image), features.npz (what the head is given for every test image, and for at most 5,000
          of training and of validation: whole patients), training_set.json (how many images the model was trained on,
          and the share of test images whose patient is among them).
Promises  every figure of evaluate and compare can be computed again from these files, without the model.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from thaw.cells import Cell
from thaw.command import run
from thaw.features import Features, write_features
from thaw.files import write_csv, write_json
from thaw.params.read import read_params
from thaw.prepared import Prepared, load_prepared, prediction_table
from thaw.subsets import draw_patients
from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
from thaw.training.inference import predict_with_features
from thaw.training.saved import load_model

MOST_FEATURES = 5000  # of training and of validation images: enough for neighbours, and a file that stays small


def predict_cell(cell: Cell, data: Prepared, batch_size: int) -> tuple[pd.DataFrame, dict[str, Features]]:
    """Predictions of validation and test images by a cell's model, and features by split."""
    classifier, description = load_model(cell.model_folder)
    device = choose_device("auto")
    classifier.to(device)
    tables, features = [], {}
    for split in ("train", "val", "test"):
        asked = drawn(data, split) if split == "train" else data
        logits, values = predict_with_features(
            classifier, cell.model, asked.examples(split), batch_size, device, description["precision"]
        )
        part = asked.of(split)
        if split != "train":
            tables.append(prediction_table(part, data.classes, logits, ["image", "patient", "split"]))
        kept = part["image"].isin(drawn(data, split).of(split)["image"]).to_numpy() | (split == "test")
        features[split] = Features(part["image"].to_numpy(str)[kept], values[kept])
    return pd.concat(tables, ignore_index=True), features


def drawn(data: Prepared, split: str) -> Prepared:
    """Whole patients with about ``MOST_FEATURES`` images of a split, always the same; other splits are left out."""
    part = data.of(split)
    patients = draw_patients(part, data.classes, MOST_FEATURES)
    return dataclasses.replace(data, table=part[part["patient"].isin(patients)])


def main() -> None:
    """Predict with the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params: Any = read_params("evaluate.batch_size")
    make_deterministic()
    keep_freed_memory()
    data = load_prepared(cell=cell)
    predictions, features = predict_cell(cell, data, params.evaluate["batch_size"])
    write_csv(cell.predict_folder / "predictions.csv", predictions)
    write_features(cell.predict_folder / "features.npz", features)
    trained = {"train_images": len(data.of("train")), "patient_overlap": round(data.patient_overlap, 6)}
    write_json(cell.predict_folder / "training_set.json", trained)


if __name__ == "__main__":
    run(main)
