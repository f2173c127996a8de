"""The comparison as tables: one row a model and strategy, the headline, and all learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from thaw.report.results import CellResult, Results

DIGITS = 6
MEASURES = ("auroc_macro", "f1_macro", "accuracy", "seconds", "memory_gib", "parameters", "trainable")
CURVES = ("cell", "split", "epoch", "loss", "accuracy", "auroc_macro")


def average(values: Sequence[Any]) -> Any:
    """Mean over seeds of one metric, rounded; nested metrics name by name.

    Seeds for which it is undefined (None) are left out; None where it is undefined for all.

    >>> average([{"f1": {"Mass": 0.2}}, {"f1": {"Mass": 0.4}}, {"f1": {"Mass": None}}])
    {'f1': {'Mass': 0.3}}
    """
    if isinstance(values[0], dict):
        return {name: average([value[name] for value in values]) for name in values[0]}
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    # equal counts stay whole numbers
    return round(defined[0] if len(set(defined)) == 1 else fmean(defined), DIGITS)


def headline(results: Results) -> dict[str, Any]:
    """Metrics of the selected strategy of the first model, by the names that each cell's metrics have."""
    seeds = results.seeds_of(results.models[0], results.selected)
    metrics: dict[str, Any] = average([result.metrics for result in seeds])
    return metrics


def comparison_table(results: Results) -> pd.DataFrame:
    """One row a model and strategy, in the grid's order: means over seeds; undefined values are empty.

    ``auroc_macro_std`` is the sample standard deviation over seeds, empty for fewer than two.
    """
    rows = [_row(results.seeds_of(model, strategy)) for model, strategy in results.pairs]
    return pd.DataFrame(rows).assign(split=results.subject.split, dataset=results.subject.title)


def curves_table(results: Results) -> pd.DataFrame:
    """All cells' curves below each other: ``cell, split, epoch, loss, accuracy, auroc_macro``."""
    tables = [result.history.assign(cell=str(result.cell)) for result in results.cells]
    return pd.concat(tables, ignore_index=True)[list(CURVES)]


def undefined_classes(results: Results) -> list[str]:
    """Classes without an AUROC in some cell, which its macro average leaves out."""
    return [
        name
        for name in results.subject.classes
        if any(result.metrics["auroc"][name] is None for result in results.cells)
    ]


def _row(seeds: list[CellResult]) -> dict[str, Any]:
    cell = seeds[0].cell
    means = {name: average([result.metrics[name] for result in seeds]) for name in MEASURES}
    aurocs = [result.metrics["auroc_macro"] for result in seeds if result.metrics["auroc_macro"] is not None]
    spread = round(stdev(aurocs), DIGITS) if len(aurocs) > 1 else None
    return {"model": cell.model, "strategy": cell.strategy, "seeds": len(seeds), **means, "auroc_macro_std": spread}
