"""What trained models gave on other sets of X-rays, read for all cells and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule
from thaw.external.drop import measure_external
from thaw.external.strategies import drops_by_strategy
from thaw.files import read_csv, read_json
from thaw.params.evaluation import EvaluateParams
from thaw.report.reading import existing
from thaw.report.results import CellResult, Results

Pair = tuple[Predictions, Predictions]


def read_external(results: Results, settings: EvaluateParams) -> dict[str, dict[str, Any]]:
    """Model → name of the set → what ``drops_by_strategy`` gives, and by cell ``measures`` and ``domain``.

    Of cross-validation it is the models of fold 1, against fold 1's test images.

    Raises:
        UserError: a file is missing.
    """
    return {
        model: {other.name: _of_model(model, other.name, results, settings) for other in settings.external}
        for model in results.models
        if settings.external
    }


def _of_model(model: str, name: str, results: Results, settings: EvaluateParams) -> dict[str, Any]:
    pairs: dict[str, list[Pair]] = {}
    cells: dict[str, Any] = {}
    for result in results.cells:
        if result.cell.model != model:
            continue
        first = result.trained[0]
        folder = first.cell.external_folder(name)
        pair = _pair(first, folder, results)
        pairs.setdefault(result.cell.strategy, []).append(pair)
        domain = read_json(existing(folder / "domain.json"))
        cells[str(first.cell)] = {"measures": measure_external(*pair, *_rule(first), settings), "domain": domain}
    return {**drops_by_strategy(pairs, name, settings), "cells": cells}


def domain_lines(found: Mapping[str, Any]) -> list[str]:
    """Whether a probe tells the sets apart, a line a cell."""
    return [f"{cell}: {of_cell['domain']['sentence']}" for cell, of_cell in found["cells"].items()]


def _pair(result: CellResult, folder: Path, results: Results) -> Pair:
    classes, task = results.subject.classes, results.subject.task
    outside = Predictions.of_table(read_csv(existing(folder / "predictions.csv")), classes, task)
    return Predictions.of_table(result.predictions, classes, task), outside


def _rule(result: CellResult) -> tuple[Any, list[float | None]]:
    rule = DecisionRule.from_json(read_json(existing(result.cell.evaluate_folder / "rule.json")))
    return rule.calibration, list(rule.thresholds)
