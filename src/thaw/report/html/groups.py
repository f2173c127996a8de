"""Groups of patients: who is served worst, and what thawing does about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thaw.report.cell_sections import GAPS, GROUPS
from thaw.report.gap_figure import subgroup_auroc
from thaw.report.html.blocks import Block, Bullets, Cell, Fold, Paragraph, Section, Subheading
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, number, strategy_cells, table
from thaw.report.results import CellResult
from thaw.report.statistics_sections import CHANGES

Row = dict[str, Cell | str]
FIGURE = (
    "Macro AUROC of each group with its interval over patients, where it has enough of them; the mean goes over the "
    "classes that the group defines. First seed."
)
NO_GROUPS = "No two groups of patients are large enough to be compared."


def groups(facts: PageFacts, figures: Budget) -> Section | None:
    """The largest gaps between groups that one factor tells apart, and what becomes of them."""
    pooled = bool(facts.results.subject.pooling)
    changes = facts.statistics.gap_changes
    if pooled and not changes:
        return None
    blocks: list[Block] = [] if pooled else _gaps(facts, figures)
    if changes:
        lines = [f"{row['sentence']}." for row in changes]
        blocks += [Subheading("Does thawing more help the worst group?"), Bullets(lines), Paragraph(CHANGES, soft=True)]
    return Section("groups", "Groups of patients", blocks)


def _gaps(facts: PageFacts, figures: Budget) -> list[Block]:
    results, rows = facts.results, list[Row]()
    for model, strategy in results.pairs:
        found = results.seeds_of(model, strategy)[0].details["subgroups"]["gaps"]
        for factor, gaps in found.items():
            if gaps["auroc"]["reason"] is None and "," not in factor:
                rows.append({**strategy_cells(results, model, strategy), "factor": factor, **_gap(gaps)})
    if not rows:
        return [Paragraph(NO_GROUPS)]
    drawn = draw(lambda: subgroup_auroc(results), "Macro AUROC of each group", FIGURE, figures)
    folds = [_every_group(result) for result in facts.headline_cells]
    return [drawn, table("Largest gaps, first seed", rows), Paragraph(GROUPS, soft=True), *folds]


def _gap(gaps: Mapping[str, Any]) -> Row:
    auroc = gaps["auroc"]
    return {
        "worst": Cell(auroc["worst"], number(auroc["worst_value"]).text),
        "best": Cell(auroc["best"], number(auroc["best_value"]).text),
        "AUROC gap": estimate(auroc["gap"], auroc["interval"]), "p": number(auroc["p_value"]),
        **{name: estimate(gaps[key]["gap"], gaps[key]["interval"], 2) for key, name in GAPS.items()},
    }  # fmt: skip


def _every_group(result: CellResult) -> Fold:
    rows: list[Row] = [
        {
            "group": name, "images": number(group["images"], 0), "patients": number(group["patients"], 0),
            "macro AUROC": estimate(group["auroc_macro"], group["auroc_interval"]),
            "TPR": estimate(group["true_positive_rate_macro"], group["true_positive_rate_interval"], 2),
            "FPR": estimate(group["false_positive_rate_macro"], group["false_positive_rate_interval"], 2),
            "underdiagnosis": estimate(group["underdiagnosis_rate"], group["underdiagnosis_rate_interval"], 2),
            "ECE": number(group["expected_calibration_error"]),
        }
        for name, group in result.details["subgroups"]["groups"].items()
    ]  # fmt: skip
    name = f"Every group: {result.cell.strategy} of {result.cell.model}"
    return Fold(name, [table("Figures by group of patients", rows)])
