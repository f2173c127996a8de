"""From probabilities to decisions: thresholds, calibration, prediction sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from thaw.report.average import average
from thaw.report.cell_sections import CALIBRATION, FITTED, SETS
from thaw.report.html.blocks import UNDEFINED, Block, Bullets, Cell, Fold, Paragraph, Section, Table
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, number, strategy_cells, table
from thaw.report.promise_figure import promise_kept
from thaw.report.reliability_figure import reliability
from thaw.report.results import CellResult

Details = Mapping[str, Any]
Row = dict[str, Cell | str]
THRESHOLDS = (
    "Thresholds are of calibrated probabilities, fitted on validation images; their intervals are over validation "
    "patients, those of sensitivity and specificity over test patients. The last two columns are points of the ROC "
    "curve of the test images themselves, which no threshold in use would hit. One label an image: the likeliest "
    "class is given, and a threshold says from where on the class alone would count as present."
)
RELIABILITY = (
    "Share of positives over mean probability, in bins; on the dashed line probabilities are as often right as they "
    "say. The area of a point grows with its images. First seed."
)
PROMISE = (
    "What sets fitted on one random half of the test patients missed on the other half; dashed: what was promised."
)


def operating_points(facts: PageFacts) -> Section:
    """Decisions at the fixed threshold and at the fitted ones, then class by class."""
    fixed = f"at {facts.threshold:g}"

    def row(details: Details) -> dict[str, float | None]:
        at_fixed, fitted = details["metrics"], details["fitted"]
        return {
            f"F1 {fixed}": at_fixed["f1_macro"], "F1 fitted": fitted["f1_macro"],
            f"sensitivity {fixed}": at_fixed["recall_macro"], "sensitivity fitted": fitted["recall_macro"],
            f"specificity {fixed}": at_fixed["specificity_macro"], "specificity fitted": fitted["specificity_macro"],
            f"MCC {fixed}": at_fixed["mcc_macro"], "MCC fitted": fitted["mcc_macro"],
        }  # fmt: skip

    folds = [
        Fold(f"Class by class: {result.cell.strategy} of {result.cell.model}, seed {result.cell.seed}",
             [_by_class(result, facts), *_without_threshold(result)], opened=place == 0)
        for place, result in enumerate(facts.headline_cells)
    ]  # fmt: skip
    rows = _by_pair(facts, row)
    notes = [Paragraph(f"Macro averages. {FITTED}", soft=True)]
    blocks: list[Block] = [table("Decisions of every strategy", rows), *notes, *folds]
    return Section("thresholds", "Thresholds", [*blocks, Paragraph(THRESHOLDS, soft=True)])


def calibration(facts: PageFacts, figures: Budget) -> Section:
    """Errors of the probabilities before and after calibration, and how often they are right."""

    def row(details: Details) -> dict[str, float | None]:
        before, after = details["calibration"]["before"], details["calibration"]["after"]
        parts = after["brier_decomposition_macro"]
        return {
            "ECE before": before["expected_calibration_error"], "ECE after": after["expected_calibration_error"],
            "equal mass, after": after["expected_calibration_error_equal_mass"],
            "classwise, after": after["classwise_mean"], "Brier before": before["brier_macro"],
            "Brier after": after["brier_macro"], "reliability": parts["reliability"],
            "resolution": parts["resolution"], "NLL before": before["nll"], "NLL after": after["nll"],
        }  # fmt: skip

    method = facts.results.cells[0].details["calibration"]["method"]
    drawn = draw(lambda: reliability(facts.results), "Reliability before and after calibration", RELIABILITY, figures)
    made = table("Errors of probabilities", _by_pair(facts, row))
    return Section("calibration", f"Calibration ({method})", [drawn, made, Paragraph(CALIBRATION, soft=True)])


def prediction_sets(facts: PageFacts, figures: Budget) -> Section:
    """What prediction sets promise and what they achieve, of the first seed."""
    results, rows, missing = facts.results, list[Row](), dict[str, list[str]]()
    for model, strategy in results.pairs:
        details = results.seeds_of(model, strategy)[0].details
        for name, found in details["conformal"].items():
            kind = name.replace("_", " ")
            if found["reason"] is not None:
                who = f"{strategy} of {model}" if len(results.models) > 1 else strategy
                missing.setdefault(f"{kind}: {found['reason']}", []).append(who)
                continue
            named = {**strategy_cells(results, model, strategy), "sets": kind}
            rows.append({**named, **_sets(found, details["promise"][name])})
    blocks: list[Block] = []
    if rows:
        drawn = draw(lambda: promise_kept(results), "Whether the promise was kept", PROMISE, figures)
        blocks = [table("Promised and achieved", rows), drawn]
    if missing:
        blocks.append(Bullets([f"No sets for {', '.join(who)}: {reason}." for reason, who in missing.items()]))
    return Section("sets", "Prediction sets", [*blocks, Paragraph(SETS, soft=True)])


def _sets(found: Details, promise: Details) -> Row:
    sure = "" if found["confidence"] is None else f"{found['confidence']:.0%} sure"
    risk = number(found["risk"])
    error = number(found["standard_error"])
    return {
        "promised": Cell(number(found["promised"], 2).text, sure, found["promised"]),
        "achieved": Cell(risk.text, "" if error.undefined else f"± {error.text}", risk.sort, undefined=risk.undefined),
        "coverage": number(found["coverage"]), "classes a set": number(found["size"], 2),
        "empty": number(found["empty"]), "held": _held(promise),
    }  # fmt: skip


def _held(promise: Details) -> Cell:
    if promise["held"] is None:
        return UNDEFINED
    mean = number(promise["mean"])
    kept = "yes" if promise["held"] else "no"
    return Cell(kept, mean.text, mean.sort, mark="good" if promise["held"] else "bad")


def _by_class(result: CellResult, facts: PageFacts) -> Table:
    details = result.details
    fitted, ends = details["fitted"], details["fitted_intervals"]
    thresholds = details["thresholds"]["by_class"]
    rows: list[Row] = [
        {
            "class": name,
            "threshold": estimate(thresholds[name]["threshold"], (thresholds[name]["low"], thresholds[name]["high"])),
            "sensitivity": estimate(fitted["recall"][name], ends["sensitivity"][name], 2),
            "specificity": estimate(fitted["specificity"][name], ends["specificity"][name], 2),
            "precision": number(fitted["precision"][name], 2), "F1": number(fitted["f1"][name], 2),
            **_fixed_points(details["fixed_points"], name),
        }
        for name in facts.results.subject.classes
    ]  # fmt: skip
    return table("Fitted thresholds and what they do", rows)


def _fixed_points(points: Details, class_name: str) -> Row:
    """What the ROC curve of the test images passes through."""
    specificity, sensitivity = (
        points[of][class_name] for of in ("specificity_at_sensitivity", "sensitivity_at_specificity")
    )
    return {
        f"specificity at {points['sensitivity']:g} sensitivity": number(specificity["value"], 2),
        f"sensitivity at {points['specificity']:g} specificity": number(sensitivity["value"], 2),
    }


def _without_threshold(result: CellResult) -> list[Block]:
    by_class = result.details["thresholds"]["by_class"].items()
    lines = [f"{name}: no threshold ({found['reason']})." for name, found in by_class if found["threshold"] is None]
    return [Bullets(lines)] if lines else []


def _by_pair(facts: PageFacts, row: Callable[[Details], dict[str, float | None]]) -> list[Row]:
    rows = []
    for model, strategy in facts.results.pairs:
        means = average([row(seed.details) for seed in facts.results.seeds_of(model, strategy)])
        named = strategy_cells(facts.results, model, strategy)
        rows.append(named | {name: number(value) for name, value in means.items()})
    return rows
