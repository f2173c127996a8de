"""All of evaluate together: it holds for any input, and what goes into files is what JSON knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from thaw.errors import UserError
from thaw.evaluation.assessment import assess
from thaw.evaluation.predictions import Predictions
from thaw.evaluation.rule import DecisionRule, fit_rule
from thaw.labels import UNKNOWN, Task
from thaw.params.evaluation import EvaluateParams
from thaw.params.read import read_params

Change = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], None]


def settings(**changes: Any) -> EvaluateParams:
    params = read_params("evaluate").evaluate
    conformal = params.conformal.model_copy(update={"repeats": 5})
    return params.model_copy(update={"resamples": 100, "conformal": conformal, **changes})


def predictions(task: Task, classes: int, images: int = 60, seed: int = 0, change: Change | None = None) -> Predictions:
    """Two images a patient; labels come in turn; ``change`` gets labels, logits and patients to spoil."""
    random = np.random.default_rng(seed)
    labels = np.eye(classes, dtype=np.int8)[np.arange(images) % classes]
    logits = labels + random.normal(size=labels.shape)
    patients = (np.arange(images) // 2).astype(str).astype(object)
    if change is not None:
        change(labels, logits, patients)
    names = np.arange(images).astype(str).astype(object)
    return Predictions(names, patients, labels, logits, tuple(f"class {n}" for n in range(classes)), task)


def nobody(count: int) -> pd.DataFrame:
    """Covariates of which none is known."""
    empty = pd.array([pd.NA] * count, dtype="Int64")
    return pd.DataFrame({"sex": [""] * count, "age": empty, "view": [""] * count, "follow_up": empty})


def one_class(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    labels[:] = 0
    labels[:, 0] = 1


def equal_scores(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    logits[:] = 0.3


def one_patient(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    patients[:] = "the same"


def one_positive(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    labels[1:, 0] = 0
    labels[1:, 1] = 1


def certain(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    logits[:] = np.where(logits > 0.5, 1000, -1000)


def never_positive(labels: NDArray[Any], logits: NDArray[Any], patients: NDArray[Any]) -> None:
    labels[labels[:, -1] == 1, 0] = 1
    labels[:, -1] = 0


SPOILED: list[tuple[Change, Task, int]] = [
    (change, task, 3)
    for change in (one_class, equal_scores, one_patient, one_positive, certain)
    for task in ("multilabel", "multiclass")
]  # type: ignore[misc]


@pytest.mark.parametrize(("change", "task", "classes"), [*SPOILED, (never_positive, "multilabel", 15)])
def test_degenerate_predictions_are_measured_without_making_up_a_number(
    change: Change, task: Task, classes: int
) -> None:
    test = predictions(task, classes, change=change)
    found = assess(predictions(task, classes, seed=1), test, nobody(len(test)), settings())
    for part in (found.headline, found.details, found.rule):
        json.dumps(part, allow_nan=False)
    assert len(found.sets) == len(test)
    defined = [(test.labels[:, n] == 1).any() and (test.labels[:, n] == 0).any() for n in range(classes)]
    aurocs = found.details["metrics"]["auroc"].values()
    assert [value is not None for value in aurocs] == defined
    assert len(found.details["metrics"]["undefined"]) == classes - sum(defined)
    assert found.details["metrics"]["classes_measured"] == sum(defined)
    # spoiled predictions may be those that everything is fitted on, too
    json.dumps(assess(test, predictions(task, classes), nobody(len(test)), settings()).details, allow_nan=False)


@pytest.mark.parametrize("method", ["none", "temperature", "platt", "isotonic", "vector"])
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_every_calibration_goes_through_and_the_written_rule_is_the_same_rule(method: str, task: Task) -> None:
    test = predictions(task, 3)
    asked = settings(calibration=method)
    found = assess(predictions(task, 3, seed=1), test, nobody(len(test)), asked)
    read = DecisionRule.from_json(json.loads(json.dumps(found.rule)))
    rule = fit_rule(predictions(task, 3, seed=1), asked)
    assert read.thresholds == rule.thresholds
    np.testing.assert_array_equal(read.probabilities(test.logits), rule.probabilities(test.logits))


def test_nothing_of_a_test_image_reaches_the_rule() -> None:
    validation = predictions("multilabel", 3, seed=1)
    rules = [
        assess(validation, predictions("multilabel", 3, seed=seed), nobody(60), settings()).rule for seed in (2, 3)
    ]
    assert rules[0]["thresholds"] == rules[1]["thresholds"]
    assert rules[0]["calibration"] == rules[1]["calibration"]


def test_the_headlines_auroc_lies_in_its_interval() -> None:
    found = assess(predictions("multiclass", 3, seed=1), predictions("multiclass", 3), nobody(60), settings())
    assert found.headline["auroc_macro_low"] < found.headline["auroc_macro"] < found.headline["auroc_macro_high"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused_by_name(value: float) -> None:
    table = pd.DataFrame(
        {"image": ["a.png", "b.png"], "patient": ["1", "2"], "label_x": [1, 0], "logit_x": [0.5, value]}
    )
    with pytest.raises(UserError, match=r"^1 images have logits that are no finite numbers, 'b\.png' first$"):
        Predictions.of_table(table, ["x"], "multilabel")


def test_an_empty_label_is_unknown() -> None:
    table = pd.DataFrame({"image": ["a", "b"], "patient": ["1", "2"], "label_x": [1, None], "logit_x": [0.5, 0.1]})
    assert Predictions.of_table(table, ["x"], "multilabel").labels.tolist() == [[1], [UNKNOWN]]
