"""The errors of which a network is surest: what it said of whom, and which training images it finds most like them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from thaw.explain.decided import Decided
from thaw.explain.neighbours import neighbours_of
from thaw.features import Features

ERRORS = ("false_positive", "false_negative")
COVARIATES = ("sex", "age", "view", "follow_up")
MOST_PAIRS = 10


def worst_failures(decided: Decided, most: int) -> list[dict[str, Any]]:
    """Of each class the ``most`` surest false alarms, then the ``most`` surest misses.

    Returns:
        For each image, patient, class, kind, probability (calibrated) and threshold (None where it is the likeliest
        class that is given).
    """
    said, judged = decided.predictions, decided.judged
    thresholds = decided.rule.thresholds if said.task == "multilabel" else [None] * len(said.classes)
    return [
        {
            "image": str(said.images[position]),
            "patient": str(said.patients[position]),
            "class": name,
            "kind": kind,
            "probability": float(judged.probabilities[position, column]),
            "threshold": thresholds[column],
        }
        for column, name in enumerate(said.classes)
        for kind in ERRORS
        for position in decided.surest(kind, column)[:most]
    ]


def with_surroundings(
    failures: Sequence[dict[str, Any]], classes: Sequence[str], labels: pd.DataFrame, train: Features, test: Features,
    count: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """The same failures, each with what is known of its image and of the training images nearest to it.

    Args:
        failures: of ``worst_failures``.
        classes: all of the model's.
        labels: ``data/labels.csv``: the labels, sex, age, view and follow-up of training and test images.
        train, test: features of training images, and of all test images.
        count: neighbours told of each.

    Returns:
        For each also labels (names), sex, age, view, follow_up (None where unknown) and neighbours (image, cosine
        distance, labels), the nearest first.
    """
    known = labels.set_index(labels["image"].astype(str))
    neighbours = neighbours_of([failure["image"] for failure in failures], train, test, count)
    return [
        {
            **failure,
            "labels": _findings(known, failure["image"], classes),
            **{name: _plain(known.loc[failure["image"], name]) for name in COVARIATES},
            "neighbours": [
                {"image": image, "distance": distance, "labels": _findings(known, image, classes)}
                for image, distance in neighbours[failure["image"]]
            ],
        }
        for failure in failures
    ]


def confused_pairs(decided: Decided) -> list[dict[str, Any]]:
    """Which class is taken for which, the most frequent first, at most ten.

    Returns:
        For each pair ``true`` and ``given``, ``images`` (those with the class ``true`` that were not given it and were
        falsely given the class ``given``) and ``share`` (theirs of all images with the class ``true``). With one label
        an image these are the cells of the confusion matrix beside its diagonal.
    """
    classes = decided.predictions.classes
    missed, falsely_given = (decided.kinds[kind].astype(np.int64) for kind in ("false_negative", "false_positive"))
    counts, having = missed.T @ falsely_given, (decided.predictions.labels == 1).sum(axis=0)
    order = np.argsort(-counts, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(cell), len(classes)) for cell in order]
    return [
        {
            "true": classes[true],
            "given": classes[given],
            "images": int(counts[true, given]),
            "share": float(counts[true, given] / having[true]),
        }
        for true, given in places
        if counts[true, given]
    ]


def _findings(known: pd.DataFrame, image: str, classes: Sequence[str]) -> list[str]:
    return [name for name in classes if known.loc[image, name] == 1]


def _plain(value: Any) -> str | int | float | None:
    """A cell of a table as JSON has it: None where it is empty, whole numbers as such."""
    if pd.isna(value):
        return None
    if isinstance(value, str):
        return value
    return int(value) if float(value).is_integer() else float(value)
