"""All strategies side by side: quality with intervals, costs, and every pair's difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thaw.comparison.accuracy_differences import AccuracyDifference
from thaw.comparison.class_differences import ClassDifference
from thaw.comparison.differences import Difference
from thaw.report.comparison import comparison_table, undefined_classes
from thaw.report.figures import quality_against_cost, strategy_bars
from thaw.report.html.blocks import BLANK, Block, Bullets, Cell, Fold, Paragraph, Section
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, number, strategy_cells, table
from thaw.report.page import ACCURACY, AVERAGES, COST, FRONT, POOLED
from thaw.report.statistics_sections import DIFFERENCES
from thaw.report.style import colours

AnyDifference = Difference | ClassDifference | AccuracyDifference
MOST_ROWS = 400
MORE = " {} more: reports/statistics.json."
UNDEFINED = "Left out of the macro AUROC because undefined (no test image with it, or none without it): {}."
BARS = "Bars begin at chance for AUROC and at 0 for the others; a dot a seed where there are several."
CLOUD = (
    "Up and to the left is better. Means over seeds; the area of a marker grows with the parameters that are trained, "
    "which the numbers beside it give."
)
CLASSES = (
    "AUROC of the first less that of the second, class by class; Holm over the classes of a pair. Those shown to "
    "differ come first."
)
DECISIONS = "Share of right decisions of the first less that of the second; Holm over all pairs."


def strategies(facts: PageFacts) -> Section:
    """The table of all models and strategies."""
    results = facts.results
    made = comparison_table(results, facts.statistics.comparison)
    several, pooled = bool(made["seeds"].max() > 1), bool(made["folds"].max() > 1)
    rows = [_row(facts, row, several, pooled) for row in made.to_dict("records")]
    left_out = undefined_classes(results)
    notes = [
        AVERAGES,
        ACCURACY[results.subject.task],
        *([UNDEFINED.format(", ".join(left_out))] if left_out else []),
        COST,
        FRONT,
        *([f"{results.subject.pooling}.", POOLED] if results.subject.pooling else []),
        _devices(facts),
    ]
    return Section("strategies", "Strategies", [table("Quality and cost", rows), Bullets(notes)])


def cost(facts: PageFacts, budget: Budget) -> Section:
    """Quality against cost."""
    results = facts.results
    return Section(
        "cost",
        "Quality against cost",
        [
            draw(lambda: quality_against_cost(results), "Macro AUROC over training time", CLOUD, budget),
            draw(lambda: strategy_bars(results), "Macro AUROC, macro F1 and accuracy", BARS, budget),
        ],
    )


def differences(facts: PageFacts) -> Section | None:
    """All pairs of strategies: macro AUROC, then by class, then accuracy."""
    comparison = facts.statistics.comparison
    found = [*comparison.differences, *comparison.differences_overall]
    if not found:
        return None
    settings = comparison.settings
    note = f"{DIFFERENCES} Margin {settings.margin:g}, {settings.resamples:,} samples of the test patients."
    blocks: list[Block] = [table("Differences of macro AUROC", [_pair(one, facts) for one in found])]
    blocks.append(Paragraph(note, soft=True))
    by_class = sorted(comparison.class_differences, key=lambda one: not one.different)
    if by_class:
        rows = [{**_named(one, facts), "class": one.class_name, **_measured(one)} for one in by_class[:MOST_ROWS]]
        more = MORE.format(len(by_class) - MOST_ROWS) if len(by_class) > MOST_ROWS else ""
        made = table("Differences of AUROC by class", rows)
        blocks.append(Fold("By class", [made, Paragraph(CLASSES + more, soft=True)]))
    accuracy = [one for one in comparison.accuracy_differences if one.class_name is None]
    if accuracy:
        rows = [{**_named(one, facts), **_measured(one), "by": one.method} for one in accuracy]
        made = table("Differences of accuracy", rows)
        blocks.append(Fold("Accuracy", [made, Paragraph(DECISIONS, soft=True)]))
    return Section("differences", "Differences between strategies", blocks)


def _row(facts: PageFacts, row: Mapping[Any, Any], several: bool, pooled: bool) -> dict[str, Cell | str]:
    ends = (row["auroc_macro_low"], row["auroc_macro_high"])
    return {
        **strategy_cells(facts.results, row["model"], row["strategy"]),
        "AUROC": estimate(row["auroc_macro"], ends),
        **({"SD": number(row["auroc_macro_std"]), "seeds": number(row["seeds"], 0)} if several else {}),
        **({"fold mean": number(row["auroc_macro_fold_mean"]), "fold SD": number(row["auroc_macro_fold_sd"])}
           if pooled else {}),
        "average precision": number(row["average_precision_macro"]),
        "F1": number(row["f1_macro"]),
        "accuracy": number(row["accuracy"]),
        "seconds": number(row["seconds"], 1),
        "GiB": number(row["memory_gib"], 2),
        "parameters": number(row["parameters"], 0),
        "trained": number(row["trainable"], 0),
        "front": Cell("yes", mark="good", sort=1) if row["on_front"] else BLANK,
    }  # fmt: skip


def _pair(one: Difference, facts: PageFacts) -> dict[str, Cell | str]:
    no_worse = {(True, True): "both", (True, False): "first", (False, True): "second"}
    return {
        **_named(one, facts),
        **_measured(one),
        "no worse": Cell(no_worse.get((one.first_no_worse, one.second_no_worse), "")),
    }


def _named(one: AnyDifference, facts: PageFacts) -> dict[str, Cell | str]:
    colour = colours(facts.results.strategies)
    pair = {"first": Cell(one.first, swatch=colour[one.first]), "second": Cell(one.second, swatch=colour[one.second])}
    return {"model": one.model or "all models", **pair} if len(facts.results.models) > 1 else {**pair}


def _measured(one: AnyDifference) -> dict[str, Cell | str]:
    """What every kind of difference has."""
    better = (one.difference or 0) > 0
    shown = Cell("better" if better else "worse", mark="good" if better else "bad") if one.different else BLANK
    return {
        "difference": estimate(one.difference, (one.low, one.high), sign=True),
        "p": number(one.p), "p after Holm": number(one.p_holm), "first is": shown,
    }  # fmt: skip


def _devices(facts: PageFacts) -> str:
    trainings = [*facts.results.trained, *facts.results.smaller]
    used = dict.fromkeys(f"{result.cost['device']} ({result.cost['precision']})" for result in trainings)
    warning = "; seconds and memory do not compare across them" if len(used) > 1 else ""
    return f"Trained on {' and '.join(used)}{warning}."
