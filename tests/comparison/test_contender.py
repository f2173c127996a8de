"""Contenders must be of the same test images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.comparison.made import Cohort, contender
from thaw.comparison.contender import Contender, aligned
from thaw.errors import UserError
from thaw.evaluation.predictions import Predictions

RANDOM = np.random.default_rng(0)
COHORT = Cohort.drawn(RANDOM, patients=10)
MADE = COHORT.predicted(RANDOM)


def shuffled(made: Predictions) -> Predictions:
    order = RANDOM.permutation(len(made))
    rows = {name: getattr(made, name)[order] for name in ("images", "patients", "labels", "logits")}
    return dataclasses.replace(made, **rows)


def check_refused(other: Predictions, words: str) -> None:
    with pytest.raises(UserError, match=f"predictions of 'net, full' have {words} than those of 'net, frozen'"):
        aligned([contender(MADE, strategy="frozen"), contender(other, strategy="full")])


def test_rows_are_brought_into_one_order() -> None:
    first, second = aligned([contender(MADE, shuffled(MADE), strategy="frozen"), contender(MADE, strategy="full")])
    for made in (*first.predictions, *second.predictions):
        assert made.images.tolist() == sorted(MADE.images.tolist())
        assert (made.logits == MADE.logits).all()
    assert not first.predicts_as(second)
    assert second.predicts_as(dataclasses.replace(second, strategy="again"))


def test_other_images_labels_patients_or_classes_are_refused() -> None:
    check_refused(MADE.where(np.arange(len(MADE)) > 0), "other images")
    check_refused(dataclasses.replace(MADE, labels=1 - MADE.labels), "other labels for the same images")
    check_refused(dataclasses.replace(MADE, patients=MADE.images), "other patients for the same images")
    check_refused(dataclasses.replace(MADE, classes=("Mass", "Nodule")), "other classes")


def test_an_image_that_is_predicted_twice_is_refused() -> None:
    images = MADE.images.copy()
    images[1] = images[0]
    with pytest.raises(UserError, match="net, frozen: image 'image 00000' is predicted twice"):
        aligned([contender(dataclasses.replace(MADE, images=images), strategy="frozen")])


def test_a_strategy_without_predictions_or_there_twice_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="net, frozen has no predictions"):
        aligned([Contender("net", "frozen", (), 1.0, None, 1.0)])
    with pytest.raises(ValueError, match="same model and strategy"):
        aligned([contender(MADE, strategy="frozen")] * 2)
