"""Everything that one cell's predictions say: fitted on validation images, measured on test images.

``assess`` gives a headline of few figures and these details:

``metrics``       ranking, and decisions at ``evaluate.threshold`` on probabilities as the network gives them
``fitted``        decisions at the fitted thresholds on calibrated probabilities
``fixed_points``  sensitivity at a fixed specificity, and the reverse
``thresholds``    each class's fitted threshold, how far it moves with other validation patients, or why there is none
``calibration``   errors and reliability curves before and after
``intervals``     of ``metrics`` over samples of the test patients; ``fitted_intervals`` of ``fitted``
``conformal``     prediction sets; ``promise``: whether they keep their promise on random halves of the test patients
``subgroups``     by sex, age, view and follow-up
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.calibration_error import calibration_before_and_after
from thaw.evaluation.conformal import check_promise, measure_conformal
from thaw.evaluation.intervals import measure_intervals
from thaw.evaluation.metrics import measure, measure_at
from thaw.evaluation.operating import measure_fixed_points
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule, fit_rule
from thaw.evaluation.subgroups.groups import Grouping, subgroups
from thaw.evaluation.subgroups.measure import measure_subgroups
from thaw.evaluation.thresholds import threshold_stability, why_undefined
from thaw.params.evaluation import EvaluateParams

SEED = 0  # of every sample of patients, so that cells are compared on the same ones
STABILITY_RESAMPLES = 200
HEADLINE = ("auroc_macro", "average_precision_macro", "f1_macro", "accuracy")


@dataclass(frozen=True)
class Assessment:
    """What was found.

    Attributes:
        headline: few figures, by name.
        details: see above.
        rule: calibration, thresholds and the levels of prediction sets, as they go with the model.
        sets: image, and for each class whether the image's prediction set holds it.
    """

    headline: dict[str, Any]
    details: dict[str, Any]
    rule: dict[str, Any]
    sets: pd.DataFrame


def assess(
    validation: Predictions, test: Predictions, covariates: pd.DataFrame, settings: EvaluateParams
) -> Assessment:
    """Fit thresholds and calibration on ``validation``, measure ``test``.

    Args:
        validation: of the images that chose the epoch.
        test: of patients that are nowhere else.
        covariates: sex, age, view and follow_up of the test images, row by row.
        settings: ``evaluate`` of params.yaml.
    """
    rule, groups = fit_rule(validation, settings), subgroups(covariates, settings.subgroups)
    probabilities = rule.probabilities(test.logits)
    conformal, sets = _prediction_sets(test, probabilities, groups, settings)
    details = {
        "metrics": measure(test.labels, test.logits, test.classes, test.task, settings.threshold),
        "fitted": measure_at(test.labels, probabilities, test.classes, test.task, rule.thresholds),
        **_measured_by_class(test, probabilities, settings),
        "thresholds": _thresholds(validation, rule, settings),
        "calibration": _calibration(test, rule),
        "intervals": _intervals(test, test.scores, [settings.threshold] * len(test.classes), settings),
        "fitted_intervals": _intervals(test, probabilities, rule.thresholds, settings),
        **conformal,
        "subgroups": measure_subgroups(
            test.labels, probabilities, rule.thresholds, test.patients, test.classes, test.task, groups,
            Resampling.of(test.patients, settings.resamples, SEED), settings.confidence,
        ),
    }  # fmt: skip
    levels = {name: method["thresholds"]["all"] for name, method in conformal["conformal"].items()}
    return Assessment(_headline(details), details, {**rule.to_json(), "conformal_levels": levels}, sets)


def _measured_by_class(
    test: Predictions, probabilities: NDArray[np.floating], settings: EvaluateParams
) -> dict[str, Any]:
    asked = settings.operating_point
    points = measure_fixed_points(test.labels, probabilities, test.classes, asked.sensitivity, asked.specificity)
    return {"fixed_points": {"sensitivity": asked.sensitivity, "specificity": asked.specificity, **points}}


def _intervals(
    test: Predictions,
    probabilities: NDArray[np.floating],
    thresholds: Sequence[float | None],
    settings: EvaluateParams,
) -> dict[str, Any]:
    return measure_intervals(
        test.labels, probabilities, thresholds, test.patients, test.classes, test.task, settings.resamples,
        settings.confidence, SEED,
    )  # fmt: skip


def _thresholds(validation: Predictions, rule: DecisionRule, settings: EvaluateParams) -> dict[str, Any]:
    """By class: ``threshold``, ``low``, ``high``, ``undefined`` (share of samples without one), ``reason``."""
    asked, probabilities = settings.operating_point, rule.probabilities(validation.logits)
    resamples = min(settings.resamples, STABILITY_RESAMPLES)
    moved = threshold_stability(
        validation.labels, probabilities, validation.patients, asked, resamples, settings.confidence, SEED
    )
    reasons = why_undefined(validation.labels, probabilities, asked)
    columns = zip(rule.classes, rule.thresholds, moved, reasons, strict=True)
    unmoved = {"low": None, "high": None, "undefined": None}
    by_class = {
        name: {"threshold": threshold, **(spread or unmoved), "reason": reason}
        for name, threshold, spread, reason in columns
    }
    return {"method": asked.method, "resamples": resamples, "by_class": by_class}


def _calibration(test: Predictions, rule: DecisionRule) -> dict[str, Any]:
    return {
        "method": rule.calibration.method,
        "parameters": rule.calibration.parameters,
        **calibration_before_and_after(test.labels, test.logits, rule.calibration, test.classes),
    }


def _prediction_sets(
    test: Predictions, probabilities: NDArray[np.floating], groups: Grouping, settings: EvaluateParams
) -> tuple[dict[str, Any], pd.DataFrame]:
    asked, masks = settings.conformal, {group.name: group.mask for group in groups.groups}
    measured, members = measure_conformal(
        test.labels, probabilities, test.patients, test.classes, test.task, asked, SEED, masks
    )
    promise = check_promise(test.labels, probabilities, test.patients, test.task, asked, SEED)
    sets = pd.DataFrame(members.astype(int), columns=list(test.classes))
    sets.insert(0, "image", test.images)
    return {"conformal": measured, "promise": promise}, sets


def _headline(details: dict[str, Any]) -> dict[str, Any]:
    low, high = details["intervals"]["auroc_macro"] or (None, None)
    return {
        **{name: details["metrics"][name] for name in HEADLINE},
        "auroc_macro_low": low,
        "auroc_macro_high": high,
        "f1_macro_fitted": details["fitted"]["f1_macro"],
        "calibration_error": details["calibration"]["after"]["expected_calibration_error"],
    }
