"""The comparison as a page of Markdown that a terminal shows well too."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from thaw.caveats import LEAKING, NOISY, RESEARCH_ONLY
from thaw.labels import Task
from thaw.report.cell_sections import calibration, class_table, operating_points, prediction_sets, subgroups
from thaw.report.comparison import undefined_classes
from thaw.report.data_size import crossing_lines, mean_curves, size_table
from thaw.report.markdown import bullets, escape, figures, with_interval
from thaw.report.markdown import table as table_of
from thaw.report.results import Results
from thaw.report.statistics import Statistics
from thaw.report.statistics_sections import differences, leaks_and_shortcuts, other_data, subgroup_changes, verdict

ACCURACY: dict[Task, str] = {
    "multiclass": "Accuracy: share of test images whose likeliest class is the right one.",
    "multilabel": "Accuracy: share of right yes/no decisions over all test images and classes, at evaluate.threshold; "
    "where findings are rare, always saying no scores high too: read AUROC first.",
}
AVERAGES = (
    "AUROC and F1: of the test images, macro (mean over classes); all figures are means over seeds (SD: of AUROC)."
)
POOLED = (
    "Pooled AUROC ranks the images of all folds together; networks of different folds may score on different scales, "
    "which tends to lower it. Fold mean and SD: of each fold's own AUROC, over the classes defined in every fold."
)
SIZES = (
    "Trained on fewer images, tested on the same ones. The epochs are the same for every size, so fewer images are "
    "fewer steps too. Means over seeds; differences are not tested, so a crossing may be chance."
)
COST = (
    "Seconds: one training. GiB: its peak memory, of the GPU where there is one, else of the process. "
    "Trainable: parameters that some phase changes."
)
CLASS_BY_CLASS = (
    "Intervals are over test patients; a threshold's, over validation patients. Thresholds are of calibrated "
    "probabilities."
)
FRONT = "Front: no other strategy of the model is at least as good in AUROC, seconds, memory and trainable parameters."


def title(results: Results) -> str:
    """The heading of the page."""
    return f"{escape(results.subject.title)}: freezing strategies compared"


def results_table(results: Results, table: pd.DataFrame) -> str:
    """The comparison for people, in aligned columns; ``table`` as ``comparison_table`` makes it."""
    several, pooled = bool(table["seeds"].max() > 1), bool(table["folds"].max() > 1)
    rows = {
        "model": [escape(name) for name in table["model"]],
        "strategy": [f"{name} (selected)" if name == results.selected else name for name in table["strategy"]],
        "seeds": [str(count) for count in table["seeds"]],
        "AUROC": [
            with_interval(*one) for one in zip(table["auroc_macro"], zip(*_ends(table), strict=True), strict=True)
        ],
        **({"SD": figures(table["auroc_macro_std"], 3)} if several else {}),
        **({"fold mean": figures(table["auroc_macro_fold_mean"], 3)} if pooled else {}),
        **({"fold SD": figures(table["auroc_macro_fold_sd"], 3)} if pooled else {}),
        "F1": figures(table["f1_macro"], 3),
        "accuracy": figures(table["accuracy"], 3),
        "seconds": figures(table["seconds"], 1),
        "GiB": figures(table["memory_gib"], 2),
        "parameters": figures(table["parameters"], 0),
        "trainable": figures(table["trainable"], 0),
        "front": ["yes" if on_front else "" for on_front in table["on_front"]],
    }
    return table_of(pd.DataFrame(rows), names=2)


def comparison_page(
    results: Results, table: pd.DataFrame, statistics: Statistics, threshold: float, figure_paths: Iterable[str]
) -> str:
    """The whole page.

    Args:
        results: all cells.
        table: ``comparison_table`` of them.
        statistics: ``compute_statistics`` of them.
        threshold: ``evaluate.threshold``.
        figure_paths: of the figures, relative to the page.
    """
    sections = [
        f"# {title(results)}",
        *([LEAKING] if results.subject.leaking else []),
        *verdict(statistics),
        "## Strategies",
        results_table(results, table),
        bullets(_notes(results)),
        *differences(statistics),
        *_cell_sections(results, statistics, threshold),
        *leaks_and_shortcuts(statistics),
        *other_data(statistics),
        *(_size_section(results) if results.smaller else []),
        "## Limits",
        bullets([*map(escape, results.subject.limits), NOISY, RESEARCH_ONLY]),
        "## Figures",
        bullets([f"[{path}]({path})" for path in figure_paths]),
    ]
    return "\n\n".join(sections) + "\n"


def _notes(results: Results) -> list[str]:
    return [
        f"Headline (metrics.json): {results.selected} of {results.models[0]}.",
        f"Split: {escape(results.subject.split)}.",
        *([f"{escape(results.subject.pooling)}.", POOLED] if results.subject.pooling else []),
        AVERAGES,
        ACCURACY[results.subject.task],
        *_left_out(results),
        COST,
        FRONT,
        _devices(results),
    ]


def _cell_sections(results: Results, statistics: Statistics, threshold: float) -> list[str]:
    """What evaluate found in single cells; each of several folds has thresholds and calibration of its own."""
    if results.subject.pooling:
        return subgroup_changes(statistics)
    chosen = results.seeds_of(results.models[0], results.selected)[0]
    return [
        f"## Class by class: {results.selected} of {escape(results.models[0])}, seed {chosen.cell.seed}",
        class_table(chosen, results.subject.classes),
        CLASS_BY_CLASS,
        *operating_points(results, threshold),
        *calibration(results),
        *prediction_sets(results),
        *subgroups(results),
        *subgroup_changes(statistics),
    ]


def _ends(table: pd.DataFrame) -> tuple[list[float | None], ...]:
    columns = (table[name] for name in ("auroc_macro_low", "auroc_macro_high"))
    return tuple([None if pd.isna(end) else end for end in column] for column in columns)


def _size_section(results: Results) -> list[str]:
    """AUROC by strategy and number of training images, and where strategies change places."""
    table = size_table(results)
    sizes = sorted(set(table["train_images"]))
    rows = [
        {"model": model, "strategy": strategy}
        | dict(zip((f"{size:,}" for size in sizes), figures(curve.reindex(sizes), 3), strict=True))
        for (model, strategy), curve in mean_curves(table).items()
    ]
    tested = "fold 1's test images" if results.subject.pooling else "the test images"
    return [
        f"## Macro AUROC of {tested}, by training images",
        table_of(pd.DataFrame(rows), names=2),
        SIZES,
        bullets(crossing_lines(table)),
    ]


def _left_out(results: Results) -> list[str]:
    names = undefined_classes(results)
    if not names:
        return []
    why = "no test image with it, or none without it"
    return [f"Left out of the macro AUROC because undefined ({why}): {', '.join(map(escape, names))}."]


def _devices(results: Results) -> str:
    trainings = [*results.trained, *results.smaller]
    used = dict.fromkeys(f"{result.cost['device']} ({result.cost['precision']})" for result in trainings)
    warning = "; seconds and memory do not compare across them" if len(used) > 1 else ""
    return f"Trained on {' and '.join(map(escape, used))}{warning}."
