"""evaluate: one cell's predictions measured.

Reads     the parameters evaluate; data/dataset.json and labels.csv (sex, age, view, follow-up of the test images),
          reports/predict/<cell>/, reports/train/<cell>/cost.json.
Writes    reports/evaluate/<cell>/metrics.json (the headline: few figures of the test images, and what the cell cost),
          details.json (everything else, see ``thaw.evaluation.assessment``), rule.json (calibration and thresholds,
          fitted on validation images, and the levels of prediction sets), sets.csv (each test image's prediction set).
Promises  needs neither the model nor torch; thresholds and calibration never see a test image; what is undefined is
          null.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from thaw.cells import Cell
from thaw.command import run
from thaw.evaluation.assessment import Assessment, assess
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rounding import rounded
from thaw.evaluation.subgroups.groups import covariates_of
from thaw.files import read_csv, read_json, write_csv, write_json
from thaw.params.evaluation import EvaluateParams
from thaw.params.read import read_params

COST = ("seconds", "images_per_second", "memory_gib", "parameters", "trainable")
DATASET, LABELS = Path("data/dataset.json"), Path("data/labels.csv")


def assess_cell(
    predictions: pd.DataFrame, labels: pd.DataFrame, dataset: dict[str, Any], settings: EvaluateParams
) -> Assessment:
    """Fit on the validation images of a table of predictions, measure its test images."""
    validation, test = (
        Predictions.of_table(predictions[predictions["split"] == split], dataset["classes"], dataset["task"])
        for split in ("val", "test")
    )
    return assess(validation, test, covariates_of(test.images, labels), settings)


def main() -> None:
    """Evaluate the cell named on the command line."""
    cell = Cell.from_arguments(__doc__)
    params = read_params("evaluate").evaluate
    predictions = read_csv(cell.predict_folder / "predictions.csv")
    assessment = assess_cell(predictions, read_csv(LABELS), read_json(DATASET), params)
    trained, cost = read_json(cell.predict_folder / "training_set.json"), read_json(cell.train_folder / "cost.json")
    folder, costs = cell.evaluate_folder, {name: cost[name] for name in COST}
    write_json(folder / "details.json", rounded(assessment.details))
    write_json(folder / "rule.json", assessment.rule)
    write_csv(folder / "sets.csv", assessment.sets)
    write_json(folder / "metrics.json", {**rounded(assessment.headline), **trained, **costs})


if __name__ == "__main__":
    run(main)
