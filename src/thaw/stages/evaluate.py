"""evaluate: one cell's model on validation and test images.

Reads     the parameters evaluate; the prepared data, models/<cell>/, reports/train/<cell>/cost.json.
Writes    reports/evaluate/<cell>/predictions.csv (labels and logits of every validation and test image),
          reports/evaluate/<cell>/metrics.json (test metrics, the share of test images whose patient is trained on,
          how many images were trained on, and what the cell cost).
Promises  every metric can be computed again from the predictions; what is undefined is null.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.cells import Cell
from thaw.command import run
from thaw.evaluation.predictions import metrics_of
from thaw.files import read_json, write_csv, write_json
from thaw.params.read import read_params
from thaw.prepared import Prepared, load_prepared
from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
from thaw.training.inference import predict_logits
from thaw.training.saved import load_model

COST = ("seconds", "images_per_second", "memory_gib", "parameters", "trainable")


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
    """Evaluate the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params = read_params("evaluate").evaluate
    make_deterministic()
    keep_freed_memory()
    data = load_prepared(cell=cell)
    predictions = predict_cell(cell, data, params.batch_size)
    tested = predictions[predictions["split"] == "test"]
    metrics = metrics_of(tested, data.classes, data.task, params.threshold)
    cost = read_json(cell.train_folder / "cost.json")
    write_csv(cell.evaluate_folder / "predictions.csv", predictions)
    trained = {"patient_overlap": round(data.patient_overlap, 6), "train_images": len(data.of("train"))}
    write_json(cell.evaluate_folder / "metrics.json", {**metrics, **trained, **{name: cost[name] for name in COST}})


if __name__ == "__main__":
    run(main)
