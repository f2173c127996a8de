"""The whole comparison of strategies on the same test patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thaw.comparison.accuracy_differences import AccuracyDifference, accuracy_differences
from thaw.comparison.class_differences import ClassDifference, class_differences
from thaw.comparison.contender import Contender
from thaw.comparison.differences import Difference, differences_within
from thaw.comparison.overall import compare_overall
from thaw.comparison.resampled import Measured, measure_contenders
from thaw.comparison.settings import ComparisonSettings
from thaw.comparison.standing import Standing, standings_by_model, standings_overall
from thaw.comparison.verdict import Verdict, verdict_of


@dataclass(frozen=True)
class Comparison:
    """All that was compared.

    Attributes:
        settings: how.
        verdicts: one a model, in the order of the contenders.
        verdict_overall: over all models; None for a single model, or where no strategy is common to all.
        standings: one a contender.
        standings_overall: means over models; empty for a single model.
        differences: macro AUROC of all pairs within each model: one family.
        differences_overall: of the means over models: a second family; empty for a single model.
        class_differences: AUROC by class.
        accuracy_differences: of all decisions, and (several labels an image) by class.
    """

    settings: ComparisonSettings
    verdicts: tuple[Verdict, ...]
    verdict_overall: Verdict | None
    standings: tuple[Standing, ...]
    standings_overall: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    differences_overall: tuple[Difference, ...]
    class_differences: tuple[ClassDifference, ...]
    accuracy_differences: tuple[AccuracyDifference, ...]

    def to_json(self) -> dict[str, Any]:
        """Attributes by name as plain mappings, lists and numbers; undefined ones None, nothing rounded."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def compare_strategies(contenders: Sequence[Contender], settings: ComparisonSettings) -> Comparison:
    """Compare all strategies within each model, and over all models.

    Raises:
        UserError: the contenders are not of the same images, patients, labels and classes.
        ValueError: there is no contender, one has no predictions, or two are of the same model and strategy.
    """
    measured, resampling = measure_contenders(contenders, settings)
    standings, overall = standings_by_model(measured), standings_overall(measured)
    differences, over_models = differences_within(measured, settings), compare_overall(measured, settings)
    return Comparison(
        settings=settings,
        verdicts=tuple(
            verdict_of(
                model,
                [one for one in standings if one.model == model],
                [one for one in differences if one.model == model],
                settings,
            )
            for model in _models(measured)
        ),
        verdict_overall=verdict_of(None, overall, over_models, settings) if overall else None,
        standings=tuple(standings),
        standings_overall=tuple(overall),
        differences=tuple(differences),
        differences_overall=tuple(over_models),
        class_differences=tuple(class_differences(measured, resampling, settings)),
        accuracy_differences=tuple(accuracy_differences(measured, resampling, settings)),
    )


def _models(measured: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(one.contender.model for one in measured))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
