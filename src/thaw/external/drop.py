"""What a model's figures lose on another set of X-rays, at the same thresholds and with the same calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thaw.evaluation.bootstrap import Resampling
from thaw.evaluation.calibration import Calibration
from thaw.evaluation.calibration_error import measure_calibration
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.ranking import reasons_undefined
from thaw.external.figures import Figure, auroc_figure, decision_figures, gap_figure
from thaw.labels import UNKNOWN
from thaw.params.evaluation import EvaluateParams

# the patients of the two sets are drawn independently of each other
INSIDE_SEED, OUTSIDE_SEED = 0, 1
DROPPING = ("auroc", "sensitivity", "specificity")


def measure_external(
    inner: Predictions,
    outer: Predictions,
    calibration: Calibration,
    thresholds: Sequence[float | None],
    settings: EvaluateParams,
) -> dict[str, Any]:
    """One model on its own test patients and on another set.

    Only classes that the class map names, and of which both sets have images with and without, are measured: both macro
    averages go over the same classes. Each class is measured against all other images of known label, whatever the
    task. The drop is the figure inside less the one outside. For its interval each set's patients are drawn by
    themselves: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 8.3, the two-sample problem.

    Args:
        inner: of the test images.
        outer: of all images of the other set.
        calibration: fitted on validation images.
        thresholds: of the model's classes, for calibrated probabilities; None: the class has none.
        settings: ``resamples`` and ``confidence``.

    Returns:
        ``classes`` measured; ``undefined``, by mapped class that is not, why; ``inside`` and ``outside``, each with
        ``images`` and ``patients``, the figures ``auroc_macro``, and by class ``auroc``, ``sensitivity``,
        ``specificity`` and ``calibration_gap`` (mean predicted less observed), and ``calibration_error``, a number by
        class; ``drop``: ``auroc_macro``, ``auroc``, ``sensitivity`` and ``specificity``. A figure is ``value``, ``low``
        and ``high``, each None where it is undefined.

    Raises:
        ValueError: the predictions are of different classes.
    """
    measured, undefined = classes_to_measure(inner, outer)
    classes, confidence = [inner.classes[column] for column in measured], settings.confidence
    told: dict[str, Any] = {"classes": classes, "undefined": undefined}
    sides = {}
    for name, predictions, resampling in zip(
        ("inside", "outside"), (inner, outer), resamplings(inner, outer, settings), strict=True
    ):
        sides[name] = _figures(predictions, measured, calibration, thresholds, resampling)
        told[name] = {
            "images": len(predictions),
            "patients": resampling.drawn.shape[1],
            **_told(sides[name], classes, confidence),
            "calibration_error": _calibration_error(predictions, measured, calibration),
        }
    drops = {name: sides["inside"][name] - sides["outside"][name] for name in DROPPING}
    return {**told, "drop": _told(drops, classes, confidence)}


def classes_to_measure(inner: Predictions, outer: Predictions) -> tuple[list[int], dict[str, str]]:
    """Numbers of the classes that both sets can measure; of the other mapped ones, by name, why they cannot.

    Raises:
        ValueError: the predictions are of different classes.
    """
    if inner.classes != outer.classes:
        raise ValueError(f"predictions of different classes: {inner.classes} and {outer.classes}")
    mapped = [name for name, known in zip(outer.classes, (outer.labels != UNKNOWN).any(axis=0), strict=True) if known]
    reasons: dict[str, str] = {}
    for where, predictions in (("outside", outer), ("inside", inner)):
        missing = reasons_undefined(predictions.labels, predictions.classes)
        reasons |= {name: f"{where}: {missing[name]}" for name in mapped if name in missing}
    return [inner.classes.index(name) for name in mapped if name not in reasons], reasons


def resamplings(inner: Predictions, outer: Predictions, settings: EvaluateParams) -> tuple[Resampling, Resampling]:
    """Samples of the patients of each set, drawn independently; the same for every model."""
    return (
        Resampling.of(inner.patients, settings.resamples, INSIDE_SEED),
        Resampling.of(outer.patients, settings.resamples, OUTSIDE_SEED),
    )


def _figures(
    predictions: Predictions,
    measured: list[int],
    calibration: Calibration,
    thresholds: Sequence[float | None],
    resampling: Resampling,
) -> dict[str, Figure]:
    labels = predictions.labels[:, measured]
    calibrated = calibration.probabilities(predictions.logits)[:, measured]
    return {
        "auroc": auroc_figure(labels, predictions.scores[:, measured], resampling),
        **decision_figures(labels, calibrated, [thresholds[column] for column in measured], resampling),
        "calibration_gap": gap_figure(labels, calibrated, resampling),
    }


def _told(figures: dict[str, Figure], classes: list[str], confidence: float) -> dict[str, Any]:
    (macro,) = figures["auroc"].macro().told(confidence)
    by_class = {name: dict(zip(classes, one.told(confidence), strict=True)) for name, one in figures.items()}
    return {"auroc_macro": macro, **by_class}


def _calibration_error(predictions: Predictions, measured: list[int], calibration: Calibration) -> dict[str, float]:
    """Expected calibration error of each class against all others, as ``measure_calibration`` has it."""
    labels, calibrated = predictions.labels[:, measured], calibration.probabilities(predictions.logits)[:, measured]
    classes = [predictions.classes[column] for column in measured]
    error: dict[str, float] = measure_calibration(labels, calibrated, classes, "multilabel")["classwise"]
    return error
