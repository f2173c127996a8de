"""Where each strategy stands: what it brings, what it costs, and whether another beats it in everything."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from thaw.comparison.differences import mean_auroc
from thaw.comparison.overall import by_strategy
from thaw.comparison.pareto import Point, pareto_front
from thaw.comparison.resampled import Measured


@dataclass(frozen=True)
class Standing:
    """One strategy of one model, or its mean over all models.

    Attributes:
        model: None for the mean over all models.
        strategy: name of the strategy.
        seeds: how many trainings its figures are means of; over models the fewest.
        auroc_macro: None where undefined.
        seconds: of a training.
        memory_gib: None where not measured.
        trainable: parameters changed.
        on_front: no other strategy of the model is at least as good in these four and better in one.
        on_front_of_all: no other strategy of any model is; None for the mean over all models.
    """

    model: str | None
    strategy: str
    seeds: int
    auroc_macro: float | None
    seconds: float
    memory_gib: float | None
    trainable: float
    on_front: bool = False
    on_front_of_all: bool | None = None


def standings_by_model(measured: Sequence[Measured]) -> list[Standing]:
    """Every contender, in the order given."""
    standings = [_standing(one.contender.model, [one]) for one in measured]
    fronts = zip(standings, _front(standings), strict=True)
    return [
        dataclasses.replace(one, on_front=_front([one, *_rivals(one, standings)])[0], on_front_of_all=front)
        for one, front in fronts
    ]


def standings_overall(measured: Sequence[Measured]) -> list[Standing]:
    """Means over models of the strategies that every model has; empty for a single model."""
    standings = [_standing(None, of_models) for of_models in by_strategy(measured).values()]
    fronts = zip(standings, _front(standings), strict=True)
    return [dataclasses.replace(one, on_front=front) for one, front in fronts]


def _rivals(one: Standing, standings: Sequence[Standing]) -> list[Standing]:
    return [other for other in standings if other.model == one.model and other.strategy != one.strategy]


def _front(standings: Sequence[Standing]) -> list[bool]:
    return pareto_front([Point(one.auroc_macro, one.seconds, one.memory_gib, one.trainable) for one in standings])


def _standing(model: str | None, measured: Sequence[Measured]) -> Standing:
    contenders = [one.contender for one in measured]
    memories = [one.memory_gib for one in contenders if one.memory_gib is not None]
    return Standing(
        model=model,
        strategy=contenders[0].strategy,
        seeds=min(one.seeds for one in measured),
        auroc_macro=mean_auroc(measured),
        seconds=fmean(one.seconds for one in contenders),
        memory_gib=fmean(memories) if len(memories) == len(contenders) else None,
        trainable=fmean(one.trainable for one in contenders),
    )
