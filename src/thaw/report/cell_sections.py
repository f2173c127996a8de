"""What evaluate found cell by cell, as sections of the page: operating points, calibration, prediction sets, groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from thaw.report.average import average
from thaw.report.markdown import bullets, escape, figure, table, with_interval
from thaw.report.results import CellResult, Results

Details = dict[str, Any]
FITTED = "Fitted on validation images, after calibration; measured on test images. Means over seeds."
CALIBRATION = (
    "Expected calibration error (ECE) in 15 bins, of the likeliest class or the mean of the classes; Brier score and "
    "its parts, means over classes; NLL: negative log-likelihood. Before: probabilities as the network gives them."
)
SETS = (
    "Each test image's set is made from other test patients than its own. Promised: the share of true classes (or of "
    "false ones, for false discoveries) that a patient's sets may miss on average; with a confidence, for so many of "
    "all draws of calibration patients. Achieved: on the test patients, ± standard error. Held: on random halves of "
    "them."
)
GAPS = {"true_positive_rate": "TPR gap", "false_positive_rate": "FPR gap", "underdiagnosis_rate": "underdiagnosis gap"}
GROUPS = (
    "The worst and the best group of patients by macro AUROC over the classes that all groups have; the interval is "
    "that of the named pair, the p-value knows that it was picked for being the farthest apart. The other gaps, each "
    "of its own worst and best group, are of decisions at the fitted thresholds; underdiagnosis: images with a finding "
    "for which none is decided."
)


def class_table(result: CellResult, classes: Sequence[str]) -> str:
    """One cell class by class: ranking with intervals, and what its threshold does."""
    details = result.details
    metrics, fitted = details["metrics"], details["fitted"]
    intervals, fitted_intervals = details["intervals"], details["fitted_intervals"]
    thresholds = details["thresholds"]["by_class"]
    return table(
        [
            {
                "class": escape(name),
                "AUROC": with_interval(metrics["auroc"][name], intervals["auroc"][name]),
                "average precision": with_interval(
                    metrics["average_precision"][name], intervals["average_precision"][name]
                ),
                "threshold": with_interval(
                    thresholds[name]["threshold"], (thresholds[name]["low"], thresholds[name]["high"])
                ),
                "sensitivity": with_interval(fitted["recall"][name], fitted_intervals["sensitivity"][name], 2),
                "specificity": with_interval(fitted["specificity"][name], fitted_intervals["specificity"][name], 2),
                "precision": figure(fitted["precision"][name], 2),
                "F1": figure(fitted["f1"][name], 2),
            }
            for name in classes
        ],
        names=1,
    )


def operating_points(results: Results, threshold: float) -> list[str]:
    """Decisions at the fixed threshold and at the fitted ones, side by side."""

    def row(details: Details) -> dict[str, float | None]:
        fixed, fitted = details["metrics"], details["fitted"]
        return {
            f"F1 at {threshold:g}": fixed["f1_macro"], "F1 fitted": fitted["f1_macro"],
            f"sensitivity at {threshold:g}": fixed["recall_macro"], "sensitivity fitted": fitted["recall_macro"],
            f"specificity at {threshold:g}": fixed["specificity_macro"],
            "specificity fitted": fitted["specificity_macro"],
            f"MCC at {threshold:g}": fixed["mcc_macro"], "MCC fitted": fitted["mcc_macro"],
        }  # fmt: skip

    return ["## Operating points", _by_pair(results, row), f"Macro averages. {FITTED}"]


def calibration(results: Results) -> list[str]:
    """Errors of the probabilities before and after calibration."""

    def row(details: Details) -> dict[str, float | None]:
        before, after = details["calibration"]["before"], details["calibration"]["after"]
        parts = after["brier_decomposition_macro"]
        return {
            "ECE before": before["expected_calibration_error"], "after": after["expected_calibration_error"],
            "equal mass, after": after["expected_calibration_error_equal_mass"],
            "classwise, after": after["classwise_mean"], "Brier before": before["brier_macro"],
            "Brier after": after["brier_macro"], "reliability": parts["reliability"],
            "resolution": parts["resolution"], "NLL before": before["nll"], "NLL after": after["nll"],
        }  # fmt: skip

    method = results.cells[0].details["calibration"]["method"]
    return [f"## Calibration ({method})", _by_pair(results, row), CALIBRATION]


def prediction_sets(results: Results) -> list[str]:
    """What prediction sets promise and what they achieve, of the first seed."""
    rows, reasons = [], dict[str, None]()
    for model, strategy in results.pairs:
        details = results.seeds_of(model, strategy)[0].details
        for name, found in details["conformal"].items():
            promise = details["promise"][name]
            if found["reason"] is not None:
                reasons[f"{strategy}, {name.replace('_', ' ')}: {found['reason']}"] = None
                continue
            rows.append({
                "model": escape(model), "strategy": strategy, "sets": name.replace("_", " "),
                "promised": figure(found["promised"], 2) + _confidence(found["confidence"]),
                "achieved": figure(found["risk"]) + f" ± {figure(found['standard_error'])}",
                "coverage": figure(found["coverage"]), "classes a set": figure(found["size"], 2),
                "empty": figure(found["empty"]), "held": _held(promise),
            })  # fmt: skip
    shown = [table(rows, names=3)] if rows else []
    missing = [bullets(f"No sets: {reason}." for reason in reasons)] if reasons else []
    return ["## Prediction sets", *shown, *missing, SETS]


def subgroups(results: Results) -> list[str]:
    """The largest gaps between groups that one factor tells apart, of each strategy's first seed."""
    rows = []
    for model, strategy in results.pairs:
        found = results.seeds_of(model, strategy)[0].details["subgroups"]
        for factor, gaps in found["gaps"].items():
            if gaps["auroc"]["reason"] is None and "," not in factor:
                rows.append({"model": escape(model), "strategy": strategy, "factor": factor, **_gaps(gaps)})
    if not rows:
        return ["## Groups of patients", "No two groups of patients are large enough to be compared."]
    return ["## Groups of patients", table(rows, names=5), GROUPS]


def _gaps(gaps: Details) -> dict[str, str]:
    auroc = gaps["auroc"]
    return {
        "worst": f"{escape(auroc['worst'])} {figure(auroc['worst_value'])}",
        "best": f"{escape(auroc['best'])} {figure(auroc['best_value'])}",
        "gap": with_interval(auroc["gap"], auroc["interval"]),
        "p": figure(auroc["p_value"]),
        **{name: with_interval(gaps[key]["gap"], gaps[key]["interval"], 2) for key, name in GAPS.items()},
    }


def _by_pair(results: Results, row: Callable[[Details], dict[str, float | None]]) -> str:
    rows = []
    for model, strategy in results.pairs:
        means = average([row(seed.details) for seed in results.seeds_of(model, strategy)])
        rows.append({"model": escape(model), "strategy": strategy} | {name: figure(means[name]) for name in means})
    return table(rows, names=2)


def _confidence(confidence: float | None) -> str:
    return "" if confidence is None else f" ({confidence:.0%} sure)"


def _held(promise: dict[str, Any]) -> str:
    if promise["held"] is None:
        return ""
    return f"{'yes' if promise['held'] else 'NO'} ({figure(promise['mean'])})"
