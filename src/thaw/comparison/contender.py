"""One strategy of one model, as it stands for comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Contender:
    """What the trainings of one strategy of one model said about the test images, and what a training costs.

    Attributes:
        model: name of the network.
        strategy: name of the strategy.
        predictions: one a seed; of cross-validation the folds of a seed pooled.
        seconds: that a training took.
        memory_gib: that it needed at most; None where it was not measured.
        trainable: parameters that it changed.
    """

    model: str
    strategy: str
    predictions: tuple[Predictions, ...]
    seconds: float
    memory_gib: float | None
    trainable: float

    def __str__(self) -> str:
        return f"{self.model}, {self.strategy}"

    def predicts_as(self, other: Contender) -> bool:
        """Whether both give the same scores, seed by seed; both aligned."""
        return len(self.predictions) == len(other.predictions) and all(
            np.array_equal(mine.scores, theirs.scores)
            for mine, theirs in zip(self.predictions, other.predictions, strict=True)
        )


def aligned(contenders: Sequence[Contender]) -> list[Contender]:
    """The same contenders with the rows of all predictions in the order of the images' names.

    Raises:
        UserError: predictions are not of the same images, patients, labels and classes, or hold an image twice.
        ValueError: a contender has no predictions, or two are of the same model and strategy.
    """
    if len({(contender.model, contender.strategy) for contender in contenders}) < len(contenders):
        raise ValueError("two contenders are of the same model and strategy; give the seeds as predictions of one")
    ordered = [
        dataclasses.replace(contender, predictions=tuple(_ordered(made, contender) for made in contender.predictions))
        for contender in contenders
    ]
    for contender in ordered:
        if not contender.predictions:
            raise ValueError(f"{contender} has no predictions")
        for made in contender.predictions:
            _check_same(made, ordered[0].predictions[0], contender, ordered[0])
    return ordered


def _ordered(made: Predictions, contender: Contender) -> Predictions:
    images = made.images.astype(str)
    order = np.argsort(images, kind="stable")
    twice = images[order][1:] == images[order][:-1]
    if twice.any():
        raise UserError(f"{contender}: image '{images[order][1:][twice][0]}' is predicted twice; run dvc repro")
    return dataclasses.replace(
        made,
        images=made.images[order],
        patients=made.patients[order],
        labels=made.labels[order],
        logits=made.logits[order],
    )


def _check_same(made: Predictions, of_first: Predictions, contender: Contender, first: Contender) -> None:
    if made.classes != of_first.classes or made.task != of_first.task:
        unlike = "other classes"
    elif not np.array_equal(made.images, of_first.images):
        unlike = "other images"
    elif not np.array_equal(made.patients, of_first.patients):
        unlike = "other patients for the same images"
    elif not np.array_equal(made.labels, of_first.labels):
        unlike = "other labels for the same images"
    else:
        return
    raise UserError(f"predictions of '{contender}' have {unlike} than those of '{first}'; run dvc repro")
