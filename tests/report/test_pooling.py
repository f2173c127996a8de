"""Folds: figures of pooled out-of-fold predictions, against scikit-learn on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from statistics import fmean, stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from tests.report.made import covariates, evaluate_params, page_of, table_of_results
from thaw.cells import Cell
from thaw.errors import UserError
from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions, metrics_of
from thaw.report.comparison import curves_table
from thaw.report.pooling import auroc_over_folds, check_same_images, pool
from thaw.report.results import CellResult, Results
from thaw.report.subject import Subject, describe_subject

CLASSES = ("Mass", "Hernia")
SUBJECT = Subject("T", "multilabel", CLASSES, "patient", False, ())
COST = {"seconds": 10.0, "memory_gib": 1.0, "parameters": 1000, "trainable": 10}


def fold_result(fold: int, seed: int, images: int = 40, missing: str | None = None) -> CellResult:
    """A fold with random predictions; the class ``missing`` has no positive in it."""
    generator = np.random.default_rng([seed, fold])
    predictions = pd.DataFrame({"image": [f"{fold}-{number}.png" for number in range(images)]})
    predictions["patient"] = [f"{fold}-{number // 2}" for number in range(images)]
    for name in CLASSES:
        predictions[f"label_{name}"] = [int(name != missing and number % 4 == 0) for number in range(images)]
        shift = generator.normal() + predictions[f"label_{name}"]
        predictions[f"logit_{name}"] = generator.normal(size=images) + shift
    cost = {**COST, "seconds": 10.0 * fold, "train_images": 100 + fold}
    made = Predictions.of_table(predictions, CLASSES, "multilabel")
    found = assess(made, made, covariates(made), evaluate_params())
    metrics = {**found.details["metrics"], **found.headline, "patient_overlap": 0.0, "images_per_second": 1.0, **cost}
    history = pd.DataFrame({"split": ["val"], "epoch": [1], "loss": [1.0], "accuracy": [0.5], "auroc_macro": [0.5]})
    cell = Cell("resnet18", "full", seed, fold if fold > 1 else None)
    return CellResult(
        cell, metrics, found.details, {**COST, "device": "CPU", "precision": "fp32"}, history, predictions
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(8, 40), min_size=2, max_size=4))
def test_pooled_metrics_are_those_of_the_concatenated_predictions(seed: int, sizes: list[int]) -> None:
    folds = [fold_result(number + 1, seed, size) for number, size in enumerate(sizes)]
    pooled = pool(folds, SUBJECT, evaluate_params())
    rows = pd.concat([fold.predictions for fold in folds])
    auroc = {name: roc_auc_score(rows[f"label_{name}"], rows[f"logit_{name}"]) for name in CLASSES}
    assert pooled.metrics["auroc"] == pytest.approx(auroc, abs=1e-6)
    assert pooled.metrics["auroc_macro"] == pytest.approx(fmean(auroc.values()), abs=1e-6)
    right = [accuracy_score(rows[f"label_{name}"], rows[f"logit_{name}"] >= 0) for name in CLASSES]
    assert pooled.metrics["accuracy"] == pytest.approx(fmean(right), abs=1e-6)
    assert len(pooled.predictions) == sum(sizes)
    assert pooled.metrics["seconds"] == pytest.approx(fmean(10.0 * (number + 1) for number in range(len(sizes))))
    assert pooled.trained == tuple(folds)


def test_unknown_labels_have_no_part() -> None:
    fold = fold_result(1, 0)
    predictions = fold.predictions.astype({"label_Mass": "Int64"})
    predictions.loc[predictions.index < 10, "label_Mass"] = pd.NA
    known = predictions[10:]
    measured = metrics_of(predictions, CLASSES, "multilabel", 0.5)
    assert measured["auroc"]["Mass"] == pytest.approx(
        roc_auc_score(known["label_Mass"].astype(int), known["logit_Mass"]), abs=1e-6
    )


def test_one_fold_stays_as_it_is() -> None:
    fold = fold_result(1, 0)
    assert pool([fold], SUBJECT, evaluate_params()) is fold
    assert fold.trained == (fold,)
    assert auroc_over_folds([fold]) == (None, None)


def test_an_image_tested_in_two_folds_is_refused() -> None:
    fold = fold_result(1, 0)
    with pytest.raises(UserError, match=r"'1-0\.png' is tested in two of them; run dvc repro"):
        pool([fold, fold], SUBJECT, evaluate_params())


def test_figures_of_different_test_images_are_never_averaged() -> None:
    one, other = fold_result(1, 0), dataclasses.replace(fold_result(1, 1), predictions=fold_result(2, 1).predictions)
    check_same_images([one, fold_result(1, 5)])
    with pytest.raises(UserError, match=r"full/1/predictions\.csv tests other images than .*full/0 does"):
        check_same_images([one, other])


def test_the_mean_over_folds_is_of_the_classes_that_every_fold_defines() -> None:
    folds = [fold_result(1, 0), fold_result(2, 0, missing="Hernia"), fold_result(3, 0)]
    of_mass = [fold.metrics["auroc"]["Mass"] for fold in folds]
    assert folds[1].metrics["auroc_macro"] == pytest.approx(of_mass[1])
    pooled = pool(folds, SUBJECT, evaluate_params())
    assert auroc_over_folds([pooled]) == pytest.approx((fmean(of_mass), stdev(of_mass)), abs=1e-6)
    without = [fold_result(1, 0, missing="Mass"), fold_result(2, 0, missing="Hernia")]
    assert auroc_over_folds([pool(without, SUBJECT, evaluate_params())]) == (None, None)


SPLIT = {
    "by": "patient", "seed": 0, "notes": [],
    "splits": {name: {"images": images, "patients": images // 2} for name, images in
               (("train", 120), ("val", 40), ("test", 40))},
    "folds": [{"images": 40, "patients": 20}] * 5,
}  # fmt: skip
DATASET = {"title": "T", "task": "multilabel", "classes": CLASSES, "notices": [], "synthetic": False}


@pytest.mark.parametrize(
    ("folds", "split", "pooling"),
    [
        ((1,), "patient 60/20/20 (fold 1 of 5, seed 0), test 40 images of 20 patients", None),
        (
            (1, 3), "patient, 2 of 5 folds pooled (seed 0), tested 80 of 200 images, 40 patients",
            "2 of 5 folds, out-of-fold predictions pooled: the figures rest on 80 of 200 images (40%), each tested "
            "once, by a network that never saw its patient",
        ),
        (
            (1, 2, 3, 4, 5), "patient, 5 of 5 folds pooled (seed 0), tested 200 of 200 images, 100 patients",
            "5 of 5 folds, out-of-fold predictions pooled: every image is tested once, by a network that never saw its "
            "patient",
        ),
    ],
)  # fmt: skip
def test_the_subject_says_what_was_pooled(folds: tuple[int, ...], split: str, pooling: str | None) -> None:
    subject = describe_subject(DATASET, SPLIT, folds)
    assert (subject.split, subject.pooling) == (split, pooling)


def test_tables_and_page_are_of_pooled_folds_and_mean_over_seeds() -> None:
    subject = describe_subject(DATASET, SPLIT, (1, 2, 3))
    seeds = [pool([fold_result(fold, seed) for fold in (1, 2, 3)], subject, evaluate_params()) for seed in (0, 1)]
    results = Results(subject, tuple(seeds), "full")
    row = table_of_results(results).iloc[0]
    aurocs = [seed.metrics["auroc_macro"] for seed in seeds]
    assert (row["seeds"], row["folds"], row["train_images"]) == (2, 3, 102)
    assert row["auroc_macro"] == pytest.approx(fmean(aurocs), abs=1e-6)
    assert row["auroc_macro_std"] == pytest.approx(stdev(aurocs), abs=1e-6)
    by_fold = [fmean(seed.folds[fold].metrics["auroc_macro"] for seed in seeds) for fold in range(3)]
    assert row["auroc_macro_fold_mean"] == pytest.approx(fmean(by_fold), abs=1e-6)
    assert row["auroc_macro_fold_sd"] == pytest.approx(stdev(by_fold), abs=1e-6)
    assert set(curves_table(results)["cell"]) == {
        f"resnet18-full{fold}-{seed}" for fold in ("", ".fold2", ".fold3") for seed in (0, 1)
    }
    page = page_of(results)
    assert f"- {subject.pooling}." in page.splitlines()
    assert "fold mean" in page
    assert "fold SD" in page


def test_a_page_without_folds_says_nothing_of_them(make_results: Callable[..., Results]) -> None:
    results = make_results()
    page = page_of(results)
    assert "fold" not in page.lower()
    assert "training images" not in page.lower()
