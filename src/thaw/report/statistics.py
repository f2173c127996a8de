"""What the cells show together: which strategy is better, for whom, and on which other X-rays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from thaw.comparison.compare import Comparison, compare_strategies
from thaw.comparison.contender import Contender
from thaw.comparison.gap_changes import gap_changes
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.predictions import Predictions
from thaw.params.evaluation import EvaluateParams
from thaw.report.average import average
from thaw.report.results import CellResult, Results


@dataclass(frozen=True)
class Statistics:
    """What was found.

    Attributes:
        comparison: of strategies on the test images.
        gap_changes: what thawing does to the worst served groups, a row a model, factor and strategy.
        shortcuts: ``reports/shortcuts.json``.
        warnings: leaks and shortcuts that put the figures in doubt, a line each.
        external: what ``read_external`` gives.
    """

    comparison: Comparison
    gap_changes: list[dict[str, Any]]
    shortcuts: dict[str, Any]
    warnings: list[str]
    external: dict[str, dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """All of it but the shortcuts, which have a file of their own."""
        return {
            **self.comparison.to_json(), "subgroup_changes": self.gap_changes, "warnings": self.warnings,
            "external": self.external,
        }  # fmt: skip


def compute_statistics(
    results: Results,
    labels: pd.DataFrame,
    shortcuts: dict[str, Any],
    warnings: list[str],
    settings: EvaluateParams,
    external: dict[str, dict[str, Any]] | None = None,
) -> Statistics:
    """Compare the cells of the grid.

    Args:
        results: all cells.
        labels: ``data/labels.csv``: sex, age, view and follow-up of at least the test images.
        shortcuts: ``reports/shortcuts.json``.
        warnings: what it gives rise to.
        settings: ``evaluate`` of params.yaml.
        external: what other sets gave.
    """
    asked = ComparisonSettings(settings.resamples, settings.confidence, settings.margin, settings.threshold)
    found = contenders(results)
    return Statistics(
        compare_strategies(found, asked),
        gap_changes(found, labels, settings.subgroups, asked),
        shortcuts,
        warnings,
        external or {},
    )


def contenders(results: Results) -> list[Contender]:
    """Every model and strategy, with the predictions of all its seeds."""
    return [_contender(model, strategy, results) for model, strategy in results.pairs]


def predictions_of(result: CellResult, results: Results) -> Predictions:
    """What a cell says of its test images."""
    return Predictions.of_table(result.predictions, results.subject.classes, results.subject.task)


def _contender(model: str, strategy: str, results: Results) -> Contender:
    seeds: Sequence[CellResult] = results.seeds_of(model, strategy)
    costs: Mapping[str, Any] = {
        name: average([seed.metrics[name] for seed in seeds]) for name in ("seconds", "memory_gib", "trainable")
    }
    return Contender(model, strategy, tuple(predictions_of(seed, results) for seed in seeds), **costs)
