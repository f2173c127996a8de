"""Whether another strategy helps or hurts the worst served group of patients, and what becomes of the gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.comparison.contender import Contender, aligned
from thaw.comparison.estimate import Estimate, difference_of
from thaw.comparison.multiplicity import holm
from thaw.comparison.resampled import Resampled, rarer_side
from thaw.comparison.settings import ComparisonSettings
from thaw.evaluation.auroc import auroc_by_class
from thaw.evaluation.bootstrap import Resampling, macro_of
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.subgroups.figures import Figure, auroc_of, fewer
from thaw.evaluation.subgroups.groups import (
    FEWEST_PATIENTS,
    Grouping,
    Mask,
    Subgroup,
    covariates_of,
    patients_of,
    subgroups,
)
from thaw.params.evaluation import SubgroupParams

Verdict = Literal["helps", "hurts", "widens", "narrows", "no change shown"]
UNSHOWN: Verdict = "no change shown"


def gap_changes(
    contenders: Sequence[Contender], covariates: pd.DataFrame, asked: SubgroupParams, settings: ComparisonSettings
) -> list[dict[str, Any]]:
    """Compare every strategy with the most frozen one of its model, group of patients by group of patients.

    The most frozen strategy is the one that trains the fewest parameters, the first of equals. By each factor alone
    (sex, age, view, follow-up) the worst and the best group are those of the mean over all strategies of the model:
    picked for one strategy, the worst group would look better under every other by chance. Only classes that all groups
    define count. Differences, their errors and what seeds add to these are by ``difference_of``, on at most
    ``AUROC_RESAMPLES`` samples of patients; p-values are adjusted by Holm over all models, factors and strategies,
    those of the worst group and those of the gap each by themselves.

    Factors whose groups cannot be compared give no row; ``largest_gaps`` says why.

    Args:
        contenders: of the same images.
        covariates: a table of at least these images: ``image``, ``sex``, ``age``, ``view``, ``follow_up``.
        asked: the groups.
        settings: samples and confidence.

    Returns:
        A row a model, factor and strategy: ``model``, ``factor``, ``strategy``, ``instead_of`` (the most frozen one),
        ``seeds`` (the fewer of both), ``classes`` (how many count), ``worst`` and ``best`` (groups); ``auroc`` and
        ``auroc_before`` {group: macro AUROC} of the strategy and of the most frozen one; ``gap`` and ``gap_before``,
        the best's less the worst's (below 0 where a strategy has them the other way round). Then for the worst group's
        macro AUROC, ``worst_``, and for the gap, ``gap_``: ``change``, ``interval`` [low, high], ``p``, ``p_holm``,
        ``verdict`` and ``reason``, which says why any of them is None. Last a ``sentence``.

    Raises:
        UserError: the contenders are not of the same images, or one of these is not in ``covariates``.
    """
    if not contenders:
        return []
    ordered = aligned(contenders)
    of_all = ordered[0].predictions[0]
    groups = subgroups(covariates_of(of_all.images, covariates), asked)
    divisions = list(_divisions(groups, of_all))
    resampling = fewer(Resampling.of(of_all.patients, settings.resamples, settings.seed))
    changes = [
        change
        for model in dict.fromkeys(contender.model for contender in ordered)
        for division in divisions
        for change in _changes([one for one in ordered if one.model == model], division, resampling)
    ]
    adjusted = zip(holm([one.worst.p for one in changes]), holm([one.gap.p for one in changes]), strict=True)
    return [_row(change, p_holm, settings) for change, p_holm in zip(changes, adjusted, strict=True)]


@dataclass(frozen=True)
class _Division:
    """Groups that one factor tells apart, and the classes that all of them define, (classes,)."""

    factor: str
    groups: list[Subgroup]
    classes: Mask


@dataclass(frozen=True)
class _Change:
    """From one strategy to another of the same model; AUROC by group, and of a pair the differences."""

    division: _Division
    before: Contender
    after: Contender
    auroc_before: dict[str, float]
    auroc: dict[str, float]
    pair: tuple[Subgroup, Subgroup]
    worst: Estimate
    gap: Estimate


def _divisions(groups: Grouping, predictions: Predictions) -> Iterator[_Division]:
    for factors, divided in groups.by_factors().items():
        defined = {group.name: _defined(predictions.labels[group.mask]) for group in divided}
        compared = [
            group
            for group in divided
            if defined[group.name].any() and patients_of(group, predictions.patients) >= FEWEST_PATIENTS
        ]
        if len(factors) == 1 and len(compared) > 1:
            classes = np.all([defined[group.name] for group in compared], axis=0)
            if classes.any():
                yield _Division(factors[0], compared, classes)


def _defined(labels: NDArray[np.integer]) -> Mask:
    """Which classes have an AUROC on these images, (classes,)."""
    both: Mask = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
    return both


def _changes(contenders: Sequence[Contender], division: _Division, resampling: Resampling) -> list[_Change]:
    """From the most frozen of one model's strategies to each other."""
    if len(contenders) < 2:
        return []
    aurocs = [{group.name: _auroc(one, group, division.classes) for group in division.groups} for one in contenders]
    means = [float(np.mean([auroc[group.name] for auroc in aurocs])) for group in division.groups]
    order = np.argsort(means, kind="stable")
    pair = division.groups[order[0]], division.groups[order[-1]]
    frozen = min(range(len(contenders)), key=lambda place: contenders[place].trainable)
    resampled = [_resampled(one, pair, division.classes, resampling) for one in contenders]
    changes = []
    for place, after in enumerate(contenders):
        if place != frozen:
            same = after.predicts_as(contenders[frozen])
            estimates = [
                difference_of([mine], [theirs], same)
                for mine, theirs in zip(resampled[place], resampled[frozen], strict=True)
            ]
            change = _Change(division, contenders[frozen], after, aurocs[frozen], aurocs[place], pair, *estimates)
            changes.append(change)
    return changes


def _auroc(contender: Contender, group: Subgroup, classes: Mask) -> float:
    """Macro AUROC of a group, the mean over seeds."""
    of_seeds = [
        auroc_by_class(made.labels[group.mask][:, classes], made.scores[group.mask][:, classes])
        for made in contender.predictions
    ]
    return float(np.mean(np.array(of_seeds, dtype=np.float64)))


def _resampled(
    contender: Contender, pair: tuple[Subgroup, Subgroup], classes: Mask, resampling: Resampling
) -> tuple[Resampled, Resampled]:
    """Macro AUROC of the worst group, and how much higher that of the best is."""
    labels = contender.predictions[0].labels[:, classes]
    worst, best = (
        [auroc_of(labels, made.scores[:, classes], group.mask, resampling) for made in contender.predictions]
        for group in pair
    )
    of_worst, of_best = (
        int(rarer_side(labels[group.mask], resampling.patients[group.mask]).any(axis=1).sum()) for group in pair
    )
    leads = [
        Figure(np.array([high.macro - low.macro]), high.samples - low.samples)
        for low, high in zip(worst, best, strict=True)
    ]
    averages = int(classes.sum())
    return _macro(worst, of_worst, averages), _macro(leads, min(of_worst, of_best), averages)


def _macro(of_seeds: Sequence[Figure], patients: int, averages: int) -> Resampled:
    values = np.array([figure.macro for figure in of_seeds])
    samples = np.stack([macro_of(figure.samples) for figure in of_seeds], axis=1)
    return Resampled(values, samples, patients, averages)


def _row(change: _Change, p_holm: tuple[float | None, float | None], settings: ComparisonSettings) -> dict[str, Any]:
    worst, best = (group.name for group in change.pair)
    named = {
        "model": change.after.model,
        "factor": change.division.factor,
        "strategy": change.after.strategy,
        "instead_of": change.before.strategy,
        "seeds": min(len(change.before.predictions), len(change.after.predictions)),
        "classes": int(change.division.classes.sum()),
        "worst": worst,
        "best": best,
        "auroc": change.auroc,
        "auroc_before": change.auroc_before,
        "gap": change.auroc[best] - change.auroc[worst],
        "gap_before": change.auroc_before[best] - change.auroc_before[worst],
    }
    of_worst = _described(change.worst, p_holm[0], ("helps", "hurts"), settings)
    of_gap = _described(change.gap, p_holm[1], ("widens", "narrows"), settings)
    return {
        **named,
        **{f"worst_{name}": value for name, value in of_worst.items()},
        **{f"gap_{name}": value for name, value in of_gap.items()},
        "sentence": _sentence(change, of_worst, of_gap),
    }


def _described(
    estimate: Estimate, p_holm: float | None, verdicts: tuple[Verdict, Verdict], settings: ComparisonSettings
) -> dict[str, Any]:
    """``verdicts``: what a change above 0 and one below 0 mean."""
    low, high = estimate.interval(settings.confidence)
    shown = estimate.value is not None and p_holm is not None and p_holm <= settings.level
    return {
        "change": estimate.value,
        "interval": None if low is None else [low, high],
        "p": estimate.p,
        "p_holm": p_holm,
        "verdict": verdicts[0 if (estimate.value or 0) > 0 else 1] if shown else UNSHOWN,
        "reason": estimate.reason,
    }


def _sentence(change: _Change, of_worst: dict[str, Any], of_gap: dict[str, Any]) -> str:
    worst, best = (group.name for group in change.pair)
    said = f" {of_worst['verdict']} the worst group ({worst})"
    if of_worst["verdict"] == UNSHOWN:
        said = f": {UNSHOWN} for the worst group ({worst})"
    gap = f"the gap to {best} {of_gap['verdict']}"
    if of_gap["verdict"] == UNSHOWN:
        gap = f"{UNSHOWN} for the gap to {best}"
    strategies = f"{change.after.model}: {change.after.strategy} instead of {change.before.strategy}"
    return f"{strategies}{said}, macro AUROC {_signed(of_worst)}; {gap}, {_signed(of_gap)}"


def _signed(described: dict[str, Any]) -> str:
    """A change with its interval, or why there is none."""
    if described["change"] is None:
        return f"undefined ({described['reason']})"
    if described["interval"] is None:
        return f"{described['change']:+.3f} (no interval: {described['reason']})"
    low, high = described["interval"]
    return f"{described['change']:+.3f} ({low:+.3f} to {high:+.3f})"
