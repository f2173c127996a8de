"""Results made up from known numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.report.made import made_details, made_predictions, table_of
from thaw.cells import Cell
from thaw.labels import Task
from thaw.report.results import CellResult, Results
from thaw.report.subject import Subject

SECONDS = {"frozen": 12.0, "partial": 40.0, "full": 150.0}
TRAINABLE = {"frozen": 17_934, "partial": 1_100_000, "full": 3_391_000}
LIMITS = ("Drawn, not taken: says nothing about patients.", "Hernia: absent from test")


def make_cell(cell: Cell, classes: tuple[str, ...], task: Task, rank: int) -> CellResult:
    """A cell whose test AUROC is 0.700 + 0.010 × rank for every class; the curves rise over five epochs."""
    score = 0.7 + 0.01 * rank
    seed = rank % 2
    predictions, details = made_predictions(classes, task, seed), made_details(classes, task, seed)
    metrics: dict[str, Any] = {**details["metrics"], **details["headline"]}
    metrics |= {"auroc_macro": score, "f1_macro": score - 0.2, "accuracy": score + 0.1}
    for number, name in enumerate(("auroc", "precision", "recall", "f1")):
        metrics[name] = dict.fromkeys(classes, score - 0.1 * number)
    if task == "multiclass":
        metrics["confusion"] = {
            true: {given: 40 + rank if true == given else 7 for given in classes} for true in classes
        }
    cost = {
        "seconds": SECONDS.get(cell.strategy, 30.0) + rank,
        "memory_gib": 1.5,
        "parameters": 3_391_000,
        "trainable": TRAINABLE.get(cell.strategy, 500_000),
    }
    epochs = np.arange(1, 6)
    rise = score * (1 - np.exp(-epochs))
    parts = [
        pd.DataFrame({
            "epoch": epochs, "phase": 1, "split": split, "loss": 1 - rise + off, "accuracy": rise,
            "auroc_macro": rise - off, "learning_rate": 0.01, "images_per_second": 30.0, "peak_memory_gib": 1.5,
        })
        for split, off in (("train", 0.0), ("val", 0.05))
    ]  # fmt: skip
    metrics |= {"train_images": 700, "patient_overlap": 0.0, "images_per_second": 30.0}
    made = {"device": "cpu", "precision": "fp32", "best_epoch": 4, "epochs": 5}
    return CellResult(cell, {**metrics, **cost}, details, {**cost, **made}, pd.concat(parts, ignore_index=True),
                      table_of(predictions))  # fmt: skip


@pytest.fixture
def make_results() -> Callable[..., Results]:
    """Builds results of a grid; ranks count its cells from 0."""

    def make(
        models: tuple[str, ...] = ("resnet18",),
        strategies: tuple[str, ...] = ("frozen", "partial", "full"),
        seeds: tuple[int, ...] = (0,),
        task: Task = "multilabel",
        classes: tuple[str, ...] = ("Mass", "Effusion", "Hernia"),
        selected: str = "full",
    ) -> Results:
        grid = [Cell(model, strategy, seed) for model in models for strategy in strategies for seed in seeds]
        cells = tuple(make_cell(cell, classes, task, rank) for rank, cell in enumerate(grid))
        split = "patient 70/15/15 (seed 0), test 150 images of 60 patients"
        return Results(
            Subject("Phantom chest X-rays (synthetic)", task, classes, split, False, LIMITS), cells, selected
        )

    return make
