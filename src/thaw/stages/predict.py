"""predict: what one cell's model says of validation and test images.

Reads     the parameter evaluate.batch_size; the prepared data, models/<cell>/.
Writes    reports/predict/<cell>/predictions.csv (image, patient, split, label_<class> …, logit_<class> … of every
          validation and test image) and training_set.json (how many images the model was trained on, and the share of
          test images whose patient is among them).
Promises  every figure of evaluate and compare can be computed again from these files, without the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.cells import Cell
from thaw.command import run
from thaw.files import write_csv, write_json
from thaw.params.read import read_params
from thaw.prepared import Prepared, load_prepared
from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
from thaw.training.inference import predict_logits
from thaw.training.saved import load_model


def prediction_table(data: Prepared, split: str, logits: NDArray[np.floating]) -> pd.DataFrame:
    """One row an image of ``split``: image, patient, split, label_<class> …, logit_<class> …"""
    part = data.of(split)
    labels = part[data.classes].add_prefix("label_")
    scores = pd.DataFrame(logits, columns=[f"logit_{name}" for name in data.classes], index=part.index)
    return pd.concat([part[["image", "patient", "split"]], labels, scores], axis=1)


def predict_cell(cell: Cell, data: Prepared, batch_size: int) -> pd.DataFrame:
    """The predictions of a cell's model for validation and test images."""
    classifier, description = load_model(cell.model_folder)
    device = choose_device("auto")
    classifier.to(device)
    tables = []
    for split in ("val", "test"):
        logits = predict_logits(classifier, data.examples(split), batch_size, device, description["precision"])
        tables.append(prediction_table(data, split, logits))
    return pd.concat(tables, ignore_index=True)


def main() -> None:
    """Predict with the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params: Any = read_params("evaluate.batch_size")
    make_deterministic()
    keep_freed_memory()
    data = load_prepared(cell=cell)
    write_csv(cell.predict_folder / "predictions.csv", predict_cell(cell, data, params.evaluate["batch_size"]))
    trained = {"train_images": len(data.of("train")), "patient_overlap": round(data.patient_overlap, 6)}
    write_json(cell.predict_folder / "training_set.json", trained)


if __name__ == "__main__":
    run(main)
