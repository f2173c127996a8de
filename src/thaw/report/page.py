"""The comparison as a page of Markdown that a terminal shows well too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from thaw.labels import Task
from thaw.report.comparison import undefined_classes
from thaw.report.data_size import crossing_lines, mean_curves, size_table
from thaw.report.results import Results

UNTESTED = "Differences between strategies are not tested yet: do not read a ranking into them."
LEAKING = (
    "**The split leaks: patients of the test images were trained on. These figures only show what leakage claims.**"
)
RESEARCH_ONLY = "Not a medical device; for research only."
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
PER_CLASS = ("auroc", "precision", "recall", "f1")


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
        "AUROC": _figures(table["auroc_macro"], 3),
        **({"SD": _figures(table["auroc_macro_std"], 3)} if several else {}),
        **({"fold mean": _figures(table["auroc_macro_fold_mean"], 3)} if pooled else {}),
        **({"fold SD": _figures(table["auroc_macro_fold_sd"], 3)} if pooled else {}),
        "F1": _figures(table["f1_macro"], 3),
        "accuracy": _figures(table["accuracy"], 3),
        "seconds": _figures(table["seconds"], 1),
        "GiB": _figures(table["memory_gib"], 2),
        "parameters": _figures(table["parameters"], 0),
        "trainable": _figures(table["trainable"], 0),
    }
    return _markdown(pd.DataFrame(rows), names=2)


def class_table(results: Results, headline: dict[str, Any]) -> str:
    """The headline class by class; undefined values are empty."""
    classes = results.subject.classes
    rows: dict[str, list[str]] = {"class": [escape(name) for name in classes]}
    for measure, name in zip(PER_CLASS, ("AUROC", "precision", "recall", "F1"), strict=True):
        rows[name] = _figures([headline[measure][label] for label in classes], 3)
    return _markdown(pd.DataFrame(rows), names=1)


def comparison_page(results: Results, table: pd.DataFrame, headline: dict[str, Any], figures: Iterable[str]) -> str:
    """The whole page.

    Args:
        results: all cells.
        table: ``comparison_table`` of them.
        headline: ``headline`` of them.
        figures: paths of the figures, relative to the page.
    """
    chosen = f"{results.selected} of {results.models[0]}"
    notes = [
        f"Headline (metrics.json): {chosen}.",
        f"Split: {escape(results.subject.split)}.",
        *([f"{escape(results.subject.pooling)}.", POOLED] if results.subject.pooling else []),
        AVERAGES,
        ACCURACY[results.subject.task],
        *_left_out(results),
        COST,
        _devices(results),
    ]
    sections = [
        f"# {title(results)}",
        *([LEAKING] if results.subject.leaking else []),
        results_table(results, table),
        UNTESTED,
        _bullets(notes),
        f"## Class by class: {chosen}",
        class_table(results, headline),
        *(_size_section(results) if results.smaller else []),
        "## Limits",
        _bullets([*map(escape, results.subject.limits), RESEARCH_ONLY]),
        "## Figures",
        _bullets([f"[{path}]({path})" for path in figures]),
    ]
    return "\n\n".join(sections) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, inside a table too.

    >>> escape("<b>|x")
    '&lt;b&gt;\\\\|x'
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\|*`\[\]])", r"\\\1", text)


def _size_section(results: Results) -> list[str]:
    """AUROC by strategy and number of training images, and where strategies change places."""
    table = size_table(results)
    sizes = sorted(set(table["train_images"]))
    rows = [
        {"model": model, "strategy": strategy}
        | dict(zip((f"{size:,}" for size in sizes), _figures(curve.reindex(sizes), 3), strict=True))
        for (model, strategy), curve in mean_curves(table).items()
    ]
    tested = "fold 1's test images" if results.subject.pooling else "the test images"
    return [
        f"## Macro AUROC of {tested}, by training images",
        _markdown(pd.DataFrame(rows), names=2),
        SIZES,
        _bullets(crossing_lines(table)),
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


def _figures(values: Iterable[float | None], digits: int) -> list[str]:
    """Numbers for people; empty where undefined."""
    return ["" if value is None or pd.isna(value) else f"{value:,.{digits}f}" for value in values]


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _markdown(table: pd.DataFrame, names: int) -> str:
    """Aligned columns: the first ``names`` to the left, numbers to the right."""
    sides = ["left"] * names + ["right"] * (table.shape[1] - names)
    return table.to_markdown(index=False, tablefmt="github", disable_numparse=True, colalign=sides)
