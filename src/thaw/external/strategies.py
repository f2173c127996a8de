"""Which strategy loses least on another set of X-rays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from thaw.errors import UserError
from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.predictions import Predictions
from thaw.external.drop import classes_to_measure, resamplings
from thaw.external.figures import Figure, auroc_figure, mean_of
from thaw.params.evaluation import EvaluateParams

Pair = tuple[Predictions, Predictions]
Told = dict[str, float | None]


def drops_by_strategy(trainings: Mapping[str, Sequence[Pair]], name: str, settings: EvaluateParams) -> dict[str, Any]:
    """How much macro AUROC each strategy loses, and whether one loses more than another.

    All strategies are measured on the same samples of patients of both sets, so a difference of two drops is paired. A
    strategy's figure is the mean over its seeds; intervals are about other patients, not other seeds, and each stands
    by itself, uncorrected for how many there are.

    Args:
        trainings: by strategy, for each seed the predictions for the test images and for the other set.
        name: of the other set, for the sentences.
        settings: ``resamples`` and ``confidence``.

    Returns:
        ``classes`` that the average goes over; ``undefined``, by mapped class that is not measured, why;
        ``strategies``: by name ``inside``, ``outside`` and ``drop``; ``differences``: ``more`` and ``less``, two
        strategies, and ``difference``, the drop of the first less the drop of the second, not below 0; ``sentences``.
        A figure is ``value``, ``low`` and ``high``, each None where it is undefined.

    Raises:
        UserError: a training predicted other images than the first one.
        ValueError: a strategy has no training, or there is no strategy.
    """
    if not trainings or not all(trainings.values()):
        raise ValueError("a strategy without predictions")
    inner, outer = _same_for_all(trainings)
    measured, undefined = classes_to_measure(inner, outer)
    samples = resamplings(inner, outer, settings)
    sides = {strategy: _sides(several, measured, samples) for strategy, several in trainings.items()}
    drops = {strategy: inside - outside for strategy, (inside, outside) in sides.items()}
    told = {
        strategy: {
            "inside": _told(sides[strategy][0], settings),
            "outside": _told(sides[strategy][1], settings),
            "drop": _told(drop, settings),
        }
        for strategy, drop in drops.items()
    }
    differences = [_difference(one, other, drops, settings) for one, other in combinations(drops, 2)]
    sentences = [_drop_sentence(strategy, figures, name, settings.confidence) for strategy, figures in told.items()]
    sentences += [_difference_sentence(one, settings.confidence) for one in differences]
    return {
        "classes": [inner.classes[column] for column in measured],
        "undefined": undefined,
        "strategies": told,
        "differences": differences,
        "sentences": sentences,
    }


def _same_for_all(trainings: Mapping[str, Sequence[Pair]]) -> Pair:
    """The first training's predictions, after a look that all others are of the same images."""
    first = next(iter(trainings))
    expected = trainings[first][0]
    for strategy, several in trainings.items():
        for pair in several:
            for what, made, wanted in zip(("test images", "images of the other set"), pair, expected, strict=True):
                if made.classes != wanted.classes or not all(
                    np.array_equal(getattr(made, of), getattr(wanted, of)) for of in ("images", "patients", "labels")
                ):
                    raise UserError(f"a training of {strategy} has other {what} than one of {first}; run dvc repro")
    return expected


def _sides(
    several: Sequence[Pair], measured: list[int], samples: tuple[Resampling, Resampling]
) -> tuple[Figure, Figure]:
    """AUROC by class inside and outside, the mean over seeds."""
    inside, outside = (
        mean_of([
            auroc_figure(pair[side].labels[:, measured], pair[side].scores[:, measured], samples[side])
            for pair in several
        ])
        for side in (0, 1)
    )  # fmt: skip
    return inside, outside


def _told(by_class: Figure, settings: EvaluateParams) -> Told:
    """The macro average with its interval."""
    return by_class.macro().told(settings.confidence)[0]


def _difference(one: str, other: str, drops: Mapping[str, Figure], settings: EvaluateParams) -> dict[str, Any]:
    falling = _told(drops[one] - drops[other], settings)["value"]
    more, less = (other, one) if falling is not None and falling < 0 else (one, other)
    return {"more": more, "less": less, "difference": _told(drops[more] - drops[less], settings)}


def _drop_sentence(strategy: str, figures: Mapping[str, Told], name: str, confidence: float) -> str:
    inside, outside, drop = (figures[of]["value"] for of in ("inside", "outside", "drop"))
    if inside is None or outside is None or drop is None:
        return f"{strategy}: what is lost on {name} is unknown; no class can be measured in both sets."
    sides = f"{strategy}: macro AUROC is {inside:.3f} on test patients and {outside:.3f} on {name}"
    low, high = figures["drop"]["low"], figures["drop"]["high"]
    known = low is not None and high is not None and not low <= 0 <= high
    shown = "" if known else " No drop is shown."
    return f"{sides}; it drops by {_number(drop)} ({_ends(figures['drop'], confidence)}).{shown}"


def _difference_sentence(one: Mapping[str, Any], confidence: float) -> str:
    more, less, difference = one["more"], one["less"], one["difference"]
    if difference["value"] is None:
        return f"{more} and {less}: their drops cannot be compared."
    said = f"{more} drops by {_number(difference['value'])} more than {less} ({_ends(difference, confidence)})."
    shown = difference["low"] is not None and difference["low"] > 0
    return said if shown else f"{said} No difference is shown."


def _ends(figure: Told, confidence: float) -> str:
    low, high = figure["low"], figure["high"]
    if low is None or high is None:
        return "no interval"
    return f"{100 * confidence:g} % interval {_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """With three digits; what rounds to 0 has no sign."""
    return f"{round(value, 3) + 0.0:.3f}"
