"""The comparison as tables: one row a model and strategy, the headline, and all learning curves."""

from __future__ import annotations

from statistics import stdev
from typing import Any

import pandas as pd

from thaw.report.average import DIGITS, average
from thaw.report.pooling import auroc_over_folds
from thaw.report.results import CellResult, Results

MEASURES = ("auroc_macro", "f1_macro", "accuracy", "seconds", "memory_gib", "parameters", "trainable")
LAST = ("folds", "auroc_macro_fold_mean", "auroc_macro_fold_sd", "train_images")
CURVES = ("cell", "split", "epoch", "loss", "accuracy", "auroc_macro")


def headline(results: Results) -> dict[str, Any]:
    """Metrics of the selected strategy of the first model, by the names that each cell's metrics have."""
    seeds = results.seeds_of(results.models[0], results.selected)
    metrics: dict[str, Any] = average([result.metrics for result in seeds])
    return metrics


def comparison_table(results: Results) -> pd.DataFrame:
    """One row a model and strategy, in the grid's order: means over seeds; undefined values are empty.

    Metrics are of the test images; where there are ``folds``, of the pooled out-of-fold predictions of a seed.
    ``auroc_macro_std`` is the sample standard deviation over seeds, empty for fewer than two. ``folds``: how many are
    pooled; ``auroc_macro_fold_mean`` and ``auroc_macro_fold_sd``: see ``auroc_over_folds``, empty for a single one.
    ``train_images``: how many a training saw, the mean over folds.
    """
    rows = [_row(results.seeds_of(model, strategy)) for model, strategy in results.pairs]
    table = pd.DataFrame(rows).assign(split=results.subject.split, dataset=results.subject.title)
    return table[[*(name for name in table if name not in LAST), *LAST]]


def curves_table(results: Results) -> pd.DataFrame:
    """All trainings' curves below each other: ``cell, split, epoch, loss, accuracy, auroc_macro``."""
    trainings = [*results.trained, *results.smaller]
    tables = [result.history.assign(cell=str(result.cell)) for result in trainings]
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
    fold_mean, fold_sd = auroc_over_folds(seeds)
    return {
        "model": cell.model, "strategy": cell.strategy, "seeds": len(seeds), **means, "auroc_macro_std": spread,
        "folds": len(seeds[0].trained), "auroc_macro_fold_mean": fold_mean, "auroc_macro_fold_sd": fold_sd,
        "train_images": round(average([result.metrics["train_images"] for result in seeds])),
    }  # fmt: skip
