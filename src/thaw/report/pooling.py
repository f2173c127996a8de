"""Cross-validation's figures: the predictions of all folds of a seed pooled, and the folds beside each other.

Pooling has every image predicted once, by a network that never saw its patient. Networks of different folds may score
on different scales, which biases a pooled AUROC, mostly downwards; so the mean over folds stands beside it. See Airola,
Pahikkala, Waegeman, De Baets and Salakoski, "An experimental comparison of cross-validation techniques for estimating
the area under the ROC curve", Computational Statistics & Data Analysis 55 (2011).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from thaw.errors import UserError
from thaw.evaluation.assessment import SEED
from thaw.evaluation.bootstrap import Resampling, interval, macro_of
from thaw.evaluation.predictions import Predictions, metrics_of
from thaw.params.evaluation import EvaluateParams
from thaw.report.average import DIGITS, average
from thaw.report.results import HEADLINE, CellResult
from thaw.report.subject import Subject


def pool(folds: Sequence[CellResult], subject: Subject, settings: EvaluateParams) -> CellResult:
    """One result of all folds of a model, strategy and seed; a single fold stays as it is.

    Metrics are computed anew on the out-of-fold predictions of all folds; what a training costs is the mean over folds.

    Raises:
        UserError: an image is tested in two folds.
    """
    first = folds[0]
    if len(folds) == 1:
        return first
    predictions = pd.concat([fold.predictions for fold in folds], ignore_index=True)
    if (twice := predictions["image"].duplicated()).any():
        image = predictions.loc[twice, "image"].iloc[0]
        where = f"{first.cell.predict_folder} and its further folds"
        raise UserError(f"{where}: '{image}' is tested in two of them; run dvc repro")
    measured = metrics_of(predictions, subject.classes, subject.task, settings.threshold)
    metrics = {**average([_headline(fold) for fold in folds]), **measured, **_ends(predictions, subject, settings)}
    return dataclasses.replace(first, metrics=metrics, details={}, predictions=predictions, folds=tuple(folds))


def _headline(fold: CellResult) -> dict[str, Any]:
    return {name: fold.metrics[name] for name in HEADLINE}


def _ends(predictions: pd.DataFrame, subject: Subject, settings: EvaluateParams) -> dict[str, float | None]:
    """The interval of the pooled macro AUROC over patients."""
    made = Predictions.of_table(predictions, subject.classes, subject.task)
    samples = Resampling.of(made.patients, settings.resamples, SEED).auroc(made.labels, made.scores)
    ends = interval(macro_of(samples), settings.confidence)
    return average([{"auroc_macro_low": ends.low, "auroc_macro_high": ends.high}])  # type: ignore[no-any-return]


def check_same_images(results: Sequence[CellResult]) -> None:
    """Raise UserError unless all results are of the same test images: figures of others do not compare."""
    first = results[0] if results else None
    for result in results:
        if first is not None and set(result.predictions["image"]) != set(first.predictions["image"]):
            where = f"{result.cell.predict_folder}/predictions.csv"
            raise UserError(f"{where} tests other images than {first.cell.predict_folder} does; run dvc repro")


def auroc_over_folds(seeds: Sequence[CellResult]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation over folds of the macro AUROC of each fold by itself.

    A fold's value is the mean over its seeds. The macro average goes over the classes that every fold defines, so that
    all folds average the same classes. (None, None) where nothing was pooled or no class is left.
    """
    if not all(seed.folds for seed in seeds):
        return None, None
    of_seeds = [[fold.metrics["auroc"] for fold in seed.folds] for seed in seeds]
    classes = [name for name in of_seeds[0][0] if all(auroc[name] is not None for seed in of_seeds for auroc in seed)]
    if not classes:
        return None, None
    values = [fmean(fmean(auroc[name] for name in classes) for auroc in fold) for fold in zip(*of_seeds, strict=True)]
    return round(fmean(values), DIGITS), round(stdev(values), DIGITS)
