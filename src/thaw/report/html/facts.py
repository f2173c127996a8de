"""What the page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thaw.report.explained import Explained
from thaw.report.provenance import Provenance
from thaw.report.results import CellResult, Results
from thaw.report.statistics import Statistics


@dataclass(frozen=True)
class PageFacts:
    """Everything that the page tells.

    Attributes:
        results: all cells.
        statistics: ``compute_statistics`` of them.
        threshold: ``evaluate.threshold``.
        dataset: ``data/dataset.json``.
        split: ``reports/split.json``.
        provenance: of the report.
        explained: what explain and embeddings left; None where they were not run.
    """

    results: Results
    statistics: Statistics
    threshold: float
    dataset: Mapping[str, Any]
    split: Mapping[str, Any]
    provenance: Provenance
    explained: Explained | None = None

    @property
    def headline_cells(self) -> list[CellResult]:
        """The selected strategy of every model, first seed."""
        of_models = [self.results.seeds_of(model, self.results.selected) for model in self.results.models]
        return [seeds[0] for seeds in of_models if seeds]
