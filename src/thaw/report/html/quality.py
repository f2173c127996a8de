"""How well networks rank and decide: learning curves, classes, ROC and precision-recall curves, confusion."""

from __future__ import annotations

from functools import partial

from thaw.report.class_figures import confusion_matrices
from thaw.report.class_intervals import auroc_intervals
from thaw.report.curves import precision_recall_curves, roc_curves
from thaw.report.figures import learning_curves
from thaw.report.html.blocks import Block, Cell, Fold, Paragraph, Section
from thaw.report.html.drawings import draw
from thaw.report.html.facts import PageFacts
from thaw.report.html.pictures import Budget
from thaw.report.html.tables import estimate, table
from thaw.report.results import CellResult

CURVES = (
    "Loss, accuracy and macro AUROC over epochs, a line a training: dotted on training images, full on validation "
    "images; a ring marks the epoch that was kept."
)
DOTS = "Classes in the order of the headline's AUROC; lines are intervals over test patients. First seed."
ROC = (
    "True over false positive rate on the test images, the macro average first. Dashed: chance. One label an image: "
    "each class against all others. First seed."
)
PRECISION = (
    "Precision over recall on the test images. Dashed: share of positives, what guessing would give. First seed."
)
CONFUSION = "Test images of each true class (row) by the class they were given (column)."
POOLED = (
    "Each of several folds has thresholds, calibration and prediction sets of its own, so they are not shown here: "
    "reports/evaluate/<cell>/details.json holds them."
)


def learning(facts: PageFacts, figures: Budget) -> Section:
    """The curves of all cells over each other."""
    drawn = draw(partial(learning_curves, facts.results), "Learning curves of all trainings", CURVES, figures)
    return Section("learning", "Learning curves", [drawn])


def classes(facts: PageFacts, figures: Budget) -> Section:
    """AUROC of every class with intervals, as dots and as a table."""
    results = facts.results
    drawn = draw(partial(auroc_intervals, results), "AUROC of every class", DOTS, figures)
    blocks: list[Block] = [drawn]
    if results.subject.pooling:
        blocks.append(Paragraph(POOLED, soft=True))
    else:
        blocks += [_by_class(result, facts) for result in facts.headline_cells]
    return Section("classes", "Class by class", blocks)


def ranking(facts: PageFacts, figures: Budget) -> Section:
    """ROC and precision-recall curves, a figure a model."""
    blocks: list[Block] = []
    for model in facts.results.models:
        drawn = partial(roc_curves, facts.results, model)
        blocks.append(draw(drawn, f"ROC curves of {model}", ROC, figures))
        drawn = partial(precision_recall_curves, facts.results, model)
        blocks.append(draw(drawn, f"Precision-recall curves of {model}", PRECISION, figures))
    return Section("roc", "ROC and precision-recall", blocks)


def confusion(facts: PageFacts, figures: Budget) -> Section | None:
    """Confusion matrices of all cells, where an image has exactly one class."""
    if facts.results.subject.task != "multiclass":
        return None
    drawn = draw(partial(confusion_matrices, facts.results), "Confusion matrices", CONFUSION, figures)
    return Section("confusion", "Confusion matrices", [drawn])


def _by_class(result: CellResult, facts: PageFacts) -> Fold:
    metrics, ends = result.details["metrics"], result.details["intervals"]
    rows: list[dict[str, Cell | str]] = [
        {
            "class": name,
            "AUROC": estimate(metrics["auroc"][name], ends["auroc"][name]),
            "average precision": estimate(metrics["average_precision"][name], ends["average_precision"][name]),
        }
        for name in facts.results.subject.classes
    ]
    name = f"{result.cell.strategy} of {result.cell.model}, seed {result.cell.seed}"
    return Fold(f"In numbers: {name}", [table(f"AUROC and average precision of {name}", rows)])
