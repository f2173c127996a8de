"""What the pipeline left about the dataset, the split and every cell of the grid, read into one value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from thaw.cells import Cell
from thaw.errors import UserError
from thaw.files import read_csv, read_json
from thaw.params.evaluation import EvaluateParams
from thaw.report.pooling import check_same_images, pool
from thaw.report.results import CellResult, Results
from thaw.report.subject import describe_subject

DATASET, SPLIT = Path("data/dataset.json"), Path("reports/split.json")


def read_results(cells: Sequence[Cell], smaller: Sequence[Cell], selected: str, settings: EvaluateParams) -> Results:
    """Read exactly the files of the cells, whatever else lies in the folders, and pool the folds.

    Args:
        cells: the grid, as ``thaw.cells.grid`` orders it: the folds of a seed beside each other, fold 1 first.
        smaller: those trained on subsets.
        selected: the strategy of the headline.
        settings: ``evaluate`` of params.yaml, for the metrics of pooled predictions.

    Raises:
        UserError: a file is missing, or cells test different images.
    """
    folds = list(dict.fromkeys(cell.fold or 1 for cell in cells))
    subject = describe_subject(read_json(existing(DATASET)), _split_with(folds), folds)
    by_seed = [list(group) for _, group in groupby(cells, lambda cell: (cell.model, cell.strategy, cell.seed))]
    results = [pool([_read_cell(cell) for cell in group], subject, settings) for group in by_seed]
    on_subsets = [_read_cell(cell) for cell in smaller]
    check_same_images(results)
    check_same_images([*(result.trained[0] for result in results), *on_subsets])
    return Results(subject, tuple(results), selected, tuple(on_subsets))


def _split_with(folds: Sequence[int]) -> dict[str, object]:
    split = read_json(existing(SPLIT))
    if len(folds) > 1 and len(split.get("folds", [])) < max(folds):
        raise UserError(f"{SPLIT} does not hold the folds that params.yaml names; run dvc repro")
    return split


def _read_cell(cell: Cell) -> CellResult:
    predictions = read_csv(existing(cell.predict_folder / "predictions.csv"))
    details = read_json(existing(cell.evaluate_folder / "details.json"))
    return CellResult(
        cell,
        {**details["metrics"], **read_json(existing(cell.evaluate_folder / "metrics.json"))},
        details,
        read_json(existing(cell.train_folder / "cost.json")),
        pd.read_csv(existing(cell.train_folder / "history.csv")),
        predictions[predictions["split"] == "test"].drop(columns="split").reset_index(drop=True),
    )


def existing(path: Path) -> Path:
    """The path; raises UserError where nothing is there."""
    if not path.exists():
        raise UserError(f"{path} is missing; run dvc repro")
    return path
