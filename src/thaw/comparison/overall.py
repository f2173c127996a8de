"""Strategies over all models at once: the mean of their macro AUROC."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from thaw.comparison.differences import Difference, Pair, family_of
from thaw.comparison.resampled import Measured
from thaw.comparison.settings import ComparisonSettings


def by_strategy(measured: Sequence[Measured]) -> dict[str, list[Measured]]:
    """The strategies that every model has, each as measured model by model; empty for a single model."""
    models = list(dict.fromkeys(one.contender.model for one in measured))
    strategies = list(dict.fromkeys(one.contender.strategy for one in measured))
    of_cell = {(one.contender.model, one.contender.strategy): one for one in measured}
    if len(models) < 2:
        return {}
    return {
        strategy: [of_cell[model, strategy] for model in models]
        for strategy in strategies
        if all((model, strategy) in of_cell for model in models)
    }


def compare_overall(measured: Sequence[Measured], settings: ComparisonSettings) -> list[Difference]:
    """All pairs of strategies by their mean over models; a family of its own. Empty for a single model.

    Patients are the same for all models, so what they do to several of them at once is counted. The models are these
    and no others: nothing is said of networks that were not trained.
    """
    pairs = combinations(by_strategy(measured).values(), 2)
    return family_of([Pair(None, first, second) for first, second in pairs], settings)
