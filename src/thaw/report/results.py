"""The measured cells of the grid as the tables, the page and the figures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from thaw.cells import Cell
from thaw.report.subject import Subject

# of metrics.json: by these, runs are told apart
HEADLINE = (
    "auroc_macro", "auroc_macro_low", "auroc_macro_high", "average_precision_macro", "f1_macro", "f1_macro_fitted",
    "accuracy", "calibration_error", "patient_overlap", "train_images", "seconds", "images_per_second", "memory_gib",
    "parameters", "trainable",
)  # fmt: skip


@dataclass(frozen=True)
class CellResult:
    """One trained and evaluated cell, or several folds of one pooled.

    Attributes:
        cell: which one; of pooled folds the first.
        metrics: test metrics, and what the cell cost.
        details: everything else that evaluate found, see ``thaw.evaluation.assessment``; empty for pooled folds, of
            which each has its own thresholds and calibration.
        cost: how and on what it was trained.
        history: its curves, one row an epoch and split.
        predictions: the test images: image, patient, label_<class> …, logit_<class> …
        folds: the results that were pooled into this one; empty for a single cell.
    """

    cell: Cell
    metrics: dict[str, Any]
    details: dict[str, Any]
    cost: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame
    folds: tuple[CellResult, ...] = ()

    @property
    def trained(self) -> tuple[CellResult, ...]:
        """The single cells behind this result, fold 1 first."""
        return self.folds or (self,)


@dataclass(frozen=True)
class Results:
    """All cells of the grid, in its order.

    Attributes:
        subject: what was compared on.
        cells: one result a model, strategy and seed, folds pooled.
        selected: the strategy of the headline.
        smaller: the cells trained on subsets, tested on the test images of fold 1.
    """

    subject: Subject
    cells: tuple[CellResult, ...]
    selected: str
    smaller: tuple[CellResult, ...] = ()

    @property
    def models(self) -> list[str]:
        """The models, in the grid's order."""
        return list(dict.fromkeys(result.cell.model for result in self.cells))

    @property
    def strategies(self) -> list[str]:
        """The strategies, in the grid's order."""
        return list(dict.fromkeys(result.cell.strategy for result in self.cells))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model with every strategy, in the grid's order."""
        return list(dict.fromkeys((result.cell.model, result.cell.strategy) for result in self.cells))

    @property
    def auroc_by_cell(self) -> dict[str, float | None]:
        """Test macro AUROC of every result."""
        return {str(result.cell): result.metrics["auroc_macro"] for result in self.cells}

    @property
    def trained(self) -> list[CellResult]:
        """Every single cell on all training images, each fold by itself."""
        return [single for result in self.cells for single in result.trained]

    def seeds_of(self, model: str, strategy: str) -> list[CellResult]:
        """The results of one model and strategy, one for each seed."""
        return [result for result in self.cells if (result.cell.model, result.cell.strategy) == (model, strategy)]
