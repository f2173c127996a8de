"""Predictions made up at random and what evaluate says of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rounding import rounded
from thaw.labels import Task
from thaw.params.evaluation import EvaluateParams
from thaw.params.read import read_params
from thaw.report.comparison import comparison_table
from thaw.report.page import comparison_page
from thaw.report.results import Results
from thaw.report.statistics import Statistics, compute_statistics
from thaw.shortcuts.cautions import shortcut_warnings

COLUMNS = ("sex", "age", "view", "follow_up")


def evaluate_params(**changes: Any) -> EvaluateParams:
    """``evaluate`` of the repository's params.yaml with few resamples."""
    params = read_params("evaluate").evaluate
    conformal = params.conformal.model_copy(update={"repeats": 4})
    return params.model_copy(update={"resamples": 100, "conformal": conformal, **changes})


def made_predictions(classes: tuple[str, ...], task: Task, seed: int = 0, images: int = 40) -> Predictions:
    """Two images a patient; every class has images with and without it, and a network that knows a little."""
    random = np.random.default_rng(seed)
    turn = np.arange(images)[:, None] + np.arange(len(classes))
    labels = (turn % max(len(classes), 2) == 0).astype(np.int8)
    names = np.array([f"{number}.png" for number in range(images)], dtype=object)
    patients = np.array([str(number // 2) for number in range(images)], dtype=object)
    return Predictions(names, patients, labels, labels + random.normal(size=labels.shape), classes, task)


def table_of(predictions: Predictions) -> pd.DataFrame:
    """As predict writes it, without the split."""
    made: dict[str, Any] = {"image": predictions.images, "patient": predictions.patients}
    for column, name in enumerate(predictions.classes):
        made[f"label_{name}"] = predictions.labels[:, column]
        made[f"logit_{name}"] = predictions.logits[:, column]
    return pd.DataFrame(made)


def covariates(predictions: Predictions) -> pd.DataFrame:
    """``data/labels.csv`` of the images: every patient's sex, nothing else known."""
    sex = ["FM"[int(patient) % 2] if patient.isdecimal() else "" for patient in predictions.patients]
    empty = pd.array([pd.NA] * len(predictions), dtype="Int64")
    return pd.DataFrame({"image": predictions.images, "sex": sex, "age": empty, "view": "", "follow_up": empty})


@lru_cache
def made_details(classes: tuple[str, ...], task: Task, seed: int) -> dict[str, Any]:
    """What evaluate says of ``made_predictions``, fitted on themselves; the same object every time."""
    predictions = made_predictions(classes, task, seed)
    found = assess(predictions, predictions, covariates(predictions), evaluate_params())
    details: dict[str, Any] = rounded({**found.details, "headline": found.headline})
    return details


NO_SHORTCUTS: dict[str, Any] = {
    "patients": {"crossing": 0, "examples": [], "test_images": 40, "leaking_test_images": 0},
    "copies": {"pictures": 0, "test_images": 0, "method": "near", "distance_bits": 4, "examples": []},
    "probes": {
        "brightness": {
            "what": "mean, spread and quantiles of gray", "features": 4, "penalty": 1.0, "auroc_macro": 0.5, "low": 0.4,
            "high": 0.6, "auroc": {}, "reason": None,
        },
    },
    "notes": [],
}  # fmt: skip


def made_statistics(results: Results, shortcuts: dict[str, Any] | None = None) -> Statistics:
    """What the cells of ``results`` show together."""
    first = results.cells[0].predictions
    classes = results.subject.classes
    labels = covariates(Predictions.of_table(first, classes, results.subject.task))
    found = shortcuts or NO_SHORTCUTS
    warnings = shortcut_warnings(found, results.auroc_by_cell)
    return compute_statistics(results, labels, found, warnings, evaluate_params())


def table_of_results(results: Results) -> pd.DataFrame:
    """``comparison_table`` of ``results``."""
    return comparison_table(results, made_statistics(results).comparison)


def page_of(results: Results, shortcuts: dict[str, Any] | None = None) -> str:
    """The whole page of ``results``."""
    statistics = made_statistics(results, shortcuts)
    table = comparison_table(results, statistics.comparison)
    return comparison_page(results, table, statistics, 0.5, ["figures/strategies.png"])
