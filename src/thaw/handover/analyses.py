"""Sections of a model card that say what evaluate found: how well, how surely, for whom, and where not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thaw.handover.wording import joined
from thaw.labels import Task
from thaw.report.markdown import bullets, escape, figure, table, with_interval
from thaw.report.page import ACCURACY
from thaw.use.package import PRINCIPAL

Details = Mapping[str, Any]
CHOSEN_BY = {
    "f1": "the best F1", "youden": "the best sum of sensitivity and specificity",
    "sensitivity": "the highest that finds the share of positives asked for",
    "cost": "the least cost of misses and false alarms",
}  # fmt: skip
DECISIONS: dict[Task, str] = {
    "multilabel": "A class counts as present where its calibrated probability reaches the class's threshold.",
    "multiclass": "An image is given its likeliest class. Thresholds, and the sensitivity and specificity at them, are "
    "of each class by itself against all others.",
}
MACRO = (
    "Macro: mean over the classes that have images with and without them. AUROC: how often an image with a class "
    "scores higher than one without; 0.5 is guessing, whatever the prevalence. Average precision and precision depend "
    "on it."
)
CALIBRATED = "Calibration error: expected, in 15 bins; before and after: without and with the fitted calibration."
PROMISES = {"missed": "of true classes missed", "false_discovery": "of a set's classes wrong"}
GAPS = {
    "auroc": "macro AUROC", "true_positive_rate": "true positive rate", "false_positive_rate": "false positive rate",
    "underdiagnosis_rate": "underdiagnosis rate",
}  # fmt: skip
OF_CROSSED = ("auroc", "underdiagnosis_rate")
GAP_NOTE = (
    "The worst and the best group of each factor, over the classes that all its groups have; two factors with a comma "
    "are crossed. The interval is that of the named pair; the p-value knows that it was picked for being the farthest "
    "apart. The rates are of decisions at the thresholds."
)


def metric_lines(details: Details, task: Task) -> list[str]:
    """What is measured, how decisions are made, and what the intervals hold."""
    intervals, method = details["intervals"], details["thresholds"]["method"]
    return [
        MACRO,
        DECISIONS[task],
        ACCURACY[task],
        f"Thresholds were fitted on validation images ({CHOSEN_BY[method]}), calibration too "
        f"({details['calibration']['method']}); no test image had a part in them.",
        f"Intervals: {intervals['confidence']:.0%}, over {figure(intervals['resamples'], 0)} samples of the "
        f"{figure(intervals['patients'], 0)} test patients; a threshold's, over validation patients. Empty: undefined.",
    ]


def factor_lines(subgroups: Details) -> list[str]:
    """Which groups of patients are measured by themselves, and which cannot be."""
    single = [name for name, group in subgroups["groups"].items() if len(group["factors"]) == 1]
    small = [f"{name} ({images})" for name, images in subgroups["too_small"].items() if ", " not in name]
    unknown = [f"{factor} of {images} test images" for factor, images in subgroups["unknown"].items() if images]
    lines = [
        f"Measured by themselves: {joined(list(map(escape, single)))}, and every two of these that have enough images."
        if single
        else "No group of patients is large enough to be measured by itself."
    ]
    if small:
        lines.append(f"Too few test images (below {subgroups['minimum']}): {joined(list(map(escape, small)))}.")
    return [*lines, f"Not known: {joined(unknown)}."] if unknown else lines


def sections(details: Details, classes: Sequence[str], task: Task) -> list[str]:
    """Over all classes, class by class, calibration, prediction sets, groups of patients."""
    return [
        "### Over all classes",
        table(_overall_rows(details), names=1),
        "### Class by class",
        table([_class_row(details, name) for name in classes], names=1),
        *_undefined(details),
        "### Calibration",
        table(list(_calibration_rows(details)), names=1),
        CALIBRATED,
        "### Prediction sets",
        *_prediction_sets(details, task),
        "### Groups of patients",
        *_groups(details["subgroups"]),
    ]


def caveats(details: Details, rule: Mapping[str, Any]) -> Iterator[str]:
    """What a user of the model must know of its decisions and its fairness."""
    undecided = [name for name, threshold in rule["thresholds"].items() if threshold is None]
    if undecided:
        yield f"No threshold could be fitted for {joined(list(map(escape, undecided)))}: never decided to be present."
    kept = rule["calibration"]["parameters"].get("not_fitted", [])
    if kept:
        names = [escape(list(rule["thresholds"])[place]) for place in kept]
        yield f"Not calibrated, since validation images could not say how: {joined(names)}."
    broken = [name.replace("_", " ") for name, promise in details["promise"].items() if promise["held"] is False]
    if broken:
        yield f"Prediction sets that did not keep their promise on halves of the test patients: {joined(broken)}."
    missed = details["subgroups"]["underdiagnosis"]
    yield f"Underdiagnosis: {escape(missed['definition'] or 'not measured, ' + missed['reason'])}."
    yield "A gap between groups may come from the labels, from how common findings are, or from few patients."


def _overall_rows(details: Details) -> list[dict[str, str]]:
    metrics, fitted = details["metrics"], details["fitted"]
    intervals, fitted_intervals = details["intervals"], details["fitted_intervals"]
    macro = {
        "AUROC, macro": with_interval(metrics["auroc_macro"], intervals["auroc_macro"]),
        "average precision, macro": with_interval(
            metrics["average_precision_macro"], intervals["average_precision_macro"]
        ),
        "F1 at the thresholds, macro": with_interval(fitted["f1_macro"], fitted_intervals["f1_macro"]),
        "sensitivity at the thresholds, macro": figure(fitted["recall_macro"]),
        "specificity at the thresholds, macro": figure(fitted["specificity_macro"]),
        "accuracy": with_interval(metrics["accuracy"], intervals["accuracy"]),
    }
    return [{"metric": name, "value": value} for name, value in macro.items()]


def _class_row(details: Details, name: str) -> dict[str, str]:
    metrics, fitted, spread = details["metrics"], details["fitted"], details["fitted_intervals"]
    threshold = details["thresholds"]["by_class"][name]
    return {
        "class": escape(name),
        "test images with it": figure(fitted["true_positives"][name] + fitted["false_negatives"][name], 0),
        "AUROC": with_interval(metrics["auroc"][name], details["intervals"]["auroc"][name]),
        "threshold": with_interval(threshold["threshold"], (threshold["low"], threshold["high"])),
        "sensitivity": with_interval(fitted["recall"][name], spread["sensitivity"][name], 2),
        "specificity": with_interval(fitted["specificity"][name], spread["specificity"][name], 2),
        "precision": with_interval(fitted["precision"][name], spread["precision"][name], 2),
    }


def _undefined(details: Details) -> list[str]:
    by_class = details["thresholds"]["by_class"]
    reasons = [f"{escape(name)}: {found['reason']}" for name, found in by_class.items() if found["reason"] is not None]
    return [f"No threshold: {'; '.join(reasons)}."] if reasons else []


def _calibration_rows(details: Details) -> Iterator[dict[str, str]]:
    before, after = details["calibration"]["before"], details["calibration"]["after"]
    names = {"expected_calibration_error": "calibration error", "brier_macro": "Brier score", "nll": "log loss"}
    for key, name in names.items():
        yield {"error": name, "before": figure(before[key]), "after": figure(after[key])}


def _prediction_sets(details: Details, task: Task) -> list[str]:
    rows, missing = [], []
    for name, found in details["conformal"].items():
        words, promise = name.replace("_", " "), details["promise"][name]
        if found["reason"] is not None:
            missing.append(f"No sets, {words}: {found['reason']}.")
            continue
        sure = "" if found["confidence"] is None else f", {found['confidence']:.0%} sure"
        rows.append({
            "sets": words, "promise": f"at most {found['promised']:g} {PROMISES[found['loss']]}{sure}",
            "achieved": f"{figure(found['risk'])} ± {figure(found['standard_error'])}",
            "classes a set": figure(found["size"], 2),
            "held": {True: "yes", False: "NO", None: "not known"}[promise["held"]],
        })  # fmt: skip
    principal = PRINCIPAL[task].replace("_", " ")
    note = f"thaw predict gives the sets of {principal}. Held: checked on random halves of the test patients."
    return [*([table(rows, names=2), note] if rows else []), *([bullets(missing)] if missing else [])]


def _groups(subgroups: Details) -> list[str]:
    rows = [
        {
            "group": escape(name), "images": figure(group["images"], 0), "patients": figure(group["patients"], 0),
            "AUROC, macro": with_interval(group["auroc_macro"], group["auroc_interval"]),
            "underdiagnosis rate": with_interval(
                group["underdiagnosis_rate"], group["underdiagnosis_rate_interval"], 2
            ),
        }
        for name, group in subgroups["groups"].items()
        if len(group["factors"]) < 2
    ]  # fmt: skip
    gaps = [
        {
            "factor": factor, "figure": words, "worst": f"{escape(gap['worst'])} {figure(gap['worst_value'])}",
            "best": f"{escape(gap['best'])} {figure(gap['best_value'])}",
            "gap": with_interval(gap["gap"], gap["interval"]), "p": figure(gap["p_value"]),
        }
        for factor, found in subgroups["gaps"].items()
        for key, words in GAPS.items()
        if (gap := found[key])["reason"] is None and (", " not in factor or key in OF_CROSSED)
    ]  # fmt: skip
    compared = [table(gaps, names=4), GAP_NOTE] if gaps else ["No two groups are large enough to be compared."]
    return [table(rows, names=1), *compared]
