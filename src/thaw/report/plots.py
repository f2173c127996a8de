"""Tables that ``dvc plots`` draws with the templates in ``.dvc/plots``: curves, calibration, confusion.

Each has ``cell``, so that all cells of a comparison lie over each other; DVC adds the revision, so that experiments do.
Of several seeds the first is told. What is undefined has no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from thaw.files import replacing, write_csv
from thaw.report.curve_points import PRECISION_RECALL, ROC, CurveKind, curves_of
from thaw.report.reliability_points import reliability_points
from thaw.report.results import CellResult, Results
from thaw.report.statistics import predictions_of

DIGITS = 4
MOST = 60  # points of a curve: all curves of all experiments are put into one page
CALIBRATION = ["cell", "panel", "probability", "share_of_positives", "images"]
CONFUSION = ["cell", "true", "given", "images", "share"]
# what can become of a class in an image → the counts of the images it is a share of
OUTCOMES = {
    "true_positives": ("found", ("true_positives", "false_negatives")),
    "false_negatives": ("missed", ("true_positives", "false_negatives")),
    "false_positives": ("false alarm", ("false_positives", "true_negatives")),
    "true_negatives": ("rightly left out", ("false_positives", "true_negatives")),
}


def write_plots(results: Results, folder: Path) -> None:
    """Write roc.csv, precision_recall.csv, calibration.csv and confusion.csv; ``folder`` then holds nothing else."""
    tables = {
        "roc": curve_table(results, ROC),
        "precision_recall": curve_table(results, PRECISION_RECALL),
        "calibration": calibration_table(results),
        "confusion": confusion_table(results),
    }
    with replacing(folder) as path:
        path.mkdir()
        for name, table in tables.items():
            write_csv(path / f"{name}.csv", table.round(DIGITS))


def curve_table(results: Results, kind: CurveKind) -> pd.DataFrame:
    """``cell, panel`` (macro average, or the class) and the two axes, point by point along each curve."""
    names = [name.replace(" ", "_") for name in kind.axes]
    parts = [
        pd.DataFrame(points, columns=names).assign(cell=str(result.cell), panel=panel)
        for result in _firsts(results)
        for panel, points in curves_of(predictions_of(result, results), kind, MOST).items()
        if points is not None
    ]
    columns = ["cell", "panel", *names]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def calibration_table(results: Results) -> pd.DataFrame:
    """``cell, panel`` (before or after calibration), ``probability, share_of_positives, images``; a row a bin.

    Of the likeliest class with one label an image, else of all classes together; each fold by itself, as it is
    calibrated by itself.
    """
    rows = [
        {
            "cell": str(single.cell), "panel": f"{side} calibration", "probability": point["confidence"],
            "share_of_positives": point["frequency"], "images": point["images"],
        }
        for result in _firsts(results)
        for single in result.trained
        for side in ("before", "after")
        for point in reliability_points(single.details["calibration"][side])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=CALIBRATION)


def confusion_table(results: Results) -> pd.DataFrame:
    """``cell, true, given, images, share``.

    With one label an image: of the images of each true class, those given each class, the likeliest. With several:
    decisions at the fitted thresholds, of the images with a class those in which it was found or missed, of the others
    those in which it was a false alarm or rightly left out; a class without a threshold has no row, and folds are added
    up.
    """
    rows = _chosen if results.subject.task == "multiclass" else _decided
    made = [{"cell": str(result.cell), **row} for result in _firsts(results) for row in rows(result)]
    return pd.DataFrame(made, columns=CONFUSION)


def _firsts(results: Results) -> list[CellResult]:
    """The first seed of every model and strategy."""
    return [results.seeds_of(*pair)[0] for pair in results.pairs]


def _chosen(result: CellResult) -> Iterator[dict[str, Any]]:
    for true, row in result.metrics["confusion"].items():
        of = sum(row.values())
        for given, images in row.items():
            if of:
                yield {"true": true, "given": given, "images": images, "share": images / of}


def _decided(result: CellResult) -> Iterator[dict[str, Any]]:
    for name in result.trained[0].details["fitted"]["true_positives"]:
        folds = [single.details for single in result.trained if _has_threshold(single.details, name)]
        counts = {count: sum(details["fitted"][count][name] for details in folds) for count in OUTCOMES}
        for count, (outcome, of) in OUTCOMES.items():
            if total := sum(counts[one] for one in of):
                yield {"true": name, "given": outcome, "images": counts[count], "share": counts[count] / total}


def _has_threshold(details: Mapping[str, Any], name: str) -> bool:
    return details["thresholds"]["by_class"][name]["threshold"] is not None
