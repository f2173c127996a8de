"""The comparison as tables: one row a model and strategy, the headline, and all learning curves."""

from __future__ import annotations

from statistics import stdev
from typing import Any

import pandas as pd

from thaw.comparison.compare import Comparison
from thaw.report.average import DIGITS, average
from thaw.report.pooling import auroc_over_folds
from thaw.report.results import HEADLINE, CellResult, Results

MEASURES = (
    "auroc_macro",
    "average_precision_macro",
    "f1_macro",
    "accuracy",
    "seconds",
    "memory_gib",
    "parameters",
    "trainable",
)
LAST = ("folds", "auroc_macro_fold_mean", "auroc_macro_fold_sd", "train_images")
CURVES = ("cell", "split", "epoch", "loss", "accuracy", "auroc_macro")


def headline(results: Results) -> dict[str, Any]:
    """The few figures of the selected strategy of the first model by which runs are told apart; means over seeds."""
    seeds = results.seeds_of(results.models[0], results.selected)
    metrics: dict[str, Any] = average([{name: seed.metrics[name] for name in HEADLINE} for seed in seeds])
    return metrics


def comparison_table(results: Results, comparison: Comparison) -> pd.DataFrame:
    """One row a model and strategy, in the grid's order: means over seeds; undefined values are empty.

    Metrics are of the test images; where there are ``folds``, of the pooled out-of-fold predictions of a seed.
    ``auroc_macro_low`` and ``_high`` are the ends of the interval over test patients, of a single seed alone: over
    several see the differences. ``on_front``: no other strategy of the model beats it in AUROC, seconds, memory and
    parameters.
    ``auroc_macro_std`` is the sample standard deviation over seeds, empty for fewer than two. ``folds``: how many are
    pooled; ``auroc_macro_fold_mean`` and ``auroc_macro_fold_sd``: see ``auroc_over_folds``, empty for a single one.
    ``train_images``: how many a training saw, the mean over folds.
    """
    fronts = {(one.model, one.strategy): one.on_front for one in comparison.standings}
    rows = [{**_row(results.seeds_of(*pair)), "on_front": fronts[pair]} for pair in results.pairs]
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
    low, high = (seeds[0].metrics[f"auroc_macro_{end}"] if len(seeds) == 1 else None for end in ("low", "high"))
    fold_mean, fold_sd = auroc_over_folds(seeds)
    return {
        "model": cell.model, "strategy": cell.strategy, "seeds": len(seeds), **means, "auroc_macro_low": low,
        "auroc_macro_high": high, "auroc_macro_std": spread,
        "folds": len(seeds[0].trained), "auroc_macro_fold_mean": fold_mean, "auroc_macro_fold_sd": fold_sd,
        "train_images": round(average([result.metrics["train_images"] for result in seeds])),
    }  # fmt: skip
